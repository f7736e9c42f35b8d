"""Gaps and days of one account, derived from its attempts. Derive alone writes these tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import numpy as np

from soundlake.coverage import (
    UNSETTLED,
    Span,
    certainty,
    closed_by_exports,
    days_within,
    gaps,
    settling,
    uncertain_spans,
    united,
)
from soundlake.store.lake import Lake, Row, month_of_key
from soundlake.times import month_of, shift_month

GAPS, DAYS = "gaps", "account_days"
DAY = timedelta(days=1)
AT_ONCE = 4  # months
WAITED = UNSETTLED + 7 * DAY  # a day is looked at until no late play is waited for, and a while on


def captures_from(lake: Lake, account: str, first: str, last: str) -> tuple[str, list[Row]]:
    """The attempts of some months and the one before, and on into the past until a page was seen.

    Returns the first of these months and the rows of `captures` from it on.
    """
    start = shift_month(first, -1)
    found = [row for each in months(start, last) for row in lake.owned("captures", each, account)]
    if any(row["newest"] for row in found):
        return start, found
    with_any = _months_with(lake, "captures", account)
    for month in reversed([each for each in with_any if each < start]):
        if any(row["newest"] for row in found):
            break
        start = month
        found = lake.owned("captures", month, account) + found
    return start, found


def publish_coverage(
    lake: Lake,
    account: str,
    captures: Sequence[Row],
    start: str,
    *,
    at: datetime | None = None,
    also: Iterable[str] = (),
) -> list[Row]:
    """Derive the gaps found from a month on (`YYYY-MM`), and the days that anything touches.

    `captures` are all rows of `captures` from that month on, those not written yet included. `also`
    are months that an import touches, and `at` (UTC, without zone) is when it was. Returns
    the gaps.
    """
    seen = [row["observed_at"] or row["captured_at"] for row in captures]
    now = max([*seen, *([at] if at else [])])
    end = month_of(max([now, *(row["captured_at"] for row in captures)]))
    first, newest = _before(lake, account, captures, start)
    exports = exported(lake, account)
    found = closed_by_exports(gaps(captures, newest), exports)
    for month in months(start, end):
        own = [gap for gap in found if month_of(gap["found_at"]) == month]
        lake.replace(GAPS, month, account, _always(own))
    covered = united(span for _, span in exports)
    spans = uncertain_spans(captures)
    touched = [gap["from_time"] for gap in found] + [begin for _, (begin, _) in spans]
    earliest = min([start, month_of(now - WAITED), *map(month_of, touched)])
    touched_months = sorted({*months(earliest, end), *also})
    before = [each for each in touched_months if each < start]
    if before:
        with_any = _months_with(lake, GAPS, account)
        before = [each for each in before if each in with_any]
    known = [gap for each in before for gap in lake.owned(GAPS, each, account)]
    settles = settling(captures)
    lifetime = len(touched_months) > AT_ONCE  # an import touches all months of a life
    there = lake.written(DAYS, account) if lifetime else None

    def publish(month: str) -> None:
        change = _days(
            account,
            _day_counts(lake, account, month),
            days=_of_month(month, first, now, covered),
            now=now,
            settles=settles,
            gaps=known + found,
            spans=spans,
            exports=covered,
            told=date.fromisoformat(f"{start}-01") + DAY,
        )
        lake.replace(DAYS, month, account, change, there=there)

    if not lifetime:
        for month in touched_months:
            publish(month)
        return found
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(publish, touched_months))
    return found


def exported(lake: Lake, account: str) -> list[tuple[str, Span]]:
    """The spans of which an account's imports hold everything, each with its place in raw."""
    keys = list(lake.written("imports", account))
    return [
        (row["raw_prefix"], (span["from_time"], span["to_time"]))
        for row in lake.read("imports", keys).to_pylist()
        if row["status"] == "imported"
        for span in row["covered"] or ()
    ]


def _always(rows: list[Row]) -> Callable[[list[Row]], list[Row]]:
    return lambda _: rows


def _days(
    account: str,
    plays: Mapping[date, int],
    *,
    days: Iterable[date],
    now: datetime,
    settles: timedelta,
    gaps: Sequence[Row],
    spans: Sequence[tuple[str, Span]],
    exports: Sequence[Span],
    told: date,
) -> Callable[[list[Row]], list[Row]]:
    days = list(days)

    def change(before: list[Row]) -> list[Row]:
        known = {row["day"]: row for row in before}
        return [of_day(day, known.get(day)) for day in days]

    def of_day(day: date, before: Row | None) -> Row:
        # Of days before these captures, earlier ones may have told; that day's edge, too.
        reached = before["reached_by"] if before and day <= told else None
        for key, (first, last) in spans:
            if first.date() <= day <= last.date():
                reached = reached or key
        sure = certainty(
            day,
            now=now,
            settles=settles,
            gaps=gaps,
            reached=reached is not None,
            exports=exports,
        )
        return {
            "account": account,
            "day": day,
            "certainty": sure,
            "plays": plays.get(day, 0),
            "reached_by": reached,
        }

    return change


def _day_counts(lake: Lake, account: str, month: str) -> Mapping[date, int]:
    rows = lake.open("plays", month, account, ["played_at"]).rows
    days = np.asarray(rows.column("played_at"), "datetime64[D]")
    found, counts = np.unique(days, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _before(
    lake: Lake, account: str, captures: Iterable[Row], start: str
) -> tuple[date | None, datetime | None]:
    """The first whole day after the first page, and the latest play known before a month.

    Nothing is claimed of the days that the first page itself shows: where old plays had arrived
    late, they had pushed out newer ones that nobody saw.
    """
    earlier = [each for each in _months_with(lake, "captures", account) if each < start]
    newest: datetime | None = None
    for month in reversed(earlier):
        seen = [row["newest"] for row in lake.owned("captures", month, account) if row["newest"]]
        if seen:
            newest = max(seen)
            break
    rows: Iterable[Row] = captures
    for month in earlier:
        found = lake.owned("captures", month, account)
        if any(row["newest"] for row in found):
            rows = found
            break
    pages = sorted(
        (row["captured_at"], row["capture_id"], row["observed_at"]) for row in rows if row["newest"]
    )
    return (pages[0][2].date() + DAY if pages else None), newest


def _of_month(month: str, first: date | None, now: datetime, covered: Iterable[Span]) -> list[date]:
    """The days of a month from the first one on until now, and those that an export covers."""
    start = datetime.fromisoformat(f"{month}-01")
    end = datetime.fromisoformat(f"{shift_month(month, 1)}-01")
    days = days_within((max(since, start), min(until, end)) for since, until in covered)
    if first is not None:
        day = max(start.date(), first)
        while month_of(day) == month and day <= now.date():
            days.add(day)
            day += DAY
    return sorted(days)


def months(first: str, last: str) -> list[str]:
    """All months from one to another."""
    found = [first]
    while found[-1] < last:
        found.append(shift_month(found[-1], 1))
    return found


def months_between(first: datetime, last: datetime) -> list[str]:
    """All months that a span of time touches."""
    return months(month_of(first), month_of(last))


def _months_with(lake: Lake, table: str, account: str) -> list[str]:
    return sorted(map(month_of_key, lake.written(table, account)))
