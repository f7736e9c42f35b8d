"""What was found of an app's abilities, in DynamoDB: one item an app, beside its budget."""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from soundlake.abilities import Abilities, Ability, Finding
from soundlake.store.items import dynamodb_client, read, written
from soundlake.times import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_AGE = timedelta(seconds=30)  # how long this process believes what it read
_PROBED_AT = "probed_at"
_PROBE_WANTED = "probe_wanted"


class AbilitiesTable:
    """The table of budgets, as it knows apps' abilities."""

    def __init__(self, name: str, client: "DynamoDBClient | None" = None) -> None:
        self.name = name
        self._dynamodb = client or dynamodb_client()
        self._seen: dict[str, tuple[datetime, Abilities]] = {}

    def abilities(self, client_id: str, now: datetime) -> Abilities:
        """What is known of an app; read once in 30 seconds."""
        seen = self._seen.get(client_id)
        if seen is None or not timedelta(0) <= now - seen[0] < MAX_AGE:
            seen = self._seen[client_id] = (now, self._read(client_id))
        return seen[1]

    def _read(self, client_id: str) -> Abilities:
        key = written({"holder": _holder(client_id)})
        item = self._dynamodb.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        texts = read(item.get("Item", {}))
        probed_at = texts.get(_PROBED_AT)
        return Abilities(
            [_finding(each, texts[each]) for each in Ability if each in texts],
            probed_at=parse_time(probed_at) if probed_at else None,
            probe_wanted=_PROBE_WANTED in texts,
        )

    def found(self, client_id: str, finding: Finding) -> None:
        """Note what an answer showed, where that is not what is known already.

        What contradicts it makes a new probe wanted.
        """
        known = self._read(client_id).may(finding.ability)
        if known is finding.allowed:
            return
        change, values = f"SET {finding.ability} = :found", {":found": _text(finding)}
        if known is not None:
            change += f", {_PROBE_WANTED} = :at"
            values[":at"] = format_time(finding.at)
        self._update(client_id, change, values)

    def want_probe(self, client_id: str, at: datetime) -> None:
        """Note that an answer leaves in doubt what is known."""
        self._update(client_id, f"SET {_PROBE_WANTED} = :at", {":at": format_time(at)})

    def probed(self, client_id: str, findings: list[Finding], at: datetime) -> None:
        """Note what a probe found; what it could not tell stays as it was known."""
        sets = [f"{_PROBED_AT} = :at", *(f"{each.ability} = :{each.ability}" for each in findings)]
        self._update(
            client_id,
            f"SET {', '.join(sets)} REMOVE {_PROBE_WANTED}",
            {
                ":at": format_time(at),
                **{f":{each.ability}": _text(each) for each in findings},
            },
        )

    def _update(self, client_id: str, change: str, values: dict[str, str]) -> None:
        self._dynamodb.update_item(
            TableName=self.name,
            Key=written({"holder": _holder(client_id)}),
            UpdateExpression=change,
            ExpressionAttributeValues=written(values),
        )
        self._seen.pop(client_id, None)


def _holder(client_id: str) -> str:
    return f"access#{client_id}"


def _text(finding: Finding) -> str:
    at = format_time(finding.at)
    return json.dumps({"allowed": finding.allowed, "at": at, "evidence": finding.evidence})


def _finding(ability: Ability, text: str) -> Finding:
    found = json.loads(text)
    return Finding(ability, found["allowed"], parse_time(found["at"]), found["evidence"])
