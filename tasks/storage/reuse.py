"""Reuse, decided in one place: a step's result is made once for a key, and used again while its files are whole.

A key names everything that decides the result: hashes of inputs, settings, seed, the version of the code that computes
it (`tasks.storage.code_version`). The result itself is a record, one JSON file in the folder of the files that it
points to. It counts only under its key, with its checksum, and while its files have the SHA-256 that it names.

Prefect's cache does not serve here: its stock policies hash a task's own text but not what it calls, a stored result
comes back even if its files are gone, and a process that was killed leaves nothing to resume from.
"""

import functools
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from tasks.storage.files import Stored, is_whole, locked, read_json, remove, sha256_of_json, write_json

Logger = logging.Logger | logging.LoggerAdapter[Any]
LOGGER: Logger = logging.getLogger("tasks")


class Result(Stored, Protocol):
    """What a step computes."""

    @property
    def title(self) -> str:
        """A few words for people."""


P = ParamSpec("P")
T = TypeVar("T", bound=Result)


@dataclass(frozen=True)
class Record(Generic[T]):
    """Where a result is kept, and under which key.

    Attributes:
        path: the JSON file; it is written last, so where it lies, the result is complete.
        key: fingerprint of everything that decides the result.
        kind: the result's type, a frozen dataclass.
        checkpoints: files that an interrupted step left and resumes from.
    """

    path: Path
    key: str
    kind: type[T]
    checkpoints: tuple[Path, ...] = ()

    def read(self) -> T | None:
        """The result, if it was made under this key and is whole."""
        result = self.read_unchecked()
        return result if result is not None and is_whole(result) else None

    def read_unchecked(self) -> T | None:
        """The result, if it was made under this key, wherever its files are."""
        try:
            fields = read_json(self.path)
            header = fields.pop("record")
            if header != {"key": self.key, "checksum": sha256_of_json(fields)}:
                return None
            return TypeAdapter(self.kind).validate_python(fields)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, result: T) -> None:
        """Keep a result."""
        fields = to_jsonable_python(result)
        write_json(self.path, {"record": {"key": self.key, "checksum": sha256_of_json(fields)}} | fields)

    def discard(self) -> None:
        """Forget the result, and what an interrupted step left."""
        for path in (self.path, *self.checkpoints):
            remove(path)

    @property
    def lock(self) -> Path:
        """The lock of the process that writes into the record's folder."""
        folder = self.path.parent
        return folder.with_name(f"{folder.name}.lock")


class Step(Generic[P, T]):
    """A plain function of inputs that computes a result, with what a run needs to keep that result.

    Calling it calls the function. Every function takes `logger` after its inputs.
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
        """Other processes import a step by its name, as they do functions."""
        return self.name

    def title(self, *inputs: Any) -> str:
        """What a run calls the step with these inputs."""
        return self._title.format(**dict(zip(self._inputs, inputs, strict=True)))

    def record(self, *inputs: Any) -> Record[T] | None:
        """Where the result of these inputs is kept; None if it cannot be kept."""
        return self._record(*inputs)

    def keep(self, *inputs: Any, fresh: bool = False, logger: Logger = LOGGER) -> T:
        """The result of these inputs, made now unless it was kept; `fresh` makes it in any case.

        Of two processes that want the same result, one makes it and the other waits for it.
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
            result = make()
            record.write(result)
        return result


def step(title: str, record: Callable[..., Record[T] | None]) -> Callable[[Callable[P, T]], Step[P, T]]:
    """Make a function a step of runs.

    Args:
        title: what a run calls it, with the function's inputs as fields: "train {job.label}".
        record: from the same inputs, where the result is kept.
    """
    return lambda function: Step(function, title, record)
