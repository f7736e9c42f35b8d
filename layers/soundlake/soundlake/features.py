"""Audio features: one row per track that was asked about, known or not."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from soundlake.spotify.errors import BadAnswerError
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


def batches(track_ids: Iterable[str], known: Iterable[str], size: int) -> list[tuple[str, ...]]:
    """The unknown ids in order, each once, in batches: the fewest requests that ask for all."""
    return list(batched(sorted(set(track_ids) - set(known)), size, strict=False))


def feature_rows(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[dict[str, Any]]:
    """Rows of `audio_features` from one answer to a batch.

    A track that Spotify knows no features of has a row too, with nulls and no `source`, so that
    it is not asked for again. Raises BadAnswerError when the answer is not one to this batch.
    """
    batch = AudioFeaturesBatch.read(answer, "audio features").audio_features
    if len(batch) != len(asked):
        raise BadAnswerError(f"audio features: {len(batch)} answers to {len(asked)} ids")
    rows = []
    for track_id, features in zip(asked, batch, strict=True):
        if features is not None and features.id != track_id:
            raise BadAnswerError(f"audio features: {features.id} in the place of {track_id}")
        values = features.model_dump() if features else {}
        rows.append(
            {
                "track_id": track_id,
                **{name: values.get(name) for name in FEATURES},
                "source": "spotify" if features else None,
                "fetched_at": format_time(fetched_at),
                "raw_key": raw_key,
            }
        )
    return rows
