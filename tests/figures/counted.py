"""Requests as the local providers counted them, beside the least and beside our own count."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from local.kworb import app as kworb
from local.spotify.settings import Mode, Settings
from local.spotify.world import Track, midnight
from tests.figures import least
from tests.figures.days import DaysWorld, Listening, charted, days_world
from tests.figures.files import chart_files
from tests.figures.lake import DaysLake, Sent
from tests.statemachines.engine import Execution
from tests.template.translated import DEFAULT

Charts = Literal["spotify", "files", "kworb"]
# Each access mode with whom its charts are from.
MODES: tuple[tuple[Mode, Charts], ...] = (
    ("extended", "spotify"),
    ("development_2025", "files"),
    ("development", "files"),
    ("development", "kworb"),
)
MONTHS: tuple[Mode, ...] = ("extended", "development")  # in which a listener's month is lived
CONTACT = "you@example.org"
SOURCES = {
    "kworb": {"CHART_SOURCES": "spotify,kworb", "CONTACT": CONTACT, "GENRE_SOURCES": "spotify"}
}
UNLIMITED = {"DAILY_REQUESTS": "0"}  # what a quota does is shown by the budget
RUNS = (timedelta(hours=12, minutes=30), timedelta(hours=16, minutes=30), timedelta(hours=20.5))
CAPTURES = tuple(timedelta(minutes=7 + 20 * number) for number in range(72))
MOST_RUNS = 60  # that may be needed to ask for everything once
CLOSE = 0.05  # more than the least by no more than this
TOKEN = "api/token"
PAGE = "me/player/recently-played"
MONTH = 30  # days
OLDER = 600  # tracks outside the charts, which a month's listening finds


@dataclass(frozen=True)
class Line:
    """The requests to one endpoint: the least, those counted by the provider, and by us."""

    endpoint: str
    least: int
    formula: str
    counted: int
    ours: int

    @property
    def more(self) -> int:
        """Requests beyond the least."""
        return max(self.counted - self.least, 0)

    @property
    def missing(self) -> int:
        """Requests that were not made, and are needed."""
        return max(self.least - self.counted, 0)


@dataclass
class Case:
    """One comparison. `runs` are the daily machine's; `failed` says how those that failed ended."""

    name: str
    lines: list[Line]
    runs: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def least(self) -> int:
        return sum(line.least for line in self.lines)

    @property
    def counted(self) -> int:
        return sum(line.counted for line in self.lines)

    @property
    def more(self) -> int:
        return sum(line.more for line in self.lines)

    @property
    def share(self) -> float:
        """How much more than the least was asked; 0.05 are 5 %."""
        return self.more / self.least if self.least else float(bool(self.more))

    def wrong(self) -> list[str]:
        """What must not be, in sentences."""
        found = [f"a run failed: {sentence}" for sentence in self.failed]
        if self.share > CLOSE:
            found.append(f"{self.more:,} requests more than the {self.least:,} that would do.")
        for line in self.lines:
            if line.missing:
                found.append(f"{line.missing:,} requests to {line.endpoint} were not made.")
            if line.ours != line.counted:
                found.append(
                    f"of {line.endpoint} Soundlake counted {line.ours:,}, its provider "
                    f"{line.counted:,}."
                )
        return [f"{self.name}: {sentence}" for sentence in found]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"least": self.least, "counted": self.counted}

    @classmethod
    def read(cls, known: dict[str, Any]) -> "Case":
        """What `as_dict` gave."""
        lines = [Line(**each) for each in known["lines"]]
        return cls(known["name"], lines, known["runs"], known["failed"])


class Counting:
    """What was asked since it began."""

    def __init__(self, lake: DaysLake) -> None:
        self._lake = lake
        self._begin = len(lake.providers.sent)
        self._before = self._counted()
        self._ours = Counter[str]()
        self.runs: list[Execution] = []
        self._captures = len(lake.captures)
        self._processes: set[tuple[int, str]] = set()

    def _counted(self) -> Counter[str]:
        return Counter(self._lake.control.requests.summary()["by_endpoint"])

    def run(self, at: datetime) -> list[Sent]:
        """A daily run, and what it sent."""
        begin = len(self._lake.providers.sent)
        run = self._lake.daily(at)
        self.runs.append(run)
        self._ours += ours(run)
        sent = self._lake.providers.sent[begin:]
        for each in sent:
            if each.provider == "spotify" and each.endpoint != TOKEN:
                self._processes.add((len(self.runs), str(each.verb)))
        return sent

    def app_tokens(self) -> list[least.Least]:
        """A token of the app's own for each process that asked Spotify anything."""
        verbs = Counter(verb for _, verb in self._processes)
        return least.tokens(verbs)

    def case(self, name: str, parts: Iterable[least.Least]) -> Case:
        """What was counted beside the least; an endpoint that need not be asked has 0 there."""
        counted = self._counted() - self._before
        sent = Counter(each.endpoint for each in self._lake.providers.sent[self._begin :])
        assert sent == counted, f"counted were {counted}, and {sent} went out"
        mine = Counter(self._ours)
        for each in self._lake.captures[self._captures :]:
            mine.update(each.requests)
        needed = {each.endpoint: each for each in least.together(parts) if each.count}
        lines = []
        for endpoint in [*needed, *sorted(counted.keys() - needed.keys())]:
            one = needed.get(endpoint) or least.Least(endpoint, 0, "not needed", "")
            lines.append(Line(endpoint, one.count, one.formula, counted[endpoint], mine[endpoint]))
        failed = [f"{run.error}: {run.cause}" for run in self.runs if run.status != "SUCCEEDED"]
        return Case(name, lines, len(self.runs), failed)


def ours(run: Execution) -> Counter[str]:
    """What a run's functions say they sent; a function's tries for one thing add up in its last."""
    last: dict[tuple[str, str], Mapping[str, int]] = {}
    for call in run.invocations:
        chart = call.event.get("chart") or {}
        name = chart if isinstance(chart, str) else chart.get("chart", "")
        if isinstance(call.result, dict) and "requests" in call.result:
            last[call.verb, f"{name} {call.event.get('date')}"] = call.result["requests"]
    total = Counter[str]()
    for each in last.values():
        total.update(each)
    return total


def days(path: Path, mode: Mode, charts: Charts, only: Sequence[str] = ()) -> list[Case]:
    """The first daily run on a day, and the next day's, 5 % of whose tracks are new.

    Where one run has not the time for everything, as many follow as it takes. `only` these
    countries' charts.
    """
    behind = kworb.BEHIND if charts == "kworb" else timedelta(0)
    world = days_world(path, 2 + behind.days, only=only)
    lake = DaysLake(world, Settings(mode=mode), UNLIMITED | SOURCES.get(charts, {}))
    truth = least.Truth(world, mode, analyses=analyses())
    found: list[Case] = []
    with lake.opened():
        for day in sorted(world.pages)[behind.days :]:
            lake.time.reach(midnight(day))
            counting = Counting(lake)
            if charts == "files":
                lake.load_files(chart_files(world, day, world.charts))
            _until_all_is_asked(counting, midnight(day) + RUNS[0])
            truth.begin_day()
            if charts == "spotify":
                parts = [*least.playlists(world), *truth.run(charted(world, day))]
            else:
                named = charted(world, day) if charts == "files" else _on_kworb(lake, day - behind)
                parts = truth.run((), named)
            if charts == "kworb":
                parts += least.kworb(world)
            name = "the next day" if found else "the first day"
            probed = [] if found else least.probe(mode)
            parts += [*probed, *counting.app_tokens()]
            found.append(counting.case(f"{mode}, charts from {charts}: {name}", parts))
    return found


def _on_kworb(lake: DaysLake, day: date) -> list[Track]:
    """The tracks that the local kworb.net's charts of a day show: 200 each."""
    shown = [
        one for chart in lake.provided.charts for one in kworb.tracks(lake.control, chart, day)
    ]
    return list({one.id: one for one in shown}.values())


def _until_all_is_asked(counting: Counting, at: datetime) -> None:
    """Run until a run sends no look-up; the first one may be all."""
    for number in range(MOST_RUNS):
        sent = counting.run(at + number * timedelta(minutes=10))
        if not any(each.verb == "Enrich" for each in sent):
            return
    raise RuntimeError(f"After {MOST_RUNS} runs there is still something to ask.")


def month(path: Path, mode: Mode, days: int = MONTH) -> Case:
    """A listener's month: captures every 20 minutes, their country's chart, three runs a day."""
    world = days_world(path, days, older=OLDER)
    lake = DaysLake(world, Settings(mode=mode), UNLIMITED)
    parts = least.probe(mode)
    with lake.opened():
        lived = _Month(lake, world, Listening(world, days), mode)
        for day in sorted(world.pages):
            parts += lived.day(day)
        parts += lived.counting.app_tokens()
        return lived.counting.case(f"{mode}: {days} days of a listener", parts)


class _Month:
    """A listener's days, one after the other."""

    def __init__(self, lake: DaysLake, world: DaysWorld, listening: Listening, mode: Mode) -> None:
        self.counting = Counting(lake)
        self._lake = lake
        self._world = world
        self._listening = lake.control.history = listening
        self._extended = mode == "extended"
        self._truth = least.Truth(world, mode, analyses=analyses())
        country = world.listeners[0].country
        self._chart = next(one for one in world.charts if one.country == country)
        lake.charts_csv([self._chart])

    def day(self, day: date) -> list[least.Least]:
        """Live through one; the least of it."""
        begin = midnight(day)
        self._truth.begin_day()
        page = [one for one in self._world.chart_page(self._chart, day).places if one is not None]
        self._lake.time.reach(begin)
        if not self._extended:
            self._lake.load_files(chart_files(self._world, day, [self._chart]))
        parts = [
            least.Least(PAGE, len(CAPTURES), "72", "72 a day"),
            least.Least(TOKEN, 24, "24", "the listener's, one an hour"),
        ]
        if self._extended:
            parts.append(least.Least("playlists/{id}", 1, "1", "1 a day"))
        for each in sorted([*CAPTURES, *RUNS]):
            if each not in RUNS:
                self._lake.capture(begin + each)
                continue
            self.counting.run(begin + each)
            shown = self._listening.seen_by(self._lake.captures[-1].at)
            if self._extended:
                parts += self._truth.run([*shown, *page])
            else:
                parts += self._truth.run(shown, page)
        return parts


def analyses() -> int:
    """How many a day a stack's runs ask for unless told otherwise."""
    return int(DEFAULT.value("AnalysesPerDay"))
