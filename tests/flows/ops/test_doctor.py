import shutil
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import prefect
import pytest

from artifacts.terminal import show_checks
from flows.data_settings import DataSettings
from flows.ops import doctor as module
from flows.ops.doctor import Check
from tasks.storage.files import sha256_of_file


def data(**values: object) -> DataSettings:
    """The settings of data."""
    return DataSettings.model_validate(values)


@pytest.fixture
def download_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """A site that answers with the status under each path, or 404; it replaces the official one."""
    statuses: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(statuses.get(self.path, 404))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        monkeypatch.setattr(module, "OFFICIAL", f"http://127.0.0.1:{site.server_port}/")
        yield statuses
        site.shutdown()


CHECKS = ("check_versions", "check_server", "check_disk", "check_data", "check_stored")


@pytest.mark.parametrize(
    ("check", "status"),
    [
        (Check("disk", "enough"), 0),
        (Check("disk", "full", "free some space"), 1),
        (Check("disk", "nearly full", "free some space", fatal=False), 0),
    ],
)
def test_only_a_fatal_check_is_to_fix_and_gives_status_1(
    check: Check, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in CHECKS:
        monkeypatch.setattr(module, name, lambda *_: iter([]))
    monkeypatch.setattr(module, "check_processors", lambda: check)
    assert module.examine(data(), tmp_path) == status
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│"))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [check.state, *check[:3]]
    assert check.state == {0: "note" if check.fix else "ok", 1: "fix"}[status]


def test_brackets_in_paths_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_checks([("ok", "data", "/a[red]b", "")])
    assert "/a[red]b" in capsys.readouterr().out


def test_a_long_address_is_folded_not_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    address = "http://a-server-with-a-long-name.example.org:45360/api"
    monkeypatch.setenv("COLUMNS", "80")
    show_checks([("fix", "server", address, "a fix " * 9)])
    rows = [line.split("│")[3].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "".join(rows) == address


def test_missing_and_wrong_versions_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    required = ["numpy>=99", "no-such-package>=1", "pytest", "no-such-extra>=1; extra == 'dask'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: required)
    (finding,) = module.check_versions()
    assert "numpy 2" in finding.result
    assert "no-such-package is missing, expected >=1" in finding.result
    assert "no-such-extra" not in finding.result
    assert finding.fix == "run `uv sync`"


def test_installed_versions_are_in_range() -> None:
    assert list(module.check_versions()) == [Check("versions", "all in the required ranges")]


@pytest.mark.usefixtures("prefect_server")
def test_a_running_server_is_healthy() -> None:
    server, dead_runs, *_ = module.check_server()
    assert f"version {prefect.__version__}" in server.result
    assert server.fix == ""
    assert dead_runs == Check("dead runs", "none")


@pytest.mark.usefixtures("prefect_server")
def test_a_server_with_another_version_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect, "__version__", "3.0.0")
    server, *_ = module.check_server()
    assert server.fix == "install the same version on both sides: here it is 3.0.0"
    assert not server.fatal


def test_a_folder_that_can_be_written_is_created(tmp_path: Path) -> None:
    (finding,) = module.check_disk(tmp_path / "outputs")
    assert finding.result.startswith(f"{tmp_path / 'outputs'}, ")
    assert list((tmp_path / "outputs").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_fatal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (finding,) = module.check_disk(tmp_path / "file" / "outputs")
    assert "choose a path in a folder that exists" in finding.fix
    assert finding.fatal


def test_little_space_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEEDED_BYTES", shutil.disk_usage(tmp_path).total * 2)
    (finding,) = module.check_disk(tmp_path)
    assert finding.fix.startswith("free some space")
    assert not finding.fatal


def test_a_given_file_is_read(npz: Path, tmp_path: Path) -> None:
    (finding,) = module.check_data(data(data=npz), tmp_path)
    assert finding == Check("data", f"{npz}: 120 training and 60 test reviews")


@pytest.mark.parametrize("content", [b"PK", None])
def test_a_given_file_that_is_damaged_or_missing_is_fatal(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "imdb.npz"
    if content is not None:
        path.write_bytes(content)
    (finding,) = module.check_data(data(data=path), tmp_path)
    assert str(path) in finding.fix
    assert finding.fatal


def test_a_cached_file_needs_the_right_hash(npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = tmp_path / "cache" / "imdb.npz"
    cached.parent.mkdir()
    shutil.copy(npz, cached)
    (wrong,) = module.check_data(data(), tmp_path)
    assert wrong.fix == "wrong SHA-256: remove the file"
    monkeypatch.setattr(module, "NPZ_SHA256", sha256_of_file(cached))
    (right,) = module.check_data(data(), tmp_path)
    assert right == Check("data", f"IMDB in the cache, {cached}")


def test_imdb_can_be_downloaded(download_site: dict[str, int], tmp_path: Path) -> None:
    download_site["/imdb.npz"] = 200
    assert list(module.check_data(data(), tmp_path)) == [Check("data", "IMDB will be downloaded")]


@pytest.mark.parametrize(("source", "fatal"), [("auto", False), ("imdb", True)])
@pytest.mark.usefixtures("download_site")
def test_a_failed_download_is_fatal_only_where_the_sample_is_refused(source: str, fatal: bool, tmp_path: Path) -> None:
    (finding,) = module.check_data(data(source=source), tmp_path)
    assert finding.result == "IMDB is not in the cache and cannot be downloaded"
    assert "pass --data" in finding.fix
    assert finding.fatal is fatal


def test_damaged_records_are_named(tmp_path: Path) -> None:
    for name, text in {"lstm-seed1": "{}", "gru-seed1": '{"branch": 1}', "rnn-seed1": "{"}.items():
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "record.json").write_text(text)
    (finding,) = module.check_stored(tmp_path)
    assert finding.result == "3 prepared data sets and trained networks"
    assert "lstm-seed1" in finding.fix
    assert "rnn-seed1" in finding.fix
    assert "gru-seed1" not in finding.fix


@pytest.mark.parametrize(("cores", "is_noted"), [(1, True), (2, False)])
def test_a_single_processor_is_noted(cores: int, is_noted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_cores", lambda: cores)
    finding = module.check_processors()
    assert bool(finding.fix) is is_noted
    assert not finding.fatal


@pytest.mark.parametrize(
    ("limit", "result", "is_right"),
    [(1, "rnn: 1 run at a time", True), (2, "rnn: 2 runs at a time", False), (None, "rnn: any number of runs", False)],
)
def test_the_pools_limit_is_told_and_set_right(
    limit: int | None, result: str, is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "api_server", lambda: nullcontext(lambda: None))
    monkeypatch.setattr(module, "server_version", lambda: prefect.__version__)
    monkeypatch.setattr(module, "mark_dead_runs", lambda _: [])
    monkeypatch.setattr(module, "mark_left_tasks", lambda _: 0)
    monkeypatch.setattr(module, "pool_limit", lambda: limit)
    pool = next(finding for finding in module.check_server() if finding.name == "work pool")
    assert pool.result.startswith(result)
    assert (pool.fix == "") == is_right
