"""Bad texts to train on and to score, and bad answers from the network."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.fetch import fetch
from tasks.results.data import TextData
from tasks.results.scoring import RowData
from tasks.score import find_scorer, score, write
from tests.end_to_end.hostile_cases import DONE, FAILED, Case
from tests.tasks.data.own_texts.forms import reviews, write_csv
from tests.tasks.test_score import Trained

REJECTED = 3
GOOD = "".join(f'"review {number} of film",{number % 2}\n' for number in range(40))
HEADER = "text,label\n"


def _parquet(**columns: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def _jsonl(*lines: object) -> bytes:
    good = [json.dumps({"text": f"review {number} of film", "label": number % 2}) for number in range(40)]
    return "\n".join([*good, *(line if isinstance(line, str) else json.dumps(line) for line in lines)]).encode()


# By suffix: files that no training may take without a word.
TEXTS: dict[str, dict[str, bytes]] = {
    ".csv": {
        "empty": b"",
        "newline": b"\n",
        "header alone": HEADER.encode(),
        "zeros": bytes(10_000),
        "random": os.urandom(5_000),
        "no text column": b"review,label\na,1\n",
        "no label column": b"text,stars\na,1\n",
        "two text columns": b"text,text,label\na,b,1\n",
        "UTF-16": (HEADER + GOOD).encode("utf-16"),
        "Latin-1": (HEADER + GOOD).encode() + b'"caf\xe9",1\n',
        "too many columns": (HEADER + GOOD + "a,1,2\n").encode(),
        "too few columns": (HEADER + GOOD + "a\n").encode(),
        "open quote": (HEADER + GOOD + '"never closed,1\n').encode(),
        "no label": (HEADER + GOOD + "a,\n").encode(),
        "third class": (HEADER + GOOD + "a,2\n").encode(),
        "quotes escaped by a backslash": (HEADER + GOOD + '"He said \\"hi\\" to all",1\n').encode(),
        "stray quotes": (HEADER + '"inch wide,1\n' + GOOD + '12",0\n').encode(),
        "a stray quote": (HEADER + '"inch wide,1\n' + GOOD + '"good, really",0\n').encode(),
        "NUL": (HEADER + GOOD + "a\0b,1\n").encode(),
        "UTF-32 without a mark": (HEADER + GOOD).encode("utf-32-be"),
        "one class": (HEADER + "".join(f"film {n},1\n" for n in range(40))).encode(),
        "one review": (HEADER + "film,1\n").encode(),
        "all texts empty": (HEADER + "".join(f'"",{n % 2}\n' for n in range(40))).encode(),
        "zip": b"PK\x03\x04" + bytes(500),
        "floats as labels": (HEADER + GOOD + "a,0.5\n").encode(),
        "huge header": b"x" * 3_000_000 + b",text,label\n",
        "label of a formula": (HEADER + GOOD + "a,=1+1\n").encode(),
        "the same text": (HEADER + "film,0\nfilm,1\n" * 30).encode(),
    },
    ".jsonl": {
        "empty": b"",
        "blank lines": b"\n\n \n",
        "array": b"[]",
        "a JSON array of rows": b'[{"text": "a", "label": 1}]',
        "cut": _jsonl()[:-9],
        "deep": _jsonl("[" * 100_000),
        "deep object": _jsonl('{"text":' * 100_000),
        "number": _jsonl("3"),
        "text is a number": _jsonl({"text": 3, "label": 1}),
        "text is a list": _jsonl({"text": ["a"], "label": 1}),
        "label is a list": _jsonl({"text": "a", "label": [1]}),
        "label is null": _jsonl({"text": "a", "label": None}),
        "label NaN": _jsonl('{"text": "a", "label": NaN}'),
        "half a character": _jsonl('{"text": "\\ud800", "label": 1}'),
        "not UTF-8": _jsonl() + b'\n{"text": "\xff", "label": 1}',
        "no label": _jsonl({"text": "a"}),
        "huge number": _jsonl('{"text": "a", "label": ' + "9" * 5_000 + "}"),
        "zeros": bytes(1_000),
        "UTF-16": _jsonl().decode().encode("utf-16"),
    },
    ".parquet": {
        "empty": b"",
        "text": b"text,label\n",
        "magic alone": b"PAR1PAR1",
        "cut": _parquet(text=["a"] * 40, label=[0, 1] * 20)[:-20],
        "no rows": _parquet(text=pa.array([], pa.string()), label=pa.array([], pa.int64())),
        "bytes": _parquet(text=[b"a"] * 40, label=[0, 1] * 20),
        "numbers as texts": _parquet(text=[1] * 40, label=[0, 1] * 20),
        "lists as texts": _parquet(text=[["a"]] * 40, label=[0, 1] * 20),
        "lists as labels": _parquet(text=["a"] * 40, label=[[0]] * 40),
        "no label column": _parquet(text=["a"] * 40),
        "missing labels": _parquet(text=["a"] * 40, label=[0, None] * 20),
        "NaN labels": _parquet(text=["a"] * 40, label=[0.0, float("nan")] * 20),
        "dates as labels": _parquet(text=["a"] * 40, label=pa.array([0, 1] * 20, pa.timestamp("s"))),
        "random": b"PAR1" + os.urandom(999) + b"PAR1",
    },
    ".txt": {"a text": b"film"},
    ".xlsx": {"a table": b"PK\x03\x04"},
    "": {"no suffix": b"text,label\n"},
    ".pkl": {"a pickle": b"\x80\x04."},
}


def survey(suffix: str, content: bytes) -> Callable[[Path], int]:
    """Reads texts as the first step of a training does."""

    def act(folder: Path) -> int:
        path = folder / f"reviews{suffix}"
        path.write_bytes(content)
        fetch.keep(TextData(data=(path,)), "auto", folder / "cache")
        return DONE

    return act


PATHS: dict[str, Callable[[Path], Path]] = {
    "nothing there": lambda folder: folder / "none.csv",
    "pattern of nothing": lambda folder: folder / "*.csv",
    "odd pattern": lambda folder: folder / "[",
    "two stars": lambda folder: folder / "**a**.csv",
    "empty folder": lambda folder: folder,
    "name that is too long": lambda folder: folder / ("a" * 300 + ".csv"),
    "path that is too long": lambda folder: folder.joinpath(*["a" * 200] * 30),
    "zero byte": lambda folder: folder / "a\0b.csv",
    "not UTF-8": lambda folder: folder / "a\udcff.csv",
    "device": lambda _: Path("/dev/null"),
    "root": lambda _: Path("/"),
    "home": lambda _: Path("~/reviews.csv"),
    "upwards": lambda folder: folder / ".." / ".." / "none.csv",
    "web": lambda _: Path("http://localhost/reviews.csv"),
    "not UTF-8, by a pattern": lambda folder: _odd(folder),
    "loop": lambda folder: _loop(folder / "loop.csv"),
    "dangling": lambda folder: _link(folder / "dangling.csv", folder / "none"),
    "empty classes": lambda folder: _classes(folder),
    "folder called csv": lambda folder: _folder(folder / "folder.csv"),
}


def _odd(folder: Path) -> Path:
    write_csv(folder / "a\udcff.csv", reviews(40))
    return folder / "*.csv"


def _loop(path: Path) -> Path:
    return _link(path, path)


def _link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _classes(folder: Path) -> Path:
    for name in ("pos", "neg"):
        (folder / name).mkdir()
    return folder


def text_cases() -> Iterator[Case]:
    """Texts to train on, and paths to them."""
    for suffix, files in TEXTS.items():
        for name, content in files.items():
            yield Case("texts", f"{suffix} {name}", survey(suffix, content), (FAILED,))
    for name, path in PATHS.items():

        def act(folder: Path, path: Callable[[Path], Path] = path) -> int:
            fetch.keep(TextData(data=(path(folder),)), "auto", folder / "cache")
            return DONE

        yield Case("paths", name, act, (FAILED,))


# What is odd, but has texts that can be scored.
SCORED = {
    ".csv no label column",
    ".csv no label",
    ".csv third class",
    ".csv one class",
    ".csv one review",
    ".csv floats as labels",
    ".csv label of a formula",
    ".csv the same text",
    ".jsonl label is a list",
    ".jsonl label is null",
    ".jsonl no label",
    ".parquet no label column",
    ".parquet missing labels",
    ".parquet NaN labels",
    ".parquet lists as labels",
    ".parquet dates as labels",
    ".jsonl label NaN",
    ".jsonl huge number",
    ".txt a text",
}


def score_cases(trained: Trained, outputs: Path) -> Iterator[Case]:
    """Texts to score by a small network, with no reject allowed; paths to them and to the scores."""

    def scoring(path: Path, output: Path) -> int:
        data = RowData(path, "text")
        network = find_scorer(outputs, data, output, str(trained.branch.folder), has_reviews=False)
        write.keep(data, score.keep(data, network, output.parent / "scores"), output, 0.0)
        return DONE

    for suffix, files in TEXTS.items():
        for name, content in files.items():

            def act(folder: Path, suffix: str = suffix, content: bytes = content) -> int:
                (folder / f"in{suffix}").write_bytes(content)
                return scoring(folder / f"in{suffix}", folder / "out.jsonl")

            case = f"{suffix} {name}"
            yield Case("scores", case, act, (DONE, REJECTED) if case in SCORED else (FAILED, REJECTED))
    for name, path in PATHS.items():
        if name == "root":  # All texts of the machine would be scored, as was asked.
            continue
        yield Case("scores", name, lambda folder, path=path: scoring(path(folder), folder / "out.csv"), (FAILED,))
    for output in ("out.xlsx", "out", "in.csv", ".csv", "a\0b.csv", "a" * 300 + ".csv", "in.csv/out.csv"):

        def into(folder: Path, output: str = output) -> int:
            return scoring(write_csv(folder / "in.csv", reviews(5)), folder / output)

        yield Case("scores", f"into {output[:20]!r}", into, (FAILED,))
