"""The list of charts to read: checked, converted and uploaded."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from soundlake.charts import COLUMNS, DISCONTINUED, Chart, ChartListError, parse_chart_list

from cli.errors import Misuse, Trouble

_PLAYLISTS: Final = ("country_code", "country_name", "playlist_id")


def read(files: Iterable[Path], cadence: str | None) -> list[Chart]:
    """Read chart lists and lists of playlists; raise Trouble naming file, row and field.

    Lists of playlists (`country_code,country_name,playlist_id`) need the `cadence` they are of;
    of these, discontinued charts are off.
    """
    charts: dict[str, Chart] = {}
    for path in files:
        for chart in _read(path, cadence):
            if chart.chart in charts:
                raise Trouble(f"{path}: {chart.chart} is listed a second time.")
            charts[chart.chart] = chart
    return list(charts.values())


def _read(path: Path, cadence: str | None) -> list[Chart]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Trouble(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from error
    header = next(csv.reader(io.StringIO(text)), [])
    if set(_PLAYLISTS) <= set(header):
        if cadence is None:
            raise Misuse(f"{path} does not say how often its charts change; add --cadence.")
        text = _converted(text, cadence)
    try:
        return parse_chart_list(text)
    except ChartListError as error:
        raise Trouble(f"{path}: {error}") from error


def _converted(text: str, cadence: str) -> str:
    """Return a list of playlists as a chart list, row by row so that row numbers stay right."""
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        country, name, playlist = ((row[key] or "").strip() for key in _PLAYLISTS)
        enabled = str(country not in DISCONTINUED).lower()
        rows.append([f"{cadence}-{country}", country, name, cadence, playlist, enabled])
    return _csv(rows)


def off_by_default(charts: Iterable[Chart]) -> str | None:
    """Say why charts are off that nobody switched off; None where there are none."""
    names = [one.chart for one in charts if one.country in DISCONTINUED and not one.enabled]
    if not names:
        return None
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names)} {verb} off: Spotify has discontinued Russia's charts."


def as_csv(charts: Iterable[Chart]) -> str:
    """Return charts as the chart list's CSV."""
    return _csv([_cells(one) for one in charts])


def _cells(one: Chart) -> list[str]:
    values = [getattr(one, name) for name in COLUMNS]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


def rows(charts: Iterable[Chart]) -> list[list[str]]:
    """Return charts as rows of text in the order of COLUMNS."""
    return [_cells(one) for one in charts]


def _csv(lines: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines)
    return out.getvalue()
