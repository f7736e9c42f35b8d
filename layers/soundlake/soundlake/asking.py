"""Asking Spotify: this process's client. What asks nobody does not load it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from soundlake import access
from soundlake.settings import settings
from soundlake.spotify.client import AppCredentials, Spotify
from soundlake.store import secrets
from soundlake.store.budget import Budget, BudgetTable


@cache
def budgets() -> BudgetTable:
    """The table of waits and counts."""
    return BudgetTable(settings().budget_table)


@cache
def _client(credentials: AppCredentials) -> Spotify:
    budget = _budget(credentials)
    return Spotify(
        credentials,
        api_url=settings().spotify_api_url,
        accounts_url=settings().spotify_accounts_url,
        told=lambda until, reason: budgets().block(budget, until, reason),
    )


def _budget(credentials: AppCredentials) -> Budget:
    return Budget(credentials.client_id, settings().quota_owner)


def spotify() -> Spotify:
    """Spotify with the app's present credentials, its request count at zero.

    Credentials that Spotify refused are read afresh: the right ones may have been written
    meanwhile. While a long wait lasts that anybody was told of, the client raises
    RateLimitedError and sends nothing. Raises MissingSecretError.
    """
    prefix = settings().parameter_prefix
    credentials = secrets.app_credentials(prefix)
    client = _client(credentials)
    if client.refused:
        secrets.forget()
        _client.cache_clear()
        credentials = secrets.app_credentials(prefix)
        client = _client(credentials)
    client.requests.clear()
    until = budgets().blocked_until(_budget(credentials), client.machine_time())
    if until is not None:
        client.hold_until(until)
    return client


def counted(client: Spotify | None, before: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A function's `requests` by endpoint, with those of its tries `before`, and its `counts`.

    What this invocation sent is added to the day's counts in the budget.
    """
    if client is not None:
        budgets().count(settings().quota_owner, client.machine_time(), client.requests)
    return access.counted(client, before)
