"""The commands around the champion: `promote`, `champion`, `rollback`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter, Token

from flows.command import Outputs, Webhook, run_flow, say_page
from flows.gate_settings import GateSettings
from flows.operate.environment import prepare_environment, say
from tasks.results.export import ExportFormat

MODEL_TO_USE = Parameter(help='"champion", "latest" or a run, RUN:NETWORK, a hash in the registry, or a folder.')
FORMAT = Parameter(help="savedmodel: TensorFlow, takes texts; onnx: takes tokens.")


def whole_number(_: object, tokens: Sequence[Token]) -> int:
    """The number of an entry; cyclopts itself would round 1.5."""
    return int(tokens[0].value)


def promote(
    run: Annotated[str, Parameter(help='Name of a run, the start of it, or "latest".')] = "latest",
    /,
    *,
    model: Annotated[
        str | None, Parameter(help="Name of a network of the run (default: the best by validation).")
    ] = None,
    gate: Annotated[GateSettings, Parameter(name="*")] = GateSettings(),
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Make a run's best network the champion if it is better on the same test reviews; HOLD and REJECT exit with 0."""

    def load() -> Any:
        from flows.promote import promote_flow

        return promote_flow

    return _show_entry(run_flow(load, outputs, run, model, gate, webhook=webhook))


def champion(*, outputs: Outputs = Path("outputs")) -> int:
    """Print the present champion and the ledger of all promotions."""
    from flows.operate.champion import show_champion

    return show_champion(outputs)


def rollback(
    *,
    to: Annotated[
        int | None,
        Parameter(converter=whole_number, help="Number of the entry to return to (default: the champion before)."),
    ] = None,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Make an earlier champion the champion again, after its files and predictions were checked."""

    def load() -> Any:
        from flows.promote import rollback_flow

        return rollback_flow

    return _show_entry(run_flow(load, outputs, to, webhook=webhook))


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
    result = write(network, to, format, export_readme)
    difference = max(result.differences.values())
    say(f"{result.folder}: {result.label}, at most {difference:.1g} from Keras on {result.reviews:,} test reviews")
    return 0


def drift(
    texts: Annotated[str, Parameter(help='Texts as for --data, without labels; an imdb.npz; or "sample".')],
    /,
    *,
    model: Annotated[str, MODEL_TO_USE] = "champion",
    text_column: Annotated[str, Parameter(help="Name of the column of texts.")] = "text",
    fail_on_drift: Annotated[bool, Parameter(help="Exit with status 1 where the texts differ.")] = False,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Compare new texts with the training reviews of a network: do they still look alike?"""

    def load() -> Any:
        from flows.drift import drift_flow

        return drift_flow

    state = run_flow(load, texts, outputs, model, text_column, fail_on_drift, webhook=webhook)
    from flows.operate.champion import show_drift

    show_drift(state.result())
    say_page(state)
    return 0


def register(app: App) -> None:
    """Add these commands to the command line."""
    for command in (promote, champion, rollback, export, drift):
        app.command(command)


def _show_entry(state: Any) -> int:
    from flows.operate.champion import show_entry

    show_entry(state.result())
    say_page(state)
    return 0
