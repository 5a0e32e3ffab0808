import numpy as np

from tasks.models.layers.feedforward import Embedding, EmbeddingGradient


def test_the_full_gradient_has_a_row_for_every_token() -> None:
    sums = np.array([[[1, 2], [1, 4]], [[3, 4], [9, 16]]], np.float32)
    assert EmbeddingGradient(np.array([0, 2]), [sums]).full(4).tolist() == [[1, 2], [0, 0], [3, 4], [0, 0]]


def test_forward_gives_the_rows_of_tokens() -> None:
    assert Embedding(np.eye(3, dtype=np.float32)).forward(np.array([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
