"""Reviews out of every other pickled object array that people have: tuples, arrays and shared lists of integers.

`tasks.data.pickled_lists` reads the usual array of lists, fast. What it does not know comes here: the opcodes of pickle
are followed one by one with a stack and a memo, as unpickling does, but the values are plain data or records, names
are never looked up, and nothing is ever called. What else an opcode could do is refused.
"""

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.pickle_values import Array, Name, RefusedError, Sequence, Type, described, described_call, reviews_of
from tasks.errors import DataError
from tasks.storage.compiled import compiled

_RUN = 1 << 16
_WAY_OUT = (
    "only lists of integers, tuples or arrays of them are read. Nothing from the file was run. If you wrote this file, "
    "store each review as a list of ints"
)
_BININT, _BININT1, _BININT2, _STOP = 74, 75, 77, 46
_INT_OPCODES = frozenset((_BININT, _BININT1, _BININT2))
_OPCODES: dict[int, Any] = {ord(opcode.code): opcode for opcode in pickletools.opcodes}


def read_pickled_reviews(where: str, content: bytes) -> list[NDArray[np.int32]]:
    """The integers of each review of a pickled object array.

    Args:
        where: the file and its member, for errors.
        content: the pickle.

    Raises:
        DataError: the pickle holds anything but sequences of integers, or is cut short.
    """
    try:
        result = _Machine(content).run()
        if not isinstance(result, Array):
            raise RefusedError("no array")
        return list(reviews_of(result))
    except RefusedError as error:
        raise DataError(f"{where}: the pickle holds {error}; refused: {_WAY_OUT}") from None
    except (IndexError, ValueError):
        raise DataError(f"{where}: the pickle ends too early, or is damaged; fetch the file again") from None


class _Mark:
    """Where a sequence begins on the stack."""


class _Machine:
    """A stack and a memo, and what each admitted opcode does to them."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._buffer = np.frombuffer(content, np.uint8)
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._run = np.empty(_RUN, np.int64)

    def run(self) -> Any:
        """Follow the opcodes; the value that is left."""
        source = _Bytes(self._content)
        actions = {code: self._action(opcode) for code, opcode in _OPCODES.items()}
        while True:
            code = self._content[source.at]
            if code in _INT_OPCODES:
                source.at = self._integers(source.at)
                continue
            if code == _STOP:
                return self._pop()
            if code not in actions:
                raise ValueError("unknown opcode")
            source.at += 1
            read_argument, action = actions[code]
            action(read_argument(source) if read_argument else None)

    def _action(self, opcode: Any) -> tuple[Callable[["_Bytes"], Any] | None, Callable[[Any], None]]:
        """What reads the operand of an opcode, and what the opcode does."""

        def refuse(_: Any) -> None:
            raise RefusedError(f"the opcode {opcode.name}")

        reader = opcode.arg.reader if opcode.arg else None
        return reader, getattr(self, f"_do_{opcode.name.lower()}", refuse)

    def _integers(self, at: int) -> int:
        """Push a run of integers; where the next opcode begins."""
        at, count = _read_run(self._buffer, at, self._run)
        if count == 0:
            raise IndexError
        self._stack.append(self._run[:count].copy())
        return at

    def _pop(self) -> Any:
        """The last value. Of a run of integers it is the last integer, as a run of one."""
        value = self._stack.pop()
        if isinstance(value, _Mark):
            raise ValueError("nothing after the mark")
        if isinstance(value, np.ndarray) and len(value) > 1:
            self._stack.append(value[:-1])
            return value[-1:]
        return value

    def _pop_to_mark(self) -> list[Any]:
        mark = len(self._stack) - 1
        while not isinstance(self._stack[mark], _Mark):
            mark -= 1
            if mark < 0:
                raise ValueError("no mark")
        values = self._stack[mark + 1 :]
        del self._stack[mark:]
        return values

    def _list(self) -> Sequence:
        value = self._stack[-1]
        if not isinstance(value, Sequence):
            raise RefusedError(f"{described(value)} that is appended to")
        return value

    def _do_proto(self, _: Any) -> None:
        """Which protocol does not matter."""

    _do_frame = _do_proto

    def _do_mark(self, _: Any) -> None:
        self._stack.append(_Mark())

    def _do_empty_list(self, _: Any) -> None:
        self._stack.append(Sequence())

    _do_empty_tuple = _do_empty_list

    def _do_append(self, _: Any) -> None:
        value = self._pop()
        self._list().items.append(value)

    def _do_appends(self, _: Any) -> None:
        values = self._pop_to_mark()
        self._list().items += values

    def _do_tuple(self, _: Any) -> None:
        self._stack.append(Sequence(self._pop_to_mark()))

    def _tuple_of(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self._stack.append(Sequence(values[::-1]))

    def _do_tuple1(self, _: Any) -> None:
        self._tuple_of(1)

    def _do_tuple2(self, _: Any) -> None:
        self._tuple_of(2)

    def _do_tuple3(self, _: Any) -> None:
        self._tuple_of(3)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    _do_binunicode = _do_short_binunicode = _do_binunicode8 = _push
    _do_binbytes = _do_short_binbytes = _do_binbytes8 = _push
    _do_binstring = _do_short_binstring = _push
    _do_none = _push

    def _do_bytearray8(self, argument: bytearray) -> None:
        self._stack.append(bytes(argument))

    def _do_newtrue(self, _: Any) -> None:
        self._stack.append(True)

    def _do_newfalse(self, _: Any) -> None:
        self._stack.append(False)

    def _do_long1(self, argument: int) -> None:
        self._stack.append(np.array([min(max(argument, -(2**62)), 2**62)], np.int64))

    _do_long4 = _do_long1

    def _do_global(self, argument: str) -> None:
        self._stack.append(Name(argument.replace(" ", ".")))

    def _do_stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        self._stack.append(Name(f"{module}.{name}"))

    def _do_memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _do_binput(self, argument: int) -> None:
        self._memo[argument] = self._stack[-1]

    _do_long_binput = _do_binput

    def _do_binget(self, argument: int) -> None:
        if argument not in self._memo:
            raise ValueError("nothing remembered")
        self._stack.append(self._memo[argument])

    _do_long_binget = _do_binget

    def _do_reduce(self, _: Any) -> None:
        arguments, name = self._pop(), self._pop()
        if not isinstance(name, Name) or not isinstance(arguments, Sequence):
            raise RefusedError(f"a call of {described(name)}")
        self._stack.append(described_call(name, arguments.short()))

    def _do_build(self, _: Any) -> None:
        state, value = self._pop(), self._stack[-1]
        if not isinstance(state, Sequence):
            raise RefusedError(f"the state {described(state)}")
        if isinstance(value, Array):
            value.state = state.short()
        elif isinstance(value, Type):
            value.order = str([*state.short(), "", ""][1])
        else:
            raise RefusedError(f"a state of {described(value)}")


class _Bytes:
    """A mark in bytes, from which `pickletools` reads operands without a copy of the rest."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def read(self, count: int) -> bytes:
        """The next bytes, fewer at the end."""
        start, self.at = self.at, min(self.at + count, len(self._content))
        return self._content[start : self.at]

    def readline(self) -> bytes:
        """The next bytes up to a newline."""
        end = self._content.find(b"\n", self.at) + 1
        return self.read((end or len(self._content)) - self.at)


@compiled
def _read_run(buffer: NDArray[np.uint8], at: int, values: NDArray[np.int64]) -> tuple[int, int]:
    """Read integers as long as one follows the other; where the next opcode begins, and how many there are."""
    count = 0
    while at < len(buffer) and count < len(values):
        opcode = buffer[at]
        if opcode == _BININT1 and at + 2 <= len(buffer):
            values[count] = buffer[at + 1]
            at += 2
        elif opcode == _BININT2 and at + 3 <= len(buffer):
            values[count] = np.int64(buffer[at + 1]) | np.int64(buffer[at + 2]) << 8
            at += 3
        elif opcode == _BININT and at + 5 <= len(buffer):
            low = np.int64(buffer[at + 1]) | np.int64(buffer[at + 2]) << 8 | np.int64(buffer[at + 3]) << 16
            high = np.int64(buffer[at + 4])
            values[count] = low | (high - 256 if high > 127 else high) << 24
            at += 5
        else:
            break
        count += 1
    return at, count
