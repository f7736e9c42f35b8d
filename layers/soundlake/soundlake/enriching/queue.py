"""The queue of enrichment: which ids the lake's rows name, and which of them come first.

A sighting says how often the rows of one table and month (a part, `plays/2026-11`) name an id. All
of them together are a function of the lake, so whatever is lost of the queue is made anew. Nothing
here asks AWS or anybody.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from soundlake.enriching.grouping import Groups
from soundlake.entities import CARRIERS
from soundlake.times import month_of, shift_month

TRACKS, FEATURES, ARTISTS, ALBUMS = "tracks", "audio_features", "artists", "albums"
ANALYSES, NAMES = "audio_analysis", "track_names"
# In the order in which they are asked for, where plays and chart entries are as many.
KINDS = (TRACKS, NAMES, FEATURES, ARTISTS, ALBUMS, ANALYSES)
PLAYS, CHARTED, LOOKED_UP = "plays", "chart_entries", "tracks"
# Of each table that names ids: the columns that a look at it takes, its rows' time first.
COLUMNS: Mapping[str, list[str]] = {
    PLAYS: ["played_at", "track_id", "album_id", "artist_ids", "evidence", "name_key", "kind"],
    CHARTED: ["chart_date", "track_id", "album_id", "artist_ids", "raw_key"],
    LOOKED_UP: ["fetched_at", "album_id", "artist_ids", "detail_raw_key"],
}
MUSIC = "track"  # the kind of a play that a name may be the track of
ASKED = "asked"  # the part of what no row names any more, and is to be asked again all the same

_STRING: pa.DataType = pa.string()
_INT: pa.DataType = pa.int32()
_LONG: pa.DataType = pa.int64()
_DATE: pa.DataType = pa.date32()
_BOOL: pa.DataType = pa.bool_()
_STRINGS: pa.DataType = pa.list_(pa.string())
_INTS: pa.DataType = pa.list_(pa.int32())
_DATES: pa.DataType = pa.list_(pa.date32())
_BOOLS: pa.DataType = pa.list_(pa.bool_())
SIGHTINGS = pa.schema(
    [
        ("kind", _STRING),
        ("id", _STRING),
        ("part", _STRING),
        ("count", _INT),
        ("first", _DATE),
        ("carried", _BOOL),
    ]
)
ROWS = pa.schema(
    [
        ("kind", _STRING),
        ("id", _STRING),
        ("plays", _LONG),
        ("charted", _LONG),
        ("first_seen", _DATE),
        ("waiting", _BOOL),
        ("parts", _STRINGS),
        ("counts", _INTS),
        ("firsts", _DATES),
        ("carried", _BOOLS),
    ]
)
_NESTED = {"parts": "part", "counts": "count", "firsts": "first", "carried": "carried"}
_ORDER: list[tuple[str, Literal["ascending", "descending"]]] = [
    ("plays", "descending"),
    ("charted", "descending"),
    ("rank", "ascending"),
    ("id", "ascending"),
]

Wanted = tuple[str, str]  # a kind and an id
Batch = tuple[str, tuple[str, ...]]  # a kind and the ids of one request
_Column = Any  # an Arrow array, in chunks or in one


def seen(table: str, part: str, rows: pa.Table) -> pa.Table:
    """The sightings in one part's rows, which have the table's `COLUMNS`.

    A track is carried where an answer that showed the play or chart also showed the track whole.
    Of tracks that were looked up only the album and artists are sightings, which count nothing.
    """
    rows = rows.combine_chunks()
    at = rows.column(0).cast(pa.timestamp("ms")).cast(pa.date32(), safe=False)
    found = []
    counts = table != LOOKED_UP
    if counts:
        carried = _carried(rows.column(4))
        found = [
            _counted(kind, part, rows.column("track_id"), at, carried)
            for kind in (TRACKS, FEATURES, ANALYSES)
        ]
    else:
        asked = rows.column("detail_raw_key").is_valid()
        rows, at = rows.filter(asked), at.filter(asked)
    nobody = pa.array([False] * rows.num_rows, pa.bool_())
    found.append(_counted(ALBUMS, part, rows.column("album_id"), at, nobody, counts=counts))
    if table == PLAYS:
        music = pc.equal(pc.coalesce(rows.column("kind"), pa.scalar(MUSIC)), pa.scalar(MUSIC))
        names = pc.if_else(music, rows.column("name_key"), pa.scalar(None, _STRING))
        found.append(_counted(NAMES, part, names, at, nobody))
    lists = rows.column("artist_ids")
    places = pc.list_parent_indices(lists)
    artists = pc.list_flatten(lists)
    found.append(
        _counted(ARTISTS, part, artists, at.take(places), nobody.take(places), counts=counts)
    )
    return pa.concat_tables(found)


def _carried(keys: _Column) -> _Column:
    """Whether one of each row's answers carries its track."""
    rows: _Column = pa.array(range(len(keys)), pa.int64())
    places: _Column = rows
    if pa.types.is_list(keys.type):
        places, keys = pc.list_parent_indices(keys), pc.list_flatten(keys)
    carrying = pa.array([False] * len(keys), pa.bool_())
    for prefix in CARRIERS:
        begins = pc.starts_with(keys, prefix)
        carrying = pc.or_(carrying, pc.coalesce(begins, pa.scalar(False)))
    return pc.is_in(rows, value_set=pc.filter(places, carrying).cast(pa.int64()))


def _counted(
    kind: str,
    part: str,
    ids: _Column,
    at: _Column,
    carried: _Column,
    *,
    counts: bool = True,
) -> pa.Table:
    """One sighting for each id: how often it is there, since when, and whether it is carried."""
    named: _Column = pa.table({"id": ids, "first": at, "carried": carried})
    groups = Groups(named.filter(ids.is_valid()), ["id"])
    found = groups.first("id")
    return pa.Table.from_arrays(
        [
            pa.array([kind] * len(found), _STRING),
            found,
            pa.array([part] * len(found), _STRING),
            (groups.sizes() if counts else pa.array([0] * len(found))).cast(_INT),
            groups.earliest("first"),
            groups.any("carried").cast(_BOOL),
        ],
        schema=SIGHTINGS,
    )


def once_more(ids: Iterable[str], day: date) -> pa.Table:
    """Sightings of tracks whose features are to be asked for though no row names them any more."""
    rows = [
        {"kind": FEATURES, "id": each, "part": ASKED, "count": 0, "first": day, "carried": False}
        for each in sorted(ids)
    ]
    return pa.Table.from_pylist(rows, SIGHTINGS)


def merged(before: pa.Table, looked_at: Mapping[str, pa.Table | None]) -> pa.Table:
    """The sightings with those of some parts replaced: by none where the part is gone."""
    kept = before.filter(
        pc.invert(pc.is_in(before.column("part"), value_set=_strings(looked_at.keys())))
    )
    return pa.concat_tables([kept, *(each for each in looked_at.values() if each is not None)])


def beside(before: pa.Table, part: str, found: pa.Table) -> pa.Table:
    """A part's sightings where not all of its objects could be read: those, and what was known.

    Of an id that was seen before as well the greater count stands.
    """
    old = before.filter(pc.equal(before.column("part"), pa.scalar(part)))
    groups = Groups(pa.concat_tables([found, old]), ["kind", "id", "part"])
    return pa.Table.from_arrays(
        [
            *(groups.first(name) for name in ("kind", "id", "part")),
            groups.most("count").cast(_INT),
            groups.earliest("first"),
            groups.any("carried").cast(_BOOL),
        ],
        schema=SIGHTINGS,
    )


def meant(sightings: pa.Table, tracks: Mapping[str, str]) -> pa.Table:
    """The sightings with those of names whose track is known as ones of that track."""
    named: _Column = _among(sightings, {NAMES: tracks.keys()})
    found = sightings.filter(named)
    if not found.num_rows:
        return sightings
    ids = pa.array([tracks[str(each)] for each in found.column("id").to_pylist()], _STRING)
    place = SIGHTINGS.get_field_index("id")
    found = found.set_column(place, "id", ids)
    others: _Column = pc.invert(named)
    of = [
        found.set_column(0, "kind", pa.array([kind] * found.num_rows, _STRING))
        for kind in (TRACKS, FEATURES, ANALYSES)
    ]
    return pa.concat_tables([sightings.filter(others), *of]).cast(SIGHTINGS)


def unknown(sightings: pa.Table, known: Mapping[str, Collection[str]]) -> pa.Table:
    """The sightings of ids that are not known, by kind."""
    others: _Column = pc.invert(_among(sightings, known))
    return sightings.filter(others)


def _among(table: pa.Table, ids: Mapping[str, Collection[str]]) -> _Column:
    """Which rows have an id that is among those of its kind."""
    found = pa.array([False] * table.num_rows, pa.bool_())
    for kind, several in ids.items():
        own = pc.equal(table.column("kind"), pa.scalar(kind))
        here = pc.is_in(table.column("id"), value_set=_strings(several))
        found = pc.or_(found, pc.and_(own, here))
    return found


def waiting(
    sightings: pa.Table, kinds: Collection[str], settled: Mapping[str, Collection[str]], day: date
) -> pa.Table:
    """What is to be asked for now, in the order in which it is: kind, id, plays, charted.

    Of these kinds, and not `settled`: answered already, or not to be asked again yet. A track that
    is carried since the month before the day's gets its row of what carries it.
    """
    open_ = unknown(sightings, settled)
    open_ = open_.filter(pc.is_in(open_.column("kind"), value_set=_strings(kinds)))
    since = shift_month(month_of(day), -1)
    parts = {str(each) for each in pc.unique(open_.column("part")).to_pylist()}
    fresh = {each for each in parts if each.partition("/")[2] >= since}
    carried: _Column = pc.and_(
        pc.and_(open_.column("carried"), pc.equal(open_.column("kind"), pa.scalar(TRACKS))),
        pc.is_in(open_.column("part"), value_set=_strings(fresh)),
    )
    carried_ids = {str(each) for each in open_.filter(carried).column("id").to_pylist()}
    open_ = unknown(open_, {TRACKS: carried_ids})
    rows = _summed(open_).select(["kind", "id", "plays", "charted"])
    rank = pc.index_in(rows.column("kind"), value_set=_strings(KINDS, given=True))
    order = pc.sort_indices(rows.append_column("rank", rank), sort_keys=_ORDER)
    return rows.take(order)


def _summed(sightings: pa.Table) -> pa.Table:
    """A row for each kind and id, by kind and id, with the parts that it was seen in."""
    played = pc.starts_with(sightings.column("part"), f"{PLAYS}/")
    counts = sightings.column("count")
    counted = sightings.append_column("plays", pc.if_else(played, counts, 0)).append_column(
        "charted", pc.if_else(played, 0, counts)
    )
    groups = Groups(counted, ["kind", "id"], within=["part"])
    return pa.table(
        {
            "kind": groups.first("kind"),
            "id": groups.first("id"),
            "plays": groups.sum("plays").cast(_LONG),
            "charted": groups.sum("charted").cast(_LONG),
            "first_seen": groups.earliest("first"),
            **{name: groups.lists(each) for name, each in _NESTED.items()},
        }
    )


def as_rows(sightings: pa.Table, open_: pa.Table) -> pa.Table:
    """One row for each kind and id, as the queue keeps them; those in `open_` are waiting."""
    rows = _summed(sightings)
    return rows.append_column("waiting", _among(rows, by_kind(open_))).select(ROWS.names).cast(ROWS)


def as_sightings(rows: pa.Table) -> pa.Table:
    """The sightings that rows of the queue were made of."""
    rows = rows.combine_chunks()
    places = pc.list_parent_indices(rows.column("parts"))
    arrays: list[_Column] = [rows.column(name).take(places) for name in ("kind", "id")]
    arrays += [pc.list_flatten(rows.column(name)) for name in _NESTED]
    return pa.Table.from_arrays(arrays, schema=SIGHTINGS)


def by_kind(rows: pa.Table) -> dict[str, list[str]]:
    """The ids of a table's rows by kind, in order."""
    found: dict[str, list[str]] = {}
    for kind, each in in_order(rows):
        found.setdefault(kind, []).append(each)
    return found


def in_order(rows: pa.Table) -> list[Wanted]:
    """The kind and id of each row."""
    columns = (rows.column(name).to_pylist() for name in ("kind", "id"))
    return list(zip(*columns, strict=True))


def bad_last(wanted: Iterable[Wanted], bad: Iterable[Wanted]) -> list[Wanted]:
    """Those answered badly after the others, who was so longest ago first."""
    places = {each: place for place, each in enumerate(bad, 1)}
    return sorted(wanted, key=lambda each: places.get(each, 0))


def bad_now(before: Iterable[Wanted], badly: Iterable[Wanted]) -> list[Wanted]:
    """Who was answered badly, with those of one more run: each once, at its last time."""
    now = dict.fromkeys(badly)
    return [*(each for each in before if each not in now), *now]


def in_batches(
    wanted: Iterable[Wanted], sizes: Mapping[str, int], lanes: Mapping[str, int]
) -> list[Batch]:
    """The fewest requests that ask for all, each as early as the first of its ids.

    `sizes` are the ids a request of each kind has; ids in different `lanes` share none.
    """
    filling: dict[tuple[str, int], list[str]] = {}
    made: list[tuple[str, list[str]]] = []
    for kind, each in wanted:
        lane = (kind, lanes.get(each, 0) if kind == FEATURES else 0)
        batch = filling.get(lane)
        if batch is None or len(batch) == sizes[kind]:
            batch = filling[lane] = []
            made.append((kind, batch))
        batch.append(each)
    return [(kind, tuple(ids)) for kind, ids in made]


def _strings(values: Iterable[str], *, given: bool = False) -> _Column:
    return pa.array(values if given else sorted(values), pa.string())
