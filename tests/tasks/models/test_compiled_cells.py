import pytest

from tasks.models.compiled_cells import why_not_covered
from tasks.models.spec import ModelSpec, preset


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (preset("gru", 4, 4, 0.0), "gru"),
        (preset("stacked_simple_rnn", 4, 4, 0.0), "more than one"),
        (preset("bidirectional_lstm", 4, 4, 0.0), "bidirectional"),
        (preset("lstm", 4, 4, 0.2), "dropout"),
    ],
)
def test_what_is_not_covered_says_why(spec: ModelSpec, reason: str) -> None:
    assert reason in str(why_not_covered(spec))


def test_plain_simple_rnn_and_lstm_are_covered() -> None:
    assert why_not_covered(preset("simple_rnn", 4, 4, 0.0)) is None
    assert why_not_covered(preset("lstm", 4, 4, 0.0)) is None
