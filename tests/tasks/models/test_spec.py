from typing import Any

import pytest
from pydantic import ValidationError

from tasks.models.spec import ModelSpec, PresetName, preset


@pytest.mark.parametrize(
    ("name", "cell", "units", "bidirectional"),
    [
        ("simple_rnn", "simple_rnn", (32,), False),
        ("lstm", "lstm", (32,), False),
        ("gru", "gru", (32,), False),
        ("stacked_simple_rnn", "simple_rnn", (32, 32, 32, 32), False),
        ("bidirectional_lstm", "lstm", (32,), True),
    ],
)
def test_presets(name: PresetName, cell: str, units: tuple[int, ...], bidirectional: bool) -> None:
    spec = preset(name, 32, 16, 0.1)
    assert (spec.name, spec.cell, spec.units, spec.bidirectional) == (name, cell, units, bidirectional)
    assert (spec.embedding, spec.dropout) == (16, 0.1)


@pytest.mark.parametrize(
    "wrong",
    [{"name": "../up"}, {"cell": "transformer"}, {"units": ()}, {"units": (0,)}, {"dropout": 1.0}, {"layers": 2}],
)
def test_impossible_networks_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        ModelSpec(**({"name": "mine", "cell": "lstm"} | wrong))
