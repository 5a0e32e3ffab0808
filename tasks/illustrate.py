"""Step 6: show the tutorial's parts with the run's own networks and reviews, for the chapter page."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.analysis.causes import cell_state, gradient_starts, jacobian_words
from tasks.analysis.reading import longest_reviews
from tasks.data.parquet import read_column
from tasks.data.unpadded import UnpaddedReviews
from tasks.data.vocabulary import words_by_token, words_of
from tasks.job import Job
from tasks.models import chapter as code
from tasks.models.loading import start_tensorflow
from tasks.models.recurrence import has_state_jacobian
from tasks.models.saved import read_saved_weights
from tasks.models.spec import Cell, ModelSpec
from tasks.results.chapter import (
    Causes,
    CellState,
    Chapter,
    ExampleReview,
    FirstNetworks,
    KerasModel,
    KerasModelName,
    LayerSummary,
    Lengths,
    Loop,
    Matrix,
    StateReading,
)
from tasks.results.data import Dataset
from tasks.results.training import Branch, Moment
from tasks.storage.code_version import code_version
from tasks.storage.files import fingerprint
from tasks.storage.layout import CHAPTER, FIRST, LAST
from tasks.storage.reuse import LOGGER, Logger, Record, step

# The tutorial's forward pass in NumPy.
TIMESTEPS, FEATURES, UNITS = 100, 32, 64
# The example is the one of the first 2,000 test reviews whose number of tokens is nearest to 60.
EXAMPLE_TOKENS, EXAMPLES = 60, 2_000
SHOWN_TIMESTEPS, BINS = 80, 40
SATURATED = 0.99  # Above this, tanh hardly changes any more.
# The Jacobians of larger networks would take minutes.
CAUSES_REVIEWS, CAUSES_UNITS = 32, 128
KERAS_MODELS: dict[KerasModelName, Callable[[], Any]] = {
    "last": code.last_output,
    "all": code.all_outputs,
    "stacked": code.four_layers,
    "lstm": code.one_lstm,
}


def chapter_record(job: Job, networks: FirstNetworks) -> Record[Chapter]:
    """Where the chapter's numbers are stored: with the first network."""
    digests = [(branch.key, branch.digests) for branch in networks.branches]
    key = fingerprint(digests, job.dataset.fingerprint, code_version(__name__))
    return Record(networks.branches[0].folder / CHAPTER, key, Chapter)


@step(title="illustrate the chapter", record=chapter_record)
def illustrate(job: Job, networks: FirstNetworks, *, logger: Logger = LOGGER) -> Chapter:
    """Run the chapter's code on the tutorial's sizes and on the run's networks, and measure why gradients reach so far.

    Args:
        job: the job of any network; its dataset is used.
        networks: the first network of each model.
        logger: gets one line about the result.
    """
    started = time.perf_counter()
    start_tensorflow(job.threads())
    example, padded = example_review(job.dataset)
    one_of_each_cell = {branch.spec["cell"]: branch for branch in reversed(networks.branches)}
    chapter = Chapter(
        loops=tuple(loop(cell) for cell in code.LOOPS),
        models=tuple(keras_model(name) for name in KERAS_MODELS),
        example=example,
        lengths=lengths(job.dataset),
        readings=tuple(
            reading(branch, job.dataset, padded)
            for branch in networks.branches
            if one_of_each_cell[branch.spec["cell"]] is branch
        ),
        causes=tuple(causes(job, networks)),
        seconds=time.perf_counter() - started,
    )
    largest = max(reading.difference for reading in chapter.readings)
    logger.info("Chapter: loops by hand differ from Keras by at most %.1e", largest)
    return chapter


def loop(cell: Cell) -> Loop:
    """A recurrence by hand on random inputs: with weights as in the tutorial, and with Keras's initial weights."""
    import keras

    random = np.random.default_rng(1)
    inputs = random.random((TIMESTEPS, FEATURES))
    layer = _keras_layer(keras, cell, UNITS, seed=1)
    layer.build((None, None, FEATURES))
    initial = [weight.numpy() for weight in layer.weights]
    uniform = [random.random(weight.shape) for weight in initial]
    states = [code.states_by_hand(cell, inputs, *weights) for weights in (uniform, initial)]
    kernel, recurrent_kernel, bias = initial
    shapes = {
        "inputs": inputs.shape,
        "W": kernel.T.shape,
        "U": recurrent_kernel.T.shape,
        "b": bias.shape,
        "state": states[0][-1].shape,
        "np.stack(outputs)": states[0].shape,
        "np.concatenate(outputs)": np.concatenate(list(states[0])).shape,
    }
    saturated = float((np.abs(states[0]) > SATURATED).mean())
    return Loop(cell, code.source(code.LOOPS[cell]), shapes, _matrix(states[0]), _matrix(states[1]), saturated)


def _keras_layer(keras: Any, cell: Cell, units: int, seed: int) -> Any:
    kinds = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    initializers = {
        "kernel_initializer": keras.initializers.GlorotUniform(seed),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=seed),
    }
    return kinds[cell](units, return_sequences=True, **initializers)


def keras_model(name: KerasModelName) -> KerasModel:
    """A Keras model of the chapter, with its layers as Keras counts them."""
    model = KERAS_MODELS[name]()
    layers = tuple(
        LayerSummary(type(layer).__name__, tuple(layer.output.shape), layer.count_params()) for layer in model.layers
    )
    return KerasModel(name, code.source(KERAS_MODELS[name]), layers)


def example_review(dataset: Dataset) -> tuple[ExampleReview, NDArray[np.unsignedinteger]]:
    """A short test review, and its tokens padded, shape (timesteps,)."""
    reviews = UnpaddedReviews.read(dataset.test.unpadded)
    row = int(np.abs(reviews.counts[:EXAMPLES] - min(EXAMPLE_TOKENS, dataset.max_length // 2)).argmin())
    tokens = reviews.tokens_of(np.array([row]))
    by_token = words_by_token(dataset.vocabulary)
    example = ExampleReview(
        review_id=int(read_column(dataset.test.path, "review_id")[row]),
        label=int(reviews.labels[row]),
        words=tuple(words_of(tokens.review(0).tolist(), by_token)),
        tokens=tuple(tokens.review(0).tolist()),
    )
    return example, tokens.padded()[0]


def lengths(dataset: Dataset) -> Lengths:
    """How long the training reviews are, and how much of what a network reads is padding."""
    tokens = read_column(dataset.train.path, "length")
    counts = UnpaddedReviews.read(dataset.train.unpadded).counts
    last = max(float(np.quantile(tokens, 0.99)), float(tokens.min()) + 1)
    edges = np.linspace(tokens.min(), last, BINS + 1)
    histogram, _ = np.histogram(np.minimum(tokens, last), edges)
    return Lengths(
        edges=tuple(edges.tolist()),
        counts=tuple(histogram.tolist()),
        longest=int(tokens.max()),
        padding=float(1 - counts.mean() / dataset.max_length),
        cut=float((tokens > dataset.max_length).mean()),
    )


def reading(branch: Branch, dataset: Dataset, padded: NDArray[np.unsignedinteger]) -> StateReading:
    """The first recurrent layer of a trained network on a padded review, by the loop and by Keras."""
    import keras

    spec = ModelSpec.model_validate(branch.spec)
    embedding, *weights = read_saved_weights(spec, dataset.vocabulary_size, branch.folder / LAST).values()
    inputs = embedding[padded]
    by_hand = code.states_by_hand(spec.cell, inputs, *weights[:3])
    layer = _keras_layer(keras, spec.cell, spec.units[0], seed=1)
    model = keras.Sequential([keras.Input(inputs.shape), layer])
    model.set_weights(weights[:3])
    by_keras = model.predict(inputs[None], verbose=0)[0]
    shown = slice(-min(SHOWN_TIMESTEPS, len(padded)), None)
    return StateReading(
        name=branch.name,
        cell=spec.cell,
        difference=float(np.abs(by_hand - by_keras).max()),
        states=_matrix(by_hand[shown]),
        padding=int((padded[shown] == 0).sum()),
    )


def causes(job: Job, networks: FirstNetworks) -> Iterator[Causes]:
    """Why gradients vanish or survive in the first one-layer network of each cell that reads in one direction."""
    dataset = job.dataset
    reviews = UnpaddedReviews.read(dataset.test.unpadded)
    its_lengths = read_column(dataset.test.path, "length")
    rows = longest_reviews(its_lengths, dataset.max_length)[:CAUSES_REVIEWS]  # As for the Jacobian in `explain`.
    tokens = reviews.tokens_of(rows).padded()
    done: set[Cell] = set()
    for branch in networks.branches:
        spec = ModelSpec.model_validate(branch.spec)
        if has_state_jacobian(spec) and spec.units[0] <= CAUSES_UNITS and spec.cell not in done:
            done.add(spec.cell)
            yield _causes(job, branch, spec, tokens)


def _causes(job: Job, branch: Branch, spec: ModelSpec, tokens: NDArray[np.unsignedinteger]) -> Causes:
    from tasks.models.keras_learner import build

    size = job.dataset.vocabulary_size
    initial = build(spec, size, job.plan.learning_rate, branch.seed).get_weights()
    starts = gradient_starts(spec, initial, tokens)

    def at(moment: Moment, weights: list[NDArray[np.float32]]) -> CellState:
        words = starts[0].words if moment == "initial" else jacobian_words(spec, weights, tokens)
        return cell_state(moment, spec, weights, tokens, words)

    saved = {name: list(read_saved_weights(spec, size, branch.folder / name).values()) for name in (FIRST, LAST)}
    return Causes(
        name=branch.name,
        cell=spec.cell,
        reviews=len(tokens),
        starts=tuple(starts),
        moments=(at("initial", initial), at("first", saved[FIRST]), at("last", saved[LAST])),
    )


def _matrix(values: NDArray[np.floating]) -> Matrix:
    return tuple(tuple(row) for row in np.round(values, 2).tolist())
