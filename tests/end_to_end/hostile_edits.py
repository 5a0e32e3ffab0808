"""Edit outputs at random, let their reader answer, and print what held: no traceback, hang, lost file, or other change.

python -m tests.end_to_end.hostile_edits OUTPUTS --edits 2000

OUTPUTS is what `flows/main.py --smoke --models simple_rnn lstm --outputs OUTPUTS` made; it is copied first. Each edit
has a number, which determines it: `--first 17 --edits 1` repeats edit 17.
"""

import contextlib
import io
import json
import os
import random
import resource
import select
import shutil
import signal
import stat
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import cyclopts
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from tasks.errors import PipelineError, one_line
from tasks.storage.files import remove
from tests.end_to_end.edited_outputs import CHANGES, TARGETS, prepare, readers
from tests.end_to_end.random_edits import edit

SECONDS, KILLED_AFTER, MEMORY = 10, 25, 6 << 30


class HangError(BaseException):
    """An answer takes too long. No handler of ordinary errors stops it."""


class Answer(NamedTuple):
    """How one edit was answered; `fault` is empty if it held."""

    number: int
    target: str
    what: str
    reader: str
    status: int
    seconds: float
    fault: str


def listing(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder, without the modification times of folders."""
    found: dict[str, tuple[object, ...]] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            status = path.lstat()
            size = (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else ()
            target = path.readlink() if path.is_symlink() else None
            found[str(path.relative_to(folder))] = (stat.S_IFMT(status.st_mode), size, target)
    return found


def is_lock(name: str) -> bool:
    """Whether any reader may change a file."""
    return name.startswith("outputs/") and name.endswith(".lock")


def leads_out(folder: Path, name: str) -> bool:
    """Whether a link leads out of `outputs`."""
    path = folder / name
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(folder / "outputs")


def restore(folder: Path) -> None:
    """Make `outputs` what it was."""
    base, outputs = folder / "base", folder / "outputs"
    expected, found = listing(base), listing(outputs)
    for name in sorted(found, reverse=True):
        if found[name] != expected.get(name):
            remove(outputs / name)
    for name in sorted(expected):
        source, target = base / name, outputs / name
        if found.get(name) != expected[name] or not os.path.lexists(target):
            if source.is_dir() and not source.is_symlink():
                target.mkdir(exist_ok=True)
            else:
                shutil.copy2(source, target, follow_symlinks=False)
    remove(folder / "pulled")
    (folder / "pulled").mkdir()


def judge(folder: Path, number: int) -> Answer:
    """Make an edit, let a reader answer, and compare everything with what was there before."""
    chosen = random.Random(number)
    target = chosen.choice(list(TARGETS))
    reader = chosen.choice(TARGETS[target])
    done = edit(chosen, folder / "outputs", target)
    before, began = listing(folder), time.monotonic()
    status, said, fault = _answer(readers(folder / "outputs")[reader])
    seconds = time.monotonic() - began
    after, allowed = listing(folder), CHANGES.get(reader, ())
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    wrong = [name for name in changed if not name.startswith(allowed) and not is_lock(name)]
    if not fault and wrong:
        fault = f"changed: {sorted(wrong)[:5]}"
    if not fault and any(leads_out(folder, name) for name in changed):
        fault = "a new link leads out"
    if not fault and "memory ran out" in said:
        fault = said[:300]
    return Answer(number, target, f"{done.name}: {done.what}", reader, status, round(seconds, 2), fault)


def _answer(read: Callable[[], object]) -> tuple[int, str, str]:
    """Exit status, what was said, and the traceback if there is one."""
    output = io.StringIO()

    def stop(*_: object) -> None:
        raise HangError

    def unforeseen(error: Exception) -> str:
        raise error

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
            patch("flows.main.unexpected", unforeseen),
        ):
            result = read()
        status = result if isinstance(result, int) else 0
        return status, output.getvalue(), "" if status in (0, 1, 2, 3) else f"status {status}"
    except HangError:
        return -1, "", f"no answer in {SECONDS} s: {traceback.format_exc()[-600:]}"
    except Exception as error:
        line = one_line(error)
        status = error.status if isinstance(error, PipelineError) else 1
        return status, line or "", "" if line else "".join(traceback.format_exception(error))[-1500:]
    finally:
        signal.alarm(0)


def _work(folder: Path, numbers: range, sink: int) -> None:
    """Judge edits in this process, which may crash, and tell the parent each answer."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    pa.set_cpu_count(2)
    os.environ["HOSTILE_VICTIM"] = str(folder / "victim")
    for number in numbers:
        restore(folder)
        os.write(sink, f"{number}\n".encode())
        os.write(sink, (json.dumps(judge(folder, number)) + "\n").encode())


def answers(folder: Path, numbers: range) -> Iterator[Answer]:
    """Judge all edits; one that ends its process or never ends is a fault, and the others go on in a new process."""
    while numbers:
        source, sink = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                _work(folder, numbers, sink)
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        os.close(sink)
        begun, judged = numbers.start, numbers.start - 1
        with os.fdopen(source) as lines:
            while select.select([source], [], [], KILLED_AFTER)[0] and (line := lines.readline()):
                value = json.loads(line)
                if isinstance(value, int):
                    begun = value
                else:
                    judged = value[0]
                    yield Answer(*value)
        os.kill(child, signal.SIGKILL)
        _, state = os.waitpid(child, 0)
        if judged < begun:
            yield Answer(begun, "?", "?", "?", -1, 0.0, f"the process ended or hung (state {state})")
        numbers = range(max(begun, judged) + 1, numbers.stop)


def main(outputs: Path, *, edits: int = 2_000, first: int = 0) -> int:
    """Exit status 1 if something did not hold."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as name:
        folder, began = Path(name).resolve(), time.monotonic()
        if (child := os.fork()) == 0:
            prepare(outputs.resolve(), folder)
            os._exit(0)
        os.waitpid(child, 0)
        tried = []
        for answer in answers(folder, range(first, first + edits)):
            tried.append(answer)
            if answer.fault:
                print(f"{answer.number}, {answer.what[:200]}, by {answer.reader}: {answer.fault}\n", flush=True)
    table = Table("edited", "tried", "held", "answered 0", title="Edits")
    for target, count in sorted(Counter(answer.target for answer in tried).items()):
        of_target = [answer for answer in tried if answer.target == target]
        held = [answer for answer in of_target if not answer.fault]
        table.add_row(target, str(count), str(len(held)), str(sum(answer.status == 0 for answer in held)))
    Console().print(table)
    held_count = sum(not answer.fault for answer in tried)
    slowest = max(tried, key=lambda answer: answer.seconds)
    print(f"{held_count} of {len(tried)} held, {time.monotonic() - began:.0f} s; the slowest took {slowest.seconds} s:")
    print(f"{slowest.number}, {slowest.what}, by {slowest.reader}")
    return int(held_count < len(tried))


if __name__ == "__main__":
    cyclopts.run(main)
