"""What sources let us ask, in DynamoDB: until when nobody may, what is left, and when the next may.

A wait that a source asks of one client is all its callers'; one for a spent quota of Spotify is
that of the developer who owns the app, across all their apps, and what it teaches of the quota
stands beside it. Requests are counted in one item a day, by hour and endpoint. Times are the
callers' machine's (UTC).

Of a quota that is believed, whoever is no capture draws before asking: a page of requests by one
conditional write on the owner's item. What was drawn counts as asked until it is settled: what was
sent is counted first, and the draw dropped after, so a crash in between errs to the careful side.
"""

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from soundlake.quota import (
    QUOTA_EXCEEDED,
    VIEW,
    Estimate,
    Learned,
    Room,
    estimate,
    is_drawn,
    is_full_day,
    learn,
    room,
)
from soundlake.store.items import dynamodb_client, read, unmet, written
from soundlake.times import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_SLEPT = timedelta(seconds=2)  # whose turn is later is told so, and takes no place
# No process takes turns so far ahead: where the next one is, a clock was wrong.
_MOST_AHEAD = timedelta(minutes=15)
_TRIES = 50  # each that fails is another's success
# Between readings of what a busy table left out (s); after the last one it is an error.
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 0)
_TOO_BUSY: Any = {
    "Error": {
        "Code": "ProvisionedThroughputExceededException",
        "Message": "the table of budgets left out some of its items each time it was read",
    }
}
_DAY = timedelta(days=1)
_BLOCKS_KEPT = _DAY
_COUNTS_KEPT = timedelta(days=400)  # and what was learned of the quota
_DRAW = "draw "  # begins the names of draws
_UNBLOCKED = "(attribute_not_exists(blocked_until) OR blocked_until <= :now)"


@dataclass(frozen=True, slots=True)
class Budget:
    """Whose budget it is: the app's client id and its owner."""

    client_id: str
    owner: str

    @property
    def holders(self) -> tuple[str, str]:
        """The keys that a wait may stand under."""
        return f"client#{self.client_id}", f"owner#{self.owner}"


@dataclass(slots=True)
class Known:
    """What the table says of a budget: its latest wait, why, what was learned, and the calls.

    `full_days` and `full_on`: on how many days all was asked for since, and the last of them.
    `draws` are those that are not settled: how many requests, and when. `plan`: what captures will
    need a day, as of `planned_at`. `next_at`: whose turn it is next may ask then.
    """

    until: datetime | None = None
    reason: str | None = None
    learned: Learned | None = None
    calls: dict[datetime, Counter[str]] = field(default_factory=dict)
    full_days: int = 0
    full_on: str | None = None
    draws: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    plan: int = 0
    planned_at: datetime | None = None
    version: int = 0
    next_at: datetime | None = None

    def blocked_until(self, now: datetime) -> datetime | None:
        """Until when nothing may be asked, or None."""
        return self.until if self.until is not None and self.until > now else None

    def estimate(self, assumed: int | None) -> Estimate | None:
        """What is believed of the quota; None where nothing is."""
        return estimate(self.learned, assumed, self.full_days, self.calls)

    def drawn(self, now: datetime) -> int:
        """How many requests were drawn and may yet be asked, or were asked and not counted."""
        return sum(calls for calls, at in self.draws.values() if is_drawn(at, now))

    def planned(self, now: datetime) -> int:
        """What captures will need a day; 0 where no plan is as new as what is looked at."""
        return self.plan if self.planned_at is not None and now - self.planned_at < VIEW else 0

    def room(self, found: Estimate, now: datetime) -> Room:
        """What captures and draws leave of the quota."""
        return room(found, self.calls, now, plan=self.planned(now), drawn=self.drawn(now))

    def turn(self, now: datetime) -> datetime:
        """When the next may ask whose requests are spaced."""
        if self.next_at is None or not now < self.next_at <= now + _MOST_AHEAD:
            return now
        return self.next_at

    def without(self, drawn: "Draw | None", now: datetime) -> None:
        """Take out a draw whose requests are counted; turns that are left of it hold nobody."""
        if drawn is None or drawn.id is None:
            return
        self.draws.pop(drawn.id, None)
        end = drawn.turns_end
        # They are the last that were taken where they end together, as it is kept in milliseconds.
        if end and self.next_at and format_time(end) == format_time(self.next_at):
            self.next_at = drawn.free_at(now)


@dataclass(frozen=True, slots=True)
class Draw:
    """Requests that may be sent: `granted`, None for as many as it takes.

    Where none are, `until` says when to ask again, because of a wait or of another's turns, or
    `room` why nothing is left. Where requests are spaced, the first may be sent at `turn`, and all
    turns end at `turns_end`.
    """

    granted: int | None
    id: str | None = None
    room: Room | None = None
    until: datetime | None = None
    turn: datetime | None = None
    turns_end: datetime | None = None

    def free_at(self, now: datetime) -> datetime | None:
        """When others may ask where no more of these are sent from now on; None without turns.

        That is no sooner after a request that was sent just now than after any other.
        """
        if self.turn is None or self.turns_end is None or not self.granted:
            return None
        spacing = (self.turns_end - self.turn) / self.granted
        return min(max(self.turn, now + spacing), self.turns_end)


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns of a source's requests, the first at `first`; where none are given, not before it."""

    first: datetime
    end: datetime | None


class BudgetTable:
    """The table of waits, counts, draws and turns."""

    def __init__(self, name: str, client: "DynamoDBClient | None" = None) -> None:
        self.name = name
        self._dynamodb = client or dynamodb_client()

    #### WHAT IS KNOWN #############################################################################

    def known(self, budget: Budget, now: datetime) -> Known:
        """What is known of a budget, its calls of the last three days.

        The calls are read after the draws, so that none is missed that was settled meanwhile.
        """
        known = self._waits(budget)
        self._add_calls(known, budget, now)
        return known

    def blocked_until(self, budget: Budget, now: datetime) -> datetime | None:
        """Until when nothing may be asked, or None; as anybody noted it last."""
        return self._waits(budget).blocked_until(now)

    def _waits(self, budget: Budget) -> Known:
        known = Known()
        for item in self._items(budget.holders):
            _take_holder(known, item)
        return known

    def _add_calls(self, known: Known, budget: Budget, now: datetime) -> None:
        days = [_day(budget.owner, now - ago * _DAY) for ago in range(VIEW // _DAY + 1)]
        for item in self._items(days):
            _take_calls(known, item)

    def _items(self, keys: "tuple[str, ...] | list[str]") -> list[Mapping[str, Any]]:
        """The items under these keys, as they stand now."""
        asked = {"Keys": [written({"holder": key}) for key in keys], "ConsistentRead": True}
        wanted: Any = {self.name: asked}
        found: list[Mapping[str, Any]] = []
        for pause in _PAUSES:
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            found += answer["Responses"].get(self.name, ())
            wanted = answer.get("UnprocessedKeys")  # what a busy table left out
            if not wanted:
                return found
            time.sleep(pause)
        raise ClientError(_TOO_BUSY, "BatchGetItem")

    #### WAITS #####################################################################################

    def block(
        self,
        budget: Budget,
        until: datetime,
        reason: str | None,
        *,
        now: datetime,
        uncounted: int = 0,
        drawn: Draw | None = None,
    ) -> None:
        """Note a long wait: the owner's where the quota is spent, else the client's.

        A spent quota also teaches how large it is: from what was counted, the `uncounted` requests
        of the caller, and what others than it have `drawn` and may have sent, which errs upwards by
        a page each at most. A wait that was noted before is never shortened.
        """
        client, owner = budget.holders
        holder, kept = client, _BLOCKS_KEPT
        change = "SET blocked_until = :until, reason = :reason, expires = :expires"
        values: dict[str, Any] = {
            ":until": {"S": format_time(until)},
            ":reason": {"S": reason or "RATE_LIMITED"},
        }
        if reason == QUOTA_EXCEEDED:
            holder, kept = owner, _COUNTS_KEPT
            known = self.known(budget, now)
            known.without(drawn, now)
            learned = learn(known.learned, known.calls, uncounted + known.drawn(now), now)
            change += ", quota = :quota, learned_at = :learned_at REMOVE full_days, full_on"
            values[":quota"] = {"N": str(learned.calls)}
            values[":learned_at"] = {"S": format_time(learned.at)}
        values[":expires"] = _seconds(until + kept)
        self._update(
            holder,
            change,
            values,
            condition="attribute_not_exists(blocked_until) OR blocked_until < :until",
        )

    #### COUNTS ####################################################################################

    def count(self, owner: str, now: datetime, calls: Mapping[str, int]) -> None:
        """Add an invocation's requests, by endpoint, to its hour's; nothing for none."""
        if not calls:
            return
        numbered = list(enumerate(calls.items()))
        self._dynamodb.update_item(
            TableName=self.name,
            Key=written({"holder": _day(owner, now)}),
            UpdateExpression="SET expires = :expires ADD "
            + ", ".join(f"#e{number} :n{number}" for number, _ in numbered),
            ExpressionAttributeNames={
                f"#e{number}": f"{now:%H} {name}" for number, (name, _) in numbered
            },
            ExpressionAttributeValues={
                ":expires": _seconds(now + _COUNTS_KEPT),
                **{f":n{number}": {"N": str(count)} for number, (_, count) in numbered},
            },
        )

    def plan(self, owner: str, need: int, now: datetime) -> None:
        """Note what captures will need a day; written where it has changed, or is a day old."""
        known = self._waits(Budget("", owner))
        noted = known.planned_at
        if known.plan == need and noted is not None and now - noted < _DAY:
            return
        self._update(
            f"owner#{owner}",
            "SET planned = :need, planned_at = :at, expires = :expires",
            {
                ":need": {"N": str(need)},
                ":at": {"S": format_time(now)},
                ":expires": _seconds(now + _COUNTS_KEPT),
            },
        )

    #### DRAWS #####################################################################################

    def draw(
        self,
        budget: Budget,
        wanted: int,
        now: datetime,
        *,
        assumed: int | None = None,
        spacing: timedelta = timedelta(0),
        instead_of: Draw | None = None,
    ) -> Draw:
        """Draw up to so many requests of the quota, beside what captures need; 0 while it waits.

        `assumed` is the quota where none was learned; where none is believed either, nothing is
        written. With a `spacing`, turns are taken too. `instead_of` is the caller's draw before,
        whose requests are counted: it is dropped by the same write where it can, and turns that are
        left of it hold nobody.
        """
        drawn: Draw | None = None
        for _ in range(_TRIES):
            known = self._waits(budget)
            if drawn is not None and drawn.id in known.draws:
                return drawn  # by a write whose answer was lost, so that it was sent again in vain
            if (until := known.blocked_until(now)) is not None:
                return Draw(0, until=until)
            if known.learned is not None or assumed is not None:
                self._add_calls(known, budget, now)
            found = known.estimate(assumed)
            if found is None:
                return Draw(None)
            known.without(instead_of, now)
            left = known.room(found, now)
            if not left.left:
                self._note_full_day(budget, known, found, now)
                return Draw(0, room=left)
            turn = known.turn(now)
            if spacing and turn > now + MOST_SLEPT:
                return Draw(0, until=turn)
            drawn = Draw(
                min(wanted, left.left),
                f"{_DRAW}{secrets.token_hex(4)}",
                left,
                turn=turn if spacing else None,
                turns_end=turn + min(wanted, left.left) * spacing if spacing else None,
            )
            if self._take(budget, drawn, known, now, instead_of):
                return drawn
        raise RuntimeError(f"The budget {budget.owner} is drawn on by too many at once.")

    def _take(
        self, budget: Budget, drawn: Draw, known: Known, now: datetime, instead_of: Draw | None
    ) -> bool:
        """Write a draw where nobody has drawn, nor has been told to wait, since it was read."""
        gone = [name for name, (_, at) in known.draws.items() if not is_drawn(at, now)]
        gone += [instead_of.id] if instead_of is not None and instead_of.id is not None else []
        names = {"#draw": drawn.id or ""} | {f"#g{at}": name for at, name in enumerate(gone)}
        change = "SET #draw = :draw, version = :next, expires = :expires"
        values: dict[str, Any] = {
            ":draw": {"S": f"{drawn.granted} {format_time(now)}"},
            ":next": {"N": str(known.version + 1)},
            ":expires": _seconds(now + _COUNTS_KEPT),
            ":now": {"S": format_time(now)},
        }
        if drawn.turns_end is not None:
            change += ", next_at = :turns"
            values[":turns"] = {"S": format_time(drawn.turns_end)}
        if gone:
            change += f" REMOVE {', '.join(f'#g{at}' for at, _ in enumerate(gone))}"
        unchanged = "attribute_not_exists(version)"
        if known.version:
            unchanged, values[":version"] = "version = :version", {"N": str(known.version)}
        return self._update(
            budget.holders[1],
            change,
            values,
            names=names,
            condition=f"{unchanged} AND {_UNBLOCKED}",
        )

    def _note_full_day(self, budget: Budget, known: Known, found: Estimate, now: datetime) -> None:
        """Note, once a day, that all of it was asked for and Spotify has not refused."""
        today = f"{now:%Y-%m-%d}"
        if known.full_on == today or not is_full_day(found, known.calls, now):
            return
        self._update(
            budget.holders[1],
            "SET full_on = :today, expires = :expires ADD full_days :one",
            {
                ":today": {"S": today},
                ":one": {"N": "1"},
                ":now": {"S": format_time(now)},
                ":expires": _seconds(now + _COUNTS_KEPT),
            },
            condition=f"(attribute_not_exists(full_on) OR full_on < :today) AND {_UNBLOCKED}",
        )

    def drop(self, budget: Budget, drawn: Draw, now: datetime) -> None:
        """Settle a draw whose requests are counted; turns that are left are given back."""
        if drawn.id is None:
            return
        names, owner = {"#draw": drawn.id}, budget.holders[1]
        free_at = drawn.free_at(now)
        if free_at is not None and drawn.turns_end is not None and free_at < drawn.turns_end:
            back = self._update(
                owner,
                "SET next_at = :free REMOVE #draw",
                {":free": {"S": format_time(free_at)}, ":end": {"S": format_time(drawn.turns_end)}},
                names=names,
                condition="next_at = :end",
            )
            if back:
                return
        self._update(owner, "REMOVE #draw", names=names)

    #### TURNS #####################################################################################

    def take_turns(self, budget: Budget, calls: int, spacing: timedelta, now: datetime) -> Turns:
        """Take the next turns of a source that is asked once in a while, by one conditional write.

        None are given, and nothing is written, where the first is more than two seconds away, or
        the source has asked to wait.
        """
        client = budget.holders[0]
        for _ in range(_TRIES):
            known = self._waits(budget)
            if (until := known.blocked_until(now)) is not None:
                return Turns(until, None)
            first = known.turn(now)
            if first > now + MOST_SLEPT:
                return Turns(first, None)
            end = first + calls * spacing
            values: dict[str, Any] = {
                ":end": {"S": format_time(end)},
                ":now": {"S": format_time(now)},
                ":expires": _seconds(now + _BLOCKS_KEPT),
            }
            unchanged = "attribute_not_exists(next_at)"
            if known.next_at is not None:
                unchanged = "next_at = :seen"
                values[":seen"] = {"S": format_time(known.next_at)}
            if self._update(
                client,
                "SET next_at = :end, expires = :expires",
                values,
                condition=f"{unchanged} AND {_UNBLOCKED}",
            ):
                return Turns(first, end)
        raise RuntimeError(f"{budget.owner} is asked by too many at once.")

    def give_back(self, budget: Budget, end: datetime, free_at: datetime) -> None:
        """Let others ask from then on and not from `end`, where nobody has taken later turns."""
        if end <= free_at:
            return
        self._update(
            budget.holders[0],
            "SET next_at = :free",
            {":free": {"S": format_time(free_at)}, ":end": {"S": format_time(end)}},
            condition="next_at = :end",
        )

    def _update(
        self,
        holder: str,
        change: str,
        values: Mapping[str, Any] | None = None,
        *,
        names: Mapping[str, str] | None = None,
        condition: str | None = None,
    ) -> bool:
        """Change an item; whether the condition held."""
        given: dict[str, Any] = {
            "ExpressionAttributeValues": values,
            "ExpressionAttributeNames": names,
            "ConditionExpression": condition,
        }
        try:
            self._dynamodb.update_item(
                TableName=self.name,
                Key=written({"holder": holder}),
                UpdateExpression=change,
                **{name: value for name, value in given.items() if value},
            )
        except ClientError as error:
            if not unmet(error):
                raise
            return False
        return True


def _take_holder(known: Known, item: Mapping[str, Any]) -> None:
    """Add what an item says of waits, of the quota, and of draws and turns."""
    texts = read(item)
    if "blocked_until" in texts:
        until = parse_time(texts["blocked_until"])
        if known.until is None or until > known.until:
            known.until, known.reason = until, texts["reason"]
    if "next_at" in texts:
        known.next_at = parse_time(texts["next_at"])
    if not texts["holder"].startswith("owner#"):
        return
    if "learned_at" in texts:
        known.learned = Learned(int(item["quota"]["N"]), parse_time(texts["learned_at"]))
    if "planned_at" in texts:
        known.plan, known.planned_at = int(item["planned"]["N"]), parse_time(texts["planned_at"])
    if "full_on" in texts:
        known.full_days, known.full_on = int(item["full_days"]["N"]), texts["full_on"]
    known.version = int(item["version"]["N"]) if "version" in item else 0
    for name, text in texts.items():
        if name.startswith(_DRAW):
            calls, _, at = text.partition(" ")
            known.draws[name] = (int(calls), parse_time(at))


def _take_calls(known: Known, item: Mapping[str, Any]) -> None:
    """Add a day's counts."""
    day = parse_time(f"{item['holder']['S'].rpartition('#')[2]}T00:00:00Z")
    for name, value in item.items():
        hour, space, endpoint = name.partition(" ")
        if space and "N" in value:
            counts = known.calls.setdefault(day + timedelta(hours=int(hour)), Counter())
            counts[endpoint] += int(value["N"])


def _day(owner: str, at: datetime) -> str:
    return f"calls#{owner}#{at:%Y-%m-%d}"


def _seconds(at: datetime) -> dict[str, str]:
    return {"N": str(int(at.timestamp()))}
