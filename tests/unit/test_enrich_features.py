"""Enrich with two sources of audio features: who is asked what, and what either may do wrong."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest
from soundlake import asking
from soundlake.abilities import Ability
from soundlake.settings import settings
from soundlake.store.budget import Budget
from soundlake.store.objects import Bucket

from tests.unit.helpers import (
    MONTH,
    OWNER,
    TODAY,
    FakeReccoBeats,
    FakeSpotify,
    Hurried,
    Killed,
    Row,
    Zones,
    enrich,
    features_of,
    invoke,
    kept_answers,
    load,
    publish,
    reccobeats_of,
    spend_quota,
    track,
    track_id,
    without,
)
from tests.unit.helpers import (
    track_ids as ids,
)

FEATURES = "/v1/audio-features"
REFUSED = {"error": {"status": 403, "message": "Forbidden"}}
NO_SOUND = "audio-features/reccobeats"
RAW = f"raw/audio-features/reccobeats/month={MONTH}/{TODAY}/"

pytestmark = pytest.mark.usefixtures("reccobeats", "no_analyses")


def know(spotify: FakeSpotify, numbers: Iterable[int]) -> None:
    """Spotify knows these."""
    spotify.features |= {each: features_of(each) for each in ids(numbers)}


def know_too(spotify: FakeSpotify, numbers: Iterable[int]) -> None:
    """ReccoBeats knows these."""
    spotify.reccobeats.known |= {each: reccobeats_of(each) for each in ids(numbers)}


def refuse(spotify: FakeSpotify, times: int = 1) -> None:
    for _ in range(times):
        spotify.reply(FEATURES, 403, REFUSED)


def chart(zones: Zones, numbers: Iterable[int]) -> Row:
    return load(zones, [track(number) for number in numbers])


def sources(zones: Zones) -> dict[str, str | None]:
    return {row["track_id"]: row["source"] for row in zones.rows("audio_features")}


# Who is asked.


def test_what_spotify_does_not_know_is_asked_of_reccobeats(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    know(spotify, (1, 2))
    know_too(spotify, (2, 3))
    charted = chart(zones, (1, 2, 3, 4))

    result = enrich()

    assert spotify.batches == [ids((1, 2, 3, 4))]
    assert reccobeats.batches == [ids((3, 4))]
    assert (result["status"], result["notes"]) == ("enriched", [])
    assert (result["asked"]["audio-features"], result["asked"][NO_SOUND]) == (4, 2)
    assert result["requests"]["reccobeats/audio-features"] == 1
    assert result["counts"]["audio_features_reccobeats"] == 2
    assert result["counts"]["requests"] == sum(result["requests"].values())
    (key,) = [each for each in kept_answers(zones) if "reccobeats" in each]
    assert key.startswith(RAW)
    assert publish(charted)["status"] == "published"
    assert list(sources(zones).values()) == ["spotify", "spotify", "reccobeats", None]


def test_forty_are_asked_at_once_and_requests_are_spaced(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    chart(zones, range(1, 101))

    enrich()

    assert [len(batch) for batch in reccobeats.batches] == [40, 40, 20]
    assert reccobeats.slept == [1.0, 1.0]


def test_nothing_is_asked_twice_before_and_after_it_is_published(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    know_too(spotify, (1,))
    charted = chart(zones, (1, 2))

    enrich()
    again = enrich()
    publish(charted)
    later = enrich("2026-12-20")

    assert (again["asked"], later["asked"]) == ({}, {})
    assert (len(spotify.batches), len(reccobeats.batches)) == (1, 1)


def test_what_nobody_knows_is_asked_again_of_all_when_its_day_has_come(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    charted = chart(zones, (1, 2))
    enrich()
    publish(charted)
    know_too(spotify, (2,))

    enrich("2026-12-21")
    assert publish(day="2026-12-21")["status"] == "published"

    assert spotify.batches == [ids((1, 2))] * 2
    assert reccobeats.batches == [ids((1, 2))] * 2
    first, second = zones.rows("audio_features")
    assert (first["source"], first["ask_again"].isoformat()) == (None, "2027-02-19")
    assert len(first["asked"]) == 4
    assert (second["source"], second["ask_again"]) == ("reccobeats", None)
    assert zones.rows("audio_features", "2026-12") == []


def test_the_order_can_be_the_other_way_round(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_SOURCES", "reccobeats,spotify")
    settings.cache_clear()
    know(spotify, (1, 2))
    know_too(spotify, (2,))
    charted = chart(zones, (1, 2))

    enrich()
    publish(charted)

    assert (reccobeats.batches, spotify.batches) == ([ids((1, 2))], [ids((1,))])
    assert list(sources(zones).values()) == ["spotify", "reccobeats"]


def test_a_source_that_was_switched_off_is_not_asked_and_its_answers_are_published(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_too(spotify, (1,))
    charted = chart(zones, (1, 2))
    enrich()
    monkeypatch.setenv("FEATURE_SOURCES", "spotify")
    settings.cache_clear()

    assert enrich()["asked"] == {}
    assert publish(charted)["status"] == "published"
    assert list(sources(zones).values()) == ["reccobeats", None]


def test_rows_of_before_there_were_several_sources_are_asked_of_the_new_one(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    know_too(spotify, (2,))
    before = [
        {"track_id": track_id(number), "source": source, "raw_key": old_key()}
        for number, source in ((1, "spotify"), (2, None))
    ]
    zones.lake.replace("audio_features", MONTH, "audio_features", lambda _: before)
    charted = chart(zones, (1, 2))

    enrich()
    publish(charted)

    assert (spotify.batches, reccobeats.batches) == ([], [ids((2,))])
    assert list(sources(zones).values()) == ["spotify", "reccobeats"]


def old_key() -> str:
    return f"raw/audio-features/spotify/month={MONTH}/2026-11-20/0-001.json.gz"


# Spotify refuses, as it does nearly every app.


def test_a_refusal_is_a_note_and_one_request_tells(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    refuse(spotify)
    know_too(spotify, range(1, 201, 2))
    charted = chart(zones, range(1, 251))

    result = enrich()

    assert (result["status"], result["requests"]["audio-features"]) == ("enriched", 1)
    (note,) = result["notes"]
    assert note.startswith(f"Spotify refused {FEATURES} with 403: Forbidden.")
    assert list(chain(*reccobeats.batches)) == ids(range(1, 251))
    assert result["asked"]["albums"] == 250
    assert publish(charted)["status"] == "published"
    assert list(sources(zones).values()).count("reccobeats") == 100


def test_an_owner_without_premium_leaves_others_to_be_asked_and_says_nothing_of_the_app(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    premium = {"error": {"status": 403, "message": "The owner of the app needs Premium"}}
    for kind in ("audio-features", "artists", "albums"):
        spotify.reply(f"/v1/{kind}", 403, premium)
    chart(zones, (1, 2))

    result = enrich()

    assert result["status"] == "failed"  # for its artists and albums
    assert (reccobeats.batches, result["asked"]) == ([ids((1, 2))], {NO_SOUND: 2})
    assert asking.abilities().findings == {}


def test_what_spotify_refused_is_asked_of_it_once_it_is_found_to_answer(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    refuse(spotify)
    know_too(spotify, (1,))
    know(spotify, (2,))
    charted = chart(zones, (1, 2))
    enrich()

    refused = enrich()
    assert (refused["status"], refused["notes"], refused["requests"]) == ("enriched", [], {})
    asking.found(Ability.AUDIO_FEATURES, allowed=True, evidence="a probe")
    enrich()
    publish(charted)

    assert (spotify.batches, len(reccobeats.batches)) == ([ids((2,))], 1)
    assert list(sources(zones).values()) == ["reccobeats", "spotify"]


def test_where_everybody_refuses_the_run_fails(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    refuse(spotify)
    reccobeats.reply(403, b"error code: 1010")
    chart(zones, (1,))

    result = enrich()

    assert result["status"] == "failed"
    assert "Spotify refused" in result["error"]
    assert "ReccoBeats refused audio-features with 403." in result["error"]
    assert result["asked"] == {"albums": 1, "artists": 1}


def test_a_token_that_is_refused_twice_is_no_refusal_of_features(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    for _ in range(2):
        spotify.reply(FEATURES, 401, {"error": {"status": 401, "message": "Expired"}})
    chart(zones, (1,))

    result = enrich()

    assert (result["status"], reccobeats.batches) == ("failed", [])


# Spotify is limited.


def test_what_spotify_could_not_be_asked_yet_is_not_asked_of_others(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    chart(zones, range(1, 151))
    spotify.reply(FEATURES, 429, {}, {"Retry-After": "12"}, after=1)

    result = enrich()

    assert (result["status"], result["retry_after"]) == ("rate_limited", 12)
    assert list(chain(*reccobeats.batches)) == ids(range(1, 101))


def test_what_is_left_to_captures_leaves_reccobeats_to_be_asked(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    chart(zones, range(1, 151))
    spend_quota(98, of=100)  # a token and one request are left

    result = enrich()

    assert result["status"] == "enriched"
    assert "captures need" in result["notes"][0]
    assert list(chain(*reccobeats.batches)) == ids(range(1, 101))
    counted = asking.budgets().known(Budget("", OWNER), spotify.now).calls
    assert {name for each in counted.values() for name in each} == {
        "albums",
        "api/token",
        "audio-features",
    }


# ReccoBeats is limited, down or lying.


def test_a_short_wait_is_handed_to_the_machine_after_all_else_was_asked(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    reccobeats.reply(200, {"content": []})
    reccobeats.reply(429, {"status": 4291}, {"Retry-After": "7"})
    chart(zones, range(1, 61))

    limited = enrich()
    result = enrich(requests=limited["requests"])

    assert (limited["status"], limited["retry_after"]) == ("rate_limited", 7)
    assert limited["error"] == "ReccoBeats's rate limit: wait 7 s."
    assert (limited["asked"][NO_SOUND], limited["asked"]["albums"]) == (40, 60)
    assert (result["status"], result["asked"]) == ("enriched", {NO_SOUND: 20})
    assert result["requests"]["reccobeats/audio-features"] == 3
    assert max(reccobeats.slept) <= 1


def test_a_long_wait_is_a_note_and_kept_to_by_the_next_run_too(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    reccobeats.reply(429, {"status": 4291}, {"Retry-After": "3600"})
    chart(zones, (1,))

    first = enrich()
    asking._keyless.cache_clear()  # another process
    asking.budgets.cache_clear()
    second = enrich()
    spotify.pass_time(hours=1)
    third = enrich()

    assert [each["status"] for each in (first, second, third)] == ["enriched"] * 3
    assert first["notes"] == ["ReccoBeats's rate limit: wait 3600 s. The next run asks again."]
    assert (second["notes"], third["notes"]) == (first["notes"], [])
    assert len(reccobeats.batches) == 2


def test_reccobeats_waits_hold_nobody_else(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    reccobeats.reply(429, {}, {"Retry-After": "3600"})
    chart(zones, (1,))
    enrich()
    chart(zones, (1, 2))

    assert enrich()["asked"] == {"audio-features": 1, "albums": 1, "artists": 1}


def test_where_reccobeats_is_down_the_next_run_asks(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    know_too(spotify, (1,))
    for _ in range(3):
        reccobeats.reply(503)
    charted = chart(zones, (1, 2))

    first = enrich()
    publish(charted)
    second = enrich()
    publish(charted)

    assert (first["status"], second["status"]) == ("enriched", "enriched")
    (note,) = first["notes"]
    assert note == "ReccoBeats answered 503 for audio-features. The next run asks again."
    assert first["asked"] == {"audio-features": 2, "albums": 2, "artists": 2}
    assert second["asked"] == {NO_SOUND: 2}
    assert list(sources(zones).values()) == ["reccobeats", None]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", "the answer is not JSON"),
        ({"status": 5001, "errors": []}, "no list of objects under content"),
        ({"content": [without(reccobeats_of(track_id(1)), "tempo")]}, "no track has tempo"),
        ({"content": [reccobeats_of(track_id(9))]}, f"{track_id(9)} was not asked for"),
    ],
)
def test_what_is_no_answer_is_told_kept_nowhere_and_asked_again(
    body: Any, error: str, zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    know_too(spotify, (1,))
    reccobeats.reply(200, body)
    charted = chart(zones, (1, 2))

    first = enrich()
    second = enrich()

    assert first["status"] == "failed"
    assert error in first["error"]
    assert first["asked"] == {"audio-features": 2, "albums": 2, "artists": 2}
    assert (second["status"], second["asked"]) == ("enriched", {NO_SOUND: 2})
    assert len(kept_answers(zones)) == 2
    assert publish(charted)["status"] == "published"


def test_who_answers_badly_three_times_is_not_asked_any_more(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    for _ in range(5):
        reccobeats.reply(200, b"<html>")
    chart(zones, range(1, 251))

    result = enrich()

    assert len(reccobeats.batches) == 3
    assert result["error"] == "ReccoBeats's audio-features: the answer is not JSON"
    assert result["asked"] == {"audio-features": 250, "albums": 250, "artists": 250}


def test_a_bad_answer_now_and_then_does_not_stop_it(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    for body in ({}, {"content": []}, {}, {}, {"content": []}):
        reccobeats.reply(200, body)
    chart(zones, range(1, 251))

    result = enrich()

    assert len(reccobeats.batches) == 7
    assert result["asked"][NO_SOUND] == 130


def test_an_unforeseen_status_stands_in_no_others_way(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    reccobeats.reply(400, {"status": 4004})
    chart(zones, (1,))

    result = enrich()

    assert result["status"] == "failed"
    assert result["error"].startswith("ReccoBeats answered 400 for audio-features:")
    assert result["asked"] == {"audio-features": 1, "albums": 1, "artists": 1}


# Time.


def test_where_time_is_up_the_next_run_goes_on(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    chart(zones, range(1, 251))

    first = invoke("enrich", {"date": TODAY, "requests": {}}, Hurried(10_000))
    second = enrich()

    assert first["status"] == "enriched"
    # Three requests to Spotify for features and two for artists take the half, one to ReccoBeats
    # the rest.
    assert first["asked"] == {"audio-features": 250, "artists": 100, NO_SOUND: 40}
    assert first["left"] == {"audio_features": 210, "artists": 150, "albums": 250}
    assert first["notes"] == [
        f"Time was up for {name}: the next run goes on." for name in ("artists", "albums", NO_SOUND)
    ]
    assert (second["status"], second["notes"], second["left"]) == ("enriched", [], {})
    assert second["asked"] == {NO_SOUND: 210, "artists": 150, "albums": 250}


# Kills.


# What the next run asks of each source, and about artists and albums, where the write of this
# number never came. Spotify's ids and answer about features, its answers about artists, of 50 and
# of 40, and about albums, of 20 and of 10, then ReccoBeats's, of 40 and of 10.
KILLED = [
    (90, 90, 90, 90),
    (90, 90, 90, 90),
    (None, 90, 90, 90),
    (None, 40, 90, 90),
    (None, None, 90, 90),
    (None, None, 70, 90),
    (None, None, 50, 90),
    (None, None, 30, 90),
    (None, None, 10, 90),
    (None, None, None, 90),
    (None, None, None, 50),
    (None, None, None, 10),
    (None, None, None, None),  # the queue's
]


@pytest.mark.parametrize("write", range(1, len(KILLED) + 1))
def test_killed_before_any_write_only_what_was_not_kept_is_asked_again(
    write: int,
    zones: Zones,
    spotify: FakeSpotify,
    reccobeats: FakeReccoBeats,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    know_too(spotify, range(1, 61))
    charted = chart(zones, range(1, 91))
    put, writes = Bucket.put, iter(range(1, 100))

    def dying(*args: Any, **options: Any) -> None:
        if next(writes) == write:
            raise Killed
        put(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", dying)
        with pytest.raises(Killed):
            enrich()

    result = enrich()

    names = ("audio-features", "artists", "albums", NO_SOUND)
    assert tuple(result["asked"].get(name) for name in names) == KILLED[write - 1]
    assert result["left"] == {}
    assert publish(charted)["rows"]["audio_features"] == 90
    assert list(sources(zones).values()).count("reccobeats") == 60
