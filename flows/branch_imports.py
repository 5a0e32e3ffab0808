"""The modules that branch processes need, imported once by the fork server: see `flows.branch_process`.

Nothing here may start a thread that could hold a lock while a process is forked, so TensorFlow must not
compute anything.
"""

import importlib
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the run; a traceback from here would be noise.

importlib.import_module("tasks.models.loading").preload()

STEPS = ("tasks.train", "tasks.evaluate", "tasks.explain", "tasks.illustrate")
for module in ("flows.branch_process", "tasks.storage.share", *STEPS):
    importlib.import_module(module)
