"""Finds this checkout and its commit. A worker's commit may differ from the one its deployment was made from."""

import subprocess
from pathlib import Path

from prefect import runtime
from prefect.logging import get_run_logger

ROOT = Path(__file__).parents[2]
UNKNOWN = "unknown"


def checkout() -> dict[str, str]:
    """The folder and the version of this checkout, as a step of `prefect.yaml`.

    `prefect deploy` stores the version with the deployment; a run starts in the folder. The step runs in the Python of
    the deploying command or of the worker, which need not be the `python` that a shell finds.
    """
    return {"directory": str(ROOT), "version": commit()}


def commit(folder: Path = ROOT) -> str:
    """The commit checked out in a folder, with "+changes" if files differ from it; "unknown" without git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)  # noqa: S603 -- constants
        return done.stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN


def warn_of_another_commit() -> None:
    """Log a warning if this run's deployment was made from a different commit."""
    deployed = runtime.deployment.version
    if deployed is None or UNKNOWN in (deployed, here := commit()):
        return
    if deployed != here:
        advice = "check out the same commit on both sides, or deploy again"
        get_run_logger().warning("Deployed from commit %s, but this worker runs %s; %s", deployed, here, advice)
