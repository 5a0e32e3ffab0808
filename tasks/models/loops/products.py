"""Products of small matrices of any shape, at the full speed of the processor's vector units.

Preparing a product in a BLAS library takes longer than computing it for a timestep with 64 reviews and 32 units. Here
a *tile* of the result stays in the processor's registers while its products are summed, step by step, as in Goto & van
de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008). Each number in a result is summed in one chain of
additions in step order, whatever its tile, so results depend neither on the number of rows multiplied at once nor on
the machine's BLAS.
"""

from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from tasks.models.loops.lanes import LANES, Floats, Lanes, broadcast, fast, fast_inlined

# Accumulators and operands together fit into the registers: 32 of 512 bits, or 16 of 256 bits.
_WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
TILE_ROWS, TILE_VECTORS = (8, 2) if _WIDE else (6, 1)
TILE_COLUMNS = TILE_VECTORS * LANES
# A tile of four rows takes as long as a single row: each addition waits for the one before it.
HIGH, LOW = TILE_ROWS, 4
_POINTER = types.CPointer(types.float32)  # type: ignore[attr-defined]
_INDEX = ir.IntType(64)
_ALIGNMENT = ir.IntType(32)(4)


@intrinsic  # type: ignore[untyped-decorator]
def _at(_context: Any, array: Any) -> Any:
    """The address of an array's first element."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return _POINTER(array), generate


@intrinsic  # type: ignore[untyped-decorator]
def _ahead(_context: Any, _pointer: Any, _numbers: Any) -> Any:
    """The pointer advanced by `numbers` elements."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer, numbers = arguments
        return builder.gep(pointer, [numbers])

    return _POINTER(_POINTER, types.int64), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def _tile(_context: Any, vectors: Any, columns: Any, _rows: Any, _steps: Any, operands: Any, _add: Any) -> Any:
    """Compute a tile of a product, up to `HIGH` rows high.

    Only a few sizes are compiled, because each takes a while. A lower tile repeats its last row, and a narrower one
    leaves the rest of its vector alone.

    Args:
        vectors: the width of the tile in vectors, as a literal.
        columns: its width in numbers if its only vector may not be whole, else None.
        rows: its height.
        steps: the number of products summed for each number.
        operands: the left factor's address, row stride and step stride; the right factor's address and step stride (its
            columns are adjacent); the result's address and row stride.
        add: whether to add to the result's present values.
    """
    width, is_whole = vectors.literal_value, columns == types.none

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        _, used, rows, steps, packed, add = arguments
        unpacked = cgutils.unpack_tuple(builder, packed)
        memory = _Memory(builder, None if is_whole else used)
        with builder.if_else(builder.icmp_signed("<=", rows, _INDEX(LOW))) as (low, high):
            with low:
                _generate_tile(builder, memory, (LOW, width), rows, steps, unpacked, add)
            with high:
                _generate_tile(builder, memory, (HIGH, width), rows, steps, unpacked, add)
        return context.get_dummy_value()

    return types.void(vectors, columns, types.int64, types.int64, operands, types.boolean), generate


class _Memory:
    """Reads and writes vectors; if `columns` is given, only their first `columns` numbers."""

    def __init__(self, builder: Any, columns: Any | None) -> None:
        self._builder, self.vector = builder, Lanes(LANES).vector
        self._mask = None
        if columns is not None:
            numbers = ir.Constant(ir.VectorType(_INDEX, LANES), list(range(LANES)))
            self._mask = builder.icmp_signed("<", numbers, broadcast(builder, columns, LANES))

    def load(self, pointer: Any) -> Any:
        """Emit the reading of a vector; numbers that are not read are 0."""
        if self._mask is None:
            return self._builder.load(pointer, align=4)
        zeros = ir.Constant(self.vector, [0.0] * LANES)
        return self._intrinsic("load", self.vector, [pointer, _ALIGNMENT, self._mask, zeros])

    def store(self, numbers: Any, pointer: Any) -> None:
        """Emit the writing of a vector."""
        if self._mask is None:
            self._builder.store(numbers, pointer, align=4)
        else:
            self._intrinsic("store", ir.VoidType(), [numbers, pointer, _ALIGNMENT, self._mask])

    def _intrinsic(self, name: str, result: Any, arguments: list[Any]) -> Any:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        name = f"llvm.masked.{name}.v{LANES}f32.p0"
        return self._builder.call(cgutils.get_or_insert_function(self._builder.module, kind, name), arguments)


def _generate_tile(
    builder: Any, memory: _Memory, shape: tuple[int, int], rows: Any, steps: Any, operands: list[Any], add: Any
) -> None:
    """Emit a tile's instructions: load the sums, add a product for each step, store the sums."""
    height, width = shape
    left, left_row, left_step, right, right_step, out, out_row = operands
    vector = memory.vector
    multiply_add = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{LANES}f32"
    )

    def vectors_at(pointer: Any) -> list[Any]:
        starts = [builder.gep(pointer, [_INDEX(LANES * number)]) for number in range(width)]
        return [builder.bitcast(start, vector.as_pointer()) for start in starts]

    last = builder.sub(rows, _INDEX(1))
    numbers = [builder.select(builder.icmp_signed("<", _INDEX(row), last), _INDEX(row), last) for row in range(height)]
    lefts = [builder.gep(left, [builder.mul(left_row, row)]) for row in numbers]
    results = [vectors_at(builder.gep(out, [builder.mul(out_row, row)])) for row in numbers]
    zero = ir.Constant(vector, [0.0] * LANES)
    sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(width)] for _ in range(height)]
    targets = [pair for both in zip(results, sums, strict=True) for pair in zip(*both, strict=True)]
    with builder.if_then(add):
        for result, total in targets:
            builder.store(memory.load(result), total)
    with cgutils.for_range(builder, steps) as loop:
        columns = vectors_at(builder.gep(right, [builder.mul(loop.index, right_step)]))
        factors = [memory.load(column) for column in columns]
        at = builder.mul(loop.index, left_step)
        for row, totals in zip(lefts, sums, strict=True):
            number = broadcast(builder, builder.load(builder.gep(row, [at])), LANES)
            for factor, total in zip(factors, totals, strict=True):
                builder.store(builder.call(multiply_add, [number, factor, builder.load(total)]), total)
    for result, total in targets:
        memory.store(builder.load(total), result)


@fast
def _product(
    rows: int, columns: int, steps: int, left: Any, left_row: Any, left_step: Any, right: Any, right_step: int,
    out: Any, out_row: int, add: Any,
) -> None:  # fmt: skip
    """Compute a result of `rows` × `columns` tile by tile; arguments as for `_tile`."""
    j = 0
    while j < columns:
        width = TILE_COLUMNS if columns - j >= TILE_COLUMNS else min(columns - j, LANES)
        i = 0
        while i < rows:
            height = min(rows - i, HIGH)
            row, result = _ahead(left, i * left_row), _ahead(out, i * out_row + j)
            operands = row, left_row, left_step, _ahead(right, j), right_step, result, out_row
            if width == TILE_COLUMNS:
                _tile(TILE_VECTORS, None, height, steps, operands, add)
            else:
                _tile(1, width, height, steps, operands, add)
            i += height
        j += width


@fast_inlined
def multiply(left: Floats, right: Floats, out: Floats, add: bool) -> None:
    """Store `left @ right`, shapes (rows, steps) and (steps, columns), in `out`, or add it to `out`.

    The numbers in each row must be adjacent; rows may have gaps between them.
    """
    left_row, right_row, out_row = left.strides[0] // 4, right.strides[0] // 4, out.strides[0] // 4
    rows, columns, steps = len(out), out.shape[1], left.shape[1]
    one, is_added = np.int64(1), np.bool_(add)  # For a constant as written, numba would compile `_product` once more.
    _product(rows, columns, steps, _at(left), left_row, one, _at(right), right_row, _at(out), out_row, is_added)


@fast
def add_or_set(left: Floats, right: Floats, out: Floats, known: np.int64) -> None:
    """Add `left @ right` to the first `known` rows of `out`, and store it in the others, which are uninitialized."""
    end = min(max(int(known), 0), len(out))
    multiply(left[:end], right, out[:end], True)
    multiply(left[end:], right, out[end:], False)


@fast_inlined
def add_outer_products(left: Floats, right: Floats, target: Floats) -> None:
    """Add `left.T @ right`, shapes (steps, rows) and (steps, columns), to `target`, shape (rows, columns)."""
    left_row, right_row, target_row = left.strides[0] // 4, right.strides[0] // 4, target.strides[0] // 4
    (rows, columns), one, is_added = target.shape, np.int64(1), np.bool_(True)
    _product(
        rows, columns, len(left), _at(left), one, left_row, _at(right), right_row, _at(target), target_row, is_added
    )
