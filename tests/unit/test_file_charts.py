"""A chart file from Transform to the tables: as a playlist's answer goes, and beside one."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from soundlake.store.chart_files import ChartFiles
from soundlake.store.staging import Staging

from tests.unit.chart_csv import chart_csv, file_row, top
from tests.unit.helpers import (
    NORWAY_CHART,
    NOW,
    TODAY,
    FakeSpotify,
    Row,
    Zones,
    artist,
    enrich,
    features_of,
    invoke,
    keep_file,
    load,
    load_file,
    outcome,
    play_tracks,
    publish,
    track,
    track_id,
    transform_file,
)

LATER = NOW + timedelta(hours=1)
YESTERDAY = "2026-11-20"


def staged(zones: Zones, key: str) -> Row:
    *_, chart, day, name = key.split("/")
    file = name.removesuffix(".csv.gz")
    return dict(Staging(zones.bucket).read(f"staging/files/{day}/{chart}/{file}.json.gz"))


def breaches(zones: Zones, key: str) -> list[tuple[str, str]]:
    return [(each["expectation"], each["about"]) for each in staged(zones, key)["breaches"]]


def in_lake(zones: Zones) -> list[tuple[int, str, str, int | None]]:
    return [
        (row["position"], row["track_id"], row["provider"], row["streams"])
        for row in zones.rows("chart_entries", name="daily-NO")
        if row["chart_date"] == date.fromisoformat(TODAY)
    ]


def import_file(zones: Zones, body: bytes, at: datetime = NOW) -> Row:
    key = keep_file(zones, body, at=at)
    assert transform_file(key)["status"] == "transformed"
    return load_file(key)


# Transform.


def test_a_file_is_staged_like_an_answer(zones: Zones) -> None:
    key = keep_file(zones, chart_csv(top(200)))

    result = transform_file(key)

    numbers = {"rows": 200, "holes": 0, "breaches": 0}
    assert result == {"status": "transformed", **numbers, "counts": numbers}
    day = staged(zones, key)
    assert {name: day[name] for name in day if name not in ("entries", "breaches")} == {
        "chart": "daily-NO",
        "country": "NO",
        "country_name": "Norway",
        "cadence": "daily",
        "date": TODAY,
        "observed_at": "2026-11-21T09:18:00.000Z",
        "raw_key": key,
        "holes": [],
    }
    assert day["breaches"] == []
    entry = day["entries"][6]
    assert (entry["position"], entry["track_id"], entry["streams"]) == (7, track_id(7), 999_993)
    assert zones.keys("staging/daily/") == []


def test_transforming_again_gives_the_same_bytes(zones: Zones) -> None:
    key = keep_file(zones, chart_csv(top(3)))
    transform_file(key)
    before = zones.contents("staging/")

    transform_file(key)

    assert zones.contents("staging/") == before


@pytest.mark.parametrize(
    ("rows", "breach"),
    [
        (top(199), ("two_hundred_places", "chart")),
        ([*top(199), file_row(200, 1)], ("tracks_unique", track_id(1))),
        ([*top(199), file_row(200, streams=999_999)], ("streams_fall", "200")),
        ([*top(199), file_row(200, peak_rank=201)], ("peak_is_best", "200")),
    ],
)
def test_what_is_odd_is_loaded_and_named(
    rows: list[dict[str, str]], breach: tuple[str, str], zones: Zones
) -> None:
    key = keep_file(zones, chart_csv(rows))

    assert transform_file(key)["status"] == "transformed"
    assert breaches(zones, key) == [breach]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([*top(199), file_row(1)], "positions_unique: daily-NO of 2026-11-21 has 2 entries"),
        ([*top(198), file_row(200)], "positions_contiguous: daily-NO of 2026-11-21 has nothing"),
        (top(200)[1:], "positions_contiguous: daily-NO of 2026-11-21 has nothing at position 1,"),
    ],
)
def test_what_errs_is_refused(rows: list[dict[str, str]], sentence: str, zones: Zones) -> None:
    result = transform_file(keep_file(zones, chart_csv(rows)))

    assert result["status"] == "refused"
    assert result["error"].startswith(sentence)


@pytest.mark.parametrize("other_day", ["2026-11-20", "2026-11-22"])
def test_a_file_under_another_days_name_is_refused(other_day: str, zones: Zones) -> None:
    other = keep_file(zones, chart_csv(top(200)), day=other_day)
    third = keep_file(zones, chart_csv(top(200, first=2)), day=other_day)
    key = keep_file(zones, chart_csv(top(200)))

    result = transform_file(key, *sorted([other, third]))

    assert result["status"] == "refused"
    assert result["error"] == (
        f"not_another_days_file: daily-NO of 2026-11-21 shows the very positions of {other_day}: "
        "one of the two files is said to be of a day that it is not of."
    )
    assert transform_file(key, third)["status"] == "transformed"


def test_a_wrong_name_is_mended_by_the_right_files_one_after_the_other(zones: Zones) -> None:
    """What another file took the place of stands in no day's way."""
    files = ChartFiles(zones.bucket)

    def imported(body: bytes, day: str, at: datetime) -> str:
        key = keep_file(zones, body, day=day, at=at)
        nearest = files.neighbours("daily-NO", date.fromisoformat(day))
        return str(transform_file(key, *(each.text for each in nearest))["status"])

    todays, yesterdays = chart_csv(top(200)), chart_csv(top(200, first=2))

    assert imported(todays, YESTERDAY, NOW) == "transformed"
    assert imported(todays, TODAY, NOW) == "refused"
    assert imported(yesterdays, YESTERDAY, LATER) == "transformed"
    assert imported(todays, TODAY, LATER) == "transformed"


def test_a_neighbour_that_cannot_be_read_is_none_to_compare_with(zones: Zones) -> None:
    other = keep_file(zones, chart_csv(top(200)), day="2026-11-20")
    no_chart = keep_file(zones, b"no chart", day="2026-11-20")
    key = keep_file(zones, chart_csv(top(200)))
    zones.damage(other)

    assert transform_file(key, other, no_chart)["status"] == "transformed"


def test_a_file_that_is_missing_damaged_or_no_chart_fails(zones: Zones) -> None:
    key = keep_file(zones, chart_csv(top(3)))
    zones.damage(key)
    assert transform_file(key) == {
        "status": "failed",
        "error": f"{key} is not a whole gzip object.",
    }
    zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)
    assert transform_file(key) == {"status": "failed", "error": f"{key} is missing."}
    no_chart = keep_file(zones, b"no chart")
    assert transform_file(no_chart)["error"].startswith("This is no chart. Expected is a chart as ")
    assert zones.keys("staging/") == []


# Load.


def test_a_file_is_loaded_with_its_streams(zones: Zones) -> None:
    result = import_file(zones, chart_csv(top(3)))

    assert result == {"status": "loaded", "rows": 3, "written": True, "counts": {"rows": 3}}
    assert in_lake(zones) == [
        (place, track_id(place), "spotify_chart_file", 1_000_000 - place) for place in (1, 2, 3)
    ]


def test_loading_again_changes_nothing(zones: Zones) -> None:
    import_file(zones, chart_csv(top(3)))
    before = zones.versions("lake/")

    assert import_file(zones, chart_csv(top(3)), at=LATER)["written"] is False
    assert zones.versions("lake/") == before


def test_a_playlist_wins_over_a_file_in_either_order(zones: Zones) -> None:
    load(zones, [track(1), track(2)])
    before = zones.versions("lake/")

    assert import_file(zones, chart_csv(top(3))) == {
        "status": "superseded",
        "error": "Not loaded: Spotify's own playlist has that day already, and is preferred to a "
        "file.",
        "counts": {"rows": 0},
    }
    assert zones.versions("lake/") == before

    for key in zones.keys("lake/"):
        zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)
    assert import_file(zones, chart_csv(top(3)))["status"] == "loaded"
    load(zones, [track(1), track(2)])
    assert in_lake(zones) == [
        (1, track_id(1), "spotify", None),
        (2, track_id(2), "spotify", None),
    ]


def test_of_two_files_the_later_one_wins_in_either_order(zones: Zones) -> None:
    earlier, later = chart_csv(top(3)), chart_csv(top(3, first=5))
    first = keep_file(zones, earlier)
    transform_file(first)
    assert load_file(first)["status"] == "loaded"
    assert import_file(zones, later, at=LATER)["status"] == "loaded"

    again = load_file(first)
    assert again["status"] == "superseded"
    assert again["error"] == (
        "Not loaded: a file that came later (2026-11-21 10:18:00 UTC) has that day."
    )
    assert [row[1] for row in in_lake(zones)] == [track_id(number) for number in (5, 6, 7)]


def test_a_wrong_file_is_mended_by_the_right_one(zones: Zones) -> None:
    right, wrong = chart_csv(top(3)), chart_csv(top(3, first=5))
    import_file(zones, right)
    import_file(zones, wrong, at=LATER)

    assert import_file(zones, right, at=LATER + timedelta(hours=1))["status"] == "loaded"
    assert [row[1] for row in in_lake(zones)] == [track_id(number) for number in (1, 2, 3)]


def test_other_days_and_charts_stay_as_they_are(zones: Zones) -> None:
    load(zones, [track(9)], day="2026-11-20")
    import_file(zones, chart_csv(top(2)))

    days = [row["chart_date"].day for row in zones.rows("chart_entries", name="daily-NO")]
    assert days == [20, 21, 21]


def test_a_file_that_is_not_staged_fails(zones: Zones) -> None:
    key = keep_file(zones, chart_csv(top(1)))
    load(zones, [track(1)])

    result = load_file(key)
    assert result["status"] == "failed"
    assert "staging/files/2026-11-21/daily-NO/" in result["error"]


# Publish and Enrich.


def test_publish_makes_a_profile_and_waits_for_a_tracks_answer(zones: Zones) -> None:
    import_file(zones, chart_csv(top(3)))

    published = publish(outcome("daily-NO", rows=3, holes=0))

    assert published["status"] == "published"
    (profile,) = zones.rows("country_profiles")
    assert (profile["chart"], profile["tracks"], profile["tracks_with_features"]) == (
        "daily-NO",
        3,
        0,
    )
    (record,) = zones.rows("chart_days")
    assert (record["chart"], record["status"], record["rows"]) == ("daily-NO", "loaded", 3)
    assert zones.rows("tracks") == []


def test_a_files_track_gets_its_row_from_what_shows_it_whole(zones: Zones) -> None:
    import_file(zones, chart_csv(top(3)))
    play_tracks(zones, NOW - timedelta(hours=3), track(2))

    assert publish(outcome("daily-NO", rows=3, holes=0))["status"] == "published"
    (row,) = zones.rows("tracks")
    assert (row["track_id"], row["artist_names"]) == (track_id(2), [artist(2)["name"]])


def test_enrich_asks_for_the_features_of_a_files_tracks(spotify: FakeSpotify, zones: Zones) -> None:
    import_file(zones, chart_csv(top(3)))

    for number in (1, 2, 3):
        spotify.features[track_id(number)] = features_of(track_id(number))

    result = enrich()
    assert result["status"] == "enriched"
    assert result["asked"]["audio-features"] == 3
    assert "albums" not in result["asked"]
    publish(outcome("daily-NO", rows=3, holes=0))
    (profile,) = zones.rows("country_profiles")
    assert profile["tracks_with_features"] == 3


def verify(key: str, **more: Any) -> Row:
    *_, name = key.split("/")
    charts = [outcome("daily-NO", file=name.removesuffix(".csv.gz"))]
    return invoke("verify", {"date": TODAY, "charts": charts, "run": False} | more)


def test_what_a_file_breaches_is_recorded(zones: Zones) -> None:
    key = keep_file(zones, chart_csv(top(199)))
    transform_file(key)
    load_file(key)

    result = verify(key)
    assert (result["status"], result["withdraw"]) == ("verified", [])
    (row,) = zones.rows("data_quality")
    assert (row["chart"], row["expectation"], row["consequence"], row["raw_key"]) == (
        "daily-NO",
        "two_hundred_places",
        "published",
        key,
    )


def test_an_import_says_nothing_of_a_days_run_and_of_features_nobody_asked_for(
    spotify: FakeSpotify, zones: Zones
) -> None:
    # Yesterday two charts with features; today, one of them failed.
    sweden = NORWAY_CHART | {"chart": "daily-SE", "country": "SE", "country_name": "Sweden"}
    yesterday = "2026-11-20"
    for number in (1, 2):
        spotify.features[track_id(number)] = features_of(track_id(number))
    days = [load(zones, [track(1)], day=yesterday), load(zones, [track(2)], sweden, yesterday)]
    enrich(yesterday)
    publish(*days, day=yesterday)
    failed = outcome("daily-NO", "failed"), outcome("daily-SE", "failed")
    invoke("verify", {"date": TODAY, "charts": list(failed)})
    said = [row["expectation"] for row in zones.rows("data_quality")]
    assert said == ["charts_loaded"]
    key = keep_file(zones, chart_csv(top(200, first=300)))
    transform_file(key)
    load_file(key)

    verify(key)
    assert [row["expectation"] for row in zones.rows("data_quality")] == said
    # The day's own run would say both anew.
    verify(key, run=True)
    now = {row["expectation"] for row in zones.rows("data_quality")}
    assert "coverage_kept" in now
    assert "charts_loaded" not in now


def test_verify_takes_no_file_for_an_answer(zones: Zones) -> None:
    """What the daily machine stages is its own: a file of the day does not stand in for it."""
    import_file(zones, chart_csv(top(3)))

    event: dict[str, Any] = {"date": TODAY, "charts": [outcome("daily-NO")]}
    result = invoke("verify", event)
    assert result["status"] == "failed"
    assert f"staging/daily/{TODAY}/daily-NO.json.gz is missing" in result["error"]
