"""A source without keys: asked gently, one request after another."""

import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

from soundlake.sources.web import (
    LONG_WAIT_S,
    TOO_MANY,
    USER_AGENT,
    Answer,
    Web,
    retry_after,
    utc_now,
)
from soundlake.spotify.errors import (
    BadAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.texts import shortened

if TYPE_CHECKING:
    from requests import Response

MOST_TURNS = 10  # that are taken at once; the first time one, then twice as many each time


class Limits(Protocol):
    """What all processes keep to that ask a source, in their shared memory."""

    def blocked_until(self, now: datetime) -> datetime | None:
        """Until when nobody may ask, as anybody was told."""

    def take(self, turns: int, now: datetime) -> datetime:
        """Take so many turns, each `spacing_s` after the one before; when the first is.

        Raises RateLimitedError where that is too far away to be slept.
        """

    def give_back(self, end: datetime, free_at: datetime) -> None:
        """Let others ask from then on and not from `end`, when the turns end that were taken."""


class KeylessApi:
    """A site or API that needs no key, asked at most once in `spacing_s` seconds.

    `contact` is where its operators can reach us: it stands in the User-Agent. `requests` counts
    what was sent, by source and endpoint. `told` is called with every long wait that it asks for:
    until when (UTC, by `clock`). With `limits`, all processes together ask no more often; without,
    this one. It sleeps until its turn, which is never far. `limited_by` is the status that it
    limits by, as well as 429.
    """

    def __init__(
        self,
        source: str,
        base: str,
        *,
        spacing_s: float,
        told: Callable[[datetime], None],
        contact: str | None = None,
        limited_by: int = TOO_MANY,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        backoff_s: float = 0.5,
        limits: Limits | None = None,
    ) -> None:
        agent = f"{USER_AGENT} (+{contact})" if contact else USER_AGENT
        self._web = Web(
            source, user_agent=agent, limited_by=limited_by, clock=clock, backoff_s=backoff_s
        )
        self.requests = self._web.requests
        self._source = source
        self._base = base
        self._spacing = timedelta(seconds=spacing_s)
        self._told = told
        self._limited_by = limited_by
        self._sleep = sleep
        self._sent_at: datetime | None = None
        self._blocked_until: datetime | None = None
        self._limits = limits
        self._turn: datetime | None = None  # the next of those that were taken, ...
        self._turns_end: datetime | None = None  # ... and the end of the last
        self._turns = 1

    def machine_time(self) -> datetime:
        """This machine's time (UTC), which the ends of waits are kept in."""
        return self._web.machine_time()

    def heard_at(self) -> date | None:
        """The source's present day (UTC), by its latest answer; None before the first."""
        heard = self._web.heard_time()
        return heard.date() if heard else None

    def begin(self) -> None:
        """Count anew."""
        self.requests.clear()
        self._turns = 1

    def give_back(self) -> None:
        """Leave the turns to others that were taken and are not needed."""
        if self._limits is not None and self._turns_end is not None:
            if self._turn is not None and self._turn < self._turns_end:
                self._limits.give_back(self._turns_end, self._free_at(self._turn))
            self._turn = self._turns_end = None

    def _free_at(self, turn: datetime) -> datetime:
        """When others may ask in place of this process, whose own next turn that is."""
        now = self._web.machine_time()
        if self._sent_at is None:
            return max(turn, now)
        return max(turn, now, min(self._sent_at, now) + self._spacing)

    def get(self, endpoint: str, params: Mapping[str, str], path: str | None = None) -> Answer:
        """The JSON answer to one request, at `path` where that is not the endpoint that is counted.

        Raises RateLimitedError, UnavailableError, RefusedError, NotFoundError, BadAnswerError where
        it is no JSON, and SpotifyError for any other status.
        """
        response = self._ask(f"{self._base}/{path or endpoint}", endpoint, params)
        if (answer := self._web.decoded(response)) is not None:
            return answer
        raise BadAnswerError(f"{self._source}'s {endpoint}: the answer is not JSON")

    def page(self, path: str, endpoint: str) -> Answer:
        """A page as it came, whatever it holds; its `json` is None. Counted as `endpoint`.

        `path` is taken from the base address, or with a slash before it from the host. Raises as
        `get` does; NotFoundError brings the answer.
        """
        response = self._ask(urljoin(f"{self._base}/", path), endpoint, {})
        return self._web.as_it_came(response, None)

    def _ask(self, url: str, endpoint: str, params: Mapping[str, str]) -> "Response":
        """One request, and what is no answer to it raised."""
        self._keep_to_the_limits()
        name = f"{self._source.lower()}/{endpoint}"
        try:
            response = self._web.send("GET", url, name, params=params)
        finally:
            self._sent_at = self._web.machine_time()
        match response.status_code:
            case 200:
                return response
            case status if status in {TOO_MANY, self._limited_by}:
                wait = retry_after(response)
                if wait > LONG_WAIT_S:
                    self._blocked_until = self._sent_at + timedelta(seconds=wait)
                    self._told(self._blocked_until)
                raise RateLimitedError(wait, self._source)
            case 401 | 403 as status:
                raise RefusedError(f"{self._source} refused {endpoint} with {status}.")
            case 404:
                raise NotFoundError(
                    f"{self._source} has nothing at {urlsplit(response.url).path} (404).",
                    self._web.decoded(response) or self._web.as_it_came(response, None),
                )
            case status if status >= 500:
                raise UnavailableError(f"{self._source} answered {status} for {endpoint}.")
            case status:
                said = shortened(" ".join(response.text.split()))
                raise SpotifyError(f"{self._source} answered {status} for {endpoint}: {said}")

    def _keep_to_the_limits(self) -> None:
        self._refuse_until(self._blocked_until)
        now = self._web.machine_time()
        rest = timedelta(0)
        if self._sent_at is not None:
            rest = min(self._sent_at + self._spacing - now, self._spacing)
        if self._limits is not None and self._spacing:
            rest = max(rest, self._next_turn(self._limits, now) - now)
        if rest > timedelta(0):
            self._sleep(rest.total_seconds())
        if self._limits is not None:
            self._refuse_until(self._limits.blocked_until(self._web.machine_time()))

    def _next_turn(self, limits: Limits, now: datetime) -> datetime:
        """The first turn of this process that is not over; one that it did not use is lost."""
        turn, end = self._turn, self._turns_end
        while turn is not None and turn < now:
            turn += self._spacing
        if turn is None or end is None or turn >= end:
            turn = limits.take(self._turns, now)
            self._turns_end = turn + self._turns * self._spacing
            self._turns = min(2 * self._turns, MOST_TURNS)
        self._turn = turn + self._spacing
        return turn

    def _refuse_until(self, until: datetime | None) -> None:
        if until is not None:
            left = (until - self._web.machine_time()).total_seconds()
            if left > 0:
                raise RateLimitedError(ceil(left), self._source)
