"""A lake as a first version of 2026-11-24 wrote it, all of it made up.

Its columns are written out here and stay as they were then, whatever the tables have become: what
is read from it is what a lake of those days holds. Nothing of it comes from the package.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]

MONTH = "2026-10"
CHART = "daily-NO"
FIRST_PLAY = datetime.fromisoformat("2026-10-24T09:00")
CAPTURED_AT = datetime.fromisoformat("2026-10-24T09:30")
CAPTURE = "old-run"

_SEGMENTS = pa.list_(
    pa.struct(
        [
            ("start", pa.float64()),
            ("duration", pa.float64()),
            ("confidence", pa.float64()),
            ("loudness_start", pa.float64()),
            ("loudness_max", pa.float64()),
            ("loudness_max_time", pa.float64()),
            ("loudness_end", pa.float64()),
            ("pitches", pa.list_(pa.float64())),
            ("timbre", pa.list_(pa.float64())),
        ]
    )
)
_IMAGES = pa.list_(pa.struct([("url", pa.string()), ("height", pa.int32()), ("width", pa.int32())]))
_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "strings": pa.list_(pa.string()),
    "time": pa.timestamp("ms"),
    "date": pa.date32(),
    "int": pa.int32(),
    "ints": pa.list_(pa.int32()),
    "long": pa.int64(),
    "bool": pa.bool_(),
    "double": pa.float64(),
    "doubles": pa.list_(pa.float64()),
    "images": _IMAGES,
    "segments": _SEGMENTS,
}
# Each table's columns in order: a type, and those of that type that follow one another.
_COLUMNS = {
    "observations": """
        string: account source
        time: time
        string: time_meaning time_precision uri track_name
        strings: artist_names artist_ids
        string: album_name album_id
        long: duration_ms
        bool: explicit
        long: ms_played
        string: reason_start reason_end
        bool: shuffle skipped offline
        string: platform country context_type context_uri
        strings: raw_keys
    """,
    "plays": """
        string: account
        time: played_at
        string: uri track_id track_name
        strings: artist_names artist_ids
        string: album_name album_id
        long: duration_ms
        bool: explicit
        long: ms_played
        string: context_type context_uri
        strings: sources evidence
    """,
    "captures": """
        string: account capture_id
        time: captured_at observed_at
        string: outcome
        int: page new late known invalid
        time: oldest newest
        string: error raw_key
    """,
    "chart_entries": """
        string: chart country
        date: chart_date
        int: position
        string: track_id track_name
        strings: artist_ids artist_names
        string: album_id album_name album_release_date
        bool: explicit
        long: duration_ms
        int: popularity
        long: streams
        string: provider date_basis
        time: added_at observed_at
        string: raw_key
    """,
    "tracks": """
        string: track_id uri name
        strings: artist_ids artist_names
        string: album_id
        int: disc_number track_number
        long: duration_ms
        bool: explicit
        string: isrc source
        time: fetched_at
        int: popularity
        string: linked_from_id
    """,
    "albums": """
        string: album_id uri name album_type
        strings: artist_ids artist_names
        string: release_date release_date_precision
        int: total_tracks
        images: images
        string: source
        time: fetched_at
        string: label
        int: popularity
        string: upc
        strings: genres
        time: detailed_at
        string: detail_raw_key
    """,
    "artists": """
        string: artist_id uri name source
        time: fetched_at
        strings: genres
        int: popularity
        long: followers
        images: images
        time: detailed_at
        string: detail_raw_key
    """,
    "audio_features": """
        string: track_id
        double: danceability energy
        int: key
        double: loudness
        int: mode
        double: speechiness acousticness instrumentalness liveness valence tempo
        long: duration_ms
        int: time_signature
        string: source
        time: fetched_at
        string: raw_key
    """,
    "track_sections": """
        string: track_id
        double: duration
        int: sections
        double: section_duration_avg loudness_avg tempo_avg
        doubles: start_sequence loudness_sequence tempo_sequence
        ints: key_sequence mode_sequence time_signature_sequence
        string: source
        time: fetched_at
        string: raw_key
    """,
    "track_segments": """
        string: track_id
        segments: segments
        string: source
        time: fetched_at
        string: raw_key
    """,
    "music_activity": """
        string: track_id track_name track_artist played_at
        bool: explicit
        int: popularity
        string: album album_cover
        int: album_cover_height album_cover_width
        double: duration loudness tempo
        int: key time_signature mode
        double: acousticness danceability energy instrumentalness speechiness valence
        int: sections
        double: section_duration_avg loudness_avg tempo_avg
        doubles: start_sequence loudness_sequence tempo_sequence
        ints: key_sequence mode_sequence time_signature_sequence
        string: account
    """,
    "country_profiles": """
        string: chart country country_name
        date: chart_date
        int: tracks tracks_with_features
        double: major_share danceability_mean energy_mean loudness_mean speechiness_mean
          acousticness_mean instrumentalness_mean liveness_mean valence_mean tempo_mean
          duration_ms_mean danceability_std danceability_q1 danceability_median danceability_q3
          energy_std energy_q1 energy_median energy_q3 loudness_std loudness_q1 loudness_median
          loudness_q3 speechiness_std speechiness_q1 speechiness_median speechiness_q3
          acousticness_std acousticness_q1 acousticness_median acousticness_q3
          instrumentalness_std instrumentalness_q1 instrumentalness_median instrumentalness_q3
          liveness_std liveness_q1 liveness_median liveness_q3 valence_std valence_q1
          valence_median valence_q3 tempo_std tempo_q1 tempo_median tempo_q3 duration_ms_std
          duration_ms_q1 duration_ms_median duration_ms_q3 coverage
        string: region hemisphere season
    """,
    "chart_days": """
        string: chart country cadence
        date: chart_date
        string: status stage error
        int: rows holes
        time: not_before
    """,
    "data_quality": """
        string: chart country
        date: chart_date
        string: expectation severity about observed expected evidence consequence
        time: observed_at
        string: raw_key
    """,
}
TABLES = tuple(_COLUMNS)
_OF_ACCOUNTS = {"observations", "plays", "captures", "music_activity"}
_OF_CHARTS = {"chart_entries"}


# The kinds of answers that rows are made of.
_ANSWERS = {
    "albums": "albums",
    "artists": "artists",
    "audio_features": "audio-features",
    "track_sections": "audio-analysis",
    "track_segments": "audio-analysis",
}


def schema(table: str) -> pa.Schema:
    """A table's columns as they were."""
    lines = " ".join(_COLUMNS[table].split()).replace(":", ": ").split()
    kind, fields = "", []
    for word in lines:
        if word.endswith(":"):
            kind = word.removesuffix(":")
        else:
            fields.append((word, _TYPES[kind]))
    return pa.schema(fields)


def key(table: str, account: str) -> str:
    """Where a table's object is."""
    owner = account if table in _OF_ACCOUNTS else CHART if table in _OF_CHARTS else table
    return f"lake/{table}/month={MONTH}/{owner}.parquet"


def page_key(account: str) -> str:
    """Where the page is that the plays were captured with."""
    stamp = f"{CAPTURED_AT:%Y%m%dT%H%M%S}000Z"
    return f"raw/recently-played/{account}/month={MONTH}/{stamp}_{CAPTURE}.json.gz"


def track(number: int) -> str:
    """The id of a track."""
    return f"oldtrack{number:014d}"


def played_at(number: int) -> datetime:
    """When a track was heard (UTC)."""
    return FIRST_PLAY + timedelta(minutes=5 * number)


def rows(table: str, account: str) -> list[Row]:
    """A table's rows: two."""
    return [_row(table, account, number) for number in (1, 2)][: 1 if table == "captures" else 2]


def objects(account: str) -> dict[str, bytes]:
    """Every object of the lake."""
    return {key(table, account): _parquet(table, account) for table in TABLES}


def _parquet(table: str, account: str) -> bytes:
    out = BytesIO()
    content = pa.Table.from_pylist(rows(table, account), schema=schema(table))
    pq.write_table(content, out, compression="snappy")
    return out.getvalue()


def _row(table: str, account: str, number: int) -> Row:
    known = _known(table, account, number)
    return {field.name: known.get(field.name, _any(field, number)) for field in schema(table)}


def _any(field: "pa.Field[Any]", number: int) -> Any:
    """A value of a column that is not looked at."""
    values: Row = {
        "string": f"{field.name} {number}",
        "strings": [f"{field.name} {number}"],
        "time": CAPTURED_AT,
        "date": date(2026, 10, 24),
        "int": number,
        "ints": [number],
        "long": 180_000 + number,
        "bool": number == 1,
        "double": number / 8,
        "doubles": [number / 8],
        "images": [{"url": "https://images.test/1", "height": 64, "width": 64}],
        "segments": [dict.fromkeys(("start", "duration"), 0.5)],
    }
    return next(values[kind] for kind, each in _TYPES.items() if each == field.type)


def _known(table: str, account: str, number: int) -> Row:
    """What a row's values have to do with other rows."""
    track_id = track(number)
    same = {
        "account": account,
        "track_id": track_id,
        "uri": f"spotify:track:{track_id}",
        "artist_ids": [f"oldartist{number:013d}"],
        "album_id": f"oldalbum{number:014d}",
        "artist_id": f"oldartist{number:013d}",
        "chart": CHART,
        "country": "NO",
        "position": number,
    }
    of_table: dict[str, Row] = {
        "observations": {
            "source": "spotify_recently_played",
            "time": played_at(number),
            "time_meaning": "unknown",
            "time_precision": "ms",
            "raw_keys": [page_key(account)],
            **_unsaid("ms_played reason_start reason_end shuffle skipped offline platform country"),
        },
        "plays": {
            "played_at": played_at(number),
            "sources": ["spotify_recently_played"],
            "evidence": [page_key(account)],
            "ms_played": None,
        },
        "captures": {
            "capture_id": CAPTURE,
            "outcome": "captured",
            "page": 2,
            "new": 2,
            **dict.fromkeys(("late", "known", "invalid"), 0),
            "oldest": played_at(1),
            "newest": played_at(2),
            "error": None,
            "raw_key": page_key(account),
        },
        "music_activity": {"played_at": f"{played_at(number).isoformat()}Z"},
        "chart_days": {"status": "loaded", "cadence": "daily", "error": None, "stage": None},
    }
    if table in _ANSWERS:
        day = f"raw/{_ANSWERS[table]}/spotify/month={MONTH}/2026-10-24"
        answer = f"{day}/0123456789abcdef-001.json.gz"
        same |= {"detail_raw_key": answer, "raw_key": answer, "source": "spotify"}
    return same | of_table.get(table, {})


def _unsaid(names: str) -> Row:
    return dict.fromkeys(names.split())


def plays_page(account: str) -> Iterator[Row]:
    """The rows of the page, the newest first: what Spotify showed of the same plays."""
    for number, row in reversed(list(enumerate(rows("plays", account), 1))):
        yield {
            "track": {
                "id": row["track_id"],
                "uri": row["uri"],
                "type": "track",
                "name": row["track_name"],
                "duration_ms": row["duration_ms"],
                "explicit": row["explicit"],
                "is_local": False,
                "artists": [{"id": row["artist_ids"][0], "name": row["artist_names"][0]}],
                "album": {"id": row["album_id"], "name": row["album_name"]},
            },
            "played_at": f"{played_at(number).isoformat()}.000Z",
            "context": {"type": row["context_type"], "uri": row["context_uri"]},
        }
