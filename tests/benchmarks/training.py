"""One epoch of training, stock Keras against the compiled loops, in turn: `python tests/benchmarks/training.py`.

Reads a prepared dataset (the newest under `outputs/data` unless `--data` names a folder), times blocks of training
steps with the same threads and the same batches, and prints each side's median extrapolated to an epoch of 20,000
reviews, the ratio of the medians with its spread over the rounds, and how near the loops come to the machine's peak:
the floating-point operations that the maths needs over the measured time, against a measured matrix product. PyTorch
and Keras on JAX are timed too where they are installed.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

EPOCH, BATCH = 20_000, 128
Batches = list[tuple[np.ndarray, np.ndarray]]


def main() -> None:
    """Parse, and run each number of threads in a process of its own: TensorFlow fixes its threads once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder with train.parquet")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--models", nargs="+", default=["simple_rnn", "lstm"])
    parser.add_argument("--rounds", type=int, default=8, help="how often each side is timed")
    parser.add_argument("--steps", type=int, default=5, help="training steps a round")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.data = arguments.data or newest_dataset()
    if arguments.one:
        measure(arguments)
        return
    print(f"{'model':12} threads {'side':8} {'s/epoch':>8} {'min':>7} {'max':>7}  ratio {'spread':>13}   peak")
    for threads in arguments.threads:
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        command = [sys.executable, *sys.argv, "--one", str(threads), "--data", str(arguments.data)]
        subprocess.run(command, env=os.environ | limits | {"TF_CPP_MIN_LOG_LEVEL": "3"}, check=True)


def newest_dataset() -> Path:
    """The dataset that was prepared last."""
    folders = sorted(Path("outputs/data").glob("*/train.parquet"), key=lambda path: path.stat().st_mtime)
    if not folders:
        sys.exit("No dataset under outputs/data: run `python flows/main.py --data imdb.npz` first, or give --data")
    return folders[-1].parent


def measure(arguments: argparse.Namespace) -> None:
    """Time every side of every model with the given number of threads."""
    from tasks.data.parquet import read_column, read_tokens

    path = arguments.data / "train.parquet"
    tokens, labels = read_tokens(path), read_column(path, "label")
    for name in arguments.models:
        sides = {"keras": keras_side(name, arguments.one), "ours": our_side(name, arguments.one)}
        if importlib.util.find_spec("torch"):
            sides["torch"] = torch_side(name, arguments.one)
        if importlib.util.find_spec("jax"):
            sides["jax"] = jax_side(name)
        times = run(sides, tokens, labels, arguments.rounds, arguments.steps)
        share = flops(name, tokens[:EPOCH]) / (np.median(times["ours"]) * peak(arguments.one))
        for side, seconds in times.items():
            ratios = np.array(times["keras"]) / np.array(seconds)
            line = f"{name:12} {arguments.one:7} {side:8} {np.median(seconds):8.2f} {min(seconds):7.2f}"
            line += f" {max(seconds):7.2f} {np.median(ratios):6.1f} {min(ratios):6.1f}-{max(ratios):6.1f}"
            print(line, f"{share:6.1%}" if side == "ours" else "", flush=True)


def run(
    sides: dict[str, Callable[[Batches], object]], tokens: np.ndarray, labels: np.ndarray, rounds: int, steps: int
) -> dict[str, list[float]]:
    """Seconds an epoch for each round and side; sides take turns on the same batches, a first round is not counted."""
    random = np.random.default_rng(0)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds + 1):
        rows = [random.integers(0, EPOCH, BATCH) for _ in range(steps)]
        batches = [(tokens[chosen], labels[chosen]) for chosen in rows]
        for side, fit in sides.items():
            began = time.perf_counter()
            fit(batches)
            if number:
                times[side].append((time.perf_counter() - began) / steps * EPOCH / BATCH)
    return times


def model_of(name: str) -> object:
    """The compiled Keras model of a preset with the tutorial's sizes."""
    from tasks.models.keras_model import build
    from tasks.models.spec import preset

    return build(preset(name, 32, 32, 0.0), 10_000, 0.001, 0)


def keras_side(name: str, threads: int) -> Callable[[Batches], object]:
    """Stock Keras 3: its layers and its `fit`."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = model_of(name)

    def fit(batches: Batches) -> object:
        x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return model.fit(x.astype(np.int32), y, batch_size=BATCH, shuffle=False, verbose=0)

    return fit


def our_side(name: str, threads: int) -> Callable[[Batches], object]:
    """The compiled loops."""
    from tasks.models.compiled_learner import CompiledLearner
    from tasks.models.spec import preset

    return CompiledLearner(preset(name, 32, 32, 0.0), model_of(name), threads).fit_epoch


def torch_side(name: str, threads: int) -> Callable[[Batches], object]:
    """The same network in PyTorch, padded as it is."""
    import torch

    torch.set_num_threads(threads)
    embedding, dense = torch.nn.Embedding(10_000, 32), torch.nn.Linear(32, 1)
    cell = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM}[name](32, 32, batch_first=True)
    parameters = [*embedding.parameters(), *cell.parameters(), *dense.parameters()]
    optimizer = torch.optim.RMSprop(parameters, lr=0.001, alpha=0.9, eps=1e-7)

    def fit(batches: Batches) -> None:
        for x, y in batches:
            optimizer.zero_grad()
            hidden = cell(embedding(torch.from_numpy(x.astype(np.int64))))[0][:, -1]
            target = torch.from_numpy(y.astype(np.float32))
            torch.nn.functional.binary_cross_entropy_with_logits(dense(hidden)[:, 0], target).backward()
            optimizer.step()

    return fit


def jax_side(name: str) -> Callable[[Batches], object]:
    """Keras on JAX, in a process of its own: a process has one backend. It is told the batches by their number."""
    script = f"""import sys, numpy
sys.path.insert(0, {str(Path(__file__).parent)!r})
from training import model_of
model = model_of({name!r})
for line in sys.stdin:
    data = numpy.load(line.strip())
    model.fit(data["x"].astype("int32"), data["y"], batch_size={BATCH}, shuffle=False, verbose=0)
    print("done", flush=True)
"""
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def fit(batches: Batches) -> None:
        import tempfile

        x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        with tempfile.NamedTemporaryFile(suffix=".npz") as file:
            np.savez(file, x=x, y=y)
            file.flush()
            assert process.stdin
            assert process.stdout
            process.stdin.write(file.name + "\n")
            process.stdin.flush()
            process.stdout.readline()

    return fit


def flops(name: str, tokens: np.ndarray) -> float:
    """Operations that an epoch's maths needs: for each word the two products of a gate, forward and twice backward."""
    gates = {"simple_rnn": 1, "lstm": 4}[name]
    return 3 * 2 * (32 + 32) * 32 * gates * float(np.count_nonzero(tokens))


def peak(threads: int) -> float:
    """Operations a second of a large matrix product, the best of five."""
    from threadpoolctl import threadpool_limits

    matrix = np.ones((2_000, 2_000), np.float32)
    best = float("inf")
    with threadpool_limits(threads):
        for _ in range(5):
            began = time.perf_counter()
            matrix @ matrix
            best = min(best, time.perf_counter() - began)
    return 2 * 2_000**3 / best


if __name__ == "__main__":
    main()
