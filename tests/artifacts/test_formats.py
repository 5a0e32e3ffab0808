import json

import numpy as np
import pytest

from artifacts.formats import (
    COUNT,
    P_VALUE,
    POINTS,
    TEXT,
    decimals,
    interval,
    join_names,
    p_value,
    percent,
    plural,
    setting,
)
from tasks.results.training import Estimate


@pytest.mark.parametrize(
    ("form", "value", "text", "plain"),
    [
        (decimals(2), 1234.567, "1,234.57", 1234.57),
        (percent(2), 0.01234, "1.23%", 1.23),
        (COUNT, 322_113, "322,113", 322113),
        (TEXT, "a|b", "a|b", "a|b"),
        (P_VALUE, 0.0123, "0.012", "0.012"),
        (P_VALUE, 1e-300, "< 0.001", "< 0.001"),
    ],
)
def test_a_value_as_text_and_plain(form: object, value: object, text: str, plain: object) -> None:
    assert form.text(value) == text
    assert form.plain(value) == {"": plain}


def test_an_interval_has_three_plain_parts() -> None:
    estimate = Estimate(0.83873, 0.83411, 0.84321)
    assert interval(4).text(estimate) == "0.8387 (0.8341 to 0.8432)"
    assert interval(4).plain(estimate) == {"": 0.8387, ", 95% low": 0.8341, ", 95% high": 0.8432}


def test_a_difference_is_in_points_with_its_sign() -> None:
    estimate = Estimate(0.032, -0.0071, 0.0712)
    assert POINTS.text(estimate) == "+3.20 (-0.71 to +7.12)"
    assert POINTS.plain(estimate)[""] == 3.2


def test_plain_values_are_pythons_own() -> None:
    assert json.dumps(decimals(3).plain(np.float32(0.5))) == '{"": 0.5}'


def test_a_p_value_is_never_zero() -> None:
    assert p_value(1e-300) == "< 0.001"


def test_words_of_numbers_and_lists() -> None:
    assert [plural(count, "epoch") for count in (0, 1, 2, 1_000)] == ["0 epochs", "1 epoch", "2 epochs", "1,000 epochs"]
    assert [join_names(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (0.001, "0.001"),
        (("lstm", "gru"), "lstm, gru"),
        ([], ""),
        (
            [{"name": "deep", "units": [16, 8], "bidirectional": False}, {"name": "wide", "units": [64]}],
            "name deep, units 16, 8, bidirectional no; name wide, units 64",
        ),
    ],
)
def test_a_setting_is_no_python(value: object, text: str) -> None:
    assert setting(value) == text
