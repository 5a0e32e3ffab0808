import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.notebook import Progress, Run, frame, run
from flows.notebook_environment import RunError
from tests.end_to_end.harness import ROOT, environment

if TYPE_CHECKING:
    from playwright.sync_api import Page


class Attributes(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the cells, which run in this interpreter's environment."""
    for name, value in environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_report_is_in_a_sandboxed_frame_that_it_cannot_leave() -> None:
    page = '<html><head></head><body><a href="#a">x</a>"></iframe><script>top.x = 1</script>&amp;</body></html>'
    parser = Attributes()
    parser.feed(frame(page))
    (tag, attributes), *others = parser.found
    assert (tag, others) == ("iframe", [])
    assert attributes["sandbox"] == "allow-scripts"
    srcdoc = attributes["srcdoc"] or ""
    assert srcdoc.startswith('<html><head><base href="about:srcdoc">')
    assert srcdoc.endswith(page.removeprefix("<html><head>"))


def test_a_report_in_a_notebook_follows_its_own_links_and_cannot_reach_the_notebook(page: "Page") -> None:
    script = "<script>try { top.document.title = 'taken' } catch { document.title = 'refused' }</script>"
    report = f'<html><head></head><body>{script}<a href="#end">to the end</a><p style="margin: 9999px 0" id="end">x'
    page.set_content(f"<title>notebook</title>{frame(report)}")
    inner = page.frames[1]
    inner.click("a")
    assert inner.evaluate("[document.title, location.href, scrollY > 5000]") == ["refused", "about:srcdoc#end", True]
    assert page.title() == "notebook"


def test_the_repr_of_a_run_is_its_summary(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "20260101-a"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text('{"run": "20260101-a"}')
    (folder / "summary.txt").write_text("lstm 0.5\n")
    found = Run.read(folder)
    assert (repr(found), found.metrics) == ("lstm 0.5", {"run": "20260101-a"})
    assert (found.report, found.networks) == (folder / "report.html", tmp_path / "models")


def test_a_wrong_setting_is_the_line_of_the_command_line(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError) as caught:
        run("--epochs 0")
    (line,) = caught.value._render_traceback_()
    assert re.fullmatch(r"Error: --epochs: found '0'; it should be greater than or equal to 1 \(log: \S+\.log\)", line)
    assert "Failed after 0:0" in capsys.readouterr().err
    assert list(cells.iterdir()) == []


@pytest.mark.usefixtures("cells")
def test_the_output_of_another_command_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "--outputs", str(tmp_path / "an other")]) is None
    assert f"{tmp_path / 'an other'}: no runs yet" in capsys.readouterr().out


@pytest.mark.usefixtures("cells")
def test_the_run_does_not_see_what_the_kernel_set_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PYTHONHOME", "/nowhere"), ("PYTHONPATH", "/nowhere"), ("MPLBACKEND", "module://none")):
        monkeypatch.setenv(name, value)
    assert run("history") is None


MAGIC = """
import builtins, runpy, signal, sys
builtins.get_ipython, sys.argv, before = None, ["main.py", "history"], signal.getsignal(signal.SIGINT)
try:
    runpy.run_path(PATH, None, "__main__")
except SystemExit as end:
    print(end.code, "cyclopts" in sys.modules, signal.getsignal(signal.SIGINT) is before)
"""


def test_percent_run_of_the_command_line_starts_a_process_and_leaves_the_kernel_alone(tmp_path: Path) -> None:
    code = MAGIC.replace("PATH", repr(str(ROOT / "flows" / "main.py")))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("outputs: no runs yet")
    assert last == "None False True"


def test_progress_is_one_line_of_text_and_warnings_remain(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    log = "10:00:00.1 | {:<7} | Flow run 'train' - {}\n"
    epoch = "{} seed 1: epoch {}/9, 0.1 s, loss 0.6, accuracy 0.5, validation loss 0.6, validation accuracy 0.{}"
    text = log.format("WARNING", "Data: \x1b[2J<b>odd</b>") + log.format("INFO", epoch.format("gru", 3, 7))
    progress.take(text + log.format("INFO", epoch.format("rnn", 2, 6))[:30])
    progress.show()
    assert "gru seed 1: epoch 3/9, validation 0.7" in capsys.readouterr().err
    progress.take(log.format("INFO", epoch.format("rnn", 2, 6))[30:])
    progress.show()
    line = capsys.readouterr().err
    assert line == "\r\x1b[K0:00  gru seed 1: epoch 3/9, validation 0.7 · rnn seed 1: epoch 2/9, validation"
    progress.end("Done")
    assert capsys.readouterr().err == "\r\x1b[KDone after 0:00\nWarning: Data:  [2J<b>odd</b>\n"
