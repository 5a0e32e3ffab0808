"""Evaluation of each preset on the test reviews, `model.evaluate` of Keras against the compiled loops, in turn:
`python tests/benchmarks/evaluation.py --data outputs/data/…`.

`--data` names the folder of a prepared dataset, as the flow leaves it under `outputs/data`.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
PRESETS = ["simple_rnn", "lstm", "gru", "stacked_simple_rnn", "bidirectional_lstm"]


def main() -> None:
    """Time both engines on every network and print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with test.parquet")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=PRESETS)
    arguments = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    for name in arguments.models:
        seconds = time_engines(engines(name, arguments.data / "test.parquet", arguments.threads), arguments.rounds)
        keras, compiled = (statistics.median(seconds[engine]) for engine in ("keras", "compiled"))
        ratios = [a / b for a, b in zip(seconds["keras"], seconds["compiled"], strict=True)]
        print(
            f"{name:18} keras {keras:6.2f} s, compiled {compiled:6.2f} s, ratio {statistics.median(ratios):5.1f} "
            f"({min(ratios):.1f} to {max(ratios):.1f}), {arguments.threads} threads"
        )


def engines(name: str, path: Path, threads: int) -> dict[str, Callable[[], object]]:
    """What each engine does to evaluate an untrained network of the tutorial's sizes."""
    import numpy as np

    from tasks.data.parquet import read_column, read_tokens
    from tasks.models.compiled_learner import CompiledLearner
    from tasks.models.keras_learner import build
    from tasks.models.spec import preset

    spec = preset(name, 32, 32, 0.0)
    model = build(spec, 10_000, 0.001, 0)
    learner = CompiledLearner(spec, model, threads)
    tokens, labels = read_tokens(path), read_column(path, "label")
    inputs = tokens.padded().astype(np.int32)
    return {
        "keras": lambda: model.evaluate(inputs, labels, batch_size=128, verbose=0),
        "compiled": lambda: learner.predict(tokens),
    }


def time_engines(engines: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each engine in each round; a first round warms up and is not counted."""
    seconds: dict[str, list[float]] = {engine: [] for engine in engines}
    for number in range(rounds + 1):
        for engine, evaluate in engines.items():
            started = time.perf_counter()
            evaluate()
            if number:
                seconds[engine].append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
