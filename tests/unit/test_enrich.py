"""Enrich: each track, album and artist asked about once in its life, in the fewest requests."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soundlake import asking
from soundlake.settings import settings
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
    analysis,
    artist,
    enrich,
    features_of,
    full_album,
    full_artist,
    keep_raw,
    kept_answers,
    load,
    played,
    publish,
    recently_played,
    spend_quota,
    track,
    track_id,
)
from tests.unit.helpers import (
    album_ids as albums,
)
from tests.unit.helpers import (
    artist_ids as artists,
)
from tests.unit.helpers import (
    track_ids as ids,
)

FEATURES = "/v1/audio-features"
ANALYSES = "audio-analysis/{id}"
RAW = f"raw/audio-features/spotify/month={MONTH}/{TODAY}/"
KINDS = ("audio-features", "albums", "artists", "audio-analysis")


def chart(zones: Zones, numbers: Iterable[int], chart: Row = NORWAY_CHART, day: str = TODAY) -> Row:
    """Stage and load a chart's day; its outcome."""
    return load(zones, [track(number) for number in numbers], chart, day)


def know(spotify: FakeSpotify, numbers: Iterable[int]) -> None:
    spotify.features |= {ident: features_of(ident) for ident in ids(numbers)}


def at_most(monkeypatch: pytest.MonkeyPatch, analyses: int) -> None:
    """Let a run ask for so many analyses."""
    monkeypatch.setenv("ANALYSES_PER_DAY", str(analyses))
    settings.cache_clear()


def analyses_asked(spotify: FakeSpotify) -> list[str]:
    """The tracks whose analyses were asked for, in order."""
    start = "GET /v1/audio-analysis/"
    return [asked.removeprefix(start) for asked in spotify.asked if asked.startswith(start)]


def play(zones: Zones, number: int | None, month: str, account: str = "main") -> None:
    uri = f"spotify:track:{track_id(number)}" if number else "spotify:episode:one"
    at = datetime.fromisoformat(f"{month}-15T00:00:00+00:00")
    page = f"raw/recently-played/{account}/month={month}/{number}.json.gz"
    keep_raw(zones, page, recently_played([played(number, at)] if number else []))
    row = {
        "account": account,
        "played_at": at.replace(tzinfo=None),
        "uri": uri,
        "track_id": track_id(number) if number else None,
        "album_id": albums((number,))[0] if number else None,
        "artist_ids": [*artists((number,)), None] if number else None,
        "evidence": [page],
    }
    zones.lake.replace("plays", month, account, lambda before: [*before, row])


@pytest.fixture
def staged(zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch) -> Row:
    """A chart of 250 tracks, whose features Spotify knows, and no analyses wanted."""
    at_most(monkeypatch, 0)
    know(spotify, range(1, 251))
    return chart(zones, range(1, 251))


# What is asked.


def test_a_hundred_tracks_twenty_albums_and_fifty_artists_are_asked_at_once(
    staged: Row, spotify: FakeSpotify, zones: Zones
) -> None:
    result = enrich()

    assert [len(batch) for batch in spotify.batches] == [100, 100, 50]
    assert [ident for batch in spotify.batches for ident in batch] == ids(range(1, 251))
    assert spotify.several == {
        "albums": [albums(range(first, min(first + 20, 251))) for first in range(1, 251, 20)],
        "artists": [artists(range(first, first + 50)) for first in range(1, 251, 50)],
    }
    assert result == {
        "status": "enriched",
        "asked": {"audio-features": 250, "albums": 250, "artists": 250},
        "left": {},
        "notes": [],
        "requests": {"api/token": 1, "audio-features": 3, "albums": 13, "artists": 5},
        "counts": {
            "audio_features": 250,
            "albums": 250,
            "artists": 250,
            "requests": 22,
            "queue": 0,
        },
    }
    assert [len(kept_answers(zones, kind)) for kind in KINDS] == [3, 13, 5, 0]
    assert all(key.startswith(RAW) for key in kept_answers(zones))


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

    often_first = (2, 1, 3)
    assert spotify.batches == [ids(often_first)]
    assert spotify.several == {
        "albums": [albums(often_first)],
        "artists": [artists(often_first)],
    }
    assert analyses_asked(spotify) == ids(often_first)
    assert result["asked"] == dict.fromkeys(KINDS, 3)


def test_what_was_played_in_any_month_is_asked_too(zones: Zones, spotify: FakeSpotify) -> None:
    for number, month in ((1, "2026-11"), (2, "2026-10"), (3, "2019-09"), (4, "2026-12")):
        play(zones, number, month)
    play(zones, 5, "2026-11", account="other")
    play(zones, None, "2026-11")

    chart(zones, (9,))

    enrich()

    numbers = (1, 2, 3, 4, 5, 9)
    assert spotify.batches == [ids(numbers)]
    assert spotify.several == {
        "tracks": [ids((3,))],  # of a month that no run makes rows of any more
        "albums": [albums(numbers)],
        "artists": [artists(numbers)],
    }
    assert sorted(analyses_asked(spotify)) == ids(numbers)


def test_all_artists_of_a_track_are_asked(zones: Zones, spotify: FakeSpotify) -> None:
    load(zones, [track(1, artists=[artist(3), artist(2)]), track(2, artists=[artist(2)])])

    enrich()

    assert spotify.several["artists"] == [artists((2, 3))]


def test_without_charts_only_what_was_played_is_asked(zones: Zones, spotify: FakeSpotify) -> None:
    play(zones, 1, MONTH)

    assert enrich()["asked"] == dict.fromkeys(KINDS, 1)
    assert spotify.batches == [ids((1,))]


def test_nothing_unknown_asks_nothing_and_needs_no_credentials(
    zones: Zones, spotify: FakeSpotify, ssm: Any
) -> None:
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    result = enrich()

    assert result == {
        "status": "enriched",
        "asked": {},
        "left": {},
        "notes": [],
        "requests": {},
        "counts": {"requests": 0, "queue": 0},
    }
    assert spotify.asked == []


def test_the_requests_of_earlier_tries_are_carried(zones: Zones, spotify: FakeSpotify) -> None:
    chart(zones, (1,))

    result = enrich(requests={"audio-features": 3, "api/token": 1})

    assert result["requests"] == {
        "api/token": 2,
        "audio-features": 4,
        "albums": 1,
        "artists": 1,
        ANALYSES: 1,
    }
    assert result["counts"]["requests"] == 5
    assert enrich(requests={"audio-features": 3})["requests"] == {"audio-features": 3}


# Once in a life.


def test_what_is_published_is_not_asked_about_again(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, (1, 3))
    for number in (1, 3):
        spotify.albums |= {each["id"]: each for each in [full_album(number)]}
        spotify.artists |= {each["id"]: each for each in [full_artist(number)]}
        spotify.analyses[track_id(number)] = analysis()
    outcome = chart(zones, (1, 2))
    enrich()
    assert publish(outcome)["status"] == "published"
    chart(zones, (1, 2, 3), day="2026-12-05")
    spotify.now = datetime(2026, 12, 5, 12, tzinfo=UTC)

    result = enrich("2026-12-05")

    assert result["asked"] == dict.fromkeys(KINDS, 1)
    assert spotify.batches == [ids((1, 2)), ids((3,))]
    assert spotify.several == {
        "albums": [albums((1, 2)), albums((3,))],
        "artists": [artists((1, 2)), artists((3,))],
    }
    assert analyses_asked(spotify) == ids((1, 2, 3))


def test_what_spotify_does_not_know_is_not_asked_again_either(
    zones: Zones, spotify: FakeSpotify
) -> None:
    outcome = chart(zones, (1,))
    enrich()
    asked = list(spotify.asked)
    assert publish(outcome)["status"] == "published"

    assert enrich()["asked"] == {}
    assert spotify.asked == asked
    (row,) = zones.rows("audio_features")
    assert (row["track_id"], row["tempo"], row["source"]) == (track_id(1), None, None)


@pytest.mark.parametrize("later", [TODAY, "2026-11-22", "2026-12-20"])
def test_kept_answers_are_not_asked_again_after_a_publish_that_never_ran(
    later: str, zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1, 2))
    chart(zones, (1, 2, 3))
    enrich()
    asked = list(spotify.asked)

    result = enrich(later)

    assert (result["status"], result["asked"], result["requests"]) == ("enriched", {}, {})
    assert spotify.asked == asked


# Analyses.


def test_a_day_asks_for_so_many_analyses_of_played_tracks_first(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_most(monkeypatch, 3)
    outcome = chart(zones, (1, 2, 3, 8))
    play(zones, 9, "2026-10")
    play(zones, 8, MONTH)

    first = enrich()
    published = publish(outcome)
    second = enrich()

    assert published["status"] == "published"
    assert analyses_asked(spotify) == ids((8, 9, 1))
    assert [run["asked"].get("audio-analysis") for run in (first, second)] == [3, None]


def test_a_day_that_is_made_again_asks_for_no_analyses(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_most(monkeypatch, 0)
    chart(zones, (1, 2))
    enrich()
    at_most(monkeypatch, 3)
    spotify.now += timedelta(days=1)
    asking._client.cache_clear()  # a day later, in another process

    again = enrich()

    assert (again["status"], analyses_asked(spotify)) == ("enriched", [])


def test_the_bound_is_one_for_all_tries_of_a_day(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_most(monkeypatch, 3)
    chart(zones, range(1, 10))
    spotify.reply(f"/v1/audio-analysis/{track_id(2)}", 429, {}, {"Retry-After": "12"})

    limited = enrich()
    again = enrich(requests=limited["requests"])

    assert limited["status"] == "rate_limited"
    assert limited["asked"]["audio-analysis"] == 1
    assert again["status"] == "enriched"
    assert again["requests"][ANALYSES] == 4
    assert analyses_asked(spotify) == ids((1, 2, 2, 3))


def test_an_app_that_may_not_ask_for_analyses_is_told_so_and_nothing_fails(
    zones: Zones, spotify: FakeSpotify
) -> None:
    refused = {"error": {"status": 403, "message": "Forbidden"}}
    spotify.reply(f"/v1/audio-analysis/{track_id(1)}", 403, refused)
    chart(zones, (1, 2))

    result = enrich()

    assert result["status"] == "enriched"
    assert "error" not in result
    assert result["notes"] == [
        f"Spotify refused /v1/audio-analysis/{track_id(1)} with 403: Forbidden. "
        "See what the app may do at https://developer.spotify.com/dashboard."
    ]
    assert result["asked"] == dict.fromkeys(("audio-features", "albums", "artists"), 2)
    assert analyses_asked(spotify) == ids((1,))
    assert kept_answers(zones, "audio-analysis") == []


def test_that_there_is_no_analysis_is_kept_and_never_asked_again(
    zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.analyses[track_id(2)] = analysis()
    outcome = chart(zones, (1, 2))

    result = enrich()

    assert (result["status"], result["asked"]["audio-analysis"]) == ("enriched", 2)
    assert len(kept_answers(zones, "audio-analysis")) == 2
    assert enrich()["asked"] == {}
    assert publish(outcome)["status"] == "published"
    assert enrich()["asked"] == {}
    assert enrich("2026-12-01")["asked"] == {}
    assert analyses_asked(spotify) == ids((1, 2))
    sources = {row["track_id"]: row["source"] for row in zones.rows("track_sections")}
    assert sources == {track_id(1): None, track_id(2): "spotify"}


def test_a_404_that_is_no_json_is_not_kept(zones: Zones, spotify: FakeSpotify) -> None:
    spotify.reply(f"/v1/audio-analysis/{track_id(1)}", 404, b"<html>")
    chart(zones, (1,))

    result = enrich()

    assert result["status"] == "failed"
    assert f"404 for /v1/audio-analysis/{track_id(1)}" in result["error"]
    assert kept_answers(zones, "audio-analysis") == []
    assert enrich()["asked"] == {"audio-analysis": 1}


# What goes wrong.


def test_refused_features_are_a_problem_while_all_else_goes_on(
    zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.reply(FEATURES, 403, {"error": {"status": 403, "message": "Words"}})
    chart(zones, range(1, 151))

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"].startswith(f"Spotify refused {FEATURES} with 403: Words.")
    assert result["notes"] == []
    assert result["asked"] == {"albums": 150, "artists": 150, "audio-analysis": 50}
    assert result["requests"]["audio-features"] == 1
    assert kept_answers(zones) == []


def test_several_problems_are_all_told(zones: Zones, spotify: FakeSpotify) -> None:
    chart(zones, (1,))
    for kind in ("audio-features", "albums", "artists"):
        for _ in range(2):  # a token that Spotify takes no more, and a new one
            spotify.reply(f"/v1/{kind}", 401, {"error": {"status": 401, "message": "Words"}})

    error = enrich()["error"]

    assert [f"refused /v1/{kind} with" in error for kind in KINDS] == [True, True, True, False]


def test_a_rate_limit_midway_keeps_what_was_answered_and_the_next_run_goes_on(
    staged: Row, spotify: FakeSpotify, zones: Zones
) -> None:
    spotify.reply(FEATURES, 429, {}, {"Retry-After": "12"}, after=1)
    limited = enrich()
    kept = zones.contents("raw/audio-features/")
    assert len(kept) == 2  # the answer, and the ids that it is about
    spotify.batches.clear()

    result = enrich()

    assert limited["status"] == "rate_limited"
    assert limited["retry_after"] == 12
    assert limited["asked"] == {"audio-features": 100}
    assert limited["requests"] == {"api/token": 1, "audio-features": 2}
    assert result["asked"] == {"audio-features": 150, "albums": 250, "artists": 250}
    assert spotify.batches == [ids(range(101, 201)), ids(range(201, 251))]
    assert zones.contents("raw/audio-features/").items() >= kept.items()


@pytest.mark.parametrize("write", range(1, 6))
def test_killed_before_any_write_the_next_run_asks_only_what_was_not_kept(
    write: int,
    staged: Row,
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

    # An answer to 100 ids is two writes, the ids and the answer; one to 50 is one.
    assert result["asked"]["audio-features"] == [250, 250, 150, 150, 50][write - 1]
    assert publish(staged)["rows"]["audio_features"] == 250
    assert [row["track_id"] for row in zones.rows("audio_features")] == ids(range(1, 251))


def test_a_damaged_answer_is_asked_again_under_the_next_attempt(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1, 2))
    key = chart(zones, (1, 2))
    enrich()
    (first,) = kept_answers(zones)
    damaged = zones.damage(first)

    result = enrich()

    assert result["asked"] == {"audio-features": 2}
    assert kept_answers(zones) == [first, first.replace("-001.", "-002.")]
    assert zones.body(first) == damaged
    assert publish(key)["status"] == "published"
    assert [row["tempo"] for row in zones.rows("audio_features")] == [120.0, 120.0]
    assert {row["raw_key"] for row in zones.rows("audio_features")} == {kept_answers(zones)[1]}
    assert enrich()["asked"] == {}
    assert publish(key)["status"] == "published"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"audio_features": []}, "audio features: 0 answers to 2 ids"),
        (
            {"audio_features": [features_of(track_id(3)), features_of(track_id(4))]},
            f"audio features: {track_id(3)} in the",
        ),
        ({}, "audio features: audio_features: field required"),
        (b"{", f"{FEATURES}: the answer is not JSON"),
    ],
)
def test_an_answer_to_something_else_fails_and_is_not_kept(
    body: Any, error: str, zones: Zones, spotify: FakeSpotify
) -> None:
    chart(zones, (1, 2))
    spotify.reply(FEATURES, 200, body)

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"].startswith(error)
    assert zones.keys("raw/audio-features/") == []
    assert result["asked"] == dict.fromkeys(KINDS[1:], 2)
    assert (enrich()["status"], len(kept_answers(zones))) == ("enriched", 1)


def test_an_endpoint_that_is_not_there_fails(zones: Zones, spotify: FakeSpotify) -> None:
    spotify.reply(FEATURES, 404, {"error": {"status": 404, "message": "Words"}})

    chart(zones, (1,))

    result = enrich()

    assert result["status"] == "failed"
    assert f"{FEATURES}" in result["error"]
    assert result["requests"] == {"api/token": 1, "audio-features": 1}
    assert result["asked"] == {}


@pytest.mark.parametrize("table", ["audio_features", "plays", "chart_entries"])
def test_a_damaged_table_is_named(table: str, zones: Zones, spotify: FakeSpotify) -> None:
    """One owner's damaged object stands in no other's way; without features nothing is known."""
    chart(zones, (1,))
    key = f"lake/{table}/month={MONTH}/damaged.parquet"
    zones.put(key, b"x")

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{key} is not a whole Parquet file")
    asked = result["asked"].get("audio-features", 0)
    assert asked == (0 if table == "audio_features" else 1)
    assert (spotify.asked == []) == (asked == 0)


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
    staged: Row, spotify: FakeSpotify, zones: Zones
) -> None:
    spotify.reply(FEATURES, 200, {"audio_features": []})

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"] == "audio features: 0 answers to 100 ids"
    assert (result["asked"]["audio-features"], result["requests"]["audio-features"]) == (150, 3)
    again = enrich()
    assert (again["status"], again["asked"]) == ("enriched", {"audio-features": 100})


def test_charted_tracks_that_an_earlier_run_did_not_ask_for_are_asked_for(
    staged: Row, spotify: FakeSpotify, zones: Zones
) -> None:
    result = enrich("2026-12-01")

    assert (result["status"], result["asked"]["audio-features"]) == ("enriched", 250)


#### WHAT IS LEFT TO CAPTURES ######################################################################


def test_where_captures_need_the_rest_the_next_run_asks(
    staged: Row, spotify: FakeSpotify, zones: Zones
) -> None:
    spend_quota(96, of=100)  # a token and three requests are left

    first = enrich()
    spotify.pass_time(hours=3)
    second = enrich()

    assert first["status"] == "enriched"
    assert first["asked"] == {"audio-features": 250}
    (note,) = first["notes"]
    assert note.startswith("Spotify seems to allow about 100 requests a day; captures need 1 and")
    assert (second["status"], second["notes"]) == ("enriched", [])
    assert second["asked"] == {"albums": 250, "artists": 250}
    assert len(kept_answers(zones)) == 3


def test_a_note_hides_no_problem(staged: Row, spotify: FakeSpotify) -> None:
    spend_quota(97, of=100)
    spotify.reply(FEATURES, 200, b"no JSON")

    result = enrich()

    assert result["status"] == "failed"
    assert "the answer is not JSON" in result["error"]
    assert len(result["notes"]) == 1
