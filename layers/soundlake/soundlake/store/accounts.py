"""The accounts in DynamoDB: one item each, changed only on what was read, no token among them.

The lease says who refreshes an account's token now. Its times are the callers' machine's, all
others Spotify's or a run's. Whoever holds a lease may die with it: it ends by itself.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from soundlake.accounts import NAMES, Account, from_item, to_item
from soundlake.store.items import dynamodb_client, read, unmet, written
from soundlake.times import format_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Longer than the longest refresh: one token request, tried three times into its timeouts.
LEASE = timedelta(seconds=90)


class AccountsTable:
    """The table of accounts."""

    def __init__(self, name: str, client: "DynamoDBClient | None" = None) -> None:
        self.name = name
        self._dynamodb = client or dynamodb_client()

    def get(self, account: str) -> Account | None:
        """An account as it stands now, or None. Raises AccountError."""
        answer = self._dynamodb.get_item(
            TableName=self.name, Key=written({"account": account}), ConsistentRead=True
        )
        return from_item(read(answer["Item"])) if "Item" in answer else None

    def all(self) -> list[Account]:
        """Every account, by name of the account. Raises AccountError."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self.name, ConsistentRead=True
        )
        found = [from_item(read(item)) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda one: one.account)

    def of_listener(self, spotify_id: str) -> Account | None:
        """The account of a Spotify user, or None: there are a handful, so all are read."""
        return next((one for one in self.all() if one.spotify_id == spotify_id), None)

    def create(self, account: Account) -> bool:
        """Write a new account; False, nothing being written, where there is one of its name."""
        return self._conditionally(
            lambda: self._dynamodb.put_item(
                TableName=self.name,
                Item=written(to_item(account)),
                ConditionExpression="attribute_not_exists(account)",
            )
        )

    def replace(self, before: Account, after: Account) -> bool:
        """Write what changed, only where the account still stands as it was read.

        False, nothing being written, where somebody else changed it meanwhile. The time of the
        last capture is no part of the condition: two runs may capture at once.
        """
        old, new = to_item(before), to_item(after)
        changed = {name: new.get(name) for name in NAMES if old.get(name) != new.get(name)}
        if not changed:
            return True
        seen = {name: old.get(name) for name in NAMES if name != "last_capture_at"}
        return self._update(before.account, changed, seen)

    def delete(self, account: str) -> None:
        """Delete an account's item, where there is one."""
        self._dynamodb.delete_item(TableName=self.name, Key=written({"account": account}))

    #### THE LEASE ###############################################################################

    def lease(self, account: str, by: str, now: datetime) -> bool:
        """Take the right to refresh an account's token; False while another caller has it.

        The same caller takes it again: it may have died and be tried again.
        """
        return self._lease(
            account,
            by,
            now,
            "attribute_exists(account) AND "
            "(attribute_not_exists(lease_until) OR lease_until < :now OR lease_by = :by)",
        )

    def seize(self, account: str, by: str, now: datetime) -> bool:
        """Take the right whoever has it, which makes what they were about to write void.

        False where there is no such account.
        """
        return self._lease(account, by, now, "attribute_exists(account)")

    def renew(self, account: str, by: str, now: datetime) -> bool:
        """Hold the right for a while more; False where it was lost, and nothing may be written."""
        return self._lease(account, by, now, "lease_by = :by")

    def release(self, account: str, by: str) -> None:
        """Give the right back, where it is still held."""
        self._conditionally(
            lambda: self._dynamodb.update_item(
                TableName=self.name,
                Key=written({"account": account}),
                UpdateExpression="REMOVE lease_by, lease_until",
                ConditionExpression="lease_by = :by",
                ExpressionAttributeValues=written({":by": by}),
            )
        )

    def _lease(self, account: str, by: str, now: datetime, condition: str) -> bool:
        values = {":by": by, ":until": format_time(now + LEASE)}
        if ":now" in condition:
            values[":now"] = format_time(now)
        return self._conditionally(
            lambda: self._dynamodb.update_item(
                TableName=self.name,
                Key=written({"account": account}),
                UpdateExpression="SET lease_by = :by, lease_until = :until",
                ConditionExpression=condition,
                ExpressionAttributeValues=written(values),
            )
        )

    def _update(
        self, account: str, changed: Mapping[str, str | None], seen: Mapping[str, str | None]
    ) -> bool:
        sets = [name for name, value in changed.items() if value is not None]
        gone = [name for name, value in changed.items() if value is None]
        parts = []
        if sets:
            parts.append("SET " + ", ".join(f"#{name} = :new_{name}" for name in sets))
        if gone:
            parts.append("REMOVE " + ", ".join(f"#{name}" for name in gone))
        conditions = [
            f"attribute_not_exists(#{name})" if value is None else f"#{name} = :old_{name}"
            for name, value in seen.items()
        ]
        values = {f":new_{name}": str(changed[name]) for name in sets}
        values |= {f":old_{name}": value for name, value in seen.items() if value is not None}
        return self._conditionally(
            lambda: self._dynamodb.update_item(
                TableName=self.name,
                Key=written({"account": account}),
                UpdateExpression=" ".join(parts),
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames={f"#{name}": name for name in {*changed, *seen}},
                ExpressionAttributeValues=written(values),
            )
        )

    def _conditionally(self, write: Callable[[], object]) -> bool:
        try:
            write()
        except ClientError as error:
            if unmet(error):
                return False
            raise
        return True
