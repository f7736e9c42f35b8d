"""How fast the queue gets less: what came, what was done and what is left, day by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import ceil
from typing import Any, Self

KEPT = 60  # days on record
LOOKED_BACK = 7  # of them for the present rate

Counts = Mapping[str, int]  # by kind


@dataclass(frozen=True, slots=True)
class Day:
    """A day's runs: what came into the queue, what they were done with, what they left, by kind."""

    day: date
    came: Counts = field(default_factory=dict)
    done: Counts = field(default_factory=dict)
    left: Counts = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The day as JSON has it."""
        return {
            "day": self.day.isoformat(),
            "came": dict(self.came),
            "done": dict(self.done),
            "left": dict(self.left),
        }

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """A day of its JSON. Raises KeyError, TypeError or ValueError where it is none."""
        counts = ({str(k): int(n) for k, n in value[name].items()} for name in _COUNTS)
        return cls(date.fromisoformat(value["day"]), *counts)


_COUNTS = ("came", "done", "left")


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many of a kind are left, and when none will be at the present rate; None for never.

    `came` and `done` are means a day since `since`, the first of the days that they are taken of.
    """

    left: int
    came: float
    done: float
    since: date
    empty_on: date | None


def recorded(days: Sequence[Day], ran: Day) -> list[Day]:
    """The record with one more run, added to those of its day, or of a later one on record."""
    day = max([ran.day, *(each.day for each in days)])
    before = next((each for each in days if each.day == day), Day(day))
    one = Day(day, _sum(before.came, ran.came), _sum(before.done, ran.done), ran.left)
    return [*(each for each in days if each.day != day), one][-KEPT:]


def _sum(one: Counts, other: Counts) -> dict[str, int]:
    return {kind: one.get(kind, 0) + other.get(kind, 0) for kind in {**one, **other}}


def outlook(days: Sequence[Day], kind: str) -> Outlook | None:
    """The outlook for a kind by the last days on record; None where it is not asked for.

    What came on the first day on record was there before, and is no rate.
    """
    if not days or kind not in days[-1].left:
        return None
    last, recent = days[-1], days[-LOOKED_BACK:]
    length = (last.day - recent[0].day).days + 1
    came = sum(each.came.get(kind, 0) for each in recent if each is not days[0]) / length
    done = sum(each.done.get(kind, 0) for each in recent) / length
    left, less = last.left[kind], done - came
    empty_on = None
    if left == 0:
        empty_on = last.day
    elif less > 0:
        empty_on = last.day + timedelta(days=ceil(left / less))
    return Outlook(left, came, done, recent[0].day, empty_on)
