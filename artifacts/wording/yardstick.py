"""Sentences on the bag of words: what it gets, whether the networks get more, and which labels both contradict."""

from collections.abc import Sequence
from pathlib import Path

from artifacts.formats import join_names, network_name, plural
from artifacts.markup import label_names
from artifacts.wording.verdict import nothing_shown
from tasks.results.comparison import Comparison, YardstickComparison, YardstickTest
from tasks.results.yardstick import Suspect
from tasks.storage.layout import SUSPECTS

BAG_OF_WORDS = "bag of words"  # In tables and figures.
NO_GAIN = (
    "On these reviews, reading in order gains {them} nothing over counting words. That does not mean that order "
    "carries no information, or that recurrent networks are useless: other networks, settings or data may use it."
)
NOT_SHOWN = (
    "So it is not shown that reading in order gains {them} anything over counting words, nor that order carries no "
    "information."
)
GAIN = (
    "So {names} {use} something that counting words lacks: word order, perhaps, though the test cannot say what it is."
)


def yardstick(c: Comparison) -> str | None:
    """What a bag of words gets, whether each network at its best epoch gets more, and what that means and does not.

    None if the bag of words could not be measured. It says nothing about networks whose scores show nothing.
    """
    if c.yardstick is None:
        return None
    result = _result(c, c.yardstick)
    if nothing_shown(c) or c.dataset.is_uneven:  # The tests compare accuracies, which say little of uneven labels.
        return result
    return f"{result} {_answers(c, c.yardstick.best)} {_meaning(c, c.yardstick.best)}"


def _result(c: Comparison, found: YardstickComparison) -> str:
    bag = found.yardstick
    if c.dataset.is_uneven:
        balanced = bag.by_label.balanced
        return (
            "A bag of words, which counts words and ignores their order, has a balanced accuracy of "
            f"{balanced.value:.1%} ({balanced.low:.1%} to {balanced.high:.1%}) after {bag.cpu_seconds:.1f} s of "
            "processor time."
        )
    chance = ""
    if bag.accuracy.low <= c.evidence.chance:
        chance = f", not reliably more than always predicting the more frequent label ({c.evidence.chance:.1%})"
    return (
        f"A bag of words, which counts words and ignores their order, is right on {bag.accuracy.value:.1%} of the "
        f"same {plural(c.dataset.test.reviews, 'test review')} after {bag.cpu_seconds:.1f} s of processor time{chance}."
    )


def _answers(c: Comparison, tests: Sequence[YardstickTest]) -> str:
    """How each network compares, by the corrected test."""
    groups = {answer: [test for test in tests if test.answer == answer] for answer in ("better", "worse", "open")}
    said = []
    for answer, more in (("better", "more often"), ("worse", "less often")):
        if groups[answer]:
            verb = "is" if _is_one_name(groups[answer]) else "are"
            said.append(f"{names(c, groups[answer])} {verb} right {more}, by {_points(groups[answer])}")
    if groups["open"]:
        said.append(f"{names(c, groups['open'])} cannot be told apart from it")
    start = "At its best epoch" if len(tests) == 1 else "Each at its best epoch"
    corrected = f", corrected for {len(tests)} networks" if len(tests) > 1 else ""
    return f"{start}, {'; '.join(said)} (McNemar's exact test at 5%{corrected})."


def _points(tests: Sequence[YardstickTest]) -> str:
    """By how many points networks differ from the bag of words: one number, or the smallest and the largest."""
    values = sorted(abs(100 * test.test.difference.value) for test in tests)
    ends = dict.fromkeys(f"{value:.1f}" for value in (values[0], values[-1]))
    return f"{' to '.join(ends)} points"


def _meaning(c: Comparison, tests: Sequence[YardstickTest]) -> str:
    better = [test for test in tests if test.answer == "better"]
    them = "this network" if len(tests) == 1 else "these networks"
    if better:
        return GAIN.format(names=names(c, better), use="uses" if _is_one_name(better) else "use")
    return (NO_GAIN if all(test.answer == "worse" for test in tests) else NOT_SHOWN).format(them=them)


def _is_one_name(tests: Sequence[YardstickTest]) -> bool:
    """Whether `names` gives one name, perhaps with several seeds."""
    return len({test.name for test in tests}) == 1


def names(c: Comparison, tests: Sequence[YardstickTest]) -> str:
    """The networks of these tests in the order of the settings: "LSTM", "LSTM (3 seeds)", "LSTM with seed 1 and 3"."""
    shown = []
    for model in c.models():
        seeds = sorted(test.test.seed for test in tests if test.name == model)
        everything = [branch.seed for branch in c.branches if branch.name == model]
        if not seeds:
            continue
        if len(everything) == 1:
            shown.append(network_name(model))
        elif len(seeds) == len(everything):
            shown.append(f"{network_name(model)} ({plural(len(seeds), 'seed')})")
        else:
            noun = "seed" if len(seeds) == 1 else "seeds"
            shown.append(f"{network_name(model)} with {noun} {join_names(list(map(str, seeds)))}")
    return join_names(shown)


def about(c: Comparison) -> str | None:
    """How the bag of words is made, and its further results."""
    if c.yardstick is None:
        return None
    bag = c.yardstick.yardstick
    values = ", ".join(f"{value:g}" for value in bag.strengths[:-1])
    return (
        "The bag of words reads the same tokens of the same cut reviews as the networks, except those that stand for "
        f"no word. It weighs {plural(bag.features, 'word')} by TF-IDF with sublinear counts, and logistic "
        f"regression on {plural(bag.reviews, 'training review')} classifies them. C = {bag.strength:g}, of {values} "
        f"and {bag.strengths[-1]:g} the best on the validation reviews by balanced accuracy. On the test reviews its "
        f"balanced accuracy is {bag.by_label.balanced.value:.4f} and its AUC {bag.auc:.4f}. The table has each "
        "network's accuracy minus that of the bag of words; p is McNemar's, corrected (Holm) for all networks at that "
        "epoch."
    )


def suspects(c: Comparison) -> str | None:
    """Which labels may be wrong, and what that does not mean."""
    found = c.suspects
    if found is None:
        return None
    if not found.contradicted:
        return f"No label of the {plural(found.judged, 'review')} is contradicted by all judges."
    them = f"The {found.written:,} that they contradict most surely are" if found.written > 1 else "It is"
    return (
        f"All judges contradict the labels of {found.contradicted:,} of {plural(found.judged, 'review')}. {them} in "
        f"{SUSPECTS}: candidates to look at, not errors, because a review may just be hard to read. The judges of test "
        "reviews are the bag of words and every network at its last epoch (means over seeds). Networks have seen the "
        "labels of training reviews, so these are judged only by a bag of words that has not (five folds). The score "
        "is the smallest probability that a judge gives to the other label."
    )


def suspect(c: Comparison, review: Suspect) -> str:
    """The summary line of a review whose label may be wrong."""
    part = "training" if review.part == "train" else "test"
    row = "" if review.file is None else f", {Path(review.file).name}, row {review.row}"
    return f"{part} review {review.review_id}{row}, label: {label_names(c.dataset.labels)[review.label]}"
