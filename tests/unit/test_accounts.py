"""Accounts: what a state asks of its user, and what Spotify's answers change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from soundlake.accounts import (
    RETRIED,
    WHAT_TO_DO,
    WITHOUT_CONSENT,
    Account,
    AccountError,
    Answer,
    Damaged,
    State,
    answered,
    connected,
    connecting,
    consent_days_left,
    consent_ends,
    consent_warning,
    consenting,
    disconnected,
    due,
    from_item,
    hopeful,
    imported,
    least_consent_days_left,
    read_items,
    reconnecting,
    to_item,
    waits_for_user,
)

from tests.unit.helpers import NOW

HOUR = timedelta(hours=1)
MINE = connected("a12345678901", "solveig", "Solveig", NOW)


def captured(at: datetime = NOW) -> Account:
    return answered(MINE, Answer.PAGE, at, "run-1")


def in_state(state: State, retry_at: datetime | None = None) -> Account:
    return replace(MINE, state=state, retry_at=retry_at)


def test_every_state_says_what_to_do_in_one_sentence() -> None:
    assert set(WHAT_TO_DO) == set(State)
    assert len(set(WHAT_TO_DO.values())) == len(State)
    for state, sentence in WHAT_TO_DO.items():
        assert in_state(state).what_to_do == sentence
        assert sentence.endswith(".")
    for state in WITHOUT_CONSENT:
        assert "./soundlake connect" in WHAT_TO_DO[state]
    assert "./soundlake app" in WHAT_TO_DO[State.WRONG_APP]


#### WHICH ARE CAPTURED ############################################################################


def test_active_accounts_are_always_due_in_order() -> None:
    other = replace(MINE, account="a00000000000")

    assert due([MINE, other], NOW) == [other, MINE]


@pytest.mark.parametrize("state", sorted(RETRIED))
def test_what_mends_by_itself_is_tried_again_from_its_time_on(state: State) -> None:
    waiting = in_state(state, NOW)

    assert due([waiting], NOW - timedelta(milliseconds=1)) == []
    assert due([waiting], NOW) == [waiting]
    assert due([in_state(state)], NOW) == [in_state(state)]


@pytest.mark.parametrize("state", list(State))
def test_what_was_mended_is_tried_again_at_once(state: State) -> None:
    waiting = in_state(state, NOW + HOUR)

    again = hopeful(waiting)

    assert again == (replace(waiting, retry_at=None) if state in RETRIED else waiting)
    assert bool(due([again], NOW)) == (state in RETRIED or state is State.ACTIVE)


@pytest.mark.parametrize("state", [State.NEEDS_CONSENT, State.DISCONNECTED, State.IMPORTED])
def test_what_only_the_user_can_mend_is_never_due(state: State) -> None:
    assert due([in_state(state), in_state(state, NOW - HOUR)], NOW + timedelta(days=999)) == []


#### WHAT SPOTIFY ANSWERS ##########################################################################


def test_a_page_is_the_last_capture() -> None:
    assert captured() == replace(MINE, last_capture_at=NOW)
    assert captured(NOW + HOUR).since == MINE.since


def test_a_page_that_is_late_does_not_turn_the_last_capture_back() -> None:
    late = answered(captured(), Answer.PAGE, NOW - HOUR, "run-2")

    assert late.last_capture_at == NOW


def test_a_first_invalid_grant_is_only_noted() -> None:
    noted = answered(captured(), Answer.INVALID_GRANT, NOW + HOUR, "run-2")

    assert noted == replace(captured(), rejected_at=NOW + HOUR, rejected_by="run-2")
    assert due([noted], NOW + HOUR) == [noted]


def test_the_same_run_does_not_confirm_itself() -> None:
    noted = answered(captured(), Answer.INVALID_GRANT, NOW, "run-2")

    assert answered(noted, Answer.INVALID_GRANT, NOW + HOUR, "run-2") == noted


def test_another_run_confirms() -> None:
    noted = answered(captured(), Answer.INVALID_GRANT, NOW, "run-2")

    ended = answered(noted, Answer.INVALID_GRANT, NOW + HOUR, "run-3")

    assert (ended.state, ended.since) == (State.NEEDS_CONSENT, NOW + HOUR)
    assert (ended.rejected_at, ended.rejected_by) == (NOW, "run-2")


def test_a_page_clears_the_suspicion() -> None:
    noted = answered(captured(), Answer.INVALID_GRANT, NOW, "run-2")

    cleared = answered(noted, Answer.PAGE, NOW + HOUR, "run-3")
    again = answered(cleared, Answer.INVALID_GRANT, NOW + 2 * HOUR, "run-4")

    assert cleared == replace(MINE, last_capture_at=NOW + HOUR)
    assert again.state is State.ACTIVE


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer.NOT_REGISTERED, State.NOT_ALLOWED),
        (Answer.NO_PREMIUM, State.NEEDS_PREMIUM),
        (Answer.INVALID_CLIENT, State.WRONG_APP),
    ],
)
def test_a_refusal_is_tried_again_six_hours_later(answer: Answer, state: State) -> None:
    refused = answered(captured(), answer, NOW + HOUR, "run-2")
    again = answered(refused, answer, NOW + 7 * HOUR, "run-3")
    mended = answered(again, Answer.PAGE, NOW + 13 * HOUR, "run-4")

    assert (refused.state, refused.since) == (state, NOW + HOUR)
    assert refused.retry_at == NOW + 7 * HOUR
    assert (again.since, again.retry_at) == (NOW + HOUR, NOW + 13 * HOUR)
    assert (mended.state, mended.since, mended.retry_at) == (State.ACTIVE, NOW + 13 * HOUR, None)


@pytest.mark.parametrize("answer", list(Answer))
@pytest.mark.parametrize("state", sorted(WITHOUT_CONSENT))
def test_no_answer_brings_back_what_the_user_must(answer: Answer, state: State) -> None:
    ended = in_state(state)

    assert answered(ended, answer, NOW + HOUR, "run-2") == ended


def test_connecting_again_begins_anew_and_keeps_the_last_capture() -> None:
    ended = replace(captured(), state=State.NEEDS_CONSENT, rejected_at=NOW, rejected_by="run-1")

    again = connected(ended.account, "solveig", "Solveig B.", NOW + HOUR, ended)

    assert again == Account(
        account=ended.account,
        spotify_id="solveig",
        name="Solveig B.",
        state=State.ACTIVE,
        since=NOW + HOUR,
        consented_at=NOW + HOUR,
        last_capture_at=NOW,
    )


def test_a_new_account_is_not_captured_before_its_tokens_are_stored() -> None:
    new = connecting("a12345678901", "solveig", "Solveig", NOW)

    assert due([new], NOW + 365 * 24 * HOUR) == []
    assert connected(new.account, "solveig", "Solveig", NOW, new) == MINE


@pytest.mark.parametrize("state", list(State))
def test_while_new_tokens_are_stored_only_what_is_captured_stays_so(state: State) -> None:
    before = replace(in_state(state), last_capture_at=NOW)

    during = reconnecting(before, NOW + HOUR)

    if state in {State.ACTIVE, *RETRIED}:
        assert during == before
    else:
        since = NOW if state is State.CONNECTING else NOW + HOUR
        assert during == replace(before, state=State.CONNECTING, since=since)


def test_disconnecting_ends_what_was_waited_for() -> None:
    waiting = in_state(State.NOT_ALLOWED, NOW)

    ended = disconnected(waiting, NOW + HOUR)

    assert ended == replace(
        waiting, state=State.DISCONNECTED, since=NOW + HOUR, retry_at=None, rejected_at=None
    )
    assert disconnected(ended, NOW + 2 * HOUR) == ended


#### WITHOUT A CONSENT #############################################################################


def test_an_imported_account_knows_no_listener_and_has_no_consent() -> None:
    mine = imported("a12345678901", NOW)

    assert mine == Account("a12345678901", None, None, State.IMPORTED, NOW, None)
    assert consent_ends(mine) is None
    assert consent_days_left(mine, NOW) == 0
    assert consent_warning(mine, NOW) is None
    assert least_consent_days_left([mine], NOW) is None
    assert disconnected(mine, NOW + HOUR) == mine


def test_a_consent_makes_an_imported_account_its_listeners() -> None:
    mine = replace(imported("a12345678901", NOW - HOUR), time_zone="Europe/Oslo")

    during = consenting(mine, "solveig", "Solveig", NOW)

    assert during == replace(
        connecting("a12345678901", "solveig", "Solveig", NOW), time_zone="Europe/Oslo"
    )
    after = connected("a12345678901", "solveig", "Solveig", NOW, during)
    assert after == replace(MINE, time_zone="Europe/Oslo")


def test_the_item_of_an_imported_account_comes_back() -> None:
    mine = imported("a12345678901", NOW)

    assert to_item(mine) == {
        "account": "a12345678901",
        "state": "imported",
        "since": "2026-11-21T09:18:00.000Z",
    }
    assert from_item(to_item(mine)) == mine


#### CONSENT #######################################################################################


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ("2026-01-15", "2026-07-15"),
        ("2026-07-01", "2027-01-01"),
        ("2026-06-30", "2026-12-30"),
        ("2026-08-31", "2027-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2026-12-31", "2027-06-30"),
    ],
)
def test_consent_ends_six_calendar_months_later(given: str, end: str) -> None:
    at = datetime.fromisoformat(f"{given}T12:34:56+00:00")

    assert consent_ends(replace(MINE, consented_at=at)) == datetime.fromisoformat(
        f"{end}T12:34:56+00:00"
    )


def test_days_left_are_whole_and_never_below_none() -> None:
    end = consent_ends(MINE)

    assert consent_days_left(MINE, end - timedelta(days=2)) == 2
    assert consent_days_left(MINE, end - timedelta(days=2) + timedelta(seconds=1)) == 1
    assert consent_days_left(MINE, end + HOUR) == 0


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (31, None),
        (30, "in 30 days; renew it"),
        (8, "in 8 days; renew it"),
        (7, "in 7 days: without a new one"),
        (1, "in 1 day: without a new one"),
        (0, "in 0 days: without a new one"),
    ],
)
def test_warnings_come_at_30_and_at_7_days(days: int, says: str | None) -> None:
    warning = consent_warning(MINE, consent_ends(MINE) - timedelta(days=days))

    assert (warning is None) == (says is None)
    if says is not None:
        assert warning is not None
        assert says in warning
        assert warning.startswith("Consent ends on 2027-05-21, ")
        assert "./soundlake connect" in warning


@pytest.mark.parametrize("state", [State.NEEDS_CONSENT, State.DISCONNECTED])
def test_a_consent_that_is_over_is_not_warned_of(state: State) -> None:
    assert consent_warning(in_state(state), consent_ends(MINE)) is None


#### ITEMS #########################################################################################


def test_the_first_consent_to_end_has_the_least_days_left() -> None:
    old = replace(MINE, consented_at=NOW - timedelta(days=100))
    oldest = replace(MINE, consented_at=NOW - timedelta(days=170), state=State.DISCONNECTED)
    ended = replace(oldest, state=State.NEEDS_CONSENT)
    refused = replace(old, state=State.NOT_ALLOWED)

    assert least_consent_days_left([MINE, old, oldest, ended], NOW) == consent_days_left(old, NOW)
    assert least_consent_days_left([MINE, refused], NOW) == consent_days_left(old, NOW)
    assert least_consent_days_left([oldest, ended], NOW) is None
    assert least_consent_days_left([], NOW) is None


@pytest.mark.parametrize("state", list(State))
def test_every_state_but_three_waits_for_its_user(state: State) -> None:
    waits = state not in {State.ACTIVE, State.DISCONNECTED, State.IMPORTED}

    assert waits_for_user(in_state(state)) == waits
    assert waits_for_user(in_state(state, NOW)) == waits


def test_an_account_begins_without_a_capture_and_unfinished() -> None:
    assert connecting("a12345678901", "solveig", "Solveig", NOW) == Account(
        "a12345678901", "solveig", "Solveig", State.CONNECTING, NOW, NOW
    )


def test_what_ends_an_account_ends_what_it_waited_for() -> None:
    noted = replace(MINE, rejected_at=NOW, rejected_by="run-1", retry_at=NOW)

    for ended in (
        disconnected(noted, NOW + HOUR),
        answered(noted, Answer.INVALID_GRANT, NOW + HOUR, "run-2"),
    ):
        assert ended.retry_at is None
    assert disconnected(noted, NOW + HOUR) == replace(
        MINE, state=State.DISCONNECTED, since=NOW + HOUR
    )


def test_an_item_is_texts_and_comes_back() -> None:
    noted = answered(captured(), Answer.INVALID_GRANT, NOW + HOUR, "run-2")
    noted = replace(noted, time_zone="Europe/Oslo")

    item = to_item(noted)

    assert item == {
        "account": "a12345678901",
        "spotify_id": "solveig",
        "name": "Solveig",
        "state": "active",
        "since": "2026-11-21T09:18:00.000Z",
        "consented_at": "2026-11-21T09:18:00.000Z",
        "rejected_at": "2026-11-21T10:18:00.000Z",
        "rejected_by": "run-2",
        "last_capture_at": "2026-11-21T09:18:00.000Z",
        "time_zone": "Europe/Oslo",
    }
    assert from_item(item | {"lease_by": "run-9"}) == noted
    assert from_item(item).since.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("since", "yesterday", "its 'since' is wrong: 'yesterday' is not a time"),
        ("retry_at", "", "its 'retry_at' is wrong: '' is not a time"),
        ("state", "asleep", "its 'state' is wrong: 'asleep' is not a valid State"),
        ("time_zone", "Olso", "its 'time_zone' is wrong: 'Olso' is not the time zone of a place"),
        ("name", None, "it has no text 'name'"),
        ("spotify_id", None, "it has no text 'spotify_id'"),
        ("consented_at", None, "it has no text 'consented_at'"),
    ],
)
def test_a_damaged_item_names_its_account_the_attribute_and_what_to_do(
    name: str, value: str | None, why: str
) -> None:
    item = {key: text for key, text in to_item(MINE).items() if key != name}
    if value is not None:
        item[name] = value

    with pytest.raises(AccountError) as refused:
        from_item(item)

    said = str(refused.value)
    assert said.startswith(f"The item of the account a12345678901 cannot be read ({why}")
    assert said.endswith("); correct or delete it in the table of accounts.")


def test_an_item_without_a_name_is_damaged_too() -> None:
    with pytest.raises(AccountError, match=r"the account \? cannot be read"):
        from_item({})


def test_a_damaged_item_hides_no_other() -> None:
    other = replace(MINE, account="c12345678901")
    asleep = to_item(replace(MINE, account="b12345678901")) | {"state": "asleep"}
    empty = {"account": "d12345678901"}

    accounts, damaged = read_items([empty, to_item(other), asleep, to_item(MINE)])

    assert accounts == [MINE, other]
    for one, item in zip(damaged, (asleep, empty), strict=True):
        with pytest.raises(AccountError) as refused:
            from_item(item)
        assert one == Damaged(item["account"], str(refused.value), item.get("spotify_id"))
