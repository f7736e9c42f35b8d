"""Entities: tracks, albums and artists, each id once, as the first answer showed it."""

from typing import Any

import pytest
from soundlake.entities import album_details, artist_details, entity_rows
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import Track
from soundlake.store.lake import SchemaError, decode, encode_rows, to_parquet
from soundlake.store.schemas import SCHEMAS

from tests.unit.helpers import (
    LATER,
    NOW,
    album,
    artist,
    full_album,
    full_artist,
    track,
    track_id,
    without,
)

AT = "2026-11-21T09:18:00.000Z"
LATER_AT = "2026-11-22T09:18:00.000Z"


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


# Details.

ALBUM_IDS = [album(number)["id"] for number in (1, 2, 3)]
ARTIST_IDS = [artist(number)["id"] for number in (1, 2, 3)]


def album_detail(answer: Any) -> dict[str, Any]:
    (detail,) = album_details(
        {"albums": [answer]}, ALBUM_IDS[:1], fetched_at=LATER, raw_key="raw/a"
    )
    return detail


def artist_detail(answer: Any) -> dict[str, Any]:
    (detail,) = artist_details(
        {"artists": [answer]}, ARTIST_IDS[:1], fetched_at=LATER, raw_key="raw/a"
    )
    return detail


def stored(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row as a reader of the table's files gets it."""
    body = to_parquet(encode_rows([row], SCHEMAS[table], "k"))
    (found,) = decode(body, SCHEMAS[table], "k").to_pylist()
    kept: dict[str, Any] = found
    return kept


def test_an_albums_detail_adds_what_a_track_does_not_say() -> None:
    (row,) = entity_rows(read(track(1)), NOW)["albums"]

    detail = album_detail(full_album(1))

    assert detail == {
        "album_id": ALBUM_IDS[0],
        "label": "Label 1",
        "popularity": 41,
        "upc": "000000000001",
        "genres": ["pop", "joik"],
        "detailed_at": LATER_AT,
        "detail_raw_key": "raw/a",
    }
    assert row.keys() & detail.keys() == {"album_id"}
    found = stored("albums", row | detail)
    assert list(found) == SCHEMAS["albums"].names
    assert None not in found.values()


def test_an_artists_detail_adds_what_a_track_does_not_say() -> None:
    (row,) = entity_rows(read(track(1)), NOW)["artists"]

    detail = artist_detail(full_artist(1))

    assert detail == {
        "artist_id": ARTIST_IDS[0],
        "genres": ["rock"],
        "popularity": 61,
        "followers": 5_000_000_001,
        "images": [{"url": "https://images.test/artist/1", "height": 160, "width": None}],
        "detailed_at": LATER_AT,
        "detail_raw_key": "raw/a",
    }
    assert row.keys() & detail.keys() == {"artist_id"}
    found = stored("artists", row | detail)
    assert list(found) == SCHEMAS["artists"].names
    unsaid = [name for name, value in found.items() if value is None]
    assert unsaid == ["genres_source", "genres_asked", "genres_ask_again"]


def test_a_null_says_only_that_it_was_asked_for_and_takes_nothing_away() -> None:
    asked = {"detailed_at": LATER_AT, "detail_raw_key": "raw/a"}

    assert album_detail(None) == {"album_id": ALBUM_IDS[0]} | asked
    assert artist_detail(None) == {"artist_id": ARTIST_IDS[0]} | asked
    assert (album_detail(full_album(1)) | album_detail(None))["label"] == "Label 1"


def test_what_a_full_answer_leaves_out_is_null() -> None:
    """An app in development mode gets neither label nor popularity nor followers."""
    bare = album_detail(album(1)) | artist_detail(artist(1))

    assert {name for name, value in bare.items() if value is None} == {
        "label",
        "popularity",
        "upc",
        "genres",
        "followers",
        "images",
    }


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"genres": []}, "genres", []),
        ({"genres": None}, "genres", None),
        ({"external_ids": None}, "upc", None),
        ({"external_ids": {"ean": "4006381333931"}}, "upc", None),
        ({"label": ""}, "label", ""),
        ({"popularity": 0}, "popularity", 0),
        ({"images": None}, "label", "Label 1"),
    ],
)
def test_an_album_may_lack_any_of_it(changes: dict[str, Any], name: str, value: Any) -> None:
    assert album_detail(full_album(1, **changes))[name] == value


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"followers": None}, "followers", None),
        ({"followers": {"href": None, "total": None}}, "followers", None),
        ({"followers": {"href": None, "total": 0}}, "followers", 0),
        ({"images": []}, "images", []),
        ({"images": None}, "images", None),
        ({"genres": ["a", "a"]}, "genres", ["a", "a"]),
    ],
)
def test_an_artist_may_lack_any_of_it(changes: dict[str, Any], name: str, value: Any) -> None:
    assert artist_detail(full_artist(1, **changes))[name] == value


def test_a_batch_gives_each_its_own_detail() -> None:
    albums = album_details(
        {"albums": [full_album(1), None, full_album(3)]}, ALBUM_IDS, fetched_at=NOW, raw_key="raw/a"
    )
    artists = artist_details(
        {"artists": [None, full_artist(2), full_artist(3)]},
        ARTIST_IDS,
        fetched_at=NOW,
        raw_key="raw/a",
    )

    assert [each["album_id"] for each in albums] == ALBUM_IDS
    assert [each.get("label") for each in albums] == ["Label 1", None, "Label 3"]
    assert [each["artist_id"] for each in artists] == ARTIST_IDS
    assert [each.get("popularity") for each in artists] == [None, 62, 63]


def test_an_artist_that_was_merged_into_another_has_no_details_and_spoils_no_batch() -> None:
    answer = {"artists": [full_artist(1), full_artist(2, id="merged"), full_artist(3)]}

    rows = artist_details(answer, ARTIST_IDS, fetched_at=NOW, raw_key="raw/a")

    assert [row.get("popularity") for row in rows] == [61, None, 63]
    assert [row["detail_raw_key"] for row in rows] == ["raw/a"] * 3


def test_an_answer_to_another_batch_is_refused() -> None:
    def albums(answer: Any, asked: list[str]) -> None:
        album_details(answer, asked, fetched_at=NOW, raw_key="raw/a")

    def artists(answer: Any, asked: list[str]) -> None:
        artist_details(answer, asked, fetched_at=NOW, raw_key="raw/a")

    with pytest.raises(BadAnswerError, match=r"^albums: 1 answers to 3 ids$"):
        albums({"albums": [None]}, ALBUM_IDS)
    with pytest.raises(BadAnswerError, match=r"^artists: 1 answers to 3 ids$"):
        artists({"artists": [None]}, ARTIST_IDS)
    with pytest.raises(BadAnswerError, match=rf"^albums: {ALBUM_IDS[1]} in the place of "):
        albums({"albums": [full_album(2), full_album(1)]}, ALBUM_IDS[:2])
    with pytest.raises(BadAnswerError, match=rf"^artists: {ARTIST_IDS[2]} in the place of "):
        artists({"artists": [full_artist(3), full_artist(2), full_artist(1)]}, ARTIST_IDS)
    with pytest.raises(BadAnswerError, match=r"^albums: None in the place of "):
        albums({"albums": [full_album(1, id=None)]}, ALBUM_IDS[:1])
    with pytest.raises(BadAnswerError, match=r"^albums: albums: field required$"):
        albums({"artists": []}, [])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"followers": {"total": 2**63}}, "followers.total"),
        ({"popularity": 2**31}, "popularity"),
        ({"popularity": float("nan")}, "popularity"),
        ({"images": [{"url": "x", "height": 10**30}]}, "images.0.height"),
        ({"genres": "pop"}, "genres"),
    ],
)
def test_a_value_that_no_column_holds_is_named(wrong: dict[str, Any], field: str) -> None:
    """It must not come as far as the table, where it would keep every other row out."""
    with pytest.raises(BadAnswerError, match=rf"^artists: artists\.0\.{field}: "):
        artist_detail(full_artist(1, **wrong))


# Hard input.

NAMES = {
    "long": "Ø" * 10_000,
    "emoji": "\U0001f469\u200d\U0001f3a4\U0001f1f3\U0001f1f4",
    "right to left": "\u202e\u0641\u064a\u0631\u0648\u0632\u202c",
    "combining": "a\u030a\u0323 Z" + "\u0335" * 40,
    "NUL": "before\0after",
    "line ends": "one\r\ntwo\u2028three",
    "not a character": "\ufffe\U0010ffff",
    "blank": " \u3000 ",
    "empty": "",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_is_kept_to_the_character(name: str) -> None:
    given = track(1, name=name, album=full_album(1, name=name), artists=[artist(1, name=name)])

    rows = entity_rows(read(given), NOW)
    detail = album_detail(full_album(1, label=name, genres=[name]))

    assert stored("tracks", rows["tracks"][0])["name"] == name
    assert stored("tracks", rows["tracks"][0])["artist_names"] == [name]
    assert stored("artists", rows["artists"][0])["name"] == name
    found = stored("albums", rows["albums"][0] | detail)
    assert (found["name"], found["label"], found["genres"]) == (name, name, [name])


def test_half_a_character_is_refused_before_it_reaches_a_file() -> None:
    with pytest.raises(BadAnswerError, match=r"^position 1: name: "):
        Track.read(track(1, name="\ud83c"), "position 1")


@pytest.mark.parametrize("images", [None, []])
def test_missing_images_are_an_empty_list(images: Any) -> None:
    (row,) = entity_rows(read(track(1, album=album(1, images=images))), NOW)["albums"]

    assert row["images"] == []


def test_two_albums_of_one_name_are_two_rows() -> None:
    tracks = [track(n, album=album(n, name="Greatest Hits")) for n in (1, 2)]

    rows = entity_rows(read(*tracks), NOW)["albums"]

    assert [(row["album_id"], row["name"]) for row in rows] == [
        (ALBUM_IDS[0], "Greatest Hits"),
        (ALBUM_IDS[1], "Greatest Hits"),
    ]


def test_a_relinked_track_names_the_one_it_stands_for() -> None:
    linked = {"id": track_id(2), "type": "track", "uri": f"spotify:track:{track_id(2)}"}

    (row,) = entity_rows(read(track(1, linked_from=linked)), NOW)["tracks"]

    assert (row["track_id"], row["linked_from_id"]) == (track_id(1), track_id(2))


@pytest.mark.parametrize("linked", [None, {}, {"id": None}])
def test_a_link_to_nothing_is_null(linked: Any) -> None:
    (row,) = entity_rows(read(track(1, linked_from=linked)), NOW)["tracks"]

    assert row["linked_from_id"] is None


@pytest.mark.parametrize(
    "released",
    ["R6-11-21", "2567-11-21", "0000", "1447-05-30 AH", "\u0662\u0660\u0662\u0666-11-21", ""],
)
def test_a_release_date_of_any_calendar_is_kept_as_text(released: str) -> None:
    (row,) = entity_rows(read(track(1, album=album(1, release_date=released))), NOW)["albums"]

    assert stored("albums", row)["release_date"] == released


@pytest.mark.parametrize(
    "written", ["R6-11-21", "1447-05-30 AH", "\u0662\u0660\u0662\u0666-11-21", "2026-02-30", ""]
)
def test_a_date_column_takes_no_date_of_another_calendar(written: str) -> None:
    with pytest.raises(SchemaError, match=r"^k: column 'chart_date': .* is not a date; write it"):
        encode_rows([{"chart_date": written}], SCHEMAS["chart_days"], "k")
