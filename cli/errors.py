"""Foreseeable problems, each as one sentence that says what to do."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import click
from botocore import exceptions as boto
from botocore.exceptions import ClientError


class Trouble(click.ClickException):
    """Something a person can mend; its text is the whole message. Exit code 1."""

    exit_code = 1


class Misuse(Trouble):
    """The command was given something it cannot use. Exit code 2."""

    exit_code = 2


def tried(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a part of what is shown, or under `problem` why there is none: the rest stands."""
    try:
        return part()
    except Trouble as error:
        return {"problem": str(error)}


_EXPIRED: Final = "The AWS credentials have expired; sign in again (for example `aws sso login`)."
_WRONG: Final = "AWS does not accept these credentials; check them, or name others with --profile."

_BY_CODE: Final[Mapping[str, str]] = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "InvalidClientTokenId": _WRONG,
    "UnrecognizedClientException": _WRONG,
    "SignatureDoesNotMatch": _WRONG,
    "InvalidSignatureException": _WRONG,
    "AuthFailure": _WRONG,
    "InvalidAccessKeyId": _WRONG,
    "NoSuchBucket": "The data bucket is gone; deploy the stack again.",
    "StateMachineDoesNotExist": "The state machine is gone; deploy the stack again.",
}
_BY_TYPE: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    (
        (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError),
        "There are no usable AWS credentials; run `aws configure` or name a profile with "
        "--profile.",
    ),
    (
        (boto.TokenRetrievalError, boto.UnauthorizedSSOTokenError, boto.SSOTokenLoadError),
        _EXPIRED,
    ),
    ((boto.NoRegionError,), "There is no AWS region; name one with --region."),
)


def sentence(error: Exception) -> str | None:
    """Return what to tell a person about an error of AWS's client; None for other errors."""
    if isinstance(error, ClientError):
        return _of_client_error(error)
    if isinstance(error, boto.ProfileNotFound):
        return f"{str(error).rstrip('.')}; see `aws configure list-profiles`."
    for kinds, text in _BY_TYPE:
        if isinstance(error, kinds):
            return text
    if isinstance(error, boto.EndpointConnectionError | boto.HTTPClientError):
        where = error.kwargs.get("endpoint_url") or "AWS"
        return (
            f"{where} does not answer; check the network, or for the local lake run ./soundlake up."
        )
    if isinstance(error, boto.BotoCoreError):
        return f"AWS's client says: {' '.join(str(error).split()).rstrip('.')}."
    return None


def _of_client_error(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split()) or code
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}:
        return f"These credentials may not do {error.operation_name}: {message.rstrip('.')}."
    return f"{error.operation_name} failed: {message.rstrip('.')} ({code})."
