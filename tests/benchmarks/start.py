"""How long a run takes to its first training step, how long a second identical run takes, and the first `--smoke` of
a machine: `python tests/benchmarks/start.py imdb.npz`.

Each round trains one epoch into a fresh output folder and repeats the same command. A first round, which compiles byte
code and loops, is not counted. The first `--smoke` finds neither compiled loops nor a Prefect database.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Time the rounds and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="imdb.npz")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    first_steps, repeats, first_runs = [], [], []
    for number in range(arguments.rounds + 1):
        with tempfile.TemporaryDirectory() as outputs:
            command = [arguments.data.resolve(), "--epochs", "1", "--outputs", outputs]
            started = time.time()
            run("--data", *command)
            step = first_step(Path(outputs)) - started
            started = time.time()
            run("--data", *command)
            repeat = time.time() - started
        if number:
            first_steps.append(step)
            repeats.append(repeat)
            first_runs.append(first_run())
    results = {"first training step": first_steps, "second identical run": repeats, "first --smoke": first_runs}
    for name, seconds in results.items():
        spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
        print(f"{name:20} median {statistics.median(seconds):5.1f} s ({spread}) of {len(seconds)}")


def first_run() -> float:
    """Seconds of a `--smoke` with an empty home folder."""
    with tempfile.TemporaryDirectory() as home:
        names = {"HOME": "", "XDG_CACHE_HOME": "cache", "NUMBA_CACHE_DIR": "numba", "PREFECT_HOME": "prefect"}
        started = time.time()
        run("--smoke", "--outputs", Path(home) / "outputs", **{name: f"{home}/{part}" for name, part in names.items()})
        return time.time() - started


def run(*arguments: str | Path, **variables: str) -> None:
    """One run as a process of its own, with a Prefect server of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_API")}
    command = [sys.executable, ROOT / "flows" / "main.py", *arguments]
    subprocess.run(command, check=True, env=environment | variables, cwd=ROOT, capture_output=True)


def first_step(outputs: Path) -> float:
    """When the first batch of any branch began, in seconds since the epoch."""
    journals = (outputs / "models").glob("*/progress.jsonl")
    events = (json.loads(line) for journal in journals for line in journal.read_text().splitlines())
    return min(float(event["time"]) for event in events if event["event"] == "batch")


if __name__ == "__main__":
    main()
