"""Observations as they are compared: rows as arrays, and what each source alone tells."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake import plays
from soundlake.names import name_keys

Array = Any  # of numpy
Column = Any  # of Arrow

CAPTURED = plays.SOURCE
EXTENDED = "spotify_extended"
ACCOUNT = "spotify_account"
# A play takes what it is from the first of these that knows it.
SOURCES = (CAPTURED, EXTENDED, ACCOUNT, "koito", "maloja", "listenbrainz", "lastfm")
_SPOKEN = ("episode", "chapter")  # known by their show or book, and not by an artist
_MINUTE = 60_000  # ms
_BITS = 27  # of a length in ms, or of a time in minutes


def whole(column: Column) -> Column:
    """A column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def taken(column: Column, rows: Array, missing: Array | None = None) -> Column:
    """These rows of a column; null where they are said to be missing."""
    places: Column = pa.array(rows, mask=missing)
    return whole(column).take(places)


def numbers(column: Column, null: int = -1) -> Array:
    """A column of whole numbers, and a number for null."""
    found = whole(column)
    if found.null_count:
        found = pc.fill_null(found, null)
    return found.to_numpy(zero_copy_only=False)


def encoded(column: Column) -> tuple[Array, Column]:
    """A number for each value (-1 for null), and the values that these number."""
    values = whole(column)
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    # As 64 bits: pairs of such numbers are made into one.
    return numbers(values.indices).astype(np.int64), values.dictionary


def codes(column: Column) -> tuple[Array, Column]:
    """The place of each value among all values in order (-1 for null), and these values."""
    number, values = encoded(column)
    order = pc.sort_indices(values).to_numpy()
    place = np.empty(len(order) + 1, np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1
    return place[number], values.take(pa.array(order))


def stably(keys: Array) -> Array:
    """The places of whole numbers in their order, equal ones as they stand."""
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)) >> (62 - bits):
        return np.argsort(keys, kind="stable")
    # To sort the numbers with their places is far quicker than to sort the places.
    return np.sort((keys << bits) + np.arange(len(keys))) & ((1 << bits) - 1)


def firsts(column: Column) -> Column:
    """The first value of each list; null where there is none."""
    lists = whole(column)
    offsets = lists.offsets.to_numpy()
    starts, filled = offsets[:-1], offsets[1:] > offsets[:-1]
    if lists.null_count:
        filled = filled & lists.is_valid().to_numpy(zero_copy_only=False)
    return lists.values.take(pa.array(starts, mask=~filled))


def _says(column: Column, word: str) -> Array:
    """Which values are a word."""
    said: Column = pc.equal(whole(column), pa.scalar(word, pa.string()))
    return said.fill_null(False).to_numpy(zero_copy_only=False)


def _in_order(number: Array, values: Column) -> Array:
    """The place of each numbered value in the order of the values; -1 for none."""
    some, at = np.unique(number, return_inverse=True)
    known = some[some >= 0]
    place = np.full(len(some), -1)
    order = pc.sort_indices(values.take(pa.array(known))).to_numpy()
    place[len(some) - len(known) + order] = np.arange(len(known))
    return place[at]


def _both(places: Any, count: int) -> Any:
    """These places and each one's next, in order."""
    either = np.zeros(count + 1, bool)
    either[places] = True
    either[places + 1] = True
    return np.flatnonzero(either[:count])


def _ranks(*keys: Any) -> Any:
    """The place of each row among the rows sorted by these keys, the first one first."""
    return np.lexsort(keys[::-1])


class Rows:
    """What is compared of observations, as arrays, and their order: by time, then by all else."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.time = numbers(table["time"].cast(pa.int64()), 0)
        source, names = codes(table["source"])
        known = {name: place for place, name in enumerate(SOURCES)}
        places = [known.get(name, len(SOURCES) + i) for i, name in enumerate(names.to_pylist())]
        self.source = np.array([*places, -1])[source]
        self.source_names = {place: name.as_py() for place, name in zip(places, names, strict=True)}
        self.coarse = _says(table["time_precision"], "min")
        self.seconds = _says(table["time_precision"], "s")
        self.ms = numbers(table["ms_played"])
        self.duration = numbers(table["duration_ms"])
        self.account, _ = codes(table["account"])
        self.uri, self.uris = encoded(table["uri"])
        self.untold = _says(table["time_meaning"], "unknown")
        self.name, self.names = _named(table)
        self.name = self._lent()
        self.track = _tracks(self.uri, self.name, self.account)
        self.order = self._ordered()

    def _lent(self) -> Any:
        """The names, those of account data for rows of the extended export that have none.

        Both exports tell the minute of an end, and the same milliseconds heard: so such a row has
        the one name that account data has there and the extended export has not.
        """
        exported, other = (self.source == SOURCES.index(each) for each in (EXTENDED, ACCOUNT))
        nameless = np.flatnonzero(exported & (self.name < 0) & (self.uri >= 0) & (self.ms >= 0))
        named = np.flatnonzero((exported | other) & (self.name >= 0) & (self.ms >= 0))
        if not len(nameless) or not other.any():
            return self.name
        key = ((self.account << _BITS) + self.time // _MINUTE << _BITS) + self.ms
        told, place = np.unique(key[nameless], return_inverse=True)
        at = np.minimum(np.searchsorted(told, key[named]), len(told) - 1)
        there = told[at] == key[named]
        named, at = named[there], at[there]
        said = at * len(self.names) + self.name[named]
        free = np.setdiff1d(said[other[named]], said[exported[named]])
        place_of, name = np.divmod(free, len(self.names))
        uris = np.unique(place * (int(self.uri.max()) + 1) + self.uri[nameless])
        uris_at = np.bincount(uris // (int(self.uri.max()) + 1), minlength=len(told))
        one = (np.bincount(place_of, minlength=len(told)) == 1) & (uris_at == 1)
        lent = np.full(len(told), -1)
        lent[place_of] = name
        names = self.name.copy()
        names[nameless] = np.where(one, lent, -1)[place]
        return names

    def _ordered(self) -> Any:
        order = np.argsort(self.time, kind="stable")
        times = self.time[order]
        same = np.flatnonzero(times[1:] == times[:-1])
        tied = _both(same, len(order))
        rows = order[tied]
        keys, _ = codes(firsts(taken(self.table["raw_keys"], rows)))
        lines = numbers(firsts(taken(self.table["raw_rows"], rows)))
        within = _ranks(
            self.time[rows],
            self.account[rows],
            _in_order(self.uri[rows], self.uris),
            _in_order(self.name[rows], self.names),
            self.ms[rows],
            self.source[rows],
            keys,
            lines,
        )
        order[tied] = rows[within]
        return order


def _named(table: pa.Table) -> tuple[Any, Any]:
    """A code for each row's artist and title as they are compared, and what each code means.

    Of what is spoken the show or the book stands for the artist, whom not every export names.
    """
    artists = firsts(table["artist_names"])
    spoken = pc.is_in(whole(table["kind"]), pa.array(_SPOKEN))
    if pc.any(spoken).as_py():
        artists = pc.if_else(spoken, pc.coalesce(whole(table["album_name"]), artists), artists)
    artist, names = encoded(artists)
    title, titles = encoded(table["track_name"])
    many = len(titles) + 1
    pair, distinct = encoded(pa.array(artist * many + title + 1))
    artist, title = np.divmod(distinct.to_numpy(), many)
    title = title - 1
    said: list[Column] = [pa.array(each, mask=each < 0) for each in (artist, title)]
    keys = name_keys(
        pa.DictionaryArray.from_arrays(said[0], names),
        pa.DictionaryArray.from_arrays(said[1], titles),
    )
    number, values = encoded(keys)
    return number[pair], values


def _tracks(uri: Any, name: Any, account: Any) -> Any:
    """One number for rows that URIs or names may join: what to look through, and no verdict."""
    many = int(name.max(initial=-1)) + 2
    pair, distinct = encoded(pa.array((uri + 1) * many + name + 1))
    uris, names = np.divmod(distinct.to_numpy(), many)
    label = np.arange(len(uris))
    while True:
        before = label
        for one in (uris, names):
            least = np.full(int(one.max(initial=0)) + 1, len(label))
            np.minimum.at(least, one, label)
            label = np.where(one > 0, np.minimum(label, least[one]), label)
        if np.array_equal(label, before):
            break
    accounts = int(account.max(initial=0)) + 1
    return label[pair] * accounts + account


class Units:
    """What each source alone tells: rows of one source that say the same, as one. By time."""

    def __init__(self, rows: Rows) -> None:
        first = self._leaders(rows)  # for each row, the row that it repeats: itself mostly
        leading = rows.order[first[rows.order] == rows.order]
        place = np.empty(len(first), np.int64)
        place[leading] = np.arange(len(leading))
        self.of = place[first]
        self.rows = leading
        self.time, self.source = rows.time[leading], rows.source[leading]
        self.ms, self.duration = rows.ms[leading], rows.duration[leading]
        self.uri, self.name = rows.uri[leading], rows.name[leading]
        self.track, self.coarse = rows.track[leading], rows.coarse[leading]
        self.untold = rows.untold[leading]

    def _leaders(self, rows: Rows) -> Any:
        first = np.arange(len(rows.time))
        captured = rows.source == 0
        self._read_again(rows, first, rows.order[captured[rows.order]])
        self._told_again(rows, first, rows.order[~captured[rows.order]])
        return first

    def _told_again(self, rows: Rows, first: Any, exported: Any) -> None:
        """Rows of one export that agree in time, what it means, track and ms heard are one."""
        # Rows of one time stand together already; only among them there can be such.
        time = rows.time[exported]
        same = np.flatnonzero(time[1:] == time[:-1])
        some = exported[_both(same, len(exported))]
        named = np.where(rows.uri[some] >= 0, -1, rows.name[some])
        keys = [rows.time, rows.source, rows.account, rows.uri, rows.ms, rows.untold]
        told = [key[some] for key in keys] + [named]
        place = np.empty(len(first), np.int64)
        place[rows.order] = np.arange(len(first))
        order = _ranks(*told, place[some])
        again = np.ones(len(some), bool)
        again[:1] = False
        for key in told:
            again[1:] &= key[order][1:] == key[order][:-1]
        # Without a URI and without names nothing says that it is the same.
        nothing = (rows.uri[some] < 0) & (rows.name[some] < 0)
        again &= ~nothing[order]
        begins = np.maximum.accumulate(np.where(again, 0, np.arange(len(some))))
        first[some[order]] = some[order][begins]

    def _read_again(self, rows: Rows, first: Any, captured: Any) -> None:
        """Captured rows of one URI less than 30 s apart are one play, read again."""
        captured = captured[rows.uri[captured] >= 0]
        track = rows.uri[captured] * (int(rows.account.max(initial=0)) + 1) + rows.account[captured]
        order = stably(track)
        some, track = captured[order], track[order]
        time = rows.time[some]
        shortest = int(plays.SHORTEST.total_seconds() * 1000)
        near = (track[1:] == track[:-1]) & (time[1:] - time[:-1] < shortest + 1000)
        for at in (np.flatnonzero(near) + 1).tolist():
            here, before = int(some[at]), int(first[some[at - 1]])
            if _one_play(rows, before, here, shortest):
                first[here] = before


def _one_play(rows: Rows, before: int, here: int, shortest: int) -> bool:
    """As `plays.same_play` says it of rows."""
    times = [int(rows.time[before]), int(rows.time[here])]
    if rows.seconds[before] or rows.seconds[here]:
        times = [time // 1000 * 1000 for time in times]
    return times[1] - times[0] < shortest
