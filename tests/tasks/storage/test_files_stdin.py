"""What comes through a pipe."""

import io
from pathlib import Path

import pytest

from tasks.storage import files as module
from tasks.storage.files import spool


def test_the_same_content_is_the_same_file_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    first = spool(io.BytesIO(b"one\ntwo"), tmp_path / "new", ".txt")
    before = first.stat().st_mtime_ns
    assert first.read_bytes() == b"one\ntwo"
    assert spool(io.BytesIO(b"one\ntwo"), tmp_path / "new", ".txt") == first
    assert first.stat().st_mtime_ns == before
    assert spool(io.BytesIO(b"one\nthree"), tmp_path / "new", ".txt") != first
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_a_stream_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        spool(Broken(), tmp_path, ".txt")
    assert not list(tmp_path.iterdir())
