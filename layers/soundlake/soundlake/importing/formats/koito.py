"""Koito: the listens of its export, version 1.

`listened_at` is when a listen began (ISO 8601), `track.duration` the track's length in seconds, 0
where it is unknown. Names stand in lists of aliases, one of which is the primary one.
"""

from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa

from soundlake.importing.formats import rows as of_rows
from soundlake.importing.formats.rows import Said, instant, text, whole

SOURCE = "koito"
KNOWN = frozenset({"listened_at", "client", "track", "album", "artists", "aliases", "alias"})

_LISTS = ("listens",)


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted. Raises HistoryError."""
    return of_rows.keep_document(stream, name, KNOWN, people, _LISTS)


rows = of_rows.rows


def entries(raw: pa.Table, _name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    return of_rows.entries(
        raw,
        _read,
        field="listened_at",
        expected="a time like 2026-11-21T09:18:00Z",
        played=("ms_played", 1),
        nothing="track.aliases has no name: what was played is not told",
        now=now,
    )


def _read(row: dict[str, Any]) -> Said:
    track, artists = row.get("track"), row.get("artists")
    named = [_name(artist) for artist in artists] if isinstance(artists, list) else []
    return {
        "source": SOURCE,
        "said": row.get("listened_at"),
        "time": instant(row.get("listened_at")),
        "time_meaning": "start",
        "time_precision": "s",
        "track_name": _name(track),
        "artist_names": [name for name in named if name] or None,
        "album_name": _name(row.get("album")),
        "duration_ms": whole(track.get("duration"), 1000) or None
        if isinstance(track, dict)
        else None,
        "kind": "track",
    }


def _name(named: Any) -> str | None:
    """The primary name of a track, an album or an artist, or else the first."""
    aliases = named.get("aliases") if isinstance(named, dict) else None
    found = [each for each in aliases or () if isinstance(each, dict) and text(each.get("alias"))]
    primary = [each for each in found if each.get("is_primary")] or found
    return text(primary[0]["alias"]) if primary else None
