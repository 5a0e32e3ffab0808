import numpy as np

from tasks.models.loops.lanes import flushed_number


def test_only_vanished_numbers_become_zero() -> None:
    assert [flushed_number(np.float32(x)) for x in (0.0, 1e-31, -1e-31, 1e-40)] == [0.0, 0.0, 0.0, 0.0]
    assert [flushed_number(np.float32(x)) for x in (1e-29, -1e-29, 3.0)] == [np.float32(1e-29), np.float32(-1e-29), 3.0]
