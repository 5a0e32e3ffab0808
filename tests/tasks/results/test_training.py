from dataclasses import replace
from typing import Any

import pytest

from tests.artifacts import examples


def test_a_branch_in_a_few_words() -> None:
    branch = examples.branch("lstm", 3)
    assert branch.title == "2 epochs, validation accuracy 0.8000"
    assert replace(branch, history=branch.history[:1]).title == "1 epoch, validation accuracy 0.8500"
    assert (branch.label, branch.stem) == ("lstm seed 3", "lstm-seed3")


def test_training_takes_the_time_of_its_epochs() -> None:
    assert examples.branch("lstm").train_seconds == pytest.approx(3.0)


@pytest.mark.parametrize(
    "change",
    [
        {"history": ()},
        {"best_epoch": 99},
        {"best_epoch": 0},
        {"history": (examples.branch("lstm").history[0],) * 2},
        {"digests": {"../../x": "0"}},
        {"digests": {"/etc/passwd": "0"}},
        {"digests": {"..": "0"}},
        {"digests": {"": "0"}},
        {"name": "../../x"},
        {"name": "lstm\n"},
        {"name": ""},
    ],
    ids=str,
)
def test_a_record_of_a_network_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="found the"):
        replace(examples.branch("lstm"), **change)
