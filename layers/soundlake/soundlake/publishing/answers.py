"""Kept answers into their tables: audio features, details of albums and artists, analyses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from soundlake.publishing.entities import adding
from soundlake.sections import segment_row
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.answers import ALBUMS, ANALYSES, ARTISTS, FEATURES, Answers, Kind
from soundlake.store.lake import Lake, Replaced, Row
from soundlake.store.raw import Raw
from soundlake.times import month_of

SEGMENTS = "track_segments"


class Published:
    """What a run put into the tables: the objects, the ids that are new in them, the problems."""

    def __init__(self) -> None:
        self.replaced: list[tuple[str, Replaced]] = []
        self.ids: set[str] = set()
        self.problems: list[str] = []


def publish_answers(lake: Lake, raw: Raw, month: str) -> Published:
    """Put every pending answer's rows into the tables.

    Answers that cannot be read are named, unless everything in them is known from others.
    """
    done = Published()
    _add(FEATURES, lake, raw, month, done)
    _add_analyses(lake, raw, month, done)
    for kind in (ALBUMS, ARTISTS):
        _fill_in(kind, lake, raw, month, done)
    return done


def _pending(
    kind: Kind, lake: Lake, raw: Raw, month: str, done: Published
) -> tuple[Answers, dict[str, list[Row]]]:
    """The rows of the pending answers, by answer; what cannot be read is named in `done`."""
    answers = Answers(kind, raw, lake)
    good, bad = answers.readable(answers.pending(month))
    known = answers.known() | {row[kind.id] for rows in good.values() for row in rows}
    done.problems += [why for key, why in bad.items() if not answers.superseded(key, known)]
    return answers, good


def _add(kind: Kind, lake: Lake, raw: Raw, month: str, done: Published) -> None:
    """Add rows, in the month in which each was asked for."""
    _add_rows(*_pending(kind, lake, raw, month, done), lake, month, done)


def _add_rows(
    answers: Answers, good: Mapping[str, list[Row]], lake: Lake, month: str, done: Published
) -> None:
    kind, known = answers.kind, answers.known()
    for each in sorted({month, *(month_of(answers.day_of(key)) for key in good)}):
        own = [rows for key, rows in good.items() if month_of(answers.day_of(key)) == each]
        # A row that another month has already stays there; the answer's key may be new.
        rows = [row for rows in own for row in rows if row[kind.id] not in known]
        change = adding(rows, kind.id)
        done.replaced.append((kind.table, lake.replace(kind.table, each, kind.table, change)))
        done.ids |= {row[kind.id] for row in rows if row["source"] is not None}
        known |= {row[kind.id] for row in rows}


def _add_analyses(lake: Lake, raw: Raw, month: str, done: Published) -> None:
    """Add sections, and before them, which name the answer, its segments.

    Segments are large: a day's analyses are one object, and each answer is read once for both.
    """
    segments: dict[str, Row] = {}

    def rows(answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str) -> list[Row]:
        found = ANALYSES.rows(answer, asked, fetched_at=fetched_at, raw_key=raw_key)
        for row in found:
            if row["source"] is not None:
                try:
                    segments[raw_key] = segment_row(answer, row["track_id"], fetched_at, raw_key)
                except BadAnswerError as error:
                    done.problems.append(str(error))  # its sections stand without them
        return found

    answers, good = _pending(replace(ANALYSES, rows=rows), lake, raw, month, done)
    by_day: dict[date, list[Row]] = {}
    for key, row in segments.items():
        by_day.setdefault(answers.day_of(key), []).append(row)
    for day, own in sorted(by_day.items()):
        change = adding(own, "track_id")
        replaced = lake.replace(SEGMENTS, month_of(day), day.isoformat(), change)
        done.replaced.append((SEGMENTS, replaced))
    _add_rows(answers, good, lake, month, done)


def _fill_in(kind: Kind, lake: Lake, raw: Raw, month: str, done: Published) -> None:
    """Fill details into the rows of albums or artists, in whatever month they are."""
    _, good = _pending(kind, lake, raw, month, done)
    details = {row[kind.id]: row for rows in good.values() for row in rows}
    if not details:
        return

    def change(before: list[Row]) -> list[Row]:
        return [row | details.get(row[kind.id], {}) for row in before]

    for each in lake.months(kind.table):
        ids = lake.read(kind.table, lake.keys(kind.table, each), [kind.id]).column(kind.id)
        found = details.keys() & set(ids.to_pylist())
        if found:
            done.replaced.append((kind.table, lake.replace(kind.table, each, kind.table, change)))
            done.ids |= found
