import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from flows.ops.notify import VARIABLE, post_end, post_line, webhook_is_set


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Address of a receiver on this machine, and what it got."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got
        server.shutdown()


@pytest.mark.parametrize("end", ["Completed", "Failed", "Crashed"])
def test_posts_how_a_run_ended(
    end: str, receiver: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, receiver[0])
    run = SimpleNamespace(name="lstm", id="8a1f2c34-0000-4000-8000-000000000000")
    post_end(SimpleNamespace(name="train"), run, SimpleNamespace(name=end, message="why"))
    assert receiver[1][0]["text"].startswith(f"train lstm: {end}. why")


def test_a_webhook_that_does_not_answer_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:9/hook")
    post_line("text")
    monkeypatch.setenv(VARIABLE, "no address")
    post_line("text")


def test_every_flow_that_takes_a_webhook_posts_its_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:9/hook")
    code = """
from flows.drift import drift_flow
from flows.promote import promote_flow, rollback_flow
from flows.score import score_flow
from flows.train import train_flow

for flow in (drift_flow, promote_flow, rollback_flow, score_flow, train_flow):
    hooks = (flow.on_failure_hooks, flow.on_crashed_hooks, flow.on_cancellation_hooks)
    print(flow.name, [[hook.__name__ for hook in several] for several in hooks])
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout
    hooks = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert hooks == dict.fromkeys(("drift", "promote", "rollback", "score", "train"), str([["post_end"]] * 3))


def test_nobody_is_told_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not webhook_is_set()
    post_line("text")


def test_a_text_calls_nobody_and_stays_one_line(
    receiver: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, receiver[0])
    post_line("<!channel> & <@U1>\n\x1b[31mred.csv")
    assert receiver[1] == [{"text": "&lt;!channel&gt; &amp; &lt;@U1&gt; [31mred.csv"}]
