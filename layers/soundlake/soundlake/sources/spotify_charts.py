"""Spotify's charts: its own playlists, for apps with extended access since before 2024-11-27.

They state no date, and show the present chart alone.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from soundlake.abilities import Ability
from soundlake.charts import Chart, chart_day, next_page, read_playlist
from soundlake.providers import PLAYLIST
from soundlake.sources.chart_source import ChartSource, DayUnavailableError, Shown, Wanted
from soundlake.spotify.errors import BadAnswerError, RateLimitedError

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer
    from soundlake.store.raw import RawAnswer

PAGES = 10  # of 50 or 100 entries each: more than any chart has


class SpotifyCharts(ChartSource):
    """`GET /playlists/{id}` and the pages after it."""

    name = "spotify"
    provider = PLAYLIST
    ending = "json.gz"

    def why_not(self, clients: "Clients", chart: Chart) -> str | None:
        """Spotify tells an app of its charts, or does not; and it is asked by playlist."""
        if not chart.playlist_id:
            return f"The chart list has no playlist of {chart.chart}."
        if clients.abilities().may(Ability.CHARTS) is False:
            return "Spotify does not show its charts to this app."
        return None

    def ask(
        self, clients: "Clients", wanted: Wanted, pages: "Sequence[RawAnswer]"
    ) -> "Answer | None":
        """The playlist, or its page after these."""
        playlist_id, url = wanted.chart.playlist_id, None
        if pages:
            url = next_page(pages[-1].json, len(pages))
            if url is None:
                return None
        spotify = clients.spotify()
        now = spotify.now()
        _same_day(now, wanted.day)
        _not_before(now, wanted.not_before)
        if len(pages) == PAGES:
            raise BadAnswerError(f"the playlist {playlist_id}: more than {PAGES} pages")
        answer = spotify.page(url) if url else spotify.playlist(playlist_id)
        _same_day(answer.at, wanted.day)
        if not pages:
            read_playlist([answer.json], playlist_id)
        if following := next_page(answer.json, len(pages) + 1):
            spotify.check_page(following)
        return answer

    def whole(self, pages: "Sequence[RawAnswer]", chart: Chart) -> bool:
        """Whether the last page names no further one."""
        read_playlist([page.json for page in pages], chart.playlist_id)
        return next_page(pages[-1].json, len(pages)) is None

    def read(self, pages: "Sequence[RawAnswer]", chart: Chart, day: date | None) -> Shown:
        """The playlist's entries as a chart's rows."""
        listed = read_playlist([page.json for page in pages], chart.playlist_id)
        first = pages[0]
        chart_date = day or first.at.date()
        found = chart_day(
            listed.entries,
            chart=chart,
            chart_date=chart_date,
            observed_at=first.at,
            raw_key=first.key,
        )
        return Shown(
            chart_date=chart_date,
            stated=False,
            observed_at=first.at,
            raw_key=first.key,
            entries=found.entries,
            holes=found.holes,
            places=len(listed.entries),
            totals=listed.totals,
        )


def _same_day(now: datetime, day: date) -> None:
    """Refuse to file Spotify's present chart under another date: it shows only today's."""
    if now.date() != day:
        raise DayUnavailableError(
            f"Spotify shows only today's chart ({now.date()}, UTC) and no answer of {day} was "
            "kept, so that day is unavailable."
        )


def _not_before(now: datetime, not_before: datetime | None) -> None:
    """Keep to what Spotify asked of an earlier run."""
    if not_before is not None and (left := not_before - now) > timedelta(0):
        raise RateLimitedError(ceil(left.total_seconds()))
