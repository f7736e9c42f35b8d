"""HTTP as every source needs it: bounded, counted, and never asleep for a Retry-After.

Server errors and broken connections are tried again here, a few times and briefly. A 429 goes
back to the caller with its seconds, for a state machine to wait. Every answer brings its source's
own time (the Date header), which is the time that an answer is filed under.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from soundlake.spotify.errors import UnavailableError

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
TRIES = 3  # in all, for 500, 502, 503, 504 and broken connections
LONG_WAIT_S = 300  # no run sits out a longer one, and asking during it lengthens it
USER_AGENT = "Soundlake/1"
TOO_MANY = 429
_TRIED_AGAIN = frozenset({500, 502, 503, 504})
_CUT_OFF = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
# What a body that cannot be decoded raises: nested too deeply too, or a number of too many digits.
NO_JSON = (ValueError, RecursionError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source sent: the body byte for byte, its JSON if any, and the source's time (UTC)."""

    body: bytes
    json: Any
    at: datetime
    request: str


def utc_now() -> datetime:
    """This machine's time (UTC)."""
    return datetime.now(UTC)


class _Retry(Retry):
    """urllib3's tries, which calls `again` whenever it sends a request once more."""

    again: Callable[[], None]

    def new(self, **changes: Any) -> Self:
        made = super().new(**changes)
        if hasattr(self, "again"):
            made.again = self.again
        return made

    def increment(self, *args: Any, **given: Any) -> Self:
        made = super().increment(*args, **given)  # raises where that was the last
        self.again()
        return made


class Web:
    """HTTP with one source. `requests` counts what was sent, by the caller's name for each.

    `limited_by` is the status that is its rate limit, which nobody tries again here.
    """

    def __init__(
        self,
        source: str,
        *,
        user_agent: str = USER_AGENT,
        limited_by: int = TOO_MANY,
        clock: Callable[[], datetime] = utc_now,
        backoff_s: float = 0.5,
    ) -> None:
        self.requests: Counter[str] = Counter()
        self._source = source
        self._clock = clock
        self._offset: timedelta | None = None  # of the source's clock, once it has answered
        self._session = requests.Session()
        self._session.headers["User-Agent"] = user_agent
        retry = _Retry(
            total=TRIES - 1,
            status_forcelist=_TRIED_AGAIN - {limited_by},
            allowed_methods=("GET", "POST"),  # asking for a token twice is harmless
            backoff_factor=backoff_s,
            backoff_jitter=backoff_s,
            respect_retry_after_header=False,  # waiting belongs to the state machine
            raise_on_status=False,
        )
        self._retry = retry
        self._adapter = HTTPAdapter(max_retries=retry)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, self._adapter)

    def machine_time(self) -> datetime:
        """This machine's time (UTC), which the ends of tokens and waits are kept in."""
        return self._clock()

    def known_time(self) -> datetime:
        """The source's time (UTC) as far as it is known: this machine's until the first answer."""
        return self._clock() + (self._offset or timedelta(0))

    def heard_time(self) -> datetime | None:
        """The source's time (UTC), by its latest answer; None before the first."""
        return None if self._offset is None else self._clock() + self._offset

    def send(
        self, method: str, url: str, name: str, *, tries: int = TRIES, **options: Any
    ) -> requests.Response:
        """One request, counted as `name`, whatever its status, and no more than so many `tries`.

        Raises UnavailableError.
        """
        end = self.requests[name] + tries
        try:
            response = self._whole(method, url, name, options, end)
        except requests.RequestException as error:
            self.requests[name] = end  # nobody gives up before
            raise UnavailableError(
                f"{self._source} could not be reached at {urlsplit(url).netloc} for {name} "
                f"({type(error).__name__})."
            ) from error
        if (at := _date(response)) is not None:
            self._offset = at - self._clock()
        return response

    def _whole(
        self, method: str, url: str, name: str, options: Mapping[str, Any], end: int
    ) -> requests.Response:
        """One request; asked again where the body broke off, which urllib3 leaves to its caller.

        Each time that it is sent is counted, up to the number `end`.
        """

        def count() -> None:
            self.requests[name] += 1

        while True:
            count()
            retry = self._retry.new(total=end - self.requests[name])
            retry.again = count
            self._adapter.max_retries = retry
            try:
                return self._session.request(
                    method,
                    url,
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    allow_redirects=False,
                    **options,
                )
            except _CUT_OFF:
                if self.requests[name] >= end:
                    raise

    def decoded(self, response: requests.Response) -> Answer | None:
        """The answer with its JSON; None where it holds none."""
        try:
            return self.as_it_came(response, response.json())
        except NO_JSON:
            return None

    def as_it_came(self, response: requests.Response, decoded: Any) -> Answer:
        """The answer with what its body was found to hold."""
        request = urlsplit(response.url)
        return Answer(
            body=response.content,
            json=decoded,
            at=_date(response) or self.known_time(),
            request=f"{request.path}?{request.query}" if request.query else request.path,
        )


def _date(response: requests.Response) -> datetime | None:
    """When the source answered (UTC), by its Date header; None without a readable one."""
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
    return None


def retry_after(response: requests.Response) -> int:
    """The seconds to wait; 30, one window of Spotify's limit, where the header says nothing."""
    value = response.headers.get("Retry-After", "")
    readable = value.isdecimal() and len(value) < 10  # a longer one is past any calendar
    return max(int(value), 1) if readable else 30
