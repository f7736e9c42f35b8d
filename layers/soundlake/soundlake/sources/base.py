"""What the sources of audio features have in common: rows, once an answer is read."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from soundlake.features import Reading, feature_breaches, feature_rows
from soundlake.quality import Breach
from soundlake.spotify.errors import BadAnswerError

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer


def need_columns(where: str, items: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Raise BadAnswerError for a column that none of the items has, where there are any.

    It was renamed then: its nulls would never be asked for again.
    """
    gone = [name for name in names if items and not any(name in item for item in items)]
    if gone:
        raise BadAnswerError(f"{where}: no track has {', '.join(gone)}")


class FeatureSource(ABC):
    """Who can be asked about many tracks at once. Reading needs no HTTP, and loads none."""

    name: ClassVar[str]
    ids_per_request: ClassVar[int]

    @abstractmethod
    def ask(self, clients: "Clients", ids: Sequence[str]) -> "Answer":
        """The answer as it came."""

    @abstractmethod
    def read(self, answer: Any, asked: Sequence[str]) -> Reading:
        """What a decoded answer says; raises BadAnswerError where it is none to these ids."""

    def rows(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[dict[str, Any]]:
        """A row of `audio_features` for each id that was asked. Raises as `read` does."""
        reading = self.read(answer, asked)
        return feature_rows(reading, self.name, fetched_at=fetched_at, raw_key=raw_key)

    def breaches(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[Breach]:
        """What is wrong with the answer and its values. Raises as `read` does."""
        return feature_breaches(self.read(answer, asked), fetched_at=fetched_at, raw_key=raw_key)
