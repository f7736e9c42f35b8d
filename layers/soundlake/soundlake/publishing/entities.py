"""Tracks, albums and artists: a row for every one that a chart or a play names.

The rows that name a track also name the answer that showed it, and the entity's row is made of
that. So whatever an earlier run left undone is found again, and nothing is asked. Chart files and
kworb.net's pages show too little of a track: its row comes once a play or an answer shows it.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pyarrow as pa

from soundlake.charts import next_page, read_playlist, shown_tracks
from soundlake.entities import entity_rows
from soundlake.plays import read_tracks
from soundlake.sources.kworb import PREFIX as KWORB_PAGES
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import Playlist, Track
from soundlake.store.chart_files import PREFIX as CHART_FILES
from soundlake.store.lake import READERS, Lake, Replaced, Row
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw

# In the order of writing: a track's row says that the rows of its albums and artists are there.
NAMES_ONLY = (CHART_FILES, KWORB_PAGES)  # they show too little of a track to make its row of
IDS = {"artists": "artist_id", "albums": "album_id", "tracks": "track_id"}


def publish_entities(
    lake: Lake, raw: Raw, month: str, named: Sequence[pa.Table]
) -> tuple[dict[str, Replaced], set[str], list[str]]:
    """Add the rows of unknown tracks, albums and artists to the month's objects.

    `named` are tables with track_id, album_id, artist_ids and raw_keys (the answers that showed
    the track so). Returns what was replaced, the ids that were added, and a sentence for each
    answer that cannot be read.
    """
    known = {table: ids_by_month(lake, table) for table in IDS}
    evidence = _evidence(named, {table: set().union(*known[table].values()) for table in IDS})
    rows, problems = _rows(raw, evidence)
    replaced, added = {}, set()
    for table, id_column in IDS.items():
        elsewhere = set().union(*(ids for each, ids in known[table].items() if each != month))
        new = {each: row for each, row in rows[table].items() if each not in elsewhere}
        replaced[table] = lake.replace(table, month, table, adding(new.values(), id_column))
        added |= set(new)
    return replaced, added, problems


def ids_by_month(lake: Lake, table: str) -> dict[str, set[str]]:
    """The ids of a table's rows, by month."""
    column = IDS[table]
    found = lake.by_month(table, [column])
    return {
        month: {str(each) for each in rows.column(column).to_pylist()}
        for month, rows in found.items()
    }


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
                keys = [key for key in row["raw_keys"] or () if not key.startswith(NAMES_ONLY)]
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
