"""The training flow in this process, with a real Prefect server."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from artifacts import publish, report, tables
from artifacts.figures import scores
from flows.settings import ModelSettings, RunSettings, Settings
from flows.train import other_networks, train_flow
from tasks import yardstick
from tasks.errors import PipelineError, one_line
from tasks.results.comparison import Comparison
from tasks.storage import run_log
from tasks.storage.layout import RUN_LOG


@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_an_output_folder_that_cannot_be_written_is_said_in_one_line() -> None:
    run = RunSettings(outputs=Path("/proc/outputs"), runner="thread", smoke=True)
    with pytest.raises(OSError, match="outputs") as caught:
        train_flow(Settings(run=run))
    line = one_line(caught.value)
    assert line
    assert line.startswith("/proc/outputs")


def test_the_folder_in_which_minutes_ended_a_network_belongs_to_the_run_too() -> None:
    comparison = cast(Comparison, SimpleNamespace(branches=[SimpleNamespace(folder=Path("models/after-2-epochs"))]))
    folders = [Path("models/after-2-epochs"), Path("models/10-epochs")]
    assert other_networks(comparison, folders) == [Path("models/10-epochs")]


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_what_one_figure_table_or_page_cannot_give_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        run=RunSettings(outputs=tmp_path, runner="thread", smoke=True), models=ModelSettings(models=["simple_rnn"])
    )

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no reviews")

    with monkeypatch.context() as patch:
        for module, name in (
            (scores, "roc"), (tables, "cost"), (report, "metrics"), (publish, "trend"),
            (publish, "create_table_artifact"), (run_log, "read_run_log"), (yardstick, "choose"),
        ):  # fmt: skip
            patch.setattr(module, name, fail)
        with pytest.raises(PipelineError) as caught:
            train_flow(settings)
    line = str(caught.value)
    assert line.startswith("The report is written, without what failed: ")
    for part in (
        "measure the yardstick: unexpected ZeroDivisionError", "Which network? (A part", "figure roc",
        "metrics.json: unexpected", "artifact comparison", RUN_LOG,
    ):  # fmt: skip
        assert part in line, line
    page = (tmp_path / "latest" / "report.html").read_text()
    assert "The figure roc could not be drawn" in page
    assert "A part could not be made: ZeroDivisionError, no reviews" in page
    assert "bag of words" not in page
    assert not (tmp_path / "latest" / "metrics.json").exists()
    again = train_flow(settings)
    assert {"metrics.json", "roc.png", "report.html"} <= {path.name for path in again.iterdir()}
    assert "could not be" not in (again / "report.html").read_text()
    assert "bag of words" in (again / "report.html").read_text()
