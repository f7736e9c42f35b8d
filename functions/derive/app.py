"""Derive: captured pages into observations, observations into plays, attempts into captures."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.deriving import captures, importing
from soundlake.deriving.explaining import explain
from soundlake.importing.errors import HistoryError
from soundlake.importing.ledger import OUTCOMES
from soundlake.observability import function
from soundlake.plays import UNREADABLE, failed_capture_row
from soundlake.store.kept import Kept
from soundlake.store.lake import Lake, Row, SchemaError
from soundlake.times import month_of, naive_ms, parse_time


@function("Derive")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{execution, capture}` to `{status, account, captured_at, page, new, late, known, invalid}`.

    `shown` is as Capture says it, where all went well.

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
    lake, raw = Lake(access.bucket()), access.raw()
    try:
        keys = captures.underived(lake, raw, account, at)
        pages, damaged = captures.read_pages(raw, account, keys)
        after = captures.later(lake, account, keys, month_of(at))
        later, _ = captures.read_pages(raw, account, after)
        counted = captures.derive(lake, account, pages + later, month_of(at), access.zone_of)
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
        gaps = captures.record(lake, account, attempts, month_of(at))
        counts = _counts(first, gaps)
        # Where no page came there are no counts, so that an alarm can tell.
        result = _result(capture, rows) | (counts if first else {})
        if capture["status"] != "captured":
            status = "waiting" if capture["status"] == "waiting" else "failed"
            return result | {"status": status, "error": capture["error"]}
        own = captures.own_row(lake, account, month_of(at), event["execution"])
    except (*access.FORESEEN, SchemaError) as error:
        return _result(capture, []) | access.failure(error)
    if own is None:
        return result | {
            "status": "failed",
            "error": f"{capture['raw_key']} is gone; nothing could be derived of it.",
        }
    if own["outcome"] in {captures.DAMAGED, UNREADABLE}:
        return result | {"status": "failed", "error": own["error"]}
    return (
        result
        | counts
        | {
            "status": own["outcome"],
            "shown": capture.get("shown"),
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
