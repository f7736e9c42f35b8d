"""Names in the lake: those that plays have in the place of a track, and the tracks they may mean.

Plays, chart entries and tracks are read a few objects at a time, and of them only what bears one
of the names is kept, so that memory does not grow with the history.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import batched
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake.enriching.queue import MUSIC
from soundlake.names import name_keys
from soundlake.store.lake import READERS, Lake, Row
from soundlake.store.schemas import SCHEMAS
from soundlake.track_matching import LAKE, Candidate, Match, Name, Spelling, match

TABLE = "track_names"
# The tables that name tracks with their artists, and in which columns: the first that has any.
_CREDITS = {"plays": ["artist_names"], "chart_entries": ["artist_names", "artist_credit"]}
_SAID = ["name_key", "kind", "artist_names", "track_name", "album_name"]
_HEARD = ["uri", "isrc", "artist_names", "track_name"]
_TRACKS = ["track_id", "name", "artist_names", "album_id", "isrc"]


class LakeNames:
    """One run's look at the names in the lake. Damaged objects are left out: others name them."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    @cached_property
    def rows(self) -> dict[str, tuple[str, Row]]:
        """The table's rows by name, each with the month that it stands in."""
        found: dict[str, tuple[str, Row]] = {}
        tables = self._lake.by_month(TABLE, SCHEMAS[TABLE].names)
        for month, table in sorted(tables.items()):
            for row in table.to_pylist():
                found.setdefault(row["name_key"], (month, row))
        return found

    @property
    def track_of(self) -> dict[str, str]:
        """The track of each name of which it is known."""
        rows = ((key, row["track_id"]) for key, (_, row) in self.rows.items())
        return {key: track_id for key, track_id in rows if track_id is not None}

    def known_by_month(self) -> dict[str, set[str]]:
        """The names whose track is known, by the month of their row."""
        found: dict[str, set[str]] = {}
        for key, (month, row) in self.rows.items():
            if row["track_id"] is not None:
                found.setdefault(month, set()).add(key)
        return found

    def names(
        self, keys: Collection[str] | None = None, parts: Collection[str] | None = None
    ) -> dict[str, Name]:
        """The names that plays have in the place of a track: these, or all of them.

        `parts` are the objects of plays to look at, where not all of them.
        """
        wanted = None if keys is None else _strings(keys)
        spelled: dict[str, Counter[Spelling]] = defaultdict(Counter)
        albums: dict[str, set[str]] = defaultdict(set)
        heard: list[str] = []  # the observations of these plays
        for key, table in self._objects("plays", _SAID, parts):
            music = pc.coalesce(table.column("kind"), pa.scalar(MUSIC))
            named = table.filter(
                pc.and_(table.column("name_key").is_valid(), pc.equal(music, pa.scalar(MUSIC)))
            )
            if wanted is not None:
                named = named.filter(pc.is_in(named.column("name_key"), value_set=wanted))
            if named.num_rows:
                heard.append(key.replace("lake/plays/", "lake/observations/"))
            for row in named.to_pylist():
                artists = tuple(each for each in row["artist_names"] or () if each)
                spelled[row["name_key"]][Spelling(artists, row["track_name"])] += 1
                if row["album_name"]:
                    albums[row["name_key"]].add(row["album_name"])
        isrcs = self._isrcs(heard, _strings(spelled))
        return {
            key: Name(
                key,
                tuple(one for one, _ in sorted(counts.items(), key=_most_first)),
                frozenset(albums[key]),
                frozenset(isrcs.get(key, ())),
            )
            for key, counts in spelled.items()
        }

    def _isrcs(self, keys: Iterable[str], names: Any) -> dict[str, set[str]]:
        """The ISRCs that observations without a URI name, by name."""
        found: dict[str, set[str]] = defaultdict(set)
        for _, table in self._objects("observations", _HEARD, keys):
            heard = table.filter(
                pc.and_(table.column("uri").is_null(), table.column("isrc").is_valid())
            )
            for key, isrc in _named(heard, ["artist_names"], names, ["isrc"]):
                found[key].add(isrc.upper())
        return found

    def candidates(self, names: Collection[Name]) -> dict[str, list[Candidate]]:
        """The lake's tracks that may be meant by each of some names, those seen most first."""
        keys = _strings(name.key for name in names)
        of_isrc = {isrc: name.key for name in names for isrc in name.isrcs}
        seen: dict[str, _Seen] = {}
        for table, credits_ in _CREDITS.items():
            columns = ["track_id", "track_name", "album_name", *credits_]
            for _, entries in self._objects(table, columns):
                tracks = _each_once(entries)
                for key, *said in _named(tracks, credits_, keys, [*columns, "count"]):
                    track_id, title, album, *artists, count = said
                    spelling = Spelling(_artists(artists), title)
                    one = seen.setdefault(track_id, _Seen(key, spelling))
                    one.count += count
                    one.album = one.album or album
        self._look_up(keys, of_isrc, seen)
        found: dict[str, list[Candidate]] = defaultdict(list)
        for track_id, one in sorted(seen.items(), key=lambda each: (-each[1].count, each[0])):
            found[one.key].append(Candidate(track_id, one.spelling, one.album, one.isrc))
        return found

    def _look_up(self, keys: Any, of_isrc: Mapping[str, str], seen: dict[str, "_Seen"]) -> None:
        """Add what `tracks` knows: tracks of these names and ISRCs, and the others' ISRCs."""
        on: dict[str, list[_Seen]] = defaultdict(list)
        isrcs = _strings(of_isrc)
        for _, known in self._objects("tracks", _TRACKS):
            rows = known.filter(known.column("name").is_valid())
            made = name_keys(rows.column("artist_names"), rows.column("name"))
            upper = pc.utf8_upper(rows.column("isrc"))
            wanted = pc.or_(
                pc.or_(pc.is_in(made, value_set=keys), pc.is_in(upper, value_set=isrcs)),
                pc.is_in(rows.column("track_id"), value_set=_strings(seen)),
            )
            for row, key in zip(
                rows.filter(wanted).to_pylist(), made.filter(wanted).to_pylist(), strict=True
            ):
                isrc = row["isrc"].upper() if row["isrc"] else None
                spelling = Spelling(tuple(row["artist_names"]), row["name"])
                name = of_isrc.get(isrc or "") or str(key)
                one = seen.setdefault(row["track_id"], _Seen(name, spelling))
                one.isrc = isrc
                if one.album is None and row["album_id"]:
                    on[row["album_id"]].append(one)
        if on:
            albums = _strings(on)
            for _, rows in self._objects("albums", ["album_id", "name"]):
                named = rows.filter(pc.is_in(rows.column("album_id"), value_set=albums))
                for row in named.to_pylist():
                    for one in on[row["album_id"]]:
                        one.album = row["name"]

    def meant(self, names: Collection[Name]) -> dict[str, Match]:
        """The names whose track the lake itself tells, with it."""
        if not names:
            return {}
        candidates = self.candidates(names)
        found = {name.key: match(name, candidates.get(name.key, ()), LAKE) for name in names}
        return {key: one for key, one in found.items() if one.track_id is not None}

    def _objects(
        self, table: str, columns: list[str], keys: Iterable[str] | None = None
    ) -> Iterator[tuple[str, pa.Table]]:
        """Each object of a table that can be read, with some columns of its rows."""
        keys = self._lake.keys(table) if keys is None else keys

        def rows(key: str) -> pa.Table:
            return self._lake.readable(table, [key], columns)[0].combine_chunks()

        with ThreadPoolExecutor(READERS) as pool:
            for several in batched(keys, READERS, strict=False):
                yield from zip(several, pool.map(rows, several), strict=True)


class _Seen:
    """A track that may be meant, as it was first seen."""

    def __init__(self, key: str, spelling: Spelling) -> None:
        self.key, self.spelling = key, spelling
        self.album: str | None = None
        self.isrc: str | None = None
        self.count = 0


def _each_once(rows: pa.Table) -> pa.Table:
    """The first row of each track, and in `count` how many it has."""
    rows = rows.filter(rows.column("track_id").is_valid()).combine_chunks()
    ids: Any = rows.column("track_id").combine_chunks().dictionary_encode()
    _, first, counts = np.unique(ids.indices, return_index=True, return_counts=True)
    places: Any = pa.array(first, pa.int64())
    return rows.take(places).append_column("count", pa.array(counts, pa.int64()))


def _most_first(spelled: tuple[Spelling, int]) -> tuple[int, tuple[str, ...], str]:
    spelling, plays = spelled
    return -plays, spelling.artists, spelling.title


def _artists(credits_: Iterable[Any]) -> tuple[str, ...]:
    """The artists of a row: its list of them, or the one text that a chart file has."""
    for each in credits_:
        if each:
            return tuple(each.split(", ")) if isinstance(each, str) else tuple(filter(None, each))
    return ()


def _named(
    rows: pa.Table, credits_: list[str], keys: Any, columns: list[str]
) -> Iterator[list[Any]]:
    """The rows that bear one of these names, as the name and the values of some columns."""
    first: Any = pa.nulls(rows.num_rows, pa.string())
    for column in credits_:
        made = name_keys(rows.column(column), rows.column("track_name"))
        first = pc.coalesce(first, made)
    bearing = pc.is_in(first, value_set=keys)
    rows, first = rows.filter(bearing), first.filter(bearing)
    values = [rows.column(name).to_pylist() for name in columns]
    yield from map(list, zip(first.to_pylist(), *values, strict=True))


def _strings(values: Iterable[str]) -> Any:
    return pa.array(sorted(values), pa.string())
