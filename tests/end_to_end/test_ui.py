"""The Prefect UI in a real browser, after a real run."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.conftest import Served
from tests.end_to_end.harness import Process


@pytest.fixture(scope="module")
def run(deployed: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a finished run."""
    outputs = tmp_path_factory.mktemp("outputs")
    small = ("--source", "sample", "--reviews", "800", "--steps", "200", "--epochs", "5", "--outputs", outputs)
    process = Process.main(deployed.home, *small, **deployed.settings)
    assert process.wait() == 0, process.output
    found = re.search(r"In the UI: (\S+)", process.output)
    assert found, process.output
    assert found[1].startswith(deployed.page)
    return found[1].rsplit("/", 1)[1]


def artifact(served: Served, run: str, key: str) -> str:
    """Address of the page of a run's artifact."""
    wanted = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": [key]}}}
    found = httpx.post(f"{served.page}/api/artifacts/filter", json=wanted).json()
    return f"{served.page}/artifacts/artifact/{found[0]['id']}"


def test_the_run_page_shows_both_branches_side_by_side_in_time(deployed: Served, run: str, page: Page) -> None:
    page.goto(f"{deployed.page}/runs/flow-run/{run}")
    for step in ("fetch sample", "train simple_rnn seed 1", "train lstm seed 1", "evaluate lstm seed 1"):
        expect(page.get_by_text(step).first).to_be_visible(timeout=30_000)
    wanted = {"task_runs": {"flow_run_id": {"any_": [run]}, "name": {"like_": "train "}}}
    tasks = httpx.post(f"{deployed.page}/api/task_runs/filter", json=wanted).json()
    assert len(tasks) == 2
    assert max(task["start_time"] for task in tasks) < min(task["end_time"] for task in tasks)


def test_the_report_shows_its_figures(deployed: Served, run: str, page: Page) -> None:
    page.goto(artifact(deployed, run, "report"))
    expect(page.get_by_role("heading", name=re.compile("simple_rnn and lstm")).first).to_be_visible(timeout=30_000)
    images = page.locator("img[src^='data:image/png']")
    expect(images.first).to_be_visible()
    widths = images.evaluate_all("images => images.map(image => image.naturalWidth)")
    assert len(widths) >= 7
    assert min(widths) > 100


def test_the_comparison_shows_a_row_for_each_network(deployed: Served, run: str, page: Page) -> None:
    page.goto(artifact(deployed, run, "comparison"))
    for name in ("simple_rnn", "lstm"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=30_000)


def test_progress_ends_at_a_hundred_percent(deployed: Served, run: str, page: Page) -> None:
    page.goto(artifact(deployed, run, "progress-lstm-seed1"))
    expect(page.get_by_text(re.compile(r"100(\.0+)?\s*%")).first).to_be_visible(timeout=30_000)


def test_the_learning_curve_has_a_picture(deployed: Served, run: str, page: Page) -> None:
    page.goto(artifact(deployed, run, "learning-curve-lstm-seed1"))
    picture = page.locator("img[src^='data:image/png']").first
    expect(picture).to_be_visible(timeout=30_000)
    assert picture.evaluate("image => image.naturalWidth") > 100


def deployment(served: Served, name: str) -> str:
    """The id of a deployment."""
    return str(httpx.get(f"{served.page}/api/deployments/name/train/{name}").json()["id"])


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
    wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}
    lines = [log["message"] for log in httpx.post(f"{deployed.page}/api/logs/filter", json=wanted).json()]
    assert any("lstm seed 1: trained by compiled loops" in line for line in lines)
