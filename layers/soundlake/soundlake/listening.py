"""Which observations are the same listening: plays, made of all that any source said of them.

`matching` pairs the rows of two sources; here sources are taken one after the other, and a play is
given the best of its rows. Everything is a pure function of the set of observations.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake import plays
from soundlake.alignment import END, START
from soundlake.local_times import local
from soundlake.matching import UNKNOWN, Side, match, overlapping
from soundlake.names import name_keys
from soundlake.store.schemas import SCHEMAS

AMBIGUOUS = "ambiguous"  # it may be the same listening as another play of the track
ODD_TIME = "odd_time"  # by its times two things were heard at once, for more than a minute

OVERLAP = 60_000  # ms

CAPTURED = plays.SOURCE
EXTENDED = "spotify_extended"
ACCOUNT = "spotify_account"
# A play takes what it is from the first of these that knows it.
SOURCES = (CAPTURED, EXTENDED, ACCOUNT, "koito", "maloja", "listenbrainz", "lastfm")
# Those that know a start and an end come first: the others' times are measured by them.
_JOINED = (EXTENDED, ACCOUNT, CAPTURED, "koito", "maloja", "listenbrainz", "lastfm")
# Soundlake's own words of a play come from a capture, these from an export where there is one.
_USUAL = {ACCOUNT: END, CAPTURED: UNKNOWN}  # what their times mean; the others' are starts
_EXPORTED = (
    "ms_played",
    "reason_start",
    "reason_end",
    "shuffle",
    "skipped",
    "offline",
    "incognito",
    "platform",
    "country",
)
_BEST = (
    "account",
    "uri",
    "track_name",
    "artist_names",
    "artist_ids",
    "album_name",
    "album_id",
    "duration_ms",
    "explicit",
    "context_type",
    "context_uri",
    "kind",
)


@dataclass(frozen=True, slots=True)
class Derived:
    """Plays (as `SCHEMAS["plays"]`, by time), and for each observation the row of its play."""

    plays: pa.Table
    play_of: "np.ndarray[Any, Any]"


def derive_plays(observations: pa.Table, zone: str | None = None) -> Derived:
    """The plays that these observations (as `SCHEMAS["observations"]`) are evidence of.

    `zone` is the account's own time zone, an IANA name. A play depends on what was heard around
    it, some days at most: the plays of a month follow from the observations of that month and
    the ones beside it. The order of the rows means nothing.
    """
    if not observations.num_rows:
        return Derived(SCHEMAS["plays"].empty_table(), np.empty(0, np.int64))
    rows = _Rows(observations.combine_chunks())
    units = _Units(rows)
    play_of_unit, unsure = _joined(units)
    flagged = {AMBIGUOUS: units.rows[unsure], ODD_TIME: units.rows[_odd_times(units)]}
    return _assembled(rows, play_of_unit[units.of], flagged, zone)


def _whole(column: Any) -> Any:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _numbers(column: Any, null: int = -1) -> Any:
    whole = _whole(column)
    if whole.null_count:
        whole = pc.fill_null(whole, null)
    return whole.to_numpy(zero_copy_only=False)


def _codes(column: Any) -> tuple[Any, Any]:
    """The place of each value among all values in order (-1 for null), and these values."""
    encoded = _whole(column)
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    place = np.empty(len(order) + 1, np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1
    return place[_numbers(encoded.indices)], encoded.dictionary.take(pa.array(order))


def _firsts(column: Any) -> Any:
    """The first value of each list; null where there is none."""
    lists = _whole(column)
    offsets = lists.offsets.to_numpy()
    starts, filled = offsets[:-1], offsets[1:] > offsets[:-1]
    if lists.null_count:
        filled = filled & lists.is_valid().to_numpy(zero_copy_only=False)
    return lists.values.take(pa.array(starts, mask=~filled))


def _both(places: Any, count: int) -> Any:
    """These places and each one's next, in order."""
    either = np.zeros(count + 1, bool)
    either[places] = True
    either[places + 1] = True
    return np.flatnonzero(either[:count])


def _ranks(*keys: Any) -> Any:
    """The place of each row among the rows sorted by these keys, the first one first."""
    return np.lexsort(keys[::-1])


class _Rows:
    """What is compared of the observations, as arrays; their order by time, and then by all else."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.time = _numbers(table["time"].cast(pa.int64()), 0)
        source, names = _codes(table["source"])
        known = {name: place for place, name in enumerate(SOURCES)}
        places = [known.get(name, len(SOURCES) + i) for i, name in enumerate(names.to_pylist())]
        self.source = np.array([*places, -1])[source]
        self.source_names = {place: name.as_py() for place, name in zip(places, names, strict=True)}
        precision, words = _codes(table["time_precision"])
        self.coarse = np.array([word == "min" for word in words.to_pylist()] + [False])[precision]
        self.seconds = np.array([word == "s" for word in words.to_pylist()] + [False])[precision]
        self.ms = _numbers(table["ms_played"])
        self.duration = _numbers(table["duration_ms"])
        self.account, _ = _codes(table["account"])
        self.uri, _ = _codes(table["uri"])
        self.name, self.names = _named(table)
        self.track = _tracks(self.uri, self.name, self.account)
        self.order = self._ordered()

    def _ordered(self) -> Any:
        order = np.argsort(self.time, kind="stable")
        times = self.time[order]
        same = np.flatnonzero(times[1:] == times[:-1])
        tied = _both(same, len(order))
        rows = order[tied]
        taken = pa.array(rows)
        keys, _ = _codes(_firsts(_whole(self.table["raw_keys"]).take(taken)))
        numbers = _numbers(_firsts(_whole(self.table["raw_rows"]).take(taken)))
        within = _ranks(
            self.time[rows],
            self.account[rows],
            self.uri[rows],
            self.name[rows],
            self.ms[rows],
            self.source[rows],
            keys,
            numbers,
        )
        order[tied] = rows[within]
        return order


def _named(table: pa.Table) -> tuple[Any, Any]:
    """A code for each row's artist and title as they are compared, and what each code means."""
    artists = _firsts(table["artist_names"]).dictionary_encode()
    titles = _whole(table["track_name"]).dictionary_encode()
    many = len(titles.dictionary) + 1
    pairs = _numbers(artists.indices) * many + _numbers(titles.indices) + 1
    encoded = pa.array(pairs).dictionary_encode()
    artist, title = np.divmod(encoded.dictionary.to_numpy(), many)
    artist, title = artist + (title == -1), title - 1
    keys = name_keys(
        artists.dictionary.take(pa.array(artist, mask=artist < 0)),
        titles.dictionary.take(pa.array(title, mask=title < 0)),
    )
    codes, values = _codes(keys)
    return codes[encoded.indices.to_numpy()], values


def _tracks(uri: Any, name: Any, account: Any) -> Any:
    """One number for all rows that a URI or a name may join: what to look through, not a verdict."""
    many = int(name.max(initial=-1)) + 2
    encoded = pa.array((uri + 1) * many + name + 1).dictionary_encode()
    uris, names = np.divmod(encoded.dictionary.to_numpy(), many)
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
    return label[encoded.indices.to_numpy()] * accounts + account


class _Units:
    """What each source alone tells: rows of one source that say the same, as one. By time."""

    def __init__(self, rows: _Rows) -> None:
        first = self._firsts(rows)  # for each row, the row that it repeats: itself mostly
        leading = rows.order[first[rows.order] == rows.order]
        place = np.empty(len(first), np.int64)
        place[leading] = np.arange(len(leading))
        self.of = place[first]
        self.rows = leading
        self.time, self.source = rows.time[leading], rows.source[leading]
        self.ms, self.duration = rows.ms[leading], rows.duration[leading]
        self.uri, self.name = rows.uri[leading], rows.name[leading]
        self.track, self.coarse = rows.track[leading], rows.coarse[leading]

    def _firsts(self, rows: _Rows) -> Any:
        first = np.arange(len(rows.time))
        captured = rows.source == 0
        self._read_again(rows, first, rows.order[captured[rows.order]])
        self._told_again(rows, first, rows.order[~captured[rows.order]])
        return first

    def _told_again(self, rows: _Rows, first: Any, exported: Any) -> None:
        """Rows of one export that agree in time, track and how long it was heard are one."""
        # Rows of one time stand together already; only among them there can be such.
        time = rows.time[exported]
        same = np.flatnonzero(time[1:] == time[:-1])
        some = exported[_both(same, len(exported))]
        named = np.where(rows.uri[some] >= 0, -1, rows.name[some])
        keys = [rows.time, rows.source, rows.account, rows.uri, rows.ms]
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

    def _read_again(self, rows: _Rows, first: Any, captured: Any) -> None:
        """Captured rows of one URI less than 30 s apart are one play, read again."""
        captured = captured[rows.uri[captured] >= 0]
        track = rows.uri[captured] * (int(rows.account.max(initial=0)) + 1) + rows.account[captured]
        order = np.argsort(track, kind="stable")
        some, track = captured[order], track[order]
        time = rows.time[some]
        shortest = int(plays.SHORTEST.total_seconds() * 1000)
        near = (track[1:] == track[:-1]) & (time[1:] - time[:-1] < shortest + 1000)
        for at in (np.flatnonzero(near) + 1).tolist():
            here, before = int(some[at]), int(first[some[at - 1]])
            if _one_play(rows, before, here, shortest):
                first[here] = before


def _one_play(rows: _Rows, before: int, here: int, shortest: int) -> bool:
    """As `plays.same_play` says it of rows."""
    times = [int(rows.time[before]), int(rows.time[here])]
    if rows.seconds[before] or rows.seconds[here]:
        times = [time // 1000 * 1000 for time in times]
    return times[1] - times[0] < shortest


def _joined(units: _Units) -> tuple[Any, Any]:
    """For each unit the number of its play, and whether its play may be another's."""
    play = np.arange(len(units.time))
    flagged = np.zeros(len(units.time), bool)
    known: Side | None = None
    there = [name for name in _JOINED if (units.source == SOURCES.index(name)).any()]
    for name in there:
        own = np.flatnonzero(units.source == SOURCES.index(name))
        side = Side.of(
            own,
            time=units.time[own],
            track=units.track[own],
            uri=units.uri[own],
            name=units.name[own],
            ms=units.ms[own],
            duration=units.duration[own],
            coarse=units.coarse[own],
            listed=name == CAPTURED,
            spans=name in {EXTENDED, ACCOUNT},
        )
        if known is None:
            known = side.spread(np.full(len(own), UNKNOWN))
            continue
        found = match(known, side, _USUAL.get(name, START))
        play[side.rows[found.right]] = play[known.rows[found.left]]
        flagged[known.rows[found.unsure_left]] = True
        flagged[side.rows[found.unsure_right]] = True
        if name != there[-1]:
            known = known.joined(side, found)
    return play, flagged


def _odd_times(units: _Units) -> Any:
    """The plays of the extended export of which some overlap for more than a minute."""
    own = np.flatnonzero(units.source == SOURCES.index(EXTENDED))
    end = units.time[own]
    start = end - np.maximum(units.ms[own], 0)
    return own[overlapping(start, end, np.full(len(own), OVERLAP))]


def _assembled(rows: _Rows, play_unit: Any, flagged: dict[str, Any], zone: str | None) -> Derived:
    """The plays, each with the best of its rows; `flagged` are rows by what is said of them."""
    count = len(rows.time)
    place = np.empty(count, np.int64)
    place[rows.order] = np.arange(count)
    # The rows of a play in the order in which they are asked: its source's, then by time.
    kinds = int(rows.source.max(initial=0)) + 1
    by_play = np.argsort((play_unit * kinds + rows.source) * count + place)
    numbers = play_unit[by_play]
    begins = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1])))
    sizes = np.diff(np.append(begins, count))
    # By time: the first row's, which is the play's own.
    order = np.argsort(place[by_play[begins]], kind="stable")
    begins, sizes = begins[order], sizes[order]
    # Which play each row, in that order, is of.
    number = np.empty(int(play_unit.max()) + 1, np.int64)
    number[play_unit[by_play[begins]]] = np.arange(len(begins))
    play_of = number[play_unit]
    asked = _Asked(rows, by_play, begins, sizes)
    columns = {name: asked.best(name) for name in _BEST}
    columns |= {name: asked.best(name, exported=True) for name in _EXPORTED}
    columns |= {
        "played_at": _whole(rows.table["time"]).take(pa.array(asked.first)),
        "ended_at": asked.ended(),
        "sources": asked.sources(play_of),
        "evidence": asked.evidence(play_of),
        "flags": _flags({flag: play_of[own] for flag, own in flagged.items()}, len(begins)),
    }
    columns |= _told(columns, rows, asked)
    columns["time_zone"], columns["local_time"] = local(
        columns["played_at"], columns["country"], zone
    )
    schema = SCHEMAS["plays"]
    table = pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
    return Derived(table, play_of)


class _Asked:
    """The rows of each play in the order in which they are asked for what it is."""

    def __init__(self, rows: _Rows, by_play: Any, begins: Any, sizes: Any) -> None:
        self._rows, self._by_play, self._begins, self._sizes = rows, by_play, begins, sizes
        self.first = by_play[begins]
        # Where a capture is asked first, an export is behind all of its readings.
        captured = rows.source[by_play] == 0
        ahead = np.concatenate(([0], np.cumsum(captured)))
        own = ahead[begins + sizes] - ahead[begins]
        self.exported = by_play[begins + np.where(own < sizes, own, 0)]

    def best(self, name: str, *, exported: bool = False) -> Any:
        """What the first row says that says anything."""
        column = _whole(self._rows.table[name])
        values = column.take(pa.array(self.exported if exported else self.first))
        for turn in range(int(self._sizes.max(initial=1))):
            missing = _missing(values) & (self._sizes > max(turn, 1))
            if not missing.any():
                break
            filled = column.take(pa.array(self._by_play[self._begins[missing] + turn]))
            values = _put(values, missing, filled)
        return values

    def ended(self) -> Any:
        """The end that the extended export tells, else account data's."""
        rows = self.exported
        end = np.isin(self._rows.source[rows], [SOURCES.index(EXTENDED), SOURCES.index(ACCOUNT)])
        return _whole(self._rows.table["time"]).take(pa.array(rows, mask=~end))

    def sources(self, play_of: Any) -> Any:
        names = self._rows.source_names
        ordered = sorted(names, key=lambda place: names[place])
        bit = np.zeros(max(names, default=0) + 1, np.int64)
        bit[ordered] = 1 << np.arange(len(ordered))
        masks = np.zeros(len(self._begins), np.int64)
        np.bitwise_or.at(masks, play_of, bit[self._rows.source])
        lists = pa.array(masks).dictionary_encode()
        told = [
            [names[place] for turn, place in enumerate(ordered) if mask >> turn & 1]
            for mask in lists.dictionary.to_pylist()
        ]
        return pa.array(told, pa.list_(pa.string())).take(lists.indices)

    def evidence(self, play_of: Any) -> Any:
        """The keys of all rows of a play, each once, in order."""
        lists = _whole(self._rows.table["raw_keys"])
        offsets = lists.offsets.to_numpy()
        values = lists.values
        codes, keys = _codes(values)
        owner = np.repeat(play_of, np.diff(offsets))
        codes = codes[offsets[0] : offsets[-1]]
        pairs = np.sort(owner * (len(keys) + 1) + codes)
        once = np.ones(len(pairs), bool)
        once[1:] = pairs[1:] != pairs[:-1]
        owner, code = np.divmod(pairs[once], len(keys) + 1)
        counts = np.bincount(owner, minlength=len(self._begins))
        ends = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), keys.take(pa.array(code)))


def _missing(values: Any) -> Any:
    """Where a value is null, or a list that is empty."""
    null = pc.is_null(values)
    if pa.types.is_list(values.type):
        null = pc.or_(null, pc.fill_null(pc.equal(pc.list_value_length(values), 0), True))
    return null.to_numpy(zero_copy_only=False)


def _put(values: Any, where: Any, filled: Any) -> Any:
    """The values, with others in the places where they were missing, if these say something."""
    better = ~_missing(filled)
    places = np.arange(len(values))
    places[np.flatnonzero(where)[better]] = len(values) + np.flatnonzero(better)
    return pa.concat_arrays([values, filled]).take(pa.array(places))


def _flags(plays_of: dict[str, Any], count: int) -> Any:
    """The names of the flags of each play, in order."""
    lists: list[list[str]] = [[]]
    which = np.zeros(count, np.int8)
    for place, flag in enumerate(sorted(plays_of)):
        flagged = np.zeros(count, bool)
        flagged[plays_of[flag]] = True
        which += np.where(flagged, 1 << place, 0).astype(np.int8)
        lists += [[*each, flag] for each in lists]
    return pa.array(lists, pa.list_(pa.string())).take(pa.array(which))


def _told(columns: dict[str, Any], rows: _Rows, asked: _Asked) -> dict[str, Any]:
    """What follows from a play's other columns."""
    uri, ms, duration = columns["uri"], columns["ms_played"], columns["duration_ms"]
    prefix = "spotify:track:"
    ids = pc.if_else(
        pc.and_(pc.starts_with(uri, prefix), pc.greater(pc.binary_length(uri), len(prefix))),
        pc.utf8_slice_codeunits(uri, len(prefix)),
        None,
    )
    listed = pa.array(rows.source[asked.first] == 0)
    heard = pc.if_else(pc.is_null(ms), pc.if_else(listed, True, None), pc.greater_equal(ms, 30_000))
    reason = columns["reason_end"]
    unknown = pc.is_in(reason, pa.array(["", "unknown"]))
    half = pc.or_kleene(
        pc.greater_equal(ms, 240_000),
        pc.greater_equal(pc.multiply(ms, pa.scalar(2, pa.int64())), duration),
    )
    code = rows.name[asked.first]
    names = rows.names.take(pa.array(code, mask=code < 0))
    return {
        "track_id": ids,
        "counts_30s": heard,
        "counts_to_end": pc.if_else(unknown, None, pc.equal(reason, "trackdone")),
        "counts_half": half,
        "name_key": pc.if_else(pc.is_null(uri), names, None),
    }
