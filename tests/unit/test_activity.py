"""Music activity: Spotify's answers through the package's own rows to the record of a play."""

import json
from datetime import datetime
from typing import Any

import pytest
from soundlake.activity import FIELDS, activity_rows
from soundlake.entities import album_row, track_row
from soundlake.features import feature_rows
from soundlake.plays import derive_plays, read_page
from soundlake.sections import section_row
from soundlake.spotify.models import Track
from soundlake.store.lake import decode, encode_rows, to_parquet
from soundlake.store.schemas import SCHEMAS

from tests.unit.helpers import (
    ACCOUNT,
    NOW,
    REPO,
    album,
    artist,
    features_of,
    played,
    recently_played,
    track,
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
    (features,) = feature_rows(answers["features"], [about.id], fetched_at=NOW, raw_key="raw/f")
    return activity_rows(
        derive_plays(page.observations),
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


def test_a_record_comes_back_from_its_file(record: Row) -> None:
    rows = through_parquet(rows_from(answers_to(record)))

    assert record_of(rows) == json.dumps(record)


def test_the_fields_are_those_of_the_record_and_of_the_table(record: Row) -> None:
    assert list(record) == list(FIELDS)
    assert len(FIELDS) == 32
    assert SCHEMAS["music_activity"].names == [*FIELDS, "account"]
