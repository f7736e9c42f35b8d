"""Music activity: each play with everything that is known about its track beside it."""

from collections.abc import Iterable, Mapping
from typing import Any

Row = dict[str, Any]

_SEQUENCES = (
    "start_sequence",
    "loudness_sequence",
    "tempo_sequence",
    "key_sequence",
    "mode_sequence",
    "time_signature_sequence",
)
_FEATURES = (
    "loudness",
    "tempo",
    "key",
    "time_signature",
    "mode",
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "speechiness",
    "valence",
)
FIELDS = (
    "track_id",
    "track_name",
    "track_artist",
    "played_at",
    "explicit",
    "popularity",
    "album",
    "album_cover",
    "album_cover_height",
    "album_cover_width",
    "duration",
    *_FEATURES,
    "sections",
    "section_duration_avg",
    "loudness_avg",
    "tempo_avg",
    *_SEQUENCES,
)


def activity_rows(
    plays: Iterable[Row],
    tracks: Mapping[str, Row],
    albums: Mapping[str, Row],
    features: Mapping[str, Row],
    sections: Mapping[str, Row],
) -> list[Row]:
    """Rows of `music_activity`, one per row of `plays`, by time and track.

    The others are rows of `tracks`, `albums`, `audio_features` and `track_sections`, by id. What
    a play says itself counts before what its track's row says. A play of what is no track (a
    local file, an episode) has a row too; everything unknown is null.
    """
    ordered = sorted(plays, key=lambda play: (play["played_at"], play["uri"] or ""))
    return [_activity(play, tracks, albums, features, sections) for play in ordered]


def _activity(
    play: Row,
    tracks: Mapping[str, Row],
    albums: Mapping[str, Row],
    features: Mapping[str, Row],
    sections: Mapping[str, Row],
) -> Row:
    ident = play["track_id"]
    track, heard, parts = tracks.get(ident, {}), features.get(ident, {}), sections.get(ident, {})
    album = albums.get(play["album_id"] or track.get("album_id") or "", {})
    cover = _largest(album.get("images"))
    duration = _seconds(play, track, heard, parts)
    count = parts.get("sections")
    names = play["artist_names"] or track.get("artist_names") or ()
    return {
        "track_id": ident,
        "track_name": _first(play["track_name"], track.get("name")),
        "track_artist": ", ".join(name for name in names if name) or None,
        "played_at": play["played_at"].isoformat(sep=" ", timespec="minutes"),
        "explicit": _first(play["explicit"], track.get("explicit")),
        "popularity": track.get("popularity"),
        "album": _first(play["album_name"], album.get("name")),
        "album_cover": cover.get("url"),
        "album_cover_height": cover.get("height"),
        "album_cover_width": cover.get("width"),
        "duration": duration,
        **{name: heard.get(name) for name in _FEATURES},
        "sections": count,
        "section_duration_avg": _rounded(duration / count if duration and count else None),
        "loudness_avg": _rounded(parts.get("loudness_avg")),
        "tempo_avg": _rounded(parts.get("tempo_avg")),
        **{name: parts.get(name) for name in _SEQUENCES},
        "account": play["account"],
    }


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _seconds(play: Row, track: Row, heard: Row, parts: Row) -> float | None:
    """A track's length in s: the analysis knows it best, then the features, then the track."""
    if parts.get("duration") is not None:
        return float(parts["duration"])
    ms = _first(heard.get("duration_ms"), track.get("duration_ms"), play["duration_ms"])
    return None if ms is None else ms / 1000


def _largest(images: Iterable[Row] | None) -> Row:
    """The image with the most pixels; of those without a size, the first."""
    return max(
        images or (), key=lambda each: (each["height"] or 0) * (each["width"] or 0), default={}
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
