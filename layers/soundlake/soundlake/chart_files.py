"""Chart files: the CSV that a person downloads from charts.spotify.com.

The CSV says what stood at each rank, and by its columns whether it is a day's chart or a week's.
Whose chart it is and of which day stands in its name alone: `regional-no-daily-2026-11-20.csv`.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from typing import Any

from soundlake.countries import COUNTRIES
from soundlake.providers import CHART_FILE
from soundlake.texts import shortened
from soundlake.times import TimeError, format_time, parse_date

# By cadence, the column that counts how often the track was on the chart.
APPEARANCES = {"daily": "days_on_chart", "weekly": "weeks_on_chart"}
NAMED = 5  # rows that a refusal names; the rest are counted

_NAME = re.compile(
    r"regional-(?P<country>global|[a-z]{2})-(?P<cadence>daily|weekly)-(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?: ?\(\d+\))?\.csv",  # browsers number a file that is downloaded again
    re.ASCII | re.IGNORECASE,
)
_CHART = re.compile(r"(daily|weekly)-(GLOBAL|[A-Z]{2})")
_COUNT = (re.compile(r"[1-9][0-9]{0,8}"), "a whole number above 0")
_TEXT = (re.compile(r".*", re.DOTALL), "a text")
_FIELDS = {
    "rank": _COUNT,
    "uri": (
        re.compile(r"spotify:track:[0-9A-Za-z]{22}"),
        "spotify:track: and 22 letters and digits",
    ),
    "artist_names": _TEXT,
    "track_name": _TEXT,
    "source": _TEXT,
    "peak_rank": _COUNT,
    "previous_rank": (re.compile(r"-1|[1-9][0-9]{0,8}"), "a whole number above 0, or -1 for none"),
    "streams": (re.compile(r"0|[1-9][0-9]{0,17}"), "a whole number"),
}
_WHAT_IS_EXPECTED = (
    "Expected is a chart as charts.spotify.com gives it for download: a CSV in UTF-8 with the "
    f"columns {', '.join(_FIELDS)}, and days_on_chart or weeks_on_chart."
)


class ChartFileError(ValueError):
    """A file that is not loaded; the text says why, and what to do.

    `problems` has a sentence for each field that cannot be read; the text names the first ones.
    """

    def __init__(self, text: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ChartName:
    """Whose chart a file is, and of which day (of a week's chart, the one in its name)."""

    cadence: str
    country: str
    chart_date: date

    @property
    def chart(self) -> str:
        """The chart's name, like daily-NO."""
        return f"{self.cadence}-{self.country}"

    def __str__(self) -> str:
        return f"{self.chart} of {self.chart_date}"


@dataclass(frozen=True, slots=True)
class ChartFile:
    """A chart file's rows, typed, by rank as the file has them; null where it says nothing."""

    cadence: str
    rows: list[dict[str, Any]]


def name_of(name: str, chart: str | None = None, day: str | None = None) -> ChartName:
    """Whose chart a file of this name is; `chart` and `day` are what a person says of it.

    Raises ChartFileError where neither tells, or where they contradict each other.
    """
    shown = repr(shortened(name))
    found = _NAME.fullmatch(name)
    by_name: ChartName | None = None
    if found:
        of = _date(found["date"], f"The name {shown}")
        by_name = ChartName(found["cadence"].lower(), found["country"].upper(), of)
    said = chart if chart is not None or by_name is None else by_name.chart
    on = by_name.chart_date if by_name else None
    if day is not None:
        on = _date(day, "--date")
    if said is None or on is None:
        missing = " and ".join(
            option for option, value in (("--chart", said), ("--date", on)) if value is None
        )
        raise ChartFileError(
            f"The name {shown} does not say whose chart it is and of which day, as "
            f"regional-no-daily-2026-11-20.csv does. Give {missing}, like --chart daily-NO "
            "--date 2026-11-20, or the name that it was downloaded under."
        )
    match = _CHART.fullmatch(said)
    if not match:
        raise ChartFileError(
            f"--chart is {shortened(said)!r}; expected a cadence and a country, like daily-NO or "
            "weekly-GLOBAL."
        )
    told = ChartName(match[1], match[2], on)
    if told.country not in {*COUNTRIES, "GLOBAL"}:
        raise ChartFileError(
            f"There is no country {told.country}; a chart is a country's or GLOBAL."
        )
    if by_name and told != by_name:
        raise ChartFileError(
            f"The name {shown} says that it is {by_name}, and not {told}. Leave --chart and --date "
            "out, or rename the file where its name is wrong."
        )
    return told


def is_named_as_chart(name: str) -> bool:
    """Whether a file has a chart's name, as charts.spotify.com gives it."""
    return _NAME.fullmatch(name) is not None


def is_chart_file(body: bytes) -> bool:
    """Whether a file has a chart's columns; what it is called does not count."""
    return _cadence(_header(body)) is not None


def read_chart_file(body: bytes) -> ChartFile:
    """Read a chart file's bytes; further columns are left out.

    Raises ChartFileError, naming each row (the header is row 1) and field that cannot be read:
    then nothing of the file is to be used.
    """
    cadence = _cadence(_header(body))
    if cadence is None:
        raise ChartFileError(f"This is no chart. {_WHAT_IS_EXPECTED}")
    # Strict, or a file that is cut off within quotes would pass for a whole one.
    reader = csv.DictReader(StringIO(_text(body), newline=None), strict=True)
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    try:
        for row in reader:
            wrong = _problems(row, cadence, reader.line_num)
            problems += wrong
            if not wrong:
                rows.append(_row(row, cadence))
    except csv.Error as error:
        problems.append(f"row {reader.line_num}: it is no CSV ({error})")
    if problems:
        more = len(problems) - NAMED
        others = [f"and {more} more"] if more > 0 else []
        raise ChartFileError(
            f"The chart cannot be read: {'; '.join([*problems[:NAMED], *others])}.",
            tuple(problems),
        )
    if not rows:
        raise ChartFileError("The chart has no rows; download it again.")
    return ChartFile(cadence, rows)


def check(file: ChartFile, name: ChartName, today: date) -> None:
    """Raise ChartFileError where a file cannot be the chart that it is said to be."""
    if file.cadence != name.cadence:
        raise ChartFileError(
            f"It is said to be {name}, but its column {APPEARANCES[file.cadence]} makes it a "
            f"{file.cadence} chart."
        )
    if name.chart_date > today:
        raise ChartFileError(
            f"It is said to be {name}, which lies in the future (today is {today}, UTC)."
        )


def chart_entries(
    file: ChartFile, name: ChartName, *, observed_at: datetime, raw_key: str
) -> list[dict[str, Any]]:
    """Rows of `chart_entries`; `observed_at` is when the file came.

    Of a track a file tells the id, the name, and its artists' names in one text. Names may have
    commas in them, so only a text without one is surely a single artist's.
    """
    return [
        {
            "chart": name.chart,
            "country": name.country,
            "chart_date": name.chart_date.isoformat(),
            "position": row["rank"],
            "track_id": row["uri"].rpartition(":")[2],
            "track_name": row["track_name"],
            "artist_ids": None,
            "artist_names": _single(row["artist_names"]),
            "album_id": None,
            "album_name": None,
            "album_release_date": None,
            "explicit": None,
            "duration_ms": None,
            "popularity": None,
            "streams": row["streams"],
            "provider": CHART_FILE,
            "date_basis": "stated",
            "added_at": None,
            "observed_at": format_time(observed_at),
            "raw_key": raw_key,
            "previous_position": row["previous_rank"],
            "peak_position": row["peak_rank"],
            "days_on_chart": row.get("days_on_chart"),
            "weeks_on_chart": row.get("weeks_on_chart"),
            "artist_credit": row["artist_names"],
            "label": row["source"],
        }
        for row in file.rows
    ]


def _single(names: str | None) -> list[str] | None:
    return None if names is None or "," in names else [names]


def _date(text: str, what: str) -> date:
    try:
        return parse_date(text)
    except TimeError as error:
        raise ChartFileError(f"{what}: {error}") from error


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ChartFileError(f"This is no text in UTF-8. {_WHAT_IS_EXPECTED}") from error


def _header(body: bytes) -> list[str]:
    """The fields of a file's first line; none where it is no line of CSV."""
    line = body.partition(b"\n")[0].partition(b"\r")[0]
    try:
        return next(csv.reader([_text(line)]))
    except (csv.Error, ChartFileError):
        return []


def _cadence(header: list[str]) -> str | None:
    """A chart's cadence by its columns; None where they are not a chart's, each once."""
    counted = [cadence for cadence, column in APPEARANCES.items() if column in header]
    if len(counted) != 1 or len(set(header)) < len(header) or not _FIELDS.keys() <= set(header):
        return None
    return counted[0]


def _problems(row: Mapping[str | None, Any], cadence: str, line: int) -> list[str]:
    """What of a row cannot be read, a sentence for each field."""
    if None in row:
        return [f"row {line}: it has more fields than the header"]
    problems = []
    for name, (pattern, expected) in {**_FIELDS, APPEARANCES[cadence]: _COUNT}.items():
        value = row[name]
        if value is None:
            problems.append(f"row {line}: {name} is missing")
        elif not pattern.fullmatch(value):
            problems.append(f"row {line}: {name} is {shortened(value, 40)!r}, expected {expected}")
    return problems


def _row(row: Mapping[str | None, Any], cadence: str) -> dict[str, Any]:
    """A readable row, typed."""
    numbers = ("rank", "peak_rank", "previous_rank", "streams", APPEARANCES[cadence])
    texts = ("uri", "artist_names", "track_name", "source")
    typed: dict[str, Any] = {name: row[name].strip() or None for name in texts}
    typed |= {name: int(row[name]) for name in numbers}
    if typed["previous_rank"] == -1:
        typed["previous_rank"] = None
    return typed
