"""How machines that share no folder exchange data and trained networks: through one address that all of them reach.

Each machine keeps its own copy under the same `--outputs` path; the address (a folder, or a URL that fsspec knows, such
as s3://bucket/rnn) holds the same tree. What comes from there counts only with the SHA-256 that its record names.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec

from tasks.results.errors import DataError
from tasks.storage.files import Stored as Made
from tasks.storage.files import atomic_path, sha256_of_file


class Share:
    """The exchange of one run.

    Args:
        address: folder or fsspec URL; None: all machines see the same `outputs`, and there is nothing to exchange.
        outputs: the folder whose tree the address mirrors.
    """

    def __init__(self, address: str | None, outputs: Path) -> None:
        self._address, self._outputs = address, outputs

    def push(self, made: Made, *more: Path) -> None:
        """Copy a result's files, and `more`, to the address."""
        for path in (*made.files(), *more) if self._address else ():
            files, place = self._at(path)
            files.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
            files.put_file(str(path), place)

    def pull(self, made: Made) -> None:
        """Copy from the address those files of a result that are not here.

        Raises:
            DataError: what the address holds has another SHA-256 than the result says.
        """
        for path, digest in made.files().items() if self._address else ():
            if path.is_file() and sha256_of_file(path) == digest:
                continue
            self.pull_if_there([path])
            found = sha256_of_file(path) if path.is_file() else "nothing"
            if found != digest:
                raise DataError(f"{self._at(path)[1]}: {found} found, SHA-256 {digest} expected; check --share")

    def pull_if_there(self, paths: Iterable[Path]) -> None:
        """Copy those of the files that the address holds."""
        for path in paths if self._address else ():
            files, place = self._at(path)
            if files.exists(place):
                with atomic_path(path) as temporary:
                    files.get_file(place, str(temporary))

    def _at(self, path: Path) -> tuple[Any, str]:
        files, root = fsspec.core.url_to_fs(self._address)
        return files, f"{root.rstrip('/')}/{path.relative_to(self._outputs).as_posix()}"
