"""Machine code of the loops may depend only on what their cache knows: the sources of their own folder."""

import ast
from pathlib import Path

import tasks.models.loops

FOLDER = Path(tasks.models.loops.__file__).parent


def test_the_loops_use_nothing_of_ours_from_other_folders() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tasks"):
                assert str(node.module).startswith(("tasks.models.loops", "tasks.storage.compiled")), path.name


def test_everything_in_the_folder_lies_directly_in_it() -> None:
    assert sorted(FOLDER.rglob("*.py")) == sorted(FOLDER.glob("*.py"))
