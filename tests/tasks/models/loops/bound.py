"""The functions of `tasks.models.loops.timestep` for a cell, so that tests can call them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit

from tasks.models.loops import timestep
from tasks.models.loops.records import Cell


@cache
def step_forward(cell: Cell) -> Callable[..., Any]:
    """`timestep.step_forward` without its first argument."""

    @njit
    def bound(rows, projections, states, before, after, row, keep):
        timestep.step_forward(cell, rows, projections, states, before, after, row, keep)

    return bound


@cache
def step_backward(cell: Cell) -> Callable[..., Any]:
    """`timestep.step_backward` without its first argument."""

    @njit
    def bound(dz, d_hidden, d_cell, states, before, after, stride):
        timestep.step_backward(cell, dz, d_hidden, d_cell, states, before, after, stride)

    return bound


@cache
def padding_work(cell: Cell) -> Callable[..., Any]:
    """`timestep.padding_work` without its first argument."""

    @njit
    def bound(kernels, states, d_inputs, reviews):
        return timestep.padding_work(cell, kernels, states, d_inputs, reviews)

    return bound


@cache
def padding_backward(cell: Cell) -> Callable[..., Any]:
    """`Cell.padding_backward` without its first argument."""

    @njit
    def bound(padding, step, t, first, d_hidden, d_cell, dz):
        cell.padding_backward(cell, padding, step, t, first, d_hidden, d_cell, dz)

    return bound
