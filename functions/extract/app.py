"""Extract: one chart's answer of one day, asked once and kept as it came."""

from datetime import date, datetime, timedelta
from math import ceil
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, asking
from soundlake.chart_days import after
from soundlake.charts import next_page, read_playlist
from soundlake.observability import function
from soundlake.spotify.client import Spotify
from soundlake.spotify.errors import BadAnswerError, RateLimitedError, SpotifyError
from soundlake.store.objects import CorruptObjectError
from soundlake.times import parse_date, parse_time

PAGES = 10  # of 50 or 100 entries each: more than any chart has
DRAWN = 4  # requests that a chart draws at once: a token, its pages, and one that is tried again
EARLIER_DAYS = 14  # as far back as a chart's earlier answer is looked for

Attempts = dict[str, dict[int, list[str]]]  # by date and number: the pages' keys, in order


class DayUnavailableError(SpotifyError):
    """A day that Spotify does not show and of which no answer was kept."""


@function("Extract")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, again, not_before, requests}` to `{status: extracted, raw_keys, requests}`.

    An answer that is already there is used again; one that cannot be read is superseded by a new
    attempt, and so is one that was refused (`again`) while its day lasts; of a past day the latest
    whole attempt counts. `earlier_keys` is the latest answer of an earlier day, empty where there
    is none.

    Otherwise `{status: rate_limited or unreachable, retry_after, not_before}` (rate_limited also
    where the rest of the quota is left to captures), `{status: unavailable, error}` for a past day
    without an answer, or `{status: failed, error}`.
    `requests` adds up over the tries that a rate limit makes of one.
    """
    chart, day = event["chart"], parse_date(event["date"])
    spotify: Spotify | None = None
    try:
        attempts = _attempts(chart["chart"], day)
        tried = attempts.pop(day.isoformat(), {})
        number, kept, whole = _kept(tried, chart["playlist_id"])
        if event["again"] or not whole:
            spotify = asking.spotify(beside_captures=True, page=DRAWN)
            if not whole or spotify.now().date() == day:
                _not_before(spotify.now(), event["not_before"])
                attempt = f"{day.isoformat()}/{number + whole:03d}/"
                prefix = f"raw/charts/spotify/{chart['chart']}/{attempt}"
                try:
                    kept = _ask(spotify, chart["playlist_id"], day, prefix, kept)
                except DayUnavailableError:
                    if not (kept := _whole(tried, chart["playlist_id"])):
                        raise
        result: dict[str, Any] = {
            "status": "extracted",
            "raw_keys": kept,
            "earlier_keys": _latest(attempts[max(attempts)]) if attempts else [],
        }
    except DayUnavailableError as error:
        result = {"status": "unavailable", "error": str(error)}
    except access.FORESEEN as error:
        result = access.failure(error)
        if spotify is not None and "retry_after" in result:
            result["not_before"] = after(spotify.known_time(), result["retry_after"])
    return result | asking.counted(spotify, event["requests"])


def _attempts(chart: str, day: date) -> Attempts:
    """The kept pages of a chart's day and the days before it."""
    prefix = f"raw/charts/spotify/{chart}/"
    first, end = day - timedelta(days=EARLIER_DAYS), day + timedelta(days=1)
    attempts: Attempts = {}
    for key in access.raw().keys(prefix, f"{prefix}{first}/", f"{prefix}{end}/"):
        one, number, _ = key.removeprefix(prefix).split("/")
        attempts.setdefault(one, {}).setdefault(int(number), []).append(key)
    return attempts


def _latest(tried: dict[int, list[str]]) -> list[str]:
    return tried[max(tried)]


def _kept(tried: dict[int, list[str]], playlist_id: str) -> tuple[int, list[str], bool]:
    """The attempt to go on with, the pages that it has, and whether these are all."""
    if not tried:
        return 1, [], False
    number, pages = max(tried), _latest(tried)
    try:
        answers = [access.raw().need(key) for key in pages]
        read_playlist([answer.json for answer in answers], playlist_id)
    except (CorruptObjectError, BadAnswerError):
        return number + 1, [], False
    return number, pages, next_page(answers[-1].json, len(answers)) is None


def _whole(tried: dict[int, list[str]], playlist_id: str) -> list[str]:
    """The pages of the latest attempt that has them all; none where no attempt has."""
    for number in sorted(tried, reverse=True):
        _, pages, whole = _kept({number: tried[number]}, playlist_id)
        if whole:
            return pages
    return []


def _ask(spotify: Spotify, playlist_id: str, day: date, prefix: str, kept: list[str]) -> list[str]:
    """Ask for every page that is not `kept` yet, and keep each as it comes."""
    _same_day(spotify.now(), day)
    keys: list[str] = []
    url: str | None = None
    for number in range(1, PAGES + 1):
        key = f"{prefix}page-{number:02d}.json.gz"
        if key in kept:
            page = access.raw().need(key).json
        else:
            answer = spotify.page(url) if url else spotify.playlist(playlist_id)
            _same_day(answer.at, day)
            if number == 1:
                read_playlist([answer.json], playlist_id)
            # Nothing is kept that could not be gone on with.
            if following := next_page(answer.json, number):
                spotify.check_page(following)
            written = access.raw().write(key, answer)
            page = answer.json if written else access.raw().need(key).json
        keys.append(key)
        url = next_page(page, number)
        if url is None:
            return keys
    raise BadAnswerError(f"the playlist {playlist_id}: more than {PAGES} pages")


def _same_day(now: datetime, day: date) -> None:
    """Refuse to file Spotify's present chart under another date: it shows only today's."""
    if now.date() != day:
        raise DayUnavailableError(
            f"Spotify shows only today's chart ({now.date()}, UTC) and no answer of {day} was "
            "kept, so that day is unavailable."
        )


def _not_before(now: datetime, not_before: str | None) -> None:
    """Keep to what Spotify asked of an earlier run."""
    if not_before is not None and (left := parse_time(not_before) - now) > timedelta(0):
        raise RateLimitedError(ceil(left.total_seconds()))
