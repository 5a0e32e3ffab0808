"""A whole network, forward and backward, in compiled loops that compute shared padding only once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.tokens import Tokens
from tasks.models.layers.feedforward import Dense, DenseWeights, Embedding, EmbeddingGradient, add_up, d_logits_of
from tasks.models.layers.inputs import LayerInputs, Workspace, no_padding
from tasks.models.layers.recurrent import (
    NEGLIGIBLE_GRADIENT,
    CellWeights,
    LayerPass,
    Recurrent,
    add_gradients,
    no_gradient,
)
from tasks.models.learner import NORM_REVIEWS, PREDICT_REVIEWS
from tasks.models.loops.lanes import Floats
from tasks.models.loops.records import Inputs, SequenceGradient, States
from tasks.models.loops.tokens import entry_norms
from tasks.models.packing import GROUPS, PackedBatch, PackedReviews, pack, unpacked_layout
from tasks.models.spec import ModelSpec


def unsupported_reason(spec: ModelSpec) -> str | None:
    """Why the compiled loops do not support a network, or None if they do.

    Dropout draws a mask for each input of each review, so reviews could not share their padding.
    """
    return "dropout" if spec.dropout else None


@dataclass(frozen=True)
class Gradients:
    """A batch's probabilities of "positive", shape (reviews,), and the gradients of its mean loss.

    `others` are the gradients of all weights except the embedding, in Keras's order and shapes.
    """

    probabilities: Floats
    embedding: EmbeddingGradient
    others: list[Floats]

    def full(self, vocabulary_size: int) -> list[Floats]:
        """Return the gradients of all weights; the first, the embedding's, has a row for every token."""
        return [self.embedding.full(vocabulary_size), *self.others]


@dataclass(frozen=True)
class _PreparedBatch:
    """What all groups of a batch share: embedded tokens, and each layer's states over the padding."""

    batch: PackedBatch
    values: Floats
    projections: list[Floats]
    padding: list[States]

    def sequence(self, group: PackedReviews) -> LayerInputs:
        """Return the embedded tokens of a group."""
        of_padding = Inputs(self.values, np.zeros(self.batch.padding, np.int32))
        entries = Inputs(self.values, group.rows)
        return LayerInputs(len(group.sorted_indices), group.layout, entries, of_padding, self.projections)


@dataclass(frozen=True)
class _GroupGradients:
    probabilities: Floats
    recurrent: list[list[CellWeights]]
    dense: DenseWeights
    embedding: Floats


class CompiledNetwork:
    """Computes a network's predictions and gradients.

    Args:
        spec: a network for which `unsupported_reason` returns None.
        weights: float32, in the order of Keras's `model.get_weights()`; the arrays are not copied.
        threads: the number of threads to use; affects speed, never results.
    """

    def __init__(self, spec: ModelSpec, weights: list[Floats], threads: int) -> None:
        table, *recurrent, kernel, bias = weights
        self._embedding = Embedding(table)
        cell_weights = [CellWeights(*recurrent[first : first + 3]) for first in range(0, len(recurrent), 3)]
        directions = 2 if spec.bidirectional else 1
        self._recurrent = [
            Recurrent(spec.cell, cell_weights[number * directions : (number + 1) * directions], f"layer {number}")
            for number in range(len(spec.units))
        ]
        self._dense = Dense(DenseWeights(kernel, bias))
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
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        """Like the built-in `map`, but on all threads, of which this one is the first."""
        if self._pool is None:
            return list(map(function, *arguments))
        first, *others = zip(*arguments, strict=True)
        futures = [self._pool.submit(function, *each) for each in others]
        return [function(*first), *(future.result() for future in futures)]

    def predict(self, tokens: Tokens) -> Floats:
        """Probabilities of "positive", float32, shape (reviews,)."""
        if len(tokens) == 0:
            return np.zeros(0, np.float32)
        probabilities = np.empty(len(tokens), np.float32)
        values, projections = self._project(np.arange(len(self._embedding.table)))
        for first in range(0, len(tokens), PREDICT_REVIEWS):
            part = slice(first, first + PREDICT_REVIEWS)
            prepared = self._prepare(pack(tokens[part]), values, projections)
            self.map(self._predict_group, *self._by_group(prepared, probabilities[part]))
        return probabilities

    def gradients(self, tokens: Tokens, labels: NDArray[np.integer], weights: Floats | None = None) -> Gradients:
        """Compute a batch's gradients from its tokens, labels 0 or 1, and weights in the loss, each (reviews,).

        As in Keras, the weighted losses are added up and divided by the number of reviews.
        """
        batch = pack(tokens)
        distinct = batch.distinct_tokens()
        prepared = self._prepare(batch.reindexed(distinct), *self._project(distinct))
        probabilities = np.empty(len(tokens), np.float32)
        arguments = self._by_group(prepared, probabilities, labels, weights)
        groups: list[_GroupGradients] = self.map(self._group_gradients, *arguments)
        recurrent = [add_gradients(parts) for parts in zip(*(group.recurrent for group in groups), strict=True)]
        return Gradients(
            probabilities=probabilities,
            embedding=EmbeddingGradient(distinct, [group.embedding for group in groups]),
            others=[
                *(weight for layer in recurrent for direction in layer for weight in direction),
                *map(add_up, zip(*(group.dense for group in groups), strict=True)),
            ],
        )

    def gradient_norms(self, tokens: Tokens, labels: NDArray[np.integer]) -> Floats:
        """Implement `Learner.gradient_norms` with the loops that training uses."""
        values, projections = self._project(np.arange(len(self._embedding.table)))
        norms = np.empty((len(tokens), tokens.max_length), np.float32)
        for first in range(0, len(tokens), NORM_REVIEWS):
            part = slice(first, first + NORM_REVIEWS)
            prepared = self._prepare(pack(tokens[part]), values, projections)
            self.map(self._group_norms, *self._by_group(prepared, norms[part], labels[part]))
        norms[tokens.counts == 0] = 0.0
        return norms

    def _project(self, tokens: NDArray[np.int64]) -> tuple[Floats, list[Floats]]:
        """Return the tokens' embeddings, and their projections by the first layer's kernels, in reused buffers."""
        for layer in self._recurrent:
            layer.refresh()
        values = self._embedding.forward(tokens)
        directions = self._recurrent[0].directions
        projections = [direction.take_projections(len(values), self._shared) for direction in directions]

        def fill(rows: slice) -> None:
            for direction, result in zip(directions, projections, strict=True):
                direction.project(values[rows], result[rows])

        self.map(fill, chunks(len(tokens)))
        return values, projections

    def _prepare(self, batch: PackedBatch, values: Floats, projections: list[Floats]) -> _PreparedBatch:
        """Compute every layer's states over the padding."""
        padding = []
        of_padding = Inputs(values, np.zeros(batch.padding, np.int32))
        sequence: LayerInputs | None = None
        if batch.padding:
            layout = unpacked_layout(batch.padding, 1)
            sequence = LayerInputs(1, layout, of_padding, no_padding(values), projections)
        for layer in self._recurrent:
            padding.append(layer.forward_padding(sequence, self._shared))
            sequence = layer.padding_above(sequence, padding[-1])
        return _PreparedBatch(batch, values, projections, padding)

    def _by_group(self, prepared: _PreparedBatch, *arrays: NDArray[Any] | None) -> Iterator[tuple[Any, ...]]:
        """Return, for `map`, one iterable per argument of a per-group method; each has a value for each group."""
        groups = enumerate(prepared.batch.groups)
        return zip(*((prepared, group, self._workspaces[i], *arrays) for i, group in groups), strict=True)

    def _forward(
        self, prepared: _PreparedBatch, group: PackedReviews, workspace: Workspace, keep_derivatives: bool
    ) -> list[LayerPass]:
        sequence = prepared.sequence(group)
        passes: list[LayerPass] = []
        for layer, padding in zip(self._recurrent, prepared.padding, strict=True):
            if passes:
                sequence = self._recurrent[len(passes) - 1].sequence_above(passes[-1], workspace)
            keep_states = keep_derivatives or layer is not self._recurrent[-1]
            passes.append(layer.forward(sequence, padding, workspace, keep_states, keep_derivatives))
        return passes

    def _backward(
        self, passes: list[LayerPass], d_final: Floats, workspace: Workspace, vanished: float
    ) -> tuple[SequenceGradient, list[list[CellWeights]]]:
        """Compute the gradients of the embedded tokens and of each recurrent layer's weights."""
        gradients: list[list[CellWeights]] = []
        d_outputs = no_gradient(len(passes[-1].sequences[0].layout.batch_sizes), self._recurrent[-1].outputs)
        for layer, layer_pass in zip(reversed(self._recurrent), reversed(passes), strict=True):
            is_lowest = layer is self._recurrent[0]
            d_outputs, of_layer = layer.backward(layer_pass, d_final, d_outputs, workspace, is_lowest, vanished)
            gradients.insert(0, of_layer)
            d_final = np.zeros((len(d_final), layer.inputs), np.float32)
        return d_outputs, gradients

    def _predict_group(
        self, prepared: _PreparedBatch, group: PackedReviews, workspace: Workspace, probabilities: Floats
    ) -> None:
        final = self._forward(prepared, group, workspace, keep_derivatives=False)[-1].final
        probabilities[group.sorted_indices] = self._dense.forward(final)

    def _group_gradients(
        self,
        prepared: _PreparedBatch,
        group: PackedReviews,
        workspace: Workspace,
        probabilities: Floats,
        labels: NDArray[np.integer],
        weights: Floats | None,
    ) -> _GroupGradients:
        passes = self._forward(prepared, group, workspace, keep_derivatives=True)
        final = passes[-1].final
        of_group = self._dense.forward(final)
        probabilities[group.sorted_indices] = of_group
        d_logits = d_logits_of(of_group, labels[group.sorted_indices]) / np.float32(len(labels))
        if weights is not None:
            d_logits *= weights[group.sorted_indices]
        d_final, dense = self._dense.backward(final, d_logits)
        d_inputs, recurrent = self._backward(passes, d_final, workspace, NEGLIGIBLE_GRADIENT)
        sums = workspace.zeros("embedding", len(prepared.values), (2, prepared.values.shape[1]))
        self._embedding.backward(prepared.sequence(group), d_inputs, sums)
        return _GroupGradients(of_group, recurrent, dense, sums)

    def _group_norms(
        self,
        prepared: _PreparedBatch,
        group: PackedReviews,
        workspace: Workspace,
        norms: Floats,
        labels: NDArray[np.integer],
    ) -> None:
        passes = self._forward(prepared, group, workspace, keep_derivatives=True)
        final = passes[-1].final
        d_logits = d_logits_of(self._dense.forward(final), labels[group.sorted_indices])
        d_final, _ = self._dense.backward(final, d_logits)
        d_inputs, _ = self._backward(passes, d_final, workspace, vanished=0.0)
        of_group = np.empty((norms.shape[1], len(group.sorted_indices)), np.float32)
        entry_norms(group.layout, d_inputs, of_group)
        norms[group.sorted_indices] = of_group.T


def chunks(count: int) -> list[slice]:
    """Split `count` rows into `GROUPS` parts of about equal size."""
    edges = [count * part // GROUPS for part in range(GROUPS + 1)]
    return [slice(*pair) for pair in pairwise(edges)]
