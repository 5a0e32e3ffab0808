"""Sentences of the chapter page: the tutorial's parts, what this run shows of them, and why."""

from collections.abc import Sequence
from typing import NamedTuple

from artifacts.blocks import Code, Link, Spans
from artifacts.formats import capitalized, network_name, plural
from artifacts.markup import label_names
from artifacts.wording import uneven, verdict
from artifacts.wording.causes import COMMAND
from tasks.results.chapter import Chapter, LayerSummary, Loop, StateReading
from tasks.results.comparison import Comparison, Network
from tasks.storage.layout import REPORT

TITLE = "The chapter, with this run's networks"
ABOUT_LOOPS = (
    "A recurrent network reads a sequence one timestep after the other. Between timesteps it keeps a state, its "
    "memory of what it has read: the same weights compute each state from the input and the state before it."
)
ABOUT_BY_HAND: dict[str, str] = {
    "simple_rnn": "The simple recurrent network: output_t = tanh(W·input_t + U·state_t + b). Its output is its next "
    "state.",
    "lstm": "The LSTM adds a second state, c, which is changed only by multiplying it and adding to it. The sigmoid "
    "of i, f and o makes three gates, numbers from 0 to 1 for each unit: how much of the candidate g, a proposed "
    "new state, enters c (i), how much of c stays (f), and how much of c is put out as h (o).",
    "gru": "The GRU has one state, h, like the simple network, and two gates: z keeps a share of h, and r decides how "
    "much of h the candidate for the new state sees.",
}
ABOUT_SHAPES: dict[str, str] = {
    "inputs": "a sequence of 100 timesteps with 32 features each, random numbers from 0 to 1",
    "W": "weights of the input",
    "U": "weights of the state",
    "b": "bias; a GRU has one row for the input and one for the state",
    "state": "the state after each timestep (h in LSTM and GRU), a number for each unit",
    "np.stack(outputs)": "all outputs, a row for each timestep",
    "np.concatenate(outputs)": "the same numbers in one row, as the tutorial joins them",
}
# What weights from 0 to 1 do to each cell; {share} is the share of states above 0.99.
ABOUT_UNIFORM = {
    "simple_rnn": "the sums are so large that tanh is close to 1: {share} of the states are above 0.99, "
    "whatever these inputs are.",
    "lstm": "the sums are so large that all gates are open, c grows at each timestep, and {share} of the states are "
    "above 0.99.",
    "gru": "the sums are so large that the update gate is at 1. It keeps the first state, which is 0, whatever "
    "these inputs are.",
}
INITIAL = {
    "simple_rnn": "small W of both signs and an orthogonal U, a matrix that keeps the length of every vector.",
    "lstm": "the same kinds of W and U, and a bias of 1 for the forget gate.",
    "gru": "the same kinds of W and U.",
}
ROWS_OF_GATES = {"simple_rnn": "", "lstm": ": 4 · 64 rows, for i, f, g and o", "gru": ": 3 · 64 rows, for z, r and g"}
LAYER_TITLES = {"last": "The last output", "all": "All outputs", "stacked": "Four layers", "lstm": "One LSTM"}
ABOUT_LAYERS = {
    "last": "The embedding turns each token into 32 numbers, learned with the rest. SimpleRNN returns its output at "
    "the last timestep only: one vector for each review, enough for this classifier. None stands for the batch "
    "size, which is left open. A SimpleRNN has inputs · units + units · units + units parameters: W, U and b.",
    "all": "With return_sequences=True, the layer computes the same states and returns all of them: one "
    "vector for each timestep. The number of parameters is the same.",
    "stacked": "A recurrent layer reads a sequence, so every layer below another one must return all its outputs. "
    "Only the last layer returns one vector.",
    "lstm": "Four SimpleRNN layers of 32 units have 4 · 2,080 = 8,320 parameters, exactly as many as one LSTM of 32 "
    "units: an LSTM computes four such sums at each timestep, for i, f, g and o, each with a W, a U and a b of its "
    "own. The stack uses them one above the other, the LSTM side by side.",
}
ABOUT_TOKENS = (
    "A word's token is its rank by frequency plus 3. Token 0 is padding, 1 starts each review, 2 stands for every "
    "word outside the vocabulary. Padding is at the start, so that a review's last word is the last timestep. The "
    "networks read the padding, too."
)
DROPOUT: Spans = (
    "A network overfits if its validation loss rises clearly while its training loss falls: it learns the training "
    "reviews rather than the task. Against that, ",
    Code("--dropout 0.2"),
    " sets a random fifth of each recurrent layer's inputs to 0 in each training step, so that no single input can "
    "be relied on.",
)
ABOUT_REPORT: Spans = ("The comparison of the networks, and how sure it is: ", Link("the report", REPORT), ".")
ABOUT_BOOK = (
    "The book says that a simple recurrent network forgets early words because its gradient vanishes on the way "
    "back to them, and that an LSTM was made to prevent that. The claims below put this into numbers: a gradient "
    "has vanished where it is below a hundredth of that at the last word, and early words are those before the last "
    "100 (fewer if the reviews are short)."
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


MEASURED_ON = (
    "The times are those of whole runs on IMDB on a shared machine with 2 processor cores and no graphics card, where "
    "the run of SimpleRNN and LSTM took about a minute. A network with dropout is trained by Keras itself."
)
QUESTIONS = (
    Question("Does it help to read backwards, too?", "--models lstm bidirectional_lstm", 127),
    Question("Do four simple layers do what one LSTM does?", "--models stacked_simple_rnn lstm", 90),
    Question("Does dropout stop SimpleRNN's overfitting?", "--models simple_rnn --dropout 0.2", 238),
    Question("Was it luck?", "--replicates 3", 154),
    Question("How much is in the last 100 words?", "--max-length 100", 45),
)


def about(c: Comparison) -> Spans:
    """What the page is."""
    return (
        "This page follows the recurrent-network chapter of Chollet's Deep Learning with Python. What it says of "
        "trained networks and of reviews is from run ",
        Code(c.run),
        f" on the {c.dataset.title}, after the last epoch unless another is named. Its code is ",
        Code("tasks/models/chapter.py"),
        ", which the project's tests run.",
    )


def pictures(loop: Loop) -> str:
    """What the two pictures of a loop's states show."""
    left = ABOUT_UNIFORM[loop.cell].format(share=f"{loop.saturated:.0%}")
    return (
        f"Left, all weights are drawn from 0 to 1, as in the tutorial: {left} Right, Keras's initial weights: "
        f"{INITIAL[loop.cell]}"
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
        return f"This run has no trained {network_name(cell)}; ", Code(f"{COMMAND} --models {cell}"), " trains one."
    text = (
        f"With the weights of the trained {network_name(reading.name)}, the same loop reads test review "
        f"{chapter.example.review_id}, padded to {c.dataset.max_length} timesteps. W and U are Keras's kernel and "
        f"recurrent kernel, transposed. The largest difference between its {c.dataset.max_length} states of "
        f"{len(reading.states[0])} numbers and those of Keras's layer is {reading.difference:.1e}, which is rounding."
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
        f"Test review {review.review_id}, a short one, has {plural(len(review.words), 'word')} and the label "
        f"{label_names(c.dataset.labels)[review.label]}. With the start token, its "
        f"{plural(len(review.tokens), 'token')} follow {plural(zeros, 'zero')} of padding:"
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
        f"Half of the training reviews have at most {training.length_quantiles['50%']:.0f} tokens, the longest has "
        f"{found.longest:,}. Padded to {c.dataset.max_length}, {found.padding:.1%} of all timesteps are padding, and "
        f"{found.cut:.1%} of the reviews are longer and lose their start."
    )


def best_epoch(network: Network) -> str:
    """What stopping at the best epoch would have changed."""
    last, best = network.evaluation.last, network.evaluation.best
    if last.epoch == best.epoch:
        return "Its best epoch by balanced validation accuracy is its last one."
    verb = "raised" if best.accuracy > last.accuracy else "lowered" if best.accuracy < last.accuracy else "left"
    to = f" at {last.accuracy:.4f}" if verb == "left" else f" from {last.accuracy:.4f} to {best.accuracy:.4f}"
    return (
        f"Stopping after epoch {best.epoch}, the best by balanced validation accuracy, would have {verb} the test "
        f"accuracy{to}. The network of that epoch is kept as best.keras."
    )


def trained(network: Network) -> str:
    """The title of the section on a trained network."""
    return f"{capitalized(network_name(network.branch.name))}, trained"


def learned(c: Comparison, network: Network) -> str:
    """Where overfitting begins, in a sentence."""
    said = verdict.learned_by(network.branch, uneven.is_weighted(c))
    return f"{network_name(network.branch.name)} {said}"
