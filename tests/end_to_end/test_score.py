"""Scoring from the command line: forms, standard input, a kill in the middle, a sentence."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import tenacity

from tests.end_to_end.harness import ROOT, Process, environment, run
from tests.tasks.data.own_texts.forms import Row, reviews, write

SMALL = ("--models", "lstm", "--epochs", "1", "--max-length", "12", "--vocabulary-size", "30")


@pytest.fixture(scope="module")
def outputs(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of a run on made-up reviews."""
    folder = tmp_path_factory.mktemp("scoring")
    done = run(home, *SMALL, "--data", write(folder, ".csv", reviews(300)), "--outputs", folder / "outputs")
    assert done.returncode == 0, done.stderr
    return folder / "outputs"


def test_a_csv_becomes_a_scored_file_and_is_not_scored_twice(home: Path, outputs: Path, tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", reviews(50, start=1_000))
    command = ("score", path, "--output", tmp_path / "scored.parquet", "--outputs", outputs, "--check-drift")
    done = run(home, *command)
    assert done.returncode == 0, done.stderr
    assert f"Scores: {tmp_path}/scored.parquet" in done.stdout
    assert "DRIFT" in done.stdout
    table = pd.read_parquet(tmp_path / "scored.parquet")
    assert list(table.columns) == [
        "id", "text", "label", "probability", "label_scored", "tokens", "unknown_share", "truncated", "model",
    ]  # fmt: skip
    again = run(home, *command)
    assert again.returncode == 0, again.stderr
    assert "score reviews.csv: reused" in again.stderr
    assert "write scored.parquet: reused" in again.stderr


def test_standard_input_gives_the_scores_of_a_text_file(home: Path, outputs: Path, tmp_path: Path) -> None:
    lines = "".join(f"{row.text.splitlines()[0]}\n" for row in reviews(20))
    (tmp_path / "lines.txt").write_text(lines)
    by_file = run(home, "score", tmp_path / "lines.txt", "--output", tmp_path / "a.csv", "--outputs", outputs)
    assert by_file.returncode == 0, by_file.stderr
    command = [sys.executable, ROOT / "flows" / "main.py", "score", "-", "--outputs", outputs]
    by_pipe = subprocess.run(
        [*command, "--output", tmp_path / "b.csv"], env=environment(home), input=lines,
        capture_output=True, text=True, timeout=240, cwd=ROOT,
    )  # fmt: skip
    assert by_pipe.returncode == 0, by_pipe.stderr
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_a_scoring_that_is_killed_resumes(home: Path, outputs: Path, tmp_path: Path) -> None:
    rows = [Row(f"{row.text} {'film ' * 2_000}", 0) for row in reviews(9_000)]
    command = ("score", write(tmp_path, ".csv", rows), "--output", tmp_path / "o.csv", "--outputs", tmp_path / "new")
    copy = ("--model", next(outputs.glob("models/*/network.json")).parent)
    killed = Process.main(home, *command, *copy)
    try:
        first_part(tmp_path)
    finally:
        killed.kill()
    kept = len(list(tmp_path.glob("new/scores/*/parts/0*")))
    assert 1 <= kept < 11
    assert not (tmp_path / "o.csv").exists()
    again = run(home, *command, *copy)
    assert again.returncode == 0, again.stderr
    assert "of 9000 reviews had been scored by an earlier run" in again.stderr
    assert "marked as crashed" in again.stderr
    assert len(pd.read_csv(tmp_path / "o.csv")) == 9_000


@tenacity.retry(stop=tenacity.stop_after_delay(90), wait=tenacity.wait_fixed(0.01))
def first_part(folder: Path) -> None:
    """Return once the first part is on disk."""
    assert list(folder.glob("new/scores/*/parts/0*"))


def test_faults_are_one_line_with_a_documented_status(home: Path, outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("text\ngood film\na,b\n")
    done = run(home, "score", tmp_path / "r.csv", "--output", tmp_path / "o.csv", "--outputs", outputs)
    errors = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert done.returncode == 3
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith(f"Error: {tmp_path}/r.csv: 1 of 2 rows cannot be scored")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.rejects.csv", "r.csv"]


def test_a_sentence_is_answered_without_a_server(outputs: Path, tmp_path: Path) -> None:
    empty = tmp_path / "prefect"
    done = run(empty, "score", "--text", "A good film, unheardof", "--outputs", outputs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[3].endswith("unheardof  (unknown)")
    assert done.stderr == ""
    assert not empty.exists()
