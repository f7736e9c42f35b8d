"""A page of kworb.net through the day's steps: its rows are of its own day, not of the run's."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from soundlake.store.objects import pack
from soundlake.times import format_time

from tests.unit.chart_csv import chart_csv, top
from tests.unit.helpers import (
    MONTH,
    NORWAY_CHART,
    NOW,
    TODAY,
    FakeSpotify,
    Row,
    Zones,
    enrich,
    features_of,
    invoke,
    keep_file,
    load_file,
    outcome,
    publish,
    stage,
    track,
    transform_file,
)
from tests.unit.kworb_pages import kworb_page, page_row, page_rows, track_id

SHOWN = "2026-11-19"
BEFORE = "2026-11-18"


def keep(
    zones: Zones, body: bytes, day: str = TODAY, chart: Row = NORWAY_CHART, at: datetime = NOW
) -> str:
    """Put a page where Extract keeps it; its key."""
    key = f"raw/charts/kworb/{chart['chart']}/{day}/001/page-01.html.gz"
    zones.put(key, pack(body), {"at": format_time(at), "request": "/spotify/country/x"})
    return key


def shown(day: str, **given: Any) -> bytes:
    return kworb_page(day.replace("-", "/"), **given)


def transform(key: str, *earlier: str, day: str = TODAY, chart: Row = NORWAY_CHART) -> Row:
    event = {"chart": chart, "date": day, "raw_keys": [key], "earlier_keys": list(earlier)}
    return invoke("transform", event)


def load(day: str = TODAY) -> Row:
    return invoke("load", {"chart": "daily-NO", "date": day})


def loaded(zones: Zones, body: bytes, day: str = TODAY, at: datetime = NOW) -> Row:
    """A page through Transform and Load; its outcome as the machine has it."""
    transformed = transform(keep(zones, body, day, at=at), day=day)
    assert transformed["status"] == "transformed", transformed
    result = load(day)
    return outcome("daily-NO", result["status"], day, shown_date=transformed["shown_date"], holes=0)


def verify(*outcomes: Row, day: str = TODAY) -> Row:
    names = ("chart", "date", "status", "shown_date")
    charts = [{name: each[name] for name in names if name in each} for each in outcomes]
    return invoke("verify", {"date": day, "charts": charts})


def entries(zones: Zones) -> list[tuple[str, str, int]]:
    """The days that the lake has of the chart, with their provider and rows."""
    rows = zones.rows("chart_entries", MONTH, "daily-NO")
    days = dict.fromkeys((str(row["chart_date"]), row["provider"]) for row in rows)
    return [(day, who, sum(str(row["chart_date"]) == day for row in rows)) for day, who in days]


def breaches(zones: Zones) -> list[tuple[str, str, str]]:
    return [
        (row["expectation"], str(row["chart_date"]), row["about"])
        for row in zones.rows("data_quality", MONTH)
        if row["expectation"] not in {"two_hundred_places", "peak_is_best"}
    ]


def test_rows_are_filed_under_the_day_that_the_page_names(zones: Zones) -> None:
    key = keep(zones, shown(SHOWN))

    transformed = transform(key)
    result = load()

    assert (transformed["status"], transformed["shown_date"]) == ("transformed", SHOWN)
    assert (result["status"], result["rows"], result["written"]) == ("loaded", 60, True)
    assert entries(zones) == [(SHOWN, "kworb", 60)]
    first = zones.rows("chart_entries", MONTH, "daily-NO")[0]
    assert (first["date_basis"], first["raw_key"]) == ("stated", key)
    assert first["observed_at"] == NOW.replace(tzinfo=None)
    assert first["streams"] == 999_000


def test_a_page_of_a_day_that_is_there_changes_nothing(zones: Zones) -> None:
    loaded(zones, shown(SHOWN), "2026-11-20")
    versions = zones.versions("lake/")

    again = loaded(zones, shown(SHOWN))

    assert again["status"] == "unchanged"
    assert zones.versions("lake/") == versions


def test_a_page_that_is_loaded_twice_is_loaded_and_looked_at(zones: Zones) -> None:
    """A run that was broken off, or a step that was tried again, loads the very page once more."""
    loaded(zones, shown("2026-11-17"), "2026-11-19")
    transform(keep(zones, shown(SHOWN)))
    load()
    versions = zones.versions("lake/")

    again = load()

    assert again == {"status": "loaded", "rows": 60, "written": False, "counts": {"rows": 60}}
    assert zones.versions("lake/") == versions
    verify(outcome("daily-NO", again["status"], shown_date=SHOWN))
    assert breaches(zones) == [("no_day_skipped", SHOWN, BEFORE)]


def test_a_page_that_was_corrected_takes_the_place_of_the_earlier_one_in_either_order(
    zones: Zones,
) -> None:
    first, second = shown(SHOWN), shown(SHOWN, rows=page_rows(55))
    loaded(zones, first, "2026-11-20", NOW.replace(day=20))
    loaded(zones, second)
    assert entries(zones) == [(SHOWN, "kworb", 55)]

    again = loaded(zones, first, "2026-11-20", NOW.replace(day=20))

    assert again["status"] == "superseded"
    assert entries(zones) == [(SHOWN, "kworb", 55)]


def test_a_page_gives_way_to_spotifys_playlist_in_either_order(zones: Zones) -> None:
    loaded(zones, shown(SHOWN))
    stage(zones, [track(1), track(2)], day=SHOWN)

    assert load(SHOWN)["status"] == "loaded"
    assert entries(zones) == [(SHOWN, "spotify", 2)]
    assert loaded(zones, shown(SHOWN))["status"] == "superseded"
    assert load()["error"] == (
        "Not loaded: Spotify's own playlist has that day already, and is preferred to kworb.net."
    )
    assert entries(zones) == [(SHOWN, "spotify", 2)]


def test_a_page_gives_way_to_a_file_in_either_order(zones: Zones) -> None:
    loaded(zones, shown(SHOWN))
    file = keep_file(zones, chart_csv(top()), day=SHOWN)
    transform_file(file)

    assert load_file(file)["status"] == "loaded"
    assert entries(zones) == [(SHOWN, "spotify_chart_file", 200)]
    assert loaded(zones, shown(SHOWN))["status"] == "superseded"
    assert entries(zones) == [(SHOWN, "spotify_chart_file", 200)]


def test_a_page_under_a_new_day_with_the_old_positions_is_refused(zones: Zones) -> None:
    earlier = keep(zones, shown(BEFORE), "2026-11-20")

    result = transform(keep(zones, shown(SHOWN)), earlier)

    assert (result["status"], result["shown_date"]) == ("refused", SHOWN)
    assert result["error"] == (
        f"not_yesterdays_answer: daily-NO of {SHOWN} shows the very positions of {BEFORE}: the "
        "chart was not renewed yet."
    )


@pytest.mark.parametrize("earlier", [shown(SHOWN), b"<html>", shown(BEFORE, rows=page_rows(60, 2))])
def test_an_earlier_page_of_the_same_day_or_that_is_none_is_nothing_to_compare_with(
    earlier: bytes, zones: Zones
) -> None:
    before = keep(zones, earlier, "2026-11-20")

    assert transform(keep(zones, shown(SHOWN)), before)["status"] == "transformed"


def test_a_weekly_page_is_compared_with_what_the_lake_has(zones: Zones) -> None:
    chart = NORWAY_CHART | {"chart": "weekly-NO", "cadence": "weekly"}
    body = shown(SHOWN, cadence="weekly")
    before = keep(zones, body, "2026-11-20", chart)

    result = transform(keep(zones, body, chart=chart), before, chart=chart)

    assert (result["status"], result["shown_date"]) == ("transformed", SHOWN)


def test_a_page_that_is_damaged_or_none_is_named(zones: Zones) -> None:
    damaged, none = keep(zones, shown(SHOWN)), keep(zones, b"<html>", "2026-11-20")
    zones.damage(damaged)

    assert damaged in transform(damaged)["error"]
    assert transform(none)["error"].startswith("kworb.net's page of daily-NO has no heading")


# What is expected, and what is missing.


def test_a_day_that_was_never_shown_to_us_is_named(zones: Zones) -> None:
    loaded(zones, shown("2026-11-16"), "2026-11-18")

    result = verify(loaded(zones, shown(SHOWN)))

    assert breaches(zones) == [("no_day_skipped", SHOWN, "2026-11-17 to 2026-11-18")]
    assert (
        f"daily-NO of {SHOWN} comes after that of 2026-11-16: 2026-11-17 to 2026-11-18 was not "
        "read while it was shown. A file of charts.spotify.com can be imported in its place."
    ) in result["problems"]


def test_no_day_is_missing_that_somebody_else_has(zones: Zones) -> None:
    loaded(zones, shown("2026-11-17"), TODAY)
    file = keep_file(zones, chart_csv(top()), day=BEFORE)
    transform_file(file)
    load_file(file)

    verify(loaded(zones, shown(SHOWN)))

    assert breaches(zones) == []


def test_over_the_end_of_a_month_too(zones: Zones) -> None:
    loaded(zones, shown("2026-10-30"), TODAY)

    verify(loaded(zones, shown("2026-11-02")))

    assert breaches(zones) == [("no_day_skipped", "2026-11-02", "2026-10-31 to 2026-11-01")]


def test_a_breach_is_of_the_day_that_was_shown(zones: Zones) -> None:
    rows = page_rows()
    rows[2] = page_row(3, what="A - B")

    verify(loaded(zones, shown(SHOWN, rows=rows)))

    assert breaches(zones) == [("holes_declared", SHOWN, "3")]
    verify(loaded(zones, shown(SHOWN)))
    assert breaches(zones) == []


def test_a_chart_that_was_not_renewed_yet_is_not_missing(zones: Zones) -> None:
    publish(loaded(zones, shown("2026-11-17"), "2026-11-19"), day="2026-11-19")
    publish(loaded(zones, shown(BEFORE), "2026-11-20"), day="2026-11-20")
    unchanged = loaded(zones, shown(BEFORE))

    assert unchanged["status"] == "unchanged"
    assert verify(unchanged)["warnings"] == 0
    assert verify(outcome("daily-NO", "failed"))["problems"] == [
        f"0 of 1 daily chart asked for of {TODAY} could be loaded; on the latest days it was 1."
    ]


def test_a_withdrawn_day_is_the_one_that_was_shown(zones: Zones) -> None:
    """Two countries with one table, and nothing of their own before."""
    sweden = NORWAY_CHART | {"chart": "daily-SE", "country": "SE", "country_name": "Sweden"}
    transform(keep(zones, shown(SHOWN, name="Sweden"), chart=sweden), chart=sweden)
    invoke("load", {"chart": "daily-SE", "date": TODAY})
    both = [
        loaded(zones, shown(SHOWN)),
        outcome("daily-SE", shown_date=SHOWN, rows=60, holes=0),
    ]

    found = verify(*both)
    withdrawals = invoke("load", {"withdraw": found["withdraw"]})["charts"]
    publish(*both, withdrawals=withdrawals)

    assert [(each["chart"], each["date"]) for each in found["withdraw"]] == [
        ("daily-NO", SHOWN),
        ("daily-SE", SHOWN),
    ]
    assert entries(zones) == []
    assert [
        (row["chart"], str(row["chart_date"]), row["status"], str(row["shown_date"]))
        for row in zones.rows("chart_days", MONTH)
    ] == [(chart, TODAY, "withdrawn", SHOWN) for chart in ("daily-NO", "daily-SE")]


def test_a_withdrawn_page_leaves_the_file_that_took_its_place(zones: Zones) -> None:
    sweden = NORWAY_CHART | {"chart": "daily-SE", "country": "SE", "country_name": "Sweden"}
    transform(keep(zones, shown(SHOWN, name="Sweden"), chart=sweden), chart=sweden)
    invoke("load", {"chart": "daily-SE", "date": TODAY})
    both = [loaded(zones, shown(SHOWN)), outcome("daily-SE", shown_date=SHOWN)]
    file = keep_file(zones, chart_csv(top()), day=SHOWN)
    transform_file(file)
    load_file(file)

    found = verify(*both)
    withdrawals = invoke("load", {"withdraw": found["withdraw"]})["charts"]

    assert [each["status"] for each in withdrawals] == ["withdrawn", "withdrawn"]
    assert entries(zones) == [(SHOWN, "spotify_chart_file", 200)]
    assert zones.rows("chart_entries", MONTH, "daily-SE") == []


def test_of_two_pages_of_a_day_the_later_ones_rows_are_withdrawn(zones: Zones) -> None:
    """A run reads its own day's page and the one that it makes up for."""
    sweden = NORWAY_CHART | {"chart": "daily-SE", "country": "SE", "country_name": "Sweden"}
    transform(keep(zones, shown(SHOWN, name="Sweden"), chart=sweden), chart=sweden)
    invoke("load", {"chart": "daily-SE", "date": TODAY})
    first = loaded(zones, shown(SHOWN, rows=page_rows(55)), "2026-11-20", NOW - timedelta(days=1))
    second = loaded(zones, shown(SHOWN))
    assert (first["status"], second["status"]) == ("loaded", "loaded")

    found = verify(second, first, outcome("daily-SE", shown_date=SHOWN))
    invoke("load", {"withdraw": found["withdraw"]})

    assert entries(zones) == []


# What is made of it.


def test_a_profile_is_of_the_day_that_was_shown(spotify: FakeSpotify, zones: Zones) -> None:
    one = loaded(zones, shown(SHOWN))
    spotify.features = {track_id(number): features_of(track_id(number)) for number in range(1, 31)}
    assert enrich()["status"] == "enriched"

    published = publish(one)

    assert published["status"] == "published"
    (profile,) = zones.rows("country_profiles", MONTH)
    assert (profile["chart_date"], profile["tracks"]) == (date.fromisoformat(SHOWN), 60)
    assert profile["tracks_with_features"] == 30
    (day,) = zones.rows("chart_days", MONTH)
    assert (str(day["chart_date"]), str(day["shown_date"]), day["status"]) == (
        TODAY,
        SHOWN,
        "loaded",
    )
    # A page shows too little of them: each was looked up, and Spotify here knows none.
    looked_up = [(row["source"], row["detail_raw_key"]) for row in zones.rows("tracks", MONTH)]
    assert len(looked_up) == 60
    assert {source for source, _ in looked_up} == {None}
    assert all(key.startswith("raw/tracks/") for _, key in looked_up)
