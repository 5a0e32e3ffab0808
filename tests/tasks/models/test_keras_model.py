from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tasks.models.keras_learner import build
from tasks.models.spec import preset


def test_the_stacked_preset_has_the_tutorials_four_layers() -> None:
    model = build(preset("stacked_simple_rnn", 32, 32, 0.0), vocabulary_size=10_000, learning_rate=0.001, seed=0)
    assert [type(layer).__name__ for layer in model.layers] == ["Embedding", *["SimpleRNN"] * 4, "Dense"]
    assert [layer.return_sequences for layer in model.layers[1:5]] == [True, True, True, False]


def test_the_same_seed_gives_the_same_initial_weights() -> None:
    first, second, other = (build(preset("lstm", 4, 4, 0.0), 20, 0.01, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_initial_weights_depend_on_the_seed_alone_even_when_threads_build() -> None:
    specs = [preset(name, 8, 8, 0.0) for name in ("simple_rnn", "lstm", "gru", "stacked_simple_rnn")]
    alone = [build(spec, 50, 0.001, seed).get_weights() for seed, spec in enumerate(specs)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: build(pair[1], 50, 0.001, pair[0]).get_weights(), enumerate(specs)))
    for ours, theirs in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
