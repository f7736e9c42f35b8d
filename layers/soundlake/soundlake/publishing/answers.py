"""Kept answers into their tables: audio features, analyses, details of albums and artists."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from soundlake.entities import looked_up_rows
from soundlake.genres import detailed
from soundlake.publishing.entities import adding
from soundlake.publishing.features import PendingFeatures
from soundlake.publishing.genres import PendingGenres
from soundlake.sections import segment_row
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.answers import ALBUMS, ANALYSES, ARTISTS, Answers, Kind
from soundlake.store.feature_answers import TABLE as AUDIO_FEATURES
from soundlake.store.lake import Lake, Replaced, Row
from soundlake.store.raw import Raw
from soundlake.store.schemas import SCHEMAS
from soundlake.times import month_of

SEGMENTS = "track_segments"

Read = tuple[Answers, dict[str, list[Row]]]  # the answers of a kind, and the pending ones' rows


class PendingAnswers:
    """The kept answers that no table names yet, read; `publish` puts them into their tables.

    An answer is pending until then, so what is derived from it is derived before: a run that is
    killed in between leaves it pending, and the next one derives the same again. `features` are
    the tracks' rows as they will be, `sections` the new rows, by track; `changed` are the tracks
    whose features were known and are replaced; `replaced` are the objects so far, `problems` a
    sentence for each answer that cannot be read, unless all that it is about is known from others.
    `order` are the sources of features, `genre_order` those of genres, the preferred one first.
    """

    def __init__(
        self, lake: Lake, raw: Raw, month: str, order: Sequence[str], genre_order: Sequence[str]
    ) -> None:
        self.replaced: list[tuple[str, Replaced]] = []
        self.problems: list[str] = []
        self._lake, self._raw, self._month = lake, raw, month
        self._segments: dict[str, Row] = {}
        self._features = PendingFeatures(lake, raw, month, order)
        self.features, self.changed = self._features.rows, self._features.changed
        self.problems += self._features.problems
        self._unread: dict[str, str] = {}
        self._genre_order = genre_order
        self._analyses = self._pending(replace(ANALYSES, rows=self._analysed))
        self.problems += [self._unread[key] for key in sorted(self._unread)]
        self.sections = _new(*self._analyses)

    @property
    def track_ids(self) -> set[str]:
        """The tracks of which these answers say something new."""
        analysed = {key for key, row in self.sections.items() if row["source"] is not None}
        return self._features.new | analysed

    def _pending(self, kind: Kind) -> Read:
        answers = Answers(kind, self._raw, self._lake)
        good, bad = answers.readable(answers.pending(self._month))
        known = answers.known() | {row[kind.id] for rows in good.values() for row in rows}
        self.problems += [why for key, why in bad.items() if not answers.superseded(key, known)]
        return answers, good

    def _analysed(
        self, answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
    ) -> list[Row]:
        """Rows of `track_sections`; the same look at an answer finds its segments."""
        found = ANALYSES.rows(answer, asked, fetched_at=fetched_at, raw_key=raw_key)
        for row in found:
            if row["source"] is not None:
                try:
                    segments = segment_row(answer, row["track_id"], fetched_at, raw_key)
                    self._segments[raw_key] = segments
                except BadAnswerError as error:
                    self._unread[raw_key] = str(error)  # its sections stand without them
        return found

    def publish_segments(self) -> None:
        """Add the segments, which are large: a day's analyses are one object.

        They name no answer, so they can go first, and need not be held any longer.
        """
        answers, _ = self._analyses
        by_day: dict[date, list[Row]] = {}
        for key, row in self._segments.items():
            by_day.setdefault(answers.day_of(key), []).append(row)
        for day, rows in sorted(by_day.items()):
            self._replace(SEGMENTS, month_of(day), day.isoformat(), rows, "track_id")
        self._segments.clear()

    def publish(self) -> None:
        """Add features and sections, and fill in the details of albums and artists."""
        self.replaced += [(AUDIO_FEATURES, one) for one in self._features.publish()]
        self._add(*self._analyses)
        self._fill_in(ALBUMS)
        self._fill_in_artists()

    def _add(self, answers: Answers, good: dict[str, list[Row]]) -> None:
        """Add the new rows, in the month in which each was asked for."""
        by_month: dict[str, list[Row]] = {self._month: []}
        for row in _new(answers, good).values():
            by_month.setdefault(month_of(answers.day_of(row["raw_key"])), []).append(row)
        kind = answers.kind
        for month, rows in sorted(by_month.items()):
            self._replace(kind.table, month, kind.table, rows, kind.id)

    def _replace(self, table: str, month: str, name: str, rows: list[Row], id_column: str) -> None:
        replaced = self._lake.replace(table, month, name, adding(rows, id_column))
        self.replaced.append((table, replaced))

    def _fill_in(self, kind: Kind) -> None:
        """Fill details into the rows of albums or artists, in whatever month they are.

        Into each once: of two answers, which two runs at once may have asked for, the first stays.
        Who has no row yet, because no track's answer has shown it, gets one.
        """
        self._complete(kind, lambda row, detail: row | detail)

    def _fill_in_artists(self) -> None:
        """Fill in what Spotify answered about artists, and what any source did about genres."""
        genres = PendingGenres(self._lake, self._raw, self._month, self._genre_order)
        self.problems += genres.problems
        self._complete(
            ARTISTS,
            lambda row, detail: detailed(row, detail, self._genre_order),
            also=genres.artist_ids,
            then=genres.fill_in,
        )

    def _complete(
        self,
        kind: Kind,
        fill_in: Callable[[Row, Row], Row],
        *,
        also: Collection[str] = (),
        then: Callable[[Row], Row] = lambda row: row,
    ) -> None:
        """Fill in the details of a kind.

        Every row of a month that has something new, or one of `also`, goes through `then` too.
        """
        names = SCHEMAS[kind.table].names
        carried: dict[str, list[Row]] = {}  # by answer, as they are read in no order

        def read(
            answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
        ) -> list[Row]:
            carried[raw_key] = looked_up_rows(kind.table, answer, asked, fetched_at)
            return kind.rows(answer, asked, fetched_at=fetched_at, raw_key=raw_key)

        answers, good = self._pending(replace(kind, rows=read))
        details = _new(answers, good)
        whole: dict[str, Row] = {}
        for key in good:
            for row in carried[key]:
                whole.setdefault(row[kind.id], dict.fromkeys(names) | row)
        there = answers.ids()
        new = {
            each: whole.get(each) or dict.fromkeys(names) | {kind.id: each}
            for each in details.keys() - there
        }

        def completed(row: Row) -> Row:
            detail = details.get(row[kind.id])
            return then(row if detail is None or row[kind.named] else fill_in(row, detail))

        def change(month: str) -> Callable[[list[Row]], list[Row]]:
            def fill(before: list[Row]) -> list[Row]:
                rows = {row[kind.id]: row for row in before}
                rows = (new if month == self._month else {}) | rows
                return [completed(rows[each]) for each in sorted(rows)]

            return fill

        months = set(answers.months_with([*details, *also])) | ({self._month} if new else set())
        for month in sorted(months):
            replaced = self._lake.replace(kind.table, month, kind.table, change(month))
            self.replaced.append((kind.table, replaced))


def _new(answers: Answers, good: dict[str, list[Row]]) -> dict[str, Row]:
    """The rows of ids that the table does not have; of two answers the first one's."""
    known, found = answers.known(), dict[str, Row]()
    for rows in good.values():
        for row in rows:
            if row[answers.kind.id] not in known:
                found.setdefault(row[answers.kind.id], row)
    return found
