"""Networks on which the compiled loops are compared with Keras."""

from typing import get_args

import pytest

from tasks.models.spec import ModelSpec, PresetName, preset

PRESETS: tuple[PresetName, ...] = get_args(PresetName)


def small(name: PresetName, units: int = 5, embedding: int = 4) -> ModelSpec:
    """A preset with few units."""
    return preset(name, units, embedding, 0.0)


# Every cell in every position: alone, below and above others, in both directions, with layers of different sizes.
SMALL = [
    *(small(name) for name in PRESETS),
    ModelSpec(name="stacked_lstm", cell="lstm", units=(3, 6, 2), embedding=5),
    ModelSpec(name="stacked_gru", cell="gru", units=(6, 3), embedding=5),
    ModelSpec(name="bidirectional_simple_rnn", cell="simple_rnn", units=(4,), embedding=3, bidirectional=True),
    ModelSpec(name="stacked_bidirectional_gru", cell="gru", units=(3, 5, 2), embedding=4, bidirectional=True),
    ModelSpec(name="stacked_bidirectional_lstm", cell="lstm", units=(4, 3), embedding=4, bidirectional=True),
]

DEEP = ("stacked_simple_rnn", "bidirectional_lstm")
by_name = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in DEEP else ()) for name in PRESETS]
)
# Each cell and each position once in the short tier; the others follow in the long one.
SHORT_TIER = {"simple_rnn", "bidirectional_lstm", "stacked_bidirectional_gru"}
MARKS = [() if spec.name in SHORT_TIER else pytest.mark.slow for spec in SMALL]
by_spec = pytest.mark.parametrize(
    "spec", [pytest.param(spec, id=spec.name, marks=marks) for spec, marks in zip(SMALL, MARKS, strict=True)]
)

# Every preset, and a deeper network in both directions; none has dropout.
REFERENCE_NETWORKS = [
    preset("simple_rnn", 6, 5, 0.0),
    preset("lstm", 6, 5, 0.0),
    preset("gru", 6, 5, 0.0),
    preset("stacked_simple_rnn", 4, 5, 0.0),
    preset("bidirectional_lstm", 4, 5, 0.0),
    ModelSpec(name="deep", cell="gru", units=(5, 3), bidirectional=True, embedding=4),
]
