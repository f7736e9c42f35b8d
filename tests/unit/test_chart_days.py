"""Chart days: what a run has left to do, and what it records."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.chart_days import (
    LOOK_BACK_DAYS,
    REPAIRS,
    Due,
    after,
    days_behind,
    derived,
    due,
    ended,
    merge,
    named,
    records,
    rows_date,
    waits,
)
from soundlake.charts import Chart
from soundlake.times import naive_ms

DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


def chart(name: str) -> Chart:
    cadence, _, country = name.partition("-")
    return Chart(name, country, f"Land {country}", cadence, "x" * 22, True)  # type: ignore[arg-type]


NO, SE, WEEKLY = chart("daily-NO"), chart("daily-SE"), chart("weekly-NO")


def record(name: str, day: date, status: str, **more: Any) -> dict[str, Any]:
    return {"chart": name, "chart_date": day, "status": status, "not_before": None} | more


def days_ago(days: int) -> date:
    return DAY - timedelta(days=days)


def told(items: list[Due]) -> list[tuple[str, date, bool]]:
    return [(item.chart.chart, item.date, item.repair) for item in items]


def test_without_records_the_day_is_all_there_is() -> None:
    assert due([NO, SE], DAY, [], NOW) == [Due(NO, DAY), Due(SE, DAY)]


@pytest.mark.parametrize(("done", "status"), [("daily-NO", "loaded"), ("weekly-NO", "unchanged")])
def test_what_is_done_is_left_alone(done: str, status: str) -> None:
    assert due([chart(done), SE], DAY, [record(done, DAY, status)], NOW) == [Due(SE, DAY)]


def test_a_daily_chart_that_was_not_new_is_asked_for_again_while_its_day_lasts() -> None:
    known = [record("daily-NO", DAY, "unchanged"), record("daily-NO", days_ago(1), "unchanged")]

    assert due([NO], DAY, known, NOW) == [Due(NO, DAY, again=True)]
    assert named([NO, WEEKLY], DAY, [*known, record("weekly-NO", DAY, "unchanged")], NOW) == [
        Due(NO, DAY, again=True),
        Due(WEEKLY, DAY),
    ]


def test_a_daily_chart_that_was_shown_late_is_asked_for_again_while_its_day_lasts() -> None:
    """The page of the day before yesterday comes after a run at noon, or does not come at all."""
    late, usual = {"shown_date": days_ago(3)}, {"shown_date": days_ago(2)}

    assert due([NO], DAY, [record("daily-NO", DAY, "loaded", **late)], NOW) == [
        Due(NO, DAY, again=True)
    ]
    assert due([NO], DAY, [record("daily-NO", DAY, "loaded", **usual)], NOW) == []
    assert due([WEEKLY], DAY, [record("weekly-NO", DAY, "loaded", **late)], NOW) == []
    yesterday = record("daily-NO", days_ago(1), "loaded", shown_date=days_ago(4))
    assert due([NO], DAY, [yesterday, record("daily-NO", DAY, "loaded")], NOW) == []


@pytest.mark.parametrize("status", ["refused", "withdrawn"])
def test_what_was_refused_is_asked_for_again_while_its_day_lasts(status: str) -> None:
    known = [record("daily-NO", DAY, status), record("daily-SE", days_ago(1), status)]

    assert due([NO], DAY, known, NOW) == [Due(NO, DAY, again=True)]
    # The same answer would be refused again, and another of that day is not to be had.
    assert told(due([SE], DAY, known, NOW)) == [("daily-SE", DAY, False)]


@pytest.mark.parametrize("status", ["failed", "deferred"])
def test_what_is_open_is_done_on_its_day_and_made_up_for_later(status: str) -> None:
    known = [record("daily-NO", DAY, status), record("daily-NO", days_ago(2), status)]
    known += [record("daily-NO", days_ago(1), "loaded")]

    assert due([NO], DAY, known, NOW) == [Due(NO, DAY), Due(NO, days_ago(2), repair=True)]


def test_a_day_that_no_run_began_is_made_up_for() -> None:
    known = [record("daily-NO", days_ago(3), "loaded")]

    assert told(due([NO], DAY, known, NOW)) == [
        ("daily-NO", DAY, False),
        ("daily-NO", days_ago(1), True),
        ("daily-NO", days_ago(2), True),
    ]


def test_a_chart_is_not_looked_for_before_its_own_first_day() -> None:
    known = [record("daily-NO", days_ago(2), "loaded"), record("daily-NO", days_ago(1), "loaded")]
    known += [record("daily-SE", days_ago(1), "loaded")]

    assert told(due([NO, SE], DAY, known, NOW)) == [
        ("daily-NO", DAY, False),
        ("daily-SE", DAY, False),
    ]


def test_a_lost_day_is_not_looked_for_again() -> None:
    known = [record("daily-NO", days_ago(1), "unavailable")]

    assert told(due([NO], DAY, known, NOW)) == [("daily-NO", DAY, False)]


def test_looking_back_is_bounded_in_days() -> None:
    known = [record("daily-NO", days_ago(400), "failed")]

    found = [item.date for item in due([NO], DAY, known, NOW) if item.repair]

    assert found == [days_ago(ago) for ago in range(1, LOOK_BACK_DAYS + 1)]


def test_a_missed_day_is_made_up_for_during_a_week() -> None:
    known = [record("daily-NO", days_ago(8), "failed"), record("daily-NO", days_ago(7), "failed")]
    known += [record("daily-NO", days_ago(ago), "loaded") for ago in range(1, 7)]

    assert told(due([NO], DAY, known, NOW)) == [
        ("daily-NO", DAY, False),
        ("daily-NO", days_ago(7), True),
    ]


def test_looking_back_is_bounded_in_number_and_takes_the_latest_days() -> None:
    letters = "ABCDEFGHIJKLMNOPQRST"
    charts = [chart(f"daily-{one}{two}") for one in letters for two in letters[:2]]
    known = [record(each.chart, days_ago(5), "loaded") for each in charts]

    found = [item for item in due(charts, DAY, known, NOW) if item.repair]

    assert len(found) == REPAIRS
    assert [item.date for item in found] == [days_ago(1)] * 40 + [days_ago(2)] * 10


def test_a_switched_off_chart_is_not_made_up_for() -> None:
    known = [record("daily-SE", days_ago(1), "failed"), record("daily-NO", days_ago(1), "loaded")]

    assert told(due([NO], DAY, known, NOW)) == [("daily-NO", DAY, False)]


def test_cadences_are_apart() -> None:
    known = [record("daily-NO", DAY, "loaded")]

    assert due([NO, WEEKLY], DAY, known, NOW) == [Due(WEEKLY, DAY)]


def test_spotifys_wait_holds_for_all_charts_until_it_is_over() -> None:
    until = datetime(2026, 11, 24, 13, 0)  # noqa: DTZ001 - as tables keep it
    known = [record("daily-NO", DAY, "deferred", not_before=until)]

    assert {item.not_before for item in due([NO, SE], DAY, known, NOW)} == {
        "2026-11-24T13:00:00.000Z"
    }
    later = NOW + timedelta(hours=1)
    assert {item.not_before for item in due([NO, SE], DAY, known, later)} == {None}
    assert named([SE], DAY, known, NOW)[0].not_before == "2026-11-24T13:00:00.000Z"


def test_a_wait_is_over_at_its_very_instant() -> None:
    known = [record("daily-NO", DAY, "deferred", not_before=NOW.replace(tzinfo=None))]

    assert due([NO], DAY, known, NOW) == [Due(NO, DAY)]
    before = NOW - timedelta(milliseconds=1)
    assert due([NO], DAY, known, before) == [Due(NO, DAY, not_before="2026-11-24T12:30:00.000Z")]


def test_a_chart_that_is_named_is_done_whatever_is_on_record() -> None:
    known = [record("daily-NO", DAY, "loaded"), record("daily-SE", DAY, "withdrawn")]

    assert named([NO, SE], DAY, known, NOW) == [Due(NO, DAY), Due(SE, DAY, again=True)]


def test_an_item_is_what_the_machine_hands_on() -> None:
    assert Due(NO, DAY, repair=True).item() == {
        "chart": {
            "chart": "daily-NO",
            "country": "NO",
            "country_name": "Land NO",
            "cadence": "daily",
            "playlist_id": "x" * 22,
        },
        "date": "2026-11-24",
        "repair": True,
        "again": False,
        "not_before": None,
    }


def test_a_day_that_is_made_again_keeps_to_spotifys_wait() -> None:
    known = [record("daily-SE", DAY, "deferred", not_before=naive_ms(NOW + timedelta(hours=1)))]

    made = derived([NO, SE], days_ago(3), known, NOW)

    assert [(item.chart, item.date, item.repair, item.again) for item in made] == [
        (chart, days_ago(3), False, False) for chart in (NO, SE)
    ]
    assert {item.not_before for item in made} == {"2026-11-24T13:30:00.000Z"}
    assert derived([NO], DAY, known, NOW + timedelta(hours=1)) == [Due(NO, DAY)]


def test_a_chart_may_wait_three_times_where_the_charts_are_few() -> None:
    assert waits(0) == []
    assert [set(waits(charts)) for charts in (1, 72, 124)] == [{3}] * 3
    assert {type(each) for each in waits(500)} == {int}


@given(charts=st.integers(0, 1200))
def test_all_waits_of_a_run_leave_its_history_below_15_000_events(charts: int) -> None:
    """25 events are a chart's that goes well, 9 those of a wait and of asking again (measured)."""
    allowed = waits(charts)

    assert len(allowed) == charts
    assert set(allowed) <= {0, 1, 2, 3}
    assert sum(allowed) <= 3 * charts
    assert sum(allowed) * 9 + charts * 25 <= max(14_000, charts * 25)
    assert allowed == sorted(allowed, reverse=True)
    assert max(allowed, default=0) - min(allowed, default=0) <= 1


#### RECORDS #######################################################################################

LOADED = {"chart": "daily-NO", "date": "2026-11-24", "status": "loaded", "rows": 50, "holes": 1}


def test_a_result_becomes_a_record() -> None:
    failed = {
        "chart": "weekly-GLOBAL",
        "date": "2026-11-23",
        "status": "deferred",
        "stage": "Extract",
        "error": "Spotify's rate limit: wait 301 s.",
        "not_before": "2026-11-24T12:35:01.000Z",
    }

    first, second = records([LOADED, failed], [])

    assert first == {
        "chart": "weekly-GLOBAL",
        "country": "GLOBAL",
        "cadence": "weekly",
        "chart_date": date(2026, 11, 23),
        "status": "deferred",
        "stage": "Extract",
        "error": "Spotify's rate limit: wait 301 s.",
        "rows": None,
        "holes": None,
        "not_before": datetime(2026, 11, 24, 12, 35, 1),  # noqa: DTZ001 - as tables keep it
        "shown_date": None,
    }
    assert (second["country"], second["rows"], second["holes"]) == ("NO", 50, 1)
    assert (second["stage"], second["error"], second["not_before"]) == (None, None, None)


@pytest.mark.parametrize("status", ["withdrawn", "failed"])
def test_what_was_taken_back_is_on_record_as_that(status: str) -> None:
    taken = {"chart": "daily-NO", "date": "2026-11-24", "status": status, "error": "as daily-SE"}

    (found,) = records([LOADED], [taken])

    assert (found["status"], found["stage"], found["error"]) == (status, "Verify", "as daily-SE")
    assert (found["rows"], found["holes"]) == (None, 1)


def test_a_day_that_was_shown_stands_beside_the_one_asked_for() -> None:
    """Verify withdraws the day that the rows are of; the record is of the day asked for."""
    shown = LOADED | {"shown_date": "2026-11-22"}
    taken = {"chart": "daily-NO", "date": "2026-11-22", "status": "withdrawn", "error": "as SE"}

    (loaded,), (withdrawn,) = records([shown], []), records([shown], [taken])

    assert (loaded["chart_date"], loaded["shown_date"]) == (DAY, date(2026, 11, 22))
    assert withdrawn == loaded | {
        "status": "withdrawn",
        "stage": "Verify",
        "error": "as SE",
        "rows": None,
    }
    assert records([shown], [taken | {"date": "2026-11-24"}]) == [loaded]
    assert [rows_date(each) for each in (LOADED, shown, shown | {"shown_date": None})] == [
        DAY,
        date(2026, 11, 22),
        DAY,
    ]


@pytest.mark.parametrize("status", ["deferred", "failed"])
def test_what_was_not_new_stays_so_where_it_cannot_be_asked_for_again(status: str) -> None:
    before = records([LOADED | {"status": "unchanged", "shown_date": "2026-11-22"}], [])
    unasked = records([LOADED | {"status": status, "stage": "Extract", "error": "down"}], [])
    refused = records([LOADED | {"status": status, "stage": "Load", "error": "broken"}], [])

    (found,) = merge(before, unasked)

    assert (found["status"], found["shown_date"]) == ("unchanged", date(2026, 11, 22))
    assert merge(before, refused) == refused


def test_what_was_shown_late_stays_so_where_it_cannot_be_asked_for_again() -> None:
    late = records([LOADED | {"shown_date": "2026-11-21"}], [])
    usual = records([LOADED | {"shown_date": "2026-11-22"}], [])
    unasked = records([LOADED | {"status": "failed", "stage": "Extract", "error": "down"}], [])

    assert merge(late, unasked) == late
    assert merge(usual, unasked) == unasked


def test_the_latest_run_counts() -> None:
    before = records([LOADED, LOADED | {"date": "2026-11-22"}], [])
    found = records([LOADED | {"status": "failed"}, LOADED | {"date": "2026-11-23"}], [])

    assert [(row["chart_date"].day, row["status"]) for row in merge(before, found)] == [
        (22, "loaded"),
        (23, "loaded"),
        (24, "failed"),
    ]
    assert merge(before, before) == before


def test_that_an_answer_is_gone_does_not_undo_what_was_done() -> None:
    before = records([LOADED], [])
    gone = records([LOADED | {"status": "unavailable"}], [])

    assert merge(before, gone) == before
    assert merge([], gone) == gone


@pytest.mark.parametrize("refused", ["refused", "withdrawn"])
@pytest.mark.parametrize("status", ["deferred", "failed"])
def test_what_was_refused_is_asked_for_again_until_a_new_answer_came(
    status: str, refused: str
) -> None:
    before = records([LOADED | {"status": refused, "error": "a sentence"}], [])
    wait = {"not_before": "2026-11-24T12:35:01.000Z"}
    unasked = records([LOADED | wait | {"status": status, "stage": "Extract", "error": "429"}], [])
    asked = records([LOADED | {"status": status, "stage": "Transform", "error": "broken"}], [])

    (found,) = merge(before, unasked)

    assert (found["status"], found["error"]) == (refused, "a sentence")
    assert due([NO], DAY, [found], NOW) == [Due(NO, DAY, again=True, **wait)]
    assert merge(before, asked) == asked


FILE = LOADED | {"rows": 200, "holes": 0}


@pytest.mark.parametrize("status", ["failed", "deferred"])
def test_a_file_does_not_close_what_is_open(status: str) -> None:
    wait = {"not_before": "2026-11-24T12:35:01.000Z"} if status == "deferred" else {}
    told = {"status": status, "stage": "Load", "error": "broken", "rows": None, "holes": None}
    before = records([LOADED | told | wait], [])

    (found,) = merge(before, records([FILE], []), imported=True)

    assert found == before[0] | {"rows": 200}
    assert [each.date for each in due([NO], DAY + timedelta(days=1), [found], NOW)][-1] == DAY


def test_what_a_file_brought_is_loaded_where_the_answer_cannot_be_had() -> None:
    failed = {"status": "failed", "stage": "Load", "error": "broken", "rows": None}
    open_day = records([LOADED | failed], [])
    with_file = merge(open_day, records([FILE], []), imported=True)
    again = records([LOADED | failed | {"stage": "Extract"}], [])
    gone = records([LOADED | failed | {"status": "unavailable", "stage": "Extract"}], [])

    still = merge(with_file, again)
    (found,) = merge(still, gone)

    assert still == [again[0] | {"rows": 200}]
    assert (found["status"], found["stage"], found["error"]) == ("loaded", None, None)
    assert found["rows"] == 200
    assert merge(still, records([LOADED], [])) == records([LOADED], [])
    assert merge(open_day, gone) == gone


@pytest.mark.parametrize("status", ["loaded", "unchanged", "refused"])
def test_a_file_leaves_the_record_of_an_answer_that_showed_another_day(status: str) -> None:
    before = records([LOADED | {"status": status, "shown_date": "2026-11-22"}], [])

    assert merge(before, records([FILE], []), imported=True) == before


@pytest.mark.parametrize("status", ["unavailable", "refused"])
def test_a_file_fills_a_day_that_nobody_showed(status: str) -> None:
    before = records([LOADED | {"status": status, "error": "a sentence"}], [])
    file = records([FILE], [])

    assert merge(before, file, imported=True) == merge([], file, imported=True) == file


def test_after_is_an_instant_as_results_carry_it() -> None:
    assert after(NOW, 301) == "2026-11-24T12:35:01.000Z"


#### WHAT IS COUNTED ###############################################################################


def test_charts_are_done_or_fail_a_run_as_the_machine_has_it() -> None:
    def result(chart: str, status: str, **more: Any) -> dict[str, Any]:
        return {"chart": chart, "date": "2026-11-21", "status": status, "repair": False} | more

    results = [
        result("daily-NO", "loaded"),
        result("daily-SE", "unchanged", shown_date="2026-11-20"),
        result("daily-FI", "loaded", shown_date="2026-11-20"),
        *(result("daily-DK", status) for status in ("failed", "deferred", "refused")),
        result("daily-DE", "unavailable"),
        result("daily-AT", "unavailable", repair=True),  # lost before, and named then
        result("daily-CH", "unavailable", unserved=True),  # nobody may be asked for it
    ]
    taken = [{"chart": "daily-FI", "date": "2026-11-20", "status": "withdrawn", "error": "."}]

    assert ended(results, taken) == (2, 5)
    assert ended(results, []) == (3, 4)
    assert ended([], []) == (0, 0)


def recorded(
    day: int, status: str, *, shown: int | None = None, cadence: str = "daily"
) -> dict[str, Any]:
    shown_date = date(2026, 11, shown) if shown else None
    chart_date = date(2026, 11, day)
    return {
        "cadence": cadence,
        "chart_date": chart_date,
        "status": status,
        "shown_date": shown_date,
    }


@pytest.mark.parametrize(
    ("records", "profiled", "days"),
    [
        ([recorded(21, "loaded")], 21, 0),
        ([recorded(19, "loaded"), recorded(21, "failed")], 19, 2),
        ([recorded(19, "loaded"), recorded(21, "refused"), recorded(21, "loaded")], 21, 0),
        # A source that shows the same day again and again is not renewed.
        ([recorded(17, "loaded"), recorded(21, "unchanged", shown=17)], 17, 4),
        ([recorded(21, "loaded", shown=19)], 21, 2),
        # What is loaded and has no profile is behind, too.
        ([recorded(21, "loaded")], 18, 3),
        ([recorded(21, "loaded")], None, 0),
        # Nothing yet: since it is waited for.
        ([recorded(16, "failed"), recorded(21, "failed")], None, 5),
        # A day that is asked for later, a chart of weeks, one that nobody may be asked for.
        ([recorded(20, "loaded"), recorded(21, "loaded"), recorded(22, "loaded")], 22, 0),
        ([recorded(10, "loaded"), recorded(21, "loaded", cadence="weekly")], 10, None),
        ([recorded(10, "loaded"), recorded(21, "unavailable")], 10, None),
        ([recorded(10, "loaded")], 10, None),
        ([], None, None),
    ],
)
def test_tables_of_charts_are_behind_by_the_newest_day_that_was_loaded(
    records: list[dict[str, Any]], profiled: int | None, days: int | None
) -> None:
    newest = date(2026, 11, profiled) if profiled else None
    assert days_behind(records, date(2026, 11, 21), profiled=newest) == days
