"""Reports outcomes: in the log, in the UI, and to a webhook (`--webhook URL`, or the variable RNN_WEBHOOK).

A webhook's address is often a secret, so it is not part of the settings: the run form does not show it, and no
file records it.
"""

import os
from collections.abc import Iterable
from typing import Any

import httpx
from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.logging import get_logger, get_run_logger
from prefect.utilities.urls import url_for

from artifacts.markup import one_line
from artifacts.publish import Artifact, publish
from flows.settings import masked
from tasks.deadline import within
from tasks.errors import shortened

VARIABLE = "RNN_WEBHOOK"
FAILURES = ("on_failure", "on_crashed", "on_cancellation")
READ_SECONDS, DEADLINE_SECONDS = 10.0, 20.0


def announce(sentence: str, *artifacts: Artifact) -> None:
    """Report an outcome in the log, to the webhook and in the UI. It is on disk already: no error here fails a run."""
    get_run_logger().info(sentence)
    post_line(sentence)
    publish_or_warn(artifacts)


def publish_or_warn(artifacts: Iterable[Artifact]) -> list[str]:
    """Publish artifacts in the UI; log a warning for each that the server refuses, or if the server does not answer.

    Returns:
        for each artifact that was refused, what it is and why.
    """
    refused = []
    for artifact in artifacts:
        try:
            publish(artifact)
        except httpx.TransportError as error:
            get_run_logger().warning("The results are kept, but could not be published (%s)", error)
            break
        except Exception as error:
            refused.append(f"artifact {artifact.key}: {type(error).__name__}, {shortened(error)}")
            get_run_logger().warning("Not published: %s", refused[-1])
    return refused


def add_tags(*tags: str) -> None:
    """Add tags to the current flow run in the UI."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(runtime.flow_run.id, tags=sorted({*tags, *runtime.flow_run.tags}))


def webhook_is_set() -> bool:
    """Whether a webhook's address is set."""
    return bool(os.environ.get(VARIABLE))


def post_end(flow: Any, flow_run: Any, state: Any) -> None:
    """Post how a run ended, as a Prefect state hook. A webhook that does not answer never fails the run.

    The body is JSON, `{"text": "train simple_rnn + lstm: Completed …"}`, the form that Slack and Mattermost expect.
    """
    post_line(f"{flow.name} {flow_run.name}: {state.name}. {state.message or ''} {_page(flow_run)}".strip())


def on_failure_hooks(*ends: str) -> dict[str, Any]:
    """State hooks that post how a flow ends; none if no address is set, as Prefect logs even idle hooks."""
    return {end: [post_end] for end in ends} if webhook_is_set() else {}


def post_line(text: str) -> None:
    """Post `text` to the webhook, if an address is set."""
    address = os.environ.get(VARIABLE)
    if not address:
        return
    try:
        within(DEADLINE_SECONDS, lambda: _post(address, text), "webhook")
    except TimeoutError:
        get_logger("webhook").warning("The webhook did not answer within %d s", DEADLINE_SECONDS)


def _post(address: str, text: str) -> None:
    """Post the text and check the status of the response; its body is not read."""
    try:
        with httpx.stream("POST", address, json={"text": _escaped(text)}, timeout=READ_SECONDS) as response:
            response.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        get_logger("webhook").warning("The webhook could not be reached (%s)", type(error).__name__)


def _escaped(text: str) -> str:
    """Text without Slack's control sequences: `<!channel>` in a file's name would call everybody."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _page(flow_run: Any) -> str:
    return masked(url_for("flow-run", obj_id=flow_run.id) or "")
