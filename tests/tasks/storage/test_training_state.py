import os
from pathlib import Path

import numpy as np
import pytest

from tasks.results.training import Epoch
from tasks.storage.training_state import Checkpoint


def test_a_checkpoint_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    state = {"weight_0": np.array([0.1, 1e-40], np.float32), "steps_0": np.array([7])}
    history = (Epoch(1, 0.1 + 0.2, 0.5, 0.7, 0.25, 1.5, 2.5, 0.3), Epoch(2, 1 / 3, 0.5, 0.7, 0.25, 1.5, 2.5, 0.1 + 0.2))
    Checkpoint(state, history).write(tmp_path / "checkpoint.npz")
    checkpoint = Checkpoint.read(tmp_path / "checkpoint.npz")
    assert checkpoint
    assert checkpoint.history == history
    assert isinstance(checkpoint.history[0].epoch, int)
    assert checkpoint.state.keys() == state.keys()
    for name, array in state.items():
        assert checkpoint.state[name].dtype == array.dtype
        assert np.array_equal(checkpoint.state[name], array)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a checkpoint"])
def test_what_cannot_be_read_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(content)
    assert Checkpoint.read(tmp_path / "checkpoint.npz") is None
    assert Checkpoint.read(tmp_path / "none.npz") is None
    assert Checkpoint.read(tmp_path) is None


def test_a_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    Checkpoint({"weight_0": np.arange(1_000.0)}, ()).write(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert Checkpoint.read(path) is None


def epochs(*numbers: int) -> tuple[Epoch, ...]:
    """A history of these epochs."""
    return tuple(Epoch(number, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0) for number in numbers)


STATE = {"weight_0": np.zeros((2, 3), np.float32), "steps_0": np.zeros(1, np.int64)}


@pytest.mark.parametrize(
    ("state", "history", "fits"),
    [
        (STATE, epochs(1, 2), True),
        (STATE, epochs(1, 2, 3, 4), False),
        (STATE, (), False),
        (STATE, epochs(2, 3), False),
        ({"weight_0": STATE["weight_0"]}, epochs(1), False),
        (STATE | {"weight_1": np.zeros(1)}, epochs(1), False),
        (STATE | {"weight_0": np.zeros((1, 3), np.float32)}, epochs(1), False),
        (STATE | {"weight_0": np.zeros((2, 3))}, epochs(1), False),
    ],
)
def test_only_a_checkpoint_of_the_same_network_and_plan_fits(
    state: dict[str, np.ndarray], history: tuple[Epoch, ...], fits: bool
) -> None:
    assert Checkpoint(state, history).fits(STATE, 3) is fits


def test_a_checkpoint_that_unpacks_to_more_than_its_size_is_none(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "checkpoint.npz", history=np.zeros((1, 7)), weight_0=np.zeros(1_000_000))
    assert Checkpoint.read(tmp_path / "checkpoint.npz") is None


def test_a_pipe_is_no_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "checkpoint.npz")
    assert Checkpoint.read(tmp_path / "checkpoint.npz") is None
