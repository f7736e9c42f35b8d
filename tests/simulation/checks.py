"""The promise, checked against the truth: the same for whatever drove the product.

What any captured page showed is kept exactly once. Every other loss lies inside a reported, open
gap, or leaves no trace, and those are counted apart. Weeks without faults report no gap.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from soundlake.coverage import GAP, OBSERVED, PROVISIONAL, SETTLED, UNSETTLED

from tests.simulation.model import DAY, HOUR, WINDOW, Heard, Life, Week, millis, moment
from tests.simulation.oddities import TIMED

UNREADABLE = "on rows that cannot be read"
ENOUGH = 0.95  # of the settled days of weeks without faults become observed

Row = dict[str, Any]


@dataclass
class Lived:
    """A life, and what the product made of it."""

    life: Life
    uri: Callable[[int], str]  # of a track
    shown: dict[int, int] = field(default_factory=dict)  # by play: the earliest reading shown
    hidden: dict[int, set[str]] = field(default_factory=dict)  # by play: rows that no one can read
    first: int | None = None  # the state that the first page with a play showed
    plays: list[Row] = field(default_factory=list)
    captures: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    days: dict[date, Row] = field(default_factory=dict)
    requests: int = 0

    def see(self, state: int, rows: Iterable[tuple[Heard, int]], hidden: Mapping[int, str]) -> None:
        """A page was captured; of its rows, some may be `hidden`: garbled, each in a way."""
        for number, how in hidden.items():
            self.hidden.setdefault(number, set()).add(how)
        for play, reading in rows:
            if self.first is None:
                self.first = state
            self.shown[play.number] = min(reading, self.shown.get(play.number, reading))

    @property
    def now(self) -> int:
        """When the last run ran."""
        return self.life.runs[-1].at


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: which check, and what happened."""

    check: str
    sentence: str


@dataclass
class Report:
    """Figures that add up over lives, and what was found."""

    figures: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def check(lived: Lived) -> Report:
    """Everything the promise says, of one life."""
    report = Report()
    count, life = report.figures, lived.life
    count["weeks"] = len(life.weeks)
    count["weeks without faults"] = sum(not week.faulty for week in life.weeks)
    count["runs"] = len(life.runs)
    count["captures"] = len(lived.captures)
    count["plays"] = len(life.heard)
    count["plays shown"] = len(lived.shown)
    count["requests"] = lived.requests
    count.update({f"fault {kind}": number for kind, number in life.faults.items()})
    report.findings += _kept_once(lived)
    report.findings += _lost(lived, count)
    report.findings += _quiet_weeks(lived, count)
    report.findings += _days(lived)
    return report


def _kept_once(lived: Lived) -> Iterator[Finding]:
    """Every play that a page showed is one row of plays, and there are no others."""
    heard = {play.number: play for play in lived.life.heard}
    expected = Counter(
        (lived.uri(heard[number].track), reading) for number, reading in lived.shown.items()
    )
    kept = Counter((row["uri"], millis(row["played_at"])) for row in lived.plays)
    for (uri, at), number in sorted((expected - kept).items()):
        yield Finding("kept once", f"{uri} of {_at(at)} was shown and is not kept ({number}).")
    for (uri, at), number in sorted((kept - expected).items()):
        yield Finding("kept once", f"{uri} of {_at(at)} is kept {number} times too often.")


def _lost(lived: Lived, count: Counter[str]) -> Iterator[Finding]:
    """Every loss is inside an open gap, or of a kind without a trace."""
    gaps = [_Span(gap, lived.now) for gap in lived.gaps if gap["closed_by"] is None]
    for play in lived.life.heard:
        if play.number in lived.shown or play.surfaced > lived.now or lived.first is None:
            continue
        observed = _certainty(lived, play) == OBSERVED
        inside = [gap for gap in gaps if gap.start <= play.at <= gap.end and not play.private]
        kind = _kind(lived, play, inside)
        if kind is None:
            if play.surfaced > lived.first or observed:
                count["lost otherwise"] += 1
                yield Finding("lost", _sentence(lived, play))
            continue
        count[f"lost {kind}"] += 1
        count[f"lost {kind}, day observed"] += observed
        for gap in inside:
            gap.lost.append(play)
        if observed and (inside or lived.hidden.get(play.number, set()).intersection(TIMED)):
            yield Finding("days", f"the play of {_at(play.at)} is lost: {kind}; its day, observed.")
    for gap in gaps:
        count["gaps open"] += 1
        count["gaps false"] += not gap.lost
        count["hours reported"] += (gap.end - gap.start) / HOUR
        count["hours hidden"] += gap.hidden / HOUR
        if gap.end < gap.start:
            yield Finding("gaps", f"the gap from {_at(gap.start)} ends before, {_at(gap.end)}.")
    count["gaps closed"] += sum(gap["closed_by"] is not None for gap in lived.gaps)


class _Span:
    """An open gap, and the plays that it accounts for."""

    def __init__(self, gap: Row, now: int) -> None:
        self.start = millis(gap["from_time"])
        self.end = millis(gap["to_time"]) if gap["to_time"] else now
        self.lost: list[Heard] = []

    @property
    def hidden(self) -> int:
        """The time from the first play lost in it to the last one's end."""
        if not self.lost:
            return 0
        return max(play.end for play in self.lost) - min(play.start for play in self.lost)


def _kind(lived: Lived, play: Heard, inside: list[_Span]) -> str | None:
    if play.private:
        return "private"
    if inside:
        return "inside a gap"
    if play.number in lived.hidden:
        return UNREADABLE
    if not play.late:
        return None
    return "late, pushed through" if lived.life.ever_listed(play) else "late, too old"


def _certainty(lived: Lived, play: Heard) -> str | None:
    row = lived.days.get(moment(play.at).date())
    return None if row is None else str(row["certainty"])


def _sentence(lived: Lived, play: Heard) -> str:
    habits = lived.life.habits
    return (
        f"the play of {_at(play.at)}, which surfaced at {_at(play.surfaced)}, is in no open gap "
        f"and was not late; its day is {_certainty(lived, play)} (window: {habits.window}, "
        f"played_at: {habits.meaning}, every {habits.interval // 60_000} min)."
    )


def _quiet_weeks(lived: Lived, count: Counter[str]) -> Iterator[Finding]:
    """Weeks without faults and overflow report no gap; their settled days become observed."""
    settled = _settled(lived)
    for week in lived.life.weeks:
        if week.faulty or _overflows(lived.life, week):
            continue
        count["quiet weeks"] += 1
        for gap in lived.gaps:
            if millis(gap["from_time"]) >= week.start and millis(gap["found_at"]) < week.end:
                yield Finding(
                    "quiet weeks",
                    f"{_at(millis(gap['from_time']))} begins a gap ({gap['reason']}) in a week "
                    "without faults and overflow.",
                )
        for day, row in lived.days.items():
            begin = _midnight(day)
            if (
                week.start <= begin
                and begin + DAY <= week.end
                and begin + DAY + settled <= lived.now
            ):
                count["days settled"] += 1
                count[f"days settled, {row['certainty']}"] += 1


def _overflows(life: Life, week: Week) -> bool:
    """Whether as many plays surfaced between two runs as Spotify shows, or more."""
    times = [run.at for run in life.runs]
    first = bisect_left(times, week.start)
    last = bisect_left(times, week.end)
    arrived = [life.arrived(at) for at in times[max(0, first - 1) : last]]
    return any(after - before >= WINDOW for before, after in pairwise(arrived))


def _settled(lived: Lived) -> int:
    """How long after a day its plays still surface: as late as any did."""
    least, most = SETTLED // timedelta(milliseconds=1), UNSETTLED // timedelta(milliseconds=1)
    late = [play.surfaced - play.at for play in lived.life.arrivals if play.late]
    return min(most, max([least, *late]))


def _days(lived: Lived) -> Iterator[Finding]:
    """No day waits for ever: what nothing touches becomes observed."""
    most = UNSETTLED // timedelta(milliseconds=1)
    for day, row in sorted(lived.days.items()):
        waited = lived.now - _midnight(day) - DAY
        if row["certainty"] == PROVISIONAL and row["reached_by"] is None and waited > most:
            yield Finding("days", f"{day} is provisional {waited // DAY} days after its end.")
    if lived.days:
        day, last = min(lived.days), max(lived.days)
        while day <= last:
            if day not in lived.days:
                yield Finding("days", f"{day} has no row of account_days.")
            day += timedelta(days=1)
    touched = Counter(row["certainty"] for row in lived.days.values())
    if touched[GAP] and not any(gap["closed_by"] is None for gap in lived.gaps):
        yield Finding("days", "a day is called a gap, and no gap is open.")


def _midnight(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY


def _at(ms: int) -> str:
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
