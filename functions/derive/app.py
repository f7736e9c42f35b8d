"""Derive: captured pages into observations, observations into plays, attempts into captures."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.deriving import importing
from soundlake.deriving.coverage import captures_from, publish_coverage
from soundlake.deriving.explaining import explain
from soundlake.deriving.plays import plays_of
from soundlake.importing.errors import HistoryError
from soundlake.importing.ledger import OUTCOMES
from soundlake.observability import function, logger
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
from soundlake.store.kept import Kept
from soundlake.store.lake import Lake, Row, SchemaError
from soundlake.store.objects import CorruptObjectError, NotJsonError
from soundlake.times import month_of, naive_ms, parse_time, shift_month

TRIES = 3  # against another run that records an attempt meanwhile
DAMAGED = "damaged"  # the outcome of a capture whose kept answer is no longer whole


@function("Derive")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{execution, capture}` to `{status, account, captured_at, page, new, late, known, invalid}`.

    Every page that no row of `captures` names yet is derived, so a run that was killed after its
    capture is finished by the next. The rows of `captures` are written last. `status` is
    `captured`, `empty`, `waiting` where the account waits for its user, or `failed`, both with
    `error`. An attempt without a page is recorded too, and one whose page cannot be read.

    Of an import it does one step: `{import, group: reads}` divides the months of what Read told,
    to `{groups, read}`, or refuses files of two people; `{import, merge: group}` makes
    observations, `{import, play: group}` plays and ledger, `{import, conclude: {...}}` its own row;
    `withdrawn` beside them takes the import back. `status` is `grouped`, `refused`, `merged`,
    `played`, `concluded` or `failed`, with `error`.

    A person asks `{why: {account, played_at, uri, name_key}}` or, of a row that is in a play,
    `{why: {account, time, raw_key, raw_row}}` (of a page's its `uri` for `raw_row`), and gets
    `{status: explained, play, observations, follows}`, or `unknown`; nothing is written.
    """
    if other := _OTHER.keys() & event.keys():
        return _OTHER[other.pop()](event)
    capture = event["capture"]
    account, at = capture["account"], parse_time(capture["captured_at"])
    lake = Lake(access.bucket())
    try:
        keys = _underived(lake, account, month_of(at))
        pages, damaged = _pages(account, keys)
        later, _ = _pages(account, _later(lake, account, keys, month_of(at)))
        counted = _derive(lake, account, pages + later, month_of(at))
        first = [row for row in counted if row["raw_key"] in keys]
        rows = first + damaged
        attempts = counted + damaged
        if capture["status"] != "captured":
            failed = failed_capture_row(
                account,
                capture_id=event["execution"],
                captured_at=at,
                outcome=capture.get("state") or capture["status"],
                error=capture["error"],
            )
            attempts.append(failed)
        gaps = _record(lake, account, attempts, month_of(at))
        counts = _counts(first, gaps)
        # Where no page came there are no counts, so that an alarm can tell.
        result = _result(capture, rows) | (counts if first else {})
        if capture["status"] != "captured":
            status = "waiting" if capture["status"] == "waiting" else "failed"
            return result | {"status": status, "error": capture["error"]}
        own = _own_row(lake, account, month_of(at), event["execution"])
    except (*access.FORESEEN, SchemaError) as error:
        return _result(capture, []) | access.failure(error)
    if own is None:
        return result | {
            "status": "failed",
            "error": f"{capture['raw_key']} is gone; nothing could be derived of it.",
        }
    if own["outcome"] in {DAMAGED, UNREADABLE}:
        return result | {"status": "failed", "error": own["error"]}
    return (
        result
        | counts
        | {
            "status": own["outcome"],
            **{name: own[name] for name in ("page", "new", "late", "known", "invalid")},
            "problems": access.small(own["error"]) if own["error"] else None,
        }
    )


def _import(event: dict[str, Any]) -> dict[str, Any]:
    """One step of an import."""
    given = event["import"]
    import_ = importing.Import.told(given, withdrawn=event.get("withdrawn", False))
    if "group" in event:
        try:
            return {"status": "grouped", **importing.grouped(import_, event["group"])}
        except HistoryError as error:
            return {"status": "refused", "error": str(error), "counts": {"refused": 1}}
    lake, kept = Lake(access.bucket()), Kept(access.bucket(), import_.raw_prefix)
    try:
        if "merge" in event:
            changed = importing.merge_months(lake, kept, import_, event["merge"])
            return {"status": "merged", "counts": {"objects": changed}}
        if "play" in event:
            zone = access.zone_of(import_.account)
            found = importing.play_months(lake, kept, import_, event["play"], zone)
            return {"status": "played", **found}
        if import_.withdrawn:
            row = importing.take_back(lake, import_, parse_time(event["conclude"]["at"]))
            told = {}
        else:
            row, days = importing.conclude(lake, kept, import_, given, event["conclude"])
            told = {"confirmed_days": days}
    except (*access.FORESEEN, SchemaError, importing.LedgerError) as error:
        return access.failure(error)
    told |= {name: row[name] for name in ("files", "rows", *OUTCOMES)} if row else {}
    return {"status": "concluded", "ledger": told, "counts": {"imports": 1}}


def _why(event: dict[str, Any]) -> dict[str, Any]:
    """The observations that a play is, and what each gives it."""
    asked = event["why"]
    times = {
        name: naive_ms(parse_time(asked[name])) for name in asked.keys() & {"played_at", "time"}
    }
    account = asked["account"]
    try:
        found = explain(Lake(access.bucket()), account, asked | times, access.zone_of(account))
    except (*access.FORESEEN, SchemaError) as error:
        return access.failure(error)
    return {"status": "explained", **found} if found else {"status": "unknown"}


_OTHER = {"import": _import, "why": _why}  # what is no capture, by the event's key


def _result(capture: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    return {
        "account": capture["account"],
        "captured_at": capture["captured_at"],
        "derived": len(rows),
        "requests": capture.get("requests", {}),
    }


def _counts(pages: list[Row], gaps: list[Row]) -> dict[str, Any]:
    """What is counted of pages that were derived for the first time.

    Of gaps, those that such a page has ended and did not close: no other is lost for good.
    """
    new, late = (sum(row[name] for row in pages) for name in ("new", "late"))
    keys = {row["raw_key"] for row in pages}
    lost = sum(gap["found_by"] in keys and gap["closed_by"] is None for gap in gaps)
    return {"counts": {"new": new, "late": late, "gaps": lost}}


def _underived(lake: Lake, account: str, month: str) -> list[str]:
    """The captured pages that `captures` does not name.

    Of this month and the one before, and on into the past for as long as a month has any: a
    Derive that could not work for a season is made up for.
    """
    found: list[str] = []
    each, least = month, shift_month(month, -1)
    while True:
        keys = access.raw().keys(prefix(account, each))
        rows = lake.owned("captures", each, account)
        # A damaged page is tried again each time: its object may have been restored.
        named = {row["raw_key"] for row in rows if row["outcome"] != DAMAGED}
        missing = [key for key in keys if key not in named]
        found = missing + found
        if each <= least and not missing:
            return found
        each = shift_month(each, -1)


def _later(lake: Lake, account: str, keys: list[str], month: str) -> list[str]:
    """The pages after the first of these that were derived before it: what they showed first
    is counted anew. There is one where a run was overtaken by the next.
    """
    if not keys:
        return []
    _, known = captures_from(lake, account, CaptureKey.month(min(keys)), month)
    named = {row["raw_key"] for row in known if row["raw_key"] and row["outcome"] != DAMAGED}
    return sorted(key for key in named.difference(keys) if key > min(keys))


def _pages(account: str, keys: list[str]) -> tuple[list[CapturedPage], list[Row]]:
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
            answer = access.raw().need(key)
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


def _derive(lake: Lake, account: str, pages: list[CapturedPage], month: str) -> list[Row]:
    """Merge pages into observations, derive the plays of the months touched; rows of `captures`."""
    seen = [row for page in pages for row in page.observations]
    months = sorted({month_of(row["time"]) for row in seen})
    for each in months:
        own = [row for row in seen if month_of(row["time"]) == each]
        lake.replace("observations", each, account, lambda known, own=own: merge(known, own))
    zone = access.zone_of(account) if months else None
    around = sorted({shift_month(each, by) for each in months for by in (-1, 0, 1)})
    for each in around:
        lake.replace_table(
            "plays", each, account, lambda _, each=each: plays_of(lake, account, each, zone)
        )
    # A page of old plays alone is late beside what the run's own months have shown, and a row
    # that cannot be read may be of a play that is known.
    unread = {month_of(newest) for page in pages for _, newest in page.unread}
    every = [
        row
        for each in sorted({*around, shift_month(month, -1), month, *unread})
        for row in lake.owned("observations", each, account)
    ]
    return [capture_row(page, account, every) for page in pages]


def _record(lake: Lake, account: str, rows: list[Row], month: str) -> list[Row]:
    """Derive gaps and days from all attempts, these included, and record these last.

    An attempt that another run records meanwhile is part of neither's gaps: then once more.
    Returns the gaps of these months.
    """
    earliest = min([month, *(month_of(row["captured_at"]) for row in rows)])
    gaps: list[Row] = []
    for _ in range(TRIES):
        start, known = captures_from(lake, account, earliest, month)
        captures = _with(known, rows)
        if captures:
            gaps = publish_coverage(lake, account, captures, start)
        _keep_captures(lake, account, rows)
        if captures_from(lake, account, earliest, month)[1] == captures:
            break
    return gaps


def _with(before: list[Row], rows: list[Row]) -> list[Row]:
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
        lake.replace("captures", month, account, lambda before, own=own: _with(before, own))


def _own_row(lake: Lake, account: str, month: str, capture_id: str) -> Row | None:
    rows = lake.owned("captures", month, account)
    return next((row for row in rows if row["capture_id"] == capture_id), None)
