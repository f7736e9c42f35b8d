"""Capture: an account's page of recently played, kept as it came, once an execution."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from gzip import decompress
from typing import Any

import pytest
import requests
from soundlake import access, asking, plays
from soundlake.accounts import WHAT_TO_DO, Account, State
from soundlake.store import secrets
from soundlake.store.budget import Budget
from soundlake.store.objects import Bucket, unpack
from soundlake.store.secrets import UserTokens
from soundlake.times import format_time, parse_time

from tests.unit.helpers import (
    ACCOUNT,
    BUCKET,
    CLIENT_ID,
    NOW,
    OWNER,
    PREFIX,
    REFRESH_TOKEN,
    ROTATED_TOKEN,
    USER_TOKEN,
    FakeSpotify,
    Killed,
    Row,
    Zones,
    invoke,
    played,
    recently_played,
    spend_quota,
)

START = "2026-11-21T09:17:59.876Z"
PLAYS = "/v1/me/player/recently-played"
KEY = "raw/recently-played/main/month=2026-11/20261121T091759876Z_run-1.json.gz"
TOKEN = f"{PREFIX}/accounts/{ACCOUNT}/token"


AT = parse_time(START)
HOUR = timedelta(hours=1)


def capture(at: str | datetime = START, execution: str = "run-1", account: str = ACCOUNT) -> Row:
    captured_at = at if isinstance(at, str) else format_time(at)
    event = {"account": account, "captured_at": captured_at, "execution": execution}
    return invoke("capture", event | {"requests": {}})


def mine() -> Account:
    found = access.accounts_table().get(ACCOUNT)
    assert found is not None
    return found


def put(**changes: Any) -> Account:
    """Change the account behind Capture's back."""
    after = replace(mine(), **changes)
    assert access.accounts_table().replace(mine(), after)
    return after


def stored_token(ssm: Any) -> str:
    value = ssm.get_parameter(Name=TOKEN, WithDecryption=True)["Parameter"]["Value"]
    return str(json.loads(value)["refresh_token"])


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(seconds: float) -> None:
        raise AssertionError(f"slept {seconds} s")

    monkeypatch.setattr(time, "sleep", refuse)


@pytest.fixture
def listener(spotify: FakeSpotify) -> FakeSpotify:
    spotify.plays = [played(2, NOW), played(1, NOW)]
    return spotify


def test_a_page_is_kept_as_it_came(listener: FakeSpotify, zones: Zones) -> None:
    result = capture()

    assert result == {
        "status": "captured",
        "account": ACCOUNT,
        "captured_at": START,
        "raw_key": KEY,
        "shown": plays.shown(recently_played(listener.plays)),
        "requests": {"api/token": 1, "me/player/recently-played": 1},
        "counts": {"requests": 2},
    }
    assert json.loads(decompress(zones.body(KEY))) == recently_played(listener.plays)
    assert zones.s3.head_object(Bucket=BUCKET, Key=KEY)["Metadata"] == {
        "at": "2026-11-21T09:18:00.000Z",
        "request": f"{PLAYS}?limit=50",
    }
    assert zones.keys() == [KEY]


@pytest.mark.parametrize(
    ("at", "captured_at"),
    [
        ("2026-11-21T09:00:00Z", "2026-11-21T09:00:00.000Z"),
        ("2026-11-01T00:30:00+01:00", "2026-10-31T23:30:00.000Z"),
    ],
)
def test_the_key_carries_the_rounds_time_in_utc(
    at: str, captured_at: str, listener: FakeSpotify
) -> None:
    result = capture(at)

    stamp = captured_at.replace("-", "").replace(":", "").replace(".", "")
    assert result["captured_at"] == captured_at
    assert result["raw_key"].endswith(f"month={captured_at[:7]}/{stamp}_run-1.json.gz")


def test_requests_add_up_over_the_tries_that_a_rate_limit_makes(listener: FakeSpotify) -> None:
    before = {"api/token": 2, "me/player/recently-played": 1}
    given = {"account": ACCOUNT, "execution": "run-1", "captured_at": START, "requests": before}

    result = invoke("capture", given)

    assert result["requests"] == {"api/token": 3, "me/player/recently-played": 2}
    assert result["counts"] == {"requests": 2}


def test_tried_again_an_execution_finds_its_own_answer_and_asks_nothing(
    listener: FakeSpotify, zones: Zones
) -> None:
    first = capture()
    asked, versions = list(listener.asked), zones.versions()

    again = capture()

    assert again == first | {"requests": {}, "counts": {"requests": 0}}
    assert listener.asked == asked
    assert zones.versions() == versions


def test_another_execution_at_the_same_time_keeps_its_own_answer(
    listener: FakeSpotify, zones: Zones
) -> None:
    keys = [capture(execution=name)["raw_key"] for name in ("run-1", "run-2")]

    assert zones.keys() == keys


def test_killed_before_its_write_it_asks_again(
    listener: FakeSpotify, zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any, **options: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "put", killed)
        with pytest.raises(Killed):
            capture()

    assert zones.keys() == []
    assert capture()["status"] == "captured"


def test_an_empty_page_is_captured(spotify: FakeSpotify, zones: Zones) -> None:
    assert capture()["status"] == "captured"
    assert json.loads(decompress(zones.body(KEY)))["items"] == []


# Tokens.


def test_a_token_is_kept_for_the_next_run(listener: FakeSpotify, ssm: Any) -> None:
    capture()
    result = capture(execution="run-2")

    assert result["requests"] == {"me/player/recently-played": 1}
    assert secrets.user_tokens(PREFIX, ACCOUNT).access_token == USER_TOKEN


def test_a_rotated_refresh_token_is_stored_and_used_when_the_token_ends(
    listener: FakeSpotify, ssm: Any
) -> None:
    listener.rotates_to = ROTATED_TOKEN
    capture()
    stored = stored_token(ssm)
    listener.pass_time(hours=1)

    capture(execution="run-2")

    sent = [str(request.body) for request in listener.requests if request.method == "POST"]
    assert stored == ROTATED_TOKEN
    assert sent == [
        f"grant_type=refresh_token&refresh_token={token}"
        for token in (REFRESH_TOKEN, ROTATED_TOKEN)
    ]


@pytest.mark.parametrize("status", [429, 500, 403])
def test_a_rotated_refresh_token_is_stored_whatever_comes_after(
    status: int, listener: FakeSpotify, ssm: Any
) -> None:
    listener.rotates_to = ROTATED_TOKEN
    for _ in range(3):
        listener.reply(PLAYS, status, {})

    result = capture()

    assert result["status"] != "captured"
    assert stored_token(ssm) == ROTATED_TOKEN


def test_a_token_that_spotify_no_longer_takes_is_refreshed_once(listener: FakeSpotify) -> None:
    old = UserTokens(REFRESH_TOKEN, None, "an old access token", NOW + HOUR)
    secrets.keep_user_tokens(PREFIX, ACCOUNT, old)

    result = capture()

    assert result["status"] == "captured"
    assert result["requests"] == {"api/token": 1, "me/player/recently-played": 2}


def test_a_new_token_that_is_not_taken_either_is_a_failure(listener: FakeSpotify) -> None:
    for _ in range(2):
        listener.reply(PLAYS, 401, {"error": {"message": "Expired"}})

    result = capture()

    assert result["status"] == "failed"
    assert result["error"].startswith(f"Spotify refused {PLAYS} with 401: Expired. ")
    assert result["requests"] == {"api/token": 2, "me/player/recently-played": 2}


def test_while_another_run_refreshes_it_is_busy(listener: FakeSpotify, zones: Zones) -> None:
    assert access.accounts_table().lease(ACCOUNT, "run-2", NOW)

    result = capture()

    assert (result["status"], result["retry_after"]) == ("busy", 2)
    assert ACCOUNT in result["error"]
    assert (listener.asked, zones.keys()) == ([], [])
    access.accounts_table().release(ACCOUNT, "run-2")
    assert capture()["status"] == "captured"


# The account's state.


def test_a_capture_is_noted(listener: FakeSpotify) -> None:
    before = mine()

    capture()

    assert mine() == replace(before, last_capture_at=AT)


def test_killed_before_it_noted_its_capture_it_notes_it_when_tried_again(
    listener: FakeSpotify, tables: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(rejected_at=AT - HOUR, rejected_by="run-0")
    update = tables.update_item

    def killed(**given: Any) -> Any:
        if "#last_capture_at" in given["UpdateExpression"]:
            raise Killed
        return update(**given)

    with monkeypatch.context() as patched:
        patched.setattr(tables, "update_item", killed)
        with pytest.raises(Killed):
            capture()

    assert capture()["requests"] == {}
    assert (mine().last_capture_at, mine().rejected_by) == (AT, None)


def refuse(listener: FakeSpotify, word: str) -> None:
    listener.reply("/api/token", 400, {"error": word})


def test_a_first_invalid_grant_is_a_failure_and_not_believed(listener: FakeSpotify) -> None:
    refuse(listener, "invalid_grant")

    result = capture()

    assert result["status"] == "failed"
    assert result["error"] == (
        "Spotify refused this account's consent, which it also does in passing; the next run will "
        "tell."
    )
    assert (mine().state, mine().rejected_at, mine().rejected_by) == (State.ACTIVE, AT, "run-1")
    assert capture(AT + HOUR, "run-2")["status"] == "captured"
    assert mine().rejected_by is None


def test_the_same_run_does_not_confirm_it(listener: FakeSpotify) -> None:
    for _ in range(2):
        refuse(listener, "invalid_grant")

        assert capture()["status"] == "failed"

    assert mine().state is State.ACTIVE


def test_a_later_run_confirms_it_and_capture_waits_for_the_user(listener: FakeSpotify) -> None:
    refuse(listener, "invalid_grant")
    refuse(listener, "invalid_grant")
    capture()

    result = capture(AT + HOUR, "run-2")
    asked = list(listener.asked)
    later = capture(AT + 2 * HOUR, "run-3")

    assert (result["status"], result["state"]) == ("waiting", "needs_consent")
    assert result["error"] == WHAT_TO_DO[State.NEEDS_CONSENT]
    assert (mine().state, mine().since) == (State.NEEDS_CONSENT, AT + HOUR)
    assert (later["status"], later["state"]) == ("waiting", "needs_consent")
    assert listener.asked == asked


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("User not registered in the Developer Dashboard", State.NOT_ALLOWED),
        ("Active premium subscription required for the owner of the app.", State.NEEDS_PREMIUM),
    ],
)
def test_a_403_that_the_user_must_mend_is_tried_again_six_hours_later(
    message: str, state: State, listener: FakeSpotify
) -> None:
    listener.reply(PLAYS, 403, {"error": {"status": 403, "message": message}})

    result = capture()
    asked = list(listener.asked)
    soon = capture(AT + 5 * HOUR, "run-2")
    unasked = list(listener.asked)
    late = capture(AT + 6 * HOUR, "run-3")

    assert (result["status"], result["state"], result["error"]) == (
        "waiting",
        state,
        WHAT_TO_DO[state],
    )
    assert (soon["status"], soon["state"], soon["requests"]) == ("waiting", state, {})
    assert unasked == asked
    assert late["status"] == "captured"
    assert (mine().state, mine().since) == (State.ACTIVE, AT + 6 * HOUR)


def test_an_unknown_client_is_the_apps_and_not_the_listeners(listener: FakeSpotify) -> None:
    refuse(listener, "invalid_client")

    result = capture()

    assert (result["status"], result["state"]) == ("waiting", "wrong_app")
    assert (mine().state, mine().retry_at) == (State.WRONG_APP, AT + 6 * HOUR)


def test_an_account_that_was_disconnected_meanwhile_stays_so(listener: FakeSpotify) -> None:
    put(rejected_at=AT - HOUR, rejected_by="run-0")

    def disconnect(request: requests.PreparedRequest) -> Any:
        put(state=State.DISCONNECTED, since=AT)
        return usual(request)

    usual = listener._token
    listener._token = disconnect  # type: ignore[method-assign]

    assert capture()["status"] == "captured"
    assert mine().state is State.DISCONNECTED


def test_a_consent_that_was_given_anew_meanwhile_stands(listener: FakeSpotify) -> None:
    put(rejected_at=AT - HOUR, rejected_by="run-0")

    def consent(request: requests.PreparedRequest) -> Any:
        put(consented_at=AT, since=AT, rejected_at=None, rejected_by=None)
        return 400, {"error": "invalid_grant"}

    listener._token = consent  # type: ignore[method-assign]

    assert capture()["status"] == "failed"
    assert (mine().state, mine().rejected_by) == (State.ACTIVE, None)


def test_an_unknown_account_is_a_sentence(listener: FakeSpotify) -> None:
    result = capture(account="nobody")

    assert result["status"] == "failed"
    assert result["error"] == (
        "There is no account nobody; ./soundlake accounts lists those there are."
    )
    assert listener.asked == []


def test_a_long_wait_is_kept_to_by_the_next_run_of_any_account(listener: FakeSpotify) -> None:
    listener.reply(PLAYS, 429, {}, {"Retry-After": "7200"})
    result = capture()
    asked = list(listener.asked)
    asking._client.cache_clear()  # another process
    listener.pass_time(hours=1)

    again = capture(execution="run-2")

    assert (result["status"], result["retry_after"]) == ("rate_limited", 7200)
    assert (again["status"], again["retry_after"]) == ("rate_limited", 3600)
    assert listener.asked == asked
    until = asking.budgets().blocked_until(Budget(CLIENT_ID, OWNER), NOW)
    assert until == NOW + 2 * HOUR


# What fails.


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "41"}, 41), ({}, 30)])
@pytest.mark.parametrize("path", ["/api/token", PLAYS])
def test_a_rate_limit_is_returned_and_not_slept(
    path: str, header: dict[str, str], seconds: int, listener: FakeSpotify, zones: Zones
) -> None:
    listener.reply(path, 429, {}, header)

    result = capture()

    assert (result["status"], result["retry_after"]) == ("rate_limited", seconds)
    assert (result["account"], result["captured_at"]) == (ACCOUNT, START)
    assert zones.keys() == []


@pytest.mark.parametrize(
    ("status", "body", "start"),
    [
        (403, {"error": {"message": "No"}}, f"Spotify refused {PLAYS} with 403: No. "),
        (404, {}, f"Spotify answers 404 for {PLAYS}: "),
    ],
)
def test_a_refusal_is_a_sentence_and_nothing_is_kept(
    status: int, body: Any, start: str, listener: FakeSpotify, zones: Zones
) -> None:
    listener.reply(PLAYS, status, body)

    result = capture()

    assert result["status"] == "failed"
    assert result["error"].startswith(start)
    assert result["requests"]["me/player/recently-played"] == 1
    assert zones.keys() == []


def test_a_broken_connection_is_a_sentence(listener: FakeSpotify) -> None:
    listener.reply(PLAYS, error=requests.ConnectionError("refused"))

    result = capture()

    assert (result["status"], result["retry_after"]) == ("unreachable", 60)
    assert result["error"].startswith(
        "Spotify could not be reached at api.spotify.test for me/player/recently-played "
    )


@pytest.mark.parametrize("path", ["/api/token", PLAYS])
def test_a_lasting_server_error_is_an_unreachable_spotify(
    path: str, listener: FakeSpotify, zones: Zones
) -> None:
    for _ in range(3):
        listener.reply(path, 503, {})

    result = capture()

    assert (result["status"], result["retry_after"]) == ("unreachable", 60)
    assert result["error"] == f"Spotify answered 503 for {path}: no reason given."
    assert zones.keys() == []
    assert capture()["status"] == "captured"


@pytest.mark.parametrize(("name", "how"), [(f"{PREFIX}/spotify/app", "app"), (TOKEN, "connect")])
def test_a_missing_secret_is_a_sentence(
    name: str, how: str, listener: FakeSpotify, ssm: Any
) -> None:
    ssm.delete_parameter(Name=name)

    result = capture()

    assert result["status"] == "failed"
    assert result["error"] == (f"There is no SecureString {name}; write it with ./soundlake {how}.")
    assert listener.asked == []
    assert mine().state is State.ACTIVE


@pytest.mark.parametrize("body", [b"", b"<html>Sorry</html>", b'{"items": ['])
def test_an_answer_that_is_no_json_is_kept_as_it_came_and_asked_for_once(
    body: bytes, listener: FakeSpotify, zones: Zones
) -> None:
    before = mine()
    listener.reply(PLAYS, 200, body)

    first = capture()
    again = capture()

    assert (first["status"], again["status"]) == ("captured", "captured")
    assert unpack(zones.body(KEY), KEY) == body
    assert listener.asked.count(f"GET {PLAYS}") == 1
    assert mine() == before


def test_an_error_in_a_pages_place_is_kept_and_the_account_not_called_captured(
    listener: FakeSpotify, zones: Zones
) -> None:
    before = mine()
    listener.reply(PLAYS, 200, {"error": {"status": 500, "message": "Server error"}})

    assert capture()["status"] == "captured"
    assert b"Server error" in unpack(zones.body(KEY), KEY)
    assert mine() == before


def test_its_own_damaged_answer_is_named_and_not_overwritten(
    listener: FakeSpotify, zones: Zones
) -> None:
    capture()
    damaged = zones.damage(KEY)

    result = capture()

    assert result["status"] == "failed"
    assert result["error"] == f"{KEY} is not a whole gzip object."
    assert zones.body(KEY) == damaged


def test_success_gives_nothing_away(
    listener: FakeSpotify, tell_tales: Callable[[object], list[str]]
) -> None:
    listener.rotates_to = ROTATED_TOKEN

    result = capture()

    assert result["status"] == "captured"
    assert tell_tales(result) == []


@pytest.mark.parametrize("path", ["/api/token", PLAYS])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 503])
def test_a_failure_gives_nothing_away(
    path: str,
    status: int,
    listener: FakeSpotify,
    tell_tales: Callable[[object], list[str]],
) -> None:
    listener.rotates_to = ROTATED_TOKEN
    for _ in range(3):
        listener.reply(path, status, {"access_token": USER_TOKEN, "error": "Words"})

    assert tell_tales(capture()) == []


def test_a_crash_gives_nothing_away_either(
    listener: FakeSpotify,
    monkeypatch: pytest.MonkeyPatch,
    tell_tales: Callable[[object], list[str]],
) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise LookupError("unforeseen")

    monkeypatch.setattr(Bucket, "put", broken)
    with pytest.raises(LookupError):
        capture()

    assert tell_tales(None) == []


def test_captures_are_never_held_by_what_is_left_to_them(spotify: FakeSpotify) -> None:
    spend_quota(100)

    assert capture()["status"] == "captured"
