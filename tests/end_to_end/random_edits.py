"""Random edits of what a user may get from others or damage: one file, link or folder below `outputs`."""

import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.storage.files import remove, sha256_of_file, sha256_of_json
from tasks.storage.registry import network_name

RAW = "raw text follows: "
PLACES = ("gone", "folder", "full folder", "pipe", "loop", "outside", "canary", "zero", "dangling", "file")
TEXTS = ("x", "\x1b[31m", "{}", "[" * 90_000, "null", "[]", '{"a":' * 900 + "1" + "}" * 900, "1e400")
DEPTHS = (30, 300, 900, 990, 5_000)
VALUES: tuple[Any, ...] = (
    None, [], {}, True, False, "", "2", 0, -1, 5, -5, 0.1, 1.5, 10**9, 2**31, 2**63, 10**30, -(10**19), 1e308, -1e308,
    float("nan"), float("inf"), f"{RAW}1e400", f"{RAW}-1e400", f"{RAW}{'9' * 5_000}", f"{RAW}-0",
    [None], [[]], ["x"], {"a": 1}, [1, 2], "x" * 99_999,
    *(f"{RAW}{'[' * depth}{']' * depth}" for depth in DEPTHS),
    *(RAW + '{"a":' * depth + "1" + "}" * depth for depth in DEPTHS),
    "/etc/passwd", "/dev/zero", "..", ".", "../../victim", "../victim/canary", "models/../../victim", "~", "*",
    "a\\b", "a\nb", "a\0b", "a" * 300, "a/" * 3_000, "\ud800", "\x1b[31m\x07", "\u202e",
    "[bold]x[/nope]", "<script>1</script>", "{x}", "%s", "0" * 64,
    "models", "runs", "lstm", "gru", "1", "NaN", "rollback", "PROMOTE",
)  # fmt: skip


class Edit(NamedTuple):
    """What was done to which file."""

    name: str
    what: str


def edit(chosen: random.Random, outputs: Path, target: str) -> Edit:
    """Edit one of the files that match a pattern; mostly, let the digests in all records fit it afterwards."""
    path = chosen.choice(sorted(outputs.glob(target)))
    before = sha256_of_file(path) if path.is_file() else ""
    kinds: list[Callable[[random.Random, Path], str]] = [_bytes, _place]
    if path.is_dir() or path.is_symlink() or path.suffix == ".lock":
        kinds = [_place]
    by_suffix = {".json": _json, ".jsonl": _json, ".parquet": _parquet, ".keras": _keras}
    special = by_suffix.get(path.suffix)
    if special and path.is_file():
        kinds += [special] * 6
    what = chosen.choice(kinds)(chosen, path)
    if chosen.random() < 0.8 and path.is_file() and not path.is_symlink():
        fit(outputs, before, sha256_of_file(path))
        what += ", digests fit"
    return Edit(str(path.relative_to(outputs)), what)


def fit(outputs: Path, before: str, after: str) -> None:
    """Let the digests and checksums in all records fit the files, and the names of networks their contents."""
    for path in [*outputs.glob("*/*/*.json"), *outputs.glob("registry/networks/*/*.json")]:
        if path.is_file():
            _replaced(path, before, after)
            _fit_checksum(path)
    for manifest in outputs.glob("registry/networks/*/manifest.json"):
        try:
            content = json.loads(manifest.read_text())
            name = network_name({name: content["sha256"][name] for name in content["content"]})
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if name != manifest.parent.name:
            _replaced(outputs / "registry/promotions.jsonl", manifest.parent.name, name)
            manifest.parent.rename(manifest.parent.with_name(name))


def _fit_checksum(path: Path) -> None:
    try:
        fields = json.loads(path.read_text())
        old = fields.pop("record")["checksum"]
        _replaced(path, old, sha256_of_json(fields))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return


def _replaced(path: Path, old: str, new: str) -> None:
    content = path.read_bytes()
    if old and old.encode() in content:
        _write(path, content.replace(old.encode(), new.encode()))


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # A file of the registry cannot be written.
    path.write_bytes(content)


def _bytes(chosen: random.Random, path: Path) -> str:
    """Cuts, flips, zeros, nothing, twice."""
    content = bytearray(path.read_bytes())
    place = chosen.randrange(len(content)) if content else 0
    kind = chosen.choice(["cut", "flip", "flips", "zeros", "empty", "twice", "ff", "insert", "not UTF-8"])
    if kind in ("flip", "flips") and content:
        for _ in range(1 if kind == "flip" else 40):
            content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    changed = {
        "cut": content[:place],
        "zeros": bytes(len(content)),
        "empty": b"",
        "twice": content * 2,
        "ff": content[:place] + b"\xff" * 16 + content[place + 16 :],
        "insert": content[:place] + b"\0" + content[place:],
        "not UTF-8": b"\xff\xfe" + content,
    }
    _write(path, bytes(changed.get(kind, content)))
    return f"{kind} at {place}"


def _place(chosen: random.Random, path: Path) -> str:
    """Something else in its place: a folder, a pipe, a link."""
    kind = chosen.choice(PLACES)
    moved = path.with_name(f"{path.name}-moved")
    if kind == "full folder" and path.is_file():
        shutil.copy(path, moved)
    remove(path)
    victim = os.environ["HOSTILE_VICTIM"]
    if kind == "folder":
        path.mkdir()
    elif kind == "full folder":
        path.mkdir()
        if moved.exists():
            moved.rename(path / path.name)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "file":
        path.write_text("x")
    elif kind != "gone":
        targets = {"loop": path.name, "outside": victim, "canary": f"{victim}/canary", "zero": "/dev/zero"}
        path.symlink_to(targets.get(kind, "nowhere"))
    return kind


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All places of a JSON value: each container with a key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)


def _json(chosen: random.Random, path: Path) -> str:
    """Another value, a key that is missing, doubled or new; in a ledger, also in the order of lines."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    number = chosen.randrange(len(lines))
    kind = chosen.choice(["value"] * 5 + ["number", "missing", "double", "new", "root"])
    if len(lines) > 1 and chosen.random() < 0.1:
        chosen.shuffle(lines)
        kind = "order"
    else:
        what, lines[number] = _changed(chosen, kind, lines[number])
        kind += what
    _write(path, ("\n".join(lines) + "\n").encode(errors="surrogatepass"))
    return kind


def _changed(chosen: random.Random, kind: str, text: str) -> tuple[str, str]:
    value = json.loads(text)
    container, key = chosen.choice(list(_places(value)))
    old, new = container[key], chosen.choice(VALUES)
    if kind == "number":
        numbers = [(c, k) for c, k in _places(value) if isinstance(c[k], int | float)]
        container, key = chosen.choice(numbers) if numbers else (container, key)
        new = chosen.choice([0, -1, 1, 2, 10**6, 10**9, 0.5, -container[key] if numbers else 0])
    if kind == "root":
        value = new
    elif kind == "missing":
        del container[key]
    elif kind in ("double", "new") and isinstance(container, dict):
        container[f"{key}@"] = new
    else:
        container[key] = new
    made = json.dumps(value, indent=None if "\n" not in text else 2)
    made = made.replace(f"{key}@", str(key)) if kind == "double" else made
    if isinstance(new, str) and new.startswith(RAW):
        made = made.replace(json.dumps(new), new.removeprefix(RAW))
    return f" of {key!r}: {str(old)[:30]!r} -> {str(new)[:40]!r}", made


def _parquet(chosen: random.Random, path: Path) -> str:
    """Another table: without a column or rows, with nulls, another type, other values."""
    table = pq.read_table(path)
    name = chosen.choice(table.column_names)
    place, column = table.column_names.index(name), table.column(name).combine_chunks()
    kind = chosen.choice(["missing", "no rows", "nulls", "text", "values", "twice", "float", "half", "order", "list"])
    if kind == "missing":
        table = table.drop_columns([name])
    elif kind in ("no rows", "half"):
        table = table.slice(0, 0 if kind == "no rows" else len(table) // 2)
    elif kind == "twice":
        table = pa.concat_tables([table, table])
    elif kind == "order":
        table = table.take(pa.array(range(len(table) - 1, -1, -1)))
    else:
        made = _column(chosen, kind, column)
        table = table.set_column(place, pa.field(name, made.type), made)
    path.unlink()
    pq.write_table(table, path)
    return f"{kind} of {name}"


def _column(chosen: random.Random, kind: str, column: pa.Array) -> pa.Array:
    count = len(column)
    if kind == "nulls":
        return pa.nulls(count, column.type)
    if kind == "text":
        return pa.array([chosen.choice(TEXTS)] * count)
    if kind == "float":
        return pa.array([chosen.choice([float("nan"), float("inf"), -1.0, 1e300])] * count)
    if kind == "values" and pa.types.is_fixed_size_list(column.type):
        size, inner = column.type.list_size, column.type.value_type
        most = np.full(count * size, chosen.choice([0, 1, 2, 255, np.iinfo(inner.to_pandas_dtype()).max]))
        values = pa.array(most.astype(inner.to_pandas_dtype()), inner)
        return pa.FixedSizeListArray.from_arrays(values, type=column.type)
    if kind == "values" and (pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type)):
        number = chosen.choice([-1, 0, 2**31 - 1, -(2**31), 2**62, -(2**62), 7])
        return pa.array([number] * count, pa.int64()).cast(pa.int64()).cast(column.type, safe=False)
    return pa.array([[1, 2]] * count)


def _keras(chosen: random.Random, path: Path) -> str:
    """Other members of the archive, other weights."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    kind = chosen.choice(["member bytes", "missing", "bomb", "weights", "weights", "weights", "config", "names"])
    name = chosen.choice(list(members))
    if kind == "member bytes":
        _write(path, members[name])
        kind += f" {_bytes(chosen, path)} of {name}"
        members[name] = path.read_bytes()
    elif kind == "missing":
        del members[name]
    elif kind == "bomb":
        members[name] = bytes(300 << 20)
    elif kind == "config":
        members["config.json"] = members["config.json"].replace(b"Embedding", b"Lambda").replace(b"keras", b"os")
    elif kind == "names":
        members |= {"../../victim/new": b"x", "/victim": b"x"}
    else:
        kind += f" {_weights(chosen, path, members)}"
    path.unlink()
    with zipfile.ZipFile(path, "w", chosen.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return f"{kind} ({name})"


def _weights(chosen: random.Random, path: Path, members: dict[str, bytes]) -> str:
    _write(path, members["model.weights.h5"])
    kind = chosen.choice(["nan", "shape", "type", "soft link", "external link", "external", "chunks", "group", "huge"])
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        name = chosen.choice(names)
        values = file[name][()]
        del file[name]
        outside = os.environ["HOSTILE_VICTIM"] + "/canary"
        if kind == "soft link":
            file[name] = h5py.SoftLink("/layers")
        elif kind == "external link":
            file[name] = h5py.ExternalLink(outside, "/x")
        elif kind == "external":
            file.create_dataset(name, values.shape, np.float32, external=[(outside, 0, h5py.h5f.UNLIMITED)])
        elif kind == "group":
            file.create_group(name)
        elif kind == "huge":
            file.create_dataset(name, (10**6, 10**6), np.float32, chunks=(1000, 1000))
        elif kind == "chunks":
            file.create_dataset(name, data=values, chunks=(1,) * values.ndim)
        else:
            made = {"nan": values * np.nan, "shape": np.append(values, 0), "type": values.astype("f8")}[kind]
            file.create_dataset(name, data=made)
    members["model.weights.h5"] = path.read_bytes()
    return f"{kind} of {name}"
