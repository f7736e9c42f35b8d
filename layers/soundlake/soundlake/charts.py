"""Charts: which there are, and what one of them showed on one day."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from typing import Any, Literal, cast

from soundlake.providers import PLAYLIST
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import Page, Playlist, PlaylistEntry, Track
from soundlake.times import format_time

Cadence = Literal["daily", "weekly"]
COLUMNS = ("chart", "country", "country_name", "cadence", "playlist_id", "enabled")
WORLD = "GLOBAL"  # the country of a chart of the whole world
# Countries whose charts Spotify makes no longer: their playlists are of years ago.
DISCONTINUED = frozenset({"RU"})

_PATTERNS = {
    "chart": re.compile(r"(daily|weekly)-(GLOBAL|[A-Z]{2})"),
    "country": re.compile(r"GLOBAL|[A-Z]{2}"),
    "country_name": re.compile(r".*\S.*"),
    "cadence": re.compile(r"daily|weekly"),
    "playlist_id": re.compile(r"([0-9A-Za-z]{22})?"),
    "enabled": re.compile(r"true|false"),
}
_EXPECTED = {
    "chart": "its cadence and country, like daily-NO",
    "country": "an ISO 3166-1 alpha-2 code in capitals, or GLOBAL",
    "country_name": "a name",
    "cadence": "daily or weekly",
    "playlist_id": "22 letters and digits, or nothing where Spotify is not to be asked",
    "enabled": "true or false",
}


class ChartListError(ValueError):
    """A chart list that cannot be used; the text names the row and the field."""


class UnknownChartError(ValueError):
    """A country or chart that the chart list does not have."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart that may be read: a country's (or the world's) daily or weekly list.

    Without a `playlist_id` it is Spotify's all the same, but Spotify cannot be asked for it.
    """

    chart: str
    country: str
    country_name: str
    cadence: Cadence
    playlist_id: str
    enabled: bool


def parse_chart_list(text: str) -> list[Chart]:
    """Read a chart list (CSV, columns `COLUMNS` in any order).

    Raises ChartListError, naming the row (the header is row 1) and the field.
    """
    # Universal newlines: spreadsheets still write old line endings.
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline=None))
    try:
        return _parse_chart_list(reader)
    except csv.Error as error:
        raise ChartListError(
            f"The chart list is not CSV near row {reader.line_num + 1}: {error}."
        ) from error


def _parse_chart_list(reader: "csv.DictReader[str]") -> list[Chart]:
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ChartListError(f"The chart list lacks the column {missing[0]!r}.")
    charts: dict[str, Chart] = {}
    for row in reader:
        chart = _chart(row, reader.line_num)
        if chart.chart in charts:
            raise ChartListError(
                f"The chart list has {chart.chart} a second time in row {reader.line_num}."
            )
        charts[chart.chart] = chart
    if not charts:
        raise ChartListError("The chart list has no rows.")
    return list(charts.values())


def _chart(row: Mapping[str, str | None], line: int) -> Chart:
    values = {name: (row[name] or "").strip() for name in COLUMNS}
    for name, value in values.items():
        if not _PATTERNS[name].fullmatch(value):
            raise ChartListError(
                f"The chart list's row {line} has {name} {value!r}; expected {_EXPECTED[name]}."
            )
    if values["chart"] != f"{values['cadence']}-{values['country']}":
        raise ChartListError(
            f"The chart list's row {line} calls chart {values['chart']!r} what its cadence and "
            f"country make {values['cadence']}-{values['country']}."
        )
    return Chart(
        chart=values["chart"],
        country=values["country"],
        country_name=values["country_name"],
        cadence=cast("Cadence", values["cadence"]),
        playlist_id=values["playlist_id"],
        enabled=values["enabled"] == "true",
    )


def select(charts: Iterable[Chart], wanted: Sequence[str] | None) -> list[Chart]:
    """The charts to read: the enabled ones, or of those only the `wanted`.

    `wanted` holds countries (`NO`: each of its enabled charts) or charts (`weekly-NO`: that one,
    enabled or not). Raises UnknownChartError for a name that the list does not have.
    """
    charts = list(charts)
    if wanted is None:
        return [chart for chart in charts if chart.enabled]
    chosen: dict[str, Chart] = {}
    for name in wanted:
        by_chart = [chart for chart in charts if chart.chart.lower() == name.lower()]
        by_country = [chart for chart in charts if chart.country == name.upper()]
        found = by_chart or [chart for chart in by_country if chart.enabled]
        if not found:
            why = "its charts are switched off" if by_country else "the chart list has none"
            raise UnknownChartError(
                f"No chart for {name!r}: {why}. Name a country like NO or a chart like weekly-NO; "
                "./soundlake charts shows them all."
            )
        chosen |= {chart.chart: chart for chart in found}
    return list(chosen.values())


@dataclass(frozen=True, slots=True)
class Listed:
    """A playlist's entries, each with its position, and the totals that its pages state."""

    entries: list[tuple[int, PlaylistEntry]]
    totals: frozenset[int]


@dataclass(frozen=True, slots=True)
class Hole:
    """A position without a row; `found` is what stood there, None where the answer has null."""

    position: int
    found: str | None = None


@dataclass(frozen=True, slots=True)
class ChartDay:
    """What one chart showed on one day: its typed rows, the tracks in them, and the holes."""

    entries: list[dict[str, Any]]
    tracks: list[Track]
    holes: list[Hole]


def read_playlist(pages: Sequence[Any], playlist_id: str) -> Listed:
    """The entries of a playlist answer (its first page inside, further pages after it).

    An entry's position is its place, counted from the offset that its page states, or from the
    end of the page before. Raises BadAnswerError when an answer is not a playlist, or another
    playlist than asked.
    """
    playlist = Playlist.read(pages[0], "the playlist")
    if playlist.id != playlist_id:
        raise BadAnswerError(f"the playlist: id: {playlist.id} instead of {playlist_id}")
    listed = [playlist.page, *(Page.read(page, "the playlist's page") for page in pages[1:])]
    entries: list[tuple[int, PlaylistEntry]] = []
    for page in listed:
        last = entries[-1][0] if entries else 0
        first = 1 + (last if page.offset is None else page.offset)
        for position, item in enumerate(page.items, first):
            entry = PlaylistEntry.read({} if item is None else item, f"entry {position}")
            entries.append((position, entry))
    return Listed(entries, frozenset(page.total for page in listed if page.total is not None))


def next_page(answer: Any, number: int) -> str | None:
    """The address of the page after a playlist answer's page of this number; null at the end."""
    if number == 1:
        return Playlist.read(answer, "the playlist").page.next
    return Page.read(answer, "the playlist's page").next


def shown_tracks(listed: Listed) -> list[Track]:
    """The tracks among a playlist's entries; what can be read as none is left out."""
    tracks = []
    for position, entry in listed.entries:
        if entry.item is not None and not entry.is_local and _kind(entry.item) == "track":
            with suppress(BadAnswerError):
                tracks.append(Track.read(entry.item, f"position {position}"))
    return tracks


def chart_day(
    entries: Iterable[tuple[int, PlaylistEntry]],
    *,
    chart: Chart,
    chart_date: date,
    observed_at: datetime,
    raw_key: str,
) -> ChartDay:
    """Turn a chart's entries into rows of `chart_entries`.

    A null entry is a hole: no row, the other positions stay. An episode, a local file, or a track
    that lacks a field it needs is a hole too, which says what stood there. A relinked track counts
    under the id that is given. Spotify states no date for a chart, so `date_basis` is `assumed`.
    """
    day = ChartDay(entries=[], tracks=[], holes=[])
    for position, entry in entries:
        if entry.item is None:
            day.holes.append(Hole(position))
            continue
        kind = "local file" if entry.is_local else _kind(entry.item)
        if kind != "track":
            day.holes.append(Hole(position, kind))
            continue
        try:
            track = Track.read(entry.item, "an unreadable track")
        except BadAnswerError as error:
            day.holes.append(Hole(position, str(error)))
            continue
        day.tracks.append(track)
        day.entries.append(
            {
                "chart": chart.chart,
                "country": chart.country,
                "chart_date": chart_date.isoformat(),
                "position": position,
                "track_id": track.id,
                "track_name": track.name,
                "artist_ids": [artist.id for artist in track.artists],
                "artist_names": [artist.name for artist in track.artists],
                "album_id": track.album.id,
                "album_name": track.album.name,
                "album_release_date": track.album.release_date,
                "explicit": track.explicit,
                "duration_ms": track.duration_ms,
                "popularity": track.popularity,
                "streams": None,
                "provider": PLAYLIST,
                "date_basis": "assumed",
                "added_at": entry.added_at,
                "observed_at": format_time(observed_at),
                "raw_key": raw_key,
            }
        )
    return day


def _kind(item: Any) -> str:
    if not isinstance(item, dict):
        return type(item).__name__
    if item.get("is_local"):
        return "local file"
    return str(item.get("type") or "track")
