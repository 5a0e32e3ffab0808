"""The tables of the report about the data: the parts, their sizes, faults of texts, labels that may be wrong."""

from pathlib import Path
from typing import NamedTuple

from artifacts.blocks import Column, Table
from artifacts.formats import COUNT, capitalized, decimals, interval, network_name, percent
from artifacts.markup import label_names
from artifacts.wording import sizes as wording
from artifacts.wording.report import FAULTS, MEANINGS, positive
from artifacts.wording.yardstick import BAG_OF_WORDS
from tasks.results.comparison import Comparison
from tasks.results.data import DataFault, Split
from tasks.results.training import Estimate
from tasks.results.yardstick import Suspect


class NamedSplit(NamedTuple):
    """A split with its name."""

    name: str
    split: Split


def splits(c: Comparison) -> Table[NamedSplit]:
    """The training and test splits in numbers."""
    columns: list[Column[NamedSplit]] = [
        Column("Reviews", lambda row: row.name),
        Column("Count", lambda row: row.split.reviews, COUNT),
        Column(f"Label {positive(c)}", lambda row: row.split.positive, COUNT),
        Column("Median length", lambda row: row.split.length_quantiles["50%"], decimals(0)),
        Column("Mean length", lambda row: row.split.length_quantiles["mean"], decimals(1)),
        Column("Unknown words", lambda row: row.split.unknown_rate, percent(2)),
    ]
    return Table("", columns, [NamedSplit("training", c.dataset.train), NamedSplit("test", c.dataset.test)])


class SizeRow(NamedTuple):
    """A network, or the bag of words, at one training size; `seeds` is None for the bag of words."""

    size: int
    name: str
    seeds: int | None
    accuracy: Estimate
    cpu_seconds: float | None
    unknown_rate: float


def sizes(c: Comparison) -> Table[SizeRow]:
    """Each network and the bag of words at each training size; no rows without `--training-sizes`."""
    rows = []
    for each in c.sizes.data if c.sizes else ():
        rows += [
            SizeRow(each.size, network_name(p.name), p.seeds, p.accuracy, p.cpu_seconds, each.unknown_rate)
            for p in (c.sizes.points if c.sizes else ())
            if p.size == each.size
        ]
        if bag := each.yardstick:
            rows.append(SizeRow(each.size, BAG_OF_WORDS, None, bag, each.yardstick_seconds, each.unknown_rate))
    accuracy = f"{capitalized(wording.accuracy(c.sizes))} ({wording.bounds(c.sizes)})" if c.sizes else ""
    columns: list[Column[SizeRow]] = [
        Column("Reviews to train on", lambda row: row.size, COUNT),
        Column("Network", lambda row: row.name),
        Column("Seeds", lambda row: row.seeds, COUNT),
        Column(accuracy, lambda row: row.accuracy, interval(4)),
        Column("Processor time (s)", lambda row: row.cpu_seconds, decimals(1)),
        Column("Unknown test words", lambda row: row.unknown_rate, percent(1)),
    ]
    return Table("All sizes", columns, rows)


def faults(c: Comparison) -> Table[DataFault]:
    """What may be wrong with the user's texts; no rows for other data."""
    columns: list[Column[DataFault]] = [
        Column("What may be wrong", lambda fault: FAULTS[fault.kind]),
        Column("Reviews", lambda fault: fault.reviews, COUNT),
        Column("Of", lambda fault: fault.total, COUNT),
        Column("Share", lambda fault: fault.share, percent(2)),
        Column("Why it matters", lambda fault: MEANINGS[fault.kind]),
    ]
    return Table("What may be wrong with the data", columns, c.dataset.faults())


def suspects(c: Comparison) -> Table[Suspect]:
    """The labels that are most probably wrong; no rows if there is no yardstick."""
    found = c.suspects.first if c.suspects else ()
    models = [model for model in c.models() if any(model in review.networks for review in found)]
    file: Column[Suspect] = Column("File", lambda review: Path(review.file or "").name)
    row: Column[Suspect] = Column("Row", lambda review: review.row, COUNT)
    columns: list[Column[Suspect]] = [
        Column("Part", lambda review: "training" if review.part == "train" else "test"),
        Column("Review", lambda review: str(review.review_id)),
        *([file, row] if any(review.file for review in found) else []),
        Column("Label", lambda review: label_names(c.dataset.labels)[review.label]),
        Column("Score", lambda review: review.score, decimals(4)),
        Column(f"{positive(c)} by the bag of words", lambda review: review.bag_of_words, decimals(4)),
        *(_positive_by(c, model) for model in models),
    ]
    return Table("Labels that may be wrong", columns, found)


def _positive_by(c: Comparison, model: str) -> Column[Suspect]:
    return Column(f"{positive(c)} by {network_name(model)}", lambda review: review.networks.get(model), decimals(4))
