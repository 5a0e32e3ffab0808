"""Scoring from the command line: a file, standard input, a kill in the middle, a sentence."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import tenacity

from tests.end_to_end.harness import ROOT, Process, environment, run
from tests.tasks.data.own_texts.forms import Row, reviews, write

pytestmark = pytest.mark.xdist_group("score")

# Texts of one line each, which standard input can give, too.
LINES = [f"film no. {number}, {verdict}" for number, verdict in enumerate(("superb", "awful") * 10)]


class Scored(NamedTuple):
    """A file that the best network of the undisturbed run has scored."""

    outputs: Path
    path: Path
    done: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def scored(undisturbed: Path, new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """A CSV file of made-up reviews and of `LINES`, scored and compared with the training reviews."""
    folder = tmp_path_factory.mktemp("score")
    outputs = shutil.copytree(undisturbed, folder / "outputs", symlinks=True)
    source = write(folder, ".csv", [*reviews(50), *(Row(line, 0) for line in LINES)])
    path = folder / "scored.parquet"
    command = ("score", source, "--output", path, "--outputs", outputs, "--check-drift")
    return Scored(outputs, path, run(new_home(), *command))


def test_a_csv_becomes_a_scored_file(scored: Scored) -> None:
    assert scored.done.returncode == 0, scored.done.stderr
    assert f"Scores: {scored.path}" in scored.done.stdout
    assert "DRIFT" in scored.done.stdout
    table = pd.read_parquet(scored.path)
    assert list(table.columns) == [
        "id", "text", "label", "probability", "label_scored", "tokens", "unknown_share", "truncated", "model",
    ]  # fmt: skip
    assert len(table) == 50 + len(LINES)


@pytest.mark.slow
def test_standard_input_gives_the_scores_of_a_file(home: Path, scored: Scored, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "flows" / "main.py", "score", "-", "--outputs", scored.outputs]
    done = subprocess.run(
        [*command, "--output", tmp_path / "lines.parquet"], env=environment(home), input="\n".join(LINES),
        capture_output=True, text=True, timeout=240, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_file, by_pipe = pd.read_parquet(scored.path)[50:], pd.read_parquet(tmp_path / "lines.parquet")
    assert by_pipe["text"].tolist() == LINES
    assert by_pipe["probability"].tolist() == by_file["probability"].tolist()


@pytest.mark.slow
def test_a_scoring_that_is_killed_resumes(home: Path, undisturbed: Path, tmp_path: Path) -> None:
    rows = [Row(f"{row.text} {'film ' * 2_000}", 0) for row in reviews(4_000)]
    command = ("score", write(tmp_path, ".csv", rows), "--output", tmp_path / "o.csv", "--outputs", tmp_path / "new")
    network = ("--model", next(undisturbed.glob("models/simple_rnn-*/network.json")).parent)
    killed = Process.main(home, *command, *network)
    try:
        first_part(tmp_path)
    finally:
        killed.kill()
    kept = len(list(tmp_path.glob("new/scores/*/parts/0*")))
    assert 1 <= kept < 5
    assert not (tmp_path / "o.csv").exists()
    again = run(home, *command, *network)
    assert again.returncode == 0, again.stderr
    assert "of 4000 reviews had been scored by an earlier run" in again.stderr
    assert "marked as crashed" in again.stderr
    assert len(pd.read_csv(tmp_path / "o.csv")) == 4_000


@tenacity.retry(stop=tenacity.stop_after_delay(90), wait=tenacity.wait_fixed(0.01))
def first_part(folder: Path) -> None:
    """Return once the first part is on disk."""
    assert list(folder.glob("new/scores/*/parts/0*"))


@pytest.mark.slow
def test_faults_are_one_line_with_a_documented_status(home: Path, repeated: Path, tmp_path: Path) -> None:
    folder = tmp_path / "faults"
    folder.mkdir()
    (folder / "r.csv").write_text("text\ngood film\na,b\n")
    done = run(home, "score", folder / "r.csv", "--output", folder / "o.csv", "--outputs", repeated)
    errors = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert done.returncode == 3
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith(f"Error: {folder}/r.csv: 1 of 2 rows cannot be scored")
    assert sorted(path.name for path in folder.iterdir()) == ["o.rejects.csv", "r.csv"]


def test_a_sentence_is_answered_without_a_server(undisturbed: Path, tmp_path: Path) -> None:
    empty = tmp_path / "prefect"
    done = run(empty, "score", "--text", "A good film, unheardof", "--outputs", undisturbed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[3].endswith("unheardof  (unknown)")
    assert done.stderr == ""
    assert not empty.exists()
