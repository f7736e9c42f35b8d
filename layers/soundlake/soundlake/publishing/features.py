"""Audio features: what the sources answered, merged into one row a track."""

from collections.abc import Callable, Sequence

from soundlake.features import FEATURES, day_of, merged
from soundlake.store.feature_answers import TABLE, FeatureAnswers
from soundlake.store.lake import Lake, Replaced, Row
from soundlake.store.raw import Raw
from soundlake.times import month_of


class PendingFeatures:
    """The pending answers' tracks: `rows` as they will be in the table, by track.

    `new` are those of them that an answer knows something of, `changed` those whose known values
    another answer replaces. `problems` are sentences on answers that cannot be read. `order` are
    the sources' names, the preferred one first.
    """

    def __init__(self, lake: Lake, raw: Raw, month: str, order: Sequence[str]) -> None:
        self._lake, self._month, self._order = lake, month, order
        answers = FeatureAnswers(raw, lake)
        rows, self.problems = answers.pending(month)
        self._answered: dict[str, list[Row]] = {}
        for row in rows:
            self._answered.setdefault(row["track_id"], []).append(row)
        before: dict[str, list[tuple[str, Row]]] = {}
        for each in answers.months_with(self._answered):
            for row in lake.read(TABLE, lake.keys(TABLE, each)).to_pylist():
                if row["track_id"] in self._answered:
                    before.setdefault(row["track_id"], []).append((each, row))
        # A row stays in the month in which its track was first asked about.
        self._months = {
            track_id: before[track_id][0][0]
            if track_id in before
            else month_of(day_of(answered[0]["raw_key"]))
            for track_id, answered in self._answered.items()
        }
        self.rows = {
            track_id: merged([*(row for _, row in before.get(track_id, ())), *answered], order)
            for track_id, answered in self._answered.items()
        }
        self.new = {row["track_id"] for row in rows if row["source"] is not None}
        self.changed = {
            track_id
            for track_id, found in before.items()
            if _values(found[0][1]) != _values(self.rows[track_id])
            and found[0][1]["source"] is not None
        }

    def publish(self) -> list[Replaced]:
        """Put the rows into the table; where another run wrote meanwhile, into what it wrote."""
        months = sorted({self._month, *self._months.values()})
        return [self._lake.replace(TABLE, month, TABLE, self._change(month)) for month in months]

    def _change(self, month: str) -> Callable[[list[Row]], list[Row]]:
        def change(before: list[Row]) -> list[Row]:
            rows = {row["track_id"]: row for row in before}
            for track_id, answered in self._answered.items():
                if self._months[track_id] == month:
                    known = [rows[track_id]] if track_id in rows else []
                    rows[track_id] = merged([*known, *answered], self._order)
            return [rows[each] for each in sorted(rows)]

        return change


def _values(row: Row) -> list[float | None]:
    return [row[name] for name in FEATURES]
