"""ListenBrainz: the listens of its export, an object in each line, or a list of them.

`listened_at` is when a listen began, in seconds since 1970; what ListenBrainz has of Spotify itself
has Spotify's time there, which may be an end.
https://listenbrainz.readthedocs.io/en/latest/users/json.html names the keys.
"""

from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa

from soundlake.importing.formats import rows as of_rows
from soundlake.importing.formats.rows import (
    Said,
    epoch,
    instant,
    isrc,
    spotify,
    text,
    texts,
    whole,
)
from soundlake.importing.heads import HEAD, by_lines
from soundlake.importing.json_rows import BOM

SOURCE = "listenbrainz"

# Keys that are kept whatever they look like.
KNOWN = frozenset(
    {
        "listened_at",
        "inserted_at",
        "track_metadata",
        "additional_info",
        "track_name",
        "artist_name",
        "artist_names",
        "release_name",
    }
)
_LISTS = ("listens", "payload")


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted. Raises HistoryError."""
    start = stream.read(HEAD)
    stream.seek(0)
    if start.removeprefix(BOM).lstrip().startswith(b"["):
        return of_rows.keep_array(stream, name, KNOWN, people)
    if by_lines(start):
        return of_rows.keep_lines(stream, name, KNOWN, people)
    return of_rows.keep_document(stream, name, KNOWN, people, _LISTS)


rows = of_rows.rows


def entries(raw: pa.Table, _name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    return of_rows.entries(
        raw,
        _read,
        field="listened_at",
        expected="seconds since 1970",
        played=("ms_played", 1),
        nothing="track_metadata.track_name is null, and no URI: what was played is not told",
        now=now,
    )


def _read(row: dict[str, Any]) -> Said:
    said = row.get("listened_at")
    found = row.get("track_metadata")
    meta: dict[str, Any] = found if isinstance(found, dict) else {}
    found = meta.get("additional_info")
    info: dict[str, Any] = found if isinstance(found, dict) else {}
    artist = text(meta.get("artist_name"))
    names = texts(info.get("artist_names")) or ([artist] if artist else None)
    link = spotify(info.get("spotify_id"), "track", "episode") or spotify(
        info.get("origin_url"), "track", "episode"
    )
    album = spotify(info.get("spotify_album_id"), "album")
    length = whole(info.get("duration_ms")) or whole(info.get("duration"), 1000)
    played = whole(info.get("ms_played"))
    return {
        "source": SOURCE,
        "said": said,
        "time": instant(said) if isinstance(said, str) and "-" in said else epoch(said),
        "time_meaning": "unknown" if _of_spotify(info, played) else "start",
        "time_precision": "s",
        "uri": f"spotify:{link[0]}:{link[1]}" if link else None,
        "track_name": text(meta.get("track_name")),
        "artist_names": names,
        "artist_ids": _artists(info.get("spotify_artist_ids"), names),
        "album_name": text(meta.get("release_name")),
        "album_id": album[1] if album else None,
        "duration_ms": length or None,
        "ms_played": played if played is not None else whole(info.get("duration_played"), 1000),
        "kind": link[0] if link else "track",
        "isrc": isrc(info.get("isrc")),
    }


def _of_spotify(info: dict[str, Any], played: int | None) -> bool:
    """Whether ListenBrainz has a listen of Spotify itself, and takes Spotify's time for a start.

    Of the extended export it takes the end, of recently played tracks what `played_at` is.
    """
    client, service, place = (
        (text(info.get(key)) or "").lower()
        for key in ("submission_client", "music_service", "listening_from")
    )
    if "import" in client:  # by others' scripts too
        return played is not None or service == "spotify.com"
    # Before it named itself it named where it had read.
    return (client, service) == ("listenbrainz", "spotify.com") or (
        not client and place == "spotify"
    )


def _artists(links: Any, names: list[str] | None) -> list[str] | None:
    """The ids of a track's artists, where there is one for each name."""
    found = [spotify(link, "artist") for link in links] if isinstance(links, list) else []
    ids = [each[1] for each in found if each]
    return ids if ids and len(ids) == len(found) == len(names or ()) else None
