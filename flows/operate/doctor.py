"""`python flows/main.py doctor`: checks what a run needs, and says how to fix what is wrong."""

import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import prefect
from packaging.requirements import Requirement
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from rich.console import Console
from rich.markup import escape

from artifacts.formats import plural
from flows.config import Settings, masked
from flows.operate.dead_runs import mark_dead_runs, mark_left_tasks
from flows.operate.tables import folding_table
from flows.runtime import api_server, server_address, server_version
from tasks.data.imdb_npz import read_imdb_npz
from tasks.data.texts.inputs import inputs_of, read_batches
from tasks.fetch import NPZ_SHA256, OFFICIAL
from tasks.models.machine import available_cores
from tasks.results.errors import PipelineError, one_line
from tasks.results.texts import TextData
from tasks.storage.files import read_json, sha256_of_file

PROJECT = "rnn-pipeline"
POOL, NO_POOL = "rnn", -1
FLOWS = ("train", "score")  # Those whose runs leave word of their process.
NEEDED_BYTES = 2 << 30


class Finding(NamedTuple):
    """The result of a check. `fix` is empty where all is well; only a `fatal` finding stops a run."""

    check: str
    result: str
    fix: str = ""
    fatal: bool = True


def doctor(settings: Settings) -> int:
    """Print a line for each check; returns 1 if something must be fixed before a run, else 0."""
    table = folding_table("", "check", "result", "fix", title="What a run needs")
    findings = [finding for check in CHECKS for finding in check(settings)]
    for finding in findings:
        table.add_row(_sign(finding), escape(finding.check), escape(finding.result), escape(finding.fix))
    Console().print(table)
    return int(any(finding.fix and finding.fatal for finding in findings))


def _sign(finding: Finding) -> str:
    if not finding.fix:
        return "[green]ok"
    return "[red]fix" if finding.fatal else "[yellow]note"


def versions(_: Settings) -> Iterator[Finding]:
    """Whether every package is in the range that the project requires."""
    wrong = []
    for text in importlib.metadata.requires(PROJECT) or []:
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
    yield Finding("versions", "; ".join(wrong) or "all in the required ranges", "run `uv sync`" if wrong else "")


def server(_: Settings) -> Iterator[Finding]:
    """Whether the Prefect server answers and has our version; marks dead runs."""
    address = masked(server_address() or "started by each run")
    try:
        with api_server() as wait:
            wait()
            version = server_version()
            dead = [run for flow in FLOWS for run in mark_dead_runs(flow)]
            tasks = sum(map(mark_left_tasks, FLOWS))
            limit = pool_limit()
    except PipelineError as error:
        yield Finding("Prefect server", address, str(error))
        return
    here = prefect.__version__
    fix = "" if version == here else f"install the same version on both sides: here it is {here}"
    yield Finding("Prefect server", f"{address}, version {version}", fix, fatal=False)
    yield Finding("dead runs", f"now marked as crashed: {', '.join(dead)}" if dead else "none")
    if limit != NO_POOL:
        fix = "" if limit == 1 else f"run `uv run prefect work-pool set-concurrency-limit {POOL} 1`"
        yield Finding(
            "work pool",
            f"{POOL}: {plural(limit, 'run') if limit else 'any number of runs'} at a time",
            fix,
            fatal=False,
        )
    yield Finding("tasks of ended runs", f"{tasks} still running: now marked as crashed" if tasks else "none running")


def pool_limit() -> int | None:
    """How many runs the deployments' work pool allows at a time, None if any; `NO_POOL` if there is no such pool."""
    try:
        with get_client(sync_client=True) as client:
            return client.read_work_pool(POOL).concurrency_limit
    except ObjectNotFound:
        return NO_POOL


def disk(settings: Settings) -> Iterator[Finding]:
    """Whether the output folder can be written and the disk has enough space."""
    outputs = settings.run.outputs.resolve()
    try:
        outputs.mkdir(parents=True, exist_ok=True)
        probe = outputs / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        yield Finding("output folder", str(outputs), one_line(error) or str(error))
        return
    free = shutil.disk_usage(outputs).free
    fix = "" if free > NEEDED_BYTES else "free some space: a run on IMDB writes about 100 MB"
    yield Finding("output folder", f"{outputs}, {free / 2**30:.0f} GiB free", fix, fatal=False)


def data(settings: Settings) -> Iterator[Finding]:
    """Which reviews a run would use."""
    given = settings.data.given()
    if given is not None:
        yield _given_texts(given) if isinstance(given, TextData) else _given_file(given)
        return
    cached = settings.run.outputs.resolve() / "cache" / "imdb.npz"
    if cached.is_file():
        intact = sha256_of_file(cached) == NPZ_SHA256
        yield Finding("data", f"IMDB in the cache, {cached}", "" if intact else "wrong SHA-256: remove the file")
        return
    try:
        httpx.head(OFFICIAL + "imdb.npz", timeout=10, follow_redirects=True).raise_for_status()
        yield Finding("data", "IMDB will be downloaded")
    except httpx.HTTPError:
        fix = "without IMDB, a run uses the bundled sample: copy imdb.npz to this machine and pass --data"
        fatal = settings.data.source == "imdb"
        yield Finding("data", "IMDB is not in the cache and cannot be downloaded", fix, fatal)


def _given_file(path: Path) -> Finding:
    try:
        train, test = read_imdb_npz(path)
    except (PipelineError, OSError) as error:
        return Finding("data", str(path), str(error))
    return Finding("data", f"{path}: {len(train.labels):,} training and {len(test.labels):,} test reviews")


def _given_texts(data: TextData) -> Finding:
    try:
        inputs = inputs_of(data)
        next(read_batches(inputs, data))
    except (PipelineError, OSError) as error:
        return Finding("data", data.title, str(error))
    return Finding(
        "data", f"own texts, {len(inputs)} files or folders, {sum(found.bytes() for found in inputs):,} bytes"
    )


def stored(settings: Settings) -> Iterator[Finding]:
    """Whether the prepared data and trained networks in the output folder can be read."""
    outputs = settings.run.outputs.resolve()
    records = [*outputs.glob("data/*/dataset.json"), *outputs.glob("models/*/record.json")]
    damaged = [record.parent.name for record in records if not _is_readable(record)]
    result = f"{len(records)} prepared data sets and trained networks"
    fix = f"damaged, the next run replaces them: {', '.join(damaged)}" if damaged else ""
    yield Finding("cache", result, fix, fatal=False)


def _is_readable(record: Path) -> bool:
    try:
        return bool(read_json(record))
    except (OSError, ValueError):
        return False


def machine(_: Settings) -> Iterator[Finding]:
    """How many processors a run can use."""
    cores = available_cores()
    fix = "use two or more to train networks side by side" if cores < 2 else ""
    yield Finding("processors", str(cores), fix, fatal=False)


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (versions, server, disk, data, stored, machine)
