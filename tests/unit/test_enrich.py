"""Enrich: the features of every unknown track asked once, in the fewest requests."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pytest
from soundlake.store.objects import Bucket

from tests.unit.helpers import (
    MONTH,
    NORWAY_CHART,
    PREFIX,
    TODAY,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    features_of,
    invoke,
    stage,
    track,
    track_id,
)

FEATURES = "/v1/audio-features"
RAW = f"raw/audio-features/spotify/month={MONTH}/{TODAY}/"


def enrich(date: str = TODAY) -> Row:
    return invoke("enrich", {"date": date})


def publish(*staging_keys: str, date: str = TODAY) -> Row:
    return invoke("publish", {"date": date, "staging_keys": list(staging_keys)})


def chart(zones: Zones, numbers: Iterable[int], chart: Row = NORWAY_CHART, day: str = TODAY) -> str:
    """Stage and load a chart's day; its staging key."""
    key = stage(zones, [track(number) for number in numbers], chart, day)
    loaded = invoke("load", {"chart": chart["chart"], "date": day, "staging_key": key})
    assert loaded["status"] == "loaded"
    return key


def ids(numbers: Iterable[int]) -> list[str]:
    return [track_id(number) for number in numbers]


def answers(zones: Zones) -> list[str]:
    return [key for key in zones.keys("raw/audio-features/") if key.endswith(".json.gz")]


def know(spotify: FakeSpotify, numbers: Iterable[int]) -> None:
    spotify.features |= {ident: features_of(ident) for ident in ids(numbers)}


def play(zones: Zones, number: int | None, month: str, account: str = "main") -> None:
    uri = f"spotify:track:{track_id(number)}" if number else "spotify:episode:one"
    row = {
        "account": account,
        "played_at": datetime.fromisoformat(f"{month}-15"),
        "uri": uri,
        "track_id": track_id(number) if number else None,
    }
    zones.lake.replace("plays", month, account, lambda before: [*before, row])


@pytest.fixture
def staged(zones: Zones, spotify: FakeSpotify) -> str:
    """A chart of 250 tracks, whose features Spotify knows."""
    know(spotify, range(1, 251))
    return chart(zones, range(1, 251))


def test_a_hundred_tracks_are_asked_at_once(
    staged: str, spotify: FakeSpotify, zones: Zones
) -> None:
    result = enrich()

    assert [len(batch) for batch in spotify.batches] == [100, 100, 50]
    assert [ident for batch in spotify.batches for ident in batch] == ids(range(1, 251))
    assert result == {
        "status": "enriched",
        "tracks": 250,
        "asked": 250,
        "requests": {"api/token": 1, "audio-features": 3},
        "counts": {"tracks": 250, "requests": 4},
    }
    assert len(answers(zones)) == 3
    assert all(key.startswith(RAW) for key in answers(zones))


def test_a_track_on_several_charts_is_asked_once(zones: Zones, spotify: FakeSpotify) -> None:
    other = {
        "chart": "daily-SE",
        "country": "SE",
        "country_name": "Sweden",
        "cadence": "daily",
        "playlist_id": "playlistSweden00000000",
    }
    chart(zones, (1, 2))
    chart(zones, (2, 3), other)

    result = enrich()

    assert spotify.batches == [ids((1, 2, 3))]
    assert (result["tracks"], result["asked"]) == (3, 3)


def test_played_tracks_of_this_month_and_the_last_are_asked_too(
    zones: Zones, spotify: FakeSpotify
) -> None:
    for number, month in ((1, "2026-11"), (2, "2026-10"), (3, "2026-09"), (4, "2026-12")):
        play(zones, number, month)
    play(zones, 5, "2026-11", account="other")
    play(zones, None, "2026-11")

    chart(zones, (9,))

    enrich()

    assert spotify.batches == [ids((1, 2, 5, 9))]


def test_without_charts_only_played_tracks_are_asked(zones: Zones, spotify: FakeSpotify) -> None:
    play(zones, 1, MONTH)

    assert enrich()["asked"] == 1
    assert spotify.batches == [ids((1,))]


def test_nothing_unknown_asks_nothing_and_needs_no_credentials(
    zones: Zones, spotify: FakeSpotify, ssm: Any
) -> None:
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    result = enrich()

    assert result == {
        "status": "enriched",
        "tracks": 0,
        "asked": 0,
        "requests": {},
        "counts": {"tracks": 0, "requests": 0},
    }
    assert spotify.asked == []


def test_published_tracks_are_not_asked_again(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, (1, 3))
    key = chart(zones, (1, 2))
    enrich()
    publish(key)
    chart(zones, (1, 2, 3), day="2026-12-05")

    result = enrich("2026-12-05")

    assert (result["tracks"], result["asked"]) == (3, 1)
    assert spotify.batches == [ids((1, 2)), ids((3,))]


def test_unknown_features_are_not_asked_again_either(zones: Zones, spotify: FakeSpotify) -> None:
    key = chart(zones, (1,))
    enrich()
    publish(key)

    assert enrich()["asked"] == 0
    (row,) = zones.rows("audio_features")
    assert (row["track_id"], row["tempo"], row["source"]) == (track_id(1), None, None)


@pytest.mark.parametrize("later", [TODAY, "2026-11-22", "2026-12-31"])
def test_kept_answers_are_not_asked_again_after_a_publish_that_never_ran(
    later: str, staged: str, spotify: FakeSpotify
) -> None:
    enrich()
    asked = list(spotify.asked)

    result = enrich(date=later)

    assert (result["tracks"], result["asked"], result["requests"]) == (250, 0, {})
    assert spotify.asked == asked


def test_a_rate_limit_midway_keeps_what_was_answered_and_the_next_run_goes_on(
    staged: str, spotify: FakeSpotify, zones: Zones
) -> None:
    spotify.reply(FEATURES, 429, {}, {"Retry-After": "12"}, after=1)
    limited = enrich()
    kept = zones.contents("raw/audio-features/")
    spotify.batches.clear()

    result = enrich()

    assert limited["status"] == "rate_limited"
    assert limited["retry_after"] == 12
    assert (limited["tracks"], limited["asked"]) == (250, 100)
    assert limited["requests"] == {"api/token": 1, "audio-features": 2}
    assert result["asked"] == 150
    assert spotify.batches == [ids(range(101, 201)), ids(range(201, 251))]
    assert zones.contents("raw/audio-features/").items() >= kept.items()


@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_killed_before_any_write_the_next_run_asks_only_what_was_not_kept(
    write: int,
    staged: str,
    spotify: FakeSpotify,
    zones: Zones,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put, writes = Bucket.put, iter(range(1, 100))

    def dying(*args: Any, **options: Any) -> None:
        if next(writes) == write:
            raise Killed
        put(*args, **options)

    monkeypatch.setattr(Bucket, "put", dying)
    with pytest.raises(Killed):
        enrich()

    result = enrich()

    whole_before = (write - 1) // 2  # each answer is two writes: what was asked, and the answer
    assert result["asked"] == 250 - 100 * whole_before
    assert publish(staged)["rows"]["audio_features"] == 250
    assert [row["track_id"] for row in zones.rows("audio_features")] == ids(range(1, 251))


def test_a_damaged_answer_is_asked_again_under_the_next_attempt(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1, 2))
    key = chart(zones, (1, 2))
    enrich()
    (first,) = answers(zones)
    damaged = zones.damage(first)

    result = enrich()

    assert result["asked"] == 2
    assert answers(zones) == [first, first.replace("-001.", "-002.")]
    assert zones.body(first) == damaged
    assert publish(key)["status"] == "published"
    assert [row["tempo"] for row in zones.rows("audio_features")] == [120.0, 120.0]
    assert {row["raw_key"] for row in zones.rows("audio_features")} == {answers(zones)[1]}
    assert enrich()["asked"] == 0
    assert publish(key)["status"] == "published"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"audio_features": []}, "audio features: 0 answers to 1 ids"),
        ({"audio_features": [features_of(track_id(2))]}, f"audio features: {track_id(2)} in the"),
        ({}, "audio features: audio_features: field required"),
        (b"{", f"{FEATURES}: the answer is not JSON"),
    ],
)
def test_an_answer_to_something_else_fails_and_is_not_kept(
    body: Any, error: str, zones: Zones, spotify: FakeSpotify
) -> None:
    chart(zones, (1,))
    spotify.reply(FEATURES, 200, body)

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"].startswith(error)
    assert zones.keys("raw/audio-features/") == []
    assert enrich()["status"] == "enriched"


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_a_sentence(status: int, zones: Zones, spotify: FakeSpotify) -> None:
    spotify.reply(FEATURES, status, {"error": {"status": status, "message": "Words"}})

    chart(zones, (1,))

    result = enrich()

    assert result["status"] == "failed"
    assert f"{FEATURES}" in result["error"]
    assert result["requests"] == {"api/token": 1, "audio-features": 1}
    assert (result["tracks"], result["asked"]) == (1, 0)


@pytest.mark.parametrize("table", ["audio_features", "plays", "chart_entries"])
def test_a_damaged_table_is_named(table: str, zones: Zones, spotify: FakeSpotify) -> None:
    chart(zones, (1,))
    key = f"lake/{table}/month={MONTH}/damaged.parquet"
    zones.put(key, b"x")

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{key} is not a whole Parquet file")
    assert spotify.asked == []


@pytest.mark.parametrize("status", [200, 400, 403, 429])
def test_nothing_is_given_away(
    status: int,
    zones: Zones,
    spotify: FakeSpotify,
    tell_tales: Callable[[object], list[str]],
) -> None:
    if status != 200:
        spotify.reply(FEATURES, status, json.dumps({"error": "Words"}).encode())

    chart(zones, (1,))

    assert tell_tales(enrich()) == []


def test_one_bad_answer_does_not_stand_in_the_others_way(
    staged: str, spotify: FakeSpotify, zones: Zones
) -> None:
    spotify.reply(FEATURES, 200, {"audio_features": []})

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"] == "audio features: 0 answers to 100 ids"
    assert (result["asked"], result["requests"]["audio-features"]) == (150, 3)
    again = enrich()
    assert (again["status"], again["asked"]) == ("enriched", 100)


def test_charted_tracks_that_an_earlier_run_did_not_ask_for_are_asked_for(
    staged: str, spotify: FakeSpotify, zones: Zones
) -> None:
    result = enrich("2026-12-01")

    assert (result["status"], result["asked"]) == ("enriched", 250)
