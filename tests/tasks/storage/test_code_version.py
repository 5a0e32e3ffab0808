"""What changes the version of the code, and what does not: on a small project of its own."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.storage import code_version as module
from tasks.storage.code_version import code_version, coverage

STEP = '''"""A step."""

import numpy as np

from tasks.models.cell import run
from tasks.results.scores import BINS
from tasks.storage.files import write


@step(title="double {x}", record=kept)
def double(x, *, logger):
    """Twice the cell's output."""
    logger.info("it is %s", x)
    if x < 0:
        raise ValueError("too small")
    return 2 * run(x)
'''
CELL = '''"""A cell."""

from tasks.models.constants import BIAS


def run(x):
    # The bias comes last.
    return x + BIAS
'''
FILES = {
    "tasks/double.py": STEP,
    "tasks/models/cell.py": CELL,
    "tasks/models/constants.py": "BIAS = 1.0\n",
    "tasks/results/scores.py": "BINS = 10\n",
    "tasks/storage/files.py": "def write(): pass\n",
    "tasks/models/machine.py": "CORES = 2\n",
}


ROOT = Path(__file__).parents[3]


def steps() -> list[str]:
    """The modules of all steps."""
    paths = [*(ROOT / "tasks").glob("*.py"), *(ROOT / "flows").glob("*.py")]
    names = [f"{path.parent.name}.{path.stem}" for path in paths if "\n@step(" in path.read_text()]
    assert len(names) >= 7
    return sorted(names)


def closure(module_name: str) -> set[str]:
    """Every module of ours that a module reaches, found without `code_version`."""
    reached: set[str] = set()
    waiting = [module_name]
    while waiting:
        name = waiting.pop()
        base = ROOT / name.replace(".", "/")
        path = next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)
        if path is None or name in reached or name in module.DECIDES_NOTHING:
            reached |= {name} if path else set()
            continue
        reached.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
    return {name for name in reached if name.split(".")[0] in module.ROOMS}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with one step, whose sources tests change."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """Let the next version be computed anew."""
    code_version.cache_clear()
    module.module_source.cache_clear()


def version_after(project: Path, name: str, old: str, new: str) -> str:
    """The version of the step's code after a change of one file."""
    text = (project / name).read_text()
    assert old in text
    (project / name).write_text(text.replace(old, new))
    forget()
    return code_version("tasks.double")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("tasks/models/cell.py", "# The bias comes last.", "# Changed."),
        ("tasks/models/cell.py", '"""A cell."""', '"""Another docstring."""'),
        ("tasks/models/cell.py", "    return x + BIAS", "\n    return (x + BIAS)"),
        ("tasks/double.py", "Twice the cell's output.", "Changed."),
        ("tasks/double.py", '"it is %s"', '"x is %s"'),
        ("tasks/double.py", "too small", "below zero"),
        ("tasks/double.py", "double {x}", "twice {x}"),
        ("tasks/storage/files.py", "pass", "return 1"),
        ("tasks/models/machine.py", "2", "4"),
    ],
)
def test_a_text_changes_nothing(project: Path, name: str, old: str, new: str) -> None:
    before = code_version("tasks.double")
    assert version_after(project, name, old, new) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("tasks/double.py", "2 * run(x)", "3 * run(x)"),
        ("tasks/models/cell.py", "x + BIAS", "x - BIAS"),
        ("tasks/models/constants.py", "1.0", "1.5"),
        ("tasks/models/constants.py", "BIAS = 1.0", "BIAS = 1"),
        ("tasks/results/scores.py", "10", "20"),
    ],
)
def test_a_formula_changes_it(project: Path, name: str, old: str, new: str) -> None:
    before = code_version("tasks.double")
    assert version_after(project, name, old, new) != before


@pytest.mark.usefixtures("project")
def test_another_release_of_a_library_that_computes_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version("tasks.double")
    monkeypatch.setattr(module, "version", lambda distribution: f"another {distribution}")
    forget()
    assert code_version("tasks.double") != before
    assert coverage("tasks.double").libraries == {"numpy": "another numpy"}


@pytest.mark.parametrize("name", steps())
def test_every_module_that_a_step_reaches_is_covered_or_listed_as_deciding_nothing(name: str) -> None:
    covered = coverage(name)
    assert closure(name) == set(covered.modules) | set(covered.left_out)
    assert name in covered.modules
    assert {room.split(".")[1] for room in covered.left_out} <= {"storage", "errors", "machine", "progress"}


@pytest.mark.parametrize("name", steps())
def test_every_library_that_a_step_reaches_is_covered_or_listed_as_computing_nothing(name: str) -> None:
    imported = {each for covered in coverage(name).modules for each in module.module_source(covered).imports}
    foreign = {each for each in imported if each.split(".")[0] not in {*module.ROOMS, *sys.stdlib_module_names}}
    assert {module._library(each) for each in foreign} <= {*module.LIBRARIES, *module.COMPUTES_NOTHING}


@pytest.mark.parametrize("name", steps())
def test_the_key_of_a_step_holds_the_version_of_its_own_module(name: str) -> None:
    tree = ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text())
    calls = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    # The key of training names the branch's folder too, so it is the job's.
    assert "code_version(__name__)" in calls or (name == "tasks.train" and "job.key" in ast.unparse(tree))


def test_what_is_listed_as_deciding_nothing_exists_and_has_a_reason() -> None:
    for name, reason in module.DECIDES_NOTHING.items():
        assert module._path(name), name
        assert len(reason.split()) > 1, name


@pytest.mark.parametrize(
    ("step_name", "decides"),
    [
        ("flows.draw", "artifacts.figures.render"),
        ("tasks.score", "tasks.results.scoring"),
        ("tasks.train", "tasks.models.loops.lstm"),
        ("tasks.prepare", "tasks.data.tokens"),
    ],
)
def test_what_decides_a_result_is_covered(step_name: str, decides: str) -> None:
    assert decides in coverage(step_name).modules


@pytest.mark.parametrize(
    ("step_name", "libraries"),
    [
        ("tasks.evaluate", {"numpy", "scipy", "scikit-learn", "keras", "tensorflow", "numba"}),
        ("tasks.explain", {"numpy", "scipy", "keras", "tensorflow", "numba"}),
        ("tasks.score", {"numpy", "numba", "pyarrow"}),
    ],
)
def test_a_step_depends_on_the_libraries_that_compute_its_numbers(step_name: str, libraries: set[str]) -> None:
    assert libraries <= set(coverage(step_name).libraries)


def test_the_command_prints_modules_constants_and_libraries() -> None:
    command = [sys.executable, "-m", "tasks.storage.code_version", "score"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "tasks.results.scoring" in printed
    assert "BINS = 10" in printed
    assert "numpy 2" in printed
    assert "tasks.storage.files: " in printed


def test_the_command_refuses_what_is_no_module() -> None:
    command = [sys.executable, "-m", "tasks.storage.code_version", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: tasks.nothing: no such module; give one such as tasks.train\n")


@pytest.mark.usefixtures("project")
def test_a_tree_that_another_thread_disturbed_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version("tasks.double")
    disturbances = iter([True, True])
    parse = ast.parse

    def disturbed(source: str) -> ast.Module:
        if next(disturbances, False):
            raise SystemError("AST constructor recursion depth mismatch (before=54, after=76)")
        return parse(source)

    monkeypatch.setattr(ast, "parse", disturbed)
    forget()
    assert code_version("tasks.double") == before
    assert next(disturbances, None) is None
