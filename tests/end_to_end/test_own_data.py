"""Runs on own texts: the same reviews in four forms, and faulty ones."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flows.settings import Settings
from flows.train import train_flow
from tasks.storage.files import read_json
from tests.end_to_end.harness import run
from tests.session import once
from tests.tasks.data.own_texts.forms import FORMS, reviews, write

pytestmark = pytest.mark.slow

SMALL = ("--models", "simple_rnn", "--epochs", "2", "--max-length", "12", "--vocabulary-size", "30")


def found_in(outputs: Path) -> tuple[str, pd.DataFrame]:
    """The fingerprint of the only data set, and the predictions of the only network."""
    (dataset,) = outputs.glob("data/*/dataset.json")
    (table,) = outputs.glob("models/*/predictions.parquet")
    return read_json(dataset)["fingerprint"], pd.read_parquet(table)


@pytest.fixture(scope="session")
def by_csv(new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of a run on a CSV file."""

    def train(folder: Path) -> None:
        path = write(folder, ".csv", reviews(300))
        done = run(new_home(), *SMALL, "--data", path, "--outputs", folder / "outputs")
        assert done.returncode == 0, done.stderr

    return once(tmp_path_factory, "by_csv", train) / "outputs"


@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
@pytest.mark.parametrize("form", [form for form in FORMS if form != ".csv"])
def test_the_form_of_the_data_changes_no_prediction(by_csv: Path, form: str, tmp_path: Path) -> None:
    data = {"data": [str(write(tmp_path, form, reviews(300)))], "max_length": 12, "vocabulary_size": 30}
    run = {"outputs": tmp_path / "outputs", "runner": "thread"}
    small = {"models": {"models": ["simple_rnn"]}, "training": {"epochs": 2}}
    train_flow(Settings.model_validate(small | {"data": data, "run": run}))
    (fingerprint, predictions), expected = found_in(tmp_path / "outputs"), found_in(by_csv)
    assert fingerprint == expected[0]
    pd.testing.assert_frame_equal(predictions, expected[1])


def test_a_broken_line_gives_one_line_and_nothing_half_written(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path, ".jsonl", reviews(40))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:20], lines[20][:30], *lines[21:]]))
    done = run(home, *SMALL, "--data", path, "--outputs", tmp_path / "outputs")
    errors = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert done.returncode == 1
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith(f"Error: {path}, row 21: not JSON")
    assert not [path for path in (tmp_path / "outputs").rglob("*") if path.suffix not in {".lock", ""}]
