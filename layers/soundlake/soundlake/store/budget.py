"""What Spotify lets us ask, in DynamoDB: until when nobody may ask, and how often all asked a day.

A wait that Spotify asks of one client is all its callers'; one for a spent quota is that of the
developer who owns the app, across all their apps. Times are the callers' machine's (UTC).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from soundlake.store.items import dynamodb_client, read, unmet, written
from soundlake.times import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

QUOTA_EXCEEDED = "QUOTA_EXCEEDED"  # Spotify's reason for a wait that is its developer's
MAX_AGE = timedelta(seconds=30)  # how long this process believes what it read
_BLOCKS_KEPT = timedelta(days=1)
_COUNTS_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Budget:
    """Whose budget it is: the app's client id and its owner."""

    client_id: str
    owner: str

    @property
    def holders(self) -> tuple[str, str]:
        """The keys that a wait may stand under."""
        return f"client#{self.client_id}", f"owner#{self.owner}"


class BudgetTable:
    """The table of waits and counts."""

    def __init__(self, name: str, client: "DynamoDBClient | None" = None) -> None:
        self.name = name
        self._dynamodb = client or dynamodb_client()
        self._seen: dict[Budget, tuple[datetime, datetime | None]] = {}

    def blocked_until(self, budget: Budget, now: datetime) -> datetime | None:
        """Until when nothing may be asked, or None; read once in 30 seconds."""
        seen = self._seen.get(budget)
        if seen is None or not timedelta(0) <= now - seen[0] < MAX_AGE:
            seen = self._seen[budget] = (now, self._read(budget))
        until = seen[1]
        return until if until is not None and until > now else None

    def _read(self, budget: Budget) -> datetime | None:
        answer = self._dynamodb.batch_get_item(
            RequestItems={
                self.name: {"Keys": [written({"holder": holder}) for holder in budget.holders]}
            }
        )
        items = [read(item) for item in answer["Responses"].get(self.name, ())]
        return max((parse_time(item["blocked_until"]) for item in items), default=None)

    def block(self, budget: Budget, until: datetime, reason: str | None) -> None:
        """Note a long wait: the owner's where the quota is spent, else the client's.

        A wait that was noted before is never shortened.
        """
        client, owner = budget.holders
        holder = owner if reason == QUOTA_EXCEEDED else client
        self._seen.pop(budget, None)
        try:
            self._dynamodb.update_item(
                TableName=self.name,
                Key=written({"holder": holder}),
                UpdateExpression="SET blocked_until = :until, reason = :reason, expires = :expires",
                ConditionExpression=(
                    "attribute_not_exists(blocked_until) OR blocked_until < :until"
                ),
                ExpressionAttributeValues={
                    ":until": {"S": format_time(until)},
                    ":reason": {"S": reason or "RATE_LIMITED"},
                    ":expires": {"N": str(int((until + _BLOCKS_KEPT).timestamp()))},
                },
            )
        except ClientError as error:
            if not unmet(error):
                raise

    def count(self, owner: str, now: datetime, calls: Mapping[str, int]) -> None:
        """Add an invocation's requests, by endpoint, to its day's; nothing for none."""
        if not calls:
            return
        numbered = list(enumerate(calls.items()))
        self._dynamodb.update_item(
            TableName=self.name,
            Key=written({"holder": _day(owner, now.date())}),
            UpdateExpression="SET expires = :expires ADD "
            + ", ".join(f"#e{number} :n{number}" for number, _ in numbered),
            ExpressionAttributeNames={f"#e{number}": name for number, (name, _) in numbered},
            ExpressionAttributeValues={
                ":expires": {"N": str(int((now + _COUNTS_KEPT).timestamp()))},
                **{f":n{number}": {"N": str(count)} for number, (_, count) in numbered},
            },
        )

    def counts(self, owner: str, day: date) -> dict[str, int]:
        """An owner's requests of a day (UTC), by endpoint."""
        answer = self._dynamodb.get_item(
            TableName=self.name, Key=written({"holder": _day(owner, day)}), ConsistentRead=True
        )
        return {
            name: int(value["N"])
            for name, value in answer.get("Item", {}).items()
            if "N" in value and name != "expires"
        }


def _day(owner: str, day: date) -> str:
    return f"calls#{owner}#{day.isoformat()}"
