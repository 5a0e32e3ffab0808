"""Labels that may be wrong: on judgements written by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.tokens import START
from tasks.data.unpadded import UnpaddedReviews
from tasks.results.data import Dataset, Survey
from tasks.results.training import Estimate, Evaluation, LabelScores
from tasks.results.yardstick import Yardstick
from tasks.suspects import WORDS, find_suspects
from tests.artifacts import examples


@pytest.fixture
def bag(dataset: Dataset, tmp_path: Path) -> Yardstick:
    """A bag of words that is right, and fairly sure, on every review."""
    _predictions(dataset.train.path, {}).to_parquet(tmp_path / "out_of_fold.parquet")
    _predictions(dataset.test.path, {}).to_parquet(tmp_path / "yardstick.parquet")
    half = Estimate(0.5, 0.4, 0.6)
    return Yardstick(tmp_path, {}, 1.0, (1.0,), "none", 1, 1, half, LabelScores(half, 0.5, 0.5), 0.5, 0.5, 0.5, 1.0)


def _predictions(split: Path, against: dict[int, float]) -> pd.DataFrame:
    """A row for each review; `against` has the probability of the other label by place in the split, 0.2 if not."""
    reviews = pd.read_parquet(split, columns=["review_id", "label"])
    wrong = np.array([against.get(row, 0.2) for row in range(len(reviews))])
    probability = np.where(reviews["label"] == 1, 1 - wrong, wrong)
    return reviews.assign(row=np.arange(len(reviews)), length=10, probability=probability)


def contradict(bag: Yardstick, name: str, split: Path, against: dict[int, float]) -> None:
    """Let the bag of words contradict these labels."""
    _predictions(split, against).to_parquet(bag.folder / name)


def network(dataset: Dataset, folder: Path, name: str, seed: int, against: dict[int, float]) -> Evaluation:
    """A network that contradicts these labels of the test part."""
    rows = _predictions(dataset.test.path, against)
    path = folder / f"{name}{seed}.parquet"
    rows.assign(probability_last=rows["probability"], probability_best=0.5).to_parquet(path)
    return replace(examples.evaluation(name, seed), predictions=path)


def test_a_test_label_needs_every_judge_against_it_and_counts_the_least_sure(
    dataset: Dataset, bag: Yardstick, tmp_path: Path
) -> None:
    contradict(bag, "yardstick.parquet", dataset.test.path, {3: 0.9, 4: 0.9, 5: 0.7})
    networks = [
        network(dataset, tmp_path, "lstm", 1, {3: 0.9, 4: 0.9, 5: 0.99}),
        network(dataset, tmp_path, "lstm", 2, {3: 0.7, 4: 0.0, 5: 0.99}),  # On average 0.8, 0.45 and 0.99.
        network(dataset, tmp_path, "gru", 1, {3: 0.95, 4: 0.9, 5: 0.9}),
    ]
    found = find_suspects(tmp_path / "suspects.parquet", dataset, networks, bag)
    rows = pd.read_parquet(tmp_path / "suspects.parquet")
    ids = pd.read_parquet(dataset.test.path, columns=["review_id"])["review_id"]
    assert rows["review_id"].to_list() == [ids[3], ids[5]]
    assert rows["score"].to_list() == pytest.approx([0.8, 0.7])
    assert (found.judged, found.contradicted, found.written) == (180, 2, 2)
    first = found.first[0]
    against = {name: 1 - p if first.label else p for name, p in first.networks.items()}
    assert against == {"lstm": pytest.approx(0.8), "gru": pytest.approx(0.95)}
    assert (first.part, first.row) == ("test", None)


def test_training_labels_are_judged_by_the_bag_of_words_alone(dataset: Dataset, bag: Yardstick, tmp_path: Path) -> None:
    contradict(bag, "out_of_fold.parquet", dataset.train.path, {7: 0.6, 9: 0.95})
    found = find_suspects(tmp_path / "s.parquet", dataset, [network(dataset, tmp_path, "lstm", 1, {})], bag)
    assert [(suspect.part, suspect.score) for suspect in found.first] == [
        ("train", pytest.approx(0.95)),
        ("train", pytest.approx(0.6)),
    ]
    assert found.first[0].networks == {}
    tokens = UnpaddedReviews.read(dataset.train.unpadded).tokens_of(np.array([9])).review(0)
    assert len(found.first[0].words) == (tokens != START).sum() < WORDS
    rows = pd.read_parquet(tmp_path / "s.parquet")
    assert list(rows) == [
        "part", "review_id", "file", "row", "label", "score", "bag_of_words", "probability_lstm", "words",
    ]  # fmt: skip
    assert rows["probability_lstm"].isna().all()
    assert rows["row"].isna().all()


def test_no_contradiction_leaves_an_empty_file(dataset: Dataset, bag: Yardstick, tmp_path: Path) -> None:
    found = find_suspects(tmp_path / "s.parquet", dataset, [network(dataset, tmp_path, "lstm", 1, {})], bag)
    assert (found.contradicted, found.first) == (0, ())
    assert len(pd.read_parquet(tmp_path / "s.parquet")) == 0


def test_own_texts_are_named_by_their_file_and_row(dataset: Dataset, bag: Yardstick, tmp_path: Path) -> None:
    # The 180 texts alternate between the parts as far as that goes, and were sorted backwards within each.
    parts = np.array([0, 1] * 60 + [0] * 60, np.uint8)
    places = np.zeros(180, np.int32)
    for part in (0, 1):
        places[parts == part] = np.arange((parts == part).sum())[::-1]
    rows = np.arange(180) + 2  # As in a CSV with a header.
    files = pa.array(["r.csv"] * 180).dictionary_encode()
    table = pa.table({"part": parts, "place": places, "file": files, "row": rows})
    pq.write_table(table, tmp_path / "reviews.parquet")
    for split in (dataset.train, dataset.test):  # The review's number is its place, as in all own texts.
        rows = pd.read_parquet(split.path)
        rows.assign(review_id=np.arange(len(rows))).to_parquet(split.path)
    contradict(bag, "out_of_fold.parquet", dataset.train.path, {0: 0.9})
    contradict(bag, "yardstick.parquet", dataset.test.path, {59: 0.8})
    survey = Survey(tmp_path / "reviews.parquet", "", tmp_path / "w", "", "", 120, 60, 0, 0)
    own = replace(dataset, source=replace(dataset.source, survey=survey))
    against = network(dataset, tmp_path, "lstm", 1, {59: 0.9})
    found = find_suspects(tmp_path / "s.parquet", own, [against], bag)
    assert [(suspect.part, suspect.review_id, suspect.file, suspect.row) for suspect in found.first] == [
        ("train", 0, "r.csv", 181),
        ("test", 59, "r.csv", 3),
    ]
