"""The registry of promoted networks: immutable folders, and an append-only ledger.

    outputs/registry/networks/<hash>/   a network's files, named by the hash of their contents, with a `manifest.json`
    outputs/registry/promotions.jsonl   every decision, one JSON object per line
    outputs/registry/champion.json      a copy for other programs: the champion and the entry that made it

The ledger determines the champion: the network of the last entry that changed it. A promotion first writes the folder,
then the ledger's line; each is either complete or absent, so a killed process leaves either the old champion or the
new one. A lock allows one writer at a time.
"""

import getpass
import json
import os
import platform
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from tasks.errors import DataError
from tasks.results.promotion import Entry
from tasks.storage.files import locked, read_json, remove, sha256_of_file, sha256_of_json, write_json
from tasks.storage.layout import (
    BEST,
    CHAMPION,
    HISTORY,
    LAST,
    LEDGER,
    MANIFEST,
    NETWORK,
    NETWORKS,
    PREDICTIONS,
    RECORD,
    REGISTRY,
    VOCABULARY,
)
from tasks.storage.paths import below
from tasks.storage.reuse import LOGGER, Logger

# The files whose contents determine a network's name.
NETWORK_FILES = (BEST, LAST, HISTORY, NETWORK, VOCABULARY, RECORD, PREDICTIONS)
_ENTRY, _DIGESTS = TypeAdapter(Entry), TypeAdapter(dict[str, str])


class Registry:
    """The registry below an `outputs` folder."""

    def __init__(self, outputs: Path) -> None:
        self.root = outputs / REGISTRY
        self._networks = self.root / NETWORKS
        self._ledger = self.root / LEDGER

    @contextmanager
    def writing(self, logger: Logger = LOGGER) -> Iterator[None]:
        """Make this process the only writer inside the block, after removing what a killed writer left unfinished."""
        with locked(self.root / "registry.lock", logger):
            self._recover()
            yield

    def entries(self) -> list[Entry]:
        """Read the ledger, oldest entry first. An unfinished last line is ignored.

        Raises:
            DataError: the file cannot be read, another line is damaged, or a line is missing.
        """
        if not os.path.lexists(self._ledger):
            return []
        if self._ledger.is_symlink() or not self._ledger.is_file():  # A writer would change the target of a link.
            raise DataError(f"{self._ledger}: found a folder or a link, expected the ledger; restore it from a copy")
        lines = self._ledger.read_bytes().split(b"\n")[:-1]
        return [self._entry(number, line) for number, line in enumerate(lines, start=1)]

    def _entry(self, number: int, line: bytes) -> Entry:
        try:
            entry = _ENTRY.validate_json(line)
        except ValidationError as error:
            raise DataError(
                f"{self._ledger}, line {number}: not a valid ledger entry; restore the file from a copy"
            ) from error
        if entry.number != number:
            raise DataError(
                f"{self._ledger}, line {number}: found entry {entry.number}, expected {number}; restore the file from "
                "a copy"
            )
        return entry

    def champion(self) -> Entry | None:
        """Return the entry that made the current champion; None before the first promotion.

        Raises:
            DataError: see `entries`.
        """
        return next((entry for entry in reversed(self.entries()) if entry.moves), None)

    def folder(self, network: str) -> Path:
        """Return a network's folder."""
        return below(self._networks, network)

    def networks(self) -> list[str]:
        """List the names of all networks."""
        return sorted(path.name for path in self._networks.glob("[!.]*"))

    def add(self, files: Mapping[str, Path], more: Mapping[str, Path]) -> str:
        """Copy a network's files into a separate folder; if the folder exists, only verify it. Call inside `writing`.

        Args:
            files: name in the folder -> file; their contents determine the network's name.
            more: derived files that are kept and checked with them.

        Returns:
            the network's name.
        """
        self._networks.mkdir(parents=True, exist_ok=True)
        temporary = self._networks / f".new-{secrets.token_hex(8)}"
        temporary.mkdir()
        for name, path in {**files, **more}.items():
            _copy(path, temporary / name)
        digests = {name: sha256_of_file(temporary / name) for name in (*files, *more)}
        network = network_name({name: digests[name] for name in files})
        if self.folder(network).exists():
            remove(temporary)
            self.verify(network)
            return network
        write_json(temporary / MANIFEST, {"content": sorted(files), "sha256": digests})
        _make_read_only(temporary / MANIFEST)
        temporary.rename(self.folder(network))
        return network

    def verify(self, network: str) -> None:
        """Check a network's files against the hashes in its manifest, and these hashes against the network's name.

        Raises:
            DataError: a file is missing or has changed.
        """
        folder = self.folder(network)
        try:
            manifest = read_json(folder / MANIFEST)
            digests = _DIGESTS.validate_python(manifest["sha256"])
            named = network_name({name: digests[name] for name in manifest["content"]})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{folder}: no readable {MANIFEST}; restore the folder from a copy, or return to another champion with "
                "`rollback`"
            ) from error
        if named != network:
            raise DataError(
                f"{folder / MANIFEST}: names network {named}, expected {network}; changed; restore it from a copy"
            )
        for name, digest in digests.items():
            path = below(folder, name)
            present = sha256_of_file(path) if path.is_file() else "no file"
            if present != digest:
                raise DataError(f"{path}: found {present}, expected SHA-256 {digest}; changed; restore it from a copy")

    def append(self, entry: Entry) -> None:
        """Append a decision to the ledger. Call inside `writing`."""
        line = json.dumps(to_jsonable_python(entry), ensure_ascii=False, allow_nan=False) + "\n"
        with self._ledger.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        self._write_copy()

    def earlier(self, number: int | None) -> Entry:
        """Return the entry that made an earlier champion.

        Args:
            number: the entry's number; None for the champion before the current one, so that a second rollback goes
                back further.

        Raises:
            DataError: there is no such entry, or its network is already the champion.
        """
        moves = [entry for entry in self.entries() if entry.moves]
        numbers = ", ".join(str(entry.number) for entry in moves) or "none"
        if number is None:
            earlier = succession(moves)[:-1]
            if earlier:
                return earlier[-1]
            others = ", ".join(str(entry.number) for entry in moves if entry.after != moves[-1].after)
            advice = f"choose another entry with --to ({others})" if others else "there is no other one yet"
            raise DataError(f"registry: found no champion before the current one, expected one; {advice}")
        wanted = next((entry for entry in moves if entry.number == number), None)
        if wanted is None:
            raise DataError(f"registry: entry {number} made no champion; choose one of {numbers}")
        if wanted.after == moves[-1].after:
            raise DataError(f"registry: {wanted.label} of entry {wanted.number} is already the champion")
        return wanted

    def _recover(self) -> None:
        """Remove anything a killed writer left unfinished.

        Raises:
            DataError: see `entries`.
        """
        self.entries()
        if self._ledger.exists():
            content = self._ledger.read_bytes()
            complete = content.rfind(b"\n") + 1
            if complete < len(content):
                os.truncate(self._ledger, complete)
        for unfinished in (*self._networks.glob(".*"), *self.root.glob(f".{Path(CHAMPION).stem}-*")):
            remove(unfinished)
        self._write_copy()

    def _write_copy(self) -> None:
        """Write the champion to `champion.json` for other programs."""
        champion = self.champion()
        if champion is not None:
            write_json(self.root / CHAMPION, {"network": champion.network, "entry": champion.number})


def succession(moves: Iterable[Entry]) -> list[Entry]:
    """Return the entries of the current champion and its predecessors, to which `rollback` returns one by one.

    A promotion adds its entry. A rollback drops everything after the network it returns to; if that network was dropped
    before, the rollback adds its entry like a promotion.
    """
    line: list[Entry] = []
    for entry in moves:
        networks = [earlier.after for earlier in line]
        if entry.action == "rollback" and entry.after in networks:
            while line[-1].after != entry.after:
                line.pop()
        else:
            line.append(entry)
    return line


def content_hash(files: Mapping[str, Path]) -> str:
    """Compute the name of a network with these files."""
    return network_name({name: sha256_of_file(path) for name, path in files.items()})


def folder_hash(folder: Path) -> str:
    """Compute the name of the network in a folder of the registry or of `outputs/models`, or in a copy of one."""
    return content_hash({name: folder / name for name in NETWORK_FILES if (folder / name).is_file()})


def network_name(digests: Mapping[str, str]) -> str:
    """16 hexadecimal digits that depend on the names and the SHA-256 of a network's files."""
    return sha256_of_json(dict(digests))[:16]


def who() -> str:
    """User and host, as far as known."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # A user ID without a name, as in many containers.
        user = "unknown"
    return f"{user}@{platform.node() or 'unknown'}"


def _copy(source: Path, target: Path) -> None:
    """Copy a file, flush it to disk and make it read-only."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    _make_read_only(target)


def _make_read_only(path: Path) -> None:
    path.chmod(path.stat().st_mode & ~0o222)
