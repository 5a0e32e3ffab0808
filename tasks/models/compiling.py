"""Compiles the loops, once for each kind of cell: each in one process, several cells side by side.

Numba keeps the machine code on disk (`tasks.storage.compiled`), with an index file for each function that it does not
lock. Two processes that compile a function for different types of arguments at the same time would mix these up. So
each function that several cells use is compiled for one list of types only.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import llvmlite.binding
import numba
import numpy as np

from tasks.data.tokens import Tokens
from tasks.machine import available_cores
from tasks.models import loops
from tasks.models.compiled_learner import RMSprop
from tasks.models.compiled_network import CompiledNetwork
from tasks.models.layers.recurrent import CELLS
from tasks.models.spec import Cell, ModelSpec
from tasks.storage.compiled import cache_folder
from tasks.storage.files import locked
from tasks.storage.reuse import LOGGER

ROOM = Path(loops.__file__).parent


def compile_loops(cells: Iterable[Cell]) -> None:
    """Compile the loops of cells unless their machine code is on disk, or wait while another process does so.

    Raises:
        PipelineError: another process has been compiling for a day.
    """
    for cell in missing_loops(cells):
        mark = _mark(cell)
        if mark is None:
            continue
        with locked(mark.with_suffix(".lock"), LOGGER):
            if not mark.exists():
                LOGGER.info("%s", compiling([cell]))
                _train(cell)
                mark.touch()


def compiling(cells: Iterable[str]) -> str:
    """What is said before loops are compiled."""
    return f"Compiling the loops of {' and '.join(cells)} for this processor, which happens once"


def load_loops(cells: Sequence[Cell]) -> None:
    """Load the machine code of the loops of cells into this process, and compile what is missing."""
    compile_loops(cells)
    for cell in cells:
        _train(cell)


def missing_loops(cells: Iterable[Cell]) -> list[Cell]:
    """Those of the cells whose loops have no machine code on disk.

    Without a folder for it, each process compiles for itself, and nothing is missing.
    """
    return [cell for cell in dict.fromkeys(cells) if (mark := _mark(cell)) and not mark.exists()]


@contextmanager
def loaded_after(cells: Sequence[Cell]) -> Iterator[None]:
    """Load the loops of cells after the block; meanwhile, processes forked from this one compile what is missing.

    This process must not have any threads yet; after the block, it compiles what they have not begun.
    """
    missing = missing_loops(cells)
    compilers = [_fork_compiler(missing[number:]) for number in range(min(len(missing), max(available_cores() - 1, 1)))]
    yield
    compile_loops(reversed(missing))
    for compiler in compilers:
        os.waitpid(compiler, 0)
    load_loops(cells)


def _fork_compiler(cells: Sequence[Cell]) -> int:
    """Compile loops in a process forked from this one; it ends early, between two cells, if this one is gone."""
    parent = os.getpid()
    compiler = os.fork()
    if compiler:
        return compiler
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):  # Whoever reads the run's output waits only for the run.
            os.dup2(nowhere, stream)
        for cell in cells:
            if os.getppid() == parent:
                compile_loops([cell])
    finally:
        os._exit(0)


def _mark(cell: Cell) -> Path | None:
    """The file that tells that a cell's loops are compiled; None if machine code cannot be kept.

    Its name covers all that numba checks before it uses machine code.
    """
    folder = cache_folder(ROOM, numba.config.CACHE_DIR)
    if folder is None:
        return None
    processor = llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()
    sources = [(source.name, source.stat().st_mtime_ns) for source in sorted(ROOM.glob("*.py"))]
    environment = repr((numba.__version__, sys.version_info[:3], *processor, sources))
    return folder / f"{cell}-{hashlib.sha256(environment.encode()).hexdigest()[:16]}.compiled"


def _train(cell: Cell) -> None:
    """Train a tiny network for one step: numba compiles a function, or loads its machine code, at the first call."""
    spec = ModelSpec(name="smallest", cell=cell, units=(1,), embedding=1, bidirectional=True)
    gates = len(CELLS[cell].cell.INPUT_BLOCKS)
    bias = (2, gates) if cell == "gru" else (gates,)
    shapes: list[tuple[int, ...]] = [(2, 1), *[(1, gates), (1, gates), bias] * 2, (2, 1), (1,)]
    weights = [np.zeros(shape, np.float32) for shape in shapes]
    tokens, labels = Tokens(np.ones(3, np.uint16), np.array([0, 1, 3]), max_length=2), np.array([0, 1], np.uint8)
    network = CompiledNetwork(spec, weights, threads=1)
    RMSprop(0.001, weights).step(network.gradients(tokens, labels), network.map)
    network.predict(tokens)
