"""Publish: entities first seen stay, features and profiles follow, a re-run changes nothing."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.unit.helpers import (
    BUCKET,
    MONTH,
    NORWAY_CHART,
    FakeSpotify,
    Zones,
    album,
    artist,
    enrich,
    features_of,
    kept_answers,
    load,
    playlist_id,
    publish,
    track,
    track_id,
)

SWEDEN_CHART = NORWAY_CHART | {
    "chart": "daily-SE",
    "country": "SE",
    "country_name": "Sweden",
    "playlist_id": playlist_id("Sweden"),
}
ENTITIES = ("tracks", "albums", "artists")


def names(zones: Zones, table: str, month: str = MONTH) -> list[str]:
    return [row["name"] for row in zones.rows(table, month)]


def know(spotify: FakeSpotify, number: int, **changes: Any) -> None:
    spotify.features[track_id(number)] = features_of(track_id(number), **changes)


# Entities.


def test_what_the_charts_showed_is_published(zones: Zones) -> None:
    result = publish(load(zones, [track(2), track(1)]), load(zones, [track(3)], SWEDEN_CHART))

    rows = dict.fromkeys(ENTITIES, 3) | {"country_profiles": 2, "chart_days": 2}
    assert result == {
        "status": "published",
        "rows": rows | {"audio_features": 0, "track_sections": 0},
        "written": 5,
        "counts": {"rows": 13, "objects": 5},
    }
    assert names(zones, "tracks") == ["Track 1", "Track 2", "Track 3"]
    assert names(zones, "albums") == ["Album 1", "Album 2", "Album 3"]
    assert names(zones, "artists") == ["Artist 1", "Artist 2", "Artist 3"]


def test_an_albums_images_are_published(zones: Zones) -> None:
    publish(load(zones, [track(1)]))

    (row,) = zones.rows("albums")
    assert row["images"] == [
        {"url": "https://images.test/1/640", "height": 640, "width": 640},
        {"url": "https://images.test/1/any", "height": None, "width": None},
    ]


def test_an_entity_stays_as_it_was_first_seen(zones: Zones) -> None:
    publish(load(zones, [track(1)]))
    renamed = track(
        1, name="Renamed", album=album(1, name="Reissued"), artists=[artist(1), artist(2)]
    )

    publish(load(zones, [renamed], day="2026-11-22"), day="2026-11-22")

    assert names(zones, "tracks") == ["Track 1"]
    assert names(zones, "albums") == ["Album 1"]
    assert names(zones, "artists") == ["Artist 1", "Artist 2"]


def test_of_two_charts_the_first_one_names_an_entity(zones: Zones) -> None:
    charts = load(zones, [track(1)]), load(zones, [track(1, name="Other")], SWEDEN_CHART)

    publish(*charts)

    assert names(zones, "tracks") == ["Track 1"]


def test_another_months_entities_are_not_repeated(zones: Zones) -> None:
    publish(load(zones, [track(1)]))
    before = zones.contents("lake/tracks/")

    publish(load(zones, [track(1), track(2)], day="2026-12-01"), day="2026-12-01")
    publish(load(zones, [track(2), track(3)], day="2026-10-31"), day="2026-10-31")

    assert zones.contents("lake/tracks/").items() >= before.items()
    for table, word in (("tracks", "Track"), ("albums", "Album"), ("artists", "Artist")):
        assert names(zones, table, "2026-10") == [f"{word} 3"]
        assert names(zones, table, "2026-12") == [f"{word} 2"]


# Features and profiles.


def test_profiles_are_the_means_of_known_features(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, 1, energy=0.2, tempo=100.0, mode=1, loudness=-8.0)
    know(spotify, 2, energy=0.6, tempo=None, mode=0, loudness=-4.0)
    chart = load(zones, [track(1), track(2), track(3)])
    enrich()

    publish(chart)

    (row,) = zones.rows("country_profiles")
    assert (row["chart"], row["country"]) == ("daily-NO", "NO")
    assert row["chart_date"] == date(2026, 11, 21)
    assert (row["tracks"], row["tracks_with_features"]) == (3, 2)
    assert row["major_share"] == pytest.approx(0.5)
    assert row["energy_mean"] == pytest.approx(0.4)
    assert row["tempo_mean"] == pytest.approx(100.0)
    assert row["loudness_mean"] == pytest.approx(-6.0)
    assert row["duration_ms_mean"] == pytest.approx(180_001.5)


def test_unknown_features_get_a_row_of_nulls(zones: Zones, spotify: FakeSpotify) -> None:
    chart = load(zones, [track(1)])
    enrich()

    result = publish(chart)

    assert result["rows"]["audio_features"] == 1
    (row,) = zones.rows("audio_features")
    assert row["track_id"] == track_id(1)
    assert [row[name] for name in ("danceability", "key", "source")] == [None] * 3
    (profile,) = zones.rows("country_profiles")
    assert (profile["tracks"], profile["tracks_with_features"]) == (1, 0)
    assert (profile["energy_mean"], profile["major_share"]) == (None, None)


def test_a_chart_before_any_features_has_null_means(zones: Zones) -> None:
    publish(load(zones, [track(1)]))

    (profile,) = zones.rows("country_profiles")
    assert (profile["tracks"], profile["tracks_with_features"]) == (1, 0)
    assert profile["valence_mean"] is None


def test_features_of_another_month_count_too(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, 1, energy=0.2)
    know(spotify, 2, energy=0.6)
    october = load(zones, [track(1)], day="2026-10-31")
    enrich("2026-10-31")
    publish(october, day="2026-10-31")
    chart = load(zones, [track(1), track(2)])
    enrich()

    publish(chart)

    (row,) = zones.rows("country_profiles")
    assert row["energy_mean"] == pytest.approx(0.4)
    assert [row["track_id"] for row in zones.rows("audio_features", "2026-10")] == [track_id(1)]
    assert [row["track_id"] for row in zones.rows("audio_features")] == [track_id(2)]


def test_days_and_charts_keep_their_own_profiles(zones: Zones) -> None:
    publish(load(zones, [track(1)], day="2026-11-20"), day="2026-11-20")
    publish(load(zones, [track(1)]), load(zones, [track(1), track(2)], SWEDEN_CHART))

    publish(load(zones, [track(1), track(2), track(3)]))

    rows = zones.rows("country_profiles")
    assert [(row["chart_date"].day, row["chart"], row["tracks"]) for row in rows] == [
        (20, "daily-NO", 1),
        (21, "daily-NO", 3),
        (21, "daily-SE", 2),
    ]


def test_an_answer_that_was_never_published_goes_to_its_own_month(
    zones: Zones, spotify: FakeSpotify
) -> None:
    know(spotify, 1)
    load(zones, [track(1)], day="2026-10-31")
    enrich("2026-10-31")

    result = publish(load(zones, [track(2)]))

    assert result["status"] == "published"
    assert [row["track_id"] for row in zones.rows("audio_features", "2026-10")] == [track_id(1)]
    assert zones.rows("audio_features") == []


def test_a_track_that_two_answers_are_about_has_one_row(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, 1)
    load(zones, [track(1)], day="2026-10-31")
    enrich("2026-10-31")
    objects = {
        key: zones.s3.get_object(Bucket=BUCKET, Key=key)
        for key in zones.keys("raw/audio-features/")
    }
    kept = {key: (each["Body"].read(), each["Metadata"]) for key, each in objects.items()}
    for key in kept:  # hidden for a while, so that the track is asked for a second time
        zones.s3.delete_object(Bucket=BUCKET, Key=key)
    spotify.features.clear()
    load(zones, [track(1)])
    enrich()
    for key, (body, metadata) in kept.items():
        zones.put(key, body, metadata)

    result = publish()

    assert result["status"] == "published"
    (row,) = zones.rows("audio_features", "2026-10")
    assert row["source"] == "spotify"
    assert zones.rows("audio_features") == []


# Running again.


def test_a_second_run_leaves_every_object_as_it_was(zones: Zones, spotify: FakeSpotify) -> None:
    know(spotify, 1, energy=0.1)
    know(spotify, 2, energy=0.7)
    charts = load(zones, [track(1), track(2), track(3)]), load(zones, [track(2)], SWEDEN_CHART)
    enrich()
    first = publish(*charts)
    before = zones.contents("lake/"), zones.versions("lake/")

    second = publish(*charts)

    assert (first["written"], second["written"]) == (7, 0)
    assert second["rows"] == first["rows"]
    assert second["status"] == "published"
    assert (zones.contents("lake/"), zones.versions("lake/")) == before
    assert {key.split("/")[1] for key in before[0]} == {
        *ENTITIES,
        "audio_features",
        "chart_days",
        "chart_entries",
        "country_profiles",
        "track_sections",
    }


def test_a_run_without_charts_publishes_what_was_answered(
    zones: Zones, spotify: FakeSpotify
) -> None:
    load(zones, [track(1)])
    enrich()

    result = publish()

    assert result["status"] == "published"
    answered = ("audio_features", "track_sections")
    assert result["rows"] == dict.fromkeys((*ENTITIES, *answered), 1)
    tables = {key.split("/")[1] for key in zones.keys("lake/")}
    assert tables == {*ENTITIES, *answered, "chart_entries"}


# What fails.


def test_a_damaged_answer_is_named_while_all_else_is_published(
    zones: Zones, spotify: FakeSpotify
) -> None:
    first = load(zones, [track(1)])
    enrich()
    (damaged,) = kept_answers(zones)
    know(spotify, 2)
    second = load(zones, [track(2)], SWEDEN_CHART)
    enrich()
    zones.damage(damaged)

    result = publish(first, second)

    assert result["status"] == "failed"
    assert result["error"] == f"{damaged} is not a whole gzip object."
    assert result["rows"] == {
        "tracks": 2,
        "albums": 2,
        "artists": 2,
        "audio_features": 1,
        "track_sections": 2,
        "country_profiles": 2,
        "chart_days": 2,
    }
    assert [row["track_id"] for row in zones.rows("audio_features")] == [track_id(2)]
    assert names(zones, "tracks") == ["Track 1", "Track 2"]


def test_several_damaged_answers_are_all_named(zones: Zones, spotify: FakeSpotify) -> None:
    for number in (1, 2):
        load(zones, [track(number)])
        enrich()
    damaged = kept_answers(zones)
    for key in damaged:
        zones.damage(key)

    result = publish()

    assert result["error"] == "; ".join(f"{key} is not a whole gzip object." for key in damaged)


def test_a_damaged_chart_list_fails_before_the_days_are_recorded(zones: Zones) -> None:
    zones.put("config/charts.csv", b"chart,country\n")

    result = publish(load(zones, [track(1)]))

    assert result["status"] == "failed"
    assert "config/charts.csv" in result["error"] or "chart" in result["error"]
    assert zones.keys("lake/chart_days/") == []


@pytest.mark.parametrize(
    "table", [*ENTITIES, "audio_features", "track_sections", "country_profiles", "chart_days"]
)
def test_a_damaged_table_is_named_and_stays(table: str, zones: Zones, spotify: FakeSpotify) -> None:
    chart = load(zones, [track(1)])
    enrich()
    publish(chart)
    name = f"lake/{table}/month={MONTH}/{table}.parquet"
    damaged = zones.damage(name)

    result = publish(load(zones, [track(2)]))

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{name} is not a whole Parquet file;")
    assert zones.body(name) == damaged


def test_nothing_is_given_away(
    zones: Zones, spotify: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    chart = load(zones, [track(1)])
    results = [enrich(), publish(chart)]

    assert tell_tales(results) == []


def test_a_track_that_two_runs_added_at_once_counts_once(
    zones: Zones, spotify: FakeSpotify
) -> None:
    chart = load(zones, [track(1)])
    enrich()
    publish(chart)
    (row,) = zones.rows("audio_features", MONTH, "audio_features")
    zones.lake.replace("audio_features", "2026-10", "audio_features", lambda _: [row])

    result = publish(chart)

    assert result["status"] == "published"
    (profile,) = zones.rows("country_profiles", MONTH, "country_profiles")
    assert profile["tracks"] == 1
