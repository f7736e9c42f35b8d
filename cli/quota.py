"""What is asked of Spotify, what is known of its quota, and until when nothing may be asked."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from soundlake import quota
from soundlake.abilities import Abilities
from soundlake.quota import GROUPS, QUOTA_EXCEEDED, RISE, Estimate, group_of, last_day, planned
from soundlake.store.abilities import AbilitiesTable
from soundlake.store.budget import Budget, BudgetTable
from soundlake.times import format_time

from cli.connect import stored_app
from cli.errors import Trouble
from cli.target import Target

_WHY: Final[Mapping[str, str]] = {
    QUOTA_EXCEEDED: "its quota is spent",
    "RATE_LIMITED": "its rate limit was met",
}


def facts(target: Target, captured: int | None, now: datetime) -> dict[str, Any]:
    """Return what is known for so many captured accounts (or None), as JSON has it, times in UTC.

    `now` is this machine's time, which requests are counted by.
    """
    owner = target.output("QuotaOwner")
    minutes = int(target.output("CaptureInterval"))
    try:
        client_id, problem = stored_app(target).client_id, None
    except Trouble as error:
        client_id, problem = "", str(error)
    name = target.output("BudgetTable")
    known = BudgetTable(name, target.dynamodb).known(Budget(client_id, owner), now)
    may = AbilitiesTable(name, target.dynamodb).abilities(client_id, now)
    found = known.estimate(quota.assumed(may, int(target.output("DailyRequests"))))
    left = None if found is None else known.room(found, now)
    asked, until = last_day(known.calls, now), known.blocked_until(now)
    return {
        "owner": owner,
        "app_problem": problem,
        "last_24_hours": {
            group: sum(count for name, count in asked.items() if group_of(name) == group)
            for group in GROUPS
        },
        "learned": known.learned and known.learned.calls,
        "learned_at": known.learned and format_time(known.learned.at),
        "believed": found and found.calls,
        "why": found and _why(found, may),
        "reserved_for_captures": left and left.captures,
        "spent_beside_captures": left and left.others,
        "drawn": left and left.drawn,
        "left_beside_captures": left and left.left,
        "rises": found and _rises(found, now),
        "captures_a_day": None if captured is None else _captures(captured, minutes),
        "blocked_until": until and format_time(until),
        "blocked_for": known.reason if until else None,
    }


def _why(found: Estimate, may: Abilities) -> str:
    """Where the number comes from."""
    if found.learned is None:
        raised = ", raised since" if found.full_days >= quota.RISE_DAYS else ""
        return f"assumed (DailyRequests), as the app's access is {may.mode}{raised}"
    at, risen = f"{found.learned.at:%Y-%m-%d}", found.full_days >= quota.RISE_DAYS
    if found.passed:
        return f"as many have passed since it refused for the quota on {at}"
    raised = ", and it is raised since" if risen else ""
    return f"it refused on {at} after {found.learned.calls:,}{raised}"


def _rises(found: Estimate, now: datetime) -> str:
    """When more is tried."""
    days = _several(found.days_to_rise, "day")
    then = f"after {days} on which all is used and nothing refused, by {RISE} %"
    if (until := found.quiet_until(now)) is not None:
        return f"not before {until:%Y-%m-%d}, and {then}"
    return then


def _captures(accounts: int, minutes: int) -> dict[str, int]:
    pages, tokens = planned(accounts, timedelta(minutes=minutes))
    return {
        "accounts": accounts,
        "interval_minutes": minutes,
        "pages": pages,
        "tokens": tokens,
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Say `facts` in a few lines."""
    asked = found["last_24_hours"]
    parts = ", ".join(f"{group} {count:,}" for group, count in asked.items() if count)
    total = sum(asked.values())
    yield f"{total:,} in the last 24 hours{': ' * bool(total)}{parts}."
    if found["believed"] is None:
        yield "No limit was ever met."
    else:
        yield f"Spotify seems to allow {found['believed']:,} a day: {found['why']}."
        drawn = f", {found['drawn']:,} drawn and not counted yet" if found["drawn"] else ""
        held = "" if found["left_beside_captures"] else ", so they wait"
        yield (
            f"Kept for captures {found['reserved_for_captures']:,}, spent on all else "
            f"{found['spent_beside_captures']:,}{drawn}; left for charts and enrichment: "
            f"{found['left_beside_captures']:,}{held}."
        )
        yield f"It rises {found['rises']}."
    if need := found["captures_a_day"]:
        pages, tokens = _several(need["pages"], "page"), _several(need["tokens"], "token")
        yield (
            f"Captures need {pages} and {tokens} a day: {_several(need['accounts'], 'account')}, "
            f"every {need['interval_minutes']} minutes."
        )
    if found["blocked_until"]:
        why = _WHY.get(found["blocked_for"], f"it says {found['blocked_for']}")
        until = found["blocked_until"][:16].replace("T", " ")
        yield f"Spotify may not be asked until {until} UTC: {why}."
    if found["app_problem"]:
        yield found["app_problem"]


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
