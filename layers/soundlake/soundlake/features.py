"""Audio features: one row per track that was asked about, known or not."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from soundlake.batches import matched
from soundlake.quality import Breach, Origin, check_features
from soundlake.spotify.models import AudioFeaturesBatch
from soundlake.times import format_time

FEATURES = (
    "danceability",
    "energy",
    "key",
    "loudness",
    "mode",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
    "time_signature",
)


def feature_rows(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[dict[str, Any]]:
    """Rows of `audio_features` from one answer to a batch.

    A track that Spotify knows no features of has a row too, with nulls and no `source`, so that
    it is not asked for again. A value that no feature can have is null; `feature_breaches` names
    it. Raises BadAnswerError when the answer is not one to this batch.
    """
    rows = []
    for track_id, features, breaches in _read(answer, asked, fetched_at, raw_key):
        unknown = {breach.expectation.column for breach in breaches}
        rows.append(
            {
                "track_id": track_id,
                **{
                    name: None if name in unknown else _typed(name, value)
                    for name, value in features.items()
                },
                "source": "spotify" if features is not _UNKNOWN else None,
                "fetched_at": format_time(fetched_at),
                "raw_key": raw_key,
            }
        )
    return rows


def feature_breaches(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[Breach]:
    """What the values of one answer breach, for the day it was given on. Raises as above."""
    read = _read(answer, asked, fetched_at, raw_key)
    return [breach for _, _, breaches in read for breach in breaches]


_UNKNOWN: dict[str, float | None] = dict.fromkeys(FEATURES)
_WHOLE = {"key", "mode", "duration_ms", "time_signature"}


def _typed(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    return int(value) if name in _WHOLE else float(value)


def _read(
    answer: Any, asked: Sequence[str], fetched_at: datetime, raw_key: str
) -> Iterator[tuple[str, dict[str, float | None], list[Breach]]]:
    """Each track that was asked about, its features as answered, and what they breach."""
    batch = AudioFeaturesBatch.read(answer, "audio features").audio_features
    origin = Origin(None, None, fetched_at.astimezone(UTC).date(), fetched_at, raw_key)
    for track_id, features in matched("audio features", asked, batch):
        if features is None:
            yield track_id, _UNKNOWN, []
            continue
        values = features.model_dump(include=set(FEATURES))
        yield track_id, values, check_features(origin, track_id, values)
