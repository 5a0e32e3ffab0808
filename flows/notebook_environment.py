"""The environment of a run that a notebook starts: found, or made from attached wheels or the package index.

Like `flows.notebook`, this imports nothing but the standard library.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tasks.storage.attached import attached_folders

PROJECT = Path(__file__).resolve().parent.parent
PYPROJECT = PROJECT / "pyproject.toml"
COMPLETE = "complete"  # An empty file, made when everything is installed.
HELP = 'see "In a notebook" in flows/README.md'
# What a kernel sets for itself, and what makes pip or uv install elsewhere or in other versions.
KERNELS_OWN = ("PYTHON", "JPY_", "MPLBACKEND", "FORCE_COLOR", "CLICOLOR", "VIRTUAL_ENV", "CONDA_PREFIX")
INSTALLERS_OWN = (
    *("UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_PRERELEASE"),
    *("PIP_CONSTRAINT", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON"),
)
# Programs for the run's interpreter, which is 3.11 or later; the kernel's may lack `tomllib` and `packaging`.
READ = "import sys, tomllib; needed = tomllib.load(open(sys.argv[1], 'rb'))['project']['dependencies']; "
LIST = f"{READ} print(*needed, sep='\\n')"
CHECK = f"""{READ}
from importlib.metadata import version
from packaging.requirements import Requirement
sys.exit(not all(each.specifier.contains(version(each.name), prereleases=True) for each in map(Requirement, needed)))
"""
Watch = Callable[[Sequence[str | Path]], int]


class RunError(RuntimeError):
    """Why there is no result, in one line; IPython shows that line instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Error: {self}"]


def process_environment() -> dict[str, str]:
    """The environment variables of the run's process: the kernel's, without those meant for the kernel alone."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(KERNELS_OWN) and name not in INSTALLERS_OWN
    }
    return {**kept, "PYTHONPATH": str(PROJECT)}


def project_python(watch: Watch, log: Path) -> Path:
    """An interpreter with the project's packages: that of the project's `.venv`, the kernel's, or one made for this.

    Args:
        watch: runs a command and returns its exit status.
        log: the file to which `watch` writes what commands print.

    Raises:
        RunError: there is none, and it cannot be made.
    """
    for python in (PROJECT / ".venv" / "bin" / "python", Path(sys.executable)):
        if python.is_file() and has_packages(python):
            return python
    folder = environment_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Another notebook may be making it.
        if not (folder / COMPLETE).is_file():
            make_environment(folder, watch, log)
    return folder / "bin" / "python"


def has_packages(python: Path) -> bool:
    """Whether an interpreter has the packages of `pyproject.toml`, in the required versions."""
    return _output(python, "-c", CHECK, PYPROJECT) is not None


def _output(*command: str | Path) -> bytes | None:
    """What a command prints; None if it fails."""
    done = subprocess.run(command, env=process_environment(), capture_output=True)  # noqa: S603 -- our own commands
    return done.stdout if done.returncode == 0 else None


def environment_folder() -> Path:
    """Where the environment is made. Another Python, and other requirements, have another."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.sha256(f"{sys.version_info[:2]} {PYPROJECT.read_text(encoding='utf-8')}".encode()).hexdigest()
    return cache / "rnn-pipeline" / key[:16]


def make_environment(folder: Path, watch: Watch, log: Path) -> None:
    """Make a virtual environment with the project's requirements, from attached wheels or else the package index.

    Raises:
        RunError: neither works.
    """
    shutil.rmtree(folder, ignore_errors=True)
    python, uv = folder / "bin" / "python", _uv()
    if watch(_creation(folder, uv)) != 0:
        raise RunError(f"no environment for the run: {_fault(log, 0)} (log: {log})")
    requirements = folder / "requirements.txt"
    requirements.write_bytes(_output(python, "-c", LIST, PYPROJECT) or b"")
    installer = [uv, "pip", "install", "--python", python] if uv else _pip(python)
    reasons = []
    for name, options in _sources():
        start = log.stat().st_size
        if watch([*installer, *options, "-r", requirements]) == 0:
            (folder / COMPLETE).touch()
            return
        reasons.append(f"{name}: {_fault(log, start)}")
    raise RunError(
        f"the packages of the run cannot be installed; attach a folder of wheels, or turn the internet on ({HELP}). "
        f"{'; '.join(reasons)} (log: {log})"
    )


def _uv() -> str | None:
    """The path of uv, if it is there and works."""
    uv = shutil.which("uv")
    return uv if uv and _output(uv, "--version") is not None else None


def _creation(folder: Path, uv: str | None) -> list[str | Path]:
    """The command that makes an empty environment, with the kernel's Python if the project supports it.

    Raises:
        RunError: it does not, and there is no uv, which could fetch another one.
    """
    found = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', PYPROJECT.read_text(encoding="utf-8"), re.MULTILINE)
    first, beyond = (int(number) for number in found.groups()) if found else (0, sys.maxsize)
    is_supported = first <= sys.version_info.minor < beyond
    if uv:
        return [uv, "venv", "--python", sys.executable if is_supported else f">=3.{first},<3.{beyond}", folder]
    if not is_supported:
        raise RunError(
            f"this kernel has Python 3.{sys.version_info.minor}, the project needs 3.{first} to 3.{beyond - 1}; "
            "`pip install uv` in a cell lets it fetch another one"
        )
    return [sys.executable, "-m", "venv", "--without-pip", folder]


def _pip(python: Path) -> list[str | Path]:
    """The kernel's pip, which installs into the environment: some systems cannot give an environment its own."""
    return [sys.executable, "-m", "pip", "--python", python, "install", "--retries", "2", "--progress-bar", "off"]


def _sources() -> Iterator[tuple[str, list[str]]]:
    """Where packages may come from, by name, with the options of pip and uv."""
    wheels = [folder for folder in attached_folders() if next(folder.glob("*.whl"), None)]
    if wheels:
        links = [option for folder in wheels for option in ("--find-links", str(folder))]
        yield f"wheels in {', '.join(map(str, wheels))}", ["--no-index", *links]
    yield "package index", []


def _fault(log: Path, start: int) -> str:
    """Why a command failed, from what it added to the log: the first error and its cause, or else the last line."""
    text = log.read_bytes()[start:].decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.lower().startswith("error")]
    told = lines[errors[0] : errors[0] + 2] if errors else lines[-1:]
    return " ".join(line.removeprefix("ERROR: ").removeprefix("error: ") for line in told)[:300]
