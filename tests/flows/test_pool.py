import sys

import pytest
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from flows import pool
from flows.pool import task_runner
from tasks.errors import PipelineError


def test_a_runner_has_a_worker_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "available_cores", lambda: 3)
    threads, processes = task_runner("thread", None, print), task_runner("process", None, print)
    assert isinstance(threads, ThreadPoolTaskRunner)
    assert isinstance(processes, ProcessPoolTaskRunner)
    assert (threads._max_workers, processes._max_workers) == (3, 3)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_runner_that_is_not_installed_is_a_user_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"prefect_{name}", None)
    with pytest.raises(PipelineError, match=f"--runner {name}: .*; run `uv sync --extra {name}`"):
        task_runner(name, None, print)
