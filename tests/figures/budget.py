"""A month in development mode under a daily quota: what is asked, what waits, what is known.

One listener with 100 plays a day is captured every 20 minutes; the daily machine runs three times a
day; each morning the day's charts are imported as files, 5 % of whose tracks are new. The local
Spotify counts the quota and locks out whoever exceeds it, as Spotify does.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from soundlake import access, asking, quota
from soundlake.settings import settings
from soundlake.store.budget import Budget

from local.spotify.settings import Settings
from local.spotify.world import Track, midnight
from tests.figures.counted import CAPTURES, OLDER, PAGE, RUNS, TOKEN
from tests.figures.days import DaysWorld, Listening, charted, days_world
from tests.figures.files import chart_files
from tests.figures.lake import DaysLake, Sent

DAYS = 30
QUOTA = 800
CONTACT = "you@example.org"
# What the groups of endpoints are called, in the order in which they are drawn.
KINDS = ("captures", "tokens", "tracks", "albums", "artists", "others", "ReccoBeats", "MusicBrainz")
SPOTIFYS = KINDS[:6]


@dataclass(frozen=True)
class Plan:
    """What is simulated. Spotify's `quota` a day is `falls_to` from the day `falls_on` on.

    `told` is what the stack is told of it (`DailyRequests`).
    """

    name: str
    days: int = DAYS
    quota: int = QUOTA
    told: int = QUOTA
    falls_on: int | None = None
    falls_to: int = 0
    older: int = OLDER
    only: tuple[str, ...] = ()  # countries whose charts there are; all where it is empty

    def quota_on(self, number: int) -> int:
        """Spotify's quota on a day, the first of which is 1."""
        fallen = self.falls_on is not None and number >= self.falls_on
        return self.falls_to if fallen else self.quota

    def of(self, days: int) -> "Plan":
        """The same, of so many days."""
        return replace(self, days=days)

    def broken(self, lived: Sequence["Day"]) -> list[str]:
        """What must not be: a request while blocked, a capture missed without cause.

        A quota that falls is a cause, and so is one that all is asked of: trying for more meets it.
        """
        found = []
        if blocked := sum(day.while_blocked for day in lived):
            found.append(f"{blocked} requests were made while blocked.")
        missed = sum(day.missed for day in lived)
        if missed and self.falls_on is None and self.told < self.quota:
            found.append(f"{missed} captures were missed.")
        return found


@dataclass
class Day:
    """One day. `calls` are by kind; `refused` those that Spotify's quota refused.

    `most` is the most requests that Spotify counted in 24 hours until any of the day's; `wanted`
    and `known` are ids by kind, as far as an answer or a file has named them by the day's end.
    """

    number: int
    day: date
    quota: int
    calls: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    while_blocked: int = 0
    most: int = 0
    captures: int = 0
    missed: int = 0
    believed: int | None = None
    wanted: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @property
    def waiting(self) -> dict[str, int]:
        """What is still to be asked for, by kind."""
        return {kind: self.wanted[kind] - self.known[kind] for kind in DETAILS}

    def share(self, kind: str) -> float:
        """How much of what is wanted is known."""
        return self.known[kind] / self.wanted[kind] if self.wanted[kind] else 1.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"day": self.day.isoformat()}

    @classmethod
    def read(cls, known: dict[str, Any]) -> "Day":
        """What `as_dict` gave."""
        return cls(**known | {"day": date.fromisoformat(known["day"])})


# What a look-up answers once: a track without features is asked about all the same.
DETAILS = ("tracks", "albums", "artists", "features asked")
COVERAGE = (*DETAILS[:3], "features", "plays with features", "genres")


def simulate(path: Path, plan: Plan) -> Iterator[Day]:
    """Live through the days of a plan, one after the other."""
    world = days_world(path, plan.days, older=plan.older, only=plan.only)
    listening = Listening(world, plan.days)
    limited = Settings(mode="development", daily_quota=plan.quota)
    lake = DaysLake(world, limited, {"DAILY_REQUESTS": str(plan.told), "CONTACT": CONTACT})
    with lake.opened():
        lake.control.history = listening
        lake.charts_csv([one for one in world.charts if one.country == _country(world)])
        for number, day in enumerate(sorted(world.pages), 1):
            lake.control.set_access(daily_quota=plan.quota_on(number))
            yield _live(lake, listening, Day(number, day, plan.quota_on(number)))


def _country(world: DaysWorld) -> str:
    return world.listeners[0].country


def _live(lake: DaysLake, listening: Listening, day: Day) -> Day:
    world: DaysWorld = lake.provided  # type: ignore[assignment]
    begin, sent = midnight(day.day), len(lake.providers.sent)
    lake.time.reach(begin)
    lake.load_files(chart_files(world, day.day, world.charts))
    for each in sorted([*CAPTURES, *RUNS]):
        if each in RUNS:
            run = lake.daily(begin + each)
            if run.status != "SUCCEEDED":
                day.failed.append(f"{run.error}: {run.cause}")
        else:
            day.captures += 1
            day.missed += lake.capture(begin + each).status != "captured"
    lake.derive()
    _count(day, lake.providers.sent[sent:], lake.providers.sent)
    _measure(lake, listening, day)
    return day


def _count(day: Day, sent: list[Sent], ever: list[Sent]) -> None:
    calls = Counter(kind_of(each.endpoint) for each in sent)
    day.calls = {kind: calls[kind] for kind in KINDS}
    day.refused = sum(each.status == 429 for each in sent if each.provider == "spotify")
    day.while_blocked = sum(each.blocked for each in sent)
    day.most = max(most_in_24_hours(ever, day.day), default=0)


def most_in_24_hours(ever: list[Sent], day: date) -> Iterable[int]:
    """How many requests Spotify counted in the 24 hours to each of a day's."""
    counted = [each.at for each in ever if each.provider == "spotify" and each.endpoint != TOKEN]
    first = 0
    for last, at in enumerate(counted):
        while counted[first] <= at - timedelta(hours=24):
            first += 1
        if at.date() == day:
            yield last - first + 1


def kind_of(endpoint: str) -> str:
    """The kind of an endpoint, one of `KINDS`."""
    if endpoint in {PAGE, TOKEN}:
        return "captures" if endpoint == PAGE else "tokens"
    named = {"reccobeats": "ReccoBeats", "musicbrainz": "MusicBrainz"}
    first = endpoint.partition("/")[0]
    return first if first in KINDS else named.get(first, "others")


def _measure(lake: DaysLake, listening: Listening, day: Day) -> None:
    """Hold the tables against what the world has shown so far."""
    world: DaysWorld = lake.provided  # type: ignore[assignment]
    shown: dict[str, Track] = {}
    for each in (each for each in world.pages if each <= day.day):
        shown |= {one.id: one for one in charted(world, each)}
    last = max((one.at for one in lake.captures if one.status == "captured"), default=None)
    if last is not None:
        shown |= {one.id: one for one in listening.seen_by(last)}
    wanted = {
        "tracks": set(shown),
        "albums": {one.album_id for one in shown.values()},
        "artists": {artist for one in shown.values() for artist in one.artist_ids},
    }
    features = lake.rows("audio_features", ["track_id", "source"])
    artists = lake.rows("artists")
    known = {
        "tracks": {row["track_id"] for row in lake.rows("tracks", ["track_id"])},
        "albums": _detailed(lake.rows("albums", ["album_id", "detail_raw_key"]), "album_id"),
        "artists": _detailed(artists, "artist_id"),
        "features asked": {row["track_id"] for row in features},
        "features": {row["track_id"] for row in features if row["source"]},
        "genres": {row["artist_id"] for row in artists if row["genres"]},
    }
    plays = Counter(row["track_id"] for row in lake.rows("plays", ["track_id"]))
    of = {"features": "tracks", "features asked": "tracks", "genres": "artists"}
    for kind, ids in known.items():
        whole = wanted[of.get(kind, kind)]
        day.wanted[kind], day.known[kind] = len(whole), len(whole & ids)
    day.wanted["plays with features"] = plays.total()
    day.known["plays with features"] = sum(
        count for each, count in plays.items() if each in known["features"]
    )
    day.believed = _believed(lake)


def _detailed(rows: Iterable[dict[str, Any]], name: str) -> set[str]:
    return {row[name] for row in rows if row["detail_raw_key"]}


def _believed(lake: DaysLake) -> int | None:
    """How many requests a day the stack believes to be allowed."""
    asking.budgets.cache_clear()
    access.abilities_table.cache_clear()
    now, client_id = lake.time.now, lake.control.settings.client_id
    known = asking.budgets().known(Budget(client_id, settings().quota_owner), now)
    may = access.abilities_table().abilities(client_id, now)
    found = known.estimate(quota.assumed(may, int(settings().daily_requests)))
    return None if found is None else found.calls
