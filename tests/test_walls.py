"""The walls between the rooms: which of our packages may import which."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def imports(folder: str) -> dict[str, set[str]]:
    """For each module under `folder` everything that it imports."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / folder).rglob("*.py"):
        names = found.setdefault(str(path.relative_to(ROOT)), set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("tasks", ("flows", "artifacts")),
        ("tasks/models", ("prefect",)),
        ("tasks/data", ("prefect",)),
        ("artifacts", ("flows",)),
    ],
)
def test_nothing_reaches_over_a_wall(folder: str, forbidden: tuple[str, ...]) -> None:
    for module, names in imports(folder).items():
        over = {name for name in names if name.split(".")[0] in forbidden}
        assert not over, module


def test_artifacts_know_only_the_results() -> None:
    for module, names in imports("artifacts").items():
        ours = {name for name in names if name.split(".")[0] == "tasks"}
        assert all(name.startswith("tasks.results") for name in ours), module


def test_only_the_runtime_knows_servers_and_runners() -> None:
    for folder in ("flows", "tasks", "artifacts"):
        for module, names in imports(folder).items():
            if module != "flows/runtime.py":
                assert not {name for name in names if "task_runners" in name or "prefect.settings" in name}, module
