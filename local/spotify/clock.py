"""The service's clock: real UTC, or a chosen instant that ticks but keeps its date."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta


def utc_now() -> datetime:
    """The machine's time in UTC."""
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Unix milliseconds of an aware datetime, exact (no floats), rounded down."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC datetime of Unix milliseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def iso_ms(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, as Spotify writes `played_at`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with a zone ("Z" or an offset), in UTC.

    Raises:
        ValueError: with one sentence, if it is no instant or has no zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an ISO 8601 instant like 2025-02-18T18:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write 2025-02-18T18:00:00Z")
    return moment.astimezone(UTC)


class Clock:
    """The time this service says it is.

    Without `start` it is `wall()`. With `start` it begins there and advances with `monotonic()`
    (seconds), but stops at 23:59:59.999 of that UTC date: a run that crosses the machine's
    midnight still sees the charts of one day. It may also be `stopped` at an instant: what two
    runs are told then differs in no time.
    """

    def __init__(
        self,
        start: datetime | None = None,
        *,
        wall: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._start = start
        self._zero = monotonic()
        self._stopped = False

    def set(self, start: datetime, *, stopped: bool = False) -> None:
        """Begin anew at `start`, on whose UTC date the clock then stays, or stop there."""
        with self._lock:
            self._start = start
            self._zero = self._monotonic()
            self._stopped = stopped

    def now(self) -> datetime:
        """The aware UTC datetime, whole milliseconds."""
        with self._lock:
            start, zero = self._start, self._monotonic() if self._stopped else self._zero
        if start is None:
            moment = self._wall()
        else:
            moment = start.astimezone(UTC)
            end = moment.replace(hour=23, minute=59, second=59, microsecond=999_000)
            moment = min(moment + timedelta(seconds=self._monotonic() - zero), end)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def today(self) -> date:
        """The UTC date of `now`."""
        return self.now().date()
