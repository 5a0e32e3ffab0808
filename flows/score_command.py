"""The command `score`: a file of texts in a flow, or one sentence at once."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from flows.command import Outputs, Webhook, run_flow, say_page
from flows.operate.environment import prepare_environment, say
from tasks.results.errors import SettingError
from tasks.results.scoring import MAX_REJECTS, RowData

INPUT = (
    ".csv, .parquet, .jsonl or .txt (a review a line), a pattern of them, a folder of .txt files, or - for lines from "
    "standard input."
)
MODEL = (
    '"latest" or the name of a run: its best network by validation; RUN:NETWORK: another; "champion"; a hash in the '
    "registry; or a copy of a network's folder."
)
OUTPUT = ".parquet, .csv or .jsonl (default: a file below outputs/scores)."
REJECTS = "Exit with status 3 if more than this share of the rows cannot be scored (0 to 1)."


def score(
    texts: Annotated[str | None, Parameter(name="INPUT", allow_leading_hyphen=True, help=INPUT)] = None,
    /,
    *,
    text: Annotated[str | None, Parameter(help="Read this sentence word by word instead; nothing is kept.")] = None,
    model: Annotated[str, Parameter(help=MODEL)] = "latest",
    output: Annotated[Path | None, Parameter(help=OUTPUT)] = None,
    text_column: Annotated[str, Parameter(help="Name of the column of texts.")] = "text",
    max_rejects: Annotated[float, Parameter(help=REJECTS, validator=Number(gte=0, lte=1))] = MAX_REJECTS,
    check_drift: Annotated[bool, Parameter(help="Compare the texts with the training reviews, too.")] = False,
    outputs: Outputs = Path("outputs"),
    webhook: Webhook = None,
) -> int:
    """Score texts by a trained network: all columns of a file, and what the network says of each row."""
    if texts and texts.startswith("-") and texts != "-":
        raise SettingError(f"found {texts!r}, which belongs to no option; --help lists options")
    if (texts is None) == (text is None):
        found = "neither" if text is None else "both"
        raise SettingError(f"score: found {found}; give an INPUT, or --text with a sentence")
    if text is not None:
        return _read(text, model, outputs)
    path = _standard_input(outputs) if texts == "-" else str(texts)
    _check(RowData(Path(path), text_column), output, model, check_drift, outputs)

    def load() -> Any:
        from flows.score import score_flow

        return score_flow

    state = run_flow(load, path, output, model, text_column, max_rejects, check_drift, outputs, webhook=webhook)
    from flows.operate.champion import show_drift
    from flows.operate.scores import show_scores

    scored = state.result()
    show_scores(scored.scoring, scored.written)
    if scored.drift:
        show_drift(scored.drift)
    say_page(state)
    return 0


def register(app: App) -> None:
    """Add the command to the command line."""
    app.command(score)


def _read(text: str, model: str, outputs: Path) -> int:
    """An answer, not a run: no server, no artifact."""
    prepare_environment()
    from flows.operate.scores import show_text
    from tasks.models.scorer import read_text
    from tasks.storage.trained import find_scoring_network

    show_text(read_text(text, find_scoring_network(outputs.resolve(), model)))
    return 0


def _check(data: RowData, output: Path | None, model: str, check_drift: bool, outputs: Path) -> None:
    """Say at once what the flow would say once the server is up."""
    from tasks.score import find_scorer

    find_scorer(outputs.resolve(), data, output, model, check_drift)


def _standard_input(outputs: Path) -> str:
    from tasks.storage.spool import spool

    if sys.stdin.isatty():
        say("Type a review a line; Ctrl-D ends.", error=True)
    return str(spool(sys.stdin.buffer, outputs.resolve() / "scores", ".txt"))
