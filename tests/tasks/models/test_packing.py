import numpy as np

from tasks.data.tokens import Tokens
from tasks.models.packing import pack, unpacked_layout

TOKENS = Tokens(np.array([7, 9, 5, 7, 7, 5], np.uint16), np.array([0, 2, 2, 6]), max_length=4)


def test_a_batch_with_literal_numbers() -> None:
    batch = pack(TOKENS)
    first, second = batch.groups
    assert batch.padding == 3
    # The longest and the shortest review; the one without tokens is packed as a token of padding.
    assert first.sorted_indices.tolist() == [2, 1]
    assert first.layout.batch_sizes.tolist() == [1, 1, 1, 2]
    assert first.layout.offsets.tolist() == [0, 1, 2, 3, 5]
    assert first.rows.tolist() == [5, 7, 7, 5, 0]
    assert second.sorted_indices.tolist() == [0]
    assert second.layout.batch_sizes.tolist() == [0, 0, 1, 1]
    assert second.rows.tolist() == [7, 9]


def test_a_single_review_is_one_group() -> None:
    batch = pack(TOKENS[2:])
    assert len(batch.groups) == 1
    assert batch.padding == 0


def test_entries_read_the_rows_of_distinct_tokens() -> None:
    batch = pack(TOKENS)
    distinct = batch.distinct_tokens()
    assert distinct.tolist() == [0, 5, 7, 9]
    first, second = batch.reindexed(distinct).groups
    assert first.rows.tolist() == [1, 2, 2, 1, 0]
    assert second.rows.tolist() == [2, 3]


def test_padding_is_among_the_distinct_tokens_even_where_there_is_none() -> None:
    assert pack(TOKENS[2:]).distinct_tokens().tolist() == [0, 5, 7]


def test_an_unpacked_layout_has_every_review_at_every_timestep() -> None:
    layout = unpacked_layout(3, 2)
    assert layout.offsets.tolist() == [0, 2, 4, 6]
    assert layout.batch_sizes.tolist() == [2, 2, 2]
