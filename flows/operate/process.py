"""How the processes of a run end."""

import atexit
import gc
import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """End this process as soon as its parent is gone, so that a killed run leaves no process behind.

    Raises:
        RuntimeError: multiprocessing did not start this process.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("only a process started by multiprocessing has a parent to end with")

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


def quick_exit() -> None:
    """Skip the garbage collection at exit, which takes up to a second once TensorFlow is loaded."""
    atexit.register(gc.freeze)
