"""Deployments on a real server with a real worker."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import tenacity
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Cancelling

from tests.end_to_end.conftest import Orphan, Served
from tests.end_to_end.harness import EPOCHS, SMALL, Process, metrics, outcome

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployed")]
PATIENT = tenacity.Retrying(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(0.2), reraise=True)


def smoke(outputs: Path, model: str = "simple_rnn") -> dict[str, Any]:
    """The form's value for a smoke run of one network."""
    return {"models": {"models": [model]}, "run": {"smoke": True, "outputs": str(outputs)}}


def test_a_wrong_value_is_refused_when_the_run_is_asked_for(deployed: Served) -> None:
    settings = {"training": {"epochs": 0}}
    done = deployed.prefect("deployment", "run", "train/train", "--param", f"settings={json.dumps(settings)}")
    assert done.returncode == 1
    assert "0 is less than the minimum of 1" in done.stdout
    with deployed.client() as client:
        deployment = client.read_deployment_by_name("train/train")
        with pytest.raises(PrefectHTTPStatusError, match="'many' is not of type 'integer'"):
            client.create_flow_run_from_deployment(
                deployment.id, parameters={"settings": {"training": {"epochs": "many"}}}
            )


def test_of_two_runs_triggered_together_one_waits_and_says_so_once(deployed: Served, tmp_path: Path) -> None:
    models = {"train": "simple_rnn", "train-nightly": "lstm"}
    assert deployed.worker
    already = len(deployed.worker.lines)
    with deployed.client() as client:
        ids = [
            client.create_flow_run_from_deployment(
                client.read_deployment_by_name(f"train/{name}").id,
                parameters={"settings": smoke(tmp_path / name, model)},
                name=f"{name} now",
            ).id
            for name, model in models.items()
        ]
        for name in models:
            deployed.worker.wait_for(f"Flow run '{name} now' - Finished in state Completed()", 240, after=already)
        histories = [{state.name: state.timestamp for state in client.read_flow_run_states(run)} for run in ids]
    first, second = sorted(histories, key=lambda times: times["Running"])
    assert second["Pending"] >= first["Completed"]
    for name, model in models.items():
        assert [branch["name"] for branch in metrics(tmp_path / name)["branches"]] == [model]
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


def test_a_schedule_fires_and_what_it_trained_scores_a_path(deployed: Served, tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=8)  # The server has planned the run by then.
    every_minute = CronSchedule(cron=f"* * * * * {soon.second}", timezone="Europe/Berlin")
    assert deployed.worker
    already = len(deployed.worker.lines)
    with deployed.client() as client:
        found = client.read_deployment_by_name("train/train")
        parameters = {"settings": smoke(tmp_path)}
        made = client.create_deployment_schedules(found.id, [(every_minute, True)], parameters=parameters)
        try:
            deployed.worker.wait_for("Flow run 'smoke, simple_rnn, 1 epoch, seed 1' - Beginning", 180, after=already)
        finally:
            client.delete_deployment_schedule(found.id, made[0].id)
        deployed.worker.wait_for(
            "Flow run 'smoke, simple_rnn, 1 epoch, seed 1' - Finished in state Completed()", 180, after=already
        )
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[found.id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED]))
            ),
        )
    assert [run for run in runs if run.auto_scheduled]
    assert (tmp_path / "latest" / "report.html").exists()
    (tmp_path / "lines.txt").write_text("a good film\na bad film\n")
    values = {"texts": tmp_path / "lines.txt", "output": tmp_path / "scored.jsonl", "outputs": tmp_path}
    given = [word for name, value in values.items() for word in ("--param", f"{name}={json.dumps(str(value))}")]
    done = deployed.prefect("deployment", "run", "score/score", *given, "--watch")
    assert done.returncode == 0, done.stdout
    assert "Completed" in done.stdout
    lines = (tmp_path / "scored.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["a good film", "a bad film"]


def test_a_worker_that_is_killed_loses_nothing(deployed: Served, undisturbed: Path, prepared: Path) -> None:
    settings = {"data": {"source": "sample", "reviews": 600, "max_length": 120}, "training": {"epochs": EPOCHS}}
    text = json.dumps(settings | {"run": {"outputs": str(prepared)}})
    assert deployed.worker
    assert deployed.prefect("deployment", "run", "train/train", "--param", f"settings={text}").returncode == 0
    deployed.worker.wait_for_epoch(prepared, "lstm", 2)
    below = deployed.worker.children()
    deployed.worker.kill()
    for process in below:
        if process.is_running():
            process.kill()
    deployed.start_worker()
    again = Process.main(deployed.home, *SMALL, "--outputs", prepared, **deployed.settings)
    assert again.wait() == 0, again.output
    assert f"In the UI: {deployed.page}/runs/flow-run/" in again.output
    line = next(line for line in again.lines if re.search("lstm seed 1: (resumes after epoch|reused)", line))
    assert "reused" in line or int(line.split("after epoch ")[1]) >= 2
    assert outcome(prepared) == outcome(undisturbed)


def test_a_run_whose_worker_is_killed_finishes_and_frees_its_slot(deployed: Served, orphan: Orphan) -> None:
    assert orphan.left == []
    assert (orphan.outputs / "latest" / "report.html").exists()
    with deployed.client() as client:
        assert client.read_flow_run(orphan.id).state_name == "Completed"


def test_another_origin_is_refused(deployed: Served) -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    address = f"{deployed.page}/api/flow_runs/filter"
    foreign = httpx.options(address, headers={"Origin": "http://evil.example"} | wanted)
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers
    own = httpx.options(address, headers={"Origin": deployed.page} | wanted)
    assert own.status_code == 200
    assert own.headers["access-control-allow-origin"] == deployed.page
    # A form of a foreign page can post without asking first, but only as text, which the API does not read.
    as_text = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    assert httpx.post(f"{deployed.page}/api/flows/", content='{"name": "evil"}', headers=as_text).status_code == 422
    as_json = {"Origin": deployed.page, "Content-Type": "application/json"}
    assert httpx.post(f"{deployed.page}/api/flows/", content='{"name": "good"}', headers=as_json).is_success


def test_tasks_of_a_cancelled_run_are_cancelled(deployed: Served, tmp_path: Path) -> None:
    data = {"source": "sample", "reviews": 600, "max_length": 120}
    settings = {"data": data, "training": {"epochs": 500}, "run": {"outputs": str(tmp_path)}}
    assert deployed.worker
    with deployed.client() as client:
        deployment = client.read_deployment_by_name("train/train")
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"settings": settings})
        deployed.worker.wait_for_epoch(tmp_path, "lstm", 2)
        client.set_flow_run_state(run.id, Cancelling())
        for attempt in PATIENT:
            with attempt:
                state = client.read_flow_run(run.id).state
                assert state
                assert state.is_cancelled()
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
    states = {task.name.split()[0]: task.state_type for task in tasks if task.state_type}
    assert states.pop("fetch") == states.pop("prepare") == StateType.COMPLETED
    assert "train" in states
    assert set(states.values()) == {StateType.CANCELLED}
