"""ReccoBeats' audio features: free, without keys, of about every other track.

Its answer leaves out what it does not know, and is in no order: a track's features are found by
the Spotify id at the end of `href`. It has no time signature and no duration.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from soundlake.batches import OTHERS
from soundlake.features import FEATURES, Reading
from soundlake.settings import settings
from soundlake.sources.base import FeatureSource, need_columns
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import AudioFeatures
from soundlake.texts import shortened

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer

SPACING_S = 1.0  # its limit is unpublished; it has no account of ours to warn
COLUMNS = tuple(name for name in FEATURES if name not in {"duration_ms", "time_signature"})
_WHERE = "ReccoBeats's audio features"


class ReccoBeats(FeatureSource):
    """`GET /v1/audio-features`, see https://reccobeats.com/docs."""

    name = "reccobeats"
    ids_per_request = 40

    def ask(self, clients: "Clients", ids: Sequence[str]) -> "Answer":
        """The answer as it came."""
        api = clients.keyless("ReccoBeats", settings().reccobeats_api_url, SPACING_S)
        return api.get("audio-features", {"ids": ",".join(ids)})

    def read(self, answer: Any, asked: Sequence[str]) -> Reading:
        """What it says of each id; raises BadAnswerError where it is no answer to them."""
        content = answer.get("content") if isinstance(answer, dict) else None
        if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
            raise BadAnswerError(f"{_WHERE}: no list of objects under content")
        need_columns(_WHERE, content, COLUMNS)
        found: dict[str, dict[str, Any]] = {}
        others, repeated = [], []
        for item in content:
            track_id = _track_id(item)
            if track_id not in asked:
                others.append(track_id)
            elif track_id in found:
                repeated.append(track_id)
            else:
                found[track_id] = item
        if len(others) > max(1, len(content) * OTHERS) or (others and not found):
            raise BadAnswerError(f"{_WHERE}: {others[0]} was not asked for")
        return Reading([(each, _values(found.get(each), each)) for each in asked], others, repeated)


def _track_id(item: dict[str, Any]) -> str:
    """The Spotify id at the end of an item's address; whatever stands there where it is none."""
    return shortened(str(item.get("href")).rpartition("/")[2])


def _values(item: dict[str, Any] | None, track_id: str) -> dict[str, Any] | None:
    if item is None:
        return None
    read = AudioFeatures.read(item | {"id": track_id}, f"{_WHERE} of {track_id}")
    return read.model_dump(include=set(FEATURES))
