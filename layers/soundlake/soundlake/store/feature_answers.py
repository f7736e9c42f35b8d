"""Answers about audio features: kept by Enrich, published by Publish, asked for once.

An answer is pending until its month's `audio_features` object names it, so whatever is killed in
between, a run of that month or the next finds the answer and does not ask again.
"""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from soundlake.features import feature_rows
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.lake import Lake, Row
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.times import month_of, shift_month

if TYPE_CHECKING:
    from soundlake.spotify.client import Answer

TABLE = "audio_features"
_PREFIX = "raw/audio-features/spotify/"


class FeatureAnswers:
    """The kept answers of one bucket, beside the table that they go to."""

    def __init__(self, raw: Raw, lake: Lake) -> None:
        self._raw = raw
        self._lake = lake

    def keep(self, answer: "Answer", asked: Sequence[str], day: date) -> list[Row]:
        """Keep one answer under the day it was asked on. Raises BadAnswerError, keeping nothing."""
        batch = sha256(",".join(asked).encode()).hexdigest()[:16]
        prefix = f"{_PREFIX}month={month_of(day)}/{day.isoformat()}/"
        tries = sum(key.startswith(f"{prefix}{batch}-") for key in self._raw.keys(prefix))
        key = f"{prefix}{batch}-{tries + 1:03d}.json.gz"
        rows = feature_rows(answer.json, asked, fetched_at=answer.at, raw_key=key)
        self._raw.write(key, answer, asked=list(asked))
        return rows

    def known(self) -> set[str]:
        """The ids of every track that the table has a row for, in any month."""
        table = self._lake.read(TABLE, self._lake.keys(TABLE), ["track_id"])
        return {str(track_id) for track_id in table.column("track_id").to_pylist()}

    def pending(self, month: str) -> list[str]:
        """The kept answers of a month and the one before that the table does not name yet."""
        found = []
        for each in (shift_month(month, -1), month):
            keys = self._raw.keys(f"{_PREFIX}month={each}/")
            if keys:
                table = self._lake.read(TABLE, self._lake.keys(TABLE, each), ["raw_key"])
                named = set(table.column("raw_key").to_pylist())
                found += [key for key in keys if key not in named]
        return found

    def rows(self, key: str) -> list[Row]:
        """The rows of one kept answer. Raises CorruptObjectError or BadAnswerError."""
        answer = self._raw.need(key)
        return feature_rows(answer.json, self._raw.asked(key), fetched_at=answer.at, raw_key=key)

    def superseded(self, key: str, known: set[str]) -> bool:
        """Whether everything that a damaged answer was about is known from another one."""
        try:
            return set(self._raw.asked(key)) <= known
        except CorruptObjectError:
            return False

    def readable(self, keys: Sequence[str]) -> tuple[dict[str, list[Row]], dict[str, str]]:
        """The rows of each answer that can be read, and why each other one cannot."""
        good: dict[str, list[Row]] = {}
        bad: dict[str, str] = {}
        for key in keys:
            try:
                good[key] = self.rows(key)
            except (CorruptObjectError, BadAnswerError) as error:
                bad[key] = str(error)
        return good, bad


def month_of_key(key: str) -> str:
    """The month that a kept answer belongs to."""
    return key.removeprefix(_PREFIX).split("/")[0].removeprefix("month=")
