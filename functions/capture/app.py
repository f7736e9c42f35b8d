"""Capture: one account's page of recently played tracks, kept as it came."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, ValidationError
from soundlake import access
from soundlake.observability import function
from soundlake.settings import settings
from soundlake.spotify.client import Spotify
from soundlake.store import secrets
from soundlake.store.captures import CaptureKey
from soundlake.times import TimeError, format_time, logical_time


class CaptureInput(BaseModel):
    """The capture machine's input; `{}` captures once, now."""

    model_config = ConfigDict(extra="forbid")

    scheduled_time: str | None = None


@function("Capture")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, execution, start_time}` to `{status: captured, raw_key, captured_at, requests}`.

    The key carries the execution's name: tried again, it finds its own answer and asks nothing.
    Otherwise `{status: rate_limited, retry_after}` or `{status: failed, error}`.
    """
    account = settings().account
    spotify: Spotify | None = None
    result: dict[str, Any] = {"account": account, "captured_at": event["start_time"]}
    try:
        given = CaptureInput.model_validate(event["input"])
        at = logical_time(given.scheduled_time, event["start_time"])
        key = CaptureKey(account, at, event["execution"]).text
        result |= {"captured_at": format_time(at), "raw_key": key}
        if access.raw().read(key) is None:
            spotify = access.spotify()
            access.raw().write(key, spotify.recently_played(_access_token(spotify, account)))
        result["status"] = "captured"
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "input"
        text = f"The input's {field!r} is wrong ({first['msg']}); it may hold scheduled_time only."
        result |= {"status": "failed", "error": text}
    except TimeError as error:
        result |= {"status": "failed", "error": str(error)}
    except access.FORESEEN as error:
        result |= access.failure(error)
    requests = dict(spotify.requests) if spotify else {}
    return result | {"requests": requests, "counts": {"requests": sum(requests.values())}}


def _access_token(spotify: Spotify, account: str) -> str:
    """A user's access token; a rotated refresh token is stored before the new one is used."""
    prefix = settings().parameter_prefix
    token = spotify.user_token(secrets.refresh_token(prefix, account))
    if token.refresh_token is not None:
        secrets.keep_refresh_token(prefix, account, token.refresh_token)
    return token.access_token
