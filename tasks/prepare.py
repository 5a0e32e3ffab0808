"""Step 2: from `imdb.npz` to padded reviews in Parquet, described and checked."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from filelock import FileLock
from numpy.typing import NDArray
from prefect import get_run_logger, task

from tasks.data.imdb_npz import Reviews, read_imdb_npz
from tasks.data.padding import keras_shuffles, lengths, unknown_rate
from tasks.data.tokens import read_column, read_tokens, schema, write_split
from tasks.data.vocabulary import words_by_token, words_of
from tasks.results.data import Dataset, Source, Split
from tasks.results.errors import DataError, may_pass
from tasks.storage.files import fingerprint, read_json, sha256_of_file, source_version, write_json
from tasks.storage.reuse import is_whole, keyed

SOURCES = Path(__file__), Path(__file__).parent / "data"
# `content_digest` of the IMDB reviews: the official file and a file rebuilt with the same word ranks share it.
IMDB_CONTENT = "f9976ff6f40c34a11b02b76978f63393c643363191f41b4decca8711ff9db16a"
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
EXAMPLE_WORDS = 60
SPLITS = ("train", "test")


def dataset_key(source: Source, words: int, steps: int, reviews: int | None, **_: object) -> str:
    """Fingerprint of everything that decides the prepared data."""
    return fingerprint(source.sha256, words, steps, reviews, source_version(*SOURCES))


def prepare_dataset(
    source: Source, words: int, steps: int, reviews: int | None, root: Path, fresh: bool = False
) -> Dataset:
    """`train.parquet`, `test.parquet` and `dataset.json` under `root/<fingerprint>`, made or found there.

    Args:
        source: the `imdb.npz` to read.
        words: size of the vocabulary, special tokens included.
        steps: length of every prepared review.
        reviews: use only that many of each split (the first in Keras's order), or all.
        root: folder that holds one folder for each fingerprint.
        fresh: make them even if they are there.

    Raises:
        DataError: the source cannot be read, or what came out is not as expected (the text lists every fault).
    """
    name = dataset_key(source, words, steps, reviews)
    folder = root / name
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{name}.lock"):
        found = None if fresh else _found(folder, source)
        if found:
            return found
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as temporary:
            _make(Path(temporary), folder, source, words, steps, reviews, name)
            if folder.exists():
                shutil.rmtree(folder)
            Path(temporary).chmod(0o755)
            Path(temporary).replace(folder)
            Path(temporary).mkdir()  # TemporaryDirectory wants something to remove.
    found = _found(folder, source)
    if found is None:
        raise DataError(f"{folder}: not readable right after it was written; check the disk")
    return replace(found, reused=False)


def _found(folder: Path, source: Source) -> Dataset | None:
    """The dataset in `folder`, if its files are whole."""
    try:
        record = read_json(folder / "dataset.json")
        splits = {name: Split(**{**record[name], "path": folder / f"{name}.parquet"}) for name in SPLITS}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    dataset = Dataset(
        folder, folder.name, source, record["words"], record["steps"], splits["train"], splits["test"],
        record["imdb"], record["example"], reused=True,
    )  # fmt: skip
    return dataset if is_whole(dataset) else None


def _make(place: Path, folder: Path, source: Source, words: int, steps: int, limit: int | None, name: str) -> None:
    train, test = read_imdb_npz(source.path)
    metadata = {
        "words": str(words), "steps": str(steps), "reviews": str(limit or "all"), "source_sha256": source.sha256,
        "fingerprint": name,
    }  # fmt: skip
    record: dict[str, Any] = {
        "fingerprint": name, "words": words, "steps": steps, "reviews": limit, "source": source.origin,
        "source_kind": source.kind, "source_sha256": source.sha256,
        "schema": {field.name: str(field.type) for field in schema(words, steps, {})},
    }  # fmt: skip
    record["imdb"] = content_digest(train, test) == IMDB_CONTENT
    orders = dict(zip(SPLITS, keras_shuffles(len(train), len(test)), strict=True))
    splits = {"train": train, "test": test}

    def make(split: str) -> dict[str, Any]:
        path, order = place / f"{split}.parquet", orders[split][:limit]
        write_split(path, splits[split], order, words, steps, metadata)
        return asdict(_describe(path, splits[split], order, words)) | {"path": str(folder / path.name)}

    with ThreadPoolExecutor(len(SPLITS)) as pool:
        record |= zip(SPLITS, pool.map(make, SPLITS), strict=True)
    check(place, words, steps)
    record["example"] = _example(place / "test.parquet", source)
    write_json(place / "dataset.json", record)


def _describe(path: Path, reviews: Reviews, order: NDArray[np.int64], words: int) -> Split:
    chosen = lengths(reviews)[order]
    return Split(
        path=path,
        sha256=sha256_of_file(path),
        reviews=len(order),
        positive=int(reviews.labels[order].sum()),
        length_quantiles={f"{q:.0%}": float(np.quantile(chosen, q)) for q in QUANTILES}
        | {"mean": round(float(chosen.mean()), 2)},
        unknown_rate=round(unknown_rate(reviews, words), 6),
    )


def check(folder: Path, words: int, steps: int) -> None:
    """Hold both written splits against the expected schema and ranges.

    Raises:
        DataError: one line a fault: wrong column, no reviews, a value out of its range, one label only.
    """
    with ThreadPoolExecutor(len(SPLITS)) as pool:
        found = pool.map(lambda split: _faults(folder / f"{split}.parquet", words, steps), SPLITS)
        faults = [fault for faults in found for fault in faults]
    if faults:
        raise DataError(f"{folder}: the prepared data are not as expected:\n" + "\n".join(f"  - {f}" for f in faults))


def _faults(path: Path, words: int, steps: int) -> list[str]:
    found, expected = pq.read_schema(path), schema(words, steps, {})
    if not found.equals(expected):
        return [f"{path.name}: schema {found.names} {found.types}, expected {expected.names} {expected.types}"]
    labels, sizes, tokens = read_column(path, "label"), read_column(path, "length"), read_tokens(path)
    if len(labels) == 0:
        return [f"{path.name}: no reviews"]
    return [f"{path.name}: {text}" for text in _range_faults(labels, sizes, tokens, words)]


def _range_faults(
    labels: NDArray[np.integer], sizes: NDArray[np.integer], tokens: NDArray[np.integer], words: int
) -> list[str]:
    tests: Mapping[str, bool] = {
        f"labels {sorted(set(labels.tolist()))[:5]}, expected 0 and 1": set(labels.tolist()) == {0, 1},
        f"token {tokens.max()}, expected less than the vocabulary of {words}": bool(tokens.max() < words),
        f"length {sizes.min()}, expected 1 or more": bool(sizes.min() >= 1),
        "a review of padding alone, expected at least the start token": bool((tokens[:, -1] != 0).all()),
        "padding that differs from the length": bool(
            ((tokens != 0).sum(axis=1) == np.minimum(sizes, tokens.shape[1])).all()
        ),
    }
    return [text for text, passed in tests.items() if not passed]


def _example(path: Path, source: Source) -> str:
    """The last words of the first test review, as the network sees them."""
    tokens = pq.ParquetFile(path).read_row_group(0, columns=["tokens"]).column(0)[0].as_py()
    words = words_of(tokens, words_by_token(source.word_index))
    return " ".join(words[-EXAMPLE_WORDS:])


def content_digest(train: Reviews, test: Reviews) -> str:
    """SHA-256 of the decoded reviews, whatever archive they came in."""
    digest = hashlib.sha256()
    for reviews in (train, test):
        for array in (reviews.tokens, reviews.offsets, reviews.labels):
            digest.update(array.tobytes())
    return digest.hexdigest()


@task(
    name="prepare",
    task_run_name="prepare {words} words, {steps} steps",
    cache_key_fn=keyed(lambda **parameters: f"prepare-{dataset_key(**parameters)}"),
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
)
def prepare(source: Source, words: int, steps: int, reviews: int | None, root: Path, fresh: bool = False) -> Dataset:
    """`prepare_dataset`, and a line in the log that says whether it was reused."""
    dataset = prepare_dataset(source, words, steps, reviews, root, fresh)
    get_run_logger().info(
        "Dataset %s: %s, %d training and %d test reviews",
        dataset.fingerprint, "reused" if dataset.reused else "made", dataset.train.reviews, dataset.test.reviews,
    )  # fmt: skip
    return dataset
