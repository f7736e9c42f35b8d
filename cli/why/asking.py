"""Questions to the lake's tables in SQL, each table's rows as objects."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, Final

from soundlake.times import format_time

from cli import athena
from cli.import_report import has_rows
from cli.target import Target

Row = dict[str, Any]

# A track's segments are thousands of numbers: how many there are is enough.
_COLUMNS: Final = {
    "track_segments": "track_id, cardinality(segments) AS segments, source, fetched_at, raw_key, "
    "month"
}
_RAW_KEY: Final = re.compile(r"raw/[^\s'\",\]]+")


class Tables:
    """The tables of a stack's lake. A table that has no object yet has no rows."""

    def __init__(self, target: Target) -> None:
        """Ask the lake of `target`."""
        self._target = target
        self._there: dict[str, bool] = {}

    def there(self, table: str) -> bool:
        """Tell whether a table has any object: one that has none cannot be asked everywhere."""
        if table not in self._there:
            self._there[table] = has_rows(self._target, table)
        return self._there[table]

    def rows(
        self,
        table: str,
        where: Iterable[str],
        *,
        columns: str | None = None,
        group: str | None = None,
        order: str | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Return the rows for which all conditions hold; timestamps as ISO 8601 texts (UTC)."""
        if not self.there(table):
            return []
        # The table and the columns are our own words, and values are quoted.
        sql = f"SELECT {columns or _COLUMNS.get(table, '*')} FROM {table}"  # noqa: S608
        sql += f" WHERE {' AND '.join(where) or 'true'}"
        sql += f" GROUP BY {group}" if group else ""
        sql += f" ORDER BY {order}" if order else ""
        sql += f" LIMIT {limit}" if limit else ""
        return self.ask(sql)

    def ask(self, sql: str) -> list[Row]:
        """Return the rows of a query."""
        result = athena.run(self._target, sql)
        kinds = {column.name: column.type.partition("(")[0] for column in result.columns}
        return [
            {name: _value(name, kinds[name], value) for name, value in row.items()}
            for row in result.records()
        ]


def _value(name: str, kind: str, value: Any) -> Any:
    if value is None or kind not in {"timestamp", "date"}:
        return value
    if kind == "date":
        return str(value)[:10]
    at = datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
    # What clocks of another zone showed has none.
    return format_time(at).removesuffix("Z") if name == "local_time" else format_time(at)


def quoted(value: str) -> str:
    """A text as SQL has it."""
    return "'" + value.replace("'", "''") + "'"


def literal(value: Any) -> str:
    """A value as SQL has it; times are UTC."""
    if isinstance(value, datetime):
        at = value.astimezone(UTC).replace(tzinfo=None)
        return f"TIMESTAMP '{at.isoformat(sep=' ', timespec='milliseconds')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, int | float):
        return str(value)
    return quoted(str(value))


def keys_in(value: Any) -> list[str]:
    """The keys under `raw/` in a column of them, as Athena writes a list: each once, in order."""
    return list(dict.fromkeys(_RAW_KEY.findall(str(value or ""))))
