"""Scoring: scores texts with a trained network, batch by batch, and writes them to a file of the user's choice."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.analysis.score_summary import ScoreSummary
from tasks.data.new_texts import NewTexts, encode_texts
from tasks.data.own_texts.workers import in_order
from tasks.data.readers.batch import RowBatch
from tasks.data.readers.columns import joined
from tasks.data.readers.inputs import read_scorable, signature, unlabelled_inputs
from tasks.data.scoring.output import NEW_COLUMNS, check_output, is_list_of_rejects, rejects_path
from tasks.data.scoring.scored_file import (
    ScoredPart,
    ScoredRows,
    read_columns,
    read_part,
    write_columns,
    write_part,
    write_rejected_rows,
    write_scored_rows,
)
from tasks.data.tokenizer import Tokenizer
from tasks.data.vocabulary import read_vocabulary
from tasks.errors import DataError, RejectsError
from tasks.models.saved import SavedNetwork
from tasks.models.scorer import Scorer
from tasks.progress import track
from tasks.results.scoring import RowData, Scoring, ScoringNetwork, ThresholdChoice, Written
from tasks.results.training import THRESHOLD
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint, remove, sha256_of_file
from tasks.storage.layout import COLUMNS, PARTS, SCORING
from tasks.storage.networks import find_network, find_scoring_network
from tasks.storage.reuse import LOGGER, Logger, Record, step

LOG_SECONDS = 10.0
DRIFT_ROWS = 5_000


def find_scorer(
    outputs: Path,
    data: RowData,
    output: Path | None,
    model: str,
    has_reviews: bool,
    threshold: ThresholdChoice = THRESHOLD,
) -> ScoringNetwork:
    """Find the network to score with, and check the other inputs.

    Args:
        outputs: folder that contains runs, models and registry.
        data: the texts, which must exist.
        output: file to write, which must be writable; None: the default.
        model: the network's name; see `tasks.storage.networks`.
        has_reviews: whether the network's training reviews must exist, too.
        threshold: see `find_scoring_network`.

    Raises:
        PipelineError: one of these conditions is not met.
    """
    inputs = unlabelled_inputs(data.path)
    if output is not None:
        check_output(output, [path for entry in inputs for path in entry.files])
    network = find_scoring_network(outputs, model, threshold)
    if has_reviews:
        find_network(outputs, str(network.folder))
    return network


def scoring_record(data: RowData, network: ScoringNetwork, root: Path) -> Record[Scoring] | None:
    """Where the scores for these files, network and code are stored. None if no file is found."""
    try:
        files = signature(unlabelled_inputs(data.path))
    except DataError:
        return None
    words = sha256_of_file(network.words)
    of_network = network.model, words, network.words.name, network.threshold
    key = fingerprint(files, data.text_column, *of_network, code_version(__name__))
    folder = root / key
    return Record(folder / SCORING, key, Scoring, (folder / PARTS,))


@step(title="score {data.title}", record=scoring_record)
def score(data: RowData, network: ScoringNetwork, root: Path, *, logger: Logger = LOGGER) -> Scoring:
    """Score all rows, a batch at a time. Interrupted scoring resumes after the last complete batch.

    Args:
        data: the texts to score.
        network: the network to score with.
        root: parent of the folder for the scores.
        logger: gets one line about the network, and one every ten seconds.

    Raises:
        DataError: a file cannot be read or changes during scoring, there are no rows, or the network cannot read texts.
    """
    return _Scoring(data, network, root, logger).run()


class _BatchToScore(NamedTuple):
    """A batch to score, and the file for its scores."""

    path: Path
    batch: RowBatch


class _ScoredBatch(NamedTuple):
    """A batch with its scores, and whether they come from an earlier run."""

    piece: _BatchToScore
    part: ScoredPart
    was_kept: bool


class _Scoring:
    """One pass over all rows."""

    def __init__(self, data: RowData, network: ScoringNetwork, root: Path, logger: Logger) -> None:
        self._data, self._network, self._logger = data, network, logger
        self._inputs = unlabelled_inputs(data.path)
        self._files = signature(self._inputs)
        record = scoring_record(data, network, root)
        if record is None:
            raise DataError(f"{data.path}: the file no longer exists")
        self._folder = record.path.parent
        self._scorer = Scorer(network.folder, network.words)
        self._summary = ScoreSummary(network.threshold)
        self._started = self._said = time.perf_counter()

    def run(self) -> Scoring:
        """Score all rows and return the result."""
        parts: list[Path] = []
        columns: pa.Schema | None = None
        kept = rejected = 0
        self._logger.info("%s scores %s", self._scorer.saved.label, self._data.title)
        with track("scoring", sum(each.bytes() for each in self._inputs)) as advance:
            for (path, batch), part, was_kept in in_order(self._score, self._pieces()):
                self._summary.add(part, batch.strings(self._data.text_column))
                columns = joined(columns, batch.columns.schema)
                rejected += len(batch.rejects)
                kept += was_kept * len(part)
                parts.append(path)
                advance(batch.size)
                self._say_progress()
        if columns is None:
            raise DataError(f"{self._data.path}: no rows; expected reviews")
        if signature(self._inputs) != self._files:
            raise DataError(f"{self._data.path}: changed while it was scored; run the same command again")
        if kept:
            self._logger.info("%d of %d reviews had been scored by an earlier run", kept, self._summary.rows)
        return self._describe(parts, columns, rejected)

    def _pieces(self) -> Iterator[_BatchToScore]:
        for number, batch in enumerate(read_scorable(self._inputs, self._data.text_column, self._scorer.rules)):
            yield _BatchToScore(self._folder / PARTS / f"{number:06}.parquet", batch)

    def _score(self, piece: _BatchToScore) -> _ScoredBatch:
        """Score a batch and store its scores on disk. Threads call this concurrently."""
        kept = read_part(piece.path)
        if kept is not None and len(kept) == len(piece.batch):
            return _ScoredBatch(piece, kept, was_kept=True)
        texts = self._scorer.encode(piece.batch.strings(self._data.text_column))
        truncated = texts.lengths > texts.tokens.max_length
        part = ScoredPart(self._scorer.predict(texts.tokens), texts.lengths, texts.words, texts.unknown, truncated)
        write_part(piece.path, part)
        return _ScoredBatch(piece, part, was_kept=False)

    def _say_progress(self) -> None:
        now = time.perf_counter()
        if now - self._said >= LOG_SECONDS:
            self._said = now
            self._logger.info("%d reviews scored in %.0f s", self._summary.rows, now - self._started)

    def _describe(self, parts: Sequence[Path], columns: pa.Schema, rejected: int) -> Scoring:
        path = self._folder / COLUMNS
        write_columns(path, columns)
        summary = self._summary
        return Scoring(
            label=self._scorer.saved.label,
            model=self._network.model,
            parts=tuple(parts),
            columns=path,
            digests=tuple(map(sha256_of_file, (*parts, path))),
            rows=summary.rows,
            rejected=rejected,
            positive=summary.positive,
            truncated=summary.truncated,
            unknown_share=summary.unknown_share,
            histogram=summary.histogram,
            negative_most=summary.negative_most.texts(),
            positive_most=summary.positive_most.texts(),
            least_sure=summary.least_sure.texts(),
            seconds=time.perf_counter() - self._started,
            labels=self._scorer.saved.labels,
            word_rules=self._scorer.rules,
            threshold=self._network.threshold,
        )


def written_record(data: RowData, scoring: Scoring, output: Path, max_rejects: float) -> Record[Written]:
    """Where the record of the written file is stored."""
    names = scoring.model, scoring.labels, scoring.threshold  # Equal scores of another network have other columns.
    key = fingerprint(asdict(data), scoring.digests, names, output, max_rejects, code_version(__name__))
    return Record(scoring.columns.parent / f"written-{fingerprint(output)}.json", key, Written)


@step(title="write {output.name}", record=written_record)
def write(data: RowData, scoring: Scoring, output: Path, max_rejects: float, *, logger: Logger = LOGGER) -> Written:
    """Write all columns of the rows and their scores to a file, and the rejected rows, with reasons, to another.

    Args:
        data: the texts that were scored; they are read again, so that no copy needs to be stored.
        scoring: the scores.
        output: `.parquet`, `.csv` or `.jsonl`; it appears whole or not at all.
        max_rejects: the largest allowed share of rows without scores.
        logger: gets one line about the result.

    Raises:
        DataError: the rows have changed, or a column cannot be written in this file format.
        RejectsError: more rows are rejected than allowed; their file gives the reasons, and `output` is not written.
    """
    inputs = unlabelled_inputs(data.path)
    columns = read_columns(scoring.columns)
    rows = ScoredRows(inputs, data.text_column, columns, scoring)
    rejects = rejects_path(output)
    total = scoring.rows + scoring.rejected
    if scoring.rejected > max_rejects * total:
        write_rejected_rows(rows, rejects)
        raise RejectsError(
            f"{data.path}: {scoring.rejected:,} of {total:,} rows cannot be scored, more than {max_rejects:.1%}; "
            f"{rejects} lists the reasons; correct them, or raise --max-rejects"
        )
    with track("writing", sum(each.bytes() for each in inputs)) as advance:
        names = write_scored_rows(rows, output, rejects, advance)
    if not scoring.rejected and rejects.is_file() and is_list_of_rejects(rejects):
        remove(rejects)
    digest = sha256_of_file(rejects) if scoring.rejected else None
    logger.info("%s: %d reviews", output, scoring.rows)
    renamed = tuple(name for name in names if name not in NEW_COLUMNS)
    return Written(output, sha256_of_file(output), rejects if digest else None, digest, renamed)


def sample_tokens(data: RowData, network: ScoringNetwork, rows: int) -> NewTexts:
    """Tokens and lengths of about 5,000 evenly spaced rows; the drift figures need no more.

    Args:
        data: the texts to read.
        network: the network whose tokens are used.
        rows: how many rows can be scored.

    Raises:
        DataError: see `score`.
    """
    saved, index = SavedNetwork.read(network.folder), read_vocabulary(network.words)
    tokenizer = Tokenizer(index, saved.word_rules)
    spacing = max(1, -(-rows // DRIFT_ROWS))
    parts = []
    before = 0
    for batch in read_scorable(unlabelled_inputs(data.path), data.text_column, saved.word_rules):
        chosen = np.arange(-before % spacing, len(batch), spacing)
        texts = batch.strings(data.text_column).take(pa.array(chosen))
        parts.append(encode_texts(texts, tokenizer, saved.vocabulary_size, saved.max_length))
        before += len(batch)
    return NewTexts.joined(parts)
