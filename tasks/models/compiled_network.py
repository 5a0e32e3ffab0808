"""A network of one recurrent layer, forward and backward, by compiled loops that never visit padding."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tasks.models.compiled_cells import CELLS
from tasks.models.loops.arithmetic import Floats
from tasks.models.packing import GROUPS, PackedReviews, all_tokens, distinct_tokens, pack, packed_padding
from tasks.models.spec import ModelSpec
from tasks.models.weights import EmbeddingGradient, Gradients, Weights
from tasks.models.workspace import Workspace

# Reviews that are computed at once.
PREDICT_REVIEWS, NORM_REVIEWS = 256, 125
CLIP = np.float32(1e-7)  # Keras keeps probabilities this far from 0 and 1 before it takes the logarithm.


@dataclass(frozen=True)
class _GroupPass:
    """A group of reviews and what the forward loop left for the backward loop.

    `states` holds the hidden (and cell) states before each entry, shape (entries, units), `final_states` those after
    each review's last token, shape (reviews, units).
    """

    reviews: PackedReviews
    workspace: Workspace
    states: list[Floats]
    final_states: list[Floats]
    gates: Floats

    def trajectory(self) -> list[Floats]:
        """Of a single review: its states after 0, 1, 2, … timesteps, shape (timesteps + 1, units)."""
        return [np.concatenate(pair) for pair in zip(self.states, self.final_states, strict=True)]


@dataclass(frozen=True)
class _BatchPass:
    """A batch after its forward pass; `padding` is the pass through the longest padding, if there is any."""

    probabilities: Floats
    final_hidden: Floats
    groups: list[_GroupPass]
    padding: _GroupPass | None


@dataclass(frozen=True)
class _GroupGradients:
    """What a group contributes; `padding` sums up the gradients before the activation at each timestep of padding."""

    recurrent_kernel: Floats
    projections: Floats
    squares: Floats
    padding: Floats


class _ProjectionGradients(NamedTuple):
    kernel: Floats
    bias: Floats


class CompiledNetwork:
    """Predictions and gradients of the network with the given weights.

    Args:
        spec: a network for which `tasks.models.compiled_cells.why_not_covered` gives None.
        weights: float32; the arrays are used as they are, not copied.
        threads: how many threads to use; changes speed, never results.
    """

    def __init__(self, spec: ModelSpec, weights: Weights, threads: int) -> None:
        self.weights = weights
        self._cell = CELLS[spec.cell]
        self._units = spec.units[0]
        self._workspaces = [Workspace() for _ in range(GROUPS)]
        self._shared = Workspace()
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

    def predict(self, tokens: NDArray[np.unsignedinteger]) -> Floats:
        """Probabilities of "positive", float32, shape (reviews,)."""
        if len(tokens) == 0:
            return np.zeros(0, np.float32)
        with threadpool_limits(1):
            vocabulary = all_tokens(len(self.weights.embedding))
            projections = self._project(vocabulary.tokens)
            parts = (tokens[i : i + PREDICT_REVIEWS] for i in range(0, len(tokens), PREDICT_REVIEWS))
            return np.concatenate([self._forward(part, vocabulary.row_of, projections).probabilities for part in parts])

    def gradients(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> Gradients:
        """Probabilities and gradients of a batch; `tokens` (reviews, timesteps), `labels` 0 or 1, (reviews,)."""
        distinct = distinct_tokens(tokens)
        batch = self._forward(tokens, distinct.row_of, self._project(distinct.tokens))
        d_logits = _d_logits(batch.probabilities, labels) / np.float32(len(labels))
        d_hidden = d_logits[:, None] * self.weights.dense_kernel[:, 0]  # (reviews, units)

        def backward(group: _GroupPass) -> _GroupGradients:
            return self._backward(group, batch.padding, d_hidden[group.reviews.sorted_indices], len(distinct.tokens))

        parts: list[_GroupGradients] = self._map(backward, batch.groups)
        d_recurrent_kernel = _sum(part.recurrent_kernel for part in parts)
        if batch.padding:
            d_padding = _sum(part.padding for part in parts)
            d_recurrent_kernel += batch.padding.states[0].T @ d_padding
            parts[0].projections[0] += d_padding.sum(0)
        embedding, projection = self._projection_gradients(distinct.tokens, parts)
        return Gradients(
            probabilities=batch.probabilities,
            embedding=embedding,
            kernel=projection.kernel,
            recurrent_kernel=d_recurrent_kernel,
            bias=projection.bias,
            dense_kernel=batch.final_hidden.T @ d_logits[:, None],
            dense_bias=d_logits.sum(keepdims=True),
        )

    def gradient_norms(self, tokens: NDArray[np.unsignedinteger], labels: NDArray[np.integer]) -> Floats:
        """What `Learner.gradient_norms` asks for, by the loops that train."""
        vocabulary = all_tokens(len(self.weights.embedding))
        projections = self._project(vocabulary.tokens)
        norms = np.zeros(tokens.shape, np.float32)
        for first in range(0, len(tokens), NORM_REVIEWS):
            part = slice(first, first + NORM_REVIEWS)
            batch = self._forward(tokens[part], vocabulary.row_of, projections)
            d_hidden = _d_logits(batch.probabilities, labels[part])[:, None] * self.weights.dense_kernel[:, 0]
            for group in batch.groups:
                self._add_norms(group, d_hidden[group.reviews.sorted_indices], norms[part])
        return norms

    def _add_norms(self, group: _GroupPass, d_hidden: Floats, norms: Floats) -> None:
        # Each entry counts as a token of its own: its sum of squares is then that of one timestep of one review.
        reviews = replace(group.reviews, rows=np.arange(len(group.reviews.rows), dtype=np.int32))
        gradients = self._backward(replace(group, reviews=reviews), None, d_hidden, len(reviews.rows))
        entry_norms = np.sqrt(gradients.squares.sum(axis=1))
        for t, (offset, size) in enumerate(zip(reviews.offsets, reviews.batch_sizes, strict=True)):
            norms[reviews.sorted_indices[:size], t] = entry_norms[offset : offset + size]

    def _project(self, tokens: NDArray[np.int64]) -> Floats:
        """Each token's embedding times the kernel, plus the bias, in a buffer that the next call overwrites.

        Shape (tokens, units), or (tokens, gates, units).
        """
        embedding, kernel, bias = self.weights.embedding, self.weights.kernel, self.weights.bias
        projections = self._shared.take("projections", len(tokens), bias.shape)

        def fill(rows: slice) -> None:
            np.matmul(embedding[tokens[rows]], kernel, out=projections[rows])
            projections[rows] += bias

        self._map(fill, _chunks(len(tokens)))
        return projections.reshape(len(projections), *self._cell.gates, self._units)

    def _forward(
        self, tokens: NDArray[np.unsignedinteger], row_of: NDArray[np.int32], projections: Floats
    ) -> _BatchPass:
        packed = pack(tokens, row_of)
        start = [np.zeros((1, self._units), np.float32) for _ in range(self._cell.states)]
        padding = None
        if packed.padding:
            padding = self._forward_group(packed_padding(packed.padding), self._shared, projections, start)
        trajectory = padding.trajectory() if padding else start

        def forward(reviews: PackedReviews, workspace: Workspace) -> _GroupPass:
            return self._forward_group(reviews, workspace, projections, trajectory)

        groups: list[_GroupPass] = self._map(forward, packed.groups, self._workspaces[: len(packed.groups)])
        final_hidden = np.empty((len(tokens), self._units), np.float32)
        for group in groups:
            final_hidden[group.reviews.sorted_indices] = group.final_states[0]
        logits = final_hidden @ self.weights.dense_kernel[:, 0] + self.weights.dense_bias[0]
        probabilities = (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32)
        return _BatchPass(probabilities, final_hidden, groups, padding)

    def _forward_group(
        self, reviews: PackedReviews, workspace: Workspace, projections: Floats, trajectory: list[Floats]
    ) -> _GroupPass:
        entries = len(reviews.rows)
        states = [workspace.take(f"states {i}", entries, (self._units,)) for i in range(self._cell.states)]
        final_states = [np.empty((len(reviews.sorted_indices), self._units), np.float32) for _ in states]
        gates = workspace.take("gates", entries, (*self._cell.gates, self._units))
        packed = reviews.rows, reviews.offsets, reviews.batch_sizes
        self._cell.forward(
            *packed, projections, self.weights.recurrent_kernel, *trajectory, *states, *final_states, gates
        )
        return _GroupPass(reviews, workspace, states, final_states, gates)

    def _backward(
        self, group: _GroupPass, padding: _GroupPass | None, d_hidden: Floats, tokens: int
    ) -> _GroupGradients:
        """Gradients of a group whose last hidden states have the gradients `d_hidden`, shape (reviews, units).

        `tokens` is the number of rows of the projections.
        """
        kernel, recurrent_kernel = self.weights.kernel, self.weights.recurrent_kernel
        features, width = kernel.shape
        reviews, workspace = group.reviews, group.workspace
        kernels_transposed = np.ascontiguousarray(np.concatenate([recurrent_kernel, kernel]).T)
        d_hidden_input = np.zeros((len(d_hidden), self._units + features), np.float32)
        d_hidden_input[:, : self._units] = d_hidden
        d_states = [d_hidden_input, *(np.zeros_like(d_hidden) for _ in group.states[1:])]
        d_recurrent_kernel = np.zeros_like(recurrent_kernel)
        d_projections = workspace.take_zeros("d_projections", tokens, (width,))
        squares = workspace.take_zeros("squares", tokens, (features,))
        packed = reviews.rows, reviews.offsets, reviews.batch_sizes
        states = *group.states, *group.final_states, *d_states
        sums = d_recurrent_kernel, d_projections, squares
        self._cell.backward(*packed, kernels_transposed, *states, group.gates, *sums)
        d_padding = np.zeros_like(padding.gates if padding else group.gates[:0])
        if padding:
            inputs = *padding.trajectory(), padding.gates, *d_states
            padding_squares = squares[0]  # Padding is token 0, which comes first.
            self._cell.padding_backward(reviews.batch_sizes, kernels_transposed, *inputs, d_padding, padding_squares)
        return _GroupGradients(d_recurrent_kernel, d_projections, squares, d_padding.reshape(-1, width))

    def _projection_gradients(
        self, tokens: NDArray[np.int64], parts: list[_GroupGradients]
    ) -> tuple[EmbeddingGradient, _ProjectionGradients]:
        """From the gradients of each group's projections; they are added up in the first group's arrays."""
        embedding, kernel = self.weights.embedding, self.weights.kernel
        d_embedding = self._shared.take("d_embedding", len(tokens), (len(kernel),))
        total, *others = parts

        def add_up(rows: slice) -> _ProjectionGradients:
            for other in others:
                total.projections[rows] += other.projections[rows]
                total.squares[rows] += other.squares[rows]
            d_projections = total.projections[rows]
            np.matmul(d_projections, kernel.T, out=d_embedding[rows])
            return _ProjectionGradients(embedding[tokens[rows]].T @ d_projections, d_projections.sum(0))

        chunks: list[_ProjectionGradients] = self._map(add_up, _chunks(len(tokens)))
        d_kernel, d_bias = _sum(chunk.kernel for chunk in chunks), _sum(chunk.bias for chunk in chunks)
        return EmbeddingGradient(tokens, d_embedding, total.squares), _ProjectionGradients(d_kernel, d_bias)

    def _map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        return list((self._pool.map if self._pool else map)(function, *arguments))


def _chunks(count: int) -> list[slice]:
    """`count` rows in as many parts of about equal size as a batch has groups."""
    edges = [count * part // GROUPS for part in range(GROUPS + 1)]
    return [slice(*pair) for pair in pairwise(edges)]


def _d_logits(probabilities: Floats, labels: NDArray[np.integer]) -> Floats:
    """Gradient of each review's binary cross-entropy with respect to its logit, shape (reviews,)."""
    gradient: Floats = probabilities - labels.astype(np.float32)
    gradient[(probabilities < CLIP) | (probabilities > 1 - CLIP)] = 0.0
    return gradient


def _sum(arrays: Iterable[Floats]) -> Floats:
    return sum(arrays, np.zeros((), np.float32))
