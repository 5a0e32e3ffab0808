"""From `imdb.npz` on disk to prepared reviews, in turn with Keras's loading and padding:
`python tests/benchmarks/preparation.py imdb.npz`.

This project ends with Parquet on disk, Keras with arrays in memory. Each side runs in a process of its own. Two times
are printed: the work without imports (the loading of compiled loops counts as an import), and the whole process. Peak
memory is that of the process. `--large` generates ten times as many reviews as IMDB has, prepares them and trains a
SimpleRNN on them for one epoch.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
SIDES = ("keras", "ours")
TRAINING = "training"
VOCABULARY_SIZE, MAX_LENGTH = 10_000, 500


class Measurement(NamedTuple):
    """Seconds of the work, peak megabytes of the process, and seconds of the whole process."""

    work: float
    memory: float
    process: float


def main() -> None:
    """Run the sides in turn and print a table; or be one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="imdb.npz")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="500,000 generated reviews, without Keras")
    parser.add_argument("--side", choices=[*SIDES, TRAINING], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        run_side(arguments.side, arguments.data)
    elif arguments.large:
        compare_sizes()
    else:
        compare_sides(arguments.data, arguments.rounds)


def run_side(side: str, data: Path) -> None:
    """Do the work of one side; print its seconds and the peak megabytes."""
    started = time.perf_counter()
    import_seconds = {"keras": by_keras, "ours": by_ours, TRAINING: by_training}[side](data)
    work = time.perf_counter() - started - import_seconds
    print(work, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def measured(data: Path, side: str) -> Measurement:
    """One side, run in a process of its own."""
    command = [sys.executable, __file__, str(data), "--side", side]
    started = time.perf_counter()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    process = time.perf_counter() - started
    work, memory = map(float, output.split()[-2:])
    return Measurement(work, memory, process)


def compare_sides(data: Path, rounds: int) -> None:
    """Print the medians of both sides and the ratios of their times."""
    runs: dict[str, list[Measurement]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            runs[side].append(measured(data, side))
    for side in SIDES:
        work, memory, process = map(statistics.median, zip(*runs[side], strict=True))
        print(f"{side:6} work {work:6.2f} s, whole process {process:6.2f} s, peak {memory:6.0f} MB (medians)")
    pairs = list(zip(runs["keras"], runs["ours"], strict=True))
    print_ratios("work", [keras.work / ours.work for keras, ours in pairs])
    print_ratios("whole process", [keras.process / ours.process for keras, ours in pairs])


def print_ratios(name: str, ratios: list[float]) -> None:
    """Print the median and the range."""
    print(f"ratio of {name}: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def by_keras(data: Path) -> float:
    """Load and pad as the tutorial does; return the seconds that imports took."""
    started = time.perf_counter()
    from keras.datasets import imdb
    from keras.src.datasets import imdb as module
    from keras.utils import pad_sequences

    import_seconds = time.perf_counter() - started
    module.get_file = lambda **_: str(data)
    (x_train, _), (x_test, _) = imdb.load_data(num_words=VOCABULARY_SIZE)
    pad_sequences(x_train, maxlen=MAX_LENGTH), pad_sequences(x_test, maxlen=MAX_LENGTH)
    return import_seconds


def by_ours(data: Path) -> float:
    """Find the file and prepare it, with all checks and descriptions; return the seconds that imports took."""
    started = time.perf_counter()
    from tasks.data.imdb_npz import write_imdb_npz
    from tasks.fetch import fetch
    from tasks.prepare import prepare
    from tests.conftest import random_reviews

    with tempfile.TemporaryDirectory() as folder:  # Loads the compiled loops.
        tiny = Path(folder) / "imdb.npz"
        write_imdb_npz(tiny, random_reviews(20), random_reviews(20))
        prepare(fetch(tiny, "auto", Path(folder)), 50, 30, None, Path(folder))
    import_seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(data, "auto", Path(folder))
        prepare(source, VOCABULARY_SIZE, MAX_LENGTH, None, Path(folder))
    return import_seconds


def by_training(data: Path) -> float:
    """Prepare, and train a SimpleRNN for one epoch; imports count as work here."""
    from tasks.fetch import fetch
    from tasks.job import Job
    from tasks.models.spec import TrainingPlan, preset
    from tasks.prepare import prepare
    from tasks.train import train

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = prepare(fetch(data, "auto", folder), VOCABULARY_SIZE, MAX_LENGTH, None, folder)
        train(
            Job(
                preset("simple_rnn", 32, 32, 0.0),
                TrainingPlan(epochs=1, batch_size=128, learning_rate=0.001, validation=0.2),
                dataset,
                1,
                folder,
            )
        )
    return 0.0


def compare_sizes() -> None:
    """As many reviews as IMDB has against ten times as many: time of preparation, peak memory of training."""
    from tasks.data.sample import write_sample

    with tempfile.TemporaryDirectory() as folder:
        results = {}
        for name, count in (("50,000", 25_000), ("500,000", 250_000)):
            npz = Path(folder) / name / "imdb.npz"
            npz.parent.mkdir()
            started = time.perf_counter()
            write_sample(npz, npz.with_name("imdb_word_index.json"), count, count)
            print(f"{name:8} reviews generated in {time.perf_counter() - started:6.1f} s", flush=True)
            results[name] = measured(npz, "ours")
            print(f"{name:8} prepared in {results[name].work:6.2f} s, peak {results[name].memory:6.0f} MB", flush=True)
        print(f"ratio    {results['500,000'].work / results['50,000'].work:6.2f}")
        training = measured(npz, TRAINING)
        print(f"500,000  prepared and trained on for an epoch in {training.work:6.2f} s", end=", ")
        print(f"peak {training.memory:6.0f} MB")


if __name__ == "__main__":
    main()
