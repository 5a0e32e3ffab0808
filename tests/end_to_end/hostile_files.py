"""Bad files: data, stored records, texts to train on and to score; read by the code that runs read them with."""

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from flows.main import run_command_line
from tasks.data.imdb_npz import read_imdb_npz, write_imdb_npz
from tasks.prepare import prepare
from tasks.results.data import Source
from tests.conftest import random_reviews
from tests.end_to_end.hostile_cases import DONE, FAILED, Case, WrongResultError
from tests.tasks.data.test_imdb_npz import FAULTY, objects, save

TRAIN, TEST = random_reviews(60), random_reviews(30, seed=1)
FLIPS = 120


def read_npz(make: Callable[[Path], None]) -> Callable[[Path], int]:
    """Reads a file that must be refused, or hold the reviews that were written."""

    def act(folder: Path) -> int:
        path = folder / "imdb.npz"
        make(path)
        for found, written in zip(read_imdb_npz(path), (TRAIN, TEST), strict=True):
            for name in ("ranks", "offsets", "labels"):
                if not np.array_equal(getattr(found, name), getattr(written, name)):
                    raise WrongResultError(f"other {name}")
        return DONE

    return act


def _flipped(seed: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        write_imdb_npz(path, TRAIN, TEST)
        content, random = bytearray(path.read_bytes()), np.random.default_rng(seed)
        content[random.integers(len(content))] ^= 1 << int(random.integers(8))
        path.write_bytes(content)

    return make


def _member(name: str, content: bytes) -> Callable[[Path], None]:
    """An archive in which one member is something else."""

    def make(path: Path) -> None:
        save(path, **{name: None})
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(f"{name}.npy", content)

    return make


def _npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=True)
    return buffer.getvalue()


def _pickled(pickled: bytes, count: int = 3) -> bytes:
    """An object array whose pickle is something else."""
    array = _npy(objects(*range(count)))
    return array[: array.index(b"\n") + 1] + pickled


PICKLES = {
    "a call": b"cos\nsystem\n(S'true'\ntR.",
    "a class": b"\x80\x04c__main__\nX\n.",
    "endless marks": b"(" * 100_000,
    "deep lists": b"]" * 100_000 + b"a" * 99_999 + b".",
    "no end": b"\x80\x04]",
    "nothing": b"",
    "text": b"(lp0\nI1\na.",
    "memo from nowhere": b"\x80\x04h\x05.",
    "recursive list": b"\x80\x02]q\x00h\x00a.",
    "persistent": b"Px\n.",
    "huge frame": b"\x80\x04\x95" + b"\xff" * 8,
    "huge bytes": b"\x80\x04\x8e" + b"\xff" * 8,
    "protocol 9": b"\x80\x09.",
    "huge long": b"\x80\x02\x8b\xff\xff\xff\x7f",
    "stack underflow": b"\x80\x02aaaa.",
    "build": b"\x80\x02]}b.",
    "memo index of 2**31": b"\x80\x02]r\xff\xff\xff\x7f.",
    "frame that ends in an operand": b"\x80\x04\x95\2\0\0\0\0\0\0\0M\5\0U)"
    + b"r\xff\xff\xff\x7f".ljust(41, b"N")
    + b".",
    "extension": b"\x80\x02\x82\x01.",
    "new object": b"\x80\x02cos\nsystem\n)\x81.",
    "instance": b"(S'true'\nios\nsystem\n.",
    "long text encoded often": pickle.dumps("x" * 1_000_000, 2)[:-1]
    + b"("
    + b"c_codecs\nencode\nh\0X\6\0\0\0latin1\x86R" * 20_000
    + b"t.",
    "dictionary": pickle.dumps({1: 2}),
    "strings": pickle.dumps(["a", "b", "c"]),
    "sets": pickle.dumps([{1}, {2}, {3}]),
    "floats": pickle.dumps([[1.0], [2.0], [3.0]]),
    "booleans": pickle.dumps([[True], [False], [True]]),
    "none": pickle.dumps([[None], [1], [2]]),
    "huge integers": pickle.dumps([[2**70], [1], [2]]),
}
ARCHIVES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("imdb"),
    "folder": Path.mkdir,
    "zeros": lambda path: path.write_bytes(bytes(10_000)),
    "link to itself": lambda path: path.symlink_to(path),
    "empty zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "zip header alone": lambda path: path.write_bytes(b"PK\3\4"),
    "a single array": lambda path: path.write_bytes(_npy([1])),
    "nothing there": lambda path: path.unlink(missing_ok=True),
    "allowed shape, wrong type": _member("x_train", _npy(np.zeros((3, 2)))),
    "void": _member("y_train", _npy(np.zeros(3, "V8"))),
    "dates": _member("y_train", _npy(np.zeros(3, "M8[s]"))),
    "text labels": _member("y_train", _npy(["0", "1", "0"])),
    "no header": _member("x_train", b"\x93NUMPY"),
    "version 9": _member("x_train", b"\x93NUMPY\x09\x00" + bytes(64)),
    "header is code": _member("x_train", b"\x93NUMPY\x01\x00\x10\x00__import__('os')"),
    "header of brackets": _member("x_train", b"\x93NUMPY\x02\x00\xff\x0f\x00\x00" + b"(" * 4_095),
    "header of minus signs": _member("y_train", b"\x93NUMPY\x01\x00\x00\x0f" + b"-" * 3_839 + b"1"),
    "negative shape": _member(
        "y_train", b"\x93NUMPY\x01\x00\x40\x00{'descr':'<i8','fortran_order':False,'shape':(-3,)}".ljust(74)
    ),
    "huge shape": _member(
        "y_train", b"\x93NUMPY\x01\x00\x50\x00{'descr':'<i8','fortran_order':False,'shape':(99999999999,)}".ljust(90)
    ),
}


def npz_cases() -> Iterator[Case]:
    """`imdb.npz`: other archives, other pickles, wrong contents, flipped bits, cuts."""
    for name, make in ARCHIVES.items():
        yield Case("npz", name, read_npz(make), (FAILED,))
    for name, pickled in PICKLES.items():
        for member in ("x_train", "y_test"):
            yield Case("npz", f"{name} in {member}", read_npz(_member(member, _pickled(pickled))), (FAILED,))
    for name, (changes, _) in FAULTY.items():
        yield Case("npz", name, read_npz(lambda path, changes=changes: save(path, **changes)), (FAILED,))
    for seed in range(FLIPS):
        yield Case("npz, a flipped bit", str(seed), read_npz(_flipped(seed)), (DONE, FAILED))


RECORDS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda content: content[: len(content) // 2],
    "null": lambda _: b"null",
    "list": lambda _: b"[]",
    "number": lambda _: b"1e999",
    "nothing in it": lambda _: b"{}",
    "not UTF-8": lambda _: b"\xff\xfe{",
    "deep": lambda _: b"[" * 100_000,
    "deep object": lambda _: b'{"a":' * 100_000,
    "pickle": lambda _: pickle.dumps({"record": 1}),
    "record is a list": lambda _: b'{"record": []}',
    "record is text": lambda _: b'{"record": "x"}',
    "zeros": lambda content: bytes(len(content)),
    "twice": lambda content: content * 2,
    "all digits are 7": lambda content: bytes(55 if 48 <= byte < 58 else byte for byte in content),
    "other keys": lambda content: content.replace(b'"path"', b'"paths"').replace(b'"folder"', b'"folders"'),
    "huge number": lambda content: content.replace(b"1", b"9" * 5_000, 1),
    "NaN": lambda content: content.replace(b"0", b"NaN", 1),
}


def _digit(seed: int) -> Callable[[bytes], bytes]:
    """Changes one digit."""

    def change(content: bytes) -> bytes:
        places = [place for place, byte in enumerate(content) if 48 <= byte < 58]
        place = int(np.random.default_rng(seed).choice(places))
        return content[:place] + bytes([48 + (content[place] - 47) % 10]) + content[place + 1 :]

    return change


def read_record(change: Callable[[bytes], bytes]) -> Callable[[Path], int]:
    """Prepares, damages the record, prepares again: the result is the same."""

    def act(folder: Path) -> int:
        write_imdb_npz(folder / "imdb.npz", TRAIN, TEST)
        inputs = (Source("file", folder / "imdb.npz", "0" * 64, "x"), 50, 30, None, folder / "data")
        first, record = prepare.keep(*inputs), prepare.record(*inputs)
        assert record
        record.path.write_bytes(change(record.path.read_bytes()))
        if prepare.keep(*inputs) != first:
            raise WrongResultError("another result")
        return DONE

    return act


def _damage_folder(folder: Path, name: str, damage: str) -> None:
    """Puts something else in the place of a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if damage == "folder":
        (path / "x").mkdir(parents=True)
    elif damage == "loop":
        path.symlink_to(path)
    else:
        path.write_bytes(RECORDS[damage](b'{"settings": {}, "number": 1}\n'))


OUTPUT_FILES = {
    "history.parquet": ["history"],
    "runs/20260101-a/run.json": ["diff", "20260101", "20260101"],
    "registry/champion.json": ["champion"],
    "registry/promotions.jsonl": ["champion"],
    "runs/20260102-b/run.json": ["score", "--text", "good film", "--model", "20260102"],
}


def read_output(name: str, damage: str, arguments: list[str]) -> Callable[[Path], int]:
    """A command that reads a damaged file below `outputs`."""

    def act(folder: Path) -> int:
        _damage_folder(folder, name, damage)
        return run_command_line([*arguments, "--outputs", str(folder)])

    return act


def record_cases() -> Iterator[Case]:
    """Damaged records of results are made again; damaged files of `outputs` are named."""
    for name, change in RECORDS.items():
        yield Case("records", name, read_record(change), (DONE,))
    for seed in range(20):
        yield Case("records", f"digit {seed}", read_record(_digit(seed)), (DONE,))
    for name, arguments in OUTPUT_FILES.items():
        for damage in (*RECORDS, "folder", "loop"):
            yield Case("outputs", f"{name}: {damage}", read_output(name, damage, arguments), (DONE, FAILED))
