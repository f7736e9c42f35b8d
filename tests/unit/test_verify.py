"""Verify: breaches become rows once, charts under another's name are named, the rest is kept."""

import json
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

import pytest
from soundlake.store.schemas import SCHEMAS

from tests.unit.helpers import (
    MONTH,
    NORWAY_CHART,
    TODAY,
    FakeSpotify,
    Row,
    Zones,
    enrich,
    episode,
    features_of,
    invoke,
    kept_answers,
    load,
    outcome,
    playlist_id,
    publish,
    stage,
    track,
    track_id,
)

YESTERDAY = "2026-11-20"
QUALITY = f"lake/data_quality/month={MONTH}/data_quality.parquet"


def chart_of(name: str) -> dict[str, str]:
    cadence, country = name.split("-")
    return NORWAY_CHART | {
        "chart": name,
        "country": country,
        "cadence": cadence,
        "playlist_id": playlist_id(f"{cadence[0]}{country}"),
    }


def tracks(first: int, count: int = 50) -> list[Row]:
    return [track(number) for number in range(first, first + count)]


def stage_chart(zones: Zones, name: str, items: Iterable[Any], day: str = TODAY) -> None:
    stage(zones, items, chart_of(name), day)


def load_chart(zones: Zones, name: str, items: Iterable[Any], day: str = TODAY) -> Row:
    """Stage and load a chart's day; its outcome as the machine has it."""
    return load(zones, items, chart_of(name), day)


def verify(*outcomes: Row, day: str = TODAY) -> Row:
    return invoke("verify", {"date": day, "charts": list(outcomes)})


def rows(zones: Zones) -> list[tuple[str | None, str, str]]:
    return [
        (row["chart"], row["expectation"], row["consequence"]) for row in zones.rows("data_quality")
    ]


def profile(zones: Zones, day: int, coverage: int, *charts: str, month: str = MONTH) -> None:
    """Country profiles of earlier days: so many of 50 tracks had features."""
    made = [
        {
            "chart": chart,
            "chart_date": date.fromisoformat(f"{month}-{day:02d}"),
            "tracks": 50,
            "tracks_with_features": coverage,
        }
        for chart in charts
    ]
    zones.lake.replace("country_profiles", month, "country_profiles", lambda before: before + made)


# Rows.


def test_a_good_day_has_no_rows(zones: Zones) -> None:
    result = verify(
        load_chart(zones, "daily-NO", tracks(1)), load_chart(zones, "daily-SE", tracks(60))
    )

    assert result == {
        "status": "verified",
        "errors": 0,
        "warnings": 0,
        "problems": [],
        "withdraw": [],
        "counts": {"errors": 0, "warnings": 0},
    }
    assert zones.keys("lake/data_quality/") == []


def test_what_the_charts_breached_is_written_with_its_types(zones: Zones) -> None:
    result = verify(load_chart(zones, "daily-NO", [track(1)]))

    sentence = "daily-NO of 2026-11-21 has 1 place and not 50."
    assert (result["warnings"], result["problems"]) == (1, [sentence])
    assert result["counts"] == {"errors": 0, "warnings": 1}
    (row,) = zones.rows("data_quality")
    assert row == {
        "chart": "daily-NO",
        "country": "NO",
        "chart_date": date(2026, 11, 21),
        "expectation": "fifty_places",
        "severity": "warning",
        "about": "chart",
        "observed": "1 place",
        "expected": "50 places",
        "evidence": sentence,
        "consequence": "published",
        "observed_at": datetime(2026, 11, 21, 7),  # noqa: DTZ001
        "raw_key": f"raw/charts/spotify/daily-NO/{TODAY}/001/page-01.json.gz",
    }
    assert list(row) == SCHEMAS["data_quality"].names


def test_a_refused_charts_errors_are_rows_and_counted(zones: Zones) -> None:
    stage_chart(zones, "daily-SE", [track(1, id="?"), *tracks(2, 49)])

    result = verify(load_chart(zones, "daily-NO", [track(1)]), outcome("daily-SE", "refused"))

    assert (result["status"], result["errors"], result["warnings"]) == ("verified", 1, 1)
    assert result["withdraw"] == []
    assert result["problems"] == [
        "daily-SE of 2026-11-21 names at position 1 what is no Spotify id: track '?'.",
        "daily-NO of 2026-11-21 has 1 place and not 50.",
    ]
    assert rows(zones) == [
        ("daily-NO", "fifty_places", "published"),
        ("daily-SE", "ids_well_formed", "not loaded"),
    ]


@pytest.mark.parametrize("status", ["unchanged", "failed", "deferred", "unavailable"])
def test_what_was_neither_loaded_nor_refused_is_not_looked_at(status: str, zones: Zones) -> None:
    stage_chart(zones, "daily-NO", [track(1)])

    assert verify(outcome("daily-NO", status))["warnings"] == 0
    assert zones.keys("lake/") == []


def test_a_run_without_charts_is_verified(zones: Zones) -> None:
    assert verify()["status"] == "verified"
    assert zones.keys("lake/") == []


def test_fifty_breaches_are_all_rows_while_ten_are_named(zones: Zones) -> None:
    result = verify(load_chart(zones, "daily-NO", [track(1), *[episode()] * 49]))

    assert result["warnings"] == len(zones.rows("data_quality")) == 49
    assert result["problems"][0].endswith("no track at position 2 but: episode.")
    assert result["problems"][10:] == ["and 39 more"]


def test_a_long_bad_day_stays_small(zones: Zones) -> None:
    names = [f"daily-{first}{second}" for first in "ABCDEFGH" for second in "ABCDEFGHI"]
    same = [track(number, name="x" * 10_000) for number in range(1, 11)]
    outcomes = [load_chart(zones, name, same) for name in names]

    result = verify(*outcomes)

    assert (result["errors"], len(result["withdraw"])) == (72, 72)
    assert len(json.dumps(result)) < 50_000


# Again.


def test_verifying_again_leaves_the_object_as_it_was(zones: Zones, spotify: FakeSpotify) -> None:
    loaded = load_chart(zones, "daily-NO", [track(1), episode()])
    know_two(spotify, tempo=0.0)
    first = verify(loaded)
    before = zones.contents("lake/"), zones.versions("lake/")

    assert verify(loaded) == first
    assert (zones.contents("lake/"), zones.versions("lake/")) == before


def test_a_charts_rows_take_the_place_of_its_days_earlier_rows_alone(zones: Zones) -> None:
    yesterday = load_chart(zones, "daily-NO", [track(2)], YESTERDAY)
    verify(yesterday, day=YESTERDAY)
    sweden = load_chart(zones, "daily-SE", [track(3)])
    verify(load_chart(zones, "daily-NO", [track(1), episode()]), sweden)

    verify(load_chart(zones, "daily-NO", tracks(1)))

    assert [(row["chart"], row["chart_date"].day) for row in zones.rows("data_quality")] == [
        ("daily-NO", 20),
        ("daily-SE", 21),
    ]


def test_the_same_rows_in_another_order_are_the_same_bytes(zones: Zones) -> None:
    charts = [
        load_chart(zones, name, [track(number), episode()])
        for number, name in enumerate(("daily-NO", "daily-SE", "daily-DK"), 1)
    ]
    verify(*charts)
    forwards = zones.body(QUALITY)
    zones.s3.delete_object(Bucket=zones.bucket.name, Key=QUALITY)

    for chart in reversed(charts):
        verify(chart)

    assert zones.body(QUALITY) == forwards


# One table under two names.


def test_a_chart_under_anothers_name_is_to_be_withdrawn(zones: Zones) -> None:
    load_chart(zones, "daily-NO", tracks(1), YESTERDAY)
    load_chart(zones, "daily-SE", tracks(100), YESTERDAY)
    same = tracks(2, 49)
    norway, sweden = (load_chart(zones, name, same) for name in ("daily-NO", "daily-SE"))

    result = verify(norway, sweden)

    sentence = (
        "daily-SE of 2026-11-21 shows the very table of daily-NO, and shares 0 of its 49 tracks "
        "with its own of 2026-11-20."
    )
    raw_key = f"raw/charts/spotify/daily-SE/{TODAY}/001/page-01.json.gz"
    assert result["withdraw"] == [
        {"chart": "daily-SE", "date": TODAY, "raw_key": raw_key, "error": sentence}
    ]
    assert (result["status"], result["errors"]) == ("verified", 1)
    assert result["problems"][0] == sentence
    assert rows(zones) == [
        ("daily-NO", "fifty_places", "published"),
        # What is withdrawn is withdrawn for all that it breached.
        ("daily-SE", "fifty_places", "withdrawn"),
        ("daily-SE", "no_others_table", "withdrawn"),
    ]


def test_todays_own_rows_do_not_speak_for_a_chart(zones: Zones) -> None:
    same = tracks(1)
    charts = [load_chart(zones, name, same) for name in ("daily-NO", "daily-SE")]

    result = verify(*charts)

    assert [each["chart"] for each in result["withdraw"]] == ["daily-NO", "daily-SE"]
    assert "no earlier table of its own" in result["problems"][0]


def test_an_earlier_table_of_last_month_speaks_for_a_chart(zones: Zones) -> None:
    for name in ("daily-NO", "daily-SE"):
        load_chart(zones, name, tracks(20), "2026-10-02")
    charts = [load_chart(zones, name, tracks(1)) for name in ("daily-NO", "daily-SE")]

    result = verify(*charts)

    assert (result["errors"], result["warnings"], result["withdraw"]) == (0, 2, [])
    assert {row["expectation"] for row in zones.rows("data_quality")} == {"tables_differ"}
    assert "shares 31 of its 50 tracks with its own of 2026-10-02" in result["problems"][0]


def test_only_the_latest_earlier_table_speaks_for_a_chart(zones: Zones) -> None:
    for name in ("daily-NO", "daily-SE"):
        load_chart(zones, name, tracks(1), "2026-11-18")
    load_chart(zones, "daily-NO", tracks(2), YESTERDAY)
    load_chart(zones, "daily-SE", tracks(200), YESTERDAY)
    charts = [load_chart(zones, name, tracks(1)) for name in ("daily-NO", "daily-SE")]

    assert [each["chart"] for each in verify(*charts)["withdraw"]] == ["daily-SE"]


def test_a_refused_chart_counts_as_another_but_cannot_be_withdrawn(zones: Zones) -> None:
    load_chart(zones, "daily-NO", tracks(1), YESTERDAY)
    same = [track(2), *tracks(2, 49)]
    stage_chart(zones, "daily-SE", same)

    result = verify(load_chart(zones, "daily-NO", same), outcome("daily-SE", "refused"))

    assert (result["errors"], result["withdraw"]) == (1, [])
    assert ("daily-SE", "no_others_table", "not loaded") in rows(zones)


def test_short_tables_and_other_cadences_may_be_the_same(zones: Zones) -> None:
    charts = [load_chart(zones, name, tracks(1, 9)) for name in ("daily-NO", "daily-SE")]
    charts += [load_chart(zones, name, tracks(100)) for name in ("daily-DK", "weekly-DK")]

    assert (verify(*charts)["errors"], zones.rows("data_quality")[0]["expectation"]) == (
        0,
        "fifty_places",
    )


# Charts of several days.


def test_each_days_charts_are_looked_at_together(zones: Zones) -> None:
    """The same table on two days is nobody else's; on one day it is."""
    same = tracks(1)
    past = load_chart(zones, "daily-NO", same, YESTERDAY)
    apart = verify(past, load_chart(zones, "daily-SE", same))

    together = verify(past, load_chart(zones, "daily-SE", same, YESTERDAY))

    assert (apart["errors"], apart["warnings"], apart["withdraw"]) == (0, 0, [])
    assert together["errors"] == 2
    assert [(each["chart"], each["date"]) for each in together["withdraw"]] == [
        ("daily-NO", YESTERDAY),
        ("daily-SE", YESTERDAY),
    ]
    assert {row["chart_date"].day for row in zones.rows("data_quality")} == {20}


def test_a_chart_refused_today_and_loaded_for_a_past_day_is_two(zones: Zones) -> None:
    past = load_chart(zones, "daily-NO", [track(1)], YESTERDAY)
    stage_chart(zones, "daily-NO", [track(1, id="?"), *tracks(2, 49)])

    result = verify(past, outcome("daily-NO", "refused"))

    assert (result["errors"], result["warnings"], result["withdraw"]) == (1, 1, [])
    found = zones.rows("data_quality")
    assert [(row["chart_date"].day, row["expectation"], row["consequence"]) for row in found] == [
        (20, "fifty_places", "published"),
        (21, "ids_well_formed", "not loaded"),
    ]


def test_a_chart_loaded_today_and_refused_for_a_past_day_is_two(zones: Zones) -> None:
    """What shows another's table on a past day is withdrawn there and nowhere else."""
    same = tracks(1)
    stage_chart(zones, "daily-NO", [track(1, id="?"), *same[1:]], YESTERDAY)
    past = [
        outcome("daily-NO", "refused", YESTERDAY),
        load_chart(zones, "daily-SE", same, YESTERDAY),
    ]
    sweden = load_chart(zones, "daily-SE", tracks(200))
    norway = load_chart(zones, "daily-NO", tracks(300))
    denmark = load_chart(zones, "daily-DK", same, YESTERDAY)

    result = verify(norway, *past, sweden, denmark)

    assert sorted((each["chart"], each["date"]) for each in result["withdraw"]) == [
        ("daily-DK", YESTERDAY),
        ("daily-SE", YESTERDAY),
    ]
    consequences = {
        (row["chart"], row["chart_date"].day): row["consequence"]
        for row in zones.rows("data_quality")
    }
    assert consequences == {
        ("daily-DK", 20): "withdrawn",
        ("daily-NO", 20): "not loaded",
        ("daily-SE", 20): "withdrawn",
    }


def test_a_past_days_rows_go_to_its_own_month(zones: Zones) -> None:
    october = load_chart(zones, "daily-NO", [track(1)], "2026-10-31")
    november = load_chart(zones, "daily-NO", [track(1)], "2026-11-01")

    assert verify(october, november, day="2026-11-01")["warnings"] == 2
    before = zones.contents("lake/data_quality/")

    assert [row["chart_date"].month for row in zones.rows("data_quality", "2026-10")] == [10]
    assert [row["chart_date"].month for row in zones.rows("data_quality", "2026-11")] == [11]
    assert verify(october, november, day="2026-11-01")["warnings"] == 2
    assert zones.contents("lake/data_quality/") == before


def test_making_up_for_a_past_day_leaves_the_rows_of_other_days(zones: Zones) -> None:
    verify(load_chart(zones, "daily-NO", [track(1)], "2026-11-18"), day="2026-11-18")
    verify(load_chart(zones, "daily-NO", [track(2)], YESTERDAY), day=YESTERDAY)

    verify(load_chart(zones, "daily-NO", tracks(1), "2026-11-18"))

    assert [row["chart_date"].day for row in zones.rows("data_quality")] == [20]


def test_a_past_day_is_compared_with_the_days_before_it(zones: Zones) -> None:
    profile(zones, 19, 50, "daily-NO")
    profile(zones, 20, 0, "daily-NO")
    profile(zones, 18, 50, "daily-NO")

    result = verify(load_chart(zones, "daily-NO", tracks(1), YESTERDAY))

    assert result["problems"] == [
        "0% of the tracks of daily-NO of 2026-11-20 have audio features; on its latest days it "
        "was 100%."
    ]


# The days before.


def test_less_coverage_than_on_the_latest_days_is_a_warning(zones: Zones) -> None:
    profile(zones, 31, 50, "daily-NO", month="2026-10")
    profile(zones, 20, 40, "daily-NO", "daily-SE")
    profile(zones, 22, 0, "daily-NO")  # a later day is none of the days before

    result = verify(load_chart(zones, "daily-NO", tracks(1)))

    assert result["problems"] == [
        "0% of the tracks of daily-NO of 2026-11-21 have audio features; on its latest days it "
        "was 90%."
    ]


def test_features_count_whether_published_or_only_answered(
    zones: Zones, spotify: FakeSpotify
) -> None:
    profile(zones, 20, 50, "daily-NO")
    loaded = load_chart(zones, "daily-NO", [track(1), track(2)])
    know_two(spotify)
    assert [row[1] for row in verified_rows(zones, loaded)] == ["fifty_places"]

    publish()
    assert [row["track_id"] for row in zones.rows("audio_features")] == [track_id(1), track_id(2)]
    assert [row[1] for row in verified_rows(zones, loaded)] == ["fifty_places"]


def test_tracks_that_nobody_knows_features_of_do_not_count(
    zones: Zones, spotify: FakeSpotify
) -> None:
    profile(zones, 20, 50, "daily-NO")
    loaded = load_chart(zones, "daily-NO", [track(1), track(2)])
    spotify.features[track_id(1)] = features_of(track_id(1))
    ask()
    expected = ["coverage_kept", "fifty_places"]

    assert [row[1] for row in verified_rows(zones, loaded)] == expected
    publish()
    assert len(zones.rows("audio_features")) == 2
    assert [row[1] for row in verified_rows(zones, loaded)] == expected


def test_nobody_asks_for_the_features_of_a_refused_chart(zones: Zones) -> None:
    profile(zones, 20, 50, "daily-NO")
    stage_chart(zones, "daily-NO", [track(1, id="?"), *tracks(2, 49)])

    found = verified_rows(zones, outcome("daily-NO", "refused"))

    assert [row[1] for row in found] == ["charts_loaded", "ids_well_formed"]


def test_seven_days_are_the_latest(zones: Zones) -> None:
    for day in range(1, 14):
        profile(zones, day, 50, "daily-NO", "daily-SE")
    for day in range(14, 21):
        profile(zones, day, 0, "daily-NO")

    result = verify(load_chart(zones, "daily-NO", tracks(1)), outcome("daily-SE", "failed"))

    assert result["warnings"] == 0


def test_fewer_charts_than_on_the_latest_days_is_a_warning_of_the_run(zones: Zones) -> None:
    names = [f"daily-{letter}O" for letter in "ABCDEFGHIJ"]
    for day in (17, 18, 19):
        profile(zones, day, 0, *names, "weekly-NO")
    charts = [load_chart(zones, names[0], tracks(1))]

    result = verify(*charts, *(outcome(name, "failed") for name in names[1:]))

    assert result["problems"] == [
        "1 of 10 daily charts asked for of 2026-11-21 could be loaded; on the latest days it "
        "was 10."
    ]
    (row,) = zones.rows("data_quality")
    assert (row["chart"], row["about"], row["raw_key"]) == (None, "run", None)
    assert row["observed_at"] == datetime(2026, 11, 21, 7)  # noqa: DTZ001


def test_a_run_of_one_chart_is_not_held_against_days_of_ten(zones: Zones) -> None:
    profile(zones, 20, 0, *(f"daily-{letter}O" for letter in "ABCDEFGHIJ"))

    assert verify(load_chart(zones, "daily-AO", tracks(1)))["warnings"] == 0


def test_a_later_run_of_the_day_says_anew_what_the_run_lacks(zones: Zones) -> None:
    profile(zones, 20, 0, "daily-NO", "daily-SE")
    norway = load_chart(zones, "daily-NO", tracks(1))
    assert verify(norway, outcome("daily-SE", "failed"))["warnings"] == 1

    verify(norway, load_chart(zones, "daily-SE", tracks(60)))

    assert zones.rows("data_quality") == []


# Features.


def know_two(spotify: FakeSpotify, **changes: Any) -> None:
    """Ask for the features of what is charted, two tracks known; track 1's are changed."""
    spotify.features[track_id(1)] = features_of(track_id(1), **changes)
    spotify.features[track_id(2)] = features_of(track_id(2))
    ask()


def ask() -> None:
    assert enrich()["status"] == "enriched"


def verified_rows(zones: Zones, *outcomes: Row) -> list[tuple[str | None, str, str]]:
    verify(*outcomes)
    return rows(zones)


def test_a_feature_out_of_range_is_a_row_and_a_null(zones: Zones, spotify: FakeSpotify) -> None:
    loaded = load_chart(zones, "daily-NO", tracks(1))
    know_two(spotify, tempo=0.0)

    result = verify(loaded)

    assert (result["errors"], result["warnings"]) == (0, 1)
    (row,) = zones.rows("data_quality")
    assert (row["chart"], row["country"], row["chart_date"]) == (None, None, date(2026, 11, 21))
    assert (row["expectation"], row["about"]) == ("tempo_in_range", track_id(1))
    assert row["consequence"] == "set to null"
    assert row["raw_key"] in zones.keys("raw/audio-features/")

    publish()
    published = {each["track_id"]: each["tempo"] for each in zones.rows("audio_features")}
    assert (published[track_id(1)], published[track_id(2)]) == (None, 120.0)


def test_a_features_row_stays_when_its_answer_is_published(
    zones: Zones, spotify: FakeSpotify
) -> None:
    loaded = load_chart(zones, "daily-NO", tracks(1))
    know_two(spotify, tempo=0.0)
    verify(loaded)
    publish()
    before = zones.body(QUALITY)

    assert verify(loaded)["warnings"] == 0
    assert zones.body(QUALITY) == before


def test_an_answer_of_last_month_has_its_rows_there(zones: Zones, spotify: FakeSpotify) -> None:
    loaded = load_chart(zones, "daily-NO", tracks(1))
    know_two(spotify, tempo=0.0)
    assert invoke("verify", {"date": "2026-12-01", "charts": []})["warnings"] == 1

    assert [row["expectation"] for row in zones.rows("data_quality")] == ["tempo_in_range"]
    assert zones.keys("lake/data_quality/") == [QUALITY]
    assert verify(loaded)["warnings"] == 1
    assert len(zones.rows("data_quality")) == 1


def test_an_answer_that_cannot_be_read_is_publishes_to_name(
    zones: Zones, spotify: FakeSpotify
) -> None:
    loaded = load_chart(zones, "daily-NO", tracks(1))
    know_two(spotify, tempo=0.0)
    (kept,) = kept_answers(zones)
    zones.damage(kept)

    assert verify(loaded)["status"] == "verified"
    assert zones.keys("lake/data_quality/") == []
    assert publish()["status"] == "failed"


# What fails.


def test_staged_rows_that_are_gone_fail_and_nothing_is_written(zones: Zones) -> None:
    loaded = load_chart(zones, "daily-NO", [track(1)])

    assert verify(loaded, outcome("daily-SE")) == {
        "status": "failed",
        "error": f"staging/daily/{TODAY}/daily-SE.json.gz is missing; run the day again to stage "
        "it anew.",
        "errors": 0,
        "warnings": 0,
        "problems": [],
        "withdraw": [],
    }
    assert zones.keys("lake/data_quality/") == []


@pytest.mark.parametrize("table", ["data_quality", "country_profiles"])
def test_a_damaged_table_is_named_and_stays(table: str, zones: Zones) -> None:
    profile(zones, 20, 50, "daily-NO")
    verify(load_chart(zones, "daily-NO", [track(1)]))
    name = f"lake/{table}/month={MONTH}/{table}.parquet"
    damaged = zones.damage(name)

    result = verify(load_chart(zones, "daily-NO", [track(2)]))

    assert result["status"] == "failed"
    assert result["error"].startswith(f"{name} is not a whole Parquet file;")
    assert zones.body(name) == damaged


def test_nothing_is_given_away(
    zones: Zones, spotify: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    loaded = load_chart(zones, "daily-NO", [track(1), episode()])
    know_two(spotify, tempo=0.0)

    assert tell_tales(verify(loaded)) == []
    assert spotify.asked.count("GET /v1/audio-features") == 1
