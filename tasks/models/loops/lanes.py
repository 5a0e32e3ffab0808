"""Arithmetic on several float32 numbers in one vector register, and the cells' activation functions on them.

The compiler cannot see that a timestep's rows do not overlap, so its code computes number by number, or checks each row
for overlap. `load` reads adjacent numbers as `Lanes`, for which +, -, * and / work as for single numbers; `store`
writes them back.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable
from numpy.typing import NDArray

from tasks.storage.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
# All flags but "afn" (approximate functions): NaN and infinities do not occur in the loops. With "reassoc" the compiler
# may sum in another order wherever it inlines a loop, so sums that affect results are accumulated in memory.
FAST_MATH = {"contract", "arcp", "nsz", "reassoc", "nnan", "ninf"}
fast = compiled(fastmath=FAST_MATH, error_model="numpy")
fast_inlined = compiled(fastmath=FAST_MATH, error_model="numpy", inline="always")
SMALLEST_NORMAL = np.float32(1e-30)


@fast_inlined
def flushed_number(x: np.float32) -> np.float32:
    """Return `x`, or 0 if it is vanishingly small: each denormal number costs the processor about a hundred cycles."""
    return x if abs(x) > SMALLEST_NORMAL else np.float32(0.0)


LANES = 16  # 512 bits in all; processors with narrower registers compute them in parts.
_FLAGS = tuple(sorted(FAST_MATH))


class Lanes(types.Type):
    """A vector of `count` float32 numbers."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"Lanes({count})")

    @property
    def vector(self) -> Any:
        """The LLVM type."""
        return ir.VectorType(ir.FloatType(), self.count)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, lanes.vector)


def _address(context: Any, builder: Any, array_type: Any, array: Any, first: Any, lanes: Lanes) -> Any:
    if array_type.layout != "C":
        raise TypingError("lanes stand side by side: the array must have no gaps")
    start = builder.gep(context.make_array(array_type)(context, builder, array).data, [first])
    return builder.bitcast(start, lanes.vector.as_pointer())


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def load(_context: Any, array: Any, _first: Any, count: Any) -> Any:
    """Load `array[first:first + count]`; the array has no gaps, and `count` is a literal."""
    lanes = Lanes(count.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], arguments[0], arguments[1], lanes)
        return builder.load(address, align=4)

    return lanes(array, types.int64, count), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(_context: Any, array: Any, _first: Any, lanes: Any) -> Any:
    """Store lanes in an array without gaps, from index `first` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, first, numbers = arguments
        builder.store(numbers, _address(context, builder, signature.args[0], array, first, lanes), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


@intrinsic  # type: ignore[untyped-decorator]
def clipped(_context: Any, lanes: Any, _limit: Any) -> Any:
    """Clip each number to [-limit, limit]."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        numbers, limit = arguments
        upper = broadcast(builder, limit, lanes.count)
        lower = builder.fneg(upper)
        numbers = builder.select(builder.fcmp_ordered("<", numbers, upper, flags=_FLAGS), numbers, upper)
        return builder.select(builder.fcmp_ordered(">", numbers, lower, flags=_FLAGS), numbers, lower)

    return lanes(lanes, types.float32), generate


@intrinsic  # type: ignore[untyped-decorator]
def flushed(_context: Any, lanes: Any) -> Any:
    """Each number, or 0 if it is vanishingly small, as in `flushed_number`."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        numbers = arguments[0]
        zero = broadcast(builder, ir.FloatType()(0.0), lanes.count)
        smallest = broadcast(builder, ir.FloatType()(float(SMALLEST_NORMAL)), lanes.count)
        is_negative = builder.fcmp_ordered("<", numbers, zero, flags=_FLAGS)
        sizes = builder.select(is_negative, builder.fneg(numbers), numbers)
        return builder.select(builder.fcmp_ordered(">", sizes, smallest, flags=_FLAGS), numbers, zero)

    return lanes(lanes), generate


def broadcast(builder: Any, number: Any, count: int) -> Any:
    """Emit the instructions that copy a number into each element of a vector of `count`."""
    undefined = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    first = builder.insert_element(undefined, number, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, undefined, everywhere)


def _define(operation: Any, instruction: str) -> None:
    """Define a numba operation between lanes, or between lanes and a single number."""

    def find_type(_context: Any) -> Any:
        def result(left: Any, right: Any) -> Any:
            return next((operand for operand in (left, right) if isinstance(operand, Lanes)), None)

        return result

    def generate(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = signature.return_type
        operands = [
            value if isinstance(kind, Lanes) else broadcast(builder, value, lanes.count)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        return getattr(builder, instruction)(*operands, flags=_FLAGS)

    type_callable(operation)(find_type)
    for operands in ((Lanes, Lanes), (Lanes, types.float32), (types.float32, Lanes)):
        lower_builtin(operation, *operands)(generate)


_define(operator.add, "fadd")

_define(operator.sub, "fsub")

_define(operator.mul, "fmul")

_define(operator.truediv, "fdiv")


@fast_inlined
def tanh(x: Any) -> Any:
    """x · P(x²) / Q(x²) with x clipped to [-9, 9], relative error 2.1e-8.

    The coefficients come from iteratively reweighted least squares on Chebyshev nodes.
    """
    x = clipped(x, np.float32(9.0))
    s = x * x
    p = np.float32(1.3353410e-08)
    p = p * s + np.float32(2.0608183e-05)
    p = p * s + np.float32(3.4955344e-03)
    p = p * s + np.float32(1.3380980e-01)
    p = p * s + np.float32(1.0)
    q = np.float32(7.7760460e-07)
    q = q * s + np.float32(3.2855463e-04)
    q = q * s + np.float32(2.5876779e-02)
    q = q * s + np.float32(4.6714297e-01)
    q = q * s + np.float32(1.0)
    return x * p / q


@fast_inlined
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), computed with `tanh`."""
    half = np.float32(0.5)
    return half * tanh(half * x) + half


@fast_inlined
def by_lanes(function: Callable[[int, int, Any], None], count: int, arguments: Any) -> None:
    """Call `function(lanes, j, arguments)` for indices `j` to `j + lanes` until all of 0 to `count` are covered."""
    for j in range(0, count - LANES + 1, LANES):
        function(LANES, j, arguments)
    for j in range(count - count % LANES, count):
        function(1, j, arguments)
