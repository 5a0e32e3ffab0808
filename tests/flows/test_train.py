"""The training flow in this process, with a real Prefect server."""

from pathlib import Path

import pytest

from flows.settings import RunSettings, Settings
from flows.train import train_flow
from tasks.errors import one_line


@pytest.mark.usefixtures("prefect_server", "no_heartbeat")
def test_an_output_folder_that_cannot_be_written_is_said_in_one_line() -> None:
    run = RunSettings(outputs=Path("/proc/outputs"), runner="thread", smoke=True)
    with pytest.raises(OSError, match="outputs") as caught:
        train_flow(Settings(run=run))
    line = one_line(caught.value)
    assert line
    assert line.startswith("/proc/outputs")
