"""SecureStrings: read when needed, written back whole, never shown."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError
from soundlake.spotify.credentials import AppCredentials
from soundlake.spotify.errors import MissingSecretError
from soundlake.store import secrets
from soundlake.store.secrets import UserTokens

from tests.unit.helpers import ACCOUNT, CLIENT_ID, CLIENT_SECRET, NOW, PREFIX, REFRESH_TOKEN

APP = f"{PREFIX}/spotify/app"
TOKEN = f"{PREFIX}/accounts/{ACCOUNT}/token"


def write(ssm: Any, name: str, text: str) -> None:
    ssm.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)


def stored(ssm: Any, name: str) -> dict[str, Any]:
    parameter = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert parameter["Type"] == "SecureString"
    return dict(json.loads(parameter["Value"]))


def test_the_parameters_have_one_name_each() -> None:
    assert secrets.app_parameter(PREFIX) == APP
    assert secrets.token_parameter(PREFIX, ACCOUNT) == TOKEN


def test_the_apps_credentials_are_read(ssm: Any) -> None:
    assert secrets.app_credentials(PREFIX) == AppCredentials(CLIENT_ID, CLIENT_SECRET)


def test_the_apps_credentials_are_kept_in_memory_for_some_minutes(ssm: Any) -> None:
    before = secrets.app_credentials(PREFIX)

    write(ssm, APP, json.dumps({"client_id": "new", "client_secret": "new"}))

    assert secrets.app_credentials(PREFIX) == before


def test_tokens_are_read_afresh(ssm: Any) -> None:
    assert secrets.user_tokens(PREFIX, ACCOUNT) == UserTokens(REFRESH_TOKEN)

    write(ssm, TOKEN, json.dumps({"refresh_token": "rotated by another run"}))

    assert secrets.user_tokens(PREFIX, ACCOUNT) == UserTokens("rotated by another run")


def test_tokens_are_stored_as_they_are_read(ssm: Any) -> None:
    tokens = UserTokens("new", "old", "access", NOW)

    secrets.keep_user_tokens(PREFIX, ACCOUNT, tokens)

    assert stored(ssm, TOKEN) == {
        "refresh_token": "new",
        "previous": "old",
        "access_token": "access",
        "expires_at": "2026-11-21T09:18:00.000Z",
    }
    assert secrets.user_tokens(PREFIX, ACCOUNT) == tokens


def test_what_is_not_there_is_not_stored(ssm: Any) -> None:
    secrets.keep_user_tokens(PREFIX, ACCOUNT, UserTokens("new", "old", "access", NOW))

    secrets.keep_user_tokens(PREFIX, ACCOUNT, UserTokens("newer"))

    assert stored(ssm, TOKEN) == {"refresh_token": "newer"}


def test_an_end_that_cannot_be_read_is_no_end(ssm: Any) -> None:
    for end in ("soon", 7, None):
        write(
            ssm, TOKEN, json.dumps({"refresh_token": "a", "access_token": "b", "expires_at": end})
        )

        assert secrets.user_tokens(PREFIX, ACCOUNT) == UserTokens("a", access_token="b")


def test_tokens_do_not_show_themselves() -> None:
    shown = repr(UserTokens("very-secret", "very-secret", "very-secret", NOW))

    assert "very-secret" not in shown


@pytest.mark.parametrize(
    ("read", "how"),
    [
        (lambda: secrets.app_credentials("/elsewhere"), "./soundlake app"),
        (lambda: secrets.user_tokens(PREFIX, "nobody"), "./soundlake connect"),
    ],
)
def test_a_missing_parameter_says_what_to_do(read: Any, how: str, ssm: Any) -> None:
    with pytest.raises(MissingSecretError) as refused:
        read()

    assert str(refused.value).startswith("There is no SecureString /")
    assert str(refused.value).endswith(f"; write it with {how}.")


@pytest.mark.parametrize(
    "text",
    [
        "very-secret",
        '"very-secret"',
        '["very-secret"]',
        "7",
        "null",
        "{}",
        '{"client_secret": "very-secret"}',
        '{"client_id": "very-secret"',
    ],
)
def test_a_wrong_parameter_says_what_to_do_and_never_its_text(text: str, ssm: Any) -> None:
    write(ssm, APP, text)

    with pytest.raises(MissingSecretError) as refused:
        secrets.app_credentials(PREFIX)

    assert str(refused.value) == (
        f"The SecureString {APP} is not a JSON object with client_id and client_secret; "
        "write it with ./soundlake app."
    )
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("text", ['{"token": "very-secret"}', '{"refresh_token": null}', "{}"])
def test_a_wrong_token_parameter_names_its_field(text: str, ssm: Any) -> None:
    write(ssm, TOKEN, text)

    with pytest.raises(MissingSecretError) as refused:
        secrets.user_tokens(PREFIX, ACCOUNT)

    assert str(refused.value) == (
        f"The SecureString {TOKEN} is not a JSON object with refresh_token; "
        "write it with ./soundlake connect."
    )


def test_a_refusal_is_not_taken_for_a_missing_secret(
    ssm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetParameter")

    def refuse(*_: Any, **__: Any) -> None:
        raise denied

    monkeypatch.setattr(ssm, "get_parameter", refuse)

    with pytest.raises(GetParameterError):
        secrets.app_credentials(PREFIX)
