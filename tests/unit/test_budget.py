"""The budget: waits that everybody keeps to, the hours' counts, and what refusals teach."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from soundlake import asking
from soundlake.quota import Estimate, Learned
from soundlake.store.budget import Budget, BudgetTable, Draw, Known, Turns

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


def test_what_another_was_told_is_known_at_once(table: BudgetTable, tables: Any) -> None:
    assert table.blocked_until(MINE, NOW) is None

    block(another(tables), NOW + HOUR)

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


def test_counts_are_known_at_once(table: BudgetTable, tables: Any) -> None:
    assert table.known(MINE, NOW) == Known()

    another(tables).count(OWNER, NOW, {"me": 2})

    assert table.known(MINE, NOW).calls == {hour(9): {"me": 2}}
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
        first, rest = wanted["Keys"][:1], wanted["Keys"][1:]
        answer = read(RequestItems={name: wanted | {"Keys": first}})
        return answer | {"UnprocessedKeys": {name: wanted | {"Keys": rest}} if rest else {}}

    monkeypatch.setattr(tables, "batch_get_item", half)

    known = another(tables).known(MINE, NOW)
    assert known.until == NOW + HOUR
    assert known.calls == {hour(9): {"me": 1}}


def test_a_table_that_stays_busy_is_an_error_after_a_few_tries(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def busy(RequestItems: Any) -> Any:  # noqa: N803 - AWS's name
        assert len(slept) < 99, "it asks for ever"
        slept.append(0)
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(tables, "batch_get_item", busy)
    monkeypatch.setattr(time, "sleep", slept.append)

    with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
        table.blocked_until(MINE, NOW)

    assert len(slept) < 20
    assert 0 < sum(slept) < 2


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


#### WHAT CAPTURES WILL NEED #######################################################################


def writes(tables: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every write from now on."""
    made: list[dict[str, Any]] = []
    update = tables.update_item
    monkeypatch.setattr(
        tables, "update_item", lambda **given: made.append(given) or update(**given)
    )
    return made


def test_a_plan_is_written_where_it_changes_or_is_a_day_old(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writes(tables, monkeypatch)

    for need, hours in ((96, 0), (96, 1), (96, 23), (192, 23), (192, 46), (192, 47), (0, 48)):
        table.plan(OWNER, need, NOW + hours * HOUR)

    assert len(made) == 4
    assert table.known(MINE, NOW + 48 * HOUR).planned(NOW + 48 * HOUR) == 0


def test_a_plan_is_believed_for_as_long_as_calls_are_looked_at(table: BudgetTable) -> None:
    table.plan(OWNER, 96, NOW)

    assert table.known(MINE, NOW).planned(NOW + 72 * HOUR - timedelta(milliseconds=1)) == 96
    assert table.known(MINE, NOW).planned(NOW + 72 * HOUR) == 0


#### DRAWS #########################################################################################


def drawn_on(table: BudgetTable, budget: Budget = MINE, now: datetime = NOW) -> int:
    return table.known(budget, now).drawn(now)


def test_a_draw_is_one_conditional_write_and_counts_until_it_is_settled(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writes(tables, monkeypatch)

    first = table.draw(MINE, 50, NOW, assumed=120)
    second = another(tables).draw(MINE, 50, NOW, assumed=120)
    third = table.draw(MINE, 50, NOW, assumed=120)
    none = table.draw(MINE, 50, NOW, assumed=120)

    assert [each.granted for each in (first, second, third, none)] == [50, 50, 20, 0]
    assert len(made) == 3
    assert none.room is not None
    assert "120 requests a day; captures need 0, 120 are taken and others made 0" in none.room.why

    table.count(OWNER, NOW, {"albums": 10})
    table.drop(MINE, first, NOW)

    assert drawn_on(table) == 70
    assert table.draw(MINE, 50, NOW, assumed=120).granted == 40


def test_all_is_read_as_it_stands_now(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading of a moment ago would grant what another has just drawn."""
    asked: list[Any] = []
    read = tables.batch_get_item
    monkeypatch.setattr(
        tables, "batch_get_item", lambda **given: asked.append(given) or read(**given)
    )

    table.draw(MINE, 50, NOW, assumed=120)

    assert [each["RequestItems"][BUDGET_TABLE]["ConsistentRead"] for each in asked] == [True, True]


def test_a_draw_outlasts_the_day_that_it_counts(table: BudgetTable, tables: Any) -> None:
    table.draw(MINE, 50, NOW, assumed=120)

    expires = int(item(tables, f"owner#{OWNER}")["expires"]["N"])
    assert expires == int((NOW + timedelta(days=400)).timestamp())


def test_where_no_quota_is_believed_nothing_is_written(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.count(OWNER, NOW, {"albums": 9000})
    made = writes(tables, monkeypatch)

    drawn = table.draw(MINE, 50, NOW)
    table.drop(MINE, drawn, NOW)

    assert (drawn, made) == (Draw(None), [])


def test_the_next_page_takes_the_place_of_the_one_before_in_one_write(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = table.draw(MINE, 50, NOW, assumed=60)
    table.count(OWNER, NOW, {"albums": 50})
    made = writes(tables, monkeypatch)

    second = table.draw(MINE, 50, NOW, assumed=60, instead_of=first)

    assert (second.granted, len(made), drawn_on(table)) == (10, 1, 10)


def test_what_captures_will_need_is_left_to_them(table: BudgetTable) -> None:
    table.plan(OWNER, 96, NOW)

    assert table.draw(MINE, 500, NOW, assumed=500).granted == 404


def test_who_drew_and_died_has_spent_it_for_a_day_and_the_hour_it_may_have_taken(
    table: BudgetTable, tables: Any
) -> None:
    table.draw(MINE, 50, NOW, assumed=50)

    last = NOW + 25 * HOUR - timedelta(milliseconds=1)
    assert table.draw(MINE, 50, last, assumed=50).granted == 0
    assert table.draw(MINE, 50, NOW + 25 * HOUR, assumed=50).granted == 50
    assert sum(name.startswith("draw ") for name in item(tables, f"owner#{OWNER}")) == 1


def test_an_owners_apps_draw_on_one_quota(table: BudgetTable) -> None:
    table.draw(MINE, 30, NOW, assumed=50)

    assert table.draw(Budget("another of theirs", OWNER), 50, NOW, assumed=50).granted == 20
    assert table.draw(Budget(CLIENT_ID, "else"), 50, NOW, assumed=50).granted == 50


@pytest.mark.parametrize("reason", [None, "QUOTA_EXCEEDED"])
def test_nothing_is_drawn_while_anybody_was_told_to_wait(
    reason: str | None, table: BudgetTable, tables: Any
) -> None:
    block(another(tables), NOW + HOUR, reason)

    assert table.draw(MINE, 50, NOW, assumed=500) == Draw(0, until=NOW + HOUR)
    assert drawn_on(table) == 0


def between(table: BudgetTable, monkeypatch: pytest.MonkeyPatch, what: Any) -> None:
    """Somebody else does something after a draw has read, and before it writes; once."""
    take, done = BudgetTable._take, []

    def late(self: BudgetTable, *given: Any) -> bool:
        if self is table and not done:
            done.append(True)
            what()
        return take(self, *given)

    monkeypatch.setattr(BudgetTable, "_take", late)


def test_a_draw_meets_another_ones(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = another(tables)
    between(table, monkeypatch, lambda: other.draw(MINE, 30, NOW, assumed=40))

    assert table.draw(MINE, 30, NOW, assumed=40).granted == 10
    assert drawn_on(table) == 40


def test_a_draw_whose_answer_was_lost_is_found_again(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client sends the write again, which then meets its own version."""
    update = tables.update_item
    monkeypatch.setattr(tables, "update_item", lambda **given: (update(**given), update(**given)))

    drawn = table.draw(MINE, 50, NOW, assumed=120, spacing=SECOND)

    assert (drawn.granted, drawn.turn, drawn_on(table)) == (50, NOW, 50)
    monkeypatch.undo()
    table.drop(MINE, drawn, NOW)
    assert drawn_on(table) == 0


def test_a_draw_meets_a_refusal(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    block_it = another(tables)
    between(table, monkeypatch, lambda: block(block_it, NOW + HOUR, "QUOTA_EXCEEDED"))

    assert table.draw(MINE, 30, NOW, assumed=40).until == NOW + HOUR
    assert drawn_on(table) == 0


def test_a_draw_meets_another_that_is_settled(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it read is too much then, and never too little: it is granted less than there is."""
    other = another(tables)
    held = other.draw(MINE, 30, NOW, assumed=40)

    def settle() -> None:
        other.count(OWNER, NOW, {"albums": 5})
        other.drop(MINE, held, NOW)

    between(table, monkeypatch, settle)

    assert table.draw(MINE, 30, NOW, assumed=40).granted == 10
    assert table.draw(MINE, 30, NOW, assumed=40).granted == 25


def test_counts_are_read_after_the_draws_so_that_none_is_settled_unseen(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody settles a draw between the two readings: it is seen drawn and counted, not gone."""
    other = another(tables)
    held = other.draw(MINE, 30, NOW, assumed=40)
    add = BudgetTable._add_calls

    def late(self: BudgetTable, *given: Any) -> None:
        if self is table and drawn_on(other):
            other.count(OWNER, NOW, {"albums": 30})
            other.drop(MINE, held, NOW)
        add(self, *given)

    monkeypatch.setattr(BudgetTable, "_add_calls", late)

    assert table.draw(MINE, 30, NOW, assumed=40).granted == 0
    assert table.draw(MINE, 30, NOW, assumed=40).granted == 10


def test_too_many_at_once_is_an_error_and_no_draw(
    table: BudgetTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BudgetTable, "_take", lambda *_: False)

    with pytest.raises(RuntimeError, match=f"The budget {OWNER} is drawn on by too many at once"):
        table.draw(MINE, 30, NOW, assumed=40)


@pytest.fixture
def atomic(tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request to an item after the other, as in DynamoDB; moto does not lock its items."""
    lock = threading.Lock()

    def locked(call: Any) -> Any:
        def alone(**given: Any) -> Any:
            with lock:
                answer = call(**given)
            time.sleep(0)  # the next one's turn, so that readings and writes of all are mixed
            return answer

        return alone

    for name in ("update_item", "batch_get_item"):
        monkeypatch.setattr(tables, name, locked(getattr(tables, name)))


@pytest.mark.usefixtures("atomic")
def test_threads_never_draw_more_than_there_is(tables: Any) -> None:
    """Eight processes draw pages, and never settle, until nothing is left."""
    drawn: list[int] = []
    start = threading.Barrier(8)

    def process(_: int) -> None:
        mine = BudgetTable(BUDGET_TABLE, tables)
        start.wait()
        while granted := mine.draw(MINE, 7, NOW, assumed=300).granted:
            drawn.append(granted)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(process, range(8)))

    assert sum(drawn) == 300
    assert drawn_on(BudgetTable(BUDGET_TABLE, tables)) == 300


@pytest.mark.usefixtures("atomic")
def test_threads_that_settle_spend_all_and_no_more(tables: Any) -> None:
    sent: list[int] = []
    start = threading.Barrier(6)

    def process(_: int) -> None:
        mine, before = BudgetTable(BUDGET_TABLE, tables), None
        start.wait()
        while True:
            drawn = mine.draw(MINE, 7, NOW, assumed=200, instead_of=before)
            if not drawn.granted:
                break
            sent.append(drawn.granted)
            mine.count(OWNER, NOW, {"albums": drawn.granted})
            before = drawn
        if before:
            mine.drop(MINE, before, NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(process, range(6)))
    left = BudgetTable(BUDGET_TABLE, tables).draw(MINE, 200, NOW, assumed=200).granted

    assert sum(sent) <= 200
    # A page that is counted and not yet dropped is seen twice: the last few are left for later.
    assert sum(sent) + (left or 0) == 200


#### FULL DAYS #####################################################################################


def test_a_day_on_which_all_was_asked_for_is_noted_once(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.count(OWNER, NOW, {"albums": 100})
    made = writes(tables, monkeypatch)

    for hours in (0, 1, 2):
        table.draw(MINE, 50, NOW + hours * HOUR, assumed=100)
    assert (table.known(MINE, NOW).full_days, len(made)) == (1, 1)

    table.draw(MINE, 50, NOW + 20 * HOUR, assumed=100)
    assert table.known(MINE, NOW).full_days == 2


def test_two_that_meet_the_end_of_a_day_note_it_once(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.count(OWNER, NOW, {"albums": 100})
    note, other, done = BudgetTable._note_full_day, another(tables), []

    def late(self: BudgetTable, *given: Any) -> None:
        if not done:
            done.append(True)
            other.draw(MINE, 50, NOW, assumed=100)
        note(self, *given)

    monkeypatch.setattr(BudgetTable, "_note_full_day", late)
    table.draw(MINE, 50, NOW, assumed=100)

    assert table.known(MINE, NOW).full_days == 1


def test_a_day_on_which_less_was_made_than_drawn_says_nothing(table: BudgetTable) -> None:
    table.draw(MINE, 100, NOW, assumed=100)  # and who drew it died

    assert table.draw(MINE, 1, NOW, assumed=100).granted == 0
    assert table.known(MINE, NOW).full_days == 0


def test_seven_full_days_raise_what_is_granted_and_a_refusal_ends_that(table: BudgetTable) -> None:
    for days in range(7):
        now = NOW + days * 25 * HOUR
        table.count(OWNER, now, {"albums": 100})
        assert table.draw(MINE, 50, now, assumed=100).granted == 0
    now = NOW + 8 * 25 * HOUR
    drawn = table.draw(MINE, 200, now, assumed=100)
    assert drawn.granted == 105

    table.block(MINE, now + HOUR, "QUOTA_EXCEEDED", now=now, uncounted=104, drawn=drawn)

    known = table.known(MINE, now)
    assert (known.full_days, known.full_on) == (0, None)
    assert known.estimate(100) == Estimate(98, Learned(104, now))


def test_a_full_day_that_meets_a_refusal_is_none(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.count(OWNER, NOW, {"albums": 100})
    note, other = BudgetTable._note_full_day, another(tables)

    def late(self: BudgetTable, *given: Any) -> None:
        block(other, NOW + HOUR, "QUOTA_EXCEEDED")
        note(self, *given)

    monkeypatch.setattr(BudgetTable, "_note_full_day", late)
    table.draw(MINE, 50, NOW, assumed=100)

    assert table.known(MINE, NOW).full_days == 0


#### TURNS #########################################################################################

THEIRS = Budget("reccobeats", "reccobeats")
SECOND = timedelta(seconds=1)


def test_turns_follow_each_other_by_one_write_each(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writes(tables, monkeypatch)

    first = table.take_turns(THEIRS, 1, SECOND, NOW)
    second = another(tables).take_turns(THEIRS, 3, SECOND, NOW)
    third = table.take_turns(THEIRS, 1, SECOND, NOW)  # four seconds away: none is taken
    later = table.take_turns(THEIRS, 1, SECOND, NOW + 2 * SECOND)

    assert first == Turns(NOW, NOW + SECOND)
    assert second == Turns(NOW + SECOND, NOW + 4 * SECOND)
    assert third == Turns(NOW + 4 * SECOND, None)
    assert later == Turns(NOW + 4 * SECOND, NOW + 5 * SECOND)
    assert len(made) == 3


def test_turns_are_kept_for_a_day(table: BudgetTable, tables: Any) -> None:
    table.take_turns(THEIRS, 1, SECOND, NOW)

    expires = int(item(tables, "client#reccobeats")["expires"]["N"])
    assert expires == int((NOW + timedelta(days=1)).timestamp())


def test_turns_that_are_left_are_given_back_unless_others_took_later_ones(
    table: BudgetTable,
) -> None:
    taken = table.take_turns(THEIRS, 10, SECOND, NOW)
    assert taken.end is not None

    table.give_back(THEIRS, taken.end, NOW + 2 * SECOND)
    following = table.take_turns(THEIRS, 1, SECOND, NOW + 2 * SECOND)
    table.give_back(THEIRS, taken.end, NOW + 2 * SECOND)

    assert following.first == NOW + 2 * SECOND
    assert table.take_turns(THEIRS, 1, SECOND, NOW + 2 * SECOND).first == NOW + 3 * SECOND


def test_turns_that_are_over_are_not_given_back(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writes(tables, monkeypatch)

    table.give_back(THEIRS, NOW, NOW)

    assert made == []


def test_no_turn_is_given_while_the_source_asks_to_wait(table: BudgetTable, tables: Any) -> None:
    another(tables).block(THEIRS, NOW + HOUR, None, now=NOW)

    assert table.take_turns(THEIRS, 1, SECOND, NOW) == Turns(NOW + HOUR, None)
    assert table.take_turns(THEIRS, 1, SECOND, NOW + HOUR).first == NOW + HOUR


def test_a_clock_that_was_wrong_holds_nobody_for_long(table: BudgetTable) -> None:
    table.take_turns(THEIRS, 1, SECOND, NOW + HOUR)

    assert table.take_turns(THEIRS, 1, SECOND, NOW).first == NOW


@pytest.mark.usefixtures("atomic")
def test_threads_never_take_the_same_turn(tables: Any) -> None:
    start = threading.Barrier(8)

    def process(number: int) -> Turns:
        mine = BudgetTable(BUDGET_TABLE, tables)
        start.wait()
        return mine.take_turns(THEIRS, 2, SECOND / 8, NOW)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(process, range(8)))

    assert sorted(each.first for each in taken) == [NOW + each * SECOND / 4 for each in range(8)]


def test_a_draw_takes_turns_too_where_requests_are_spaced(
    table: BudgetTable, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writes(tables, monkeypatch)

    first = table.draw(MINE, 5, NOW, assumed=500, spacing=SECOND)
    held = another(tables).draw(MINE, 5, NOW, assumed=500, spacing=SECOND)
    soon = NOW + 4 * SECOND
    second = another(tables).draw(MINE, 5, soon, assumed=500, spacing=SECOND)

    assert (first.turn, first.turns_end) == (NOW, NOW + 5 * SECOND)
    assert held == Draw(0, until=NOW + 5 * SECOND)
    assert (second.turn, second.turns_end) == (NOW + 5 * SECOND, NOW + 10 * SECOND)
    assert len(made) == 2
    # Without spacing nobody waits for a turn: a chart is one request or two.
    assert table.draw(MINE, 4, NOW, assumed=500).granted == 4


def test_turns_that_are_just_near_enough_are_taken_and_are_as_many_as_are_granted(
    table: BudgetTable,
) -> None:
    table.draw(MINE, 2, NOW, assumed=9, spacing=SECOND)

    second = table.draw(MINE, 50, NOW, assumed=9, spacing=SECOND)

    assert (second.granted, second.turn) == (7, NOW + 2 * SECOND)
    assert second.turns_end == NOW + 9 * SECOND


def test_a_draws_turns_that_are_left_are_given_back(table: BudgetTable) -> None:
    first = table.draw(MINE, 50, NOW, assumed=500, spacing=SECOND)
    table.drop(MINE, first, NOW + 3 * SECOND)

    second = table.draw(MINE, 50, NOW + 3 * SECOND, assumed=500, spacing=SECOND)
    assert (second.turn, drawn_on(table)) == (NOW + 4 * SECOND, 50)
    table.drop(MINE, first, NOW + 3 * SECOND)  # twice: its turns are another's by now
    assert table.draw(MINE, 50, NOW + 3 * SECOND, assumed=500, spacing=SECOND).granted == 0


@pytest.mark.parametrize("later", [timedelta(0), timedelta(microseconds=300)])
def test_the_next_page_does_not_wait_for_turns_that_its_own_one_did_not_use(
    later: timedelta, table: BudgetTable
) -> None:
    """Requests that are tried again use up a page before its turns are over."""
    now = NOW + later
    first = table.draw(MINE, 50, now, assumed=500, spacing=SECOND)

    soon = now + 25 * SECOND
    second = table.draw(MINE, 50, soon, assumed=500, spacing=SECOND, instead_of=first)
    other = table.draw(MINE, 50, soon, assumed=500, spacing=SECOND)

    assert (second.granted, second.turn) == (50, soon + SECOND)
    assert other.granted == 0
    assert other.until is not None
    assert soon + 51 * SECOND - other.until < timedelta(milliseconds=1)


def test_the_next_page_comes_after_the_turns_of_others(table: BudgetTable) -> None:
    first = table.draw(MINE, 5, NOW, assumed=500, spacing=SECOND)
    table.draw(MINE, 5, NOW + 4 * SECOND, assumed=500, spacing=SECOND)

    soon = NOW + 5 * SECOND
    held = table.draw(MINE, 5, soon, assumed=500, spacing=SECOND, instead_of=first)

    assert held == Draw(0, until=NOW + 10 * SECOND)


def test_a_draw_whose_turns_are_yet_to_come_gives_back_none_of_those_before(
    table: BudgetTable,
) -> None:
    table.draw(MINE, 2, NOW, assumed=500, spacing=SECOND)
    second = table.draw(MINE, 50, NOW, assumed=500, spacing=SECOND)
    assert second.turn == NOW + 2 * SECOND

    table.drop(MINE, second, NOW)

    assert table.draw(MINE, 1, NOW, assumed=500, spacing=SECOND).turn == NOW + 2 * SECOND
