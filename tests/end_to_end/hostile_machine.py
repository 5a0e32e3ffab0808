"""Bad surroundings of a run: servers, proxies, homes; and what is in the way of the files that it writes."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.environment import check_prefect_home, prepare_environment
from flows.ops.server_password import write_password
from flows.server import api_server
from tasks.data.scoring.output import check_output
from tasks.results.scoring import RowData
from tasks.score import find_scorer, score, write
from tests.end_to_end.hostile_cases import DONE, FAILED, Case, WrongResultError
from tests.end_to_end.hostile_server import ADDRESSES, ANSWERS, OK
from tests.tasks.data.own_texts.forms import reviews, write_csv
from tests.tasks.file_server import answering
from tests.tasks.test_score import Trained


def asking(answer: bytes | None, address: str = "", drip: bool = False) -> Callable[[Path], int]:
    """A configured server that is none, or that never ends its answer."""

    def act(_: Path) -> int:
        with (
            answering(answer or b"", drip) as base,
            patch("flows.server.ANSWER_SECONDS", 2.0),
            patch("flows.server.BUSY_SECONDS", 0.0),
            temporary_settings(
                {PREFECT_API_URL: base if answer is not None else address, PREFECT_CLIENT_MAX_RETRIES: 0}
            ),
            api_server(),
        ):
            return DONE

    return act  # fmt: skip


def server_cases() -> Iterator[Case]:
    """`PREFECT_API_URL` at something else than a Prefect server."""
    for name, answer in ANSWERS.items():
        yield Case("servers", name, asking(answer), (FAILED,))
    for address in ADDRESSES:
        if address.startswith("http") and "[" not in address:  # Prefect itself refuses the others.
            yield Case("servers", f"at {address[:30]!r}", asking(None, address), (FAILED,))
    for name, start in {"headers that drip": b"A", "a body that drips": OK + b"\r\n"}.items():
        yield Case("servers", name, asking(start, drip=True), (FAILED,))
    for body in (b"1", b"null", b"[]", b"{}", b'"x"', b"3.9.1", b"[" * 100_000, b"\xff"):
        answer = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
        yield Case("servers", f"body {body[:10]!r}", asking(answer), (FAILED,))


PROXIES = [
    "foo://x",
    "http://[::1",
    "http://",
    "://",
    "http://a b",
    "socks9://x",
    "http://h:99999",
    "\udcff",
    "http://h:x",
]


def surroundings(**variables: str) -> Callable[[Path], int]:
    """What is checked before a run."""

    def act(folder: Path) -> int:
        changed = {name: value.replace("{}", str(folder)) for name, value in variables.items()}
        (folder / "file").touch()
        with patch.dict("os.environ", changed):
            prepare_environment()
            check_prefect_home()
        return DONE

    return act


def environment_cases() -> Iterator[Case]:
    """Proxies, certificates and homes."""
    for proxy in PROXIES:
        for name in ("ALL_PROXY", "https_proxy"):
            yield Case("surroundings", f"{name}={proxy!r}", surroundings(**{name: proxy}), (DONE, FAILED))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        yield Case("surroundings", name, surroundings(**{name: "{}/none"}), (FAILED,))
    for home in ("{}/file", "{}/file/below", "/proc/x", "/dev/null", "{}/" + "a" * 300):
        yield Case("surroundings", f"PREFECT_HOME={home[:20]}", surroundings(PREFECT_HOME=home), (FAILED,))
    for level in ("LOUD", "", " ", "10"):
        yield Case("surroundings", f"level {level!r}", surroundings(PREFECT_LOGGING_LEVEL=level), (DONE, FAILED))


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path)


# What is at a path where a command would write; none of it may be lost.
AT_THE_PATH: dict[str, Callable[[Path], object]] = {
    "a text": lambda path: path.write_bytes(b"somebody's"),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "a folder": lambda path: (path / "below").mkdir(parents=True),
    "a pipe": _pipe,
    "a loop": _loop,
    "a link": lambda path: (path.with_name("target").write_bytes(b"theirs"), path.symlink_to("target")),
    "a device": lambda path: path.symlink_to("/dev/null"),
    "a dead link": lambda path: path.symlink_to("nowhere"),
}


def keeping(make: Callable[[Path], object], name: str, act: Callable[[Path], object]) -> Callable[[Path], int]:
    """A command must leave everything in the folder as it is."""

    def listing(folder: Path) -> list[tuple[str, bytes]]:
        paths = sorted(folder.rglob("*"))
        is_plain = [path.is_file() and not path.is_symlink() for path in paths]
        return [(str(path), path.read_bytes() if plain else b"") for path, plain in zip(paths, is_plain, strict=True)]

    def tried(folder: Path) -> int:
        make(folder / name)
        before = listing(folder)
        try:
            act(folder)
        finally:
            if listing(folder) != before:
                raise WrongResultError("a file was changed or lost")
        return DONE

    return tried


def place_cases() -> Iterator[Case]:
    """Scores, their lists of rejects and `.env` at paths where something else is."""
    for kind, make in AT_THE_PATH.items():
        for name in ("o.csv", "o.jsonl", "o.parquet", "o.rejects.csv"):
            output = "o.csv" if name == "o.rejects.csv" else name
            act = keeping(make, name, lambda folder, output=output: check_output(folder / output, []))
            yield Case("places", f"{name} is {kind}", act, (FAILED,))
        act = keeping(make, ".env", lambda folder: write_password(folder / ".env"))
        if kind not in ("a text", "bytes"):  # Lines are added below what is there.
            yield Case("places", f".env is {kind}", act, (FAILED,))


def _nested(levels: int) -> pa.Array:
    values = pa.array([1, 2])
    for _ in range(levels):
        values = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), values)
    return values


COLUMNS: dict[str, pa.Array] = {
    "unknown zone": pa.array([0, None], pa.timestamp("us", "Mars/Phobos")),
    "unknown zone, nanoseconds": pa.array([1, None], pa.timestamp("ns", "Mars/Phobos")),
    "unknown zone in lists": pa.array([[0], None], pa.list_(pa.timestamp("us", "Mars/Phobos"))),
    "nanoseconds": pa.array([1, None], pa.timestamp("ns")),
    "years": pa.array([10**15, None], pa.timestamp("s")),
    "durations": pa.array([timedelta(1), None]),
    "time of day": pa.array([1, None], pa.time64("ns")),
    "half": pa.array([1.5, None]).cast(pa.float16()),
    "bytes": pa.array([b"\xff", None]),
    "views": pa.array(["a", None], pa.string_view()),
    "views in lists": pa.array([["a"], None], pa.list_(pa.string_view())),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16] * 2, pa.binary(16))),
    "json": pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(['{"a":1}'] * 2)),
    "dictionary": pa.array(["a", None]).dictionary_encode(),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    "structs": pa.array([{"a": {"b": float("nan")}}, None]),
    "nulls": pa.nulls(2),
    "deep": _nested(50),
    "too deep": _nested(300),
    "decimal": pa.array([1, None]).cast(pa.decimal256(60, 2)),
}


def column_cases(trained: Trained, outputs: Path) -> Iterator[Case]:
    """Columns of every type into every kind of output."""
    for name, values in COLUMNS.items():
        for suffix in (".csv", ".jsonl", ".parquet"):

            def act(folder: Path, values: pa.Array = values, suffix: str = suffix) -> int:
                path, output = folder / "in.parquet", folder / f"out{suffix}"
                pq.write_table(pa.table({"text": pa.array(["a film", "film"]), "x": values}), path)
                data = RowData(path, "text")
                network = find_scorer(outputs, data, output, str(trained.branch.folder), has_reviews=False)
                write.keep(data, score.keep(data, network, folder / "scores"), output, 0.0)
                return DONE

            yield Case("columns", f"{name} into {suffix}", act, (DONE, FAILED))

    def over_itself(folder: Path, name: str) -> int:
        path = write_csv(folder / name, reviews(5))
        before = path.read_bytes()
        try:
            data, output = RowData(folder, "text"), folder / "o.csv"
            network = find_scorer(outputs, data, output, str(trained.branch.folder), has_reviews=False)
            write.keep(data, score.keep(data, network, outputs / "scores"), output, 0.0)
        finally:
            if path.read_bytes() != before:
                raise WrongResultError("the input was changed or lost")
        return DONE

    for name in ("o.csv", "o.rejects.csv"):
        yield Case("places", f"the input is {name}", lambda folder, name=name: over_itself(folder, name), (FAILED,))
