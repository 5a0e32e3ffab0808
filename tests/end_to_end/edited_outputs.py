"""Outputs to edit, and what reads each of their files."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from artifacts.wording.model_card import model_card
from flows.main import run_command_line
from flows.ops.server_password import write_password
from tasks.data.parquet import read_tokens
from tasks.drift import check_drift
from tasks.models.saved import SavedNetwork
from tasks.promote import find_candidate, promote, rollback
from tasks.results.chapter import Chapter
from tasks.results.data import Dataset, Source
from tasks.results.promotion import GateLimits
from tasks.results.scoring import RowData
from tasks.results.training import Branch, Evaluation, Explanation
from tasks.score import find_scorer
from tasks.storage.files import read_json
from tasks.storage.networks import find_network
from tasks.storage.reuse import Record
from tasks.storage.runs import find_run, keep_last, read_run
from tasks.storage.share import Share
from tasks.storage.training_state import JournalReader

LIMITS = GateLimits(floor=0.0, non_inferior=1.0, slice_margin=1.0)
KINDS = {
    "record.json": Branch, "evaluation.json": Evaluation, "explanation.json": Explanation, "chapter.json": Chapter,
    "dataset.json": Dataset,
}  # fmt: skip
OLD = "20200101-000000-old"
NETWORK = ("score", "score champion", "read", "drift", "scorer", "rollback", "promote", "champion")
TARGETS = {
    "runs/2*/run.json": ("diff", "score", "keep", "promote"),
    "models/*/*.json": ("records", "share", "score", "read", "promote"),
    "data/*/*.json": ("records", "share", "score", "scorer", "promote"),
    "cache/sources/*.json": ("records",),
    "history.parquet": ("history",),
    "registry/champion.json": ("champion", "score champion", "rollback"),
    "registry/promotions.jsonl": ("champion", "rollback", "promote", "score champion"),
    "registry/networks/*/*.json": NETWORK,
    "registry/networks/*/*.parquet": NETWORK,
    "registry/networks/*/best.keras": NETWORK,
    "models/*/best.keras": ("score", "read", "promote", "share"),
    "models/*/*.parquet": ("score", "promote", "share", "records"),
    "data/*/*.parquet": ("score", "read", "promote", "share", "drift"),
    "models/*/progress.jsonl": ("follow",),
    "runs/*/in-use.json": ("keep",),
    "runs/*/metrics.json": ("diff", "keep"),
    ".env": ("secure",),
    "[lp]*te*": ("diff", "score", "keep", "promote"),
    "runs/2*": ("diff", "keep", "score"),
    "models/*1-*": ("score", "keep", "records", "share", "promote"),
    "registry/networks/*": NETWORK,
    "data/*": ("records", "share", "read"),
    "registry/*.lock": ("promote", "rollback"),
    "runs/*.lock": ("keep",),
    "models/*.lock": ("keep",),
}  # fmt: skip
# What a reader may change, besides locks.
CHANGES = {
    "keep": (f"outputs/runs/{OLD}",),
    "promote": ("outputs/registry", "outputs/promoted"),
    "rollback": ("outputs/registry", "outputs/promoted"),
    "share": ("pulled",),
    "secure": ("outputs/.env",),
}


def readers(outputs: Path) -> dict[str, Callable[[], object]]:
    """What reads the files below `outputs`, by name."""

    def command(*arguments: str) -> Callable[[], object]:
        return lambda: run_command_line([*arguments, "--outputs", str(outputs)])

    def candidate() -> object:
        found = find_candidate(read_run(find_run(outputs, "latest")), None)
        return promote(outputs, found, LIMITS, model_card)

    return {
        "history": command("history"),
        "diff": command("diff", "latest", OLD),
        "champion": command("champion"),
        "score": command("score", "--text", "a good film", "--model", "latest"),
        "score champion": command("score", "--text", "a good film", "--model", "champion"),
        "keep": lambda: keep_last(outputs, 1),
        "promote": candidate,
        "rollback": lambda: rollback(outputs, None),
        "records": lambda: [each.read() for each in _records(outputs, outputs)],
        "share": lambda: _pull(outputs, outputs.parent / "pulled"),
        "read": lambda: [_predict(outputs, name) for name in ("champion", "latest")],
        "drift": lambda: [_drift(outputs, name) for name in ("champion", "latest")],
        "scorer": lambda: find_scorer(outputs, RowData(outputs.parent / "texts.txt", "text"), None, "champion", True),
        "secure": lambda: write_password(outputs / ".env"),
        "follow": lambda: _follow(outputs),
    }


def _records(base: Path, outputs: Path) -> Iterator[Record[Any]]:
    """The records of the steps, under the keys that they had before."""
    for path in sorted(base.with_name("base").glob("*/*/*.json")):
        place = outputs / path.relative_to(base.with_name("base"))
        kind = KINDS.get(path.name, Source if path.parent.name == "sources" else None)
        if kind:
            root = {Dataset: outputs, Source: outputs / "cache"}.get(kind)
            yield Record(place, read_json(path)["record"]["key"], kind, root=root)


def _pull(address: Path, outputs: Path) -> None:
    share = Share(str(address), outputs)
    for record in _records(address, outputs):
        share.pull_record(record)
        if (found := record.read_unchecked()) is not None:
            share.pull(found)
            assert found.title


def _predict(outputs: Path, name: str) -> None:
    network = find_network(outputs, name)
    saved = SavedNetwork.read(network.folder)
    saved.word_index(network.word_index)
    saved.predict(read_tokens(network.test)[:100])


def _drift(outputs: Path, name: str) -> None:
    network = find_network(outputs, name)
    tokens = read_tokens(find_network(outputs.with_name("base"), name).test)
    check_drift(network.folder, network.train, tokens, tokens.counts)


def _follow(outputs: Path) -> None:
    for path in outputs.glob("models/*/progress.jsonl"):
        reader = JournalReader(path.with_name("none"))
        reader._path = path
        reader.new_events()


def prepare(outputs: Path, folder: Path) -> None:
    """Copy a run, promote both of its networks, add an older run and a run in progress, and plant canaries."""
    base = folder / "base"
    skipped = shutil.ignore_patterns("*.png", "*.svg", "*.html", "figures", "registry", "promoted")
    shutil.copytree(outputs, base, symlinks=True, ignore=skipped)
    run = find_run(base, "latest")
    for network in ("simple_rnn", "lstm"):
        promote(base, find_candidate(read_run(run), network), LIMITS, model_card)
    shutil.copytree(run, run.with_name(OLD))
    busy = run.with_name("20200102-000000-busy")
    busy.mkdir()
    mark = {"host": os.uname().nodename, "process": 1, "process_start": 1.0, "marked": time.time(), "networks": ["/x"]}
    (busy / "in-use.json").write_text(json.dumps(mark))
    (base / ".env").write_text("OTHER=1\n")
    shutil.copytree(base, folder / "outputs", symlinks=True)
    (folder / "victim").mkdir()
    (folder / "victim" / "canary").write_text("x" * 2_000_000)
    (folder / "pulled").mkdir()
    (folder / "texts.txt").write_text("a good film\n")
