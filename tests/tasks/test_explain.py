import keras
import numpy as np
import pandas as pd
import pytest

from tasks.analysis.evidence import gather
from tasks.analysis.reviews import choose_reviews
from tasks.data.imdb_npz import write_imdb_npz
from tasks.data.parquet import read_column, read_tokens
from tasks.evaluate import evaluate
from tasks.explain import explain
from tasks.job import Job
from tasks.models.keras_learner import build
from tasks.models.spec import TrainingPlan, preset
from tasks.prepare import prepare
from tasks.results.comparison import Chosen, Claim, Evidence, Finding, Measure, Network
from tasks.results.data import Dataset, Source
from tasks.results.training import Estimate, Explanation
from tasks.train import train
from tests.conftest import random_reviews

PLAN = TrainingPlan(epochs=2, batch_size=16, learning_rate=0.01, validation=0.25)
NEAR = 10  # Of reviews of at most 30 words.
NAMES = ("simple_rnn", "lstm")


def test_an_explanation_is_kept_until_another_review_is_chosen(dataset: Dataset, tmp_path) -> None:
    job = Job(preset("lstm", 4, 4, 0.0), PLAN, dataset, 1, tmp_path)
    branch = train.keep(job)
    chosen = choose_reviews([evaluate.keep(job, branch)])
    first = explain.keep(job, branch, chosen)
    assert len(first.traces) == len(chosen) > 0
    assert {path.name for path in first.files()} == {"memory.parquet", "reach.parquet"}
    assert explain.keep(job, branch, chosen) == first
    other = explain.keep(job, branch, (Chosen(5, "long"),))
    assert len(other.traces) == 1
    (branch.folder / "memory.parquet").write_bytes(b"broken")
    assert explain.keep(job, branch, (Chosen(5, "long"),)).seconds != other.seconds


@pytest.mark.parametrize("name", ["stacked_simple_rnn", "bidirectional_lstm"])
def test_without_a_formula_for_its_jacobian_nothing_is_said_of_it(dataset: Dataset, tmp_path, name: str) -> None:
    job = Job(
        preset(name, 4, 4, 0.0),
        TrainingPlan(epochs=1, batch_size=16, learning_rate=0.01, validation=0.25),
        dataset,
        1,
        tmp_path,
    )
    branch = train(job)
    frame = pd.read_parquet(explain(job, branch, ()).folder / "reach.parquet")
    assert (frame["jacobian"] == -1).all()
    assert (frame["last"] > 0).any()


class Trained:
    """A simple network and an LSTM, trained, evaluated and explained, and what is found of them."""

    def __init__(self, folder) -> None:
        write_imdb_npz(folder / "imdb.npz", random_reviews(120), random_reviews(90, seed=1))
        self.dataset = prepare(Source("file", folder / "imdb.npz", "0" * 64, "made up"), 50, 30, None, folder / "data")
        jobs = [Job(preset(name, 4, 4, 0.0), PLAN, self.dataset, 1, folder / "models") for name in NAMES]
        branches = [train(job) for job in jobs]
        evaluations = [evaluate(job, branch) for job, branch in zip(jobs, branches, strict=True)]
        self.networks = {b.name: Network(b, e) for b, e in zip(branches, evaluations, strict=True)}
        self.explanations: list[Explanation] = [explain(job, b, ()) for job, b in zip(jobs, branches, strict=True)]
        self.evidence: Evidence = gather(self.dataset, branches, evaluations, self.explanations, ())

    def finding(self, claim: Claim, measure: Measure) -> Finding:
        """What one measurement says."""
        return next(f for f in self.evidence.findings.of(claim) if f.measure == measure)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Both networks."""
    return Trained(tmp_path_factory.mktemp("why"))


def mean_of(values: np.ndarray) -> tuple[float, float, float]:
    """A mean with its normal 95 % interval."""
    half = 1.959964 * values.std() / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def parts(estimate: Estimate | None) -> tuple[float, float, float]:
    """An estimate as numbers."""
    assert estimate is not None
    return estimate.value, estimate.low, estimate.high


def test_the_length_finding_comes_from_the_predictions_alone(trained: Trained) -> None:
    frames = {name: pd.read_parquet(network.evaluation.predictions) for name, network in trained.networks.items()}
    right = {name: ((f["probability_last"] > 0.5) == (f["label"] == 1)).to_numpy() for name, f in frames.items()}
    length = frames["lstm"]["length"].to_numpy()
    inside = length <= 30
    lead = (right["lstm"].astype(float) - right["simple_rnn"])[inside]
    x = length[inside] / 100
    slope, intercept = np.polyfit(x, lead, 1)
    centred = x - x.mean()
    error = np.sqrt(np.sum((centred * (lead - slope * x - intercept)) ** 2)) / np.sum(centred**2)
    expected = slope, slope - 1.959964 * error, slope + 1.959964 * error
    assert parts(trained.finding("longer", "length").value) == pytest.approx(expected)
    assert trained.evidence.trend.cut_reviews == (~inside).sum() > 0
    assert trained.finding("longer", "length").reviews == inside.sum()


def test_the_memory_finding_comes_from_the_flags_alone_and_these_from_the_models(trained: Trained) -> None:
    tokens, labels = read_tokens(trained.dataset.test.path), read_column(trained.dataset.test.path, "label")
    longer = read_column(trained.dataset.test.path, "length") > NEAR
    gains = {}
    for name, (branch, _) in trained.networks.items():
        frame = pd.read_parquet(branch.folder / "memory.parquet")
        model = keras.models.load_model(branch.folder / "last.keras")
        for words in (10, 20, 30):
            shown = tokens.padded()
            shown[:, : 30 - words] = 0
            right = (model.predict(shown, verbose=0)[:, 0] > 0.5) == labels
            assert np.array_equal(frame[f"right_{words}"], right)
        gains[name] = (frame["right_30"].astype(float) - frame["right_10"]).to_numpy()[longer]
    finding = trained.finding("forgets", "memory")
    assert parts(finding.value) == pytest.approx(mean_of(gains["lstm"] - gains["simple_rnn"]))
    assert finding.reviews == longer.sum()
    assert parts(trained.evidence.findings.gains["lstm"]) == pytest.approx(mean_of(gains["lstm"]))


@pytest.mark.parametrize("measure", ["initial", "first", "last"])
def test_the_reach_of_gradients_comes_from_the_models_alone(trained: Trained, measure: Measure) -> None:
    found = {}
    for name, (branch, _) in trained.networks.items():
        if measure == "initial":
            model = build(preset(name, 4, 4, 0.0), trained.dataset.vocabulary_size, 0.01, 1)
        else:
            model = keras.models.load_model(branch.folder / f"{measure}.keras")
        frame = pd.read_parquet(branch.folder / "reach.parquet")
        frame = frame[frame["words"] > NEAR]
        found[name] = reached(trained.dataset, model, frame["review_id"].to_numpy())
        # A norm at the edge of a hundredth may fall on either side in float32.
        assert np.abs(found[name] - frame[measure].to_numpy()).max() <= 1
        found[name] = frame[measure].to_numpy().astype(float)
    assert parts(trained.finding("vanishes", measure).value) == pytest.approx(mean_of(found["simple_rnn"]))
    assert parts(trained.finding("survives", measure).value) == pytest.approx(mean_of(found["lstm"]))
    difference = found["lstm"] - found["simple_rnn"]
    assert parts(trained.finding("farther", measure).value) == pytest.approx(mean_of(difference))


def reached(dataset: Dataset, model: keras.Model, review_ids: np.ndarray) -> np.ndarray:
    """How many words of each review have a hundredth of the last word's gradient, by TensorFlow."""
    import tensorflow as tf

    rows = pd.Series(range(dataset.test.reviews), read_column(dataset.test.path, "review_id"))[review_ids].to_numpy()
    tokens = read_tokens(dataset.test.path)[rows].padded().astype(np.int32)
    embedding, *layers = model.layers
    outputs = inputs = embedding(tokens)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = inputs
        for layer in layers:
            outputs = layer(outputs)
    # The loss's derivative with respect to the output is the same at every word of a review, so it cancels.
    norms = np.where(tokens != 0, np.linalg.norm(tape.gradient(outputs, inputs), axis=-1), 0)
    return (norms >= 0.01 * norms[:, -1:]).sum(axis=1)


def test_the_reach_of_the_jacobian_comes_from_the_models_alone(trained: Trained) -> None:
    # The formulas themselves are checked against finite differences in tests/tasks/models/test_recurrence.py.
    values = {}
    for name, (branch, _) in trained.networks.items():
        frame = pd.read_parquet(branch.folder / "reach.parquet")
        assert (frame["jacobian"][32:] == -1).all()
        known = frame[(frame["jacobian"] >= 0) & (frame["words"] > NEAR)]
        assert len(known) == 32
        values[name] = known["jacobian"].to_numpy().astype(float)
    assert parts(trained.finding("vanishes", "jacobian").value) == pytest.approx(mean_of(values["simple_rnn"]))
    assert parts(trained.finding("survives", "jacobian").value) == pytest.approx(mean_of(values["lstm"]))
    difference = values["lstm"] - values["simple_rnn"]
    assert parts(trained.finding("farther", "jacobian").value) == pytest.approx(mean_of(difference))
