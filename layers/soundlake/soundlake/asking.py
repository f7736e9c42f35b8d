"""Asking Spotify and others: this process's clients. What asks nobody does not load them."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from math import ceil
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from soundlake import access, quota
from soundlake.abilities import Abilities, Ability, Finding
from soundlake.observability import logger
from soundlake.settings import settings
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.site import Site
from soundlake.sources.web import TOO_MANY
from soundlake.spotify.client import Page, Spotify
from soundlake.spotify.credentials import AppCredentials
from soundlake.spotify.errors import (
    MissingSecretError,
    NotYourTurnError,
    RateLimitedError,
    ReservedError,
)
from soundlake.store import secrets
from soundlake.store.budget import Budget, BudgetTable, Draw

PAGE = 50  # requests that are drawn, or counted, at once


@cache
def budgets() -> BudgetTable:
    """The table of waits and counts."""
    return BudgetTable(settings().budget_table)


class _Meter:
    """One client's requests, as the budget has them: drawn where they are limited, and counted."""

    def __init__(self, client: Spotify) -> None:
        self._budget = Budget(client.client_id, settings().quota_owner)
        self._client = client
        self._draw: Draw | None = None
        self._wanted = 0
        self._spacing = timedelta(0)

    def begin(self, wanted: int | None, spacing: timedelta) -> None:
        """Begin an invocation; what one before left, that broke off, is settled first.

        Its requests are drawn in pages of `wanted`, None for a capture's.
        """
        self.settle()
        self._wanted, self._spacing = wanted or 0, spacing
        self._client.begin(None if wanted is None else self._page)

    def settle(self) -> None:
        """Count what was sent, and drop the draw: in this order nothing is lost to a crash."""
        self._count()
        self._drop()

    def _count(self) -> None:
        sent = self._client.unsettled()
        budgets().count(self._budget.owner, self._client.machine_time(), sent)
        self._client.settle()

    def _drop(self) -> None:
        if self._draw is not None:
            budgets().drop(self._budget, self._draw, self._client.machine_time())
            self._draw = None  # not before: what could not be dropped is, the next time

    def _page(self) -> Page:
        self._count()
        before, now = self._draw, self._client.machine_time()
        drawn = budgets().draw(
            self._budget,
            self._wanted,
            now,
            assumed=_assumed(),
            spacing=self._spacing,
            instead_of=before,
        )
        if drawn.until is not None:
            self.settle()
            wait = ceil((drawn.until - now).total_seconds())
            raise (NotYourTurnError if self.blocked_until() is None else RateLimitedError)(wait)
        if drawn.room is not None and not drawn.granted:
            self.settle()
            raise ReservedError(drawn.room.why)
        if drawn.granted is None:
            self._drop()
            return Page(PAGE)  # so that it is counted in between: a refusal teaches by the counts
        self._draw = drawn
        if drawn.turn is None:
            return Page(drawn.granted)
        return Page(drawn.granted, self._spacing, drawn.turn)

    def told(self, until: datetime, reason: str | None) -> None:
        """Note a wait that Spotify asks for."""
        now, uncounted = self._client.machine_time(), self._client.unsettled().total()
        budgets().block(self._budget, until, reason, now=now, uncounted=uncounted, drawn=self._draw)

    def blocked_until(self) -> datetime | None:
        """Until when nobody may ask, as anybody was told."""
        return budgets().blocked_until(self._budget, self._client.machine_time())

    def left(self) -> int | None:
        """The requests that captures leave of the day's; None where no quota is believed."""
        now = self._client.machine_time()
        known = budgets().known(self._budget, now)
        found = known.estimate(_assumed())
        return None if found is None else known.room(found, now).left


@cache
def _meter(client: Spotify) -> _Meter:
    return _Meter(client)


@cache
def _client(credentials: AppCredentials) -> Spotify:
    client = Spotify(
        credentials,
        api_url=settings().spotify_api_url,
        accounts_url=settings().spotify_accounts_url,
        told=lambda until, reason: _meter(client).told(until, reason),
        blocked_until=lambda: _meter(client).blocked_until(),
    )
    return client


def _assumed() -> int | None:
    """The requests a day that are believed to be allowed where no refusal has taught it."""
    return quota.assumed(abilities(), int(settings().daily_requests))


def spotify(*, beside_captures: bool = False, page: int = PAGE, spaced: bool = False) -> Spotify:
    """Spotify with the app's present credentials, its request count at zero.

    Credentials that Spotify refused are read afresh: the right ones may have been written
    meanwhile. While a long wait lasts that anybody was told of, the client raises
    RateLimitedError and sends nothing. `beside_captures`, and where a quota is believed, it draws
    its requests in pages of so many, and raises ReservedError where no more is left than captures
    need; then they can be `spaced`, too. Raises MissingSecretError.
    """
    prefix = settings().parameter_prefix
    client = _client(secrets.app_credentials(prefix))
    if client.refused:
        _meter(client).settle()
        secrets.forget()
        _client.cache_clear()
        client = _client(secrets.app_credentials(prefix))
    spacing = timedelta(milliseconds=int(settings().request_spacing_ms) if spaced else 0)
    _meter(client).begin(page if beside_captures else None, spacing)
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
    """Note that an answer leaves in doubt what is known of the app: a probe is wanted, one a day.

    Raises MissingSecretError.
    """
    credentials = secrets.app_credentials(settings().parameter_prefix)
    at = _client(credentials).machine_time()
    table = access.abilities_table()
    if table.abilities(credentials.client_id, at).doubtful(at):
        table.want_probe(credentials.client_id, at)


class _Turns:
    """A source's limits, as the budget has them; apart from Spotify's."""

    def __init__(self, source: str, spacing_s: float) -> None:
        self._source = source
        self._budget = _theirs(source)
        self._spacing = timedelta(seconds=spacing_s)

    def blocked_until(self, now: datetime) -> datetime | None:
        """Until when nobody may ask, as anybody was told."""
        return budgets().blocked_until(self._budget, now)

    def take(self, turns: int, now: datetime) -> datetime:
        """Take so many turns; when the first is. Raises RateLimitedError and NotYourTurnError."""
        taken = budgets().take_turns(self._budget, turns, self._spacing, now)
        if taken.end is None:
            wait = ceil((taken.first - now).total_seconds())
            if budgets().blocked_until(self._budget, now) is not None:
                raise RateLimitedError(wait, self._source)
            raise NotYourTurnError(wait, self._source)
        return taken.first

    def give_back(self, end: datetime, free_at: datetime) -> None:
        """Let others ask from then on and not from `end`."""
        budgets().give_back(self._budget, end, free_at)


@cache
def _keyless(
    source: str, base: str, spacing_s: float, contact: str | None, limited_by: int
) -> KeylessApi:
    def told(until: datetime) -> None:
        budgets().block(_theirs(source), until, None, now=client.machine_time())

    client = KeylessApi(
        source,
        base,
        spacing_s=spacing_s,
        told=told,
        contact=contact,
        limits=_Turns(source, spacing_s),
        limited_by=limited_by,
    )
    return client


def _theirs(source: str) -> Budget:
    """Where the waits of a source stand that knows none of our apps: apart from Spotify's."""
    return Budget(source.lower(), source.lower())


def _scaled(spacing_s: float) -> float:
    """The seconds between two requests in this stage, which may ask a double."""
    return spacing_s * int(settings().source_spacing) / 100


def keyless(
    source: str, base: str, spacing_s: float, contact: str | None = None, limited_by: int = TOO_MANY
) -> KeylessApi:
    """A source without keys, its request count at zero.

    It keeps to long waits as Spotify does, and all processes together ask once in so many seconds
    at most: where its next turn is further away than may be slept, it raises RateLimitedError.
    """
    client = _keyless(source, base, _scaled(spacing_s), contact, limited_by)
    client.begin()
    return client


class InvocationClients:
    """One invocation's clients, each made when it is first asked for.

    What is asked of Spotify is drawn in pages of so many requests, and `spaced`, where its quota is
    limited. What a site asks of robots is kept in the name of the `execution`.
    """

    def __init__(
        self, page: int = PAGE, *, spaced: bool = True, execution: str | None = None
    ) -> None:
        self.asked_spotify: Spotify | None = None
        self._page = page
        self._spaced = spaced
        self._execution = execution
        self._keyless: dict[str, KeylessApi] = {}

    def spotify(self) -> Spotify:
        """Spotify, with what captures leave of its quota. Raises MissingSecretError."""
        if self.asked_spotify is None:
            self.asked_spotify = spotify(beside_captures=True, page=self._page, spaced=self._spaced)
        return self.asked_spotify

    def keyless(
        self,
        source: str,
        base: str,
        spacing_s: float,
        contact: str | None = None,
        limited_by: int = TOO_MANY,
    ) -> KeylessApi:
        """A source without keys at an address, asked at most once in so many seconds."""
        if source not in self._keyless:
            self._keyless[source] = keyless(source, base, spacing_s, contact, limited_by)
        return self._keyless[source]

    def abilities(self) -> Abilities:
        """What is known of what Spotify lets the app do. Raises MissingSecretError."""
        return abilities()

    def site(self, name: str, base: str, spacing_s: float, contact: str) -> Site:
        """A web site that robots may visit, asked as `keyless` does."""
        api = self.keyless(name, base, spacing_s, contact)
        return Site(name, base, _scaled(spacing_s), api, access.raw(self._execution))

    def settle(self) -> None:
        """Count what was asked of Spotify, and give back what is left of it: it is not asked on."""
        if self.asked_spotify is not None:
            _meter(self.asked_spotify).settle()

    def budget_left(self) -> int | None:
        """What captures leave of Spotify's requests of a day, to be watched and not kept to.

        None where no quota is believed, or that cannot be told now.
        """
        try:
            client = self.asked_spotify or _client(
                secrets.app_credentials(settings().parameter_prefix)
            )
            return _meter(client).left()
        except MissingSecretError:
            return None
        except (BotoCoreError, ClientError) as error:
            logger.warning(f"What is left of the quota was not found out: {error}")
            return None

    def counted(self, before: Mapping[str, int]) -> dict[str, Any]:
        """As `counted`, with the requests to all sources; the budget counts Spotify's alone.

        Turns of other sources that were taken and not used are given back; where that does not go,
        they pass by themselves.
        """
        sent = Counter(before)
        for each in self._keyless.values():
            sent += each.requests
        total = sum(each.requests.total() for each in self._keyless.values())
        result = counted(self.asked_spotify, sent)
        result["counts"]["requests"] += total
        for each in self._keyless.values():
            try:
                each.give_back()
            except (BotoCoreError, ClientError) as error:
                logger.warning(f"Turns that were not used were not given back: {error}")
        return result


def counted(client: Spotify | None, before: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A function's `requests` by endpoint, with those of its tries `before`, and its `counts`.

    What this invocation sent is added to the hour's counts in the budget, and what it drew and did
    not send is given back.
    """
    if client is not None:
        _meter(client).settle()
    return access.counted(client, before)
