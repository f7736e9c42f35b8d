"""Entries: what each row of a file says, as columns of observations, or why it says nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from soundlake.plays import EARLIEST
from soundlake.store import without_pandas
from soundlake.store.schemas import SCHEMAS
from soundlake.texts import shortened
from soundlake.times import naive_ms

without_pandas.make_first_array()

# Its stubs know no arrays of mixed origin; columns are arrays of any type.
pc: Any = pyarrow.compute
Column = Any  # a pa.Array

# What the machine knows and a row does not.
_NOT_OF_ROWS = ("account", "raw_keys", "raw_rows")

_FIELDS: list[Any] = [pa.field("row", pa.int32()), pa.field("problem", pa.string())]
_FIELDS += [field for field in SCHEMAS["observations"] if field.name not in _NOT_OF_ROWS]
ENTRIES = pa.schema(_FIELDS)
AHEAD = timedelta(days=1)  # of the import's own time: clocks and zones differ by less
# The longest single play that is believed. No track, episode or chapter is as long as a day, and
# a player that is left paused does not count on.
LONGEST = 24 * 60 * 60 * 1000  # ms


@dataclass(frozen=True, slots=True)
class Check:
    """Rows that are no play, and for each the sentence that says why."""

    rows: Column
    say: Callable[[int], str]


def table(columns: Mapping[str, Any], rows: int, checks: list[Check]) -> pa.Table:
    """ENTRIES of as many rows, null where no column is given; the first check that fails says."""
    made = []
    for field in ENTRIES:
        if field.name == "row":
            made.append(pa.array(np.arange(1, rows + 1, dtype=np.int32)))
        elif field.name == "problem":
            made.append(_problems(checks, rows))
        elif field.name in columns:
            made.append(_array(columns[field.name], field.type, rows))
        else:
            made.append(pa.nulls(rows, field.type))
    return pa.table(made, schema=ENTRIES)


def _array(values: Any, kind: pa.DataType, rows: int) -> Column:
    if isinstance(values, str):
        text: Any = pa.scalar(values, kind)
        return pa.repeat(text, rows)
    found = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return found if found.type == kind else found.cast(kind)


def _problems(checks: list[Check], rows: int) -> Column:
    said: dict[int, str] = {}
    for check in checks:
        for row in indices(check.rows):
            if row not in said:
                said[row] = check.say(row)
    if not said:
        return pa.nulls(rows, pa.string())
    texts = np.full(rows, None, dtype=object)
    for row, text in said.items():
        texts[row] = text
    return pa.array(texts, pa.string())


def indices(mask: Column) -> list[int]:
    """The places at which a mask is true."""
    found: list[int] = np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False)).tolist()
    return found


def time_checks(
    times: Column, texts: Column, field: str, expected: str, now: datetime
) -> list[Check]:
    """Checks of a column of times (timestamp[ms]) beside what the rows said in its place."""
    latest = naive_ms(now) + AHEAD

    def said(row: int) -> str:
        return show(texts[row].as_py())

    return [
        Check(pc.is_null(texts), lambda _: f"{field} is missing: when it was played is not told"),
        Check(
            pc.and_(pc.is_null(times), pc.is_valid(texts)),
            lambda row: f"{field} is {said(row)}, expected {expected}",
        ),
        Check(
            pc.less(times, pa.scalar(EARLIEST, times.type)),
            lambda row: f"{field} is {said(row)}, before 2006, when there was no Spotify",
        ),
        Check(
            pc.greater(times, pa.scalar(latest, times.type)),
            lambda row: f"{field} is {said(row)}, which lies in the future",
        ),
    ]


def played_checks(played: Column, field: str, unit: int = 1) -> list[Check]:
    """Checks of a column of how long was heard, in ms; the rows said it in `unit` ms."""

    def said(row: int) -> str:
        return f"{field} is {played[row].as_py() // unit:,}"

    return [
        Check(pc.less(played, 0), lambda row: f"{said(row)}, and less than nothing was not heard"),
        Check(
            pc.greater(played, LONGEST),
            lambda row: (
                f"{said(row)}, over 24 hours: longer than anything there is to hear at once"
            ),
        ),
    ]


def show(value: Any) -> str:
    """A value as a sentence shows it."""
    return repr(shortened(value, 40)) if isinstance(value, str) else shortened(str(value), 40)


def mapped(column: Column, change: Callable[[str], Any], kind: pa.DataType | None = None) -> Column:
    """A column of few distinct texts, each replaced by what `change` makes of it; null stays."""
    encoded = column.dictionary_encode()
    values = pa.array(
        [change(text) for text in encoded.dictionary.to_pylist()], kind or pa.string()
    )
    return values.take(encoded.indices)


def lists(values: Column) -> Column:
    """Lists of one text each; null where the text is."""
    valid = pc.is_valid(values).to_numpy(zero_copy_only=False)
    offsets: Any = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum(valid, out=offsets[1:])
    make: Any = pa.ListArray.from_arrays
    return make(pa.array(offsets), values.drop_null(), mask=pc.is_null(values))


def without_empty(column: Column) -> Column:
    """A column of texts in which empty ones are null."""
    empty = pc.equal(column, "")
    if not pc.any(empty).as_py():
        return column
    return pc.if_else(empty, pa.scalar(None, column.type), column)


def countries(column: Column) -> Column:
    """Codes of countries in capitals; null where they are none (ZZ is Spotify's for unknown)."""
    return mapped(column, _country)


def _country(text: str) -> str | None:
    code = text.strip().upper()
    known = len(code) == 2 and code.isascii() and code.isalpha() and code != "ZZ"
    return code if known else None


def one(column: Any) -> Column:
    """A table's column in one piece."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
