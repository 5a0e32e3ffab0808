"""Steps in a run: made or reused, here or side by side, with a real Prefect server."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
import tenacity
from prefect import flow, runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import UnfinishedRun, UpstreamTaskError
from prefect.futures import PrefectConcurrentFuture
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_API_URL

from artifacts.publish import Artifact, publish, unpublish
from flows.ops.notify import add_tags
from flows.run import Run, Submitted, UpstreamError, _result
from flows.settings import RunSettings, Settings
from tasks.errors import PipelineError
from tasks.storage.reuse import LOGGER, Logger, step
from tests.fixtures.steps import CALLS, Text, copy, die, text_record, write

pytestmark = pytest.mark.usefixtures("prefect_server", "no_heartbeat")


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    """The steps that were made."""
    CALLS.clear()
    return CALLS


PATIENT = tenacity.Retrying(stop=tenacity.stop_after_delay(30), wait=tenacity.wait_fixed(0.1), reraise=True)


def in_a_run(folder: Path, work: Callable[[Run], Any], **settings: Any) -> str:
    """Do work in a run; gives its id."""
    run_settings = RunSettings.model_validate({"outputs": folder, "runner": "thread"} | settings)
    ids: list[str] = []

    @flow(name="test")
    def test_flow() -> None:
        ids.append(runtime.flow_run.id)
        with Run.begin(Settings(run=run_settings)) as run:
            work(run)

    test_flow()
    return ids[0]


def assert_states(run: str, expected: dict[str, str]) -> None:
    """Compare the name of each task's state, by the task's name, with what is expected; they reach the server late."""
    for attempt in PATIENT:
        with attempt, get_client(sync_client=True) as client:
            tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run)])))
            assert {task.name: task.state_name for task in tasks} == expected


def assert_arrows(run: str, expected: dict[str, set[str]]) -> None:
    """Compare the tasks that the UI draws arrows from to each task, by name, with what is expected."""
    for attempt in PATIENT:
        with attempt:
            graph = httpx.get(f"{PREFECT_API_URL.value()}/flow_runs/{run}/graph-v2").json()
            names = {key: node["label"] for key, node in graph["nodes"]}
            found = {node["label"]: {names[parent["id"]] for parent in node["parents"]} for _, node in graph["nodes"]}
            assert found == expected


def test_a_step_is_made_once_and_the_ui_tells_a_reused_one_from_a_made_one(tmp_path: Path, calls: list[str]) -> None:
    def work(run: Run) -> None:
        assert run.do(write, "a", tmp_path).path.read_text() == "a"

    assert_states(in_a_run(tmp_path, work), {"write a": "Completed"})
    assert_states(in_a_run(tmp_path, work), {"write a": "Cached"})
    assert calls == ["a"]


def test_fresh_makes_it_again(tmp_path: Path, calls: list[str]) -> None:
    in_a_run(tmp_path, lambda run: run.do(write, "a", tmp_path))
    in_a_run(tmp_path, lambda run: run.do(write, "a", tmp_path), fresh=True)
    assert calls == ["a", "a"]


def test_rows_run_side_by_side_and_feed_the_next_step(tmp_path: Path, calls: list[str]) -> None:
    results: list[Text] = []

    def work(run: Run) -> None:
        writing = run.do_each(write, ["a", "b"], [tmp_path] * 2)
        copying = run.do_each(copy, ["a", "b"], writing)
        results.extend(text for text in run.results(copy, copying) if text)
        assert list(run.clock.laps) == ["copy"]
        more = run.do_each(write, ["c", "d"], [tmp_path] * 2, following=[writing, copying])
        run.results(write, more)
        run.do(write, "e", tmp_path)

    arrows = {
        "write a": set(), "write b": set(), "copy a": {"write a"}, "copy b": {"write b"},
        "write c": {"write a", "copy a"}, "write d": {"write b", "copy b"}, "write e": {"write c", "write d"},
    }  # fmt: skip
    run_id = in_a_run(tmp_path, lambda run: run.side_by_side(lambda run, _: work(run), [FakeJob()]))
    assert_arrows(run_id, arrows)
    again = in_a_run(tmp_path, lambda run: run.side_by_side(lambda run, _: work(run), [FakeJob()]))
    assert_arrows(again, arrows)
    del results[2:]
    assert [result.path.read_text() for result in results] == ["a", "b"]
    assert_states(run_id, dict.fromkeys(arrows, "Completed"))
    assert_states(again, dict.fromkeys(arrows, "Cached"))
    assert sorted(calls) == ["a", "b", "c", "copy a", "copy b", "d", "e"]


class Heard:
    """Progress that is noted, not shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, step: str, titles: list[str]) -> None:
        self.lines.append(f"{step}: {', '.join(titles)}")

    def end(self, step: str, title: str, *, was_reused: bool = False) -> None:
        self.lines.append(f"{step}: {title} {'reused' if was_reused else 'ended'}")

    def fail(self, step: str, title: str) -> None:
        self.lines.append(f"{step}: {title} failed")


def test_progress_is_told_the_outcome_of_every_row(tmp_path: Path) -> None:
    heard = Heard()

    def work(run: Run) -> None:
        run = replace(run, progress=cast(Any, heard))
        run.do(write, "a", tmp_path)
        rows = run.do_each(write, ["a", "b", "wrong/name"], [tmp_path] * 3)
        run.results(write, rows)

    in_a_run(tmp_path, lambda run: run.side_by_side(lambda run, _: work(run), [FakeJob()]))
    assert heard.lines[:4] == [
        "write: write a",
        "write: write a ended",
        "write: write a, write b, write wrong/name",
        "write: write a reused",
    ]
    later = ("write b ended", "write wrong/name ended", "write wrong/name failed")
    assert sorted(heard.lines[4:]) == [f"write: {line}" for line in later]


class FakeJob:
    """A job that reads nothing."""

    def files(self) -> dict[Path, str]:
        return {}


def test_a_row_that_is_there_starts_nothing(tmp_path: Path, calls: list[str]) -> None:
    with disable_run_logger():
        write.keep("a", tmp_path)
    rows: list[Submitted] = []

    def work(run: Run) -> None:
        rows.extend(run.do_each(write, ["a", "b"], [tmp_path] * 2))
        run.results(write, rows)

    run_id = in_a_run(tmp_path, lambda run: run.side_by_side(lambda run, _: work(run), [FakeJob()]))
    assert isinstance(rows[0].result, Text)
    assert_states(run_id, {"write a": "Cached", "write b": "Completed"})
    assert calls == ["a", "b"]


def test_a_stored_result_that_cannot_be_used_is_noted_with_the_reason(tmp_path: Path, calls: list[str]) -> None:
    with disable_run_logger():
        kept = write.keep("a", tmp_path)
    kept.path.write_text("changed")
    notes: list[str] = []

    def work(run: Run) -> None:
        run.do(write, "a", tmp_path)
        notes.extend(run.notes)

    in_a_run(tmp_path, work)
    reason = f"missing or changed: {kept.path.name}"
    assert notes == [f"write a: made again, because the stored result cannot be used ({reason})."]
    assert calls == ["a", "a"]


def test_the_name_of_a_run_starts_with_its_time(tmp_path: Path) -> None:
    names: list[str] = []
    in_a_run(tmp_path, lambda run: names.append(run.name))
    date, time, short_id = names[0].split("-")
    assert (len(date), len(time), len(short_id)) == (8, 6, 8)


def test_tags_are_added_to_those_of_the_run(tmp_path: Path) -> None:
    run_id = in_a_run(tmp_path, lambda _: add_tags("b", "a"))
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(UUID(run_id)).tags == ["a", "b"]


@step(title="try {name}", record=text_record)
def write_unless_bad(name: str, folder: Path, *, logger: Logger = LOGGER) -> Text:
    """Write a file, unless it is called "bad"."""
    if name == "bad":
        raise PipelineError("it is bad")
    return write(name, folder, logger=logger)


def test_a_row_that_fails_leaves_the_others_and_fails_the_run_at_its_end(tmp_path: Path, calls: list[str]) -> None:
    results: list[Text | None] = []

    def work(run: Run) -> None:
        writing = run.do_each(write_unless_bad, ["bad", "b"], [tmp_path] * 2)
        copying = run.do_each(copy, ["bad", "b"], writing)
        assert run.results(write_unless_bad, writing)[0] is None
        results.extend(run.results(copy, copying))
        assert run.failures == ["try bad: it is bad"]

    def whole(run: Run) -> None:
        run.side_by_side(lambda run, _: work(run), [FakeJob()])
        run.finish()

    with pytest.raises(PipelineError, match="try bad: it is bad"):
        in_a_run(tmp_path, whole)
    assert results[0] is None
    assert results[1] is not None
    assert calls == ["b", "copy b"]


def test_a_run_of_which_nothing_is_left_fails_at_once(tmp_path: Path) -> None:
    def work(run: Run) -> None:
        run.results(write_unless_bad, run.do_each(write_unless_bad, ["bad"], [tmp_path]))

    with pytest.raises(PipelineError, match="try bad: it is bad"):
        in_a_run(tmp_path, lambda run: run.side_by_side(lambda run, _: work(run), [FakeJob()]))


@pytest.mark.parametrize("error", [UnfinishedRun("not ready"), UpstreamTaskError("did not reach a 'COMPLETED' state")])
def test_a_row_whose_upstream_failed_is_told_from_one_that_failed(error: Exception) -> None:
    future: Future[Any] = Future()
    future.set_exception(error)
    with pytest.raises(UpstreamError):
        _result(Submitted("evaluate lstm seed 1", uuid4(), future=PrefectConcurrentFuture(uuid4(), future)))


def test_a_branch_whose_process_dies_is_resumed_once_and_no_other_branch_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results: list[Text | None] = []

    def work(run: Run) -> None:
        rows = run.do_each(die, ["once", "always"], [tmp_path] * 2)
        limited = run.do_each(die, ["slow"], [tmp_path], minutes=0.01)
        results.extend(run.results(die, [*rows, *limited]))
        assert [failure.partition(":")[0] for failure in run.failures] == ["die always", "die slow"]
        assert "its process ended twice before its task did" in run.failures[0]
        assert "not finished within --timeout" in run.failures[1]

    run_id = in_a_run(tmp_path, lambda run: run.side_by_side(lambda run, _: work(run), [FakeJob()]), runner="process")
    assert [result.title if result else None for result in results] == ["a text", None, None]
    calls = {path.stem: path.read_text() for path in tmp_path.glob("*.calls")}
    assert calls | {"slow": ""} == {"once": "xx", "always": "xx", "slow": ""}
    assert_states(run_id, {"die once": "Completed", "die always": "Failed", "die slow": "TimedOut"})
    assert "once: call 2" in caplog.messages


def test_the_ui_shows_the_settings_that_a_run_used(tmp_path: Path) -> None:
    run = in_a_run(tmp_path, lambda _: None, smoke=True)
    with get_client(sync_client=True) as client:
        shown = Settings.model_validate(client.read_flow_run(UUID(run)).parameters["settings"])
    assert (shown.training.epochs, shown.data.source, shown.run.smoke) == (1, "sample", True)
    assert shown.effective() == shown


def test_the_artifacts_of_a_removed_run_are_deleted_and_those_of_others_stay(tmp_path: Path) -> None:
    names: list[str] = []

    def work(run: Run) -> None:
        names.append(run.name)
        publish(Artifact("report", "text", "a run"))

    runs = [in_a_run(tmp_path, work) for _ in range(2)]
    unpublish(names[0])
    unpublish("renamed by its owner")
    with get_client(sync_client=True) as client:
        left = [
            len(client.read_artifacts(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run)]))))
            for run in runs
        ]
    assert left == [0, 1]
