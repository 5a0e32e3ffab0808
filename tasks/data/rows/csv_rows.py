"""Rows of a CSV file. Every column stays text, as it is written: "007" is no number."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from tasks.data.rows.batch import Reject, RowBatch, check_text_column
from tasks.data.texts.batch import BATCH_BYTES
from tasks.data.texts.csv_file import check_quotes, fault, header
from tasks.results.errors import DataError


def read_csv_rows(path: Path, text_column: str) -> Iterator[RowBatch]:
    """The rows of a CSV file; those with another number of columns than the header are set aside.

    Raises:
        DataError: a column is missing, or a quote is never closed.
    """
    names = header(path)
    check_text_column(path, names, text_column)
    rejects: list[Reject] = []

    def set_aside(row: arrow_csv.InvalidRow) -> str:
        reason = f"found {row.actual_columns} columns, expected {row.expected_columns}; put texts with commas in quotes"
        rejects.append(Reject(str(path), row.number, reason))
        return "skip"

    faulty: set[int] = set()
    numbers = (number for number in count(2) if number not in faulty)
    last: pa.RecordBatch | None = None
    try:
        with arrow_csv.open_csv(
            path,
            # One thread: only then are rows numbered.
            read_options=arrow_csv.ReadOptions(block_size=BATCH_BYTES, use_threads=False),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False, check_utf8=False
            ),
        ) as reader:
            for columns in reader:
                new, rejects[:] = tuple(rejects), []
                faulty.update(reject.row for reject in new)
                rows = np.fromiter(islice(numbers, len(columns)), np.int64, len(columns))
                yield RowBatch(str(path), columns, rows, new, columns.nbytes)
                last = columns if len(columns) else last
    except pa.ArrowInvalid as error:
        raise DataError(fault(path, str(error))) from None
    if rejects:
        nothing = pa.RecordBatch.from_pylist([], pa.schema([(name, pa.large_string()) for name in names]))
        yield RowBatch(str(path), nothing, np.zeros(0, np.int64), tuple(rejects), 0)
    check_quotes(path, last)
