"""Branches and the events of their journals, for the tests of progress."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

EPOCHS = 4


def branch(name: str = "lstm", folder: Path = Path("lstm"), group: str = "") -> Any:
    """What the views read of a branch's job."""
    return SimpleNamespace(
        label=f"{name} seed 1",
        group=group,
        spec=SimpleNamespace(name=name),
        seed=1,
        plan=SimpleNamespace(epochs=EPOCHS),
        dataset=SimpleNamespace(title="bundled sample"),
        folder=folder,
    )


def epoch(number: int) -> dict[str, Any]:
    """The event at the end of an epoch."""
    metrics = {"loss": 0.5, "accuracy": 0.75, "val_loss": 0.6, "val_accuracy": 0.7, "seconds": 1.25, "cpu_seconds": 1.0}
    return {"event": "epoch", "epoch": number, **metrics}


BEGIN = {"event": "begin", "epochs": EPOCHS}
