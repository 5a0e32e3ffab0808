"""The modules that branch processes need, imported once by the fork server: see `flows.branch_process`.

Nothing here may start a thread that could hold a lock while a process is forked, so TensorFlow must not
compute anything.
"""

import importlib
import os
import signal
from typing import Any

from tasks.models.compiling import loaded_after

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the run; a traceback from here would be noise.

STEPS = ("tasks.train", "tasks.evaluate", "tasks.explain", "tasks.illustrate")
cells: Any = os.environ.get("RECURRENT_CELLS", "").split()
with loaded_after(cells):
    importlib.import_module("tasks.models.loading").import_tensorflow()
    for module in ("flows.branch_process", "flows.draw", "tasks.storage.share", *STEPS):
        importlib.import_module(module)
    # What the steps would import and compute at their first call.
    importlib.import_module("scipy.stats")
    for module in STEPS:
        importlib.import_module("tasks.storage.code_version").code_version(module)
