"""The training flow, and the command line: `python flows/main.py --help`."""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Env
from prefect import flow, runtime
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from artifacts import figures, report
from artifacts.publish import publish
from flows.config import Settings, setting_fault
from flows.progress import watched
from flows.runtime import api_server, branch_runner, say_errors_once
from tasks.compare import compare
from tasks.errors import PipelineError
from tasks.evaluate import evaluate
from tasks.fetch import fetch
from tasks.files import point, write_bytes
from tasks.prepare import prepare
from tasks.results import Branch, Comparison, Dataset, Evaluation
from tasks.train import Job, train


@flow(name="train", flow_run_name="{settings.title}", task_runner=branch_runner())
def train_flow(settings: Settings = Settings()) -> Path:  # noqa: B008 -- frozen
    """Fetch and prepare the reviews, train the networks side by side, evaluate, compare, report."""
    settings = settings.effective()
    outputs = settings.run.outputs.resolve()
    source = fetch(settings.data.data, settings.data.source, outputs / "cache")
    dataset = prepare(source, settings.data.words, settings.data.steps, settings.data.reviews, outputs / "data")
    tag_run(settings, dataset)
    branches, evaluations = train_and_evaluate(jobs(settings, dataset, outputs), dataset)
    run = run_name()
    comparison = compare(run, dataset, branches, evaluations, settings.model_dump(mode="json"), settings.command())
    return write_report(comparison, outputs)


def jobs(settings: Settings, dataset: Dataset, outputs: Path) -> list[Job]:
    """One job for each network."""
    specs = settings.specs()
    plan = settings.plan(sample=dataset.source.kind == "sample")
    alone = [Job(spec, plan, dataset, settings.training.seed, outputs / "models") for spec in specs]
    return [replace(job, siblings=tuple(other.folder for other in alone)) for job in alone]


def train_and_evaluate(wanted: list[Job], dataset: Dataset) -> tuple[list[Branch], list[Evaluation]]:
    """Train all branches side by side; each is evaluated as soon as it is trained."""
    with watched(wanted):
        trained = [train.submit(job) for job in wanted]
        evaluated = [evaluate.submit(branch, dataset) for branch in trained]  # type: ignore[call-overload] # a future stands for its result
        return [future.result() for future in trained], [future.result() for future in evaluated]


def write_report(comparison: Comparison, outputs: Path) -> Path:
    """Draw, write and publish the report; `outputs/latest` points to it from then on."""
    folder = outputs / "runs" / comparison.run
    drawn = figures.all_figures(comparison)
    for name, content in report.files(comparison, drawn).items():
        write_bytes(folder / name, content)
    publish(comparison, drawn, (folder / "report.html").as_uri())
    point(outputs / "latest", folder)
    get_run_logger().info("Report: %s", folder / "report.html")
    return folder


def run_name() -> str:
    """Time and the start of the run's id: folders sort by time and never collide."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{runtime.flow_run.id[:8]}"


def tag_run(settings: Settings, dataset: Dataset) -> None:
    """Tag the run with its data and its networks."""
    tags = {f"data:{dataset.title}", *(f"model:{spec.name}" for spec in settings.specs()), *runtime.flow_run.tags}
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted(tags))


HELP = """Train and compare recurrent networks on the IMDB reviews: data, training, evaluation, report.

Examples: `python flows/main.py --smoke`, `python flows/main.py --data imdb.npz --models simple_rnn lstm gru`.

Exit status: 0 done, 1 the run failed, 2 a setting is wrong, 130 stopped by Ctrl-C.
"""

app = App(
    name="flows/main.py",
    help=HELP,
    config=Env("RNN_", command=False),
    default_parameter=Parameter(consume_multiple=True, negative=()),
)


@app.default
def main(*, settings: Annotated[Settings, Parameter(name="*")] = Settings()) -> int:  # noqa: B008 -- frozen
    """Run the pipeline."""
    say_errors_once()
    with api_server():
        folder = train_flow(settings)
    print(f"Report: {folder / 'report.html'}")
    return 0


def run() -> int:
    """The command line, with its exit status."""
    try:
        return int(app(exit_on_error=False, print_error=False, result_action="return_value") or 0)
    except CycloptsError as error:
        print(f"Error: {setting_fault(error)}", file=sys.stderr)
        return 2
    except PipelineError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())
