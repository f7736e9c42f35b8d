"""What all sources of audio features answered, beside the one table that it goes to."""

from collections.abc import Iterable
from functools import cached_property

import pyarrow as pa

from soundlake.features import Told, day_of
from soundlake.store.answers import FEATURES, Answers
from soundlake.store.lake import Lake, Row
from soundlake.store.raw import Raw

TABLE = "audio_features"


class FeatureAnswers:
    """The kept answers of each source, by its name in `of`: also of those not asked any more."""

    def __init__(self, raw: Raw, lake: Lake) -> None:
        self.of = {
            name: Answers(kind, raw, lake, lambda: self._tables) for name, kind in FEATURES.items()
        }
        self._lake = lake

    @cached_property
    def _tables(self) -> dict[str, pa.Table]:
        """By month, which tracks are known and which answers told so: read once for all sources."""
        return self._lake.by_month(TABLE, ["track_id", "source", "raw_key", "asked"])

    def known_by_month(self) -> dict[str, set[str]]:
        """The tracks that the table has features of, by the month of their row."""
        return {
            month: {
                str(each)
                for each in table.filter(table.column("source").is_valid())["track_id"].to_pylist()
            }
            for month, table in self._tables.items()
        }

    def told(self, month: str) -> Told:
        """What has been told of each track, by the table and by answers that are pending."""
        told = Told()
        for each, table in sorted(self._tables.items()):
            for row in table.to_pylist():
                told.add(row, each)
        rows, _ = self.pending(month)
        for row in rows:
            told.add(row)
        return told

    def pending(self, month: str) -> tuple[list[Row], list[str]]:
        """The rows of answers that the table does not name yet, by day.

        And a sentence for each answer that cannot be read, unless all that it is about was told
        by another one of its source.
        """
        rows: list[Row] = []
        problems: list[str] = []
        for answers in self.of.values():
            good, bad = answers.readable(answers.pending(month))
            found = [row for each in good.values() for row in each]
            told = answers.known() | {row["track_id"] for row in found}
            problems += [why for key, why in bad.items() if not answers.superseded(key, told)]
            rows += found
        return sorted(rows, key=lambda row: (day_of(row["raw_key"]), row["raw_key"])), problems

    def months_with(self, track_ids: Iterable[str]) -> list[str]:
        """The months in which the table has a row of one of these, in order."""
        (any_source, *_) = self.of.values()
        return any_source.months_with(track_ids)
