"""The sources of audio features, by name. A new one is a module like these, and a line here."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from soundlake.quality import Breach
from soundlake.sources.reccobeats import ReccoBeats
from soundlake.sources.spotify import SpotifyFeatures

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer


class FeatureSource(Protocol):
    """Who can be asked about many tracks at once.

    `ask` gives the answer as it came. `rows` makes rows of `audio_features` of it, one for each
    id that was asked, `breaches` what is wrong with it; both raise BadAnswerError where it is no
    answer to these ids. Reading needs no HTTP, so what only reads loads none.
    """

    @property
    def name(self) -> str: ...

    @property
    def ids_per_request(self) -> int: ...

    def ask(self, clients: "Clients", ids: Sequence[str]) -> "Answer": ...

    def rows(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[dict[str, Any]]: ...

    def breaches(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[Breach]: ...


_ALL: tuple[FeatureSource, ...] = (SpotifyFeatures(), ReccoBeats())
SOURCES = {source.name: source for source in _ALL}


def ordered(names: str) -> list[FeatureSource]:
    """The sources that are asked, the preferred one first: `spotify,reccobeats`.

    Raises ValueError on a name that is none, or stands there twice.
    """
    listed = names.split(",")
    wrong = [name for name in listed if name not in SOURCES or listed.count(name) > 1]
    if wrong:
        raise ValueError(
            f"{wrong[0]!r} in {names!r} is not one of {', '.join(SOURCES)}, each at most once."
        )
    return [SOURCES[name] for name in listed]
