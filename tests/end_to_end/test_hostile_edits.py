"""A sample of the random edits of `hostile_edits`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.harness import ROOT


@pytest.mark.slow
def test_edited_outputs_hold(undisturbed: Path) -> None:
    command = [sys.executable, "-m", "tests.end_to_end.hostile_edits", str(undisturbed), "--edits", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 of 60 held" in done.stdout
