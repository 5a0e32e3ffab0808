import shlex
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cyclopts import CycloptsError
from prefect.utilities.schema_tools.validation import validate
from pydantic import ValidationError

from flows.data_settings import DataSettings
from flows.main import app, setting_error
from flows.settings import Settings
from tasks.results.data import TextData

DATA_FIELDS = {
    "data", "test_data", "test_share", "text_column", "label_column", "positive", "drop", "vocabulary", "source",
    "vocabulary_size", "max_length", "reviews", "group_column", "training_sizes", "vocabulary_of",
}  # fmt: skip


def parse(line: str) -> Settings:
    """The settings that a command line gives."""
    _, bound, _ = app.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
    return bound.arguments.get("settings", Settings())


def error(line: str) -> str:
    """What the command line says about a wrong setting."""
    with pytest.raises(CycloptsError) as caught:
        parse(line)
    return setting_error(caught.value)


def test_the_defaults_are_the_tutorials() -> None:
    settings = Settings()
    plan = settings.plan()
    assert (settings.data.vocabulary_size, settings.data.max_length) == (10_000, 500)
    assert [(spec.cell, spec.units, spec.embedding) for spec in settings.specs()] == [
        ("simple_rnn", (32,), 32),
        ("lstm", (32,), 32),
    ]
    assert (plan.epochs, plan.batch_size, plan.learning_rate, plan.validation) == (10, 128, 0.001, 0.2)


def test_the_command_line_names_any_set_of_networks() -> None:
    assert [spec.cell for spec in parse("--models simple_rnn lstm gru").specs()] == ["simple_rnn", "lstm", "gru"]


def test_a_custom_network_is_given_as_json() -> None:
    spec = parse("""--models lstm --spec '{"name":"deep","cell":"gru","units":[64,32]}'""").specs()[1]
    assert (spec.name, spec.cell, spec.units) == ("deep", "gru", (64, 32))


def test_the_environment_sets_what_the_command_line_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNN_EPOCHS", "3")
    monkeypatch.setenv("RNN_VOCABULARY_SIZE", "77")
    settings = parse("--vocabulary-size 99")
    assert (settings.training.epochs, settings.data.vocabulary_size) == (3, 99)


def test_the_run_form_shows_each_setting_with_description_and_bounds() -> None:
    fields = DataSettings.model_json_schema()["properties"]
    assert set(fields) == DATA_FIELDS
    for name, bounds in {"vocabulary_size": (4, 1_000_000), "max_length": (2, 5_000)}.items():
        assert (fields[name]["minimum"], fields[name]["maximum"]) == bounds
        assert fields[name]["description"]


def prefect_schema() -> dict[str, Any]:
    """The schema of parameters, as Prefect's server has it."""
    schema = Settings.model_json_schema(ref_template="#/definitions/{model}")
    schema["definitions"] = schema.pop("$defs")
    return schema


@pytest.mark.parametrize("option", ["share", "address"])
def test_prefect_refuses_a_password_in_a_parameter_before_it_keeps_it(option: str) -> None:
    schema = prefect_schema()
    for public in ("s3://bucket/rnn", "/a/folder?", "me@here", "tcp://10.0.0.1:8786", None):
        assert validate({"run": {option: public}}, schema) == [], public
        assert Settings.model_validate({"run": {option: public}})
    for secret in ("s3://user:password@bucket/rnn", "s3://token@bucket", "abfs://bucket/rnn?sig=token"):
        assert validate({"run": {option: secret}}, schema), secret


def test_prefect_refuses_unknown_names_and_values_out_of_bounds_in_parameters() -> None:
    schema = prefect_schema()
    assert validate({"data": {"vocabulary_size": 99, "max_length": 30}}, schema) == []
    for wrong in ({"words": 99}, {"max_length": 9_000}, {"more_words": 99}, {"vocabulary_size": 3}):
        assert validate({"data": wrong}, schema), wrong


def test_smoke_is_small_and_uses_the_sample_by_default() -> None:
    smoke = parse("--smoke").effective()
    assert (smoke.data.source, smoke.data.max_length, smoke.training.epochs) == ("sample", 100, 1)
    assert parse("--smoke --source imdb").effective().data.source == "imdb"
    assert parse("--smoke --data imdb.npz").effective().data.source == "auto"


def test_the_seed_of_the_day_is_a_date_that_the_command_repeats() -> None:
    settings = parse("--seed-of-day --replicates 2")
    day = int(f"{date.today():%Y%m%d}")
    used = settings.effective()
    assert used.seeds() == [day, day + 1]
    assert used.effective() == used
    assert used.command() == f"uv run flows/main.py --seed {day} --replicates 2"
    assert settings.title.endswith(f"seeds {day} to {day + 1}")


def test_smoke_leaves_values_alone_that_were_given() -> None:
    smoke = parse("--smoke --epochs 3 --max-length 40 --reviews 50").effective()
    assert (smoke.training.epochs, smoke.data.max_length, smoke.data.reviews) == (3, 40, 50)
    assert smoke.data.source == "sample"
    assert smoke.effective() == smoke


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--epochs 3 --models lstm gru",
        """--spec '{"name":"deep","cell":"gru","units":[64,32]}'""",
        "--smoke --outputs /tmp/a-b",
        "--vocabulary-size 99 --max-length 30",
        "--data r.csv --positive '>=7' --drop=-1 --drop= --drop 'a, b'",
        "--data r.csv --positive pos 'very good' --drop=-none",
    ],
)
def test_the_recorded_command_gives_the_same_settings(line: str) -> None:
    settings = parse(line)
    assert parse(settings.command().removeprefix("uv run flows/main.py")) == settings


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"vocabulary_size": 3}},
        {"data": {"words": 3}},
        {"training": {"epochs": 0}},
        {"models": {"models": []}},
        {"models": {"models": ["lstm", "lstm"]}},
        {"run": {"other": 1}},
        {"data": {"more_words": 99}},
        {"run": {"timeout": float("inf")}},
        {"run": {"timeout": 1e9}},
    ],
)
def test_a_wrong_value_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(change)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--vocabulary-size 3", "--vocabulary-size: found '3'; it should be greater than or equal to 4"),
        ("--words 3", "Unknown option: --words."),
        ("--models rnn", "--models: found 'rnn'; it should be 'simple_rnn', 'lstm',"),
        ("""--spec '{"name":"Deep","cell":"gru"}'""", "--spec, name: found 'Deep'; it should match pattern"),
        (
            """--spec '{"name":"gru","cell":"lstm"}'""",
            "--spec: gru names another kind of network; give this one a name of its own",
        ),
        ("--models lstm lstm", "models: found ['lstm', 'lstm'], expected different names"),
        ("--epoch 3", "Unknown option: --epoch. Did you mean --epochs?"),
        ("scroe x.csv", "found 'scroe' 'x.csv', which is not a command; did you mean score?"),
        ("--text hello", "--text: an option of score; --help of each command lists its options"),
        (
            "history --epochs 3",
            "--epochs: an option of a training run, sweep; --help of each command lists its options",
        ),
        (
            "--spec {name:deep}",
            "--spec: found '{name:deep}'; expected JSON, with keys and texts in double quotes, such as '{",
        ),
        (
            """--spec "{'name': 1}" """,
            """--spec: found "{'name': 1}"; expected JSON, with keys and texts in double quotes""",
        ),
        (
            """--spec '{"name": "deep"}' """,
            "--spec, cell: found {'name': 'deep'}; this key is missing; expected keys as in",
        ),
        (
            """--spec '{"name": "deep", "cell": "gru", "unit": [3]}' """,
            '--spec, unit: found [3]; there is no such key; the keys are "name", "cell", "units"',
        ),
        ("--smoke false", "found 'false', which is not an option; --help lists commands and options"),
    ],
)
def test_an_error_names_the_option_as_it_was_written(line: str, message: str) -> None:
    assert error(line).startswith(message)


def test_an_error_names_the_environment_variable_that_set_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNN_EPOCHS", "0")
    monkeypatch.setenv("RNN_VOCABULARY_SIZE", "1")
    assert error("--dropout 7").splitlines() == [
        "RNN_VOCABULARY_SIZE: found '1'; it should be greater than or equal to 4",
        "--dropout: found '7'; it should be less than 1",
        "RNN_EPOCHS: found '0'; it should be greater than or equal to 1",
    ]


def test_settings_survive_the_record(tmp_path: Path) -> None:
    settings = parse(f"--outputs {tmp_path} --models gru --vocabulary-size 99")
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings


def test_seeds_count_up_from_the_first() -> None:
    assert parse("--seed 7 --replicates 3").seeds() == [7, 8, 9]


def test_every_setting_is_described() -> None:
    for section in Settings.model_fields.values():
        for name, field in section.annotation.model_fields.items():
            assert field.description, name


def test_own_texts_may_be_several_files_with_options_of_their_own() -> None:
    line = "--data a.csv b/*.parquet --test-share 0.3 --text-column review --positive spam --vocabulary imdb"
    assert parse(line).data.given() == TextData(
        (Path("a.csv"), Path("b/*.parquet")), (), "review", "label", ("spam",), 0.3, "imdb"
    )
    assert parse("--data aclImdb --test-data more").data.given() == TextData((Path("aclImdb"),), (Path("more"),))


def test_labels_may_be_one_several_or_numbers_wherever_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, labels in (("pos", ["pos"]), (None, []), ([-1, True, "a, b", 0.5], ["-1", "true", "a, b", "0.5"])):
        assert validate({"data": {"drop": given}}, prefect_schema()) == []
        assert Settings.model_validate({"data": {"data": "r.csv", "drop": given}}).data.drop == labels
    monkeypatch.setenv("RNN_DROP", "'' 'not sure' -1")
    monkeypatch.setenv("RNN_POSITIVE", ">=7")
    data = parse("--data r.csv").data
    assert (data.positive, data.drop) == ([">=7"], ["", "not sure", "-1"])


def test_an_npz_stays_a_path_and_a_single_path_is_a_list_of_one() -> None:
    assert parse("--data imdb.npz").data.given() == Path("imdb.npz")
    assert Settings.model_validate({"data": {"data": "imdb.npz"}}).data.given() == Path("imdb.npz")
    assert Settings.model_validate({"data": {"data": None}}).data.given() is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--test-share 0.3", "--test-share: found without texts"),
        ("--data imdb.npz --positive spam", "--positive: found without texts"),
        ("--drop -1", "--drop: found without texts"),
        ("--data a.csv --positive ' '", "--positive: found an empty label"),
        ("--data a.csv --positive POS --drop 2 1.0", "--positive and --drop: both name the label '1'"),
        ("--data a.csv --positive 1 1.0", "--positive: '1' and '1.0' are the same label; give one of them"),
        ("--data a.csv --positive '>=7' '>= 7.0'", "--positive: '>=7' and '>= 7.0' are the same label"),
        ("--data a.csv --drop 0 -1 0.0", "--drop: '0' and '0.0' are the same label; give one of them"),
        ("--data a.csv --drop", "--drop"),
        ("--positive --data a.csv", "--positive"),
        ("--data imdb.npz b.csv", "found 2 files including an .npz"),
        ("--data a.csv --test-data b.csv --test-share 0.1", "--test-data and --test-share: found both"),
        ("--data a.csv --test-share 1", "--test-share: found '1'; it should be less than 1"),
    ],
)
def test_settings_of_own_texts_that_do_not_fit_are_refused(line: str, message: str) -> None:
    assert message in error(line)


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("", "auto, simple_rnn + lstm, 10 epochs, seed 1"),
        ("--smoke", "smoke, simple_rnn + lstm, 1 epoch, seed 1"),
        ("--data a/b.npz --models gru --epochs 3 --replicates 3", "b.npz, gru, 3 epochs, seeds 1 to 3"),
        (
            "--units 64 --batch-size 32 --max-length 200 --learning-rate 0.01 --text-column t",
            "auto, simple_rnn + lstm, 10 epochs, seed 1, max length 200, units 64, batch size 32, learning rate 0.01",
        ),
    ],
)
def test_a_title_tells_runs_apart(line: str, title: str) -> None:
    assert parse(line).title == title


@pytest.mark.parametrize("option", ["share", "address"])
@pytest.mark.parametrize(
    "address", ["s3://user:verysecret@bucket/rnn", "s3://verysecret@b", "abfs://b/rnn?sig=verysecret&x='verysecret'"]
)
def test_a_password_in_an_address_is_refused_and_not_repeated(option: str, address: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"run": {option: address}})
    with pytest.raises(CycloptsError) as caught:
        parse(f"--{option} {shlex.quote(address)}")
    assert "expected an address without a password" in setting_error(caught.value)
    assert "verysecret" not in setting_error(caught.value)
