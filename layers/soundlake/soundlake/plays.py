"""Plays: what a listener heard, derived from observations by a pure function.

An observation is one row that one source gave about one play. Observations are only ever added;
plays are derived from them, so a better rule or a late arrival never loses anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import PlayedItem, RecentlyPlayed, Track
from soundlake.times import TimeError, naive_ms, parse_time

SOURCE = "spotify_recently_played"
SHORTEST = timedelta(seconds=30)  # a shorter play is not listed

Row = dict[str, Any]
Identity = tuple[str, str, datetime, str]


@dataclass(frozen=True, slots=True)
class CapturedPage:
    """One page of recently played tracks: its observations, and the rows that could not be read."""

    raw_key: str
    capture_id: str
    captured_at: datetime
    observed_at: datetime
    observations: list[Row]
    problems: list[str]


def read_page(
    answer: Any,
    *,
    account: str,
    raw_key: str,
    capture_id: str,
    captured_at: datetime,
    observed_at: datetime,
) -> CapturedPage:
    """Turn one answer of recently played into observations (times UTC, without zone, in ms).

    A row that cannot be read is named in `problems` and does not disturb the others. Raises
    BadAnswerError when the answer is not a page at all.
    """
    page = RecentlyPlayed.read(answer, "recently played")
    observations: list[Row] = []
    problems: list[str] = []
    for place, item in enumerate(page.items, 1):
        try:
            played = PlayedItem.read(item, f"row {place}")
            observations.append(_observation(played, account, raw_key))
        except BadAnswerError as error:
            problems.append(str(error))
        except TimeError as error:
            problems.append(f"row {place}: played_at: {error}")
    return CapturedPage(
        raw_key=raw_key,
        capture_id=capture_id,
        captured_at=captured_at,
        observed_at=observed_at,
        observations=observations,
        problems=problems,
    )


def read_tracks(answer: Any) -> list[Track]:
    """The tracks that one answer of recently played shows; rows that cannot be read show none.

    Raises BadAnswerError when the answer is not a page at all.
    """
    tracks = []
    for place, item in enumerate(RecentlyPlayed.read(answer, "recently played").items, 1):
        with suppress(BadAnswerError):
            tracks.append(PlayedItem.read(item, f"row {place}").track)
    return tracks


def _observation(played: PlayedItem, account: str, raw_key: str) -> Row:
    track = played.track
    return {
        "account": account,
        "source": SOURCE,
        "time": naive_ms(parse_time(played.played_at)),
        "time_meaning": "unknown",  # Spotify does not say whether a play's start or its end
        "time_precision": "ms",
        "uri": track.uri,
        "track_name": track.name,
        "artist_names": [artist.name for artist in track.artists],
        "artist_ids": [artist.id for artist in track.artists],
        "album_name": track.album.name,
        "album_id": track.album.id,
        "duration_ms": track.duration_ms,
        "explicit": track.explicit,
        "ms_played": None,
        "reason_start": None,
        "reason_end": None,
        "shuffle": None,
        "skipped": None,
        "offline": None,
        "platform": None,
        "country": None,
        "context_type": played.context.type if played.context else None,
        "context_uri": played.context.uri if played.context else None,
        "raw_keys": [raw_key],
    }


def identity(observation: Mapping[str, Any]) -> Identity:
    """What makes two observations the same one: account, source, time to the ms, and URI."""
    return (
        observation["account"],
        observation["source"],
        observation["time"],
        observation["uri"],
    )


def merge(known: Iterable[Row], seen: Iterable[Row]) -> list[Row]:
    """The known observations and the newly seen ones, each once, by time and URI.

    An observation names the first page that showed it, in the order of the pages' keys and not
    of their derivation: so an overlap adds nothing, and what order pages are derived in is all one.
    """
    merged = {identity(row): row for row in known}
    for row in seen:
        earlier = merged.setdefault(identity(row), row)
        if row["source"] == SOURCE and min(row["raw_keys"]) < min(earlier["raw_keys"]):
            merged[identity(row)] = row
    return sorted(merged.values(), key=lambda row: (row["time"], row["uri"], row["source"]))


def derive_plays(observations: Iterable[Row]) -> list[Row]:
    """The plays that these observations are evidence of, by time and URI.

    Captured observations of one track less than 30 s apart are one play, at the earliest of their
    times: Spotify lists no shorter play, so the second is the first one read again.
    """
    plays: list[Row] = []
    latest: dict[tuple[str, str], Row] = {}
    for row in sorted(observations, key=lambda row: (row["time"], row["uri"], row["source"])):
        known = latest.get((row["account"], row["uri"]))
        if known is None or row["source"] != SOURCE or row["time"] - known["played_at"] >= SHORTEST:
            play = _play(row)
            plays.append(play)
            if row["source"] == SOURCE:
                latest[row["account"], row["uri"]] = play
        else:
            known["evidence"] = sorted({*known["evidence"], *row["raw_keys"]})
    return sorted(plays, key=lambda play: (play["played_at"], play["uri"]))


def _play(row: Row) -> Row:
    return {
        "account": row["account"],
        "played_at": row["time"],
        "uri": row["uri"],
        "track_id": track_id(row["uri"]),
        "track_name": row["track_name"],
        "artist_names": row["artist_names"],
        "artist_ids": row["artist_ids"],
        "album_name": row["album_name"],
        "album_id": row["album_id"],
        "duration_ms": row["duration_ms"],
        "explicit": row["explicit"],
        "ms_played": row["ms_played"],
        "context_type": row["context_type"],
        "context_uri": row["context_uri"],
        "sources": [row["source"]],
        "evidence": row["raw_keys"],
    }


def track_id(uri: str) -> str | None:
    """The id in `spotify:track:<id>`; null for local files, episodes and anything else."""
    prefix = "spotify:track:"
    return uri.removeprefix(prefix) if uri.startswith(prefix) else None


def capture_row(page: CapturedPage, account: str, observations: Sequence[Row]) -> Row:
    """The row of `captures` for one page, given all observations around it.

    `new` counts the observations that this page showed first, `late` those of them that are older
    than what an earlier page had shown already; `fresh_oldest` is the earliest of the others.
    `reached` is the earliest page that showed one of this page's plays first: null where it shares
    none. All is a pure function of the page and of what each observation names as its first page,
    so deriving it again gives the same row.
    """
    first = {
        identity(row): min(row["raw_keys"])
        for row in observations
        if row["account"] == account and row["source"] == SOURCE
    }
    shown = {identity(row) for row in page.observations}
    own = [each for each, key in first.items() if key == page.raw_key]
    before = [at for (_, _, at, _), key in first.items() if key < page.raw_key]
    newest = max(before, default=None)
    late = [at for _, _, at, _ in own if newest is not None and at < newest]
    fresh = [at for _, _, at, _ in own if newest is None or at >= newest]
    shared = [first[each] for each in shown if first.get(each, page.raw_key) < page.raw_key]
    times = [row["time"] for row in page.observations]
    rows = len(page.observations) + len(page.problems)
    return {
        "account": account,
        "capture_id": page.capture_id,
        "captured_at": naive_ms(page.captured_at),
        "observed_at": naive_ms(page.observed_at),
        "outcome": "captured" if rows else "empty",
        "page": rows,
        "new": len(own),
        "late": len(late),
        "known": len(shown) - len(own),
        "invalid": len(page.problems),
        "oldest": min(times, default=None),
        "newest": max(times, default=None),
        "error": "; ".join(page.problems) or None,
        "raw_key": page.raw_key,
        "fresh_oldest": min(fresh, default=None),
        "late_oldest": min(late, default=None),
        "late_newest": max(late, default=None),
        "reached": min(shared, default=None),
    }


def failed_capture_row(
    account: str, *, capture_id: str, captured_at: datetime, outcome: str, error: str
) -> Row:
    """The row of `captures` for an attempt that brought no page."""
    return {
        "account": account,
        "capture_id": capture_id,
        "captured_at": naive_ms(captured_at),
        "observed_at": None,
        "outcome": outcome,
        "page": None,
        "new": 0,
        "late": 0,
        "known": 0,
        "invalid": 0,
        "oldest": None,
        "newest": None,
        "error": error,
        "raw_key": None,
        "fresh_oldest": None,
        "late_oldest": None,
        "late_newest": None,
        "reached": None,
    }
