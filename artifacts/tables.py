"""Every table of the report and the Prefect UI, each defined once by a function that returns columns and rows."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from artifacts.blocks import Column, Table
from artifacts.formats import COUNT, P_VALUE, POINTS, VALUE, capitalized, decimals, interval, network_name
from artifacts.wording import uneven, why
from artifacts.wording.yardstick import BAG_OF_WORDS
from tasks.results.comparison import (
    Basis,
    Comparison,
    Finding,
    ModelSummary,
    Network,
    Pair,
    Reproduction,
    SeedTest,
    YardstickTest,
)
from tasks.results.run_summary import RunSummary, column_title, differing, flat
from tasks.results.training import THRESHOLD, LabelScores, best_epoch

# What an interval accounts for.
BASES: dict[Basis, str] = {
    "reviews": "reviews",
    "seeds_and_reviews": "seeds and reviews",
    "range": "lowest to highest seed",
}
WIDEST_LABEL = 12  # Columns of the terminal for the name of a label.
CALIBRATION_ERROR: Column[Network] = Column(
    "Expected calibration error", lambda n: n.evaluation.last.calibration_error, decimals(4)
)


def overview(c: Comparison) -> Table[ModelSummary]:
    """The first table of the report: the results of each model, means over its seeds."""
    tutorial = {line.name: line.tutorial for line in c.reproduction}
    in_tutorial: Column[ModelSummary] = Column(
        "Tutorial's validation accuracy", lambda model: tutorial.get(model.name), decimals(3)
    )
    columns: list[Column[ModelSummary]] = [
        *_results(c),
        _validation(c),
        *([in_tutorial] if tutorial else []),
        Column("Parameters", lambda model: c.mean(model.name, lambda n: n.branch.parameters), COUNT),
        _cpu_seconds(c),
    ]
    bag = c.yardstick.yardstick if c.yardstick else None
    validation = (bag.validation_balanced if c.dataset.is_uneven else bag.validation_accuracy) if bag else None
    further = [validation, *([None] if tutorial else []), bag.features + 1, bag.cpu_seconds] if bag else []
    return Table("", columns, c.model_summaries(), _apart(c, uneven.always(c), further, len(columns)))


def _validation(c: Comparison) -> Column[ModelSummary]:
    """Validation accuracy at the last epoch; of uneven labels, balanced and at the best epoch, as the other scores."""
    if c.dataset.is_uneven:
        return Column(
            "Balanced validation accuracy",
            lambda m: c.mean(m.name, lambda n: best_epoch(n.branch.history).quality),
            decimals(3),
        )
    return Column(
        "Validation accuracy", lambda m: c.mean(m.name, lambda n: n.branch.history[-1].val_accuracy), decimals(4)
    )


def answer(c: Comparison) -> Table[ModelSummary]:
    """The table that the terminal shows at the end of a run: an overview with short heads and names of labels."""
    columns = [*_results(c, "Test accuracy (95%)", "At best epoch", "F1 (rarer)"), _cpu_seconds(c, "CPU s")]
    further = [c.yardstick.yardstick.cpu_seconds] if c.yardstick else []
    always = uneven.always(c, WIDEST_LABEL)
    return Table("", columns, c.model_summaries(), _apart(c, always, further, len(columns)))


def _apart(c: Comparison, always: str, further: Sequence[float | None], width: int) -> list[list[Any]]:
    """What is no network, in the columns of `_results` and then `further` ones: always one label, the bag of words.

    `always` names the first of them.
    """
    no_seed = [None] if c.has_several_seeds() else []
    rows: list[list[Any]] = []
    if c.dataset.is_uneven:
        scores = LabelScores.of_always(c.dataset.rarer_test_share)
        row = [always, *no_seed, scores.balanced, scores.f1, scores.area, c.evidence.chance]
        rows.append([*row, *[None] * (width - len(row))])
    if c.yardstick:
        bag = c.yardstick.yardstick
        scores = bag.by_label
        by_label = [scores.balanced, scores.f1, scores.area, bag.accuracy.value]
        rows.append([BAG_OF_WORDS, *no_seed, *(by_label if c.dataset.is_uneven else [bag.accuracy, None]), *further])
    return rows


def _results(
    c: Comparison, accuracy: str = "Test accuracy (95% interval)", best: str = "At the best epoch", f1: str = ""
) -> list[Column[ModelSummary]]:
    """A model's accuracy at the last epoch and at the best one; of uneven labels, what says more, at the best epoch."""
    several = c.has_several_seeds()
    seeds: Column[ModelSummary] = Column("Seeds", lambda model: model.seeds, COUNT)
    first: list[Column[ModelSummary]] = [
        Column("Network", lambda model: network_name(model.name)),
        *([seeds] if several else []),
    ]
    if c.dataset.is_uneven:
        scores = c.label_scores()
        bounds = "lowest to highest seed" if several else "95%"
        return [
            *first,
            Column(f"Balanced accuracy ({bounds})", lambda m: scores[m.name].balanced, interval(3)),
            Column(f1 or f"F1 of {uneven.rarer(c)}", lambda m: scores[m.name].f1, decimals(3)),
            Column("PR area", lambda m: scores[m.name].area, decimals(3)),
            Column("Accuracy", lambda m: c.mean(m.name, lambda n: n.evaluation.best.accuracy), decimals(3)),
        ]
    return [
        *first,
        Column(f"Mean {accuracy[0].lower()}{accuracy[1:]}" if several else accuracy, lambda m: m.accuracy, interval(4)),
        Column(best, lambda m: c.mean(m.name, lambda n: n.evaluation.best.accuracy), decimals(4)),
    ]


def _cpu_seconds(c: Comparison, head: str = "Processor time (s)") -> Column[ModelSummary]:
    return Column(head, lambda model: c.mean(model.name, lambda n: n.branch.cpu_seconds), decimals(1))


def models(c: Comparison) -> Table[ModelSummary]:
    """How the results of each model vary over its seeds; no rows unless a model has several seeds."""
    columns: list[Column[ModelSummary]] = [
        Column("Network", lambda model: network_name(model.name)),
        Column("Seeds", lambda model: model.seeds, COUNT),
        Column("Interval over", lambda model: BASES[model.basis]),
        Column("Standard deviation", lambda model: model.deviation, decimals(4)),
        Column("Mean AUC", lambda model: model.auc, decimals(4)),
    ]
    return Table("Each model over its seeds", columns, c.model_summaries() if c.has_several_seeds() else ())


def accuracy(c: Comparison) -> Table[Network]:
    """The accuracy of each network."""
    columns: list[Column[Network]] = [
        *_names(c),
        Column("Test accuracy, last epoch", lambda n: n.evaluation.last.accuracy_estimate, interval(4)),
        Column("Test accuracy, best epoch", lambda n: n.evaluation.best.accuracy, decimals(4)),
        Column("Best epoch", lambda n: n.evaluation.best.epoch, COUNT),
        Column("AUC", lambda n: n.evaluation.last.auc_estimate, interval(4)),
        Column("Parameters", lambda n: n.branch.parameters, COUNT),
    ]
    return Table("Accuracy, with 95% intervals", columns, c.networks())


def seeds(c: Comparison) -> Table[Network]:
    """The results of each seed, for the terminal; no rows unless a model has several seeds."""
    columns: list[Column[Network]] = [
        *_names(c),
        Column("Test accuracy", lambda n: n.evaluation.last.accuracy, decimals(4)),
        Column("At best epoch", lambda n: n.evaluation.best.accuracy, decimals(4)),
        Column("Best epoch", lambda n: n.evaluation.best.epoch, COUNT),
    ]
    return Table("", columns, c.networks() if c.has_several_seeds() else ())


def scores(c: Comparison) -> Table[Network]:
    """Further scores at the threshold 0.5."""
    columns: list[Column[Network]] = [
        *_names(c),
        Column("Loss", lambda n: n.evaluation.last.loss, decimals(4)),
        Column("Precision", lambda n: n.evaluation.last.precision, decimals(4)),
        Column("Recall", lambda n: n.evaluation.last.recall, decimals(4)),
        Column("F1", lambda n: n.evaluation.last.f1, decimals(4)),
    ]
    return Table("Other scores, last epoch", columns, c.networks())


def cost(c: Comparison) -> Table[Network]:
    """The cost of training each network. Processor time does not depend on other load; wall time does."""
    columns: list[Column[Network]] = [
        *_names(c),
        Column("Trained by", lambda n: n.branch.engine),
        Column("Processor s/epoch", lambda n: n.branch.cpu_seconds_per_epoch, decimals(2)),
        Column("Words per processor second", words_per_cpu_second, COUNT),
        Column("Processor s, total", lambda n: n.branch.cpu_seconds, decimals(1)),
        Column("Wall s, total", lambda n: n.branch.ended - n.branch.started, decimals(1)),
        Column("Peak memory (MB)", lambda n: n.branch.peak_memory_mb, COUNT),
    ]
    return Table("Cost of training", columns, c.networks())


def words_per_cpu_second(network: Network) -> float:
    """Words of the training reviews per second of processor time, including the time for validation."""
    return network.branch.words_per_epoch / max(network.branch.cpu_seconds_per_epoch, 1e-9)


def networks(c: Comparison) -> Table[Network]:
    """Accuracy, scores, cost and calibration in one table, for a table artifact."""
    columns = [*accuracy(c).columns, *scores(c).columns, *cost(c).columns, CALIBRATION_ERROR]
    return Table("Networks", columns, c.networks())


class PairRow(NamedTuple):
    """Two models compared at the best epochs or at the last ones."""

    epochs: str
    pair: Pair


def pairs(c: Comparison) -> Table[PairRow]:
    """The comparison of every pair of models, at the best epochs and at the last ones."""
    columns: list[Column[PairRow]] = [
        Column("Epochs", lambda row: row.epochs),
        Column("First", lambda row: network_name(row.pair.first)),
        Column("Second", lambda row: network_name(row.pair.second)),
        Column("Seeds", lambda row: len(row.pair.seeds), COUNT),
        Column("Difference (points, 95%)", lambda row: row.pair.difference, POINTS),
        Column("Interval over", lambda row: BASES[row.pair.basis]),
        Column("p", lambda row: row.pair.p, P_VALUE),
    ]
    if len(c.evidence.pairs) > 1:
        columns.append(Column("p (Holm)", lambda row: row.pair.p_holm, P_VALUE))
    kinds = {"best": c.evidence.kept.pairs, "last": c.evidence.pairs}
    return Table("Pairs of models", columns, [PairRow(name, pair) for name, found in kinds.items() for pair in found])


class SeedTestRow(NamedTuple):
    """Two models with the same seed."""

    pair: Pair
    test: SeedTest


def seed_tests(c: Comparison) -> Table[SeedTestRow]:
    """The comparison of every pair of models with each seed, review by review."""
    columns: list[Column[SeedTestRow]] = [
        Column("First", lambda row: network_name(row.pair.first)),
        Column("Second", lambda row: network_name(row.pair.second)),
        Column("Seed", lambda row: row.test.seed, COUNT),
        Column("Both right", lambda row: row.test.both_right, COUNT),
        Column("Only the first", lambda row: row.test.only_first, COUNT),
        Column("Only the second", lambda row: row.test.only_second, COUNT),
        Column("Both wrong", lambda row: row.test.both_wrong, COUNT),
        Column("Difference (points, 95%)", lambda row: row.test.difference, POINTS),
        Column("p", lambda row: row.test.p, P_VALUE),
    ]
    rows = [SeedTestRow(pair, test) for pair in c.evidence.pairs for test in pair.seeds]
    return Table("", columns, rows)


class YardstickRow(NamedTuple):
    """A network beside the bag of words, at its best epoch or at its last one."""

    epoch: str
    of: YardstickTest


def yardstick(c: Comparison) -> Table[YardstickRow]:
    """Every network beside the bag of words; no rows if that could not be measured."""
    seed: Column[YardstickRow] = Column("Seed", lambda row: row.of.test.seed, COUNT)
    columns: list[Column[YardstickRow]] = [
        Column("Epoch", lambda row: row.epoch),
        Column("Network", lambda row: network_name(row.of.name)),
        *([seed] if c.has_several_seeds() else []),
        Column("Only the network right", lambda row: row.of.test.only_first, COUNT),
        Column("Only the bag of words right", lambda row: row.of.test.only_second, COUNT),
        Column("Difference (points, 95%)", lambda row: row.of.test.difference, POINTS),
        Column("p", lambda row: row.of.test.p, P_VALUE),
        Column("p (Holm)", lambda row: row.of.p_holm, P_VALUE),
    ]
    found = {"best": c.yardstick.best, "last": c.yardstick.last} if c.yardstick else {}
    return Table("", columns, [YardstickRow(epoch, test) for epoch, tests in found.items() for test in tests])


def findings(c: Comparison) -> Table[Finding]:
    """The textbook's claims, and the numbers that test them."""
    columns: list[Column[Finding]] = [
        Column("Claim", lambda finding: why.claim(c, finding.claim)),
        Column("This run", lambda finding: finding.answer),
        Column("Number (95%)", why.number),
        Column("Interval over", lambda finding: BASES[finding.basis] if finding.basis else None),
        Column("Reviews", lambda finding: finding.reviews, COUNT),
        Column("How measured", lambda finding: why.how_measured(c, finding)),
    ]
    measured = [finding for finding in c.evidence.findings.findings if finding.value is not None]
    return Table("", columns, sorted(measured, key=lambda finding: why.CLAIMS.index(finding.claim)))


def thresholds(c: Comparison) -> Table[Network]:
    """The results at a threshold other than 0.5."""
    columns: list[Column[Network]] = [
        *_names(c),
        CALIBRATION_ERROR,
        Column("Best threshold on validation", lambda n: n.evaluation.threshold.value, decimals(3)),
        Column("Balanced validation accuracy there", lambda n: n.evaluation.threshold.validation, decimals(4)),
        Column("Balanced test accuracy there", lambda n: n.evaluation.threshold.test, decimals(4)),
        Column(f"at {THRESHOLD:g}", lambda n: n.evaluation.best.by_label.balanced.value, decimals(4)),
        Column("Test accuracy there", lambda n: n.evaluation.threshold.test_accuracy, decimals(4)),
        Column(f"at {THRESHOLD:g}", lambda n: n.evaluation.best.accuracy, decimals(4)),
    ]
    return Table("Calibration at the last epoch, thresholds at the best", columns, c.networks())


def reproduction(c: Comparison) -> Table[Reproduction]:
    """The tutorial's numbers and ours, only for IMDB."""
    columns: list[Column[Reproduction]] = [
        Column("Network", lambda line: network_name(line.name)),
        Column("Validation accuracy in the tutorial", lambda line: line.tutorial, decimals(3)),
        Column("This run, last epoch", lambda line: line.ours, decimals(4)),
        Column("Tolerance", lambda line: line.tolerance, decimals(2)),
        Column("Reproduced", lambda line: "yes" if line.reproduced else "no"),
    ]
    return Table("", columns, c.reproduction)


class Item(NamedTuple):
    """A value with its name."""

    name: str
    value: Any


def durations(c: Comparison) -> Table[Item]:
    """How long each step took in this run and, if its results were reused, when they were made."""
    columns: list[Column[Item]] = [
        Column("Step", lambda item: item.name),
        Column("Wall time (s)", lambda item: item.value, decimals(1)),
    ]
    if c.made_in:
        columns.append(Column("Reused results took (s)", lambda item: c.made_in.get(item.name), decimals(1)))
    return Table("", columns, [Item(*item) for item in c.durations.items()])


def settings(c: Comparison) -> Table[Item]:
    """All settings of the run."""
    columns: list[Column[Item]] = [
        Column("Setting", lambda item: item.name),
        Column("Value", lambda item: item.value, VALUE),
    ]
    return Table("", columns, list(_flat(c.settings)))


def history(rows: Sequence[RunSummary]) -> Table[RunSummary]:
    """Runs with the settings that differ between them; a cell is empty if the run lacks the model."""
    names = dict.fromkeys(name for row in rows for name in row.accuracies)
    columns: list[Column[RunSummary]] = [
        Column("Run", lambda row: row.run),
        Column("Ended", lambda row: f"{datetime.fromtimestamp(row.ended):%Y-%m-%d %H:%M}"),
        Column("Data", lambda row: row.data),
        *_measures(rows),
        *(_test_accuracy(name) for name in names),
        Column("Seeds", lambda row: row.seeds, COUNT),
        *(_setting(name) for name in differing(rows)),
        Column("Seconds", lambda row: row.seconds, decimals(1)),
        Column("Command", lambda row: row.command),
    ]
    return Table("Runs", columns, rows)


def _test_accuracy(model: str) -> Column[RunSummary]:
    return Column(f"Test accuracy of {network_name(model)}", lambda row: row.accuracies.get(model), decimals(4))


def _measures(rows: Sequence[RunSummary]) -> Iterator[Column[RunSummary]]:
    """The scores of uneven labels, one measure after the other: each network, then what always one label gets."""
    models: dict[str, dict[str, None]] = {}
    for measure in (measure for row in rows for measure in row.measures()):
        models.setdefault(measure.name, {}).update(dict.fromkeys(measure.values))
    for name, of_measure in models.items():
        head = capitalized(name)
        for model in of_measure:
            yield Column(f"{head}, {network_name(model)}, best epoch", partial(_score, name, model), decimals(4))
        yield Column(f"{head}, always the more frequent label", partial(_score, name, None), decimals(4))


def _score(measure: str, model: str | None, row: RunSummary) -> float | None:
    """A model's score in a run, or that of always giving the more frequent label; None if the run lacks it."""
    found = next((each for each in row.measures() if each.name == measure), None)
    if found is None:
        return None
    return found.always if model is None else found.values.get(model)


def _setting(name: str) -> Column[RunSummary]:
    return Column(column_title(name), lambda row: flat(row.settings).get(name), VALUE)


def _names(c: Comparison) -> list[Column[Network]]:
    """The columns that identify a row's network."""
    model: Column[Network] = Column("Network", lambda n: network_name(n.branch.name))
    seed: Column[Network] = Column("Seed", lambda n: n.branch.seed, COUNT)
    return [model, seed] if c.has_several_seeds() else [model]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[Item]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield Item(f"{prefix}{name}", value)
