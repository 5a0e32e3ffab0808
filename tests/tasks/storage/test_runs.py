"""The record of a run: what the program reads again."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import DataError
from tasks.storage.paths import located_in
from tasks.storage.runs import find_run, last_command, read_run, write_run
from tests.artifacts import examples
from tests.fixtures import runs


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "runs" / "1"
    comparison = located_in(tmp_path / "outputs", examples.comparison())
    others = [tmp_path / "outputs" / "models" / "of-a-subset"]
    write_run(folder, comparison, others)
    run = read_run(folder)
    assert run.others == tuple(others)
    assert (run.name, run.dataset, run.branches) == (comparison.run, comparison.dataset, comparison.branches)
    assert (run.models, run.settings) == (comparison.evidence.models, comparison.settings)
    assert (run.command, run.durations) == (comparison.command, comparison.durations)
    written = json.loads((folder / "run.json").read_text())
    assert (written["schema"], written["version"]) == (1, "0.1.0")


def test_networks_of_subsets_are_among_those_that_a_run_used(tmp_path: Path) -> None:
    comparison = located_in(tmp_path, examples.with_sizes(examples.comparison()))
    write_run(tmp_path / "runs" / "1", comparison, [tmp_path / "models" / "more"])
    run = read_run(tmp_path / "runs" / "1")
    assert run.sizes == comparison.sizes
    assert run.others == (tmp_path / "models" / "more", tmp_path / "models" / "lstm-1000")


def test_a_run_of_an_earlier_version_used_no_further_networks(tmp_path: Path) -> None:
    write_run(tmp_path, examples.comparison())
    content = json.loads((tmp_path / "run.json").read_text())
    del content["run"]["others"]
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert read_run(tmp_path).others == ()


def test_a_run_is_read_where_its_outputs_were_moved_to(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    comparison = located_in(before, examples.comparison())
    write_run(before / "runs" / "1", comparison)
    before.rename(after)
    (after / "latest").symlink_to("runs/1")
    for folder in (after / "runs" / "1", after / "latest"):
        run = read_run(folder)
        assert [branch.folder.parents[1] for branch in run.branches] == [after] * len(run.branches)


@pytest.mark.parametrize("path", ["../elsewhere", "/etc", "models/../../etc", "models/link/x"])
def test_a_run_that_names_a_folder_outside_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link").symlink_to("/etc")
    folder = tmp_path / "runs" / "1"
    write_run(folder, located_in(tmp_path, examples.comparison()))
    content = json.loads((folder / "run.json").read_text())
    content["run"]["branches"][0]["folder"] = path
    (folder / "run.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="leads out of this folder"):
        read_run(folder)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "{}", '{"schema": 1}', '{"schema": 1, "run": {"settings": 1}}']
)
def test_a_damaged_record_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(DataError, match=r"run\.json: no readable description of a run"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"schema": 2}, "found schema 2, expected 1"), ({"branches": []}, "names no trained network")],
)
def test_a_record_that_does_not_serve_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_run(tmp_path, examples.comparison())
    content = json.loads((tmp_path / "run.json").read_text())
    target = content if "schema" in change else content["run"]
    target |= change
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_run(tmp_path)


def test_a_run_is_given_by_the_start_of_its_name(tmp_path: Path) -> None:
    for name in ("20260101-a", "20260102-b"):
        runs.write_run(tmp_path, name, lstm=0.5)
    assert find_run(tmp_path, "20260101") == tmp_path / "runs" / "20260101-a"
    for name in ("2026", "x"):
        with pytest.raises(DataError, match="the newest are: 20260101-a, 20260102-b"):
            find_run(tmp_path, name)


def test_latest_is_the_run_that_the_link_points_to(tmp_path: Path) -> None:
    for name in ("20260102-b", "20260101-a"):
        runs.write_run(tmp_path, name, lstm=0.5)
    assert find_run(tmp_path, "latest") == (tmp_path / "runs" / "20260101-a").resolve()


def test_the_last_command_is_that_of_the_latest_run(tmp_path: Path) -> None:
    assert last_command(tmp_path) is None
    runs.write_run(tmp_path, "20260101-a", lstm=0.5)
    assert last_command(tmp_path) == "python flows/main.py"


def test_a_latest_that_is_a_loop_of_links_is_named(tmp_path: Path) -> None:
    runs.write_run(tmp_path, "20260101-a", lstm=0.5)
    (tmp_path / "latest").unlink(missing_ok=True)
    (tmp_path / "latest").symlink_to("latest")
    with pytest.raises(DataError, match="latest: a link leads to itself"):
        find_run(tmp_path, "latest")


def test_results_of_a_network_that_was_not_trained_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, examples.comparison())
    content = json.loads((tmp_path / "run.json").read_text())
    content["run"]["models"][0]["name"] = "other"
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="names no trained network"):
        read_run(tmp_path)
