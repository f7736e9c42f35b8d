"""Answers about many things at once: kept by Enrich, published by Publish, asked for once.

An answer is pending until its table names it, so whatever is killed in between, a run of that
month or the next finds the answer and does not ask again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from soundlake.entities import album_details, artist_details, not_found, track_details
from soundlake.sections import section_row
from soundlake.sources import genres
from soundlake.sources.features import SOURCES
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import (
    ALBUMS_PER_REQUEST,
    ARTISTS_PER_REQUEST,
    TRACKS_PER_REQUEST,
)
from soundlake.store.lake import READERS, Lake, Row
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.times import month_of, shift_month
from soundlake.track_names import search_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from soundlake.sources.web import Answer


class Reader(Protocol):
    """Makes rows of one answer to a batch of ids; raises BadAnswerError when it is not one."""

    def __call__(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of answer: where it is kept, its table, and how many ids a request may have.

    `named` is the table's column that names the answer; a row without it was not asked about.
    Where several answers make a row, `all_named` is the column that names all; older rows have
    none there.
    """

    name: str
    table: str
    id: str
    named: str
    per_request: int
    rows: Reader
    source: str = "spotify"
    all_named: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that say which answers a row is made of."""
        return [self.id, self.named, *([self.all_named] if self.all_named else [])]

    def names(self, row: Row) -> list[str]:
        """The answers that a row of the table is made of."""
        several: list[str] | None = row[self.all_named] if self.all_named else None
        return several or ([] if row[self.named] is None else [row[self.named]])


def _sections(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[Row]:
    if len(asked) != 1:
        raise BadAnswerError(f"audio analysis: 1 answer to {len(asked)} ids")
    (track_id,) = asked
    known = None if not_found(answer) else answer
    return [section_row(known, track_id, fetched_at, raw_key)]


FEATURES = {
    name: Kind(
        "audio-features",
        "audio_features",
        "track_id",
        "raw_key",
        source.ids_per_request,
        source.rows,
        source=name,
        all_named="asked",
    )
    for name, source in SOURCES.items()
}
TRACKS = Kind("tracks", "tracks", "track_id", "detail_raw_key", TRACKS_PER_REQUEST, track_details)
ALBUMS = Kind("albums", "albums", "album_id", "detail_raw_key", ALBUMS_PER_REQUEST, album_details)
ARTISTS = Kind(
    "artists", "artists", "artist_id", "detail_raw_key", ARTISTS_PER_REQUEST, artist_details
)
ANALYSES = Kind("audio-analysis", "track_sections", "track_id", "raw_key", 1, _sections)
# What a search found is no row yet: which track it tells is decided beside all that the lake has.
NAMES = Kind("names", "track_names", "name_key", "raw_key", 1, search_rows, all_named="asked")
# An answer about an artist is `ARTISTS`' where Spotify gave it, and one of these where it is about
# genres alone.
GENRES = {
    name: Kind(
        "genres",
        "artists",
        "artist_id",
        "detail_raw_key",
        1,
        source.rows,
        source=name,
        all_named="genres_asked",
    )
    for name, source in genres.SOURCES.items()
}
KINDS = (TRACKS, *FEATURES.values(), ALBUMS, ARTISTS, ANALYSES, *GENRES.values())


class Answers:
    """The kept answers of one kind, beside the table that they go to."""

    def __init__(
        self,
        kind: Kind,
        raw: Raw,
        lake: Lake,
        tables: Callable[[], Mapping[str, "pa.Table"]] | None = None,
    ) -> None:
        """`tables` gives `kind.columns` of the table by month, where it is read already."""
        self.kind = kind
        self._tables = tables or (lambda: lake.by_month(kind.table, kind.columns))
        self._raw = raw
        self._prefix = f"raw/{kind.name}/{kind.source}/"
        self._listed: dict[date, list[str]] = {}

    def keep(self, answer: "Answer", asked: Sequence[str], day: date) -> list[Row]:
        """Keep one answer under the day it was asked on. Raises BadAnswerError, keeping nothing."""
        start = f"{self._day(day)}{sha256(','.join(asked).encode()).hexdigest()[:16]}-"
        tries = sum(key.startswith(start) for key in self._kept_on(day))
        key = f"{start}{tries + 1:03d}.json.gz"
        rows = self.kind.rows(answer.json, asked, fetched_at=answer.at, raw_key=key)
        self._raw.write(key, answer, asked=list(asked))
        self._kept_on(day).append(key)
        return rows

    def _day(self, day: date) -> str:
        return f"{self._prefix}month={month_of(day)}/{day.isoformat()}/"

    def _kept_on(self, day: date) -> list[str]:
        """The keys kept under a day: listed once, and what is kept here is added."""
        if day not in self._listed:
            self._listed[day] = self._raw.keys(self._day(day))
        return self._listed[day]

    @cached_property
    def _named(self) -> dict[str, dict[str, list[str]]]:
        """By month and id, the answers that the table's row names: none where none was asked for.

        Of several sources' answers those of this one.
        """
        found: dict[str, dict[str, list[str]]] = {}
        for month, table in self._tables().items():
            found[month] = {
                row[self.kind.id]: [
                    key
                    for key in self.kind.names(row)
                    if not self.kind.all_named or key.startswith(self._prefix)
                ]
                for row in table.to_pylist()
            }
        return found

    def months_with(self, ids: Iterable[str]) -> list[str]:
        """The months in which the table has a row of one of these, in order."""
        wanted = set(ids)
        return [month for month, rows in sorted(self._named.items()) if wanted & rows.keys()]

    def ids(self) -> set[str]:
        """The ids of the table's rows, in any month, asked about or not."""
        return set[str]().union(*self.ids_by_month().values())

    def ids_by_month(self) -> dict[str, set[str]]:
        """The ids of each month's rows."""
        return {month: set(rows) for month, rows in self._named.items()}

    def kept_on(self, day: date) -> int:
        """How many answers were kept under a day."""
        return len(self._kept_on(day))

    def known(self) -> set[str]:
        """The ids that the table, in any month, says were asked about."""
        return set[str]().union(*self.known_by_month().values())

    def known_by_month(self) -> dict[str, set[str]]:
        """The ids that each month's rows say were asked about."""
        return {
            month: {each for each, answers in rows.items() if answers}
            for month, rows in self._named.items()
        }

    def pending(self, month: str) -> list[str]:
        """The kept answers of a month and the one before that the table does not name yet."""
        named = {
            key for rows in self._named.values() for answers in rows.values() for key in answers
        }
        first, end = (f"{self._prefix}month={shift_month(month, by)}/" for by in (-1, 1))
        return [key for key in self._raw.keys(self._prefix, first, end) if key not in named]

    def rows(self, key: str) -> list[Row]:
        """The rows of one kept answer. Raises CorruptObjectError or BadAnswerError."""
        answer, asked = self._raw.batch(key)
        return self.kind.rows(answer.json, asked, fetched_at=answer.at, raw_key=key)

    def superseded(self, key: str, known: set[str]) -> bool:
        """Whether everything that a damaged answer was about is known from another one."""
        try:
            return set(self._raw.asked(key)) <= known
        except CorruptObjectError:
            return False

    def readable(self, keys: Sequence[str]) -> tuple[dict[str, list[Row]], dict[str, str]]:
        """The rows of each answer that can be read, and why each other one cannot."""
        good: dict[str, list[Row]] = {}
        bad: dict[str, str] = {}
        with ThreadPoolExecutor(READERS) as pool:
            for key, found in zip(keys, pool.map(self._rows_or_why, keys), strict=True):
                if isinstance(found, str):
                    bad[key] = found
                else:
                    good[key] = found
        return good, bad

    def _rows_or_why(self, key: str) -> list[Row] | str:
        try:
            return self.rows(key)
        except (CorruptObjectError, BadAnswerError) as error:
            return str(error)

    def day_of(self, key: str) -> date:
        """The day that a kept answer was asked on."""
        return date.fromisoformat(key.removeprefix(self._prefix).split("/")[1])
