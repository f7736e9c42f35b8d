"""A world from a real day of daily Top 50 charts, as a CSV file.

The file has the columns of Kaggle's "Top Spotify Songs in 73 Countries" (ODC-By 1.0), one row
per place. A client that reads every playlist and every track's audio features gets the file's
values back exactly. How its peculiarities are handled:

* A rank that a country lacks is an entry without a track; every chart has 50 entries.
* `artists` is one string joined by ", ". It is split at every ", ", so joining the artists'
  names gives the string back; an artist whose own name holds ", " therefore becomes two.
* A blank `country` (as the full data set writes the world) is read as GLOBAL.
* Popularity, names, dates and durations may differ between two rows of one track: a playlist
  serves its own row's values, ``/tracks/{id}`` those of the first row.
* Audio features that differ between rows of one track are refused: only one set can be served.
* All features empty means unknown (null); some empty and some not is refused.
* Empty names stay empty, as Spotify answers for withdrawn tracks; an empty release date becomes
  "0000" with precision "year", as Spotify writes an unknown one.
* `time_signature` may be 0 or 1 in real data, below the 3 that Spotify's documentation names.
* The same album name, first artist and release date are one album. Where rows of an album give
  different dates, they are separate albums, so each row keeps its own date.
* All rows must be of one `snapshot_date`.

The rest (ids of albums and artists, images, ISRCs, track numbers, an album's label, an artist's
popularity, followers and genres) is not in the file and is derived by hashing; labels and genres
say that they are made up. The listeners are made up.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path

from local.spotify import ids
from local.spotify.countries import GLOBAL, country_name
from local.spotify.playlists_csv import read_playlists
from local.spotify.world import (
    CHART_SIZE,
    Album,
    Artist,
    Catalogue,
    ChartDef,
    ChartPage,
    Features,
    Track,
    World,
    WorldError,
    midnight,
    standard_listeners,
)

ATTRIBUTION = "Kaggle, Top Spotify Songs in 73 Countries, ODC-By 1.0"

_FEATURES = tuple(one.name for one in fields(Features))
_TEXTS = ("name", "artists", "album_name", "album_release_date", "country")
_COLUMNS = (
    "spotify_id",
    "daily_rank",
    "snapshot_date",
    "popularity",
    "is_explicit",
    "duration_ms",
    *_TEXTS,
    *_FEATURES,
)
_WHOLE = re.compile(r"-?[0-9]+")
_COUNTRY = re.compile(rf"[A-Z]{{2}}|{GLOBAL}")


@dataclass(frozen=True)
class _Row:
    """One place of one chart, checked. `number` counts the header as row 1."""

    number: int
    country: str
    rank: int
    day: date
    spotify_id: str
    name: str
    artists: tuple[str, ...]
    popularity: int
    explicit: bool
    duration_ms: int
    album_name: str
    release_date: str
    features: Features | None

    @property
    def album_id(self) -> str:
        return ids.base62_id("album", self.album_name, self.artists[0], self.release_date)


@dataclass
class ChartsWorld(World):
    """One real day of daily charts; see the module's docstring."""

    pages: dict[str, ChartPage] | None = None

    def chart_page(self, chart: ChartDef, today: date) -> ChartPage:  # noqa: ARG002 - one day only
        """The chart of the file's one day, whatever `today` is."""
        return (self.pages or {})[chart.country]


def charts_world(path: Path, *, playlists_dir: Path | None = None, seed: int = 1) -> ChartsWorld:
    """The world of a charts CSV.

    Args:
        path: the CSV file.
        playlists_dir: where ``top50_playlists.csv`` gives the playlist ids; the CSV's own folder
            by default. Without that file, or for a country it lacks, ids are made by hashing.
        seed: of the made-up listeners.

    Raises:
        WorldError: one sentence naming file, row and field.
    """
    rows = _read(path)
    day = rows[0].day
    playlists = read_playlists(playlists_dir or path.parent, "daily")
    catalogue = _catalogue(rows)
    charts = []
    for country in dict.fromkeys(row.country for row in rows):
        known = playlists.get(country)
        charts.append(
            ChartDef(
                country=country,
                country_name=known.country_name if known else country_name(country),
                cadence="daily",
                playlist_id=known.playlist_id
                if known
                else ids.base62_id("playlist", "daily", country),
                description=f"Chart of {day} ({ATTRIBUTION}), served by Soundlake's local Spotify.",
            )
        )
    return ChartsWorld(
        label=f"real charts of {day} ({path.name}; {ATTRIBUTION}), made-up listeners",
        made_up=False,
        seed=seed,
        catalogue=catalogue,
        charts=charts,
        listeners=standard_listeners([chart.country for chart in charts]),
        default_clock=midnight(day) + timedelta(hours=18),
        fixed_date=day,
        pages=_pages(rows, catalogue, day),
    )


def _read(path: Path) -> list[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(_rows(path.name, csv.DictReader(stream)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WorldError(f"{path.name} cannot be read: {error}.") from error
    if not rows:
        raise WorldError(f"{path.name}, row 2, field spotify_id: the file has no rows.")
    return rows


def _rows(file: str, reader: "csv.DictReader[str]") -> Iterator[_Row]:
    for column in _COLUMNS:
        if column not in (reader.fieldnames or ()):
            raise WorldError(f"{file}, row 1, field {column}: the column is missing.")
    ranks: dict[tuple[str, int], int] = {}
    features: dict[str, _Row] = {}
    first_day: date | None = None
    for number, raw in enumerate(reader, start=2):
        row = _Fields(file, number, raw).row()
        where = f"{file}, row {number}, field"
        first_day = first_day or row.day
        if row.day != first_day:
            raise WorldError(
                f"{where} snapshot_date: '{row.day}' is another day than '{first_day}' of row 2."
            )
        earlier = ranks.setdefault((row.country, row.rank), number)
        if earlier != number:
            raise WorldError(
                f"{where} daily_rank: rank {row.rank} of {row.country} is already in row {earlier}."
            )
        known = features.setdefault(row.spotify_id, row)
        for name in _FEATURES:
            mine, theirs = getattr(row.features, name, None), getattr(known.features, name, None)
            if mine != theirs:
                raise WorldError(
                    f"{where} {name}: {mine!r} contradicts {theirs!r} of the same track"
                    f" in row {known.number}."
                )
        yield row


class _Fields:
    """One raw row and the checks of its fields."""

    def __init__(self, file: str, number: int, raw: dict[str, str]) -> None:
        self._file, self._number, self._raw = file, number, raw

    def row(self) -> _Row:
        if None in self._raw:  # DictReader's key for what the header has no name for
            raise self._bad(_COLUMNS[-1], "the row has more fields than the header")
        return _Row(
            number=self._number,
            country=self._country(),
            rank=self._whole("daily_rank", 1, CHART_SIZE),
            day=self._parsed("snapshot_date", date.fromisoformat, "a date like 2025-02-18"),
            spotify_id=self._id(),
            name=self._text("name"),
            artists=tuple(self._text("artists").split(", ")),
            popularity=self._whole("popularity", 0, 100),
            explicit=self._bool("is_explicit"),
            duration_ms=self._whole("duration_ms", 1, 10**9),
            album_name=self._text("album_name"),
            release_date=self._release_date(),
            features=self._features(),
        )

    def _bad(self, field: str, why: str) -> WorldError:
        return WorldError(f"{self._file}, row {self._number}, field {field}: {why}.")

    def _text(self, field: str) -> str:
        # DictReader fills a row that is too short with None.
        text: str | None = self._raw[field]
        if text is None:
            raise self._bad(field, "the row ends before it")
        return text

    def _parsed[T](self, field: str, parse: Callable[[str], T], wanted: str) -> T:
        text = self._text(field)
        try:
            return parse(text)
        except ValueError:
            raise self._bad(field, f"{text!r} is not {wanted}") from None

    def _whole(self, field: str, least: int, most: int) -> int:
        text = self._text(field)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise self._bad(field, f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    def _float(self, field: str, least: float = -math.inf, most: float = math.inf) -> float:
        wanted = "a number" if math.isinf(least) else f"a number from {least:g} to {most:g}"
        value = self._parsed(field, float, wanted)
        if not math.isfinite(value) or not least <= value <= most:
            raise self._bad(field, f"{self._text(field)!r} is not {wanted}")
        return value

    def _bool(self, field: str) -> bool:
        text = self._text(field)
        if text.lower() not in ("true", "false"):
            raise self._bad(field, f"{text!r} is neither True nor False")
        return text.lower() == "true"

    def _id(self) -> str:
        text = self._text("spotify_id")
        if not ids.is_id(text):
            raise self._bad("spotify_id", f"{text!r} is not 22 base62 characters")
        return text

    def _country(self) -> str:
        text = self._text("country") or GLOBAL
        if not _COUNTRY.fullmatch(text):
            raise self._bad("country", f"{text!r} is neither two capital letters nor {GLOBAL}")
        return text

    def _release_date(self) -> str:
        field = "album_release_date"
        text = self._text(field)
        if not text:
            return "0000"
        padded = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
        if len(padded) != 10 or padded[4] != "-":
            raise self._bad(field, f"{text!r} is not a date like 2025, 2025-02 or 2025-02-18")
        self._parsed(
            field,
            lambda _: date.fromisoformat(padded),
            "a date like 2025, 2025-02 or 2025-02-18",
        )
        return text

    def _features(self) -> Features | None:
        given = [name for name in _FEATURES if self._text(name)]
        if not given:
            return None
        if len(given) < len(_FEATURES):
            missing = next(name for name in _FEATURES if name not in given)
            raise self._bad(missing, "it is empty although other features are not")
        return Features(
            danceability=self._float("danceability", 0, 1),
            energy=self._float("energy", 0, 1),
            key=self._whole("key", -1, 11),
            loudness=self._float("loudness"),
            mode=self._whole("mode", 0, 1),
            speechiness=self._float("speechiness", 0, 1),
            acousticness=self._float("acousticness", 0, 1),
            instrumentalness=self._float("instrumentalness", 0, 1),
            liveness=self._float("liveness", 0, 1),
            valence=self._float("valence", 0, 1),
            tempo=self._float("tempo", 0, 1000),
            time_signature=self._whole("time_signature", 0, 7),
        )


def _catalogue(rows: list[_Row]) -> Catalogue:
    first: dict[str, _Row] = {}
    albums: dict[str, list[str]] = {}  # album id -> track ids in the file's order
    for row in rows:
        first.setdefault(row.spotify_id, row)
        members = albums.setdefault(row.album_id, [])
        if row.spotify_id not in members:
            members.append(row.spotify_id)
    heads = {row.album_id: row for row in reversed(rows)}
    return Catalogue(
        tracks={
            row.spotify_id: _track(row, albums[row.album_id].index(row.spotify_id) + 1)
            for row in first.values()
        },
        albums={
            album_id: Album(
                id=album_id,
                name=heads[album_id].album_name,
                artist_ids=(_artist_id(heads[album_id].artists[0]),),
                release_date=heads[album_id].release_date,
                track_ids=tuple(members),
                label=f"Made-up Records {1 + ids.number(40, 'label', album_id)}",
                popularity=heads[album_id].popularity,
            )
            for album_id, members in albums.items()
        },
        artists={
            _artist_id(name): Artist(
                id=_artist_id(name),
                name=name,
                popularity=40 + ids.number(60, "artist popularity", name),
                followers=1000 + ids.number(10_000_000, "artist followers", name),
                genres=_genres(name),
            )
            for row in rows
            for name in row.artists
        },
    )


def _genres(name: str) -> tuple[str, ...]:
    """None, one or two."""
    several = ids.number(3, "genres", name)
    return tuple(
        sorted({f"made-up genre {1 + ids.number(30, f'genre {n}', name)}" for n in range(several)})
    )


def _artist_id(name: str) -> str:
    return ids.base62_id("artist", name)


def _track(row: _Row, track_number: int) -> Track:
    serial = ids.number(10**7, "isrc", row.spotify_id)
    return Track(
        id=row.spotify_id,
        name=row.name,
        artist_ids=tuple(_artist_id(name) for name in row.artists),
        album_id=row.album_id,
        duration_ms=row.duration_ms,
        explicit=row.explicit,
        popularity=row.popularity,
        track_number=track_number,
        isrc=f"ZZSLK{serial:07d}",  # ZZ is no country: it shows that the code is derived
        features=row.features,
    )


def _pages(rows: list[_Row], catalogue: Catalogue, day: date) -> dict[str, ChartPage]:
    places: dict[str, list[Track | None]] = {}
    for row in rows:
        chart = places.setdefault(row.country, [None] * CHART_SIZE)
        number = catalogue.albums[row.album_id].track_ids.index(row.spotify_id) + 1
        chart[row.rank - 1] = _track(row, number)
    return {country: ChartPage(day, tuple(chart)) for country, chart in places.items()}
