"""The lake's tables: one owner, one object, replaced whole on the ETag that was read.

A reader never meets half a table, two writers cannot lose each other's rows, and a run that
changes nothing writes nothing. A conflict reads again and redoes the pure step.
"""

import random
import time
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from soundlake.store import without_pandas
from soundlake.store.objects import Bucket, ConflictError, CorruptObjectError
from soundlake.store.schemas import SCHEMAS
from soundlake.times import naive_ms, parse_date, parse_time

TRIES = 8  # against other writers of the same object
READERS = 8  # objects read at once

Row = dict[str, Any]

without_pandas.make_first_array()


class SchemaError(Exception):
    """An object of a table that does not have the table's columns; the text names both."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a replacement left: the object's key, its rows, and whether it was written."""

    key: str
    rows: int
    written: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """An object's rows, and the ETag that a replacement must still find; None for none there."""

    key: str
    rows: pa.Table
    etag: str | None


def object_key(table: str, month: str, name: str) -> str:
    """The one key of a table's object: `name` is its owner's (a chart, an account, the table)."""
    if table not in SCHEMAS:
        raise SchemaError(f"There is no table {table!r}.")
    return f"lake/{table}/month={month}/{name}.parquet"


def until_unchanged[T](
    key: str, attempt: Callable[[], T], sleep: Callable[[float], None] = time.sleep
) -> T:
    """What an attempt to read and replace an object gives; again where others wrote in between.

    Raises ConflictError after `TRIES` conflicts.
    """
    for number in range(TRIES):
        try:
            return attempt()
        except ConflictError:
            sleep(random.uniform(0, 0.05 * 2**number))  # noqa: S311 - only spreads retries
    raise ConflictError(f"{key} was written by others {TRIES} times in a row; run again.")


def month_of_key(key: str) -> str:
    """The month in the key of a table's object."""
    return key.split("/")[2].removeprefix("month=")


class Lake:
    """The tables in one bucket."""

    def __init__(self, bucket: Bucket, sleep: Callable[[float], None] = time.sleep) -> None:
        self._bucket = bucket
        self._sleep = sleep

    def replace(
        self,
        table: str,
        month: str,
        name: str,
        change: Callable[[list[Row]], Iterable[Row]],
        *,
        there: Container[str] | None = None,
    ) -> Replaced:
        """Replace an object's rows by what `change` makes of them; as `replace_table` does."""
        key, schema = object_key(table, month, name), SCHEMAS[table]

        def changed(before: pa.Table) -> pa.Table:
            return encode_rows(change(before.to_pylist()), schema, key)

        return self.replace_table(table, month, name, changed, there=there)

    def replace_table(
        self,
        table: str,
        month: str,
        name: str,
        change: Callable[[pa.Table], pa.Table],
        *,
        there: Container[str] | None = None,
    ) -> Replaced:
        """Replace an object's rows by what `change` makes of them.

        `change` is pure, and gives a table of the pinned schema: it runs again when somebody else
        wrote in between. `there` is as in `open`; where its writing meets an object, that is read
        after all. Raises ConflictError after `TRIES` conflicts, CorruptObjectError or
        SchemaError when the object that is there cannot be read; then nothing is written.
        """

        def attempt() -> Replaced:
            nonlocal there
            opened = self.open(table, month, name, there=there)
            there = None  # whoever wrote in between did so after they were listed
            return self.close(opened, change(opened.rows))

        return until_unchanged(object_key(table, month, name), attempt, self._sleep)

    def open(
        self,
        table: str,
        month: str,
        name: str,
        columns: list[str] | None = None,
        *,
        there: Container[str] | None = None,
    ) -> Opened:
        """An object's rows as they are, to be replaced; raises as `replace_table` does.

        With `columns` it has these alone, and is only to be read. `there` are keys that were found
        before: an object that is not among them is not asked for, and has no rows.
        """
        key, schema = object_key(table, month, name), SCHEMAS[table]
        stored = self._bucket.get(key) if there is None or key in there else None
        if stored is None:
            empty = schema.empty_table()
            return Opened(key, empty.select(columns) if columns else empty, None)
        return Opened(key, decode(stored.body, schema, key, columns), stored.etag)

    def close(self, opened: Opened, after: pa.Table) -> Replaced:
        """Write an object's new rows, where they differ; ConflictError where others wrote."""
        if after.equals(opened.rows) and (opened.etag is not None or not after.num_rows):
            return Replaced(opened.key, after.num_rows, written=False)
        self._bucket.put(
            opened.key,
            to_parquet(after),
            etag=opened.etag,
            content_type="application/vnd.apache.parquet",
        )
        return Replaced(opened.key, after.num_rows, written=True)

    def months(self, table: str) -> list[str]:
        """The months that a table has objects of, in order."""
        return sorted({month_of_key(key) for key in self.keys(table)})

    def keys(self, table: str, month: str | None = None) -> list[str]:
        """The keys of a table's objects, of one month or of all."""
        prefix = f"lake/{table}/month={month}/" if month else f"lake/{table}/"
        return [key for key in self._bucket.keys(prefix) if key.endswith(".parquet")]

    def parts(self, table: str) -> dict[str, dict[str, str]]:
        """A table's objects by month: each one's key with the ETag of what it holds."""
        found: dict[str, dict[str, str]] = {}
        for key, etag in self._bucket.etags(f"lake/{table}/").items():
            if key.endswith(".parquet"):
                found.setdefault(month_of_key(key), {})[key] = etag
        return found

    def owners(self, table: str) -> list[str]:
        """The names of those who have objects of a table."""
        names = {key.rpartition("/")[2].removesuffix(".parquet") for key in self.keys(table)}
        return sorted(names)

    def written(self, table: str, name: str) -> dict[str, datetime]:
        """One owner's objects of a table, by key in order, with the time of their last writing."""
        return {
            key: at
            for key, at in self._bucket.written(f"lake/{table}/").items()
            if key.endswith(f"/{name}.parquet")
        }

    def owned(self, table: str, month: str, name: str) -> list[Row]:
        """The rows of one owner's object of a month; none where there is no object."""
        rows: list[Row] = self.read(table, [object_key(table, month, name)]).to_pylist()
        return rows

    def paths(self, table: str) -> list[str]:
        """The `s3://` addresses of a table's objects, for readers that fetch them themselves."""
        return [f"s3://{self._bucket.name}/{key}" for key in self.keys(table)]

    def read(self, table: str, keys: Iterable[str], columns: list[str] | None = None) -> pa.Table:
        """The rows of some of a table's objects, in the order of the keys.

        Raises CorruptObjectError or SchemaError when one of them cannot be read.
        """
        return self._concat(table, columns, self._each(table, keys, columns))

    def by_month(self, table: str, columns: list[str]) -> dict[str, pa.Table]:
        """The rows of all of a table's objects, by month. Raises as `read` does."""
        found: dict[str, list[pa.Table]] = {}
        keys = self.keys(table)
        for key, rows in zip(keys, self._each(table, keys, columns), strict=True):
            if rows is not None:
                found.setdefault(month_of_key(key), []).append(rows)
        return {month: pa.concat_tables(tables) for month, tables in found.items()}

    def readable(
        self, table: str, keys: Iterable[str], columns: list[str] | None = None
    ) -> tuple[pa.Table, list[str]]:
        """The rows of those objects that can be read, and a sentence for each other one.

        For tables of many owners, where one's damaged object is no reason to stop the others.
        """
        problems = []
        found = []
        for each in self._each(table, keys, columns, suppress=True):
            if isinstance(each, str):
                problems.append(each)
            else:
                found.append(each)
        return self._concat(table, columns, found), problems

    def _each(
        self,
        table: str,
        keys: Iterable[str],
        columns: list[str] | None,
        *,
        suppress: bool = False,
    ) -> list[Any]:
        def one(key: str) -> pa.Table | str | None:
            stored = self._bucket.get(key)
            try:
                return decode(stored.body, SCHEMAS[table], key, columns) if stored else None
            except (CorruptObjectError, SchemaError) as error:
                if not suppress:
                    raise
                return str(error)

        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(one, keys))

    def _concat(
        self, table: str, columns: list[str] | None, found: Iterable[pa.Table | None]
    ) -> pa.Table:
        tables = [each for each in found if each is not None]
        if tables:
            return pa.concat_tables(tables)
        schema = SCHEMAS[table]
        names = schema.names if columns is None else columns
        return pa.schema([schema.field(name) for name in names]).empty_table()


def to_parquet(table: pa.Table) -> bytes:
    """The file's bytes: the same rows give the same bytes.

    Texts come again and again, and get a dictionary; times and numbers hardly do. By the least and
    greatest value a reader leaves out what it need not read: of texts only the first column, whose
    rows they are, has an order to speak of.
    """
    out = BytesIO()
    texts: Any = [path for field in table.schema for path in _texts(field.name, field.type)]
    bounded: Any = [name for name in table.schema.names if name not in texts[1:]]
    pq.write_table(table, out, compression="snappy", use_dictionary=texts, write_statistics=bounded)
    return out.getvalue()


def _texts(path: str, kind: pa.DataType) -> Iterator[str]:
    """The paths of texts in a column, as Parquet names them."""
    if pa.types.is_string(kind):
        yield path
    elif isinstance(kind, pa.ListType):
        yield from _texts(f"{path}.list.element", kind.value_type)
    elif isinstance(kind, pa.StructType):
        for field in kind:
            yield from _texts(f"{path}.{field.name}", field.type)


def decode(body: bytes, schema: pa.Schema, key: str, columns: list[str] | None = None) -> pa.Table:
    """Read a file into the pinned schema: columns that it does not have yet are null.

    Raises CorruptObjectError when it is no Parquet file, SchemaError on a column that the table
    does not declare or declares otherwise.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        names = [name for name in file.schema_arrow.names if columns is None or name in columns]
        table = file.read(names, use_threads=False)  # who waits for objects has threads enough
    except (pa.ArrowInvalid, OSError) as error:
        raise CorruptObjectError(
            f"{key} is not a whole Parquet file; restore its previous version or derive it again."
        ) from error
    for field in table.schema:
        if field.name not in schema.names:
            raise SchemaError(f"{key} has a column {field.name!r} that its table does not have.")
        declared = schema.field(field.name).type
        if field.type != declared:
            raise SchemaError(f"{key}: column {field.name!r} is {field.type}, not {declared}.")
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    arrays = [
        table.column(field.name)
        if field.name in table.schema.names
        else pa.nulls(table.num_rows, field.type)
        for field in wanted
    ]
    return pa.Table.from_arrays(arrays, schema=wanted)


def encode_rows(rows: Iterable[Row], schema: pa.Schema, key: str) -> pa.Table:
    """Rows as a table of the pinned schema; ISO texts become times and dates.

    Raises SchemaError, naming the column, when a row has a column too many or a value that does
    not fit.
    """
    rows = list(rows)
    known = set(schema.names)
    for row in rows:
        if not row.keys() <= known:
            raise SchemaError(f"{key}: no column {min(row.keys() - known)!r} in its table.")
    arrays = []
    for field in schema:
        try:
            values = [row.get(field.name) for row in rows]
            if convert := _converter(field.type):
                values = [convert(value) for value in values]
            arrays.append(pa.array(values, type=field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError) as error:
            raise SchemaError(f"{key}: column {field.name!r}: {error}") from error
    return pa.Table.from_arrays(arrays, schema=schema)


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes a value as its column wants it; None where Arrow takes it as it is.

    The function raises ValueError on a value that Arrow would bend to fit.
    """
    if pa.types.is_integer(kind):
        return _whole
    if pa.types.is_list(kind):
        return _listed
    if pa.types.is_timestamp(kind):
        return lambda value: naive_ms(parse_time(value)) if isinstance(value, str) else value
    if pa.types.is_date(kind):
        return lambda value: parse_date(value) if isinstance(value, str) else value
    return None


def _whole(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004 - as Arrow's own
    return value


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a list")  # noqa: TRY004 - as Arrow's own
    return value
