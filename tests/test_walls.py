"""The walls between the rooms: which of our modules may import which, and how large they may grow."""

import ast
import functools
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("flows", "tasks", "artifacts")
MAX_LINES, MIN_LINES, MAX_FUNCTION_LINES, MAX_LEVELS, MAX_FILES = 400, 30, 40, 3, 182
# What branch processes are forked with: multiprocessing imports it by name.
SHORT = {"flows.branch_imports"}


@functools.cache
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


def steps() -> set[str]:
    """The modules at the top of `tasks` that are steps: all but those that steps share."""
    shared = {"tasks.__init__", *(f"tasks.{name}" for name in ("deadline", "errors", "job", "machine", "progress"))}
    return {f"tasks.{path.stem}" for path in (ROOT / "tasks").glob("*.py")} - shared


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("tasks", ("flows", "artifacts", "prefect")),
        ("tasks/models", ("tasks.results.comparison", "tasks.analysis")),
        ("tasks/data", ("tasks.models", "tasks.analysis")),
        ("tasks/results", ("tasks.data", "tasks.models", "tasks.analysis", "tasks.storage", "tasks.job")),
        ("tasks/storage", ("tasks.data", "tasks.models", "tasks.analysis", "tasks.job")),
        ("artifacts", ("flows",)),
    ],
)
def test_nothing_reaches_over_a_wall(folder: str, forbidden: tuple[str, ...]) -> None:
    for name, tree in modules(folder).items():
        assert not {imported for imported in imports(tree) if is_in(imported, forbidden)}, name


def test_no_step_imports_another_and_no_room_imports_a_step() -> None:
    for name, tree in modules("tasks").items():
        assert not imports(tree) & (steps() - {name}), name


def test_artifacts_import_nothing_of_ours_but_results_errors_and_file_names() -> None:
    allowed = ("tasks.results", "tasks.errors", "tasks.storage.layout")
    for name, tree in modules("artifacts").items():
        ours = {imported for imported in imports(tree) if is_in(imported, ("tasks",))} - {"tasks", "tasks.storage"}
        assert all(is_in(imported, allowed) for imported in ours), name


def test_only_the_pool_and_its_processes_know_processes_and_clusters() -> None:
    libraries = ("prefect.task_runners", "prefect_dask", "multiprocessing")
    knowing = {"flows.pool", "flows.branch_process"}
    for folder in FOLDERS:
        for name, tree in modules(folder).items():
            assert name in knowing or not {each for each in imports(tree) if is_in(each, libraries)}, name


@pytest.mark.parametrize("name", ["flows.temporary_server", "flows.branch_process", "flows.branch_imports"])
def test_the_temporary_server_and_branch_processes_start_without_prefect(name: str) -> None:
    assert not {each for each in imports(modules("flows")[name]) if is_in(each, ("prefect",))}


def test_no_private_attribute_of_a_library_is_used() -> None:
    documented = {"_exit", "_replace", "_asdict", "_fields"}  # `os._exit` and named tuples.
    for folder in FOLDERS:
        for name, tree in modules(folder).items():
            # What a module reads with a leading underscore, it must have defined itself.
            foreign = private_attributes(tree) - defined(tree) - documented
            assert foreign == set(), name


def private_attributes(tree: ast.Module) -> set[str]:
    """The names with a leading underscore that a module reads from objects or imports, but for `__name__`."""
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return {name for name in names if name.startswith("_") and not name.endswith("__")}


def defined(tree: ast.Module) -> set[str]:
    """The functions of a module, and the attributes and variables that it sets."""
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_set(node)}
    return names | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and is_set(node)}


def is_set(node: ast.Attribute | ast.Name) -> bool:
    """Whether a name is assigned; an attribute only counts as the module's own on `self`."""
    own = not isinstance(node, ast.Attribute) or (isinstance(node.value, ast.Name) and node.value.id == "self")
    return own and isinstance(node.ctx, ast.Store)


def test_imports_form_no_circle() -> None:
    trees = {name: tree for folder in FOLDERS for name, tree in modules(folder).items()}
    graph = {name: imports(tree) & trees.keys() - {name} for name, tree in trees.items()}
    TopologicalSorter(graph).prepare()


def test_no_folder_lies_deeper_than_three_levels() -> None:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.relative_to(ROOT).parts) - 1 <= MAX_LEVELS, path


def test_modules_are_neither_long_nor_fragments() -> None:
    lengths = {name: _lines(name) for room in FOLDERS for name in modules(room)}
    lengths = {name: lines for name, lines in lengths.items() if not name.endswith("__init__")}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
    assert {name for name, lines in lengths.items() if lines < MIN_LINES} <= SHORT
    assert len(lengths) <= MAX_FILES


def _lines(name: str) -> int:
    return len((ROOT / f"{name.replace('.', '/')}.py").read_text().splitlines())


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
