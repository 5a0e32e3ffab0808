"""`python flows/main.py doctor`: checks what a run needs, and reports how to fix what is wrong."""

import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import prefect
from packaging.requirements import Requirement
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from artifacts.formats import plural
from artifacts.terminal import show_checks
from flows.data_settings import DataSettings
from flows.ops.dead_runs import mark_dead_runs, mark_left_tasks
from flows.server import api_server, server_address, server_version
from flows.settings import masked
from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.readers.inputs import labelled_columns, labelled_inputs, read_all
from tasks.errors import PipelineError, one_line
from tasks.fetch import NPZ_SHA256, OFFICIAL
from tasks.machine import available_cores, project
from tasks.results.data import TextData
from tasks.storage.files import read_json, sha256_of_file
from tasks.storage.layout import CACHE, DATA, DATASET, IMDB, MODELS, RECORD

POOL, NO_POOL = "rnn", -1
RECORDED_FLOWS = ("train", "sweep", "score")  # Flows whose runs record their process.
NEEDED_BYTES = 2 << 30


class Check(NamedTuple):
    """The result of a check. `fix` is empty if all is well; a fault stops a run only if it is `fatal`."""

    name: str
    result: str
    fix: str = ""
    fatal: bool = True

    @property
    def state(self) -> str:
        """Whether there is anything to fix: "ok" means no, "note" perhaps, and "fix" yes, before a run."""
        return ("fix" if self.fatal else "note") if self.fix else "ok"


def examine(data: DataSettings, outputs: Path) -> int:
    """Print a line for each check; return 1 if something must be fixed before a run, otherwise 0.

    Args:
        data: the data that a run would use.
        outputs: the run's output folder.
    """
    checks = [
        *check_versions(),
        *check_server(),
        *check_disk(outputs),
        *check_data(data, outputs),
        *check_stored(outputs),
        check_processors(),
    ]
    show_checks((check.state, check.name, check.result, check.fix) for check in checks)
    return int(any(check.state == "fix" for check in checks))


def check_versions() -> Iterator[Check]:
    """Check whether every package's version is in the range that the project requires."""
    wrong = []
    for text in project().requirements:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing, expected {requirement.specifier}")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version}, expected {requirement.specifier}")
    yield Check("versions", "; ".join(wrong) or "all in the required ranges", "run `uv sync`" if wrong else "")


def check_server() -> Iterator[Check]:
    """Check whether the Prefect server answers and has the same version as this client; mark dead runs."""
    address = masked(server_address() or "started by each run")
    try:
        with api_server() as wait:
            wait()
            version = server_version()
            dead = [run for flow in RECORDED_FLOWS for run in mark_dead_runs(flow)]
            tasks = sum(map(mark_left_tasks, RECORDED_FLOWS))
            limit = pool_limit()
    except PipelineError as error:
        yield Check("Prefect server", address, str(error))
        return
    here = prefect.__version__
    fix = "" if version == here else f"install the same version on both sides: here it is {here}"
    yield Check("Prefect server", f"{address}, version {version}", fix, fatal=False)
    yield Check("dead runs", f"now marked as crashed: {', '.join(dead)}" if dead else "none")
    if limit != NO_POOL:
        fix = "" if limit == 1 else f"run `uv run prefect work-pool set-concurrency-limit {POOL} 1`"
        yield Check(
            "work pool",
            f"{POOL}: {plural(limit, 'run') if limit else 'any number of runs'} at a time",
            fix,
            fatal=False,
        )
    yield Check("tasks of ended runs", f"{tasks} still running: now marked as crashed" if tasks else "none running")


def pool_limit() -> int | None:
    """How many runs the deployments' work pool allows at a time: None means no limit, `NO_POOL` no such pool."""
    try:
        with get_client(sync_client=True) as client:
            return client.read_work_pool(POOL).concurrency_limit
    except ObjectNotFound:
        return NO_POOL


def check_disk(outputs: Path) -> Iterator[Check]:
    """Check whether the output folder can be written to and the disk has enough space."""
    try:
        outputs.mkdir(parents=True, exist_ok=True)
        probe = outputs / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        yield Check("output folder", str(outputs), one_line(error) or str(error))
        return
    free = shutil.disk_usage(outputs).free
    fix = "" if free > NEEDED_BYTES else "free some space: a run on IMDB writes about 100 MB"
    yield Check("output folder", f"{outputs}, {free / 2**30:.0f} GiB free", fix, fatal=False)


def check_data(data: DataSettings, outputs: Path) -> Iterator[Check]:
    """Check which reviews a run would use."""
    given = data.given()
    if given is not None:
        yield _given_texts(given) if isinstance(given, TextData) else _given_file(given)
        return
    cached = outputs / CACHE / IMDB
    if cached.is_file():
        intact = sha256_of_file(cached) == NPZ_SHA256
        yield Check("data", f"IMDB in the cache, {cached}", "" if intact else "wrong SHA-256: remove the file")
        return
    try:
        httpx.head(OFFICIAL + IMDB, timeout=10, follow_redirects=True).raise_for_status()
        yield Check("data", "IMDB will be downloaded")
    except httpx.HTTPError:
        fix = "without IMDB, a run uses the bundled sample: copy imdb.npz to this machine and pass --data"
        fatal = data.source == "imdb"
        yield Check("data", "IMDB is not in the cache and cannot be downloaded", fix, fatal)


def _given_file(path: Path) -> Check:
    try:
        train, test = read_imdb_npz(path)
    except (PipelineError, OSError) as error:
        return Check("data", str(path), str(error))
    return Check("data", f"{path}: {len(train.labels):,} training and {len(test.labels):,} test reviews")


def _given_texts(data: TextData) -> Check:
    try:
        inputs = labelled_inputs(data)
        next(read_all(inputs, labelled_columns(data)))
    except (PipelineError, OSError) as error:
        return Check("data", data.title, str(error))
    return Check("data", f"own texts, {len(inputs)} files or folders, {sum(each.bytes() for each in inputs):,} bytes")


def check_stored(outputs: Path) -> Iterator[Check]:
    """Check whether the prepared data and trained networks in the output folder can be read."""
    records = [*outputs.glob(f"{DATA}/*/{DATASET}"), *outputs.glob(f"{MODELS}/*/{RECORD}")]
    damaged = [record.parent.name for record in records if not _is_readable(record)]
    result = f"{len(records)} prepared data sets and trained networks"
    fix = f"damaged, the next run replaces them: {', '.join(damaged)}" if damaged else ""
    yield Check("cache", result, fix, fatal=False)


def _is_readable(record: Path) -> bool:
    try:
        return bool(read_json(record))
    except (OSError, ValueError):
        return False


def check_processors() -> Check:
    """Check how many processors a run can use."""
    cores = available_cores()
    fix = "use two or more to train networks side by side" if cores < 2 else ""
    return Check("processors", str(cores), fix, fatal=False)
