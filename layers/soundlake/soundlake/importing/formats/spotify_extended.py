"""Spotify's Extended streaming history, of every generation.

https://support.spotify.com/article/understanding-my-data/ names the keys. `ts` is when a stream
ended, in UTC, to the second.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
from msgspec.structs import astuple

from soundlake.importing import entries as of
from soundlake.importing.entries import Check, Column, pc
from soundlake.importing.json_rows import encoded, loose, pieces
from soundlake.importing.redaction import REDACTED, redact
from soundlake.plays import EARLIEST
from soundlake.times import TimeError, naive_ms, parse_time

SOURCE = "spotify_extended"

_TEXT, _LONG, _BOOL = pa.string(), pa.int64(), pa.bool_()
# The keys of today's files that are kept, in their order.
_KEPT: dict[str, pa.DataType] = {
    "ts": _TEXT,
    "platform": _TEXT,
    "ms_played": _LONG,
    "conn_country": _TEXT,
    "master_metadata_track_name": _TEXT,
    "master_metadata_album_artist_name": _TEXT,
    "master_metadata_album_album_name": _TEXT,
    "spotify_track_uri": _TEXT,
    "episode_name": _TEXT,
    "episode_show_name": _TEXT,
    "spotify_episode_uri": _TEXT,
    "audiobook_title": _TEXT,
    "audiobook_uri": _TEXT,
    "audiobook_chapter_uri": _TEXT,
    "audiobook_chapter_title": _TEXT,
    "reason_start": _TEXT,
    "reason_end": _TEXT,
    "shuffle": _BOOL,
    "skipped": _BOOL,
    "offline": _BOOL,
    "offline_timestamp": _LONG,
    "incognito_mode": _BOOL,
}
# What no column can hold of a row, as the JSON text of its keys and values; of a row that is no
# object, the JSON text of all of it.
OTHER = "other"
RAW = pa.schema([*_KEPT.items(), (OTHER, _TEXT)])
# Older generations' keys, none of which is kept.
_OLDER = (
    "ip_addr",
    "username",
    "ip_addr_decrypted",
    "user_agent_decrypted",
    "city",
    "region",
    "metro_code",
    "longitude",
    "latitude",
)
_PYTHON = {_TEXT: str, _LONG: int, _BOOL: bool}
_Row = msgspec.defstruct(
    "_Row",
    [
        *((key, _PYTHON[kind] | None, None) for key, kind in _KEPT.items()),
        *((key, str | float | None if key in _OLDER[-3:] else str | None, None) for key in _OLDER),
    ],
    forbid_unknown_fields=True,
    gc=False,  # rows are no part of a cycle, and there are millions of them
)
_STRICT = msgspec.json.Decoder(list[_Row])  # type: ignore[valid-type]
_USER = len(_KEPT) + _OLDER.index("username")
_TIME = "a time like 2026-11-21T09:18:00Z"


def keep(stream: BinaryIO, name: str, people: set[str]) -> pa.Table:
    """The rows of a file, redacted, in the columns of RAW. Raises HistoryError."""

    def decode(text: bytes) -> pa.Table:
        return _decoded(text, people)

    return pa.concat_tables(pieces(stream, name, decode))


def rows(raw: pa.Table) -> Iterator[Any]:
    """The rows that were kept, as they stood in the file but for what is redacted.

    Keys that are null are left out, as if the file had left them out.
    """
    for row in raw.to_pylist():
        text = row.pop(OTHER)
        other = json.loads(text) if text is not None else {}
        if isinstance(other, dict):
            yield {key: value for key, value in row.items() if value is not None} | other
        else:
            yield other


def entries(raw: pa.Table, _name: str, *, now: datetime) -> pa.Table:
    """What the rows of a file that was kept say, in ENTRIES; `now` (aware) bounds times."""
    count = raw.num_rows
    column = {key: of.one(raw[key]) for key in _KEPT}
    column, checks = _with_other(column, of.one(raw[OTHER]))
    texts = {key: of.without_empty(column[key]) for key, kind in _KEPT.items() if kind == _TEXT}
    time = times(texts["ts"])
    track, episode, chapter, book = (
        _uris(texts[key])
        for key in (
            "spotify_track_uri",
            "spotify_episode_uri",
            "audiobook_chapter_uri",
            "audiobook_uri",
        )
    )
    uri = pc.coalesce(track, episode, chapter, book)
    chapter_title = pc.coalesce(texts["audiobook_chapter_title"], texts["audiobook_title"])
    kind = pc.case_when(
        pc.make_struct(
            pc.is_valid(track),
            pc.is_valid(episode),
            pc.or_(pc.is_valid(chapter), pc.is_valid(book)),
            pc.is_valid(texts["master_metadata_track_name"]),
            pc.is_valid(texts["episode_name"]),
            pc.is_valid(chapter_title),
        ),
        "track",
        "episode",
        "chapter",
        "track",
        "episode",
        "chapter",
    )
    title = _by_kind(
        kind, texts["master_metadata_track_name"], texts["episode_name"], chapter_title
    )
    checks += of.time_checks(time, texts["ts"], "ts", _TIME, now)
    checks += of.played_checks(column["ms_played"], "ms_played")
    checks.append(
        Check(
            pc.and_(pc.is_null(uri), pc.is_null(title)),
            lambda row: _nothing(row, texts),
        )
    )
    return of.table(
        {
            "source": SOURCE,
            "time": time,
            "time_meaning": "end",
            "time_precision": "s",
            "uri": uri,
            "track_name": title,
            "artist_names": of.lists(
                _by_kind(kind, texts["master_metadata_album_artist_name"], None, None)
            ),
            "album_name": _by_kind(
                kind,
                texts["master_metadata_album_album_name"],
                texts["episode_show_name"],
                texts["audiobook_title"],
            ),
            "ms_played": column["ms_played"],
            "reason_start": texts["reason_start"],
            "reason_end": texts["reason_end"],
            "shuffle": column["shuffle"],
            "skipped": column["skipped"],
            "offline": column["offline"],
            "platform": texts["platform"],
            "country": of.countries(texts["conn_country"]),
            "incognito": column["incognito_mode"],
            "offline_at": _offline_at(column["offline_timestamp"], now),
            "kind": kind,
        },
        count,
        checks,
    )


def _decoded(text: bytes, people: set[str]) -> pa.Table:
    """The rows of a JSON array, in the columns of RAW."""
    try:
        found = _STRICT.decode(text)
        if not found:
            return RAW.empty_table()
        values = list(zip(*map(astuple, found), strict=True))
        columns = [_column(*each) for each in zip(values, _KEPT.values(), strict=False)]
    except (msgspec.ValidationError, OverflowError, pa.ArrowInvalid):
        return _tolerant(loose(text), people)
    people.update(filter(None, values[_USER]))
    return pa.table([*columns, pa.nulls(len(found), _TEXT)], schema=RAW)


def _column(values: tuple[Any, ...], kind: Any) -> Column:
    if values[0] is None and values.count(None) == len(values):  # most have no episodes
        return pa.nulls(len(values), kind)
    return pa.array(values, kind)


def _tolerant(found: Sequence[Any], people: set[str]) -> pa.Table:
    """Rows of whatever shape, in the columns of RAW: what fits no column is in `other`."""
    objects = [row if isinstance(row, dict) else {} for row in found]
    names = (row.get("username") for row in objects)
    people.update(name for name in names if isinstance(name, str) and name)
    odd: dict[int, dict[str, Any]] = {}
    columns: list[Column] = []
    for key, kind in _KEPT.items():
        values = [row.get(key) for row in objects]
        if not _all_fit(values, kind):
            for at, value in enumerate(values):
                if value is not None and not _fits(value, kind):
                    odd.setdefault(at, {})[key] = value
                    values[at] = None
        columns.append(pa.array(values, kind))
    unknown = set().union(*objects) - _KEPT.keys() - REDACTED
    for at, row in enumerate(objects if unknown else ()):
        more = {key: row[key] for key in row.keys() & unknown if row[key] is not None}
        if more:
            odd[at] = odd.get(at, {}) | more
    return pa.table([*columns, pa.array(_others(found, odd), _TEXT)], schema=RAW)


def _others(found: Sequence[Any], odd: dict[int, dict[str, Any]]) -> list[str | None]:
    """What `other` says of each row, given what of some fits no column."""
    texts: list[str | None] = [None] * len(found)
    for at, fields in odd.items():
        left = redact(fields, _KEPT.keys())
        texts[at] = encoded(left) if left else None
    for at, row in enumerate(found):
        if not isinstance(row, dict):
            texts[at] = encoded(redact(row))
    return texts


def _all_fit(values: Sequence[Any], kind: pa.DataType) -> bool:
    """Whether a column can hold all of these; null it can."""
    types = set(map(type, values)) - {type(None)}
    if not types <= {_PYTHON[kind]}:
        return False
    return kind != _LONG or all(_fits(value, kind) for value in values if value is not None)


def _fits(value: Any, kind: pa.DataType) -> bool:
    if kind == _LONG:
        return type(value) is int and -(2**63) <= value < 2**63
    return type(value) is _PYTHON[kind]


def _with_other(column: dict[str, Column], other: Column) -> tuple[dict[str, Column], list[Check]]:
    """Columns with what their rows say in another type than usual, where that is plain."""
    places = of.indices(pc.is_valid(other))
    if not places:
        return column, []
    checks: dict[int, str] = {}
    changed: dict[str, dict[int, Any]] = {}
    texts = other.drop_null().to_pylist()
    for place, said in zip(places, msgspec.json.decode(f"[{','.join(texts)}]"), strict=True):
        if not isinstance(said, dict):
            checks[place] = f"the row is {of.show(said)}, expected an object"
            continue
        for key in said.keys() & _KEPT.keys():
            value = _plainly(said[key], _KEPT[key])
            if value is not None:
                changed.setdefault(key, {})[place] = value
            elif key in ("ts", "ms_played"):
                expected = _TIME if key == "ts" else "a whole number of milliseconds"
                checks[place] = f"{key} is {of.show(said[key])}, expected {expected}"
    patched = dict(column)
    for key, values in changed.items():
        # Of a row's own column nothing is known where `other` has the key.
        mask = np.zeros(len(other), dtype=bool)
        mask[list(values)] = True
        filled = pa.array(list(values.values()), _KEPT[key])
        patched[key] = pc.replace_with_mask(column[key], pa.array(mask), filled)
    wrong = np.zeros(len(other), dtype=bool)
    wrong[list(checks)] = True
    return patched, [Check(pa.array(wrong), checks.__getitem__)]


def _plainly(value: Any, kind: pa.DataType) -> Any:
    """A value in its column's type, where there is no doubt; else null."""
    if kind == _BOOL:
        return bool(value) if isinstance(value, int | float) and value in (0, 1) else None
    if kind == _LONG:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        whole = type(value) is int and -(2**63) <= value < 2**63
        return value if whole else None
    return str(value) if type(value) in (int, float) else None


def times(texts: Column) -> Column:
    """Times (timestamp[ms], UTC) of a column of texts; null where a text is none."""
    try:
        return texts.cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp("ms"))
    except pa.ArrowInvalid:
        return of.mapped(texts, _time, pa.timestamp("ms"))


def _time(text: str) -> datetime | None:
    try:
        return naive_ms(parse_time(text))
    except TimeError:
        pass
    try:  # without a zone, which Spotify's own description of the file has, it is UTC all the same
        return naive_ms(parse_time(text + "Z")) if len(text) >= len("2026-11-21 09:18") else None
    except TimeError:
        return None


def _uris(column: Column) -> Column:
    """A column of URIs, null where a text is none of Spotify's."""
    odd = pc.invert(pc.starts_with(column, "spotify:"))
    if not pc.any(odd).as_py():
        return column
    return pc.if_else(odd, pa.scalar(None, column.type), column)


def _by_kind(kind: Column, *texts: Column | None) -> Column:
    """For each row the text of its kind: of a track, an episode, a chapter."""
    found = [pa.nulls(len(kind), _TEXT) if text is None else text for text in texts]
    track, episode, chapter = found
    if pc.all(pc.equal(kind, "track")).as_py():
        return track
    return pc.case_when(
        pc.make_struct(*(pc.equal(kind, each) for each in ("track", "episode", "chapter"))),
        track,
        episode,
        chapter,
    )


def _nothing(row: int, texts: dict[str, Column]) -> str:
    """Why what was played is not told."""
    for key in ("spotify_track_uri", "spotify_episode_uri", "audiobook_chapter_uri"):
        said = texts[key][row].as_py()
        if said is not None:
            return f"{key} is {of.show(said)}, expected a URI that begins with spotify:"
    return (
        "master_metadata_track_name, spotify_track_uri, and all other names and URIs are null: "
        "what was played is not told"
    )


def _offline_at(stamps: Column, now: datetime) -> Column:
    """Times of a column of epochs, in seconds or milliseconds as they come; null where none."""
    milliseconds = pc.if_else(
        pc.less(pc.abs(stamps), 100_000_000_000), pc.multiply(stamps, 1000), stamps
    )
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - as tables keep times
    least = int((EARLIEST - epoch).total_seconds() * 1000)
    most = int((naive_ms(now) + of.AHEAD - epoch).total_seconds() * 1000)
    fits = pc.and_(pc.greater_equal(milliseconds, least), pc.less_equal(milliseconds, most))
    return pc.if_else(fits, milliseconds, pa.scalar(None, _LONG)).cast(pa.timestamp("ms"))
