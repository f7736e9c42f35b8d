"""Tracks, albums and artists: one row each, kept from the first answer that showed it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from soundlake.spotify.models import Album, Artist, Track
from soundlake.times import format_time

SOURCE = "spotify"


def track_row(track: Track, fetched_at: datetime) -> dict[str, Any]:
    """A row of `tracks`; artists in the order Spotify gives them."""
    return {
        "track_id": track.id,
        "uri": track.uri,
        "name": track.name,
        "artist_ids": [artist.id for artist in track.artists],
        "artist_names": [artist.name for artist in track.artists],
        "album_id": track.album.id,
        "disc_number": track.disc_number,
        "track_number": track.track_number,
        "duration_ms": track.duration_ms,
        "explicit": track.explicit,
        "isrc": track.external_ids.isrc,
        "source": SOURCE,
        "fetched_at": format_time(fetched_at),
    }


def album_row(album: Album, fetched_at: datetime) -> dict[str, Any]:
    """A row of `albums`; images as Spotify gives them, largest first."""
    return {
        "album_id": album.id,
        "uri": album.uri,
        "name": album.name,
        "album_type": album.album_type,
        "artist_ids": [artist.id for artist in album.artists],
        "artist_names": [artist.name for artist in album.artists],
        "release_date": album.release_date,
        "release_date_precision": album.release_date_precision,
        "total_tracks": album.total_tracks,
        "images": [image.model_dump() for image in album.images],
        "source": SOURCE,
        "fetched_at": format_time(fetched_at),
    }


def artist_row(artist: Artist, fetched_at: datetime) -> dict[str, Any]:
    """A row of `artists`."""
    return {
        "artist_id": artist.id,
        "uri": artist.uri,
        "name": artist.name,
        "source": SOURCE,
        "fetched_at": format_time(fetched_at),
    }


def entity_rows(tracks: Iterable[Track], fetched_at: datetime) -> dict[str, list[dict[str, Any]]]:
    """The rows of `tracks`, `albums` and `artists` that these tracks carry, each id once."""
    found: dict[str, dict[str, dict[str, Any]]] = {"tracks": {}, "albums": {}, "artists": {}}
    for track in tracks:
        found["tracks"].setdefault(track.id, track_row(track, fetched_at))
        if track.album.id:
            found["albums"].setdefault(track.album.id, album_row(track.album, fetched_at))
        for artist in (*track.artists, *track.album.artists):
            if artist.id:
                found["artists"].setdefault(artist.id, artist_row(artist, fetched_at))
    return {table: list(rows.values()) for table, rows in found.items()}
