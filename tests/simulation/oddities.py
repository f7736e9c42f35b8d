"""Odd rows of recently played: valid ones that are no plain tracks, and unreadable ones."""

import random
from typing import Any

from tests.simulation.model import Heard, Life, Run

GARBLED = ("null", "null track", "no ids", "no time", "other time")
TIMED = ("null track", "no ids")  # of which Spotify still says when they were played

Row = dict[str, Any]


def odd_uri(uri: str, number: int) -> str:
    """The URI of a track number, whose track has this one; some are no tracks."""
    match number % 40:
        case 7:
            return uri.replace("spotify:track:", "spotify:local:::")
        case 8:
            return uri.replace("spotify:track:", "spotify:episode:")
    return uri


def garbled(life: Life, run: Run) -> dict[int, str]:
    """Which places of a run's page cannot be read, and how each; none where nothing is wrong."""
    if not run.garbled:
        return {}
    rng = random.Random(f"{life.seed}|{run.name}|garbled")
    share = rng.choice([0.02, 0.2, 0.9])
    places = range(len(life.page(run)))
    return {place: rng.choice(GARBLED) for place in places if rng.random() < share}


def readable(life: Life, run: Run) -> tuple[list[tuple[Heard, int]], dict[int, str]]:
    """The rows of a run's page that can be read, and the numbers of the plays of the others."""
    wrong, page = garbled(life, run), life.page(run)
    good = [row for place, row in enumerate(page) if place not in wrong]
    return good, {page[place][0].number: how for place, how in wrong.items()}


def as_shown(row: Row, number: int, *, seconds: bool = False, how: str | None = None) -> Any:
    """The row of a plain track as Spotify shows it of a track number, and garbled how."""
    shown = _odd(row, number)
    if seconds:
        shown["played_at"] = shown["played_at"].partition(".")[0].rstrip("Z") + "Z"
    return _garbled(shown, how) if how else shown


def _odd(row: Row, number: int) -> Row:
    """A copy of a row, as a track number has it: a local file, an episode, or with little said."""
    track = dict(row["track"])
    ident = track["id"]
    track["uri"] = odd_uri(track["uri"], number)
    match number % 40:
        case 7:
            track |= {"id": None, "is_local": True, "album": None}
        case 8:
            del track["album"], track["artists"]
            track |= {"type": "episode", "show": {"id": "show", "name": "A show"}}
        case 9:
            track = {"id": ident, "unknown": [{}]}
        case 10:
            track |= {"name": None, "artists": None, "duration_ms": None, "explicit": None}
    return row | {"track": track}


def _garbled(row: Row, how: str) -> Any:
    match how:
        case "null":
            return None
        case "null track":
            return row | {"track": None}
        case "no ids":
            return row | {"track": {"name": "Somebody knows"}}
        case "no time":
            return {"track": row["track"]}
    return row | {"played_at": "just now"}
