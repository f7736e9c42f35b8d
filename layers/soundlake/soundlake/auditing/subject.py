"""An object of a table beside what follows from the raw zone for it."""

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from soundlake.auditing.comparing import Difference, differences
from soundlake.store.lake import Lake, SchemaError, decode
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.store.schemas import SCHEMAS


class UnsettledError(Exception):
    """What cannot be compared now, since somebody is at it; the text says who, or what to do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An object's `key` and `etag`, the rows `there`, and those that were `derived` of it.

    `there` is None where the object cannot be read, and `why` says why. `whole`: what was derived
    is all that the object should hold, so it may be put in its place.
    """

    table: str
    key: str
    etag: str | None
    there: pa.Table | None
    derived: pa.Table
    whole: bool = True
    why: str | None = None

    def differences(self) -> list[Difference]:
        """The rows that differ: of an object that cannot be read all, or the object itself."""
        if self.there is not None:
            return differences(self.table, self.derived, self.there)
        empty = self.derived.schema.empty_table()
        return differences(self.table, self.derived, empty) or [Difference("unreadable", {})]


def subject(
    bucket: Bucket, table: str, key: str, derived: pa.Table, *, whole: bool = True
) -> Subject:
    """An object as the bucket has it now, beside what was derived."""
    stored = bucket.get(key)
    if stored is None:
        return Subject(table, key, None, SCHEMAS[table].empty_table(), derived, whole)
    try:
        there = decode(stored.body, SCHEMAS[table], key)
    except (CorruptObjectError, SchemaError) as error:
        return Subject(table, key, stored.etag, None, derived, whole, str(error))
    return Subject(table, key, stored.etag, there, derived, whole)


def of_these(rows: pa.Table, column: str, values: Collection[str]) -> pa.Table:
    """The rows that have one of these values in a column."""
    wanted = pa.array(sorted(values), pa.string())
    found: pa.Table = rows.filter(pc.is_in(rows.column(column), value_set=wanted))
    return found


def readable_rows(lake: Lake, table: str, key: str) -> pa.Table:
    """An object's rows; none where it cannot be read, which its own comparison tells."""
    rows, _ = lake.readable(table, [key])
    return rows
