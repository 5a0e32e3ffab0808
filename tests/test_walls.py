"""The walls between the rooms: which of our modules may import which, and how large they may grow."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("flows", "tasks", "artifacts")
MAX_LINES, MAX_RESULT_LINES, MAX_FUNCTION_LINES, MAX_LEVELS = 300, 200, 40, 3
# Steps, those that are still to come included, and what one branch is to do.
STEPS = {"fetch", "prepare", "train", "evaluate", "explain", "compare", "score", "promote", "drift", "export", "sweep"}
TOP_OF_TASKS = STEPS | {"job", "__init__"}


def modules(folder: str) -> dict[str, ast.Module]:
    """The syntax tree of each module under `folder`, by its dotted name."""
    paths = (ROOT / folder).rglob("*.py")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text()) for path in paths}


def imports(tree: ast.Module) -> set[str]:
    """Everything that a module imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is one of the packages or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("tasks", ("flows", "artifacts", "prefect")),
        ("tasks/models", ("tasks.results.comparison", "tasks.analysis")),
        ("tasks/data", ("tasks.models", "tasks.analysis")),
        ("tasks/results", ("tasks.data", "tasks.models", "tasks.analysis", "tasks.storage")),
        ("tasks/storage", ("tasks.data", "tasks.models", "tasks.analysis")),
        ("artifacts", ("flows",)),
    ],
)
def test_nothing_reaches_over_a_wall(folder: str, forbidden: tuple[str, ...]) -> None:
    for name, tree in modules(folder).items():
        assert not {imported for imported in imports(tree) if is_in(imported, forbidden)}, name


def test_only_steps_stand_at_the_top_of_tasks() -> None:
    assert {path.stem for path in (ROOT / "tasks").glob("*.py")} <= TOP_OF_TASKS


def test_no_step_imports_another() -> None:
    steps = {f"tasks.{step}" for step in STEPS}
    for name, tree in modules("tasks").items():
        if name in steps or name == "tasks.job" or name.count(".") > 1:
            assert not imports(tree) & steps, name


def test_artifacts_know_only_the_results() -> None:
    for name, tree in modules("artifacts").items():
        ours = {imported for imported in imports(tree) if is_in(imported, ("tasks",))}
        assert all(is_in(imported, ("tasks.results",)) for imported in ours), name


def test_only_the_runtime_and_the_server_know_servers_and_runners() -> None:
    for folder in FOLDERS:
        for name, tree in modules(folder).items():
            if name not in ("flows.runners", "flows.runtime", "flows.server"):
                known = {imported for imported in imports(tree) if is_in(imported, ("prefect.task_runners", "uvicorn"))}
                assert not known, name


def test_imports_form_no_circle() -> None:
    trees = {name: tree for folder in FOLDERS for name, tree in modules(folder).items()}
    graph = {name: imports(tree) & trees.keys() - {name} for name, tree in trees.items()}
    TopologicalSorter(graph).prepare()


def test_no_folder_lies_deeper_than_three_levels() -> None:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.relative_to(ROOT).parts) - 1 <= MAX_LEVELS, path


def test_modules_are_short() -> None:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            limit = MAX_RESULT_LINES if "results" in path.parts else MAX_LINES
            assert len(path.read_text().splitlines()) <= limit, path


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """All functions and methods."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def is_compiled(function: ast.FunctionDef) -> bool:
    """Whether numba compiles it: a compiled loop may be longer."""
    names = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(name.startswith(("compiled", "fast")) for name in names)


def test_functions_are_short() -> None:
    for folder in FOLDERS:
        for name, tree in modules(folder).items():
            for function in functions(tree):
                lines = (function.end_lineno or 0) - function.lineno + 1
                assert is_compiled(function) or lines <= MAX_FUNCTION_LINES, f"{name}.{function.name}: {lines} lines"
