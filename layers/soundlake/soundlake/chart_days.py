"""Chart days: what became of every chart on every day, and what is left to do.

A record (a row of `chart_days`) is what the latest run made of one chart's day. A run plans by the
records: what is done is left alone, and what earlier runs missed is made up for, bounded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from soundlake.charts import Chart
from soundlake.times import format_time, naive_ms, parse_date, parse_time

LOOK_BACK_DAYS = 7
SHOWN_LATE_DAYS = 2  # as a rule; a daily chart that is shown later than that may be renewed today
REPAIRS = 50  # days of charts that one run makes up for: bounded, as its history is

WAITS = 3  # for Spotify, that one chart may cost a run
# A run's history stays below 15,000 events: what a chart and a wait take of them, and what is left
# for both when the run's own steps, and functions that are tried again, have theirs.
EVENTS = 14_000
EVENTS_A_CHART = 25
EVENTS_A_WAIT = 9

# What was shown is in the lake already: a weekly chart is not renewed daily, but a daily one is.
UNCHANGED = "unchanged"
DONE = frozenset({"loaded", UNCHANGED})
# Refused for its contents: the same answer would be refused again, another one may not.
REFUSED = frozenset({"refused", "withdrawn"})
# What was not done for a reason that passes.
OPEN = frozenset({"failed", "deferred"})

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """One chart's day that a run is to do.

    `repair`: a day before the run's own. `again`: its answer was refused, or a daily chart's showed
    what the lake had already or an older day than usual, so a new one is asked for.
    `not_before`: Spotify asked not to be asked earlier (ISO 8601, UTC).
    """

    chart: Chart
    date: date
    repair: bool = False
    again: bool = False
    not_before: str | None = None

    def item(self) -> dict[str, Any]:
        """What the state machine hands to the branch."""
        chart = asdict(self.chart)
        del chart["enabled"]
        return {
            "chart": chart,
            "date": self.date.isoformat(),
            "repair": self.repair,
            "again": self.again,
            "not_before": self.not_before,
        }


def due(
    charts: Sequence[Chart], day: date, records: Iterable[Mapping[str, Any]], now: datetime
) -> list[Due]:
    """What is left to do on a day and the `LOOK_BACK_DAYS` before it.

    Of the day itself all that is not done. Of a day before it what is open or was never begun,
    from the chart's own first record on; the latest days first, `REPAIRS` at most.
    """
    known = {(row["chart"], row["chart_date"]): row for row in records}
    first: dict[str, date] = {}
    for chart, chart_date in sorted(known):
        first.setdefault(chart, chart_date)
    wait = _not_before(known.values(), now)
    today = [
        Due(chart, day, again=_again(known, chart, day), not_before=wait)
        for chart in charts
        if _status(known, chart, day) not in DONE or _again(known, chart, day)
    ]
    repairs = [
        Due(chart, earlier, repair=True)
        for earlier in (day - timedelta(days=ago) for ago in range(1, LOOK_BACK_DAYS + 1))
        for chart in charts
        if first.get(chart.chart, day) <= earlier
        and _status(known, chart, earlier) in OPEN | {None}
    ]
    return today + repairs[:REPAIRS]


def named(
    charts: Sequence[Chart], day: date, records: Iterable[Mapping[str, Any]], now: datetime
) -> list[Due]:
    """Charts that an operator named: done on this day whatever the records say."""
    known = {(row["chart"], row["chart_date"]): row for row in records}
    wait = _not_before(known.values(), now)
    return [Due(chart, day, again=_again(known, chart, day), not_before=wait) for chart in charts]


def derived(
    charts: Sequence[Chart], day: date, records: Iterable[Mapping[str, Any]], now: datetime
) -> list[Due]:
    """All of a day's charts, to be made again of their kept answers; `records` are of `now`."""
    wait = _not_before(records, now)
    return [Due(chart, day, not_before=wait) for chart in charts]


def waits(charts: int) -> list[int]:
    """How often each of a run's charts may wait: `WAITS` times, or what the history has room for.

    Where that is less for some than for others, the first ones have more.
    """
    room = max(EVENTS - EVENTS_A_CHART * charts, 0) // EVENTS_A_WAIT
    return [min(WAITS, (room + charts - 1 - place) // charts) for place in range(charts)]


def _status(
    known: Mapping[tuple[str, date], Mapping[str, Any]], chart: Chart, day: date
) -> str | None:
    record = known.get((chart.chart, day))
    return record["status"] if record else None


def _again(known: Mapping[tuple[str, date], Mapping[str, Any]], chart: Chart, day: date) -> bool:
    """Whether another answer is to be asked for in the place of the one that is there."""
    record = known.get((chart.chart, day))
    return record is not None and _may_be_renewed(record)


def _may_be_renewed(record: Mapping[str, Any]) -> bool:
    """Whether an answer was refused, or a daily chart's was not new or late."""
    status, shown = record["status"], record.get("shown_date")
    if status in REFUSED or not record["chart"].startswith("daily-"):
        return status in REFUSED
    late = shown is not None and shown < record["chart_date"] - timedelta(days=SHOWN_LATE_DAYS)
    return status == UNCHANGED or (status == "loaded" and late)


def _not_before(records: Iterable[Mapping[str, Any]], now: datetime) -> str | None:
    """When Spotify may be asked again: its limit is one for all charts."""
    waits = [row["not_before"] for row in records if row["not_before"] is not None]
    latest = max(waits, default=None)
    if latest is None or latest <= naive_ms(now):
        return None
    return f"{latest.isoformat(timespec='milliseconds')}Z"


def rows_date(result: Mapping[str, Any]) -> date:
    """The day that a result's rows are of: the one that was shown, else the one asked for."""
    return parse_date(result.get("shown_date") or result["date"])


def ended(
    results: Iterable[Mapping[str, Any]], withdrawals: Sequence[Mapping[str, Any]]
) -> tuple[int, int]:
    """How many of a run's charts are done, and how many it fails for; as `records` takes them."""
    taken_back = {(each["chart"], parse_date(each["date"])) for each in withdrawals}
    done = failed = 0
    for each in results:
        status = each["status"]
        lost = status == "unavailable" and not each.get("repair") and not each.get("unserved")
        if (each["chart"], rows_date(each)) in taken_back or status in OPEN | REFUSED or lost:
            failed += 1
        else:
            done += status in DONE
    return done, failed


def days_behind(
    records: Iterable[Mapping[str, Any]], day: date, *, profiled: date | None
) -> int | None:
    """How many days the tables of daily charts are behind a day: the worst of them.

    `records` are of that day's month and the one before, `profiled` the newest day with a profile.
    None where no daily chart could be asked for on that day: then none is waited for.
    """
    daily = [row for row in records if row["cadence"] == "daily" and row["chart_date"] <= day]
    if not any(row["chart_date"] == day and row["status"] != "unavailable" for row in daily):
        return None
    # Where there is nothing yet, it has been waited for since the first record.
    loaded = [row["shown_date"] or row["chart_date"] for row in daily if row["status"] == "loaded"]
    newest: date = max(loaded, default=min(row["chart_date"] for row in daily))
    return max((day - min(newest, profiled or newest)).days, 0)


def records(
    results: Iterable[Mapping[str, Any]], withdrawals: Iterable[Mapping[str, Any]]
) -> list[Row]:
    """Rows of `chart_days` from the results of a run's branches.

    A result has chart, date and status, and where they apply stage, error, rows, holes, not_before
    and shown_date, the day that the rows are of. A withdrawal has chart, date (that day where there
    is one), status (withdrawn or failed) and error.
    """
    taken_back = {(each["chart"], parse_date(each["date"])): each for each in withdrawals}
    rows = []
    for result in results:
        again = taken_back.get((result["chart"], rows_date(result)))
        later = {}
        if again is not None:
            later = {"status": again["status"], "error": again["error"]}
            later |= {"stage": "Verify", "rows": None}
        rows.append(_record({**result, **later}))
    return sorted(rows, key=lambda row: (row["chart_date"], row["chart"]))


def _record(result: Mapping[str, Any]) -> Row:
    cadence, _, country = result["chart"].partition("-")
    not_before, shown_date = result.get("not_before"), result.get("shown_date")
    return {
        "chart": result["chart"],
        "country": country,
        "cadence": cadence,
        "chart_date": parse_date(result["date"]),
        "status": result["status"],
        "stage": result.get("stage"),
        "error": result.get("error") or None,
        "rows": result.get("rows"),
        "holes": result.get("holes"),
        "not_before": naive_ms(parse_time(not_before)) if not_before else None,
        "shown_date": parse_date(shown_date) if shown_date else None,
    }


def after(now: datetime, seconds: int) -> str:
    """The instant some seconds from now, as results carry it."""
    return format_time(now + timedelta(seconds=seconds))


def merge(before: Iterable[Row], found: Iterable[Row], *, imported: bool = False) -> list[Row]:
    """The records with those that a run found in the place of earlier ones, by date and chart.

    That a day could not be derived again for want of an answer does not undo that it was done;
    that a new answer could not be had in the place of a refused one, not that it was refused; in
    the place of one that was not new or late, not what it showed.

    `imported`: found of files, each under its own day, which has a record of the answer that was
    asked for on it, too. The answer's wins where it is open, with the file's rows noted, and where
    it showed another day.
    """
    merged = {(row["chart_date"], row["chart"]): row for row in before}
    for row in found:
        key = (row["chart_date"], row["chart"])
        there = merged.get(key)
        if there is None:
            merged[key] = row
        else:
            merged[key] = _with_file(there, row) if imported else _with_answer(there, row)
    return [merged[key] for key in sorted(merged)]


def _with_file(there: Row, row: Row) -> Row:
    if there["status"] in OPEN:
        return {**there, "rows": row["rows"]}
    return row if there["shown_date"] is None else there


def _with_answer(there: Row, row: Row) -> Row:
    earlier, status = there["status"], row["status"]
    kept = earlier == UNCHANGED or _may_be_renewed(there)
    if kept and status in OPEN and row["stage"] == "Extract":
        return {**there, "not_before": row["not_before"]}
    if earlier in DONE and status == "unavailable":
        return there
    if earlier in OPEN and there["rows"] is not None:  # a file's
        if status in OPEN:
            return {**row, "rows": there["rows"]}
        if status == "unavailable":
            return {**row, "status": "loaded", "stage": None, "error": None, "rows": there["rows"]}
    return row
