"""DuckDB over tables of a few rows: the engine behind the embedded Athena, without a stack.

DuckDB lives in the embedded AWS's environment, so a process of that one answers. Tables are Parquet
files of the pinned schemas under `lake/<table>/month=<YYYY-MM>/`, as the functions write them.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from soundlake.store.schemas import SCHEMAS

from local.aws.service import PYTHON

type Row = Mapping[str, Any]
_DUCKDB = """
import json, sys, duckdb
given = json.load(sys.stdin)
connection = duckdb.connect()
for view in given["views"]:
    connection.execute(view)
answer = connection.execute(given["sql"])
names = [column[0] for column in answer.description]
rows = [[str(v) if hasattr(v, "isoformat") else v for v in row] for row in answer.fetchall()]
json.dump({"names": names, "rows": rows}, sys.stdout)
"""


def _month(row: Row) -> str:
    names = ("chart_date", "played_at", "day", "captured_at", "found_at", "time")
    times = (row.get(name) for name in names)
    return next((str(time)[:7] for time in times if time is not None), "2025-02")


def _typed(field: pa.Field, value: Any) -> Any:
    if isinstance(value, str) and pa.types.is_date(field.type):
        return date.fromisoformat(value)
    if isinstance(value, str) and pa.types.is_timestamp(field.type):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value


def view(lake: Path, table: str, rows: Sequence[Row]) -> str:
    """Write a table's rows, and return the statement that makes a view of them."""
    schema = SCHEMAS[table]
    for month in {_month(row) for row in rows} or {"2025-02"}:
        part = [
            {field.name: _typed(field, row.get(field.name)) for field in schema}
            for row in rows
            if _month(row) == month
        ]
        folder = lake / table / f"month={month}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(part, schema=schema), folder / "part.parquet")
    return (
        f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{lake}/{table}/*/*.parquet', "
        "union_by_name = true, hive_partitioning = true, hive_types = {'month': VARCHAR})"
    )


def _without_a_file(table: str) -> str:
    """A view like the embedded Athena's of a table without an object: every list is a text."""
    names = [*SCHEMAS[table].names, "month"]
    types = {
        pa.date32(): "DATE",
        pa.timestamp("ms"): "TIMESTAMP",
        pa.int32(): "INTEGER",
        pa.int64(): "BIGINT",
        pa.float64(): "DOUBLE",
        pa.bool_(): "BOOLEAN",
    }
    kinds = {field.name: types.get(field.type, "VARCHAR") for field in SCHEMAS[table]}
    columns = [f'CAST(NULL AS {kinds.get(name, "VARCHAR")}) AS "{name}"' for name in names]
    return f"CREATE VIEW {table} AS SELECT {', '.join(columns)} WHERE false"


def ask(
    lake: Path, sql: str, tables: Mapping[str, Sequence[Row]], *, files: bool = True
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The names of a query's columns, and its rows; times and dates as texts.

    Rows of `tables` may leave columns out: they are null. Other tables are empty, with a file of
    no rows or, where not `files`, without any. Raises AssertionError with DuckDB's own words.
    """
    views = [
        view(lake, table, tables.get(table, ()))
        if files or table in tables
        else _without_a_file(table)
        for table in SCHEMAS
    ]
    done = subprocess.run(
        [str(PYTHON), "-I", "-c", _DUCKDB],
        input=json.dumps({"views": views, "sql": sql}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return answer["names"], [tuple(row) for row in answer["rows"]]
