import json
import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from tasks.storage.files import point
from tasks.storage.layout import IN_USE, RUN
from tasks.storage.runs import DRAWN_SECONDS, in_use, keep_last
from tests.fixtures.runs import branch_of, finished_run, keep_run


def made_run(outputs: Path, name: str, *networks: str) -> Path:
    """A run that used some networks."""
    branches = []
    for network in networks or ("of-no-interest",):
        folder = outputs / "models" / network
        if networks:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "last.keras").touch()
        branches.append(branch_of("lstm", folder, 0.5))
    return keep_run(outputs, finished_run(outputs, name, branches), is_latest=False)


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


def test_further_networks_go_with_their_run_unless_a_remaining_one_used_them(tmp_path: Path) -> None:
    folders = {name: tmp_path / "models" / name for name in ("only-1", "of-both", "branch-of-2")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for name, others in (("1", ["only-1", "of-both", "branch-of-2"]), ("2", ["of-both"])):
        branches = [branch_of("lstm", folders["branch-of-2"] if name == "2" else tmp_path / "models" / "gone", 0.5)]
        run = finished_run(tmp_path, name, branches, others=tuple(folders[other] for other in others))
        keep_run(tmp_path, run, is_latest=False)
    assert keep_last(tmp_path, 1) == ["1"]
    assert left(tmp_path, "models") == ["branch-of-2", "of-both"]


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


def test_the_newest_figures_stay_and_those_that_were_just_drawn(tmp_path: Path) -> None:
    for name, age in (("newest", 0.0), ("older", 60.0), ("old", 2 * DRAWN_SECONDS)):
        record = tmp_path / "figures" / name / "record.json"
        record.parent.mkdir(parents=True)
        record.touch()
        os.utime(record, (time.time() - age,) * 2)
    keep_last(tmp_path, 1)
    assert left(tmp_path, "figures") == ["newest", "older"]


def test_networks_of_a_run_under_way_stay(tmp_path: Path) -> None:
    made_run(tmp_path, "1", "longer-uses-this", "only-1")
    made_run(tmp_path, "2")
    longer = tmp_path / "runs" / "3"
    with in_use(longer, [tmp_path / "models" / "longer-uses-this"]):
        assert keep_last(tmp_path, 1) == ["1"]
        assert left(tmp_path, "models") == ["longer-uses-this"]
    assert not longer.exists()


def test_a_run_that_fails_leaves_no_mark(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "1"
    run.mkdir(parents=True)
    (run / "partial.txt").touch()
    with pytest.raises(ValueError, match="a step failed"), in_use(run, []):
        raise ValueError("a step failed")
    assert [path.name for path in run.iterdir()] == ["partial.txt"]


def test_a_mark_whose_process_is_gone_protects_nothing(tmp_path: Path) -> None:
    made_run(tmp_path, "1", "a")
    made_run(tmp_path, "2")
    dead = tmp_path / "runs" / "3"
    with in_use(dead, [tmp_path / "models" / "a"]):
        mark = json.loads((dead / IN_USE).read_text())
        (dead / IN_USE).write_text(json.dumps(mark | {"process_start": "another boot 1"}))
        keep_last(tmp_path, 1)
    assert left(tmp_path, "models") == []


def test_a_mark_of_another_host_protects_for_a_week(tmp_path: Path) -> None:
    for age, networks in ((0.0, ["a"]), (8 * 24 * 3600.0, [])):
        outputs = tmp_path / str(age)
        made_run(outputs, "1", "a")
        made_run(outputs, "2")
        run = outputs / "runs" / "3"
        with in_use(run, [outputs / "models" / "a"]):
            mark = json.loads((run / IN_USE).read_text())
            other = mark | {"host": "elsewhere", "marked": mark["marked"] - age}
            (run / IN_USE).write_text(json.dumps(other))
            keep_last(outputs, 1)
        assert left(outputs, "models") == networks


@pytest.mark.parametrize("name", [RUN, IN_USE])
@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"schema": 1, "run": {}}', '{"networks": 1, "host": "x"}'])
def test_a_damaged_file_of_an_old_run_stops_nothing(tmp_path: Path, name: str, content: str) -> None:
    made_run(tmp_path, "1", "a")
    made_run(tmp_path, "2", "b")
    made_run(tmp_path, "3")
    (tmp_path / "runs" / "2" / name).write_text(content)
    keep_last(tmp_path, 1)
    damaged = ["2"] if name == RUN else []
    assert left(tmp_path, "runs") == [*damaged, "3"]
    assert left(tmp_path, "models") == (["a", "b"] if name == RUN else [])  # It may have used any network.


def test_of_a_run_elsewhere_only_the_link_goes(tmp_path: Path) -> None:
    elsewhere, outputs = tmp_path / "elsewhere", tmp_path / "outputs"
    run = made_run(elsewhere, "1", "a")
    made_run(outputs, "2", "b")
    (outputs / "runs" / "1").symlink_to(run)
    assert keep_last(outputs, 1) == ["1"]
    assert left(outputs, "runs") == ["2"]
    assert (left(elsewhere, "runs"), left(elsewhere, "models")) == (["1"], ["a"])


def test_a_mark_with_an_impossible_process_stops_nothing(tmp_path: Path) -> None:
    made_run(tmp_path, "1", "a")
    made_run(tmp_path, "2")
    with in_use(tmp_path / "runs" / "3", []):
        mark = tmp_path / "runs" / "3" / IN_USE
        mark.write_text(json.dumps(json.loads(mark.read_text()) | {"process": 10**30}))
        assert keep_last(tmp_path, 1) == ["1"]
