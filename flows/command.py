"""What the commands share: parameters, and a flow that runs with a Prefect server around it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from flows.operate.environment import load_prefect, outlive_the_audience, prepare_environment, say

Outputs = Annotated[Path, Parameter(help="Folder for data, models and reports.")]
WEBHOOK = (
    "Address to which one line of JSON is posted when the run ends; it is never recorded, but others on this machine "
    "can read command lines: better set RNN_WEBHOOK (URL)."
)
Webhook = Annotated[str | None, Parameter(help=WEBHOOK)]


def run_flow(load: Callable[[], Any], *inputs: Any, webhook: str | None) -> Any:
    """Run a flow with a Prefect server around it; gives its final state, or raises what made it fail.

    Args:
        load: imports the flow, while the server starts.
        inputs: the flow's parameters.
        webhook: address that hears of the run's end.
    """
    # Prefect's notice about usage data would break the progress bars; the run's own server sends none either.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    prepare_environment()
    if sys.stderr.isatty():
        say("Starting: the first imports take a few seconds", error=True)
    from flows.server import start_ahead

    ahead = start_ahead()
    load_prefect()
    from flows.runtime import api_server, report_user_errors_once, stopped_by_signals

    if webhook:
        os.environ["RNN_WEBHOOK"] = webhook
    with api_server(ahead) as wait_for_server, stopped_by_signals():
        flow = load()
        outlive_the_audience()
        report_user_errors_once()
        wait_for_server()
        state = flow(*inputs, return_state=True)
        state.result()
    return state


def say_page(state: Any) -> None:
    """Print where the UI shows a run."""
    from flows.runtime import run_page

    say(f"In the UI: {run_page(state.state_details.flow_run_id)}")
