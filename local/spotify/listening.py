"""How made-up listeners listen: plays as a pure function of (world, listener, local day).

A day has sessions by weekday and habit; inside a session tracks follow one another. A play ends
at least 31 s after the one before, because Spotify counts a play only after 30 s. A session stays
inside its local day, so days can be computed alone and in any order.
"""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from local.spotify.world import Listener, Play, Track, World

_MINUTE = 60_000
_SHORTEST_MS = 31_000
_DAY_END_MS = (24 * 60 - 2) * _MINUTE
_REFERENCE_DAY = date(2025, 1, 1)  # favourites last, so they come from one fixed day's chart


@dataclass(frozen=True)
class _Habit:
    """A possible session: how likely, between which local minutes, how many tracks."""

    chance: float
    earliest: int
    latest: int
    fewest: int
    most: int


@dataclass(frozen=True)
class _Pool:
    favourites: list[Track]
    charted: list[Track]
    playlist: str


class History:
    """The plays of a world's listeners; computed days are kept, because they never change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._days: dict[tuple[str, date], tuple[Play, ...]] = {}

    def of_day(self, listener: Listener, local_day: date) -> tuple[Play, ...]:
        """One listener's plays of one of their local days, oldest first."""
        key = (listener.id, local_day)
        if key not in self._days:  # two threads may both compute it: the results are equal
            self._days[key] = plays_of_day(self._world, listener, local_day)
        return self._days[key]

    def newest(self, listener: Listener, now: datetime, count: int) -> list[Play]:
        """Up to `count` plays that ended by `now`, newest first; looks back 60 days at most."""
        plays: list[Play] = []
        today = (now + timedelta(hours=listener.utc_offset_h)).date()
        for back in range(60):
            day = self.of_day(listener, today - timedelta(days=back))
            plays += [play for play in reversed(day) if play.played_at <= now]
            if len(plays) >= count:
                break
        return plays[:count]

    def between(self, listener: Listener, start: datetime, end: datetime) -> list[Play]:
        """All plays with start < played_at <= end, oldest first."""
        offset = timedelta(hours=listener.utc_offset_h)
        day, last = (start + offset).date(), (end + offset).date()
        plays: list[Play] = []
        while day <= last:
            plays += [p for p in self.of_day(listener, day) if start < p.played_at <= end]
            day += timedelta(days=1)
        return plays


def plays_of_day(world: World, listener: Listener, local_day: date) -> tuple[Play, ...]:
    """All plays of one local day, oldest first, `played_at` rising by at least 31 s."""
    rng = random.Random(f"{world.seed}|{listener.id}|{local_day}")  # noqa: S311 - not a secret
    if rng.random() < 0.03:
        return ()  # a day off
    pool = _pool(world, listener, local_day)
    zero = datetime(local_day.year, local_day.month, local_day.day, tzinfo=UTC)
    zero -= timedelta(hours=listener.utc_offset_h)
    plays: list[Play] = []
    cursor = 0
    for habit in _habits(listener, weekend=local_day.weekday() >= 5):
        happens, at = rng.random() < habit.chance, rng.random()
        length = rng.randint(habit.fewest, habit.most)
        if not happens:
            continue
        start = int((habit.earliest + at * (habit.latest - habit.earliest)) * _MINUTE)
        cursor = max(start + rng.randrange(1000), cursor + 5 * _MINUTE)
        tracks, context = _session(rng, world, pool, max(2, round(length * listener.intensity)))
        for track in tracks:
            skipped = rng.random() < 0.12
            heard = int(track.duration_ms * (0.3 + 0.6 * rng.random()))
            cursor += max(_SHORTEST_MS, heard if skipped else track.duration_ms)
            if cursor > _DAY_END_MS:
                return tuple(plays)
            plays.append(Play(zero + timedelta(milliseconds=cursor), track, context))
            cursor += rng.randint(120, 4200)
    return tuple(plays)


def _habits(listener: Listener, *, weekend: bool) -> list[_Habit]:
    if weekend:
        return [
            _Habit(0.8, 9 * 60 + 30, 12 * 60, 6, 18),
            _Habit(0.6, 14 * 60, 17 * 60, 8, 24),
            _Habit(listener.evenings * 0.8, 20 * 60, 21 * 60 + 30, 10, 30),
        ]
    return [
        _Habit(listener.mornings, 6 * 60 + 30, 8 * 60 + 30, 5, 12),
        _Habit(0.3, 11 * 60 + 45, 12 * 60 + 30, 3, 8),
        _Habit(listener.evenings, 17 * 60 + 30, 20 * 60, 8, 24),
    ]


def _pool(world: World, listener: Listener, local_day: date) -> _Pool:
    chart = next(c for c in world.charts if c.country == listener.country)
    now = [t for t in world.chart_page(chart, local_day).places if t is not None]
    then = [t for t in world.chart_page(chart, _REFERENCE_DAY).places if t is not None]
    rng = random.Random(f"{world.seed}|{listener.id}|favourites")  # noqa: S311 - not a secret
    loved = set(rng.sample(sorted({t.artist_ids[0] for t in then}), k=min(7, _artists(then))))
    favourites = [t for t in world.catalogue.tracks.values() if t.artist_ids[0] in loved]
    rng.shuffle(favourites)
    return _Pool(favourites, now, f"spotify:playlist:{chart.playlist_id}")


def _artists(tracks: list[Track]) -> int:
    return len({t.artist_ids[0] for t in tracks})


def _session(
    rng: random.Random, world: World, pool: _Pool, length: int
) -> tuple[list[Track], str | None]:
    """The tracks of one session and where they are played from."""
    kind = rng.random()
    if kind < 0.3:
        return [_pick(rng, pool.charted) for _ in range(length)], pool.playlist
    if kind < 0.55:
        album = world.catalogue.albums[_pick(rng, pool.favourites).album_id]
        tracks = [world.catalogue.tracks[track_id] for track_id in album.track_ids]
        return tracks[:length], f"spotify:album:{album.id}"
    mixed: list[Track] = []
    for _ in range(length):
        again = rng.random()
        if mixed and again < 0.06:
            mixed.append(mixed[-1])  # on repeat
        else:
            mixed.append(_pick(rng, pool.favourites if again < 0.75 else pool.charted))
    return mixed, None


def _pick(rng: random.Random, tracks: list[Track]) -> Track:
    # The square leans towards the front of the list: a few tracks are played far more often.
    return tracks[int(rng.random() ** 2 * len(tracks))]
