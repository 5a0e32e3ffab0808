"""Sentences of the chapter page: the tutorial's parts, what this run shows of them, and why."""

from collections.abc import Sequence
from typing import NamedTuple

from artifacts.blocks import Code, Spans
from artifacts.formats import network_name, plural
from artifacts.markup import label_names
from artifacts.wording import verdict
from artifacts.wording.causes import COMMAND
from tasks.results.chapter import Chapter, LayerSummary, Loop, StateReading
from tasks.results.comparison import Comparison, Network

TITLE = "The chapter, with this run's networks"
CELLS = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
ABOUT_LOOPS = (
    "A recurrent network reads a sequence one timestep after the other. Between timesteps it keeps a state, its "
    "memory of what it has read: the same weights compute each state from the input and the state before it."
)
ABOUT_BY_HAND: dict[str, str] = {
    "simple_rnn": "The simple recurrent network: output_t = tanh(W·input_t + U·state_t + b). Its output is its next "
    "state.",
    "lstm": "The LSTM adds a second state, c, which is only scaled and added to. Three gates, each a number from 0 "
    "to 1 for each unit, decide how much of c stays (f), how much of the new candidate enters (i), and how much is "
    "put out (o).",
    "gru": "The GRU has one state, as the simple network, and two gates: z keeps a share of the state, and r "
    "decides how much of the state the new candidate sees.",
}
ABOUT_SHAPES: dict[str, str] = {
    "inputs": "a sequence of 100 timesteps with 32 features each, random numbers from 0 to 1",
    "W": "weights of the input",
    "U": "weights of the state",
    "b": "bias",
    "state": "the state after each timestep, one number for each of the 64 units",
    "np.stack(outputs)": "all outputs, a row for each timestep",
    "np.concatenate(outputs)": "the same numbers in one row, as the tutorial joins them",
}
# What weights from 0 to 1 do to each cell; {share} is the share of states above 0.99.
ABOUT_UNIFORM = {
    "simple_rnn": "the sums are so large that tanh is at its end, and {share} of the states are above 0.99, "
    "whatever the input.",
    "lstm": "the sums are so large that all gates are open, c grows at each timestep, and {share} of the states are "
    "above 0.99.",
    "gru": "the sums are so large that the update gate is at 1. It keeps the first state, which is 0, whatever the "
    "input.",
}
INITIAL = "small input weights of both signs and an orthogonal recurrent kernel."
ROWS_OF_GATES = {"simple_rnn": "", "lstm": ": 4 · 64 rows, for i, f, g and o", "gru": ": 3 · 64 rows, for z, r and g"}
LAYER_TITLES = {"last": "The last output", "all": "All outputs", "stacked": "Four layers", "lstm": "One LSTM"}
ABOUT_LAYERS = {
    "last": "The embedding turns each token into 32 numbers, learned with the rest. SimpleRNN returns its output at "
    "the last timestep only: one vector for each review, all that a classifier needs. None is the number of reviews "
    "in a batch.",
    "all": "With return_sequences=True, the layer computes exactly the same states and returns all of them: one "
    "vector for each timestep. The number of parameters is the same.",
    "stacked": "A recurrent layer reads a sequence, so every layer below another one must return all its outputs. "
    "Only the last layer returns one vector.",
    "lstm": "Four SimpleRNN layers of 32 units have 4 · 2,080 = 8,320 parameters, exactly as many as one LSTM of 32 "
    "units: an LSTM computes four such sums at each timestep, for i, f, g and o, each with a W, a U and a b of its "
    "own. The stack uses them one above the other, the LSTM side by side.",
}
ABOUT_TOKENS = (
    "A word's token is its rank by frequency plus 3. Token 0 is padding, 1 starts each review, 2 stands for every word "
    "outside the vocabulary. Padding is at the start, so that a review's last word is the last timestep."
)
DROPOUT: Spans = (
    "If the validation loss rises while the training loss falls, the network overfits: it learns the training "
    "reviews rather than the task. Against that, ",
    Code("--dropout 0.2"),
    " sets a random fifth of each recurrent layer's inputs to 0 in each training step, so that no single input can "
    "be relied on.",
)


class PrintedEpoch(NamedTuple):
    """A line of the tutorial's printed log."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


TUTORIAL_LOG = {
    "simple_rnn": (
        PrintedEpoch(1, 0.6481, 0.6028, 0.4828, 0.7812, 24),
        PrintedEpoch(10, 0.0210, 0.9941, 0.6618, 0.8160, 23),
    ),
    "lstm": (
        PrintedEpoch(1, 0.5227, 0.7557, 0.4223, 0.8082, 65),
        PrintedEpoch(10, 0.1075, 0.9630, 0.3759, 0.8838, 65),
    ),
}


class Question(NamedTuple):
    """Something to try: a question, the options of a run, and the seconds that it took."""

    question: str
    options: str
    seconds: int


MEASURED_ON = "The times are those of whole runs on IMDB with 2 processor cores and no graphics card."
QUESTIONS = (
    Question("Does it help to read backwards, too?", "--models lstm bidirectional_lstm", 0),
    Question("Do four simple layers do what one LSTM does?", "--models stacked_simple_rnn lstm", 0),
    Question("Does dropout stop the overfitting?", "--dropout 0.2 --epochs 5", 0),
    Question("Was it luck?", "--replicates 3", 0),
    Question("How much is in the last 100 words?", "--max-length 100", 0),
)


def about(c: Comparison) -> Spans:
    """What the page is."""
    return (
        "This page follows the recurrent-network chapter of Chollet's Deep Learning with Python. Its numbers and "
        "figures are those of run ",
        Code(c.run),
        f" on the {c.dataset.title}; its code is part of the project and runs in the project's tests.",
    )


def pictures(loop: Loop) -> str:
    """What the two pictures of a loop's states show."""
    left = ABOUT_UNIFORM[loop.cell].format(share=f"{loop.saturated:.0%}")
    return (
        f"Left, all weights are drawn from 0 to 1, as in the tutorial: {left} Right, Keras's initial weights: {INITIAL}"
    )


def concatenated(loop: Loop) -> str:
    """How the outputs of all timesteps become one array."""
    stack, row = loop.shapes["np.stack(outputs)"], loop.shapes["np.concatenate(outputs)"]
    return (
        f"np.stack keeps the timesteps apart: shape {shape(stack)}. The tutorial calls np.concatenate, which puts "
        f"the same numbers into one row: shape {shape(row)}."
    )


def shape(sizes: Sequence[int | None]) -> str:
    """A shape as Python writes it: (100, 64), (64,) or (None, 32)."""
    return str(tuple(sizes))


def beside_keras(c: Comparison, chapter: Chapter, cell: str) -> Spans:
    """How far the loop with trained weights is from Keras's layer; the run may have no such network."""
    reading = next((reading for reading in chapter.readings if reading.cell == cell), None)
    if reading is None:
        return f"This run has no trained {CELLS[cell]}; ", Code(f"{COMMAND} --models {cell}"), " trains one."
    text = (
        f"With the weights of the trained {network_name(reading.name)}, the same loop reads test review "
        f"{chapter.example.review_id}, padded to {c.dataset.max_length} timesteps. W and U are Keras's kernel and "
        f"recurrent kernel, transposed. The largest difference between its {c.dataset.max_length} · "
        f"{len(reading.states[0])} states and those of Keras's layer is {reading.difference:.1e}, which is rounding."
    )
    return (text,)


def counted(layer: LayerSummary, features: int) -> str:
    """How many parameters a layer has, derived from its sizes.

    Args:
        layer: the layer.
        features: the size of its inputs; not used for an embedding.
    """
    units = layer.output_shape[-1] or 0
    if layer.layer == "Embedding":
        return f"{layer.parameters // units:,} · {units} = {layer.parameters:,}"
    one = f"{features} · {units} + {units} · {units} + {units}"
    return f"4 · ({one}) = {layer.parameters:,}" if layer.layer == "LSTM" else f"{one} = {layer.parameters:,}"


def sequences(reading: StateReading) -> str:
    """What the picture of one review's outputs shows."""
    return (
        f"The picture shows the outputs of the trained {network_name(reading.name)} on one review. With "
        "return_sequences=True a layer returns every column; without it, only the last one."
    )


def example(c: Comparison, chapter: Chapter) -> str:
    """The example review in a sentence."""
    review = chapter.example
    zeros = c.dataset.max_length - len(review.tokens)
    return (
        f"Test review {review.review_id} has {plural(review.length, 'word')} and the label "
        f"{label_names(c.dataset.labels)[review.label]}. Its {plural(len(review.tokens), 'token')} follow "
        f"{plural(zeros, 'zero')} of padding:"
    )


def padded(c: Comparison, chapter: Chapter) -> str:
    """The example review as a network gets it, in lines."""
    zeros = c.dataset.max_length - len(chapter.example.tokens)
    start = [f"[0] * {zeros} +"] if zeros else []
    tokens = [str(token) for token in chapter.example.tokens]
    lines = [", ".join(tokens[first : first + 16]) for first in range(0, len(tokens), 16)]
    return "\n".join([*start, "[" + ",\n ".join(lines) + "]"])


def lengths(c: Comparison, chapter: Chapter) -> str:
    """How long the training reviews are, and how much padding that makes."""
    found, training = chapter.lengths, c.dataset.train
    return (
        f"Half of the training reviews have at most {training.length_quantiles['50%']:.0f} words, the longest has "
        f"{found.longest:,}. Padded to {c.dataset.max_length}, {found.padding:.1%} of all timesteps are padding, and "
        f"{found.cut:.1%} of the reviews are longer and lose their start."
    )


def best_epoch(network: Network) -> str:
    """What stopping at the best epoch would have changed."""
    last, best = network.evaluation.last, network.evaluation.best
    if last.epoch == best.epoch:
        return "Its best epoch by validation accuracy is its last one."
    verb = "raised" if best.accuracy > last.accuracy else "lowered" if best.accuracy < last.accuracy else "left"
    to = f" at {last.accuracy:.4f}" if verb == "left" else f" from {last.accuracy:.4f} to {best.accuracy:.4f}"
    return (
        f"Stopping after epoch {best.epoch}, the best by validation accuracy, would have {verb} the test "
        f"accuracy{to}. The network of that epoch is kept as best.keras."
    )


def learned(network: Network) -> str:
    """Where overfitting begins, in a sentence."""
    return f"{network_name(network.branch.name)} {verdict.learned_by(network.branch)}"
