"""A made-up world: invented artists, songs and charts that never run out of days.

Everything is a pure function of the seed (and, for charts, of country and date), the same in
every process and on every platform: randomness comes from `random.Random` with string seeds, and
no arithmetic beyond IEEE's basic operations decides an order.

Artists have a home country and a genre with its own spread of audio features. A country's chart
mixes worldwide hits, its region's and its own artists by a taste of its own. Each song's standing
in a country swings slowly (30 to 120 days) with a small daily unrest, so consecutive days mostly
agree. A weekly chart is the standing of the week that ended on the Thursday before the newest
Friday. All songs were released before 2025; earlier dates prefer what was already released.
About one track in a hundred has no audio features. Playlist ids do not depend on the seed.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from local.spotify import ids
from local.spotify.countries import COUNTRIES, GLOBAL, ONLY_DAILY, ONLY_WEEKLY, country_name
from local.spotify.names import WORDS
from local.spotify.playlists_csv import PlaylistRow
from local.spotify.world import (
    CHART_SIZE,
    Album,
    Artist,
    Cadence,
    Catalogue,
    ChartDef,
    ChartPage,
    Features,
    Track,
    World,
    standard_listeners,
)

MADE_UP = "made up by Soundlake's local Spotify"
_WORLD_HITS = 90


@dataclass(frozen=True)
class _Region:
    countries: tuple[str, ...]
    artists: int
    genres: tuple[str, ...]
    reach: float  # how easily its songs travel


def _region(countries: str, artists: int, genres: str, reach: float) -> _Region:
    return _Region(tuple(countries.split()), artists, tuple(genres.split(", ")), reach)


_REGIONS: dict[str, _Region] = {
    "anglo": _region("US GB CA AU NZ IE", 100, "pop, hip hop, indie, country, dance, ballad", 0.22),
    "nordic": _region("SE NO DK FI IS", 48, "pop, dance, indie, hip hop", 0.1),
    "germanic": _region("DE AT CH NL LU", 40, "hip hop, pop, dance", 0.05),
    "franco": _region("FR BE", 34, "hip hop, pop, ballad", 0.08),
    "luso": _region("BR PT", 44, "brazilian funk, sertanejo, pop", 0.05),
    "latin": _region(
        "MX ES AR CO CL PE EC BO CR DO GT HN NI PA PY SV UY VE",
        90,
        "reggaeton, corrido, latin pop, bachata",
        0.25,
    ),
    "italic": _region("IT", 28, "pop, hip hop, ballad", 0.02),
    "central": _region("PL CZ SK HU", 38, "hip hop, pop, indie", 0.0),
    "east": _region("UA BG RO BY KZ RU", 32, "pop, dance, hip hop", 0.02),
    "baltic": _region("LT LV EE", 20, "pop, indie, hip hop", 0.0),
    "hellenic": _region("GR CY", 16, "ballad, hip hop, pop", 0.0),
    "turkish": _region("TR", 18, "hip hop, ballad, pop", 0.02),
    "arab": _region("SA AE EG MA", 28, "arab pop, hip hop, ballad", 0.02),
    "hebrew": _region("IL", 14, "pop, ballad, indie", 0.0),
    "southasia": _region("IN PK", 34, "film song, ballad, hip hop", 0.08),
    "seasia": _region("ID PH TH VN MY SG", 38, "ballad, pop, indie", 0.03),
    "japan": _region("JP", 24, "anime rock, pop, ballad", 0.08),
    "korea": _region("KR", 24, "dance, ballad, hip hop", 0.25),
    "sinic": _region("TW HK", 18, "ballad, pop", 0.0),
    "africa": _region("NG ZA", 30, "afrobeats, amapiano, hip hop", 0.12),
}


@dataclass(frozen=True)
class _Genre:
    """Middles of the features of a genre; `major` is the chance of a major key."""

    danceability: float
    energy: float
    valence: float
    acousticness: float
    speechiness: float
    tempo: float
    major: float


_GENRES: dict[str, _Genre] = {
    "pop": _Genre(0.66, 0.68, 0.55, 0.2, 0.06, 118, 0.6),
    "hip hop": _Genre(0.76, 0.64, 0.48, 0.18, 0.22, 132, 0.5),
    "indie": _Genre(0.56, 0.58, 0.44, 0.35, 0.05, 116, 0.68),
    "country": _Genre(0.58, 0.66, 0.55, 0.3, 0.04, 122, 0.85),
    "dance": _Genre(0.7, 0.84, 0.52, 0.07, 0.07, 126, 0.5),
    "ballad": _Genre(0.48, 0.4, 0.32, 0.6, 0.04, 98, 0.72),
    "brazilian funk": _Genre(0.8, 0.78, 0.66, 0.24, 0.16, 130, 0.5),
    "sertanejo": _Genre(0.6, 0.76, 0.62, 0.4, 0.06, 128, 0.7),
    "reggaeton": _Genre(0.78, 0.72, 0.64, 0.2, 0.12, 94, 0.5),
    "corrido": _Genre(0.66, 0.7, 0.74, 0.4, 0.06, 124, 0.82),
    "latin pop": _Genre(0.68, 0.7, 0.6, 0.28, 0.06, 108, 0.55),
    "bachata": _Genre(0.74, 0.66, 0.7, 0.34, 0.05, 126, 0.42),
    "arab pop": _Genre(0.66, 0.68, 0.6, 0.32, 0.08, 104, 0.4),
    "film song": _Genre(0.6, 0.6, 0.5, 0.42, 0.06, 106, 0.6),
    "anime rock": _Genre(0.54, 0.86, 0.56, 0.08, 0.07, 144, 0.62),
    "afrobeats": _Genre(0.78, 0.66, 0.64, 0.28, 0.1, 106, 0.52),
    "amapiano": _Genre(0.82, 0.58, 0.56, 0.16, 0.08, 113, 0.46),
}


@dataclass(frozen=True)
class _Song:
    """What decides a track's standing. `heat` runs from 0 to about 1."""

    track: Track
    home: str
    region: str
    heat: float
    released: str


@dataclass(frozen=True)
class _Candidate:
    """A song in one country: its base score and its slow swing."""

    song: _Song
    base: float
    period: int
    phase: int

    def score(self, day: int) -> float:
        turn = ((day + self.phase) % self.period) / self.period
        return self.base + 0.22 * (4 * abs(turn - 0.5) - 1)


@dataclass
class MadeUpWorld(World):
    """The invented world; see the module's docstring."""

    songs: list[_Song] = field(default_factory=list, repr=False)
    _candidates: dict[str, list[_Candidate]] = field(default_factory=dict, repr=False)
    _pages: dict[tuple[str, Cadence, date], ChartPage] = field(default_factory=dict, repr=False)

    def chart_page(self, chart: ChartDef, today: date) -> ChartPage:
        """The chart as published on a UTC date: that day's, or the newest Friday's."""
        published = today
        if chart.cadence == "weekly":
            published -= timedelta(days=(today.weekday() - 4) % 7)
        key = (chart.country, chart.cadence, published)
        if key not in self._pages:  # two threads may both compute it: the results are equal
            self._pages[key] = self._page(chart, published)
        return self._pages[key]

    def _page(self, chart: ChartDef, published: date) -> ChartPage:
        country = chart.country
        if country not in self._candidates:
            self._candidates[country] = _candidates(self.seed, country, self.songs)
        # A week's standing is that of its middle, the Monday before the Thursday that ends it.
        day = published.toordinal() - (4 if chart.cadence == "weekly" else 0)
        rng = _rng(self.seed, "unrest", country, chart.cadence, str(published))
        unrest = 0.015 if chart.cadence == "daily" else 0.005
        today = published.isoformat()
        ranked = sorted(
            (
                (
                    one.song.released > today,
                    -(one.score(day) + unrest * (rng.random() - 0.5)),
                    one.song.track.id,
                    one.song.track,
                )
                for one in self._candidates[country]
            ),
            key=lambda entry: entry[:3],
        )
        return ChartPage(published, tuple(entry[3] for entry in ranked[:CHART_SIZE]))


def made_up_world(
    seed: int = 1, *, playlists: Mapping[Cadence, Mapping[str, PlaylistRow]] | None = None
) -> MadeUpWorld:
    """The made-up world of a seed.

    Args:
        seed: another seed gives other artists, songs, charts and plays.
        playlists: playlist ids by cadence and country code, used in place of hashed ones.
    """
    catalogue, songs = _catalogue(seed)
    return MadeUpWorld(
        label=f"a world {MADE_UP} (seed {seed})",
        made_up=True,
        seed=seed,
        catalogue=catalogue,
        charts=_charts(playlists or {}),
        listeners=standard_listeners([GLOBAL, *COUNTRIES]),
        songs=songs,
    )


def _rng(seed: int, *parts: str) -> random.Random:
    return random.Random("|".join((str(seed), *parts)))  # noqa: S311 - reproducible, not secret


def _charts(playlists: Mapping[Cadence, Mapping[str, PlaylistRow]]) -> list[ChartDef]:
    cadences: tuple[tuple[Cadence, frozenset[str]], ...] = (
        ("daily", ONLY_WEEKLY),
        ("weekly", ONLY_DAILY),
    )
    charts = []
    for cadence, without in cadences:
        for country in (GLOBAL, *COUNTRIES):
            if country in without:
                continue
            known = playlists.get(cadence, {}).get(country)
            charts.append(
                ChartDef(
                    country=country,
                    country_name=country_name(country),
                    cadence=cadence,
                    playlist_id=known.playlist_id
                    if known
                    else ids.base62_id("playlist", cadence, country),
                    description=f"A {cadence} chart {MADE_UP}.",
                )
            )
    return charts


def _catalogue(seed: int) -> tuple[Catalogue, list[_Song]]:
    tracks: dict[str, Track] = {}
    albums: dict[str, Album] = {}
    artists: dict[str, Artist] = {}
    songs: list[_Song] = []
    for name, region in _REGIONS.items():
        taken: set[str] = set()
        for n in range(region.artists):
            rng = _rng(seed, "artist", name, str(n))
            maker = _ArtistMaker(rng, f"{seed}|{name}|{n}", name, n, taken)
            artists[maker.artist.id] = maker.artist
            guests = [one for one in artists.values() if one.id != maker.artist.id][-12:]
            for album, members in maker.albums(guests):
                albums[album.id] = album
                for track, heat in members:
                    tracks[track.id] = track
                    songs.append(_Song(track, maker.home, name, heat, album.release_date))
    return Catalogue(tracks, albums, artists), songs


class _ArtistMaker:
    """Invents one artist and everything they have released."""

    def __init__(
        self, rng: random.Random, key: str, region_name: str, number: int, taken: set[str]
    ) -> None:
        self._rng, self._key = rng, key
        self._words = WORDS[region_name]
        region = _REGIONS[region_name]
        # Every country gets artists of its own; the first in the list, its region's largest
        # music market, gets more.
        countries = region.countries
        self.home = countries[0] if rng.random() < 0.25 else countries[number % len(countries)]
        self._genre_name = rng.choice(region.genres)
        genre = _GENRES[self._genre_name]
        # An artist's own sound: a genre's middles, shifted a little.
        self._genre = _Genre(
            danceability=_near(rng, genre.danceability, 0.1),
            energy=_near(rng, genre.energy, 0.12),
            valence=_near(rng, genre.valence, 0.15),
            acousticness=_near(rng, genre.acousticness, 0.12),
            speechiness=_near(rng, genre.speechiness, 0.03),
            tempo=genre.tempo * (0.9 + 0.2 * rng.random()),
            major=genre.major,
        )
        shine = rng.random()
        self._star = shine * shine
        name = self._words.artist(rng)
        while name in taken:
            name = self._words.artist(rng)
        taken.add(name)
        popularity = 20 + int(75 * self._star)
        self.artist = Artist(
            id=ids.base62_id("made-up artist", self._key),
            name=name,
            popularity=popularity,
            followers=int(500 + 4_000_000 * self._star * rng.random()),
            genres=(self._genre_name,),
        )

    def albums(self, guests: list[Artist]) -> list[tuple[Album, list[tuple[Track, float]]]]:
        """The artist's albums with their tracks and the tracks' heat."""
        rng = self._rng
        sizes = [
            1 if rng.random() < 0.55 else rng.randint(2, 5) for _ in range(1 + (rng.random() < 0.6))
        ]
        out = []
        for n, size in enumerate(sizes):
            album_id = ids.base62_id("made-up album", self._key, str(n))
            titles: list[str] = []
            while len(titles) < size:
                title = self._words.title(rng)
                titles.append(title if title not in titles else f"{title} ({len(titles) + 1})")
            members = [
                self._track(album_id, title, place, guests) for place, title in enumerate(titles, 1)
            ]
            album = Album(
                id=album_id,
                name=titles[0] if size == 1 else self._words.title(rng),
                artist_ids=(self.artist.id,),
                release_date=self._release_date(),
                track_ids=tuple(track.id for track, _ in members),
                label=f"Invented Records {self.home}",
                popularity=max(track.popularity for track, _ in members),
            )
            out.append((album, members))
        return out

    def _release_date(self) -> str:
        back = self._rng.random()
        released = date(2024, 12, 31) - timedelta(days=int(9000 * back * back * back))
        form = self._rng.random()
        # Old catalogues often know only a year.
        if form < 0.03:
            return f"{released.year:04d}"
        return released.isoformat()[:7] if form < 0.04 else released.isoformat()

    def _track(
        self, album_id: str, title: str, place: int, guests: list[Artist]
    ) -> tuple[Track, float]:
        rng = self._rng
        heat = 0.55 * self._star + 0.45 * rng.random()
        artist_ids = [self.artist.id]
        if guests and rng.random() < 0.22:
            guest = rng.choice(guests)
            artist_ids.append(guest.id)
            title = f"{title} (feat. {guest.name})"
        track = Track(
            id=ids.base62_id("made-up track", album_id, str(place)),
            name=title,
            artist_ids=tuple(artist_ids),
            album_id=album_id,
            duration_ms=rng.randint(125_000, 255_000) + rng.randrange(1000),
            explicit=rng.random() < (0.55 if self._genre_name == "hip hop" else 0.18),
            popularity=min(97, 15 + int(82 * heat)),
            track_number=place,
            isrc=f"ZZSLK{ids.number(10**7, 'made-up isrc', album_id, str(place)):07d}",
            features=None if rng.random() < 0.01 else self._features(),
        )
        return track, heat

    def _features(self) -> Features:
        rng, genre = self._rng, self._genre
        energy = _near(rng, genre.energy, 0.12)
        return Features(
            danceability=round(_near(rng, genre.danceability, 0.1), 3),
            energy=round(energy, 3),
            key=rng.randrange(12),
            loudness=round(-14 + 10 * energy + 2 * (rng.random() - 0.5), 3),
            mode=1 if rng.random() < genre.major else 0,
            speechiness=round(_near(rng, genre.speechiness, 0.04), 4),
            acousticness=round(_near(rng, genre.acousticness, 0.15), 4),
            instrumentalness=0.0 if rng.random() < 0.6 else round(rng.random() / 50, 6),
            liveness=round(_near(rng, 0.16, 0.1), 4),
            valence=round(_near(rng, genre.valence, 0.16), 3),
            tempo=round(genre.tempo * (0.88 + 0.24 * rng.random()), 3),
            time_signature=4 if rng.random() < 0.94 else 3,
        )


def _near(rng: random.Random, middle: float, spread: float) -> float:
    """A number near `middle`, bell-shaped, within 0.02 and 0.98."""
    bell = rng.random() + rng.random() + rng.random() - 1.5
    return min(0.98, max(0.02, middle + spread * bell))


def _candidates(seed: int, country: str, songs: list[_Song]) -> list[_Candidate]:
    """The songs that can chart in a country: the world's hits and the region's own."""
    rng = _rng(seed, "taste", country)
    own = 0.15 + 0.5 * rng.random()  # some countries keep to themselves more than others
    hits = sorted(songs, key=lambda s: (-(s.heat + _REGIONS[s.region].reach), s.track.id))
    world = {song.track.id for song in hits[:_WORLD_HITS]}
    out = []
    for song in songs:
        region = _REGIONS[song.region]
        near = country in region.countries
        # Drawn for every song, so that one song's chance never shifts another's.
        taste, period, phase = rng.random(), rng.randint(30, 120), rng.randrange(1000)
        if not near and song.track.id not in world:
            continue
        base = song.heat + region.reach + 0.3 * (taste - 0.5)
        if near:
            base += own * (1.4 if song.home == country else 0.5) - 0.5 * region.reach
        out.append(_Candidate(song, base, period, phase))
    return out
