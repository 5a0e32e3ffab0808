"""`--training-sizes`: which sizes are refused, and a run with them."""

import json
from pathlib import Path

import pytest

from flows.settings import DataSettings, ModelSettings, RunSettings, Settings, TrainingSettings
from flows.train import sizes_below_all, train_flow
from tasks.errors import SettingError
from tasks.storage.runs import keep_last, read_run


def test_sizes_are_ascending_and_all_is_the_run_itself() -> None:
    assert sizes_below_all([30, "all", 10], 40) == [10, 30]
    assert sizes_below_all(["all"], 40) == []


@pytest.mark.parametrize("size", [40, 41])
def test_a_size_that_is_not_below_all_is_refused_in_one_line(size: int) -> None:
    with pytest.raises(SettingError) as caught:
        sizes_below_all([10, size], 40)
    assert str(caught.value) == (
        f"--training-sizes {size}: found 40 reviews to train on, expected smaller sizes; give all for the run itself"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_a_run_on_the_sample_with_sizes(tmp_path: Path) -> None:
    def settings(sizes: list[int | str]) -> Settings:
        return Settings(
            data=DataSettings(source="sample", reviews=300, max_length=40, training_sizes=sizes),
            models=ModelSettings(models=["simple_rnn"]),
            training=TrainingSettings(epochs=2),
            run=RunSettings(outputs=tmp_path, runner="thread"),
        )

    folder = train_flow(settings([50, 100, "all"]))
    run, metrics = read_run(folder), json.loads((folder / "metrics.json").read_text())
    assert run.sizes
    assert run.sizes.sizes == [50, 100, 240]
    assert [point.size for point in run.sizes.points] == [50, 100, 240]
    assert [network.size for network in run.sizes.networks] == [50, 100]
    assert metrics["sizes"]["data"][0]["yardstick"]
    assert "How much data?" in (folder / "report.html").read_text()
    assert (folder / "sizes.png").is_file()
    own = {branch.folder for branch in run.branches}
    assert trained(tmp_path) == own | set(run.others)
    again = read_run(train_flow(settings([50])))
    assert again.branches == run.branches
    assert again.others == run.others[:1]
    keep_last(tmp_path, 1)
    assert trained(tmp_path) == own | {run.others[0]}


def trained(outputs: Path) -> set[Path]:
    """The folders of all trained networks."""
    return {path.parent for path in (outputs / "models").glob("*/record.json")}
