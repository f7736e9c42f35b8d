"""Providers: who gave a chart's day, and whose is kept where two gave one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from soundlake.times import naive_ms, parse_time

PLAYLIST = "spotify"  # Spotify's chart playlist, as its Web API shows it
CHART_FILE = "spotify_chart_file"  # a file that a person downloaded from charts.spotify.com
KWORB = "kworb"  # kworb.net's page of the chart

# The one to believe first comes first.
PREFERRED = (PLAYLIST, CHART_FILE, KWORB)
_NAMES = {PLAYLIST: "Spotify's own playlist", CHART_FILE: "a file", KWORB: "kworb.net"}
# One comes after another of the same day: the later one counts. An answer replaces an answer.
_LATER = {CHART_FILE: "a file", KWORB: "a page"}
_WHEN = frozenset({"chart_date", "observed_at", "raw_key"})


def why_kept(there: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a day's rows that are there stay in the place of those that were found, or None.

    Rows of one provider replace its own, but no earlier file or page a later one, in whichever
    order they come. `observed_at` may be ISO 8601 text (UTC) or a time without a zone (UTC).
    """
    if not there or not found:
        return None
    provider, before = found[0]["provider"], there[0]["provider"]
    if PREFERRED.index(before) < PREFERRED.index(provider):
        return f"{_NAMES[before]} has that day already, and is preferred to {_NAMES[provider]}"
    if provider == before and provider in _LATER:
        came, was_there = (_came(rows[0]) for rows in (found, there))
        if came < was_there:
            at = f"{was_there[0]:%Y-%m-%d %H:%M:%S} UTC"
            return f"{_LATER[provider]} that came later ({at}) has that day"
    return None


def shows_the_same(there: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a page shows what is there of its day already, from another page.

    The page that is there itself, loaded once more, is no other.
    """
    if not there or not found or {there[0]["provider"], found[0]["provider"]} != {KWORB}:
        return False
    return there[0]["raw_key"] != found[0]["raw_key"] and _shown(there) == _shown(found)


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What rows show, by position; what they have no value for does not count."""
    return [
        {name: value for name, value in row.items() if value is not None and name not in _WHEN}
        for row in sorted(rows, key=lambda row: row["position"])
    ]


def _came(row: Mapping[str, Any]) -> tuple[datetime, str]:
    """When it came; of two files in the same second one is the later one all the same."""
    at = row["observed_at"]
    return naive_ms(parse_time(at)) if isinstance(at, str) else at, row["raw_key"]
