"""Products of small matrices of any shape, at the full speed of the processor's vector units.

Preparing a product in a BLAS library takes longer than computing it for a timestep with 64 reviews and 32 units. Here
a *tile* of the result stays in the processor's registers while its products are summed, step by step, as in Goto & van
de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008). Each number in a result is summed in one chain of
additions in step order, whatever its tile, so results depend neither on the number of rows multiplied at once nor on
the machine's BLAS.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from tasks.models.loops.lanes import LANES, Floats, Lanes, broadcast, fast, fast_inlined

# Accumulators and operands together fit into the registers: 32 of 512 bits, or 16 of 256 bits.
_WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
TILE_ROWS, TILE_VECTORS = (8, 2) if _WIDE else (6, 1)
TILE_COLUMNS = TILE_VECTORS * LANES
# A tile of up to four rows takes as long as a single row: each addition waits for the one before it.
HEIGHTS = (TILE_ROWS, 4, 3, 2, 1)
_POINTER = types.CPointer(types.float32)  # type: ignore[attr-defined]
_INDEX = ir.IntType(64)


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
def _tile(_context: Any, vectors: Any, lanes: Any, _rows: Any, _steps: Any, operands: Any, _add: Any) -> Any:
    """Compute `rows` × `vectors · lanes` numbers of a product.

    Args:
        vectors, lanes: the tile's width, as literals.
        rows: the tile's height, one of HEIGHTS.
        steps: the number of products summed for each number.
        operands: the left factor's address, row stride and step stride; the right factor's address and step stride (its
            columns are adjacent); the result's address and row stride.
        add: whether to add to the result's present values.
    """
    width, lane_count = vectors.literal_value, lanes.literal_value

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        _, _, rows, steps, packed, add = arguments
        unpacked = cgutils.unpack_tuple(builder, packed)
        end = builder.append_basic_block("tile_end")
        choice = builder.switch(rows, end)
        for height in HEIGHTS:
            block = builder.append_basic_block(f"tile_{height}")
            choice.add_case(_INDEX(height), block)
            builder.position_at_end(block)
            _generate_tile(builder, (height, width, lane_count), steps, unpacked, add)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return types.void(vectors, lanes, types.int64, types.int64, operands, types.boolean), generate


def _generate_tile(builder: Any, shape: tuple[int, int, int], steps: Any, operands: list[Any], add: Any) -> None:
    """Emit a tile's instructions: load the sums, add a product for each step, store the sums."""
    height, width, lane_count = shape
    lanes = Lanes(lane_count)
    left, left_row, left_step, right, right_step, out, out_row = operands
    vector = lanes.vector
    multiply_add = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{lane_count}f32"
    )

    def number_at(pointer: Any, distance: Any, count: int) -> Any:
        return builder.gep(pointer, [builder.mul(distance, _INDEX(count))])

    def vectors_at(pointer: Any) -> list[Any]:
        starts = [builder.gep(pointer, [_INDEX(lane_count * number)]) for number in range(width)]
        return [builder.bitcast(start, vector.as_pointer()) for start in starts]

    results = [vectors_at(number_at(out, out_row, row)) for row in range(height)]
    zero = ir.Constant(vector, [0.0] * lane_count)
    sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(width)] for _ in range(height)]
    targets = [pair for both in zip(results, sums, strict=True) for pair in zip(*both, strict=True)]
    with builder.if_then(add):
        for result, total in targets:
            builder.store(builder.load(result, align=4), total)
    with cgutils.for_range(builder, steps) as loop:
        columns = vectors_at(builder.gep(right, [builder.mul(loop.index, right_step)]))
        factors = [builder.load(column, align=4) for column in columns]
        first = builder.gep(left, [builder.mul(loop.index, left_step)])
        for row in range(height):
            number = broadcast(builder, lanes, builder.load(number_at(first, left_row, row)))
            for factor, total in zip(factors, sums[row], strict=True):
                builder.store(builder.call(multiply_add, [number, factor, builder.load(total)]), total)
    for result, total in targets:
        builder.store(builder.load(total), result, align=4)


@fast
def _product(
    rows: int, columns: int, steps: int, left: Any, left_row: int, left_step: int, right: Any, right_step: int,
    out: Any, out_row: int, add: bool,
) -> None:  # fmt: skip
    """Compute a result of `rows` × `columns` tile by tile; arguments as for `_tile`."""
    j = 0
    while j < columns:
        rest = columns - j
        width = TILE_COLUMNS if rest >= TILE_COLUMNS else LANES if rest >= LANES else 4 if rest >= 4 else 1
        i = 0
        while i < rows:
            left_rows = rows - i
            height = TILE_ROWS if left_rows >= TILE_ROWS else min(left_rows, 4)
            row, result = _ahead(left, i * left_row), _ahead(out, i * out_row + j)
            operands = row, left_row, left_step, _ahead(right, j), right_step, result, out_row
            if width == TILE_COLUMNS:
                _tile(TILE_VECTORS, LANES, height, steps, operands, add)
            elif width == LANES:
                _tile(1, LANES, height, steps, operands, add)
            elif width == 4:
                _tile(1, 4, height, steps, operands, add)
            else:
                _tile(1, 1, height, steps, operands, add)
            i += height
        j += width


@fast_inlined
def multiply(left: Floats, right: Floats, out: Floats, add: bool) -> None:
    """Store `left @ right`, shapes (rows, steps) and (steps, columns), in `out`, or add it to `out`.

    The numbers in each row must be adjacent; rows may have gaps between them.
    """
    left_row, right_row, out_row = left.strides[0] // 4, right.strides[0] // 4, out.strides[0] // 4
    steps = left.shape[1]
    _product(len(out), out.shape[1], steps, _at(left), left_row, 1, _at(right), right_row, _at(out), out_row, add)


@fast
def add_or_set(left: Floats, right: Floats, out: Floats, known: int) -> None:
    """Add `left @ right` to the first `known` rows of `out`, and store it in the others, which are uninitialized."""
    known = min(max(known, 0), len(out))
    multiply(left[:known], right, out[:known], True)
    multiply(left[known:], right, out[known:], False)


@fast_inlined
def add_outer_products(left: Floats, right: Floats, target: Floats) -> None:
    """Add `left.T @ right`, shapes (steps, rows) and (steps, columns), to `target`, shape (rows, columns)."""
    left_row, right_row, target_row = left.strides[0] // 4, right.strides[0] // 4, target.strides[0] // 4
    rows, columns = target.shape
    _product(rows, columns, len(left), _at(left), 1, left_row, _at(right), right_row, _at(target), target_row, True)
