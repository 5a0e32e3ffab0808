"""Runs from notebooks: the README's cells in a foreign kernel, without a network, with read-only `/kaggle/input`."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import ROOT, SMALL, Process, environment, metrics, recorded, wait_until_gone
from tests.session import once

KAGGLE = Path("/kaggle")
FOREIGN = ("numpy<2", "ipykernel", "nbclient", "nbformat")
# In a namespace of its own: the first folder at /kaggle/input, read-only, the second at /kaggle/working.
MOUNT = """
set -e
mount -t tmpfs tmpfs /kaggle
mkdir /kaggle/input /kaggle/working
mount --bind "$1" /kaggle/input
mount -o remount,ro,bind /kaggle/input
mount --bind "$2" /kaggle/working
ip link set lo up
cd /kaggle/working
shift 2
exec "$@"
"""
PACKAGES = "import numpy, sys\nprint(numpy.__version__, sorted({'prefect', 'tensorflow', 'keras'} & set(sys.modules)))"
READ_ONLY = "from pathlib import Path\nPath('/kaggle/input/x').touch()"


def readme_cells(heading: str) -> list[str]:
    """The Python cells below a heading of the README, without those that need a network."""
    section = (ROOT / "flows" / "README.md").read_text().split(f"### {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return [cell for cell in cells if "!" not in cell]


def as_notebook(cells: list[str]) -> dict[str, Any]:
    """A notebook in its file's form."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {"cell_type": "code", "id": f"cell{index}", "source": cell, "metadata": {}, "outputs": []}
            | {"execution_count": None}
            for index, cell in enumerate(cells)
        ],
    }


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with Jupyter's packages, another NumPy, and none of this project."""
    uv = shutil.which("uv")
    if not uv:
        pytest.skip("uv is not installed")

    def make(folder: Path) -> None:
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *FOREIGN], check=True)

    return once(tmp_path_factory, "kernel", make) / "venv" / "bin" / "python"


@pytest.fixture
def kaggle(tmp_path: Path) -> Iterator[Callable[..., list[Any]]]:
    """A command in which `/kaggle/input` holds a read-only copy of the project, and which has no network."""
    command = ["unshare", "--mount", "--net", "true"]
    if not shutil.which("unshare") or subprocess.run(command, capture_output=True).returncode or KAGGLE.exists():
        pytest.skip("this test needs to be root, to mount a simulated /kaggle/input, and no real one")
    copy = tmp_path / "input" / "rnn-wheels" / "rnn-pipeline"
    for name in ("flows", "tasks", "artifacts", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name)
        else:
            shutil.copy(source, copy / name)
    # Installing TensorFlow would take a minute; `tests/flows/test_notebook_environment.py` installs from wheels.
    (copy / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / "working").mkdir()
    KAGGLE.mkdir()
    mounted = ["sh", "-c", MOUNT, "sh", tmp_path / "input", tmp_path / "working"]
    yield lambda *command: ["unshare", "--mount", "--net", *mounted, *command]
    KAGGLE.rmdir()


@pytest.mark.slow
def test_the_cells_of_the_readme_run_in_a_foreign_kernel_without_a_network(
    home: Path, kernel: Path, kaggle: Callable[..., list[Any]], tmp_path: Path
) -> None:
    cells = [*readme_cells("Kaggle with internet off"), PACKAGES]
    (tmp_path / "cells.ipynb").write_text(json.dumps(as_notebook(cells)))
    data = tmp_path / "input" / "datasets" / "learner" / "reviews" / "1"
    data.mkdir(parents=True)
    imdb = os.environ.get("IMDB_NPZ")
    if imdb:
        shutil.copy(imdb, data / "imdb.npz")
    executed = tmp_path / "executed.ipynb"
    command = kaggle(kernel, ROOT / "tests/end_to_end/notebook_kernel.py", tmp_path / "cells.ipynb", executed)
    surroundings = environment(home, RNN_REVIEWS="600", RNN_MAX_LENGTH="80", MPLBACKEND="module://nowhere")
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    run, numbers, packages = (cell["outputs"] for cell in json.loads(executed.read_text())["cells"])
    progress, report, summary = (output["data"] for output in run)
    assert "".join(progress["text/plain"]).startswith("Done after ")
    assert "".join(report["text/html"]).startswith('<iframe sandbox="allow-scripts" ')
    assert ("on the IMDB reviews" if imdb else "on the bundled sample") in "".join(summary["text/plain"])
    assert re.match(r"simple_rnn 0\.\d+\nlstm 0\.\d+\n/kaggle/working/outputs/runs/", "".join(numbers[0]["text"]))
    assert re.match(r"1\.\d+\.\d+ \[\]\n", "".join(packages[0]["text"]))
    source = metrics(tmp_path / "working" / "outputs")["dataset"]["source"]
    assert source["path"] == "/kaggle/input/datasets/learner/reviews/1/imdb.npz" or not imdb


@pytest.mark.slow
def test_an_interrupted_cell_stops_the_run_and_the_same_cell_resumes(home: Path, prepared: Path) -> None:
    arguments = [*SMALL[:-1], "60", "--models", "lstm", "--outputs", str(prepared)]
    cell = [sys.executable, "-c", f"from flows.notebook import run; print(run({arguments!r}))"]
    first = Process(home, cell)
    first.wait_for_epoch(prepared, "lstm", 2)
    below = first.children()
    os.kill(first.pid, signal.SIGINT)  # As Jupyter does: the kernel alone gets the signal.
    assert first.wait(15) != 0
    assert "Stopped: Stopped. Completed work is kept: the same cell resumes." in first.output
    assert wait_until_gone(below, 5) == []
    assert recorded(home, "SELECT state_name FROM flow_run") == ["Crashed"]
    second = Process(home, cell)
    assert second.wait() == 0, second.output
    assert "Done after " in second.output
    assert "LSTM on the bundled sample" in second.output
    (journal,) = (path.read_text().splitlines() for path in prepared.glob("models/lstm-*/progress.jsonl"))
    first_epochs = [event for event in map(json.loads, journal) if event["event"] == "epoch" and event["epoch"] == 1]
    assert len(first_epochs) == 2
    assert len({epoch["seconds"] for epoch in first_epochs}) == 1  # It was trained once, and reported twice.
