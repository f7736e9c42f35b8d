"""Enrich's queue in the lake: nothing is forgotten, nothing is asked twice, whatever happens."""

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import chain, count
from typing import Any

import pytest
from soundlake import asking
from soundlake.abilities import Ability
from soundlake.enriching import queue
from soundlake.settings import settings
from soundlake.store.answers import Answers
from soundlake.store.objects import Bucket
from soundlake.store.queue import KEY, Queue, QueueStore
from soundlake.store.raw import Raw

from tests.unit.helpers import (
    MONTH,
    NORWAY_CHART,
    NOW,
    TODAY,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    enrich,
    features_of,
    full_album,
    full_artist,
    kept_answers,
    load,
    play_tracks,
    publish,
    spend_quota,
    track,
    track_id,
    without,
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

pytestmark = pytest.mark.usefixtures("spotify", "no_analyses")

REFUSED = {"error": {"status": 403, "message": "Forbidden"}}
SINGLE = ("tracks", "albums", "artists")


def know(spotify: FakeSpotify, numbers: Iterable[int]) -> None:
    """Spotify knows all of these."""
    for number in numbers:
        spotify.tracks[track_id(number)] = track(number)
        spotify.features[track_id(number)] = features_of(track_id(number))
        spotify.albums[albums([number])[0]] = full_album(number)
        spotify.artists[artists([number])[0]] = full_artist(number)


def chart(zones: Zones, numbers: Iterable[int], day: str = TODAY) -> Row:
    return load(zones, [track(number) for number in numbers], day=day)


def file_chart(zones: Zones, numbers: Iterable[int], day: str = TODAY) -> None:
    """Chart entries as a chart file gives them: with the track's id, and without any others."""
    key = f"raw/charts/files/daily-NO/{day}/made-up.csv.gz"
    rows = [
        {
            "chart": "daily-NO",
            "country": "NO",
            "chart_date": date.fromisoformat(day),
            "position": position,
            "track_id": track_id(number),
            "track_name": f"Track {number}",
            "provider": "spotify_chart_file",
            "raw_key": key,
        }
        for position, number in enumerate(numbers, 1)
    ]
    zones.lake.replace(
        "chart_entries",
        day[:7],
        "daily-NO",
        lambda before: [
            *(row for row in before if row["chart_date"] != date.fromisoformat(day)),
            *rows,
        ],
    )


def refuse(*abilities: Ability) -> None:
    """It is known that the app may not do this."""
    for each in abilities:
        asking.found(each, allowed=False, evidence="made up")


def kept(zones: Zones) -> Queue:
    return QueueStore(zones.bucket).read()


def waiting(zones: Zones) -> list[queue.Wanted]:
    rows = kept(zones).rows
    return queue.in_order(rows.filter(rows.column("waiting")))


def empty(zones: Zones) -> None:
    """Take everything out of the bucket, and let processes remember nothing."""
    for prefix in ("lake/", "raw/", "queue/", "staging/"):
        for key in zones.keys(prefix):
            zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)


def answered(zones: Zones) -> Counter[tuple[str, str]]:
    """How many kept answers there are about each id, by kind."""
    raw = Raw(zones.bucket)
    return Counter(
        (kind, each)
        for kind in ("audio-features", *SINGLE)
        for key in kept_answers(zones, kind)
        for each in raw.asked(key)
    )


# Nothing is forgotten.


def test_what_a_starved_run_leaves_is_asked_for_however_much_later(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, range(1, 41))
    charted = chart(zones, range(1, 41))
    spend_quota(98, of=100)  # a token and one request are left

    first = enrich()
    publish(charted)
    spotify.pass_time(days=120)
    asking._client.cache_clear()
    second = enrich("2027-03-21")

    assert first["left"] == {"artists": 40, "albums": 40}
    assert (second["status"], second["left"]) == ("enriched", {})
    assert second["asked"] == {"artists": 40, "albums": 40}


def test_an_import_of_old_history_is_looked_at_and_nothing_else_is_read_again(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(spotify, (1, 2))
    publish(chart(zones, (1,)))
    enrich()
    publish()
    enrich()
    publish()
    play_tracks(zones, datetime(2019, 3, 2, tzinfo=UTC), track(2))
    get, read = Bucket.get, list[str]()

    def noted(self: Bucket, key: str) -> Any:
        read.append(key)
        return get(self, key)

    monkeypatch.setattr(Bucket, "get", noted)
    result = enrich()

    assert result["asked"] == {"tracks": 1, "audio-features": 1, "artists": 1, "albums": 1}
    named = [key for key in read if key.startswith(("lake/plays", "lake/chart_entries"))]
    assert named == ["lake/plays/month=2019-03/main.parquet"]


def test_features_that_nobody_knew_are_due_whatever_month_and_though_no_row_names_them(
    zones: Zones, spotify: FakeSpotify
) -> None:
    key = "raw/audio-features/spotify/month=2026-01/2026-01-05/0-001.json.gz"
    row = {"track_id": track_id(1), "raw_key": key, "asked": [key]}
    zones.lake.replace("audio_features", "2026-01", "audio_features", lambda _: [row])
    know(spotify, (1,))

    before = enrich("2026-02-03")
    due = enrich("2026-02-04")

    assert (before["asked"], due["asked"]) == ({}, {"audio-features": 1})
    assert publish(day="2026-02-04")["status"] == "published"
    (row,) = zones.rows("audio_features", "2026-01")
    assert (row["source"], row["ask_again"]) == ("spotify", None)
    assert enrich("2026-02-05")["asked"] == {}


def test_what_waits_to_be_asked_again_keeps_its_place_by_its_plays(
    zones: Zones, spotify: FakeSpotify
) -> None:
    play_tracks(zones, NOW - timedelta(hours=5), track(9), track(9))
    publish(chart(zones, (1,)))
    enrich()
    publish()
    chart(zones, (1, 2), day="2026-12-21")
    spotify.pass_time(days=30)
    asking._client.cache_clear()

    enrich("2026-12-21")

    assert spotify.batches[0] == ids((9, 1))
    assert list(chain(*spotify.batches[1:])) == ids((9, 1, 2))


# The order.


def test_single_look_ups_go_by_plays_and_what_is_left_comes_next(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, range(1, 9))
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    charted = chart(zones, (1, 5))
    play_tracks(zones, NOW - timedelta(hours=5), *[track(5)] * 3, track(7), *[track(8)] * 2)
    spend_quota(94, of=100)  # a token and five requests are left

    first = enrich()
    publish(charted)
    middle = [row["label"] for row in zones.rows("albums")]
    spotify.pass_time(hours=3)
    second = enrich()
    publish(charted)

    asked = [each.removeprefix("GET /v1/") for each in spotify.api_requests()]
    assert asked == [
        f"{kind}/{each}"
        for number in (5, 8, 7, 1)
        for kind, (each,) in (("artists", artists((number,))), ("albums", albums((number,))))
    ]
    assert (spotify.batches, spotify.several) == ([], {"albums": [], "artists": []})
    assert first["left"] == {"artists": 1, "albums": 2}
    assert (second["status"], second["left"]) == ("enriched", {})
    assert middle == [None, "Label 5", None, "Label 8"]
    labels = [row["label"] for row in zones.rows("albums")]
    assert labels == ["Label 1", "Label 5", "Label 7", "Label 8"]
    assert set(answered(zones).values()) == {1}


def test_a_wait_that_no_machine_sits_out_is_a_note_and_the_queue_keeps_what_is_left(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1, 2))
    chart(zones, (1, 2))
    spotify.reply("/v1/artists", 429, {}, {"Retry-After": "3600"})

    first = enrich()
    second = enrich()
    spotify.pass_time(hours=1)
    third = enrich()

    note = "Spotify's rate limit: wait 3600 s. What is left stays in the queue."
    assert (first["status"], first["notes"]) == ("enriched", [note])
    assert (second["status"], second["notes"], second["requests"]) == ("enriched", [note], {})
    assert first["left"] == second["left"] == {"artists": 2, "albums": 2}
    assert (third["notes"], third["left"]) == ([], {})


def test_the_fewest_requests_ask_for_all_where_several_ids_may_be_asked_for(
    zones: Zones, spotify: FakeSpotify
) -> None:
    chart(zones, range(1, 121))
    play_tracks(zones, NOW - timedelta(hours=5), *[track(number) for number in range(100, 140)])

    result = enrich()

    assert result["requests"] == {"api/token": 1, "audio-features": 2, "artists": 3, "albums": 7}
    assert spotify.batches[0][:21] == ids(range(100, 121))  # played and charted
    assert spotify.batches[0][21:41] == ids(range(121, 140)) + ids((1,))[:1]


# Tracks that only a file has named.


def test_tracks_of_a_chart_file_are_looked_up_and_bring_their_album_and_artists(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, range(1, 61))
    file_chart(zones, range(1, 61))

    first = enrich()
    published = publish()
    second = enrich()
    publish()

    assert [len(batch) for batch in spotify.several["tracks"]] == [50, 10]
    assert first["asked"] == {"tracks": 60, "audio-features": 60}
    assert published["status"] == "published"
    rows = zones.rows("tracks")
    assert [row["track_id"] for row in rows] == ids(range(1, 61))
    assert (rows[2]["name"], rows[2]["isrc"], rows[2]["source"]) == (
        "Track 3",
        "NOABC2600003",
        "spotify",
    )
    assert rows[2]["detailed_at"] == rows[2]["fetched_at"]
    assert rows[2]["detail_raw_key"] in kept_answers(zones, "tracks")
    # What they brought is looked up next.
    assert second["asked"] == {"artists": 60, "albums": 60}
    assert [row["label"] for row in zones.rows("albums")][:2] == ["Label 1", "Label 2"]
    assert [row["genres"] for row in zones.rows("artists")] == [["rock"]] * 60
    assert enrich()["asked"] == {}
    assert set(answered(zones).values()) == {1}


def test_a_track_that_spotify_does_not_know_has_a_row_that_says_so_and_is_not_asked_for_again(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1,))
    file_chart(zones, (1, 2))

    enrich()
    publish()
    again = enrich()

    known, unknown = zones.rows("tracks")
    assert (known["name"], unknown["track_id"]) == ("Track 1", track_id(2))
    told = ("track_id", "detailed_at", "detail_raw_key")
    assert {name for name, value in unknown.items() if value is not None} == set(told)
    assert "tracks" not in again["asked"]


def test_what_was_unknown_is_filled_in_where_a_play_shows_it_after_all(
    zones: Zones, spotify: FakeSpotify
) -> None:
    file_chart(zones, (2,))
    enrich()
    publish()
    (before,) = zones.rows("tracks")
    play_tracks(zones, NOW - timedelta(hours=5), track(2))

    published = publish()

    (row,) = zones.rows("tracks")
    assert published["status"] == "published"
    assert (row["name"], row["source"]) == ("Track 2", "spotify")
    assert row["detail_raw_key"] == before["detail_raw_key"]
    assert [each["name"] for each in zones.rows("albums")] == ["Album 2"]
    (activity,) = zones.rows("music_activity", name="main")
    assert activity["track_name"] == "Track 2"


def test_a_track_that_a_play_carries_is_never_looked_up(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, (1, 2))
    file_chart(zones, (1, 2))
    play_tracks(zones, NOW - timedelta(hours=5), track(2))

    enrich()
    publish()

    assert spotify.several["tracks"] == [ids((1,))]
    assert [row["name"] for row in zones.rows("tracks")] == ["Track 1", "Track 2"]
    marks = [row["detail_raw_key"] is None for row in zones.rows("tracks")]
    assert marks == [False, True]
    assert "tracks" not in enrich()["asked"]


def test_an_answer_about_a_track_that_was_carried_meanwhile_is_named_by_its_row(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1,))
    file_chart(zones, (1,))
    enrich()
    play_tracks(zones, NOW - timedelta(hours=5), track(1, name="As played"))

    publish()

    (row,) = zones.rows("tracks")
    assert (row["name"], [row["detail_raw_key"]]) == ("As played", kept_answers(zones, "tracks"))


# What the app may not.


def test_a_refusal_of_several_is_recorded_and_the_same_run_goes_on_one_by_one(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1, 2, 3))
    chart(zones, (1, 2, 3))
    spotify.reply("/v1/artists", 403, REFUSED)

    first = enrich()
    publish()
    chart(zones, (4,))
    second = enrich()

    assert (first["status"], first["notes"], first["left"]) == ("enriched", [], {})
    assert first["asked"] == {"audio-features": 3, "artists": 3, "albums": 3}
    assert spotify.single == {"artists": artists((1, 2, 3, 4)), "albums": albums((1, 2, 3, 4))}
    assert first["requests"] == {
        "api/token": 1,
        "audio-features": 1,
        "artists": 1,
        "artists/{id}": 3,
        "albums/{id}": 3,
    }
    found = asking.abilities().findings[Ability.SEVERAL]
    assert (found.allowed, found.evidence) == (
        False,
        "Spotify refused /v1/artists with 403: Forbidden",
    )
    assert second["requests"] == {"audio-features": 1, "artists/{id}": 1, "albums/{id}": 1}


def test_that_there_is_none_is_an_answer_to_a_single_look_up_and_a_row_of_nulls(
    zones: Zones, spotify: FakeSpotify
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    know(spotify, (1,))
    file_chart(zones, (2,))
    charted = load(zones, [track(1), track(3)], NORWAY_CHART | {"chart": "daily-SE"})

    first = enrich()
    publish(charted)
    again = enrich()

    assert first["asked"] == {"tracks": 1, "artists": 2, "albums": 2}
    assert [row["name"] for row in zones.rows("tracks")] == ["Track 1", None, "Track 3"]
    assert [row["label"] for row in zones.rows("albums")] == ["Label 1", None]
    assert all(row["detailed_at"] for row in zones.rows("albums"))
    assert (again["asked"], set(answered(zones).values())) == ({}, {1})


def test_what_development_mode_leaves_out_is_null(zones: Zones, spotify: FakeSpotify) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    spotify.albums[albums((1,))[0]] = without(full_album(1), "popularity", "label")
    spotify.artists[artists((1,))[0]] = without(full_artist(1), "popularity", "followers")
    charted = chart(zones, (1,))

    enrich()
    publish(charted)

    (row,), (other,) = zones.rows("albums"), zones.rows("artists")
    assert (row["label"], row["popularity"], row["genres"]) == (None, None, ["pop", "joik"])
    assert (other["followers"], other["popularity"], other["genres"]) == (None, None, ["rock"])


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"error": {"status": 404, "message": "x"}}, "an error in the place of an answer"),
        (200, {"error": {"status": 500, "message": "x"}}, "artist000"),
        (200, b"<html>", "the answer is not JSON"),
        (404, b"<html>", "Spotify answers 404 for /v1/artists/"),
        (404, {"error": {"status": 400, "message": "x"}}, "Spotify answers 404"),
    ],
)
def test_what_is_no_answer_to_a_single_look_up_is_told_and_asked_again(
    status: int, body: Any, error: str, zones: Zones, spotify: FakeSpotify
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    know(spotify, (1, 2))
    chart(zones, (1, 2))
    spotify.reply(f"/v1/artists/{artists((1,))[0]}", status, body)

    first = enrich()
    second = enrich()

    assert first["status"] == "failed"
    assert error in first["error"]
    assert (first["asked"], first["left"]) == ({"artists": 1, "albums": 2}, {"artists": 1})
    assert (second["status"], second["asked"]) == ("enriched", {"artists": 1})


def test_what_is_answered_badly_each_time_stands_in_nobodys_way(
    zones: Zones, spotify: FakeSpotify
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    know(spotify, range(1, 8))
    file_chart(zones, range(1, 8))
    for number in (1, 2, 3, 4):
        spotify.tracks[track_id(number)] = without(track(number), "name")

    first, second, third = enrich(), enrich(), enrich()
    bad = kept(zones).bad
    know(spotify, range(1, 8))
    last = enrich()

    assert [each["asked"].get("tracks") for each in (first, second, third)] == [None, 3, None]
    assert [each["left"]["tracks"] for each in (first, second, third)] == [7, 4, 4]
    # Who was answered badly longest ago comes first.
    assert bad == [("tracks", track_id(number)) for number in (3, 4, 1, 2)]
    assert (last["asked"]["tracks"], last["left"].get("tracks")) == (4, None)
    assert kept(zones).bad == []


def test_no_fourth_request_goes_out_while_a_third_bad_answer_is_looked_at(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    know(spotify, range(1, 6))
    file_chart(zones, range(1, 6))
    for number in range(1, 6):
        spotify.tracks[track_id(number)] = without(track(number), "name")
    keep = Answers.keep

    def slowly(*args: Any) -> Any:
        time.sleep(0.1)
        return keep(*args)

    monkeypatch.setattr(Answers, "keep", slowly)
    enrich()

    assert len(kept(zones).bad) == 3


def test_who_answers_with_something_else_each_time_is_not_believed(
    zones: Zones, spotify: FakeSpotify
) -> None:
    """One may have been merged into another, and be unknown by its old id."""
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    know(spotify, range(1, 7))
    for each in artists(range(1, 7)):
        spotify.artists[each] = full_artist(9)
    chart(zones, range(1, 7))

    result = enrich()

    assert result["status"] == "failed"
    assert f"artists: {artists((9,))[0]} in the place of {artists((2,))[0]}" in result["error"]
    assert result["asked"] == {"artists": 1, "albums": 6}
    assert spotify.single["artists"] == artists(range(1, 5))
    assert result["left"] == {"artists": 5}


def test_an_app_that_may_look_nothing_up_asks_spotify_nothing_and_nothing_fails(
    zones: Zones, spotify: FakeSpotify
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES, Ability.AUDIO_ANALYSIS, Ability.CATALOGUE)
    charted = chart(zones, (1, 2))

    result = enrich()

    assert (result["status"], result["requests"], result["left"]) == ("enriched", {}, {})
    assert [note.split(" (")[0] for note in result["notes"]] == [
        "Spotify lets this app look nothing up, as of 2026-11-21",
        "Spotify refuses this app audio features, as of 2026-11-21",
    ]
    assert publish(charted)["status"] == "published"
    assert len(kept(zones).rows) == 2 * 5  # they wait for another app


def test_that_single_look_ups_are_refused_is_found_out_and_ends_the_asking(
    zones: Zones, spotify: FakeSpotify
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    chart(zones, (1, 2))
    spotify.reply(f"/v1/artists/{artists((1,))[0]}", 403, REFUSED)

    result = enrich()

    assert (result["status"], result["requests"]) == (
        "enriched",
        {"api/token": 1, "artists/{id}": 1},
    )
    (note,) = [each for each in result["notes"] if "/v1/artists/" in each]
    assert note.startswith("Spotify refused")
    assert asking.abilities().may(Ability.CATALOGUE) is False


def test_a_refusal_that_is_not_about_several_ids_is_recorded_as_nothing(
    zones: Zones, spotify: FakeSpotify
) -> None:
    premium = {"error": {"status": 403, "message": "The owner of the app needs Premium"}}
    chart(zones, (1,))
    for path in ("audio-features", "artists", "albums"):
        spotify.reply(f"/v1/{path}", 403, premium)

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"].count("Premium") == 3
    assert asking.abilities().findings == {}


def test_refused_analyses_are_not_asked_for(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSES_PER_DAY", "5")
    settings.cache_clear()
    refuse(Ability.AUDIO_ANALYSIS)
    chart(zones, (1,))

    result = enrich()

    assert (result["status"], result["notes"], result["left"]) == ("enriched", [], {})
    assert "audio-analysis/{id}" not in result["requests"]


# What is damaged or lost.


@pytest.mark.parametrize("harm", ["damaged", "lost", "of another version"])
def test_the_queue_is_made_anew_from_the_lake(
    harm: str, zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    play_tracks(zones, NOW - timedelta(hours=5), track(1), track(2), track(2))
    spend_quota(99, of=100)
    enrich()
    before = kept(zones)
    if harm == "damaged":
        zones.damage(KEY)
    elif harm == "lost":
        zones.s3.delete_object(Bucket=zones.bucket.name, Key=KEY)
    else:
        monkeypatch.setattr("soundlake.store.queue.VERSION", 2)

    result = enrich()

    after = kept(zones)
    assert result["status"] == "enriched"
    assert after.rows.equals(before.rows)
    assert after.parts == before.parts
    told = [note for note in result["notes"] if "is not the enrichment queue" in note]
    assert len(told) == (harm == "damaged")
    assert sorted(waiting(zones)) == [
        *(("albums", each) for each in albums((1, 2))),
        *(("artists", each) for each in artists((1, 2))),
    ]


def test_what_a_damaged_object_named_stays_wanted_and_it_is_looked_at_until_it_is_whole(
    zones: Zones, spotify: FakeSpotify
) -> None:
    chart(zones, (1, 2))
    spend_quota(99, of=100)
    enrich()
    before = waiting(zones)
    key = f"lake/chart_entries/month={MONTH}/daily-NO.parquet"
    whole = zones.body(key)
    zones.damage(key)

    damaged = enrich()
    again = enrich()
    during = waiting(zones)
    zones.put(key, whole)
    restored = enrich()

    for run in (damaged, again):
        assert (run["status"], key in run["error"]) == ("failed", True)
    assert restored["status"] == "enriched"
    assert during == waiting(zones) == before
    assert len(before) == 6


def test_what_a_table_has_lost_is_wanted_again(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, (1, 2))
    charted = chart(zones, (1, 2))
    enrich()
    publish(charted)
    enrich()
    zones.lake.replace("audio_features", MONTH, "audio_features", lambda rows: rows[:1])
    for key in kept_answers(zones):
        zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)

    assert enrich()["asked"] == {"audio-features": 1}
    assert spotify.batches[-1] == ids((2,))


def test_what_a_table_has_lost_is_wanted_again_though_it_has_learned_as_much_meanwhile(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, range(1, 6))
    early, late = "2026-10-21", TODAY
    for day, numbers in ((early, (1, 2)), (late, (3, 4, 5))):
        charted = chart(zones, numbers, day=day)
        enrich(day)
        publish(charted, day=day)
        if day == early:
            enrich(day)
    zones.lake.replace("audio_features", "2026-10", "audio_features", lambda rows: rows[:1])
    for key in kept_answers(zones):
        if "month=2026-10" in key:
            zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)

    assert enrich("2026-11-22")["asked"] == {"audio-features": 1}
    assert spotify.batches[-1] == ids((2,))


def test_what_is_no_longer_named_is_no_longer_wanted(zones: Zones, spotify: FakeSpotify) -> None:
    chart(zones, (1, 2))
    spend_quota(99, of=100)
    enrich()

    chart(zones, (2,))
    result = enrich()

    assert result["left"] == {"audio_features": 1, "artists": 1, "albums": 1}


@pytest.mark.parametrize("damaged", [True, False])
def test_what_a_deleted_object_named_is_no_longer_wanted(
    damaged: bool, zones: Zones, spotify: FakeSpotify
) -> None:
    chart(zones, (1, 2))
    spend_quota(99, of=100)
    enrich()
    (key,) = zones.lake.keys("chart_entries")
    if damaged:
        zones.damage(key)
        assert sum(enrich()["left"].values()) == 6

    zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)

    assert enrich()["left"] == {}
    assert kept(zones).rows.num_rows == 0


# The record.


def test_each_day_says_what_came_what_was_done_and_what_is_left(
    zones: Zones, spotify: FakeSpotify
) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    know(spotify, range(1, 9))
    charted = chart(zones, (1, 2, 3))
    spend_quota(97, of=100)  # a token and two requests are left
    enrich()
    publish(charted)
    spotify.pass_time(hours=24)
    asking._client.cache_clear()
    publish(chart(zones, (1, 2, 3, 4), day="2026-11-22"), day="2026-11-22")

    enrich("2026-11-22")

    first, second = kept(zones).days
    assert first.as_json() == {
        "day": TODAY,
        "came": {"tracks": 0, "artists": 3, "albums": 3},
        "done": {"tracks": 0, "artists": 2, "albums": 0},
        "left": {"tracks": 0, "artists": 1, "albums": 3},
    }
    assert second.as_json() == {
        "day": "2026-11-22",
        "came": {"tracks": 0, "artists": 1, "albums": 1},
        "done": {"tracks": 0, "artists": 2, "albums": 4},
        "left": {"tracks": 0, "artists": 0, "albums": 0},
    }


def test_a_second_run_of_a_day_leaves_the_queue_as_it_was(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, (1, 2))
    charted = chart(zones, (1, 2))
    enrich()
    publish(charted)
    enrich()
    versions = zones.versions("queue/")

    enrich()
    enrich()

    assert zones.versions("queue/") == versions


# Kills and races.


def lived(zones: Zones, spotify: FakeSpotify, write: int = 0) -> Row:
    """A run that is killed before a write, or after the last one, and the next; what is left."""
    know(spotify, range(1, 6))
    file_chart(zones, (4, 5))
    charted = load(zones, [track(1), track(2)], NORWAY_CHART | {"chart": "daily-SE"})
    play_tracks(zones, NOW - timedelta(hours=5), track(3), track(3))
    put, writes = Bucket.put, count(1)

    def dying(*args: Any, **options: Any) -> None:
        if next(writes) == write:
            raise Killed
        put(*args, **options)

    with pytest.MonkeyPatch.context() as patched, suppress(Killed):
        patched.setattr(Bucket, "put", dying)
        enrich()
    for _ in range(2):
        enrich()
        publish(charted)
    enrich()
    kinds = kept(zones).rows.column("kind").to_pylist()  # analyses wait all the time
    return {
        "lake": zones.contents("lake/"),
        "unknown": set(kinds) - {queue.ANALYSES},
        "writes": next(writes) - 1,
    }


def test_killed_between_any_two_writes_nothing_is_lost_and_nothing_that_was_kept_is_asked_again(
    zones: Zones, ssm: Any, spotify: FakeSpotify
) -> None:
    undisturbed = lived(zones, spotify)
    assert undisturbed["unknown"] == set()
    assert undisturbed["writes"] == 5  # tracks, features, artists, albums, the queue
    for write in range(1, undisturbed["writes"] + 1):
        empty(zones)
        found = lived(zones, spotify, write)
        assert (found["unknown"], found["lake"]) == (set(), undisturbed["lake"]), write
        assert set(answered(zones).values()) == {1}, write


def test_two_runs_at_once_leave_one_queue(zones: Zones, spotify: FakeSpotify) -> None:
    refuse(Ability.SEVERAL, Ability.AUDIO_FEATURES)
    know(spotify, range(1, 8))
    chart(zones, (1, 2, 3))
    spend_quota(96, of=100)  # a token and three requests are left
    put = Bucket.put

    def other_first(self: Bucket, key: str, *args: Any, **options: Any) -> None:
        if key == KEY and not met:
            met.append(key)
            enrich()
        put(self, key, *args, **options)

    met: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Bucket, "put", other_first)
        result = enrich()

    assert met == [KEY]
    assert result["status"] == "enriched"
    assert result["left"] == {"albums": 3}
    assert len(waiting(zones)) == 3
    (day,) = kept(zones).days
    assert (day.came["artists"], day.done["artists"], day.left["albums"]) == (3, 3, 3)


def test_what_another_run_saw_whole_stays_wanted_though_this_one_saw_it_damaged(
    zones: Zones, spotify: FakeSpotify
) -> None:
    chart(zones, (1, 2))
    spend_quota(99, of=100)
    (key,) = zones.lake.keys("chart_entries")
    whole = zones.body(key)
    zones.damage(key)
    put = Bucket.put

    def other_first(self: Bucket, name: str, *args: Any, **options: Any) -> None:
        if name == KEY and not met:
            met.append(name)
            zones.put(key, whole)
            met.append(enrich()["left"])
        put(self, name, *args, **options)

    met: list[Any] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Bucket, "put", other_first)
        result = enrich()

    assert key in result["error"]
    assert met == [KEY, {"audio_features": 2, "artists": 2, "albums": 2}]
    assert result["left"] == met[1]
    assert len(waiting(zones)) == 6
