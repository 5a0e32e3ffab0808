"""The fast learner: Keras's SimpleRNN and LSTM trained by compiled loops that never visit padding.

Same network, initial weights, loss and optimizer as the Keras model it is made from; results differ by float rounding.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tasks.models import kernels
from tasks.models.learner import Batch, Metrics
from tasks.models.rmsprop import rmsprop, rmsprop_rows
from tasks.models.spec import ModelSpec

# Parts of a batch, and of its words. Fixed, not the number of threads: sums come out the same on one thread and on two.
GROUPS = 2
PREDICT_ROWS, REACH_ROWS = 256, 125
RHO, EPSILON = np.float32(0.9), np.float32(1e-7)
CLIP = np.float32(1e-7)  # Keras keeps probabilities this far from 0 and 1 before it takes the logarithm.

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Cell:
    forward: Callable[..., None]
    backward: Callable[..., None]
    padding_backward: Callable[..., None]
    gates: tuple[int, ...]
    states: int  # Hidden state alone, or hidden and cell state.


_CELLS = {
    "simple_rnn": _Cell(
        kernels.simple_rnn_forward, kernels.simple_rnn_backward, kernels.simple_rnn_padding_backward, (), 1
    ),
    "lstm": _Cell(kernels.lstm_forward, kernels.lstm_backward, kernels.lstm_padding_backward, (4,), 2),
}


def why_not(spec: ModelSpec) -> str | None:
    """Why the compiled loops do not cover a network, or None when they do."""
    if spec.cell not in _CELLS:
        return f"no compiled loop for {spec.cell}"
    if len(spec.units) > 1:
        return "more than one recurrent layer"
    if spec.bidirectional:
        return "bidirectional"
    return "dropout" if spec.dropout else None


@dataclass(frozen=True)
class _Group:
    """Some reviews of a batch, packed (see `tasks.models.kernels`)."""

    places: NDArray[np.int64]
    words: NDArray[np.int32]
    begin: NDArray[np.int32]
    active: NDArray[np.int32]


@dataclass(frozen=True)
class _Pass:
    """A group and what the forward loop left for the backward loop."""

    group: _Group
    workspace: "_Workspace"
    states: list[Floats]
    final: list[Floats]
    gates: Floats


@dataclass(frozen=True)
class Step:
    """What a batch gives.

    Probabilities; the words that occur, in rising order, with their rows of the embedding's gradient and the sums of
    the squares of each occurrence's gradient; the gradients of all other weights.
    """

    probabilities: Floats
    words: NDArray[np.int64]
    embedding: Floats
    squares: Floats
    others: list[Floats]

    def gradients(self, words: int) -> list[Floats]:
        """The gradient of each weight, the embedding's with a row for each of `words`."""
        embedding = np.zeros((words, self.embedding.shape[1]), np.float32)
        embedding[self.words] = self.embedding
        return [embedding, *self.others]


class _Workspace:
    """Buffers of one group, kept from batch to batch because fresh pages cost more than the arithmetic on them."""

    def __init__(self) -> None:
        self._buffers: dict[str, Floats] = {}

    def take(self, name: str, rows: int, shape: tuple[int, ...]) -> Floats:
        """Room for `rows` of the given shape, with whatever an earlier batch left there."""
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < rows:
            buffer = self._buffers[name] = np.empty((rows + rows // 4, *shape), np.float32)
        return buffer[:rows]

    def take_zeros(self, name: str, rows: int, shape: tuple[int, ...]) -> Floats:
        """As `take`, filled with zeros."""
        buffer = self.take(name, rows, shape)
        buffer.fill(0.0)
        return buffer


class FastLearner:
    """Trains and predicts; `weights` has the order and shapes of Keras's `model.get_weights()`.

    Args:
        spec: a network for which `why_not` gives None.
        model: the compiled Keras model of that network: initial weights and learning rate are taken from it.
        threads: how many threads to use; changes speed, never results.
    """

    def __init__(self, spec: ModelSpec, model: Any, threads: int) -> None:
        self._cell = _CELLS[spec.cell]
        self._units = spec.units[0]
        self._model = model
        self._rate = np.float32(model.optimizer.learning_rate)
        self.weights = [np.array(weight, np.float32) for weight in model.get_weights()]
        self._velocities = [np.zeros_like(weight) for weight in self.weights]
        self._steps = np.zeros(1, np.int64)
        self._workspaces = [_Workspace() for _ in range(GROUPS)]
        self._lead = _Workspace()
        self._pool: ThreadPoolExecutor | None = None
        self._threads = 1
        self.set_threads(threads)

    def set_threads(self, threads: int) -> None:
        """Use `threads` threads from the next batch on."""
        if threads == self._threads:
            return
        if self._pool:
            self._pool.shutdown()
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training goes on from."""
        arrays: list[tuple[str, list[NDArray[Any]]]] = [
            ("weight", self.weights),
            ("velocity", self._velocities),
            ("steps", [self._steps]),
        ]
        return {f"{name}_{i}": array.copy() for name, group in arrays for i, array in enumerate(group)}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go back to what `state` gave."""
        for i in range(len(self.weights)):
            self.weights[i][...] = state[f"weight_{i}"]
            self._velocities[i][...] = state[f"velocity_{i}"]
        self._steps[...] = state["steps_0"]

    def model(self) -> Any:
        """The Keras model, with the present weights and state of the optimizer."""
        self._model.set_weights(self.weights)
        self._model.optimizer.build(self._model.trainable_variables)
        iterations, _, *velocities = self._model.optimizer.variables
        iterations.assign(int(self._steps[0]))
        for variable, velocity in zip(velocities, self._velocities, strict=True):
            variable.assign(velocity)
        return self._model

    def fit_epoch(self, batches: Iterable[Batch]) -> Metrics:
        """One step of the optimizer for each batch; gives the means of loss and accuracy over the reviews."""
        metrics = Metrics()
        with threadpool_limits(1):
            for tokens, labels in batches:
                step = self.gradients(tokens, labels)
                self._update(step)
                self._steps += 1
                metrics.add(step.probabilities, labels)
        return metrics

    def _update(self, step: Step) -> None:
        """RMSprop: the embedding by the words that occur, everything else whole."""
        constants = self._rate, RHO, EPSILON
        rmsprop_rows(self.weights[0], self._velocities[0], step.words, step.embedding, step.squares, *constants)
        for weight, velocity, gradient in zip(self.weights[1:], self._velocities[1:], step.others, strict=True):
            flat = gradient.reshape(-1)
            rmsprop(weight.reshape(-1), velocity.reshape(-1), flat, flat * flat, *constants)

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> Floats:
        """Probabilities of "positive", float32, shape (reviews,)."""
        if len(tokens) == 0:
            return np.zeros(0, np.float32)
        with threadpool_limits(1):
            projected = self._projected(np.arange(len(self.weights[0])))
            words = np.arange(len(projected), dtype=np.int32)
            parts = (tokens[i : i + PREDICT_ROWS] for i in range(0, len(tokens), PREDICT_ROWS))
            return np.concatenate([self._forward(part, words, projected)[0] for part in parts])

    def gradients(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> Step:
        """Probabilities of a batch, and the mean loss's gradients."""
        dense = self.weights[4]
        used = np.flatnonzero(np.bincount(tokens.reshape(-1), minlength=1))
        used = used if used[0] == 0 else np.concatenate([[0], used])  # Padding's state is always needed.
        compact = np.zeros(used[-1] + 1, np.int32)
        compact[used] = np.arange(len(used), dtype=np.int32)
        probabilities, hidden, passes, lead = self._forward(tokens, compact, self._projected(used))

        d_logits = _d_logits(probabilities, labels) / np.float32(len(labels))
        d_hidden = d_logits[:, None] * dense[:, 0]
        parts = self._map(lambda one: self._backward(one, lead, d_hidden[one.group.places], len(used)), passes)
        d_recurrent, d_padding = (sum(part[i] for part in parts) for i in (0, 3))
        if lead:
            d_recurrent += lead.states[0].T @ d_padding
            parts[0][1][0] += d_padding.sum(0)
        d_kernel, d_bias, d_embedding, squares = self._words_gradients(used, [part[1:3] for part in parts])
        d_dense, d_dense_bias = hidden.T @ d_logits[:, None], d_logits.sum(keepdims=True)
        return Step(probabilities, used, d_embedding, squares, [d_kernel, d_recurrent, d_bias, d_dense, d_dense_bias])

    def _words_gradients(
        self, used: NDArray[np.int64], parts: list[tuple[Floats, Floats]]
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Gradients of kernel, bias and used rows of the embedding, and its squares, from the groups' parts.

        `parts` holds each group's gradients of projected words and its squares; they are added up in the first.
        """
        embedding, kernel = self.weights[:2]
        d_embedding = self._lead.take("d_embedding", len(used), (len(kernel),))
        total, squares = parts[0]

        def add_up(rows: slice) -> tuple[Floats, Floats]:
            for more, more_squares in parts[1:]:
                total[rows] += more[rows]
                squares[rows] += more_squares[rows]
            np.matmul(total[rows], kernel.T, out=d_embedding[rows])
            return embedding[used[rows]].T @ total[rows], total[rows].sum(0)

        sums = self._map(add_up, _chunks(len(used)))
        d_kernel, d_bias = (sum(one[i] for one in sums) for i in range(2))
        return d_kernel, d_bias, d_embedding, squares

    def gradient_norms(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> Floats:
        """What `tasks.models.reach.gradient_norms` computes, by the loops that train."""
        projected = self._projected(np.arange(len(self.weights[0])))
        words = np.arange(len(projected), dtype=np.int32)
        norms = np.zeros(tokens.shape, np.float32)
        for first in range(0, len(tokens), REACH_ROWS):
            rows = slice(first, first + REACH_ROWS)
            probabilities, _, passes, _ = self._forward(tokens[rows], words, projected)
            d_hidden = _d_logits(probabilities, labels[rows])[:, None] * self.weights[4][:, 0]
            for one in passes:
                self._add_norms(one, d_hidden[one.group.places], norms[rows])
        return norms

    def _add_norms(self, one: _Pass, d_hidden: Floats, norms: Floats) -> None:
        group = one.group
        # Each packed row counts as a word of its own: its sum of squares is then that of one step of one review.
        rows = np.arange(len(group.words), dtype=np.int32)
        _, _, squares, _ = self._backward(replace(one, group=replace(group, words=rows)), None, d_hidden, len(rows))
        lengths = np.sqrt(squares.sum(axis=1))
        for step, (begin, active) in enumerate(zip(group.begin, group.active, strict=True)):
            norms[group.places[:active], step] = lengths[begin : begin + active]

    def _projected(self, words: NDArray[np.int64]) -> Floats:
        """Each word's embedding times the kernel, plus the bias, in a buffer that the next call overwrites."""
        embedding, kernel, _, bias, *_ = self.weights
        product = self._lead.take("projected", len(words), bias.shape)

        def fill(rows: slice) -> None:
            np.matmul(embedding[words[rows]], kernel, out=product[rows])
            product[rows] += bias

        self._map(fill, _chunks(len(words)))
        return product.reshape(len(product), *self._cell.gates, self._units)

    def _map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        return list((self._pool.map if self._pool else map)(function, *arguments))

    def _run_forward(self, group: _Group, workspace: _Workspace, projected: Floats, trajectory: list[Floats]) -> _Pass:
        rows, units = len(group.words), (self._units,)
        states = [workspace.take(f"states {i}", rows, units) for i in range(self._cell.states)]
        gates = workspace.take("gates", rows, self._cell.gates + units)
        final = [np.empty((len(group.places), self._units), np.float32) for _ in states]
        self._cell.forward(
            group.words, group.begin, group.active, projected, self.weights[2], *trajectory, *states, *final, gates
        )
        return _Pass(group, workspace, states, final, gates)

    def _forward(
        self, tokens: NDArray[np.unsignedinteger], compact: NDArray[np.int32], projected: Floats
    ) -> tuple[Floats, Floats, list[_Pass], _Pass | None]:
        pads, groups = pack(tokens, compact)
        start = [np.zeros((1, self._units), np.float32) for _ in range(self._cell.states)]
        lead = self._run_forward(_padding(pads), self._lead, projected, start) if pads else None
        trajectory = _trajectory(lead) if lead else start
        passes = self._map(
            lambda group, workspace: self._run_forward(group, workspace, projected, trajectory),
            groups,
            self._workspaces[: len(groups)],
        )
        hidden = np.empty((len(tokens), self._units), np.float32)
        for one in passes:
            hidden[one.group.places] = one.final[0]
        logits = hidden @ self.weights[4][:, 0] + self.weights[5][0]
        return (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32), hidden, passes, lead

    def _backward(
        self, one: _Pass, lead: _Pass | None, d_hidden: Floats, words: int
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """A group's gradients of recurrent kernel and projected words, the embedding's squares, its padding's part."""
        _, kernel, recurrent, *_ = self.weights
        group, width = one.group, kernel.shape[1]
        both = np.zeros((len(d_hidden), self._units + len(kernel)), np.float32)
        both[:, : self._units] = d_hidden
        d_states = [both, *(np.zeros_like(d_hidden) for _ in one.states[1:])]
        d_recurrent = np.zeros_like(recurrent)
        d_projected = one.workspace.take_zeros("d_projected", words, (width,))
        squares = one.workspace.take_zeros("squares", words, (len(kernel),))
        kernels_t = np.ascontiguousarray(np.concatenate([recurrent, kernel]).T)
        self._cell.backward(
            group.words, group.begin, group.active, kernels_t, *one.states, *one.final, *d_states, one.gates,
            d_recurrent, d_projected, squares,
        )  # fmt: skip
        d_padding = np.zeros_like(lead.gates if lead else one.gates[:0])
        if lead:
            self._cell.padding_backward(
                group.active, kernels_t, *_trajectory(lead), lead.gates, *d_states, d_padding, squares[0]
            )
        return d_recurrent, d_projected, squares, d_padding.reshape(-1, width)


def _chunks(count: int) -> list[slice]:
    """`count` rows in parts of about equal size."""
    edges = [count * part // GROUPS for part in range(GROUPS + 1)]
    return [slice(*pair) for pair in pairwise(edges)]


def _d_logits(probabilities: Floats, labels: NDArray[np.integer]) -> Floats:
    """Gradient of each review's binary cross-entropy with respect to its logit."""
    gradient: Floats = probabilities - labels.astype(np.float32)
    gradient[(probabilities < CLIP) | (probabilities > 1 - CLIP)] = 0.0
    return gradient


def _trajectory(lead: _Pass) -> list[Floats]:
    """The states after 0, 1, 2, … steps of padding."""
    return [np.concatenate(pair) for pair in zip(lead.states, lead.final, strict=True)]


def pack(tokens: NDArray[np.unsignedinteger], compact: NDArray[np.int32]) -> tuple[int, list[_Group]]:
    """The longest padding of a batch, and its reviews in groups of about equal work.

    Args:
        tokens: shape (reviews, steps), padded in front with 0.
        compact: for each token the row of the projected words.
    """
    steps = tokens.shape[1]
    begins = (tokens != 0).argmax(axis=1)
    begins[tokens.max(axis=1) == 0] = steps - 1  # Nothing but padding: its last step serves as the one word.
    order = np.argsort(begins, kind="stable")
    groups = []
    for first in range(min(GROUPS, len(tokens))):
        places = order[first::GROUPS]
        visible = np.arange(steps)[:, None] >= begins[places]
        active = visible.sum(axis=1, dtype=np.int32)
        begin = (np.cumsum(active) - active).astype(np.int32)
        groups.append(_Group(places, compact[tokens[places].T[visible]], begin, active))
    return int(begins.max()), groups


def _padding(steps: int) -> _Group:
    """One review that is nothing but padding: its states are the trajectory that all reviews share."""
    return _Group(
        np.zeros(1, np.int64), np.zeros(steps, np.int32), np.arange(steps, dtype=np.int32), np.ones(steps, np.int32)
    )
