"""Sentences about data of which one label is rare: there, accuracy says little, and balanced accuracy leads."""

from artifacts.formats import join_names, network_name
from artifacts.markup import label_names
from tasks.results.comparison import Comparison
from tasks.results.training import LabelScores


def rarer(c: Comparison) -> str:
    """The name of the rarer label, in quotes."""
    return f"“{label_names(c.dataset.labels)[c.dataset.rarer]}”"


def always(c: Comparison) -> str:
    """What a table calls the answer that is always the more frequent label."""
    return f"always “{label_names(c.dataset.labels)[1 - c.dataset.rarer]}”"


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


def about_tests(c: Comparison) -> str:
    """What the tests below compare, and what may help to find the rarer label."""
    about = "The tests here compare accuracies; no test compares balanced accuracies."
    training = c.settings.get("training")
    if isinstance(training, dict) and training.get("class_weight") == "balanced":
        return about
    return f"{about} With --class-weight balanced, both labels weigh the same in training."
