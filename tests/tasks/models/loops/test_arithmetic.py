import numpy as np

from tasks.models.loops.arithmetic import flushed


def test_only_vanished_numbers_become_zero() -> None:
    assert [flushed(np.float32(x)) for x in (0.0, 1e-31, -1e-31, 1e-40)] == [0.0, 0.0, 0.0, 0.0]
    assert [flushed(np.float32(x)) for x in (1e-29, -1e-29, 3.0)] == [np.float32(1e-29), np.float32(-1e-29), 3.0]
