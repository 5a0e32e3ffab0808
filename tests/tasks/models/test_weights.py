import numpy as np

from tasks.models.weights import EmbeddingGradient, Gradients


def test_the_full_embedding_gradient_has_a_row_for_every_token() -> None:
    arrays = [np.full(1, value, np.float32) for value in range(6)]
    rows = np.array([[1, 2], [3, 4]], np.float32)
    gradients = Gradients(arrays[0], EmbeddingGradient(np.array([0, 2]), rows, rows**2), *arrays[1:])
    embedding, *others = gradients.full(4)
    assert embedding.tolist() == [[1, 2], [0, 0], [3, 4], [0, 0]]
    assert others == arrays[1:]
