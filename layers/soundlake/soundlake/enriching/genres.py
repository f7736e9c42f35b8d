"""Asking for the genres of artists of whom Spotify has named none.

Only artists whose rows the table has are asked about: by then it also has their tracks, whose ISRCs
say best who they are.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from soundlake import access
from soundlake.abilities import Ability
from soundlake.enriching.drain import BAD_ANSWERS
from soundlake.enriching.queue import Wanted, bad_last, bad_now
from soundlake.genres import SPOTIFY, asked_keys, detailed, due, normal, told
from soundlake.settings import settings
from soundlake.sources.base import Artist, GenreSource
from soundlake.sources.genres import SOURCES, order
from soundlake.spotify.errors import (
    BadAnswerError,
    RateLimitedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.store.answers import ARTISTS, GENRES, Answers
from soundlake.store.lake import Lake, Row, SchemaError
from soundlake.store.queue import QueueStore
from soundlake.store.raw import Raw
from soundlake.times import month_of, shift_month

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer

# What says nothing about the artist who was asked about, but would be said of the next one too.
_STOPS = (RateLimitedError, UnavailableError, RefusedError)
_COLUMNS = ["artist_id", "name", "genres", "detail_raw_key", "genres_source", "genres_asked"]


@dataclass(slots=True)
class Told:
    """Of how many artists each source has settled what it knows, and what is worth telling.

    `left` are those whom a source is still to be asked about.
    """

    asked: Counter[str] = field(default_factory=Counter)
    left: int = 0
    notes: list[str] = field(default_factory=list)


def ask_genres(
    clients: "Clients",
    raw: Raw,
    lake: Lake,
    store: QueueStore,
    day: date,
    *,
    time_left: Callable[[], bool],
) -> Told:
    """Ask about the artists in the table, each source while time lasts.

    Those who are heard most in this month and the one before come first, then those who are charted
    most, then all others, and last those who were answered badly before, as the queue has it.
    Whatever a source does wrong is a note, and so is a table that cannot be read: the next run
    asks. An artist's answers are kept before the next one is asked about.
    """
    asked = _Asking(clients, raw, lake, store, day, time_left)
    try:
        asked.ask_all()
    except (*access.FORESEEN, SchemaError) as error:
        asked.told.notes.append(access.small(f"No more genres were asked for: {error}"))
    return asked.told


@dataclass(slots=True)
class _Asking:
    """One run's asking."""

    clients: "Clients"
    raw: Raw
    lake: Lake
    store: QueueStore
    day: date
    time_left: Callable[[], bool]
    told: Told = field(default_factory=Told)
    bad: Sequence[Wanted] = ()

    def ask_all(self) -> None:
        """Ask each source about those whom the ones before it do not know."""
        names = order(settings().genre_sources)
        if not any(name in SOURCES for name in names):
            return
        rows = _rows(self.raw, self.lake, self.day, names)
        refusing = {SPOTIFY} if self._spotify_refuses(rows.values()) else set()
        for name in filter(SOURCES.get, names):
            wanted = [
                each
                for each, row in rows.items()
                if due(row, name, names, self.day, refusing=refusing)
            ]
            if not wanted:
                continue
            if settings().contact == "none":
                self.told.notes.append(
                    f"{name} was not asked for the genres of {len(wanted)} artists: it wants to "
                    "know whom it may write to. Set the parameter Contact, or leave it out of "
                    "GenreSources."
                )
                continue
            artists = self._in_order(_kind(name), wanted, rows)
            for kept in self._ask(SOURCES[name], artists):
                rows[kept["artist_id"]] = told(rows[kept["artist_id"]], kept, names)

    def _in_order(self, kind: str, wanted: Sequence[str], rows: Mapping[str, Row]) -> list[Artist]:
        """The artists who are wanted, in the order in which they are asked about."""
        self.bad = self.store.read().bad
        tracks = [
            row
            for table in self.lake.by_month("tracks", ["track_id", "artist_ids", "isrc"]).values()
            for row in table.to_pylist()
        ]
        due_ids = set(wanted)
        heard = [each for each in _most_heard(self.lake, self.day, tracks) if each in due_ids]
        in_order = bad_last([(kind, each) for each in dict.fromkeys([*heard, *wanted])], self.bad)
        return _artists([each for _, each in in_order], rows, tracks)

    def _spotify_refuses(self, rows: Iterable[Row]) -> bool:
        """Whether the app may not ask Spotify about artists, where one waits for Spotify."""
        waiting = any(not asked_keys(row) for row in rows)
        return waiting and self.clients.abilities().may(Ability.CATALOGUE) is False

    def _ask(self, source: GenreSource, artists: Sequence[Artist]) -> list[Row]:
        """What a source tells of these artists, as far as time and its patience go."""
        answers = Answers(GENRES[source.name], self.raw, self.lake)
        kept: list[Row] = []
        seen: dict[str, Answer] = {}
        notes: dict[str, None] = {}
        badly: list[Wanted] = []
        left = {(_kind(source.name), each.id) for each in artists}
        bad = 0
        for artist in artists:
            one = _kind(source.name), artist.id
            if not self.time_left():
                notes[f"Time was up for {source.name}'s genres: the next run goes on."] = None
                break
            try:
                new = dict(seen)
                found = source.ask(self.clients, artist, new)
                # The one that settles it is kept first: whoever is killed in between leaves nobody
                # behind who was asked about in vain.
                for answer in reversed(found):
                    kept += answers.keep(answer, [artist.id], self.day)
                seen = new  # what is kept nowhere settles nothing of others
            except (BadAnswerError, SpotifyError) as error:
                notes[f"{str(error).removesuffix('.')}. The next run asks again."] = None
                if isinstance(error, _STOPS):
                    break
                badly.append(one)
                bad += 1
                if bad == BAD_ANSWERS:
                    break
            else:
                bad = 0
                left.remove(one)
                self.told.asked[_kind(source.name)] += bool(found)
        self.told.notes += notes
        self.told.left += len(left)
        self._remember(_kind(source.name), left, badly)
        return kept

    def _remember(self, kind: str, left: Collection[Wanted], badly: Sequence[Wanted]) -> None:
        """Put on record who of those that are left was answered badly, where that is news."""

        def bad(before: Sequence[Wanted]) -> list[Wanted]:
            now = bad_now(before, badly)
            return [each for each in now if each[0] != kind or each in left]

        if bad(self.bad) != [*self.bad]:
            self.store.replace(lambda queue: replace(queue, bad=bad(queue.bad)))


def _kind(source: str) -> str:
    return f"genres/{source}"


def _most_heard(lake: Lake, day: date, tracks: Sequence[Row]) -> list[str]:
    """The artists of this month and the one before, by plays and then by places in charts.

    A chart file names no artists' ids: they are those of the track, once that was looked up.
    """
    of: dict[str, list[str]] = {row["track_id"]: row["artist_ids"] or [] for row in tracks}
    found: dict[str, None] = {}
    for table in ("plays", "chart_entries"):
        keys = [
            key for each in (-1, 0) for key in lake.keys(table, shift_month(month_of(day), each))
        ]
        columns = ["track_id", "artist_ids"]
        rows, _ = lake.readable(table, keys, columns)  # Enrich names what is damaged
        times = Counter(
            each
            for row in rows.to_pylist()
            for each in row["artist_ids"] or of.get(row["track_id"], ())
            if each
        )
        found |= dict.fromkeys(sorted(times, key=lambda each: (-times[each], each)))
    return list(found)


def _artists(
    artist_ids: Sequence[str], rows: Mapping[str, Row], tracks: Sequence[Row]
) -> list[Artist]:
    isrcs = _isrcs(tracks, set(artist_ids))
    names = Counter(normal(row["name"]) for row in rows.values())
    return [
        Artist(each, rows[each]["name"], isrcs.get(each, ()), names[normal(rows[each]["name"])] > 1)
        for each in artist_ids
    ]


def _rows(raw: Raw, lake: Lake, day: date, names: list[str]) -> dict[str, Row]:
    """The rows of artists with a name, with what answers tell that they do not name yet."""
    rows: dict[str, Row] = {}
    tables = lake.by_month("artists", _COLUMNS)
    for _, table in sorted(tables.items()):
        for row in table.to_pylist():
            if row["name"] is not None:
                rows.setdefault(row["artist_id"], row)
    for kind in (ARTISTS, *GENRES.values()):
        answers = Answers(kind, raw, lake, lambda: tables)
        good, _ = answers.readable(answers.pending(month_of(day)))
        for found in (each for one in good.values() for each in one if each["artist_id"] in rows):
            tells = detailed if kind is ARTISTS else told
            rows[found["artist_id"]] = tells(rows[found["artist_id"]], found, names)
    return rows


def _isrcs(tracks: Sequence[Row], artist_ids: set[str]) -> Mapping[str, list[str]]:
    """The ISRCs of each artist's tracks, those first that tell of the most of these artists."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for row in tracks:
        theirs = artist_ids.intersection(row["artist_ids"] or ())
        if row["isrc"]:
            for each in theirs:
                found.setdefault(each, []).append((-len(theirs), row["track_id"], row["isrc"]))
    return {each: [isrc for _, _, isrc in sorted(known)] for each, known in found.items()}
