"""Spotify's rate limit: so many requests in a rolling window of 30 seconds."""

import math
import threading
from collections import deque
from collections.abc import Callable

WINDOW_S = 30.0


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
