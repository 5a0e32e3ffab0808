"""A run from the cell of a notebook: `from flows.notebook import run; run("--epochs 3")`.

The kernel has its own packages and, perhaps, its own Python (3.10 or later). So the run is a process in an environment
that is made for it, and this module imports nothing but the standard library; it uses IPython only to display.
"""

import contextlib
import html
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flows.notebook_environment import RunError, process_environment, project_python
from tasks.storage.layout import METRICS, MODELS, REPORT, SUMMARY

MAIN = Path(__file__).resolve().parent / "main.py"
POLL_SECONDS = 0.5
# After SIGINT a run ends by itself within `flows.environment.LAST_SECONDS`; this leaves time to spare.
STOP_SECONDS = 20.0
STOPPED = "Stopped. Completed work is kept: the same cell resumes."
LONGEST_LINE = 160
LARGEST_REPORT = 8 << 20  # Bytes. A larger one would make the notebook too slow to open.
NO_LINK = 'a:not([href^="#"]) { pointer-events: none; color: inherit; text-decoration: none; }'
LOG_LINE = re.compile(r"[\d:.]+ \| (?P<level>\w+) +\| .+? - (?P<message>.*)")
EPOCH = re.compile(r"(?P<branch>.+ seed \d+): (?P<epoch>epoch \d+/\d+),.* validation accuracy (?P<accuracy>[\d.]+)")


class Stopped(KeyboardInterrupt):
    """The cell was interrupted, and the run has ended."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run. Its `repr` is its summary.

    folder: the run's files.
    report: report.html.
    networks: the folder of the trained networks.
    metrics: what metrics.json contains.
    summary: what the command line prints.
    """

    folder: Path
    report: Path
    networks: Path
    metrics: dict[str, Any]
    summary: str

    def __repr__(self) -> str:
        return self.summary

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """The run in a folder."""
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        summary = (folder / SUMMARY).read_text(encoding="utf-8").strip()
        return cls(folder, folder / REPORT, folder.parents[1] / MODELS, metrics, summary)


def display(data: dict[str, str], **options: Any) -> bool:
    """Display data by type, such as "text/plain", in the kernel's notebook; return whether there is one."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return False
    ipython.display.display(data, raw=True, **options)
    return True


class Progress:
    """One line that is replaced by the next, and in the end the run's warnings. It is text: data cannot add markup."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._id = f"rnn-pipeline-{os.urandom(8).hex()}"
        self._text, self._shown, self._rest = "Starting", "", ""
        self._epochs: dict[str, str] = {}
        self._warnings: list[str] = []
        self.show()

    def take(self, text: str) -> None:
        """Note what was added to the log; its last line may not be complete yet."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._take_line(line)

    def _take_line(self, line: str) -> None:
        record = LOG_LINE.match(line)
        text = "".join(each if each.isprintable() else " " for each in (record["message"] if record else line)).strip()
        if epoch := EPOCH.match(text):
            self._epochs[epoch["branch"]] = f"{epoch['branch']}: {epoch['epoch']}, validation {epoch['accuracy']}"
            text = " · ".join(self._epochs.values())
        if record and record["level"] == "WARNING":
            self._warnings.append(text)
        self._text = text or self._text

    def show(self) -> None:
        """Replace the line."""
        text = self._text if len(self._text) <= LONGEST_LINE else f"{self._text[:LONGEST_LINE]}…"
        line = f"{self._time()}  {text}"
        if line == self._shown:
            return
        if not display({"text/plain": line}, display_id=self._id, **({"update": True} if self._shown else {})):
            print(f"\r\x1b[K{line[:79]}", end="", file=sys.stderr, flush=True)
        self._shown = line

    def end(self, word: str) -> None:
        """Replace the line by how the run ended, with its warnings."""
        lines = [f"{word} after {self._time()}", *(f"Warning: {each}" for each in dict.fromkeys(self._warnings))]
        if not display({"text/plain": "\n".join(lines)}, display_id=self._id, update=True):
            print("\r\x1b[K" + "\n".join(lines), file=sys.stderr, flush=True)

    def _time(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02}"


def run(
    arguments: str | Sequence[str] = "", *, python: str | Path | None = None, show_report: bool = True
) -> Run | None:
    """Run the pipeline in a process of its own, in the kernel's folder; show one line of progress, then the report.

    Args:
        arguments: what follows `flows/main.py` on the command line.
        python: the interpreter of the run; None for the project's environment, which is made if it is missing.
        show_report: whether to show the report below the cell.

    Returns:
        the finished run; None after a command that is not a training run, whose output is printed.

    Raises:
        RunError: the run failed, or its environment cannot be made.
        Stopped: the cell was interrupted.
    """
    words = shlex.split(arguments) if isinstance(arguments, str) else [str(word) for word in arguments]
    log, progress = _new_log(), Progress()
    try:
        status, printed = _run(words, python, log, progress)
    except RunError:
        progress.end("Failed")
        raise
    except KeyboardInterrupt:
        progress.end("Stopped")
        raise Stopped(STOPPED) from None
    progress.end("Failed" if status else "Done")
    if status:
        raise RunError(f"{_reason(log, status)} (log: {log})")
    log.unlink()
    report = re.search(r"^Report: (.+)$", printed, re.MULTILINE)
    if not report:
        print(printed)
        return None
    finished = Run.read(Path(report[1]).parent)
    if show_report:
        show(finished.report)
    return finished


def _new_log() -> Path:
    handle, name = tempfile.mkstemp(prefix="rnn-pipeline-", suffix=".log")
    os.close(handle)
    return Path(name)


def _run(words: list[str], python: str | Path | None, log: Path, progress: Progress) -> tuple[int, str]:
    """The command line in a process of its own: its exit status, and what it prints."""
    interpreter = python or project_python(lambda command: _watch(command, log, progress), log)
    with tempfile.TemporaryFile() as output:
        status = _watch([interpreter, MAIN, *words], log, progress, output)
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")


def run_magic(arguments: Sequence[str]) -> None:
    """Run as from a cell and print the summary: this is what `%run flows/main.py` does."""
    finished = run(arguments)
    if finished:
        print(finished)


def show(report: Path) -> None:
    """Show a report below the cell; outside a notebook, do nothing."""
    text = f"Report: {report}"
    data = {"text/plain": text}
    if report.stat().st_size <= LARGEST_REPORT:
        data["text/html"] = frame(report.read_text(encoding="utf-8"))
    display(data)


def frame(page: str) -> str:
    """A page in a frame: its scripts run, but can reach neither the notebook's page nor its kernel.

    Without a base of its own, links within the page would lead to the notebook's page. Links to other pages cannot be
    followed from the frame, so they are not shown as links.
    """
    head = f'<head><base href="about:srcdoc"><style>{NO_LINK}</style>'
    style = "box-sizing: border-box; width: 100%; height: 45rem; border: 1px solid #8888"
    srcdoc = html.escape(page.replace("<head>", head, 1))
    return f'<iframe sandbox="allow-scripts" title="Report" style="{style}" srcdoc="{srcdoc}"></iframe>'


def _watch(command: Sequence[str | Path], log: Path, progress: Progress, output: IO[bytes] | None = None) -> int:
    """Run a command and show the last line that it adds to the log.

    Args:
        command: the program and its arguments.
        log: what it writes to standard error is added to this file.
        progress: shows the line.
        output: receives what it writes to standard output; None for the log.

    Returns:
        its exit status, negative if a signal ended it.

    Raises:
        KeyboardInterrupt: the cell was interrupted; the command has ended.
    """
    with log.open("ab") as end, log.open(encoding="utf-8", errors="replace") as lines:
        lines.seek(0, os.SEEK_END)
        process = subprocess.Popen(  # noqa: S603 -- the user's own arguments, without a shell
            command, stdin=subprocess.DEVNULL, stdout=output or end, stderr=end, env=process_environment(),
            start_new_session=True,
        )  # fmt: skip
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(POLL_SECONDS)
                progress.take(lines.read())
                progress.show()
        finally:
            _stop(process)
            progress.take(lines.read())


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let a command end as by Ctrl-C, unless it has ended; a second interruption ends it at once."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _reason(log: Path, status: int) -> str:
    """Why a run failed, in one line: its own, if it wrote one."""
    text = log.read_text(encoding="utf-8", errors="replace")
    _, found, error = text.rpartition("Error: ")
    if found:
        return "; ".join(error.split("\n")).strip("; ")
    if status == -signal.SIGKILL:
        return "the run was killed (SIGKILL), often for lack of memory; try --runner thread, or fewer --reviews"
    return f"the run ended with status {status}"
