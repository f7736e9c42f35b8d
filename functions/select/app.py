"""Select: which accounts to capture now, for which time, and when again."""

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from soundlake import access
from soundlake.accounts import Account, State, due, least_consent_days_left, waits_for_user
from soundlake.inputs import wrong
from soundlake.observability import function, logger
from soundlake.quota import planned
from soundlake.rounds import round_of
from soundlake.settings import settings
from soundlake.store.budget import BudgetTable
from soundlake.times import TimeError, format_time, logical_time, parse_time

CLOCKS_DIFFER = timedelta(minutes=5)  # the scheduler's clock and the state machine's


class CaptureInput(BaseModel):
    """The capture machine's input; `{}` and `{"once": true}` capture once, now.

    With `interval_minutes`, as the schedule sends it, the run captures so often within its hour.
    """

    model_config = ConfigDict(extra="forbid")

    scheduled_time: str | None = None
    interval_minutes: int | None = Field(default=None, ge=5, le=60)
    once: bool = False


@function("Select")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, start_time, now, round}` to `{status: selected, accounts, captured_at, next_at}`.

    `accounts` are names of accounts; `waiting` those that wait for their user, with what to do,
    and not those that an import made, of which nobody expects a capture;
    `damaged` those whose items cannot be read, with why, which keeps no other from its capture.
    `next_at` is when the next round is due, in `next_in` seconds, both null where this was the
    last. Otherwise `{status: invalid, error}`, with nobody to capture and no next round.

    What the schedule's captures will need a day is noted in the budget, which leaves it to them;
    nobody's capture fails for that.
    """
    try:
        given = CaptureInput.model_validate(event["input"])
        begin = _not_future(logical_time(given.scheduled_time, event["start_time"]), event)
        minutes = None if given.once else given.interval_minutes
        interval = timedelta(minutes=minutes) if minutes else None
        now = parse_time(event["now"])
        this = round_of(begin, interval, event["round"], now)
        known, damaged = access.accounts_table().all()
    except ValidationError as error:
        return _invalid(_sentence(error))
    except TimeError as error:
        return _invalid(str(error))
    chosen = [one.account for one in due(known, now)]
    if interval is not None:
        _note(sum(planned(len(chosen), interval)), now)
    waiting = [
        {"account": one.account, "state": one.state, "error": one.what_to_do}
        for one in known
        if one.account not in chosen and one.state is not State.IMPORTED
    ]
    return {
        "status": "selected",
        "accounts": chosen,
        "waiting": waiting,
        "damaged": [{"account": one.account, "error": access.small(one.error)} for one in damaged],
        "captured_at": format_time(this.at),
        "suffix": f"-{this.number}" if this.number else "",
        "next_round": this.next_number,
        "next_at": format_time(this.next_at) if this.next_at else None,
        "next_in": ceil((this.next_at - now).total_seconds()) if this.next_at else None,
        "counts": {
            "accounts": len(chosen),
            "waiting": len(waiting),
            "damaged": len(damaged),
            **_alarming(known, len(damaged), now),
        },
    }


def _invalid(error: str) -> dict[str, Any]:
    """The machine goes the same way for it: over no accounts, and no further."""
    return {
        "status": "invalid",
        "error": error,
        "accounts": [],
        "damaged": [],
        "captured_at": None,
        "suffix": "",
        "next_at": None,
    }


def _note(need: int, now: datetime) -> None:
    """Note what captures will need a day; the next round notes it where that does not go now."""
    try:
        BudgetTable(settings().budget_table).plan(settings().quota_owner, need, now)
    except (BotoCoreError, ClientError) as error:
        logger.warning(f"What captures will need was not noted: {error}")


def _alarming(known: list[Account], damaged: int, now: datetime) -> dict[str, int]:
    """What the alarms look at; without any consent there are no days that are left of one."""
    counts = {"awaiting_user": sum(map(waits_for_user, known)) + damaged}
    left = least_consent_days_left(known, now)
    return counts if left is None else counts | {"consent_days_left": left}


def _sentence(error: ValidationError) -> str:
    field, why = wrong(error)
    return (
        f"The input's {field!r} is wrong ({why}); it may hold scheduled_time, "
        'interval_minutes and once, like {"once": true}.'
    )


def _not_future(at: datetime, event: dict[str, Any]) -> datetime:
    if at > parse_time(event["start_time"]) + CLOCKS_DIFFER:
        raise TimeError(f"{format_time(at)} lies in the future; no play can be captured there yet.")
    return at
