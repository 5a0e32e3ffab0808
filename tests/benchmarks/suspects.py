"""How many labels that were flipped on purpose are among the first suspects:
`python tests/benchmarks/suspects.py imdb.npz`, or without a file for the bundled sample.

Flips labels in both parts, trains SimpleRNN and LSTM on them with the tutorial's settings, and counts the flipped ones
among as many first rows of `suspects.parquet`. Other rows may have been wrong before.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data.imdb_npz import read_imdb_npz, write_imdb_npz
from tasks.data.sample import write_sample

ROOT = Path(__file__).parent.parent.parent
FLIPPED = 1_000  # As many as `suspects.parquet` has rows.


def main() -> None:
    """Flip, train, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="imdb.npz; none: the bundled sample")
    parser.add_argument("--seed", type=int, default=1, help="of the flips")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, outputs = Path(folder) / "flipped.npz", Path(folder) / "outputs"
        flipped = flip(arguments.data or sample(Path(folder)), data, arguments.seed)
        subprocess.run(
            [sys.executable, ROOT / "flows/main.py", "--data", data, "--outputs", outputs], check=True, cwd=ROOT
        )
        suspects = pd.read_parquet(outputs / "latest" / "suspects.parquet")
    is_hit = np.array([row in flipped for row in zip(suspects["part"], suspects["review_id"], strict=True)])
    for count in (100, 300, FLIPPED):
        print(f"first {count:5,}: {is_hit[:count].sum():4} of {min(count, len(is_hit)):5,} were flipped")
    for part in ("train", "test"):
        hits, all_flips = is_hit[suspects["part"] == part].sum(), sum(name == part for name, _ in flipped)
        print(f"{part:5} part: {hits} of {all_flips} flipped labels are among the first {FLIPPED:,}")


def sample(folder: Path) -> Path:
    """The bundled sample as a file."""
    path = folder / "sample.npz"
    write_sample(path, folder / "word_index.json")
    return path


def flip(source: Path, target: Path, seed: int) -> set[tuple[str, int]]:
    """Copy an imdb.npz with `FLIPPED` other labels; returns their parts and numbers."""
    splits = dict(zip(("train", "test"), read_imdb_npz(source), strict=True))
    every = [(part, number) for part, reviews in splits.items() for number in range(len(reviews))]
    chosen = np.random.default_rng(seed).choice(len(every), FLIPPED, replace=False)
    flipped = {every[number] for number in chosen.tolist()}
    for part, reviews in splits.items():
        labels = reviews.labels.copy()
        labels[[number for name, number in flipped if name == part]] ^= 1
        splits[part] = replace(reviews, labels=labels)
    write_imdb_npz(target, splits["train"], splits["test"])
    return flipped


if __name__ == "__main__":
    main()
