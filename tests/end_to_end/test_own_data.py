"""Runs on own texts: the same reviews in four forms, and faulty ones."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.storage.files import read_json
from tests.end_to_end.harness import run
from tests.tasks.data.own_texts.forms import FORMS, reviews, write

SMALL = ("--models", "simple_rnn", "--epochs", "2", "--max-length", "12", "--vocabulary-size", "30")


@pytest.fixture(scope="module")
def predictions(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, pd.DataFrame]]:
    """For each form of the same reviews: the fingerprint, and the predictions of a network trained on it alone."""
    found = {}
    for form in FORMS:
        folder = tmp_path_factory.mktemp("own")
        path = write(folder, form, reviews(300))
        done = run(home, *SMALL, "--data", path, "--outputs", folder / "outputs")
        assert done.returncode == 0, done.stderr
        (dataset,) = folder.glob("outputs/data/*/dataset.json")
        (table,) = folder.glob("outputs/models/*/predictions.parquet")
        found[form] = (read_json(dataset)["fingerprint"], pd.read_parquet(table))
    return found


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_the_data_changes_no_prediction(predictions: dict, form: str) -> None:
    assert predictions[form][0] == predictions[".csv"][0]
    pd.testing.assert_frame_equal(predictions[form][1], predictions[".csv"][1])


def test_a_broken_line_in_the_middle_gives_one_line_and_nothing_half_written(home: Path, tmp_path: Path) -> None:
    path = write(tmp_path, ".jsonl", reviews(40))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:20], lines[20][:30], *lines[21:]]))
    done = run(home, *SMALL, "--data", path, "--outputs", tmp_path / "outputs")
    errors = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert done.returncode == 1
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith(f"Error: {path}, row 21: not JSON")
    assert not [path for path in (tmp_path / "outputs").rglob("*") if path.suffix not in {".lock", ""}]
