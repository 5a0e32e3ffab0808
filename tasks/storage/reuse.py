"""Reuse, decided in one place: a step's result is computed once per key, and reused while its files are intact.

A key covers everything that determines the result: the hashes of the inputs, the settings, the seed, and the version of
the code that computes it (`tasks.storage.code_version`). The result itself is kept as a record: one JSON file beside
the files that it points to. A record is valid only under its key, with its checksum, and while its files have the
recorded SHA-256.

Prefect's cache does not work here: its stock policies hash a task's own source but not what it calls, a stored result
is returned even if its files are gone, and a killed process leaves nothing to resume from.
"""

import functools
import inspect
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.errors import DataError
from tasks.storage.files import Stored, changed_files, is_whole, locked, read_json, remove, sha256_of_json, write_json
from tasks.storage.paths import located_in, relative_to

Logger = logging.Logger | logging.LoggerAdapter[Any]
LOGGER: Logger = logging.getLogger("tasks")


class Result(Stored, Protocol):
    """What a step computes."""

    @property
    def title(self) -> str:
        """A short description for display."""


P = ParamSpec("P")
T = TypeVar("T", bound=Result)


class EndedEarly(Exception):  # noqa: N818 -- no error
    """A step ended before it had computed all that was asked for; `result` is what it has, kept under its own key."""

    def __init__(self, result: Any) -> None:
        super().__init__(result)
        self.result = result


@dataclass(frozen=True)
class Record(Generic[T]):
    """Where a result is kept, and under which key.

    Attributes:
        path: the JSON file; it is written last, so if it exists, the result is complete.
        key: fingerprint of everything that determines the result.
        kind: the result's type, a frozen dataclass.
        checkpoints: files that an interrupted step leaves and resumes from.
        root: the folder below which the result's files are; None for the record's own folder.
    """

    path: Path
    key: str
    kind: type[T]
    checkpoints: tuple[Path, ...] = ()
    root: Path | None = None

    def read(self) -> T | None:
        """Return the result if it was computed under this key and its files are intact, otherwise None."""
        result = self.read_unchecked()
        return result if result is not None and is_whole(result) else None

    def read_unchecked(self) -> T | None:
        """Return the result if it was computed under this key, otherwise None; do not check its files."""
        try:
            fields = read_json(self.path)
            header = fields.pop("record")
            header.pop("seconds", None)
            if header != {"key": self.key, "checksum": sha256_of_json(fields)}:
                return None
            return located_in(self._root, TypeAdapter(self.kind).validate_python(fields))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, DataError):
            return None

    def fault(self) -> str | None:
        """Why a result that was computed under this key cannot be used; None if there is none, or it can be used."""
        try:
            if read_json(self.path)["record"]["key"] != self.key:
                return None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return f"{self.path.name} is damaged"
        result = self.read_unchecked()
        if result is None:
            return f"{self.path.name} is damaged"
        changed = changed_files(result)
        return f"missing or changed: {', '.join(path.name for path in changed)}" if changed else None

    def seconds(self) -> float | None:
        """The wall time in which the result was made; None if that is not known."""
        try:
            value = read_json(self.path)["record"]["seconds"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return float(value) if isinstance(value, (int, float)) else None

    def write(self, result: T, seconds: float | None = None) -> None:
        """Write a result, and the wall time in which it was made."""
        fields = to_jsonable_python(relative_to(self._root, result))
        header = {"key": self.key, "checksum": sha256_of_json(fields)}
        write_json(self.path, {"record": header if seconds is None else header | {"seconds": seconds}} | fields)

    def discard(self) -> None:
        """Remove the result, and anything an interrupted step left."""
        for path in (self.path, *self.checkpoints):
            remove(path)

    @property
    def _root(self) -> Path:
        return self.root or self.path.parent

    @property
    def lock(self) -> Path:
        """The lock that a process holds while it writes into the record's folder."""
        folder = self.path.parent
        return folder.with_name(f"{folder.name}.lock")


class Step(Generic[P, T]):
    """A plain function that computes a result from inputs, with what a run needs to keep that result.

    Calling the step calls the function, which takes a keyword argument `logger` after its inputs.
    """

    def __init__(self, function: Callable[P, T], title: str, record: Callable[..., Record[T] | None]) -> None:
        functools.update_wrapper(self, function)
        self._function, self._title, self._record = function, title, record
        parameters = inspect.signature(function).parameters.values()
        self._inputs = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
        self.name = function.__name__

    def __call__(self, *inputs: P.args, **options: P.kwargs) -> T:
        return self._function(*inputs, **options)

    def __reduce__(self) -> str:
        """Pickle by name, like a function: other processes import the step."""
        return self.name

    def title(self, *inputs: Any) -> str:
        """Return the title that the step with these inputs has in a run."""
        return self._title.format(**dict(zip(self._inputs, inputs, strict=True)))

    def record(self, *inputs: Any) -> Record[T] | None:
        """Return where the result for these inputs is kept; None if it cannot be kept."""
        return self._record(*inputs)

    def keep(self, *inputs: Any, fresh: bool = False, logger: Logger = LOGGER) -> T:
        """Return the kept result for these inputs; compute it if there is none, or always if `fresh` is true.

        If two processes want the same result, one computes it and the other waits. What a step that ended early returns
        is not kept for these inputs.
        """
        function: Any = self._function
        make: Callable[[], T] = functools.partial(function, *inputs, logger=logger)
        record = self.record(*inputs)
        if record is None:
            return make()
        with locked(record.lock, logger):
            if fresh:
                record.discard()
            elif result := record.read():
                logger.info("%s: made by another run", self.title(*inputs))
                return result
            started = time.perf_counter()
            try:
                result = make()
            except EndedEarly as early:
                kept: T = early.result
                return kept
            record.write(result, round(time.perf_counter() - started, 3))
        return result


def step(title: str, record: Callable[..., Record[T] | None]) -> Callable[[Callable[P, T]], Step[P, T]]:
    """Turn a function into a step of a run.

    Args:
        title: the step's title in a run, with the function's inputs as fields, such as "train {job.label}".
        record: returns where the result is kept, given the same inputs.
    """
    return lambda function: Step(function, title, record)
