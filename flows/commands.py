"""The commands: `sweep`, `score`, `promote`, `champion`, `rollback`, `export`, `drift`, `doctor`, `history`, `diff`.

The training run itself is the default command, in `flows.main`. Slow imports are in the functions that need them.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, Token
from cyclopts.validators import Number
from pydantic import ValidationError

from flows.data_settings import DataSettings
from flows.environment import (
    ignore_closed_output,
    load_prefect,
    prepare_environment,
    report_user_errors_once,
    say,
    stopped_by_signals,
)
from flows.search_settings import SweepSettings
from flows.settings import GateSettings, Settings
from tasks.errors import SettingError
from tasks.results.export import ExportFormat
from tasks.results.scoring import MAX_REJECTS, RowData, ThresholdChoice
from tasks.results.training import THRESHOLD
from tasks.storage.layout import MODELS, REPORT, SCORES, SUMMARY

if TYPE_CHECKING:
    from flows.temporary_server import Server

Outputs = Annotated[Path, Parameter(help="Folder for data, models and reports.")]
WEBHOOK = (
    "Address to which one line of JSON is posted when the run ends. It is never recorded, but others on this machine "
    "can read command lines: RNN_WEBHOOK is safer (URL)."
)
Webhook = Annotated[str | None, Parameter(help=WEBHOOK)]
TextColumn = Annotated[str, Parameter(help="Name of the column of texts.")]
NamedNetwork = Annotated[
    str, Parameter(help='As for score: "auto", "champion", "latest" or a run, RUN:NETWORK, a hash, or a folder.')
]


def run_flow(
    flow: str,
    *inputs: Any,
    webhook: str | None,
    preload: Callable[[], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Any:
    """Run a flow and, for its duration, a Prefect server.

    Args:
        flow: module and name, such as "flows.train:train_flow"; the module is imported while the server starts.
        inputs: the flow's parameters.
        webhook: address to which the outcome is posted.
        preload: called first of all, to start slow work early.
        meanwhile: called while the server starts, which mostly takes longer than all imports.

    Returns:
        the final state of the flow run.

    Raises:
        Exception: the error that made the flow fail.
    """
    prepare_environment()
    if sys.stderr.isatty():
        say("Starting: the first imports take a few seconds", error=True)
    from flows.temporary_server import prestart_server

    server = prestart_server()
    from flows.branch_process import ending_fork_server

    if webhook:
        os.environ["RNN_WEBHOOK"] = webhook
    with stopped_by_signals(), ending_fork_server():
        if preload:
            preload()
        load_prefect()
        return _state_of(flow, inputs, server, meanwhile)


def _state_of(flow: str, inputs: Sequence[Any], server: "Server | None", meanwhile: Callable[[], None] | None) -> Any:
    """Run a flow as `run_flow` does, once Prefect is imported; `server` is a temporary one that is starting."""
    from flows.server import api_server

    with api_server(server) as wait_for_server:
        module, name = flow.split(":")
        function = getattr(importlib.import_module(module), name)
        ignore_closed_output()
        report_user_errors_once()
        if meanwhile:
            meanwhile()
        wait_for_server()
        state = function(*inputs, return_state=True)
        state.result()
    return state


def say_page(state: Any) -> None:
    """Print the address of a run's page in the UI."""
    from flows.server import run_page

    say(f"In the UI: {run_page(state.state_details.flow_run_id)}")


def run_training(flow: str, settings: Settings, webhook: str | None) -> int:
    """Run a flow that trains networks, and print its summary."""

    def preload() -> None:
        from flows.pool import preload_branches

        cells = preload_branches(settings)
        if cells and sys.stderr.isatty():
            from tasks.models.compiling import compiling

            say(compiling(cells), error=True)

    def meanwhile() -> None:
        from flows.train import prepare_report

        prepare_report()

    state = run_flow(flow, settings, webhook=webhook, preload=preload, meanwhile=meanwhile)
    folder = state.result()
    say("\n" + (folder / SUMMARY).read_text(encoding="utf-8"))
    say(f"Report: {folder / REPORT}")
    say(f"Networks: {folder.parents[1] / MODELS}")
    say_page(state)
    return 0


def sweep(
    *,
    settings: Annotated[SweepSettings, Parameter(name="*")] = SweepSettings(),
    webhook: Annotated[Webhook, Parameter(group="Run")] = None,
) -> int:
    """Search settings by validation, then train the best ones with other seeds and test them."""
    if importlib.util.find_spec("optuna") is None:
        raise SettingError("sweep: optuna is not installed; run `uv sync --extra sweep`")
    return run_training("flows.sweep:sweep_flow", settings, webhook)


INPUT = (
    ".csv, .tsv, .parquet, .jsonl, .ndjson, .json or .txt (one review per line), packed or not (.csv.gz), a pattern, a "
    "folder of such files (a .txt file in it is one review), or - for lines from standard input."
)
MODEL = (
    '"auto": the champion or, before the first promotion, the best network of the newest run, smoke runs and runs on '
    'the bundled sample last. Or "champion"; "latest" or the name of a run, for its best network by validation; '
    "RUN:NETWORK for another; a hash in the registry; or a copy of a network's folder."
)
OUTPUT = ".parquet, .csv or .jsonl (default: a file under outputs/scores)."
THRESHOLDS = (
    "Probability above which a text gets the positive label (0 to 1), or best: the network's own, with the best "
    "balanced accuracy on validation."
)
REJECTS = "Exit with status 3 if more than this share of the rows cannot be scored (0 to 1)."


def score(
    texts: Annotated[str | None, Parameter(name="INPUT", allow_leading_hyphen=True, help=INPUT)] = None,
    /,
    *,
    text: Annotated[str | None, Parameter(help="Read this sentence word by word instead; nothing is stored.")] = None,
    model: Annotated[str, Parameter(help=MODEL)] = "auto",
    output: Annotated[Path | None, Parameter(help=OUTPUT)] = None,
    text_column: TextColumn = "text",
    max_rejects: Annotated[float, Parameter(help=REJECTS, validator=Number(gte=0, lte=1))] = MAX_REJECTS,
    threshold: Annotated[ThresholdChoice, Parameter(help=THRESHOLDS)] = THRESHOLD,
    check_drift: Annotated[bool, Parameter(help="Also compare the texts with the training reviews.")] = False,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Score texts with a trained network: write all columns of the input and a probability for each row."""
    if texts and texts.startswith("-") and texts != "-":
        raise SettingError(f"found {texts!r}, which is not an option; --help lists the options")
    if (texts is None) == (text is None):
        found = "neither" if text is None else "both"
        raise SettingError(f"score: found {found}; give an INPUT, or --text with a sentence")
    if text is not None:
        return _read_sentence(text, model, outputs, threshold)
    path = _standard_input(outputs) if texts == "-" else str(texts)
    from tasks.score import find_scorer

    # The flow makes the same checks, but only once the server is up.
    find_scorer(outputs.resolve(), RowData(Path(path), text_column), output, model, check_drift, threshold)
    inputs = (path, output, model, text_column, max_rejects, check_drift, outputs, threshold)
    state = run_flow("flows.score:score_flow", *inputs, webhook=webhook)
    from artifacts import terminal

    result = state.result()
    terminal.show_scores(result.scoring, result.network, result.written)
    if result.drift:
        terminal.show_drift(result.drift)
    say_page(state)
    return 0


def _read_sentence(text: str, model: str, outputs: Path, threshold: ThresholdChoice) -> int:
    """Score one sentence word by word, without a run, a server or artifacts."""
    prepare_environment()
    from artifacts import terminal
    from tasks.models.scorer import read_text
    from tasks.storage.networks import find_scoring_network

    network = find_scoring_network(outputs.resolve(), model, threshold)
    terminal.show_text(read_text(text, network), network)
    return 0


def _standard_input(outputs: Path) -> str:
    """Store standard input in a file and return the file's path.

    Raises:
        SettingError: standard input is closed or empty.
    """
    from tasks.storage.files import remove, spool

    if sys.stdin is None:
        raise SettingError("score -: standard input is closed; give an INPUT")
    if sys.stdin.isatty():
        say("Type one review per line; end with Ctrl-D.", error=True)
    path = spool(sys.stdin.buffer, outputs.resolve() / SCORES, ".txt")
    if not path.stat().st_size:
        remove(path)
        raise SettingError("score -: standard input is empty; expected a review per line")
    return str(path)


def promote(
    run: Annotated[str, Parameter(help='Name of a run, the start of it, or "latest".')] = "latest",
    /,
    *,
    model: Annotated[
        str | None, Parameter(help="Name of one of the run's networks (default: the best by validation).")
    ] = None,
    gate: Annotated[GateSettings, Parameter(name="*")] = GateSettings(),
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Make a run's best network the champion if it passes the gate; the verdicts HOLD and REJECT exit with 0, too."""
    return _show_entry(run_flow("flows.promote:promote_flow", outputs, run, model, gate, webhook=webhook))


def whole_number(_: object, tokens: Sequence[Token]) -> int:
    """The number of a ledger entry; cyclopts on its own would round 1.5."""
    return int(tokens[0].value)


def rollback(
    *,
    to: Annotated[
        int | None,
        Parameter(converter=whole_number, help="Number of the entry to return to (default: the previous champion)."),
    ] = None,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Make an earlier champion the champion again, after a check of its files and predictions."""
    return _show_entry(run_flow("flows.promote:rollback_flow", outputs, to, webhook=webhook))


def _show_entry(state: Any) -> int:
    from artifacts import terminal

    terminal.show_entry(state.result())
    say_page(state)
    return 0


def champion(*, outputs: Outputs = Path("outputs")) -> int:
    """Print the current champion and the ledger of all promotions."""
    from artifacts import terminal
    from tasks.storage.registry import Registry

    registry = Registry(outputs.resolve())
    present = registry.champion()
    folder = registry.folder(present.network) if present else None
    terminal.show_promotions(outputs, registry.entries(), folder)
    if present:
        registry.verify(present.network)
    return 0


def export(
    *,
    to: Annotated[Path, Parameter(help="Folder to write; it must be new or empty.")],
    model: NamedNetwork = "auto",
    format: Annotated[
        ExportFormat, Parameter(help="savedmodel: for TensorFlow, reads texts; onnx: reads tokens.")
    ] = "savedmodel",
    outputs: Outputs = Path("outputs"),
) -> int:
    """Write a network as a SavedModel or an ONNX file, and check it in a process without this project."""
    prepare_environment()
    from artifacts.wording.export_readme import export_readme
    from artifacts.wording.scoring import TOYS
    from tasks.export import export as write
    from tasks.storage.networks import find_network

    network = find_network(outputs.resolve(), model)
    if network.toy:
        say(TOYS[network.toy], error=True)
    result = write(network, to, format, export_readme)
    difference = max(result.differences.values())
    say(f"{result.folder}: {result.label}, at most {difference:.1g} from Keras on {result.reviews:,} test reviews")
    return 0


def drift(
    texts: Annotated[str, Parameter(help='Texts as for score; an imdb.npz; or "sample".')],
    /,
    *,
    model: NamedNetwork = "auto",
    text_column: TextColumn = "text",
    fail_on_drift: Annotated[bool, Parameter(help="Exit with status 1 if the texts differ.")] = False,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Compare new texts with the training reviews of a network: do they still look alike?"""
    inputs = (texts, outputs, model, text_column, fail_on_drift)
    state = run_flow("flows.drift:drift_flow", *inputs, webhook=webhook)
    from artifacts import terminal

    terminal.show_drift(state.result())
    say_page(state)
    return 0


def doctor(
    *,
    data: Annotated[list[Path] | None, Parameter(help="Data to check, as for a run's --data.")] = None,
    text_column: TextColumn = "text",
    label_column: Annotated[str, Parameter(help="Name of the column of labels.")] = "label",
    source: Annotated[
        Literal["auto", "imdb", "sample"], Parameter(help="imdb: a run must have the IMDB reviews.")
    ] = "auto",
    outputs: Outputs = Path("outputs"),
    secure: Annotated[
        bool, Parameter(help="Instead of checking, write a password for this machine's Prefect server into `.env`.")
    ] = False,
) -> int:
    """Check versions, server, output folder, data and cache; mark dead runs; exit with 1 if a run needs a fix first."""
    prepare_environment()
    if secure:
        from flows.ops.server_password import write_password

        path = write_password()
        say(f"{path}: a password for the Prefect server on this machine; server, worker and runs read it here")
        return 0
    try:
        wanted = DataSettings(data=data or [], text_column=text_column, label_column=label_column, source=source)
    except ValidationError as error:
        raise SettingError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    load_prefect()
    from flows.ops.doctor import examine

    return examine(wanted, outputs.resolve())


def history(*, outputs: Outputs = Path("outputs")) -> int:
    """Print all runs with their data, seeds, test accuracies and seconds."""
    from artifacts import terminal
    from tasks.storage.run_log import read_run_log

    terminal.show_history(outputs, read_run_log(outputs.resolve()))
    return 0


def diff(first: str, second: str, /, *, outputs: Outputs = Path("outputs")) -> int:
    """Print the differences between two runs, each given by its name, the start of its name, or "latest"."""
    from artifacts import terminal
    from tasks.storage.run_log import compare_runs
    from tasks.storage.runs import find_run, read_run

    runs = [read_run(find_run(outputs.resolve(), name)) for name in (first, second)]
    terminal.show_differences(compare_runs(*runs))
    return 0


COMMANDS = (sweep, score, promote, champion, rollback, export, drift, doctor, history, diff)
