"""The accounts in DynamoDB: one item each, changed only on what was read, no token among them.

Beside them stands a claim for each listener, an item that names their account: written together
with it, so that two consents of a new listener at once make one account.

The lease says who refreshes an account's token now. Its times are the callers' machine's, all
others Spotify's or a run's. Whoever holds a lease may die with it: it ends by itself.
"""

import secrets as chance
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from soundlake.accounts import (
    NAMES,
    Account,
    AccountError,
    Damaged,
    from_item,
    imported,
    read_items,
    to_item,
)
from soundlake.store.items import dynamodb_client, read, unmet, written
from soundlake.times import format_time
from soundlake.zones import ZoneError, parse_zone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef

# Longer than the longest refresh: one token request, tried three times into its timeouts.
LEASE = timedelta(seconds=90)

# What is no part of a condition: two runs may capture at once, and the zone stands by itself.
_APART = frozenset({"last_capture_at", "time_zone"})
_CLAIM = "listener#"  # begins a claim's key, and no account's name
_CLAIMED = "claimed"  # the account that a claim names

Texts = Mapping[str, str | None]


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

    def time_zone(self, account: str) -> str | None:
        """The account's own time zone; None where it has none, or one that nobody knows.

        It is told of an account that cannot be read, too.
        """
        answer = self._dynamodb.get_item(
            TableName=self.name,
            Key=written({"account": account}),
            ProjectionExpression="time_zone",
            ConsistentRead=True,
        )
        with suppress(ZoneError):
            return parse_zone(read(answer.get("Item", {})).get("time_zone", ""))
        return None

    def all(self) -> tuple[list[Account], list[Damaged]]:
        """Every account, and those whose items cannot be read; each by name of the account."""
        return read_items(item for item in self._items() if not _is_claim(item))

    def of_listener(self, spotify_id: str) -> Account | None:
        """The account of a Spotify user, or None. Raises AccountError where it cannot be read.

        There are a handful, so all are read where no claim tells; others' damage is no matter.
        """
        named = self.claimed_by(spotify_id)
        found = self.get(named) if named is not None else None
        if found is not None and found.spotify_id == spotify_id:
            return found
        accounts, damaged = self.all()
        for one in accounts:
            if one.spotify_id == spotify_id:
                return one
        for each in damaged:
            if each.spotify_id == spotify_id:
                raise AccountError(each.error)
        return None

    def claimed_by(self, spotify_id: str) -> str | None:
        """The name of the account that a Spotify user was given, whether it is there or not."""
        answer = self._dynamodb.get_item(
            TableName=self.name,
            Key=written({"account": _claim(spotify_id)}),
            ConsistentRead=True,
        )
        return read(answer.get("Item", {})).get(_CLAIMED)

    def has(self, account: str) -> bool:
        """Whether there is an item of an account, readable or not, or a claim that names it."""
        return bool(self._keys_of(account))

    def _keys_of(self, account: str) -> list[str]:
        """The keys of an account's items, its listener's claim first."""
        items = self._items()
        claims = [one for one in items if _is_claim(one) and one.get(_CLAIMED) == account]
        own = [one for one in items if one["account"] == account]
        return [one["account"] for one in (*claims, *own)]

    def _items(self) -> list[dict[str, str]]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self.name, ConsistentRead=True
        )
        return [read(item) for page in pages for item in page["Items"]]

    def create(self, account: Account) -> bool:
        """Write a new account and its listener's claim, both or neither.

        False, nothing being written, where there is one of its name, or a claim to another.
        """
        return self._claimed(
            account,
            {
                "Put": {
                    "TableName": self.name,
                    "Item": written(to_item(account)),
                    "ConditionExpression": "attribute_not_exists(account)",
                }
            },
        )

    def give(self, before: Account, after: Account) -> bool:
        """Make an imported account its listener's, and write their claim, both or neither.

        False, nothing being written, where somebody changed it meanwhile, or a claim names another.
        """
        changed, seen = _difference(before, after)
        return self._claimed(after, {"Update": self._change(before.account, changed, seen)})

    def _claimed(self, account: Account, write: "TransactWriteItemTypeDef") -> bool:
        """Write an account together with its listener's claim."""
        claim = {"account": _claim(str(account.spotify_id)), _CLAIMED: account.account}
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self.name,
                "Item": written(claim),
                "ConditionExpression": f"attribute_not_exists(account) OR {_CLAIMED} = :account",
                "ExpressionAttributeValues": written({":account": account.account}),
            }
        }
        return self._conditionally(
            lambda: self._dynamodb.transact_write_items(TransactItems=[put, write])
        )

    def new_imported(self, now: datetime, name: str | None = None) -> Account:
        """Make an account without a consent, for a history that is imported at `now`.

        Where there is one of the `name` that is given, it is that: its import was begun before.
        """
        while True:
            account = imported(name or new_name(), now)
            if self.bring_back(account):
                return account
            if name is not None and (found := self.get(name)) is not None:
                return found

    def bring_back(self, account: Account) -> bool:
        """Write an account as it was elsewhere, with its listener's claim where it has one.

        False, nothing being written, where there is one of its name, or a claim to another.
        """
        if account.spotify_id is not None:
            return self.create(account)
        put = partial(
            self._dynamodb.put_item,
            TableName=self.name,
            Item=written(to_item(account)),
            ConditionExpression="attribute_not_exists(account)",
        )
        return self._conditionally(put)

    def replace(self, before: Account, after: Account) -> bool:
        """Write what changed, only where the account still stands as it was read.

        False, nothing being written, where somebody else changed it meanwhile; but for the time of
        the last capture, and the time zone.
        """
        changed, seen = _difference(before, after)
        return self._update(before.account, changed, seen) if changed else True

    def finish(self, before: Account, after: Account, by: str) -> bool:
        """Write what changed and give the lease back, only while `by` has it.

        False, nothing being written, where somebody has seized it or changed the account meanwhile.
        """
        changed, seen = _difference(before, after)
        given_back: Texts = dict.fromkeys(("lease_by", "lease_until"))
        return self._update(before.account, {**changed, **given_back}, {**seen, "lease_by": by})

    def delete(self, account: str) -> None:
        """Delete an account's item, readable or not, after its listener's claim."""
        for key in self._keys_of(account):
            self._dynamodb.delete_item(TableName=self.name, Key=written({"account": key}))

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

    def _update(self, account: str, changed: Texts, seen: Texts) -> bool:
        change = self._change(account, changed, seen)
        return self._conditionally(lambda: self._dynamodb.update_item(**change))

    def _change(self, account: str, changed: Texts, seen: Texts) -> "UpdateTypeDef":
        """What an update writes and removes (None), and must still find as it was read."""
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
        return {
            "TableName": self.name,
            "Key": written({"account": account}),
            "UpdateExpression": " ".join(parts),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {f"#{name}": name for name in {*changed, *seen}},
            "ExpressionAttributeValues": written(values),
        }

    def _conditionally(self, write: Callable[[], object]) -> bool:
        try:
            write()
        except ClientError as error:
            if unmet(error):
                return False
            raise
        return True


def new_name() -> str:
    """A name for a new account, at random: nobody's name is part of a key."""
    rest = (chance.choice(ascii_lowercase + digits) for _ in range(11))
    return chance.choice(ascii_lowercase) + "".join(rest)


def _claim(spotify_id: str) -> str:
    return f"{_CLAIM}{spotify_id}"


def _is_claim(item: Mapping[str, str]) -> bool:
    return item["account"].startswith(_CLAIM)


def _difference(before: Account, after: Account) -> tuple[Texts, Texts]:
    """What changes of an item (None goes), and all that must still stand as it was read."""
    old, new = to_item(before), to_item(after)
    changed = {name: new.get(name) for name in NAMES if old.get(name) != new.get(name)}
    return changed, {name: old.get(name) for name in NAMES if name not in _APART}
