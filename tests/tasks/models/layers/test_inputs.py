import numpy as np

from tasks.models.layers.inputs import LayerInputs, no_padding, outputs_in
from tasks.models.loops.records import Inputs, Layout

VALUES = np.zeros((4, 1), np.float32)
LAYOUT = Layout(np.array([0, 1, 3], np.int32), np.array([1, 2], np.int32))


def test_backwards_has_every_review_at_every_timestep_and_padding_last() -> None:
    sequence = LayerInputs(2, LAYOUT, Inputs(VALUES, np.array([3, 1, 2], np.int32)), no_padding(VALUES)).backwards()
    assert sequence.entries.rows.tolist() == [1, 2, 3, 0]
    assert sequence.layout.batch_sizes.tolist() == [2, 2]
    assert len(sequence.padding.rows) == 0


def test_an_entrys_output_is_the_state_before_the_next_entry() -> None:
    # Hidden states stand before entries 0, 1 and 2, then after the last entry of both reviews.
    assert outputs_in(LAYOUT).tolist() == [1, 3, 4]
