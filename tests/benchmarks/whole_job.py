"""The whole job against the tutorial's script, both to the end of test evaluation, in turn:
`python tests/benchmarks/whole_job.py imdb.npz`.

Ours runs on a fresh output folder and does more: Parquet, a Prefect server, the report. Prints wall seconds of each
process from start to end, and the ratio; then those of one run that trains all five presets.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PRESETS = ("simple_rnn", "lstm", "gru", "stacked_simple_rnn", "bidirectional_lstm")


def main() -> None:
    """Run both in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="imdb.npz")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {"tutorial": [], "ours": [], "presets": []}
    for _ in range(arguments.rounds):
        times["ours"].append(ours(arguments.data))
        times["tutorial"].append(wall("tests/benchmarks/tutorial.py", arguments.data))
        times["presets"].append(ours(arguments.data, "--models", *PRESETS))
    for side, seconds in times.items():
        print(f"{side:9} median {statistics.median(seconds):7.1f} s of {len(seconds)}")
    print(f"ratio     {statistics.median(times['tutorial']) / statistics.median(times['ours']):7.2f}")


def ours(data: Path, *options: str) -> float:
    """Seconds of a run of ours on a fresh output folder."""
    with tempfile.TemporaryDirectory() as outputs:
        return wall("flows/main.py", "--data", data, "--outputs", outputs, *options)


def wall(script: str, *arguments: str | Path) -> float:
    """Seconds that a script takes as a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_API")}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, ROOT / script, *arguments], check=True, env=environment, cwd=ROOT, capture_output=True
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
