"""Scoring by a small trained network: forms, resumption, rejects."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tasks.data.new_texts import read_texts
from tasks.data.tokenizer import Tokenizer
from tasks.data.tokens import OFFSET, START, UNKNOWN, Tokens
from tasks.errors import DataError, PipelineError, RejectsError
from tasks.evaluate import evaluate
from tasks.job import Job
from tasks.models.scorer import Scorer
from tasks.models.spec import TrainingPlan, preset
from tasks.prepare import prepare
from tasks.results.data import IMDB_RULES, Dataset, Source
from tasks.results.scoring import RowData, ScoringNetwork, Written
from tasks.score import find_scorer, sample_tokens, score, scoring_record, write, written_record
from tasks.storage.files import write_json
from tasks.storage.registry import folder_hash
from tasks.train import train
from tests.tasks.data.own_texts.forms import FORMS, reviews
from tests.tasks.data.own_texts.forms import write as write_form
from tests.tasks.data.readers.reading import small_batches

WORDS = {f"w{rank}": rank for rank in range(1, 90)}


class Trained:
    """A small LSTM, its data, and the texts of its test reviews."""

    def __init__(self, folder: Path) -> None:
        from tasks.data.imdb_npz import write_imdb_npz
        from tests.conftest import random_reviews

        test = random_reviews(60, seed=1)
        write_imdb_npz(folder / "imdb.npz", random_reviews(120), test)
        write_json(folder / "index.json", WORDS)
        source = Source("file", folder / "imdb.npz", "0" * 64, "x", folder / "index.json", "1" * 64)
        self.dataset: Dataset = prepare.keep(source, 50, 30, None, folder / "data")
        plan = TrainingPlan(epochs=2, batch_size=16, learning_rate=0.01, validation=0.25)
        job = Job(preset("lstm", 6, 5, 0.0), plan, self.dataset, 1, folder / "models")
        self.branch = train.keep(job)
        evaluate.keep(job, self.branch)
        words = list(WORDS)
        lists = np.split(test.ranks, test.offsets[1:-1])
        self.texts = [" ".join(words[rank - 1] for rank in ranks) for ranks in lists]
        assert self.dataset.word_index
        self.network = ScoringNetwork(self.branch.folder, self.dataset.word_index, folder_hash(self.branch.folder))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained once for all tests here."""
    return Trained(tmp_path_factory.mktemp("trained"))


def scored(trained: Trained, path: Path, output: Path, max_rejects: float = 0.0, **options: Any) -> pd.DataFrame:
    """Score a file into another."""
    data = RowData(path, options.get("text_column", "text"))
    scoring = score.keep(data, trained.network, output.parent / "scores")
    write.keep(data, scoring, output, max_rejects)
    return pd.read_parquet(output)


def test_texts_rebuilt_from_tokens_give_the_predictions_of_the_run(trained: Trained, tmp_path: Path) -> None:
    pd.DataFrame({"review_id": range(60), "text": trained.texts}).to_parquet(tmp_path / "test.parquet")
    table = scored(trained, tmp_path / "test.parquet", tmp_path / "scored.parquet")
    run = pd.read_parquet(trained.branch.folder / "predictions.parquet").merge(table, on="review_id")
    assert (run["length"] == run["tokens"]).all()
    np.testing.assert_allclose(run["probability"], run["probability_best"], atol=1e-5)
    assert (table["truncated"] == (table["tokens"] > 30)).all()
    assert set(table["model"]) == {trained.network.model}


def test_a_threshold_moves_labels_but_no_probability(trained: Trained, tmp_path: Path) -> None:
    pd.DataFrame({"text": trained.texts}).to_parquet(tmp_path / "test.parquet")
    data = RowData(tmp_path / "test.parquet", "text")
    usual = scored(trained, data.path, tmp_path / "usual.parquet")
    threshold = float(np.quantile(usual["probability"], 0.9))
    network = replace(trained.network, threshold=threshold)
    scoring = score.keep(data, network, tmp_path / "scores")
    write.keep(data, scoring, tmp_path / "o.parquet", 0.0)
    table = pd.read_parquet(tmp_path / "o.parquet")
    pd.testing.assert_series_equal(table["probability"], usual["probability"])
    assert ((table["label"] == "positive") == (usual["probability"] > threshold)).all()
    assert scoring.positive == (table["label"] == "positive").sum() == 6


def test_four_forms_of_the_same_texts_give_the_same_scores(trained: Trained, tmp_path: Path) -> None:
    rows = [row._replace(text=f"{row.text} {trained.texts[number]}") for number, row in enumerate(reviews(60))]
    tables = {}
    for form in FORMS:
        path = write_form(tmp_path, form, rows, form.strip("."))
        table = scored(trained, path, tmp_path / f"scored-{form.strip('.')}.parquet").sort_values("text")
        tables[form] = table[["text", "probability", "tokens", "unknown_share", "truncated"]].reset_index(drop=True)
    for form in FORMS:
        pd.testing.assert_frame_equal(tables[form], tables[".csv"], check_dtype=False)


def test_a_scoring_that_was_killed_resumes_at_the_last_whole_part(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    small_batches(monkeypatch, 1_000)
    path = tmp_path / "many.csv"
    path.write_text("text\n" + "\n".join(trained.texts * 5) + "\n")
    undisturbed = scored(trained, path, tmp_path / "whole" / "o.parquet")

    predict, calls = Scorer.predict, list[int]()

    def dies_at_the_fourth(self: Scorer, tokens: Tokens) -> np.ndarray:
        calls.append(len(tokens))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return predict(self, tokens)

    monkeypatch.setattr(Scorer, "predict", dies_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        scored(trained, path, tmp_path / "o.parquet")
    kept = list(tmp_path.glob("scores/*/parts/*"))
    calls[4:] = []
    caplog.set_level(logging.INFO, logger="tasks")
    resumed = scored(trained, path, tmp_path / "o.parquet")
    pd.testing.assert_frame_equal(resumed, undisturbed)
    assert len(kept) >= 3
    assert len(calls) - 4 == len(list(tmp_path.glob("scores/*/parts/*"))) - len(kept)
    rows = sum(pq.read_metadata(part).num_rows for part in kept)
    assert f"{rows} of 300 reviews had been scored by an earlier run" in caplog.text


def test_a_damaged_part_is_scored_again(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("\n".join(trained.texts))
    before = scored(trained, path, tmp_path / "o.parquet")
    (part,) = tmp_path.glob("scores/*/parts/*")
    part.write_bytes(part.read_bytes()[:50])
    pd.testing.assert_frame_equal(scored(trained, path, tmp_path / "o.parquet"), before)
    assert pq.read_metadata(part).num_rows == 60


def test_the_same_input_model_and_code_are_not_scored_twice(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.txt"
    path.write_text("w1 w2\nw3\n")
    data = RowData(path, "text")
    first = score.keep(data, trained.network, tmp_path)
    monkeypatch.setattr(Scorer, "predict", None)
    assert score.keep(data, trained.network, tmp_path) == first
    other = [write.keep(data, first, tmp_path / name, 0.0).output for name in ("a.csv", "b.jsonl")]
    assert [len(file.read_text().splitlines()) for file in other] == [3, 2]
    record = written_record(data, first, tmp_path / "a.csv", 0.0)
    assert record.read() is not None
    (tmp_path / "a.csv").write_text("changed")
    assert record.read() is None
    path.write_text("w1 w2\nw4\n")
    changed = scoring_record(data, trained.network, tmp_path)
    assert changed is not None
    assert changed.read() is None


def test_rejects_go_to_a_file_and_too_many_fail_the_scoring(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "w1"}\n{"text": "!"}\n{"text": "w2"}\n{"text": "w3"}\n')
    data, output = RowData(path, "text"), tmp_path / "o.csv"
    scoring = score.keep(data, trained.network, tmp_path)
    assert (scoring.rows, scoring.rejected) == (3, 1)
    with pytest.raises(RejectsError, match=r"1 of 4 rows cannot be scored, more than 24\.0%; .*o\.rejects\.csv"):
        write.keep(data, scoring, output, 0.24)
    assert not output.exists()
    rejects = (tmp_path / "o.rejects.csv").read_text().splitlines()
    assert rejects == ["file,row,reason", f"{path},2,the text is missing or holds no word"]
    written: Written = write.keep(data, scoring, output, 0.25)
    assert written.rejects == tmp_path / "o.rejects.csv"
    assert len(output.read_text().splitlines()) == 4
    with pytest.raises(RejectsError):  # What was written under another limit is no answer to this one.
        write.keep(data, scoring, output, 0.0)


def test_rejects_of_an_earlier_scoring_do_not_stay(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "o.rejects.csv").write_text("old")
    (tmp_path / "t.txt").write_text("w1\n")
    scored(trained, tmp_path / "t.txt", tmp_path / "o.parquet")
    assert not (tmp_path / "o.rejects.csv").exists()


def test_files_with_different_columns_join(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,w1\n")
    (tmp_path / "b.csv").write_text("text,label\nw2,x\n")
    table = scored(trained, tmp_path / "[ab].csv", tmp_path / "o.parquet")
    assert table[["id", "text", "label"]].fillna("").to_numpy().tolist() == [["1", "w1", ""], ["", "w2", "x"]]
    assert set(table["label_scored"]) <= {"negative", "positive"}


def test_an_input_without_rows_or_that_changes_is_one_line(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("text\n")
    with pytest.raises(DataError, match=r"t\.csv: no rows"):
        score.keep(RowData(tmp_path / "t.csv", "text"), trained.network, tmp_path)
    (tmp_path / "t.txt").write_text("w1\n")
    predict = Scorer.predict

    def changes_the_file(self: Scorer, tokens: Tokens) -> np.ndarray:
        (tmp_path / "t.txt").write_text("w1\nw2\n")
        return predict(self, tokens)

    monkeypatch.setattr(Scorer, "predict", changes_the_file)
    with pytest.raises(DataError, match=r"t\.txt: changed while it was scored"):
        score.keep(RowData(tmp_path / "t.txt", "text"), trained.network, tmp_path)


def test_a_sample_for_drift_is_spread_evenly(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.score.DRIFT_ROWS", 20)
    small_batches(monkeypatch, 8 << 20, rows=7)
    path = tmp_path / "t.txt"
    path.write_text("\n".join(trained.texts))
    new = sample_tokens(RowData(path, "text"), trained.network, 60)
    assert new.lengths.tolist() == [len(text.split()) + 1 for text in trained.texts[::3]]
    assert (len(new.tokens), new.tokens.max_length) == (20, 30)


def test_drift_sees_words_that_scoring_skips(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\nw1 unheard w2\n")
    new = sample_tokens(RowData(tmp_path / "t.csv", "text"), trained.network, 1)
    assert new.tokens.values.tolist() == [START, WORDS["w1"] + OFFSET, UNKNOWN, WORDS["w2"] + OFFSET]
    by_drift = read_texts(tmp_path / "t.csv", "text", Tokenizer(WORDS, IMDB_RULES), 50, 30)
    assert new.tokens.values.tolist() == by_drift.tokens.values.tolist()
    assert new.lengths.tolist() == by_drift.lengths.tolist() == [4]


def test_what_cannot_work_is_said_before_any_work(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("w1\n")
    folder = str(trained.branch.folder)
    outputs = trained.dataset.folder.parents[1]
    data = RowData(tmp_path / "t.txt", "text")
    found = find_scorer(outputs, data, tmp_path / "o.csv", folder, has_reviews=True)
    assert (found.folder, found.words, found.model) == (
        trained.network.folder, trained.network.words, trained.network.model,
    )  # fmt: skip
    assert found.data == "own file imdb.npz"
    for output, message in (("o.txt", "of kind '.txt'"), ("o.csv/x.csv", "can be written")):
        (tmp_path / "o.csv").touch()
        with pytest.raises(PipelineError, match=message):
            find_scorer(outputs, data, tmp_path / output, folder, has_reviews=False)
    with pytest.raises(DataError, match=r"no test\.parquet|no such network"):
        find_scorer(tmp_path, data, None, folder, has_reviews=True)
