"""Enrich: ask once for what Spotify knows of the tracks, albums and artists in the lake."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, asking
from soundlake.batches import batches
from soundlake.observability import function
from soundlake.settings import settings
from soundlake.sources.web import Answer
from soundlake.spotify.client import Spotify
from soundlake.spotify.errors import (
    BadAnswerError,
    NotFoundError,
    RefusedError,
    ReservedError,
)
from soundlake.store.answers import ALBUMS, ANALYSES, ARTISTS, FEATURES, Answers, Kind
from soundlake.store.lake import Lake, SchemaError
from soundlake.times import month_of, parse_date, shift_month

ASK: dict[str, Callable[[Spotify, Sequence[str]], Answer]] = {
    FEATURES.name: Spotify.audio_features,
    ALBUMS.name: Spotify.albums,
    ARTISTS.name: Spotify.artists,
    ANALYSES.name: lambda spotify, asked: _analysis(spotify, asked[0]),
}


@function("Enrich")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{date, requests}` to `{status: enriched, asked: {kind: ids}, notes, requests}`.

    Each answer is kept while the next is asked for: an invocation that ends early loses two at
    most, and the next one goes on where it stopped. Analyses are one request each, so a day's runs
    ask for no more than the stack's parameter says, for played tracks first, and only while that
    day lasts. An app that may not ask for them is told so in `notes`, and nothing fails; so it is
    where the rest of the quota is left to captures, and the next run asks for what is missing.
    """
    work = _Work(parse_date(event["date"]), Lake(access.bucket()))
    result: dict[str, Any] = {}
    try:
        _ask_all(work)
        result["status"] = "failed" if work.problems else "enriched"
        if work.problems:
            result["error"] = "; ".join(work.problems)
    except (*access.FORESEEN, SchemaError) as error:
        result |= access.failure(error)
    asked = dict(work.asked)
    counted = asking.counted(work.spotify, event["requests"])
    counted["counts"] |= {name.replace("-", "_"): count for name, count in asked.items()}
    return result | {"asked": asked, "notes": work.notes} | counted


def _ask_all(work: "_Work") -> None:
    """Ask for all that is unknown, or for as much as captures leave room for."""
    played, charted = work.wanted("plays"), work.wanted("chart_entries")
    try:
        for kind in (FEATURES, ALBUMS, ARTISTS):
            work.ask(kind, sorted({*played[kind.id], *charted[kind.id]}))
        tracks = dict.fromkeys([*sorted(played["track_id"]), *sorted(charted["track_id"])])
        work.ask(ANALYSES, tracks, per_day=int(settings().analyses_per_day))
    except ReservedError as error:
        work.notes.append(access.small(str(error)))


class _Work:
    """One run's asking: what was asked, and what went wrong or is worth telling."""

    def __init__(self, day: date, lake: Lake) -> None:
        self.asked: Counter[str] = Counter()
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.spotify: Spotify | None = None
        self._day = day
        self._lake = lake

    def wanted(self, table: str) -> dict[str, set[str]]:
        """The ids in a table's rows of this month and the one before, by kind of id.

        So what a failed run did not ask for is asked for by a later one.
        """
        month = month_of(self._day)
        keys = [*self._lake.keys(table, shift_month(month, -1)), *self._lake.keys(table, month)]
        columns = ["track_id", "album_id", "artist_ids"]
        found, problems = self._lake.readable(table, keys, columns)
        self.problems += problems
        lists = found.column("artist_ids").to_pylist()
        return {
            "track_id": {each for each in found.column("track_id").to_pylist() if each},
            "album_id": {each for each in found.column("album_id").to_pylist() if each},
            "artist_id": {each for ids in lists for each in ids or () if each},
        }

    def ask(self, kind: Kind, wanted: Iterable[str], per_day: int | None = None) -> None:
        """Ask for those that the lake does not know, each once in its life, `per_day` at most."""
        answers = Answers(kind, access.raw(), self._lake)
        kept, _ = answers.readable(answers.pending(month_of(self._day)))
        known = answers.known() | {row[kind.id] for rows in kept.values() for row in rows}
        unknown = [each for each in wanted if each not in known]
        if per_day is not None:
            unknown = unknown[: max(per_day - answers.kept_on(self._day), 0)]
            if unknown and self._client().now().date() != self._day:
                return  # a day that is made again costs no other day's requests
        with ThreadPoolExecutor(1) as keeper:
            kept: Future[None] | None = None
            try:
                for batch in batches(unknown, kind.per_request):
                    answer = self._answer(kind, batch)
                    if kept is not None:
                        kept.result()
                    kept = keeper.submit(self._keep, answers, answer, batch) if answer else None
            except RefusedError as error:
                told = self.notes if kind is ANALYSES else self.problems
                told.append(str(error))
            finally:
                if kept is not None:
                    kept.result()

    def _answer(self, kind: Kind, batch: Sequence[str]) -> Answer | None:
        """One answer; None for one that is none, which does not stand in the others' way."""
        try:
            return ASK[kind.name](self._client(), batch)
        except BadAnswerError as error:
            self.problems.append(str(error))
            return None

    def _keep(self, answers: Answers, answer: Answer, batch: Sequence[str]) -> None:
        try:
            answers.keep(answer, batch, self._day)
        except BadAnswerError as error:
            self.problems.append(str(error))
        else:
            self.asked[answers.kind.name] += len(batch)

    def _client(self) -> Spotify:
        self.spotify = self.spotify or asking.spotify(beside_captures=True)
        return self.spotify


def _analysis(spotify: Spotify, track_id: str) -> Answer:
    """A track's analysis; that there is none is an answer too."""
    try:
        return spotify.audio_analysis(track_id)
    except NotFoundError as error:
        if error.answer is None:
            raise
        return error.answer
