"""Maloja: the scrobbles of its export (`maloja export`), or of an answer of its API.

`time` is when a scrobble began, in seconds since 1970; `duration` how long it was heard and
`track.length` how long the track is, both in seconds. Before version 3 Maloja kept a line for each
scrobble in `scrobbles/<year>_<month>.tsv`: time, artists, title, album, duration, divided by tabs.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa

from soundlake.importing.formats import rows as of_rows
from soundlake.importing.formats.rows import Said, epoch, text, texts, whole
from soundlake.importing.heads import HEAD, decode
from soundlake.importing.json_rows import BOM, read

SOURCE = "maloja"
KNOWN = frozenset(
    {"time", "track", "duration", "origin", "title", "artists", "album", "albumtitle", "length"}
)

_LISTS = ("scrobbles", "list")
_FIELDS = ("time", "artists", "title", "album", "duration")  # of a line
_NOTHING = ("-", "")
_BETWEEN = "␟"  # artists
# What Maloja took from Spotify's files has their times, which may be ends.
_IMPORTED, _IMPORTED_FILE = "import:spotify", "spotifyimport"


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted. Raises HistoryError."""
    start = stream.read(HEAD).removeprefix(BOM).lstrip()
    stream.seek(0)
    if start[:1].isdigit() and b"\t" in start.partition(b"\n")[0]:
        return of_rows.table(_lines(stream, name), KNOWN, people)
    return of_rows.keep_document(stream, name, KNOWN, people, _LISTS)


def _lines(stream: BinaryIO, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a file of lines, by the names that Maloja has for their fields today."""
    shown = repr(name)
    body = read(stream, None, shown).removeprefix(BOM)
    text = decode(body, whole=True, name=shown)
    for line in text.split("\n"):
        if line.strip():
            fields = [
                None if field in _NOTHING else field for field in line.rstrip("\r").split("\t")
            ]
            row: dict[str, Any] = dict(zip(_FIELDS, fields, strict=False))
            row["artists"] = (row.get("artists") or "").split(_BETWEEN)
            for field in ("time", "duration"):
                if (row.get(field) or "").isdecimal():
                    row[field] = int(row[field])
            yield row | ({"more": fields[len(_FIELDS) :]} if len(fields) > len(_FIELDS) else {})


rows = of_rows.rows


def entries(raw: pa.Table, name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    imported = name.lower().startswith(_IMPORTED_FILE)

    def read_row(row: dict[str, Any]) -> Said:
        ends = imported or row.get("origin") == _IMPORTED
        return _read(row) | ({"time_meaning": "unknown"} if ends else {})

    return of_rows.entries(
        raw,
        read_row,
        field="time",
        expected="seconds since 1970",
        played=("duration", 1000),
        nothing="track.title is null: what was played is not told",
        now=now,
    )


def _read(row: dict[str, Any]) -> Said:
    found = row.get("track", row)  # of a line, its own fields
    track: dict[str, Any] = found if isinstance(found, dict) else {}
    album = track.get("album")
    if isinstance(album, dict):
        album = album.get("albumtitle") or album.get("name") or album.get("title")
    wrong = {"problem": "the row has more fields than it should"} if "more" in row else {}
    return wrong | {
        "source": SOURCE,
        "said": row.get("time"),
        "time": epoch(row.get("time")),
        "time_meaning": "start",
        "time_precision": "s",
        "track_name": text(track.get("title")),
        "artist_names": texts(track.get("artists")),
        "album_name": text(album),
        "duration_ms": whole(track.get("length"), 1000) or None,
        "ms_played": whole(row.get("duration"), 1000),
        "kind": "track",
    }
