"""The Prefect UI in a real browser, after a real run."""

import re
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
    TaskRunFilter,
    TaskRunFilterName,
)

from tests.end_to_end.conftest import Served
from tests.end_to_end.harness import Process

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("deployed")]


@pytest.fixture(scope="module")
def run(deployed: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a finished run."""
    outputs = tmp_path_factory.mktemp("outputs")
    small = ("--source", "sample", "--reviews", "200", "--max-length", "40", "--epochs", "3", "--outputs", outputs)
    process = Process.main(deployed.home, *small, **deployed.settings)
    assert process.wait() == 0, process.output
    found = re.search(r"In the UI: (\S+)", process.output)
    assert found, process.output
    assert found[1].startswith(deployed.page)
    return found[1].rsplit("/", 1)[1]


def artifact(served: Served, run: str, key: str) -> str:
    """Address of the page of a run's artifact."""
    of_run, of_key = ArtifactFilterFlowRunId(any_=[UUID(run)]), ArtifactFilterKey(any_=[key])
    with served.client() as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=of_run, key=of_key))
    return f"{served.page}/artifacts/artifact/{found[0].id}"


def test_the_run_page_shows_both_branches_side_by_side_in_time(deployed: Served, run: str, page: Page) -> None:
    page.goto(f"{deployed.page}/runs/flow-run/{run}")
    for step in (
        "fetch sample",
        "train simple_rnn seed 1",
        "train lstm seed 1",
        "evaluate lstm seed 1",
        "draw figures",
    ):
        expect(page.get_by_text(step).first).to_be_visible(timeout=30_000)
    with deployed.client() as client:
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run)])),
            task_run_filter=TaskRunFilter(name=TaskRunFilterName(like_="train ")),
        )
    times = [(task.start_time, task.end_time) for task in tasks if task.start_time and task.end_time]
    assert len(times) == 2
    assert max(start for start, _ in times) < min(end for _, end in times)


@pytest.mark.parametrize(("key", "fewest"), [("report", 1), ("report-which", 1), ("report-failed", 3)])
def test_the_report_and_its_pages_show_their_figures(
    deployed: Served, run: str, page: Page, key: str, fewest: int
) -> None:
    page.goto(artifact(deployed, run, key))
    expect(page.get_by_role("heading", name=re.compile("SimpleRNN and LSTM")).first).to_be_visible(timeout=30_000)
    images = page.locator("img[src^='data:image/webp']")
    expect(images.first).to_be_visible()
    widths = images.evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(widths) >= fewest
    assert min(widths) > 100


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("report-which", "Which network?"), ("report-sure", "How sure?"), ("report-why", "Why?"),
        ("report-failed", "The most confident errors"), ("report-reading", "How does each network read?"),
        ("report-made", "training.epochs"),
    ],
)  # fmt: skip
def test_each_question_has_a_page(deployed: Served, run: str, page: Page, key: str, text: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(artifact(deployed, run, key))
    expect(page.get_by_text(text).first).to_be_visible(timeout=30_000)
    assert [url for url in asked if not url.startswith((deployed.page, f"blob:{deployed.page}", "data:"))] == []


def test_the_comparison_shows_a_row_for_each_network(deployed: Served, run: str, page: Page) -> None:
    page.goto(artifact(deployed, run, "comparison"))
    for name in ("SimpleRNN", "LSTM"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=30_000)


def test_progress_ends_at_a_hundred_percent(deployed: Served, run: str, page: Page) -> None:
    page.goto(artifact(deployed, run, "progress-lstm-seed1"))
    expect(page.get_by_text(re.compile(r"100(\.0+)?\s*%")).first).to_be_visible(timeout=30_000)


def test_the_learning_curve_has_a_picture(deployed: Served, run: str, page: Page) -> None:
    page.goto(artifact(deployed, run, "learning-curve-lstm-seed1"))
    picture = page.locator("img[src^='data:image/webp']").first
    expect(picture).to_be_visible(timeout=30_000)
    assert picture.evaluate("image => image.naturalWidth") > 100


def deployment(served: Served, name: str) -> str:
    """The id of a deployment."""
    with served.client() as client:
        return str(client.read_deployment_by_name(f"train/{name}").id)


def test_the_nightly_deployment_shows_its_schedule(deployed: Served, page: Page) -> None:
    page.goto(f"{deployed.page}/deployments/deployment/{deployment(deployed, 'train-nightly')}")
    expect(page.get_by_text("nightly", exact=True).first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Scheduled for", exact=False).first).to_be_visible()
    assert page.get_by_role("switch").first.is_checked()


def test_the_form_shows_the_settings_and_refuses_a_wrong_value(deployed: Served, page: Page) -> None:
    page.goto(f"{deployed.page}/deployments/deployment/{deployment(deployed, 'train')}/run")
    expect(page.get_by_text("Passes over the training reviews (epochs).").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Size of the vocabulary", exact=False).first).to_be_visible()
    page.locator(".p-label", has_text="Passes over the training reviews").last.locator("input").fill("0")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("0 is less than the minimum of 1", exact=False).first).to_be_visible(timeout=30_000)


def test_the_logs_of_branch_processes_are_in_the_ui(deployed: Served, run: str) -> None:
    with deployed.client() as client:
        logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run)])), limit=200)
    assert any("lstm seed 1: trained by compiled loops" in log.message for log in logs)
