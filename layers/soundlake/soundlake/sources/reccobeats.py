"""ReccoBeats' audio features: free, without keys, of about every other track.

Its answer leaves out what it does not know, and is in no order: a track's features are found by
the Spotify id at the end of `href`. It has no time signature and no duration.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from soundlake.batches import OTHERS
from soundlake.features import FEATURES, Reading, feature_breaches, feature_rows
from soundlake.quality import Breach
from soundlake.settings import settings
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import AudioFeatures
from soundlake.texts import shortened

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer

SPACING_S = 1.0  # its limit is unpublished; it has no account of ours to warn
COLUMNS = tuple(name for name in FEATURES if name not in {"duration_ms", "time_signature"})
_WHERE = "ReccoBeats's audio features"


class ReccoBeats:
    """`GET /v1/audio-features`, see https://reccobeats.com/docs."""

    name = "reccobeats"
    ids_per_request = 40

    def ask(self, clients: "Clients", ids: Sequence[str]) -> "Answer":
        """The answer as it came."""
        api = clients.keyless("ReccoBeats", settings().reccobeats_api_url, SPACING_S)
        return api.get("audio-features", {"ids": ",".join(ids)})

    def rows(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[dict[str, Any]]:
        """A row for each id. Raises BadAnswerError when it is not an answer to them."""
        read = _read(answer, asked)
        return feature_rows(read, self.name, fetched_at=fetched_at, raw_key=raw_key)

    def breaches(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[Breach]:
        """What is wrong with the answer and its values. Raises as `rows` does."""
        return feature_breaches(_read(answer, asked), fetched_at=fetched_at, raw_key=raw_key)


def _read(answer: Any, asked: Sequence[str]) -> Reading:
    content = answer.get("content") if isinstance(answer, dict) else None
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise BadAnswerError(f"{_WHERE}: no list of objects under content")
    # A column that no track has any more was renamed: its nulls would never be asked for again.
    gone = [name for name in COLUMNS if content and not any(name in item for item in content)]
    if gone:
        raise BadAnswerError(f"{_WHERE}: no track has {', '.join(gone)}")
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
