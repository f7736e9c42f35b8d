"""Maloja: the scrobbles of its export (`maloja export`), or of an answer of its API.

`time` is when a scrobble began, in seconds since 1970; `duration` how long it was heard and
`track.length` how long the track is, both in seconds.
"""

from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa

from soundlake.importing.formats import rows as of_rows
from soundlake.importing.formats.rows import Said, epoch, text, texts, whole

SOURCE = "maloja"
KNOWN = frozenset(
    {"time", "track", "duration", "origin", "title", "artists", "album", "albumtitle", "length"}
)

_LISTS = ("scrobbles", "list")


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted. Raises HistoryError."""
    return of_rows.keep_document(stream, name, KNOWN, people, _LISTS)


rows = of_rows.rows


def entries(raw: pa.Table, _name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    return of_rows.entries(
        raw,
        _read,
        field="time",
        expected="seconds since 1970",
        played=("duration", 1000),
        nothing="track.title is null: what was played is not told",
        now=now,
    )


def _read(row: dict[str, Any]) -> Said:
    found = row.get("track")
    track: dict[str, Any] = found if isinstance(found, dict) else {}
    album = track.get("album")
    if isinstance(album, dict):
        album = album.get("albumtitle") or album.get("name") or album.get("title")
    return {
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
