"""`python flows/main.py doctor` as an operator runs it, and a server that is not there."""

from pathlib import Path

import pytest

from tests.end_to_end.harness import Process


@pytest.mark.slow
def test_doctor_finds_a_fresh_machine_healthy_and_broken_data_to_fix(tmp_path: Path) -> None:
    broken = tmp_path / "imdb.npz"
    broken.write_bytes(b"PK")
    home = tmp_path / "prefect"  # Not there yet: the server has to make its database.
    run = Process.main(home, "doctor", "--outputs", tmp_path / "outputs", "--data", broken, COLUMNS="200")
    assert run.wait() == 1, run.output
    signs = {line.split("│")[2].strip(): line.split("│")[1].strip() for line in run.lines if line.count("│") == 5}
    assert signs["data"] == "fix"
    assert {signs[check] for check in ("versions", "Prefect server", "dead runs", "output folder", "cache")} == {"ok"}


def test_a_server_that_is_not_there_is_said_before_any_work_starts(tmp_path: Path) -> None:
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
    run = Process.main(tmp_path / "prefect", "--smoke", "--outputs", tmp_path / "outputs", **nowhere)
    assert run.wait() == 1
    assert run.output.startswith("Error: PREFECT_API_URL http://127.0.0.1:9/api: no Prefect server answers")
    assert run.output.count("\n") == 1
    assert not (tmp_path / "outputs").exists()
