"""Deployments on a real server with a real worker."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule

from tests.end_to_end.conftest import Served
from tests.end_to_end.harness import SMALL, Process, metrics, outcome


def smoke(outputs: Path) -> dict[str, Any]:
    """The form's value for a smoke run."""
    return {"run": {"smoke": True, "outputs": str(outputs)}}


def test_a_deployment_runs_through_a_worker_twice_in_a_row(deployed: Served, tmp_path: Path) -> None:
    for models in (["simple_rnn"], ["lstm"]):
        settings = smoke(tmp_path) | {"models": {"models": models}}
        done = deployed.prefect(
            "deployment", "run", "train/train", "--param", f"settings={json.dumps(settings)}", "--watch"
        )
        assert done.returncode == 0, done.stdout
        assert "Completed" in done.stdout
        assert [branch["name"] for branch in metrics(tmp_path)["branches"]] == models


def test_the_scoring_deployment_scores_a_path(deployed: Served, tmp_path: Path) -> None:
    parameters = [f"settings={json.dumps(smoke(tmp_path) | {'models': {'models': ['simple_rnn']}})}"]
    trained = deployed.prefect("deployment", "run", "train/train", "--param", *parameters, "--watch")
    assert trained.returncode == 0, trained.stdout
    (tmp_path / "lines.txt").write_text("a good film\na bad film\n")
    values = {"texts": tmp_path / "lines.txt", "output": tmp_path / "scored.jsonl", "outputs": tmp_path}
    given = [word for name, value in values.items() for word in ("--param", f"{name}={json.dumps(str(value))}")]
    done = deployed.prefect("deployment", "run", "score/score", *given, "--watch")
    assert done.returncode == 0, done.stdout
    assert "Completed" in done.stdout
    lines = (tmp_path / "scored.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["a good film", "a bad film"]


@pytest.mark.parametrize(("value", "named"), [(0, "greater than or equal to 1"), ("many", "integer")])
def test_a_wrong_value_is_refused_when_the_run_is_asked_for(deployed: Served, value: Any, named: str) -> None:
    settings = {"training": {"epochs": value}}
    done = deployed.prefect("deployment", "run", "train/train", "--param", f"settings={json.dumps(settings)}")
    assert done.returncode == 1
    assert "epochs" in done.stdout or named in done.stdout, done.stdout


def test_of_two_runs_triggered_together_one_waits_and_says_so_in_no_more_than_a_line(
    deployed: Served, tmp_path: Path
) -> None:
    settings = smoke(tmp_path) | {"models": {"models": ["simple_rnn"]}}
    assert deployed.worker
    already = len(deployed.worker.lines)
    with deployed.client() as client:
        ids = [
            client.create_flow_run_from_deployment(
                client.read_deployment_by_name(f"train/{name}").id,
                parameters={"settings": settings},
                name=f"{name} now",
            ).id
            for name in ("train", "train-nightly")
        ]
        for name in ("train", "train-nightly"):
            deployed.worker.wait_for(f"Flow run '{name} now' - Finished in state Completed()", 240, after=already)
        histories = [{state.name: state.timestamp for state in client.read_flow_run_states(run)} for run in ids]
    first, second = sorted(histories, key=lambda times: times["Running"])
    assert second["Pending"] >= first["Completed"]
    # Each is named once when its turn comes, not at every poll of the worker.
    lines = [line for line in deployed.worker.lines[already:] if "prefect.flow_runs.worker" in line]
    assert [sum(str(run) in line for line in lines) for run in ids] == [1, 1], lines
    assert len(lines) == 2 * len(ids), lines  # The other is "submitted to infrastructure".


def test_the_form_has_a_description_for_every_setting(deployed: Served) -> None:
    with deployed.client() as client:
        schema = client.read_deployment_by_name("train/train").parameter_openapi_schema
    assert schema
    sections = [
        part for name, part in schema["definitions"].items() if name.endswith("Settings") and name != "Settings"
    ]
    for section in sections:
        for name, field in section["properties"].items():
            assert field.get("description"), name
    bounds = schema["definitions"]["TrainingSettings"]["properties"]
    assert bounds["epochs"]["minimum"] == 1
    assert bounds["epochs"]["maximum"] == 1000
    choices = schema["definitions"]["DataSettings"]["properties"]["source"]["enum"]
    assert choices == ["auto", "imdb", "sample"]


def test_the_nightly_deployment_refuses_the_sample_and_has_a_time_zone(deployed: Served) -> None:
    with deployed.client() as client:
        found = client.read_deployment_by_name("train/train-nightly")
    schedule = found.schedules[0].schedule
    assert isinstance(schedule, CronSchedule)
    assert found.parameters["settings"]["data"]["source"] == "imdb"
    assert (schedule.cron, schedule.timezone) == ("0 2 * * *", "Europe/Berlin")
    assert found.concurrency_options
    assert found.concurrency_options.collision_strategy == "CANCEL_NEW"


def test_a_schedule_of_every_minute_fires(deployed: Served, tmp_path: Path) -> None:
    parameters = {"settings": smoke(tmp_path) | {"models": {"models": ["simple_rnn"]}}}
    every_minute = CronSchedule(cron="* * * * *", timezone="Europe/Berlin")
    assert deployed.worker
    already = len(deployed.worker.lines)
    with deployed.client() as client:
        found = client.read_deployment_by_name("train/train")
        made = client.create_deployment_schedules(found.id, [(every_minute, True)], parameters=parameters)
        try:
            deployed.worker.wait_for(
                "Flow run 'smoke, simple_rnn, 1 epoch, seed 1' - Finished in state Completed()", 180, after=already
            )
        finally:
            client.delete_deployment_schedule(found.id, made[0].id)
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[found.id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED]))
            ),
        )
    assert [run for run in runs if run.auto_scheduled]
    assert (tmp_path / "latest" / "report.html").exists()


def test_a_worker_that_is_killed_loses_nothing(deployed: Served, tmp_path: Path) -> None:
    former_name = {"steps": 120}  # Of `max_length`, as in parameters of earlier versions.
    settings = {"data": {"source": "sample", "reviews": 600} | former_name, "training": {"epochs": 6}}
    text = json.dumps(settings | {"run": {"outputs": str(tmp_path)}})
    assert deployed.worker
    already = len(deployed.worker.lines)
    assert deployed.prefect("deployment", "run", "train/train", "--param", f"settings={text}").returncode == 0
    deployed.worker.wait_for("lstm seed 1: epoch 2/6", after=already)
    below = deployed.worker.children()
    deployed.worker.kill()
    for process in below:
        if process.is_running():
            process.kill()
    deployed.start_worker()
    again = Process.main(deployed.home, *SMALL, "--outputs", tmp_path, **deployed.settings)
    assert again.wait() == 0, again.output
    line = next(line for line in again.lines if re.search("lstm seed 1: (resumes after epoch|reused)", line))
    assert "reused" in line or int(line.split("after epoch ")[1]) >= 2
    assert len(outcome(tmp_path)["curves"]["lstm 1"]) == 6


def test_another_origin_is_refused(server: Served) -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    address = f"{server.page}/api/flow_runs/filter"
    foreign = httpx.options(address, headers={"Origin": "http://evil.example"} | wanted)
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers
    own = httpx.options(address, headers={"Origin": server.page} | wanted)
    assert own.status_code == 200
    assert own.headers["access-control-allow-origin"] == server.page
    # A form of a foreign page can post without asking first, but only as text, which the API does not read.
    as_text = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    assert httpx.post(f"{server.page}/api/flows/", content='{"name": "evil"}', headers=as_text).status_code == 422
    as_json = {"Origin": server.page, "Content-Type": "application/json"}
    assert httpx.post(f"{server.page}/api/flows/", content='{"name": "good"}', headers=as_json).is_success
