"""Plan: the date and the charts of a run, or one sentence why there is none."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.helpers import TODAY, Row, Zones, chart_list, chart_row, invoke, playlist_id

START = "2026-11-21T07:00:31.5Z"
KEY = "config/charts.csv"


def plan(given: Any = None, start: str = START) -> Row:
    return invoke("plan", {"input": {} if given is None else given, "start_time": start})


@pytest.fixture
def listed(zones: Zones) -> Zones:
    """A bucket with a chart list of two enabled charts and one that is not."""
    text = chart_list(
        chart_row("daily-NO"), chart_row("daily-SE"), chart_row("weekly-NO", enabled="false")
    )
    zones.put(KEY, text.encode())
    return zones


def names(result: Row) -> list[str]:
    return [chart["chart"] for chart in result["charts"]]


def test_an_empty_input_reads_every_enabled_chart_of_the_runs_own_day(listed: Zones) -> None:
    assert plan() == {
        "status": "planned",
        "date": TODAY,
        "charts": [
            {
                "chart": f"daily-{country}",
                "country": country,
                "country_name": f"Country {country}",
                "cadence": "daily",
                "playlist_id": playlist_id(f"d{country}"),
            }
            for country in ("NO", "SE")
        ],
        "counts": {"charts": 2},
    }


def test_a_list_that_starts_with_a_byte_order_mark_is_read(listed: Zones) -> None:
    listed.put(KEY, chart_list(chart_row()).encode("utf-8-sig"))

    assert names(plan()) == ["daily-NO"]


@pytest.mark.parametrize(
    ("given", "date"),
    [
        ({"date": "2026-11-20"}, "2026-11-20"),
        ({"date": TODAY}, TODAY),
        ({"scheduled_time": "2026-11-20T23:59:59Z"}, "2026-11-20"),
        ({"scheduled_time": "2026-11-20T23:59:59-01:00"}, TODAY),
        ({"date": "2026-11-19", "scheduled_time": "2026-11-20T07:00:00Z"}, "2026-11-19"),
        ({"scheduled_time": "<aws.scheduler.scheduled-time>"}, TODAY),
        ({"scheduled_time": None, "date": None, "charts": None}, TODAY),
    ],
)
def test_the_date_is_the_operators_or_the_schedules_or_the_starts(
    given: Row, date: str, listed: Zones
) -> None:
    assert plan(given)["date"] == date


def test_the_day_is_counted_in_utc(listed: Zones) -> None:
    assert plan(start="2026-11-22T00:30:00+01:00")["date"] == TODAY


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(["NO"], ["daily-NO"]), (["weekly-NO", "se"], ["weekly-NO", "daily-SE"])],
)
def test_only_the_wanted_charts_are_read(
    wanted: list[str], expected: list[str], listed: Zones
) -> None:
    assert names(plan({"charts": wanted})) == expected


def test_an_unknown_country_is_refused(listed: Zones) -> None:
    assert plan({"charts": ["XX"]}) == {
        "status": "invalid",
        "error": "No chart for 'XX': the chart list has none. Name a country like NO or a chart "
        "like weekly-NO; ./soundlake charts shows them all.",
    }


@pytest.mark.parametrize(
    "given", [{"date": "2026-11-22"}, {"scheduled_time": "2026-11-22T00:00:00Z"}]
)
def test_a_date_in_the_future_is_refused(given: Row, listed: Zones) -> None:
    assert plan(given) == {
        "status": "invalid",
        "error": "2026-11-22 lies in the future (today is 2026-11-21, UTC): no chart has it yet.",
    }


def test_a_missing_chart_list_says_what_to_do(zones: Zones) -> None:
    assert plan() == {
        "status": "invalid",
        "error": "There is no chart list yet; upload one with ./soundlake charts FILE.",
    }


def test_a_list_in_another_encoding_says_what_to_do(zones: Zones) -> None:
    zones.put(KEY, chart_list(chart_row(country_name="\u00d8stland")).encode("latin-1"))

    assert plan() == {
        "status": "invalid",
        "error": "The chart list is not UTF-8 text; save it as CSV in UTF-8.",
    }


def test_a_wrong_list_names_its_row_and_field(zones: Zones) -> None:
    zones.put(KEY, chart_list(chart_row(), chart_row("daily-SE", enabled="maybe")).encode())

    assert plan() == {
        "status": "invalid",
        "error": "The chart list's row 3 has enabled 'maybe'; expected true or false.",
    }


def test_a_list_without_an_enabled_chart_says_what_to_do(zones: Zones) -> None:
    zones.put(KEY, chart_list(chart_row(enabled="false")).encode())

    assert plan() == {
        "status": "invalid",
        "error": "Every chart is switched off; set enabled to true for one in the list.",
    }


def test_an_empty_wish_is_not_blamed_on_the_list(listed: Zones) -> None:
    result = plan({"charts": []})

    assert result["status"] == "invalid"
    assert "switched off" not in result["error"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"dates": "2026-11-21"}, "dates"),
        ({"date": 20261121}, "date"),
        ({"charts": "NO"}, "charts"),
        ({"charts": ["NO", 7]}, "charts.1"),
        ({"scheduled_time": 7}, "scheduled_time"),
        ([], "input"),
        ("2026-11-21", "input"),
    ],
)
def test_a_wrong_input_names_its_field(given: Any, field: str, listed: Zones) -> None:
    result = plan(given)

    assert result["status"] == "invalid"
    assert result["error"].startswith(f"The input's {field!r} is wrong (")
    assert result["error"].endswith(
        "); it may hold scheduled_time, date "
        'and charts, like {"date": "2026-11-21", "charts": ["NO"]}.'
    )


def test_no_input_at_all_is_refused(listed: Zones) -> None:
    result = invoke("plan", {"input": None, "start_time": START})

    assert result["error"].startswith("The input's 'input' is wrong (")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            {"scheduled_time": "2026-11-21T07:00:00"},
            "'2026-11-21T07:00:00' has no time zone; write it like 2026-11-21T09:18:00Z (UTC).",
        ),
        (
            {"scheduled_time": "this morning"},
            "'this morning' is not a time; write it like 2026-11-21T09:18:00Z (ISO 8601, UTC).",
        ),
        ({"date": "21.11.2026"}, "'21.11.2026' is not a date; write it like 2026-11-21."),
        ({"date": "2026-11-31"}, "'2026-11-31' is not a date; write it like 2026-11-21."),
    ],
)
def test_a_time_or_date_that_cannot_be_read_is_refused(
    given: Row, error: str, listed: Zones
) -> None:
    assert plan(given) == {"status": "invalid", "error": error}


def test_planning_writes_nothing_and_gives_nothing_away(
    listed: Zones, ssm: Any, tell_tales: Callable[[object], list[str]]
) -> None:
    before = listed.versions()

    assert tell_tales(plan()) == []
    assert listed.versions() == before
