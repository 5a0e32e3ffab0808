import logging
import subprocess
from pathlib import Path

import pytest

from flows.ops import deployed_commit
from flows.ops.deployed_commit import ROOT, UNKNOWN, checkout, commit, warn_of_another_commit


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with one commit."""
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_a_checkout_is_named_by_its_commit(repository: Path) -> None:
    assert commit(repository) == git(repository, "rev-parse", "HEAD")[:12]


def test_changed_files_are_said_and_outputs_are_not(repository: Path) -> None:
    (repository / "outputs").mkdir()
    (repository / "outputs" / "new").write_text("")
    assert "+changes" not in commit(repository)
    (repository / "file").write_text("two")
    assert commit(repository).endswith("+changes")


def test_a_folder_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit(tmp_path) == UNKNOWN
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) == UNKNOWN


@pytest.mark.parametrize(
    ("deployed", "here", "warns"),
    [("aaa", "bbb", True), ("aaa", "aaa", False), ("aaa", UNKNOWN, False), (UNKNOWN, "bbb", False)],
)
def test_another_commit_than_the_deployments_is_one_warning(
    deployed: str, here: str, warns: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__VERSION", deployed)
    monkeypatch.setattr(deployed_commit, "commit", lambda: here)
    monkeypatch.setattr(deployed_commit, "get_run_logger", lambda: logging.getLogger("run"))
    warn_of_another_commit()
    assert [deployed in message and here in message for message in caplog.messages] == [True] * warns


def test_a_run_of_no_deployment_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed_commit, "commit", lambda: pytest.fail("git was asked"))
    warn_of_another_commit()


def test_the_step_of_a_deployment_names_the_folder_with_the_flows() -> None:
    assert checkout() == {"directory": str(ROOT), "version": commit()}
    assert (ROOT / "flows" / "train.py").is_file()
