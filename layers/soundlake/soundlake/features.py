"""Audio features: one row per track that was asked about, known or not, whoever knows it.

A source's answer becomes rows (`feature_rows`); `merged` makes one of all that sources told.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from soundlake.quality import Breach, Origin, check_answer, check_features
from soundlake.times import format_time, month_of

FEATURES = (
    "danceability",
    "energy",
    "key",
    "loudness",
    "mode",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
    "time_signature",
)
# Catalogues of features grow by new releases, mostly in their first weeks; what is unknown after
# a year of asking hardly ever becomes known.
FIRST_WAIT = timedelta(days=30)
LONGEST_WAIT = timedelta(days=365)
_WHOLE = {"key", "mode", "duration_ms", "time_signature"}

Row = dict[str, Any]
Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer says: each track that was asked about, with its features or None.

    `others` were answered though nobody asked for them, `repeated` more than once.
    """

    tracks: Sequence[tuple[str, Values | None]]
    others: Sequence[str] = ()
    repeated: Sequence[str] = ()


def feature_rows(reading: Reading, source: str, *, fetched_at: datetime, raw_key: str) -> list[Row]:
    """Rows of `audio_features` from what one answer of a source says.

    A track that the source knows no features of has a row too, with nulls and no `source`. A value
    that no feature can have is null; `feature_breaches` names it.
    """
    rows = []
    origin = _origin(fetched_at, raw_key)
    for track_id, values in reading.tracks:
        found = values or {}
        breaches = check_features(origin, track_id, found)
        wrong = {breach.expectation.column for breach in breaches}
        rows.append(
            {
                "track_id": track_id,
                **{
                    name: None if name in wrong else _typed(name, found.get(name))
                    for name in FEATURES
                },
                "source": None if values is None else source,
                "fetched_at": format_time(fetched_at),
                "raw_key": raw_key,
            }
        )
    return rows


def feature_breaches(reading: Reading, *, fetched_at: datetime, raw_key: str) -> list[Breach]:
    """What one answer breaches, for the day it was given on."""
    origin = _origin(fetched_at, raw_key)
    return [
        *check_answer(origin, reading.others, reading.repeated),
        *(
            breach
            for track_id, values in reading.tracks
            for breach in check_features(origin, track_id, values or {})
        ),
    ]


def _origin(fetched_at: datetime, raw_key: str) -> Origin:
    return Origin(None, None, fetched_at.astimezone(UTC).date(), fetched_at, raw_key)


def _typed(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    return int(value) if name in _WHOLE else float(value)


# What several answers say of one track.


def asked_keys(row: Row) -> list[str]:
    """The answers that a row is made of, also where only the one that it names is on record."""
    return row.get("asked") or [row["raw_key"]]


def source_of(raw_key: str) -> str:
    """The source that gave an answer: `raw/audio-features/<source>/month=…/<day>/…`."""
    return raw_key.split("/")[2]


def day_of(raw_key: str) -> date:
    """The day that an answer was asked on."""
    return date.fromisoformat(raw_key.split("/")[4])


def ask_again(days: Collection[date]) -> date:
    """When a source that knew nothing of a track on these days is asked about it next."""
    wait = FIRST_WAIT
    for _ in range(len(days) - 1):
        wait = min(2 * wait, LONGEST_WAIT)
    return max(days) + wait


def merged(rows: Sequence[Row], order: Sequence[str]) -> Row:
    """One row of all that sources told of a track: `rows` are the table's, then those of answers.

    The source that comes first in `order` wins, of one source the earlier answer. A value that it
    has not is taken from the next, and `source` then names both: `spotify+reccobeats`. Where
    nobody knows anything, `ask_again` is the first day to ask one of them once more.
    """

    def rank(row: Row) -> int:
        first = str(row["source"]).partition("+")[0]
        return order.index(first) if first in order else len(order)

    told = list(dict.fromkeys(key for row in rows for key in asked_keys(row)))
    known = sorted((row for row in rows if row["source"] is not None), key=rank)
    if not known:
        days = by_source(told).values()
        last = max(rows, key=lambda row: (day_of(row["raw_key"]), row["raw_key"]))
        return last | {"asked": told, "ask_again": min(ask_again(each) for each in days)}
    best, *others = known
    sources = best["source"].split("+")
    for other in others:
        more = {name: other[name] for name in FEATURES if best[name] is None}
        if any(value is not None for value in more.values()):
            best = best | more
            sources += other["source"].split("+")
    source = "+".join(dict.fromkeys(sources))
    return best | {"source": source, "asked": told, "ask_again": None}


def by_source(raw_keys: Iterable[str]) -> dict[str, set[date]]:
    """The days on which each source answered."""
    days: dict[str, set[date]] = {}
    for key in raw_keys:
        days.setdefault(source_of(key), set()).add(day_of(key))
    return days


class Told:
    """What sources have told so far of each track: which are known, and who was asked when."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._asked: dict[str, dict[str, set[date]]] = {}
        self._months: dict[str, str] = {}

    def add(self, row: Row, month: str | None = None) -> None:
        """Take in a row of the table's `month`, or of an answer that is kept."""
        self._months.setdefault(row["track_id"], month or month_of(day_of(row["raw_key"])))
        if row["source"] is not None:
            self._known.add(row["track_id"])
            self._asked.pop(row["track_id"], None)
        elif row["track_id"] not in self._known:
            asked = self._asked.setdefault(row["track_id"], {})
            for source, days in by_source(asked_keys(row)).items():
                asked.setdefault(source, set()).update(days)

    def knows(self, track_id: str) -> bool:
        """Whether anybody knows the track."""
        return track_id in self._known

    @property
    def unknown(self) -> Collection[str]:
        """The tracks that nobody who was asked so far knows."""
        return self._asked.keys()

    def by_month(self, track_ids: Iterable[str], month: str) -> list[list[str]]:
        """Tracks by the month that their rows stand in, or will; `month` for those without one.

        Who asks about each month's by themselves gets answers of which each goes to one object,
        and so is published whole or not at all.
        """
        found: dict[str, list[str]] = {}
        for each in track_ids:
            found.setdefault(self._months.get(each, month), []).append(each)
        return [found[each] for each in sorted(found)]

    def due(self, source: str, track_id: str, day: date) -> bool:
        """Whether a source may be asked about an unknown track: never was, or long ago."""
        days = self._asked.get(track_id, {}).get(source)
        return not days or ask_again(days) <= day
