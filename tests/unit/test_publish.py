"""Publish: entities first seen stay, features and profiles follow, a re-run changes nothing."""

import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from soundlake import asking
from soundlake.abilities import Ability
from soundlake.publishing import activity as activities
from soundlake.sources.web import Answer
from soundlake.store.answers import ALBUMS, ARTISTS, Answers, Kind
from soundlake.store.lake import Lake
from soundlake.store.objects import Bucket
from soundlake.store.raw import Raw

from tests.unit.helpers import (
    ACCOUNT,
    BUCKET,
    MONTH,
    NORWAY_CHART,
    TODAY,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    album,
    analysis,
    artist,
    chart_list,
    chart_row,
    enrich,
    features_of,
    full_album,
    full_artist,
    invoke,
    keep_raw,
    kept_answers,
    load,
    next_page,
    outcome,
    page,
    play_tracks,
    played,
    playlist,
    playlist_id,
    publish,
    recently_played,
    segment,
    track,
    track_id,
    without,
)

SWEDEN_CHART = NORWAY_CHART | {
    "chart": "daily-SE",
    "country": "SE",
    "country_name": "Sweden",
    "playlist_id": playlist_id("Sweden"),
}
ENTITIES = ("tracks", "albums", "artists")
YESTERDAY = "2026-11-20"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RAW_PAGE = f"raw/charts/spotify/daily-NO/{TODAY}/001/page-01.json.gz"


def names(zones: Zones, table: str, month: str = MONTH) -> list[str]:
    return [row["name"] for row in zones.rows(table, month)]


def know(spotify: FakeSpotify, number: int, **changes: Any) -> None:
    spotify.features[track_id(number)] = features_of(track_id(number), **changes)


# Entities.


def killed_at(write: int, chart: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish in a process that ends before its nth write."""
    put, writes = Bucket.put, iter(range(1, 100))

    def dying(*args: Any, **options: Any) -> None:
        if next(writes) == write:
            raise Killed
        put(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", dying)
        with pytest.raises(Killed):
            publish(chart)


def test_what_the_charts_showed_is_published(zones: Zones) -> None:
    result = publish(load(zones, [track(2), track(1)]), load(zones, [track(3)], SWEDEN_CHART))

    rows = dict.fromkeys(ENTITIES, 3) | {"country_profiles": 2, "chart_days": 2}
    assert result == {
        "status": "published",
        "rows": rows | {"audio_features": 0, "track_sections": 0},
        "written": 5,
        "counts": {
            "rows": 13,
            "objects": 5,
            "charts_done": 2,
            "charts_failed": 0,
            "stale_days": 0,
        },
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
    assert result["error"] == "The chart list lacks the column 'country_name'."
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


# What shows a track.


def test_played_tracks_have_rows_too(zones: Zones) -> None:
    play_tracks(zones, NOON, track(1), track(2, artists=[artist(5)]))
    play_tracks(zones, datetime(2026, 10, 31, 12, tzinfo=UTC), track(3))
    play_tracks(zones, datetime(2026, 9, 30, 12, tzinfo=UTC), track(4))

    assert publish()["status"] == "published"

    assert names(zones, "tracks") == ["Track 1", "Track 2", "Track 3"]
    assert names(zones, "albums") == ["Album 1", "Album 2", "Album 3"]
    assert names(zones, "artists") == ["Artist 1", "Artist 2", "Artist 3", "Artist 5"]


def test_a_play_of_what_is_no_track_makes_no_entity(zones: Zones) -> None:
    play_tracks(zones, NOON, track(1, uri="spotify:local:Artist:Album:Title:180"), track(2))

    assert publish()["status"] == "published"
    assert [row["track_id"] for row in zones.rows("plays", name=ACCOUNT)] == [None, track_id(2)]
    assert names(zones, "tracks") == ["Track 2"]
    assert names(zones, "albums") == ["Album 2"]


def test_albums_of_one_name_are_several_and_missing_images_are_none(zones: Zones) -> None:
    first, second = album(1, name="Same", images=None), without(album(2, name="Same"), "images")

    publish(load(zones, [track(1, album=first), track(2, album=second)]))

    rows = [(row["album_id"], row["name"], row["images"]) for row in zones.rows("albums")]
    assert rows == [(first["id"], "Same", []), (second["id"], "Same", [])]


def test_a_tracks_further_pages_are_read(zones: Zones) -> None:
    first = keep_raw(zones, RAW_PAGE, playlist([track(1)], following=next_page(2), total=2))
    second = keep_raw(
        zones, RAW_PAGE.replace("page-01", "page-02"), page([track(2)], total=2, offset=1)
    )
    event = {"chart": NORWAY_CHART, "date": TODAY, "raw_keys": [first, second], "earlier_keys": []}
    assert invoke("transform", event)["rows"] == 2
    invoke("load", {"chart": "daily-NO", "date": TODAY})

    publish(outcome("daily-NO"))

    assert names(zones, "tracks") == ["Track 1", "Track 2"]


def test_what_a_damaged_answer_showed_is_read_from_another(zones: Zones) -> None:
    """Of a chart, of another chart, or of a play: whichever can be read."""
    load(zones, [track(1), track(2)], day=YESTERDAY)
    load(zones, [track(1)])
    load(zones, [track(2)], SWEDEN_CHART)
    play_tracks(zones, NOON, track(2))
    zones.damage(f"raw/charts/spotify/daily-NO/{YESTERDAY}/001/page-01.json.gz")
    zones.damage(f"raw/charts/spotify/daily-SE/{TODAY}/001/page-01.json.gz")

    assert publish()["status"] == "published"
    assert names(zones, "tracks") == ["Track 1", "Track 2"]


def test_a_play_of_two_answers_has_a_second_one_to_read(zones: Zones) -> None:
    play_tracks(zones, NOON, track(1))
    (first,) = zones.keys("raw/recently-played/")
    second = keep_raw(zones, first.replace("T13", "T14"), recently_played([played(1, NOON)]))
    evidence = {"evidence": [first, second]}
    zones.lake.replace("plays", MONTH, ACCOUNT, lambda rows: [row | evidence for row in rows])
    zones.damage(first)

    assert publish()["status"] == "published"
    assert names(zones, "tracks") == ["Track 1"]


def test_an_answer_that_alone_showed_a_track_is_named_when_it_cannot_be_read(
    zones: Zones,
) -> None:
    norway, sweden = load(zones, [track(1)]), load(zones, [track(2)], SWEDEN_CHART)
    damaged = f"raw/charts/spotify/daily-NO/{TODAY}/001/page-01.json.gz"
    zones.damage(damaged)

    result = publish(norway, sweden)

    assert (result["status"], result["error"]) == (
        "failed",
        f"{damaged} is not a whole gzip object.",
    )
    assert names(zones, "tracks") == ["Track 2"]
    assert len(zones.rows("country_profiles")) == len(zones.rows("chart_days")) == 2


def test_an_answer_of_another_shape_is_named_with_its_key(zones: Zones) -> None:
    chart = load(zones, [track(1)])
    key = f"raw/charts/spotify/daily-NO/{TODAY}/001/page-01.json.gz"
    keep_raw(zones, key, {"items": 7})

    assert publish(chart)["error"].startswith(f"{key}: the playlist: ")


# Details.


def test_details_are_filled_into_rows_of_whatever_month(zones: Zones, spotify: FakeSpotify) -> None:
    publish(load(zones, [track(1)], day="2026-10-31"), day="2026-10-31")
    spotify.albums |= {one["id"]: one for one in (full_album(1), full_album(2))}
    spotify.artists |= {one["id"]: one for one in (full_artist(1), full_artist(2))}
    chart = load(zones, [track(1), track(2), track(3)])
    enrich()

    result = publish(chart)

    # October's artist and album and November's two, none of them twice.
    assert (result["rows"]["albums"], result["rows"]["artists"]) == (3, 3)
    rows = [*zones.rows("albums", "2026-10"), *zones.rows("albums")]
    assert [(row["name"], row["label"], row["popularity"], row["upc"]) for row in rows] == [
        ("Album 1", "Label 1", 41, "000000000001"),
        ("Album 2", "Label 2", 42, "000000000002"),
        ("Album 3", None, None, None),
    ]
    (key,) = kept_answers(zones, "albums")
    assert {row["detail_raw_key"] for row in rows} == {key}
    assert len(rows[0]["images"]) == 2
    artists = [*zones.rows("artists", "2026-10"), *zones.rows("artists")]
    assert [(row["name"], row["followers"], row["genres"]) for row in artists] == [
        ("Artist 1", 5_000_000_001, ["rock"]),
        ("Artist 2", 5_000_000_002, ["rock"]),
        ("Artist 3", None, None),
    ]
    assert publish(chart)["written"] == 0


@pytest.mark.parametrize(
    ("kind", "made"), [(ALBUMS, full_album), (ARTISTS, full_artist)], ids=["albums", "artists"]
)
def test_who_was_looked_up_before_any_track_showed_them_has_a_row(
    kind: Kind, made: Callable[[int], Row], zones: Zones
) -> None:
    """A page of charts that names artists by their ids and no more."""
    shown, unknown = made(7), made(8)["id"]
    told = {kind.table: [shown, None]}
    answer = Answer(json.dumps(told).encode(), told, NOON, f"/v1/{kind.table}")
    bucket = Bucket(BUCKET)
    Answers(kind, Raw(bucket), Lake(bucket)).keep(answer, [shown["id"], unknown], NOON.date())
    chart = load(zones, [track(1)])

    publish(chart)

    rows = {row[kind.id]: row for row in zones.rows(kind.table)}
    assert rows[shown["id"]]["name"] == shown["name"]
    assert rows[shown["id"]]["popularity"] == shown["popularity"]
    assert (rows[unknown]["name"], rows[unknown]["source"]) == (None, None)
    (key,) = kept_answers(zones, kind.name)
    assert {rows[each]["detail_raw_key"] for each in (shown["id"], unknown)} == {key}
    assert publish(chart)["written"] == 0

    # It has a name once somebody plays it, and is still not asked for again.
    publish(load(zones, [track(1), track(8)]))

    rows = {row[kind.id]: row for row in zones.rows(kind.table)}
    assert rows[unknown]["name"] == made(8)["name"]
    assert (rows[unknown]["source"], rows[unknown]["detail_raw_key"]) == ("spotify", key)


@pytest.mark.parametrize(
    ("kind", "made"), [(ALBUMS, full_album), (ARTISTS, full_artist)], ids=["albums", "artists"]
)
def test_of_two_answers_the_row_is_of_the_first_one_whichever_is_read_first(
    kind: Kind, made: Callable[[int], Row], zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(BUCKET)
    answers = Answers(kind, Raw(bucket), Lake(bucket))
    for name in ("First", "Second"):
        told = {kind.table: [made(7) | {"name": name}]}
        answer = Answer(json.dumps(told).encode(), told, NOON, f"/v1/{kind.table}")
        answers.keep(answer, [made(7)["id"]], NOON.date())
    batch = Raw.batch

    def slowly(self: Raw, key: str) -> Any:
        time.sleep(0.2 * key.endswith("-001.json.gz"))
        return batch(self, key)

    monkeypatch.setattr(Raw, "batch", slowly)
    publish()

    (row,) = zones.rows(kind.table)
    assert row["name"] == "First"
    assert row["detail_raw_key"] == kept_answers(zones, kind.name)[0]


@pytest.mark.parametrize("kind", ["albums", "artists"])
def test_of_two_answers_to_one_batch_the_first_one_stays(
    kind: str, zones: Zones, spotify: FakeSpotify
) -> None:
    """Two runs at once may both have asked."""
    chart = load(zones, [track(1)])
    enrich()
    (first,) = kept_answers(zones, kind)
    stored = zones.s3.get_object(Bucket=BUCKET, Key=first)
    second = first.replace("-001.", "-002.")
    zones.put(second, stored["Body"].read(), stored["Metadata"])

    publish(chart)
    before = zones.versions("lake/")

    assert publish(chart)["written"] == 0
    assert zones.versions("lake/") == before
    assert {row["detail_raw_key"] for row in zones.rows(kind)} == {first}


def test_analyses_become_sections_and_a_days_segments(zones: Zones, spotify: FakeSpotify) -> None:
    spotify.analyses[track_id(1)] = analysis(60.0)
    chart = load(zones, [track(1), track(2)])
    enrich()

    result = publish(chart)

    assert (result["rows"]["track_sections"], result["rows"]["track_segments"]) == (2, 1)
    known, unknown = zones.rows("track_sections")
    assert (known["sections"], known["section_duration_avg"], known["loudness_avg"]) == (2, 30, -7)
    assert known["start_sequence"] == [0.0, 30.0]
    assert (unknown["track_id"], unknown["source"]) == (track_id(2), None)
    (sounds,) = zones.rows("track_segments", name=TODAY)
    assert sounds["segments"] == [segment(0.0), segment(0.25)]
    assert known["raw_key"] == sounds["raw_key"]
    assert {known["raw_key"], unknown["raw_key"]} == set(kept_answers(zones, "audio-analysis"))
    assert publish(chart)["written"] == 0


def test_segments_of_two_days_are_two_objects_and_both_are_counted(
    zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.analyses |= {track_id(number): analysis() for number in (1, 2)}
    load(zones, [track(1)], day="2026-10-31")
    today, spotify.now = spotify.now, datetime(2026, 10, 31, 12, tzinfo=UTC)
    enrich("2026-10-31")
    spotify.now = today
    load(zones, [track(2)])
    enrich()

    result = publish()

    assert (result["rows"]["track_sections"], result["rows"]["track_segments"]) == (2, 2)
    assert [len(zones.rows("track_sections", month)) for month in ("2026-10", MONTH)] == [1, 1]
    assert zones.keys("lake/track_segments/") == [
        "lake/track_segments/month=2026-10/2026-10-31.parquet",
        f"lake/track_segments/month={MONTH}/{TODAY}.parquet",
    ]
    assert result["written"] == len(
        [key for key in zones.keys("lake/") if "/chart_entries/" not in key]
    )


def test_segments_that_cannot_be_read_are_named_and_the_sections_stand(
    zones: Zones, spotify: FakeSpotify
) -> None:
    spotify.analyses |= {
        track_id(1): analysis() | {"segments": [segment(start="soon")]},
        track_id(2): analysis(),
    }
    chart = load(zones, [track(1), track(2)])
    enrich()

    result = publish(chart)

    assert (result["status"], result["error"]) == (
        "failed",
        f"the audio analysis of {track_id(1)}: segments.0.start: input should be a valid number, "
        "unable to parse string as a number",
    )
    assert [row["sections"] for row in zones.rows("track_sections")] == [2, 2]
    assert [row["track_id"] for row in zones.rows("track_segments", name=TODAY)] == [track_id(2)]


# What is derived again.


def test_country_names_are_the_chart_lists(zones: Zones) -> None:
    chart = load(zones, [track(1)])
    publish(chart)
    (nameless,) = zones.rows("country_profiles")
    zones.put("config/charts.csv", chart_list(chart_row("daily-NO")).encode())
    publish(chart)
    (named,) = zones.rows("country_profiles")
    zones.put("config/charts.csv", chart_list(chart_row("daily-SE")).encode())

    publish(chart)

    (kept,) = zones.rows("country_profiles")
    assert [each["country_name"] for each in (nameless, named, kept)] == [
        "NO",
        "Country NO",
        "Country NO",
    ]


def test_late_features_derive_again_the_months_that_they_touch_and_only_those(
    zones: Zones, spotify: FakeSpotify
) -> None:
    for month, number in (("2026-08", 1), ("2026-09", 2), ("2026-10", 1)):
        day = f"{month}-30"
        publish(load(zones, [track(number), track(9)], day=day), day=day)
        play_tracks(zones, datetime.fromisoformat(f"{day}T12:00:00+00:00"), track(number))
        publish(day=day)
    know(spotify, 1, energy=0.2, tempo=99.0)
    chart = load(zones, [track(1)])
    enrich()
    before = set(zones.versions("lake/"))

    publish(chart)

    written = {key for key, version in zones.versions("lake/") if (key, version) not in before}
    assert {key for key in written if "country_profiles" in key} == {
        f"lake/country_profiles/month=2026-{month}/country_profiles.parquet"
        for month in ("08", "10", "11")
    }
    assert {key for key in written if "music_activity" in key} == {
        f"lake/music_activity/month=2026-{month}/{ACCOUNT}.parquet" for month in ("08", "10")
    }
    for month, known in (("2026-08", 1), ("2026-09", 0), ("2026-10", 1)):
        (profile,) = zones.rows("country_profiles", month)
        assert (profile["tracks"], profile["tracks_with_features"]) == (2, known)
        (activity,) = zones.rows("music_activity", month, ACCOUNT)
        assert activity["tempo"] == (99.0 if known else None)


@pytest.mark.parametrize("write", range(1, 9))
def test_killed_before_any_write_all_months_that_features_touch_are_derived_by_the_next_run(
    write: int, zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the next run is of another day and has no chart of those months."""
    for month in ("2026-08", "2026-10"):
        publish(load(zones, [track(1)], day=f"{month}-30"), day=f"{month}-30")
        play_tracks(zones, datetime.fromisoformat(f"{month}-30T12:00:00+00:00"), track(1))
        publish(day=f"{month}-30")
    know(spotify, 1, tempo=99.0)
    spotify.analyses[track_id(1)] = analysis()
    chart = load(zones, [track(1)])
    enrich()
    killed_at(write, chart, monkeypatch)

    assert publish(day="2026-11-22")["status"] == "published"

    for month in ("2026-08", "2026-10"):
        (profile,) = zones.rows("country_profiles", month)
        (activity,) = zones.rows("music_activity", month, ACCOUNT)
        assert (profile["tracks_with_features"], activity["tempo"]) == (1, 99.0)
        assert activity["sections"] == 2
    assert publish(day="2026-11-22")["written"] == 0


@pytest.mark.parametrize("write", range(1, 5))
@pytest.mark.parametrize("looked_up", [True, False])
def test_killed_before_any_write_the_month_of_a_track_that_is_known_later_is_derived(
    looked_up: bool,
    write: int,
    zones: Zones,
    spotify: FakeSpotify,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An imported play says little of its track; then a look-up or a chart shows it."""
    spotify.tracks[track_id(1)] = track(1)
    play = {
        "account": ACCOUNT,
        "played_at": "2026-08-30T12:00:00Z",
        "uri": f"spotify:track:{track_id(1)}",
        "track_id": track_id(1),
        "evidence": ["raw/imports/made-up.json.gz"],
    }
    zones.lake.replace("plays", "2026-08", ACCOUNT, lambda _: [play])
    publish()
    monkeypatch.setattr("soundlake.publishing.activity.newer_plays", lambda *_: [])
    asking.found(Ability.AUDIO_FEATURES, allowed=False, evidence="made up")
    asking.found(Ability.AUDIO_ANALYSIS, allowed=False, evidence="made up")
    chart = outcome("daily-NO", "unchanged")
    if looked_up:
        enrich()
    else:
        chart = load(zones, [track(1)])
    killed_at(write, chart, monkeypatch)

    for _ in range(2):
        assert publish(chart, day="2026-11-22")["status"] == "published"

    (activity,) = zones.rows("music_activity", "2026-08", ACCOUNT)
    assert (activity["album"], activity["duration"]) == ("Album 1", 180.001)


def test_only_the_months_that_new_features_touch_are_derived_at_all(
    zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month, number in (("2026-08", 1), ("2026-09", 2)):
        publish(load(zones, [track(number)], day=f"{month}-30"), day=f"{month}-30")
    know(spotify, 1)
    load(zones, [track(1)])
    enrich()
    replace, replaced = Lake.replace, []

    def spying(self: Lake, table: str, month: str, *args: Any) -> Any:
        replaced.append((table, month))
        return replace(self, table, month, *args)

    monkeypatch.setattr(Lake, "replace", spying)
    publish()

    assert [month for table, month in replaced if table == "country_profiles"] == ["2026-08"]


def test_a_lifetimes_months_are_derived_from_the_latest_on_as_many_as_fit_a_run(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities, "MOST", 2)
    months = ["2019-01", "2020-01", "2021-01"]
    for month in months:
        at = datetime.fromisoformat(f"{month}-15T12:00:00")
        row = {"account": ACCOUNT, "played_at": at, "uri": "spotify:track:x", "artist_names": []}
        zones.lake.replace("plays", month, ACCOUNT, lambda _, row=row: [row])
    time.sleep(1)  # S3's times are whole seconds

    runs = [publish() for _ in range(2)]

    assert [run["status"] for run in runs] == ["published"] * 2
    assert [run["rows"]["music_activity"] for run in runs] == [2, 1]
    assert len(zones.rows("music_activity", "2021-01", ACCOUNT)) == 1
    assert len(zones.rows("music_activity", "2019-01", ACCOUNT)) == 1


def test_activity_is_derived_when_plays_are_newer(zones: Zones) -> None:
    play_tracks(zones, NOON, track(1))
    first = publish()
    play_tracks(zones, NOON + HOUR * 3, track(2))

    second = publish()

    assert (first["rows"]["music_activity"], second["rows"]["music_activity"]) == (1, 2)
    rows = zones.rows("music_activity", name=ACCOUNT)
    assert [(row["played_at"], row["track_name"]) for row in rows] == [
        ("2026-11-21 12:00", "Track 1"),
        ("2026-11-21 15:00", "Track 2"),
    ]
    assert rows[0]["album_cover"] == "https://images.test/1/640"
    assert publish()["written"] == 0


def test_another_accounts_plays_are_its_own(zones: Zones) -> None:
    play_tracks(zones, NOON, track(1))
    row = zones.rows("plays", name=ACCOUNT)[0] | {"account": "other"}
    zones.lake.replace("plays", MONTH, "other", lambda _: [row])

    assert publish()["rows"]["music_activity"] == 2

    assert zones.keys("lake/music_activity/") == [
        f"lake/music_activity/month={MONTH}/{name}.parquet" for name in (ACCOUNT, "other")
    ]
    for name in (ACCOUNT, "other"):
        assert [row["account"] for row in zones.rows("music_activity", name=name)] == [name]


# Chart days.


def test_chart_days_are_recorded_and_merged(zones: Zones) -> None:
    norway = load(zones, [track(1)])
    failed = outcome("daily-SE", "failed", stage="Extract", error="A sentence.")
    publish(norway, failed)
    sweden = load(zones, [track(2)], SWEDEN_CHART)
    october = outcome("daily-NO", "unavailable", "2026-10-31")

    publish(sweden, october)

    rows = [*zones.rows("chart_days", "2026-10"), *zones.rows("chart_days")]
    assert [(row["chart"], row["status"], row["error"], row["rows"]) for row in rows] == [
        ("daily-NO", "unavailable", None, None),
        ("daily-NO", "loaded", None, 1),
        ("daily-SE", "loaded", None, 1),
    ]


def test_a_withdrawn_day_is_recorded_and_has_no_profile(zones: Zones) -> None:
    norway, sweden = load(zones, [track(1)]), load(zones, [track(1)], SWEDEN_CHART)
    publish(norway, sweden)
    raw_key = zones.rows("chart_entries", name="daily-SE")[0]["raw_key"]
    errs = {"chart": "daily-SE", "date": TODAY, "raw_key": raw_key, "error": "Why."}
    withdrawn = invoke("load", {"withdraw": [errs]})
    assert withdrawn["charts"][0]["status"] == "withdrawn"

    publish(norway, sweden, withdrawals=[outcome("daily-SE", "withdrawn", error="A sentence.")])

    assert [row["chart"] for row in zones.rows("country_profiles")] == ["daily-NO"]
    rows = zones.rows("chart_days")
    assert [(row["chart"], row["status"], row["error"]) for row in rows] == [
        ("daily-NO", "loaded", None),
        ("daily-SE", "withdrawn", "A sentence."),
    ]


@pytest.mark.parametrize("write", range(1, 11))
def test_killed_before_any_write_the_next_run_makes_it_whole(
    write: int, zones: Zones, spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The days are recorded last: what was killed is a day still to do."""
    know(spotify, 1)
    spotify.albums[album(1)["id"]] = full_album(1)
    spotify.analyses[track_id(1)] = analysis()
    play_tracks(zones, NOON, track(2))
    chart = load(zones, [track(1)])
    enrich()
    killed_at(write, chart, monkeypatch)
    assert zones.keys("lake/chart_days/") == []

    assert publish(chart)["status"] == "published"

    whole = {key.split("/")[1] for key in zones.keys("lake/")}
    assert whole >= {*ENTITIES, "audio_features", "track_segments", "music_activity", "chart_days"}
    for table in ENTITIES:
        assert len(zones.rows(table)) == 2
    assert [row["label"] for row in zones.rows("albums")] == ["Label 1", None]
    assert [row["sections"] for row in zones.rows("track_sections")] == [2, None]
    (profile,) = zones.rows("country_profiles")
    assert profile["tracks_with_features"] == 1
    (activity,) = zones.rows("music_activity", name=ACCOUNT)
    assert activity["popularity"] == 50
    assert publish(chart)["written"] == 0
