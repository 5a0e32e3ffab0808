"""From `imdb.npz` on disk to prepared reviews, against Keras's loading and padding, in turn:
`python tests/benchmarks/preparation.py imdb.npz`.

Ours ends with Parquet on disk, Keras's with arrays in memory. Each side runs in a process of its own. Two times are
given: the work alone, without imports (to which the loading of compiled loops belongs), and the whole process. Peak
memory is the process's. `--large` makes ten times as many reviews with the sample's generator, prepares them and trains
a SimpleRNN on them for one epoch.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
SIDES = ("keras", "ours")
TRAINING = "training"


def main() -> None:
    """Run the sides in turn and print a table; or be one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="imdb.npz")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="500,000 reviews of the sample's generator, ours alone")
    parser.add_argument("--side", choices=[*SIDES, TRAINING], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        began = time.perf_counter()
        {"keras": by_keras, "ours": by_ours, TRAINING: by_training}[arguments.side](arguments.data)
        return print(time.perf_counter() - began - WAITED, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    if arguments.large:
        return large()
    rows: dict[str, list[tuple[float, float, float]]] = {side: [] for side in SIDES}
    for _ in range(arguments.rounds):
        for side in SIDES:
            rows[side].append(measured(arguments.data, side))
    for side in SIDES:
        work, memory, whole = (statistics.median(column) for column in zip(*rows[side], strict=True))
        print(f"{side:6} work {work:6.2f} s, whole process {whole:6.2f} s, peak {memory:6.0f} MB (medians)")
    for name, column in (("work", 0), ("whole process", 2)):
        ratios = [a[column] / b[column] for a, b in zip(rows["keras"], rows["ours"], strict=True)]
        print(f"ratio of {name}: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return None


def measured(data: Path, side: str) -> tuple[float, float, float]:
    """Seconds of the work, peak megabytes, and seconds of the whole process of one side."""
    command = [sys.executable, __file__, str(data), "--side", side]
    began = time.perf_counter()
    seconds, memory = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-2:]
    return float(seconds), float(memory), time.perf_counter() - began


WAITED = 0.0


def imported(began: float) -> None:
    """Leave the time since `began`, which imports took, out of the count."""
    global WAITED
    WAITED += time.perf_counter() - began


def by_keras(data: Path) -> None:
    """Load and pad as the tutorial does."""
    began = time.perf_counter()
    from keras.datasets import imdb
    from keras.src.datasets import imdb as module
    from keras.utils import pad_sequences

    imported(began)
    module.get_file = lambda **_: str(data)
    (x_train, _), (x_test, _) = imdb.load_data(num_words=10_000)
    pad_sequences(x_train, maxlen=500), pad_sequences(x_test, maxlen=500)


def by_ours(data: Path) -> None:
    """Find the file and prepare it, with all checks and descriptions."""
    began = time.perf_counter()
    from tasks.data.imdb_npz import write_imdb_npz
    from tasks.fetch import fetch
    from tasks.prepare import prepare
    from tests.conftest import random_reviews

    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder) / "imdb.npz"
        write_imdb_npz(tiny, random_reviews(20), random_reviews(20))
        prepare(fetch(tiny, "auto", Path(folder)), 50, 30, None, Path(folder))
    imported(began)
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(data, "auto", Path(folder))
        prepare(source, 10_000, 500, None, Path(folder))


def by_training(data: Path) -> None:
    """Prepare, and train a SimpleRNN for one epoch."""
    from tasks.fetch import fetch
    from tasks.job import Job
    from tasks.models.spec import TrainingPlan, preset
    from tasks.prepare import prepare
    from tasks.train import train

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = prepare(fetch(data, "auto", folder), 10_000, 500, None, folder)
        train(Job(preset("simple_rnn", 32, 32, 0.0), TrainingPlan(1, 128, 0.001, 0.2), dataset, 1, folder))


def large() -> None:
    """Ten times IMDB: preparation against IMDB's size, and what reading for training holds."""
    from tasks.data.sample import write_sample

    with tempfile.TemporaryDirectory() as folder:
        results = {}
        for name, count in (("50,000", 25_000), ("500,000", 250_000)):
            npz = Path(folder) / name / "imdb.npz"
            npz.parent.mkdir()
            began = time.perf_counter()
            write_sample(npz, npz.with_name("imdb_word_index.json"), count, count)
            print(f"{name:8} reviews made in {time.perf_counter() - began:6.1f} s", flush=True)
            results[name] = measured(npz, "ours")
            print(f"{name:8} prepared in {results[name][0]:6.2f} s, peak {results[name][1]:6.0f} MB", flush=True)
        print(f"ratio    {results['500,000'][0] / results['50,000'][0]:6.2f}")
        seconds, memory, _ = measured(npz, TRAINING)
        print(f"500,000  prepared and trained on for an epoch in {seconds:6.2f} s, peak {memory:6.0f} MB")


if __name__ == "__main__":
    main()
