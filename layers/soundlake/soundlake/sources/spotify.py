"""Spotify's audio features: for apps with extended access since before 2024-11-27 alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from soundlake.batches import matched
from soundlake.features import FEATURES, Reading, feature_breaches, feature_rows
from soundlake.quality import Breach
from soundlake.spotify.models import FEATURES_PER_REQUEST, AudioFeaturesBatch

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer


class SpotifyFeatures:
    """`GET /audio-features`: in the order asked, null for what is unknown."""

    name = "spotify"
    ids_per_request = FEATURES_PER_REQUEST

    def ask(self, clients: "Clients", ids: Sequence[str]) -> "Answer":
        """The answer as it came."""
        return clients.spotify().audio_features(ids)

    def rows(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[dict[str, Any]]:
        """A row for each id. Raises BadAnswerError when it is not an answer to them."""
        read = _read(answer, asked)
        return feature_rows(read, self.name, fetched_at=fetched_at, raw_key=raw_key)

    def breaches(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[Breach]:
        """What is wrong with the values. Raises as `rows` does."""
        return feature_breaches(_read(answer, asked), fetched_at=fetched_at, raw_key=raw_key)


def _read(answer: Any, asked: Sequence[str]) -> Reading:
    batch = AudioFeaturesBatch.read(answer, "audio features").audio_features
    return Reading(
        [
            (track_id, None if one is None else one.model_dump(include=set(FEATURES)))
            for track_id, one in matched("audio features", asked, batch)
        ]
    )
