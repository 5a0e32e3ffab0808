from dataclasses import replace

import pytest

from artifacts.wording import verdict as conclusions
from tasks.results.comparison import Comparison
from tasks.results.training import Epoch, Reliability
from tests.artifacts import examples


def with_history(*epochs: tuple[float, float, float]) -> Comparison:
    """lstm alone, with its training loss, validation loss and validation accuracy by epoch."""
    c = examples.comparison()
    history = tuple(
        Epoch(number, loss, 0.9, val_loss, accuracy, 1.0, 1.0)
        for number, (loss, val_loss, accuracy) in enumerate(epochs, start=1)
    )
    best = max(history, key=lambda epoch: epoch.val_accuracy).epoch
    return replace(
        c, branches=(replace(c.branches[1], history=history, best_epoch=best),), evaluations=c.evaluations[1:]
    )


@pytest.mark.parametrize(
    ("epochs", "said"),
    [
        (
            [(0.5, 0.36, 0.85), (0.1, 0.63, 0.84)],
            "LSTM has its best balanced validation accuracy, 85.0%, at epoch 1 of 2; after epoch 1 its validation loss "
            "rises from 0.36 to 0.63 while its training loss falls to 0.10: it overfits.",
        ),
        (
            [(0.5, 0.441, 0.85), (0.4, 0.444, 0.84)],
            "its validation loss is lowest after epoch 1, 0.44, and then stays there.",
        ),
        (
            [(0.05, 0.011, 0.85), (0.02, 0.030, 0.84), (0.01, 0.014, 0.84)],
            "its validation loss is lowest after epoch 1, 0.01, and then between that and 0.03.",
        ),
        (
            [(0.024, 0.36, 0.85), (0.016, 0.63, 0.84)],
            "after epoch 1 its validation loss rises from 0.36 to 0.63 while its training loss stays at 0.02.",
        ),
        (
            [(0.5, 0.29, 0.85), (0.2, 0.30, 0.86)],
            "lowest after epoch 1, 0.29, and then between that and 0.30: no clear sign of overfitting.",
        ),
        ([(0.5, 0.4, 0.85), (0.4, 0.3, 0.86)], "still falls at the last epoch, so more epochs may help."),
        ([(0.3, 0.4, 0.85), (0.5, 0.6, 0.7)], "its training loss no longer falls: training is unstable."),
        ([(0.5, 0.4, 0.85)], "one epoch only"),
    ],
)
def test_how_a_network_learned(epochs: list[tuple[float, float, float]], said: str) -> None:
    assert said in conclusions.learned(with_history(*epochs))


def test_a_weighted_training_loss_is_not_compared_with_the_validation_loss() -> None:
    weighted = {"training": {"class_weight": "balanced"}}
    c = replace(with_history((0.5, 0.36, 0.85), (0.1, 0.63, 0.84)), settings=weighted)
    assert conclusions.learned(c).endswith(
        "; after epoch 1 its validation loss rises from 0.36 to 0.63. Its training loss, which weighs the labels, "
        "cannot be compared with that."
    )


@pytest.mark.parametrize(
    ("bins", "said"),
    [
        (
            (Reliability(0.05, 0.15, 50), Reliability(0.95, 0.85, 50)),
            "LSTM is over-confident: its probabilities are 10",
        ),
        ((Reliability(0.3, 0.1, 50), Reliability(0.7, 0.9, 50)), "20.0 points nearer to 50%"),
        ((Reliability(0.3, 0.31, 50), Reliability(0.7, 0.69, 50)), "not shown to be over- or under-confident"),
    ],
)
def test_whether_probabilities_can_be_trusted(bins: tuple[Reliability, ...], said: str) -> None:
    c = examples.comparison()
    evaluations = tuple(replace(e, last=replace(e.last, reliability=bins)) for e in c.evaluations)
    text = conclusions.trusted(replace(c, evaluations=evaluations))
    assert said in text
    assert text.endswith("the expected calibration error is 0.090.")
