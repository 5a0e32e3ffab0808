"""Try bad inputs of every kind, and print how many held: no traceback, no hang, no wrong result, a documented status.

python -m tests.end_to_end.hostile_inputs --group npz
"""

import contextlib
import io
import os
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import cyclopts
from rich.console import Console
from rich.table import Table

from tasks.errors import PipelineError, one_line
from tests.end_to_end.hostile_cases import DONE, AcceptedError, Case, WrongResultError, settings_cases, spec_cases
from tests.end_to_end.hostile_files import npz_cases, record_cases
from tests.end_to_end.hostile_machine import column_cases, environment_cases, place_cases, server_cases
from tests.end_to_end.hostile_server import network_cases
from tests.end_to_end.hostile_texts import score_cases, text_cases
from tests.tasks.test_score import Trained

SECONDS = 20
LONGEST_LINE = 2_000


class HangError(BaseException):
    """A case takes too long. No handler of ordinary errors stops it."""


class Fault(NamedTuple):
    """A case that did not hold, and how."""

    case: Case
    text: str


def cases(folder: Path) -> Iterator[Case]:
    """All cases; a small network is trained for those that score."""
    yield from settings_cases()
    yield from spec_cases()
    yield from npz_cases()
    yield from record_cases()
    yield from text_cases()
    yield from network_cases()
    yield from server_cases()
    yield from environment_cases()
    yield from place_cases()
    trained = Trained(folder)
    yield from score_cases(trained, folder)
    yield from column_cases(trained, folder)


def judge(case: Case) -> str | None:
    """What is wrong with the answer to a case; None if it held."""
    output = io.StringIO()
    with (
        patch.dict("os.environ"),
        tempfile.TemporaryDirectory() as name,
        contextlib.chdir(name),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        _time_limit(),
    ):
        status, line = _answer(case, Path(name))
    if status is None:
        return line
    said = line or output.getvalue()
    if "Traceback" in said:
        return f"traceback in the output: {said[-300:]}"
    if len(said) > LONGEST_LINE and status != DONE:
        return f"a message of {len(said)} characters: {said[:100]}"
    if status != DONE and line is None and "Error: " not in said:
        return f"status {status} without a word"
    return None if status in case.expected else f"status {status}, expected {case.expected}: {said.strip()[:200]}"


def _answer(case: Case, folder: Path) -> tuple[int | None, str | None]:
    """Exit status and line, as the command line would give them; no status where it would give a traceback."""
    try:
        return case.act(folder), None
    except AcceptedError:
        return None, "believed: the run would have started"
    except WrongResultError as error:
        return None, f"a wrong result: {error}"
    except HangError:
        return None, f"no answer in {SECONDS} s"
    except Exception as error:
        line = one_line(error)
        if line is None:
            return None, "".join(traceback.format_exception(error)[-2:])[-500:]
        if "\n" in line and not line.split("\n")[1].startswith("  - "):
            return None, f"more than a line: {line[:200]!r}"
        return (error.status if isinstance(error, PipelineError) else 1), line


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def faults(tried: Sequence[Case]) -> list[Fault]:
    """The cases that did not hold."""
    return [Fault(case, text) for case in tried if (text := judge(case)) is not None]


def main(group: str | None = None) -> int:
    """Exit status 1 if something did not hold."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        tried = [case for case in cases(Path(folder)) if group in (None, case.group)]
        wrong = faults(tried)
    table = Table("group", "tried", "held", title="Bad inputs")
    total, failed = Counter(case.group for case in tried), Counter(fault.case.group for fault in wrong)
    for name in total:
        table.add_row(name, str(total[name]), str(total[name] - failed[name]))
    Console().print(table)
    for fault in wrong:
        print(f"{fault.case.group}, {fault.case.name}: {fault.text}\n")
    print(f"{len(tried) - len(wrong)} of {len(tried)} held, {time.monotonic() - began:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    cyclopts.run(main)
