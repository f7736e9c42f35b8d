"""The quota: how many requests Spotify seems to allow a day, and what captures leave of it.

Spotify counts one quota for all apps of a developer, over about 24 hours, and does not say how
large it is: that is learned from its refusals. Calls are counted by the clock hour. Nothing here
asks AWS or Spotify, and nothing reads a clock. Times are aware UTC datetimes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

QUOTA_EXCEEDED = "QUOTA_EXCEEDED"  # Spotify's reason for a wait that is its developer's
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
# How far back calls are looked at: a day, a wait of a day, a day before it.
VIEW = timedelta(days=3)
# A refusal so soon after another may be of the same spending.
SAME_SPENDING = timedelta(days=2)
# What captures ask; the app's own few tokens cannot be told from the listeners'.
CAPTURES = frozenset({"me/player/recently-played", "api/token"})
TOKEN_LIFE = HOUR
_GROUPS: Mapping[str, str] = {
    "me": "captures",
    "playlists": "charts",
    "audio-features": "enrichment",
    "audio-analysis": "enrichment",
    "albums": "enrichment",
    "artists": "enrichment",
    "api": "tokens",
}
GROUPS = ("captures", "charts", "enrichment", "tokens", "others")

# Requests by the beginning of the clock hour in which they were made, and by endpoint.
Calls = Mapping[datetime, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Learned:
    """How many requests had been made in 24 hours when Spotify refused the next, and when."""

    calls: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """What captures leave of a day's requests.

    `believed` is the quota as far as it is known, `captures` what they need a day, `others` what
    everything else asked in the last 24 hours.
    """

    believed: int
    captures: int
    others: int

    @property
    def left(self) -> int:
        """The requests that are left beside captures; 0 where they need all."""
        return max(self.believed - self.captures - self.others, 0)

    @property
    def why(self) -> str:
        """One sentence on why nothing is left, and one on what to do."""
        return (
            f"Spotify seems to allow about {self.believed} requests a day; captures need "
            f"{self.captures} and others made {self.others}. The next run asks again; fewer "
            "charts or analyses need fewer (./soundlake status)."
        )


def hour_of(at: datetime) -> datetime:
    """The beginning of an instant's clock hour."""
    return at.replace(minute=0, second=0, microsecond=0)


def group_of(endpoint: str) -> str:
    """The endpoint's group, one of `GROUPS`."""
    if endpoint == "me":
        return "others"  # whose account it is, asked once for a consent
    return _GROUPS.get(endpoint.partition("/")[0], "others")


def last_day(calls: Calls, now: datetime) -> Counter[str]:
    """The requests of the last 24 hours by endpoint.

    All of the clock hour in which they begin are counted: an hour too many, and none too few.
    """
    begin = hour_of(now - DAY)
    return _sum(each for hour, each in calls.items() if hour >= begin)


def _day_to(calls: Calls, last: datetime) -> Counter[str]:
    """The requests of the 24 clock hours that end with this one: no more than 24 hours."""
    return _sum(each for hour, each in calls.items() if last - DAY < hour <= last)


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return total


def learn(before: Learned | None, calls: Calls, uncounted: int, at: datetime) -> Learned:
    """What a refusal at `at` teaches, `uncounted` requests having been made beside `calls`.

    Less than half of what was learned within two days is not believed: Spotify then still refuses
    what was spent before, and few requests have been made since.
    """
    made = _day_to(calls, hour_of(at)).total() + uncounted
    if before is not None and at - before.at < SAME_SPENDING and made < before.calls / 2:
        return Learned(before.calls, at)
    return Learned(made, at)


def believed(learned: Learned | None, calls: Calls) -> int | None:
    """The quota as far as it is known: the last number learned, or more that has passed since.

    None where Spotify never refused for it.
    """
    if learned is None:
        return None
    since = {hour: each for hour, each in calls.items() if hour > hour_of(learned.at)}
    return max(learned.calls, _most(since))


def captures_need(calls: Calls) -> int:
    """What captures need a day: the most that they asked in any 24 hours in view."""
    return _most(
        {
            hour: {name: each[name] for name in CAPTURES & each.keys()}
            for hour, each in calls.items()
        }
    )


def _most(calls: Calls) -> int:
    """The most requests of any 24 clock hours."""
    return max((_day_to(calls, last).total() for last in calls), default=0)


def room(learned: Learned | None, calls: Calls, now: datetime) -> Room | None:
    """What captures leave of the quota; None where no quota is known.

    What captures asked in the last day is not taken off a second time: it makes room again as fast
    as they ask anew. Where they were held for a while, they need what they asked before.
    """
    quota = believed(learned, calls)
    if quota is None:
        return None
    asked = last_day(calls, now)
    others = sum(count for name, count in asked.items() if name not in CAPTURES)
    return Room(quota, captures_need(calls), others)


def planned(accounts: int, interval: timedelta) -> tuple[int, int]:
    """The page and token requests that captures of so many accounts make a day."""
    return accounts * (DAY // interval), accounts * (DAY // TOKEN_LIFE)
