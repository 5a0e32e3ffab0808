import logging
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tasks.data.parquet import read_column
from tasks.data.review_digests import column_of_test
from tasks.errors import DataError
from tasks.fetch import fetch
from tasks.prepare import prepare
from tasks.results.data import Source, TextData
from tests.tasks.data.own_texts.forms import Row, reviews, write

ROWS = reviews(120)


def surveyed(data: TextData, folder: Path) -> Source:
    """Own texts, surveyed."""
    return fetch(data, "auto", folder / "cache")


def test_a_text_that_occurs_twice_never_stands_in_both_parts(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", [*ROWS, *ROWS, *ROWS])
    survey = surveyed(TextData((path,), test_share=0.3), tmp_path).survey
    assert survey
    assert (survey.shared, survey.repeated) == (0, 240)
    parts = pq.read_table(survey.reviews)["part"].to_numpy().reshape(3, 120)
    assert (parts == parts[0]).all()
    assert survey.train + survey.test == 360
    assert 60 < survey.test < 160


def test_a_larger_share_moves_reviews_in_one_direction_only(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", ROWS)
    parts = []
    for share in (0.2, 0.5):
        survey = surveyed(TextData((path,), test_share=share), tmp_path / str(share)).survey
        assert survey
        parts.append(pq.read_table(survey.reviews)["part"].to_numpy())
    assert (parts[1] >= parts[0]).all()


def test_texts_in_both_given_parts_are_counted_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = TextData((write(tmp_path, ".csv", ROWS[:80]),), (write(tmp_path, ".csv", ROWS[70:], "test"),))
    with caplog.at_level(logging.WARNING):
        survey = surveyed(data, tmp_path).survey
    assert survey
    assert survey.shared == 10
    assert "10 of 50 test reviews are training reviews too" in caplog.text


def test_several_files_and_patterns_are_one_data_set(tmp_path: Path) -> None:
    whole = surveyed(TextData((write(tmp_path, ".csv", ROWS),)), tmp_path / "whole")
    for place in range(4):
        write(tmp_path / "pieces", (".csv", ".jsonl")[place % 2], ROWS[place::4], f"part-{place}")
    patterns = TextData(
        (tmp_path / "pieces" / "*.csv", tmp_path / "pieces" / "part-[13].jsonl", tmp_path / "pieces" / "*.csv")
    )
    assert surveyed(patterns, tmp_path / "pieces").sha256 == whole.sha256


def test_a_whole_folder_as_test_data_gives_its_test_part(tmp_path: Path) -> None:
    write(tmp_path / "acl", "folder", ROWS[:20], "train")
    write(tmp_path / "acl", "folder", ROWS[20:60], "test")
    data = TextData((write(tmp_path, ".csv", ROWS[60:]),), (tmp_path / "acl",))
    survey = surveyed(data, tmp_path).survey
    assert survey
    assert (survey.train, survey.test) == (60, 40)


FAULTY = {
    "nothing": (TextData((Path("none*.csv"),)), "no such file; give a path or a pattern"),
    "kind": (TextData((Path("reviews.xlsx"),)), "of kind '.xlsx'; expected .csv, .tsv, .parquet"),
    "folder": (TextData((Path("empty"),)), "neither train/pos and train/neg nor pos and neg"),
    "one class": (
        TextData((Path("reviews.csv"),), (Path("positive.csv"),)),
        "all 3 reviews in the test part have the label '1', expected both classes",
    ),
    "positive": (TextData((Path("reviews.csv"),), positive="spam"), "a third class besides 'spam' and '0'"),
    "empty class": (TextData((Path("half"),)), "neg: no .txt files"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_wrong_inputs_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ".csv", ROWS)
    write(tmp_path, ".csv", [row for row in ROWS if row.label][:3], "positive")
    Path("reviews.xlsx").touch()
    Path("empty").mkdir()
    write(tmp_path, "folder", [Row("good", 1)], "half")
    Path("half/neg").mkdir()
    data, message = FAULTY[fault]
    with pytest.raises(DataError, match=message) as caught:
        surveyed(data, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.parquet"))


CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(CHARACTERS, min_size=1).filter(lambda text: text.strip()),
        min_size=1,
        max_size=6,
    )
)
def test_any_text_is_the_same_in_every_form(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    rows = [Row(text, place % 2) for place, text in enumerate(texts)]
    digests = set()
    for form in (".csv", ".parquet", ".jsonl", "folder"):
        folder = tmp_path_factory.mktemp("forms")
        train = write(folder, form, [*rows, *ROWS[:4]])
        test = write(folder, form, ROWS[4:8], "test")
        digests.add(surveyed(TextData((train,), (test,)), folder).sha256)
    assert len(digests) == 1


def test_dropped_rows_are_counted_recorded_and_missing_in_both_passes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [f"film number {n},{('good', 'BAD', 'neutral', '')[n % 4]},{n}" for n in range(200)]
    path = tmp_path / "r.csv"
    path.write_text("\n".join(["text,label,id", *lines]))
    data = TextData((path,), positive=("good",), drop=("Neutral", ""))
    with caplog.at_level(logging.INFO):
        source = fetch.keep(data, "auto", tmp_path / "cache")
    assert source.survey
    assert (source.survey.train + source.survey.test, source.survey.labels) == (100, ("BAD", "good"))
    assert source.survey.dropped == {"Neutral": 50, "": 50}
    assert "Dropped 50 rows labelled 'Neutral'" in caplog.text
    assert "Dropped 50 rows without a label" in caplog.text
    record = fetch.record(data, "auto", tmp_path / "cache")
    assert record
    assert record.read() == source
    dataset = prepare.keep(source, 30, 12, None, tmp_path / "data")
    assert dataset.train.reviews + dataset.test.reviews == 100
    ids = column_of_test(dataset, "id")
    assert {int(value) % 4 for value in ids} <= {0, 1}
    labels = read_column(dataset.test.path, "label").tolist()
    assert labels == [int(int(value) % 4 == 0) for value in ids]


def test_stars_become_labels_by_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("text,label\n" + "".join(f"film {n},{n % 10 + 1}.0\n" for n in range(200)))
    survey = surveyed(TextData((path,), positive=(">=7",), drop=("5", "6")), tmp_path).survey
    assert survey
    assert (survey.labels, survey.dropped) == (("<7", ">=7"), {"5": 20, "6": 20})
    labels = pq.read_table(survey.reviews)["label"].to_pylist()
    assert (len(labels), sum(labels)) == (160, 80)


@pytest.mark.parametrize("recorded", [None, "spam", ["spam"]])
def test_records_of_earlier_versions_have_one_positive_label_or_none(recorded: str | list[str] | None) -> None:
    fields = {"data": ["r.csv"], "positive": recorded}
    data = TypeAdapter(TextData).validate_python(fields)
    assert data.positives == (("spam",) if recorded else ())
    assert data.drop == ()
