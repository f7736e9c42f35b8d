"""What was asked of the service: counts and a bounded log."""

import threading
from collections import Counter, deque
from typing import Any

DROPPED = "dropped"


class RequestLog:
    """Counts requests by endpoint and status; keeps the newest `size` of them."""

    def __init__(self, size: int) -> None:
        self._lock = threading.Lock()
        self._endpoints: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._log: deque[dict[str, Any]] = deque(maxlen=size)

    def add(self, endpoint: str, path: str, status: int | None) -> None:
        """Count one request; `status` is None if the connection was dropped unanswered."""
        with self._lock:
            self._endpoints[endpoint] += 1
            self._statuses[DROPPED if status is None else str(status)] += 1
            self._log.append({"path": path, "status": status})

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._endpoints.clear()
            self._statuses.clear()
            self._log.clear()

    def summary(self) -> dict[str, Any]:
        """``{"total", "by_endpoint", "by_status", "log": [{"path", "status"}]}``, oldest first."""
        with self._lock:
            return {
                "total": self._endpoints.total(),
                "by_endpoint": dict(sorted(self._endpoints.items())),
                "by_status": dict(sorted(self._statuses.items())),
                "log": list(self._log),
            }
