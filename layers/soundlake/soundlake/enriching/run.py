"""One run of Enrich: what the lake names and nobody has told yet is asked for, in order.

First the sources of audio features that are preferred to Spotify, then Spotify, then the other
sources, then analyses. Whatever a run does not come to stays in the queue.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date

from soundlake import access
from soundlake.abilities import Ability
from soundlake.asking import InvocationClients
from soundlake.enriching import queue
from soundlake.enriching.allowed import SPOTIFY, Allowed
from soundlake.enriching.drain import Drain, Request, Requests
from soundlake.enriching.genres import ask_genres
from soundlake.enriching.lookups import CATALOGUE, Lookups
from soundlake.enriching.wanted import KINDS, Wanted
from soundlake.settings import settings
from soundlake.sources.base import FeatureSource
from soundlake.sources.web import LONG_WAIT_S
from soundlake.spotify.errors import (
    ExpiredTokenError,
    RateLimitedError,
    RefusedError,
    ReservedError,
    SpotifyError,
    UnavailableError,
)
from soundlake.store.lake import Lake, Row
from soundlake.store.queue import QueueStore
from soundlake.times import month_of

# Shares of the invocation's time: who is asked first gets the first half, and with a quarter left,
# more than the longest request takes, nothing new is asked for. The next run goes on.
FIRST_UNTIL = 1 / 2
ALL_UNTIL = 1 / 4


class Run:
    """One run: `asked` counts the ids that were answered, `left` those that wait, by kind.

    `problems` make the run fail, `notes` are worth telling. Answers are kept in the name of the
    `execution`.
    """

    def __init__(
        self, day: date, lake: Lake, left_ms: Callable[[], int], execution: str | None
    ) -> None:
        self.left: dict[str, int] = {}
        self.clients = InvocationClients(execution=execution)
        self._day, self._lake = day, lake
        self._raw = access.raw(execution)
        self._allowed = Allowed()
        self._drain = Drain(day, left_ms, self._kept)
        self.asked, self.problems, self.notes = (
            self._drain.asked,
            self._drain.problems,
            self._drain.notes,
        )

    def go(self) -> None:
        """Ask for what waits, and put the queue back, whatever stopped the asking.

        Raises SpotifyError where the machine can wait and ask again, or where Spotify cannot be
        asked at all; and CorruptObjectError or SchemaError on a table, MissingSecretError.
        """
        self._wanted = Wanted(self._day, self._lake, self._raw, self._allowed)
        self.problems += self._wanted.problems
        self.notes += self._wanted.notes
        self.notes += self._allowed.sentences() if self._wanted.anything else ()
        try:
            if self._wanted.order:
                self._ask()
        except access.FORESEEN:
            self.left = self._wanted.put_back(self._drain.badly)
            raise
        self.left = self._wanted.put_back(self._drain.badly)

    def ask_genres(self) -> None:
        """Ask others than Spotify for the genres of artists of whom it has named none."""
        told = ask_genres(
            self.clients,
            self._raw,
            self._lake,
            QueueStore(access.bucket()),
            self._day,
            time_left=lambda: self._drain.has_time(ALL_UNTIL),
        )
        self.asked.update(told.asked)
        self.notes += told.notes
        if told.left:
            self.left |= {"genres": told.left}

    def _ask(self) -> None:
        self._lookups = Lookups(several=self._allowed.may(Ability.SEVERAL))
        self._held: set[str] = set()  # tracks that a preferred source has still to be asked about
        self._refusals: list[str] = []
        self._later: RateLimitedError | None = None
        sources = self._allowed.sources()
        names = [source.name for source in sources]
        place = names.index(SPOTIFY) if SPOTIFY in names else len(names)
        for source in sources[:place]:
            self._ask_source(source, FIRST_UNTIL)
        after = sources[place + 1 :]
        until = FIRST_UNTIL if after else ALL_UNTIL
        stopped = self._ask_spotify(next(iter(sources[place:]), None), until)
        for source in after:
            self._ask_source(source, ALL_UNTIL)
        if len(self._refusals) < len(sources):  # somebody else can be asked: nothing has failed
            self.notes += [f"{each} The other sources are asked." for each in self._refusals]
        else:
            self.problems += self._refusals
        stopped = stopped or self._ask_analyses()
        if isinstance(stopped, ReservedError):
            self.notes.append(access.small(str(stopped)))
        elif isinstance(stopped, RateLimitedError) and stopped.retry_after > LONG_WAIT_S:
            self.notes.append(f"{stopped} What is left stays in the queue.")  # no machine waits
        elif stopped is not None:
            raise stopped
        if self._later is not None:
            raise self._later

    def _ask_source(self, source: FeatureSource, until: float) -> None:
        """Ask a source about the tracks that nobody known so far knows."""
        due = self._wanted.due_of(source, self._held)
        try:
            self._drain.ask(self._requests(self._in_order(due), source), until)
        except ExpiredTokenError as error:
            self.problems.append(str(error))
        except RefusedError as error:
            self._refusals.append(str(error))
            return
        except RateLimitedError as error:
            if error.retry_after <= LONG_WAIT_S:
                self._later = error
            else:
                self.notes.append(f"{error} The next run asks again.")
        except UnavailableError as error:
            self.notes.append(f"{error} The next run asks again.")
        except SpotifyError as error:
            self.problems.append(str(error))
        self._held |= self._wanted.still_due(source, due)

    def _ask_spotify(self, source: FeatureSource | None, until: float) -> SpotifyError | None:
        """Ask Spotify for tracks, artists and albums, and for features where it is the source.

        Returns what stopped it: then it is asked nothing more in this run.
        """
        if not self._allowed.may(Ability.CATALOGUE):
            return None
        due = self._wanted.due_of(source, self._held) if source else set[str]()
        todo = self._requests(self._in_order(due, (*CATALOGUE, queue.NAMES)), source)
        stopped, refusals = None, len(self._refusals)
        try:
            self._drain.ask(todo, until, self._refused)
        except SpotifyError as error:
            stopped = error
        if source and len(self._refusals) == refusals:  # else the others are asked at once
            self._held |= self._wanted.still_due(source, due)
        return stopped

    def _refused(self, request: Request, error: RefusedError, todo: Requests) -> Requests:
        """What is asked of Spotify after a refusal; what it says of the app is noted."""
        others = deque(each for each in todo if each.kind != request.kind)
        forbidden = type(error) is RefusedError  # and not the token, the owner or the user
        if request.kind == queue.FEATURES:
            if forbidden:
                self._allowed.refuse(Ability.AUDIO_FEATURES, error)
            expired = isinstance(error, ExpiredTokenError)
            told = self.problems if expired else self._refusals
            told.append(str(error))
            return others
        if request.kind == queue.NAMES and forbidden:
            self.notes.append(f"No names were searched for: {error}")
            return others
        if not forbidden:
            self.problems.append(str(error))
            return others
        if self._lookups.several:
            self._allowed.refuse(Ability.SEVERAL, error)
            self._lookups.several = False
            left = {(each.kind, one) for each in (request, *todo) for one in each.ids}
            spotify = [each for each in self._allowed.sources() if each.name == SPOTIFY]
            wanted = [each for each in self._wanted.order if each in left]
            return self._requests(wanted, next(iter(spotify), None))
        self._allowed.refuse(Ability.CATALOGUE, error)
        self.notes.append(str(error))
        return deque()

    def _ask_analyses(self) -> SpotifyError | None:
        """Ask for analyses: one request each, so no more a day than the stack's parameter says.

        And only while that day lasts: one that is made again costs no other day's requests.
        """
        room = int(settings().analyses_per_day)
        room -= self._wanted.answers[queue.ANALYSES].kept_on(self._day)
        wanted = self._in_order((), [queue.ANALYSES])[: max(room, 0)]
        if not wanted or not self._allowed.analyses():
            return None
        try:
            if self.clients.spotify().now().date() != self._day:
                return None
            self._drain.ask(self._requests(wanted, None), ALL_UNTIL)
        except RefusedError as error:
            if type(error) is RefusedError:
                self._allowed.refuse(Ability.AUDIO_ANALYSIS, error)
            self.notes.append(str(error))
        except SpotifyError as error:
            return error
        return None

    def _in_order(
        self, features: Collection[str], kinds: Collection[str] = ()
    ) -> list[queue.Wanted]:
        """What waits of these kinds, and the features of these tracks, in order."""
        return [
            (kind, each)
            for kind, each in self._wanted.order
            if (each in features if kind == queue.FEATURES else kind in kinds)
        ]

    def _requests(self, wanted: Sequence[queue.Wanted], source: FeatureSource | None) -> Requests:
        """The requests that ask for these, features of this source."""
        sizes = {
            name: kind.per_request if self._lookups.several else 1 for name, kind in KINDS.items()
        }
        lanes: dict[str, int] = {}
        if source is not None:
            sizes[queue.FEATURES] = source.ids_per_request
            features = [each for kind, each in wanted if kind == queue.FEATURES]
            months = self._wanted.told.by_month(features, month_of(self._day))
            lanes = {each: lane for lane, ids in enumerate(months) for each in ids}
        batches = queue.in_batches(wanted, sizes, lanes)
        return deque(self._request(kind, ids, source) for kind, ids in batches)

    def _request(self, kind: str, ids: Sequence[str], source: FeatureSource | None) -> Request:
        if kind == queue.FEATURES and source is not None:
            answers = self._wanted.features.of[source.name]
            name = answers.kind.name
            name = name if source.name == SPOTIFY else f"{name}/{source.name}"
            return Request(kind, ids, name, answers, lambda ids: source.ask(self.clients, ids))
        answers = self._wanted.answers[kind]
        if kind == queue.NAMES:
            search = self._wanted.names.search
            return Request(
                kind,
                ids,
                answers.kind.name,
                answers,
                lambda ids: search(self.clients.spotify(), ids[0]),
                alone=True,
            )
        return Request(
            kind,
            ids,
            answers.kind.name,
            answers,
            lambda ids: self._lookups.ask(self.clients.spotify(), kind, ids),
            alone=kind == queue.ANALYSES or not self._lookups.several,
        )

    def _kept(self, request: Request, rows: Iterable[Row]) -> None:
        if request.kind == queue.FEATURES:
            for row in rows:
                self._wanted.told.add(row)
        else:
            self._wanted.answered[request.kind] |= set(request.ids)
