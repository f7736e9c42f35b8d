"""SecureStrings: the app's credentials and an account's tokens.

They are read when needed and go nowhere else: not into logs, environment variables, a table, or a
state machine's input and history. The app's are kept in this process's memory for a few minutes.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.parameters import GetParameterError, SSMProvider
from botocore.exceptions import ClientError

from soundlake.spotify.credentials import AppCredentials
from soundlake.spotify.errors import MissingSecretError
from soundlake.times import TimeError, format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

MAX_AGE_S = 300


@dataclass(frozen=True, slots=True)
class UserTokens:
    """An account's tokens.

    `previous` is the refresh token before, until the new one has worked; the access token, where
    there is one, ends at `expires_at` (this machine's time, UTC).
    """

    refresh_token: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


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
    """The name of the parameter that holds an account's tokens."""
    return f"{prefix}/accounts/{account}/token"


def app_credentials(prefix: str) -> AppCredentials:
    """The app's client id and secret. Raises MissingSecretError."""
    fields = ("client_id", "client_secret")
    value = _read(app_parameter(prefix), fields, "./soundlake app", max_age_s=MAX_AGE_S)
    return AppCredentials(str(value["client_id"]), str(value["client_secret"]))


def user_tokens(prefix: str, account: str) -> UserTokens:
    """An account's tokens, read afresh. Raises MissingSecretError."""
    name = token_parameter(prefix, account)
    value = _read(name, ("refresh_token",), "./soundlake connect")
    try:
        ends = parse_time(value["expires_at"]) if value.get("expires_at") else None
    except (TimeError, TypeError):
        ends = None
    texts = {
        each: str(value[each])
        for each in ("refresh_token", "previous", "access_token")
        if value.get(each)
    }
    if "refresh_token" not in texts:
        raise _wrong(name, ("refresh_token",), "./soundlake connect")
    return UserTokens(**texts, expires_at=ends)


def keep_user_tokens(prefix: str, account: str, tokens: UserTokens) -> None:
    """Store an account's tokens, all at once, in the place of what was there."""
    value = {
        "refresh_token": tokens.refresh_token,
        "previous": tokens.previous,
        "access_token": tokens.access_token,
        "expires_at": format_time(tokens.expires_at) if tokens.expires_at else None,
    }
    _ssm().put_parameter(
        Name=token_parameter(prefix, account),
        Value=json.dumps({name: each for name, each in value.items() if each is not None}),
        Type="SecureString",
        Overwrite=True,
    )


def _read(name: str, fields: tuple[str, ...], how: str, max_age_s: int = 0) -> dict[str, Any]:
    """A SecureString's JSON object; its text never appears in an error, but `how` to write it."""
    try:
        text = _parameters().get(name, decrypt=True, max_age=max_age_s)
    except GetParameterError as error:
        cause = error.__cause__ or error.__context__  # Powertools raises without `from`
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
        if code != "ParameterNotFound":
            raise  # a refusal or throttling: nothing that writing the secret again would mend
        raise MissingSecretError(
            f"There is no SecureString {name}; write it with {how}."
        ) from error
    try:
        value = json.loads(str(text))
        for field in fields:
            value[field]
    except (ValueError, KeyError, TypeError):
        raise _wrong(name, fields, how) from None
    return dict(value)


def _wrong(name: str, fields: tuple[str, ...], how: str) -> MissingSecretError:
    return MissingSecretError(
        f"The SecureString {name} is not a JSON object with {' and '.join(fields)}; "
        f"write it with {how}."
    )
