"""Entities: tracks, albums and artists, each id once, as the first answer showed it."""

from typing import Any

from soundlake.entities import entity_rows
from soundlake.spotify.models import Track

from tests.unit.helpers import NOW, album, artist, track, track_id, without

AT = "2026-11-21T09:18:00.000Z"


def read(*tracks: dict[str, Any]) -> list[Track]:
    return [Track.read(each, "a track") for each in tracks]


def test_a_track_brings_its_album_and_artists() -> None:
    rows = entity_rows(read(track(1)), NOW)

    assert rows == {
        "tracks": [
            {
                "track_id": track_id(1),
                "uri": f"spotify:track:{track_id(1)}",
                "name": "Track 1",
                "artist_ids": ["artist0000000000000001"],
                "artist_names": ["Artist 1"],
                "album_id": "album00000000000000001",
                "disc_number": 1,
                "track_number": 1,
                "duration_ms": 180_001,
                "explicit": False,
                "isrc": "NOABC2600001",
                "source": "spotify",
                "fetched_at": AT,
                "popularity": 50,
                "linked_from_id": None,
            }
        ],
        "albums": [
            {
                "album_id": "album00000000000000001",
                "uri": "spotify:album:album00000000000000001",
                "name": "Album 1",
                "album_type": "album",
                "artist_ids": ["artist0000000000000001"],
                "artist_names": ["Artist 1"],
                "release_date": "2026-10",
                "release_date_precision": "month",
                "total_tracks": 12,
                "images": [
                    {"url": "https://images.test/1/640", "height": 640, "width": 640},
                    {"url": "https://images.test/1/any", "height": None, "width": None},
                ],
                "source": "spotify",
                "fetched_at": AT,
            }
        ],
        "artists": [
            {
                "artist_id": "artist0000000000000001",
                "uri": "spotify:artist:artist0000000000000001",
                "name": "Artist 1",
                "source": "spotify",
                "fetched_at": AT,
            }
        ],
    }


def test_each_id_comes_once_and_the_first_answer_wins() -> None:
    again = track(1, name="Renamed", album=album(1, name="Reissued"))

    rows = entity_rows(read(track(1), again, track(2, artists=[artist(1)])), NOW)

    assert [row["name"] for row in rows["tracks"]] == ["Track 1", "Track 2"]
    assert [row["name"] for row in rows["albums"]] == ["Album 1", "Album 2"]
    assert [row["name"] for row in rows["artists"]] == ["Artist 1", "Artist 2"]


def test_an_albums_own_artists_are_found_too() -> None:
    various = album(1, artists=[artist(9)])

    rows = entity_rows(read(track(1, album=various)), NOW)

    assert [row["name"] for row in rows["artists"]] == ["Artist 1", "Artist 9"]


def test_what_has_no_id_makes_no_row_and_its_name_stays_with_the_track() -> None:
    nameless = track(1, artists=[artist(1, id=None)], album=album(1, id=None, artists=[]))

    rows = entity_rows(read(nameless), NOW)

    assert rows["albums"] == []
    assert rows["artists"] == []
    assert rows["tracks"][0]["artist_names"] == ["Artist 1"]
    assert rows["tracks"][0]["artist_ids"] == [None]
    assert rows["tracks"][0]["album_id"] is None


def test_an_unknown_isrc_is_null() -> None:
    rows = entity_rows(read(without(track(1), "external_ids")), NOW)

    assert rows["tracks"][0]["isrc"] is None


def test_no_tracks_are_no_rows() -> None:
    assert entity_rows([], NOW) == {"tracks": [], "albums": [], "artists": []}
