"""The commands around the champion: `promote`, `champion`, `rollback`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from flows.gate_settings import GateSettings
from flows.operate.environment import outlive_the_audience, prepare_environment, say
from tasks.results.export import ExportFormat

OUTPUTS = Parameter(help="Folder for data, models and reports.")
Outputs = Annotated[Path, OUTPUTS]
MODEL_TO_USE = Parameter(help='"champion", the hash of a network in the registry, or a folder with network.json.')
FORMAT = Parameter(help="savedmodel: TensorFlow, takes texts; onnx: takes tokens.")
WEBHOOK = Parameter(help="Address to which one line of JSON is posted; it is never recorded (URL).")
Webhook = Annotated[str | None, WEBHOOK]


def promote(
    run: Annotated[str, Parameter(help='Name of a run, the start of it, or "latest".')] = "latest",
    /,
    *,
    model: Annotated[
        str | None, Parameter(help="Name of a network of the run (default: the best by validation).")
    ] = None,
    gate: Annotated[GateSettings, Parameter(name="*")] = GateSettings(),  # noqa: B008 -- frozen
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Make a run's best network the champion if it is better on the same test reviews; HOLD and REJECT exit with 0."""

    def work() -> Any:
        from flows.promote import promote_flow

        return promote_flow(outputs, run, model, gate, return_state=True)

    return _report_entry(_in_a_flow(work, webhook))


def champion(*, outputs: Outputs = Path("outputs")) -> int:
    """Print the present champion and the ledger of all promotions."""
    from flows.operate.champion import show_champion

    return show_champion(outputs)


def rollback(
    *,
    to: Annotated[
        int | None, Parameter(help="Number of the entry to return to (default: the champion before).")
    ] = None,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Make an earlier champion the champion again, after its files and predictions were checked."""

    def work() -> Any:
        from flows.promote import rollback_flow

        return rollback_flow(outputs, to, return_state=True)

    return _report_entry(_in_a_flow(work, webhook))


def export(
    *,
    to: Annotated[Path, Parameter(help="Folder to write; it must not exist, or be empty.")],
    model: Annotated[str, MODEL_TO_USE] = "champion",
    format: Annotated[ExportFormat, FORMAT] = "savedmodel",
    outputs: Outputs = Path("outputs"),
) -> int:
    """Write a network as a SavedModel or an ONNX file, checked in a process without this project."""
    prepare_environment()
    from artifacts.wording.export_readme import export_readme
    from tasks.export import export as write
    from tasks.storage.trained import find_network

    network = find_network(outputs.resolve(), model)
    result = write(network.folder, network.test, to, format, export_readme)
    difference = max(result.differences.values())
    say(f"{result.folder}: {result.label}, at most {difference:.1e} from Keras on {result.reviews:,} test reviews")
    return 0


def drift(
    texts: Annotated[str, Parameter(help='Path of a CSV or an imdb.npz, or "sample".')],
    /,
    *,
    model: Annotated[str, MODEL_TO_USE] = "champion",
    fail_on_drift: Annotated[bool, Parameter(help="Exit with status 1 where the texts differ.")] = False,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Hold new texts against the training reviews of a network: do they still look alike?"""

    def work() -> Any:
        from flows.drift import drift_flow

        return drift_flow(texts, outputs, model, fail_on_drift, return_state=True)

    state = _in_a_flow(work, webhook)
    from flows.operate.champion import show_drift

    show_drift(state.result())
    return 0


def register(app: App) -> None:
    """Add these commands to the command line."""
    for command in (promote, champion, rollback, export, drift):
        app.command(command)


def _report_entry(state: Any) -> int:
    from flows.operate.champion import show_entry

    show_entry(state.result())
    return 0


def _in_a_flow(work: Callable[[], Any], webhook: str | None) -> Any:
    """Run a flow with a Prefect server around it; gives its final state."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    prepare_environment()
    from flows.runtime import api_server, report_user_errors_once, run_page, stopped_by_signals

    if webhook:
        os.environ["RNN_WEBHOOK"] = webhook
    with api_server() as wait_for_server, stopped_by_signals():
        outlive_the_audience()
        report_user_errors_once()
        wait_for_server()
        state = work()
        state.result()
    say(f"In the UI: {run_page(state.state_details.flow_run_id)}")
    return state
