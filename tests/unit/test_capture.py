"""Capture: one page of recently played, kept as it came, once an execution."""

import json
import time
from collections.abc import Callable
from gzip import decompress
from typing import Any

import pytest
import requests
from soundlake.store.objects import Bucket

from tests.unit.helpers import (
    ACCOUNT,
    BUCKET,
    NOW,
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
)

START = "2026-11-21T09:17:59.876Z"
PLAYS = "/v1/me/player/recently-played"
KEY = "raw/recently-played/main/month=2026-11/20261121T091759876Z_run-1.json.gz"
TOKEN = f"{PREFIX}/accounts/{ACCOUNT}/token"


def capture(given: Any = None, execution: str = "run-1") -> Row:
    event = {"input": {} if given is None else given, "execution": execution, "start_time": START}
    return invoke("capture", event)


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
    ("given", "captured_at"),
    [
        ({"scheduled_time": "2026-11-21T09:00:00Z"}, "2026-11-21T09:00:00.000Z"),
        ({"scheduled_time": "2026-11-01T00:30:00+01:00"}, "2026-10-31T23:30:00.000Z"),
        ({"scheduled_time": "<aws.scheduler.scheduled-time>"}, START),
        ({"scheduled_time": None}, START),
    ],
)
def test_the_logical_time_is_the_schedules_or_the_starts(
    given: Row, captured_at: str, listener: FakeSpotify
) -> None:
    result = capture(given)

    stamp = captured_at.replace("-", "").replace(":", "").replace(".", "")
    assert result["captured_at"] == captured_at
    assert result["raw_key"].endswith(f"month={captured_at[:7]}/{stamp}_run-1.json.gz")


def test_a_time_in_the_future_is_refused_and_nothing_asked(
    listener: FakeSpotify, zones: Zones
) -> None:
    result = capture({"scheduled_time": "2099-01-01T00:00:00Z"})

    assert result["status"] == "failed"
    assert result["error"].startswith("2099-01-01T00:00:00.000Z lies in the future")
    assert listener.asked == []
    assert zones.keys() == []


def test_requests_add_up_over_the_tries_that_a_rate_limit_makes(listener: FakeSpotify) -> None:
    before = {"api/token": 2, "me/player/recently-played": 1}
    given = {"input": {}, "execution": "run-1", "start_time": START, "requests": before}

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


# Refresh tokens.


def test_a_rotated_refresh_token_is_stored_and_used_by_the_next_run(
    listener: FakeSpotify, ssm: Any
) -> None:
    listener.rotates_to = ROTATED_TOKEN
    capture()
    stored = stored_token(ssm)

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


def test_a_refresh_token_that_spotify_repeats_is_not_written(
    listener: FakeSpotify, ssm: Any
) -> None:
    listener.rotates_to = REFRESH_TOKEN
    before = ssm.get_parameter(Name=TOKEN)["Parameter"]["Version"]

    capture()

    assert ssm.get_parameter(Name=TOKEN)["Parameter"]["Version"] == before


def test_a_refresh_token_that_did_not_rotate_is_not_written(
    listener: FakeSpotify, ssm: Any
) -> None:
    capture()

    assert ssm.get_parameter(Name=TOKEN)["Parameter"]["Version"] == 1
    assert stored_token(ssm) == REFRESH_TOKEN


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
        (401, {"error": {"message": "Expired"}}, f"Spotify refused {PLAYS} with 401: Expired. "),
        (403, {"error": {"message": "No"}}, f"Spotify refused {PLAYS} with 403: No. "),
        (404, {}, f"Spotify answers 404 for {PLAYS}: "),
        (200, b"{", f"{PLAYS}: the answer is not JSON"),
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


@pytest.mark.parametrize(
    ("reason", "start"),
    [
        ("invalid_client", "Spotify does not know this client id and secret;"),
        ("invalid_grant", "Spotify no longer accepts this account's refresh token ("),
    ],
)
def test_refused_credentials_are_a_sentence(reason: str, start: str, listener: FakeSpotify) -> None:
    listener.reply("/api/token", 400, {"error": reason})

    result = capture()

    assert result["status"] == "failed"
    assert result["error"].startswith(start)
    assert result["requests"] == {"api/token": 1}


@pytest.mark.parametrize("name", [f"{PREFIX}/spotify/app", TOKEN])
def test_a_missing_secret_is_a_sentence(name: str, listener: FakeSpotify, ssm: Any) -> None:
    ssm.delete_parameter(Name=name)

    result = capture()

    assert result["status"] == "failed"
    assert result["error"] == (f"There is no SecureString {name}; write it with ./soundlake app.")
    assert listener.asked == []


@pytest.mark.parametrize(
    ("given", "field"),
    [({"time": START}, "time"), ({"scheduled_time": 7}, "scheduled_time"), ([], "input")],
)
def test_a_wrong_input_names_its_field_and_is_an_attempt(
    given: Any, field: str, listener: FakeSpotify
) -> None:
    result = capture(given)

    assert result["status"] == "failed"
    assert result["error"].startswith(f"The input's {field!r} is wrong (")
    assert result["error"].endswith("); it may hold scheduled_time only.")
    assert (result["account"], result["captured_at"]) == (ACCOUNT, START)
    assert listener.asked == []


def test_a_time_without_a_zone_is_refused(listener: FakeSpotify) -> None:
    result = capture({"scheduled_time": "2026-11-21T09:00:00"})

    assert result["status"] == "failed"
    assert result["error"] == (
        "'2026-11-21T09:00:00' has no time zone; write it like 2026-11-21T09:18:00Z (UTC)."
    )
    assert listener.asked == []


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
