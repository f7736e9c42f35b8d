"""The tables' schemas, pinned. `template.yaml` declares the same columns, and a test compares.

Columns are only ever added, at the end, and may be null. Times are UTC without a zone mark, in
ms; a name that ends in `_ms` is milliseconds. `month` (`YYYY-MM`) is the partition: it stands in
the key and not in the file.
"""

import pyarrow as pa

_STRING: pa.DataType = pa.string()
_STRINGS: pa.DataType = pa.list_(pa.string())
_TIME: pa.DataType = pa.timestamp("ms")
_DATE: pa.DataType = pa.date32()
_INT: pa.DataType = pa.int32()
_LONG: pa.DataType = pa.int64()
_BOOL: pa.DataType = pa.bool_()
_DOUBLE: pa.DataType = pa.float64()
_IMAGES: pa.DataType = pa.list_(pa.struct([("url", _STRING), ("height", _INT), ("width", _INT)]))
_INTS: pa.DataType = pa.list_(pa.int32())
_DOUBLES: pa.DataType = pa.list_(pa.float64())
_SPANS: pa.DataType = pa.list_(pa.struct([("from_time", _TIME), ("to_time", _TIME)]))
_SEGMENTS: pa.DataType = pa.list_(
    pa.struct(
        [
            ("start", _DOUBLE),
            ("duration", _DOUBLE),
            ("confidence", _DOUBLE),
            ("loudness_start", _DOUBLE),
            ("loudness_max", _DOUBLE),
            ("loudness_max_time", _DOUBLE),
            ("loudness_end", _DOUBLE),
            ("pitches", _DOUBLES),
            ("timbre", _DOUBLES),
        ]
    )
)
# The features that a country's profile describes, and what beside their means.
_PROFILED = (
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
)
_SPREAD = ("std", "q1", "median", "q3")

SCHEMAS: dict[str, pa.Schema] = {
    "observations": pa.schema(
        [
            ("account", _STRING),
            ("source", _STRING),
            ("time", _TIME),
            ("time_meaning", _STRING),
            ("time_precision", _STRING),
            ("uri", _STRING),
            ("track_name", _STRING),
            ("artist_names", _STRINGS),
            ("artist_ids", _STRINGS),
            ("album_name", _STRING),
            ("album_id", _STRING),
            ("duration_ms", _LONG),
            ("explicit", _BOOL),
            ("ms_played", _LONG),
            ("reason_start", _STRING),
            ("reason_end", _STRING),
            ("shuffle", _BOOL),
            ("skipped", _BOOL),
            ("offline", _BOOL),
            ("platform", _STRING),
            ("country", _STRING),
            ("context_type", _STRING),
            ("context_uri", _STRING),
            ("raw_keys", _STRINGS),
            ("incognito", _BOOL),
            ("offline_at", _TIME),
            ("kind", _STRING),
            ("isrc", _STRING),
            ("raw_rows", _INTS),
        ]
    ),
    "plays": pa.schema(
        [
            ("account", _STRING),
            ("played_at", _TIME),
            ("uri", _STRING),
            ("track_id", _STRING),
            ("track_name", _STRING),
            ("artist_names", _STRINGS),
            ("artist_ids", _STRINGS),
            ("album_name", _STRING),
            ("album_id", _STRING),
            ("duration_ms", _LONG),
            ("explicit", _BOOL),
            ("ms_played", _LONG),
            ("context_type", _STRING),
            ("context_uri", _STRING),
            ("sources", _STRINGS),
            ("evidence", _STRINGS),
            ("kind", _STRING),
            ("ended_at", _TIME),
            ("reason_start", _STRING),
            ("reason_end", _STRING),
            ("shuffle", _BOOL),
            ("skipped", _BOOL),
            ("offline", _BOOL),
            ("incognito", _BOOL),
            ("platform", _STRING),
            ("country", _STRING),
            ("time_zone", _STRING),
            ("local_time", _TIME),
            ("counts_30s", _BOOL),
            ("counts_to_end", _BOOL),
            ("counts_half", _BOOL),
            ("flags", _STRINGS),
            ("name_key", _STRING),
        ]
    ),
    "captures": pa.schema(
        [
            ("account", _STRING),
            ("capture_id", _STRING),
            ("captured_at", _TIME),
            ("observed_at", _TIME),
            ("outcome", _STRING),
            ("page", _INT),
            ("new", _INT),
            ("late", _INT),
            ("known", _INT),
            ("invalid", _INT),
            ("oldest", _TIME),
            ("newest", _TIME),
            ("error", _STRING),
            ("raw_key", _STRING),
            ("fresh_oldest", _TIME),
            ("late_oldest", _TIME),
            ("late_newest", _TIME),
            ("reached", _STRING),
            ("unread_oldest", _TIME),
            ("unread_newest", _TIME),
        ]
    ),
    "gaps": pa.schema(
        [
            ("account", _STRING),
            ("from_time", _TIME),
            ("to_time", _TIME),
            ("reason", _STRING),
            ("found_at", _TIME),
            ("found_by", _STRING),
            ("closed_by", _STRING),
        ]
    ),
    "account_days": pa.schema(
        [
            ("account", _STRING),
            ("day", _DATE),
            ("certainty", _STRING),
            ("plays", _INT),
            ("reached_by", _STRING),
        ]
    ),
    "imports": pa.schema(
        [
            ("account", _STRING),
            ("import_id", _STRING),
            ("imported_at", _TIME),
            ("status", _STRING),
            ("kind", _STRING),
            ("name", _STRING),
            ("sha256", _STRING),
            ("bytes", _LONG),
            ("files", _INT),
            ("rows", _LONG),
            ("imported", _LONG),
            ("duplicate", _LONG),
            ("merged", _LONG),
            ("outside", _LONG),
            ("invalid", _LONG),
            ("from_time", _TIME),
            ("to_time", _TIME),
            ("covered", _SPANS),
            ("problems", _STRINGS),
            ("withdrawn_at", _TIME),
            ("raw_prefix", _STRING),
        ]
    ),
    "import_rows": pa.schema(
        [
            ("account", _STRING),
            ("import_id", _STRING),
            ("file", _STRING),
            ("row", _INT),
            ("outcome", _STRING),
            ("reason", _STRING),
            ("played_at", _TIME),
            ("uri", _STRING),
            ("of_raw_key", _STRING),
            ("of_row", _INT),
            ("raw_key", _STRING),
        ]
    ),
    "chart_entries": pa.schema(
        [
            ("chart", _STRING),
            ("country", _STRING),
            ("chart_date", _DATE),
            ("position", _INT),
            ("track_id", _STRING),
            ("track_name", _STRING),
            ("artist_ids", _STRINGS),
            ("artist_names", _STRINGS),
            ("album_id", _STRING),
            ("album_name", _STRING),
            ("album_release_date", _STRING),
            ("explicit", _BOOL),
            ("duration_ms", _LONG),
            ("popularity", _INT),
            ("streams", _LONG),
            ("provider", _STRING),
            ("date_basis", _STRING),
            ("added_at", _TIME),
            ("observed_at", _TIME),
            ("raw_key", _STRING),
            ("previous_position", _INT),
            ("peak_position", _INT),
            ("days_on_chart", _INT),
            ("weeks_on_chart", _INT),
            ("artist_credit", _STRING),
            ("label", _STRING),
        ]
    ),
    "tracks": pa.schema(
        [
            ("track_id", _STRING),
            ("uri", _STRING),
            ("name", _STRING),
            ("artist_ids", _STRINGS),
            ("artist_names", _STRINGS),
            ("album_id", _STRING),
            ("disc_number", _INT),
            ("track_number", _INT),
            ("duration_ms", _LONG),
            ("explicit", _BOOL),
            ("isrc", _STRING),
            ("source", _STRING),
            ("fetched_at", _TIME),
            ("popularity", _INT),
            ("linked_from_id", _STRING),
            ("detailed_at", _TIME),
            ("detail_raw_key", _STRING),
        ]
    ),
    "track_names": pa.schema(
        [
            ("name_key", _STRING),
            ("track_id", _STRING),
            ("matched_by", _STRING),
            ("certainty", _DOUBLE),
            ("candidates", _INT),
            ("asked_at", _TIME),
            ("ask_again", _DATE),
            ("raw_key", _STRING),
            ("asked", _STRINGS),
            ("spellings", _STRINGS),
        ]
    ),
    "albums": pa.schema(
        [
            ("album_id", _STRING),
            ("uri", _STRING),
            ("name", _STRING),
            ("album_type", _STRING),
            ("artist_ids", _STRINGS),
            ("artist_names", _STRINGS),
            ("release_date", _STRING),
            ("release_date_precision", _STRING),
            ("total_tracks", _INT),
            ("images", _IMAGES),
            ("source", _STRING),
            ("fetched_at", _TIME),
            ("label", _STRING),
            ("popularity", _INT),
            ("upc", _STRING),
            ("genres", _STRINGS),
            ("detailed_at", _TIME),
            ("detail_raw_key", _STRING),
        ]
    ),
    "artists": pa.schema(
        [
            ("artist_id", _STRING),
            ("uri", _STRING),
            ("name", _STRING),
            ("source", _STRING),
            ("fetched_at", _TIME),
            ("genres", _STRINGS),
            ("popularity", _INT),
            ("followers", _LONG),
            ("images", _IMAGES),
            ("detailed_at", _TIME),
            ("detail_raw_key", _STRING),
            ("genres_source", _STRING),
            ("genres_asked", _STRINGS),
            ("genres_ask_again", _DATE),
        ]
    ),
    "audio_features": pa.schema(
        [
            ("track_id", _STRING),
            ("danceability", _DOUBLE),
            ("energy", _DOUBLE),
            ("key", _INT),
            ("loudness", _DOUBLE),
            ("mode", _INT),
            ("speechiness", _DOUBLE),
            ("acousticness", _DOUBLE),
            ("instrumentalness", _DOUBLE),
            ("liveness", _DOUBLE),
            ("valence", _DOUBLE),
            ("tempo", _DOUBLE),
            ("duration_ms", _LONG),
            ("time_signature", _INT),
            ("source", _STRING),
            ("fetched_at", _TIME),
            ("raw_key", _STRING),
            ("asked", _STRINGS),
            ("ask_again", _DATE),
        ]
    ),
    "track_sections": pa.schema(
        [
            ("track_id", _STRING),
            ("duration", _DOUBLE),
            ("sections", _INT),
            ("section_duration_avg", _DOUBLE),
            ("loudness_avg", _DOUBLE),
            ("tempo_avg", _DOUBLE),
            ("start_sequence", _DOUBLES),
            ("loudness_sequence", _DOUBLES),
            ("tempo_sequence", _DOUBLES),
            ("key_sequence", _INTS),
            ("mode_sequence", _INTS),
            ("time_signature_sequence", _INTS),
            ("source", _STRING),
            ("fetched_at", _TIME),
            ("raw_key", _STRING),
        ]
    ),
    "track_segments": pa.schema(
        [
            ("track_id", _STRING),
            ("segments", _SEGMENTS),
            ("source", _STRING),
            ("fetched_at", _TIME),
            ("raw_key", _STRING),
        ]
    ),
    "music_activity": pa.schema(
        [
            ("track_id", _STRING),
            ("track_name", _STRING),
            ("track_artist", _STRING),
            ("played_at", _STRING),
            ("explicit", _BOOL),
            ("popularity", _INT),
            ("album", _STRING),
            ("album_cover", _STRING),
            ("album_cover_height", _INT),
            ("album_cover_width", _INT),
            ("duration", _DOUBLE),
            ("loudness", _DOUBLE),
            ("tempo", _DOUBLE),
            ("key", _INT),
            ("time_signature", _INT),
            ("mode", _INT),
            ("acousticness", _DOUBLE),
            ("danceability", _DOUBLE),
            ("energy", _DOUBLE),
            ("instrumentalness", _DOUBLE),
            ("speechiness", _DOUBLE),
            ("valence", _DOUBLE),
            ("sections", _INT),
            ("section_duration_avg", _DOUBLE),
            ("loudness_avg", _DOUBLE),
            ("tempo_avg", _DOUBLE),
            ("start_sequence", _DOUBLES),
            ("loudness_sequence", _DOUBLES),
            ("tempo_sequence", _DOUBLES),
            ("key_sequence", _INTS),
            ("mode_sequence", _INTS),
            ("time_signature_sequence", _INTS),
            ("account", _STRING),
        ]
    ),
    "country_profiles": pa.schema(
        [
            ("chart", _STRING),
            ("country", _STRING),
            ("country_name", _STRING),
            ("chart_date", _DATE),
            ("tracks", _INT),
            ("tracks_with_features", _INT),
            ("major_share", _DOUBLE),
            ("danceability_mean", _DOUBLE),
            ("energy_mean", _DOUBLE),
            ("loudness_mean", _DOUBLE),
            ("speechiness_mean", _DOUBLE),
            ("acousticness_mean", _DOUBLE),
            ("instrumentalness_mean", _DOUBLE),
            ("liveness_mean", _DOUBLE),
            ("valence_mean", _DOUBLE),
            ("tempo_mean", _DOUBLE),
            ("duration_ms_mean", _DOUBLE),
            *((f"{name}_{part}", _DOUBLE) for name in _PROFILED for part in _SPREAD),
            ("coverage", _DOUBLE),
            ("region", _STRING),
            ("hemisphere", _STRING),
            ("season", _STRING),
        ]
    ),
    "chart_days": pa.schema(
        [
            ("chart", _STRING),
            ("country", _STRING),
            ("cadence", _STRING),
            ("chart_date", _DATE),
            ("status", _STRING),
            ("stage", _STRING),
            ("error", _STRING),
            ("rows", _INT),
            ("holes", _INT),
            ("not_before", _TIME),
            ("shown_date", _DATE),
        ]
    ),
    "data_quality": pa.schema(
        [
            ("chart", _STRING),
            ("country", _STRING),
            ("chart_date", _DATE),
            ("expectation", _STRING),
            ("severity", _STRING),
            ("about", _STRING),
            ("observed", _STRING),
            ("expected", _STRING),
            ("evidence", _STRING),
            ("consequence", _STRING),
            ("observed_at", _TIME),
            ("raw_key", _STRING),
        ]
    ),
}
