import shlex

import pytest
from cyclopts import CycloptsError

from flows.main import app, setting_error
from flows.search_settings import SweepSettings, dimension, models_of, with_shape
from flows.settings import ModelSettings, Settings
from tasks.models.spec import ModelSpec, preset
from tasks.results.sweep import Dimension

UNEVEN = '{"name":"deep","cell":"gru","units":[8,4]}'


def parse(line: str) -> SweepSettings:
    """The settings that a command line gives a sweep."""
    _, bound, _ = app.parse_args(["sweep", *shlex.split(line)], exit_on_error=False, print_error=False)
    return bound.arguments.get("settings", SweepSettings())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units=16,32,64", Dimension("units", (16, 32, 64))),
        ("cell=simple_rnn, lstm", Dimension("cell", ("simple_rnn", "lstm"))),
        ("bidirectional=false,true", Dimension("bidirectional", (False, True))),
        ("class-weight=none,balanced", Dimension("class_weight", ("none", "balanced"))),
        ("learning_rate=1e-4..1e-2:log", Dimension("learning_rate", low=1e-4, high=1e-2, is_log=True)),
        ("dropout=0..0.5", Dimension("dropout", low=0.0, high=0.5)),
        ("max_length=50..500:log", Dimension("max_length", low=50, high=500, is_log=True, is_integer=True)),
        ("models=gru,bidirectional_lstm", Dimension("models", ("gru", "bidirectional_lstm"))),
    ],
)
def test_a_setting_is_searched_over_values_or_a_range(text: str, expected: Dimension) -> None:
    assert dimension(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("units", "expected NAME=VALUE,VALUE or NAME=LOW..HIGH"),
        ("learning_rate=1e-4...1e-2", "expected NAME=VALUE,VALUE or NAME=LOW..HIGH"),
        ("units=", "expected NAME=VALUE,VALUE or NAME=LOW..HIGH"),
        ("units=32", "found 1 different of 1 values, expected 2 or more"),
        ("units=32,32", "found 1 different of 2 values"),
        ("units=0,32", "found '0'; it should be greater than or equal to 1"),
        ("units=16..2000", "found '2000'; it should be less than or equal to 1024"),
        ("units=many,few", "found 'many'; it should be a valid integer"),
        ("cell=lstm,rnn", "found 'rnn'; it should be 'simple_rnn', 'lstm' or 'gru'"),
        ("cell=gru..lstm", "cell has no range"),
        ("learning_rate=1e-2..1e-4", "found the bounds 0.01 and 0.0001, expected the lower one first"),
        ("dropout=0..0.5:log", "found the bound 0, expected more than 0 for a logarithmic scale"),
        ("units=8..64:lin", "with :log behind it"),
        ("learning_rate=nan..1", "found 'nan'"),
        ("vocabulary_size=1..100", "found '1'; it should be greater than or equal to 4"),
        ("seed=1,2", "seed cannot be searched; what can: models, cell"),
        ("validation=0.1,0.2", "validation cannot be searched"),
    ],
)
def test_what_cannot_be_searched_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="--search") as caught:
        dimension(text)
    assert message in str(caught.value)
    with pytest.raises(CycloptsError) as refused:
        parse(f"--search {text}")
    assert message in setting_error(refused.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--search units=1,2 units=3,4", "--search: found units twice"),
        ("--search models=gru,lstm cell=gru,lstm", "found models and cell, which models decide"),
        ("--sampler grid --search units=1..9", "--sampler grid: units has a range"),
        ("--models lstm gru", "sweep: found the networks lstm, gru; expected one to start from"),
        ("--training-sizes 100", "--training-sizes: found in a sweep"),
        ("--trials 0", "--trials: found '0'"),
        (
            f"--spec '{UNEVEN}' --search units=8,16",
            "--search units: found layers of 8, 4 units in deep, expected equal",
        ),
        (f"--spec '{UNEVEN}' --search models=gru,lstm", "--search models: found the network deep, expected one of"),
        ("--seed 2147482647", "--seed: found '2147482647'; it should be less than or equal to 2147482646"),
    ],
)
def test_settings_that_do_not_fit_a_sweep_are_one_line(line: str, message: str) -> None:
    with pytest.raises(CycloptsError) as caught:
        parse(line)
    assert message in setting_error(caught.value)
    assert "\n" not in setting_error(caught.value)


def test_a_sweep_starts_from_the_only_network_that_is_given() -> None:
    assert parse("").network() == preset("simple_rnn", 32, 32, 0.0)
    assert parse("--models lstm --units 8").network() == preset("lstm", 8, 32, 0.0)
    assert parse(f"--spec '{UNEVEN}' --search embedding=8,16").network().units == (8, 4)


def test_the_command_of_a_trial_trains_the_same_network_with_the_same_plan() -> None:
    settings = parse("--search cell=lstm,gru units=8,64 learning_rate=1e-4..1e-1 max_length=50,100 --epochs 3 --seed 7")
    values = {"cell": "gru", "units": 64, "learning_rate": 0.0123456789012345, "max_length": 50}
    trial = settings.with_values(values, seed=8, replicates=3)
    words = shlex.split(trial.command().removeprefix(Settings.COMMAND))
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    again: Settings = bound.arguments["settings"]
    assert (again.specs(), again.plan(), again.seeds()) == (trial.specs(), trial.plan(), [8, 9, 10])
    assert again.plan().learning_rate == 0.0123456789012345
    assert (again.data.max_length, again.specs()[0].name) == (50, "gru")


def test_present_values_are_those_of_the_run() -> None:
    settings = parse("--models lstm --search units=8,64 layers=1,2 epochs=1..5 vocabulary_size=500,1000 --epochs 4")
    assert settings.present() == {"units": 32, "layers": 1, "epochs": 4, "vocabulary_size": 10_000}
    assert settings.with_values(settings.present(), 1).specs() == [settings.network()]


def test_a_changed_network_has_the_name_of_its_kind() -> None:
    lstm = preset("lstm", 32, 32, 0.0)
    assert with_shape(lstm, {"cell": "gru"}) == preset("gru", 32, 32, 0.0)
    assert with_shape(lstm, {"bidirectional": True, "units": 8}) == preset("bidirectional_lstm", 8, 32, 0.0)
    assert with_shape(lstm, {"cell": "simple_rnn", "layers": 4}) == preset("stacked_simple_rnn", 32, 32, 0.0)
    assert with_shape(lstm, {"models": "stacked_simple_rnn"}) == preset("stacked_simple_rnn", 32, 32, 0.0)
    two = with_shape(lstm, {"cell": "gru", "layers": 2, "bidirectional": True})
    assert (two.name, two.units) == ("bidirectional_gru_2_layers", (32, 32))
    own = ModelSpec(name="deep", cell="gru", units=(64, 16))
    assert with_shape(own, {"embedding": 8}) == own.model_copy(update={"embedding": 8})
    assert with_shape(own, {"units": 8}).units == (8, 8)


def test_a_network_that_is_a_preset_needs_no_json() -> None:
    assert models_of(preset("gru", 8, 4, 0.5)) == ModelSettings(models=["gru"], units=8, embedding=4, dropout=0.5)
    own = ModelSpec(name="deep", cell="gru", units=(64, 16))
    assert models_of(own) == ModelSettings(models=[], spec=[own])


def test_the_commands_own_settings_are_in_its_command_line() -> None:
    line = "--models lstm --replicates 5 --search units=8,64 --trials 7 --sampler random"
    assert parse(line).command() == f"uv run flows/main.py sweep {line}"
