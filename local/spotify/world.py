"""What the local Spotify knows: a catalogue, charts, listeners and their plays.

`World` is the interface the routes work against; `charts_csv` and `made_up` build one each.
All times are aware UTC datetimes, durations are milliseconds, ids have Spotify's form.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

from local.spotify import ids

Cadence = Literal["daily", "weekly"]
CHART_SIZE = 50
SPOTIFY = "spotify"  # the user who owns the charts
_OWN_SIZE = 30  # tracks in a listener's own playlist
_OWN_SINCE = date(2025, 1, 1)


class WorldError(ValueError):
    """A world cannot be built; the message is one sentence for the operator."""


@dataclass(frozen=True)
class Features:
    """Audio features of one track, in Spotify's units (tempo in BPM, loudness in dB)."""

    danceability: float
    energy: float
    key: int
    loudness: float
    mode: int
    speechiness: float
    acousticness: float
    instrumentalness: float
    liveness: float
    valence: float
    tempo: float
    time_signature: int


@dataclass(frozen=True)
class Artist:
    """An artist. `genres` may be empty, as Spotify's often are."""

    id: str
    name: str
    popularity: int
    followers: int
    genres: tuple[str, ...] = ()


@dataclass(frozen=True)
class Album:
    """An album. `release_date` is YYYY, YYYY-MM or YYYY-MM-DD; `track_ids` in album order."""

    id: str
    name: str
    artist_ids: tuple[str, ...]
    release_date: str
    track_ids: tuple[str, ...]
    label: str
    popularity: int

    @property
    def precision(self) -> Literal["year", "month", "day"]:
        """Spotify's release_date_precision, by the form of the date."""
        forms: tuple[Literal["year", "month", "day"], ...] = ("year", "month", "day")
        return forms[self.release_date.count("-")]

    @property
    def album_type(self) -> Literal["album", "single"]:
        """ "single" up to three tracks."""
        return "single" if len(self.track_ids) <= 3 else "album"


@dataclass(frozen=True)
class Track:
    """A track. `features` is None where they are unknown."""

    id: str
    name: str
    artist_ids: tuple[str, ...]
    album_id: str
    duration_ms: int
    explicit: bool
    popularity: int
    track_number: int
    isrc: str
    features: Features | None


@dataclass(frozen=True)
class Catalogue:
    """Everything that can be looked up by id."""

    tracks: Mapping[str, Track]
    albums: Mapping[str, Album]
    artists: Mapping[str, Artist]


@dataclass(frozen=True)
class ChartDef:
    """One chart, which Spotify publishes as a playlist of 50."""

    country: str
    country_name: str
    cadence: Cadence
    playlist_id: str
    description: str

    @property
    def name(self) -> str:
        """The playlist's name."""
        prefix = "Top 50" if self.cadence == "daily" else "Top Songs"
        return f"{prefix} - {self.country_name}"


@dataclass(frozen=True)
class ChartPage:
    """A chart as it stands: its date and 50 places, None where the data has a hole.

    A place carries a whole `Track`, because a chart's own data may differ from the catalogue's.
    """

    published: date
    places: tuple[Track | None, ...]


@dataclass(frozen=True)
class Listener:
    """A made-up person. `intensity` scales the length of listening sessions."""

    id: str
    display_name: str
    country: str
    utc_offset_h: int
    intensity: float
    mornings: float
    evenings: float

    @property
    def refresh_token(self) -> str:
        """The token a consent would have given; the same in every run."""
        return "local-refresh-" + ids.base62_id("refresh token", self.id)

    @property
    def playlist_id(self) -> str:
        """The id of the one playlist of their own."""
        return ids.base62_id("playlist", self.id)


@dataclass(frozen=True)
class Playlist:
    """A playlist as it stands: a chart, which Spotify owns, or a listener's own.

    `places` holds None where a track has gone; `changed` is the UTC date of the newest change.
    """

    id: str
    name: str
    description: str
    owner_id: str
    owner_name: str
    changed: date
    places: tuple[Track | None, ...]

    @property
    def by_spotify(self) -> bool:
        """Whether Spotify owns it."""
        return self.owner_id == SPOTIFY


@dataclass(frozen=True)
class Play:
    """One listening. `played_at` is its end, in whole ms; `context` a Spotify URI or None."""

    played_at: datetime
    track: Track
    context: str | None = None


@dataclass
class World(ABC):
    """A world to serve.

    Attributes:
        label: one line that says what it is and where it is from.
        made_up: whether the charts are made up (the listeners always are).
        seed: what the listeners' plays depend on.
        default_clock: where the clock starts unless told otherwise; None for real time.
        fixed_date: the only UTC date the charts are true for; None if any date will do.
    """

    label: str
    made_up: bool
    seed: int
    catalogue: Catalogue
    charts: Sequence[ChartDef]
    listeners: Sequence[Listener]
    default_clock: datetime | None = None
    fixed_date: date | None = None

    @abstractmethod
    def chart_page(self, chart: ChartDef, today: date) -> ChartPage:
        """The chart as it stands on a UTC date."""

    def chart_by_playlist(self, playlist_id: str) -> ChartDef | None:
        """The chart published as this playlist, if any."""
        return next((c for c in self.charts if c.playlist_id == playlist_id), None)

    def playlist(self, playlist_id: str, today: date) -> Playlist | None:
        """The playlist with this id as it stands on a UTC date, if there is one."""
        chart = self.chart_by_playlist(playlist_id)
        if chart is not None:
            page = self.chart_page(chart, today)
            about = (playlist_id, chart.name, chart.description, SPOTIFY, "Spotify")
            return Playlist(*about, page.published, page.places)
        owner = next((one for one in self.listeners if one.playlist_id == playlist_id), None)
        return None if owner is None else self._own_playlist(owner)

    def _own_playlist(self, owner: Listener) -> Playlist:
        """A listener's playlist: tracks of the catalogue, which never change."""
        tracks = list(self.catalogue.tracks.values())
        chosen = random.Random(f"{self.seed} playlist {owner.id}").sample(  # noqa: S311 - made up
            tracks, min(_OWN_SIZE, len(tracks))
        )
        about = (owner.playlist_id, f"Songs of {owner.display_name}", "")
        return Playlist(*about, owner.id, owner.display_name, _OWN_SINCE, tuple(chosen))

    def listener(self, listener_id: str) -> Listener | None:
        """The listener with this id, if any."""
        return next((one for one in self.listeners if one.id == listener_id), None)


def standard_listeners(countries: Sequence[str]) -> list[Listener]:
    """The three made-up listeners, moved to the first of `countries` where theirs is missing."""
    three = [
        Listener("madeup-solveig", "Solveig (made up)", "NO", 1, 1.0, 0.85, 0.9),
        Listener("madeup-mateo", "Mateo (made up)", "MX", -6, 1.4, 0.4, 0.95),
        Listener("madeup-aiko", "Aiko (made up)", "JP", 9, 0.6, 0.95, 0.6),
    ]
    return [
        one if one.country in countries else replace(one, country=countries[0]) for one in three
    ]


def more_listeners(listeners: Sequence[Listener], count: int) -> list[Listener]:
    """These listeners and others like them, `count` in all; each listens in a way of their own.

    Raises:
        WorldError: if there would be none.
    """
    if count < 1:
        raise WorldError(f"A world has one listener at least, not {count}.")
    found = list(listeners[:count])
    for number in range(len(found), count):
        turn, place = divmod(number, len(listeners))
        one = listeners[place]
        name = f"{one.display_name.partition(' ')[0]} {turn + 1} (made up)"
        found.append(replace(one, id=f"{one.id}-{turn + 1}", display_name=name))
    return found


def midnight(day: date) -> datetime:
    """The first instant of a UTC date."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
