"""Which Prefect server a run uses: the configured one, or a temporary one that ends with the run."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit
from uuid import UUID

import httpx
import prefect
from prefect.client.orchestration import get_client
from prefect.context import get_settings_context, refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect.utilities.urls import url_for
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from flows.environment import DOT_ENV, LOOPBACK, PROXIES
from flows.settings import masked
from flows.temporary_server import Server
from tasks.deadline import within
from tasks.errors import PipelineError, shortened

# A server that is busy is asked again for a while, and has this long for all of its answer.
BUSY, BUSY_SECONDS, ANSWER_SECONDS = (429, 500, 502, 503, 504), 10.0, 20.0
ADDRESS = re.compile(r"PREFECT_API_URL|^\s*\[(tool\.prefect\.)?api\]", re.MULTILINE)
VERSION = re.compile(r"\d+\.\d+")
NO_API = "something answers there, but it is not the API of a Prefect server; correct the address, which ends with /api"


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
    """Ask the configured server for its version.

    Raises:
        PipelineError: there is no Prefect server, it refuses access, or it does not answer in time.
    """
    name = f"PREFECT_API_URL {masked(url)}{_origin()}{_proxy(url)}"
    retrying = Retrying(
        stop=stop_after_delay(BUSY_SECONDS), wait=wait_fixed(2), retry=retry_if_exception(_is_busy), reraise=True
    )
    try:
        version = within(ANSWER_SECONDS, lambda: retrying(_ask_version), "server version")
    except PrefectHTTPStatusError as error:
        raise PipelineError(f"{name}: {_refusal(url, error.response.status_code)}") from error
    except TimeoutError:
        raise PipelineError(f"{name}: no whole answer within {ANSWER_SECONDS:.0f} s; restart that server") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise PipelineError(
            f"{name}: no Prefect server answers ({shortened(error)}); run `uv run prefect server start` in this "
            "folder, or remove the address so that the run starts its own"
        ) from error
    except (ValueError, RecursionError):
        version = ""
    if not isinstance(version, str) or not VERSION.match(version):
        raise PipelineError(f"{name}: {NO_API}")
    if _major(version) != _major(prefect.__version__):
        raise PipelineError(
            f"{name}: that server has Prefect {shortened(version)}, and this project {prefect.__version__}; use a "
            "server of the same major version"
        )


def _ask_version() -> str:
    """The server's version and, if it is ours, a first question that a server which hangs cannot answer.

    Each is asked once: Prefect on its own would try six times, with longer and longer pauses.
    """
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(sync_client=True, httpx_settings={"timeout": ANSWER_SECONDS}) as client,
    ):
        version = client.api_version()
        if isinstance(version, str) and _major(version) == _major(prefect.__version__):
            client.read_flow_runs(limit=1)
        return version


def _major(version: str) -> str:
    return version.partition(".")[0]


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, PrefectHTTPStatusError) and error.response.status_code in BUSY


def _refusal(url: str, status: int) -> str:
    if status in (401, 403):
        return (
            f"the server refused access ({status}); set PREFECT_API_AUTH_STRING to the server's "
            "PREFECT_SERVER_API_AUTH_STRING"
        )
    if status in BUSY:
        return f"the server has been too busy for {BUSY_SECONDS:.0f} s ({status}); try again later"
    lacks = "" if url.rstrip("/").endswith("/api") else ", and the address lacks /api"
    return f"{NO_API} (found status {status}{lacks})"


def _origin() -> str:
    """Where the server's address is set, unless it is the environment."""
    if os.environ.get("PREFECT_API_URL"):
        return ""
    for path in (DOT_ENV, Path("prefect.toml"), Path("pyproject.toml")):
        if path.is_file() and ADDRESS.search(path.read_text(encoding="utf-8", errors="replace")):
            return f" (set in {path})"
    profile = get_settings_context().profile
    return (
        f" (set in profile {profile.name!r}: `prefect config unset PREFECT_API_URL`)"
        if PREFECT_API_URL in profile.settings
        else ""
    )


def _proxy(url: str) -> str:
    """Through which proxies the server is asked; empty for this machine's own addresses."""
    if urlsplit(url).hostname in LOOPBACK:
        return ""
    given = sorted(name for name in os.environ if name.upper() in PROXIES)
    return f" (through {' or '.join(given)})" if given else ""


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
