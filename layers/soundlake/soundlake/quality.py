"""What is expected of the data, declared as data, and what breaches it.

`EXPECTATIONS` is the whole of it: one row per expectation, with what it is about, how grave a
breach is, its bounds, and the function that looks for breaches. To expect something else, add a
row. A breach becomes a row of `data_quality`; its evidence is one sentence.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import inf
from statistics import median
from typing import Any, Literal

from soundlake.charts import Hole
from soundlake.providers import CHART_FILE, KWORB, PLAYLIST
from soundlake.texts import shortened
from soundlake.times import TimeError, format_time, parse_time

Severity = Literal["error", "warning"]
Row = Mapping[str, Any]

NOT_LOADED = "not loaded"
WITHDRAWN = "withdrawn"
SET_TO_NULL = "set to null"
LEFT_OUT = "left out"
PUBLISHED = "published"

NAMED = 5  # values that a sentence names; the rest are counted

_ID = re.compile(r"[0-9A-Za-z]{22}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a checked thing comes from: a chart's day, or no chart but an answer or a run."""

    chart: str | None
    country: str | None
    chart_date: date
    observed_at: datetime | None
    raw_key: str | None

    def __str__(self) -> str:
        return f"{self.chart} of {self.chart_date}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where an expectation does not hold; `origin` where it is not the subject's."""

    about: str
    observed: str
    evidence: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation: `check(subject, expectation)` finds where it does not hold.

    The subject is a `ShownChart`, a `FeaturesAnswer`, a `TrackFeatures` or a `ChartsDay`, as
    `about` says. A value of `column` that breaches becomes null. With `providers`, it is expected
    of their charts alone.
    """

    name: str
    about: Literal["chart", "answer", "features", "charts"]
    severity: Severity
    text: str
    check: Callable[[Any, "Expectation"], Iterable[Finding]]
    bounds: Mapping[str, float] = field(default_factory=dict)
    column: str | None = None
    providers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """An expectation that did not hold, and what followed of it."""

    origin: Origin
    expectation: Expectation
    finding: Finding
    consequence: str

    @property
    def severity(self) -> Severity:
        return self.expectation.severity

    def row(self) -> dict[str, Any]:
        """A row of `data_quality`, times and dates as text."""
        origin = self.origin
        return asdict(origin) | {
            "chart_date": origin.chart_date.isoformat(),
            "expectation": self.expectation.name,
            "severity": self.severity,
            "about": self.finding.about,
            "observed": self.finding.observed,
            "expected": self.expectation.text,
            "evidence": self.finding.evidence,
            "consequence": self.consequence,
            "observed_at": format_time(origin.observed_at) if origin.observed_at else None,
        }


# What is checked.


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a chart showed before: its tracks by position."""

    chart_date: date
    positions: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class ShownChart:
    """One chart's day as it was answered, or as a file has it.

    `entries` are rows of `chart_entries`; `places` counts the answer's entries, holes too;
    `totals` are the numbers of entries that its pages state; `earlier` is its earlier answer, and
    `others` are the files of the days beside a file's.
    """

    origin: Origin
    cadence: str
    entries: Sequence[Row]
    holes: Sequence[Hole]
    places: int
    totals: frozenset[int]
    earlier: Earlier | None = None
    provider: str = PLAYLIST
    others: Sequence[Earlier] = ()


@dataclass(frozen=True, slots=True)
class FeaturesAnswer:
    """The tracks in an answer about features that nobody asked for, and those that it repeats."""

    others: Sequence[str]
    repeated: Sequence[str]


@dataclass(frozen=True, slots=True)
class TrackFeatures:
    """The audio features of one track; null where unknown."""

    track_id: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class ChartTable:
    """A chart's table beside the others of the day; `coverage` is the share with features.

    `before` is the latest earlier day that the lake has of a chart whose source shows only its
    latest day, and says which.
    """

    origin: Origin
    cadence: str
    positions: Mapping[int, str]
    coverage: float | None = None
    before: date | None = None


@dataclass(frozen=True, slots=True)
class ChartsDay:
    """The charts of one day, and what is known of the days before.

    `earlier` holds a chart's own latest earlier table, `coverages` its latest shares of tracks
    with features, `asked` and `loaded` the number of the day's daily charts, and `usual` how many
    of those asked for were loaded on the latest days.
    """

    origin: Origin
    tables: Sequence[ChartTable]
    earlier: Mapping[str, Earlier] = field(default_factory=dict)
    coverages: Mapping[str, Sequence[float]] = field(default_factory=dict)
    asked: int = 0
    loaded: int = 0
    usual: Sequence[int] = ()


def positions(entries: Iterable[Row]) -> dict[int, str]:
    """The track at each position of a chart."""
    return {entry["position"]: entry["track_id"] for entry in entries}


def is_as_before(shown: ShownChart) -> bool:
    """Whether a chart shows the same track at each position as its earlier answer did."""
    now = positions(shown.entries)
    return bool(now) and shown.earlier is not None and shown.earlier.positions == now


def check_chart(shown: ShownChart) -> list[Breach]:
    """What one chart's day breaches. Any error, and nothing of the day is loaded."""
    found = list(_breaches("chart", shown, shown.origin))
    if any(breach.severity == "error" for breach in found):
        return [replace(breach, consequence=NOT_LOADED) for breach in found]
    return found


def check_answer(origin: Origin, others: Sequence[str], repeated: Sequence[str]) -> list[Breach]:
    """What an answer about features breaches as a whole; what does is left out."""
    answer = FeaturesAnswer(others, repeated)
    found = _breaches("answer", answer, origin)
    return [replace(breach, consequence=LEFT_OUT) for breach in found]


def check_features(
    origin: Origin, track_id: str, values: Mapping[str, float | None]
) -> list[Breach]:
    """What one track's features breach; each value that does counts as unknown."""
    return list(_breaches("features", TrackFeatures(track_id, values), origin))


def check_charts(day: ChartsDay) -> list[Breach]:
    """What the charts of a day breach together. A chart with an error is withdrawn."""
    return [
        replace(breach, consequence=WITHDRAWN) if breach.severity == "error" else breach
        for breach in _breaches("charts", day, day.origin)
    ]


def set_to_null(entries: Iterable[Row], breaches: Iterable[Breach]) -> list[dict[str, Any]]:
    """The entries without the values that count as unknown."""
    unknown = {
        (breach.finding.about, breach.expectation.column)
        for breach in breaches
        if breach.consequence == SET_TO_NULL
    }
    return [
        {
            name: None if (str(entry["position"]), name) in unknown else value
            for name, value in entry.items()
        }
        for entry in entries
    ]


def same_tables(tables: Iterable[ChartTable], rows: float) -> list[list[ChartTable]]:
    """Groups of charts of one cadence and date with one table of at least so many rows."""
    groups = defaultdict(list)
    for table in tables:
        if len(table.positions) >= rows:
            key = (table.cadence, table.origin.chart_date, tuple(sorted(table.positions.items())))
            groups[key].append(table)
    return [group for group in groups.values() if len(group) > 1]


def suspects(tables: Iterable[ChartTable]) -> list[str]:
    """The charts whose earlier tables `check_charts` has to see."""
    groups = same_tables(tables, OTHERS_TABLE.bounds["rows"])
    return sorted(str(table.origin.chart) for group in groups for table in group)


def _breaches(about: str, subject: Any, origin: Origin) -> Iterator[Breach]:
    """Each breach once: no two have one expectation, chart and `about`."""
    for expectation in EXPECTATIONS:
        if expectation.about != about:
            continue
        if expectation.providers and _provider(subject) not in expectation.providers:
            continue
        consequence = SET_TO_NULL if expectation.column else PUBLISHED
        found: dict[tuple[Origin, str], Breach] = {}
        for finding in expectation.check(subject, expectation):
            where = finding.origin or origin
            breach = Breach(where, expectation, finding, consequence)
            found.setdefault((where, finding.about), breach)
        yield from found.values()


def _provider(subject: Any) -> str | None:
    return subject.provider if isinstance(subject, ShownChart) else None


# How each is checked.


def _rows_match_total(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    if shown.totals and shown.totals != {shown.places}:
        entries, stated = _many(shown.places, "entry"), _listed(sorted(shown.totals))
        evidence = f"{shown.origin} has {entries} where its playlist states {stated}."
        yield Finding("chart", f"{entries} of {stated}", evidence)


def _has_rows(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    if not shown.entries:
        observed = f"no track in {_many(shown.places, 'place')}"
        yield Finding("chart", observed, f"{shown.origin} shows {observed}.")


def _places(shown: ShownChart, expectation: Expectation) -> Iterator[Finding]:
    if shown.places != expectation.bounds["places"]:
        observed = _many(shown.places, "place")
        evidence = f"{shown.origin} has {observed} and not {expectation.bounds['places']:g}."
        yield Finding("chart", observed, evidence)


def _positions_unique(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    for position, times in Counter(_taken(shown)).items():
        if times > 1:
            observed = _many(times, "entry")
            evidence = f"{shown.origin} has {observed} at position {position}."
            yield Finding(str(position), observed, evidence)


def _positions_contiguous(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    taken = sorted(set(_taken(shown)))
    for position in taken:
        if position < 1:
            observed = f"position {position}"
            yield Finding(str(position), observed, f"{shown.origin} has a {observed}.")
    for before, after in pairwise([0, *(position for position in taken if position > 0)]):
        if after - before > 1:
            first, last = before + 1, after - 1
            about = str(first) if first == last else f"{first} to {last}"
            evidence = f"{shown.origin} has nothing at position {about}, not even a hole."
            yield Finding(about, "neither a track nor a hole", evidence)


def _ids_well_formed(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    for entry in shown.entries:
        ids = [("track", entry["track_id"]), ("album", entry["album_id"])]
        ids += [("artist", artist) for artist in entry["artist_ids"] or ()]
        # Albums and artists may have none, as those of local files; a track always has one.
        wrong = [
            f"{kind} {shortened(ascii(ident), 40)}"
            for kind, ident in ids
            if (ident is not None or kind == "track") and not _ID.fullmatch(str(ident))
        ]
        if wrong:
            observed = _listed(wrong)
            evidence = (
                f"{shown.origin} names at position {entry['position']} what is no Spotify id: "
                f"{observed}."
            )
            yield Finding(str(entry["position"]), observed, evidence)


def _tracks_unique(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    places = defaultdict(list)
    for entry in shown.entries:
        places[entry["track_id"]].append(entry["position"])
    for track_id, taken in places.items():
        if len(set(taken)) > 1:
            observed = f"positions {_listed(sorted(set(taken)))}"
            evidence = f"{shown.origin} shows track {shortened(track_id)} at {observed}."
            yield Finding(shortened(track_id), observed, evidence)


def _holes_declared(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    for hole in shown.holes:
        if hole.found is not None:
            found = shortened(hole.found)
            evidence = f"{shown.origin} shows no track at position {hole.position} but: {found}."
            yield Finding(str(hole.position), found, evidence)


def _added_at(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    for entry in shown.entries:
        if entry["added_at"] is None:
            continue
        try:
            parse_time(entry["added_at"])
        except TimeError:
            given = repr(shortened(entry["added_at"]))
            evidence = (
                f"{shown.origin} says that position {entry['position']} was added at {given}, "
                "which is no time."
            )
            yield Finding(str(entry["position"]), given, evidence)


def _not_yesterdays(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    if shown.cadence == "daily" and shown.earlier and is_as_before(shown):
        observed = f"the very positions of {shown.earlier.chart_date}"
        evidence = f"{shown.origin} shows {observed}: the chart was not renewed yet."
        yield Finding("chart", observed, evidence)


def _asked_for(answer: FeaturesAnswer, _: Expectation) -> Iterator[Finding]:
    for track_id in answer.others:
        yield Finding(
            track_id, track_id, f"Features of track {track_id} came that nobody asked for."
        )


def _told_once(answer: FeaturesAnswer, _: Expectation) -> Iterator[Finding]:
    for track_id in answer.repeated:
        evidence = f"Features of track {track_id} came more than once; the first count."
        yield Finding(track_id, "more than once", evidence)


def _not_another_days(shown: ShownChart, expectation: Expectation) -> Iterator[Finding]:
    now = positions(shown.entries)
    for other in shown.others:
        if len(now) >= expectation.bounds["rows"] and other.positions == now:
            observed = f"the very positions of {other.chart_date}"
            evidence = (
                f"{shown.origin} shows {observed}: one of the two files is said to be of a day "
                "that it is not of."
            )
            yield Finding("chart", observed, evidence)


def _streams_fall(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    counted = [
        (entry["position"], entry["streams"])
        for entry in sorted(shown.entries, key=lambda entry: entry["position"])
        if entry.get("streams") is not None
    ]
    for (above, more), (position, streams) in pairwise(counted):
        if streams > more:
            observed = f"{streams} streams below {more}"
            evidence = (
                f"{shown.origin} gives position {position} {streams} streams, more than the {more} "
                f"of position {above}."
            )
            yield Finding(str(position), observed, evidence)


def _peak_is_best(shown: ShownChart, _: Expectation) -> Iterator[Finding]:
    for entry in shown.entries:
        position, peak = entry["position"], entry.get("peak_position")
        if peak is not None and peak > position:
            observed = f"position {position} above the peak {peak}"
            evidence = f"{shown.origin} says that position {position} peaked at {peak}, below it."
            yield Finding(str(position), observed, evidence)


def _in_range(features: TrackFeatures, expectation: Expectation) -> Iterator[Finding]:
    name, bounds = str(expectation.column), expectation.bounds
    value = features.values.get(name)
    if value is None:
        return
    # Asked this way round because NaN compares with nothing.
    inside = bounds.get("low", -inf) <= value <= bounds.get("high", inf)
    inside = inside and value > bounds.get("above", -inf)
    if not inside or ("step" in bounds and value % bounds["step"]):
        track_id, observed = shortened(features.track_id), shortened(str(value))
        evidence = (
            f"Track {track_id} has the {name} {observed}; expected is that {expectation.text}."
        )
        yield Finding(track_id, observed, evidence)


def _others_table(day: ChartsDay, expectation: Expectation) -> Iterator[Finding]:
    for group in same_tables(day.tables, expectation.bounds["rows"]):
        for table in group:
            shared, why = _own_history(table, day.earlier)
            if shared < expectation.bounds["share"]:
                others = _others(table, group)
                yield Finding(
                    "chart",
                    f"the table of {others}",
                    f"{table.origin} shows the very table of {others}, and {why}.",
                    table.origin,
                )


def _tables_differ(day: ChartsDay, expectation: Expectation) -> Iterator[Finding]:
    for group in same_tables(day.tables, expectation.bounds["rows"]):
        histories = {table.origin: _own_history(table, day.earlier) for table in group}
        if all(shared >= expectation.bounds["share"] for shared, _ in histories.values()):
            for table in group:
                others = _others(table, group)
                yield Finding(
                    "chart",
                    f"the table of {others}",
                    f"{table.origin} shows the very table of {others}, but "
                    f"{histories[table.origin][1]}.",
                    table.origin,
                )


def _own_history(table: ChartTable, earlier: Mapping[str, Earlier]) -> tuple[float, str]:
    """The share of a table's tracks that the chart's own earlier table had, and in words."""
    before = earlier.get(str(table.origin.chart))
    if before is None:
        return 0.0, "no earlier table of its own speaks for it"
    tracks = set(table.positions.values())
    shared = len(tracks & set(before.positions.values()))
    words = f"shares {shared} of its {_many(len(tracks), 'track')} with its own of"
    return shared / len(tracks), f"{words} {before.chart_date}"


def _others(table: ChartTable, group: Sequence[ChartTable]) -> str:
    return _listed([str(each.origin.chart) for each in group if each is not table])


def _coverage_kept(day: ChartsDay, expectation: Expectation) -> Iterator[Finding]:
    for table in day.tables:
        before = day.coverages.get(str(table.origin.chart), ())
        if table.coverage is None or not before:
            continue
        usual = median(before)
        if table.coverage < usual - expectation.bounds["drop"]:
            yield Finding(
                "chart",
                f"{table.coverage:.0%}",
                f"{table.coverage:.0%} of the tracks of {table.origin} have audio features; "
                f"on its latest days it was {usual:.0%}.",
                table.origin,
            )


def _no_day_skipped(day: ChartsDay, _: Expectation) -> Iterator[Finding]:
    for table in day.tables:
        if table.cadence != "daily" or table.before is None:
            continue
        first, end = table.before + timedelta(days=1), table.origin.chart_date
        if first < end:
            last = end - timedelta(days=1)
            about = str(first) if first == last else f"{first} to {last}"
            yield Finding(
                about,
                f"nothing of {about}",
                f"{table.origin} comes after that of {table.before}: {about} was not read while it "
                "was shown. A file of charts.spotify.com can be imported in its place.",
                table.origin,
            )


def _charts_loaded(day: ChartsDay, expectation: Expectation) -> Iterator[Finding]:
    usual = median(day.usual) if day.usual else 0
    if day.loaded < usual * expectation.bounds["share"]:
        observed = f"{day.loaded} of {_many(day.asked, 'daily chart')}"
        yield Finding(
            "run",
            observed,
            f"{observed} asked for of {day.origin.chart_date} could be loaded; on the latest days "
            f"it was {usual:g}.",
        )


def _taken(shown: ShownChart) -> list[int]:
    """Every position that something stands at, in order, with repetitions."""
    tracks = [entry["position"] for entry in shown.entries]
    return sorted(tracks + [hole.position for hole in shown.holes])


def _many(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _listed(values: Sequence[object]) -> str:
    named = [str(value) for value in values[:NAMED]]
    more = len(values) - NAMED
    if more > 0:
        named.append(f"{more} more")
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


# The table.


def _feature(column: str, text: str, **bounds: float) -> Expectation:
    """A feature's range: `low` and `high` are inside it, `above` is not; `step` 1 is whole."""
    return Expectation(
        name=f"{column}_in_range",
        about="features",
        severity="warning",
        text=text,
        check=_in_range,
        bounds=bounds,
        column=column,
    )


def _share(column: str) -> Expectation:
    return _feature(column, "it lies between 0 and 1", low=0, high=1)


OTHERS_TABLE = Expectation(
    "no_others_table",
    "charts",
    "error",
    "no chart shows another's table, or it shares half of its tracks with its own earlier one",
    _others_table,
    {"rows": 10, "share": 0.5},
)

EXPECTATIONS: tuple[Expectation, ...] = (
    Expectation(
        "rows_match_total",
        "chart",
        "error",
        "as many entries as the playlist states",
        _rows_match_total,
    ),
    Expectation("has_rows", "chart", "error", "at least one track", _has_rows),
    Expectation(
        "not_yesterdays_answer",
        "chart",
        "error",
        "a daily chart differs from its earlier answer",
        _not_yesterdays,
    ),
    Expectation("positions_unique", "chart", "error", "one entry a position", _positions_unique),
    Expectation(
        "positions_contiguous",
        "chart",
        "error",
        "positions from 1 on, each with a track or a hole",
        _positions_contiguous,
    ),
    Expectation(
        "ids_well_formed", "chart", "error", "ids of 22 letters and digits", _ids_well_formed
    ),
    Expectation(
        "not_another_days_file",
        "chart",
        "error",
        "a file differs from those of the days beside it",
        _not_another_days,
        {"rows": 10},
        providers=[CHART_FILE],
    ),
    Expectation(
        "fifty_places",
        "chart",
        "warning",
        "50 places",
        _places,
        {"places": 50},
        providers=[PLAYLIST],
    ),
    Expectation(
        "two_hundred_places",
        "chart",
        "warning",
        "200 places",
        _places,
        {"places": 200},
        providers=[CHART_FILE, KWORB],
    ),
    Expectation(
        "streams_fall",
        "chart",
        "warning",
        "no more streams than the position above",
        _streams_fall,
    ),
    Expectation("peak_is_best", "chart", "warning", "no position above its peak", _peak_is_best),
    Expectation("tracks_unique", "chart", "warning", "a track at one position", _tracks_unique),
    Expectation(
        "holes_declared", "chart", "warning", "a track or null at each position", _holes_declared
    ),
    Expectation(
        "added_at_is_a_time",
        "chart",
        "warning",
        "an ISO 8601 time with a zone, or null",
        _added_at,
        column="added_at",
    ),
    Expectation(
        "features_asked_for",
        "answer",
        "warning",
        "features of tracks that were asked for",
        _asked_for,
    ),
    Expectation("features_told_once", "answer", "warning", "a track's features once", _told_once),
    # As https://developer.spotify.com/documentation/web-api/reference/get-audio-features gives
    # them, and what else Spotify really answers: tracks louder than 0 dB, and 0 and 1 where it
    # found no time signature.
    _share("danceability"),
    _share("energy"),
    _share("speechiness"),
    _share("acousticness"),
    _share("instrumentalness"),
    _share("liveness"),
    _share("valence"),
    _feature("loudness", "it lies between -60 and 5 dB", low=-60, high=5),
    _feature("tempo", "it is above 0 and at most 300 BPM, 0 being unknown", above=0, high=300),
    _feature("key", "it is a whole number from -1 (none found) to 11", low=-1, high=11, step=1),
    _feature("mode", "it is 0 (minor) or 1 (major)", low=0, high=1, step=1),
    _feature("time_signature", "it is a whole number from 0 to 7", low=0, high=7, step=1),
    _feature("duration_ms", "it is a whole number above 0", above=0, high=2**53, step=1),
    OTHERS_TABLE,
    Expectation(
        "tables_differ",
        "charts",
        "warning",
        "no two charts of a day show one table",
        _tables_differ,
        OTHERS_TABLE.bounds,
    ),
    Expectation(
        "no_day_skipped",
        "charts",
        "warning",
        "a daily chart's page of every day",
        _no_day_skipped,
    ),
    Expectation(
        "coverage_kept",
        "charts",
        "warning",
        "about as many tracks with audio features as on the latest days",
        _coverage_kept,
        {"drop": 0.2},
    ),
    Expectation(
        "charts_loaded",
        "charts",
        "warning",
        "about as many daily charts as on the latest days",
        _charts_loaded,
        {"share": 0.9},
    ),
)
