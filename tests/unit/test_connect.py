"""Connect: a consent's code becomes tokens in a SecureString, and an account."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from soundlake import access
from soundlake.accounts import ACCOUNT as NAME
from soundlake.accounts import WHAT_TO_DO, Account, State, connected
from soundlake.store import objects, secrets
from soundlake.store.secrets import UserTokens

from cli import accounts as cli_accounts
from cli.target import Target
from tests.interruptions import When, interrupted
from tests.unit.helpers import (
    ACCOUNT,
    BUCKET,
    CODE,
    NOW,
    PREFIX,
    REFRESH_TOKEN,
    REGION,
    USER_TOKEN,
    FakeContext,
    FakeSpotify,
    Row,
    invoke,
)

REDIRECT = "http://127.0.0.1:4591/callback"
KINDS = (State.ACTIVE, State.NOT_ALLOWED, State.DISCONNECTED)  # captured, later, and not
GIVEN = UserTokens(REFRESH_TOKEN, None, USER_TOKEN, NOW + timedelta(hours=1))


class Invocation(FakeContext):
    """One of several, each with a name of its own."""

    def __init__(self) -> None:
        self.aws_request_id = f"request-{next(_number)}"


_number = count(1)


def connect(**changes: Any) -> Row:
    event = {"code": CODE, "redirect_uri": REDIRECT, "state": "made-up"} | changes
    return invoke("connect", event, Invocation())


def accounts() -> list[Account]:
    return access.accounts_table().all()[0]


@pytest.fixture
def newcomer(spotify: FakeSpotify) -> FakeSpotify:
    spotify.user = {"id": "mateo", "display_name": "Mateo"}
    return spotify


def test_a_new_listener_gets_an_account(newcomer: FakeSpotify) -> None:
    result = connect()

    ident = result["account"]
    assert result == {
        "status": "connected",
        "account": ident,
        "name": "Mateo",
        "requests": {"api/token": 1, "me": 1},
        "counts": {"requests": 2},
    }
    assert NAME.fullmatch(ident)
    assert access.accounts_table().get(ident) == Account(
        ident, "mateo", "Mateo", State.ACTIVE, since=NOW, consented_at=NOW
    )
    assert secrets.user_tokens(PREFIX, ident) == GIVEN
    assert len(accounts()) == 2


def test_accounts_are_told_apart_by_listener(newcomer: FakeSpotify) -> None:
    first = connect()["account"]
    newcomer.user = {"id": "aiko", "display_name": "Aiko"}
    second = connect()["account"]

    assert first != second
    assert {one.spotify_id for one in accounts()} == {"solveig", "mateo", "aiko"}


def test_a_listener_without_a_name_goes_by_their_id(newcomer: FakeSpotify) -> None:
    newcomer.user = {"id": "mateo", "display_name": None}

    assert connect()["name"] == "mateo"


@pytest.mark.parametrize("state", list(State))
def test_a_known_listener_is_captured_again(state: State, spotify: FakeSpotify) -> None:
    (before,) = accounts()
    ended = replace(before, state=state, rejected_by="run-1", rejected_at=NOW, last_capture_at=NOW)
    assert access.accounts_table().replace(before, ended)

    result = connect()

    assert (result["status"], result["account"]) == ("connected", ACCOUNT)
    assert accounts() == [
        replace(before, since=NOW, consented_at=NOW, last_capture_at=NOW, state=State.ACTIVE)
    ]
    assert secrets.user_tokens(PREFIX, ACCOUNT) == GIVEN


def test_data_that_was_kept_gets_its_account_back(newcomer: FakeSpotify) -> None:
    assert connect(account="a12345678901")["account"] == "a12345678901"
    assert connect(account="b12345678901")["account"] == "a12345678901"


def test_another_listeners_account_is_not_taken(newcomer: FakeSpotify) -> None:
    connect(account="a12345678901")
    newcomer.user = {"id": "aiko", "display_name": "Aiko"}

    result = connect(account="a12345678901")

    assert result["status"] == "failed"
    assert result["error"] == (
        "The account a12345678901 is another listener's; connect without naming it."
    )
    owner = access.accounts_table().get("a12345678901")
    assert owner is not None
    assert owner.spotify_id == "mateo"


def test_an_imported_account_is_given_its_consent(newcomer: FakeSpotify) -> None:
    ident = access.accounts_table().new_imported(NOW - timedelta(days=9)).account

    result = connect(account=ident)

    assert (result["status"], result["account"], result["name"]) == ("connected", ident, "Mateo")
    assert access.accounts_table().get(ident) == connected(ident, "mateo", "Mateo", NOW)
    assert secrets.user_tokens(PREFIX, ident) == GIVEN
    assert connect(account=ident)["account"] == ident
    assert connect()["account"] == ident
    assert len(accounts()) == 2


def test_a_consent_that_names_no_imported_account_makes_one_of_its_own(
    newcomer: FakeSpotify,
) -> None:
    imported = access.accounts_table().new_imported(NOW)

    ident = connect()["account"]

    assert ident != imported.account
    assert access.accounts_table().get(imported.account) == imported


@pytest.mark.parametrize("claim_alone", [False, True])
def test_a_listener_with_an_account_is_told_where_to_import_their_history(
    claim_alone: bool, spotify: FakeSpotify, tables: Any
) -> None:
    imported = access.accounts_table().new_imported(NOW)
    before = secrets.user_tokens(PREFIX, ACCOUNT)
    if claim_alone:
        tables.delete_item(TableName=access.accounts_table().name, Key={"account": {"S": ACCOUNT}})

    result = connect(account=imported.account)

    assert result["status"] == "failed"
    assert result["error"] == (
        f"This listener has the account {ACCOUNT} already: import the history once more with "
        f"--account {ACCOUNT}, and leave nothing of {imported.account} with ./soundlake disconnect "
        f"{imported.account} --delete-data."
    )
    assert access.accounts_table().get(imported.account) == imported
    assert secrets.user_tokens(PREFIX, ACCOUNT) == before


def test_the_time_zone_outlasts_a_new_consent(spotify: FakeSpotify) -> None:
    (before,) = accounts()
    assert access.accounts_table().replace(before, replace(before, time_zone="Europe/Oslo"))

    assert connect()["status"] == "connected"

    assert [one.time_zone for one in accounts()] == ["Europe/Oslo"]


def test_a_refresh_that_runs_now_cannot_overwrite_the_new_tokens(spotify: FakeSpotify) -> None:
    table = access.accounts_table()
    assert table.lease(ACCOUNT, "run-1", NOW)

    assert connect()["status"] == "connected"

    assert not table.renew(ACCOUNT, "run-1", NOW)
    assert table.lease(ACCOUNT, "run-2", NOW)


def test_a_change_at_the_same_time_is_made_up_for(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, late = secrets.keep_user_tokens, iter([State.NEEDS_CONSENT])

    def changed(*given: Any) -> None:
        for state in late:
            (before,) = accounts()
            access.accounts_table().replace(before, replace(before, state=state))
        keep(*given)

    monkeypatch.setattr(secrets, "keep_user_tokens", changed)

    assert connect()["status"] == "connected"
    assert [one.state for one in accounts()] == [State.ACTIVE]


def test_changes_without_end_are_told(
    spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = secrets.keep_user_tokens

    def late(*given: Any) -> None:
        (before,) = accounts()
        access.accounts_table().replace(before, replace(before, state=State.DISCONNECTED))
        keep(*given)

    monkeypatch.setattr(secrets, "keep_user_tokens", late)

    result = connect()

    assert result["status"] == "failed"
    assert "was changed by somebody else at the same time; connect again" in result["error"]


@pytest.mark.parametrize("given", [None, "b12345678901"])
def test_an_account_whose_item_was_deleted_by_hand_comes_back(
    given: str | None, newcomer: FakeSpotify, tables: Any
) -> None:
    connect(account="a12345678901")
    name = access.accounts_table().name
    tables.delete_item(TableName=name, Key={"account": {"S": "a12345678901"}})

    result = connect(account=given)

    assert (result["status"], result["account"]) == ("connected", "a12345678901")


# Others' damage.


def damage(tables: Any, account: str, **texts: str) -> None:
    item = {"account": account, "state": "asleep", **texts}
    tables.put_item(
        TableName=access.accounts_table().name,
        Item={name: {"S": text} for name, text in item.items()},
    )


def test_a_strangers_damaged_item_stops_nobody(newcomer: FakeSpotify, tables: Any) -> None:
    damage(tables, "a12345678901", spotify_id="aiko")
    damage(tables, "b12345678901")

    assert connect()["status"] == "connected"
    assert {one.spotify_id for one in accounts()} == {"solveig", "mateo"}


def test_a_listener_whose_item_is_damaged_gets_no_second_account(
    newcomer: FakeSpotify, tables: Any
) -> None:
    damage(tables, "a12345678901", spotify_id="mateo")

    result = connect()

    assert result["status"] == "failed"
    assert result["error"].startswith("The item of the account a12345678901 cannot be read")
    assert [one.spotify_id for one in accounts()] == ["solveig"]


# Killed, doubled, and crossed by an end of the account: at every request to AWS.


def given_state(listener: str, state: State | None) -> None:
    """Another listener, with an account in this state, or with none."""
    if state is not None:
        account = Account(f"k{listener:0>11}", listener, "Mateo", state, NOW, NOW)
        assert access.accounts_table().create(account)
        if state is not State.DISCONNECTED:
            secrets.keep_user_tokens(PREFIX, account.account, UserTokens("an-old-token"))


def forget(listener: str) -> None:
    """Leave nothing of a trial, so that the next one has as little to read."""
    for one in check_one(listener):
        access.accounts_table().delete(one.account)
        if one.account in tokens():
            name = secrets.token_parameter(PREFIX, one.account)
            secrets._ssm().delete_parameter(Name=name)


def tokens() -> set[str]:
    """The accounts that tokens are stored of."""
    pages = secrets._ssm().get_paginator("get_parameters_by_path")
    found = pages.paginate(Path=f"{PREFIX}/accounts", Recursive=True)
    return {one["Name"].split("/")[-2] for page in found for one in page["Parameters"]}


def check(listener: str) -> Account | None:
    """What must hold in every moment; the listener's account."""
    everybody = {one.account: one for one in accounts()}
    for one in everybody.values():
        assert one.state is not State.ACTIVE or one.account in tokens()
    assert tokens() <= everybody.keys()
    return next(iter(check_one(listener)), None)


def check_one(listener: str) -> list[Account]:
    found = [one for one in accounts() if one.spotify_id == listener]
    assert len(found) <= 1
    return found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("state", [None, *KINDS])
def test_killed_anywhere_it_leaves_no_token_alone_and_the_next_consent_takes_over(
    state: State | None, when: When, spotify: FakeSpotify
) -> None:
    seen = []
    for number in count(1):
        listener = f"{number}"
        spotify.user = {"id": listener, "display_name": "Mateo"}
        given_state(listener, state)

        with interrupted(number, when) as kill:
            connect()

        left = check(listener)
        assert connect()["status"] == "connected"
        after = check(listener)
        assert after is not None
        assert after.state is State.ACTIVE
        assert left is None or left.account == after.account
        assert secrets.user_tokens(PREFIX, after.account) == GIVEN
        forget(listener)
        if not kill.happened:
            break
        seen.append(kill.happened)
    writes = {"PutParameter", "UpdateItem"} | ({"TransactWriteItems"} if state is None else set())
    assert writes <= set(seen)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_anywhere_an_imported_account_is_its_listeners_with_the_next_consent(
    when: When, spotify: FakeSpotify
) -> None:
    seen = []
    for number in count(1):
        listener = f"{number}"
        spotify.user = {"id": listener, "display_name": "Mateo"}
        ident = access.accounts_table().new_imported(NOW).account

        with interrupted(number, when) as kill:
            connect(account=ident)

        left = check(listener)
        assert left is None or left.account == ident
        assert connect(account=ident)["account"] == ident
        after = check(listener)
        assert after is not None
        assert after.state is State.ACTIVE
        assert secrets.user_tokens(PREFIX, ident) == GIVEN
        forget(listener)
        if not kill.happened:
            break
        seen.append(kill.happened)
    assert {"TransactWriteItems", "PutParameter", "UpdateItem"} <= set(seen)


@pytest.mark.parametrize("first_name", [None, "a12345678901"])
@pytest.mark.parametrize("state", [None, *KINDS])
def test_two_consents_at_once_make_one_account(
    state: State | None, first_name: str | None, spotify: FakeSpotify
) -> None:
    """The second comes whole before each request of the first."""
    for number in count(1):
        listener = f"{number}"
        spotify.user = {"id": listener, "display_name": "Mateo"}
        given_state(listener, state)
        second: list[Row] = []
        name = first_name and f"a{number:011}"

        def connect_too(second: list[Row] = second) -> None:
            second.append(connect())

        with interrupted(number, "before", connect_too) as other:
            first = connect(account=name)

        if not other.happened:
            assert number > 6
            break
        assert [first["status"], second[0]["status"]] == ["connected", "connected"]
        assert first["account"] == second[0]["account"]
        after = check(listener)
        assert after is not None
        assert after.state is State.ACTIVE
        forget(listener)


def test_two_consents_at_once_of_which_one_is_killed_make_one_account(
    spotify: FakeSpotify,
) -> None:
    """The second is killed at each of its requests, before each of the first's."""
    seen = 0
    for number in count(1):
        for inner in count(1):
            listener = f"{number}-{inner}"
            spotify.user = {"id": listener, "display_name": "Mateo"}
            kills = []

            def second(inner: int = inner, kills: list[str] = kills) -> None:
                with interrupted(inner, "before") as kill:
                    connect()
                kills.append(kill.happened)

            with interrupted(number, "before", second) as other:
                first = connect()

            if not other.happened:
                assert seen > 30
                return
            after = check(listener)
            assert after is not None
            assert (first["status"], first["account"]) == ("connected", after.account)
            assert after.state is State.ACTIVE
            forget(listener)
            if not kills[0]:
                break
            seen += 1


@pytest.fixture
def target(spotify: FakeSpotify) -> Target:
    """The stack as the command line has it."""
    uploads = "soundlake-test-uploads"
    objects.s3_client().create_bucket(
        Bucket=uploads, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    stack = Target(boto3.Session("testing", "testing", region_name=REGION), "soundlake-test")
    stack.__dict__["outputs"] = {
        "AccountsTable": access.accounts_table().name,
        "DataBucket": BUCKET,
        "UploadsBucket": uploads,
        "ParameterPrefix": PREFIX,
    }
    return stack


@pytest.mark.parametrize("delete_data", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("state", KINDS)
def test_an_end_in_the_midst_of_a_consent_comes_before_it_or_after_it(
    state: State, when: When, delete_data: bool, spotify: FakeSpotify, target: Target
) -> None:
    for number in count(1):
        listener = f"{number}"
        spotify.user = {"id": listener, "display_name": "Mateo"}
        given_state(listener, state)
        name = f"k{number:011}"

        with interrupted(number, when, lambda name=name: end(target, name, delete_data)) as other:
            assert connect()["status"] == "connected"

        ended = check_ended(listener)
        if (number, when) == (1, "before"):
            assert ended is State.ACTIVE
        forget(listener)
        if not other.happened:
            assert number > 6
            break


@pytest.mark.parametrize("delete_data", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("state", KINDS)
def test_a_consent_in_the_midst_of_an_end_comes_before_it_or_after_it(
    state: State, when: When, delete_data: bool, spotify: FakeSpotify, target: Target
) -> None:
    for number in count(1):
        listener = f"{number}"
        spotify.user = {"id": listener, "display_name": "Mateo"}
        given_state(listener, state)

        with interrupted(number, when, connect) as other:
            end(target, f"k{number:011}", delete_data)

        ended = check_ended(listener)
        if (number, when) == (1, "before"):
            assert ended is (None if delete_data else State.DISCONNECTED)
        forget(listener)
        if not other.happened:
            assert number > 4
            break


def end(target: Target, name: str, delete_data: bool) -> None:
    cli_accounts.stop(target, name, NOW)
    if delete_data:
        cli_accounts.erase(target, name)


def check_ended(listener: str) -> State | None:
    """The account is whole, or ended without tokens, or gone: its state, nothing in between."""
    left = check(listener)
    if left is None:
        return None
    assert (left.state, left.account in tokens()) in {
        (State.ACTIVE, True),
        (State.DISCONNECTED, False),
    }
    return left.state


# What fails.


def test_a_code_that_is_not_taken_makes_no_account(spotify: FakeSpotify) -> None:
    before = accounts()

    result = connect(code="a code of long ago")

    assert result["status"] == "failed"
    assert result["error"].endswith("agree again with ./soundlake connect.")
    assert accounts() == before


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("User not registered in the Developer Dashboard", State.NOT_ALLOWED),
        ("Active premium subscription required for the owner of the app", State.NEEDS_PREMIUM),
    ],
)
def test_a_listener_whom_spotify_refuses_is_told_what_to_do(
    message: str, state: State, newcomer: FakeSpotify
) -> None:
    newcomer.reply("/v1/me", 403, message.encode())

    result = connect()

    assert (result["status"], result["error"]) == ("failed", WHAT_TO_DO[state])
    assert len(accounts()) == 1


def test_no_refresh_token_is_no_consent(spotify: FakeSpotify) -> None:
    spotify.reply("/api/token", 200, {"access_token": USER_TOKEN, "expires_in": 3600})

    result = connect()

    assert result["status"] == "failed"
    assert result["error"].startswith("Spotify gave no refresh token")


@pytest.mark.parametrize(("status", "expected"), [(429, "rate_limited"), (503, "unreachable")])
def test_a_spotify_that_is_away_is_told(status: int, expected: str, spotify: FakeSpotify) -> None:
    for _ in range(3):
        spotify.reply("/api/token", status, {})

    assert connect()["status"] == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": None}, "code"),
        ({"redirect_uri": ""}, "redirect_uri"),
        ({"account": "../other"}, "account"),
        ({"account": "a12345678901\n"}, "account"),
        ({"account": "1a2345678901"}, "account"),
    ],
)
def test_a_wrong_event_names_its_field(changes: Row, field: str, spotify: FakeSpotify) -> None:
    result = connect(**changes)

    assert result["status"] == "failed"
    assert re.match(rf"The consent's '{field}' is wrong: .+\.", result["error"])
    assert spotify.asked == []


def test_a_missing_app_is_a_sentence(spotify: FakeSpotify, ssm: Any) -> None:
    ssm.delete_parameter(Name=f"{PREFIX}/spotify/app")

    assert connect()["error"].endswith("write it with ./soundlake app.")


@pytest.mark.parametrize("status", [200, 400, 403, 503])
@pytest.mark.parametrize("path", ["/api/token", "/v1/me"])
def test_nothing_is_given_away(
    path: str,
    status: int,
    newcomer: FakeSpotify,
    tables: Any,
    tell_tales: Callable[[object], list[str]],
) -> None:
    for _ in range(3 if status >= 500 else 1):
        newcomer.reply(path, status, {"access_token": USER_TOKEN, "error": "Words"})
    failed = connect(verifier="very-secret-verifier")
    result = connect()

    items = tables.scan(TableName=access.accounts_table().name)["Items"]
    assert result["status"] == "connected"
    assert tell_tales([failed, result, items]) == []
    assert "very-secret-verifier" not in json.dumps([failed, items])
