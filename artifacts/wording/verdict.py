"""Sentences on which model is better, how it learned, and whether to trust it. None claims more than its test shows."""

from collections.abc import Mapping
from typing import cast

from artifacts.formats import (
    capitalized,
    change_text,
    join_names,
    network_name,
    network_names,
    p_value,
    plural,
    possessive,
)
from artifacts.wording import uneven
from artifacts.wording.report import name, positive
from tasks.results.comparison import Comparison, ModelRanking, Network, Overfitting, Pair
from tasks.results.training import Branch, Point, best_epoch

POINTS: tuple[Point, ...] = ("best", "last")
BALANCED_CHANCE = 0.5
SMOKE_RUN = "A smoke run: its networks have hardly been trained, so their scores show nothing."
ONE_SEED = (
    "One seed says nothing about the kinds of network; what follows is about these trained networks only. To compare "
    "kinds, train each with several seeds, for example --replicates 3."
)


def nothing_shown(c: Comparison) -> str | None:
    """Why the scores of a run show nothing; None if they may show something."""
    if cast(Mapping[str, object], c.settings.get("run", {})).get("smoke"):
        return SMOKE_RUN
    if _guessing(c) == c.models():
        return (
            f"No network is reliably better than always predicting the more frequent label ({_chance(c)}), so their "
            "differences show nothing."
        )
    return None


def _chance(c: Comparison) -> str:
    """What always predicting the more frequent label gets."""
    return "balanced accuracy 50.0%" if c.dataset.is_uneven else f"{c.evidence.chance:.1%}"


def _guessing(c: Comparison) -> list[str]:
    """The models without a network that is reliably better than always predicting the more frequent label."""
    scores = [(e.name, e.at(point)) for e in c.evaluations for point in POINTS]
    if c.dataset.is_uneven:
        better = {name for name, each in scores if each.by_label.balanced.low > BALANCED_CHANCE}
    else:
        better = {name for name, each in scores if each.low > c.evidence.chance}
    return [model for model in c.models() if model not in better]


def _caution(c: Comparison) -> list[str]:
    """Which models only guess, and what a lead over them shows."""
    guessing = _guessing(c)
    if not guessing:
        return []
    verb, them = ("is", "it") if len(guessing) == 1 else ("are", "them")
    return [
        f"{network_names(guessing)} {verb} not reliably better than always predicting the more frequent label "
        f"({_chance(c)}): a lead over {them} shows only a lead over guessing."
    ]


def verdicts(c: Comparison) -> list[str]:
    """First the verdict, in one sentence: which model is better at the best validation epochs.

    The sentences after it say what limits that verdict, which model is better at the last epochs, and what happens in
    between.
    """
    if nothing := nothing_shown(c):
        return [nothing, *([uneven.verdict(c)] if c.dataset.is_uneven else [])]
    if c.dataset.is_uneven:
        return [uneven.verdict(c), *_caution(c), uneven.about_tests(c), *_verdicts(c)]
    first, *further = _verdicts(c)
    return [first, *_caution(c), *further]


def _verdicts(c: Comparison) -> list[str]:
    """Which model has the better accuracy at the best epochs, what limits that, and the same at the last epochs."""
    if not c.evidence.pairs:
        return [_alone(c), _overfitting(c)]
    last = ModelRanking(c.evidence.pairs, c.evidence.ranking)
    one_seed = any(pair.basis == "reviews" for pair in c.evidence.pairs)
    return [
        f"Each at its best epoch by validation, {verdict(c, c.evidence.kept)}",
        *([ONE_SEED] if one_seed else []),
        f"Each at its last epoch, as in the tutorial, {verdict(c, last)}",
        _overfitting(c),
    ]


def _alone(c: Comparison) -> str:
    """The accuracy of the only model of a run."""
    networks = c.networks()
    best = c.mean(networks[0].branch.name, lambda network: network.evaluation.best.accuracy)
    several = "" if len(networks) == 1 else f" on average over {len(networks)} seeds"
    return (
        f"At its best validation epoch, {network_name(networks[0].branch.name)} is right on {best:.1%} of the "
        f"{plural(c.dataset.test.reviews, 'test review')}{several}."
    )


def verdict(c: Comparison, verdict: ModelRanking) -> str:
    """Which model is better at one epoch, and how certain that is; three or more models form one ranking."""
    if len(verdict.pairs) == 1:
        return _pair(c, verdict.pairs[0])
    groups = [network_names(group) for group in verdict.ranking]
    if len(groups) == 1:
        return f"{groups[0]} cannot be told apart ({_about_tests(verdict)})."
    best = f"{groups[0]} {'lead' if len(verdict.ranking[0]) > 1 else 'leads'}"
    joined = any(len(group) > 1 for group in verdict.ranking)
    claim = "Networks joined by “and” cannot be told apart" if joined else "Each differs from the one before it"
    return f"{best}, then {', then '.join(groups[1:])}. {claim} ({_about_tests(verdict)})."


def _about_tests(verdict: ModelRanking) -> str:
    basis = verdict.pairs[0].basis
    if basis == "range":
        return "two seeds are too few for a test"
    sample = "the test reviews" if basis == "reviews" else "seeds and test reviews"
    return f"tested at 5% over {sample}, corrected for all pairs"


def _pair(c: Comparison, pair: Pair) -> str:
    """The comparison of two models, without claims that their test does not support."""
    points, low, high = (100 * value for value in (pair.difference.value, pair.difference.low, pair.difference.high))
    names = network_name(pair.first), network_name(pair.second)
    better, worse = names if points >= 0 else names[::-1]
    if points < 0:
        low, high = -high, -low
    is_tie = round(points, 1) == 0
    by = "by less than 0.1 points" if is_tie else f"by {abs(points):.1f} points"
    if pair.basis == "range":
        has = (
            f"{better} and {worse} are level in mean test accuracy over two seeds"
            if is_tie
            else f"{better} has the higher mean test accuracy over two seeds, {by}"
        )
        return f"{has} ({low:+.1f} and {high:+.1f}); two seeds are too few for an interval."
    interval = f"95% interval {low:+.1f} to {high:+.1f}, {p_text(pair.p_holm or 0.0)}"
    if pair.basis == "reviews":
        sample = f"the same {plural(c.dataset.test.reviews, 'test review')}"
        if pair.is_different:
            return f"this {better} is right more often than this {worse} on {sample}, {by} ({interval})."
        no_difference = f"on {sample} no difference in accuracy is shown"
        if is_tie:
            return f"{no_difference}: this {better} and this {worse} are level ({interval})."
        return f"{no_difference}: this {better} is ahead of this {worse} {by} ({interval})."
    sample = f"{plural(len(pair.seeds), 'seed')} and {plural(c.dataset.test.reviews, 'test review')}"
    ahead = pair.seeds_ahead if points >= 0 else len(pair.seeds) - pair.seeds_ahead
    seeds = f"it is ahead with {ahead} of {len(pair.seeds)} seeds"
    if pair.is_different:
        return f"over {sample}, {better} is better than {worse} {by} of test accuracy ({interval}); {seeds}."
    if is_tie:
        state, seeds = f"{better} and {worse} are level", f"{better} {seeds.removeprefix('it ')}"
    else:
        state = f"{better} is ahead of {worse} {by}"
    return f"over {sample} no difference in accuracy is shown: {state} ({interval}); {seeds}."


def _overfitting(c: Comparison) -> str:
    """What happens between the best validation epochs and the last one."""
    models = c.evidence.overfitting
    if len(models) == 1:
        return f"{capitalized(_overfitting_of(*next(iter(models.items()))))}."
    if all(_best_at_the_end(model) for model in models.values()):
        return f"Both verdicts are about the same networks: {network_names(models)} are best at their last epoch."
    changes = [_overfitting_of(name, model) for name, model in models.items()]
    lead = f" {_lead(c.evidence.kept.pairs[0], c.evidence.pairs[0])}" if len(c.evidence.pairs) == 1 else ""
    return f"Between the two: {'; '.join(changes)}.{lead}"


def _best_at_the_end(model: Overfitting) -> bool:
    return all(epoch == model.last_epoch for epoch in model.best_epochs)


def _overfitting_of(model_name: str, model: Overfitting) -> str:
    name = network_name(model_name)
    if _best_at_the_end(model):
        return f"{name} is best at its last epoch"
    if len(model.best_epochs) == 1:
        epochs, mean = f"its best epoch ({model.best_epochs[0]})", ""
    else:
        epochs, mean = f"its best epochs ({join_names([str(epoch) for epoch in model.best_epochs])}, by seed)", "mean "
    loss = change_text(model.validation_loss_best, model.validation_loss_last, ".2f")
    accuracy = change_text(model.test_accuracy_best, model.test_accuracy_last, ".1%")
    return (
        f"from {epochs} to its last ({model.last_epoch}), {possessive(name)} {mean}validation loss {loss} and its "
        f"{mean}test accuracy {accuracy}"
    )


def _lead(kept: Pair, last: Pair) -> str:
    """The lead at the best and the last epochs, in rounded points, so that printed numbers add up."""
    before = kept.difference.value if kept.first == last.first else -kept.difference.value
    best, final = round(100 * before, 1), round(100 * last.difference.value, 1)
    names = network_name(last.first), network_name(last.second)
    leader, other = names if final >= 0 else names[::-1]
    if final < 0:
        best, final = -best, -final
    if best == 0 or final == 0:
        return _tie(names, best, final, leader)
    if best < 0:
        return f"So {other} is ahead by {-best:.1f} points at the best epochs, {leader} by {final:.1f} at the last."
    start = f"So {leader} is ahead by {best:.1f} points at the best epochs and by"
    if final > best:
        late = final - best
        return (
            f"{start} {final:.1f} at the last: {late:.1f} of these {final:.1f} points ({late / final:.0%}) come only "
            "from training past the best epochs."
        )
    return f"{start} {'as much' if final == best else f'only {final:.1f}'} at the last."


def _tie(names: tuple[str, str], best: float, final: float, leader: str) -> str:
    """The leads in points if one of them is 0; `leader` leads at the last epoch, or at the best if `best` > 0."""
    both = join_names(list(names))
    if best == final:
        return f"So {both} are level, at the best epochs and at the last."
    if best == 0:
        return (
            f"So {both} are level at the best epochs; the {final:.1f} points by which {leader} is ahead at the last "
            "come only from training past the best epochs."
        )
    ahead = leader if best > 0 else next(name for name in names if name != leader)
    return f"So {ahead} is ahead by {abs(best):.1f} points at the best epochs, and both are level at the last."


def p_text(p: float) -> str:
    """A p-value within a sentence."""
    return f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


# If two epochs' validation losses differ by less than this share of the lower one, chance may explain it.
FLAT_LOSS_SHARE = 0.05


def learned(c: Comparison) -> str:
    """How each model learned, by its first seed."""
    is_weighted = uneven.is_weighted(c)
    return " ".join(f"{name(c, branch)} {learned_by(branch, is_weighted)}" for branch, _ in c.first_networks())


def learned_by(branch: Branch, is_weighted: bool = False) -> str:
    """How a network learned and where overfitting begins: the end of a sentence that starts with its name.

    A weighted training loss is not compared with the validation loss, which has no weights.
    """
    history = branch.history
    last, best = history[-1], best_epoch(history)
    if len(history) == 1:
        return "was trained for one epoch only, which does not show how it learns."
    lowest = min(history, key=lambda epoch: epoch.val_loss)
    start = f"has its best balanced validation accuracy, {best.quality:.1%}, at epoch {best.epoch} of {last.epoch}"
    if lowest.epoch == last.epoch:
        return f"{start}; its validation loss still falls at the last epoch, so more epochs may help."
    is_flat = last.val_loss < (1 + FLAT_LOSS_SHARE) * lowest.val_loss
    if is_flat or _same(lowest.val_loss, last.val_loss):
        highest = max(epoch.val_loss for epoch in history[lowest.epoch :])
        reached = f"{start}; its validation loss is lowest after epoch {lowest.epoch}, {lowest.val_loss:.2f}, and then"
        if _same(lowest.val_loss, highest):
            return f"{reached} stays there."
        return f"{reached} between that and {highest:.2f}{': no clear sign of overfitting' if is_flat else ''}."
    rises = f"after epoch {lowest.epoch} its validation loss {change_text(lowest.val_loss, last.val_loss, '.2f')}"
    if is_weighted:
        return f"{start}; {rises}. Its training loss, which weighs the labels, cannot be compared with that."
    if _same(lowest.loss, last.loss):
        return f"{start}; {rises} while its training loss stays at {last.loss:.2f}."
    if last.loss < lowest.loss:
        return f"{start}; {rises} while its training loss falls to {last.loss:.2f}: it overfits."
    return f"{start}; {rises}, and its training loss no longer falls: training is unstable."


def _same(first: float, second: float) -> bool:
    """Whether two losses are the same as shown."""
    return f"{first:.2f}" == f"{second:.2f}"


def trusted(c: Comparison) -> str:
    """Whether each model's probabilities can be trusted, by its first seed."""
    return " ".join(_trusted(c, network) for network in c.first_networks())


def _trusted(c: Comparison, network: Network) -> str:
    scores, who = network.evaluation.last, name(c, network.branch)
    over = scores.overconfidence
    error = f"the expected calibration error is {scores.calibration_error:.3f}"
    points = f"{100 * abs(over.value):.1f} points"
    if over.low <= 0 <= over.high:
        return f"{who} is not shown to be over- or under-confident ({points} on average); {error}."
    kind, side = ("over-confident", "farther from") if over.value > 0 else ("under-confident", "nearer to")
    return (
        f"{who} is {kind}: its probabilities are {points} {side} 50% than the shares of reviews "
        f"labelled {positive(c)}, on average; {error}."
    )
