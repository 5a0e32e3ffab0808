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
