"""Last.fm: scrobbles as the common tools export them, as CSV or JSON.

| tool | form |
|---|---|
| benjaminbenben.com/lastfm-to-csv | CSV without header: artist, album, track, date to the minute |
| lastfm.ghan.nl/export | CSV with `uts`, or JSON: pages of `user.getRecentTracks` |
| lastfmstats.com | CSV with semicolons, or JSON: `scrobbles` with `date` in ms since 1970 |
| lastfm-backup-cli | CSV without header: day, time, artist, track |

A scrobble's time is when it began, in UTC.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from io import TextIOWrapper
from itertools import chain, islice
from typing import Any, BinaryIO

import pyarrow as pa

from soundlake.importing.errors import HistoryError
from soundlake.importing.formats import rows as of_rows
from soundlake.importing.formats.rows import Said, epoch, instant, milliseconds, text
from soundlake.importing.heads import decode, delimiter_of, lastfm_fields, lastfm_header
from soundlake.importing.json_rows import DAMAGED, unpacked

SOURCE = "lastfm"
KNOWN = frozenset(
    {
        "uts",
        "utc_time",
        "artist",
        "album",
        "albumid",
        "track",
        "date",
        "day",
        "clock",
        "name",
        "#text",
    }
)

_LISTS = ("recenttracks", "track", "scrobbles")
_SAMPLE = 20  # rows that tell what the fields of a file without header are
_MORE = "more"  # the fields of a row that has more of them than there are names
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FROM_MS = 100_000_000_000  # from here on an epoch is in ms: in seconds it is the year 5138


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted. Raises HistoryError."""
    start = stream.read(4096)
    stream.seek(0)
    begin = decode(start, whole=False, name=repr(name)).lstrip()
    if begin.startswith(("[", "{")):
        return of_rows.keep_document(stream, name, KNOWN, people, _LISTS)
    found = _csv(stream, name, delimiter_of(begin.partition("\n")[0]))
    return of_rows.table(found, KNOWN, people)


rows = of_rows.rows


def _csv(stream: BinaryIO, name: str, delimiter: str) -> Iterator[dict[str, Any]]:
    """The rows of a CSV, by the names of their fields."""
    lines = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    number = 0
    try:
        # Strict, or a file that is cut off within quotes would pass for a whole one.
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        first = list(islice(reader, _SAMPLE))
        if first and lastfm_header(first[0]):
            # One tool puts the user's name into a column's: `Date#somebody`.
            names = [field.strip().lower().partition("#")[0] for field in first[0]]
            first = first[1:]
        else:
            names = next((found for row in first if (found := lastfm_fields(row))), [])
        for row in chain(first, reader):
            if row:
                number += 1
                named: dict[str, Any] = dict(zip(names, row, strict=False))
                yield named | ({_MORE: row[len(names) :]} if len(row) > len(names) else {})
    except DAMAGED as error:
        raise HistoryError(unpacked(repr(name), error)) from error
    except (csv.Error, UnicodeDecodeError) as error:
        what = "not in UTF-8" if isinstance(error, UnicodeDecodeError) else f"no CSV ({error})"
        raise HistoryError(
            f"{name!r} is {what} in or after row {number + 1:,}. Export it again."
        ) from error
    finally:
        lines.detach()


def entries(raw: pa.Table, _name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    return of_rows.entries(
        raw,
        _read,
        field="date",
        expected="a time like 01 Jan 2020 12:34, or seconds since 1970",
        played=("ms_played", 1),
        nothing="track is null: what was played is not told",
        now=now,
    )


def _read(row: dict[str, Any]) -> Said:
    artist, title = _text(row.get("artist")), text(row.get("name")) or text(row.get("track"))
    said, time, precision = _time(row)
    read: Said = {
        "source": SOURCE,
        "said": said,
        "time": time,
        "time_meaning": "start",
        "time_precision": precision,
        "track_name": title,
        "artist_names": [artist] if artist else None,
        "album_name": _text(row.get("album")),
        "kind": "track",
    }
    if _MORE in row:
        read["problem"] = "the row has more fields than it should"
    about = row.get("@attr")
    if said is None and isinstance(about, dict) and about.get("nowplaying"):
        read["problem"] = "date is missing: it was playing when the file was made"
    return read


def _text(value: Any) -> str | None:
    """A name that is a text, or an object that has it."""
    return text(value.get("#text") or value.get("name")) if isinstance(value, dict) else text(value)


def _time(row: dict[str, Any]) -> tuple[Any, int | None, str]:
    """What stands in the place of a row's time, that in ms since 1970, and how exact it is."""
    date = row.get("date")
    if isinstance(date, dict):
        date = date.get("uts") or date.get("#text")
    if row.get("day") is not None:
        clock = text(row.get("clock")) or ""
        moment = f"{row['day']} {clock}".strip()
        return moment, instant(moment) if clock else None, "s" if clock.count(":") > 1 else "min"
    said = next((each for each in (row.get("uts"), date, row.get("utc_time")) if text(each)), None)
    number = _number(said)
    if number is not None:
        return said, epoch(number, 1 if abs(number) >= _FROM_MS else 1000), "s"
    return said, _of_day(said) if said is not None else None, "min"


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _of_day(said: Any) -> int | None:
    """A time like `01 Jan 2020 12:34`, or ISO 8601, UTC."""
    parts = said.replace(",", " ").split() if isinstance(said, str) else []
    if len(parts) != 4 or parts[1].title() not in _MONTHS:
        return instant(said)
    try:
        hour, minute = map(int, parts[3].split(":"))
        month = _MONTHS.index(parts[1].title()) + 1
        at = datetime(int(parts[2]), month, int(parts[0]), hour, minute)  # noqa: DTZ001 - UTC
    except ValueError:
        return None
    return milliseconds(at)
