from pathlib import Path

import numpy as np

from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.sample import TEST_REVIEWS, TRAIN_REVIEWS, write_sample
from tasks.data.tokens import lengths
from tasks.data.vocabulary import read_word_index
from tasks.storage.files import sha256_of_file


def test_has_imdbs_lengths_and_a_zipf_vocabulary(tmp_path: Path) -> None:
    write_sample(tmp_path / "imdb.npz", tmp_path / "index.json")
    train, test = read_imdb_npz(tmp_path / "imdb.npz")
    word_counts = lengths(train) - 1
    assert (len(train), len(test)) == (TRAIN_REVIEWS, TEST_REVIEWS)
    assert abs(np.median(word_counts) - 178) < 10
    assert abs(word_counts.mean() - 239) < 12
    assert word_counts.max() > 1_000
    assert 0.45 < train.labels.mean() < 0.55
    counts = np.sort(np.bincount(train.ranks))[::-1]
    assert counts[0] > 20 * counts[100] > 100 * counts[2_000]


def test_every_rank_has_its_word(tmp_path: Path) -> None:
    write_sample(tmp_path / "imdb.npz", tmp_path / "index.json", train=50, test=50)
    ranks = set(read_word_index(tmp_path / "index.json").values())
    assert set(read_imdb_npz(tmp_path / "imdb.npz")[0].ranks.tolist()) <= ranks


def test_the_same_seed_gives_the_same_reviews(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_sample(tmp_path / f"{name}.npz", tmp_path / f"{name}.json", train=40, test=20)
    write_sample(tmp_path / "c.npz", tmp_path / "c.json", train=40, test=20, seed=2)
    tokens = {name: read_imdb_npz(tmp_path / f"{name}.npz")[0].ranks.tolist() for name in "abc"}
    assert tokens["a"] == tokens["b"] != tokens["c"]
    assert sha256_of_file(tmp_path / "a.json") == sha256_of_file(tmp_path / "b.json")
