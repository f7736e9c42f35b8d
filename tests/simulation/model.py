"""A life: what a person heard, what Spotify showed of it, and what went wrong; of a seed alone.

All times are whole milliseconds of UTC. Spotify's list is modelled in both ways that nobody can
tell apart from outside: the 50 plays that are newest by `played_at`, and the 50 that arrived last.
"""

import random
from bisect import bisect_right, insort
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

WINDOW = 50
AHEAD = 5 * MINUTE  # a logical time further in the future is refused
SHORTEST = 30 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ERRORS = ("error_500", "error_500_once", "error_401", "empty_body", "html", "error_inside")
PAGES = ("shuffled", "short", "empty", "garbled")  # what a page may be beside whole
RUNS = ("missed", "doubled", "late_run", "killed")
SPELLS = (
    "outage_hours",
    "outage_days",
    "stale",
    "flicker",
    "clock_jump",
    "reread",
    "whole_seconds",
)
FAULTS = (*SPELLS, *PAGES, *ERRORS, *RUNS)

NEWEST, ARRIVED = "newest", "arrived"
START, END = "start", "end"


def moment(ms: int) -> datetime:
    """Milliseconds as an aware UTC datetime."""
    return EPOCH + timedelta(milliseconds=ms)


def millis(value: datetime) -> int:
    """A table's naive UTC datetime, or an aware one, in milliseconds."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Habits:
    """How one person listens, and how Spotify is in this life."""

    window: str  # which 50 plays are listed
    meaning: str  # what `played_at` says
    interval: int  # between two runs
    sessions: float  # a day
    tracks: int  # in a usual session
    bursts: float  # the chance that a session is one of 30-second tracks
    repeats: float  # the chance that a track is heard again at once
    private: float  # the chance that a session is private
    offline: float  # spells without a connection, a week


@dataclass(slots=True)
class Heard:
    """One play. `late` says that a newer one had surfaced before it; never shown, it is private."""

    number: int
    track: int
    start: int
    end: int
    at: int  # what `played_at` says
    surfaced: int
    private: bool
    late: bool = False
    again: tuple[int, int] | None = None  # from when on it is read otherwise, and as what

    def reading(self, now: int) -> int:
        """What `played_at` says at a time."""
        return self.at if self.again is None or now < self.again[0] else self.again[1]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the capture machine. `state` is the time whose list it is shown."""

    name: str
    at: int
    scheduled: int
    state: int
    error: str | None = None  # in the place of a page
    rows: int = WINDOW  # a short page shows the newest of them alone
    shuffled: bool = False
    garbled: bool = False  # some of its rows cannot be read
    seconds: bool = False  # `played_at` comes without its milliseconds
    killed: bool = False  # after the capture, before anything is derived
    held: bool = False  # derived after the run that follows, which overtakes it

    @property
    def refused(self) -> bool:
        """Whether Select refuses it, because its time lies in the future: nobody is asked."""
        return self.scheduled > self.at + AHEAD


@dataclass(frozen=True, slots=True)
class Week:
    """A week and whether anything goes wrong in it."""

    start: int
    end: int
    faulty: bool


@dataclass
class Life:
    """Everything that is true in one life."""

    seed: str
    habits: Habits
    weeks: list[Week]
    heard: list[Heard]
    runs: list[Run]
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def start(self) -> int:
        """When its first week begins; it was listened before, too."""
        return self.weeks[0].start

    @property
    def end(self) -> int:
        """When its last week ends."""
        return self.weeks[-1].end

    @cached_property
    def arrivals(self) -> list[Heard]:
        """The plays that were ever to be seen, as they surfaced."""
        public = [play for play in self.heard if not play.private]
        return sorted(public, key=lambda play: (play.surfaced, play.at))

    @cached_property
    def _surfaced(self) -> list[int]:
        return [play.surfaced for play in self.arrivals]

    @cached_property
    def _windows(self) -> list[list[Heard]]:
        """The window after each arrival, oldest first; the first one before any."""
        windows: list[list[Heard]] = [[]]
        for number, play in enumerate(self.arrivals, 1):
            if self.habits.window == ARRIVED:
                window = self.arrivals[max(0, number - WINDOW) : number]
                window.sort(key=_by_time)
            else:
                window = list(windows[-1])
                insort(window, play, key=_by_time)
                window = window[-WINDOW:]
            windows.append(window)
        return windows

    def arrived(self, now: int) -> int:
        """How many plays have surfaced."""
        return bisect_right(self._surfaced, now)

    def window(self, now: int) -> list[Heard]:
        """What Spotify remembers at a time, oldest first."""
        return self._windows[self.arrived(now)]

    def ever_listed(self, play: Heard) -> bool:
        """Whether the window held a play when it had surfaced."""
        return any(play is one for one in self.window(play.surfaced))

    def page(self, run: Run) -> list[tuple[Heard, int]]:
        """The rows that a run is shown: newest first, each with what `played_at` says."""
        rows = [(play, play.reading(run.state)) for play in reversed(self.window(run.state))]
        rows = rows[: run.rows]
        if run.seconds:
            rows = [(play, reading // SECOND * SECOND) for play, reading in rows]
        if run.shuffled:
            random.Random(f"{self.seed}|{run.name}").shuffle(rows)
        return rows


def _by_time(play: Heard) -> tuple[int, int]:
    return play.at, play.number


def life(seed: str, weeks: int, *, habits: Habits | None = None, faulty: float = 0.5) -> Life:
    """One life of some weeks; `faulty` is the share of weeks in which things go wrong."""
    rng = random.Random(seed)
    habits = habits or _habits(rng)
    start = _first_day(rng, weeks)
    spans = [
        Week(start + n * WEEK, start + (n + 1) * WEEK, rng.random() < faulty) for n in range(weeks)
    ]
    heard = _heard(rng, habits, start - rng.randint(3, 40) * DAY, spans[-1].end)
    faults: Counter[str] = Counter()
    runs: list[Run] = []
    for week in spans:
        own = _regular(habits, week)
        runs += _spoiled(rng, own, week, heard, faults) if week.faulty else own
    runs.sort(key=lambda run: (run.at, run.name))
    return Life(seed, habits, spans, heard, runs, faults)


def _habits(rng: random.Random) -> Habits:
    return Habits(
        window=rng.choice([NEWEST, ARRIVED]),
        meaning=rng.choice([START, END]),
        interval=rng.choice([20, 20, 20, 25, 30, 60]) * MINUTE,
        sessions=rng.choice([0.05, 0.5, 1.5, 3, 5]),
        tracks=rng.choice([4, 12, 30]),
        bursts=rng.choice([0, 0, 0.05, 0.3]),
        repeats=rng.choice([0.02, 0.02, 0.3]),
        private=rng.choice([0, 0.02, 0.1]),
        offline=rng.choice([0, 0, 0.1, 0.5]),
    )


def _first_day(rng: random.Random, weeks: int) -> int:
    """A first day; of short lives, most have a month's edge, which long ones have anyway."""
    day = datetime(rng.randint(2024, 2027), rng.randint(1, 12), 1, tzinfo=UTC)
    back = rng.randint(1, 6) if weeks < 5 else rng.randint(0, 27)
    return millis(day - timedelta(days=back))


# Listening.


def _heard(rng: random.Random, habits: Habits, first: int, last: int) -> list[Heard]:
    spells = _offline(rng, habits, first, last)
    plays: list[Heard] = []
    cursor = first
    day = first
    while day < last:
        for begin in sorted(_sessions(rng, habits, day)):
            cursor = max(cursor + MINUTE, begin)
            private = rng.random() < habits.private
            spell = next((s for s in spells if s[0] <= cursor < s[1]), None)
            offline = spell is not None and rng.random() < spell[2]
            for track, length in _tracks(rng, habits):
                end = cursor + length
                online = spell[1] + rng.randint(1, 60) * SECOND if spell and offline else 0
                at = cursor if habits.meaning == START else end
                surfaced = max(end + 1, spell[1] if spell and online else 0)
                plays.append(Heard(len(plays), track, cursor, end, at, surfaced, private))
                cursor = end + rng.choice([0, 0, rng.randint(0, 4000)])
        day += DAY
    plays = [play for play in plays if play.end < last]
    _mark_late(plays)
    return plays


def _offline(
    rng: random.Random, habits: Habits, first: int, last: int
) -> list[tuple[int, int, float]]:
    """Spells without a connection, and what share of their sessions is on that phone."""
    spells = []
    for _ in range(round(habits.offline * (last - first) / WEEK)):
        begin = rng.randrange(first, last)
        length = rng.choice([2 * HOUR, 8 * HOUR, DAY, 3 * DAY, rng.randint(4, 45) * DAY])
        spells.append((begin, begin + rng.randint(length // 2, length), rng.choice([0.3, 0.7, 1])))
    return spells


def _sessions(rng: random.Random, habits: Habits, day: int) -> list[int]:
    count = int(habits.sessions) + (rng.random() < habits.sessions % 1)
    if rng.random() < 0.08:
        count = 0  # a day off
    return [day + rng.randrange(DAY) for _ in range(count)]


def _tracks(rng: random.Random, habits: Habits) -> list[tuple[int, int]]:
    """The tracks of a session, each with how long it is heard."""
    if rng.random() < habits.bursts:
        same = rng.random() < 0.3
        first = rng.randrange(400)
        return [
            (first if same else rng.randrange(400), SHORTEST + rng.choice([0, 0, 1, 700]))
            for _ in range(rng.randint(20, 160))
        ]
    tracks: list[tuple[int, int]] = []
    for _ in range(rng.randint(1, 2 * habits.tracks)):
        again = tracks and rng.random() < habits.repeats
        track = tracks[-1][0] if again else int(rng.random() ** 2 * 400)
        skipped = rng.random() < 0.15
        length = rng.randint(SHORTEST, 90 * SECOND) if skipped else 95_000 + track * 613
        tracks.append((track, length))
    return tracks


def _mark_late(plays: list[Heard]) -> None:
    """A play is late where a newer one surfaced before it: so a list can be told from it."""
    newest = 0
    for play in sorted(plays, key=lambda one: (one.surfaced, one.at)):
        if not play.private:
            play.late = play.at < newest
            newest = max(newest, play.at)


# Runs, and what goes wrong.


def _regular(habits: Habits, week: Week) -> list[Run]:
    runs = []
    for number, scheduled in enumerate(range(week.start, week.end, habits.interval)):
        at = scheduled + (2 + number % 5) * SECOND
        name = f"run-{scheduled // MINUTE}"
        runs.append(Run(name, at, scheduled, at))
    return runs


def _spoiled(
    rng: random.Random, runs: list[Run], week: Week, heard: list[Heard], faults: Counter[str]
) -> list[Run]:
    """A week's runs with faults: spells first, then what happens to single runs."""
    kinds = rng.sample(FAULTS, rng.choice([1, 2, 3, 6, len(FAULTS)]))
    last = week.end - 3 * HOUR  # what goes wrong is over by then
    for kind in [kind for kind in kinds if kind in SPELLS]:
        for _ in range(rng.randint(1, 3)):
            begin = rng.randrange(week.start, last - HOUR)
            end = min(begin + _length(rng, kind), last)
            faults[kind] += 1
            if kind == "reread":
                _reread(rng, heard, begin, end)
            else:
                runs = _in_spell(rng, runs, kind, begin, end)
    single = [kind for kind in kinds if kind not in SPELLS]
    rates = {kind: rng.choice([0.005, 0.03, 0.3]) for kind in single}
    done: list[Run] = []
    for run in runs:
        kind = next((k for k in single if rng.random() < rates[k]), None)
        if kind is None or run.at >= last or run.error:
            done.append(run)
            continue
        faults[kind] += 1
        done += _single(rng, run, kind, last)
    return done


def _length(rng: random.Random, kind: str) -> int:
    match kind:
        case "outage_days":
            return rng.randint(1, 5) * DAY
        case "outage_hours":
            return rng.randint(20 * MINUTE, 12 * HOUR)
        case _:
            return rng.choice([10 * MINUTE, HOUR, 6 * HOUR, DAY])


def _in_spell(rng: random.Random, runs: list[Run], kind: str, begin: int, end: int) -> list[Run]:
    error = rng.choice(["unreachable", "error_500"])
    back = rng.choice([0, 5 * MINUTE, HOUR, DAY])
    offset = rng.choice([-3 * HOUR, -HOUR, -7 * MINUTE, 3 * MINUTE, 2 * HOUR])

    def changed(run: Run) -> Run:
        if kind.startswith("outage"):
            return replace(run, error=error)
        if kind == "whole_seconds":
            return replace(run, seconds=True)
        if kind == "clock_jump":
            return replace(run, scheduled=run.scheduled + offset)
        stale = kind == "stale" or rng.random() < 0.5
        return replace(run, state=min(run.state, begin - back)) if stale else run

    return [changed(run) if begin <= run.at < end else run for run in runs]


def _reread(rng: random.Random, heard: list[Heard], begin: int, end: int) -> None:
    """Plays whose `played_at` changes by some seconds while they are listed.

    Not those with another play of their track near by: what is which could not be told.
    """
    last: dict[int, Heard] = {}
    alone: list[Heard] = []
    crowded: set[int] = set()
    for play in heard:
        if not begin - DAY <= play.at < end:
            continue
        before = last.get(play.track)
        if before is not None and play.start - before.end < 2 * MINUTE:
            crowded |= {before.number, play.number}
        last[play.track] = play
        alone.append(play)
    for play in alone:
        if play.number not in crowded and play.again is None and rng.random() < 0.1:
            shift = rng.choice([1, 250, 3000, 29_000])
            play.again = (max(begin, play.surfaced + 1), play.at + shift)


def _single(rng: random.Random, run: Run, kind: str, last: int) -> list[Run]:
    """What becomes of one run that meets a fault: no run, one, or two."""
    match kind:
        case "missed":
            return []
        case "doubled":
            second = run.at + rng.choice([0, 1, 40, 400]) * SECOND
            again = replace(run, name=f"{run.name}-again", at=second, state=second)
            return [replace(run, held=rng.random() < 0.5), again]
        case "late_run":
            by = rng.choice([5 * MINUTE, 35 * MINUTE, HOUR, 2 * HOUR])
            at = max(run.at, min(run.at + by, last))
            return [replace(run, at=at, state=at)]
    return [_spoiled_answer(rng, run, kind)]


def _spoiled_answer(rng: random.Random, run: Run, kind: str) -> Run:
    match kind:
        case "shuffled":
            return replace(run, shuffled=True)
        case "garbled":
            return replace(run, garbled=True)
        case "short":
            return replace(run, rows=rng.choice([1, 3, 10, 20, 49]))
        case "empty":
            return replace(run, rows=0)
        case "killed":
            return replace(run, killed=True)
        case _:
            return replace(run, error=kind)
