"""Wiring: this process's zones of the data bucket and its accounts, and a function's result."""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from soundlake.abilities import Abilities
from soundlake.refusals import mode_in_words
from soundlake.settings import settings
from soundlake.spotify.errors import (
    BadAnswerError,
    MissingSecretError,
    RateLimitedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.store.abilities import AbilitiesTable
from soundlake.store.accounts import AccountsTable
from soundlake.store.chart_files import ChartFiles
from soundlake.store.imports import Imports
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.store.staging import Staging
from soundlake.texts import shortened
from soundlake.times import format_time

if TYPE_CHECKING:
    from soundlake.spotify.client import Spotify

ERROR = 240  # characters of a sentence that the state machines carry

# What may go wrong in a foreseeable way: a sentence for the run's record, not a crash.
FORESEEN = (SpotifyError, BadAnswerError, MissingSecretError, CorruptObjectError)


@cache
def bucket() -> Bucket:
    """The data bucket."""
    return Bucket(settings().data_bucket)


@cache
def accounts_table() -> AccountsTable:
    """The table of accounts."""
    return AccountsTable(settings().accounts_table)


def zone_of(account: str) -> str | None:
    """An account's own time zone, or None: what its plays' local times need beside the country."""
    return accounts_table().time_zone(account)


@cache
def abilities_table() -> AbilitiesTable:
    """The table of budgets, as it knows apps' abilities."""
    return AbilitiesTable(settings().budget_table)


def raw(execution: str | None = None) -> Raw:
    """The raw zone, for who reads it, or for the `execution` that brings something."""
    return Raw(bucket(), execution)


def chart_files(execution: str | None = None) -> ChartFiles:
    """The chart files in the raw zone, as `raw` gives it."""
    return ChartFiles(bucket(), execution)


def imports(execution: str | None = None) -> Imports:
    """The imports in the raw zone, as `raw` gives it."""
    return Imports(bucket(), execution)


def staging() -> Staging:
    """The staging zone."""
    return Staging(bucket())


def told(abilities: Abilities) -> dict[str, Any]:
    """What is known of an app, as a state machine and a command line get it."""
    at = abilities.probed_at
    return {
        "mode": abilities.mode,
        "in_words": mode_in_words(abilities),
        "refused": abilities.refused,
        "probed_at": format_time(at) if at else None,
    }


def counted(client: "Spotify | None", before: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A function's `requests` by endpoint, with those of its tries `before`, and its `counts`."""
    sent = client.requests if client else Counter[str]()
    return {
        "requests": dict(Counter(before or {}) + sent),
        "counts": {"requests": sent.total()},
    }


def failure(error: Exception) -> dict[str, Any]:
    """A foreseen error as a function's result, for a state machine to branch on.

    `status` is `rate_limited` or `unreachable`, both with `retry_after` (s), or `failed`; `error`
    is one small sentence.
    """
    sentence = small(str(error))
    if isinstance(error, RateLimitedError | UnavailableError):
        return {
            "status": "rate_limited" if isinstance(error, RateLimitedError) else "unreachable",
            "retry_after": error.retry_after,
            "error": sentence,
        }
    return {"status": "failed", "error": sentence}


def small(sentence: str) -> str:
    """A sentence that stays small in a state machine, whatever stands in it: its limit is bytes."""
    return shortened(sentence.encode("ascii", "backslashreplace").decode(), ERROR)
