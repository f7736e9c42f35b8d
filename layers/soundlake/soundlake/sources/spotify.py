"""Spotify's audio features: for apps with extended access since before 2024-11-27 alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from soundlake.batches import matched
from soundlake.features import FEATURES, Reading
from soundlake.sources.base import FeatureSource, need_columns
from soundlake.spotify.models import FEATURES_PER_REQUEST, AudioFeaturesBatch

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer

_WHERE = "audio features"


class SpotifyFeatures(FeatureSource):
    """`GET /audio-features`: in the order asked, null for what is unknown."""

    name = "spotify"
    ids_per_request = FEATURES_PER_REQUEST

    def ask(self, clients: "Clients", ids: Sequence[str]) -> "Answer":
        """The answer as it came."""
        return clients.spotify().audio_features(ids)

    def read(self, answer: Any, asked: Sequence[str]) -> Reading:
        """What it says of each id; raises BadAnswerError where it is no answer to them."""
        batch = AudioFeaturesBatch.read(answer, _WHERE).audio_features
        need_columns(_WHERE, [each for each in answer["audio_features"] if each], FEATURES)
        return Reading(
            [
                (track_id, None if one is None else one.model_dump(include=set(FEATURES)))
                for track_id, one in matched(_WHERE, asked, batch)
            ]
        )
