import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from flows import notebook_environment as module
from flows.notebook_environment import COMPLETE, PYPROJECT, RunError, environment_folder, has_packages, project_python

TINY = {
    "tiny.py": "VALUE = 7\n",
    "tiny-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n",
    "tiny-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny-1.dist-info/RECORD": "tiny.py,,\ntiny-1.dist-info/METADATA,,\ntiny-1.dist-info/WHEEL,,\n"
    "tiny-1.dist-info/RECORD,,\n",
}


class Watcher:
    """Runs commands without showing anything, and remembers them."""

    def __init__(self, log: Path) -> None:
        self.log, self.commands = log, list[list[str]]()
        log.touch()

    def __call__(self, command: Sequence[str | Path]) -> int:
        self.commands.append([str(word) for word in command])
        with self.log.open("ab") as log:
            return subprocess.run(command, stdout=log, stderr=log, env=module.process_environment()).returncode


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    """Commands of a kernel whose project needs one tiny package, with no package index."""
    (tmp_path / "project").mkdir()
    pyproject = tmp_path / "project" / "pyproject.toml"
    pyproject.write_text('[project]\nrequires-python = ">=3.11,<3.14"\ndependencies = ["tiny>=1"]\n')
    monkeypatch.setattr(module, "PYPROJECT", pyproject)
    monkeypatch.setattr(module, "PROJECT", pyproject.parent)
    monkeypatch.setattr(module, "attached_folders", lambda: [tmp_path / "wheels"])
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Watcher(tmp_path / "log")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with the wheel of the tiny package."""
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "tiny-1-py3-none-any.whl", "w") as wheel:
        for name, text in TINY.items():
            wheel.writestr(name, text)
    return tmp_path / "wheels"


def without_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is an interpreter with pip, and there is no uv."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("this Python has no pip")
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(module.shutil, "which", lambda _: None)


@pytest.mark.usefixtures("wheels")
@pytest.mark.parametrize("has_uv", [True, False], ids=["uv", "pip"])
def test_an_environment_is_made_once_from_attached_wheels(
    has_uv: bool, watch: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_uv:
        without_uv(monkeypatch)
    monkeypatch.setenv("PIP_TARGET", "/nowhere")
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    half_made = environment_folder() / "left"
    half_made.mkdir(parents=True)  # As after an interruption: it is not complete.
    python = project_python(watch, watch.log)
    done = subprocess.run([python, "-c", "import tiny; print(tiny.VALUE)"], capture_output=True, text=True)
    assert done.stdout == "7\n", watch.log.read_text()
    assert not half_made.exists()
    commands = len(watch.commands)
    assert project_python(watch, watch.log) == python
    assert len(watch.commands) == commands == 2


@pytest.mark.parametrize("has_uv", [True, False], ids=["uv", "pip"])
def test_without_wheels_and_index_one_line_says_what_to_attach(
    has_uv: bool, watch: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_uv:
        without_uv(monkeypatch)
    with pytest.raises(RunError, match="attach a folder of wheels, or turn the internet on") as caught:
        project_python(watch, watch.log)
    (line,) = caught.value._render_traceback_()
    assert line.count("\n") == 0
    assert "tiny" in line
    assert not (environment_folder() / COMPLETE).exists()


def test_a_kernel_that_is_too_old_is_named(watch: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    without_uv(monkeypatch)
    module.PYPROJECT.write_text('[project]\nrequires-python = ">=3.90,<3.99"\ndependencies = ["tiny"]\n')
    with pytest.raises(RunError, match=r"this kernel has Python 3\.\d+, the project needs 3\.90 to 3\.98"):
        project_python(watch, watch.log)


def test_this_environment_has_the_packages_and_another_has_not(watch: Watcher) -> None:
    assert not has_packages(Path(sys.executable))  # It lacks the tiny package.
    module.PYPROJECT.write_bytes(PYPROJECT.read_bytes())
    assert has_packages(Path(sys.executable))
    assert project_python(watch, watch.log) == Path(sys.executable)
    assert watch.commands == []
