"""Sentences on training sizes: how accuracy grows, where networks cross, and what twice the data would bring."""

from collections.abc import Iterator, Sequence

from artifacts.formats import change_text, join_names, network_name, network_names, plural
from artifacts.wording.verdict import nothing_shown
from artifacts.wording.yardstick import BAG_OF_WORDS
from tasks.results.comparison import Comparison
from tasks.results.sizes import Crossing, Outlook, SizeCurves
from tasks.results.training import Estimate

TESTED = "tests at 5%, corrected for all pairs and sizes"
ABOUT_LAW = (
    "The errors of many networks fall as a power of the number of reviews (Hestness et al. 2017): log error is a line "
    "over log reviews. Here the line through all sizes but the largest must predict the largest: the 95% interval of "
    "the difference between the two log errors must contain 0. At every size the network must also do better than "
    "always giving the more frequent label. Only then is the line through all sizes extended to twice the data. "
    "Intervals are over seeds and test reviews (delta method, crossed random effects); each size has one subset, so "
    "they leave out what other subsets of that size would give."
)


def answer(c: Comparison) -> str | None:
    """What twice the data would bring each network, or why that cannot be told; None if scores show nothing."""
    if c.sizes is None or nothing_shown(c):
        return None
    told = [outlook for outlook in c.sizes.outlooks if outlook.gain and not outlook.doubt]
    return " ".join([*([_told(told)] if told else []), *_not_told(c.sizes)])


def _told(outlooks: Sequence[Outlook]) -> str:
    gains = [f"{network_name(each.name)} {_points(each.gain)}" for each in outlooks if each.gain]
    return (
        f"Twice the data would bring {join_names(gains)}, if errors go on falling as a power of the number of reviews."
    )


def _points(gain: Estimate) -> str:
    return f"{100 * gain.value:+.1f} points ({100 * gain.low:.1f} to {100 * gain.high:.1f})"


def _not_told(sizes: SizeCurves) -> Iterator[str]:
    """A sentence for each reason; networks with the same one share it."""
    reasons: dict[str, list[str]] = {}
    for outlook in sizes.outlooks:
        if outlook.doubt:
            reasons.setdefault(_doubt(outlook, sizes), []).append(outlook.name)
    for reason, names in reasons.items():
        yield f"What twice the data would bring {network_names(names)} cannot be told: {reason}."


def _doubt(outlook: Outlook, sizes: SizeCurves) -> str:
    if outlook.doubt == "epochs":
        return "--minutes stopped some networks after fewer epochs than others"
    if outlook.doubt == "sizes":
        return f"{plural(outlook.sizes, 'size')} are too few; it takes four, the run itself included"
    if outlook.doubt == "seeds":
        return f"{plural(outlook.seeds, 'seed')} {'is' if outlook.seeds == 1 else 'are'} too few; it takes three"
    if outlook.doubt == "guessing":
        sizes_text = join_names([f"{size:,}" for size in outlook.guessing])
        return (
            f"with {sizes_text} reviews it is not shown to be better than always giving the more frequent label, and "
            "until a network learns something, errors follow no power law"
        )
    if outlook.gain is None or outlook.observed is None or outlook.predicted is None:
        return "at some size no review is wrong"
    if outlook.doubt == "bends":
        return (
            "errors do not fall as a power of the number of reviews, by which the smaller sizes predict "
            f"{outlook.predicted:.1%} for {sizes.sizes[-1]:,} reviews, where {outlook.observed:.1%} are wrong"
        )
    return f"{_points(outlook.gain)} may be chance, because the interval contains 0"


def growth(c: Comparison) -> str | None:
    """How accuracy changes from the smallest size to the largest."""
    if c.sizes is None:
        return None
    first, last = c.sizes.sizes[0], c.sizes.sizes[-1]
    changes = []
    for model in c.models():
        values = {point.size: point.accuracy.value for point in c.sizes.of_model(model)}
        if first in values and last in values:
            changes.append(f"that of {network_name(model)} {change_text(values[first], values[last], '.1%')}")
    bags = [each.yardstick for each in (c.sizes.data[0], c.sizes.data[-1]) if each.yardstick]
    if len(bags) == 2:
        changes.append(f"that of a {BAG_OF_WORDS} {change_text(bags[0].value, bags[1].value, '.1%')}")
    if not changes:
        return None
    text = join_names(changes).removeprefix("that of ")
    return f"From {first:,} to {last:,} reviews to train on, the {accuracy(c.sizes)} of {text}."


def accuracy(sizes: SizeCurves) -> str:
    """What the accuracies of sizes are called."""
    return "balanced test accuracy" if sizes.is_balanced else "test accuracy"


def crossing(c: Comparison) -> str | None:
    """At which sizes networks are shown to cross; None with a single network."""
    if c.sizes is None or not c.sizes.leads or nothing_shown(c):
        return None
    if c.sizes.crossings:
        found = f"{' '.join(map(_crossing, c.sizes.crossings))} ({TESTED})."
        if _seeds(c.sizes) > 1:
            return found
        return f"Of these trained networks, {found} One seed says nothing about where their kinds cross."
    if all(lead.p_holm is None for lead in c.sizes.leads):
        return "Two seeds are too few to test where networks cross."
    return (
        "No crossing is shown: for no pair of networks is one shown to be ahead at a size and the other one at a "
        f"larger size ({TESTED})."
    )


def _crossing(found: Crossing) -> str:
    before, after = network_name(found.before), network_name(found.after)
    return (
        f"{before} is ahead of {after} with {found.size_before:,} reviews and behind it with {found.size_after:,}: "
        "they cross in between"
    )


def about(c: Comparison) -> str | None:
    """What was the same at all sizes and what was not, and what the intervals are over."""
    sizes = c.sizes
    if sizes is None:
        return None
    fewest, most = sizes.epochs
    if fewest == most:
        epochs = f"All were trained for the same number of epochs ({most}), so smaller subsets take fewer steps."
    else:
        epochs = f"Because --minutes stopped some, networks were trained for {fewest} to {most} epochs."
    over = {1: "Intervals are over test reviews", 2: "Bounds are the lower and the higher seed"}
    seeds = _seeds(sizes)
    return (
        f"{epochs} Each is shown at its best epoch by validation. Subsets are nested and have both labels' shares; the "
        f"validation and test reviews are always the same. {over.get(seeds, 'Intervals are over seeds and reviews')}. "
        f"Processor time is that of all epochs, with the validation after each. {_vocabulary(sizes)}"
    )


def bounds(sizes: SizeCurves) -> str:
    """What the bounds of an accuracy are."""
    return "from seed to seed" if _seeds(sizes) == 2 else "95%"


def _seeds(sizes: SizeCurves) -> int:
    return max(point.seeds for point in sizes.points)


def _vocabulary(sizes: SizeCurves) -> str:
    smallest, whole = sizes.data[0], sizes.data[-1]
    if sizes.vocabulary_of == "all":
        return (
            f"All have the run's vocabulary, in which {whole.unknown_rate:.1%} of the words of the test reviews are "
            "unknown, although smaller subsets do not contain all of its words."
        )
    return (
        "The vocabulary of a subset consists of its own most frequent words, as many as the run's has: of the words of "
        f"the test reviews, {smallest.unknown_rate:.1%} are unknown with {smallest.size:,} reviews, "
        f"{whole.unknown_rate:.1%} with the run's vocabulary."
    )


def laws(c: Comparison) -> list[str]:
    """For each network, the power law and how it was tested."""
    return [
        f"{network_name(each.name)}: the error falls as the number of reviews to the power {-each.exponent:.2f}. The "
        f"smaller sizes predict {each.predicted:.2%} at the largest, and {each.observed:.2%} are wrong there; the log "
        f"errors differ by {each.surprise.value:+.3f} ({each.surprise.low:+.3f} to {each.surprise.high:+.3f})."
        for each in (c.sizes.outlooks if c.sizes else ())
        if each.exponent is not None and each.surprise and each.predicted and each.observed
    ]
