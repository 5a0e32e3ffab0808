import numpy as np
from numpy.typing import NDArray

from tasks.analysis.finalists import choose, compare_with_present
from tasks.results.sweep import Trial, TrialState
from tasks.results.training import Epoch

SWEEPS, TRIALS, FINALISTS, SEEDS = 1_000, 30, 3, 3
VALIDATION_REVIEWS, TEST_REVIEWS = 500, 500
SEED_DEVIATION = 0.1  # Of the ease with which a network is right; makes seeds differ by about 2 points of accuracy.


class Reviews:
    """Made-up reviews, some harder than others, and networks whose settings are all equally good."""

    def __init__(self, random: np.random.Generator, count: int) -> None:
        self._random, self._ease = random, random.normal(1.2, 1.0, count)

    def right(self, networks: NDArray[np.floating]) -> NDArray[np.floating]:
        """1 where a network is right, else 0, shape (..., reviews); `networks` has each one's luck with its seed."""
        noise = self._random.normal(0, 1.0, (*networks.shape, len(self._ease)))
        return (self._ease + networks[..., None] + noise > 0).astype(np.float64)


def trial(number: int, quality: float, state: TrialState = "complete") -> Trial:
    """A trial with one epoch."""
    epoch = Epoch(1, 0.5, quality, 0.5, quality, 1.0, 1.0, quality)
    return Trial(number, {"units": number}, state, "", (epoch,), None, "", 1.0)


def winner_of_equal_settings(random: np.random.Generator) -> str:
    """What is said of the winner of a sweep over settings that are all equally good."""
    validation, test = Reviews(random, VALIDATION_REVIEWS), Reviews(random, TEST_REVIEWS)
    qualities = validation.right(random.normal(0, SEED_DEVIATION, TRIALS)).mean(axis=1)
    chosen = choose([trial(number, float(quality)) for number, quality in enumerate(qualities)], FINALISTS)
    networks = random.normal(0, SEED_DEVIATION, (len(chosen), SEEDS))
    numbers = [finalist.number for finalist in chosen]
    tests = compare_with_present(dict(zip(numbers, test.right(networks), strict=True)))
    winner = numbers[int(validation.right(networks).mean(axis=(1, 2)).argmax())]
    return tests[winner].answer if winner else "present"


def test_of_sweeps_over_equal_settings_at_most_one_in_twenty_calls_the_winner_better() -> None:
    random = np.random.default_rng(1)
    answers = [winner_of_equal_settings(random) for _ in range(SWEEPS)]
    assert answers.count("better") <= 0.05 * SWEEPS
    assert answers.count("open") > 0.5 * SWEEPS


def test_a_better_winner_is_called_better() -> None:
    random = np.random.default_rng(2)
    reviews, found = Reviews(random, 2_000), 0
    for _ in range(50):
        networks = random.normal(0, SEED_DEVIATION, (2, SEEDS)) + np.array([[0.0], [0.6]])
        found += compare_with_present(dict(enumerate(reviews.right(networks))))[1].answer == "better"
    assert found > 40


def test_finalists_are_the_best_complete_trials_and_the_present_settings() -> None:
    trials = [trial(0, 0.6), trial(1, 0.9, "pruned"), trial(2, 0.7), trial(3, 0.8), trial(4, 0.75, "stopped")]
    assert [each.number for each in choose(trials, 2)] == [0, 3, 2]
    assert [each.number for each in choose([trial(0, 0.85), *trials[1:]], 2)] == [0, 3]


def test_without_the_present_settings_there_is_nothing_to_compare_with() -> None:
    assert compare_with_present({3: np.ones((3, 4))}) == {}


def test_one_seed_tests_its_networks_and_two_seeds_give_a_range() -> None:
    random = np.random.default_rng(3)
    right = (random.random((2, 2, 200)) < 0.8).astype(np.float64)
    one = compare_with_present({0: right[0, :1], 5: right[1, :1]})[5]
    two = compare_with_present({0: right[0], 5: right[1]})[5]
    assert (one.basis, two.basis, two.p_holm, two.answer) == ("reviews", "range", None, "open")
    assert one.p_holm is not None
    differences = (right[1] - right[0]).mean(axis=1)
    assert (two.difference.low, two.difference.high) == (min(differences), max(differences))
