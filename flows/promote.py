"""The promotion and rollback flows; with `--promote`, the training flow ends with the same gate."""

from contextlib import suppress
from pathlib import Path

from httpx import TransportError
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from artifacts.publish import Artifact
from artifacts.wording import promotion as wording
from artifacts.wording.model_card import model_card
from flows.ops.deployed_commit import warn_of_another_commit
from flows.ops.notify import FAILURES, add_tags, announce, on_failure_hooks
from flows.settings import GateSettings
from tasks import promote as step
from tasks.results.data import Dataset
from tasks.results.promotion import Entry
from tasks.storage.layout import MODEL_CARD
from tasks.storage.registry import Registry
from tasks.storage.runs import find_run, read_run


@flow(name="promote", flow_run_name="promote {run}", **on_failure_hooks(*FAILURES))
def promote_flow(
    outputs: Path = Path("outputs"),
    run: str = "latest",
    model: str | None = None,
    gate: GateSettings = GateSettings(),
) -> Entry:
    """Compare the best network of a run with the champion; HOLD and REJECT are results, not failures."""
    warn_of_another_commit()
    outputs = outputs.resolve()
    return promote_run(outputs, find_run(outputs, run), model, gate)


@flow(name="rollback", flow_run_name="rollback", **on_failure_hooks(*FAILURES))
def rollback_flow(outputs: Path = Path("outputs"), to: int | None = None) -> Entry:
    """Make an earlier champion the champion again."""
    outputs = outputs.resolve()
    entry = restore(outputs, to)
    announce_entry(outputs, entry)
    return entry


def promote_run(outputs: Path, folder: Path, model: str | None, gate: GateSettings) -> Entry:
    """Within a flow, judge the best network of the run in `folder` and report the outcome."""
    entry = judge(outputs, folder, model, gate)
    announce_entry(outputs, entry)
    return entry


@task(name="promote", task_run_name="promote {folder.name}", persist_result=False, cache_policy=NO_CACHE)
def judge(outputs: Path, folder: Path, model: str | None, gate: GateSettings) -> Entry:
    """Score the candidate and the champion, and write the verdict to the ledger."""
    candidate = step.find_candidate(read_run(folder), model, gate.slice_columns)
    return step.promote(outputs, candidate, gate.limits(), model_card, logger=get_run_logger())


@task(name="check promotion", task_run_name="check promotion", persist_result=False, cache_policy=NO_CACHE)
def check_promotion(outputs: Path, dataset: Dataset, gate: GateSettings) -> None:
    """Report, before training, what would prevent a promotion afterwards."""
    step.check_data(outputs, dataset, gate.slice_columns)


@task(name="rollback", persist_result=False, cache_policy=NO_CACHE)
def restore(outputs: Path, to: int | None) -> Entry:
    """Check an earlier champion and make it the champion again."""
    return step.rollback(outputs, to, logger=get_run_logger())


def announce_entry(outputs: Path, entry: Entry) -> None:
    """Report a decision that is already in the ledger."""
    registry = Registry(outputs)
    sentence = wording.sentence(entry)
    artifacts = [
        Artifact("verdict", wording.markdown(entry), sentence),
        Artifact("ledger", wording.ledger(registry.entries()), "Promotions"),
    ]
    if entry.moves and entry.after:
        card = (registry.folder(entry.after) / MODEL_CARD).read_text(encoding="utf-8")
        artifacts.append(Artifact("model-card", card, f"{entry.label}, the champion"))
    announce(sentence, *artifacts)
    with suppress(TransportError):
        add_tags("champion" if entry.moves else "candidate", f"verdict:{entry.verdict}")
