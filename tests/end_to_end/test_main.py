"""`python flows/main.py` as a user runs it, with a Prefect server of its own."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from flows.main import run_command_line
from tasks.data.imdb_npz import write_imdb_npz
from tests.conftest import random_reviews
from tests.end_to_end.harness import recorded, run

pytestmark = pytest.mark.xdist_group("smoke")


class Smoke(NamedTuple):
    """A smoke run: its Prefect home, its outputs, and what it printed."""

    home: Path
    outputs: Path
    done: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def smoke(new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """A smoke run of three networks."""
    home, outputs = new_home(), tmp_path_factory.mktemp("outputs")
    return Smoke(home, outputs, run(home, "--smoke", "--models", "simple_rnn", "lstm", "gru", "--outputs", outputs))


def test_a_smoke_run_leaves_the_report(smoke: Smoke) -> None:
    assert smoke.done.returncode == 0, smoke.done.stderr
    latest = smoke.outputs / "latest"
    assert latest.resolve().parent == smoke.outputs / "runs"
    assert str(latest.resolve() / "report.html") in smoke.done.stdout
    names = {path.name for path in latest.iterdir()}
    assert {"report.md", "report.html", "reader.html", "metrics.json", "curves.png", "gru-seed1-loss.svg"} <= names


def test_the_first_log_line_of_the_data_names_the_sample(smoke: Smoke) -> None:
    lines = [line for line in smoke.done.stderr.splitlines() if "Task run" in line]
    assert "BUNDLED SAMPLE" in lines[0]


def test_output_that_is_no_terminal_gets_one_plain_line_an_epoch(smoke: Smoke) -> None:
    lines = [line for line in smoke.done.stderr.splitlines() if "epoch 1/1" in line]
    assert sorted(line.split(" - ")[1].split(" seed")[0] for line in lines) == ["gru", "lstm", "simple_rnn"]
    assert "\x1b" not in smoke.done.stderr


def test_the_models_open_without_our_code(smoke: Smoke) -> None:
    for path in sorted(smoke.outputs.glob("models/*/*.keras")):
        assert keras.models.load_model(path).predict(np.zeros((1, 9)), verbose=0).shape == (1, 1)


def test_predictions_are_there_for_every_test_review(smoke: Smoke) -> None:
    for path in smoke.outputs.glob("models/*/predictions.parquet"):
        assert len(pd.read_parquet(path)) == 256


def test_the_reports_numbers_are_those_of_the_predictions_files(smoke: Smoke) -> None:
    found = json.loads((smoke.outputs / "latest" / "metrics.json").read_text())
    right = {}
    for evaluation in found["evaluations"]:
        frame, said = pd.read_parquet(evaluation["predictions"]), evaluation["last"]
        labels, probabilities = frame["label"], frame["probability_last"].astype(float)
        predicted = probabilities > 0.5
        right[evaluation["name"]] = predicted == (labels == 1)
        scores = metrics.precision_recall_fscore_support(labels, predicted, average="binary", zero_division=0)
        assert [said["precision"], said["recall"], said["f1"]] == pytest.approx(scores[:3])
        assert said["accuracy"] == metrics.accuracy_score(labels, predicted)
        assert said["auc"] == pytest.approx(metrics.roc_auc_score(labels, probabilities))
        assert said["loss"] == pytest.approx(metrics.log_loss(labels, probabilities))
        assert said["confusion"] == metrics.confusion_matrix(labels, predicted).tolist()
    assert len(found["evidence"]["pairs"]) == 3
    for pair in found["evidence"]["pairs"]:
        first, second = right[pair["first"]], right[pair["second"]]
        alone = [int((first & ~second).sum()), int((~first & second).sum())]
        expected = stats.binomtest(alone[0], sum(alone)).pvalue if sum(alone) else 1.0
        assert [pair["seeds"][0][name] for name in ("only_first", "only_second")] == alone
        assert pair["p"] == pytest.approx(expected)
        assert pair["difference"]["value"] == pytest.approx(first.mean() - second.mean())


def test_the_artifacts_are_in_the_database_with_their_figures(smoke: Smoke) -> None:
    rows = recorded(smoke.home, "SELECT key, type, data FROM artifact ORDER BY created")
    artifacts = {key: (kind, str(json.loads(str(data)))) for key, kind, data in rows}
    assert artifacts["report"][0] == "markdown"
    pages = {key.removeprefix("report-"): text for key, (_, text) in artifacts.items() if key.startswith("report-")}
    assert {"which", "sure", "why", "failed", "learned", "made", "reading"} <= pages.keys()
    pictures = [text.count("data:image/webp;base64,") for text in pages.values()]
    of_chapter = ("states-", "sequences", "review-lengths", "causes")  # The UI has the chapter without its pictures.
    drawn = [path.stem for path in (smoke.outputs / "latest").glob("*.png") if not path.stem.startswith(of_chapter)]
    assert sum(pictures) == len(drawn) - 1
    assert artifacts["report"][1].count("data:image/webp;base64,") == 1
    assert all(len(data) <= 2_000_000 for _, data in artifacts.values())
    rows = json.loads(artifacts["comparison"][1])
    assert [row["network"] for row in rows] == ["SimpleRNN", "LSTM", "GRU"]
    assert [row["run"] for row in json.loads(artifacts["history"][1])] == [(smoke.outputs / "latest").resolve().name]
    assert "data:image/webp" in artifacts["trend"][1]
    for name in ("gru", "lstm", "simple-rnn"):
        assert float(artifacts[f"progress-{name}-seed1"][1]) == 100.0
        assert "data:image/webp" in artifacts[f"learning-curve-{name}-seed1"][1]
    (tags,) = recorded(smoke.home, "SELECT tags FROM flow_run")
    assert "data:bundled sample" in json.loads(tags)


def test_a_wrong_setting_is_named_and_gives_status_2(home: Path, tmp_path: Path) -> None:
    done = run(home, "--vocabulary-size", "3", "--outputs", tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "Error: --vocabulary-size: found '3'; it should be greater than or equal to 4\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_bad_data_give_one_line_and_status_1(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "imdb.npz"
    write_imdb_npz(path, random_reviews(20), random_reviews(20))
    path.write_bytes(path.read_bytes()[:500])
    done = run(home, "--data", path, "--outputs", tmp_path / "outputs")
    errors = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert done.returncode == 1
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith(f"Error: {path}: not a readable .npz archive")
    left = [path for path in (tmp_path / "outputs").rglob("*") if path.suffix not in {".lock", ""}]
    assert {path.parent.name for path in left} <= {"sources"}  # The record of the file that was found.


def test_help_shows_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--help"]) == 0
    shown = capsys.readouterr().out
    for option in (
        "--data",
        "--vocabulary-size",
        "--max-length",
        "--models",
        "--units",
        "--epochs",
        "--batch-size",
        "--seed",
        "--smoke",
        "--outputs",
    ):
        assert option in shown
