"""`python flows/main.py doctor` as an operator runs it, and servers that ask for a password or are not there."""

from pathlib import Path

from tests.end_to_end.harness import Process, serving


def test_doctor_finds_a_fresh_machine_healthy_and_broken_data_to_fix(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    broken = tmp_path / "imdb.npz"
    broken.write_bytes(b"PK")
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


def test_a_server_with_a_password_serves_those_who_know_it(tmp_path: Path) -> None:
    home, outputs = tmp_path / "prefect", tmp_path / "outputs"
    with serving(home, PREFECT_SERVER_API_AUTH_STRING="admin:secret") as (_, settings):
        small = ("--smoke", "--models", "simple_rnn", "--outputs", outputs)
        stranger = Process.main(home, *small, **settings)
        assert stranger.wait() == 1
        assert "the server refused access (401); set PREFECT_API_AUTH_STRING" in stranger.output
        assert "Traceback" not in stranger.output
        friend = Process.main(home, *small, **settings, PREFECT_API_AUTH_STRING="admin:secret")
        assert friend.wait() == 0, friend.output
    assert (outputs / "latest" / "report.html").exists()
