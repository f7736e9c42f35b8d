"""The ledger of an import: what became of each row of its files. Nothing here asks AWS."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake.importing.columns import Column, array, repeated, whole
from soundlake.importing.merging import givers
from soundlake.store.schemas import SCHEMAS

SCHEMA = SCHEMAS["import_rows"]
IMPORTED, DUPLICATE, MERGED = "imported", "duplicate", "merged"
OUTSIDE, INVALID = "outside", "invalid"
OUTCOMES = (IMPORTED, DUPLICATE, MERGED, OUTSIDE, INVALID)


def rows_of_plays(
    observations: pa.Table,
    plays: pa.Table,
    play_of: Any,
    *,
    own: Any,
    raw_prefix: str,
    files: dict[str, str],
) -> pa.Table:
    """The ledger's rows of an import's kept rows that some observations name, in no order.

    `play_of` is each observation's play, and `own` a mask of those observations; the others are
    looked at beside them. A row is a `duplicate` of the first that the same source
    says of the same play: another import's before one's own, else the least key and row. It is
    `merged` where a row of another source is evidence of that play, and `imported` where none is.
    `files` are the names of the kept files, by raw key.
    """
    of, keys, rows = givers(observations)
    given = pa.table({"of": of, "key": keys, "row": rows})
    play = np.asarray(play_of, np.int64)[np.asarray(of)]
    mine = np.asarray(pc.starts_with(keys, raw_prefix))
    source = _codes(observations.column("source"))[np.asarray(of)]
    key_rank = _ranks(keys)
    order = np.lexsort((np.asarray(rows), key_rank, mine, source, play))
    begins = np.ones(order.size, bool)
    if order.size > 1:
        here, last = order[1:], order[:-1]
        begins[1:] = (play[here] != play[last]) | (source[here] != source[last])
    first_at = np.maximum.accumulate(np.where(begins, np.arange(order.size), 0))
    first = np.empty(order.size, np.int64)
    first[order] = order[first_at]  # of each giver, the one that said it first
    sources_of_play = np.zeros(plays.num_rows, np.int64)
    np.add.at(sources_of_play, play[order[begins]], 1)
    told = np.flatnonzero(mine & np.asarray(own)[np.asarray(of)])
    repeats = first[told] != told
    shared = sources_of_play[play[told]] > 1
    outcome = np.where(repeats, 1, np.where(shared, 2, 0))
    taken = given.take(array(told))
    of_first = given.take(array(first[told]))
    unknown: Column = array(~repeats)
    key: Column = whole(taken.column("key"))
    distinct: Column = pc.unique(key)
    names = array([files[each] for each in distinct.to_pylist()], pa.string())
    return _table(
        taken.num_rows,
        {
            "file": names.take(pc.index_in(key, value_set=distinct)),
            "row": taken.column("row"),
            "outcome": array([IMPORTED, DUPLICATE, MERGED]).take(array(outcome)),
            "played_at": plays.column("played_at").take(array(play[told])),
            "uri": plays.column("uri").take(array(play[told])),
            "of_raw_key": _but(of_first.column("key"), unknown),
            # One of recently played tracks has no row in its page.
            "of_row": _but(_positive(of_first.column("row")), unknown),
            "raw_key": key,
        },
    )


def rows_of_others(
    entries: pa.Table, outside: Any, file: str, raw_key: str, reason: str
) -> pa.Table:
    """The ledger's rows of a kept file's entries that are no plays, or `outside` the span."""
    invalid = np.asarray(pc.is_valid(entries.column("problem")))
    left_out = np.asarray(outside) & ~invalid
    picked = array(invalid | left_out)
    problems = entries.column("problem").filter(picked)
    found = problems.length()
    return _table(
        found,
        {
            "file": repeated(file, found),
            "row": entries.column("row").filter(picked),
            "outcome": pc.if_else(pc.is_valid(problems), INVALID, OUTSIDE),
            "reason": pc.coalesce(problems, pa.scalar(reason, pa.string())),
            "raw_key": repeated(raw_key, found),
        },
    )


def finished(rows: pa.Table, account: str, import_id: str) -> pa.Table:
    """Rows as they stand in the table: of an account and import, by file and row."""
    for name, value in (("account", account), ("import_id", import_id)):
        place = rows.schema.get_field_index(name)
        column = repeated(value, rows.num_rows)
        rows = rows.set_column(place, SCHEMA.field(name), column)
    order = pc.sort_indices(rows, sort_keys=[("raw_key", "ascending"), ("row", "ascending")])
    return rows.take(order).combine_chunks()


def counted(rows: pa.Table) -> dict[str, int]:
    """How many rows came to what."""
    found: Column = pc.value_counts(rows.column("outcome"))
    return {str(each["values"]): int(each["counts"]) for each in found.to_pylist()}


def _table(rows: int, columns: dict[str, Column]) -> pa.Table:
    arrays = [
        whole(columns[field.name]).cast(field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _but(column: Column, missing: Column) -> Column:
    column = whole(column)
    return pc.if_else(missing, pa.scalar(None, column.type), column)


def _positive(rows: Column) -> Column:
    return pc.if_else(pc.greater(rows, pa.scalar(0, rows.type)), rows, pa.scalar(None, rows.type))


def _codes(column: Column) -> Any:
    return np.asarray(whole(column).dictionary_encode().indices, np.int64)


def _ranks(column: Column) -> Any:
    """Each text's place among the distinct ones, in their order."""
    encoded = whole(column).dictionary_encode()
    ranks = np.empty(len(encoded.dictionary), np.int64)
    ranks[np.asarray(pc.sort_indices(encoded.dictionary))] = np.arange(ranks.size)
    return ranks[np.asarray(encoded.indices)]
