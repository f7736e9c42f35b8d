"""Genres: what the sources answered about artists alone, into the artists' rows."""

from collections.abc import Sequence

from soundlake.genres import told
from soundlake.store.answers import GENRES, Answers
from soundlake.store.lake import Lake, Row
from soundlake.store.raw import Raw


class PendingGenres:
    """The kept answers about genres that no artist's row names yet.

    `artist_ids` are those whom they are about, `problems` a sentence for each answer that cannot be
    read, unless another one of its source told all that it is about. `order` are the sources'
    names, the preferred one first.
    """

    def __init__(self, lake: Lake, raw: Raw, month: str, order: Sequence[str]) -> None:
        self.problems: list[str] = []
        self._order = order
        self._told: dict[str, list[Row]] = {}
        for kind in GENRES.values():
            answers = Answers(kind, raw, lake)
            good, bad = answers.readable(answers.pending(month))
            rows = [row for each in good.values() for row in each]
            known = answers.known() | {row["artist_id"] for row in rows}
            self.problems += [why for key, why in bad.items() if not answers.superseded(key, known)]
            for row in rows:
                self._told.setdefault(row["artist_id"], []).append(row)

    @property
    def artist_ids(self) -> set[str]:
        """The artists of whom these answers tell something."""
        return set(self._told)

    def fill_in(self, row: Row) -> Row:
        """An artist's row with what these answers tell; each counts once."""
        for found in self._told.get(row["artist_id"], ()):
            row = told(row, found, self._order)
        return row
