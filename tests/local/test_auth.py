"""Tokens: who gets one, how long it lives, and what a refresh token does."""

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import parse_qsl

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


def test_a_rotated_refresh_token_ends_with_the_first_use_of_the_new_one(
    serve: Serve, made_world: World
) -> None:
    api = serve(made_world, rotate_refresh_tokens=True)

    def refresh(token: str) -> requests.Response:
        return api.post_token(grant_type="refresh_token", refresh_token=token)

    old = api.control.describe()["listeners"][0]["refresh_token"]

    new = refresh(old).json()["refresh_token"]
    assert new != old
    assert api.control.describe()["listeners"][0]["refresh_token"] == new

    other = refresh(old).json()["refresh_token"]  # whoever lost the answer asks again
    assert refresh(new).status_code == 200
    again = refresh(old)
    assert [again.status_code, again.json()["error"]] == [400, "invalid_grant"]
    assert refresh(other).status_code == 200


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


#### CONSENT #######################################################################################

REDIRECT = "http://127.0.0.1:4591/callback"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
ASKED = {
    "client_id": CLIENT_ID,
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "user-read-recently-played user-read-private",
    "state": "a state & more",
}
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def authorize(api: Api, **changes: str | None) -> requests.Response:
    query = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return requests.get(f"{api.url}/authorize", params=query, allow_redirects=False, timeout=5)


def returned(answer: requests.Response) -> dict[str, str]:
    """What the browser brings back."""
    assert answer.status_code == 302, answer.text
    address, _, query = answer.headers["Location"].partition("?")
    assert address == REDIRECT
    return dict(parse_qsl(query))


def exchange(api: Api, code: str, **changes: str | None) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **changes}
    return api.post_token(**{name: value for name, value in form.items() if value is not None})


def test_a_listener_agrees_at_once_and_the_code_becomes_tokens(made: Api) -> None:
    back = returned(authorize(made))
    assert set(back) == {"code", "state"}
    assert back["state"] == ASKED["state"]

    body = exchange(made, back["code"]).json()

    assert body["scope"] == ASKED["scope"]
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert made.get("me", bearer=body["access_token"]).json()["id"] == ME
    again = made.post_token(grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert again.json()["scope"] == ASKED["scope"]
    assert made.get("me/player/recently-played", bearer=again.json()["access_token"]).ok


def test_another_listener_can_be_chosen_and_may_refuse(made: Api) -> None:
    code = returned(authorize(made, listener="madeup-aiko"))["code"]
    token = exchange(made, code).json()["access_token"]
    assert made.get("me", bearer=token).json()["id"] == "madeup-aiko"

    denied = returned(authorize(made, deny="1"))
    assert denied == {"error": "access_denied", "state": ASKED["state"]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_id": "other"}, "Invalid client"),
        ({"client_id": None}, "Invalid client"),
        ({"redirect_uri": None}, "Insecure redirect URI"),
        ({"redirect_uri": "http://localhost:4591/callback"}, "Insecure redirect URI"),
        ({"redirect_uri": "http://127.0.0.1/callback"}, "Insecure redirect URI"),
        ({"redirect_uri": "http://127.0.0.1.evil.test:80/"}, "Insecure redirect URI"),
        ({"redirect_uri": "http://127.0.0.1:80@evil.test:80/"}, "Insecure redirect URI"),
        ({"redirect_uri": "http://127.0.0.1:no/callback"}, "Insecure redirect URI"),
        ({"redirect_uri": "ftp://127.0.0.1:21/"}, "Insecure redirect URI"),
        ({"listener": "nobody"}, "no listener 'nobody'"),
    ],
)
def test_an_address_that_cannot_be_trusted_is_not_gone_to(
    made: Api, changes: dict[str, str | None], says: str
) -> None:
    answer = authorize(made, **changes)

    assert answer.status_code == 400
    assert says in answer.text
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"scope": "user-read-everything"}, "invalid_scope"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
    ],
)
def test_a_request_that_makes_no_sense_is_brought_back(
    made: Api, changes: dict[str, str | None], error: str
) -> None:
    assert returned(authorize(made, **changes)) == {"error": error, "state": ASKED["state"]}


def test_without_a_state_none_comes_back(made: Api) -> None:
    assert set(returned(authorize(made, state=None))) == {"code"}


def test_a_code_works_once_and_for_ten_minutes(made: Api, seconds: Seconds) -> None:
    first, second = (returned(authorize(made))["code"] for _ in range(2))
    assert exchange(made, first).status_code == 200
    assert exchange(made, first).json()["error_description"] == "Invalid authorization code"

    seconds.at += 600
    assert exchange(made, second).json()["error_description"] == "Authorization code expired"


@pytest.mark.parametrize(
    ("pkce", "changes", "error", "says"),
    [
        ({}, {"redirect_uri": f"{REDIRECT}/"}, "invalid_grant", "Invalid redirect URI"),
        ({}, {"redirect_uri": None}, "invalid_request", "redirect_uri must be supplied"),
        ({}, {"code": None}, "invalid_request", "code must be supplied"),
        ({}, {"code_verifier": VERIFIER}, "invalid_grant", "code_verifier was incorrect"),
        (PKCE, {}, "invalid_grant", "code_verifier was incorrect"),
        (PKCE, {"code_verifier": "w" * 64}, "invalid_grant", "code_verifier was incorrect"),
    ],
)
def test_a_code_goes_with_what_it_was_asked_with(
    made: Api, pkce: dict[str, str], changes: dict[str, str | None], error: str, says: str
) -> None:
    answer = exchange(made, **{"code": returned(authorize(made, **pkce))["code"], **changes})

    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_description": says}


def test_pkce_needs_no_secret(made: Api) -> None:
    def post(**form: str) -> requests.Response:
        data = {"client_id": CLIENT_ID, **form}
        return requests.post(f"{made.url}/api/token", data=data, timeout=5)

    grant = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    code = returned(authorize(made, **PKCE))["code"]
    body = post(code=code, code_verifier=VERIFIER, **grant).json()
    assert made.get("me", bearer=body["access_token"]).ok
    again = post(grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert again.status_code == 200

    plain = returned(authorize(made))["code"]
    assert post(code=plain, **grant).json()["error"] == "invalid_client"
    assert post(grant_type="client_credentials").json()["error"] == "invalid_client"


@pytest.mark.parametrize("rotates", [False, True])
def test_consent_anew_works_after_it_was_withdrawn(
    serve: Serve, made_world: World, rotates: bool
) -> None:
    api = serve(made_world, rotate_refresh_tokens=rotates)
    assert api.call("POST", "revocations", json={"listener": ME}).status_code == 204

    body = exchange(api, returned(authorize(api))["code"]).json()

    assert api.control.tokens.refresh_token(ME) == body["refresh_token"]
    again = api.post_token(grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert again.status_code == 200
    assert (body["refresh_token"] == made_world.listeners[0].refresh_token) != rotates


@pytest.mark.parametrize(
    ("scope", "path"),
    [("user-read-private", "me/player/recently-played"), ("user-read-recently-played", "me")],
)
def test_a_token_sees_what_its_listener_agreed_to(made: Api, scope: str, path: str) -> None:
    body = exchange(made, returned(authorize(made, scope=scope))["code"]).json()

    answer = made.get(path, bearer=body["access_token"])

    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == "Insufficient client scope"
