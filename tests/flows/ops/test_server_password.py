import os
import stat
from pathlib import Path

import pytest

from flows.ops.server_password import write_password
from tasks.errors import PipelineError


def settings(path: Path) -> dict[str, str]:
    """The settings of a file."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_server_and_client_share_a_password_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = write_password(tmp_path / ".env")
    values = settings(path)
    assert values["PREFECT_API_AUTH_STRING"] == values["PREFECT_SERVER_API_AUTH_STRING"]
    assert len(values["PREFECT_API_AUTH_STRING"]) > 30
    assert values["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = write_password(tmp_path / "other.env")
    assert settings(other)["PREFECT_API_AUTH_STRING"] != values["PREFECT_API_AUTH_STRING"]


def test_what_the_file_held_stays_and_a_password_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1")
    path = write_password(tmp_path / ".env")
    assert settings(path)["MINE"] == "1"
    before = path.read_text()
    with pytest.raises(PipelineError, match="already sets a password"):
        write_password(path)
    assert path.read_text() == before


def test_bytes_of_any_encoding_and_values_over_several_lines_stay(tmp_path: Path) -> None:
    before = b'KEY="first\n\nthird"\nNAME=caf\xe9'
    (tmp_path / ".env").write_bytes(before)
    (tmp_path / ".env").chmod(0o644)
    path = write_password(tmp_path / ".env")
    assert path.read_bytes().startswith(before + b"\nPREFECT_API_URL=")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "another user's"])
def test_what_is_not_a_file_of_this_user_is_left_alone(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = tmp_path / ".env", tmp_path / "target"
    target.write_text("MINE=1")
    match kind:
        case "link":
            path.symlink_to(target)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.write_text("MINE=1")
            monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(PipelineError, match="expected a file of yours or nothing; move it away"):
        write_password(path)
    assert target.read_text() == "MINE=1"
    assert sorted(each.name for each in tmp_path.iterdir()) == [".env", "target"]


def test_a_death_in_the_middle_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MINE=1")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_password(tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == "MINE=1"


def test_an_address_that_is_set_already_is_not_set_again(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PREFECT_API_URL=http://10.0.0.1/api\n")
    with pytest.raises(
        PipelineError, match=r"already sets a server's address \(PREFECT_API_URL\); remove its PREFECT_"
    ):
        write_password(file)
    assert file.read_text() == "PREFECT_API_URL=http://10.0.0.1/api\n"
