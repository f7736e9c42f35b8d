"""Asking one request after the other, and keeping each answer while the next is asked."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from soundlake.enriching.queue import Wanted
from soundlake.sources.web import Answer
from soundlake.spotify.errors import BadAnswerError, NotFoundError, RefusedError
from soundlake.store.answers import Answers
from soundlake.store.lake import Row

BAD_ANSWERS = 3  # in a row: who answers so is not asked again in this run


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the ids of a kind that it asks about, and where its answer is kept.

    `alone`: it is about one id, and has an address of its own.
    """

    kind: str
    ids: Sequence[str]
    name: str
    answers: Answers
    ask: Callable[[Sequence[str]], Answer]
    alone: bool = False


Requests = deque[Request]


class Drain:
    """One run's asking: `asked` counts the ids that were answered, by the request's name.

    `problems` are sentences on what was no answer, `badly` the kind and id of what that was about,
    `notes` are on what was not asked. `kept` is called with each answer's request and rows.
    """

    def __init__(
        self, day: date, left_ms: Callable[[], int], kept: Callable[[Request, list[Row]], None]
    ) -> None:
        self.asked: Counter[str] = Counter()
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.badly: list[Wanted] = []
        self._day, self._kept = day, kept
        self._left_ms, self._whole_ms = left_ms, left_ms()
        self._bad: Counter[str] = Counter()

    def has_time(self, until: float) -> bool:
        """Whether more than this share of the invocation's time is left."""
        return self._left_ms() >= until * self._whole_ms

    def ask(
        self,
        todo: Requests,
        until: float,
        refused: Callable[[Request, RefusedError, Requests], Requests] | None = None,
    ) -> None:
        """Ask until only this share of the invocation's time is left.

        `refused` says what is asked after a refusal; without it, it is raised. Raises SpotifyError.
        """
        with ThreadPoolExecutor(1) as keeper:
            keeping: Future[None] | None = None
            try:
                while todo:
                    if not self.has_time(until):
                        self._time_is_up(todo)
                        break
                    request = todo.popleft()
                    if keeping is not None and self._bad[request.name] == BAD_ANSWERS - 1:
                        keeping.result()  # it may be the last one
                        keeping = None
                    if self._bad[request.name] >= BAD_ANSWERS:
                        continue
                    try:
                        answer = self._answer(request)
                    except RefusedError as error:
                        if refused is None:
                            raise
                        todo = refused(request, error, todo)
                        continue
                    if keeping is not None:
                        keeping.result()
                        keeping = None
                    if isinstance(answer, str):
                        self._no_answer(request, answer)
                    else:
                        keeping = keeper.submit(self._keep, request, answer)
            finally:
                if keeping is not None:
                    keeping.result()

    def _time_is_up(self, todo: Requests) -> None:
        names = dict.fromkeys(each.name for each in todo)
        self.notes += [f"Time was up for {each}: the next run goes on." for each in names]

    def _answer(self, request: Request) -> Answer | str:
        """The answer, or why there is none that could be kept."""
        try:
            return request.ask(request.ids)
        except BadAnswerError as error:
            return str(error)
        except NotFoundError as error:
            if not request.alone:
                raise
            return str(error)

    def _keep(self, request: Request, answer: Answer) -> None:
        try:
            rows = request.answers.keep(answer, request.ids, self._day)
        except BadAnswerError as error:
            self._no_answer(request, str(error))
            return
        self._bad[request.name] = 0
        self.asked[request.name] += len(request.ids)
        self._kept(request, rows)

    def _no_answer(self, request: Request, why: str) -> None:
        self.problems.append(why)
        self.badly += [(request.kind, each) for each in request.ids]
        self._bad[request.name] += 1
