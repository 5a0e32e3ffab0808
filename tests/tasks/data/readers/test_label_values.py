from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.readers.label_values import bound_of, label_key, label_number

SPELLINGS = {
    "1": ["1", "1.0", "1.00", "+1", "01", "1e0", "1,0", "true", "TRUE", "pos", " Positive "],
    "0": ["0", "-0", "0.0", "0,00", "0e5", "false", "False\n", "neg", "NEGATIVE"],
    "-1": ["-1", "-1.0", " -1 "],
    "": ["", " ", "\t"],
    "1,000": ["1,000"],
    "1_0": ["1_0"],
    "nan": ["NaN"],
    "2e9999": ["2e9999"],
    "\u0661": ["\u0661"],
}


@pytest.mark.parametrize("key", SPELLINGS)
def test_all_spellings_of_a_label_have_its_key(key: str) -> None:
    assert {label_key(spelling) for spelling in SPELLINGS[key]} == {key}


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_equal_numbers_have_one_key_and_others_another(number: Decimal) -> None:
    for spelling in (f"{number:f}", f"{number:f}0", f" {number:E} "):
        assert label_key(spelling) == label_key(str(number))
        assert label_number(spelling) == number
    assert label_key(str(number + 1)) != label_key(str(number))


@given(st.text(max_size=9))
def test_any_text_is_a_label_and_its_key_is_its_own_key(text: str) -> None:
    assert label_key(label_key(text)) == label_key(text)


@pytest.mark.parametrize(
    ("value", "fitting"),
    [(">=7", [7, 8]), (" > 7", [8]), ("<=7.0", [6, 7]), ("<7", [6])],
)
def test_a_bound_fits_the_numbers_on_its_side(value: str, fitting: list[int]) -> None:
    bound = bound_of(value)
    assert bound
    assert [number for number in (6, 7, 8) if bound.fits(Decimal(number))] == fitting
    opposite = bound_of(bound.opposite())
    assert opposite
    assert [number for number in (6, 7, 8) if not opposite.fits(Decimal(number))] == fitting


@pytest.mark.parametrize("value", ["7", ">=", ">=x", "=>7", "7>", ">=1e9999"])
def test_other_values_are_labels(value: str) -> None:
    assert bound_of(value) is None
