"""How the cost of a branch grows with reviews, units and branches: `python tests/benchmarks/growth.py`.

Made-up reviews with IMDB's distribution of lengths and Zipf-distributed words are written as preparation writes them,
a row group at a time, into a temporary folder (2,500,000 of them take about 3 GB). A branch trains a SimpleRNN on them
for one epoch and validates, in a process of its own that has trained on a few reviews before, so that all code is
loaded. Printed: the peak memory of a branch's process (the largest of several), seconds and processor seconds of the
epoch for each 1,000 reviews of one branch. Branches that run side by side share the processors.
`--quick` is a small run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
VOCABULARY_SIZE, MAX_LENGTH = 10_000, 500
WARM_REVIEWS = 1_000


class Plan(NamedTuple):
    """What to measure."""

    reviews: list[int]
    units: list[int]
    branches: list[int]
    reviews_of_others: int  # Of the measurements that vary units or branches.


FULL = Plan([25_000, 250_000, 2_500_000], [32, 128, 256], [2, 4, 8, 16], 5_000)
QUICK = Plan([2_500, 25_000], [32, 64], [2], 2_500)


class Cost(NamedTuple):
    """Peak MiB of a branch's process; seconds and processor seconds for each 1,000 reviews."""

    memory: float
    seconds: float
    cpu_seconds: float


def main() -> None:
    """Measure and print a table; or be one branch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer reviews, units and branches")
    parser.add_argument("--folder", type=Path, help="work here rather than in a temporary folder")
    parser.add_argument("--branch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.branch:
        print(json.dumps(run_branch(**json.loads(arguments.branch))))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        measure(QUICK if arguments.quick else FULL, Path(folder))


def measure(plan: Plan, folder: Path) -> None:
    """Print a row for each measurement."""
    datasets = {}
    for count in sorted({WARM_REVIEWS, plan.reviews_of_others, *plan.reviews}):
        started = time.perf_counter()
        datasets[count] = folder / f"{count}.json"
        write_dataset(datasets[count], count)
        print(f"{count:9,} reviews written in {time.perf_counter() - started:.1f} s", flush=True)
    cost_of(datasets, WARM_REVIEWS, 32, 1)  # Compiles what no process has compiled before.
    few = plan.reviews_of_others
    print(f"{'reviews':>9} {'units':>5} {'branches':>8} {'peak MiB':>8} {'s/1,000':>8} {'CPU s/1,000':>11}")
    rows = [(count, 32, 1) for count in plan.reviews]
    rows += [(few, units, 1) for units in plan.units] + [(few, 32, branches) for branches in plan.branches]
    costs = {}
    for count, units, branches in rows:
        cost = cost_of(datasets, count, units, branches)
        costs[count, units, branches] = cost
        print(
            f"{count:9,} {units:5} {branches:8} {cost.memory:8.0f} {cost.seconds:8.3f} {cost.cpu_seconds:11.3f}",
            flush=True,
        )
    least, most = (costs[count, 32, 1].memory for count in (plan.reviews[0], plan.reviews[-1]))
    print(f"peak memory, {plan.reviews[-1]:,} against {plan.reviews[0]:,} reviews: {most / least:.2f} x")


def cost_of(datasets: dict[int, Path], count: int, units: int, branches: int) -> Cost:
    """Run branches side by side, each in a process of its own."""
    with tempfile.TemporaryDirectory(dir=datasets[count].parent) as root:
        options = {"data": str(datasets[count]), "warm": str(datasets[WARM_REVIEWS]), "root": root, "units": units}
        processes = []
        for seed in range(1, branches + 1):
            branch = json.dumps(options | {"seed": seed, "branches": branches})
            command = [sys.executable, __file__, "--branch", branch]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        costs = [Cost(*outcome(process)) for process in processes]
    memory, seconds, cpu_seconds = map(max, zip(*costs, strict=True))
    return Cost(memory, seconds, cpu_seconds)


def outcome(process: "subprocess.Popen[str]") -> list[float]:
    """What a branch printed last."""
    output, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors)
    cost: list[float] = json.loads(output.splitlines()[-1])
    return cost


def run_branch(data: str, warm: str, root: str, units: int, seed: int, branches: int) -> Cost:
    """Train for one epoch, after a few reviews that load all code."""
    from tasks.train import train

    train(job_of(warm, root, units, seed, branches))
    branch = train(job_of(data, root, units, seed, branches))
    epoch, thousands = branch.history[0], read_dataset(data).train.reviews / 1_000
    return Cost(branch.peak_memory_mb, epoch.seconds / thousands, epoch.cpu_seconds / thousands)


def job_of(data: str, root: str, units: int, seed: int, branches: int) -> Any:
    """One of some branches that train on the same data."""
    from tasks.job import Job, sharing_processors
    from tasks.models.spec import TrainingPlan, preset
    from tasks.storage.layout import RECORD

    spec = preset("simple_rnn", units, 32, 0.0)
    plan = TrainingPlan(epochs=1, batch_size=128, learning_rate=0.001, validation=0.2)
    jobs = [Job(spec, plan, read_dataset(data), number, Path(root)) for number in range(1, branches + 1)]
    return sharing_processors(jobs, RECORD)[seed - 1]


def read_dataset(path: str) -> Any:
    """The dataset that `write_dataset` described."""
    from pydantic import TypeAdapter

    from tasks.results.data import Dataset

    return TypeAdapter(Dataset).validate_json(Path(path).read_bytes())


def write_dataset(path: Path, count: int) -> None:
    """Write `count` training reviews and a few test reviews, and their description at `path`."""
    from pydantic import TypeAdapter

    from tasks.data.vocabulary import write_vocabulary
    from tasks.results.data import Dataset, Source
    from tasks.storage.files import sha256_of_file

    folder = path.with_suffix("")
    folder.mkdir()
    vocabulary = folder / "vocabulary.json"
    write_vocabulary(vocabulary, None, VOCABULARY_SIZE)
    dataset = Dataset(
        folder=folder,
        fingerprint=f"growth-{count}",
        source=Source("file", path, "0" * 64, "made up"),
        vocabulary_size=VOCABULARY_SIZE,
        max_length=MAX_LENGTH,
        train=write_split(folder / "train.parquet", count),
        test=write_split(folder / "test.parquet", 100),
        vocabulary=vocabulary,
        vocabulary_sha256=sha256_of_file(vocabulary),
        word_index=None,
        word_index_sha256=None,
        imdb=False,
        example="",
        columns={},
    )
    path.write_bytes(TypeAdapter(Dataset).dump_json(dataset))


def write_split(path: Path, count: int) -> Any:
    """Write reviews a row group at a time, and describe them."""
    import numpy as np

    from tasks.data.parquet import split_record, split_writer

    labels, lengths = [], []
    with split_writer(path, VOCABULARY_SIZE, MAX_LENGTH, {}) as write:
        for group in row_groups(count):
            write(group)
            labels.append(group.labels)
            lengths.append(group.lengths)
    return split_record(path, np.concatenate(labels), np.concatenate(lengths), 0.0)


def row_groups(count: int) -> Iterator[Any]:
    """Padded reviews of IMDB's lengths; the n-th word has a frequency proportional to 1 / n."""
    import numpy as np

    from tasks.data.parquet import ROW_GROUP, RowGroup
    from tasks.data.sample import LONGEST, MEDIAN_WORDS, SHORTEST, SIGMA
    from tasks.data.tokens import OFFSET, START, Tokens, token_dtype

    random = np.random.default_rng(1)
    dtype = token_dtype(VOCABULARY_SIZE)
    for first in range(0, count, ROW_GROUP):
        reviews = min(ROW_GROUP, count - first)
        words = np.exp(random.normal(np.log(MEDIAN_WORDS), SIGMA, reviews)).clip(SHORTEST, LONGEST).astype(np.int32)
        seen = np.minimum(words + 1, MAX_LENGTH)
        is_token = np.arange(MAX_LENGTH) >= MAX_LENGTH - seen[:, None]
        tokens = np.zeros((reviews, MAX_LENGTH), dtype)
        ranks = np.exp(random.random(seen.sum(), np.float32) * np.log(np.float32(VOCABULARY_SIZE - OFFSET)))
        tokens[is_token] = np.minimum(ranks.astype(dtype) + OFFSET, VOCABULARY_SIZE - 1)
        whole = np.flatnonzero(words < MAX_LENGTH)
        tokens[whole, MAX_LENGTH - seen[whole]] = START
        labels = random.integers(0, 2, reviews).astype(np.uint8)
        yield RowGroup(np.arange(first, first + reviews), labels, words + 1, Tokens.from_padded(tokens))


if __name__ == "__main__":
    main()
