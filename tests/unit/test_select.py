"""Select: the accounts of a round, and when the next one is."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from soundlake import access
from soundlake.accounts import Account, Answer, answered, connected, disconnected
from soundlake.store.budget import Budget, BudgetTable

from tests.unit.helpers import ACCOUNT, BUDGET_TABLE, OWNER, Row, invoke

NOW = datetime.fromisoformat("2026-11-21T09:07:02+00:00")
HOUR = timedelta(hours=1)
NEEDED = ("spotify_id", "name", "since", "consented_at")


def select(given: Any = None, *, number: int = 0, now: datetime = NOW) -> Row:
    event = {
        "input": {} if given is None else given,
        "start_time": "2026-11-21T09:07:01.500Z",
        "now": now.isoformat(),
        "round": number,
    }
    return invoke("select", event)


def add(name: str) -> Account:
    account = connected(name, f"spotify-{name}", name.title(), NOW - HOUR)
    assert access.accounts_table().create(account)
    return account


def change(before: Account, after: Account) -> None:
    assert access.accounts_table().replace(before, after)


@pytest.mark.parametrize("given", [{}, {"once": True}, {"once": True, "interval_minutes": 20}])
def test_without_an_interval_all_accounts_are_captured_once(given: Row, tables: object) -> None:
    add("another")

    assert select(given) == {
        "status": "selected",
        "accounts": ["another", ACCOUNT],
        "waiting": [],
        "damaged": [],
        "captured_at": "2026-11-21T09:07:01.500Z",
        "suffix": "",
        "next_round": None,
        "next_at": None,
        "next_in": None,
        "counts": {
            "accounts": 2,
            "waiting": 0,
            "damaged": 0,
            "awaiting_user": 0,
            "consent_days_left": 99,
        },
    }


def test_the_schedules_rounds_follow_each_other(tables: object) -> None:
    given = {"scheduled_time": "2026-11-21T09:07:00Z", "interval_minutes": 20}

    first = select(given)
    second = select(given, number=first["next_round"], now=NOW + timedelta(minutes=20))
    third = select(given, number=second["next_round"], now=NOW + timedelta(minutes=40))

    rounds = [first, second, third]
    assert [each["captured_at"][11:16] for each in rounds] == ["09:07", "09:27", "09:47"]
    assert [each["suffix"] for each in rounds] == ["", "-1", "-2"]
    assert first["next_at"] == second["captured_at"]
    assert [each["next_in"] for each in rounds] == [1198, 1198, None]


def test_what_the_schedules_captures_need_is_left_to_them(
    tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"scheduled_time": "2026-11-21T09:07:00Z", "interval_minutes": 20}
    writes: list[Any] = []
    update = tables.update_item
    monkeypatch.setattr(tables, "update_item", lambda **one: writes.append(one) or update(**one))

    def planned() -> int:
        return BudgetTable(BUDGET_TABLE).known(Budget("", OWNER), NOW).planned(NOW)

    select({"once": True})
    assert planned() == 0  # nobody knows when the next one is
    select(given)
    select(given, number=1)
    assert (planned(), len(writes)) == (72 + 24, 1)
    add("another")
    select(given, number=2)
    assert (planned(), len(writes)) == (2 * (72 + 24), 2)


def test_a_budget_that_cannot_be_written_keeps_nobody_from_their_capture(
    tables: Any, monkeypatch: pytest.MonkeyPatch, logs: StringIO
) -> None:
    given = {"scheduled_time": "2026-11-21T09:07:00Z", "interval_minutes": 20}

    def throttled(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    monkeypatch.setattr(BudgetTable, "plan", throttled)

    selected = select(given)

    assert (selected["status"], selected["accounts"]) == ("selected", [ACCOUNT])
    warning = json.loads(logs.getvalue().splitlines()[0])
    assert warning["level"] == "WARNING"
    assert "ThrottlingException" in warning["message"]


def test_who_waits_for_their_user_is_told_of_and_left_out(tables: object) -> None:
    ended, refused = add("ended"), add("refused")
    change(ended, disconnected(ended, NOW - HOUR))
    change(refused, answered(refused, Answer.NO_PREMIUM, NOW - HOUR, "run-1"))

    result = select()

    assert result["accounts"] == [ACCOUNT]
    assert {each["account"]: each["state"] for each in result["waiting"]} == {
        "ended": "disconnected",
        "refused": "needs_premium",
    }
    assert all(
        "./soundlake" in each["error"] or "Premium" in each["error"] for each in result["waiting"]
    )
    assert select(now=NOW + 5 * HOUR)["accounts"] == [ACCOUNT, "refused"]


def test_an_imported_account_is_neither_captured_nor_waited_for(tables: object) -> None:
    access.accounts_table().new_imported(NOW - HOUR)

    result = select()

    assert (result["accounts"], result["waiting"]) == ([ACCOUNT], [])
    assert (result["counts"]["awaiting_user"], result["counts"]["consent_days_left"]) == (0, 99)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"interval_minutes": 4}, "The input's 'interval_minutes' is wrong"),
        ({"interval_minutes": 61}, "The input's 'interval_minutes' is wrong"),
        ({"when": "now"}, "The input's 'when' is wrong"),
        ([], "The input's 'input' is wrong"),
        ({"scheduled_time": "9:07"}, "'9:07' is not a time"),
        ({"scheduled_time": "2026-11-21T09:13:00Z"}, "2026-11-21T09:13:00.000Z lies in the future"),
    ],
)
def test_a_wrong_input_is_one_sentence(given: Any, sentence: str, tables: object) -> None:
    result = select(given)

    assert result["status"] == "invalid"
    assert result["error"].startswith(sentence)


def test_an_account_that_cannot_be_read_is_named_and_keeps_no_other_waiting(tables: Any) -> None:
    for name, state in (("broken", "asleep"), ("odd", "x" * 500)):
        item = {"account": name, "state": state, **dict.fromkeys(NEEDED, "2026-11-21T09:00:00Z")}
        tables.put_item(
            TableName=access.accounts_table().name,
            Item={key: {"S": text} for key, text in item.items()},
        )

    result = select({"scheduled_time": "2026-11-21T09:07:00Z", "interval_minutes": 20})

    assert (result["status"], result["accounts"]) == ("selected", [ACCOUNT])
    assert result["next_at"] is not None
    assert result["counts"] == {
        "accounts": 1,
        "waiting": 0,
        "damaged": 2,
        "awaiting_user": 2,
        "consent_days_left": 99,
    }
    broken, odd = result["damaged"]
    assert broken == {
        "account": "broken",
        "error": "The item of the account broken cannot be read (its 'state' is wrong: 'asleep' "
        "is not a valid State); correct or delete it in the table of accounts.",
    }
    assert odd["account"] == "odd"
    assert len(odd["error"]) <= access.ERROR
    assert odd["error"].endswith("correct or delete it in the table of accounts.")


#### WHAT ALARMS LOOK AT ###########################################################################


def counts(**given: Any) -> Row:
    found: Row = select(**given)["counts"]
    return found


def test_the_first_consent_to_end_is_what_is_told(tables: object) -> None:
    add("another")  # 180 days are left of its consent

    assert counts()["consent_days_left"] == 99
    assert counts(now=NOW + 71 * 24 * HOUR)["consent_days_left"] == 28


def test_who_cannot_be_captured_without_their_user_is_counted_in_every_round(
    tables: object,
) -> None:
    """Also in the round in which what is refused is tried again; not who ended it themselves."""
    ended, refused = add("ended"), add("refused")
    change(ended, disconnected(ended, NOW - HOUR))
    change(refused, answered(refused, Answer.NO_PREMIUM, NOW - HOUR, "run-1"))

    assert [counts(now=NOW + ago * HOUR)["awaiting_user"] for ago in (0, 5)] == [1, 1]
    assert "refused" in select(now=NOW + 5 * HOUR)["accounts"]


def test_a_consent_that_has_ended_has_no_days_left(tables: object) -> None:
    before = access.accounts_table().get(ACCOUNT)
    assert before is not None
    for run in ("run-1", "run-2"):
        after = answered(before, Answer.INVALID_GRANT, NOW, run)
        change(before, after)
        before = after

    assert counts() == {"accounts": 0, "waiting": 1, "damaged": 0, "awaiting_user": 1}
