"""Rounds: a run of the capture machine looks at Spotify several times within its hour.

Spotify shows the last 50 plays, and a play lasts 30 s at least to be listed: looked at every 25
minutes or more often, what it shows cannot overflow.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)  # what one run covers; the next one begins after it


@dataclass(frozen=True, slots=True)
class Round:
    """One round: the time that it stands for, and the round after it, where there is one (UTC)."""

    number: int
    at: datetime
    next_number: int | None = None
    next_at: datetime | None = None


def round_of(begin: datetime, interval: timedelta | None, number: int, now: datetime) -> Round:
    """A run's round of this number, seen from `now`; without an interval there is one.

    Rounds whose time is over are left out: a run that began an hour late captures once.
    """
    if interval is None:
        return Round(number, begin)
    following = number + 1
    while begin + following * interval <= now:
        following += 1
    if following * interval >= HOUR:
        return Round(number, begin + number * interval)
    return Round(number, begin + number * interval, following, begin + following * interval)
