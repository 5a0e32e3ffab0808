"""Run the benchmarks in turn and write what they print into this folder's README:
`python -m tests.benchmarks imdb.npz --index imdb_word_index.json`.

Each result has its processor, date and commit above it. What is not measured this time keeps its text, and is marked as
older. `--only` names the benchmarks to run. On a quiet machine with two cores, all of them take about an hour.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = Path(__file__).with_name("README.md")
SECTION = re.compile(r"(<!-- (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
OLDER = "**Older than the others.** "


def main() -> None:
    """Measure, and write the README after each benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("data", type=Path, help="imdb.npz")
    parser.add_argument("--index", type=Path, help="imdb_word_index.json, which the benchmark of scoring needs")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is timed")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run only these")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as outputs:
        run(["flows/main.py", "--data", arguments.data.resolve(), "--epochs", "1", "--outputs", outputs])
        (dataset,) = (file.parent for file in Path(outputs).glob("data/*/train.parquet"))
        commands = commands_of(arguments.data.resolve(), arguments.index, dataset, arguments.rounds)
        for name in arguments.only or commands:
            if name not in commands:
                sys.exit(f"--only: found {name!r}; expected {', '.join(commands)}")
            text = run(commands[name])
            README.write_text(with_result(README.read_text(encoding="utf-8"), name, text), encoding="utf-8")


def commands_of(data: Path, index: Path | None, dataset: Path, rounds: int) -> dict[str, Sequence[str | Path]]:
    """The command of each benchmark, by the name of its section in the README."""
    folder, times = Path("tests/benchmarks"), ("--rounds", str(rounds))
    commands: dict[str, Sequence[str | Path]] = {
        "training": (folder / "training.py", "--data", dataset, *times),
        "evaluation": (folder / "evaluation.py", "--data", dataset, *times),
        "preparation": (folder / "preparation.py", data, *times),
        "start": (folder / "start.py", data, *times),
        "whole_job": (folder / "whole_job.py", data),
    }
    if index:
        commands["scoring"] = (folder / "scoring.py", "--npz", data, "--index", index.resolve(), *times)
    return commands


def run(command: Sequence[str | Path]) -> str:
    """Run a script of this project and return what it prints; its errors go to the terminal."""
    print("Running", *command, file=sys.stderr)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_API")}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def with_result(page: str, name: str, text: str) -> str:
    """The README with a new result; those of other commits are marked as older."""
    stamp = where_and_when()
    commit = stamp.rpartition(" ")[2]

    def section(match: re.Match[str]) -> str:
        opening, found, end = match.groups()
        body = match[0].removeprefix(opening).removesuffix(end)
        if found == name:
            body = f"{stamp}\n\n```text\n{text.strip()}\n```\n"
        elif body.strip() and commit not in body and not body.startswith(OLDER):
            body = OLDER + body
        return opening + body + end

    return SECTION.sub(section, page)


def where_and_when() -> str:
    """The processor, the number of cores, the date and the commit."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor()}, {cores} cores, {time.strftime('%Y-%m-%d')}, commit {commit.stdout.strip()}"


def processor() -> str:
    """The processor's name, with the kind of core as LLVM names it: virtual machines may hide the model."""
    import llvmlite.binding

    names = re.findall(r"model name\s*: (.*)", read("/proc/cpuinfo")) or [platform.processor()]
    return f"{names[0].strip()} ({llvmlite.binding.get_host_cpu_name()})"


def read(path: str) -> str:
    """A file's text; empty where there is no such file."""
    return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""


if __name__ == "__main__":
    main()
