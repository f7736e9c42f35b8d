"""Connect: a consent's code becomes tokens in a SecureString, and an account."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from soundlake import access
from soundlake.accounts import ACCOUNT as NAME
from soundlake.accounts import WHAT_TO_DO, Account, State
from soundlake.store import secrets
from soundlake.store.secrets import UserTokens

from tests.unit.helpers import (
    ACCOUNT,
    CODE,
    NOW,
    PREFIX,
    REFRESH_TOKEN,
    USER_TOKEN,
    FakeSpotify,
    Killed,
    Row,
    invoke,
)

REDIRECT = "http://127.0.0.1:4591/callback"
GIVEN = UserTokens(REFRESH_TOKEN, None, USER_TOKEN, NOW + timedelta(hours=1))


def connect(**changes: Any) -> Row:
    event = {"code": CODE, "redirect_uri": REDIRECT, "state": "made-up"} | changes
    return invoke("connect", event)


def accounts() -> list[Account]:
    return access.accounts_table().all()


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


def test_a_refresh_that_runs_now_cannot_overwrite_the_new_tokens(spotify: FakeSpotify) -> None:
    table = access.accounts_table()
    assert table.lease(ACCOUNT, "run-1", NOW)

    assert connect()["status"] == "connected"

    assert not table.renew(ACCOUNT, "run-1", NOW)
    assert table.lease(ACCOUNT, "run-2", NOW)


@pytest.mark.parametrize("known", [True, False])
def test_killed_between_its_writes_no_account_is_without_tokens(
    known: bool, spotify: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not known:
        spotify.user = {"id": "mateo", "display_name": "Mateo"}
    before = accounts()

    def killed(**given: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(tables, "put_item", killed)
        update = tables.update_item
        patched.setattr(
            tables,
            "update_item",
            lambda **given: killed() if "#since" in given["UpdateExpression"] else update(**given),
        )
        with pytest.raises(Killed):
            connect()

    assert accounts() == before
    for one in accounts():
        assert secrets.user_tokens(PREFIX, one.account).refresh_token == REFRESH_TOKEN
    assert connect()["status"] == "connected"


def test_a_change_at_the_same_time_is_told(
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
    connected = connect()

    items = tables.scan(TableName=access.accounts_table().name)["Items"]
    assert connected["status"] == "connected"
    assert tell_tales([failed, connected, items]) == []
    assert "very-secret-verifier" not in json.dumps([failed, items])
