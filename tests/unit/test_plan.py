"""Plan: the date and the charts of a run, or one sentence why there is none."""

import json
from collections.abc import Callable
from io import StringIO
from itertools import product
from string import ascii_uppercase
from typing import Any

import pyarrow as pa
import pytest
from soundlake import access, asking
from soundlake.abilities import Ability, Finding
from soundlake.store.lake import to_parquet
from soundlake.times import parse_time

from tests.unit.helpers import (
    CLIENT_ID,
    MONTH,
    NOW,
    PREFIX,
    TODAY,
    Row,
    Zones,
    chart_list,
    chart_row,
    invoke,
    playlist_id,
)

START = "2026-11-21T07:00:31.5Z"
YESTERDAY = "2026-11-20"
KEY = "config/charts.csv"


def plan(given: Any = None, start: str = START) -> Row:
    return invoke("plan", {"input": {} if given is None else given, "start_time": start})


@pytest.fixture
def listed(zones: Zones, ssm: Any) -> Zones:
    """A bucket with a chart list of two enabled charts and one that is not; the app was probed
    just now."""
    probed(START)
    text = chart_list(
        chart_row("daily-NO"), chart_row("daily-SE"), chart_row("weekly-NO", enabled="false")
    )
    zones.put(KEY, text.encode())
    return zones


def probed(at: str, *refused: Ability) -> None:
    """Note a probe of this time that found all allowed but this."""
    findings = [Finding(each, each not in refused, NOW, "made up") for each in Ability]
    access.abilities_table().probed(CLIENT_ID, findings, parse_time(at))


def names(result: Row) -> list[str]:
    return [item["chart"]["chart"] for item in result["charts"]]


def planned(result: Row) -> list[tuple[str, str, bool]]:
    return [(item["chart"]["chart"], item["date"], item["repair"]) for item in result["charts"]]


def record(zones: Zones, *records: Row) -> None:
    """Put records of earlier runs where Publish keeps them."""
    for month in sorted({row["chart_date"][:7] for row in records}):
        rows = [row for row in records if row["chart_date"].startswith(month)]
        zones.lake.replace("chart_days", month, "chart_days", lambda _, rows=rows: rows)


def became(chart: str, day: str, status: str, not_before: str | None = None) -> Row:
    cadence, country = chart.split("-")
    return {
        "chart": chart,
        "country": country,
        "cadence": cadence,
        "chart_date": day,
        "status": status,
        "not_before": not_before,
    }


def test_an_empty_input_reads_every_enabled_chart_of_the_runs_own_day(listed: Zones) -> None:
    assert plan() == {
        "status": "planned",
        "date": TODAY,
        "charts": [
            {
                "chart": {
                    "chart": f"daily-{country}",
                    "country": country,
                    "country_name": f"Country {country}",
                    "cadence": "daily",
                    "playlist_id": playlist_id(f"d{country}"),
                },
                "date": TODAY,
                "repair": False,
                "again": False,
                "not_before": None,
                "waits": 3,
            }
            for country in ("NO", "SE")
        ],
        "done": 0,
        "access": {
            "status": "known",
            "mode": "extended",
            "in_words": "extended: Spotify refuses this app nothing that Soundlake asks for",
            "refused": [],
            "probed_at": "2026-11-21T07:00:31.500Z",
        },
        "counts": {"charts": 2, "repairs": 0},
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


def test_without_a_chart_list_there_are_no_charts_to_read(zones: Zones, ssm: Any) -> None:
    """A listener may want none; all that is not of charts is done."""
    found = plan()
    assert (found["status"], found["charts"], found["done"]) == ("planned", [], 0)


@pytest.mark.parametrize("given", [{"charts": ["NO"]}, {"date": YESTERDAY}])
def test_who_asks_for_charts_is_told_that_there_is_no_list(given: Row, zones: Zones) -> None:
    assert plan(given) == {
        "status": "invalid",
        "error": "There is no chart list yet; upload one with ./soundlake charts FILE.",
    }


def test_a_list_that_is_gone_is_missed(zones: Zones) -> None:
    """Or the charts would end, and every run would say that all is well."""
    record(zones, became("daily-NO", YESTERDAY, "loaded"))
    found = plan()
    assert found["status"] == "invalid"
    assert found["error"].startswith("The chart list is gone, and charts were read lately:")


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


def test_where_every_chart_is_switched_off_there_is_none_to_read(zones: Zones, ssm: Any) -> None:
    zones.put(KEY, chart_list(chart_row(enabled="false")).encode())
    record(zones, became("daily-NO", YESTERDAY, "loaded"))

    found = plan()
    assert (found["status"], found["charts"]) == ("planned", [])


def test_an_empty_wish_is_not_blamed_on_the_list(listed: Zones) -> None:
    assert plan({"charts": []}) == {
        "status": "invalid",
        "error": "The input's 'charts' is empty; name some, like NO, or leave it out.",
    }


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


# What earlier runs recorded.


DAMAGED = f"lake/chart_days/month={MONTH}/chart_days.parquet"


def test_what_is_done_is_counted_and_left_alone(listed: Zones) -> None:
    record(listed, became("daily-NO", TODAY, "loaded"))

    result = plan()

    assert planned(result) == [("daily-SE", TODAY, False)]
    assert (result["done"], result["counts"]) == (1, {"charts": 1, "repairs": 0})


def test_a_day_that_is_done_leaves_nothing(listed: Zones) -> None:
    record(listed, *[became(chart, TODAY, "loaded") for chart in ("daily-NO", "daily-SE")])

    result = plan()

    assert result.pop("access")["status"] == "known"
    assert result == {
        "status": "planned",
        "date": TODAY,
        "charts": [],
        "done": 2,
        "counts": {"charts": 0, "repairs": 0},
    }


@pytest.mark.parametrize("status", ["refused", "withdrawn"])
def test_what_was_refused_is_asked_for_again(status: str, listed: Zones) -> None:
    record(listed, became("daily-NO", TODAY, status), became("daily-NO", YESTERDAY, status))

    result = plan()

    assert [(item["date"], item["again"]) for item in result["charts"]] == [
        (TODAY, True),
        (TODAY, False),
    ]
    assert result["done"] == 0


def test_what_earlier_days_missed_is_made_up_for_after_the_day_itself(listed: Zones) -> None:
    record(
        listed,
        became("daily-NO", "2026-11-18", "loaded"),
        became("daily-NO", "2026-11-19", "deferred"),
        became("daily-NO", YESTERDAY, "unavailable"),
        became("daily-SE", YESTERDAY, "failed"),
        became("daily-SE", TODAY, "loaded"),
        became("weekly-NO", YESTERDAY, "failed"),  # is switched off
    )

    result = plan()

    assert planned(result) == [
        ("daily-NO", TODAY, False),
        ("daily-SE", YESTERDAY, True),
        ("daily-NO", "2026-11-19", True),
    ]
    assert (result["done"], result["counts"]) == (1, {"charts": 1, "repairs": 2})


def test_looking_back_reaches_into_the_month_before_and_no_further(listed: Zones) -> None:
    record(
        listed,
        became("daily-NO", "2026-10-25", "failed"),
        became("daily-NO", "2026-10-26", "failed"),
        *[became("daily-NO", f"2026-10-{day}", "loaded") for day in range(27, 32)],
        became("daily-NO", "2026-11-01", "loaded"),
    )

    result = plan({"scheduled_time": "2026-11-02T07:00:00Z"})

    assert planned(result) == [
        ("daily-NO", "2026-11-02", False),
        ("daily-SE", "2026-11-02", False),
        ("daily-NO", "2026-10-26", True),
    ]


def test_records_of_two_months_ago_are_not_read(listed: Zones) -> None:
    listed.put("lake/chart_days/month=2026-09/chart_days.parquet", b"no table")

    assert plan({"scheduled_time": "2026-11-02T07:00:00Z"})["status"] == "planned"


def test_with_a_date_every_chart_is_derived_again(listed: Zones, logs: StringIO) -> None:
    record(
        listed,
        became("daily-NO", YESTERDAY, "loaded"),
        became("daily-SE", YESTERDAY, "refused"),
        became("daily-NO", "2026-11-19", "failed"),
    )

    result = plan({"date": YESTERDAY})

    assert planned(result) == [("daily-NO", YESTERDAY, False), ("daily-SE", YESTERDAY, False)]
    assert {(item["again"], item["not_before"]) for item in result["charts"]} == {(False, None)}
    assert (result["done"], result["counts"]) == (0, {"charts": 2, "repairs": 0})


def test_named_charts_are_done_and_nothing_else(listed: Zones) -> None:
    record(
        listed,
        became("daily-NO", TODAY, "loaded"),
        became("daily-NO", YESTERDAY, "failed"),
        became("daily-SE", TODAY, "refused"),
    )

    result = plan({"charts": ["NO"]})

    assert planned(result) == [("daily-NO", TODAY, False)]
    assert result["charts"][0]["again"] is False
    assert (result["done"], result["counts"]) == (0, {"charts": 1, "repairs": 0})
    assert plan({"charts": ["SE"]})["charts"][0]["again"] is True


def test_named_charts_of_a_date_are_done_alone(listed: Zones) -> None:
    assert planned(plan({"charts": ["SE"], "date": YESTERDAY})) == [("daily-SE", YESTERDAY, False)]


@pytest.mark.parametrize(
    "given", [{}, {"charts": ["SE", "NO"]}, {"date": TODAY}, {"date": YESTERDAY}]
)
def test_spotifys_wait_is_handed_to_every_chart_while_it_lasts(given: Row, listed: Zones) -> None:
    wait = "2026-11-21T09:00:00Z"
    record(listed, became("daily-NO", TODAY, "deferred", wait))

    during, after = plan(given), plan(given, "2026-11-21T09:00:00Z")

    assert {item["not_before"] for item in during["charts"]} == {"2026-11-21T09:00:00.000Z"}
    assert {item["not_before"] for item in after["charts"]} == {None}
    assert len(during["charts"]) == len(after["charts"]) == 2


@pytest.mark.parametrize("given", [{}, {"charts": ["NO", "SE"]}, {"date": TODAY}])
def test_records_that_cannot_be_read_stop_no_run(given: Row, listed: Zones, logs: StringIO) -> None:
    record(
        listed,
        became("daily-NO", TODAY, "loaded"),
        became("daily-SE", YESTERDAY, "failed"),
    )
    damaged = listed.damage(DAMAGED)

    result = plan(given)

    assert planned(result) == [("daily-NO", TODAY, False), ("daily-SE", TODAY, False)]
    assert result["done"] == 0
    (warning,) = [line for line in logs.getvalue().splitlines() if DAMAGED in line]
    assert json.loads(warning)["level"] == "WARNING"
    assert json.loads(warning)["message"].startswith(f"{DAMAGED} is not a whole Parquet file; ")
    assert listed.body(DAMAGED) == damaged


def test_records_with_a_foreign_column_stop_no_run(listed: Zones, logs: StringIO) -> None:
    listed.put(DAMAGED, to_parquet(pa.table({"rank": pa.array([1])})))

    assert len(plan()["charts"]) == 2
    assert f"{DAMAGED} has a column 'rank' that its table does not have." in logs.getvalue()


def test_each_of_very_many_charts_may_wait_less_often(zones: Zones) -> None:
    codes = ["".join(pair) for pair in product(ascii_uppercase, repeat=2)][:500]
    zones.put(
        KEY,
        chart_list(*(chart_row(f"daily-{code}", playlist_id="x" * 22) for code in codes)).encode(),
    )

    allowed = [item["waits"] for item in plan()["charts"]]

    assert len(allowed) == 500
    assert 0 < sum(allowed) < 500
    assert set(allowed) == {0, 1}


# What the app may do.


def test_the_recorded_mode_is_told(listed: Zones) -> None:
    probed(START, Ability.CHARTS, Ability.AUDIO_FEATURES, Ability.AUDIO_ANALYSIS, Ability.SEVERAL)

    found = plan()["access"]

    assert (found["status"], found["mode"]) == ("known", "development")
    assert found["refused"] == ["charts", "audio_features", "audio_analysis", "several"]


@pytest.mark.parametrize(
    ("start", "due"),
    [("2026-12-21T07:00:31.499Z", None), ("2026-12-21T07:00:31.5Z", "the last probe is of ")],
)
def test_a_probe_is_due_thirty_days_after_the_last(
    start: str, due: str | None, listed: Zones
) -> None:
    found = plan(start=start)["access"]

    assert found["status"] == ("due" if due else "known")
    assert found.get("why") == (f"{due}2026-11-21" if due else None)


def test_a_probe_is_due_where_an_answer_contradicted(listed: Zones, spotify: Any) -> None:
    asking.found(Ability.SEVERAL, allowed=False, evidence="/v1/albums: 403")

    found = plan()["access"]

    assert (found["status"], found["why"]) == ("due", "an answer contradicted what was known")
    assert found["refused"] == ["several"]


def test_a_process_that_planned_before_sees_what_was_found_since(
    listed: Zones, spotify: Any
) -> None:
    assert plan()["access"]["status"] == "known"
    asking.found(Ability.CHARTS, allowed=False, evidence="/v1/playlists/one: 404")

    assert plan()["access"]["status"] == "due"


def test_a_probe_is_due_of_an_app_that_nobody_knows(listed: Zones, ssm: Any) -> None:
    """Though this process has planned for another one just before."""
    assert plan()["access"]["status"] == "known"
    value = json.dumps({"client_id": "another app", "client_secret": "secret"})
    name = f"{PREFIX}/spotify/app"
    ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    assert plan()["access"] == {
        "status": "due",
        "why": "nobody has looked yet at all that this app may do",
        "mode": "unknown",
        "in_words": "unknown: nobody has looked yet; ./soundlake doctor does",
        "refused": [],
        "probed_at": None,
    }


def test_without_an_app_the_probe_is_to_say_so(listed: Zones, ssm: Any) -> None:
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    assert plan()["access"]["status"] == "due"


def test_a_day_that_is_made_again_asks_for_no_probe(listed: Zones, ssm: Any) -> None:
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    assert plan({"date": "2026-11-20"})["access"]["status"] == "known"
