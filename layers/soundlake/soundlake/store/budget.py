"""What Spotify lets us ask, in DynamoDB: until when nobody may ask, and how often all asked.

A wait that Spotify asks of one client is all its callers'; one for a spent quota is that of the
developer who owns the app, across all their apps, and what it teaches of the quota stands beside
it. Requests are counted in one item a day, by hour and endpoint. Times are the callers' machine's
(UTC).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from soundlake.quota import QUOTA_EXCEEDED, VIEW, Learned, hour_of, learn
from soundlake.store.items import dynamodb_client, read, unmet, written
from soundlake.times import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_AGE = timedelta(seconds=30)  # how long this process believes what it read
_DAY = timedelta(days=1)
_BLOCKS_KEPT = _DAY
_COUNTS_KEPT = timedelta(days=400)  # and what was learned of the quota


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
    """What the table says of a budget: its latest wait, why, what was learned, and the calls."""

    until: datetime | None = None
    reason: str | None = None
    learned: Learned | None = None
    calls: dict[datetime, Counter[str]] = field(default_factory=dict)

    def blocked_until(self, now: datetime) -> datetime | None:
        """Until when nothing may be asked, or None."""
        return self.until if self.until is not None and self.until > now else None


class BudgetTable:
    """The table of waits and counts."""

    def __init__(self, name: str, client: "DynamoDBClient | None" = None) -> None:
        self.name = name
        self._dynamodb = client or dynamodb_client()
        self._seen: dict[Budget, tuple[datetime, Known]] = {}

    def known(self, budget: Budget, now: datetime) -> Known:
        """What is known of a budget, its calls of the last three days; read once in 30 seconds."""
        seen = self._seen.get(budget)
        if seen is None or not timedelta(0) <= now - seen[0] < MAX_AGE:
            seen = self._seen[budget] = (now, self._read(budget, now))
        return seen[1]

    def blocked_until(self, budget: Budget, now: datetime) -> datetime | None:
        """Until when nothing may be asked, or None."""
        return self.known(budget, now).blocked_until(now)

    def _read(self, budget: Budget, now: datetime) -> Known:
        days = [_day(budget.owner, now - ago * _DAY) for ago in range(VIEW // _DAY + 1)]
        wanted: Any = {
            self.name: {"Keys": [written({"holder": k}) for k in [*budget.holders, *days]]}
        }
        known = Known()
        while wanted:
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            for item in answer["Responses"].get(self.name, ()):
                _take(known, item)
            wanted = answer.get("UnprocessedKeys")  # what a busy table left out
        return known

    def block(
        self,
        budget: Budget,
        until: datetime,
        reason: str | None,
        *,
        now: datetime,
        uncounted: int = 0,
    ) -> None:
        """Note a long wait: the owner's where the quota is spent, else the client's.

        A spent quota also teaches how large it is: from what was counted, and the `uncounted`
        requests of the caller. A wait that was noted before is never shortened.
        """
        client, owner = budget.holders
        holder, kept = client, _BLOCKS_KEPT
        change = "SET blocked_until = :until, reason = :reason, expires = :expires"
        values: dict[str, Any] = {
            ":until": {"S": format_time(until)},
            ":reason": {"S": reason or "RATE_LIMITED"},
        }
        self._seen.pop(budget, None)
        if reason == QUOTA_EXCEEDED:
            holder, kept = owner, _COUNTS_KEPT
            known = self._read(budget, now)
            learned = learn(known.learned, known.calls, uncounted, now)
            change += ", quota = :quota, learned_at = :learned_at"
            values[":quota"] = {"N": str(learned.calls)}
            values[":learned_at"] = {"S": format_time(learned.at)}
        values[":expires"] = {"N": str(int((until + kept).timestamp()))}
        try:
            self._dynamodb.update_item(
                TableName=self.name,
                Key=written({"holder": holder}),
                UpdateExpression=change,
                ConditionExpression=(
                    "attribute_not_exists(blocked_until) OR blocked_until < :until"
                ),
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if not unmet(error):
                raise

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
                ":expires": {"N": str(int((now + _COUNTS_KEPT).timestamp()))},
                **{f":n{number}": {"N": str(count)} for number, (_, count) in numbered},
            },
        )
        for budget, (_, known) in self._seen.items():
            if budget.owner == owner:
                known.calls.setdefault(hour_of(now), Counter()).update(calls)


def _take(known: Known, item: Mapping[str, Any]) -> None:
    """Add an item to what is known: a day's counts, or a wait and what it taught."""
    texts = read(item)
    kind, _, rest = texts["holder"].partition("#")
    if kind == "calls":
        day = parse_time(f"{rest.rpartition('#')[2]}T00:00:00Z")
        for name, value in item.items():
            hour, space, endpoint = name.partition(" ")
            if space and "N" in value:
                counts = known.calls.setdefault(day + timedelta(hours=int(hour)), Counter())
                counts[endpoint] += int(value["N"])
        return
    until = parse_time(texts["blocked_until"])
    if known.until is None or until > known.until:
        known.until, known.reason = until, texts["reason"]
    if "learned_at" in texts:
        known.learned = Learned(int(item["quota"]["N"]), parse_time(texts["learned_at"]))


def _day(owner: str, at: datetime) -> str:
    return f"calls#{owner}#{at:%Y-%m-%d}"
