from pathlib import Path

from tasks.storage.journal import Journal, JournalReader


def test_the_journal_gives_only_whole_new_lines(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    Journal(path).write(event="old")
    reader = JournalReader(path)
    journal = Journal(path)
    journal.write(event="first")
    with path.open("a") as file:
        file.write('{"event": "half')
    assert [event["event"] for event in reader.new_events()] == ["first"]
    with path.open("a") as file:
        file.write('"}\n')
    assert [event["event"] for event in reader.new_events()] == ["half"]
