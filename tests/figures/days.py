"""A world of many days: a day of charts, the days after it, and somebody who listens.

The first day is a file's. Each later one is made up from the day before: a share of the tracks that
the charts show has gone, on every chart, new ones stand in their places, and neighbours have
changed places. New tracks bring new albums and artists in the proportion in which the first day has
them. Beside the charts there are
older tracks, which only the listener hears.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from local.spotify import ids
from local.spotify.charts_csv import ChartsWorld, charts_world
from local.spotify.listening import History
from local.spotify.world import (
    Album,
    Artist,
    Catalogue,
    ChartDef,
    ChartPage,
    Listener,
    Play,
    Track,
    World,
    midnight,
)
from tests.stack.conftest import made_up_day

NEW_SHARE = 0.05  # of the tracks that the charts show, a day
MOVED = 0.4  # of the places, those that the next one's track takes overnight
PLAYS_A_DAY = 100
WAKING = (7, 23)  # hours of the listener's day
# The distinct tracks among somebody's first n plays are about n to this power (Heaps' law): 40 of
# the first day's 100, 16 new ones a day after a month, 600 in all.
HEAPS = 0.8
CHARTED = 0.3  # of the tracks new to the listener, those that stand on their country's chart
_COUNTRIES = ("NO", "SE", "DK", "FI", "IS")
ALBUM = 3  # older tracks on an album of theirs


@dataclass
class DaysWorld(World):
    """Charts by date; before the first day and after the last one they are those of that day."""

    pages: dict[date, dict[str, ChartPage]] = field(default_factory=dict)

    def chart_page(self, chart: ChartDef, today: date) -> ChartPage:
        """The chart as it stands on a UTC date."""
        day = min(max(today, min(self.pages)), max(self.pages))
        return self.pages[day][chart.country]


def days_world(
    path: Path,
    days: int,
    *,
    older: int = 0,
    new: float = NEW_SHARE,
    only: Sequence[str] = (),
    seed: int = 1,
) -> DaysWorld:
    """The world of a charts CSV and `days - 1` days after it, with so many older tracks.

    `new` is the share of a day's tracks that the day before did not have; `only` names the
    countries whose charts there are, where not all are wanted.

    Raises:
        WorldError: where the file cannot be read.
    """
    first = charts_world(path, seed=seed)
    maker = _Maker(first, new, seed)
    assert first.fixed_date is not None
    shown = first.pages or {}
    pages = {first.fixed_date: {each: shown[each] for each in only or shown}}
    for number in range(1, days):
        day = first.fixed_date + timedelta(days=number)
        pages[day] = maker.day_after(pages[day - timedelta(days=1)], day)
    maker.add_older(older)
    return DaysWorld(
        label=f"{first.label}; made-up days after it" if days > 1 else first.label,
        made_up=first.made_up,
        seed=seed,
        catalogue=Catalogue(maker.tracks, maker.whole_albums(), maker.artists),
        charts=[one for one in first.charts if one.country in pages[first.fixed_date]],
        listeners=first.listeners,
        default_clock=first.default_clock,
        pages=pages,
    )


def charted(world: DaysWorld, day: date) -> list[Track]:
    """The tracks that any chart shows on a day, each once."""
    shown = [one for page in world.pages[day].values() for one in page.places if one is not None]
    return list({one.id: one for one in shown}.values())


class _Maker:
    """Invents what later days bring, as a function of the first day and the seed."""

    def __init__(self, first: ChartsWorld, new: float, seed: int) -> None:
        self.tracks = dict(first.catalogue.tracks)
        self.artists = dict(first.catalogue.artists)
        self._albums = dict(first.catalogue.albums)
        self._members = {one.id: list(one.track_ids) for one in self._albums.values()}
        count = len(self.tracks)
        self._new_album = len(self._albums) / count
        self._new_artist = len(self.artists) / count
        self._new_track = new
        self._seed = seed

    def whole_albums(self) -> dict[str, Album]:
        """The albums with all of their tracks."""
        return {
            each: replace(one, track_ids=tuple(self._members[each]))
            for each, one in self._albums.items()
        }

    def day_after(self, before: dict[str, ChartPage], day: date) -> dict[str, ChartPage]:
        """The charts of the next day."""
        chance = random.Random(f"{self._seed}|{day}")
        shown = sorted({one.id for page in before.values() for one in page.places if one})
        gone = sorted(chance.sample(shown, round(self._new_track * len(shown))))
        instead = {each: self._track(chance, f"{day}|{each}", each) for each in gone}
        after = {}
        for country, page in before.items():
            places = [one and instead.get(one.id, one) for one in page.places]
            for place in range(len(places) - 1):  # a chart that is the day before's is refused
                if chance.random() < MOVED:
                    places[place : place + 2] = reversed(places[place : place + 2])
            after[country] = ChartPage(day, tuple(places))
        return after

    def add_older(self, count: int) -> None:
        """Tracks that no chart shows, on albums of their own."""
        chance = random.Random(f"{self._seed}|older")
        patterns = sorted(self.tracks)
        for number in range(count):
            name = f"older {number // ALBUM}"
            artist = self._artist(f"{name} {number // ALBUM // 2}")
            album = self._album(name, artist)
            self._track(chance, f"older|{number}", chance.choice(patterns), album, artist)

    def _track(
        self,
        chance: random.Random,
        name: str,
        pattern: str,
        album: str | None = None,
        artist: str | None = None,
    ) -> Track:
        """A new track, in sound like the `pattern`."""
        if artist is None:
            new = chance.random() < self._new_artist
            artist = self._artist(name) if new else chance.choice(list(self.artists))
        if album is None:
            new = chance.random() < self._new_album
            album = self._album(name, artist) if new else chance.choice(list(self._albums))
        track_id = ids.base62_id("later track", name)
        members = self._members[album]
        members.append(track_id)
        serial = ids.number(10**7, "later isrc", name)
        self.tracks[track_id] = replace(
            self.tracks[pattern],
            id=track_id,
            name=f"Made-up {name}",
            artist_ids=(artist,),
            album_id=album,
            track_number=len(members),
            isrc=f"ZZSLL{serial:07d}",
        )
        return self.tracks[track_id]

    def _artist(self, name: str) -> str:
        artist_id = ids.base62_id("later artist", name)
        genres = ("made-up genre 1",) if ids.number(3, "later genres", name) else ()
        self.artists[artist_id] = Artist(artist_id, f"Made-up artist {name}", 50, 1000, genres)
        return artist_id

    def _album(self, name: str, artist: str) -> str:
        album_id = ids.base62_id("later album", name)
        if album_id not in self._albums:
            self._members[album_id] = []
            self._albums[album_id] = Album(
                album_id, f"Made-up album {name}", (artist,), "2025-02", (), "Made-up Records", 50
            )
        return album_id


def made_up_file(path: Path) -> Path:
    """A small made-up day in the form of the real one, with countries that there are."""
    text = made_up_day(path).read_text(encoding="utf-8")
    for made, real in zip(("AA", "BB", "CC", "DD", "EE"), _COUNTRIES, strict=True):
        text = text.replace(f",{made},2025-", f",{real},2025-")
    path.write_text(text, encoding="utf-8")
    return path


class Listening(History):
    """Somebody's plays: so many a day, some of tracks that they never heard before.

    In the local Spotify it takes the place of its listeners' `History`.
    """

    def __init__(self, world: DaysWorld, days: int, *, plays: int = PLAYS_A_DAY) -> None:
        super().__init__(world)
        self._chance = random.Random(f"{world.seed}|listening")
        shown = {one.id for day in world.pages for one in charted(world, day)}
        self._older = [one for each, one in world.catalogue.tracks.items() if each not in shown]
        self._heard: dict[str, Track] = {}
        self._played = 0
        self.by_day: dict[date, list[Play]] = {}
        listener = world.listeners[0]
        chart = next(one for one in world.charts if one.country == listener.country)
        for number in range(days):
            day = min(world.pages) + timedelta(days=number)
            page = world.chart_page(chart, day)
            self.by_day[day] = self._day(day, [one for one in page.places if one], plays)

    def _day(self, day: date, chart: Sequence[Track], plays: int) -> list[Play]:
        begin = midnight(day) + timedelta(hours=WAKING[0])
        step = timedelta(hours=WAKING[1] - WAKING[0]) / plays
        ends = [begin + number * step for number in range(1, plays + 1)]
        return [Play(_whole_ms(at), self._pick(chart)) for at in ends]

    def _pick(self, chart: Sequence[Track]) -> Track:
        """The next track: one never heard as often as Heaps' law has it, else one of those heard.

        Which leans by a square towards what was found first: a few are played far more often.
        """
        self._played += 1
        if len(self._heard) >= self._played**HEAPS:
            return list(self._heard.values())[int(self._chance.random() ** 2 * len(self._heard))]
        new = [one for one in chart if one.id not in self._heard]
        if not new or self._chance.random() >= CHARTED:
            new = [one for one in self._older if one.id not in self._heard] or new
        one = self._chance.choice(new)
        self._heard[one.id] = one
        return one

    def seen_by(self, at: datetime) -> list[Track]:
        """The tracks of all plays until an instant, each once."""
        plays = [one for each in self.by_day.values() for one in each if one.played_at <= at]
        return list({one.track.id: one.track for one in plays}.values())

    def of_day(self, listener: Listener, local_day: date) -> tuple[Play, ...]:
        """The plays of a day, oldest first, whoever listens and wherever."""
        return tuple(self.by_day.get(local_day, ()))


def _whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
