"""Tokens: who gets one, how long it lives, and what a refresh token does."""

import base64
from collections.abc import Callable

import pytest
import requests

from local.spotify.settings import CLIENT_ID, CLIENT_SECRET
from local.spotify.world import World
from tests.local.helpers import Api, Seconds

Serve = Callable[..., Api]
ME = "madeup-solveig"


def test_client_credentials(made: Api) -> None:
    answer = made.post_token(grant_type="client_credentials")

    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("access_token")
    assert body == {"token_type": "Bearer", "expires_in": 3600}
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_client_may_come_in_the_body(made: Api) -> None:
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    answer = requests.post(
        f"{made.url}/api/token", data={**form, "grant_type": "client_credentials"}, timeout=5
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic /w==",
        "Basic " + base64.b64encode(f"{CLIENT_ID}:wrong".encode()).decode(),
        "Basic " + base64.b64encode(f"other:{CLIENT_SECRET}".encode()).decode(),
        "Basic " + base64.b64encode(CLIENT_ID.encode()).decode(),
    ],
)
def test_a_wrong_client(made: Api, header: str | None) -> None:
    answer = requests.post(
        f"{made.url}/api/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": header} if header else {},
        timeout=5,
    )
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_client", "error_description": "Invalid client"}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "stolen"}, "invalid_grant"),
    ],
)
def test_bad_grants(made: Api, form: dict[str, str], error: str) -> None:
    answer = made.post_token(**form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


def test_settings_name_the_client(serve: Serve, made_world: World) -> None:
    api = serve(made_world, client_id="a", client_secret="b:c")
    grant = {"grant_type": "client_credentials"}
    assert api.post_token(("a", "b:c"), **grant).status_code == 200
    assert api.post_token((CLIENT_ID, CLIENT_SECRET), **grant).status_code == 400


def test_refresh_tokens_are_stable_and_each_their_listeners(made: Api) -> None:
    for listener in made.control.world.listeners:
        form = {"grant_type": "refresh_token", "refresh_token": listener.refresh_token}
        first, second = made.post_token(**form).json(), made.post_token(**form).json()
        assert "refresh_token" not in first
        assert "user-read-recently-played" in first["scope"]
        assert first["access_token"] != second["access_token"]
        for body in (first, second):
            answer = made.get("me", bearer=body["access_token"])
            assert answer.json()["id"] == listener.id


def test_rotating_refresh_tokens(serve: Serve, made_world: World) -> None:
    api = serve(made_world, rotate_refresh_tokens=True)
    old = api.control.describe()["listeners"][0]["refresh_token"]

    body = api.post_token(grant_type="refresh_token", refresh_token=old).json()
    assert body["refresh_token"] != old
    assert api.control.describe()["listeners"][0]["refresh_token"] == body["refresh_token"]

    again = api.post_token(grant_type="refresh_token", refresh_token=old)
    assert [again.status_code, again.json()["error"]] == [400, "invalid_grant"]
    fresh = api.post_token(grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert fresh.status_code == 200


@pytest.mark.parametrize("listener", [None, ME])
def test_access_tokens_live_an_hour(made: Api, seconds: Seconds, listener: str | None) -> None:
    path = f"artists/{next(iter(made.control.world.catalogue.artists))}"
    token = made.token(listener)
    seconds.at += 3599.9
    assert made.get(path, bearer=token).status_code == 200

    seconds.at += 0.1
    answer = made.get(path, bearer=token)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"status": 401, "message": "The access token expired"}}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "No token provided"),
        ("Bearer", "Invalid access token"),
        ("Bearer garbage", "Invalid access token"),
        ("Basic garbage", "Invalid access token"),
    ],
)
@pytest.mark.parametrize("path", ["me", "tracks", "playlists/x", "nothing/here"])
def test_without_a_good_token(made: Api, path: str, header: str | None, message: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = requests.get(f"{made.url}/v1/{path}", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"status": 401, "message": message}}


def test_revoked_consent(made: Api) -> None:
    mine, others = made.token(ME), made.token("madeup-aiko")
    refresh = made.control.tokens.refresh_token(ME) or ""
    assert made.call("POST", "revocations", json={"listener": ME}).status_code == 204

    assert made.get("me", bearer=mine).status_code == 401
    assert made.get("me", bearer=others).status_code == 200
    answer = made.post_token(grant_type="refresh_token", refresh_token=refresh)
    assert [answer.status_code, answer.json()["error"]] == [400, "invalid_grant"]
    assert made.control.describe()["listeners"][0]["refresh_token"] is None

    assert made.call("DELETE", "revocations").status_code == 204
    answer = made.post_token(grant_type="refresh_token", refresh_token=refresh)
    assert answer.status_code == 200

    for wrong in ({"listener": "nobody"}, {"listener": 1}, [], None):
        answer = made.call("POST", "revocations", json=wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]
