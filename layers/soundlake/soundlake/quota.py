"""The quota: how many requests Spotify seems to allow a day, and what captures leave of it.

Spotify counts one quota for all apps of a developer, over about 24 hours, and does not say how
large it is: that is assumed, then learned from its refusals, and raised slowly while none comes.
Calls are counted by the clock hour. Nothing here asks AWS or Spotify, and nothing reads a clock.
Times are aware UTC datetimes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from soundlake.abilities import Abilities, Ability

QUOTA_EXCEEDED = "QUOTA_EXCEEDED"  # Spotify's reason for a wait that is its developer's
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
# How far back calls are looked at: a day, a wait of a day, a day before it.
VIEW = timedelta(days=3)
# A refusal so soon after another may be of the same spending.
SAME_SPENDING = timedelta(days=2)
# Of what had passed when Spotify refused, so much is asked for afterwards (percent), ...
SAFE = 95
# ... and nothing more is tried for so long.
QUIET = timedelta(days=30)
# On so many days all must have been asked for, and none of them refused, to ask for more (percent).
RISE_DAYS = 7
RISE = 5
# A day shows what Spotify allows only where about all was really asked for (percent).
USED_UP = 90
# What captures ask; the app's own few tokens cannot be told from the listeners'.
CAPTURES = frozenset({"me/player/recently-played", "api/token"})
TOKEN_LIFE = HOUR
_GROUPS: Mapping[str, str] = {
    "me": "captures",
    "playlists": "charts",
    "audio-features": "enrichment",
    "audio-analysis": "enrichment",
    "tracks": "enrichment",
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
class Estimate:
    """How many requests a day are believed to be allowed.

    `learned` is what a refusal taught, None where `calls` was assumed from the start. `full_days`
    are the days since on which all was asked for, and none refused. `passed` says that more has
    passed since the refusal than would be asked for otherwise.
    """

    calls: int
    learned: Learned | None
    full_days: int = 0
    passed: bool = False

    def quiet_until(self, now: datetime) -> datetime | None:
        """Until when nothing more is tried after a refusal; None where that is over."""
        if self.learned is None or self.learned.at + QUIET <= now:
            return None
        return self.learned.at + QUIET

    @property
    def days_to_rise(self) -> int:
        """On how many days all has to be asked for until more is."""
        return RISE_DAYS - self.full_days % RISE_DAYS


@dataclass(frozen=True, slots=True)
class Room:
    """What captures leave of a day's requests.

    `believed` is the estimate, `captures` what they need a day, `others` what everything else asked
    in the last 24 hours, and `drawn` what was drawn and not yet counted.
    """

    believed: int
    captures: int
    others: int
    drawn: int = 0

    @property
    def left(self) -> int:
        """The requests that are left beside captures; 0 where they need all."""
        return max(self.believed - self.captures - self.others - self.drawn, 0)

    @property
    def why(self) -> str:
        """One sentence on why nothing is left, and one on what to do."""
        drawn = f", {self.drawn} are taken" if self.drawn else ""
        return (
            f"Spotify seems to allow about {self.believed} requests a day; captures need "
            f"{self.captures}{drawn} and others made {self.others}. The next run asks again; fewer "
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


def assumed(known: Abilities, daily_requests: int) -> int | None:
    """The quota of an app that none was ever learned of; None where none is believed.

    Only development mode has one, and only there are look-ups refused.
    """
    limited = any(known.may(each) is False for each in (Ability.SEVERAL, Ability.CATALOGUE))
    return daily_requests or None if limited else None


def estimate(
    learned: Learned | None, otherwise: int | None, full_days: int, calls: Calls
) -> Estimate | None:
    """What is believed of the quota; None where nothing was assumed and nothing was learned.

    What a refusal taught replaces what is assumed `otherwise`: a little less is asked for then, or
    more where more has passed since. `full_days` raise either, slowly.
    """
    if learned is None:
        if otherwise is None:
            return None
        return Estimate(_risen(otherwise, full_days), None, full_days)
    since = {hour: each for hour, each in calls.items() if hour > hour_of(learned.at)}
    risen, passed = _risen(learned.calls * SAFE // 100, full_days), _most(since)
    return Estimate(max(risen, passed), learned, full_days, passed > risen)


def _risen(calls: int, full_days: int) -> int:
    """So many requests, and 5 % more for every seven full days; at least one more each time."""
    for _ in range(full_days // RISE_DAYS):
        calls += max(calls * RISE // 100, 1)
    return calls


def is_full_day(found: Estimate, calls: Calls, now: datetime) -> bool:
    """Whether a draw that is refused now shows that a day's requests were all asked for.

    Not where captures did not ask for what was left to them: then nobody knows that it would have
    passed. Nor in the first days after a refusal, after which Spotify is left in peace.
    """
    if found.quiet_until(now) is not None:
        return False
    return last_day(calls, now).total() * 100 >= found.calls * USED_UP


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


def room(found: Estimate, calls: Calls, now: datetime, *, plan: int = 0, drawn: int = 0) -> Room:
    """What captures leave of the quota.

    What captures asked in the last day is not taken off a second time: it makes room again as fast
    as they ask anew. Where they were held for a while, they need what they asked before; where
    they have not asked for a day yet, what is planned for them.
    """
    asked = last_day(calls, now)
    others = sum(count for name, count in asked.items() if name not in CAPTURES)
    return Room(found.calls, max(captures_need(calls), plan), others, drawn)


def planned(accounts: int, interval: timedelta) -> tuple[int, int]:
    """The page and token requests that captures of so many accounts make a day."""
    return accounts * (DAY // interval), accounts * (DAY // TOKEN_LIFE)


def is_drawn(at: datetime, now: datetime) -> bool:
    """Whether what was drawn at `at`, and never counted, may have been asked in the last 24 hours.

    Who drew it may have sent the last of it up to an hour later, and then have died.
    """
    return now - DAY - HOUR < at
