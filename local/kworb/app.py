"""The routes of the local kworb.net, as public readers of its pages tell of them.

* ``GET /kworb/spotify/country/<cc|global>_<daily|weekly>.html``: a chart as a static table, whose
  heading says of which day: the one before yesterday, or the Thursday by then that ended a week.
  The header names the columns; a track's id is in its link. 200 places, as far as the world has
  tracks: behind the chart's own come others of its catalogue.
* ``GET /robots.txt`` of the host allows everything.
* Who gives no contact in the User-Agent, as polite robots do, gets 403 for a page. There is no page
  of a chart that the world does not have, nor of Russia, which has none any more: 404.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from flask import Blueprint, Response, request

from local.spotify import ids
from local.spotify.control import Control
from local.spotify.countries import GLOBAL
from local.spotify.errors import ApiError
from local.spotify.faults import Fault
from local.spotify.world import Catalogue, ChartDef, Track

PREFIX = "/kworb/spotify"
ROBOTS = "/robots.txt"
PLACES = 200
DISCONTINUED = "RU"
BEHIND = timedelta(days=2)
_CONTACT = re.compile(r"\(\+\S+\)")
_ITS_NAMES = {"CZ": "Czech Republic"}
_THURSDAY = 3
_COLUMNS = {
    "daily": (
        *("Pos", "P+", "Artist and Title", "Days", "Pk", "(x?)"),
        *("Streams", "Streams+", "7Day", "7Day+", "Total"),
    ),
    "weekly": (
        *("Pos", "P+", "Artist and Title", "Wks", "Pk", "(x?)"),
        *("Streams", "Streams+", "Total"),
    ),
}
PAGE_FAULTS = ("renamed_fields", "other_chart", "earlier_day", "fewer_rows")


def routes(control: Control) -> Blueprint:
    """The routes, for the charts of a service's world."""
    blueprint = Blueprint("kworb", __name__)

    @blueprint.get(f"{PREFIX}/country/<page>")
    def country(page: str) -> Response:
        if not _CONTACT.search(request.headers.get("User-Agent", "")):
            return Response("Forbidden", status=403, content_type="text/plain")
        charts = _charts(control)
        chart = charts.get(page)
        if chart is None:
            return Response("Not Found", status=404, content_type="text/html")
        shown, asked = control.clock.today() - BEHIND, chart
        lost: list[str] = []
        most = PLACES
        for fault in control.faults.told(request.path, PAGE_FAULTS):
            lost += fault.fields
            if fault.kind == "other_chart":
                chart = _other(charts.values(), asked)
            elif fault.kind == "earlier_day":
                shown -= timedelta(days=7 if asked.cadence == "weekly" else 1)
            elif fault.kind == "fewer_rows":
                most = fault.count
        # The real one names no encoding either.
        return Response(_html(control, chart, shown, lost, most), content_type="text/html")

    @blueprint.get(ROBOTS)
    def robots() -> Response:
        closed: Sequence[Fault] = control.faults.told(request.path, ("disallow",))
        rules = f"User-agent: *\nDisallow:{' /' if closed else ''}\n"
        return Response(rules, content_type="text/plain")

    return blueprint


def answers(path: str) -> bool:
    """Whether a path is one of kworb.net's."""
    return path.startswith(f"{PREFIX}/") or path == ROBOTS


def answer_of(error: ApiError) -> Response:
    """An error that was made for Spotify, as a web server says it."""
    response = Response(
        f"<html><title>{error.status}</title></html>", error.status, content_type="text/html"
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _charts(control: Control) -> dict[str, ChartDef]:
    return {
        f"{'global' if each.country == GLOBAL else each.country.lower()}_{each.cadence}.html": each
        for each in control.world.charts
        if each.country != DISCONTINUED
    }


def _other(charts: Iterable[ChartDef], than: ChartDef) -> ChartDef:
    return next(
        each for each in charts if each.cadence == than.cadence and each.country != than.country
    )


@dataclass(frozen=True)
class _Place:
    """A place of a chart; `before` is where the track was, None for a new one."""

    position: int
    track: Track
    before: int | None
    streams: int


def _day(chart: ChartDef, shown: date) -> date:
    """The day of the chart that is shown on a day."""
    if chart.cadence == "daily":
        return shown
    return shown - timedelta(days=(shown.weekday() - _THURSDAY) % 7)


def tracks(control: Control, chart: ChartDef, day: date) -> list[Track]:
    """A chart's tracks, and others of the catalogue behind them, each once."""
    world = control.world
    # Spotify publishes a week's chart on the day after it.
    published = day + timedelta(days=1) if chart.cadence == "weekly" else day
    own = {one.id: one for one in world.chart_page(chart, published).places if one is not None}
    others = sorted(
        (one for one in world.catalogue.tracks.values() if one.id not in own),
        key=lambda one: (ids.number(2**32, "kworb", chart.country, one.id), one.id),
    )
    return [*own.values(), *islice(others, max(PLACES - len(own), 0))]


def _places(control: Control, chart: ChartDef, day: date) -> list[_Place]:
    back = timedelta(days=7 if chart.cadence == "weekly" else 1)
    before = {one.id: n for n, one in enumerate(tracks(control, chart, day - back), 1)}
    most = 10**5 + ids.number(10**6, "kworb streams", chart.country)
    return [
        _Place(position, one, before.get(one.id), 10 * most // (9 + position))
        for position, one in enumerate(tracks(control, chart, day), 1)
    ]


def _html(
    control: Control, chart: ChartDef, shown: date, renamed: Sequence[str], most: int
) -> bytes:
    day = _day(chart, shown)
    columns = _COLUMNS[chart.cadence]
    name = _ITS_NAMES.get(chart.country, chart.country_name)
    title = html.escape(f"Spotify {chart.cadence.capitalize()} Chart - {name}")
    header = "".join(f"<th>{'new ' * (one in renamed)}{one}</th>" for one in columns)
    rows = "\n".join(
        "<tr>"
        + "".join(f'<td class="np">{cell}</td>' for cell in _cells(control, chart, one))
        + "</tr>"
        for one in _places(control, chart, day)[:most]
    )
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>\n"
        f'<span class="pagetitle">{title} - {day:%Y/%m/%d} | <a href="totals.html">Totals</a>'
        f'</span>\n<table class="sortable" id="spotify{chart.cadence}">\n'
        f"<thead><tr>{header}</tr></thead>\n<tbody>{rows}</tbody></table>\n</body></html>\n"
    )
    return page.encode()


def _cells(control: Control, chart: ChartDef, one: _Place) -> list[str]:
    days = 1 if one.before is None else 2 + ids.number(300, "kworb days", one.track.id)
    peak = 1 + ids.number(one.position, "kworb peak", chart.country, one.track.id)
    change = ids.number(2001, "kworb change", chart.country, one.track.id) - 1000
    week = 7 * one.streams - change
    return [
        str(one.position),
        _move(one),
        f"<div>{_what(control.world.catalogue, one.track)}</div>",
        str(days),
        str(peak),
        f"(x{1 + days // 2})" if peak == 1 else "",
        f"{one.streams:,}",
        "" if one.before is None else f"{change:+,}",
        *([f"{week:,}", f"{change:+,}"] if chart.cadence == "daily" else []),
        f"{one.streams * days:,}",
    ]


def _move(one: _Place) -> str:
    if one.before is None:
        return "RE" if ids.number(4, "kworb again", one.track.id) == 0 else "NEW"
    return "=" if one.before == one.position else f"{one.before - one.position:+d}"


def _what(known: Catalogue, track: Track) -> str:
    """The artist, the track, and guests, each a link."""
    main, *guests = (
        f'<a href="../artist/{one}_songs.html">{html.escape(known.artists[one].name)}</a>'
        for one in track.artist_ids
    )
    title = f'<a href="../track/{track.id}.html">{html.escape(track.name)}</a>'
    return f"{main} - {title}" + (f" (w/ {', '.join(guests)})" if guests else "")
