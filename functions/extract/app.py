"""Extract: one chart's answer of one day, asked once and kept as it came."""

from datetime import date, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, asking
from soundlake.charts import read_playlist
from soundlake.observability import function
from soundlake.spotify.client import Spotify
from soundlake.spotify.errors import BadAnswerError, SpotifyError
from soundlake.spotify.models import Page, Playlist
from soundlake.store.objects import CorruptObjectError
from soundlake.times import parse_date

PAGES = 10  # of 50 or 100 entries each: more than any chart has


@function("Extract")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, requests}` to `{status: extracted, raw_keys, requests}`.

    An answer that is already there is used again; one that cannot be read is superseded by a new
    attempt. Otherwise `{status: rate_limited or unavailable, retry_after}` or `{status: failed,
    error}`. `requests` adds up over the tries that a rate limit makes of one.
    """
    chart = event["chart"]
    spotify: Spotify | None = None
    try:
        day = parse_date(event["date"])
        prefix = f"raw/charts/spotify/{chart['chart']}/{day.isoformat()}/"
        attempt, kept, whole = _kept(prefix, chart["playlist_id"])
        if not whole:
            spotify = asking.spotify()
            kept = _ask(spotify, chart["playlist_id"], day, f"{prefix}{attempt:03d}/", kept)
        result: dict[str, Any] = {"status": "extracted", "raw_keys": kept}
    except access.FORESEEN as error:
        result = access.failure(error)
    return result | access.counted(spotify, event.get("requests"))


def _kept(prefix: str, playlist_id: str) -> tuple[int, list[str], bool]:
    """The attempt to go on with, the keys that it has, and whether these are all."""
    keys = access.raw().keys(prefix)
    if not keys:
        return 1, [], False
    attempt = int(keys[-1].removeprefix(prefix).split("/")[0])
    pages = [key for key in keys if key.startswith(f"{prefix}{attempt:03d}/")]
    try:
        answers = [access.raw().need(key) for key in pages]
        read_playlist([answer.json for answer in answers], playlist_id)
    except (CorruptObjectError, BadAnswerError):
        return attempt + 1, [], False
    return attempt, pages, _next_page(answers[-1].json, len(answers)) is None


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
            if following := _next_page(answer.json, number):
                spotify.check_page(following)
            written = access.raw().write(key, answer)
            page = answer.json if written else access.raw().need(key).json
        keys.append(key)
        url = _next_page(page, number)
        if url is None:
            return keys
    raise BadAnswerError(f"the playlist {playlist_id}: more than {PAGES} pages")


def _next_page(answer: Any, number: int) -> str | None:
    if number == 1:
        return Playlist.read(answer, "the playlist").page.next
    return Page.read(answer, "the playlist's page").next


def _same_day(now: datetime, day: date) -> None:
    """Refuse to file Spotify's present chart under another date: it shows only today's."""
    if now.date() != day:
        raise SpotifyError(
            f"Spotify shows only today's chart ({now.date()}, UTC) and no answer of {day} was "
            "kept, so that day is unavailable."
        )
