import json
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tenacity import wait_none

from tasks.errors import DataError, NetworkError, PipelineError
from tasks.storage import share
from tasks.storage.files import sha256_of_file, sha256_of_json
from tasks.storage.reuse import Record
from tasks.storage.share import Share


@dataclass(frozen=True)
class Made:
    """A result with one file."""

    path: Path
    sha256: str
    title: str = "a file"

    def files(self) -> dict[Path, str]:
        return {self.path: self.sha256}


def made(outputs: Path, text: str = "weights") -> Made:
    """A result whose file lies under `outputs`."""
    path = outputs / "models" / "lstm" / "last.keras"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return Made(path, sha256_of_file(path))


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_what_one_machine_pushes_another_pulls(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "share") if kind == "folder" else f"memory://share-{tmp_path.name}"
    result = made(tmp_path / "outputs")
    Share(address, tmp_path / "outputs").push(result)
    result.path.unlink()
    Share(address, tmp_path / "outputs").pull(result)
    assert result.path.read_text() == "weights"


def test_what_is_here_already_is_not_fetched(tmp_path: Path) -> None:
    result = made(tmp_path / "outputs")
    Share(str(tmp_path / "nowhere"), tmp_path / "outputs").pull(result)
    assert result.path.read_text() == "weights"


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    outputs, share = tmp_path / "outputs", tmp_path / "share"
    result = made(outputs)
    Share(str(share), outputs).push(result)
    (share / "models" / "lstm" / "last.keras").write_text("something else")
    result.path.unlink()
    with pytest.raises(DataError, match="SHA-256"):
        Share(str(share), outputs).pull(result)


def test_without_an_address_nothing_moves(tmp_path: Path) -> None:
    result = made(tmp_path / "outputs")
    share = Share(None, tmp_path / "outputs")
    share.push(result)
    share.pull(result)
    share.pull_record(Record(tmp_path / "outputs" / "x.json", "key", Made))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs"]


def test_what_another_machine_has_kept_is_reused_here(tmp_path: Path) -> None:
    outputs, address = tmp_path / "outputs", str(tmp_path / "share")
    result = made(outputs)
    record = Record(result.path.parent / "record.json", "key", Made)
    record.write(result)
    Share(address, outputs).push(result, record)
    result.path.unlink()
    record.path.unlink()
    Share(address, outputs).pull_record(record)
    assert record.read() == result


def test_a_record_of_another_key_brings_nothing(tmp_path: Path) -> None:
    outputs, address = tmp_path / "outputs", str(tmp_path / "share")
    result = made(outputs)
    record = Record(result.path.parent / "record.json", "key", Made)
    record.write(result)
    Share(address, outputs).push(result, record)
    result.path.unlink()
    record.path.unlink()
    Share(address, outputs).pull_record(Record(record.path, "another", Made))
    assert not result.path.exists()


def test_an_address_of_an_unknown_kind_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="--share: .*expected a folder or an fsspec URL"):
        Share("nonsense://bucket/rnn", tmp_path).check()
    Share(str(tmp_path), tmp_path).check()
    Share(None, tmp_path).check()


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(PipelineError, match="--share s3://…: Install s3fs to access S3; .*--extra s3"):
        Share("s3://user:secret@bucket/rnn", tmp_path).check()


@pytest.mark.parametrize("name", ["../../../flows/cyclopts.py", "/flows/cyclopts.py", "link/x.keras"])
def test_a_record_from_the_share_writes_nothing_outside(name: str, tmp_path: Path) -> None:
    outputs, share = tmp_path / "repository" / "outputs", tmp_path / "share"
    result = made(outputs)
    record = Record(result.path.parent / "record.json", "key", Made)
    record.write(result)
    Share(str(share), outputs).push(result, record)
    written = json.loads((share / "models" / "lstm" / "record.json").read_text())
    fields = {key: value for key, value in written.items() if key != "record"} | {"path": name}
    header = {"key": "key", "checksum": sha256_of_json(fields)}
    (share / "models" / "lstm" / "record.json").write_text(json.dumps({"record": header} | fields))
    (share / "flows").mkdir()
    (share / "flows" / "cyclopts.py").write_text("weights")
    shutil.rmtree(outputs / "models")
    (tmp_path / "victim").mkdir()
    (outputs / "models" / "lstm").mkdir(parents=True)
    (outputs / "models" / "lstm" / "link").symlink_to(tmp_path / "victim")
    Share(str(share), outputs).pull_record(record)
    assert record.read() is None
    assert list((tmp_path / "victim").iterdir()) == []
    assert not (tmp_path / "repository" / "flows").exists()


def test_a_push_replaces_a_link_and_leaves_its_target(tmp_path: Path) -> None:
    outputs, share = tmp_path / "outputs", tmp_path / "share"
    result = made(outputs)
    (share / "models" / "lstm").mkdir(parents=True)
    (tmp_path / "victim").write_text("precious")
    (share / "other").write_text("precious")
    target = share / "models" / "lstm" / "last.keras"
    target.symlink_to(share / "other")
    Share(str(share), outputs).push(result)
    assert not target.is_symlink()
    target.unlink()
    target.symlink_to(tmp_path / "victim")
    with pytest.raises(DataError, match="a link leads out of --share"):
        Share(str(share), outputs).push(result)
    (share / "models").rename(share / "moved")
    (tmp_path / "folder").mkdir()
    (share / "models").symlink_to(tmp_path / "folder")
    with pytest.raises(DataError, match="a link leads out of --share"):
        Share(str(share), outputs).push(result)
    assert (tmp_path / "victim").read_text() == (share / "other").read_text() == "precious"
    assert list((tmp_path / "folder").iterdir()) == []


def test_files_of_the_user_are_not_exchanged(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("text,label")
    own = Made(tmp_path / "own.csv", "0" * 64)
    share = Share(str(tmp_path / "share"), tmp_path / "outputs")
    share.push(own)
    share.pull(own)
    assert not (tmp_path / "share").exists()


def test_another_machine_with_another_folder_uses_the_same_share(tmp_path: Path) -> None:
    here, there, address = tmp_path / "here", tmp_path / "there", str(tmp_path / "share")
    result = made(here)
    record = Record(result.path.parent / "record.json", "key", Made)
    record.write(result)
    Share(address, here).push(result, record)
    elsewhere = Record(there / "models" / "lstm" / "record.json", "key", Made)
    Share(address, there).pull_record(elsewhere)
    found = elsewhere.read()
    assert found == Made(there / "models" / "lstm" / "last.keras", result.sha256)


class Faulty(MemoryFileSystem):
    """A store that fails a number of times before it answers."""

    protocol = "faulty"
    cachable = False
    faults = 0

    def _fail(self) -> None:
        if Faulty.faults:
            Faulty.faults -= 1
            raise RuntimeError("endpoint gone\nTraceback")

    def exists(self, path: str, **options: Any) -> bool:
        self._fail()
        return bool(super().exists(path, **options))

    def put_file(self, *arguments: Any, **options: Any) -> None:
        self._fail()
        super().put_file(*arguments, **options)

    def ls(self, *arguments: Any, **options: Any) -> Any:
        self._fail()
        return super().ls(*arguments, **options)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of such a store."""
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    monkeypatch.setattr(share, "WAIT", wait_none())
    return "faulty://share"


def test_a_store_that_fails_now_and_then_is_asked_again(faulty: str, tmp_path: Path) -> None:
    result = made(tmp_path / "outputs")
    Faulty.faults = 2
    Share(faulty, tmp_path / "outputs").push(result)
    result.path.unlink()
    Faulty.faults = 2
    Share(faulty, tmp_path / "outputs").pull(result)
    assert result.path.read_text() == "weights"


def test_a_store_that_keeps_failing_is_one_line(faulty: str, tmp_path: Path) -> None:
    result = made(tmp_path / "outputs")
    line = "^--share faulty://share: not reached .endpoint gone.; check address, network and credentials$"
    for act in (lambda: Share(faulty, result.path).check(), lambda: Share(faulty, tmp_path / "outputs").push(result)):
        Faulty.faults = 3
        with pytest.raises(NetworkError, match=line):
            act()
    Faulty.faults = 0


def test_a_store_that_never_answers_is_one_line(faulty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(Faulty, "ls", lambda *_, **__: is_over.wait(60))
    monkeypatch.setattr(share, "ANSWER_SECONDS", 0.2)
    with pytest.raises(NetworkError, match="not reached .share: not done within 0.2 s"):
        Share(faulty, tmp_path).check()
    is_over.set()


def test_an_address_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="--share http://host/x: nothing can be written there"):
        Share("http://host/x", tmp_path).check()


def test_a_pipe_at_the_address_is_named_and_not_waited_for(tmp_path: Path) -> None:
    outputs, share = tmp_path / "outputs", tmp_path / "share"
    result = made(outputs)
    (share / "models" / "lstm").mkdir(parents=True)
    os.mkfifo(share / "models" / "lstm" / "last.keras")
    result.path.unlink()
    with pytest.raises(DataError, match="found a folder, a pipe or a device"):
        Share(str(share), outputs).pull(result)
