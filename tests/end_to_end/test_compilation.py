"""A process that compiles the loops and one that loads their machine code compute the same bits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.harness import ROOT

# Sizes that leave lanes and tiles with remainders.
SCRIPT = """
import hashlib
import numpy as np
from tasks.data.tokens import Tokens
from tasks.data.training_reviews import Batch
from tasks.models.loading import new_learner
from tasks.models.spec import preset

random = np.random.default_rng(0)
tokens = random.integers(1, 200, (40, 30), np.uint16)
tokens[np.arange(30) < random.integers(0, 30, (40, 1))] = 0
tokens = Tokens.from_padded(tokens)
labels = random.integers(0, 2, 40).astype(np.uint8)
for name in ("simple_rnn", "lstm", "gru", "bidirectional_lstm"):
    learner = new_learner(preset(name, 20, 37, 0.0), 200, 0.001, 1, 1)
    for _ in range(3):
        learner.fit_epoch([Batch(tokens, labels)])
    values = [*learner.state().values(), learner.predict(tokens)]
    print(name, hashlib.sha256(b"".join(value.tobytes() for value in values)).hexdigest())
"""


@pytest.mark.slow
def test_compiling_and_loading_the_loops_give_the_same_bits(tmp_path: Path) -> None:
    def run() -> list[str]:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    compiled = run()
    assert list(tmp_path.rglob("*.nbc"))
    assert run() == compiled
    assert len(compiled) == 4
