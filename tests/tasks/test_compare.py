from dataclasses import replace

import pytest

from flows.data_settings import DataSettings
from flows.settings import Settings, TrainingSettings
from tasks.compare import is_the_tutorials, reproduction
from tests.artifacts import examples


def test_the_tutorials_numbers_are_compared_with_the_mean_over_seeds() -> None:
    branches = [examples.branch(name, seed) for seed in (1, 2) for name in ("simple_rnn", "gru", "lstm")]
    last = replace(branches[2].history[-1], val_accuracy=0.9)
    branches[2] = replace(branches[2], history=(*branches[2].history[:-1], last))
    card = reproduction(branches)
    assert [(line.name, line.tutorial) for line in card] == [("simple_rnn", 0.816), ("lstm", 0.884)]
    assert [line.ours for line in card] == pytest.approx([0.8, 0.85])


def test_an_accuracy_within_the_tolerance_reproduces_the_tutorial() -> None:
    line = reproduction([examples.branch("simple_rnn")])[0]
    assert not replace(line, ours=0.785).reproduced
    assert replace(line, ours=0.787).reproduced


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), True),
        (Settings(training=TrainingSettings(seed=3, replicates=3)), True),
        (Settings(training=TrainingSettings(epochs=3)), False),
        (Settings(data=DataSettings(reviews=600)), False),
        (Settings(data=DataSettings(max_length=120)), False),
    ],
)
def test_only_the_tutorials_settings_can_reproduce_it(settings: Settings, expected: bool) -> None:
    assert is_the_tutorials(settings.model_dump(mode="json")) == expected
