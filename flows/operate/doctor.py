"""`python flows/main.py doctor`: what a run needs, checked one by one, with what to mend."""

import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import prefect
from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.config import Settings
from flows.operate.dead_runs import mark_dead_runs
from flows.runtime import api_server, server_address, server_version
from tasks.data.imdb_npz import read_imdb_npz
from tasks.fetch import NPZ_SHA256, OFFICIAL
from tasks.models.machine import available_cores
from tasks.results.errors import PipelineError, one_line
from tasks.storage.files import read_json, sha256_of_file

PROJECT = "rnn-pipeline"
NEEDED_BYTES = 2 << 30


class Finding(NamedTuple):
    """What one check found. `mend` is empty where all is well."""

    what: str
    found: str
    mend: str = ""
    fatal: bool = True


def doctor(settings: Settings) -> int:
    """Print a line for each check; 1 if something must be mended before a run, else 0."""
    table = Table("", "check", "found", "what to do", title="What a run needs")
    findings = [finding for check in CHECKS for finding in check(settings)]
    for finding in findings:
        sign = "[green]ok" if not finding.mend else "[red]mend" if finding.fatal else "[yellow]note"
        table.add_row(sign, *map(escape, (finding.what, finding.found, finding.mend)))
    Console().print(table)
    return int(any(finding.mend and finding.fatal for finding in findings))


def versions(_: Settings) -> Iterator[Finding]:
    """Whether every package is in the range that the project names."""
    wrong = []
    for text in importlib.metadata.requires(PROJECT) or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found = "nothing"
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found}, {requirement.specifier} expected")
    yield Finding("versions", "; ".join(wrong) or "all in their ranges", "run `uv sync`" if wrong else "")


def server(_: Settings) -> Iterator[Finding]:
    """Whether the Prefect server answers, with our version; runs that died are marked."""
    where = server_address() or "one that lives as long as the run"
    try:
        with api_server() as wait:
            wait()
            theirs = server_version()
            dead = mark_dead_runs("train")
    except PipelineError as error:
        yield Finding("Prefect server", where, str(error))
        return
    mend = "" if theirs == prefect.__version__ else f"run the same release on both sides: here is {prefect.__version__}"
    yield Finding("Prefect server", f"{where}, release {theirs}", mend, fatal=False)
    yield Finding("dead runs", f"{', '.join(dead)}: now marked as crashed" if dead else "none")


def disk(settings: Settings) -> Iterator[Finding]:
    """Whether the output folder can be written and the disk has room."""
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
    mend = "" if free > NEEDED_BYTES else "free some space: a run of the real data leaves about 100 MB"
    yield Finding("output folder", f"{outputs}, {free / 2**30:.0f} GiB free", mend, fatal=False)


def data(settings: Settings) -> Iterator[Finding]:
    """Which reviews a run would take."""
    given, cached = settings.data.data, settings.run.outputs.resolve() / "cache" / "imdb.npz"
    if given is not None:
        try:
            reviews = read_imdb_npz(given)
            yield Finding("data", f"{given}: {len(reviews[0].labels):,} + {len(reviews[1].labels):,} reviews")
        except (PipelineError, OSError) as error:
            yield Finding("data", str(given), str(error))
        return
    if cached.is_file():
        right = sha256_of_file(cached) == NPZ_SHA256
        yield Finding("data", f"IMDB in the cache, {cached}", "" if right else "wrong SHA-256: remove the file")
        return
    try:
        httpx.head(OFFICIAL + "imdb.npz", timeout=10, follow_redirects=True).raise_for_status()
        yield Finding("data", "IMDB, to be downloaded")
    except httpx.HTTPError:
        missing = "no network: the bundled sample would be used; copy imdb.npz here and give --data"
        yield Finding("data", "IMDB neither in the cache nor to be had", missing, fatal=settings.data.source == "imdb")


def prepared(settings: Settings) -> Iterator[Finding]:
    """Whether the prepared data and trained networks in the output folder are whole."""
    outputs = settings.run.outputs.resolve()
    records = [*outputs.glob("data/*/dataset.json"), *outputs.glob("models/*/record.json")]
    broken = [record.parent.name for record in records if not _readable(record)]
    text = f"{len(records)} prepared data sets and trained networks"
    yield Finding("cache", text, f"made again by the next run: {', '.join(broken)}" if broken else "", fatal=False)


def _readable(record: Path) -> bool:
    try:
        return bool(read_json(record))
    except (OSError, ValueError):
        return False


def machine(_: Settings) -> Iterator[Finding]:
    """What there is to compute on."""
    cores = available_cores()
    few = "branches take turns" if cores < 2 else ""
    yield Finding("processors", str(cores), few, fatal=False)


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (versions, server, disk, data, prepared, machine)
