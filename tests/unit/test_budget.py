"""The budget: waits that everybody keeps to, the hours' counts, and what refusals teach."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from soundlake import asking
from soundlake.quota import Learned
from soundlake.store.budget import MAX_AGE, Budget, BudgetTable, Known

from tests.unit.helpers import BUDGET_TABLE, CLIENT_ID, NOW, OWNER

MINE = Budget(CLIENT_ID, OWNER)
HOUR = timedelta(hours=1)


@pytest.fixture
def table(tables: Any) -> BudgetTable:
    return asking.budgets()


def hour(number: int) -> datetime:
    return NOW.replace(hour=number, minute=0)


def another(tables: Any) -> BudgetTable:
    """The table as another process sees it."""
    return BudgetTable(BUDGET_TABLE, tables)


def item(tables: Any, holder: str) -> dict[str, Any]:
    found: dict[str, Any] = tables.get_item(TableName=BUDGET_TABLE, Key={"holder": {"S": holder}})
    return dict(found.get("Item", {}))


def block(table: BudgetTable, until: datetime, reason: str | None = None) -> None:
    table.block(MINE, until, reason, now=NOW)


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
    table.block(MINE, NOW + HOUR, reason, now=NOW, uncounted=3)

    spent = reason == "QUOTA_EXCEEDED"
    taught = {"quota": {"N": "3"}, "learned_at": {"S": "2026-11-21T09:18:00.000Z"}} if spent else {}
    forgotten = NOW + (timedelta(days=400, hours=1) if spent else 25 * HOUR)
    assert item(tables, holder) == {
        "holder": {"S": holder},
        "blocked_until": {"S": "2026-11-21T10:18:00.000Z"},
        "reason": {"S": kept},
        "expires": {"N": str(int(forgotten.timestamp()))},
        **taught,
    }
    sibling = Budget("another client of theirs", OWNER)
    assert (another(tables).blocked_until(sibling, NOW) is not None) == holder.startswith("owner")
    assert another(tables).blocked_until(Budget(CLIENT_ID, "else"), NOW) == (
        None if holder.startswith("owner") else NOW + HOUR
    )


def test_a_wait_ends(table: BudgetTable) -> None:
    block(table, NOW + HOUR)

    assert table.blocked_until(MINE, NOW + HOUR - timedelta(milliseconds=1)) == NOW + HOUR
    assert table.blocked_until(MINE, NOW + HOUR) is None


def test_the_longer_wait_counts_and_none_is_shortened(table: BudgetTable, tables: Any) -> None:
    block(table, NOW + 2 * HOUR)
    block(table, NOW + HOUR)
    block(table, NOW + HOUR, "QUOTA_EXCEEDED")

    assert another(tables).blocked_until(MINE, NOW) == NOW + 2 * HOUR


def test_what_was_read_is_believed_for_half_a_minute(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Any] = []
    read = tables.batch_get_item
    monkeypatch.setattr(tables, "batch_get_item", lambda **given: reads.append(1) or read(**given))

    assert table.blocked_until(MINE, NOW) is None
    block(another(tables), NOW + HOUR)

    assert table.blocked_until(MINE, NOW + MAX_AGE - timedelta(seconds=1)) is None
    assert len(reads) == 1
    assert table.blocked_until(MINE, NOW + MAX_AGE) == NOW + HOUR
    assert table.blocked_until(MINE, NOW) == NOW + HOUR  # a clock that was set back
    assert len(reads) == 3


def test_its_own_wait_is_known_at_once(table: BudgetTable) -> None:
    assert table.blocked_until(MINE, NOW) is None

    block(table, NOW + HOUR)

    assert table.blocked_until(MINE, NOW) == NOW + HOUR


def test_counts_add_up_by_hour_and_endpoint_in_one_item_a_day(
    table: BudgetTable, tables: Any
) -> None:
    table.count(OWNER, NOW, {"api/token": 1, "audio-analysis/{id}": 3})
    another(tables).count(OWNER, NOW, {"audio-analysis/{id}": 2})
    table.count(OWNER, NOW + HOUR, {"audio-analysis/{id}": 4})
    table.count(OWNER, NOW - timedelta(days=1), {"api/token": 7})
    table.count("else", NOW, {"api/token": 9})

    assert another(tables).known(MINE, NOW).calls == {
        hour(9): {"api/token": 1, "audio-analysis/{id}": 5},
        hour(10): {"audio-analysis/{id}": 4},
        hour(9) - timedelta(days=1): {"api/token": 7},
    }
    assert another(tables).known(Budget(CLIENT_ID, "nobody"), NOW).calls == {}
    kept = item(tables, f"calls#{OWNER}#2026-11-21")
    assert int(kept["expires"]["N"]) == int((NOW + HOUR + timedelta(days=400)).timestamp())
    assert kept["10 audio-analysis/{id}"] == {"N": "4"}


def test_three_whole_days_are_looked_at(table: BudgetTable, tables: Any) -> None:
    for days in range(5):
        table.count(OWNER, NOW - timedelta(days=days), {"me": days + 1})

    calls = another(tables).known(MINE, NOW).calls
    assert [each["me"] for _, each in sorted(calls.items())] == [4, 3, 2, 1]


def test_the_days_counts_of_before_are_no_hours(table: BudgetTable, tables: Any) -> None:
    tables.put_item(
        TableName=BUDGET_TABLE,
        Item={"holder": {"S": f"calls#{OWNER}#2026-11-21"}, "api/token": {"N": "9"}},
    )

    assert table.known(MINE, NOW).calls == {}


def test_its_own_counts_are_known_at_once_and_counted_once(table: BudgetTable, tables: Any) -> None:
    assert table.known(MINE, NOW) == Known()
    table.known(Budget(CLIENT_ID, "else"), NOW)

    table.count(OWNER, NOW, {"me": 2})

    assert table.known(MINE, NOW).calls == {hour(9): {"me": 2}}
    assert table.known(MINE, NOW + MAX_AGE).calls == {hour(9): {"me": 2}}
    assert table.known(Budget(CLIENT_ID, "else"), NOW).calls == {}


def test_a_spent_quota_is_learned_from_what_was_counted(table: BudgetTable, tables: Any) -> None:
    table.count(OWNER, NOW - 20 * HOUR, {"me/player/recently-played": 400, "api/token": 20})
    another(tables).count(OWNER, NOW, {"playlists/{id}": 80})
    table.count(OWNER, NOW - 24 * HOUR, {"albums": 1000})

    table.block(MINE, NOW + 20 * HOUR, "QUOTA_EXCEEDED", now=NOW, uncounted=7)

    known = another(tables).known(MINE, NOW)
    assert known.learned == Learned(507, NOW)
    assert (known.until, known.reason) == (NOW + 20 * HOUR, "QUOTA_EXCEEDED")


def test_what_was_learned_outlasts_the_wait_and_another_one(
    table: BudgetTable, tables: Any
) -> None:
    table.count(OWNER, NOW, {"me": 900})
    block(table, NOW + HOUR, "QUOTA_EXCEEDED")
    block(table, NOW + 2 * HOUR)

    known = another(tables).known(MINE, NOW + 30 * HOUR)
    assert known.learned == Learned(900, NOW)
    assert known.blocked_until(NOW + 30 * HOUR) is None
    assert (known.until, known.reason) == (NOW + 2 * HOUR, "RATE_LIMITED")


def test_a_rate_limit_teaches_nothing(table: BudgetTable, tables: Any) -> None:
    table.count(OWNER, NOW, {"me": 900})
    block(table, NOW + HOUR)

    assert another(tables).known(MINE, NOW).learned is None


def test_what_a_busy_table_left_out_is_asked_for_again(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.count(OWNER, NOW, {"me": 1})
    block(table, NOW + HOUR)
    read = tables.batch_get_item

    def half(RequestItems: Any) -> Any:  # noqa: N803 - AWS's name
        ((name, wanted),) = RequestItems.items()
        first, rest = wanted["Keys"][:2], wanted["Keys"][2:]
        answer = read(RequestItems={name: {"Keys": first}})
        return answer | {"UnprocessedKeys": {name: {"Keys": rest}} if rest else {}}

    monkeypatch.setattr(tables, "batch_get_item", half)

    known = another(tables).known(MINE, NOW)
    assert known.until == NOW + HOUR
    assert known.calls == {hour(9): {"me": 1}}


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
        block(table, NOW)
