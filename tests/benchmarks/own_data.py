"""Preparation of own texts, a million reviews unless told otherwise: `python tests/benchmarks/own_data.py`.

The reviews are the sample generator's as text, with IMDB's distribution of lengths: a CSV of about 1.3 GB. Survey and
encoding run in a process of their own, whose peak memory is printed. `--index imdb_word_index.json --npz imdb.npz`
takes the words of the real reviews instead, each a few times with another ending.
"""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
CHUNK = 50_000
VERDICTS = ("negative", "positive")


def main() -> None:
    """Make the file, prepare it in another process, and print what that took; or be that process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reviews", type=int, default=1_000_000)
    parser.add_argument("--npz", type=Path, help="take the reviews of this imdb.npz")
    parser.add_argument("--index", type=Path, help="with these words")
    parser.add_argument("--folder", type=Path, help="work here rather than in a temporary folder")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.prepare:
        return prepare_texts(arguments.prepare)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "reviews.csv"
        began = time.perf_counter()
        texts = real_texts(arguments.npz, arguments.index) if arguments.npz else sample_texts()
        write_reviews(path, texts, arguments.reviews)
        size = path.stat().st_size / 1e9
        print(f"{arguments.reviews:,} reviews, {size:.2f} GB, made in {time.perf_counter() - began:.1f} s", flush=True)
        subprocess.run([sys.executable, __file__, "--prepare", str(path)], check=True)
    return None


def sample_texts() -> Iterator[list[tuple[str, int]]]:
    """The sample generator's reviews without end."""
    import numpy as np
    import pyarrow as pa

    from tasks.data.sample import _reviews, _sentences
    from tasks.data.tokenizer import Tokenizer
    from tasks.results.data import IMDB_RULES

    random = np.random.default_rng(1)
    sentences = _sentences(random)
    tokenizer = Tokenizer({word: rank for rank, word in enumerate(sentences.words, start=1)}, IMDB_RULES)
    while True:
        reviews = _reviews(random, sentences, CHUNK)
        texts: pa.Array = tokenizer.decode(reviews.ranks + 1, reviews.offsets)
        yield list(zip(texts.to_pylist(), reviews.labels.tolist(), strict=True))


def real_texts(npz: Path, index: Path) -> Iterator[list[tuple[str, int]]]:
    """The real reviews without end, each time with another last word."""
    from tasks.data.imdb_npz import read_imdb_npz
    from tasks.data.tokenizer import Tokenizer
    from tasks.results.data import IMDB_RULES

    tokenizer = Tokenizer.read(index, IMDB_RULES)
    splits = read_imdb_npz(npz)
    turn = 0
    while True:
        for reviews in splits:
            texts = tokenizer.decode(reviews.ranks, reviews.offsets).to_pylist()
            turn += 1
            yield [(f"{text} turn{turn}", label) for text, label in zip(texts, reviews.labels.tolist(), strict=True)]


def write_reviews(path: Path, chunks: Iterator[list[tuple[str, int]]], count: int) -> None:
    """Write `count` reviews as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        while count > 0:
            rows = next(chunks)[:count]
            writer.writerows((text, VERDICTS[label]) for text, label in rows)
            count -= len(rows)


def prepare_texts(path: Path) -> None:
    """Survey and encode the texts as a run does, and print seconds and peak memory."""
    from tasks.fetch import fetch
    from tasks.prepare import prepare
    from tasks.results.data import TextData

    began = time.perf_counter()
    source = fetch(TextData((path,)), "auto", path.parent / "cache")
    surveyed = time.perf_counter()
    print(f"first pass  {surveyed - began:6.1f} s, peak {peak():6.0f} MB", flush=True)
    dataset = prepare(source, 10_000, 500, None, path.parent / "data")
    print(f"second pass {time.perf_counter() - surveyed:6.1f} s, peak {peak():6.0f} MB")
    size = sum(split.path.stat().st_size for split in (dataset.train, dataset.test)) / 1e6
    print(f"{dataset.train.reviews:,} + {dataset.test.reviews:,} reviews, {size:.0f} MB of Parquet")


def peak() -> float:
    """The largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
