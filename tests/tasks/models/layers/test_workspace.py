import numpy as np

from tasks.models.layers.inputs import Workspace


def test_a_buffer_is_used_again_until_it_is_too_small() -> None:
    workspace = Workspace()
    first = workspace.buffer("states", 8, (3,))
    assert first.shape == (8, 3)
    assert first.dtype == np.float32
    assert np.shares_memory(first, workspace.buffer("states", 10, (3,)))  # A quarter more was taken in reserve.
    assert not np.shares_memory(first, workspace.buffer("states", 11, (3,)))


def test_names_do_not_share_memory() -> None:
    workspace = Workspace()
    assert not np.shares_memory(workspace.buffer("a", 4, (2,)), workspace.buffer("b", 4, (2,)))


def test_zeros_are_zeros_after_use() -> None:
    workspace = Workspace()
    workspace.buffer("squares", 4, (2,)).fill(7.0)
    assert not workspace.zeros("squares", 4, (2,)).any()
