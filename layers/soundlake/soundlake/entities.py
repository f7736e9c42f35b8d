"""Tracks, albums and artists: one row each, kept from the first answer that showed it.

What a track carries of its album and artists is less than Spotify knows. A detail is what an
answer about the album or artist itself adds to such a row: `row | detail` is the row with it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from soundlake.batches import matched
from soundlake.spotify.models import (
    Album,
    Albums,
    Artist,
    Artists,
    Image,
    Track,
    Tracks,
)
from soundlake.times import format_time

SOURCE = "spotify"
# Answers under these carry a played or charted track whole, with its album and artists.
CARRIERS = ("raw/recently-played/", "raw/charts/spotify/")


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


def not_found(answer: Any) -> bool:
    """Whether an answer to one id says that Spotify knows nothing under it."""
    error = answer.get("error") if isinstance(answer, dict) else None
    return isinstance(error, dict) and error.get("status") == 404


def _one_or_several[E](
    answer: Any, asked: Sequence[str], kind: str, one: Callable[[Any, str], E]
) -> list[E | None] | None:
    """What stands in an answer to one id by itself; None where it is one to several."""
    if len(asked) != 1 or (isinstance(answer, dict) and kind in answer and "id" not in answer):
        return None
    return [None if not_found(answer) else one(answer, f"{kind} {asked[0]}")]


def looked_up_tracks(answer: Any, asked: Sequence[str]) -> list[tuple[str, Track | None]]:
    """Each track that was asked for, as the answer has it; None where Spotify knows none.

    Raises BadAnswerError when the answer is not one to these ids.
    """
    found = _one_or_several(answer, asked, "tracks", Track.read)
    if found is None:
        found = list(Tracks.read(answer, "tracks").tracks)
    return matched("tracks", asked, found)


def track_details(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[dict[str, Any]]:
    """Rows of `tracks` of one answer about them, for each id that was asked.

    Of a track that Spotify does not know there is only when it was asked for, so that it is not
    asked for again. Raises as `looked_up_tracks` does.
    """
    return [
        {
            **(track_row(track, fetched_at) if track else {"track_id": track_id}),
            "detailed_at": format_time(fetched_at),
            "detail_raw_key": raw_key,
        }
        for track_id, track in looked_up_tracks(answer, asked)
    ]


def album_details(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[dict[str, Any]]:
    """What one answer, to a batch or to one id, adds to rows of `albums`, for each id asked.

    Of an album that Spotify does not know there is only when it was asked for, so that it is not
    asked for again. Raises BadAnswerError when the answer is not one to this batch.
    """
    return [
        {
            "album_id": album_id,
            **(_album_fields(album) if album else {}),
            "detailed_at": format_time(fetched_at),
            "detail_raw_key": raw_key,
        }
        for album_id, album in looked_up_albums(answer, asked)
    ]


def looked_up_albums(answer: Any, asked: Sequence[str]) -> list[tuple[str, Album | None]]:
    """Each album that was asked for, as `looked_up_tracks` has tracks."""
    found = _one_or_several(answer, asked, "albums", Album.read)
    if found is None:
        found = list(Albums.read(answer, "albums").albums)
    return matched("albums", asked, found)


def _album_fields(album: Album) -> dict[str, Any]:
    return {
        "label": album.label,
        "popularity": album.popularity,
        "upc": album.external_ids.upc if album.external_ids else None,
        "genres": _list(album.genres),
    }


def artist_details(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[dict[str, Any]]:
    """What one answer to a batch adds to the rows of `artists`, as `album_details` for albums."""
    return [
        {
            "artist_id": artist_id,
            **(_artist_fields(artist) if artist else {}),
            "detailed_at": format_time(fetched_at),
            "detail_raw_key": raw_key,
        }
        for artist_id, artist in looked_up_artists(answer, asked)
    ]


def looked_up_artists(answer: Any, asked: Sequence[str]) -> list[tuple[str, Artist | None]]:
    """Each artist that was asked for, as `looked_up_tracks` has tracks."""
    found = _one_or_several(answer, asked, "artists", Artist.read)
    if found is None:
        found = list(Artists.read(answer, "artists").artists)
    return matched("artists", asked, found)


def looked_up_rows(
    table: str, answer: Any, asked: Sequence[str], fetched_at: datetime
) -> list[dict[str, Any]]:
    """The rows of `albums` or `artists` that an answer about these would make by itself."""
    if table == "albums":
        return [album_row(one, fetched_at) for _, one in looked_up_albums(answer, asked) if one]
    return [artist_row(one, fetched_at) for _, one in looked_up_artists(answer, asked) if one]


def _artist_fields(artist: Artist) -> dict[str, Any]:
    return {
        "genres": _list(artist.genres),
        "popularity": artist.popularity,
        "followers": artist.followers.total if artist.followers else None,
        "images": _images(artist.images),
    }


def _list(texts: Iterable[str] | None) -> list[str] | None:
    return None if texts is None else list(texts)


def _images(images: Iterable[Image] | None) -> list[dict[str, Any]] | None:
    return None if images is None else [image.model_dump() for image in images]


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
