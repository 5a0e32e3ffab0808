"""Promotion and rollback as flows; as the last step of training, the same gate runs inside the training flow."""

from pathlib import Path

from httpx import TransportError
from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from artifacts.wording import promotion
from artifacts.wording.model_card import model_card
from flows.gate_settings import GateSettings
from flows.operate.checkout import warn_of_another_commit
from flows.operate.notify import FAULTS, post_at, post_line
from tasks import promote as step
from tasks.results.data import Dataset
from tasks.results.promotion import Entry
from tasks.storage.finished_run import read_run
from tasks.storage.registry import Registry
from tasks.storage.run_log import find_run


@flow(name="promote", flow_run_name="promote {run}", **post_at(*FAULTS))
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


@flow(name="rollback", flow_run_name="rollback", **post_at(*FAULTS))
def rollback_flow(outputs: Path = Path("outputs"), to: int | None = None) -> Entry:
    """Make an earlier champion the champion again."""
    outputs = outputs.resolve()
    entry = restore(outputs, to)
    announce(outputs, entry)
    return entry


def promote_run(outputs: Path, folder: Path, model: str | None, gate: GateSettings) -> Entry:
    """Judge the best network of the run in a folder, inside a flow, and say what came of it."""
    entry = judge(outputs, folder, model, gate)
    announce(outputs, entry)
    return entry


@task(name="promote", task_run_name="promote {folder.name}", persist_result=False, cache_policy=NO_CACHE)
def judge(outputs: Path, folder: Path, model: str | None, gate: GateSettings) -> Entry:
    """Score candidate and champion, write the verdict into the ledger, move the pointer with PROMOTE."""
    candidate = step.find_candidate(read_run(folder), model, gate.slice_columns)
    return step.promote(outputs, candidate, gate.limits(), model_card, logger=get_run_logger())


@task(name="check promotion", task_run_name="check promotion", persist_result=False, cache_policy=NO_CACHE)
def check_promotion(outputs: Path, dataset: Dataset, gate: GateSettings) -> None:
    """What would refuse a promotion after the training is said before it."""
    step.check_data(outputs, dataset, gate.slice_columns)


@task(name="rollback", persist_result=False, cache_policy=NO_CACHE)
def restore(outputs: Path, to: int | None) -> Entry:
    """Check an earlier champion and move the pointer to it."""
    return step.rollback(outputs, to, logger=get_run_logger())


def announce(outputs: Path, entry: Entry) -> None:
    """Say an entry in the log, the UI and the webhook. The ledger holds it already, so nothing here fails the run."""
    sentence = promotion.sentence(entry)
    get_run_logger().info(sentence)
    post_line(sentence)
    registry = Registry(outputs)
    try:
        tag("champion" if entry.moves else "candidate", f"verdict:{entry.verdict}")
        create_markdown_artifact(promotion.markdown(entry), key="verdict", description=sentence)
        create_table_artifact(promotion.ledger(registry.entries()), key="ledger", description="Promotions")
        if entry.moves and entry.after:
            card = (registry.folder(entry.after) / step.CARD).read_text(encoding="utf-8")
            create_markdown_artifact(card, key="model-card", description=f"{entry.label}, the champion")
    except TransportError as error:
        get_run_logger().warning("The ledger is written, but could not be published (%s)", error)


def tag(*tags: str) -> None:
    """Add tags to the present flow run."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted({*tags, *runtime.flow_run.tags}))
