"""Tracks, albums and artists: a row for every one that a chart or a play names.

The rows that name a track also name the answer that showed it, and the entity's row is made of
that. So whatever an earlier run left undone is found again, and nothing is asked. Chart files and
kworb.net's pages show too little of a track: its row comes once a play shows it, or an answer to
Enrich about it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from soundlake.charts import next_page, read_playlist, shown_tracks
from soundlake.entities import CARRIERS, entity_rows, looked_up_tracks
from soundlake.plays import read_tracks
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import Playlist, Track
from soundlake.store.answers import TRACKS, Answers
from soundlake.store.lake import READERS, Lake, Replaced, Row
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw

# In the order of writing: a track's row says that the rows of its albums and artists are there.
IDS = {"artists": "artist_id", "albums": "album_id", "tracks": "track_id"}
# What is known of them, the id first. What Spotify does not know has no source.
_COLUMNS = {
    "artists": ["artist_id", "source"],
    "albums": ["album_id", "source"],
    "tracks": ["track_id", "source", "detail_raw_key"],
}


def publish_entities(
    lake: Lake, raw: Raw, month: str, named: Sequence[pa.Table]
) -> tuple[list[tuple[str, Replaced]], "NewTracks", list[str]]:
    """Add the rows of unknown albums and artists to the month's objects.

    `named` are tables with track_id, album_id, artist_ids and raw_keys (the answers that showed
    the track so). Tracks that were looked up bring theirs too; their rows name the answers.
    Returns each table with what was replaced, the tracks, which are still to be written, and a
    sentence for each answer that cannot be read.
    """
    known = {table: lake.by_month(table, columns) for table, columns in _COLUMNS.items()}
    looked_up = _LookedUp(lake, raw, month, known["tracks"])
    evidence = _evidence(named, {table: _known(rows) for table, rows in known.items()})
    rows, problems = _rows(raw, evidence)
    problems += looked_up.problems
    replaced = []
    for table in ("artists", "albums"):
        found = looked_up.rows[table] | rows[table]
        nameless = _nameless(known[table])
        elsewhere = _ids(known[table], but=month) - nameless.keys()
        new = {each: row for each, row in found.items() if each not in elsewhere}
        months = {each: nameless.get(each, month) for each in new}
        for one in sorted({month, *months.values()}):
            here = [row for each, row in new.items() if months[each] == one]
            replaced.append((table, lake.replace(table, one, table, naming(here, IDS[table]))))
    new_ids = {*rows["tracks"], *looked_up.details} - _ids(known["tracks"], but=month)
    return replaced, NewTracks(lake, month, rows["tracks"], looked_up, new_ids), problems


class NewTracks:
    """The tracks of which something new is known; `publish` puts them into their table.

    Their rows say that this was derived from, so it is derived before: as of `PendingAnswers`.
    """

    def __init__(
        self,
        lake: Lake,
        month: str,
        carried: Mapping[str, Row],
        looked_up: "_LookedUp",
        new_ids: set[str],
    ) -> None:
        self._lake, self._month = lake, month
        self._carried, self._looked_up, self._new_ids = carried, looked_up, new_ids

    @property
    def ids(self) -> set[str]:
        """The tracks that are known now."""
        details = self._looked_up.details
        return {*self._carried, *(each for each, row in details.items() if row.get("source"))}

    def over(self, known: Mapping[str, Row], track_ids: Set[str]) -> dict[str, Row]:
        """Rows of the table, by id, and those of the new ones of these tracks as they will be."""
        new = self.ids & track_ids
        return {**known} | {each: self._row(each, known.get(each)) for each in new}

    def _row(self, track_id: str, before: Row | None) -> Row:
        details = self._looked_up.details
        return _track(before, self._carried.get(track_id), details.get(track_id))

    def publish(self) -> list[Replaced]:
        """Put the rows into the table, each into the month that has it, or else into this one."""
        answers = self._looked_up.answers
        months = {
            self._month,
            *answers.months_with([*self._carried, *self._looked_up.details]),
        }
        return [
            self._lake.replace("tracks", each, "tracks", self._change(each))
            for each in sorted(months)
        ]

    def _change(self, month: str) -> Callable[[list[Row]], list[Row]]:
        new_ids = self._new_ids if month == self._month else set[str]()

        def change(before: list[Row]) -> list[Row]:
            rows = {row["track_id"]: row for row in before}
            return [self._row(each, rows.get(each)) for each in sorted(rows.keys() | new_ids)]

        return change


class _LookedUp:
    """The pending answers about tracks: `details` are their rows, the first answer's of each.

    `rows` are those of the albums and artists that they carry. `problems` are sentences on answers
    that cannot be read, unless all that they are about is known from others.
    """

    def __init__(self, lake: Lake, raw: Raw, month: str, tables: Mapping[str, pa.Table]) -> None:
        self.rows: dict[str, dict[str, Row]] = {"albums": {}, "artists": {}}
        self.details: dict[str, Row] = {}
        self._carried: dict[str, dict[str, list[Row]]] = {}
        self.answers = Answers(replace(TRACKS, rows=self._read), raw, lake, lambda: tables)
        good, bad = self.answers.readable(self.answers.pending(month))
        for key, found in good.items():
            for row in found:
                self.details.setdefault(row["track_id"], row)
            for table, rows in self.rows.items():
                for row in self._carried[key][table]:
                    rows.setdefault(row[IDS[table]], row)
        known = self.answers.known() | self.details.keys()
        self.problems = [why for key, why in bad.items() if not self.answers.superseded(key, known)]

    def _read(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[Row]:
        """Rows of `tracks`; the same look at an answer finds the albums and artists."""
        found = looked_up_tracks(answer, asked)
        self._carried[raw_key] = entity_rows((track for _, track in found if track), fetched_at)
        return TRACKS.rows(answer, asked, fetched_at=fetched_at, raw_key=raw_key)


def _track(before: Row | None, carried: Row | None, detail: Row | None) -> Row:
    """A track's row, of the first that knows it; it names the first answer about it.

    What Spotify did not know when it was asked may be carried by a later play.
    """
    told = [row for row in (before, carried, detail) if row is not None]
    known = next((row for row in told if row.get("source") is not None), told[0])
    asked = next((row for row in told if row.get("detail_raw_key") is not None), {})
    return known | {name: asked.get(name) for name in ("detailed_at", "detail_raw_key")}


def _ids(by_month: Mapping[str, pa.Table], but: str) -> set[str]:
    """The ids of a table's rows in all months but one."""
    found = (rows.column(0).to_pylist() for month, rows in by_month.items() if month != but)
    return {str(each) for ids in found for each in ids}


def _known(by_month: Mapping[str, pa.Table]) -> set[str]:
    """The ids of a table's rows; those with a source, where there may be some without."""
    found = set[str]()
    for rows in by_month.values():
        if "source" in rows.column_names:
            rows = rows.filter(rows.column("source").is_valid())  # noqa: PLW2901 - the same rows
        found.update(str(each) for each in rows.column(0).to_pylist())
    return found


def _nameless(by_month: Mapping[str, pa.Table]) -> dict[str, str]:
    """The ids that Spotify did not know when it was asked, each with the month of its row."""
    return {
        str(each): month
        for month, rows in by_month.items()
        for each in rows.filter(rows.column("source").is_null()).column(0).to_pylist()
    }


def naming(rows: Iterable[Row], id_column: str) -> Callable[[list[Row]], list[Row]]:
    """The change that adds rows, and names those that have no source but a date of asking."""
    new = {row[id_column]: row for row in rows}

    def change(before: list[Row]) -> list[Row]:
        merged = dict(new)
        for row in before:
            named = row["source"] is None and row[id_column] in new
            merged[row[id_column]] = row | new[row[id_column]] if named else row
        return [merged[key] for key in sorted(merged)]

    return change


def adding(rows: Iterable[Row], id_column: str) -> Callable[[list[Row]], list[Row]]:
    """The change that adds rows whose id is not there yet; known ones stay as they are."""
    new = {row[id_column]: row for row in rows}

    def change(before: list[Row]) -> list[Row]:
        merged = new | {row[id_column]: row for row in before}
        return [merged[key] for key in sorted(merged)]

    return change


def _evidence(named: Sequence[pa.Table], known: dict[str, set[str]]) -> dict[str, list[str]]:
    """The tracks with an unknown id, their own or another, each with what showed it with that."""
    found: dict[str, dict[str, None]] = {}
    for table in named:
        ids = [table.column(name).to_pylist() for name in ("track_id", "album_id", "artist_ids")]
        rows = [
            place
            for place, (track, album, artists) in enumerate(zip(*ids, strict=True))
            if track not in known["tracks"]
            or (album is not None and album not in known["albums"])
            or any(each is not None and each not in known["artists"] for each in artists or ())
        ]
        for row in table.take(pa.array(rows, pa.int64())).to_pylist():
            if row["track_id"] is not None:
                # Keys in the order in which they came, each once.
                keys = [key for key in row["raw_keys"] or () if key.startswith(CARRIERS)]
                found.setdefault(row["track_id"], {}).update(dict.fromkeys(keys))
    return {track_id: list(keys) for track_id, keys in found.items()}


def _rows(raw: Raw, evidence: dict[str, list[str]]) -> tuple[dict[str, dict[str, Row]], list[str]]:
    """The entity rows of tracks, each from the first of its answers that can be read."""
    rows: dict[str, dict[str, Row]] = {table: {} for table in IDS}
    problems: dict[str, str] = {}
    missing = dict(evidence)
    with ThreadPoolExecutor(READERS) as pool:
        for turn in range(max(map(len, evidence.values()), default=0)):
            keys = sorted({each[turn] for each in missing.values() if turn < len(each)})
            for key, found in zip(keys, pool.map(lambda key: _read(raw, key), keys), strict=True):
                if isinstance(found, str):
                    problems[key] = found
                    continue
                at, tracks = found
                own = [track for track in tracks if track.id in missing]
                for table, made in entity_rows(own, at).items():
                    for row in made:
                        rows[table].setdefault(row[IDS[table]], row)
            missing = {each: keys for each, keys in missing.items() if each not in rows["tracks"]}
            if not missing:
                break
    damaged = {key for keys in missing.values() for key in keys}
    return rows, [why for key, why in problems.items() if key in damaged]


def _read(raw: Raw, key: str) -> tuple[datetime, list[Track]] | str:
    """When an answer came and the tracks that it shows, or why it cannot be read."""
    try:
        answer = raw.need(key)
        if key.startswith("raw/recently-played/"):
            return answer.at, read_tracks(answer.json)
        pages = [answer.json]
        playlist_id = Playlist.read(answer.json, "the playlist").id
        while next_page(pages[-1], len(pages)):
            name = f"page-{len(pages) + 1:02d}.json.gz"
            pages.append(raw.need(f"{key.rpartition('/')[0]}/{name}").json)
        return answer.at, shown_tracks(read_playlist(pages, playlist_id))
    except (CorruptObjectError, BadAnswerError) as error:
        return f"{key}: {error}" if isinstance(error, BadAnswerError) else str(error)
