"""Creates learners for new or saved networks, each with the fastest engine that supports its network."""

import importlib
import logging
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.models.learner import Learner
from tasks.models.spec import ModelSpec

_START_NOTE = re.compile(rb"[IW]\d{4} |WARNING: All log messages before")
_STDERR = 2
_TERMINAL = threading.Lock()


def new_learner(spec: ModelSpec, vocabulary_size: int, learning_rate: float, seed: int, threads: int) -> Learner:
    """Create an untrained learner; its initial weights depend only on the network, the vocabulary size and `seed`."""
    start_tensorflow(threads)
    from tasks.models.keras_learner import build

    return _learner(spec, build(spec, vocabulary_size, learning_rate, seed), threads)


def open_learner(spec: ModelSpec, path: Path, threads: int) -> Learner:
    """Create a learner from a saved Keras model.

    Raises:
        ValueError: Keras cannot read the file.
    """
    start_tensorflow(threads)
    import keras

    return _learner(spec, keras.models.load_model(path, safe_mode=True), threads)


def _learner(spec: ModelSpec, model: Any, threads: int) -> Learner:
    import tensorflow

    from tasks.models.compiled_learner import CompiledLearner
    from tasks.models.compiled_network import unsupported_reason
    from tasks.models.compiling import compile_loops
    from tasks.models.keras_learner import KerasLearner

    has_gpu = tensorflow.config.list_physical_devices("GPU")
    reason = "a graphics card is present" if has_gpu else unsupported_reason(spec)
    if reason:
        return KerasLearner(model, reason)
    compile_loops([spec.cell])
    return CompiledLearner(spec, model, threads)


def import_tensorflow() -> None:
    """Import TensorFlow without its messages."""
    with _without_start_notes():
        importlib.import_module("tensorflow")


def start_tensorflow(threads: int) -> None:
    """Import TensorFlow quietly, limit its threads, and make its results reproducible."""
    import_tensorflow()
    import tensorflow

    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # TensorFlow fixes its number of threads once, and an earlier call in this process has done so.
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.get_logger().addFilter(_is_no_retracing_warning)


def _is_no_retracing_warning(record: logging.LogRecord) -> bool:
    """Filter out retracing warnings: a process that handles many networks must trace a function for each."""
    return "triggered tf.function retracing" not in record.getMessage()


@contextmanager
def _without_start_notes() -> Iterator[None]:
    """Drop TensorFlow's start-up messages that no setting suppresses; pass on all other terminal output.

    The whole process shares the terminal, so only one thread at a time may redirect it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _TERMINAL, tempfile.TemporaryFile() as caught:
        terminal = os.dup(_STDERR)
        try:
            os.dup2(caught.fileno(), _STDERR)
            yield
        finally:
            os.dup2(terminal, _STDERR)
            os.close(terminal)
            caught.seek(0)
            for line in caught:
                if not _START_NOTE.match(line):
                    os.write(_STDERR, line)
