"""The best of a play's rows: what each column of `plays` is made of."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake.local_times import local
from soundlake.observed import (
    ACCOUNT,
    CAPTURED,
    EXTENDED,
    SOURCES,
    Array,
    Column,
    Rows,
    codes,
    stably,
    taken,
    whole,
)
from soundlake.store.schemas import SCHEMAS

# What an export tells of a play, where there is one.
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


def plays_of(
    rows: Rows, numbers: Array, flagged: dict[str, Array], zone: str | None
) -> tuple[pa.Table, Array]:
    """The plays by time, each with the best of its rows, and for each row the place of its play.

    `numbers` tell which rows are of one play, some at least; rows of -1 are of none, and so is
    their place. `flagged` are rows by what is said of their plays.
    """
    by_play, place = _by_play(rows, numbers)
    ordered = numbers[by_play]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(np.append(begins, len(by_play)))
    # By time: the first row's, which is the play's own.
    order = stably(place[by_play[begins]])
    begins, sizes = begins[order], sizes[order]
    renumbered = np.full(int(numbers.max()) + 2, -1)
    renumbered[numbers[by_play[begins]]] = np.arange(len(begins))
    play_of = renumbered[numbers]
    asked = _Asked(rows, by_play, begins, sizes)
    columns = {name: asked.best(name) for name in _BEST}
    columns |= {name: asked.best(name, exported=True) for name in _EXPORTED}
    columns |= {
        "played_at": taken(rows.table["time"], asked.first),
        "ended_at": asked.ended(),
        "sources": asked.sources(play_of),
        "evidence": asked.evidence(play_of),
        "flags": _flags({flag: play_of[own] for flag, own in flagged.items()}, len(begins)),
    }
    uri = rows.uri[asked.giver("uri")]
    columns["track_id"] = taken(_track_ids(rows.uris), uri, uri < 0)
    columns |= _told(columns, rows, asked)
    columns["time_zone"], columns["local_time"] = local(
        columns["played_at"], columns["country"], zone
    )
    schema = SCHEMAS["plays"]
    table = pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
    return table, play_of


def givers(rows: Rows) -> dict[str, int]:
    """For the rows of one play, which of them gives each column that rows give, where any does."""
    count = len(rows.time)
    by_play, _ = _by_play(rows, np.zeros(count, np.int64))
    asked = _Asked(rows, by_play, np.zeros(1, np.int64), np.array([count]))
    found = {name: asked.giver(name) for name in _BEST}
    found |= {name: asked.giver(name, exported=True) for name in _EXPORTED}
    said = {
        name: int(place[0])
        for name, place in found.items()
        if not _missing(taken(rows.table[name], place)).any()
    }
    ended = {} if asked.ended().null_count else {"ended_at": int(asked.exported[0])}
    return said | {"played_at": int(asked.first[0])} | ended


def _by_play(rows: Rows, numbers: Array) -> tuple[Array, Array]:
    """The rows by play, and each one's place by time.

    Those of a play are in the order in which they are asked: their source's, then by time.
    """
    count = len(rows.time)
    place = np.empty(count, np.int64)
    place[rows.order] = np.arange(count)
    kinds = int(rows.source.max(initial=0)) + 1
    keys = (numbers * kinds + rows.source) * count + place
    keys = keys[numbers >= 0]
    # Each has a place of its own: so the sorted keys tell whose they are.
    return rows.order[np.sort(keys) % count], place


class _Asked:
    """The rows of each play in the order in which they are asked for what it is."""

    def __init__(self, rows: Rows, by_play: Array, begins: Array, sizes: Array) -> None:
        self._rows, self._by_play, self._begins, self._sizes = rows, by_play, begins, sizes
        self.first = by_play[begins]
        # Where a capture is asked first, an export is behind all of its readings.
        captured = rows.source[by_play] == 0
        ahead = np.concatenate(([0], np.cumsum(captured)))
        own = ahead[begins + sizes] - ahead[begins]
        self.exported = by_play[begins + np.where(own < sizes, own, 0)]

    def best(self, name: str, *, exported: bool = False) -> Column:
        """What the first row says that says anything."""
        return taken(self._rows.table[name], self.giver(name, exported=exported))

    def giver(self, name: str, *, exported: bool = False) -> Array:
        """That row; where none says anything, the first."""
        found = self.exported if exported else self.first
        values = whole(self._rows.table[name])
        missing = _missing(values) if values.null_count < len(values) else None
        if missing is None or not missing.any():
            return found
        found = found.copy()
        for turn in range(int(self._sizes.max(initial=1))):
            unsaid = missing[found] & (self._sizes > max(turn, 1))
            if not unsaid.any():
                break
            others = self._by_play[self._begins[unsaid] + turn]
            found[unsaid] = np.where(missing[others], found[unsaid], others)
        return found

    def ended(self) -> Column:
        """The end that the extended export tells, else account data's."""
        rows = self.exported
        end = np.isin(self._rows.source[rows], [SOURCES.index(EXTENDED), SOURCES.index(ACCOUNT)])
        return taken(self._rows.table["time"], rows, ~end)

    def sources(self, play_of: Array) -> Column:
        """The names of a play's sources, in order."""
        names = self._rows.source_names
        ordered = sorted(names, key=lambda place: names[place])
        bit = np.zeros(max(names, default=0) + 1, np.int64)
        bit[ordered] = 1 << np.arange(len(ordered))
        masks = np.zeros(len(self._begins) + 1, np.int64)  # the last one is of no play
        np.bitwise_or.at(masks, play_of, bit[self._rows.source])
        lists: Column = pa.array(masks[:-1]).dictionary_encode()
        told: Column = pa.array(
            [
                [names[place] for turn, place in enumerate(ordered) if mask >> turn & 1]
                for mask in lists.dictionary.to_pylist()
            ],
            pa.list_(pa.string()),
        )
        return told.take(lists.indices)

    def evidence(self, play_of: Array) -> Column:
        """The keys of all rows of a play, each once, in order."""
        lists = whole(self._rows.table["raw_keys"])
        offsets = lists.offsets.to_numpy()
        places, keys = codes(lists.values)
        owner = np.repeat(play_of, np.diff(offsets))
        pairs = owner * (len(keys) + 1) + places[offsets[0] : offsets[-1]]
        if (play_of < 0).any():
            pairs = pairs[owner >= 0]
        pairs.sort()
        once = np.ones(len(pairs), bool)
        once[1:] = pairs[1:] != pairs[:-1]
        owner, code = np.divmod(pairs[once], len(keys) + 1)
        counts = np.bincount(owner, minlength=len(self._begins))
        ends: Column = pa.array(np.concatenate(([0], np.cumsum(counts))), pa.int32())
        return pa.ListArray.from_arrays(ends, taken(keys, code.astype(np.int32)))


def _missing(values: Column) -> Array:
    """Where a value is null, or a list that is empty."""
    null: Array = np.zeros(len(values), bool)
    if values.null_count:
        null = values.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_list(values.type):
        offsets = values.offsets.to_numpy()
        null |= offsets[1:] == offsets[:-1]
    return null


def _flags(plays: dict[str, Array], count: int) -> Column:
    """The names of the flags of each play, in order."""
    lists: list[list[str]] = [[]]
    which = np.zeros(count, np.int64)
    for place, flag in enumerate(sorted(plays)):
        flagged = np.zeros(count + 1, bool)  # the last one is no play
        flagged[plays[flag]] = True
        which += np.where(flagged[:-1], 1 << place, 0)
        lists += [[*each, flag] for each in lists]
    return taken(pa.array(lists, pa.list_(pa.string())), which)


def _told(columns: dict[str, Column], rows: Rows, asked: _Asked) -> dict[str, Column]:
    """What follows from a play's other columns."""
    uri, ms, duration = columns["uri"], columns["ms_played"], columns["duration_ms"]
    listed: Column = pa.array(rows.source[asked.first] == SOURCES.index(CAPTURED))
    # Spotify lists what was heard for 30 seconds; of others' plays nobody knows.
    unsaid = pc.if_else(listed, pa.scalar(True), pa.scalar(None, pa.bool_()))
    reason = columns["reason_end"]
    unknown = pc.is_in(reason, pa.array(["", "unknown"]))
    # To press play on something else (`endplay`) is no end of a track.
    done: Column = pc.equal(reason, pa.scalar("trackdone"))
    code = np.where(uri.is_null().to_numpy(zero_copy_only=False), rows.name[asked.first], -1)
    return {
        "counts_30s": pc.if_else(pc.is_null(ms), unsaid, _least(ms, 30_000)),
        "counts_to_end": pc.if_else(unknown, pa.scalar(None, pa.bool_()), done),
        "counts_half": pc.or_kleene(
            _least(ms, 240_000), pc.greater_equal(pc.multiply(ms, _number(2)), duration)
        ),
        "name_key": taken(rows.names, code, code < 0),
    }


def _track_ids(uri: Column) -> Column:
    """The ids in `spotify:track:<id>`; null for local files, episodes and anything else."""
    prefix = "spotify:track:"
    own = pc.and_(
        pc.starts_with(uri, prefix),
        pc.greater(pc.binary_length(uri), pa.scalar(len(prefix), pa.int32())),
    )
    return pc.if_else(own, pc.utf8_slice_codeunits(uri, len(prefix)), pa.scalar(None, pa.string()))


def _least(ms: Column, number: int) -> Column:
    return pc.greater_equal(ms, _number(number))


def _number(number: int) -> Any:
    return pa.scalar(number, pa.int64())
