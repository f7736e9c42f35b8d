"""What the sources of a kind have in common: rows, once an answer is read."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Artist:
    """An artist to ask about: the name, and the ISRCs of tracks, in the order to ask by.

    `namesakes`: the lake has another artist of that name, so the name alone tells nothing.
    """

    id: str
    name: str
    isrcs: Sequence[str] = ()
    namesakes: bool = False


class GenreSource(ABC):
    """Who can be asked about one artist at a time. Reading needs no HTTP, and loads none."""

    name: ClassVar[str]

    @abstractmethod
    def ask(
        self, clients: "Clients", artist: Artist, seen: dict[str, "Answer"]
    ) -> Sequence["Answer"]:
        """The answers as they came, of which the last settles what is known of the artist's genres.

        None where there is nothing to ask by. `seen` is what this run was told before that may
        answer for several artists; what is told now is added to it.
        """

    @abstractmethod
    def read(self, answer: Any) -> list[str] | None:
        """The genres that a decoded answer tells, the first one first; None where it tells none.

        Raises BadAnswerError where it is none of the source's answers.
        """

    def rows(
        self,
        answer: Any,
        asked: Sequence[str],
        *,
        fetched_at: datetime,  # noqa: ARG002 - every reader of answers is told
        raw_key: str,
    ) -> list[dict[str, Any]]:
        """What an answer tells of each artist that was asked about, in the columns of `artists`.

        Raises as `read` does.
        """
        genres = self.read(answer)
        told = {"genres_source": self.name if genres else None, "genres_asked": [raw_key]}
        return [{"artist_id": each, "genres": genres, **told} for each in asked]
