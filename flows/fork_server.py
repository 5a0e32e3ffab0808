"""Branch processes start as copies of one process that has imported TensorFlow, instead of importing it each.

That process, Python's fork server, starts before the run knows its data, and ends with the run. Only Linux forks safely
once libraries are loaded; elsewhere every branch process imports for itself.
"""

import contextlib
import multiprocessing
import sys
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

import psutil

from flows.config import Settings
from tasks.storage.run_log import last_command

FORKS = sys.platform == "linux"


def branch_context() -> BaseContext:
    """How branch processes are started."""
    if not FORKS:
        return multiprocessing.get_context("spawn")
    multiprocessing.set_forkserver_preload(["flows.branch_imports"])
    return multiprocessing.get_context("forkserver")


def import_ahead(settings: Settings) -> None:
    """Start the fork server now, if the run will train in processes of its own.

    A run that repeats the last one reuses its networks, and two processors have better things to do.
    """
    effective = settings.effective()
    repeats = not effective.run.fresh and last_command(effective.run.outputs) == effective.command()
    if FORKS and effective.run.runner == "process" and not repeats:
        branch_context()
        forkserver.ensure_running()


def end_fork_server() -> None:
    """End the fork server, which does not notice the end of the run while it imports."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                child.kill()
