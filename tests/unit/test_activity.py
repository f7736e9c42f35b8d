"""Music activity: Spotify's answers through the package's own rows to the record of a play."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from soundlake.activity import FIELDS, activity_rows
from soundlake.entities import album_row, track_row
from soundlake.plays import read_page
from soundlake.sections import section_row
from soundlake.sources.spotify import SpotifyFeatures
from soundlake.spotify.models import Album, Track
from soundlake.store.lake import decode, encode_rows, to_parquet
from soundlake.store.schemas import SCHEMAS
from soundlake.times import parse_time

from tests.listened import plays_of
from tests.unit.helpers import (
    ACCOUNT,
    NOW,
    REPO,
    FakeSpotify,
    Zones,
    album,
    artist,
    enrich,
    features_of,
    invoke,
    keep_page,
    played,
    publish,
    recently_played,
    track,
    track_id,
)

Row = dict[str, Any]
SIRENS = REPO.parent / "shared" / "data" / "sirens_record.json"
HEARD = datetime(2026, 11, 20, 23, 59, 59, 999000)  # noqa: DTZ001 - as tables keep times
# A record of the same kind that nobody ever heard, so that the way to it is tested everywhere.
MADE_UP: Row = {
    "track_id": "0madeUp0madeUp0madeUp0",
    "track_name": "Svale på skip \U0001f6a2",
    "track_artist": "Ingen, Den Andre, x, y",
    "played_at": "2024-02-29 00:00",
    "explicit": False,
    "popularity": 0,
    "album": "Å",
    "album_cover": "https://images.test/largest",
    "album_cover_height": 1200,
    "album_cover_width": 1199,
    "duration": 61.0,
    "loudness": -60.0,
    "tempo": 120.0,
    "key": -1,
    "time_signature": 4,
    "mode": 1,
    "acousticness": 2.19e-05,
    "danceability": 0.1,
    "energy": 1.0,
    "instrumentalness": 0.0,
    "speechiness": 0.30000000000000004,
    "valence": 0.999,
    "sections": 3,
    "section_duration_avg": 20.33,
    "loudness_avg": -7.0,
    "tempo_avg": 99.5,
    "start_sequence": [0.0, 20.5, 40.12345],
    "loudness_sequence": [-8.0, -6.0, None],
    "tempo_sequence": [99.0, None, 100.0],
    "key_sequence": [-1, 0, 11],
    "mode_sequence": [-1, 0, None],
    "time_signature_sequence": [3, 7, 1],
}


def answers_to(record: Row) -> dict[str, Any]:
    """What Spotify's endpoints answer about the play of this record, as real answers look."""
    names = record["track_artist"].split(", ")
    # A smaller cover first: the largest is meant, wherever it stands.
    images = [
        {"url": "https://images.test/300", "height": 300, "width": 300},
        {
            "url": record["album_cover"],
            "height": record["album_cover_height"],
            "width": record["album_cover_width"],
        },
        {"url": "https://images.test/64", "height": 64, "width": 64},
    ]
    ms = round(record["duration"] * 1000)
    about = track(
        7,
        id=record["track_id"],
        uri=f"spotify:track:{record['track_id']}",
        name=record["track_name"],
        explicit=record["explicit"],
        popularity=record["popularity"],
        duration_ms=ms + 8,
        artists=[artist(number, name=name) for number, name in enumerate(names, 1)],
        album=album(7, name=record["album"], images=images),
    )
    at = record["played_at"].replace(" ", "T")
    sequences = ("start", "loudness", "tempo", "key", "mode", "time_signature")
    sections = [
        {"duration": 1.5, "confidence": 0.5, "key_confidence": 0.25}
        | {name: record[f"{name}_sequence"][place] for name in sequences}
        for place in range(record["sections"])
    ]
    features = features_of(
        "id-0007",
        **{name: record[name] for name in record if name in features_of("id-0007")},
        id=record["track_id"],
        duration_ms=ms - 3,
    )
    return {
        "plays": recently_played([played(7, f"{at}:31.416Z", track=about)]),
        "track": about,
        "features": {"audio_features": [features]},
        "analysis": {
            "meta": {"analyzer_version": "4.0.0"},
            "track": {"duration": record["duration"], "tempo": 1.0, "loudness": 1.0},
            "bars": [],
            "sections": sections,
            "segments": [],
        },
    }


def rows_from(answers: dict[str, Any]) -> list[Row]:
    """The rows of `music_activity` that these answers, sent as JSON, end in."""
    answers = json.loads(json.dumps(answers))
    page = read_page(
        answers["plays"],
        account=ACCOUNT,
        raw_key="raw/plays",
        capture_id="capture",
        captured_at=NOW,
        observed_at=NOW,
    )
    assert page.problems == []
    about = Track.read(answers["track"], "a track")
    (features,) = SpotifyFeatures().rows(
        answers["features"], [about.id], fetched_at=NOW, raw_key="raw/f"
    )
    return activity_rows(
        plays_of(page.observations),
        {about.id: track_row(about, NOW)},
        {str(about.album.id): album_row(about.album, NOW)},
        {about.id: features},
        {about.id: section_row(answers["analysis"], about.id, NOW, "raw/s")},
    )


def through_parquet(rows: list[Row]) -> list[Row]:
    """The rows as a reader of the table's files gets them."""
    schema = SCHEMAS["music_activity"]
    body = to_parquet(encode_rows(rows, schema, "key"))
    read: list[Row] = decode(body, schema, "key").to_pylist()
    return read


def record_of(rows: list[Row]) -> str:
    """The one row's record, to the digit; its account apart."""
    (row,) = rows
    fields = dict(row)
    assert fields.pop("account") == ACCOUNT
    return json.dumps(fields)


@pytest.fixture(params=["made up", "SIRENS"])
def record(request: pytest.FixtureRequest) -> Row:
    if request.param == "made up":
        return MADE_UP
    if not SIRENS.is_file():
        pytest.skip(f"the finished record is not there: {SIRENS.name} in ../shared/data")
    read: Row = json.loads(SIRENS.read_text(encoding="utf-8"))
    return read


def test_the_answers_about_a_play_give_its_record(record: Row) -> None:
    assert record_of(rows_from(answers_to(record))) == json.dumps(record)


def test_the_functions_make_the_record_of_a_captured_page(
    record: Row, zones: Zones, spotify: FakeSpotify
) -> None:
    """Derive, Enrich and Publish, from the raw zone's answer to the table's object."""
    answers = json.loads(json.dumps(answers_to(record)))
    ident, month = record["track_id"], record["played_at"][:7]
    (item,) = answers["plays"]["items"]
    captured = parse_time(item["played_at"]) + timedelta(minutes=5)
    spotify.features[ident] = answers["features"]["audio_features"][0]
    spotify.analyses[ident] = answers["analysis"]
    derived = invoke("derive", keep_page(zones, "run-1", captured, [item]))
    assert (derived["status"], derived["new"]) == ("captured", 1)
    day = captured.date().isoformat()
    spotify.now = captured

    assert enrich(day)["status"] == "enriched"
    assert publish(day=day)["status"] == "published"

    assert record_of(zones.rows("music_activity", month, ACCOUNT)) == json.dumps(record)


def test_a_record_comes_back_from_its_file(record: Row) -> None:
    rows = through_parquet(rows_from(answers_to(record)))

    assert record_of(rows) == json.dumps(record)


def test_the_fields_are_those_of_the_record_and_of_the_table(record: Row) -> None:
    assert list(record) == list(FIELDS)
    assert len(FIELDS) == 32
    assert SCHEMAS["music_activity"].names == [*FIELDS, "account"]


# What is known, and what is not.


def play(number: int = 1, **changes: Any) -> Row:
    """A row of `plays`."""
    return {
        "account": ACCOUNT,
        "played_at": HEARD,
        "uri": f"spotify:track:{track_id(number)}",
        "track_id": track_id(number),
        "track_name": f"Heard {number}",
        "artist_names": ["First", "Second"],
        "artist_ids": ["a", "b"],
        "album_name": "Heard album",
        "album_id": album(number)["id"],
        "duration_ms": 180_000,
        "explicit": True,
        "ms_played": None,
        "context_type": None,
        "context_uri": None,
        "sources": ["spotify_recently_played"],
        "evidence": ["raw/plays"],
    } | changes


def tracks_of(*answers: Row) -> dict[str, Row]:
    return {each["id"]: track_row(Track.read(each, "a track"), NOW) for each in answers}


def albums_of(*answers: Row) -> dict[str, Row]:
    return {each["id"]: album_row(Album.read(each, "an album"), NOW) for each in answers}


def one(play_row: Row, **known: dict[str, Row]) -> Row:
    """The row of one play, with what is known of these kinds."""
    kinds = ("tracks", "albums", "features", "sections")
    (row,) = activity_rows([play_row], *(known.get(kind, {}) for kind in kinds))
    assert list(row) == [*FIELDS, "account"]
    assert through_parquet([row]) == [row]
    return row


def test_a_play_of_which_nothing_else_is_known_says_what_it_says_itself() -> None:
    row = one(play(1))

    assert {name: value for name, value in row.items() if value is not None} == {
        "track_id": track_id(1),
        "track_name": "Heard 1",
        "track_artist": "First, Second",
        "played_at": "2026-11-20 23:59",
        "explicit": True,
        "album": "Heard album",
        "duration": 180.0,
        "account": ACCOUNT,
    }


@pytest.mark.parametrize(
    "uri",
    ["spotify:local:Artist:Album:Title:180", "spotify:episode:episode000000000000001"],
    ids=["local file", "episode"],
)
def test_a_play_of_what_is_no_track_has_a_row(uri: str) -> None:
    heard = play(1, uri=uri, track_id=None, album_id=None, artist_names=["A"], artist_ids=[None])

    row = one(heard, tracks=tracks_of(track(1)), albums=albums_of(album(1)))

    assert (row["track_id"], row["track_name"], row["track_artist"]) == (None, "Heard 1", "A")
    assert (row["popularity"], row["album_cover"], row["duration"]) == (None, None, 180.0)


NOTHING = ("track_name", "artist_names", "artist_ids", "album_name", "album_id")


def test_a_play_that_says_nothing_takes_it_from_its_track() -> None:
    heard = play(1, **dict.fromkeys((*NOTHING, "duration_ms", "explicit")))

    row = one(heard, tracks=tracks_of(track(1)), albums=albums_of(album(1)))

    assert (row["track_name"], row["track_artist"]) == ("Track 1", "Artist 1")
    assert (row["album"], row["album_cover"]) == ("Album 1", "https://images.test/1/640")
    assert (row["duration"], row["explicit"]) == (180.001, False)


def test_a_play_of_which_nothing_at_all_is_known_is_a_time() -> None:
    heard = play(1, **dict.fromkeys((*NOTHING, "duration_ms", "explicit", "track_id")))

    row = one(heard)

    assert {name for name, value in row.items() if value is not None} == {"played_at", "account"}


def test_what_a_play_says_itself_counts_before_its_track() -> None:
    row = one(play(1, explicit=False), tracks=tracks_of(track(1, explicit=True)))

    assert (row["track_name"], row["explicit"], row["popularity"]) == ("Heard 1", False, 50)


@pytest.mark.parametrize(
    ("names", "written"),
    [
        ([], None),
        ([None], None),
        (["A, B"], "A, B"),
        (["A", None, "", "B"], "A, B"),
        (["B", "A", "B"], "B, A, B"),
    ],
)
def test_artists_stand_in_their_order(names: list[Any], written: str | None) -> None:
    assert one(play(1, artist_names=names))["track_artist"] == written


@pytest.mark.parametrize(
    ("analysed", "heard", "listed", "played_ms", "duration"),
    [
        (204.4473, 204_447, 204_456, 204_456, 204.4473),
        (None, 204_447, 204_456, 204_456, 204.447),
        (None, None, 204_456, 1, 204.456),
        (None, None, None, 204_456, 204.456),
        (None, None, None, None, None),
        (0.0, 204_447, 204_456, 204_456, 0.0),
        (None, 0, 204_456, 204_456, 0.0),
    ],
)
def test_the_length_is_the_analysis_own_then_the_features_then_the_tracks(
    analysed: float | None,
    heard: int | None,
    listed: int | None,
    played_ms: int | None,
    duration: float | None,
) -> None:
    row = one(
        play(1, duration_ms=played_ms),
        tracks={track_id(1): {"duration_ms": listed}},
        features={track_id(1): {"duration_ms": heard}},
        sections={track_id(1): {"duration": analysed, "sections": 2}},
    )

    assert row["duration"] == duration
    expected = round(duration / 2, 2) if duration else None
    assert row["section_duration_avg"] == expected


@pytest.mark.parametrize(
    ("sizes", "largest"),
    [
        ([], None),
        ([(64, 64), (640, 640), (300, 300)], 1),
        ([(None, None), (None, None)], 0),
        ([(None, None), (64, 64)], 1),
        ([(640, 10), (100, 100)], 1),
        ([(300, 300), (300, 300)], 0),
        ([(640, None), (64, 64)], 1),
        ([(640, None), (10, 10)], 1),
        ([(None, 640), (10, 10)], 1),
    ],
)
def test_the_cover_is_the_largest_image(sizes: list[Any], largest: int | None) -> None:
    images = [
        {"url": f"https://images.test/{place}", "height": height, "width": width}
        for place, (height, width) in enumerate(sizes)
    ]

    row = one(play(1), albums=albums_of(album(1, images=images)))

    cover = [row["album_cover"], row["album_cover_height"], row["album_cover_width"]]
    if largest is None:
        assert cover == [None, None, None]
    else:
        assert cover == [f"https://images.test/{largest}", *sizes[largest]]


def test_two_albums_of_one_name_have_covers_of_their_own() -> None:
    hits = [album(number, name="Greatest Hits") for number in (1, 2)]
    heard = [play(number, album_name="Greatest Hits") for number in (1, 2)]

    first, second = activity_rows(heard, {}, albums_of(*hits), {}, {})

    assert (first["album"], first["album_cover"]) == ("Greatest Hits", "https://images.test/1/640")
    assert (second["album"], second["album_cover"]) == (
        "Greatest Hits",
        "https://images.test/2/640",
    )


def test_a_relinked_track_is_the_one_that_was_heard() -> None:
    """It stands for another one, of which it is no business here."""
    heard = track(1, linked_from={"id": track_id(2)}, popularity=7)
    known = tracks_of(heard, track(2, popularity=8))

    row = one(play(1), tracks=known, features={track_id(2): {"tempo": 1.0}})

    assert (row["track_id"], row["popularity"], row["tempo"]) == (track_id(1), 7, None)


def test_a_track_without_an_analysis_has_null_sequences() -> None:
    row = one(play(1), sections={track_id(1): section_row(None, track_id(1), NOW, None)})

    assert {row[name] for name in FIELDS[FIELDS.index("sections") :]} == {None}


def test_an_analysis_without_sections_has_empty_sequences() -> None:
    answer = {"track": {"duration": 9.5}, "sections": [], "segments": []}

    row = one(play(1), sections={track_id(1): section_row(answer, track_id(1), NOW, "raw/s")})

    assert (row["sections"], row["duration"], row["section_duration_avg"]) == (0, 9.5, None)
    assert row["tempo_sequence"] == []
    assert (row["loudness_avg"], row["tempo_avg"]) == (None, None)


def test_averages_have_two_decimals() -> None:
    row = one(
        play(1),
        sections={
            track_id(1): {
                "duration": 100.0,
                "sections": 3,
                "loudness_avg": -7.208555,
                "tempo_avg": 95.664,
            }
        },
    )

    assert row["section_duration_avg"] == 33.33
    assert row["loudness_avg"] == -7.21
    assert row["tempo_avg"] == 95.66


def test_rows_stand_in_the_order_of_time_then_track() -> None:
    early = HEARD.replace(hour=1)
    plays = [
        play(2),
        play(1),
        play(3, played_at=early),
        play(4, uri="spotify:local:a", track_id=None),
    ]

    rows = activity_rows(plays, {}, {}, {}, {})

    assert [row["track_name"] for row in rows] == ["Heard 3", "Heard 4", "Heard 1", "Heard 2"]
    assert activity_rows(plays[::-1], {}, {}, {}, {}) == rows


def test_hearing_a_track_twice_is_two_rows() -> None:
    again = HEARD.replace(minute=1)

    rows = activity_rows([play(1), play(1, played_at=again)], {}, {}, {}, {})

    assert [row["played_at"] for row in rows] == ["2026-11-20 23:01", "2026-11-20 23:59"]


def test_no_plays_are_no_rows() -> None:
    assert activity_rows([], {}, {}, {}, {}) == []


NAMES = {
    "long": "Ø" * 10_000,
    "emoji": "\U0001f469\u200d\U0001f3a4\U0001f1f3\U0001f1f4",
    "right to left": "\u202e\u0641\u064a\u0631\u0648\u0632\u202c",
    "combining": "a\u030a\u0323 Z" + "\u0335" * 40,
    "NUL": "before\0after",
    "line ends": "one\r\ntwo\u2028three",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_is_kept_to_the_character(name: str) -> None:
    answers = answers_to(MADE_UP | {"track_name": name, "track_artist": name, "album": name})

    (row,) = through_parquet(rows_from(answers))

    assert (row["track_name"], row["track_artist"], row["album"]) == (name, name, name)
