"""Spotify's two limits: a rate limit of rolling 30 seconds, and a quota of rolling 24 hours."""

import math
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime

from local.spotify.clock import to_ms

WINDOW_S = 30.0
_DAY_MS = 24 * 60 * 60 * 1000


class RateLimit:
    """Counts the requests it lets through; refused ones do not count.

    Args:
        allowed: requests in any 30 seconds; 0 means no limit.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(self, allowed: int, monotonic: Callable[[], float]) -> None:
        self._allowed = allowed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._times: deque[float] = deque()

    def retry_after(self) -> int | None:
        """None lets the request through; otherwise the whole seconds to wait, at least 1."""
        if not self._allowed:
            return None
        with self._lock:
            now = self._monotonic()
            while self._times and self._times[0] <= now - WINDOW_S:
                self._times.popleft()
            if len(self._times) < self._allowed:
                self._times.append(now)
                return None
            return max(1, math.ceil(self._times[0] + WINDOW_S - now))


class DailyQuota:
    """Counts a developer's requests, refused ones too: asking during a block makes it longer.

    Args:
        now: the service's clock. What was counted after it, before it was moved back, is forgotten.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._times_ms: deque[int] = deque()  # in order

    def count(self, allowed: int) -> int | None:
        """Count a request; None lets it through, otherwise the whole seconds to wait, at least 1.

        `allowed` is how many there may be in any 24 hours; 0 means no limit.
        """
        with self._lock:
            now_ms = self._forget()
            wait = self._wait(allowed, now_ms)
            self._times_ms.append(now_ms)
            return None if wait is None else self._wait(allowed, now_ms)

    def state(self, allowed: int) -> tuple[int, int | None]:
        """How many are counted, and the seconds until the next may come; None for now."""
        with self._lock:
            now_ms = self._forget()
            return len(self._times_ms), self._wait(allowed, now_ms)

    def _forget(self) -> int:
        now_ms = to_ms(self._now())
        while self._times_ms and self._times_ms[0] <= now_ms - _DAY_MS:
            self._times_ms.popleft()
        while self._times_ms and self._times_ms[-1] > now_ms:
            self._times_ms.pop()
        return now_ms

    def _wait(self, allowed: int, now_ms: int) -> int | None:
        """Until so many have gone that there is room for one more."""
        if not allowed or len(self._times_ms) < allowed:
            return None
        last_to_go = self._times_ms[len(self._times_ms) - allowed]
        return max(1, math.ceil((last_to_go + _DAY_MS - now_ms) / 1000))
