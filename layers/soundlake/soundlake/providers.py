"""Providers: who gave a chart's day, and whose is kept where two gave one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from soundlake.times import naive_ms, parse_time

PLAYLIST = "spotify"  # Spotify's chart playlist, as its Web API shows it
CHART_FILE = "spotify_chart_file"  # a file that a person downloaded from charts.spotify.com

# The one to believe first comes first.
PREFERRED = (PLAYLIST, CHART_FILE)


def why_kept(there: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a day's rows that are there stay in the place of those that were found, or None.

    Rows of one provider replace its own, but no earlier file a later one, in whichever order they
    come. `observed_at` may be ISO 8601 text (UTC) or a time without a zone (UTC).
    """
    if not there or not found:
        return None
    ours, theirs = (PREFERRED.index(rows[0]["provider"]) for rows in (found, there))
    if theirs < ours:
        return "Spotify's own playlist has that day already, and is preferred to a file"
    if found[0]["provider"] == there[0]["provider"] == CHART_FILE:
        came, was_there = (_came(rows[0]) for rows in (found, there))
        if came < was_there:
            return f"a file that came later ({was_there[0]:%Y-%m-%d %H:%M:%S} UTC) has that day"
    return None


def _came(row: Mapping[str, Any]) -> tuple[datetime, str]:
    """When a file came; of two in the same second one is the later one all the same."""
    at = row["observed_at"]
    return naive_ms(parse_time(at)) if isinstance(at, str) else at, row["raw_key"]
