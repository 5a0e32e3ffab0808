"""Which Prefect server a run uses: the configured one, or a temporary one that ends with the run."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import unquote
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.context import refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.utilities.urls import url_for

from flows.settings import masked
from flows.temporary_server import Server
from tasks.errors import PipelineError, shortened


@contextmanager
def api_server(ahead: Server | None = None) -> Iterator[Callable[[], None]]:
    """Use the configured Prefect server, or start one for the block; yield a function that waits until it answers.

    All processes of the run share this server; by default Prefect would start one in each process. A temporary server
    uses the same database as `uv run prefect server start`, which can show the run later.

    Args:
        ahead: a temporary server that is already starting, used unless a server is configured.

    Raises:
        PipelineError: the configured server does not answer, or a temporary one could not be started.
    """
    configured = PREFECT_API_URL.value()
    if configured:
        if ahead:
            ahead.stop()
        with _environment(**_password_apart(configured)):
            _check_server(configured)
            yield lambda: None
        return
    # No UI address: this server's password is not known, and links to it are dead once the run has ended.
    with (
        ahead or Server() as server,
        _environment(PREFECT_API_URL=server.url, PREFECT_API_AUTH_STRING=server.password, PREFECT_UI_URL=""),
    ):
        try:
            yield server.wait_until_up
        finally:
            # Logs and events still in the queues must reach the server before it ends.
            APILogWorker.drain_all(timeout=10)
            EventsWorker.drain_all(timeout=10)


def _password_apart(url: str) -> dict[str, str]:
    """Settings that keep an address and its password apart, because Prefect prints addresses but not passwords."""
    user, _, rest = url.partition("://")[2].rpartition("@")
    if not user or "/" in user:
        return {}
    password = PREFECT_API_AUTH_STRING.value() or unquote(user)
    return {"PREFECT_API_URL": f"{url.partition('://')[0]}://{rest}", "PREFECT_API_AUTH_STRING": password}


def server_address() -> str | None:
    """The API address of the configured server, or None."""
    return cast(str | None, PREFECT_API_URL.value())


def run_page(run: UUID | None) -> str:
    """The address at which the UI shows a run after `api_server` has ended."""
    if PREFECT_API_URL.value():
        return masked(url_for("flow-run", obj_id=run) or str(run))
    return f"`uv run prefect server start`, then http://127.0.0.1:4200/runs/flow-run/{run}"


def _check_server(url: str) -> None:
    try:
        server_version()
    except PrefectHTTPStatusError as error:
        raise PipelineError(
            f"PREFECT_API_URL {masked(url)}: the server refused access ({error.response.status_code}); set "
            "PREFECT_API_AUTH_STRING to the server's PREFECT_SERVER_API_AUTH_STRING"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise PipelineError(
            f"PREFECT_API_URL {masked(url)}: no Prefect server answers ({shortened(error)}); run `uv run prefect "
            "server start`, or unset PREFECT_API_URL so that the run starts its own"
        ) from error


def server_version() -> str:
    """The Prefect version of the configured server."""

    with get_client(sync_client=True) as client:
        return client.api_version()


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for this process and its children, and reload Prefect's settings."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    refresh_global_settings_context()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        refresh_global_settings_context()
