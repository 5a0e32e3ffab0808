"""What is said of training sizes."""

from dataclasses import replace

import pytest

from artifacts.wording import sizes as wording
from tasks.results.comparison import Comparison
from tasks.results.sizes import Outlook
from tasks.results.training import Estimate
from tests.artifacts import examples


@pytest.fixture
def c() -> Comparison:
    """A run with three seeds and four sizes."""
    return examples.with_sizes(examples.comparison(3))


def with_outlooks(c: Comparison, *outlooks: Outlook) -> Comparison:
    """The same with other outlooks."""
    return examples.with_sizes(c, outlooks=outlooks)


def test_twice_the_data_is_told_or_why_it_cannot(c: Comparison) -> None:
    assert wording.answer(c) == (
        "Twice the data would bring LSTM +0.6 points (0.2 to 1.1), if errors go on falling as a power of the number of "
        "reviews. What twice the data would bring SimpleRNN cannot be told: errors do not fall as a power of the "
        "number of reviews, by which the smaller sizes predict 16.2% for 20,000 reviews, where 18.0% are wrong."
    )


@pytest.mark.parametrize(
    ("outlook", "reason"),
    [
        (Outlook("lstm", "epochs", 4, 3), "--minutes stopped some networks after fewer epochs than others."),
        (Outlook("lstm", "sizes", 3, 3), "3 sizes are too few; it takes four, the run itself included."),
        (Outlook("lstm", "seeds", 4, 1), "1 seed is too few; it takes three."),
        (Outlook("lstm", "seeds", 4, 2), "2 seeds are too few; it takes three."),
        (
            Outlook("lstm", "guessing", 4, 3, (1_000, 3_000)),
            "with 1,000 and 3,000 reviews it is not shown to be better than always giving the more frequent label, and "
            "until a network learns something, errors follow no power law.",
        ),
        (Outlook("lstm", "no_errors", 4, 3), "at some size no review is wrong."),
        (
            Outlook("lstm", "unsure", 4, 3, (), 0.1, 0.1, 0.1, Estimate(0, -1, 1), Estimate(0.004, -0.001, 0.009)),
            "+0.4 points (-0.1 to 0.9) may be chance, because the interval contains 0.",
        ),
    ],
)
def test_each_doubt_has_its_reason(c: Comparison, outlook: Outlook, reason: str) -> None:
    said = wording.answer(with_outlooks(c, outlook))
    assert said == f"What twice the data would bring LSTM cannot be told: {reason}"


def test_networks_with_the_same_doubt_share_a_sentence(c: Comparison) -> None:
    few = [Outlook(name, "sizes", 3, 3) for name in ("simple_rnn", "lstm")]
    assert str(wording.answer(with_outlooks(c, *few))).count("cannot be told") == 1


def test_growth_is_told_of_networks_and_the_bag_of_words(c: Comparison) -> None:
    assert wording.growth(c) == (
        "From 1,000 to 20,000 reviews to train on, the test accuracy of SimpleRNN rises from 70.0% to 82.0%, that of "
        "LSTM rises from 60.0% to 88.0% and that of a bag of words rises from 79.0% to 88.7%."
    )
    assert "the balanced test accuracy of" in str(wording.growth(examples.with_sizes(c, is_balanced=True)))


def test_a_crossing_is_claimed_only_if_it_is_shown(c: Comparison) -> None:
    assert str(wording.crossing(c)).startswith(
        "SimpleRNN is ahead of LSTM with 1,000 reviews and behind it with 10,000: they cross in between"
    )
    assert c.sizes
    once = examples.with_sizes(c, points=tuple(replace(point, seeds=1) for point in c.sizes.points))
    assert str(wording.crossing(once)).startswith("Of these trained networks, SimpleRNN is ahead of LSTM")
    assert str(wording.crossing(once)).endswith("One seed says nothing about where their kinds cross.")
    assert str(wording.crossing(examples.with_sizes(c, crossings=()))).startswith("No crossing is shown")
    assert wording.crossing(examples.with_sizes(c, crossings=(), leads=())) is None
    assert c.sizes
    untested = tuple(replace(lead, p_holm=None) for lead in c.sizes.leads)
    assert str(wording.crossing(examples.with_sizes(c, crossings=(), leads=untested))).startswith("Two seeds are too")


def test_it_says_what_was_equal_and_what_the_vocabulary_is(c: Comparison) -> None:
    about = str(wording.about(c))
    assert about.startswith("All were trained for the same number of epochs (2), so smaller subsets take fewer steps.")
    assert "15.1% are unknown with 1,000 reviews, 5.0% with the run's vocabulary." in about
    assert "Intervals are over seeds and reviews" in about
    other = str(wording.about(examples.with_sizes(c, vocabulary_of="all", epochs=(1, 2))))
    assert other.startswith("Because --minutes stopped some, networks were trained for 1 to 2 epochs.")
    assert "All have the run's vocabulary, in which 5.0%" in other


@pytest.mark.parametrize(
    ("seeds", "about", "bounds"),
    [
        (1, "over test reviews", "95%"),
        (2, "the lower and the higher seed", "from seed to seed"),
        (3, "over seeds and", "95%"),
    ],
)
def test_what_the_bounds_are_depends_on_the_seeds(c: Comparison, seeds: int, about: str, bounds: str) -> None:
    assert c.sizes
    points = tuple(replace(point, seeds=seeds) for point in c.sizes.points)
    few = examples.with_sizes(c, points=points)
    assert few.sizes
    assert about in str(wording.about(few))
    assert wording.bounds(few.sizes) == bounds


def test_the_law_of_each_network_is_told(c: Comparison) -> None:
    assert wording.laws(c)[1] == (
        "LSTM: the error falls as the number of reviews to the power -0.31. The smaller sizes predict 12.10% at the "
        "largest, and 12.00% are wrong there; the log errors differ by -0.008 (-0.038 to +0.022)."
    )


def test_of_a_smoke_run_and_of_a_run_without_sizes_nothing_is_told(c: Comparison) -> None:
    assert wording.answer(replace(c, settings=c.settings | {"run": {"smoke": True}})) is None
    for say in (wording.answer, wording.growth, wording.crossing, wording.about):
        assert say(replace(c, sizes=None)) is None
    assert wording.laws(replace(c, sizes=None)) == []
