import json
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, Event

import pytest

from tasks.storage.files import fingerprint, sha256_of_file
from tasks.storage.reuse import LOGGER, Logger, Record, step

CALLS: list[str] = []
STARTED, GO_ON = Event(), Event()


@dataclass(frozen=True)
class Text:
    """A result with one file."""

    path: Path
    sha256: str
    letters: int

    def files(self) -> dict[Path, str]:
        return {self.path: self.sha256}

    @property
    def title(self) -> str:
        return f"{self.letters} letters"


def text_record(text: str, folder: Path) -> Record[Text] | None:
    """Nothing is kept for an empty text."""
    checkpoint = folder / "checkpoint"
    return Record(folder / "record.json", fingerprint(text), Text, (checkpoint,)) if text else None


@step(title="write {text}", record=text_record)
def write(text: str, folder: Path, *, logger: Logger = LOGGER) -> Text:
    """Write a text into a file."""
    CALLS.append(text)
    logger.info("writes")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "text"
    path.write_text(text)
    return Text(path, sha256_of_file(path), len(text))


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    """The texts that were written."""
    CALLS.clear()
    return CALLS


def test_a_step_is_a_plain_function(tmp_path: Path) -> None:
    assert write("abc", tmp_path).letters == 3
    assert not (tmp_path / "record.json").exists()


def test_a_step_says_what_it_does_with_its_inputs(tmp_path: Path) -> None:
    assert write.title("abc", tmp_path) == "write abc"
    assert write.name == "write"


def test_another_process_finds_a_step_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(write)) is write


def test_a_result_is_made_once(tmp_path: Path, calls: list[str]) -> None:
    first = write.keep("abc", tmp_path)
    assert write.keep("abc", tmp_path) == first
    assert calls == ["abc"]
    record = write.record("abc", tmp_path)
    assert record
    assert record.read() == first


def test_another_input_makes_another_result(tmp_path: Path, calls: list[str]) -> None:
    write.keep("abc", tmp_path)
    assert write.keep("abcd", tmp_path).letters == 4
    assert calls == ["abc", "abcd"]


def test_fresh_makes_it_again_and_forgets_checkpoints(tmp_path: Path, calls: list[str]) -> None:
    write.keep("abc", tmp_path)
    (tmp_path / "checkpoint").touch()
    write.keep("abc", tmp_path)
    assert (tmp_path / "checkpoint").exists()
    write.keep("abc", tmp_path, fresh=True)
    assert calls == ["abc", "abc"]
    assert not (tmp_path / "checkpoint").exists()


def test_what_cannot_be_kept_is_made_each_time(tmp_path: Path, calls: list[str]) -> None:
    write.keep("", tmp_path)
    write.keep("", tmp_path)
    assert calls == ["", ""]


def damage_file(folder: Path) -> None:
    (folder / "text").write_text("abd")


def remove_file(folder: Path) -> None:
    (folder / "text").unlink()


def change_digit(folder: Path) -> None:
    record = folder / "record.json"
    record.write_text(record.read_text().replace('"letters": 3', '"letters": 4'))


def drop_header(folder: Path) -> None:
    fields = json.loads((folder / "record.json").read_text())
    del fields["record"]
    (folder / "record.json").write_text(json.dumps(fields))


def cut_record(folder: Path) -> None:
    (folder / "record.json").write_text((folder / "record.json").read_text()[:40])


def list_as_record(folder: Path) -> None:
    (folder / "record.json").write_text("[]")


@pytest.mark.parametrize("damage", [damage_file, remove_file, change_digit, drop_header, cut_record, list_as_record])
def test_what_is_not_whole_is_made_again(damage: object, tmp_path: Path, calls: list[str]) -> None:
    first = write.keep("abc", tmp_path)
    damage(tmp_path)
    assert write.keep("abc", tmp_path) == first
    assert calls == ["abc", "abc"]


def test_a_failure_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").touch()
    with pytest.raises(OSError, match="exists"):
        write.keep("abc", tmp_path / "folder")
    assert (tmp_path / "folder").is_file()


@step(title="wait", record=text_record)
def write_slowly(text: str, folder: Path, *, logger: Logger = LOGGER) -> Text:
    """Write a text when it is told to go on."""
    STARTED.set()
    assert GO_ON.wait(30)
    return write(text, folder, logger=logger)


def test_of_two_at_once_one_makes_it_and_the_other_waits(tmp_path: Path, calls: list[str]) -> None:
    STARTED.clear()
    GO_ON.clear()
    both = Barrier(2)

    def keep() -> Text:
        both.wait(30)
        return write_slowly.keep("abc", tmp_path)

    with ThreadPoolExecutor(2) as pool:
        pending = [pool.submit(keep) for _ in range(2)]
        assert STARTED.wait(30)
        GO_ON.set()
        first, second = (row.result(30) for row in pending)
    assert first == second
    assert calls == ["abc"]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (Path.exists, None),
        (lambda folder: (folder / "text").write_text("other"), "missing or changed: text"),
        (lambda folder: (folder / "text").unlink(), "missing or changed: text"),
        (lambda folder: (folder / "record.json").write_text("{"), "record.json is damaged"),
        (lambda folder: (folder / "record.json").write_text("[]"), "record.json is damaged"),
        (lambda folder: (folder / "record.json").unlink(), None),
    ],
)
def test_why_a_result_cannot_be_used_is_known(
    damage: Callable[[Path], object], fault: str | None, tmp_path: Path
) -> None:
    write.keep("abc", tmp_path)
    damage(tmp_path)
    record = text_record("abc", tmp_path)
    assert record
    assert record.fault() == fault


def test_a_result_of_other_inputs_is_no_fault(tmp_path: Path) -> None:
    write.keep("abc", tmp_path)
    record = text_record("abcd", tmp_path)
    assert record
    assert (record.read(), record.fault()) == (None, None)
