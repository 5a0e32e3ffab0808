"""temp"""

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

_TERMINAL, _NOTE = threading.Lock(), re.compile(rb"[IW]\d{4} |WARNING: All log messages before")


def new_learner(spec: ModelSpec, vocabulary_size: int, learning_rate: float, seed: int, threads: int) -> Learner:
    """An untrained learner."""
    _start_tensorflow(threads)
    from tasks.models.keras_model import build

    return _learner(spec, build(spec, vocabulary_size, learning_rate, seed), threads)


def open_learner(spec: ModelSpec, path: Path, threads: int) -> Learner:
    """The learner of a saved Keras model.

    Raises:
        ValueError: Keras cannot read the file.
    """
    _start_tensorflow(threads)
    import keras

    return _learner(spec, keras.models.load_model(path, safe_mode=True), threads)


def _learner(spec: ModelSpec, model: Any, threads: int) -> Learner:
    import tensorflow

    from tasks.models.fast import FastLearner, why_not
    from tasks.models.stock import StockLearner

    reason = "a graphics card is present" if tensorflow.config.list_physical_devices("GPU") else why_not(spec)
    if reason:
        learner = StockLearner(model)
        learner.engine = f"Keras ({reason})"
        return learner
    learner = FastLearner(spec, model, threads)
    learner.engine = "compiled loops"
    return learner


def _start_tensorflow(threads: int) -> None:
    """TensorFlow with its share of the processors, quiet, and the same sums on every run."""
    with _without_notes():
        import tensorflow

    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # A second branch in the same process: TensorFlow has fixed its threads already.
    tensorflow.config.experimental.enable_op_determinism()


@contextmanager
def _without_notes() -> Iterator[None]:
    """TensorFlow's start writes notes to the terminal that no setting stops; everything else is passed on after it.

    The terminal belongs to the whole process, so one thread at a time takes it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _TERMINAL, tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        try:
            os.dup2(caught.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not _NOTE.match(line):
                    os.write(2, line)
