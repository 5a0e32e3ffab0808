from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.config import Settings
from flows.main import app


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
