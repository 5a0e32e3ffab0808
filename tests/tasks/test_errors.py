import errno
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.task_engine import TaskRunTimeoutError

from flows.branch_process import TimeLimitError
from flows.step_tasks import may_pass
from tasks.errors import DataError, NetworkError, one_line, shortened


def failed(error: Exception) -> Any:
    """A state whose result raises."""

    def result() -> None:
        raise error

    return SimpleNamespace(result=result)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (NetworkError("no download"), True),
        (OSError(errno.EIO, "Input/output error"), True),
        (DataError("wrong"), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (ValueError("a fault of ours"), False),
        (TimeoutError("a share that does not answer"), True),
        (TimeLimitError("--timeout, in a branch process"), False),
        (TaskRunTimeoutError("--timeout, on a cluster"), False),
    ],
)
def test_only_faults_that_may_pass_are_tried_again(error: Exception, again: bool) -> None:
    assert may_pass(None, None, failed(error)) is again


def test_a_fault_of_the_disk_names_the_file_and_what_to_do() -> None:
    line = one_line(OSError(errno.ENOSPC, "No space left on device", "/data/x.parquet"))
    assert line is not None
    assert line.startswith("/data/x.parquet: No space left on device; free some space")
    assert "\n" not in line


def test_a_full_disk_without_a_name_may_be_that_of_the_output() -> None:
    line = one_line(OSError(errno.ENOSPC, "No space left on device"))
    assert line is not None
    assert line.startswith("No space left on device on the disk of the output folder, or of the output itself; free")


IN_THE_WAY = [FileExistsError(errno.EEXIST, "File exists", "/out"), IsADirectoryError(errno.EISDIR, "Folder", "/out")]


@pytest.mark.parametrize("fault", IN_THE_WAY)
def test_something_in_the_way_is_named(fault: OSError) -> None:
    assert "move it away" in (one_line(fault) or "")


def test_a_loop_of_links_is_one_line() -> None:
    line = one_line(RuntimeError("Symlink loop from '/data/outputs'"))
    assert line == "Symlink loop from '/data/outputs'; choose a path without a loop of links"


def test_a_server_that_went_away_is_one_line() -> None:
    assert "no longer answers (refused)" in (one_line(httpx.ConnectError("refused")) or "")
    assert "no longer answers (Failed to reach API" in (one_line(RuntimeError("Failed to reach API at http://x")) or "")
    assert one_line(RuntimeError("a fault of ours")) is None


def test_a_request_that_the_server_refuses_is_one_line() -> None:
    request = httpx.Request("POST", "http://127.0.0.1:4200/api/flow_runs/filter")
    error = httpx.HTTPStatusError("422 Unprocessable\nmore", request=request, response=httpx.Response(422))
    line = one_line(error) or ""
    assert "refused a request (422 Unprocessable); " in line
    assert "doctor" in line
    assert "\n" not in line


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    assert one_line(ValueError("x")) is None


def test_a_path_that_is_too_long_is_one_short_line() -> None:
    line = one_line(OSError(errno.ENAMETOOLONG, "File name too long", "a" * 5_000)) or ""
    assert line.startswith("aaaa")
    assert "File name too long; choose a shorter path" in line
    assert len(line) < 700


def test_a_value_is_shown_by_its_first_line_and_cut() -> None:
    assert shortened("abc\ndef") == "abc"
    assert shortened("abcdef", 3) == "abc…"
    assert shortened("") == ""


def test_a_lack_of_memory_is_one_line() -> None:
    line = one_line(MemoryError())
    assert line is not None
    assert line.startswith("memory ran out; free some, or train fewer or smaller networks. Completed work is kept")
    line = one_line(MemoryError("Unable to allocate 74.5 GiB for an array"))
    assert line is not None
    assert line.startswith("memory ran out (Unable to allocate 74.5 GiB for an array); free some")
