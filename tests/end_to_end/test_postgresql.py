"""Runs that are recorded in PostgreSQL instead of Prefect's SQLite file."""

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.end_to_end.harness import Process

pytestmark = pytest.mark.slow


@pytest.fixture
def database() -> Iterator[str]:
    """The connection URL of an empty database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = found[-1] if found else Path(shutil.which("initdb") or "/missing").parent
    if not (programs / "initdb").exists():
        pytest.skip("PostgreSQL is not installed: `apt-get install postgresql`")
    # Not under pytest's folder, which only its owner may enter: PostgreSQL refuses to run as root.
    with tempfile.TemporaryDirectory() as folder:
        user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            user = {"user": account.pw_uid, "group": account.pw_gid}
        with _served(programs, Path(folder), user) as address:
            yield address


@contextlib.contextmanager
def _served(programs: Path, place: Path, user: dict[str, int]) -> Iterator[str]:
    """A PostgreSQL server whose data lie in `place`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    made = [programs / "initdb", "--pgdata", place / "data", "--auth", "trust", "--username", "prefect"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd=place, **user)  # type: ignore[call-overload]
    command = [programs / "pg_ctl", "--pgdata", place / "data", "--wait", "--log", place / "log"]
    served = [*command, "--options", f"-h 127.0.0.1 -p {port} -k {place}"]
    subprocess.run([*served, "start"], check=True, stdout=subprocess.DEVNULL, cwd=place, **user)  # type: ignore[call-overload]
    try:
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        stop = [*command, "--mode", "immediate", "stop"]
        subprocess.run(stop, check=True, stdout=subprocess.DEVNULL, cwd=place, **user)  # type: ignore[call-overload]


def states(database: str) -> list[str]:
    """The states of all runs."""

    async def read() -> list[str]:
        connection = await asyncpg.connect(database.replace("+asyncpg", ""))
        rows = await connection.fetch("SELECT state_name FROM flow_run")
        await connection.close()
        return [row["state_name"] for row in rows]

    return asyncio.run(read())


def test_a_run_is_recorded_in_postgresql(database: str, tmp_path: Path) -> None:
    home, setting = tmp_path / "prefect", {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database}
    run = Process.main(home, "--smoke", "--models", "simple_rnn", "--outputs", tmp_path / "outputs", **setting)
    assert run.wait() == 0, run.output
    assert states(database) == ["Completed"]
    assert not (home / "prefect.db").exists()
