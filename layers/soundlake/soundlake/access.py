"""Wiring: this process's Spotify client and zones, from its settings and SecureStrings."""

from collections import Counter
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities import parameters

from soundlake.charts import ChartListError
from soundlake.settings import settings
from soundlake.spotify.client import (
    AppCredentials,
    CredentialsError,
    RateLimitedError,
    Spotify,
    SpotifyError,
    UnavailableError,
)
from soundlake.spotify.models import BadAnswerError
from soundlake.store import secrets
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.store.staging import Staging

CHART_LIST = "config/charts.csv"
# What may go wrong in a foreseeable way: a sentence for the run's record, not a crash.
FORESEEN = (SpotifyError, BadAnswerError, secrets.MissingSecretError, CorruptObjectError)


@cache
def bucket() -> Bucket:
    """The data bucket."""
    return Bucket(settings().data_bucket)


def chart_list() -> str | None:
    """The chart list's text, or None where there is none yet. Raises ChartListError."""
    stored = bucket().get(CHART_LIST)
    try:
        return stored.body.decode("utf-8") if stored else None
    except UnicodeDecodeError as error:
        raise ChartListError(
            "The chart list is not UTF-8 text; save it as CSV in UTF-8."
        ) from error


def raw() -> Raw:
    """The raw zone."""
    return Raw(bucket())


def staging() -> Staging:
    """The staging zone."""
    return Staging(bucket())


@cache
def _spotify(credentials: AppCredentials) -> Spotify:
    return Spotify(
        credentials,
        api_url=settings().spotify_api_url,
        accounts_url=settings().spotify_accounts_url,
    )


def spotify() -> Spotify:
    """Spotify with the app's present credentials, its request count at zero.

    Raises MissingSecretError.
    """
    client = _spotify(secrets.app_credentials(settings().parameter_prefix))
    client.requests.clear()
    return client


def counted(client: Spotify | None, before: dict[str, int] | None = None) -> dict[str, Any]:
    """A function's `requests` by endpoint, with those of its tries `before`, and its `counts`."""
    sent = client.requests if client else Counter[str]()
    return {
        "requests": dict(Counter(before or {}) + sent),
        "counts": {"requests": sent.total()},
    }


def failure(error: Exception) -> dict[str, Any]:
    """A foreseen error as a function's result, for a state machine to branch on.

    `status` is `rate_limited` or `unreachable`, both with `retry_after` (s), or `failed`; `error`
    is one sentence.
    """
    if isinstance(error, CredentialsError):
        parameters.clear_caches()  # type: ignore[no-untyped-call] # the next invocation reads what was written meanwhile
        _spotify.cache_clear()
    if isinstance(error, RateLimitedError | UnavailableError):
        return {
            "status": "rate_limited" if isinstance(error, RateLimitedError) else "unreachable",
            "retry_after": error.retry_after,
            "error": str(error),
        }
    return {"status": "failed", "error": str(error)}
