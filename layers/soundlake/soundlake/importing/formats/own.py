"""Soundlake's own export: observations, an object in each line, by month.

A zip has `manifest.json`, and for each month `observations-YYYY-MM.jsonl`. A line has an
observation's columns by their names in the table, but for the account and the raw objects; null
ones are left out; times are ISO 8601, UTC, to the ms.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa

from soundlake.importing.entries import ENTRIES
from soundlake.importing.formats import rows as of_rows
from soundlake.importing.formats.rows import Said, instant
from soundlake.importing.heads import VERSION

SOURCE = "soundlake"  # of the package; each row has its own
MANIFEST = "manifest.json"
# Who may have given an observation.
SOURCES = (
    "spotify_recently_played",
    "spotify_extended",
    "spotify_account",
    "listenbrainz",
    "lastfm",
    "maloja",
    "koito",
)

_FIELDS = {field.name: field.type for field in ENTRIES if field.name not in ("row", "problem")}
KNOWN = frozenset(_FIELDS)
_CHOICES = {
    "source": SOURCES,
    "time_meaning": ("start", "end", "unknown"),
    "time_precision": ("ms", "s", "min"),
}
_TIME = pa.timestamp("ms")
_EXPECTED: dict[Any, str] = {
    pa.string(): "a text",
    pa.int64(): "a whole number",
    pa.bool_(): "true or false",
    _TIME: "a time like 2026-11-21T09:18:00.123Z",
}


def manifest() -> bytes:
    """The text of an export's `manifest.json`."""
    return msgspec.json.encode({"soundlake": "export", "version": VERSION}) + b"\n"


def file_name(month: str) -> str:
    """What the file of a month (`YYYY-MM`) is called."""
    return f"observations-{month}.jsonl"


def write_rows(observations: pa.Table) -> Iterator[bytes]:
    """The lines of rows of the table `observations`, each with its end."""
    names = [name for name in observations.column_names if name in KNOWN]
    for batch in observations.select(names).to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            said = {name: _written(value) for name, value in row.items() if value is not None}
            yield msgspec.json.encode(said) + b"\n"


def _written(value: Any) -> Any:
    return f"{value.isoformat(timespec='milliseconds')}Z" if isinstance(value, datetime) else value


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted. Raises HistoryError."""
    return of_rows.keep_lines(stream, name, KNOWN, people)


rows = of_rows.rows


def entries(raw: pa.Table, _name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    return of_rows.entries(
        raw,
        _read,
        field="time",
        expected=_EXPECTED[_TIME],
        played=("ms_played", 1),
        nothing="uri and track_name are null: what was played is not told",
        now=now,
    )


def _read(row: dict[str, Any]) -> Said:
    read: Said = {"said": row.get("time")}
    for name, kind in _FIELDS.items():
        value = row.get(name)
        if value is None:
            if name in _CHOICES:
                read.setdefault("problem", f"{name} is missing")
            continue
        taken = _taken(value, kind)
        if name in _CHOICES and taken not in _CHOICES[name]:
            said = f"{name} is {str(value)[:40]!r}, expected {' or '.join(_CHOICES[name])}"
            read.setdefault("problem", said)
        elif taken is not None:
            read[name] = taken
        elif name != "time":  # that one has a sentence of its own
            expected = _EXPECTED.get(kind, "a list of texts")
            read.setdefault("problem", f"{name} is {str(value)[:40]!r}, expected {expected}")
    return read


def _taken(value: Any, kind: pa.DataType) -> Any:
    """A value as its column takes it; null where it does not."""
    if kind == _TIME:
        return instant(value)
    if kind == pa.string():
        return value if isinstance(value, str) else None
    if kind == pa.bool_():
        return value if isinstance(value, bool) else None
    if kind == pa.int64():
        return value if type(value) is int and abs(value) < 2**63 else None
    texts = isinstance(value, list) and all(isinstance(each, str | None) for each in value)
    return value if texts else None
