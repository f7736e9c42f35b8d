"""Coverage: which spans of an account's listening no capture could see, and how sure each day is.

Spotify shows about the last 50 plays. A page that shows a play which an earlier page showed shows
everything that surfaced after it; one that shows none leaves a gap. Both are told from `captures`
alone: what each page showed first, what it shared, and with how old a page.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

WINDOW_PLAYS = 50  # about as many as Spotify shows
WINDOW = timedelta(seconds=30) * WINDOW_PLAYS  # a play lasts 30 s at least to be listed
MISSED = timedelta(hours=2)  # without any attempt: longer than any schedule leaves between two
SETTLED = timedelta(days=2)  # late plays come within two days, where no later ones were seen,
UNSETTLED = timedelta(days=30)  # and after longer than this nothing is waited for

CONFIRMED, OBSERVED, PROVISIONAL, GAP = "confirmed", "observed", "provisional", "gap"
CERTAINTIES = (CONFIRMED, OBSERVED, PROVISIONAL, GAP)  # from the surest on

Row = dict[str, Any]
Span = tuple[datetime, datetime]


def gaps(captures: Iterable[Row], newest: datetime | None = None) -> list[Row]:
    """The gaps that an account's attempts tell of, by time; rows of `gaps` (UTC, ms).

    `captures` are rows of `captures` in the order of time, `newest` the latest play that any page
    before them showed. A gap reaches from the latest play known to the page that shares nothing
    with what is known. Where attempts failed for longer than Spotify's
    window holds there is one too: it lasts until a page comes, and closes when that page reaches
    back to what was known. A later page that reaches from before a gap to after it closes it,
    `closed_by` being that page.
    """
    found: list[Row] = []
    newest_on: dict[str, datetime] = {}  # the pages that end a gap
    missed: list[Row] = []  # attempts since the last page
    last = newest
    for row in sorted(captures, key=_order):
        if row["newest"] is None:  # no page, or none with a play
            missed.append(row)
            continue
        if newest is not None and last is not None:
            if row["reached"] is None:
                # One that answered before the latest known tells of nothing but the past: a run
                # that was late stands before those that overtook it, and spans what they saw.
                if row["observed_at"] >= last:
                    found.append(_unseen(row, newest, last, missed))
                    newest_on[row["raw_key"]] = row["newest"]
            else:
                _close(found, row, newest_on)
                if missed and row["observed_at"] - last > WINDOW:
                    gap = _gap(row, newest, row["observed_at"], missed[-1]["outcome"])
                    found.append(gap | {"closed_by": row["raw_key"]})
        newest = max(newest, row["newest"]) if newest else row["newest"]
        last = max(last, row["observed_at"]) if last else row["observed_at"]
        missed = []
    if missed and newest and last and missed[-1]["captured_at"] - last > WINDOW:
        found.append(_gap(missed[0], newest, None, missed[-1]["outcome"]))
    return _joined(found)


def _order(row: Mapping[str, Any]) -> tuple[datetime, str]:
    """The order of the pages' keys, in which one page is said to have shown a play first."""
    return row["captured_at"], row["raw_key"] or row["capture_id"]


def _unseen(row: Row, newest: datetime, last: datetime, missed: Sequence[Row]) -> Row:
    if missed:
        reason = missed[-1]["outcome"]
    elif row["observed_at"] - last > MISSED:
        reason = "missed"
    else:
        reason = "overflow" if row["page"] >= WINDOW_PLAYS else "short_page"
    # Until the page and not only until its plays: those may have surfaced together, late, and
    # pushed newer ones out of the window.
    return _gap(row, newest, row["observed_at"], reason)


def _gap(row: Row, start: datetime, end: datetime | None, reason: str) -> Row:
    return {
        "account": row["account"],
        "from_time": start,
        "to_time": end,
        "reason": reason,
        "found_at": row["captured_at"],
        "found_by": row["raw_key"],
        "closed_by": None,
    }


def _close(found: Iterable[Row], row: Row, newest_on: Mapping[str, datetime]) -> None:
    """Close the gaps that a page reaches across: it shows a play known before each, and one since.

    A page of before a gap, shown again, shows none since: neither one that was heard after the
    page that ends the gap, nor that page's own newest one.
    """
    for gap in found:
        if gap["closed_by"] is not None or not gap["found_by"]:
            continue
        since = row["newest"] >= gap["to_time"] or row["newest"] == newest_on[gap["found_by"]]
        if since and row["reached"] < gap["found_by"]:
            gap["closed_by"] = row["raw_key"]


def closed_by_exports(found: Iterable[Row], exports: Iterable[tuple[str, Span]]) -> list[Row]:
    """The gaps, those closed that lie in a span of which an export holds everything.

    `exports` are such spans, each with what closes a gap.
    """
    exports = list(exports)

    def closed(gap: Row) -> Row:
        by = (
            name
            for name, (first, last) in exports
            if gap["to_time"] and first <= gap["from_time"] and gap["to_time"] <= last
        )
        return gap if gap["closed_by"] else gap | {"closed_by": next(by, None)}

    return [closed(gap) for gap in found]


def united(spans: Iterable[Span]) -> list[Span]:
    """Spans in the order of time, those as one that meet or overlap."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def days_within(spans: Iterable[Span]) -> set[date]:
    """The whole days (UTC) that lie in spans."""
    found = set()
    for first, last in spans:
        day = first.date() if first == _midnight(first.date()) else first.date() + timedelta(days=1)
        while _midnight(day) + timedelta(days=1) <= last:
            found.add(day)
            day += timedelta(days=1)
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - as tables keep times


def _joined(found: Iterable[Row]) -> list[Row]:
    """One row of gaps that begin together: a page of late plays alone moves no beginning."""
    joined: dict[datetime, Row] = {}
    for gap in found:
        known = joined.get(gap["from_time"])
        if known is None or known["closed_by"] is not None:
            joined[gap["from_time"]] = gap
        elif gap["closed_by"] is None:
            joined[gap["from_time"]] = known | {"to_time": gap["to_time"]}
    return [joined[start] for start in sorted(joined)]


def uncertain_spans(captures: Iterable[Row]) -> list[tuple[str, Span]]:
    """The spans of which pages tell that they may not have shown all, each with its page.

    Late plays at the end of a full page: older ones may have gone past the window, so their day
    is not sure; all of them, where the page shares nothing with what is known and newer ones may
    have been pushed out by them. And rows that could not be read, until a page shows them.
    """
    found: list[tuple[str, Span]] = []
    unread: list[Row] = []
    for row in sorted(captures, key=_order):
        if row["newest"] is not None and row["unread_oldest"] is None:
            unread = [one for one in unread if not _shows(row, one)]
        if row["unread_oldest"] is not None:
            unread.append(row)
        late = row["late_oldest"], row["late_newest"]
        if late[0] is not None and row["page"] >= WINDOW_PLAYS:
            if row["reached"] is None:
                found.append((row["raw_key"], late))
            elif late[0] == row["oldest"]:
                found.append((row["raw_key"], (late[0], late[0])))
    return found + [
        (one["raw_key"], (one["unread_oldest"], one["unread_newest"])) for one in unread
    ]


def _shows(row: Row, unread: Row) -> bool:
    """Whether a page whose rows can all be read shows every play that an earlier one garbled.

    It was asked after that one, reaches back beyond those plays, and shows one that surfaced
    before them: so it shows all that surfaced since.
    """
    return (
        row["newest"] >= unread["observed_at"]
        and row["oldest"] < unread["unread_oldest"]
        and row["reached"] is not None
        and row["reached"] < unread["raw_key"]
    )


def settling(captures: Iterable[Row]) -> timedelta:
    """How long after a day late plays may still surface: as late as any were seen to."""
    seen = SETTLED
    for row in captures:
        if row["late_oldest"] is not None:
            seen = max(seen, row["observed_at"] - row["late_oldest"])
    return min(seen, UNSETTLED)


def certainty(
    day: date,
    *,
    now: datetime,
    settles: timedelta,
    gaps: Iterable[Mapping[str, Any]],
    reached: bool,
    exports: Iterable[Span] = (),
) -> str:
    """How sure an account's day (UTC) is, seen from `now` (UTC, without zone).

    `confirmed`: an export covers it. `gap`: an open gap touches it. `provisional`: late plays may
    still surface, or a full page of them `reached` into it. `observed`: everything that Spotify
    showed of it is kept, which is not all that was heard.
    """
    start = _midnight(day)
    end = start + timedelta(days=1)
    if any(first <= start and end <= last for first, last in exports):
        return CONFIRMED
    for gap in gaps:
        open_ = gap["closed_by"] is None
        if open_ and gap["from_time"] < end and (gap["to_time"] or now) > start:
            return GAP
    if reached or now - end < settles:
        return PROVISIONAL
    return OBSERVED
