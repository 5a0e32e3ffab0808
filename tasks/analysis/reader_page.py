"""Collects the data of the reader page: the best weights of a run's networks, and the word index."""

from collections.abc import Iterable

from tasks.data.unicode_words import portable_tables
from tasks.data.vocabulary import read_vocabulary
from tasks.errors import DataError
from tasks.models.saved import read_saved_weights
from tasks.models.spec import ModelSpec
from tasks.results.comparison import Comparison
from tasks.results.data import Dataset
from tasks.results.export import MAX_WEIGHT_BYTES, ReaderNetwork, ReaderPage
from tasks.results.training import Branch, best_epoch
from tasks.storage.layout import BEST


def open_reader(comparison: Comparison) -> ReaderPage:
    """The run's networks at their best epochs, as many as fit into 20 MB of weights, those of the first seed first.

    Raises:
        ValueError: a network's `best.keras` cannot be read.
    """
    dataset = comparison.dataset
    branches = sorted(comparison.branches, key=lambda branch: branch.seed != comparison.branches[0].seed)
    several_seeds, size = comparison.has_several_seeds(), dataset.vocabulary_size
    networks, left_out = choose(_network(branch, size, several_seeds) for branch in branches)
    return ReaderPage(
        run=comparison.run,
        title=dataset.title,
        vocabulary_size=dataset.vocabulary_size,
        max_length=dataset.max_length,
        ranks=_ranks(dataset),
        networks=networks,
        left_out=left_out,
        labels=dataset.labels,
        word_tables=portable_tables() if dataset.word_rules.name == "unicode" else {},
    )


def choose(
    networks: Iterable[ReaderNetwork], max_bytes: int = MAX_WEIGHT_BYTES
) -> tuple[tuple[ReaderNetwork, ...], tuple[str, ...]]:
    """The networks whose weights together fit into `max_bytes`, in order, and the labels of the others."""
    chosen: list[ReaderNetwork] = []
    left_out: list[str] = []
    room = max_bytes
    for network in networks:
        size = sum(array.nbytes for array in network.weights.values())
        if size > room:
            left_out.append(network.label)
        else:
            chosen.append(network)
            room -= size
    return tuple(chosen), tuple(left_out)


def _network(branch: Branch, vocabulary_size: int, several_seeds: bool) -> ReaderNetwork:
    spec = ModelSpec.model_validate(branch.spec)
    return ReaderNetwork(
        label=branch.label if several_seeds else branch.name,
        cell=spec.cell,
        units=spec.units,
        bidirectional=spec.bidirectional,
        epoch=branch.best_epoch,
        balanced_accuracy=best_epoch(branch.history).quality,
        weights=read_saved_weights(spec, vocabulary_size, branch.folder / BEST),
    )


def _ranks(dataset: Dataset) -> dict[str, int]:
    """The whole word index, which distinguishes words outside the vocabulary from skipped ones.

    If the index can no longer be read, only the vocabulary is used, so that a run with trained networks still gets its
    report.
    """
    if dataset.word_index:
        try:
            return read_vocabulary(dataset.word_index)
        except DataError:
            pass
    return read_vocabulary(dataset.vocabulary)
