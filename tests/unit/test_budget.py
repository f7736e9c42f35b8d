"""The budget: waits that everybody keeps to, and the day's counts."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from soundlake import asking
from soundlake.store.budget import MAX_AGE, Budget, BudgetTable

from tests.unit.helpers import BUDGET_TABLE, CLIENT_ID, NOW, OWNER

MINE = Budget(CLIENT_ID, OWNER)
HOUR = timedelta(hours=1)


@pytest.fixture
def table(tables: Any) -> BudgetTable:
    return asking.budgets()


def another(tables: Any) -> BudgetTable:
    """The table as another process sees it."""
    return BudgetTable(BUDGET_TABLE, tables)


def item(tables: Any, holder: str) -> dict[str, Any]:
    found: dict[str, Any] = tables.get_item(TableName=BUDGET_TABLE, Key={"holder": {"S": holder}})
    return dict(found.get("Item", {}))


def test_nothing_is_blocked_at_first(table: BudgetTable) -> None:
    assert table.blocked_until(MINE, NOW) is None


@pytest.mark.parametrize(
    ("reason", "holder", "kept"),
    [
        ("QUOTA_EXCEEDED", f"owner#{OWNER}", "QUOTA_EXCEEDED"),
        (None, f"client#{CLIENT_ID}", "RATE_LIMITED"),
        ("OTHER", f"client#{CLIENT_ID}", "OTHER"),
    ],
)
def test_a_wait_is_the_clients_or_for_a_spent_quota_the_owners(
    reason: str | None, holder: str, kept: str, table: BudgetTable, tables: Any
) -> None:
    table.block(MINE, NOW + HOUR, reason)

    assert item(tables, holder) == {
        "holder": {"S": holder},
        "blocked_until": {"S": "2026-11-21T10:18:00.000Z"},
        "reason": {"S": kept},
        "expires": {"N": str(int((NOW + 25 * HOUR).timestamp()))},
    }
    sibling = Budget("another client of theirs", OWNER)
    assert (another(tables).blocked_until(sibling, NOW) is not None) == holder.startswith("owner")
    assert another(tables).blocked_until(Budget(CLIENT_ID, "else"), NOW) == (
        None if holder.startswith("owner") else NOW + HOUR
    )


def test_a_wait_ends(table: BudgetTable) -> None:
    table.block(MINE, NOW + HOUR, None)

    assert table.blocked_until(MINE, NOW + HOUR - timedelta(milliseconds=1)) == NOW + HOUR
    assert table.blocked_until(MINE, NOW + HOUR) is None


def test_the_longer_wait_counts_and_none_is_shortened(table: BudgetTable, tables: Any) -> None:
    table.block(MINE, NOW + 2 * HOUR, None)
    table.block(MINE, NOW + HOUR, None)
    table.block(MINE, NOW + HOUR, "QUOTA_EXCEEDED")

    assert another(tables).blocked_until(MINE, NOW) == NOW + 2 * HOUR


def test_what_was_read_is_believed_for_half_a_minute(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Any] = []
    read = tables.batch_get_item
    monkeypatch.setattr(tables, "batch_get_item", lambda **given: reads.append(1) or read(**given))

    assert table.blocked_until(MINE, NOW) is None
    another(tables).block(MINE, NOW + HOUR, None)

    assert table.blocked_until(MINE, NOW + MAX_AGE - timedelta(seconds=1)) is None
    assert len(reads) == 1
    assert table.blocked_until(MINE, NOW + MAX_AGE) == NOW + HOUR
    assert table.blocked_until(MINE, NOW) == NOW + HOUR  # a clock that was set back
    assert len(reads) == 3


def test_its_own_wait_is_known_at_once(table: BudgetTable) -> None:
    assert table.blocked_until(MINE, NOW) is None

    table.block(MINE, NOW + HOUR, None)

    assert table.blocked_until(MINE, NOW) == NOW + HOUR


def test_counts_of_a_day_add_up(table: BudgetTable, tables: Any) -> None:
    table.count(OWNER, NOW, {"api/token": 1, "audio-analysis/{id}": 3})
    another(tables).count(OWNER, NOW, {"audio-analysis/{id}": 2})
    table.count(OWNER, NOW + timedelta(days=1), {"api/token": 7})
    table.count("else", NOW, {"api/token": 9})

    assert table.counts(OWNER, NOW.date()) == {"api/token": 1, "audio-analysis/{id}": 5}
    assert table.counts("nobody", NOW.date()) == {}
    kept = int(item(tables, f"calls#{OWNER}#2026-11-21")["expires"]["N"])
    assert kept == int((NOW + timedelta(days=400)).timestamp())


def test_nothing_asked_is_nothing_written(table: BudgetTable, tables: Any) -> None:
    table.count(OWNER, NOW, {})

    assert item(tables, f"calls#{OWNER}#2026-11-21") == {}


def test_another_error_is_not_taken_for_a_longer_wait(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "UpdateItem")

    def refuse(**_: Any) -> None:
        raise denied

    monkeypatch.setattr(tables, "update_item", refuse)

    with pytest.raises(ClientError):
        table.block(MINE, NOW, None)
