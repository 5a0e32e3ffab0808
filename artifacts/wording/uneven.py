"""Sentences about data of which one label is rare: there, accuracy says little, and balanced accuracy leads."""

from rich.cells import cell_len, set_cell_size

from artifacts.formats import join_names, network_name
from artifacts.markup import label_names
from tasks.results.comparison import Comparison
from tasks.results.training import LabelScores

NOT_BALANCED = "The tests here compare accuracies; no test compares balanced accuracies."


def rarer(c: Comparison) -> str:
    """The name of the rarer label, in quotes."""
    return f"“{label_names(c.dataset.labels)[c.dataset.rarer]}”"


def always(c: Comparison, widest: int | None = None) -> str:
    """What a table calls the answer that is always the more frequent label, whose name may take `widest` columns."""
    name = label_names(c.dataset.labels)[1 - c.dataset.rarer]
    if widest is not None and cell_len(name) > widest:
        name = f"{set_cell_size(name, widest - 1).rstrip()}…"
    return f"always “{name}”"


def verdict(c: Comparison) -> str:
    """The balanced accuracy of each model at its best epoch, beside that of always giving the more frequent label."""
    each = [_of(name, scores) for name, scores in c.label_scores().items()]
    bounds = "means and bounds over seeds" if c.has_several_seeds() else "95% interval"
    share = f"{100 * c.dataset.rarer_share:.2g}%"
    return (
        f"{share} of the reviews are labelled {rarer(c)}, so accuracy says little. At the best epoch, balanced "
        f"accuracy, the mean of both labels' recalls, is {join_names(each)} ({bounds}); {always(c)} gets 50.0%."
    )


def _of(name: str, scores: LabelScores) -> str:
    balanced = scores.balanced
    return f"{balanced.value:.1%} for {network_name(name)} ({balanced.low:.1%} to {balanced.high:.1%})"


def is_weighted(c: Comparison) -> bool:
    """Whether both labels weigh the same in training, however rare one is."""
    training = c.settings.get("training")
    return isinstance(training, dict) and training.get("class_weight") == "balanced"


def about_tests(c: Comparison) -> str:
    """What the tests below compare, and what may help to find the rarer label."""
    if is_weighted(c):
        return NOT_BALANCED
    return f"{NOT_BALANCED} With --class-weight balanced, both labels weigh the same in training."
