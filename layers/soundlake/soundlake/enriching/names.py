"""Names that are to be searched for: those whose track the lake does not tell itself."""

from collections.abc import Collection
from datetime import date
from functools import cached_property

from soundlake.entities import not_found
from soundlake.sources.web import Answer
from soundlake.spotify.client import Spotify
from soundlake.spotify.errors import BadAnswerError, NotFoundError, SpotifyError
from soundlake.store.lake import Lake, Row
from soundlake.store.names import LakeNames
from soundlake.track_matching import Name, query
from soundlake.track_names import due


class WantedNames:
    """One run's names: what is known of them, and how they are searched for."""

    def __init__(self, lake: Lake, day: date) -> None:
        self._names, self._day = LakeNames(lake), day
        self._looked_at: set[str] = set()
        self._open: dict[str, Name] = {}

    def known_by_month(self) -> dict[str, set[str]]:
        """The names whose track is known, by the month of their row."""
        return self._names.known_by_month()

    @cached_property
    def track_of(self) -> dict[str, str]:
        """The track of each name of which it is known."""
        return self._names.track_of

    def settled(self, keys: Collection[str]) -> set[str]:
        """Those of some names that are not to be searched for now.

        They were not long ago, or the lake has the track and Publish will say which, or no play
        has the name any more.
        """
        new = {key for key in keys if due(self._row(key), self._day)} - self._looked_at
        if new:
            self._looked_at |= new
            names = self._names.names(new)
            meant = self._names.meant(names.values())
            self._open |= {key: name for key, name in names.items() if key not in meant}
        return set(keys) - self._open.keys()

    def search(self, spotify: Spotify, key: str) -> Answer:
        """Search for a name that is not settled; that nothing is found is an answer too.

        Raises BadAnswerError where Spotify does not take the query.
        """
        row = self._row(key)
        asked = row is not None and bool(row["asked"])
        try:
            return spotify.search_tracks(query(self._open[key], asked=asked))
        except NotFoundError as error:
            if error.answer is None or not not_found(error.answer.json):
                raise
            return error.answer
        except SpotifyError as error:
            if type(error) is SpotifyError:  # it does not take this query: no other is the worse
                raise BadAnswerError(f"search: {key}: {error}") from error
            raise

    def _row(self, key: str) -> Row | None:
        found = self._names.rows.get(key)
        return None if found is None else found[1]
