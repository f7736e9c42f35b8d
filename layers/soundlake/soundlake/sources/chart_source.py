"""What the sources of charts have in common: who may ask, asking page by page, reading.

Answers are kept in `raw/charts/<name>/<chart>/<day asked>/<attempt>/page-<nn>.<ending>`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from soundlake.charts import Chart, Hole
from soundlake.spotify.errors import SpotifyError

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.web import Answer
    from soundlake.store.raw import RawAnswer


class DayUnavailableError(SpotifyError):
    """A day that a source does not show and of which no answer was kept."""


class NotServedError(SpotifyError):
    """A source that was asked does not have this chart, or wants not to be asked for it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A chart of a day (UTC), which is the source's present one.

    `not_before`: Spotify asked not to be asked earlier.
    """

    chart: Chart
    day: date
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer shows: rows of `chart_entries`, and what stood where there is none.

    `chart_date` is the day to file it under, and `stated` whether the answer names it itself.
    `places` counts what it lists, holes too; `totals` are the numbers of entries that it states.
    """

    chart_date: date
    stated: bool
    observed_at: datetime
    raw_key: str
    entries: list[dict[str, Any]]
    holes: list[Hole]
    places: int
    totals: frozenset[int] = frozenset()


class ChartSource(ABC):
    """Who shows charts. Reading needs no HTTP, and loads none."""

    name: ClassVar[str]
    provider: ClassVar[str]  # as chart_entries names it
    ending: ClassVar[str]  # of its kept pages

    @abstractmethod
    def why_not(self, clients: "Clients", chart: Chart) -> str | None:
        """Why it may not be asked for a chart, and what to do; None where it may. Asks nobody.

        Raises MissingSecretError where it needs an app and there is none.
        """

    @abstractmethod
    def ask(
        self, clients: "Clients", wanted: Wanted, pages: "Sequence[RawAnswer]"
    ) -> "Answer | None":
        """The page after those that are kept, as it came; None where these are all.

        Raises DayUnavailableError where it shows another day, NotServedError, BadAnswerError where
        the page could not be gone on with, and SpotifyError.
        """

    @abstractmethod
    def whole(self, pages: "Sequence[RawAnswer]", chart: Chart) -> bool:
        """Whether kept pages are all there are. Raises BadAnswerError where they are none."""

    @abstractmethod
    def read(self, pages: "Sequence[RawAnswer]", chart: Chart, day: date | None) -> Shown:
        """What whole kept pages show; an answer that states no day is filed under `day`.

        Or, for none, under the one that it was given on. Raises BadAnswerError.
        """
