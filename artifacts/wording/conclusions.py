"""The sentences that end a question: how a network learned, whether its probabilities can be trusted."""

from artifacts.formats import changes
from artifacts.wording.report import name
from tasks.results.comparison import Comparison, Network
from tasks.results.training import Branch

FLAT = (
    0.05  # Validation losses that differ by less than this share of the lower one differ by chance from epoch to epoch.
)


def learned(c: Comparison) -> str:
    """How each model learned, by its first seed."""
    return " ".join(f"{name(c, branch)} {_learned(branch)}" for branch, _ in c.first_networks())


def _learned(branch: Branch) -> str:
    history = branch.history
    last, best = history[-1], history[branch.best_epoch - 1]
    if len(history) == 1:
        return "was trained for one epoch only, which does not show how it learns."
    lowest = min(history, key=lambda epoch: epoch.val_loss)
    start = f"has its best validation accuracy, {best.val_accuracy:.1%}, at epoch {best.epoch} of {last.epoch}"
    if lowest.epoch == last.epoch:
        return f"{start}; its validation loss still falls at the last epoch, so more epochs may help."
    rises = f"after epoch {lowest.epoch} its validation loss {changes(lowest.val_loss, last.val_loss, '.2f')}"
    if last.val_loss < (1 + FLAT) * lowest.val_loss:
        return f"{start}; {rises}: no clear sign of overfitting."
    if last.loss < lowest.loss:
        return f"{start}; {rises} while its training loss falls to {last.loss:.2f}: it overfits."
    return f"{start}; {rises}, and its training loss does not fall any more: training is unstable."


def trusted(c: Comparison) -> str:
    """Whether each model's probabilities can be trusted, by its first seed."""
    return " ".join(_trusted(c, network) for network in c.first_networks())


def _trusted(c: Comparison, network: Network) -> str:
    scores, who = network.evaluation.last, name(c, network.branch)
    over = scores.overconfidence
    error = f"the expected calibration error is {scores.calibration_error:.3f}"
    points = f"{100 * abs(over.value):.1f} points"
    if over.low <= 0 <= over.high:
        return f"{who} is shown to be neither over- nor under-confident ({points} on average); {error}."
    kind, side = ("over-confident", "farther from") if over.value > 0 else ("under-confident", "nearer to")
    return (
        f"{who} is {kind}: its probabilities are {points} {side} 50% than the shares of positive reviews, on average; "
        f"{error}."
    )
