"""Observations of imports: entries become observations, each once, and leave with their import.

An observation names every kept row that says exactly the same, so an import that is taken back
takes with it what nobody else says, and nothing more. Nothing here asks AWS.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake.importing.columns import Column, array, ordered, repeated, where, whole
from soundlake.store.schemas import SCHEMAS

SCHEMA = SCHEMAS["observations"]
# What an observation says, beside who said it where.
VALUES = [name for name in SCHEMA.names if name not in {"raw_keys", "raw_rows"}]
# In the order of a month's object; what is equal in these may still differ in others.
_ORDER = ("time", "uri", "source", "track_name", "ms_played")
_BETWEEN = "\x1f"  # joins a list's texts; no name has it
_NOTHING = "\x00"


def observations_of(entries: pa.Table, account: str, raw_key: str) -> pa.Table:
    """The observations of a kept file's entries that are plays, in the file's order."""
    plays = where(entries, np.asarray(pc.is_null(entries.column("problem"))))
    one: Column = array(np.ones(plays.num_rows, np.int32))
    columns: dict[str, Column] = {
        "account": repeated(account, plays.num_rows),
        "raw_keys": pa.ListArray.from_arrays(
            _offsets(one), repeated(raw_key, plays.num_rows).cast(pa.string())
        ),
        "raw_rows": pa.ListArray.from_arrays(_offsets(one), whole(plays.column("row"))),
    }
    arrays = [
        columns[field.name]
        if field.name in columns
        else whole(plays.column(field.name)).cast(field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def added(known: pa.Table, seen: pa.Table) -> pa.Table:
    """All observations of both, each once, with every kept row that says so; in a month's order.

    Which of them came first makes no difference.
    """
    rows = pa.concat_tables([known, seen]).combine_chunks()
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in _ORDER])
    rows = ordered(rows, np.asarray(order, np.int64))
    tied = _tied(rows)
    if not tied.any():
        return rows
    place = np.cumsum(~_as_before(rows))  # of each tie in the month's order
    single = rows.filter(array(~tied))
    merged, places = _merged(rows.filter(array(tied)), place[tied])
    every = pa.concat_tables([single, merged]).combine_chunks()
    at = np.concatenate([place[~tied], places])
    return every.take(array(np.argsort(at, kind="stable"))).combine_chunks()


def without(known: pa.Table, raw_prefix: str) -> pa.Table:
    """The observations without the kept rows under a prefix; what nothing else says is gone.

    They are in a month's order, as if those rows had never been.
    """
    keys = whole(known.column("raw_keys"))
    parents: Column = pc.list_parent_indices(keys)
    own = pc.starts_with(pc.list_flatten(keys), raw_prefix)
    touched = np.unique(np.asarray(parents.filter(own)))
    if not touched.size:
        return known
    mask = np.zeros(known.num_rows, bool)
    mask[touched] = True
    kept: list[list[str] | None] = keys.to_pylist()
    numbers: list[list[int] | None] = known.column("raw_rows").to_pylist()
    stays = np.ones(known.num_rows, bool)
    for index in np.flatnonzero(mask):
        pairs = _pairs(kept[index], numbers[index])
        pairs = [pair for pair in pairs if not pair[0].startswith(raw_prefix)]
        kept[index], numbers[index] = _unpaired(pairs)
        stays[index] = bool(pairs)
    # Which of a tie comes first may have been told by a row that is gone.
    return added(SCHEMA.empty_table(), where(_with_givers(known, kept, numbers), stays))


def givers(observations: pa.Table) -> tuple[Column, Column, Column]:
    """Every kept row that observations name: the observation's index, the raw key, the row."""
    keys = whole(observations.column("raw_keys"))
    rows = whole(observations.column("raw_rows"))
    of: Column = pc.list_parent_indices(keys)
    flat: Column = pc.list_flatten(keys)
    numbers: Column = pc.list_flatten(rows)
    if rows.null_count:
        # A captured observation has no row: its first page alone.
        told = np.asarray(pc.is_valid(rows))[np.asarray(of)]
        filled = np.zeros(len(flat), np.int32)
        filled[told] = np.asarray(numbers)
        numbers = array(filled)
    return of, flat, numbers


def _tied(rows: pa.Table) -> Any:
    """Which rows are equal in the order's columns to the one before or after them."""
    same = _as_before(rows)
    after = np.concatenate([same[1:], [False]]) if same.size else same
    return same | after


def _as_before(rows: pa.Table) -> Any:
    """Which rows are equal in the order's columns to the one before them; the first is not."""
    size = rows.num_rows
    same = np.ones(size, bool)
    if not size:
        return same
    same[0] = False
    for name in _ORDER:
        column = rows.column(name)
        this, last = column.slice(1), column.slice(0, size - 1)
        equal: Column = pc.coalesce(pc.equal(this, last), pa.scalar(False))
        nothing: Column = pc.and_(pc.is_null(this), pc.is_null(last))
        same[1:] &= np.asarray(pc.or_(equal, nothing))
    return same


def _merged(rows: pa.Table, places: Any) -> tuple[pa.Table, Any]:
    """Tied rows, equal ones as one with all their givers; and the place of each."""
    codes = np.asarray(places, np.int64)
    for name in VALUES:
        code = np.asarray(_comparable(rows.column(name)).dictionary_encode().indices, np.int64)
        codes = np.unique(codes * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1]
    first = np.unique(codes, return_index=True)[1]
    keys, numbers = rows.column("raw_keys").to_pylist(), rows.column("raw_rows").to_pylist()
    found: list[set[tuple[str, int]]] = [set() for _ in first]
    for code, key, number in zip(codes, keys, numbers, strict=True):
        found[code].update(_pairs(key, number))
    pairs = [sorted(each) for each in found]
    # Of a tie the one that the least key gives comes first: any other order would be by chance.
    order = sorted(range(len(first)), key=lambda code: (places[first[code]], pairs[code]))
    lists = [_unpaired(pairs[code]) for code in order]
    table = rows.take(array(first[order]))
    merged = _with_givers(table, [keys for keys, _ in lists], [rows for _, rows in lists])
    return merged, np.asarray(places)[first[order]]


def _pairs(keys: list[str] | None, rows: list[int] | None) -> list[tuple[str, int]]:
    """Kept rows as pairs; one of recently played tracks has no row, here 0."""
    given = keys or []
    return list(zip(given, rows or [0] * len(given), strict=True))


def _unpaired(pairs: list[tuple[str, int]]) -> tuple[list[str], list[int] | None]:
    rows = [row for _, row in pairs]
    return [key for key, _ in pairs], rows if any(rows) else None


def _with_givers(rows: pa.Table, keys: list[Any], numbers: list[Any]) -> pa.Table:
    for name, values in (("raw_keys", keys), ("raw_rows", numbers)):
        place = rows.schema.get_field_index(name)
        field = SCHEMA.field(name)
        rows = rows.set_column(place, field, array(values, field.type))
    return rows


def _comparable(column: Column) -> Column:
    """A column as values that can be told apart one by one; a null is a value of its own."""
    column = whole(column)
    if pa.types.is_list(column.type):
        flat = column.flatten().fill_null(_NOTHING)
        joined = pc.binary_join(pa.ListArray.from_arrays(column.offsets, flat), _BETWEEN)
        column = pc.if_else(pc.is_valid(column), joined, pa.scalar(None, pa.string()))
    if pa.types.is_string(column.type):
        return column.fill_null(_NOTHING)
    missing: Column = pc.is_null(column)
    numbers = (
        column.cast(pa.int64()) if not pa.types.is_boolean(column.type) else column.cast("int8")
    )
    values = numbers.fill_null(0).cast(pa.int64())
    # Twice the value, and one for a null: no number is taken for it.
    return pc.add(pc.multiply(values, 2), missing.cast(pa.int64()))


def _offsets(counts: Column) -> Column:
    sums = np.cumsum(np.asarray(counts), dtype=np.int32)
    return array(np.concatenate([[0], sums]), pa.int32())
