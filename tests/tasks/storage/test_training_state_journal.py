import os
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.storage.training_state import Journal, JournalReader


def events(reader: JournalReader) -> list[int]:
    """The numbers of the new events."""
    return [event["number"] for event in reader.new_events()]


def test_each_event_is_read_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "branch" / "progress.jsonl"
    reader = JournalReader(path)
    assert events(reader) == []
    journal = Journal(path)
    journal.write(number=1)
    journal.write(number=2)
    assert events(reader) == [1, 2]
    journal.write(number=3)
    assert events(reader) == [3]
    assert events(reader) == []


def test_events_from_before_the_reader_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    Journal(path).write(number=1)
    reader = JournalReader(path)
    Journal(path).write(number=2)
    assert events(reader) == [2]


def test_an_incomplete_line_waits_until_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    path.touch()
    reader = JournalReader(path)
    with path.open("a") as file:
        file.write('{"number": 1}\n{"num')
        file.flush()
        assert events(reader) == [1]
        file.write('ber": 2}\n')
    assert events(reader) == [2]


def test_a_file_that_starts_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    Journal(path).write(number=1, padding="x" * 100)
    reader = JournalReader(path)
    path.unlink()
    Journal(path).write(number=2)
    assert events(reader) == [2]


def test_frequent_events_are_thinned_out(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    reader, journal = JournalReader(path), Journal(path)
    for number in range(100):
        journal.write_seldom(number=number)
    journal.write(number=100)
    read = events(reader)
    assert read[0] == 0
    assert read[-1] == 100
    assert len(read) < 50


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    reader = JournalReader(path)
    path.write_bytes(b'{"number": 1}\n{"num\n\xff\xfe\n[]\n' + b"[" * 100_000 + b'\n{"number": 2}\n')
    assert events(reader) == [1, 2]


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    path, target = tmp_path / "progress.jsonl", tmp_path / "notes"
    target.write_text("x")
    path.symlink_to(target)
    Journal(path).write(number=1)
    assert (target.read_text(), path.is_symlink()) == ("x", False)


def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    os.mkfifo(path)
    assert JournalReader(path).new_events() == []
    with pytest.raises(DataError, match="expected a file"):
        Journal(path)
