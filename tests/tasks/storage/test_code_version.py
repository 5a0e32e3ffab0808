"""What changes the version of the code, and what does not: on a small project of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.storage import code_version as module
from tasks.storage.code_version import code_version

STEP = '''"""A step."""

from tasks.models.cell import run
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
    "tasks/storage/files.py": "def write(): pass\n",
    "tasks/models/machine.py": "CORES = 2\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with one step, whose sources tests change."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    code_version.cache_clear()
    yield tmp_path
    code_version.cache_clear()


def version_after(project: Path, name: str, old: str, new: str) -> str:
    """The version of the step's code after a change of one file."""
    text = (project / name).read_text()
    assert old in text
    (project / name).write_text(text.replace(old, new))
    code_version.cache_clear()
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
    ],
)
def test_a_formula_changes_it(project: Path, name: str, old: str, new: str) -> None:
    before = code_version("tasks.double")
    assert version_after(project, name, old, new) != before


def test_every_step_reaches_the_rooms_that_it_computes_with() -> None:
    trees = module._with_imports("tasks.train")
    assert {"tasks.train", "tasks.models.learner", "tasks.data.batches"} <= set(trees)
    assert not [name for name in trees if name.startswith(("tasks.storage", "tasks.results", "flows"))]


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
    code_version.cache_clear()
    assert code_version("tasks.double") == before
    assert next(disturbances, None) is None
