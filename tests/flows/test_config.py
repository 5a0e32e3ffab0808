from pathlib import Path

import pytest
from cyclopts import CycloptsError
from pydantic import ValidationError

from flows.config import Settings, setting_error
from flows.main import app
from tasks.results.texts import TextData


def parse(line: str) -> Settings:
    """The settings that a command line gives."""
    _, bound, _ = app.parse_args(line.split(), exit_on_error=False, print_error=False)
    return bound.arguments.get("settings", Settings())


def test_the_defaults_are_the_tutorials() -> None:
    settings = Settings()
    plan = settings.plan(sample=False)
    assert (settings.data.words, settings.data.steps) == (10_000, 500)
    assert [(spec.cell, spec.units, spec.embedding) for spec in settings.specs()] == [
        ("simple_rnn", (32,), 32),
        ("lstm", (32,), 32),
    ]
    assert (plan.epochs, plan.batch_size, plan.learning_rate, plan.validation) == (10, 128, 0.001, 0.2)
    assert settings.plan(sample=True).batch_size == 64


def test_the_command_line_names_any_set_of_networks() -> None:
    assert [spec.cell for spec in parse("--models simple_rnn lstm gru").specs()] == ["simple_rnn", "lstm", "gru"]


def test_a_network_of_ones_own_is_given_as_json() -> None:
    spec = parse('--models lstm --spec {"name":"deep","cell":"gru","units":[64,32]}').specs()[1]
    assert (spec.name, spec.cell, spec.units) == ("deep", "gru", (64, 32))


def test_the_environment_sets_what_the_command_line_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNN_EPOCHS", "3")
    monkeypatch.setenv("RNN_WORDS", "77")
    settings = parse("--words 99")
    assert (settings.training.epochs, settings.data.words) == (3, 99)


def test_smoke_is_small_and_takes_the_sample_unless_told_otherwise() -> None:
    smoke = parse("--smoke").effective()
    assert (smoke.data.source, smoke.training.epochs) == ("sample", 1)
    assert parse("--smoke --source imdb").effective().data.source == "imdb"
    assert parse("--smoke --data imdb.npz").effective().data.source == "auto"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--epochs 3 --models lstm gru",
        '--spec {"name":"deep","cell":"gru","units":[64,32]}',
        "--smoke --outputs /tmp/a-b",
    ],
)
def test_the_recorded_command_gives_the_same_settings(line: str) -> None:
    import shlex

    settings = parse(line)
    words = shlex.split(settings.command())[2:]
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert bound.arguments.get("settings", Settings()) == settings


@pytest.mark.parametrize(
    "change", [{"data": {"words": 3}}, {"training": {"epochs": 0}}, {"models": {"models": []}}, {"run": {"other": 1}}]
)
def test_a_wrong_value_is_refused(change: dict) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(change)


def test_settings_survive_the_record(tmp_path: Path) -> None:
    settings = parse(f"--outputs {tmp_path} --models gru")
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings


def test_every_setting_is_described() -> None:
    for section in Settings.model_fields.values():
        for name, field in section.annotation.model_fields.items():
            assert field.description, name


def test_own_texts_may_be_several_files_with_options_of_their_own() -> None:
    line = "--data a.csv b/*.parquet --test-share 0.3 --text-column review --positive spam --vocabulary imdb"
    assert parse(line).data.given() == TextData(
        (Path("a.csv"), Path("b/*.parquet")), (), "review", "label", "spam", 0.3, "imdb"
    )
    assert parse("--data aclImdb --test-data more").data.given() == TextData((Path("aclImdb"),), (Path("more"),))


def test_an_npz_stays_a_path_and_settings_of_earlier_versions_are_read() -> None:
    assert parse("--data imdb.npz").data.given() == Path("imdb.npz")
    assert Settings.model_validate({"data": {"data": "imdb.npz"}}).data.given() == Path("imdb.npz")
    assert Settings.model_validate({"data": {"data": None}}).data.given() is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--test-share 0.3", "--test-share: found without texts"),
        ("--data imdb.npz --positive spam", "--positive: found without texts"),
        ("--data imdb.npz b.csv", "found 2 files with an .npz among them"),
        ("--data a.csv --test-data b.csv --test-share 0.1", "--test-data and --test-share: found both"),
        ("--data a.csv --test-share 1", "--test-share: found '1'; it should be less than 1"),
    ],
)
def test_settings_of_own_texts_that_do_not_fit_are_refused(line: str, message: str) -> None:
    with pytest.raises(CycloptsError) as caught:
        parse(line)
    assert message in setting_error(caught.value)
