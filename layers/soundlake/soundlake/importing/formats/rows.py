"""Formats that are kept as the JSON text of each row, and read row by row."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa

from soundlake.importing import entries as of
from soundlake.importing.entries import Check, Column, pc
from soundlake.importing.json_rows import document, encoded, lines, loose, pieces
from soundlake.importing.redaction import redact
from soundlake.store.schemas import SCHEMAS
from soundlake.texts import shortened
from soundlake.times import TimeError, naive_ms, parse_time

RAW = pa.schema([("row", pa.string())])

_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as tables keep times
_LARGE = 253_402_300_800_000  # ms; the year 10000
_TYPES = {field.name: field.type for field in SCHEMAS["observations"]}

# What a row says: columns of observations, `time` in ms since 1970 (UTC), and beside them `said`,
# what stands in the place of the time, or `problem`, a sentence.
Said = dict[str, Any]


def table(rows: Iterable[Any], known: Collection[str], people: set[str]) -> pa.Table:
    """The raw form of rows: each one's JSON text, redacted; whom they name is added to `people`."""
    texts = []
    for row in rows:
        people.update(named(row))
        texts.append(encoded(redact(row, known)))
    return pa.table([pa.array(texts, pa.string())], schema=RAW)


def named(row: Any) -> Iterator[str]:
    """Whom a row says that it is of."""
    for key in ("username", "user_name") if isinstance(row, dict) else ():
        person = row.get(key)
        if isinstance(person, str) and person:
            yield person.casefold()


def keep_array(stream: BinaryIO, name: str, known: Collection[str], people: set[str]) -> pa.Table:
    """The raw form of a file that is a JSON array. Raises HistoryError."""
    return pa.concat_tables(pieces(stream, name, lambda text: table(loose(text), known, people)))


def keep_lines(stream: BinaryIO, name: str, known: Collection[str], people: set[str]) -> pa.Table:
    """The raw form of a file with an object in each line. Raises HistoryError."""
    return pa.concat_tables(lines(stream, name, lambda text: table(loose(text), known, people)))


def keep_document(
    stream: BinaryIO,
    name: str,
    known: Collection[str],
    people: set[str],
    keys: Sequence[str],
) -> pa.Table:
    """The raw form of a file that is one JSON text, with its rows in a list under one of `keys`.

    Lists of objects that have such a list themselves (pages) are one list. Raises HistoryError.
    """
    found = document(stream, name, keys, people)
    return pa.concat_tables(table(rows, known, people) for rows in found)


def rows(raw: pa.Table) -> Iterator[Any]:
    """The rows that were kept, as they stood in the file but for what is redacted."""
    texts: list[Any] = raw["row"].to_pylist()
    return map(msgspec.json.decode, texts)


def entries(
    raw: pa.Table,
    read: Callable[[dict[str, Any]], Said],
    *,
    field: str,
    expected: str,
    played: tuple[str, int],
    nothing: str,
    now: datetime,
) -> pa.Table:
    """ENTRIES of a raw form.

    `read` says what one row says; `field` is where its time stands and `expected` how; `played` is
    where it says how long was heard, and that field's unit in ms; `nothing` is the sentence for a
    row that does not tell what was played.
    """
    said = [_said(row, read) for row in rows(raw)]
    names = sorted({name for each in said for name in each} & _TYPES.keys())
    columns: dict[str, Column] = {}
    for name in names:
        values = [each.get(name) for each in said]
        kind = _TYPES[name]
        if kind == pa.timestamp("ms"):
            columns[name] = pa.array(values, pa.int64()).cast(kind)
        else:
            columns[name] = pa.array(values, kind)
    count = len(said)
    times = columns.get("time", pa.nulls(count, pa.timestamp("ms")))
    texts = pa.array([_text(each.get("said")) for each in said], pa.string())
    told = [each.get("problem") for each in said]
    checks = [
        Check(
            pa.array([text is not None for text in told], pa.bool_()), lambda row: str(told[row])
        ),
        *of.time_checks(times, texts, field, expected, now),
        *of.played_checks(columns.get("ms_played", pa.nulls(count, pa.int64())), *played),
        Check(
            pc.and_(
                pc.is_null(columns.get("uri", pa.nulls(count))),
                pc.is_null(columns.get("track_name", pa.nulls(count))),
            ),
            lambda _: nothing,
        ),
    ]
    return of.table(columns, count, checks)


def _said(row: Any, read: Callable[[dict[str, Any]], Said]) -> Said:
    if not isinstance(row, dict):
        return {"problem": f"the row is {of.show(row)}, expected an object"}
    return read(row)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return shortened(value) if isinstance(value, str) else shortened(str(value))


def text(value: Any) -> str | None:
    """A text that says something; a number's text; else null."""
    if isinstance(value, str):
        return value if value.strip() else None
    return str(value) if type(value) in (int, float) else None


def texts(value: Any) -> list[str] | None:
    """The texts in a list; null where there are none."""
    found = [each for each in map(text, value) if each] if isinstance(value, list) else []
    return found or None


def whole(value: Any, unit: int = 1) -> int | None:
    """A number of `unit` ms, in ms; null where it is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) not in (int, float) or value != value or abs(value) > _LARGE:  # noqa: PLR0124
        return None
    found: int = round(value * unit)
    return found


def epoch(value: Any, unit: int = 1000) -> int | None:
    """A time of so many `unit` ms since 1970, in ms."""
    found = whole(value, unit)
    return found if found is not None and abs(found) < _LARGE else None


def instant(value: Any) -> int | None:
    """A time in ISO 8601, UTC where it names no zone, in ms since 1970; null where it is none."""
    if not isinstance(value, str):
        return None
    for each in (value, f"{value}Z"):
        try:
            at = naive_ms(parse_time(each))
        except TimeError:
            continue
        return round((at - _EPOCH).total_seconds() * 1000)
    return None


_SPOTIFY = re.compile(
    r"(?:https?://open\.spotify\.com/(?:intl-[a-zA-Z-]+/)?|spotify:)"
    r"(?P<kind>track|episode|album|artist)[:/](?P<id>[0-9A-Za-z]{22})(?:[/?#].*)?"
)


def spotify(value: Any, *kinds: str) -> tuple[str, str] | None:
    """Kind and id that an address at open.spotify.com or a URI names, if it is of these kinds."""
    found = _SPOTIFY.fullmatch(value.strip()) if isinstance(value, str) else None
    return (found["kind"], found["id"]) if found and found["kind"] in kinds else None


def isrc(value: Any) -> str | None:
    """An ISRC in its 12 letters and digits; of a list the first; null where it is none."""
    value = value[0] if isinstance(value, list) and value else value
    code = value.strip().upper().replace("-", "") if isinstance(value, str) else ""
    return code if _ISRC.fullmatch(code) else None


def milliseconds(at: datetime) -> int:
    """A time without zone, in ms since 1970."""
    return round((at - _EPOCH).total_seconds() * 1000)
