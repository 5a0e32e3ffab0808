from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.errors import DataError, PipelineError
from tasks.storage.files import sha256_of_file
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
