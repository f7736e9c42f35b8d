"""What a reader has to make of a row, told from what was heard and not from the row."""

from datetime import UTC, datetime
from typing import Any

from tests.exports.lives import Play


def extended(play: Play) -> dict[str, Any]:
    """The columns that a row of Extended streaming history gives."""
    item, shown = play.item, not play.hidden
    return {
        "source": "spotify_extended",
        "time": at(play.end, 1000),
        "time_meaning": "end",
        "time_precision": "s",
        "uri": play.uri,
        "track_name": item.name if shown else None,
        "artist_names": [item.artists[0]] if shown and item.kind == "track" else None,
        "album_name": item.album if shown else None,
        "ms_played": play.ms_played,
        "reason_start": play.reason_start or None,
        "reason_end": play.reason_end or None,
        "shuffle": play.shuffle,
        "skipped": play.skipped,
        "offline": play.offline,
        "incognito": play.incognito,
        "platform": play.platform,
        "country": None if play.country == "ZZ" else play.country,
        "offline_at": None if play.offline_at is None else at(play.offline_at, 1),
        "kind": item.kind,
    }


def account(play: Play) -> dict[str, Any]:
    """The columns that a row of Account data gives."""
    item = play.item
    return {
        "source": "spotify_account",
        "time": at(play.end, 60_000),
        "time_meaning": "end",
        "time_precision": "min",
        "track_name": item.name,
        "artist_names": None if item.kind == "episode" else [item.artists[0]],
        "album_name": None if item.kind == "track" else item.album,
        "ms_played": play.ms_played,
        "kind": item.kind,
    }


def listenbrainz(play: Play) -> dict[str, Any]:
    """The columns that a listen gives."""
    item = play.item
    told: dict[str, Any] = {"artist_names": [", ".join(item.artists)]}
    if play.start // 1000 % 2:
        told = {
            "artist_names": list(item.artists),
            "uri": play.uri,
            "artist_ids": list(item.artist_ids),
            "album_id": item.album_id,
            "duration_ms": item.duration_ms,
            "isrc": item.isrc,
        }
    return _scrobble(play, "listenbrainz") | told


def lastfm(play: Play, precision: str = "s") -> dict[str, Any]:
    """The columns that a scrobble of Last.fm gives."""
    unit = 1000 if precision == "s" else 60_000
    return _scrobble(play, "lastfm") | {
        "time": at(play.start, unit),
        "time_precision": precision,
        "artist_names": [play.item.artists[0]],
    }


def maloja(play: Play) -> dict[str, Any]:
    """The columns that a scrobble of Maloja gives."""
    return _scrobble(play, "maloja") | {
        "artist_names": list(play.item.artists),
        "duration_ms": play.item.duration_ms // 1000 * 1000,
        "ms_played": play.ms_played // 1000 * 1000,
    }


def maloja_lines(play: Play) -> dict[str, Any]:
    """The columns that a line of an older Maloja gives."""
    return maloja(play) | {"duration_ms": None}


def koito(play: Play) -> dict[str, Any]:
    """The columns that a listen of Koito gives."""
    return _scrobble(play, "koito") | {
        "artist_names": list(play.item.artists),
        "duration_ms": play.item.duration_ms // 1000 * 1000,
    }


def _scrobble(play: Play, source: str) -> dict[str, Any]:
    return {
        "source": source,
        "time": at(play.start, 1000),
        "time_meaning": "start",
        "time_precision": "s",
        "track_name": play.item.name,
        "album_name": play.item.album,
        "kind": "track",
    }


def at(milliseconds: int, unit: int) -> datetime:
    """A time in whole `unit` ms, as tables keep it."""
    return datetime.fromtimestamp(milliseconds // unit * unit / 1000, UTC).replace(tzinfo=None)
