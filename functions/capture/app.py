"""Capture: one account's page of recently played tracks, kept as it came."""

from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, ValidationError
from soundlake import access, asking
from soundlake.observability import function
from soundlake.settings import settings
from soundlake.spotify.client import Spotify
from soundlake.store import secrets
from soundlake.store.captures import CaptureKey
from soundlake.times import TimeError, format_time, logical_time, parse_time

CLOCKS_DIFFER = timedelta(minutes=5)  # the scheduler's clock and the state machine's


class CaptureInput(BaseModel):
    """The capture machine's input; `{}` captures once, now."""

    model_config = ConfigDict(extra="forbid")

    scheduled_time: str | None = None


@function("Capture")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, execution, start_time, requests}` to `{status: captured, raw_key, captured_at}`.

    The key carries the execution's name: tried again, it finds its own answer and asks nothing.
    Otherwise `{status: rate_limited or unreachable, retry_after}` or `{status: failed, error}`.
    `requests` adds up over the tries that a rate limit makes of one.
    """
    account = settings().account
    spotify: Spotify | None = None
    result: dict[str, Any] = {"account": account, "captured_at": event["start_time"]}
    try:
        given = CaptureInput.model_validate(event["input"])
        at = _not_future(logical_time(given.scheduled_time, event["start_time"]), event)
        key = CaptureKey(account, at, event["execution"]).text
        result |= {"captured_at": format_time(at), "raw_key": key}
        if access.raw().read(key) is None:
            spotify = asking.spotify()
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
    return result | access.counted(spotify, event.get("requests"))


def _not_future(at: datetime, event: dict[str, Any]) -> datetime:
    if at > parse_time(event["start_time"]) + CLOCKS_DIFFER:
        raise TimeError(f"{format_time(at)} lies in the future; no play can be captured there yet.")
    return at


def _access_token(spotify: Spotify, account: str) -> str:
    """A user's access token; a rotated refresh token is stored before the new one is used."""
    prefix = settings().parameter_prefix
    old = secrets.refresh_token(prefix, account)
    token = spotify.user_token(old)
    if token.refresh_token not in {None, old}:
        secrets.keep_refresh_token(prefix, account, token.refresh_token)
    return token.access_token
