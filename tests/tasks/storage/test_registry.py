"""The registry: whole or absent, whatever kills its writers."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.storage.registry import Registry, content_hash
from tests.fixtures.registry import entry_of, network_files, promote

# For each number n, a copy of this process promotes a network in the folder n, and kills itself before the n-th change
# to a file below the registry. A copy starts in a hundredth of the time that a process takes.
KILLED_WRITERS = """
import os, signal, sys
from pathlib import Path
from tests.fixtures.registry import promote

root, network, numbers = Path(sys.argv[1]), sys.argv[2], range(int(sys.argv[3]), int(sys.argv[4]))
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "shutil.copyfile"}
changes = 0

def count(event, arguments):
    global changes
    is_change = event in CHANGES or event == "open" and isinstance(arguments[2], int) and arguments[2] & 3
    if is_change and "registry" in str(arguments[0]) and "lock" not in str(arguments[0]):
        changes += 1
        if changes == last:
            os.kill(os.getpid(), signal.SIGKILL)

for last in numbers:
    copy = os.fork()
    if not copy:
        sys.addaudithook(count)
        promote(root / str(last) / "outputs", network)
        print(changes, flush=True)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    if status:
        print(status, flush=True)
"""


def champion_of(registry: Registry) -> tuple[str, int]:
    """The champion, and the number of the entry that made it."""
    champion = registry.champion()
    assert champion is not None
    return champion.network, champion.number


def run_killed(root: Path, name: str, *changes: int) -> list[int]:
    """Promote in each of the folders `changes`, in a process that dies before the change with the folder's number.

    Gives the exit status of each killed process, which is negative; of one that is not killed, as for the number 0, how
    many changes it made.
    """
    command = [sys.executable, "-c", KILLED_WRITERS, str(root), name, str(changes[0]), str(changes[-1] + 1)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": "."})
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.splitlines()]


def test_a_promoted_network_is_champion_and_its_entry_is_kept(tmp_path: Path) -> None:
    network = promote(tmp_path / "outputs", "first")
    registry = Registry(tmp_path / "outputs")
    assert champion_of(registry) == (network, 1)
    assert [entry.network for entry in registry.entries()] == [network]
    assert (registry.folder(network) / "weights").read_text() == "weights of first"
    assert content_hash(network_files(tmp_path / "outputs", "first")) == network


def test_before_the_first_promotion_there_is_no_champion(tmp_path: Path) -> None:
    assert Registry(tmp_path).champion() is None
    assert Registry(tmp_path).entries() == []


def test_an_entry_that_holds_leaves_the_champion(tmp_path: Path) -> None:
    network, registry = promote(tmp_path / "outputs", "first"), Registry(tmp_path / "outputs")
    with registry.writing():
        registry.append(entry_of(registry, "other", verdict="HOLD", reason="not shown", after=network))
    assert champion_of(registry) == (network, 1)
    assert [entry.verdict for entry in registry.entries()] == ["PROMOTE", "HOLD"]


def test_the_same_files_are_the_same_network(tmp_path: Path) -> None:
    assert promote(tmp_path / "outputs", "first") == promote(tmp_path / "outputs", "first")
    assert len(list((tmp_path / "outputs/registry/networks").iterdir())) == 1


@pytest.mark.parametrize("file", ["weights", "manifest.json"])
def test_a_changed_file_is_noticed(tmp_path: Path, file: str) -> None:
    network, registry = promote(tmp_path / "outputs", "first"), Registry(tmp_path / "outputs")
    path = registry.folder(network) / file
    path.chmod(0o644)
    path.write_text(path.read_text().replace("weights", "wights"))
    with pytest.raises(DataError, match="manifest|changed"):
        registry.verify(network)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    network, registry = promote(tmp_path / "outputs", "first"), Registry(tmp_path / "outputs")
    (registry.folder(network) / "weights").unlink()
    with pytest.raises(DataError, match="found no file"):
        registry.verify(network)


def test_a_damaged_line_of_the_ledger_is_named(tmp_path: Path) -> None:
    for name in ("first", "second"):
        promote(tmp_path / "outputs", name)
    ledger = tmp_path / "outputs/registry/promotions.jsonl"
    ledger.write_text(ledger.read_text().replace("PROMOTE", "PROMOT", 1))
    with pytest.raises(DataError, match="line 1"):
        Registry(tmp_path / "outputs").entries()


def test_half_a_line_is_no_entry_and_the_next_writer_drops_it(tmp_path: Path) -> None:
    first, ledger = promote(tmp_path / "outputs", "first"), tmp_path / "outputs/registry/promotions.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + whole[: len(whole) // 2])
    assert [entry.network for entry in Registry(tmp_path / "outputs").entries()] == [first]
    second = promote(tmp_path / "outputs", "second")
    assert [entry.network for entry in Registry(tmp_path / "outputs").entries()] == [first, second]


def test_a_missing_line_of_the_ledger_is_noticed(tmp_path: Path) -> None:
    for name in ("first", "second"):
        promote(tmp_path / "outputs", name)
    ledger = tmp_path / "outputs/registry/promotions.jsonl"
    ledger.write_text(ledger.read_text().splitlines(keepends=True)[1])
    with pytest.raises(DataError, match="line 1: found entry 2, expected 1"):
        Registry(tmp_path / "outputs").entries()


def test_a_folder_in_place_of_the_ledger_is_named(tmp_path: Path) -> None:
    promote(tmp_path / "outputs", "first")
    path = tmp_path / "outputs/registry/promotions.jsonl"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"promotions\.jsonl"):
        Registry(tmp_path / "outputs").champion()


@pytest.mark.parametrize("content", [None, "{", '{"network": "0000000000000000", "entry": 7}'])
def test_the_ledger_decides_whatever_the_copy_for_other_programs_says(tmp_path: Path, content: str | None) -> None:
    network, copy = promote(tmp_path / "outputs", "first"), tmp_path / "outputs/registry/champion.json"
    copy.unlink()
    if content:
        copy.write_text(content)
    registry = Registry(tmp_path / "outputs")
    assert champion_of(registry) == (network, 1)
    with registry.writing():
        assert json.loads(copy.read_text()) == {"network": network, "entry": 1}


def roll_back(registry: Registry, to: int | None = None) -> str:
    """Return to an earlier champion; gives its name."""
    target = registry.earlier(to)
    registry.append(entry_of(registry, target.network, action="rollback", label=target.label))
    return target.label


def test_who_rolls_back_twice_goes_back_twice(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "outputs")
    names = {promote(tmp_path / "outputs", name): name for name in ("first", "second", "third")}
    with registry.writing():
        assert [names[roll_back(registry)] for _ in range(2)] == ["second", "first"]
        with pytest.raises(DataError, match=r"no champion before the current one.*--to \(2, 3, 4\)"):
            registry.earlier(None)
        assert names[roll_back(registry, 3)] == "third"
        assert names[roll_back(registry)] == "first"
    assert [entry.number for entry in registry.entries()] == [1, 2, 3, 4, 5, 6, 7]


def test_a_champion_that_came_twice_has_two_champions_before_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "outputs")
    names = {promote(tmp_path / "outputs", name): name for name in ("first", "second", "first")}
    with registry.writing():
        assert [names[roll_back(registry)] for _ in range(2)] == ["second", "first"]
        with pytest.raises(DataError, match="no champion before"):
            registry.earlier(None)


@pytest.mark.slow
def test_a_kill_before_any_change_leaves_the_old_champion_or_the_new_one(tmp_path: Path) -> None:
    promote(tmp_path / "0" / "outputs", "first")
    (number,) = run_killed(tmp_path, "second", 0)
    assert number >= 12
    changes = range(1, number + 1)
    networks = {}
    for change in changes:
        outputs = tmp_path / str(change) / "outputs"
        outputs.mkdir(parents=True)
        networks[change] = promote(outputs, "first"), content_hash(network_files(outputs, "second"))
    assert run_killed(tmp_path, "second", *changes) == [-signal.SIGKILL] * number
    for change, (first, second) in networks.items():
        outputs = tmp_path / str(change) / "outputs"
        registry = Registry(outputs)
        assert champion_of(registry) in ((first, 1), (second, 2)), change
        registry.verify(champion_of(registry)[0])
        with registry.writing():
            whole = [path for path in (outputs / "registry").rglob("*") if not path.name.startswith(".")]
            assert len([*(outputs / "registry").rglob("*")]) == len(whole), change
            after = registry.champion()
        assert after is not None
        assert after.number == len(registry.entries()), change
        promote(outputs, "third")
        assert [entry.number for entry in registry.entries()] == [*range(1, after.number + 2)]


@pytest.mark.slow
def test_a_first_promotion_that_is_killed_leaves_a_registry_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "0" / "outputs").mkdir(parents=True)
    (number,) = run_killed(tmp_path, "first", 0)
    assert number >= 8
    changes = range(1, number + 1)
    for change in changes:
        (tmp_path / str(change) / "outputs").mkdir(parents=True)
    assert run_killed(tmp_path, "first", *changes) == [-signal.SIGKILL] * number
    for change in changes:
        outputs = tmp_path / str(change) / "outputs"
        network = promote(outputs, "first")
        assert Registry(outputs).champion() is not None
        assert Registry(outputs).entries()[-1].network == network


def test_concurrent_promotions_lose_nothing(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    code = (
        "import sys; from pathlib import Path; from tests.fixtures.registry import promote\n"
        "for number in range(5): promote(Path(sys.argv[1]), f'{sys.argv[2]}-{number}')"
    )
    environment = os.environ | {"PYTHONPATH": "."}
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(outputs), name], env=environment) for name in ("a", "b", "c")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    registry = Registry(outputs)
    entries = registry.entries()
    assert [entry.number for entry in entries] == list(range(1, 16))
    assert len({entry.network for entry in entries}) == 15
    assert all(later.before == earlier.after for earlier, later in itertools.pairwise(entries))
    assert champion_of(registry) == (entries[-1].network, 15)


def test_the_ledger_is_one_json_object_a_line(tmp_path: Path) -> None:
    for name in ("first", "second"):
        promote(tmp_path / "outputs", name)
    lines = (tmp_path / "outputs/registry/promotions.jsonl").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2]


def test_a_ledger_that_is_a_link_is_refused_and_its_target_stays(tmp_path: Path) -> None:
    registry, target = Registry(tmp_path), tmp_path / "notes"
    target.write_text("without an end of line")
    registry.root.mkdir()
    (registry.root / "promotions.jsonl").symlink_to(target)
    with pytest.raises(DataError, match="found a folder or a link"), registry.writing():
        pass
    assert target.read_text() == "without an end of line"


def test_a_manifest_that_names_no_files_is_refused(tmp_path: Path) -> None:
    network = promote(tmp_path, "first")
    registry = Registry(tmp_path)
    manifest = registry.folder(network) / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(content | {"sha256": [[5, "x"], *content["sha256"].items()]}))
    with pytest.raises(DataError, match="no readable manifest"):
        registry.verify(network)
