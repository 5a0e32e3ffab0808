"""The building blocks of a report: paragraphs, tables and drawings, before they become HTML or markdown.

Text is made of spans. A plain string is shown unchanged, whatever it contains; only the span classes of this module
add formatting, so data can never become markup.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

from matplotlib.figure import Figure

from artifacts.formats import TEXT, Format, PlainValue, plural

Row = TypeVar("Row")
LONGEST_TABLE = 8  # Rows of a table that is not folded.


@dataclass(frozen=True)
class Code:
    """Text to copy: a command, a name, a checksum."""

    text: str


@dataclass(frozen=True)
class Strong:
    """Emphasized text."""

    text: str


@dataclass(frozen=True)
class Shade:
    """Text shaded by a probability of "positive": level 0 is negative, 5 undecided, 10 positive."""

    text: str
    level: int


@dataclass(frozen=True)
class Link:
    """A link to another file of the run's folder. The address never comes from data."""

    text: str
    address: str


Span = str | Code | Strong | Shade | Link
Spans = tuple[Span, ...]
Role = Literal["plain", "answer", "warning", "reading", "missing"]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the report; its role determines its appearance."""

    spans: Spans
    role: Role = "plain"
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Listing:
    """Source code, which keeps its lines."""

    text: str
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Spans, ...]
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes:
        stem: stem of its file names.
        caption: short description of the figure.
        draw: makes the figure from the record that the page is about.
        width: "wide" if it needs the full width of the page, or more on a small screen.
    """

    stem: str
    caption: str
    draw: Callable[[Any], Figure]
    width: Literal["narrow", "wide"] = "narrow"
    kind: ClassVar[str] = "drawing"


class TableCell(NamedTuple):
    """A cell of a table: its text and, if the text shows a number, the number to sort by."""

    text: str
    number: PlainValue | None


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table: its head, how to get its value from a row, and how to show that value."""

    head: str
    value: Callable[[Row], Any]
    format: Format = TEXT

    def cell(self, row: Row) -> TableCell:
        """The column's cell in a row; empty if there is no value."""
        return self.shown(self.value(row))

    def shown(self, value: Any) -> TableCell:
        """A cell of the column with this value; empty if it is None."""
        if value is None:
            return TableCell("", None)
        first = next(iter(self.format.plain(value).values()))
        return TableCell(self.format.text(value), first if self.format.is_number else None)

    def plain(self, row: Row) -> dict[str, PlainValue]:
        """The column's plain values in a row, by name; empty if there is no value.

        A name is the column's head with a lower-case first letter, unless the head starts with an abbreviation.
        """
        value = self.value(row)
        name = self.head if self.head[:2].isupper() else self.head[:1].lower() + self.head[1:]
        parts = {} if value is None else self.format.plain(value)
        return {f"{name}{part}": part_value for part, part_value in parts.items()}


@dataclass(frozen=True)
class Table(Generic[Row]):
    """A table of the report, left out if it has no rows. It needs no title if a heading describes its content.

    Attributes:
        apart: what is shown below the rows, a line apart, because it is of another kind: rows of a value for each
            column.
    """

    title: str
    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    apart: Sequence[Sequence[Any]] = ()
    kind: ClassVar[str] = "table"

    @property
    def is_long(self) -> bool:
        """Whether HTML folds the table."""
        return len(self.rows) > LONGEST_TABLE

    @property
    def summary(self) -> str:
        """The line under which HTML folds the table."""
        return f"{self.title or 'Table'}: {plural(len(self.rows), 'row')}"

    def cells(self) -> list[list[TableCell]]:
        """The cells, row by row."""
        return [[column.cell(row) for column in self.columns] for row in self.rows]

    def cells_apart(self) -> list[list[TableCell]]:
        """The cells of what is shown below the rows, row by row."""
        return [[column.shown(value) for column, value in zip(self.columns, row, strict=True)] for row in self.apart]

    def records(self) -> list[dict[str, PlainValue]]:
        """The rows as plain, rounded values, for a table artifact."""
        return [dict(item for column in self.columns for item in column.plain(row).items()) for row in self.rows]


@dataclass(frozen=True)
class SideBySide:
    """Drawings next to one another, if there is room."""

    blocks: "tuple[Drawing, ...]"
    kind: ClassVar[str] = "side_by_side"


@dataclass(frozen=True)
class Details:
    """Blocks that HTML folds under a summary; the markdown report, which cannot fold them, leaves them out."""

    summary: str
    blocks: "tuple[Block, ...]"
    is_open: bool = False
    kind: ClassVar[str] = "details"


@dataclass(frozen=True)
class Topic:
    """A part of a section with its own heading."""

    title: str
    blocks: "tuple[Block, ...]"
    kind: ClassVar[str] = "topic"


Block = Paragraph | Listing | Bullets | Drawing | Table[Any] | SideBySide | Details | Topic


@dataclass(frozen=True)
class Section:
    """A question that the report answers; `anchor` is its address on the page."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


def present(*blocks: Block | None) -> tuple[Block, ...]:
    """The blocks that have something to show."""
    return tuple(block for block in blocks if block is not None and not _is_empty(block))


def every_block(blocks: Sequence[Block]) -> Iterator[Block]:
    """All blocks, at every level."""
    for block in blocks:
        yield block
        if isinstance(block, (SideBySide, Details, Topic)):
            yield from every_block(block.blocks)


def without_details(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks that markdown can show: it can neither fold blocks nor colour text."""
    return present(*(_without_details(block) for block in blocks))


# Of an unfolded review, in characters, and in spans if its words are shaded: an answer depends most on a review's end.
LONGEST_REVIEW, MOST_SPANS = 300, 60


def unfolded(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The blocks with all `Details` unfolded, each under its summary as a heading; of long reviews, only the end."""
    return present(*(_unfolded(block) for block in blocks))


def _unfolded(block: Block) -> Block:
    if isinstance(block, Details):
        return Topic(block.summary, tuple(_end(each) for each in unfolded(block.blocks)))
    return Topic(block.title, unfolded(block.blocks)) if isinstance(block, Topic) else block


def _end(block: Block) -> Block:
    """A review without all but its end; other blocks as they are."""
    if not isinstance(block, Paragraph) or block.role != "reading":
        return block
    heading, *rest = block.spans
    if len(rest) > MOST_SPANS:
        return Paragraph((heading, "… ", *rest[-MOST_SPANS:]), block.role)
    if isinstance(heading, str) and len(heading) > LONGEST_REVIEW:
        return Paragraph((f"… {heading[-LONGEST_REVIEW:]}", *rest), block.role)
    return block


def _without_details(block: Block) -> Block | None:
    if isinstance(block, Details):
        return None
    if isinstance(block, Paragraph) and any(isinstance(span, Shade) for span in block.spans):
        return None
    return Topic(block.title, without_details(block.blocks)) if isinstance(block, Topic) else block


def _is_empty(block: Block) -> bool:
    if isinstance(block, Table):
        return not block.rows
    if isinstance(block, Bullets):
        return not block.items
    return isinstance(block, (SideBySide, Topic)) and not block.blocks
