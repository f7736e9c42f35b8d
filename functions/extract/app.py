"""Extract: one chart's answer of one day, asked once and kept as it came."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, asking
from soundlake.chart_days import after
from soundlake.charts import Chart
from soundlake.observability import function
from soundlake.settings import settings
from soundlake.sources.chart_source import (
    ChartSource,
    DayUnavailableError,
    NotServedError,
    Wanted,
)
from soundlake.sources.charts import ordered
from soundlake.spotify.errors import (
    BadAnswerError,
    ExpiredTokenError,
    MissingSecretError,
    NoPremiumError,
    NotFoundError,
    NotRegisteredError,
    NotYourTurnError,
    RefusedError,
    SpotifyError,
)
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import RawAnswer
from soundlake.times import parse_date, parse_time

DRAWN = 4  # requests that a chart draws at once: a token, its pages, and one that is tried again
EARLIER_DAYS = 14  # as far back as a chart's earlier answer is looked for
BY_HAND = "Download it at charts.spotify.com and ./soundlake import it"
ELSEWHERE = ", or choose kworb (docs/sources.md)"

# What became of a source that does not have the chart, and of the chart where none has it.
FAILED, UNAVAILABLE, UNSERVED = "failed", "unavailable", "unserved"
# After these the next source is asked: each is about the one that was asked alone.
PASSED = (DayUnavailableError, NotServedError, NotFoundError, RefusedError, MissingSecretError)

Attempts = dict[str, dict[int, list[str]]]  # by date and number: the pages' keys, in order


@function("Extract")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, again, not_before, requests, passed, execution}` to `{status, raw_keys, ...}`.

    The sources are asked in their order, until one shows the chart. An answer that is already there
    is used again; one that cannot be read is superseded by a new attempt, and so is one that is to
    be asked for `again`, while its day lasts; of a past day the latest whole attempt counts.
    `earlier_keys` is the source's latest answer of an earlier day, empty where there is none.

    Otherwise `{status: rate_limited or unreachable, retry_after, not_before}` (rate_limited also
    where the rest of the quota is left to captures), `{status: unavailable, error}` for a past day
    without an answer, `{status: unserved, error}` where no source may be asked or has the chart, or
    `{status: failed, error}`. `not_before` is Spotify's; that of others is in the budget. `turn`:
    nothing was asked, since others who ask that source come first.
    `requests` adds up over the tries that a rate limit makes of one. `passed`, with a wait, is what
    the sources said that do not have the chart: the next try asks them no more.
    """
    work = _Work(event)
    try:
        result = work.extract()
    except DayUnavailableError as error:
        result = {"status": UNAVAILABLE, "error": str(error)}
    except NotServedError as error:
        result = {"status": UNSERVED, "error": access.small(str(error))}
    except access.FORESEEN as error:
        result = access.failure(error)
        spotify = work.clients.asked_spotify
        if "retry_after" in result:
            result["passed"] = work.passed
        if isinstance(error, NotYourTurnError):
            result["turn"] = True
        if work.asking == "spotify" and spotify is not None and "retry_after" in result:
            result["not_before"] = after(spotify.known_time(), result["retry_after"])
    return result | work.clients.counted(event["requests"])


class _Work:
    """One chart's day; `asking` is the source that is asked now, `passed` what others said."""

    def __init__(self, event: dict[str, Any]) -> None:
        not_before = event["not_before"]
        execution = event.get("execution")  # a run that began before an update names none
        self.clients = asking.InvocationClients(DRAWN, spaced=False, execution=execution)
        self.asking: str | None = None
        self.passed: dict[str, dict[str, str]] = dict(event.get("passed", {}))
        self._chart = Chart(**event["chart"], enabled=True)
        self._day = parse_date(event["date"])
        self._again = event["again"]
        self._raw = access.raw(execution)
        self._wanted = Wanted(
            self._chart, self._day, parse_time(not_before) if not_before else None
        )

    def extract(self) -> dict[str, Any]:
        """The first source's answer that there is; raises what kept the others from answering."""
        sources = ordered(settings().chart_sources)
        for source in sources:
            if source.name in self.passed:
                continue
            try:
                if (found := self._from(source)) is not None:
                    return found
                why_not = source.why_not(self.clients, self._chart)
                self._pass(source, NotServedError(str(why_not)))
            except ExpiredTokenError:
                raise
            except PASSED as error:
                self._pass(source, error)
        raise self._not_had([self.passed[source.name] for source in sources])

    def _pass(self, source: ChartSource, error: Exception) -> None:
        """Go on to the next source, with what this one said."""
        status = FAILED
        if isinstance(error, DayUnavailableError | NotServedError):
            status = UNAVAILABLE if isinstance(error, DayUnavailableError) else UNSERVED
        elif source.name == "spotify" and not isinstance(
            error, MissingSecretError | NoPremiumError | NotRegisteredError
        ):
            asking.doubted()
        self.passed[source.name] = {"status": status, "error": access.small(str(error))}

    def _not_had(self, told: list[dict[str, str]]) -> SpotifyError:
        """What is said of a chart that no source has: what failed counts most."""
        for status, kind in ((FAILED, SpotifyError), (UNAVAILABLE, DayUnavailableError)):
            for each in told:
                if each["status"] == status:
                    return kind(each["error"])
        elsewhere = ELSEWHERE if list(self.passed) == ["spotify"] else ""
        refusals = " ".join(each["error"] for each in told)
        return NotServedError(f"{refusals} {BY_HAND}{elsewhere}.")

    def _from(self, source: ChartSource) -> dict[str, Any] | None:
        """A source's answer, kept before or asked for now; None where it may not be asked."""
        attempts = self._attempts(source)
        tried = attempts.pop(self._day.isoformat(), {})
        number, kept, whole = self._kept(source, tried)
        if self._again or not whole:
            self.asking = source.name
            try:
                if source.why_not(self.clients, self._chart) is None:
                    kept = self._ask(source, number + whole, [] if whole else kept)
                elif not (kept := self._whole(source, tried)):
                    return None
            except (DayUnavailableError, MissingSecretError):
                if not (kept := self._whole(source, tried)):
                    raise
        return {
            "status": "extracted",
            "raw_keys": [page.key for page in kept],
            "earlier_keys": _latest(attempts[max(attempts)]) if attempts else [],
        }

    def _prefix(self, source: ChartSource) -> str:
        return f"raw/charts/{source.name}/{self._chart.chart}/"

    def _attempts(self, source: ChartSource) -> Attempts:
        """The kept pages of the chart's day and the days before it."""
        prefix = self._prefix(source)
        first, end = self._day - timedelta(days=EARLIER_DAYS), self._day + timedelta(days=1)
        attempts: Attempts = {}
        for key in self._raw.keys(prefix, f"{prefix}{first}/", f"{prefix}{end}/"):
            one, number, _ = key.removeprefix(prefix).split("/")
            attempts.setdefault(one, {}).setdefault(int(number), []).append(key)
        return attempts

    def _kept(
        self, source: ChartSource, tried: dict[int, list[str]]
    ) -> tuple[int, list[RawAnswer], bool]:
        """The attempt to go on with, the pages that it has, and whether these are all."""
        if not tried:
            return 1, [], False
        number = max(tried)
        try:
            pages = [self._raw.need(key) for key in tried[number]]
            return number, pages, source.whole(pages, self._chart)
        except (CorruptObjectError, BadAnswerError):
            return number + 1, [], False

    def _whole(self, source: ChartSource, tried: dict[int, list[str]]) -> list[RawAnswer]:
        """The pages of the latest attempt that has them all; none where no attempt has."""
        for number in sorted(tried, reverse=True):
            _, pages, whole = self._kept(source, {number: tried[number]})
            if whole:
                return pages
        return []

    def _ask(self, source: ChartSource, number: int, pages: list[RawAnswer]) -> list[RawAnswer]:
        """Ask for every page that is not kept yet, and keep each as it comes."""
        attempt = f"{self._prefix(source)}{self._day.isoformat()}/{number:03d}/"
        while (answer := source.ask(self.clients, self._wanted, pages)) is not None:
            key = f"{attempt}page-{len(pages) + 1:02d}.{source.ending}"
            if self._raw.write(key, answer):
                pages = [*pages, RawAnswer(key, answer.json, answer.at, answer.body)]
            else:
                pages = [*pages, self._raw.need(key)]
        return pages


def _latest(tried: dict[int, list[str]]) -> list[str]:
    return tried[max(tried)]
