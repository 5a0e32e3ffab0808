"""Promotions of small trained networks, from the run's files to the ledger."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data.parquet import read_tokens
from tasks.data.review_digests import digests_of_test
from tasks.errors import DataError
from tasks.fetch import fetch
from tasks.models.saved import SavedNetwork
from tasks.prepare import prepare
from tasks.promote import TEST, check_data, find_candidate, promote, rollback
from tasks.results.data import Dataset, Source, TextData
from tasks.results.promotion import CardFacts, Entry, GateLimits
from tasks.results.training import Branch
from tasks.storage.files import read_json
from tasks.storage.registry import Registry
from tasks.storage.runs import FinishedRun
from tests.fixtures.registry import entry_of
from tests.fixtures.runs import finished_run
from tests.fixtures.trained import evaluated, small_job

EASY = GateLimits(floor=0.0, margin=0.0)
pytestmark = pytest.mark.usefixtures("few_draws")


def train_run(dataset: Dataset, outputs: Path, name: str, *seeds: int) -> FinishedRun:
    """A run of small LSTMs."""
    jobs = [small_job(dataset, outputs / "models", seed) for seed in seeds]
    branches = [evaluated(job) for job in jobs]
    (outputs / "runs" / name).mkdir(parents=True, exist_ok=True)
    run = finished_run(outputs, name, branches, settings={"seed": list(seeds)})
    return replace(run, dataset=dataset)


def card(facts: CardFacts) -> str:
    """A short model card."""
    return f"{facts.label} {facts.scores.accuracy}"


def promote_run(outputs: Path, run: FinishedRun, limits: GateLimits = EASY) -> Entry:
    """Promote a run's best network."""
    return promote(outputs, find_candidate(run, None), limits, card)


def champion_of(registry: Registry) -> tuple[str, int]:
    """The champion, and the number of the entry that made it."""
    champion = registry.champion()
    assert champion is not None
    return champion.network, champion.number


def always(branch: Branch, dataset: Dataset, answer: float) -> None:
    """Give a network's predictions, by its output's bias, one sign for all reviews."""
    import keras

    path = branch.folder / "best.keras"
    model = keras.models.load_model(path)
    weights = model.get_weights()
    weights[-2][:], weights[-1][:] = 0.0, answer
    model.set_weights(weights)
    model.save(path)
    predictions = branch.folder / "predictions.parquet"
    frame = pd.read_parquet(predictions)
    frame["probability_best"] = SavedNetwork.read(branch.folder).predict(read_tokens(dataset.test.path)).probabilities
    frame.to_parquet(predictions)


def whole(run: FinishedRun) -> FinishedRun:
    """The run after its files were changed on purpose."""
    from tasks.storage.files import sha256_of_file

    branches = [
        replace(branch, digests={name: sha256_of_file(branch.folder / name) for name in branch.digests})
        for branch in run.branches
    ]
    return replace(run, branches=tuple(branches))


@pytest.fixture
def unbalanced(npz: Path, tmp_path: Path) -> Dataset:
    """A dataset with three positive test reviews of five: one answer for all is right in 60 %, or in 40 %."""
    from tasks.data.imdb_npz import write_imdb_npz
    from tests.conftest import make_reviews, random_reviews

    random = np.random.default_rng(5)
    lists = [random.integers(1, 60, random.integers(1, 40)).tolist() for _ in range(400)]
    path = npz.with_name("unbalanced.npz")
    write_imdb_npz(path, random_reviews(120), make_reviews(lists, [int(row % 5 < 3) for row in range(400)]))
    return prepare.keep(Source("file", path, "1" * 64, str(path)), 50, 30, None, tmp_path / "data")


def test_a_better_candidate_replaces_the_champion_and_rollback_restores_it(unbalanced: Dataset, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    runs = [train_run(unbalanced, outputs, f"run{seed}", seed) for seed in (1, 2)]
    for run, answer in zip(runs, (-1.0, 1.0), strict=True):
        always(run.branches[0], unbalanced, answer)
    runs = [whole(run) for run in runs]
    entries = [promote_run(outputs, run) for run in (runs[0], runs[1], runs[0])]
    assert [(entry.verdict, entry.reason) for entry in entries] == [
        ("PROMOTE", "first champion"),
        ("PROMOTE", "better"),
        ("REJECT", "worse"),
    ]
    test = entries[1].gate.test
    assert test is not None
    assert (test.b, test.c, test.look) == (240, 160, 2)
    assert test.difference.value == pytest.approx(0.2)
    assert (entries[2].before, entries[2].after) == (entries[1].network, entries[1].network)
    assert (outputs / "promoted").resolve().name == "run2"

    restored = rollback(outputs, None)
    assert (restored.action, restored.after, restored.before) == ("rollback", entries[0].network, entries[1].network)
    registry = Registry(outputs)
    assert champion_of(registry) == (entries[0].network, 4)
    assert [entry.number for entry in registry.entries()] == [1, 2, 3, 4]
    assert registry.entries() == [*entries, restored]
    assert (outputs / "promoted").resolve().name == "run1"
    folder = registry.folder(restored.network)
    now = SavedNetwork.read(folder).predict(read_tokens(folder / TEST)).probabilities
    stored = pd.read_parquet(runs[0].branches[0].folder / "predictions.parquet")["probability_best"]
    assert now.tolist() == stored.tolist()
    (outputs / "runs" / "run2").rmdir()
    assert rollback(outputs, 2).after == entries[1].network
    assert not (outputs / "promoted").is_symlink()


def test_the_champion_reads_the_same_reviews_in_its_own_tokens_and_order(
    dataset: Dataset, source: Source, tmp_path: Path
) -> None:
    other = prepare.keep(source, 40, 20, None, tmp_path / "data")
    outputs = tmp_path / "outputs"
    first = train_run(dataset, outputs, "run1", 1)
    promote_run(outputs, first)
    second = train_run(other, outputs, "run2", 1)
    entry = promote_run(outputs, second)
    assert entry.gate is not None
    assert entry.gate.test is not None
    right = [
        (frame["probability_best"] > 0.5) == frame["label"]
        for frame in (pd.read_parquet(run.branches[0].folder / "predictions.parquet") for run in (second, first))
    ]
    assert entry.gate.test.b == int((right[0] & ~right[1]).sum())
    assert entry.gate.test.c == int((~right[0] & right[1]).sum())
    assert entry.gate.candidate_cost.words_per_second > 0


def test_other_test_reviews_are_refused(dataset: Dataset, source: Source, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    promote_run(outputs, train_run(dataset, outputs, "run1", 1))
    fewer = prepare.keep(source, 50, 30, 40, tmp_path / "data")
    with pytest.raises(DataError, match="candidate has 40 test reviews of the own file .*60 of the .* 40 are the same"):
        promote_run(outputs, train_run(fewer, outputs, "run2", 1))
    check_data(outputs, dataset)
    with pytest.raises(DataError, match="another --outputs folder"):
        check_data(outputs, fewer)
    with pytest.raises(DataError, match="--slice-columns genre"):
        check_data(outputs, dataset, ["genre"])
    assert len(Registry(outputs).entries()) == 1


def test_the_champion_itself_is_held_and_is_no_look(unbalanced: Dataset, tmp_path: Path) -> None:
    runs = [train_run(unbalanced, tmp_path, f"run{seed}", seed) for seed in (1, 2, 3)]
    for run, answer in zip(runs, (-1.0, -1.0, 1.0), strict=True):
        always(run.branches[0], unbalanced, answer)
    champion, equal, other = (whole(run) for run in runs)
    limits = replace(EASY, margin=1.0)
    entries = [promote_run(tmp_path, run, limits) for run in (champion, champion, equal, other, other)]
    assert entries[1].reason == "already champion"
    assert entries[3].reason == "less than the margin"
    looks = [entry.gate.test.look for entry in entries[1:] if entry.gate and entry.gate.test]
    assert looks == [2, 2, 2, 3]


def test_the_candidate_is_the_best_by_validation(dataset: Dataset, tmp_path: Path) -> None:
    run = train_run(dataset, tmp_path, "run", 1, 2, 3)
    best = max(run.branches, key=lambda branch: max((epoch.quality, -epoch.val_loss) for epoch in branch.history))
    assert find_candidate(run, None).branch == best
    assert find_candidate(run, "lstm").branch == best
    with pytest.raises(DataError, match="found the networks lstm, no gru"):
        find_candidate(run, "gru")


def test_a_candidate_whose_files_were_changed_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    run = train_run(dataset, tmp_path, "run", 1)
    always(run.branches[0], dataset, 1.0)
    with pytest.raises(DataError, match="changed; train lstm seed 1 again"):
        find_candidate(run, None)


def test_a_first_candidate_below_the_floor_leaves_no_champion(dataset: Dataset, tmp_path: Path) -> None:
    entry = promote_run(tmp_path, train_run(dataset, tmp_path, "run", 1), GateLimits(floor=1.0))
    assert (entry.verdict, entry.after) == ("REJECT", None)
    assert Registry(tmp_path).champion() is None


def test_rollback_needs_an_earlier_champion(dataset: Dataset, tmp_path: Path) -> None:
    promote_run(tmp_path, train_run(dataset, tmp_path, "run", 1))
    with pytest.raises(DataError, match=r"no champion before the current one, .*there is no other one yet"):
        rollback(tmp_path, None)
    with pytest.raises(DataError, match="entry 7 made no champion; choose one of 1"):
        rollback(tmp_path, 7)
    with pytest.raises(DataError, match="is already the champion"):
        rollback(tmp_path, 1)


def test_rollback_to_a_changed_network_leaves_the_champion(unbalanced: Dataset, tmp_path: Path) -> None:
    runs = [train_run(unbalanced, tmp_path, f"run{seed}", seed) for seed in (1, 2)]
    for run, answer in zip(runs, (-1.0, 1.0), strict=True):
        always(run.branches[0], unbalanced, answer)
    first, second = (promote_run(tmp_path, whole(run)) for run in runs)
    for file in ("best.keras", "predictions.parquet", TEST):
        path = Registry(tmp_path).folder(first.network) / file
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(content + b" ")
        with pytest.raises(DataError, match=f"{file}: found"):
            rollback(tmp_path, None)
        assert champion_of(Registry(tmp_path)) == (second.network, 2)
        path.write_bytes(content)


@pytest.mark.slow
def test_rollback_to_a_network_that_answers_otherwise_leaves_the_champion(unbalanced: Dataset, tmp_path: Path) -> None:
    runs = [train_run(unbalanced, tmp_path, f"run{seed}", seed) for seed in (1, 2)]
    for run, answer in zip(runs, (-1.0, 1.0), strict=True):
        always(run.branches[0], unbalanced, answer)
    predictions = runs[0].branches[0].folder / "predictions.parquet"
    frame = pd.read_parquet(predictions)
    frame["probability_best"] += 2e-5
    frame.to_parquet(predictions)
    _, second = (promote_run(tmp_path, whole(run)) for run in runs)
    with pytest.raises(DataError, match="predictions differ from the stored ones by 2"):
        rollback(tmp_path, None)
    assert champion_of(Registry(tmp_path)) == (second.network, 2)


def test_the_registry_holds_the_card_and_what_a_later_candidate_is_compared_with(
    dataset: Dataset, tmp_path: Path
) -> None:
    entry = promote_run(tmp_path, train_run(dataset, tmp_path, "run", 1))
    names = {path.name for path in Registry(tmp_path).folder(entry.network).iterdir()}
    assert names == {
        "best.keras",
        "history.parquet",
        "last.keras",
        "manifest.json",
        "model-card.md",
        "network.json",
        "predictions.parquet",
        "record.json",
        "test.parquet",
        "test_digests.parquet",
        "train.parquet",
        "vocabulary.json",
    }
    assert (Registry(tmp_path).folder(entry.network) / "model-card.md").read_text().startswith("lstm seed 1")


@pytest.mark.slow
def test_own_texts_are_matched_by_their_content(tmp_path: Path) -> None:
    random, words = np.random.default_rng(0), np.array(["dull", "bright", "film", "plot", "scene", "ending", "actor"])
    texts = [" ".join(random.choice(words, 12)) for _ in range(300)]
    rows = [f"{text},{int('bright' in text)}" for text in texts]
    datasets = []
    for name, lines, size in (("a", rows, 9), ("b", rows[::-1], 7), ("c", rows[12:], 9)):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(["text,label", *lines]))
        source = fetch.keep(TextData((path,)), "auto", tmp_path / "cache")
        datasets.append(prepare.keep(source, size, 12, None, tmp_path / "data"))
    outputs = tmp_path / "outputs"
    first = promote_run(outputs, train_run(datasets[0], outputs, "run1", 1))
    folder = Registry(outputs).folder(first.network)
    assert set(read_json(folder / "word_index.json")) == set(words)
    second = promote_run(outputs, train_run(datasets[1], outputs, "run2", 1))
    assert second.test_set == first.test_set
    with pytest.raises(DataError, match="expected the same set"):
        promote_run(outputs, train_run(datasets[2], outputs, "run3", 1))
    (tmp_path / "b.csv").write_text("text,label\n")
    with pytest.raises(DataError, match=r"b\.csv: the files have changed"):
        digests_of_test(datasets[1])


@pytest.mark.slow
def test_a_column_of_own_texts_makes_slices(tmp_path: Path) -> None:
    random, words = np.random.default_rng(0), np.array(["dull", "bright", "film", "plot", "scene", "ending", "actor"])
    path = tmp_path / "reviews.csv"
    lines = []
    for number in range(300):
        text = " ".join(random.choice(words, 12))
        lines.append(f"{text},{int('bright' in text)},{'drama' if 'plot' in text else 'horror'},{number}")
    path.write_text("\n".join(["text,label,genre,id", *lines]))
    source = fetch.keep(TextData((path,)), "auto", tmp_path / "cache")
    dataset = prepare.keep(source, 10, 12, None, tmp_path / "data")
    run = train_run(dataset, tmp_path / "outputs", "run", 1)
    candidate = find_candidate(run, None, ["genre"])
    plot = read_json(dataset.vocabulary)["plot"] + 3
    has_plot = (read_tokens(dataset.test.path).padded() == plot).any(axis=1)
    assert candidate.slices["genre: drama"].tolist() == has_plot.tolist()
    assert candidate.slices["genre: horror"].tolist() == (~has_plot).tolist()
    entry = promote(tmp_path / "outputs", candidate, EASY, lambda facts: " ".join(part.name for part in facts.slices))
    card = (Registry(tmp_path / "outputs").folder(entry.network) / "model-card.md").read_text()
    assert "genre: drama" in card
    with pytest.raises(DataError, match=r"no column 'year', found .* name the right one with --slice-columns"):
        find_candidate(run, None, ["year"])


def test_data_without_columns_have_no_slices_by_column(dataset: Dataset, tmp_path: Path) -> None:
    run = train_run(dataset, tmp_path, "run", 1)
    with pytest.raises(DataError, match="--slice-columns genre: found own file imdb.npz, expected own texts"):
        find_candidate(run, None, ["genre"])


@pytest.mark.slow
def test_a_killed_promotion_leaves_no_stale_link_for_long(unbalanced: Dataset, tmp_path: Path) -> None:
    runs = [train_run(unbalanced, tmp_path, f"run{seed}", seed) for seed in (1, 2)]
    for run, answer in zip(runs, (1.0, -1.0), strict=True):
        always(run.branches[0], unbalanced, answer)
    good, bad = (whole(run) for run in runs)
    promote_run(tmp_path, good)
    (tmp_path / "promoted").unlink()
    assert promote_run(tmp_path, bad).verdict == "REJECT"
    assert (tmp_path / "promoted").resolve().name == "run1"
    (tmp_path / "promoted").unlink()
    with pytest.raises(DataError, match="no champion before"):
        rollback(tmp_path, None)
    assert (tmp_path / "promoted").resolve().name == "run1"


def test_test_reviews_that_were_changed_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    run = train_run(dataset, tmp_path, "run", 1)
    dataset.test.path.write_bytes(dataset.train.path.read_bytes())
    with pytest.raises(DataError, match="files are missing or were changed; repeat run"):
        find_candidate(run, None)


@pytest.mark.parametrize("run", ["..", "../..", "", "../../elsewhere", "/etc"])
def test_an_entry_whose_run_is_a_path_makes_no_link(tmp_path: Path, run: str) -> None:
    (tmp_path / "outputs" / "runs").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    registry = Registry(tmp_path / "outputs")
    registry.root.mkdir()
    registry.append(entry_of(registry, "1" * 16, run=run))
    with pytest.raises(DataError, match="no champion before"):
        rollback(tmp_path / "outputs", None)
    assert not (tmp_path / "outputs" / "promoted").is_symlink()
