"""What was made before is used again, if its files are still whole: Prefect's cache, under keys of our own.

Prefect's stock policies do not serve here: they hash a task's own text but not what it calls, or the run's id. A key of
ours names what decides the result (hashes of inputs, settings, seed, source of the step), and a stored result counts
only while the files that it points to have the SHA-256 that it recorded.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Task
from prefect.context import TaskRunContext
from prefect.filesystems import LocalFileSystem
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.results import ResultStore

from tasks.storage.files import Stored as Made
from tasks.storage.files import sha256_of_file

CacheKey = Callable[[TaskRunContext, dict[str, Any]], str | None]


def is_whole(made: Made) -> bool:
    """Whether all files of a result are as they were recorded."""
    return all(path.is_file() and sha256_of_file(path) == digest for path, digest in made.files().items())


def keyed(key: Callable[..., str | None]) -> CacheKey:
    """A cache key function for a Prefect task, from a function of the task's parameters; None is never stored."""

    def cache_key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
        found = key(**parameters)
        if found:
            _drop_broken(context.task, found)
        return found

    cache_key.of = key  # type: ignore[attr-defined]
    return cache_key


def storing(step: Task[..., Any], folder: Path, fresh: bool) -> Task[..., Any]:
    """The step with its results stored under `folder`; a fresh one overwrites what is stored."""
    return step.with_options(result_storage=folder, result_serializer="json", refresh_cache=fresh)


def run(step: Task[..., Any], **parameters: Any) -> Any:
    """Run the step here and give its result; the log says if a stored one was reused."""
    stored = _is_stored(step, parameters)
    result = step(**parameters)
    if stored:
        get_run_logger().info("%s: reused (%s)", str(step.task_run_name).format(**parameters), result.title)
    return result


def start(step: Task[..., Any], **parameters: Any) -> Any:
    """Submit the step and give its future; if its result is stored, give that at once, which costs no process."""
    waits = any(isinstance(value, PrefectFuture) for value in parameters.values())
    return step.submit(**parameters) if waits or not _is_stored(step, parameters) else run(step, **parameters)


def result_of(started: Any) -> Any:
    """What a started step gives, when it is done."""
    return started.result() if isinstance(started, PrefectFuture) else started


def _is_stored(step: Task[..., Any], parameters: dict[str, Any]) -> bool:
    key = step.cache_key_fn.of(**parameters)  # type: ignore[union-attr]
    if key is None or step.refresh_cache:
        return False
    _drop_broken(step, key)
    return _store(step).exists(key)


def _drop_broken(step: Task[..., Any], key: str) -> None:
    """Remove a stored result whose files are not whole, so that the step makes them again."""
    store = _store(step)
    if store.exists(key) and not is_whole(store.read(key).result):
        (_folder(step) / key).unlink(missing_ok=True)


def _store(step: Task[..., Any]) -> ResultStore:
    return ResultStore(result_storage=LocalFileSystem(basepath=str(_folder(step))))


def _folder(step: Task[..., Any]) -> Path:
    if not isinstance(step.result_storage, Path):
        raise TypeError(f"{step.name}: results stored in {step.result_storage!r}, a folder expected")
    return step.result_storage
