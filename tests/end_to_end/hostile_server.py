"""Bad answers from the network: to the download, and to the webhook."""

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

from flows.ops.notify import post_line
from tasks.storage.download import download
from tests.end_to_end.hostile_cases import DONE, FAILED, Case, WrongResultError
from tests.tasks.file_server import CONTENT, SHA256, answering

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(CONTENT)


def _redirect(address: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: " + address + b"\r\nContent-Length: 0\r\n\r\n"


# What the server says to every request; it then closes the connection.
ANSWERS: dict[str, bytes] = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00",
    "zeros": bytes(10_000),
    "HTTP 9": b"HTTP/9.9 200 OK\r\n\r\n",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "no length, no body": OK + b"\r\n",
    "other content": OK + b"Content-Length: 5\r\n\r\nother",
    "half": OK + LENGTH + b"\r\n" + CONTENT[:1_000],
    "length is text": OK + b"Content-Length: many\r\n\r\n" + CONTENT,
    "negative length": OK + b"Content-Length: -1\r\n\r\n" + CONTENT,
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "huge length": OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
    "huge length, more digits": OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
    "200 MiB and more": OK + b"Content-Length: 300000000\r\n\r\n" + CONTENT,
    "one byte more": OK + b"\r\n" + CONTENT + b"x",
    "one byte less": OK + b"\r\n" + CONTENT[:-1],
    "HTML": OK + b"Content-Type: text/html\r\n\r\n<html>Log in</html>",
    "compressed": OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 1_000),
    "no gzip": OK + b"Content-Encoding: gzip\r\n\r\nnot gzip",
    "bomb": OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(250 << 20), 1),
    "unknown encoding": OK + b"Content-Encoding: x\r\n\r\nabc",
    "bad chunks": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk without end": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "huge chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
    "header without end": OK + b"A: " + b"a" * 200_000,
    "many headers": OK + b"".join(b"A%d: a\r\n" % number for number in range(20_000)) + b"\r\n",
    "header of control signs": OK + b"A\x00: b\r\n\r\n",
    "header folded": OK + b" A: b\r\n\r\n",
    "only 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "206 that nobody asked for": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/99\r\n\r\nabcde",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "400": b"HTTP/1.1 400 Bad\r\n\r\n",
    "401": b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n',
    "404": b"HTTP/1.1 404 No\r\n\r\n",
    "407": b"HTTP/1.1 407 Proxy\r\n\r\n",
    "416": b"HTTP/1.1 416 Range\r\n\r\n",
    "429": b"HTTP/1.1 429 Slow\r\nRetry-After: 0\r\n\r\n",
    "429, wait 99 years": b"HTTP/1.1 404 No\r\nRetry-After: 9999999999\r\n\r\n",
    "Retry-After is text": b"HTTP/1.1 503 No\r\nRetry-After: soon\r\n\r\n",
    "Retry-After is negative": b"HTTP/1.1 503 No\r\nRetry-After: -5\r\n\r\n",
    "Retry-After is no digit": "HTTP/1.1 503 No\r\nRetry-After: ²\r\n\r\n".encode("latin-1"),
    "500": b"HTTP/1.1 500 No\r\n\r\n",
    "999": b"HTTP/1.1 999 What\r\n\r\n",
    "to itself": _redirect(b"/"),
    "to a file": _redirect(b"file:///etc/passwd"),
    "to nowhere": _redirect(b""),
    "to no address": _redirect(b"http://["),
    "to another kind": _redirect(b"ftp://127.0.0.1/"),
    "to a closed port": _redirect(b"http://127.0.0.1:9/"),
    "to text": _redirect(b"\xff\xfe"),
    "to port 99999": _redirect(b"http://127.0.0.1:99999/"),
    "no location": b"HTTP/1.1 301 Moved\r\n\r\n",
    "cookies": OK + b"Set-Cookie: a\x00=b; Domain=.\r\n\r\nabc",
}
ADDRESSES = [
    "",
    "imdb.npz",
    "http://",
    "http://[",
    "http://[::1",
    "http://a b/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:x/",
    "http://\x00/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/x",
    "javascript:1",
    "http://.",
    "http://..",
    "http://xn--",
    "//127.0.0.1",
    "http://127.0.0.1:9/",
    "http://nowhere.invalid/",
    "http://" + "a" * 300 + "/",
    "http://" + "a." * 200,
]


def downloading(answer: bytes | None, address: str = "", drip: bool = False) -> Callable[[Path], int]:
    """A download that must fail in a line and leave no file, or bring exactly what was wanted."""

    def act(folder: Path) -> int:
        target = folder / "imdb.npz"
        with (
            answering(answer or b"", drip) as base,
            patch("tasks.storage.download.BACK_OFF", return_value=0.0),
            patch("tasks.storage.download.MAX_SECONDS", 2.0),
        ):
            try:
                download(base if answer is not None else address, target, SHA256)
            finally:
                if target.exists() and target.read_bytes() != CONTENT:
                    raise WrongResultError("the download holds something else")
        return DONE

    return act


def posting(answer: bytes | None, address: str = "", drip: bool = False) -> Callable[[Path], int]:
    """A webhook, whatever it answers: the run goes on, soon."""

    def act(_: Path) -> int:
        began = time.monotonic()
        with (
            answering(answer or b"", drip) as base,
            patch("flows.ops.notify.DEADLINE_SECONDS", 2.0),
            patch.dict(
                "os.environ", {"RNN_WEBHOOK": (base if answer is not None else address).replace("\x00", "\x01")}
            ),
        ):
            post_line("text")
        if time.monotonic() - began > 5:
            raise WrongResultError("too slow")
        return DONE

    return act


def network_cases() -> Iterator[Case]:
    """Downloads and webhooks."""
    for name, answer in ANSWERS.items():
        yield Case("downloads", name, downloading(answer), (FAILED,))
        yield Case("webhooks", name, posting(answer), (DONE,))
    for address in ADDRESSES:
        yield Case("downloads", f"from {address[:30]!r}", downloading(None, address), (FAILED,))
        yield Case("webhooks", f"to {address[:30]!r}", posting(None, address), (DONE,))
    yield Case("downloads", "good", downloading(OK + LENGTH + b"\r\n" + CONTENT), (DONE,))
    for name, start in {"headers that drip": b"A", "a body that drips": OK + b"\r\n"}.items():
        yield Case("downloads", name, downloading(start, drip=True), (FAILED,))
        yield Case("webhooks", name, posting(start, drip=True), (DONE,))
