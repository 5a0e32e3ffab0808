"""Evaluation of one network on the test reviews, `model.evaluate` against the compiled loops, in turn:
`python tests/benchmarks/evaluation.py --data outputs/data/…`.

`--data` names the folder of a prepared dataset, as the flow leaves it under `outputs/data`.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def main() -> None:
    """Time both sides and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder with test.parquet")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    import numpy as np
    import tensorflow as tf

    from tasks.data.parquet import read_column, read_tokens
    from tasks.models.compiled_learner import CompiledLearner
    from tasks.models.keras_model import build
    from tasks.models.spec import preset

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tokens, labels = (
        read(arguments.data / "test.parquet") for read in (read_tokens, lambda p: read_column(p, "label"))
    )
    padded = tokens.astype(np.int32)
    for name in ("simple_rnn", "lstm"):
        spec = preset(name, 32, 32, 0.0)
        model = build(spec, 10_000, 0.001, 0)
        learner = CompiledLearner(spec, model, arguments.threads)
        times: dict[str, list[float]] = {"keras": [], "ours": []}
        for number in range(arguments.rounds + 1):
            for side, work in (
                ("keras", lambda m=model: m.evaluate(padded, labels, batch_size=128, verbose=0)),
                ("ours", lambda one=learner: one.predict(tokens)),
            ):
                began = time.perf_counter()
                work()
                if number:
                    times[side].append(time.perf_counter() - began)
        keras, ours = (statistics.median(times[side]) for side in ("keras", "ours"))
        ratios = [a / b for a, b in zip(times["keras"], times["ours"], strict=True)]
        print(
            f"{name:12} keras {keras:6.2f} s, ours {ours:6.2f} s, ratio {statistics.median(ratios):5.1f} "
            f"({min(ratios):.1f} to {max(ratios):.1f}), {arguments.threads} threads"
        )


if __name__ == "__main__":
    main()
