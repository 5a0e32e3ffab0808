"""One epoch of training, Keras against the compiled loops, in turn: `python tests/benchmarks/training.py`.

Reads a prepared dataset (the newest under `outputs/data` unless `--data` names a folder), times epochs of 20,000
reviews one after the other, with the same threads and the same batches, and prints the median of each engine, the ratio
of the medians with its spread over the rounds, and how near the loops come to the machine's
peak: the floating-point operations that the maths needs over the measured time, against a measured matrix product (more
than 100 % where NumPy's BLAS does not know the processor). PyTorch and Keras on JAX are timed too where they are
installed.

Fewer `--steps` flatter the loops: an untrained network's gradients vanish early, and the loops stop there; and each
call of Keras's `fit` takes a while to begin. With 4 steps the LSTM seemed 12 to 16 times as fast as Keras, not 5 to 7.

Tried on an AMD EPYC (Zen 5, 512-bit vectors) that other work kept busy; processor time on one thread, one or two pairs
each, so differences of a few per cent are uncertain:

- Won: explicit vectors for the cells, whose derivatives the forward pass leaves (LSTM, a timestep back: 10 instead of
  50 ns; a batch of a trained network: 13 %); a product of 64 x 32 x 32 in our own tiles instead of BLAS (0.5 instead of
  1.6 us); no search for the process's BLAS libraries at each call (together with smaller tiles: 12 to 6 ms for a batch
  of the simple RNN); in prediction the states of two timesteps instead of all (GRU 5 %, bidirectional LSTM 6 %, others
  unchanged), and no timestep for a review that reads backwards and whose states padding no longer changes, after about
  106 of it (a trained bidirectional LSTM skips 38 % of those timesteps).
- Won on Zen 3 (two processes in turn, six batches each, 26 rounds): one Jacobian for each timestep of padding instead
  of a product for each block, and rows of gradients that are not a multiple of 512 bytes apart (a batch of LSTM 37.3
  to 34.7 ms, on two threads 22.8 to 21.1; GRU 3 %); packing in a compiled loop (0.7 to 0.5 ms a batch).
- Won on an Intel Xeon (two processes in turn, four or five batches each, 26 rounds, processor time): loops compiled for
  each cell, into which the products are compiled with their constants (a batch of SimpleRNN 7 to 11 %, GRU 2 to 8 %,
  LSTM up to 5 %; compiling LSTM's loops after those of SimpleRNN takes 7 s).
- Kept, never timed alone: one outer product for the padding's summed gradients; tiles of 4, 3, 2 and 1 rows.
- Did not win: copying hidden states and inputs by explicit vectors (10 % slower); one workspace for both groups where
  one thread computes them; fetching projections ahead of use (predicting with LSTM, GRU: 15 to 25 % slower); predicting
  128 reviews at once instead of 256 (every network slower); adding the gradients of embedded tokens timestep by
  timestep, while they are in the cache, instead of after the loop (Zen 3, three pairs: SimpleRNN nothing, LSTM about
  4 % of a batch, within the noise); the Jacobian for a simple RNN, which has one block (a batch 8 % slower); rows kept
  apart where they are no multiple of 512 bytes apart (simple RNN 4 % slower).
- Left, by counting operations: for an LSTM the gradients before the activation summed by token, before the product
  with the embedding (about 5 %); for a simple RNN and a GRU the second moments of the padding's gradients instead of a
  row for each review (about 8 and 13 %, on one thread).
- Nothing to win: products of 128 rows (as many operations per second as 64). One group of 128 would also add its sums
  in another order than two threads.
- Where a simple RNN's batch goes (Zen 3, 14 ms, sampled): products 42 %; the rest of the backward loop 19 %; Python and
  NumPy around the loops 22 %; activations 7 %.
- Where an LSTM's batch goes (12.5 ms): products 6.5, at the peak of the vector units; cells 1.5; the rest is memory, of
  which a group of 64 reviews needs 15 MB.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

EPOCH, BATCH = 20_000, 128
PRESETS = ["simple_rnn", "lstm", "gru", "stacked_simple_rnn", "bidirectional_lstm"]
Batches = list[tuple[Any, np.ndarray]]  # Tokens for the compiled loops, padded ones for the other engines.
Fit = Callable[[Batches], object]

# PyTorch and TensorFlow bring LLVM libraries that cannot live in one process, and Keras has one backend in a process.
ELSEWHERE = {"torch": "torch_fit", "jax": "fit_by_keras"}
PROGRAM = f"""
import os, sys
name, threads, fit_of = sys.argv[1:]
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(threads)])
sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy, training
fit = getattr(training, fit_of)(name, int(threads))
for line in sys.stdin:
    data = numpy.load(line.strip())
    parts = range(training.BATCH, len(data["x"]), training.BATCH)
    fit(list(zip(numpy.split(data["x"], parts), numpy.split(data["y"], parts))))
    print("done", flush=True)
"""


def main() -> None:
    """Run each number of threads in a process of its own, because TensorFlow fixes its threads once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder with train.parquet")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--models", nargs="+", default=PRESETS)
    parser.add_argument("--rounds", type=int, default=5, help="how often each engine is timed")
    parser.add_argument("--steps", type=int, default=EPOCH // BATCH + 1, help="training steps in a round")
    parser.add_argument("--measure", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.data = arguments.data or newest_dataset()
    if arguments.measure:
        measure(arguments, arguments.measure)
        return
    print(f"{'model':18} threads {'engine':8} {'s/epoch':>8} {'min':>7} {'max':>7}  ratio {'spread':>13}   peak")
    for threads in arguments.threads:
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        command = [sys.executable, *sys.argv, "--measure", str(threads), "--data", str(arguments.data)]
        subprocess.run(command, env=os.environ | limits | {"TF_CPP_MIN_LOG_LEVEL": "3"}, check=True)


def newest_dataset() -> Path:
    """The dataset that was prepared last."""
    files = sorted(Path("outputs/data").glob("*/train.parquet"), key=lambda path: path.stat().st_mtime)
    if not files:
        sys.exit("No dataset under outputs/data: run `python flows/main.py --data imdb.npz` first, or give --data")
    return files[-1].parent


def measure(arguments: argparse.Namespace, threads: int) -> None:
    """Time every engine on every model and print a line for each."""
    from tasks.data.parquet import read_column, read_tokens

    path = arguments.data / "train.parquet"
    tokens, labels = read_tokens(path), read_column(path, "label")
    for name in arguments.models:
        seconds = time_engines(engines(name, threads), tokens, labels, arguments.rounds, arguments.steps)
        share = operations(name, tokens[:EPOCH].padded()) / (np.median(seconds["compiled"]) * peak(threads))
        for engine, times in seconds.items():
            ratios = np.array(seconds["keras"]) / np.array(times)
            line = f"{name:18} {threads:7} {engine:8} {np.median(times):8.2f} {min(times):7.2f} {max(times):7.2f}"
            line += f" {np.median(ratios):6.1f} {min(ratios):6.1f}-{max(ratios):6.1f}"
            print(line, f"{share:6.1%}" if engine == "compiled" else "", flush=True)


def engines(name: str, threads: int) -> dict[str, Fit]:
    """How each installed engine trains a model on some batches."""
    fits = {"keras": keras_fit(name, threads), "compiled": compiled_fit(name, threads)}
    for engine, fit_of in ELSEWHERE.items():
        if importlib.util.find_spec(engine):
            fits[engine] = fit_elsewhere(engine, fit_of, name, threads)
    return fits


def time_engines(
    engines: dict[str, Fit], tokens: Any, labels: np.ndarray, rounds: int, steps: int
) -> dict[str, list[float]]:
    """Seconds per epoch of each engine in each round; engines take turns on the same batches.

    A first round warms up and is not counted.
    """
    from tasks.data.training_reviews import Batch

    random = np.random.default_rng(0)
    seconds: dict[str, list[float]] = {engine: [] for engine in engines}
    for number in range(rounds + 1):
        rows = [random.integers(0, EPOCH, BATCH) for _ in range(steps)]
        batches = [Batch(tokens[chosen], labels[chosen]) for chosen in rows]
        padded = [(part.padded(), targets) for part, targets, _ in batches]
        for engine, fit in engines.items():
            started = time.perf_counter()
            fit(batches if engine == "compiled" else padded)
            if number:
                seconds[engine].append((time.perf_counter() - started) / steps * EPOCH / BATCH)
    return seconds


def spec_of(name: str) -> Any:
    """A preset with the tutorial's sizes."""
    from tasks.models.spec import preset

    return preset(name, 32, 32, 0.0)


def model_of(name: str) -> Any:
    """The compiled Keras model of a preset with the tutorial's sizes."""
    from tasks.models.keras_learner import build

    return build(spec_of(name), 10_000, 0.001, 0)


def joined(batches: Batches) -> tuple[np.ndarray, np.ndarray]:
    """The tokens and labels of all batches."""
    tokens, labels = zip(*batches, strict=True)
    return np.concatenate(tokens), np.concatenate(labels)


def keras_fit(name: str, threads: int) -> Fit:
    """Keras on TensorFlow: its layers and its `fit`."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return fit_by_keras(name, threads)


def fit_by_keras(name: str, threads: int) -> Fit:
    """Keras on the backend of the process, whose threads are limited elsewhere."""
    del threads
    model = model_of(name)

    def fit(batches: Batches) -> object:
        x, y = joined(batches)
        return model.fit(x.astype(np.int32), y, batch_size=BATCH, shuffle=False, verbose=0)

    return fit


def compiled_fit(name: str, threads: int) -> Fit:
    """The compiled loops."""
    from tasks.models.compiled_learner import CompiledLearner

    return CompiledLearner(spec_of(name), model_of(name), threads).fit_epoch


def torch_fit(name: str, threads: int) -> Fit:
    """The same network in PyTorch, on padded batches."""
    import torch

    torch.set_num_threads(threads)
    spec = spec_of(name)
    directions = 2 if spec.bidirectional else 1
    embedding, dense = torch.nn.Embedding(10_000, 32), torch.nn.Linear(32 * directions, 1)
    layer_of = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[spec.cell]
    layers = layer_of(32, 32, len(spec.units), batch_first=True, bidirectional=spec.bidirectional)
    parameters = [*embedding.parameters(), *layers.parameters(), *dense.parameters()]
    optimizer = torch.optim.RMSprop(parameters, lr=0.001, alpha=0.9, eps=1e-7)

    def fit(batches: Batches) -> None:
        for x, y in batches:
            optimizer.zero_grad()
            outputs = layers(embedding(torch.from_numpy(x.astype(np.int64))))[0]
            hidden = torch.cat([outputs[:, -1, :32], outputs[:, 0, 32:]], dim=1)  # The last of each direction.
            target = torch.from_numpy(y.astype(np.float32))
            torch.nn.functional.binary_cross_entropy_with_logits(dense(hidden)[:, 0], target).backward()
            optimizer.step()

    return fit


def fit_elsewhere(engine: str, fit_of: str, name: str, threads: int) -> Fit:
    """An engine in a process of its own, which reads batches from files."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, name, str(threads), fit_of],
        env=os.environ | {"KERAS_BACKEND": "jax" if engine == "jax" else "tensorflow"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def fit(batches: Batches) -> None:
        x, y = joined(batches)
        with tempfile.NamedTemporaryFile(suffix=".npz") as file:
            np.savez(file, x=x, y=y)
            file.flush()
            assert process.stdin
            assert process.stdout
            process.stdin.write(file.name + "\n")
            process.stdin.flush()
            if process.stdout.readline() != "done\n":
                sys.exit(f"{engine} ended with status {process.wait()}")

    return fit


def operations(name: str, tokens: np.ndarray) -> float:
    """Operations that an epoch's maths needs: for each token the two products of a gate, forward and twice backward.

    Backwards, a review's padding comes after its tokens and counts as well.
    """
    spec = spec_of(name)
    gates = {"simple_rnn": 1, "lstm": 4, "gru": 3}[spec.cell]
    timesteps = np.count_nonzero(tokens) + (tokens.size if spec.bidirectional else 0)
    return 3 * 2 * (32 + 32) * 32 * gates * len(spec.units) * float(timesteps)


def peak(threads: int) -> float:
    """Operations per second of a large matrix product, the best of five."""
    from threadpoolctl import threadpool_limits

    matrix = np.ones((2_000, 2_000), np.float32)
    best = float("inf")
    with threadpool_limits(threads):
        for _ in range(5):
            started = time.perf_counter()
            matrix @ matrix
            best = min(best, time.perf_counter() - started)
    return 2 * 2_000**3 / best


if __name__ == "__main__":
    main()
