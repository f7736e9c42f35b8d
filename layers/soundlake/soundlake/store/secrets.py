"""SecureStrings: the app's credentials and an account's refresh token.

They are read when needed, kept in this process's memory for a few minutes, and go nowhere else:
not into logs, environment variables, or a state machine's input and history.
"""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.parameters import GetParameterError, SSMProvider
from botocore.exceptions import ClientError

from soundlake.spotify.client import AppCredentials
from soundlake.spotify.errors import MissingSecretError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

MAX_AGE_S = 300


@cache
def _ssm() -> "SSMClient":
    return boto3.client("ssm")


@cache
def _parameters() -> SSMProvider:
    """Powertools' memory of parameters, over this process's client.

    A client of its own would read botocore's description of AWS a second time.
    """
    return SSMProvider(boto3_client=_ssm())


def forget() -> None:
    """Read everything afresh from now on."""
    _parameters().clear_cache()  # type: ignore[no-untyped-call]


def app_parameter(prefix: str) -> str:
    """The name of the parameter that holds the app's client id and secret."""
    return f"{prefix}/spotify/app"


def token_parameter(prefix: str, account: str) -> str:
    """The name of the parameter that holds an account's refresh token."""
    return f"{prefix}/accounts/{account}/token"


def app_credentials(prefix: str) -> AppCredentials:
    """The app's client id and secret. Raises MissingSecretError."""
    value = _read(app_parameter(prefix), ("client_id", "client_secret"), max_age_s=MAX_AGE_S)
    return AppCredentials(str(value["client_id"]), str(value["client_secret"]))


def refresh_token(prefix: str, account: str) -> str:
    """An account's refresh token, read afresh. Raises MissingSecretError."""
    return str(_read(token_parameter(prefix, account), ("refresh_token",))["refresh_token"])


def keep_refresh_token(prefix: str, account: str, token: str) -> None:
    """Store the refresh token that Spotify gave in the place of the old one."""
    name = token_parameter(prefix, account)
    value = _read(name, ("refresh_token",)) | {"refresh_token": token}
    _ssm().put_parameter(Name=name, Value=json.dumps(value), Type="SecureString", Overwrite=True)


def _read(name: str, fields: tuple[str, ...], max_age_s: int = 0) -> dict[str, Any]:
    """A SecureString's JSON object; its text never appears in an error."""
    try:
        text = _parameters().get(name, decrypt=True, max_age=max_age_s)
    except GetParameterError as error:
        cause = error.__cause__ or error.__context__  # Powertools raises without `from`
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
        if code != "ParameterNotFound":
            raise  # a refusal or throttling: nothing that writing the secret again would mend
        raise MissingSecretError(
            f"There is no SecureString {name}; write it with ./soundlake app."
        ) from error
    try:
        value = json.loads(str(text))
        for field in fields:
            value[field]
    except (ValueError, KeyError, TypeError):
        raise MissingSecretError(
            f"The SecureString {name} is not a JSON object with {' and '.join(fields)}; "
            "write it with ./soundlake app."
        ) from None
    return dict(value)
