"""The table of accounts: written on what was read, and a lease that one caller has."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from soundlake import access
from soundlake.accounts import (
    Account,
    AccountError,
    Answer,
    State,
    answered,
    connected,
    consenting,
    imported,
)
from soundlake.store import accounts as store
from soundlake.store.accounts import LEASE, AccountsTable
from soundlake.store.items import unmet

from tests.unit.helpers import ACCOUNT, ACCOUNTS_TABLE, CONSENTED_AT, NOW

SECOND = timedelta(seconds=1)
NAME = re.compile(r"[a-z][a-z0-9]{11}")


@pytest.fixture
def table(tables: Any) -> AccountsTable:
    return access.accounts_table()


@pytest.fixture
def mine(table: AccountsTable) -> Account:
    found = table.get(ACCOUNT)
    assert found is not None
    return found


def item(tables: Any) -> dict[str, str]:
    found = tables.get_item(TableName=ACCOUNTS_TABLE, Key={"account": {"S": ACCOUNT}})["Item"]
    return {name: value["S"] for name, value in found.items()}


def test_accounts_are_read_and_listed_in_order(table: AccountsTable, mine: Account) -> None:
    other = connected("a12345678901", "mateo", "Mateo", NOW)
    assert table.create(other)

    assert mine == connected(ACCOUNT, "solveig", "Solveig", CONSENTED_AT)
    assert table.all() == ([other, mine], [])
    assert table.of_listener("mateo") == other
    assert table.of_listener("nobody") is None
    assert table.get("nobody") is None


def test_an_account_is_created_once(table: AccountsTable, mine: Account) -> None:
    assert not table.create(replace(mine, name="Somebody else"))
    assert table.get(ACCOUNT) == mine


def test_an_account_can_be_deleted_twice_and_its_claim_goes_with_it(
    table: AccountsTable, tables: Any
) -> None:
    other = connected("a12345678901", "mateo", "Mateo", NOW)
    assert table.create(other)

    for _ in range(2):
        table.delete(ACCOUNT)

    assert table.all() == ([other], [])
    assert not table.has(ACCOUNT)
    keys = {one["account"]["S"] for one in tables.scan(TableName=ACCOUNTS_TABLE)["Items"]}
    assert keys == {"a12345678901", "listener#mateo"}


def damage(tables: Any, account: str, **texts: str) -> None:
    item = {"account": account, **texts}
    tables.put_item(
        TableName=ACCOUNTS_TABLE, Item={name: {"S": text} for name, text in item.items()}
    )


def test_a_damaged_item_is_named_beside_the_others(table: AccountsTable, tables: Any) -> None:
    other = connected("a12345678901", "mateo", "Mateo", NOW)
    assert table.create(other)
    damage(tables, ACCOUNT, state="active")

    accounts, (damaged,) = table.all()

    assert accounts == [other]
    assert damaged.account == ACCOUNT
    assert f"the account {ACCOUNT} cannot be read" in damaged.error
    assert table.has(ACCOUNT)
    with pytest.raises(AccountError, match=f"the account {ACCOUNT} cannot be read"):
        table.get(ACCOUNT)


#### CLAIMS ########################################################################################


def test_a_listener_has_one_account(table: AccountsTable, mine: Account) -> None:
    second = replace(mine, account="a12345678901")

    assert not table.create(second)
    assert table.get(second.account) is None
    assert table.claimed_by("solveig") == ACCOUNT
    assert table.claimed_by("mateo") is None


def test_a_claim_whose_account_is_gone_gives_it_back(
    table: AccountsTable, mine: Account, tables: Any
) -> None:
    tables.delete_item(TableName=ACCOUNTS_TABLE, Key={"account": {"S": ACCOUNT}})

    assert table.has(ACCOUNT)
    assert table.of_listener("solveig") is None
    assert table.claimed_by("solveig") == ACCOUNT
    assert not table.create(replace(mine, account="a12345678901"))
    assert table.create(mine)


def test_a_claim_gives_nobody_anothers_account(table: AccountsTable, tables: Any) -> None:
    damage(tables, "listener#mateo", claimed=ACCOUNT)

    assert table.of_listener("mateo") is None


def test_an_account_without_a_claim_is_its_listeners_too(
    table: AccountsTable, mine: Account, tables: Any
) -> None:
    tables.delete_item(TableName=ACCOUNTS_TABLE, Key={"account": {"S": "listener#solveig"}})

    assert table.of_listener("solveig") == mine


@pytest.mark.parametrize(
    "left", [{"spotify_id": "mateo"}, {"claim": "listener#mateo"}], ids=["id", "claim"]
)
def test_a_listener_whose_item_is_damaged_is_known_by_what_is_left(
    left: dict[str, str], table: AccountsTable, mine: Account, tables: Any
) -> None:
    broken = "a12345678901"
    damage(tables, broken, **{name: left[name] for name in left if name == "spotify_id"})
    if "claim" in left:
        damage(tables, left["claim"], claimed=broken)

    with pytest.raises(AccountError, match=f"the account {broken} cannot be read"):
        table.of_listener("mateo")
    assert table.of_listener("solveig") == mine
    assert table.of_listener("aiko") is None


def test_a_failure_that_is_no_condition_is_raised(table: AccountsTable, mine: Account) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        AccountsTable("no-such-table", table._dynamodb).create(mine)


def canceled(*codes: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("ConditionalCheckFailed", "None"), True),
        (("None", "TransactionConflict"), True),
        (("ThrottlingError", "None"), False),
        (("ConditionalCheckFailed", "ProvisionedThroughputExceeded"), False),
    ],
)
def test_a_transaction_that_was_not_refused_by_its_conditions_is_a_failure(
    codes: tuple[str, ...], expected: bool
) -> None:
    assert unmet(canceled(*codes)) is expected


def test_a_change_is_written_on_what_was_read(table: AccountsTable, mine: Account) -> None:
    noted = answered(mine, Answer.INVALID_GRANT, NOW, "run-1")
    cleared = answered(noted, Answer.PAGE, NOW + SECOND, "run-2")

    assert table.replace(mine, noted)
    assert table.get(ACCOUNT) == noted
    assert table.replace(noted, cleared)
    assert table.get(ACCOUNT) == cleared


def test_a_change_on_something_older_is_not_written(table: AccountsTable, mine: Account) -> None:
    ended = replace(mine, state=State.DISCONNECTED, since=NOW)
    assert table.replace(mine, ended)

    assert not table.replace(mine, answered(mine, Answer.PAGE, NOW, "run-1"))
    assert not table.replace(mine, answered(mine, Answer.NO_PREMIUM, NOW, "run-1"))
    assert table.get(ACCOUNT) == ended


def test_a_new_consent_is_not_taken_for_the_old_one(table: AccountsTable, mine: Account) -> None:
    noted = answered(mine, Answer.INVALID_GRANT, NOW, "run-1")
    again = connected(ACCOUNT, "solveig", "Solveig", NOW, mine)
    assert table.replace(mine, noted)
    assert table.replace(noted, again)

    assert not table.replace(noted, answered(noted, Answer.INVALID_GRANT, NOW, "run-2"))
    assert table.get(ACCOUNT) == again


def test_two_captures_at_once_both_count(table: AccountsTable, mine: Account) -> None:
    first = answered(mine, Answer.PAGE, NOW, "run-1")
    second = answered(mine, Answer.PAGE, NOW + SECOND, "run-2")

    assert table.replace(mine, first)
    assert table.replace(mine, second)
    assert table.get(ACCOUNT) == second


def test_no_change_is_no_write(
    table: AccountsTable, mine: Account, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise AssertionError("written")

    monkeypatch.setattr(tables, "update_item", refuse)

    assert table.replace(mine, mine)


def test_another_error_is_not_taken_for_somebody_elses_change(
    table: AccountsTable, mine: Account, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "UpdateItem")

    def refuse(**_: Any) -> None:
        raise denied

    monkeypatch.setattr(tables, "update_item", refuse)

    with pytest.raises(ClientError):
        table.replace(mine, replace(mine, name="Other"))


def test_a_time_zone_and_a_capture_at_once_both_count(table: AccountsTable, mine: Account) -> None:
    noted = answered(mine, Answer.INVALID_GRANT, NOW, "run-1")

    assert table.replace(mine, replace(mine, time_zone="Europe/Oslo"))
    assert table.replace(mine, noted)
    assert table.replace(mine, replace(mine, time_zone="Asia/Tokyo")) is False
    assert table.replace(noted, replace(noted, time_zone="Asia/Tokyo"))
    assert table.get(ACCOUNT) == replace(noted, time_zone="Asia/Tokyo")


#### MADE BY AN IMPORT #############################################################################


def test_an_import_makes_an_account_of_a_random_name(table: AccountsTable, mine: Account) -> None:
    first, second = table.new_imported(NOW), table.new_imported(NOW)

    assert first == imported(first.account, NOW)
    assert NAME.fullmatch(first.account)
    assert first.account != second.account
    assert table.get(first.account) == first
    assert len(table.all()[0]) == 3


def test_an_import_takes_no_name_that_there_is(
    table: AccountsTable, mine: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter([ACCOUNT, "a12345678901"])
    monkeypatch.setattr(store, "new_name", lambda: next(names))

    assert table.new_imported(NOW).account == "a12345678901"
    assert table.get(ACCOUNT) == mine


def test_an_imported_account_is_given_to_its_listener(table: AccountsTable) -> None:
    before = table.new_imported(NOW)
    assert table.replace(before, replace(before, time_zone="Europe/Oslo"))
    after = consenting(before, "mateo", "Mateo", NOW + SECOND)

    assert table.give(before, after)
    assert table.of_listener("mateo") == replace(after, time_zone="Europe/Oslo")
    assert table.claimed_by("mateo") == before.account
    assert not table.give(before, consenting(before, "aiko", "Aiko", NOW))
    assert table.claimed_by("aiko") is None


def test_nobody_is_given_a_second_account(table: AccountsTable, mine: Account) -> None:
    before = table.new_imported(NOW)

    assert not table.give(before, consenting(before, "solveig", "Solveig", NOW))
    assert table.get(before.account) == before
    assert table.of_listener("solveig") == mine


#### THE TIME ZONE #################################################################################


def test_the_time_zone_of_an_account_is_told(table: AccountsTable, mine: Account) -> None:
    assert table.time_zone(ACCOUNT) is None
    assert table.replace(mine, replace(mine, time_zone="Europe/Oslo"))
    assert table.time_zone(ACCOUNT) == "Europe/Oslo"
    assert table.time_zone("nobody") is None


def test_the_time_zone_of_a_damaged_account_is_told_and_a_damaged_zone_is_none(
    table: AccountsTable, tables: Any
) -> None:
    damage(tables, ACCOUNT, time_zone="Europe/Oslo")
    damage(tables, "a12345678901", time_zone="Mars/Olympus")

    assert table.time_zone(ACCOUNT) == "Europe/Oslo"
    assert table.time_zone("a12345678901") is None


#### THE LEASE #####################################################################################


def test_one_caller_has_the_lease(table: AccountsTable) -> None:
    assert table.lease(ACCOUNT, "run-1", NOW)
    assert not table.lease(ACCOUNT, "run-2", NOW + SECOND)

    table.release(ACCOUNT, "run-1")

    assert table.lease(ACCOUNT, "run-2", NOW + SECOND)


def test_the_same_caller_takes_it_again(table: AccountsTable) -> None:
    assert table.lease(ACCOUNT, "run-1", NOW)
    assert table.lease(ACCOUNT, "run-1", NOW + SECOND)


def test_a_lease_ends_by_itself(table: AccountsTable) -> None:
    assert table.lease(ACCOUNT, "run-1", NOW)

    assert not table.lease(ACCOUNT, "run-2", NOW + LEASE)
    assert table.lease(ACCOUNT, "run-2", NOW + LEASE + SECOND)
    assert not table.renew(ACCOUNT, "run-1", NOW + LEASE + SECOND)


def test_a_lease_is_renewed_by_its_holder_alone(table: AccountsTable) -> None:
    assert not table.renew(ACCOUNT, "run-1", NOW)
    assert table.lease(ACCOUNT, "run-1", NOW)
    assert table.renew(ACCOUNT, "run-1", NOW + LEASE)
    assert not table.lease(ACCOUNT, "run-2", NOW + LEASE + SECOND)


def test_a_seized_lease_is_lost(table: AccountsTable) -> None:
    assert table.lease(ACCOUNT, "run-1", NOW)
    assert table.seize(ACCOUNT, "connect", NOW)

    assert not table.renew(ACCOUNT, "run-1", NOW)
    table.release(ACCOUNT, "run-1")
    assert not table.lease(ACCOUNT, "run-2", NOW)


def test_there_is_no_lease_on_what_is_not_there(table: AccountsTable, tables: Any) -> None:
    assert not table.lease("nobody", "run-1", NOW)
    assert not table.seize("nobody", "run-1", NOW)
    assert table.get("nobody") is None


def test_a_lease_leaves_no_trace_in_the_account(
    table: AccountsTable, mine: Account, tables: Any
) -> None:
    before = item(tables)
    assert table.lease(ACCOUNT, "run-1", NOW)
    assert table.replace(mine, answered(mine, Answer.INVALID_GRANT, NOW, "run-1"))
    assert item(tables)["lease_by"] == "run-1"

    table.release(ACCOUNT, "run-1")

    assert set(item(tables)) == {*before, "rejected_at", "rejected_by"}


def test_whoever_lost_the_lease_finishes_nothing(table: AccountsTable, mine: Account) -> None:
    after = replace(mine, name="Another name")

    assert not table.finish(mine, after, "run-1")
    assert table.seize(ACCOUNT, "run-1", NOW)
    assert table.seize(ACCOUNT, "run-2", NOW)
    assert not table.finish(mine, after, "run-1")
    assert table.get(ACCOUNT) == mine
    assert table.finish(mine, after, "run-2")
    assert table.get(ACCOUNT) == after
    assert not table.renew(ACCOUNT, "run-2", NOW)


def test_what_was_changed_meanwhile_is_not_finished(table: AccountsTable, mine: Account) -> None:
    assert table.seize(ACCOUNT, "run-1", NOW)
    assert table.replace(mine, replace(mine, state=State.DISCONNECTED, since=NOW))

    assert not table.finish(mine, replace(mine, name="Another name"), "run-1")
    assert not table.finish(mine, mine, "run-1")
