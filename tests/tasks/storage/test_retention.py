import json
from pathlib import Path

from filelock import FileLock

from tasks.storage.files import point
from tasks.storage.retention import keep_last


def made_run(outputs: Path, name: str, *networks: str) -> Path:
    """A run that used some networks."""
    branches = []
    for network in networks:
        folder = outputs / "models" / network
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "last.keras").touch()
        branches.append({"folder": str(folder)})
    run = outputs / "runs" / name
    run.mkdir(parents=True)
    (run / "metrics.json").write_text(json.dumps({"branches": branches}))
    return run


def left(outputs: Path, kind: str) -> list[str]:
    """Names of what is left."""
    return sorted(path.name for path in (outputs / kind).iterdir() if path.is_dir())


def test_the_newest_runs_stay_with_the_networks_that_they_used(tmp_path: Path) -> None:
    made_run(tmp_path, "1", "only-1", "shared")
    made_run(tmp_path, "2", "only-2", "shared")
    made_run(tmp_path, "3", "shared")
    assert keep_last(tmp_path, 1) == ["1", "2"]
    assert left(tmp_path, "runs") == ["3"]
    assert left(tmp_path, "models") == ["shared"]


def test_the_latest_and_the_promoted_never_go(tmp_path: Path) -> None:
    point(tmp_path / "latest", made_run(tmp_path, "1", "a"))
    point(tmp_path / "promoted", made_run(tmp_path, "2", "b"))
    made_run(tmp_path, "3", "c")
    made_run(tmp_path, "4", "d")
    assert keep_last(tmp_path, 1) == ["3"]
    assert left(tmp_path, "models") == ["a", "b", "d"]


def test_a_run_that_is_being_written_and_a_network_in_training_stay(tmp_path: Path) -> None:
    made_run(tmp_path, "1", "busy")
    made_run(tmp_path, "2")
    (tmp_path / "runs" / "0").mkdir()
    with FileLock(tmp_path / "models" / "busy.lock"):
        keep_last(tmp_path, 1)
    assert left(tmp_path, "runs") == ["0", "2"]
    assert left(tmp_path, "models") == ["busy"]
