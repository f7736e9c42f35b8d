"""SecureStrings: read when needed, written back whole, never shown."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError
from soundlake.spotify.client import AppCredentials
from soundlake.spotify.errors import MissingSecretError
from soundlake.store import secrets

from tests.unit.helpers import ACCOUNT, CLIENT_ID, CLIENT_SECRET, PREFIX, REFRESH_TOKEN

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


def test_a_refresh_token_is_read_afresh(ssm: Any) -> None:
    assert secrets.refresh_token(PREFIX, ACCOUNT) == REFRESH_TOKEN

    write(ssm, TOKEN, json.dumps({"refresh_token": "rotated by another run"}))

    assert secrets.refresh_token(PREFIX, ACCOUNT) == "rotated by another run"


def test_a_new_refresh_token_takes_the_old_ones_place_and_the_rest_stays(ssm: Any) -> None:
    write(ssm, TOKEN, json.dumps({"refresh_token": "old", "consented_at": "2026-09-01"}))

    secrets.keep_refresh_token(PREFIX, ACCOUNT, "new")

    assert stored(ssm, TOKEN) == {"refresh_token": "new", "consented_at": "2026-09-01"}
    assert secrets.refresh_token(PREFIX, ACCOUNT) == "new"


def test_a_missing_parameter_says_what_to_do(ssm: Any) -> None:
    for read in (
        lambda: secrets.app_credentials("/elsewhere"),
        lambda: secrets.refresh_token(PREFIX, "nobody"),
        lambda: secrets.keep_refresh_token(PREFIX, "nobody", "new"),
    ):
        with pytest.raises(MissingSecretError) as refused:
            read()

        assert str(refused.value).startswith("There is no SecureString /")
        assert str(refused.value).endswith("; write it with ./soundlake app.")


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


def test_a_wrong_token_parameter_names_its_field(ssm: Any) -> None:
    write(ssm, TOKEN, json.dumps({"token": "very-secret"}))

    with pytest.raises(MissingSecretError) as refused:
        secrets.refresh_token(PREFIX, ACCOUNT)

    assert str(refused.value) == (
        f"The SecureString {TOKEN} is not a JSON object with refresh_token; "
        "write it with ./soundlake app."
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
