"""Exchange of data and trained networks between machines without a shared folder, via an address that all can reach.

Each machine keeps its own copy under the same `--outputs` path; the address (a folder, or a URL that fsspec supports,
such as s3://bucket/rnn) has the same tree. A file copied from it is accepted only if it has the SHA-256 in its record.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from tenacity import Retrying, stop_after_attempt, wait_exponential

from tasks.deadline import within
from tasks.errors import DataError, NetworkError, PipelineError, shortened
from tasks.storage.files import Stored, atomic_path, check_regular, sha256_of_file
from tasks.storage.paths import below, resolved
from tasks.storage.reuse import LOGGER, Logger, Record, Result, Step

T = TypeVar("T", bound=Result)
# How long a share may take to answer at all, and for one file, which is at most some 100 MB.
ANSWER_SECONDS, FILE_SECONDS = 12.0, 600.0
ATTEMPTS, WAIT = 3, wait_exponential(multiplier=1, max=10)


@dataclass(frozen=True)
class Share:
    """The exchange of one run.

    Attributes:
        address: folder or fsspec URL; None if all machines share `outputs`, so that there is nothing to exchange.
        outputs: the folder whose tree the address mirrors.
    """

    address: str | None
    outputs: Path

    def check(self) -> None:
        """Check that the address can be used.

        Raises:
            PipelineError: its protocol is unknown or cannot write, or the package for it is not installed.
            NetworkError: nothing answers there in time.
        """
        if self.address is None:
            return
        try:
            files, root = within(ANSWER_SECONDS, partial(fsspec.core.url_to_fs, self.address), "share")
        except ImportError as error:
            kind = self.address.split(":", 1)[0]
            raise PipelineError(
                f"--share {kind}://…: {error}; for s3 run `uv sync --extra s3`, else `uv pip install` that package"
            ) from error
        except ValueError as error:
            raise PipelineError(
                f"--share: {error}; expected a folder or an fsspec URL such as s3://bucket/rnn"
            ) from error
        except OSError as error:
            raise self._unreachable(error) from error
        if isinstance(files, LocalFileSystem):
            return
        if "http" in files.protocol:
            raise PipelineError(f"--share {self.address}: nothing can be written there; expected a folder or s3://…")
        try:
            within(ANSWER_SECONDS, lambda: files.ls(root, detail=False), "share")
        except FileNotFoundError:  # The first push makes the folder; without a bucket it says so.
            return
        except Exception as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> NetworkError:
        reason = shortened(error) or type(error).__name__
        return NetworkError(f"--share {self.address}: not reached ({reason}); check address, network and credentials")

    def _exchange(self, work: Callable[[], Any]) -> Any:
        """Do work with a file at an address that is no folder; try again before it is an error.

        Raises:
            NetworkError: it failed several times, or took too long.
        """
        retrying = Retrying(stop=stop_after_attempt(ATTEMPTS), wait=WAIT, reraise=True)
        try:
            return retrying(within, FILE_SECONDS, work, "share")
        except Exception as error:
            raise self._unreachable(error) from error

    def keep(self, step: Step[..., T], inputs: tuple[Any, ...], fresh: bool, logger: Logger = LOGGER) -> T:
        """Return a step's result, as `Step.keep` does; first pull the files of its inputs, then push the result."""
        for needed in inputs:
            if hasattr(needed, "files"):
                self.pull(needed)
        result = step.keep(*inputs, fresh=fresh, logger=logger)
        record = step.record(*inputs)
        self.push(result, record if record and record.path.exists() else None)  # A step may have ended early.
        return result

    def push(self, stored: Stored, record: Record[Any] | None = None) -> None:
        """Copy a result's files and then its record to the address.

        Raises:
            DataError: a link at the address leads out of it.
        """
        records = [record.path] if record else []
        for path in (*stored.files(), *records) if self.address else ():
            if self._is_exchanged(path):
                self._put(path)

    def pull(self, stored: Stored) -> None:
        """Copy a result's missing or changed files from the address.

        Raises:
            DataError: a file at the address is missing or does not have the SHA-256 in the result, or the result names
                a file that leads out of `outputs`.
        """
        for path, digest in stored.files().items() if self.address else ():
            if not self._is_exchanged(path) or (path.is_file() and sha256_of_file(path) == digest):
                continue
            self._copy([path])
            content = sha256_of_file(path) if path.is_file() else "nothing"
            if content != digest:
                raise DataError(f"{self._at(path)[1]}: {content} found, SHA-256 {digest} expected; check --share")

    def pull_record(self, record: Record[Any] | None) -> None:
        """Copy a result that another machine has kept, if it is missing here. `Record.read` checks it later."""
        if self.address is None or record is None or record.path.exists():
            return
        self._copy([record.path])
        if result := record.read_unchecked():
            self._copy(path for path in result.files() if self._is_exchanged(path) and not path.exists())

    def _is_exchanged(self, path: Path) -> bool:
        """Whether a file is below `outputs`; others are the user's own."""
        return path.is_relative_to(self.outputs)

    def _put(self, path: Path) -> None:
        files, target = self._at(path)
        if isinstance(files, LocalFileSystem):
            with atomic_path(Path(target)) as temporary:
                shutil.copyfile(path, temporary)
            return

        def put() -> None:
            files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            files.put_file(str(path), target)

        self._exchange(put)

    def _copy(self, paths: Iterable[Path]) -> None:
        """Copy the files that exist at the address."""
        for path in paths:
            files, source = self._at(path)
            do = self._directly if isinstance(files, LocalFileSystem) else self._exchange
            if isinstance(files, LocalFileSystem):
                check_regular(Path(source), source)
            if do(partial(files.exists, source)):
                with atomic_path(path) as temporary:
                    do(partial(files.get_file, source, str(temporary)))

    @staticmethod
    def _directly(work: Callable[[], Any]) -> Any:
        return work()

    def _at(self, path: Path) -> tuple[Any, str]:
        """Where a file below `outputs` is at the address.

        Raises:
            DataError: the path leads out of `outputs`, or a link at the address out of the address.
        """
        files, root = fsspec.core.url_to_fs(self.address)
        name = below(self.outputs, path.relative_to(self.outputs)).relative_to(self.outputs)
        target = f"{root.rstrip('/')}/{name.as_posix()}"
        if isinstance(files, LocalFileSystem) and not resolved(Path(target)).is_relative_to(resolved(Path(root))):
            raise DataError(f"{target}: a link leads out of --share {self.address}; remove it")
        return files, target
