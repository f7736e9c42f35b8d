"""A source without keys: asked gently, one request after another."""

import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from soundlake.sources.web import (
    LONG_WAIT_S,
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


class KeylessApi:
    """A site or API that needs no key, asked at most once in `spacing_s` seconds.

    `contact` is where its operators can reach us: it stands in the User-Agent. `requests` counts
    what was sent, by source and endpoint. `told` is called with every long wait that it asks for:
    until when (UTC, by `clock`). It sleeps no longer than `spacing_s`.
    """

    def __init__(
        self,
        source: str,
        base: str,
        *,
        spacing_s: float,
        told: Callable[[datetime], None],
        contact: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        backoff_s: float = 0.5,
    ) -> None:
        agent = f"{USER_AGENT} (+{contact})" if contact else USER_AGENT
        self._web = Web(source, user_agent=agent, clock=clock, backoff_s=backoff_s)
        self.requests = self._web.requests
        self._source = source
        self._base = base
        self._spacing = timedelta(seconds=spacing_s)
        self._told = told
        self._sleep = sleep
        self._sent_at: datetime | None = None
        self._blocked_until: datetime | None = None

    def machine_time(self) -> datetime:
        """This machine's time (UTC), which the ends of waits are kept in."""
        return self._web.machine_time()

    def heard_at(self) -> date | None:
        """The source's present day (UTC), by its latest answer; None before the first."""
        heard = self._web.heard_time()
        return heard.date() if heard else None

    def hold_until(self, until: datetime) -> None:
        """Send nothing before `until` (UTC): another process was told to wait so long."""
        self._blocked_until = max(until, self._blocked_until or until)

    def get(self, endpoint: str, params: Mapping[str, str]) -> Answer:
        """The JSON answer to one request.

        Raises RateLimitedError, UnavailableError, RefusedError, NotFoundError, BadAnswerError where
        it is no JSON, and SpotifyError for any other status.
        """
        response = self._ask(f"{self._base}/{endpoint}", endpoint, params)
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
        response = self._web.send("GET", url, name, params=params)
        self._sent_at = self._web.machine_time()
        match response.status_code:
            case 200:
                return response
            case 429:
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
                    self._web.as_it_came(response, None),
                )
            case status if status >= 500:
                raise UnavailableError(f"{self._source} answered {status} for {endpoint}.")
            case status:
                said = shortened(" ".join(response.text.split()))
                raise SpotifyError(f"{self._source} answered {status} for {endpoint}: {said}")

    def _keep_to_the_limits(self) -> None:
        now = self._web.machine_time()
        if self._blocked_until is not None and self._blocked_until > now:
            left = (self._blocked_until - now).total_seconds()
            raise RateLimitedError(ceil(left), self._source)
        if self._sent_at is not None:
            rest = min(self._sent_at + self._spacing - now, self._spacing)
            if rest > timedelta(0):
                self._sleep(rest.total_seconds())
