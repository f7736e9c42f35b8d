"""Publish and Verify with two sources of features: one row a track, and nothing known lost."""

from collections.abc import Iterable
from typing import Any

import pytest
from soundlake import asking
from soundlake.abilities import Ability
from soundlake.store.objects import Bucket

from tests.unit.helpers import (
    MONTH,
    NOW,
    TODAY,
    FakeReccoBeats,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    enrich,
    features_of,
    invoke,
    kept_answers,
    load,
    play_tracks,
    publish,
    reccobeats_of,
    track,
    track_id,
)

LATER = "2026-12-21"  # when what nobody knew is asked about again
REFUSED = {"error": {"status": 403, "message": "Forbidden"}}

pytestmark = pytest.mark.usefixtures("reccobeats", "no_analyses")


def chart(zones: Zones, numbers: Iterable[int], day: str = TODAY) -> Row:
    return load(zones, [track(number) for number in numbers], day=day)


def know_by_reccobeats(spotify: FakeSpotify, number: int, **changes: Any) -> None:
    spotify.reccobeats.known[track_id(number)] = reccobeats_of(track_id(number), **changes)


def answers_of_both(zones: Zones, spotify: FakeSpotify, number: int, **changes: Any) -> Row:
    """A charted track of which ReccoBeats' answer and then Spotify's are kept; its outcome."""
    spotify.reply("/v1/audio-features", 403, REFUSED)
    know_by_reccobeats(spotify, number)
    charted = chart(zones, (number,))
    enrich()
    (key,) = kept_answers(zones)
    stored = zones.s3.get_object(Bucket=zones.bucket.name, Key=key)
    body, metadata = stored["Body"].read(), stored["Metadata"]
    zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)  # hidden, so that Spotify is asked
    asking.found(Ability.AUDIO_FEATURES, allowed=True, evidence="a probe")
    spotify.features[track_id(number)] = features_of(track_id(number), **changes)
    enrich()
    zones.put(key, body, metadata)
    return charted


def test_spotifys_row_wins_where_both_answered(zones: Zones, spotify: FakeSpotify) -> None:
    charted = answers_of_both(zones, spotify, 1)

    assert publish(charted)["status"] == "published"

    (row,) = zones.rows("audio_features")
    assert (row["source"], row["tempo"], row["time_signature"]) == ("spotify", 120.0, 4)
    assert sorted(row["asked"]) == kept_answers(zones)
    (profile,) = zones.rows("country_profiles")
    assert profile["tempo_mean"] == 120.0


def test_what_spotify_has_not_is_reccobeats(zones: Zones, spotify: FakeSpotify) -> None:
    charted = answers_of_both(zones, spotify, 1, tempo=0.0)

    publish(charted)

    (row,) = zones.rows("audio_features")
    assert (row["source"], row["tempo"], row["time_signature"]) == ("spotify+reccobeats", 119.5, 4)


def test_a_row_that_spotify_replaces_is_replaced_everywhere(
    zones: Zones, spotify: FakeSpotify
) -> None:
    """Also in a profile that lacked no features."""
    charted = answers_of_both(zones, spotify, 1)
    spotifys = next(key for key in kept_answers(zones) if "/spotify/" in key)
    body, stored = (
        zones.body(spotifys),
        zones.s3.head_object(Bucket=zones.bucket.name, Key=spotifys),
    )
    zones.s3.delete_object(Bucket=zones.bucket.name, Key=spotifys)
    play_tracks(zones, NOW, track(1))
    publish(charted)
    before = [row["tempo"] for row in zones.rows("music_activity", name="main")]
    zones.put(spotifys, body, stored["Metadata"])

    assert publish()["status"] == "published"

    (row,), (profile,) = zones.rows("audio_features"), zones.rows("country_profiles")
    (activity,) = zones.rows("music_activity", name="main")
    assert before == [119.5]
    assert [row["tempo"], profile["tempo_mean"], activity["tempo"]] == [120.0] * 3


def test_what_becomes_known_is_filled_into_its_row_and_all_that_shows_it(
    zones: Zones, spotify: FakeSpotify
) -> None:
    charted = chart(zones, (1, 2))
    play_tracks(zones, NOW, track(1))
    enrich()
    publish(charted)
    know_by_reccobeats(spotify, 1, tempo=90.0)
    enrich(LATER)

    assert publish(day=LATER)["status"] == "published"

    first, second = zones.rows("audio_features")
    assert (first["source"], first["tempo"], first["ask_again"]) == ("reccobeats", 90.0, None)
    assert (second["source"], str(second["ask_again"])) == (None, "2027-02-19")
    (profile,) = zones.rows("country_profiles")
    (activity,) = zones.rows("music_activity", name="main")
    assert (profile["tracks_with_features"], activity["tempo"]) == (1, 90.0)
    assert (activity["time_signature"], profile["duration_ms_mean"]) == (None, None)


def test_a_second_run_changes_nothing(zones: Zones, spotify: FakeSpotify) -> None:
    know_by_reccobeats(spotify, 1)
    charted = chart(zones, (1, 2))
    enrich()
    publish(charted)
    before = zones.contents("lake/")

    result = publish(charted)

    assert (result["status"], result["written"]) == ("published", 0)
    assert zones.contents("lake/") == before


def publish_killed_at(write: int, charted: Row, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Publish in a process that ends before its nth write; whether it came to that."""
    put, writes = Bucket.put, iter(range(1, 100))

    def dying(*args: Any, **options: Any) -> None:
        if next(writes) == write:
            raise Killed
        put(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", dying)
        try:
            publish(charted, day=LATER)
        except Killed:
            return True
    return False


def test_killed_before_any_write_the_next_run_leaves_the_same(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of two months: one that becomes known, new ones of either source and of none."""
    november = chart(zones, (1, 2))
    enrich()
    publish(november)
    for number in (1, 3):
        know_by_reccobeats(spotify, number)
    spotify.features[track_id(4)] = features_of(track_id(4))
    december = chart(zones, (1, 3, 4, 5), day=LATER)
    enrich(LATER)
    start = zones.contents("lake/")
    publish(december, day=LATER)
    whole = zones.contents("lake/")
    sources = {
        row["track_id"]: row["source"]
        for month in (MONTH, "2026-12")
        for row in zones.rows("audio_features", month)
    }
    assert sources == {
        track_id(1): "reccobeats",
        track_id(2): None,
        track_id(3): "reccobeats",
        track_id(4): "spotify",
        track_id(5): None,
    }

    kills = 0
    while True:
        for key in zones.keys("lake/"):
            zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)
        for key, body in start.items():
            zones.put(key, body)
        if not publish_killed_at(kills + 1, december, monkeypatch):
            break
        kills += 1
        assert publish(december, day=LATER)["status"] == "published"
        assert zones.contents("lake/") == whole

    assert kills > 5


def test_damaged_answers_of_either_source_are_named_and_asked_again(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know_by_reccobeats(spotify, 1)
    charted = chart(zones, (1, 2))
    enrich()
    for key in kept_answers(zones):
        zones.damage(key)

    damaged = publish(charted)
    again = enrich()

    assert damaged["status"] == "failed"
    assert damaged["error"].count("is not a whole gzip object.") == 2
    assert zones.rows("audio_features") == []
    assert again["asked"] == {"audio-features": 2, "audio-features/reccobeats": 2}
    assert publish(charted)["status"] == "published"
    assert [row["source"] for row in zones.rows("audio_features")] == ["reccobeats", None]


# Verify.


def test_what_is_odd_in_an_answer_is_a_row_and_left_out(
    zones: Zones, spotify: FakeSpotify, reccobeats: FakeReccoBeats
) -> None:
    charted = chart(zones, (1, 2, 3))
    content = [
        reccobeats_of(track_id(1)),
        reccobeats_of(track_id(1), tempo=60.0),
        reccobeats_of(track_id(9)),
        reccobeats_of(track_id(2), energy=7.0),
    ]
    reccobeats.reply(200, {"content": content})
    enrich()

    event = {"date": TODAY, "charts": [charted]}
    result = invoke("verify", event)

    found = [row for row in zones.rows("data_quality") if row["chart"] is None]
    assert [(row["expectation"], row["about"], row["consequence"]) for row in found] == [
        ("energy_in_range", track_id(2), "set to null"),
        ("features_asked_for", track_id(9), "left out"),
        ("features_told_once", track_id(1), "left out"),
    ]
    assert {row["raw_key"] for row in found} == {
        key for key in kept_answers(zones) if "/reccobeats/" in key
    }
    assert (result["errors"], result["warnings"]) == (0, 4)  # and a chart of three
    publish(charted)
    rows = zones.rows("audio_features")
    assert [(row["tempo"], row["energy"]) for row in rows] == [
        (119.5, 0.25),
        (119.5, None),
        (None, None),
    ]


def test_features_of_any_source_count_as_coverage(zones: Zones, spotify: FakeSpotify) -> None:
    know_by_reccobeats(spotify, 1)
    charted = chart(zones, (1, 2))
    enrich()
    earlier = {
        "chart": "daily-NO",
        "chart_date": NOW.date().replace(day=20),
        "tracks": 2,
        "tracks_with_features": 1,
    }
    zones.lake.replace("country_profiles", MONTH, "country_profiles", lambda _: [earlier])

    invoke("verify", {"date": TODAY, "charts": [charted]})

    assert "coverage_kept" not in {row["expectation"] for row in zones.rows("data_quality")}
