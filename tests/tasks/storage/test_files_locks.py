import logging
import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from tasks.errors import PipelineError
from tasks.storage import files
from tasks.storage.files import locked

SPAWN = multiprocessing.get_context("spawn")


def hold(path: Path, held: Event, let_go: Event) -> None:
    """Hold a lock until told to let go."""
    with locked(path):
        held.set()
        let_go.wait(60)


def test_a_wait_says_what_for_and_who_holds_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SILENT_SECONDS", 0.05)
    held, let_go = SPAWN.Event(), SPAWN.Event()
    process = SPAWN.Process(target=hold, args=(tmp_path / "a.lock", held, let_go))
    process.start()
    assert held.wait(60)

    class LetGo(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            let_go.set()

    logger = logging.getLogger("tasks.test")
    logger.addHandler(LetGo())
    with caplog.at_level(logging.INFO), locked(tmp_path / "a.lock", logger):
        assert f"Waiting for {tmp_path / 'a.lock'}, held by process {process.pid}" in caplog.text
    process.join(60)


def test_a_wait_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SILENT_SECONDS", 0.02)
    monkeypatch.setattr(files, "LONGEST_SECONDS", 0.02)
    held, let_go = SPAWN.Event(), SPAWN.Event()
    process = SPAWN.Process(target=hold, args=(tmp_path / "a.lock", held, let_go))
    process.start()
    assert held.wait(60)
    with pytest.raises(PipelineError, match=f"still held by process {process.pid}"), locked(tmp_path / "a.lock"):
        pass
    let_go.set()
    process.join(60)


def test_a_lock_is_free_again_after_its_block(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with caplog.at_level(logging.INFO), locked(tmp_path / "a.lock"):
            pass
    assert caplog.text == ""
