"""What scored rows have in common."""

import numpy as np
import pyarrow as pa

from tasks.analysis.score_summary import EXCERPT_CHARACTERS, ScoreSummary
from tasks.data.scoring.scored_file import ScoredPart


def tally(*batches: list[float]) -> ScoreSummary:
    """A tally of batches of probabilities, whose texts are numbered through."""
    result, number = ScoreSummary(0.5), 0
    for batch in batches:
        count = len(batch)
        texts = [f"text {number + row + 1}" for row in range(count)]
        ones = np.ones(count, np.int64)
        truncated = np.array(batch) > 0.8
        result.add(
            ScoredPart(np.array(batch, np.float32), ones.astype(np.int32), 4 * ones, ones, truncated),
            pa.array(texts, pa.large_string()),
        )
        number += count
    return result


def test_counts_add_up_over_batches() -> None:
    result = tally([0.0, 0.05, 0.5], [], [0.51, 1.0])
    assert (result.rows, result.positive, result.truncated, result.unknown_share) == (5, 2, 1, 0.25)
    assert result.histogram == (2, 0, 0, 0, 0, 2, 0, 0, 0, 1)
    assert ScoreSummary(0.5).unknown_share == 0.0


def test_the_surest_and_the_least_sure_rows_are_kept_with_their_places() -> None:
    result = tally([0.9, 0.5, 0.1], [0.45, 0.95, 0.1], [0.2] * 10)
    assert [(text.row, text.text) for text in result.positive_most.texts()[:3]] == [
        (5, "text 5"),
        (1, "text 1"),
        (2, "text 2"),
    ]
    assert [text.row for text in result.negative_most.texts()[:2]] == [3, 6]
    assert [text.row for text in result.least_sure.texts()[:2]] == [2, 4]
    assert len(result.least_sure.texts()) == 5


def test_one_batch_or_many_give_the_same() -> None:
    values = np.random.default_rng(1).random(40).round(2).tolist()
    whole, parts = tally(values), tally(values[:7], values[7:9], values[9:])
    assert whole.histogram == parts.histogram
    for name in ("negative_most", "positive_most", "least_sure"):
        assert getattr(whole, name).texts() == getattr(parts, name).texts()


def test_long_texts_are_cut() -> None:
    result = ScoreSummary(0.5)
    one = np.ones(1, np.int64)
    part = ScoredPart(np.array([0.7], np.float32), one.astype(np.int32), one, one, np.array([False]))
    result.add(part, pa.array(["é" * 1000], pa.large_string()))
    assert result.least_sure.texts()[0].text == "é" * EXCERPT_CHARACTERS
