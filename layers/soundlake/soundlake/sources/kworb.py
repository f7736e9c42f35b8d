"""kworb.net's pages of Spotify's charts: a hobby site, asked gently and only by who chooses it.

A page is a table of 200 places, and its heading says whose chart it is and of which day, usually
the one before yesterday. It shows no day but that.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from soundlake.charts import WORLD, Chart, Hole
from soundlake.countries import COUNTRIES
from soundlake.html_page import Cell, Table, joined, read_page
from soundlake.providers import KWORB
from soundlake.settings import settings
from soundlake.sources.chart_source import (
    ChartSource,
    DayUnavailableError,
    NotServedError,
    Shown,
    Wanted,
)
from soundlake.spotify.errors import BadAnswerError, NotFoundError
from soundlake.texts import shortened
from soundlake.times import format_time

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer
    from soundlake.store.raw import RawAnswer

SITE = "kworb.net"
PREFIX = "raw/charts/kworb/"
SPACING_S = 1.5  # it runs on one person's server
LEAST_ROWS = 50  # fewer are no chart of Spotify's: pages list 200
NAMED = 5  # fields that a refusal names; the rest are counted

NO_CONTACT = "none"
WANTS_A_CONTACT = (
    f"{SITE} is asked by nobody whom it cannot reach: set the parameter Contact (./soundlake up "
    "--contact you@example.org)."
)

# What it calls a country where that is not the name in `countries`.
_ITS_NAMES = {"CZ": "Czech Republic", WORLD: "Global"}
_HEADING = re.compile(
    r"Spotify (?P<cadence>Daily|Weekly) Chart - (?P<name>.+?) - "
    r"(?:\d{4}/\d{2}/\d{2} - )?(?P<date>\d{4}/\d{2}/\d{2})(?:\s*\|.*)?"
)
_APPEARANCES = {"daily": "Days", "weekly": "Wks"}
_COLUMNS = ("Pos", "P+", "Artist and Title", "Pk", "Streams")
_NUMBER = re.compile(r"[1-9]\d{0,2}(,\d{3}){1,5}|[1-9]\d{0,17}|0", re.ASCII)
_MOVE = re.compile(r"NEW|RE|=|[+-][1-9]\d{0,2}", re.ASCII)
_TRACK = re.compile(r"(?:.*/)?track/([0-9A-Za-z]{22})\.html", re.ASCII)
_ARTIST = re.compile(r"(?:.*/)?artist/([0-9A-Za-z]{22})(?:_songs)?\.html", re.ASCII)
_NOWHERE = range(-999, 1)  # where moves may lead from that are none
_GUESTS = re.compile(r"\(w/ (.+)\)")


class Kworb(ChartSource):
    """`/country/<country>_<cadence>.html`."""

    name = "kworb"
    provider = KWORB
    ending = "html.gz"

    def why_not(self, clients: "Clients", chart: Chart) -> str | None:  # noqa: ARG002 - all alike
        """It is asked by those alone whom its operator can reach."""
        return WANTS_A_CONTACT if settings().contact == NO_CONTACT else None

    def ask(
        self, clients: "Clients", wanted: Wanted, pages: "Sequence[RawAnswer]"
    ) -> "Answer | None":
        """The chart's one page, where its robots.txt allows that."""
        if pages:
            return None
        site = clients.site(SITE, settings().kworb_url, SPACING_S, settings().contact)
        path = _path(wanted.chart)
        _same_day(site.api.heard_at(), wanted.day)
        if why := site.forbids(path, wanted.day):
            raise NotServedError(why)
        _same_day(site.api.heard_at(), wanted.day)
        try:
            answer = site.api.page(path, "country")
        except NotFoundError as error:
            raise NotServedError(f"{SITE} has no page of {wanted.chart.chart} (404).") from error
        _same_day(answer.at.date(), wanted.day)
        _read(answer.body, wanted.chart, answer.at.date())
        return answer

    def whole(self, pages: "Sequence[RawAnswer]", chart: Chart) -> bool:
        """A chart is one page."""
        self.read(pages[:1], chart, None)
        return True

    def read(self, pages: "Sequence[RawAnswer]", chart: Chart, day: date | None) -> Shown:  # noqa: ARG002 - a page names its day
        """The page's rows, under the day that it names."""
        page = pages[0]
        found = _read(page.body, chart, page.at.date())
        rows = [
            {
                "chart": chart.chart,
                "country": chart.country,
                "chart_date": found.chart_date.isoformat(),
                **entry,
                "provider": KWORB,
                "date_basis": "stated",
                "observed_at": format_time(page.at),
                "raw_key": page.key,
            }
            for entry in found.entries
        ]
        return Shown(
            chart_date=found.chart_date,
            stated=True,
            observed_at=page.at,
            raw_key=page.key,
            entries=rows,
            holes=found.holes,
            places=len(found.entries) + len(found.holes),
        )


@dataclass(frozen=True, slots=True)
class _Chart:
    """What a page shows: its day, what is at each place, and places without a track."""

    chart_date: date
    entries: list[dict[str, Any]]
    holes: list[Hole]


def _path(chart: Chart) -> str:
    country = "global" if chart.country == WORLD else chart.country.lower()
    return f"country/{country}_{chart.cadence}.html"


def _same_day(now: date | None, day: date) -> None:
    """Refuse to file what it shows now as what it showed on another day."""
    if now is not None and now != day:
        raise DayUnavailableError(
            f"{SITE} shows only its latest page ({now}, UTC) and none of {day} was kept, so that "
            "day is unavailable."
        )


def _read(body: bytes, chart: Chart, today: date) -> _Chart:
    """Read a page; all of it can be read, or BadAnswerError says what cannot."""
    where = f"{SITE}'s page of {chart.chart}"
    try:
        page = read_page(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadAnswerError(f"{where} is no text in UTF-8") from error
    chart_date = _chart_date(page.texts, chart, where)
    if chart_date > today:
        raise BadAnswerError(f"{where} says that it is of {chart_date}, which lies in the future")
    if not page.whole:
        raise BadAnswerError(f"{where} is cut off: its table does not end")
    columns = (*_COLUMNS, _APPEARANCES[chart.cadence])
    table = _table(page.tables, columns, where)
    names = [cell.text for cell in table[0]]
    entries: list[dict[str, Any]] = []
    holes: list[Hole] = []
    problems: list[str] = []
    for number, cells in enumerate(table[1:], 1):
        if len(cells) != len(names):
            problems.append(f"row {number} has {len(cells)} cells and not {len(names)}")
            continue
        row = dict(zip(names, cells, strict=True))
        wrong = _problems(row, number, chart)
        problems += wrong
        if wrong:
            continue
        if (entry := _entry(row, chart)) is None:
            holes.append(Hole(_number(row["Pos"]), row["Artist and Title"].text))
        else:
            entries.append(entry)
    if problems:
        more = len(problems) - NAMED
        others = [f"and {more} more"] if more > 0 else []
        raise BadAnswerError(f"{where} cannot be read: {'; '.join([*problems[:NAMED], *others])}")
    if len(entries) < LEAST_ROWS:
        raise BadAnswerError(
            f"{where} has {len(entries)} rows that link to a track (../track/<id>.html), and a "
            f"chart has {LEAST_ROWS} at least"
        )
    return _Chart(chart_date, entries, holes)


def _chart_date(texts: Sequence[str], chart: Chart, where: str) -> date:
    """The day in its heading, where that is this chart's."""
    headings = [found for text in texts if (found := _HEADING.fullmatch(text))]
    if not headings:
        raise BadAnswerError(
            f"{where} has no heading like 'Spotify Daily Chart - Norway - 2026/09/15'"
        )
    known = COUNTRIES.get(chart.country)
    names = [chart.country_name, known.name if known else None, _ITS_NAMES.get(chart.country)]
    expected = [name for name in dict.fromkeys(names) if name]
    for heading in headings:
        if heading["cadence"].lower() != chart.cadence:
            raise BadAnswerError(f"{where} is headed as a {heading['cadence'].lower()} chart")
        if heading["name"].casefold() not in {name.casefold() for name in expected}:
            raise BadAnswerError(
                f"{where} is headed {shortened(heading['name'], 40)!r} and not "
                f"{' or '.join(map(repr, expected))}; if that is the country too, write it so in "
                "the chart list"
            )
    dates = {heading["date"] for heading in headings}
    if len(dates) > 1:
        raise BadAnswerError(f"{where} is headed with {' and '.join(sorted(dates))}")
    text = dates.pop()
    try:
        return date.fromisoformat(text.replace("/", "-"))
    except ValueError as error:
        raise BadAnswerError(f"{where} is headed with {text}, which is no date") from error


def _table(tables: Sequence[Table], columns: Sequence[str], where: str) -> Table:
    """The table with the columns, known by its first row. Names those that it lacks."""
    headers = [[cell.text for cell in table[0]] for table in tables if table]
    if not headers:
        raise BadAnswerError(f"{where} has no table")
    lacking = [[name for name in columns if header.count(name) != 1] for header in headers]
    least = min(lacking, key=len)
    if least:
        raise BadAnswerError(f"{where} has no table with the columns {', '.join(least)}")
    return [table for table in tables if table][lacking.index(least)]


def _problems(row: Mapping[str, Cell], number: int, chart: Chart) -> list[str]:
    """What of a row cannot be read, a sentence for each field."""
    problems = [
        f"row {number}: {name} is {shortened(row[name].text, 40)!r}, expected a whole number"
        for name in ("Pos", "Pk", "Streams", _APPEARANCES[chart.cadence])
        if not _NUMBER.fullmatch(row[name].text)
    ]
    move = row["P+"].text
    if not _MOVE.fullmatch(move):
        problems.append(
            f"row {number}: P+ is {shortened(move, 40)!r}, expected NEW, RE, = or a move like +3"
        )
    elif not problems and _previous(row) in _NOWHERE:
        problems.append(f"row {number}: P+ is {move!r} at position {row['Pos'].text}")
    return problems


def _number(cell: Cell) -> int:
    return int(cell.text.replace(",", ""))


def _previous(row: Mapping[str, Cell]) -> int | None:
    """The place before: a move of +3 has led up from three places below."""
    move = row["P+"].text
    if move in {"NEW", "RE"}:
        return None
    return _number(row["Pos"]) + (0 if move == "=" else int(move))


def _entry(row: Mapping[str, Cell], chart: Chart) -> dict[str, Any] | None:
    """A row's part of `chart_entries`; None where it links to no track."""
    parts = row["Artist and Title"].parts
    tracks = [
        (place, found[1])
        for place, (_, href) in enumerate(parts)
        if href and (found := _TRACK.fullmatch(href))
    ]
    if not tracks:
        return None
    place, track_id = tracks[0]
    credit, ids, names = _artists(joined(parts[:place]), joined(parts[place + 1 :]), parts)
    appearances = _number(row[_APPEARANCES[chart.cadence]])
    return {
        "position": _number(row["Pos"]),
        "track_id": track_id,
        "track_name": joined(parts[place : place + 1]) or None,
        "artist_ids": ids,
        "artist_names": names,
        "album_id": None,
        "album_name": None,
        "album_release_date": None,
        "explicit": None,
        "duration_ms": None,
        "popularity": None,
        "streams": _number(row["Streams"]),
        "added_at": None,
        "previous_position": _previous(row),
        "peak_position": _number(row["Pk"]),
        "days_on_chart": appearances if chart.cadence == "daily" else None,
        "weeks_on_chart": appearances if chart.cadence == "weekly" else None,
        "artist_credit": credit or None,
        "label": None,
    }


def _artists(
    before: str, after: str, parts: Sequence[tuple[str, str | None]]
) -> tuple[str, list[str] | None, list[str] | None]:
    """Artists as one text, and by id and name where each of them is a link.

    Names in a text alone may have commas in them: only one without is surely a single artist's.
    """
    guests = _GUESTS.fullmatch(after)
    main = before.removesuffix("-").strip()
    credit = ", ".join([main, guests[1]] if guests else [main])
    linked = [
        (found[1], " ".join(text.split()))
        for text, href in parts
        if href and (found := _ARTIST.fullmatch(href))
    ]
    if linked and ", ".join(name for _, name in linked) == credit:
        return credit, [ident for ident, _ in linked], [name for _, name in linked]
    return credit, None, [credit] if credit and "," not in credit else None
