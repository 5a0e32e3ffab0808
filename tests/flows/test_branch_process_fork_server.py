"""Branch processes as copies of one that has imported what they need."""

import sys
import time
from multiprocessing import forkserver
from pathlib import Path

import psutil
import pytest

from flows import pool
from flows.branch_process import FORKS, branch_context, end_fork_server
from flows.pool import preload_branches
from flows.settings import RunSettings, Settings
from tests.fixtures.runs import branch_of, finished_run, keep_run


def settings(outputs: Path, **run: object) -> Settings:
    """Settings of a run with some outputs."""
    return Settings(run=RunSettings.model_validate({"outputs": outputs} | run))


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each start of the fork server, which does not start."""
    words: list[str] = []
    monkeypatch.setattr(pool, "FORKS", True)
    monkeypatch.setattr(pool, "branch_context", lambda: None)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: words.append("start"))
    return words


def finished(run: Settings) -> None:
    """Leave what a finished run leaves."""
    outputs = run.run.outputs
    branches = [branch_of("lstm", outputs, 0.5)]
    keep_run(outputs, finished_run(outputs, "1", branches, command=run.effective().command()))


def test_imports_start_before_the_data_are_known(tmp_path: Path, starts: list[str]) -> None:
    preload_branches(settings(tmp_path))
    assert starts == ["start"]


def test_threads_need_no_process_to_copy(tmp_path: Path, starts: list[str]) -> None:
    preload_branches(settings(tmp_path, runner="thread"))
    assert starts == []


def test_a_run_that_repeats_the_last_one_imports_nothing_ahead(tmp_path: Path, starts: list[str]) -> None:
    run = settings(tmp_path)
    finished(run)
    preload_branches(run)
    assert starts == []


def test_a_run_with_other_settings_or_made_anew_imports_ahead(tmp_path: Path, starts: list[str]) -> None:
    finished(settings(tmp_path))
    preload_branches(settings(tmp_path, runner="process", fresh=True))
    preload_branches(Settings.model_validate({"run": {"outputs": tmp_path}, "training": {"epochs": 3}}))
    assert starts == ["start", "start"]


def loaded() -> None:
    """Exit with 0 if a branch process finds loaded what it needs, and nothing of Prefect."""
    layers = sys.modules.get("tasks.models.layers.recurrent")
    machine_code = layers is not None and all(layers.CELLS[cell].backward.signatures for cell in ("simple_rnn", "lstm"))
    needed = {"tensorflow", "tasks.train", "tasks.storage.share"} <= set(sys.modules)
    sys.exit(0 if machine_code and needed and "prefect" not in sys.modules else 1)


@pytest.mark.skipif(not FORKS, reason="this system forks no process with libraries loaded")
def test_a_branch_process_starts_with_tensorflow_and_the_loops_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_fork_server()  # Another test may have left one without these cells.
    monkeypatch.setenv("RECURRENT_CELLS", "")  # Set by the next line, until the end of the test.
    preload_branches(settings(tmp_path))
    process = branch_context().Process(target=loaded)
    process.start()
    process.join(120)
    assert process.exitcode == 0


def fork_servers() -> list[psutil.Process]:
    """The fork servers among this process's children."""
    children = psutil.Process().children()
    return [child for child in children if "multiprocessing.forkserver" in " ".join(child.cmdline())]


@pytest.mark.skipif(not FORKS, reason="this system forks no process with libraries loaded")
def test_the_fork_server_ends_while_it_still_imports() -> None:
    before = set(psutil.Process().children())
    own = forkserver.ForkServer()
    own.set_forkserver_preload(["tests.flows.endless_import"])
    own.ensure_running()
    deadline = time.monotonic() + 30
    while not (started := [child for child in fork_servers() if child not in before]):  # A copy of this process first.
        assert time.monotonic() < deadline
        time.sleep(0.01)
    end_fork_server()
    assert psutil.wait_procs(started, 10)[1] == []
