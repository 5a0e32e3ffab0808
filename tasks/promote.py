"""Promotion: compares a candidate with the champion on the same test reviews, and may replace the champion.

A promotion is never skipped as already done: it adds an entry to the ledger, and every look at the test reviews counts.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.analysis.drift import drift_limits
from tasks.analysis.gate import (
    ScoredNetwork,
    Slices,
    accuracy_of_slices,
    confident_mistakes,
    judge_candidate,
    judge_first,
    judge_uneven,
    precision,
    recall,
    slices_of_test,
)
from tasks.analysis.scores import label_scores, score
from tasks.data.parquet import read_column, read_tokens, reading
from tasks.data.review_digests import Digests, digests_of_test, match, read_digests, set_name, write_digests
from tasks.errors import DataError
from tasks.models.learner import is_right
from tasks.models.saved import NetworkPredictions, SavedNetwork
from tasks.results.data import UNEVEN, Dataset
from tasks.results.promotion import BalancedAccuracies, CardFacts, Cost, Entry, Gate, GateLimits
from tasks.results.training import Branch, best_epoch
from tasks.storage.files import is_whole, point, write_text
from tasks.storage.layout import (
    MODEL_CARD,
    PREDICTIONS,
    PROMOTED,
    RUNS,
    TEST,
    TEST_DIGESTS,
    TRAIN,
    VOCABULARY,
    WORD_INDEX,
)
from tasks.storage.registry import NETWORK_FILES, Registry, content_hash, who
from tasks.storage.reuse import LOGGER, Logger
from tasks.storage.runs import FinishedRun

SAME_PREDICTIONS = 1e-5


@dataclass(frozen=True)
class Candidate:
    """A network that may become champion.

    Attributes:
        run: the run in which it was trained.
        branch: the network.
        files: each file, by its name in the registry.
        digests: digests of the test reviews, in the order of the test split.
        slices: parts of the test reviews, as flags in the same order.
    """

    run: FinishedRun
    branch: Branch
    files: dict[str, Path]
    digests: Digests
    slices: Slices

    @property
    def test(self) -> Path:
        """The prepared test reviews."""
        return self.run.dataset.test.path

    @property
    def name(self) -> str:
        """The network's name in the registry."""
        return content_hash(self.files)


class Measurement(NamedTuple):
    """One look at a candidate: its predictions, the labels, its correct answers and cost, and the gate's verdict."""

    predictions: NetworkPredictions
    labels: NDArray[np.integer]
    scored: ScoredNetwork
    gate: Gate


def find_candidate(run: FinishedRun, model: str | None, columns: Sequence[str] = ()) -> Candidate:
    """The run's best network by balanced validation accuracy.

    Args:
        run: the run in which it was trained.
        model: consider only networks of this name; None: all.
        columns: columns of the user's texts whose values define slices of the test reviews.

    Raises:
        DataError: a required file is missing or was changed, or there is no such column.
    """
    branch = run.candidate(model)
    files = {name: branch.folder / name for name in NETWORK_FILES}
    data = run.dataset.train.path, run.dataset.test.path
    missing = [path for path in (*files.values(), *data) if not path.is_file()]
    if missing:
        raise DataError(f"{missing[0]}: no such file; repeat run {run.name}, whose candidate needs it")
    if not is_whole(run.dataset):
        raise DataError(f"{run.dataset.folder}: files are missing or were changed; repeat run {run.name}")
    return Candidate(run, branch, files, digests_of_test(run.dataset), slices_of_test(run.dataset, columns))


def check_data(outputs: Path, dataset: Dataset, columns: Sequence[str] = ()) -> None:
    """Report, before training, what would prevent a promotion afterwards.

    Raises:
        DataError: the champion has other test reviews, one of its files was changed, or there is no such column.
    """
    slices_of_test(dataset, columns)
    registry = Registry(outputs)
    champion = registry.champion()
    if champion is not None:
        registry.verify(champion.network)
        _rows_of_champion(registry.folder(champion.network), digests_of_test(dataset), dataset)


def promote(
    outputs: Path,
    candidate: Candidate,
    limits: GateLimits,
    card: Callable[[CardFacts], str],
    *,
    logger: Logger = LOGGER,
) -> Entry:
    """Judge a candidate and add the verdict to the ledger; if it is PROMOTE, the candidate becomes champion.

    Both candidate and champion are scored now, on the same test reviews, each with its own tokens. Only one promotion
    runs at a time.

    Args:
        outputs: folder that contains the registry.
        candidate: a result of `find_candidate`.
        limits: the limits that the candidate must meet.
        card: makes the model card.
        logger: gets a line if this has to wait for another promotion.

    Raises:
        DataError: the champion's test reviews are different, or a file was changed.
    """
    with _writing(outputs, logger) as registry:
        measured = _measure(registry, candidate, limits)
        champion = registry.champion()
        before = after = champion.network if champion else None
        if measured.gate.verdict == "PROMOTE":
            after = _add(registry, candidate, card(_facts(candidate, measured)))
        entry = _entry(candidate, measured.gate, len(registry.entries()) + 1, before, after)
        registry.append(entry)
    return entry


@contextmanager
def _writing(outputs: Path, logger: Logger) -> Iterator[Registry]:
    """Lock the registry for writing, then update `outputs/promoted`, which a killed writer may have left outdated."""
    registry = Registry(outputs)
    with registry.writing(logger):
        try:
            yield registry
        finally:
            _point_to_run(outputs, registry)


def _entry(candidate: Candidate, gate: Gate, number: int, before: str | None, after: str | None) -> Entry:
    return Entry(
        number=number,
        time=time.time(),
        who=who(),
        action="promote",
        verdict=gate.verdict,
        reason=gate.reason,
        run=candidate.run.name,
        label=candidate.branch.label,
        network=candidate.name,
        before=before,
        after=after,
        test_set=set_name(candidate.digests),
        gate=gate,
        settings=candidate.run.settings,
    )


def rollback(outputs: Path, to: int | None, *, logger: Logger = LOGGER) -> Entry:
    """Make an older champion the champion again, after checking its files and its stored predictions.

    Args:
        outputs: folder that contains the registry.
        to: number of the entry that made it champion; None: the previous champion.
        logger: gets a line while waiting for a promotion.

    Raises:
        DataError: there is no such entry, a file was changed, or the network's predictions have changed.
    """
    with _writing(outputs, logger) as registry:
        entries = registry.entries()
        target = registry.earlier(to)
        registry.verify(target.network)
        champion = registry.champion()
        entry = replace(
            target,
            number=len(entries) + 1,
            time=time.time(),
            who=who(),
            action="rollback",
            verdict="PROMOTE",
            reason="restored",
            before=champion.network if champion else None,
            after=target.network,
            gate=None,
        )
        _check_predictions(registry.folder(target.network))
        registry.append(entry)
    return entry


def _measure(registry: Registry, candidate: Candidate, limits: GateLimits) -> Measurement:
    """Score candidate and champion on the candidate's test reviews, and judge the candidate."""
    predictions = SavedNetwork.read(candidate.branch.folder).predict(read_tokens(candidate.test))
    labels = read_column(candidate.test, "label")
    scored = _scored(predictions, labels)
    champion = registry.champion()
    balanced = _balanced(labels, predictions)
    if champion is None:
        return Measurement(predictions, labels, scored, judge_first(scored, limits, balanced))
    registry.verify(champion.network)
    folder = registry.folder(champion.network)
    rows = _rows_of_champion(folder, candidate.digests, candidate.run.dataset)
    other = SavedNetwork.read(folder).predict(read_tokens(folder / TEST)[rows])
    gate = judge_candidate(scored, _scored(other, labels), candidate.slices, _look_number(registry, candidate), limits)
    if balanced and (of_champion := _balanced(labels, other)):
        gate = judge_uneven(gate, replace(balanced, champion=of_champion.candidate))
    if champion.network == candidate.name:
        gate = replace(gate, verdict="HOLD", reason="already champion")
    return Measurement(predictions, labels, scored, gate)


def _rows_of_champion(champion: Path, digests: Digests, dataset: Dataset) -> NDArray[np.intp]:
    """For each test review of a dataset, its row among those of the champion in a folder.

    Raises:
        DataError: the champion has other test reviews.
    """
    trained_on = SavedNetwork.read(champion).description.get("dataset", {}).get("title", "data of an earlier version")
    return match(digests, read_digests(champion / TEST_DIGESTS), (dataset.title, str(trained_on)))


def _balanced(labels: NDArray[np.integer], predictions: NetworkPredictions) -> BalancedAccuracies | None:
    """A network's balanced accuracy, if the labels are uneven."""
    share = float(labels.mean())
    if min(share, 1 - share) >= UNEVEN:
        return None
    return BalancedAccuracies(label_scores(labels, predictions.probabilities).balanced)


def _scored(predictions: NetworkPredictions, labels: NDArray[np.integer]) -> ScoredNetwork:
    right = is_right(predictions.probabilities, labels)
    return ScoredNetwork(right, Cost(predictions.parameters, predictions.words_per_second))


def _look_number(registry: Registry, candidate: Candidate) -> int:
    """How often these test reviews have been used to decide on a promotion, including this time."""
    name = set_name(candidate.digests)
    return 1 + sum(entry.test_set == name and entry.is_look for entry in registry.entries())


def _facts(candidate: Candidate, measured: Measurement) -> CardFacts:
    """The facts for the model card."""
    branch, probabilities = candidate.branch, measured.predictions.probabilities
    saved = SavedNetwork.read(branch.folder)
    scores = score(measured.labels, probabilities, branch.best_epoch)
    drift = drift_limits(saved, candidate.run.dataset.train.path)
    return CardFacts(
        network=candidate.name,
        label=branch.label,
        description=saved.description,
        run=candidate.run.name,
        epoch=branch.best_epoch,
        validation_accuracy=best_epoch(branch.history).val_accuracy,
        scores=scores,
        gate=measured.gate,
        slices=accuracy_of_slices(measured.scored.right, candidate.slices),
        mistakes=confident_mistakes(candidate.test, candidate.files[VOCABULARY], probabilities),
        precision=precision(scores.confusion),
        recall=recall(scores.confusion),
        drift_texts=drift.texts,
        drift_limits=drift.limits,
    )


def _add(registry: Registry, candidate: Candidate, card: str) -> str:
    """Put the network, its reviews, its word index and its card into the registry."""
    dataset = candidate.run.dataset
    # The network's test and training reviews, in its own tokens: comparisons with candidates and new texts need them.
    more = {TEST: candidate.test, TRAIN: dataset.train.path}
    if dataset.word_index is not None:
        more[WORD_INDEX] = dataset.word_index
    with tempfile.TemporaryDirectory() as folder:
        more |= {name: Path(folder) / name for name in (TEST_DIGESTS, MODEL_CARD)}
        write_digests(more[TEST_DIGESTS], candidate.digests)
        write_text(more[MODEL_CARD], card)
        return registry.add(candidate.files, more)


def _check_predictions(folder: Path) -> None:
    """Check that a network still predicts what it predicted when it was promoted.

    Raises:
        DataError: a prediction differs by more than 1e-5.
    """
    now = SavedNetwork.read(folder).predict(read_tokens(folder / TEST)).probabilities
    with reading(folder / PREDICTIONS):
        stored = pd.read_parquet(folder / PREDICTIONS)["probability_best"].to_numpy(np.float64)
    difference = float(np.abs(now - stored).max()) if len(now) == len(stored) else 1.0
    if not difference <= SAME_PREDICTIONS:  # NaN differs, too.
        raise DataError(
            f"{folder}: predictions differ from the stored ones by {difference:.1e}, expected at most "
            f"{SAME_PREDICTIONS:.0e}; the champion stays. Compare the versions of keras and tensorflow in record.json"
        )


def _point_to_run(outputs: Path, registry: Registry) -> None:
    """Link `outputs/promoted` to the champion's run, which protects it from `--keep`, or remove an outdated link."""
    entry = registry.champion()
    link = outputs / PROMOTED
    runs = outputs / RUNS
    if entry is not None and (run := runs / entry.run).parent == runs and run.name != ".." and run.is_dir():
        point(link, run)
    elif link.is_symlink():
        link.unlink()
