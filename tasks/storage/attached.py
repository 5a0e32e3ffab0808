"""Folders of attached data, as a Kaggle kernel mounts them: a bounded walk, with the standard library alone.

`flows.notebook` imports this module into a kernel that has none of the project's packages.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

KAGGLE_INPUT = Path("/kaggle/input")
LEVELS = 4
# Attached data may have millions of files. The entries that are looked at, in a folder and in all folders together:
MOST_IN_FOLDER, MOST_IN_ALL = 1_000, 100_000


def attached_folders(root: Path = KAGGLE_INPUT) -> Iterator[Path]:
    """`root` and the folders at most `LEVELS` below it, the nearest first, in the order of their names.

    Links are not followed. Folders that cannot be read are left out.
    """
    level, budget = [root] if root.is_dir() else [], MOST_IN_ALL
    for depth in range(LEVELS + 1):
        below: list[Path] = []
        for folder in level:
            if not os.access(folder, os.R_OK | os.X_OK):
                continue
            yield folder
            if depth < LEVELS and budget > 0:
                entries = _entries(folder, min(MOST_IN_FOLDER, budget))
                budget -= len(entries)
                below += sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
        level = below


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return list(itertools.islice(entries, most))
    return []
