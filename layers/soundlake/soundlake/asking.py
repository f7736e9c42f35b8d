"""Asking Spotify and others: this process's clients. What asks nobody does not load them."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from soundlake import access, quota
from soundlake.abilities import Abilities, Ability, Finding
from soundlake.settings import settings
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.site import Site
from soundlake.spotify.client import Spotify
from soundlake.spotify.credentials import AppCredentials
from soundlake.store import secrets
from soundlake.store.budget import Budget, BudgetTable


@cache
def budgets() -> BudgetTable:
    """The table of waits and counts."""
    return BudgetTable(settings().budget_table)


@cache
def _client(credentials: AppCredentials) -> Spotify:
    budget = _budget(credentials)

    def told(until: datetime, reason: str | None) -> None:
        now, uncounted = client.machine_time(), client.requests.total()
        budgets().block(budget, until, reason, now=now, uncounted=uncounted)

    client = Spotify(
        credentials,
        api_url=settings().spotify_api_url,
        accounts_url=settings().spotify_accounts_url,
        told=told,
    )
    return client


def _budget(credentials: AppCredentials) -> Budget:
    return Budget(credentials.client_id, settings().quota_owner)


def spotify(*, beside_captures: bool = False) -> Spotify:
    """Spotify with the app's present credentials, its request count at zero.

    Credentials that Spotify refused are read afresh: the right ones may have been written
    meanwhile. While a long wait lasts that anybody was told of, the client raises
    RateLimitedError and sends nothing. `beside_captures`, it raises ReservedError where no more is
    left of a known quota than captures need. Raises MissingSecretError.
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
    now = client.machine_time()
    known = budgets().known(_budget(credentials), now)
    if (until := known.blocked_until(now)) is not None:
        client.hold_until(until)
    room = quota.room(known.learned, known.calls, now) if beside_captures else None
    if room is None:
        client.leave_to_others(None)
    else:
        client.leave_to_others(room.left, room.why)
    return client


def abilities() -> Abilities:
    """What is known of what the app may do. Raises MissingSecretError."""
    credentials = secrets.app_credentials(settings().parameter_prefix)
    return access.abilities_table().abilities(
        credentials.client_id, _client(credentials).machine_time()
    )


def found(ability: Ability, allowed: bool, evidence: str) -> None:
    """Note what an answer showed of the app; where it was known otherwise, a probe is wanted.

    `evidence` is the request and what came of it, without secrets. Raises MissingSecretError.
    """
    credentials = secrets.app_credentials(settings().parameter_prefix)
    at = _client(credentials).machine_time()
    finding = Finding(ability, allowed, at, access.small(evidence))
    access.abilities_table().found(credentials.client_id, finding)


def doubted() -> None:
    """Note that an answer leaves in doubt what is known of the app: a probe is wanted.

    Raises MissingSecretError.
    """
    credentials = secrets.app_credentials(settings().parameter_prefix)
    at = _client(credentials).machine_time()
    access.abilities_table().want_probe(credentials.client_id, at)


@cache
def _keyless(source: str, base: str, spacing_s: float, contact: str | None) -> KeylessApi:
    def told(until: datetime) -> None:
        budgets().block(_theirs(source), until, None, now=client.machine_time())

    client = KeylessApi(source, base, spacing_s=spacing_s, told=told, contact=contact)
    return client


def _theirs(source: str) -> Budget:
    """Where the waits of a source stand that knows none of our apps: apart from Spotify's."""
    return Budget(source.lower(), source.lower())


def keyless(source: str, base: str, spacing_s: float, contact: str | None = None) -> KeylessApi:
    """A source without keys, its request count at zero; it keeps to long waits as Spotify does."""
    client = _keyless(source, base, spacing_s, contact)
    client.requests.clear()
    now = client.machine_time()
    if (until := budgets().blocked_until(_theirs(source), now)) is not None:
        client.hold_until(until)
    return client


class InvocationClients:
    """One invocation's clients, each made when it is first asked for."""

    def __init__(self) -> None:
        self.asked_spotify: Spotify | None = None
        self._keyless: dict[str, KeylessApi] = {}

    def spotify(self) -> Spotify:
        """Spotify, with what captures leave of its quota. Raises MissingSecretError."""
        self.asked_spotify = self.asked_spotify or spotify(beside_captures=True)
        return self.asked_spotify

    def keyless(
        self, source: str, base: str, spacing_s: float, contact: str | None = None
    ) -> KeylessApi:
        """A source without keys at an address, asked at most once in so many seconds."""
        if source not in self._keyless:
            self._keyless[source] = keyless(source, base, spacing_s, contact)
        return self._keyless[source]

    def abilities(self) -> Abilities:
        """What is known of what Spotify lets the app do. Raises MissingSecretError."""
        return abilities()

    def site(self, name: str, base: str, spacing_s: float, contact: str) -> Site:
        """A web site that robots may visit, asked as `keyless` does."""
        api = self.keyless(name, base, spacing_s, contact)
        return Site(name, base, spacing_s, api, access.raw())

    def counted(self, before: Mapping[str, int]) -> dict[str, Any]:
        """As `counted`, with the requests to all sources; the budget counts Spotify's alone."""
        sent = Counter(before)
        for each in self._keyless.values():
            sent += each.requests
        total = sum(each.requests.total() for each in self._keyless.values())
        result = counted(self.asked_spotify, sent)
        result["counts"]["requests"] += total
        return result


def counted(client: Spotify | None, before: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A function's `requests` by endpoint, with those of its tries `before`, and its `counts`.

    What this invocation sent is added to the hour's counts in the budget.
    """
    if client is not None:
        budgets().count(settings().quota_owner, client.machine_time(), client.requests)
    return access.counted(client, before)
