"""The scoring flow: scores texts with a trained network, and measures their drift on request."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from pydantic import Field

from artifacts.publish import Artifact
from artifacts.wording import scoring as wording
from flows import drift
from flows.ops.notify import FAILURES, announce, on_failure_hooks
from flows.run import Run
from flows.settings import RunSettings, Settings
from flows.step_tasks import as_task
from tasks.data.readers.opened import JSON_LINES, kind_of
from tasks.data.scoring.output import SUFFIXES
from tasks.drift import check_drift as check_texts
from tasks.results.drift import Drift
from tasks.results.scoring import MAX_REJECTS, RowData, Scoring, ScoringNetwork, ThresholdChoice, Written
from tasks.results.training import THRESHOLD
from tasks.score import find_scorer, sample_tokens, score, write
from tasks.storage.layout import SCORES
from tasks.storage.networks import AUTO, find_network


class ScoreResult(NamedTuple):
    """The result of the flow; `drift` is None unless requested."""

    network: ScoringNetwork
    scoring: Scoring
    written: Written
    drift: Drift | None


@flow(name="score", flow_run_name="score {texts} by {model}", **on_failure_hooks(*FAILURES))
def score_flow(
    texts: str,
    output: Path | None = None,
    model: str = AUTO,
    text_column: str = "text",
    max_rejects: Annotated[float, Field(ge=0, le=1)] = MAX_REJECTS,
    check_drift: bool = False,
    outputs: Path = Path("outputs"),
    threshold: Literal["best"] | Annotated[float, Field(ge=0, le=1)] = THRESHOLD,
) -> ScoreResult:
    """Score texts with a trained network.

    Args:
        texts: path or pattern of .csv, .tsv, .parquet, .jsonl, .ndjson, .json or .txt files (one review per line), all
            but .parquet also packed (.csv.gz), or a folder of .txt files (one review per file) or of the others.
        output: .parquet, .csv or .jsonl file to write; by default a file under outputs/scores.
        model: "auto" (the champion, else the best network of the newest run), "champion", "latest" or a run's name (its
            best network is used), RUN:NETWORK, a hash, or a folder.
        text_column: name of the column of texts.
        max_rejects: fail if a larger share of the rows cannot be scored.
        check_drift: also compare the texts with the training reviews.
        outputs: folder that contains runs, models and registry.
        threshold: texts with a probability above this get the positive label; "best" for the network's own threshold,
            with the best balanced accuracy on validation.
    """
    settings = Settings(run=RunSettings(outputs=outputs, runner="thread"))  # No process needs to start.
    with Run.begin(settings) as run:
        data = RowData(Path(texts), text_column)
        network = find(run.outputs, data, output, model, check_drift, threshold)
        scoring = run.do(score, data, network, run.outputs / SCORES)
        target = output.absolute() if output else default_output(data, scoring)
        written = run.do(write, data, scoring, target, max_rejects)
        as_task("publish", announce_scores, scoring, network, previous=run.previous)
        result = compare_with_training(run.outputs, data, network, scoring.rows) if check_drift else None
        if result:
            drift.announce_drift(result)
    return ScoreResult(network, scoring, written, result)


@task(name="find", task_run_name="find {model}", persist_result=False, cache_policy=NO_CACHE)
def find(
    outputs: Path, data: RowData, output: Path | None, model: str, has_reviews: bool, threshold: ThresholdChoice
) -> ScoringNetwork:
    """Find the network to score with, and report impossible settings before any work is done."""
    return find_scorer(outputs, data, output, model, has_reviews, threshold)


def default_output(data: RowData, scoring: Scoring) -> Path:
    """Where scores go by default: beside the stored scoring, in the same file format as the input."""
    kind = kind_of(data.path)
    suffix = ".jsonl" if kind in JSON_LINES else kind if kind in SUFFIXES else ".csv"
    return scoring.columns.with_name(f"scored{suffix}")


@task(name="drift", task_run_name="drift {data.title}", persist_result=False, cache_policy=NO_CACHE)
def compare_with_training(outputs: Path, data: RowData, network: ScoringNetwork, rows: int) -> Drift:
    """Compare a sample of the rows with the network's training reviews."""
    trained = find_network(outputs, str(network.folder))
    new = sample_tokens(data, network, rows)
    return check_texts(trained.folder, trained.train, new.tokens, new.lengths, logger=get_run_logger())


def announce_scores(scoring: Scoring, network: ScoringNetwork) -> None:
    """Report how the texts were scored."""
    warning = wording.warning(network)
    sentence = wording.sentence(scoring, network) + (f" {warning}" if warning else "")
    announce(
        sentence,
        Artifact("scores", wording.distribution_rows(scoring), sentence),
        Artifact("scores-sure", wording.sure_rows(scoring), sentence),
    )
