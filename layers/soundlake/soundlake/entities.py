"""Tracks, albums and artists: one row each, kept from the first answer that showed it.

What a track carries of its album and artists is less than Spotify knows. A detail is what an
answer about the album or artist itself adds to such a row: `row | detail` is the row with it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from soundlake.spotify.models import (
    Album,
    Albums,
    Artist,
    Artists,
    BadAnswerError,
    Image,
    Track,
)
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
        "popularity": track.popularity,
        "linked_from_id": track.linked_from.id if track.linked_from else None,
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
        "images": _images(album.images) or [],
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


def album_detail(album: Album | None, fetched_at: datetime, raw_key: str) -> dict[str, Any]:
    """What an answer about an album itself adds to its row of `albums`.

    Where Spotify knows no such album (null), only that it was asked: nobody asks again.
    """
    found = (
        {
            "label": album.label,
            "popularity": album.popularity,
            "upc": album.external_ids.upc if album.external_ids else None,
            "genres": None if album.genres is None else list(album.genres),
        }
        if album
        else {}
    )
    return found | _asked(fetched_at, raw_key)


def artist_detail(artist: Artist | None, fetched_at: datetime, raw_key: str) -> dict[str, Any]:
    """What an answer about an artist itself adds to its row of `artists`; null as for albums."""
    found = (
        {
            "genres": None if artist.genres is None else list(artist.genres),
            "popularity": artist.popularity,
            "followers": artist.followers.total if artist.followers else None,
            "images": _images(artist.images),
        }
        if artist
        else {}
    )
    return found | _asked(fetched_at, raw_key)


def _images(images: Iterable[Image] | None) -> list[dict[str, Any]] | None:
    return None if images is None else [image.model_dump() for image in images]


def _asked(fetched_at: datetime, raw_key: str) -> dict[str, Any]:
    return {"detailed_at": format_time(fetched_at), "detail_raw_key": raw_key}


def album_details(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> dict[str, dict[str, Any]]:
    """The details of the albums asked for, by id, from one answer to a batch.

    One that Spotify knows only under another id counts as unknown. Raises BadAnswerError when the
    answer is not one to this batch.
    """
    batch = Albums.read(answer, "albums").albums
    _check_size("albums", len(batch), len(asked))
    found = {album.id: album for album in batch if album}
    return {each: album_detail(found.get(each), fetched_at, raw_key) for each in asked}


def artist_details(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> dict[str, dict[str, Any]]:
    """The details of the artists asked for, as `album_details` gives those of albums."""
    batch = Artists.read(answer, "artists").artists
    _check_size("artists", len(batch), len(asked))
    found = {artist.id: artist for artist in batch if artist}
    return {each: artist_detail(found.get(each), fetched_at, raw_key) for each in asked}


def _check_size(where: str, answered: int, asked: int) -> None:
    if answered != asked:
        raise BadAnswerError(f"{where}: {answered} answers to {asked} ids")


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
