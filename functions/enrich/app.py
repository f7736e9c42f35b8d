"""Enrich: ask once for what is to be known of the tracks, albums and artists in the lake.

Of albums, artists and analyses Spotify is asked; of audio features and of genres each source in its
turn.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.asking import InvocationClients
from soundlake.batches import batches
from soundlake.enriching.genres import ask_genres
from soundlake.features import Told
from soundlake.observability import function
from soundlake.settings import settings
from soundlake.sources.base import FeatureSource
from soundlake.sources.features import ordered
from soundlake.sources.web import LONG_WAIT_S, Answer
from soundlake.spotify.errors import (
    BadAnswerError,
    ExpiredTokenError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    ReservedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.store.answers import ALBUMS, ANALYSES, ARTISTS, Answers, Kind
from soundlake.store.feature_answers import FeatureAnswers
from soundlake.store.lake import Lake, SchemaError
from soundlake.times import month_of, parse_date, shift_month

ASK: dict[str, Callable[[InvocationClients, Sequence[str]], Answer]] = {
    ALBUMS.name: lambda clients, asked: clients.spotify().albums(asked),
    ARTISTS.name: lambda clients, asked: clients.spotify().artists(asked),
    ANALYSES.name: lambda clients, asked: _analysis(clients, asked[0]),
}
BAD_ANSWERS = 3  # in a row: who answers so is not asked again in this run
# Shares of the invocation's time: features get the first half, and with a quarter left, more than
# the longest request takes, nothing new is asked for. The next run goes on.
FEATURES_UNTIL = 1 / 2
ALL_UNTIL = 1 / 4


@function("Enrich")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """`{date, requests}` to `{status: enriched, asked: {kind: ids}, notes, requests}`.

    Each answer is kept while the next is asked for: an invocation that ends early loses two at
    most, and the next one goes on where it stopped. Analyses are one request each, so a day's runs
    ask for no more than the stack's parameter says, for played tracks first, and only while that
    day lasts. An app that may not ask for them is told so in `notes`, and nothing fails; so it is
    where the rest of the quota is left to captures or time was up, where a source of features
    refuses or cannot be reached while another one can be asked, and the next run asks for what is
    missing. Genres come last, and whatever a source of them does wrong is a note.
    """
    lake = Lake(access.bucket())
    work = _Work(parse_date(event["date"]), lake, context.get_remaining_time_in_millis)
    result: dict[str, Any] = {}
    try:
        _ask_all(work)
        result["status"] = "failed" if work.problems else "enriched"
        if work.problems:
            result["error"] = "; ".join(dict.fromkeys(work.problems))
    except (*access.FORESEEN, SchemaError) as error:
        result |= access.failure(error)
    # Spotify's own genres came first, and a machine that waits for Spotify comes back soon.
    if result.get("retry_after", LONG_WAIT_S + 1) > LONG_WAIT_S:
        work.ask_genres()
    asked = dict(work.asked)
    counted = work.clients.counted(event["requests"])
    names = {name: name.replace("-", "_").replace("/", "_") for name in asked}
    counted["counts"] |= {names[name]: count for name, count in asked.items()}
    return result | {"asked": asked, "notes": work.notes} | counted


def _ask_all(work: "_Work") -> None:
    """Ask for all that is unknown, or for as much as captures leave room for."""
    played, charted = work.wanted("plays"), work.wanted("chart_entries")
    try:
        work.ask_features(sorted({*played["track_id"], *charted["track_id"]}))
        for kind in (ALBUMS, ARTISTS):
            work.ask(kind, sorted({*played[kind.id], *charted[kind.id]}))
        tracks = dict.fromkeys([*sorted(played["track_id"]), *sorted(charted["track_id"])])
        work.ask(ANALYSES, tracks, per_day=int(settings().analyses_per_day))
    except ReservedError as error:
        work.notes.append(access.small(str(error)))
    if work.later is not None:
        raise work.later


class _Work:
    """One run's asking: what was asked, and what went wrong or is worth telling.

    `later` is the short wait that another source than Spotify asked for.
    """

    def __init__(self, day: date, lake: Lake, left_ms: Callable[[], int]) -> None:
        self.asked: Counter[str] = Counter()
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.later: RateLimitedError | None = None
        self.clients = InvocationClients()
        self._day = day
        self._lake = lake
        self._left_ms = left_ms
        self._whole_ms = left_ms()

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
            if unknown and self.clients.spotify().now().date() != self._day:
                return  # a day that is made again costs no other day's requests
        try:
            self._ask(
                answers,
                batches(unknown, kind.per_request),
                lambda ids: ASK[kind.name](self.clients, ids),
                kind.name,
            )
        except RefusedError as error:
            told = self.notes if kind is ANALYSES else self.problems
            told.append(str(error))

    def ask_features(self, wanted: Iterable[str]) -> None:
        """Ask each source in turn about the tracks that nobody known so far knows.

        A track goes on to the next source where this one has said that it does not know it, or
        refuses to say anything. Raises what stops Spotify, after the other sources were asked.
        """
        features = FeatureAnswers(access.raw(), self._lake)
        told = features.told(month_of(self._day))
        unknown = [each for each in wanted if not told.knows(each)]
        sources = ordered(settings().feature_sources)
        refusals: list[str] = []
        stopped: SpotifyError | None = None
        for source in sources:
            due = [each for each in unknown if told.due(source.name, each, self._day)]
            try:
                self._ask_source(source, features.of[source.name], due, told)
            except ExpiredTokenError as error:
                self.problems.append(str(error))
            except RefusedError as error:
                refusals.append(str(error))
                continue
            except SpotifyError as error:
                if source.name == "spotify":
                    stopped = error
                elif isinstance(error, RateLimitedError) and error.retry_after <= LONG_WAIT_S:
                    self.later = error
                elif isinstance(error, RateLimitedError | UnavailableError):
                    self.notes.append(f"{error} The next run asks again.")
                else:
                    self.problems.append(str(error))
            unanswered = {each for each in due if told.due(source.name, each, self._day)}
            unknown = [each for each in unknown if each not in unanswered and not told.knows(each)]
        if len(refusals) < len(sources):  # somebody else can be asked: nothing has failed
            self.notes += [f"{each} The other sources are asked." for each in refusals]
        else:
            self.problems += refusals
        if stopped is not None:
            raise stopped

    def ask_genres(self) -> None:
        """Ask for the genres of artists of whom Spotify named none."""
        told = ask_genres(
            self.clients,
            access.raw(),
            self._lake,
            self._day,
            time_left=lambda: self._left_ms() >= ALL_UNTIL * self._whole_ms,
        )
        self.asked += told.asked
        self.notes += told.notes

    def _ask_source(
        self, source: FeatureSource, answers: Answers, due: Sequence[str], told: Told
    ) -> None:
        name = answers.kind.name
        if source.name != "spotify":
            name = f"{name}/{source.name}"
        months = told.by_month(due, month_of(self._day))
        self._ask(
            answers,
            [batch for ids in months for batch in batches(ids, source.ids_per_request)],
            lambda ids: source.ask(self.clients, ids),
            name,
            until=FEATURES_UNTIL,
            told=told,
        )

    def _ask(
        self,
        answers: Answers,
        wanted: Iterable[Sequence[str]],
        ask: Callable[[Sequence[str]], Answer],
        name: str,
        *,
        until: float = ALL_UNTIL,
        told: Told | None = None,
    ) -> None:
        """Ask batch by batch while time lasts; each answer is kept while the next is asked for."""
        bad = 0

        def keep(answer: Answer, batch: Sequence[str]) -> bool:
            try:
                rows = answers.keep(answer, batch, self._day)
            except BadAnswerError as error:
                self.problems.append(str(error))
                return False
            self.asked[name] += len(batch)
            for row in rows if told else ():
                told.add(row)
            return True

        with ThreadPoolExecutor(1) as keeper:
            kept: Future[bool] | None = None
            try:
                for batch in wanted:
                    if self._left_ms() < until * self._whole_ms:
                        self.notes.append(f"Time was up for {name}: the next run goes on.")
                        break
                    try:
                        answer = ask(batch)
                    except BadAnswerError as error:
                        self.problems.append(str(error))
                        answer = None
                    if kept is not None:
                        bad = 0 if kept.result() else bad + 1
                    kept = keeper.submit(keep, answer, batch) if answer else None
                    bad += answer is None
                    if bad >= BAD_ANSWERS:
                        break
            finally:
                if kept is not None:
                    kept.result()


def _analysis(clients: InvocationClients, track_id: str) -> Answer:
    """A track's analysis; that there is none is an answer too."""
    try:
        return clients.spotify().audio_analysis(track_id)
    except NotFoundError as error:
        if error.answer is None:
            raise
        return error.answer
