"""What Derive makes of captured pages: observations, plays, and the attempts themselves."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

import pyarrow as pa

from soundlake.deriving.coverage import captures_from, months, publish_coverage
from soundlake.deriving.plays import plays_of
from soundlake.observability import logger
from soundlake.plays import (
    UNREADABLE,
    CapturedPage,
    capture_row,
    failed_capture_row,
    merge,
    read_page,
)
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.captures import CaptureKey, prefix
from soundlake.store.lake import Lake, Row
from soundlake.store.objects import CorruptObjectError, NotJsonError
from soundlake.store.raw import Raw
from soundlake.times import month_of, naive_ms, shift_month

TRIES = 3  # against another run that records an attempt meanwhile
LATELY = timedelta(days=2)
DAMAGED = "damaged"  # the outcome of a capture whose kept answer is no longer whole


def underived(lake: Lake, raw: Raw, account: str, at: datetime) -> list[str]:
    """The captured pages that `captures` does not name.

    Of the last two days. The first time on a day, and where it names none of these, of this month
    and the one before, and on into the past for as long as a month has any: a Derive that could
    not work for a season is made up for. A month has thousands of pages, and a listing 1,000.
    """
    start = at - LATELY
    lately = months(month_of(start), month_of(at))
    rows = [row for each in lately for row in lake.owned("captures", each, account)]
    if any(row["captured_at"].date() == naive_ms(at).date() for row in rows):
        after = CaptureKey(account, start, "").text
        keys = [key for each in lately for key in raw.keys(prefix(account, each), after)]
        missing = _missing(keys, rows)
        if missing != keys:
            return missing
    found: list[str] = []
    each, least = month_of(at), shift_month(month_of(at), -1)
    while True:
        keys = raw.keys(prefix(account, each))
        missing = _missing(keys, lake.owned("captures", each, account))
        found = missing + found
        if each <= least and not missing:
            return found
        each = shift_month(each, -1)


def _missing(keys: list[str], rows: list[Row]) -> list[str]:
    # A damaged page is tried again each time: its object may have been restored.
    named = {row["raw_key"] for row in rows if row["outcome"] != DAMAGED}
    return [key for key in keys if key not in named]


def later(lake: Lake, account: str, keys: list[str], month: str) -> list[str]:
    """The pages after the first of these that were derived before it: what they showed first
    is counted anew. There is one where a run was overtaken by the next.
    """
    if not keys:
        return []
    each = months(CaptureKey.month(min(keys)), month)
    known = [row for one in each for row in lake.owned("captures", one, account)]
    named = {row["raw_key"] for row in known if row["raw_key"] and row["outcome"] != DAMAGED}
    return sorted(key for key in named.difference(keys) if key > min(keys))


def read_pages(raw: Raw, account: str, keys: Iterable[str]) -> tuple[list[CapturedPage], list[Row]]:
    """The pages that can be read, in order, and a row of `captures` for each other one."""
    pages: list[CapturedPage] = []
    damaged: list[Row] = []
    for key in keys:
        try:
            parsed = CaptureKey.parse(key)
        except ValueError as error:
            logger.warning(f"{error}; it is left alone")
            continue
        try:
            answer = raw.need(key)
            page = read_page(
                answer.json,
                account=account,
                raw_key=key,
                capture_id=parsed.capture_id,
                captured_at=parsed.captured_at,
                observed_at=answer.at,
            )
        except (CorruptObjectError, BadAnswerError) as error:
            # Spotify's own words, kept as they came, will not be read better the next time.
            ours = isinstance(error, CorruptObjectError) and not isinstance(error, NotJsonError)
            row = failed_capture_row(
                account,
                capture_id=parsed.capture_id,
                captured_at=parsed.captured_at,
                outcome=DAMAGED if ours else UNREADABLE,
                error=str(error) if isinstance(error, CorruptObjectError) else f"{key}: {error}",
            )
            damaged.append(row | {"raw_key": key})
        else:
            pages.append(page)
    return pages, damaged


def derive(
    lake: Lake,
    account: str,
    pages: list[CapturedPage],
    month: str,
    zone_of: Callable[[str], str | None],
) -> list[Row]:
    """Merge pages into observations, derive the plays of the months touched; rows of `captures`."""
    months = observe(lake, account, pages)
    zone = zone_of(account) if months else None
    around = _around(months)
    for each in around:
        lake.replace_table("plays", each, account, partial(_plays, lake, account, each, zone))
    return capture_rows(lake, account, pages, {*around, shift_month(month, -1), month})


def observe(lake: Lake, account: str, pages: Iterable[CapturedPage]) -> list[str]:
    """Merge what pages show into observations; the months that it is of."""
    seen = [row for page in pages for row in page.observations]
    months = sorted({month_of(row["time"]) for row in seen})
    for each in months:
        own = [row for row in seen if month_of(row["time"]) == each]
        lake.replace("observations", each, account, partial(_merged, own))
    return months


def capture_rows(
    lake: Lake, account: str, pages: Iterable[CapturedPage], months: Iterable[str]
) -> list[Row]:
    """The rows of `captures` of pages, given the months of what they show and around it."""
    # A page of old plays alone is late beside what the run's own months have shown, and a row
    # that cannot be read may be of a play that is known.
    pages = list(pages)
    unread = {month_of(newest) for page in pages for _, newest in page.unread}
    every = [
        row
        for each in sorted({*months, *unread})
        for row in lake.owned("observations", each, account)
    ]
    return [capture_row(page, account, every) for page in pages]


def _plays(lake: Lake, account: str, month: str, zone: str | None, _: pa.Table) -> pa.Table:
    return plays_of(lake, account, month, zone)


def _merged(own: list[Row], known: list[Row]) -> list[Row]:
    return merge(known, own)


def _joined(own: list[Row], before: list[Row]) -> list[Row]:
    return with_rows(before, own)


def _around(months: Iterable[str]) -> list[str]:
    return sorted({shift_month(each, by) for each in months for by in (-1, 0, 1)})


def record(lake: Lake, account: str, rows: list[Row], month: str) -> list[Row]:
    """Derive gaps and days from all attempts, these included, and record these last.

    An attempt that another run records meanwhile is part of neither's gaps: then once more.
    Returns the gaps of these months.
    """
    earliest = min([month, *(month_of(row["captured_at"]) for row in rows)])
    gaps: list[Row] = []
    for _ in range(TRIES):
        start, known = captures_from(lake, account, earliest, month)
        captures = with_rows(known, rows)
        if captures:
            gaps = publish_coverage(lake, account, captures, start)
        _keep_captures(lake, account, rows)
        if captures_from(lake, account, earliest, month)[1] == captures:
            break
    return gaps


def with_rows(before: list[Row], rows: list[Row]) -> list[Row]:
    """The rows of `captures` with those of this run, by time.

    A failed attempt's row never takes the place of the row of its own page.
    """
    merged = {row["capture_id"]: row for row in before}
    for row in sorted(rows, key=lambda row: row["raw_key"] is None):
        if row["raw_key"] or row["capture_id"] not in merged:
            merged[row["capture_id"]] = row
    return sorted(merged.values(), key=lambda row: (row["captured_at"], row["capture_id"]))


def _keep_captures(lake: Lake, account: str, rows: list[Row]) -> None:
    for month in sorted({month_of(row["captured_at"]) for row in rows}):
        own = [row for row in rows if month_of(row["captured_at"]) == month]
        lake.replace("captures", month, account, partial(_joined, own))


def own_row(lake: Lake, account: str, month: str, capture_id: str) -> Row | None:
    rows = lake.owned("captures", month, account)
    return next((row for row in rows if row["capture_id"] == capture_id), None)
