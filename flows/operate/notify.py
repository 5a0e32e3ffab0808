"""A line to a webhook when a run ends: `--webhook URL`, or the environment variable RNN_WEBHOOK.

The address is often a secret, so it is no setting of the run form and stands in no record.
"""

import os
from typing import Any

import httpx
from prefect.logging import get_logger
from prefect.utilities.urls import url_for

VARIABLE = "RNN_WEBHOOK"


def webhook_is_set() -> bool:
    """Whether there is anybody to tell."""
    return bool(os.environ.get(VARIABLE))


def post_end(flow: Any, flow_run: Any, state: Any) -> None:
    """A hook for Prefect: post which run ended how. A webhook that does not answer never fails a run.

    The body is JSON, `{"text": "train simple_rnn + lstm: Completed …"}`, which Slack and Mattermost take as it is.
    """
    post_line(f"{flow.name} {flow_run.name}: {state.name}. {state.message or ''} {_page(flow_run)}".strip())


def post_line(text: str) -> None:
    """Post `text` to the webhook, if there is one."""
    address = os.environ.get(VARIABLE)
    if not address:
        return
    try:
        httpx.post(address, json={"text": text}, timeout=10).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        get_logger("webhook").warning("The webhook was not reached (%s)", type(error).__name__)


def _page(flow_run: Any) -> str:
    return url_for("flow-run", obj_id=flow_run.id) or ""
