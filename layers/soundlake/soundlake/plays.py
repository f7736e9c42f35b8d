"""Captured pages: what they show as observations, and what of it is new.

An observation is one row that one source gave about one play. Plays are derived from observations
(`listening`), so a better rule or a late arrival never loses anything.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import PlayedItem, RecentlyPlayed, Track
from soundlake.texts import shortened
from soundlake.times import TimeError, naive_ms, parse_time

SOURCE = "spotify_recently_played"
SHORTEST = timedelta(seconds=30)  # a shorter play is not listed
EARLIEST = datetime(2006, 1, 1)  # noqa: DTZ001 - as tables keep times; there was no Spotify before
UNREADABLE = "unreadable"  # the outcome of a capture whose answer holds no play that can be read
AHEAD = timedelta(minutes=5)  # of the answer's own time: further on, nothing can have been played

_KINDS = {"track": "track", "local": "track", "episode": "episode", "chapter": "chapter"}

Row = dict[str, Any]
Span = tuple[datetime, datetime]
Identity = tuple[str, str, datetime, str | None]


@dataclass(frozen=True, slots=True)
class CapturedPage:
    """One page of recently played tracks: its observations, and the rows that could not be read.

    `unread` is where the play of each of the latter may lie (UTC, without zone).
    """

    raw_key: str
    capture_id: str
    captured_at: datetime
    observed_at: datetime
    observations: list[Row]
    problems: list[str]
    unread: list[Span]


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
    page = _page(answer)
    observations: list[Row] = []
    problems: list[str] = []
    times: list[tuple[datetime | None, bool]] = []
    answered = naive_ms(observed_at)
    for place, item in enumerate(page.items, 1):
        try:
            played = PlayedItem.read(item, f"row {place}")
            observations.append(_observation(played, account, raw_key, answered))
            times.append((observations[-1]["time"], True))
        except BadAnswerError as error:
            problems.append(str(error))
            times.append((_time_of(item, answered), False))
        except TimeError as error:
            problems.append(f"row {place}: played_at: {error}")
            times.append((None, False))
    return CapturedPage(
        raw_key=raw_key,
        capture_id=capture_id,
        captured_at=captured_at,
        observed_at=observed_at,
        observations=observations,
        problems=problems,
        unread=_unread(times, answered),
    )


def _page(answer: Any) -> RecentlyPlayed:
    error = answer.get("error") if isinstance(answer, dict) else None
    if error and "items" not in answer:
        said = (error.get("message") if isinstance(error, dict) else None) or error
        raise BadAnswerError(
            "recently played: Spotify answered an error in the place of a page: "
            + shortened(str(said).rstrip("."))
        )
    return RecentlyPlayed.read(answer, "recently played")


def _time_of(item: Any, answered: datetime) -> datetime | None:
    """When a row that cannot be read was played, where at least that can be told."""
    with suppress(TimeError, TypeError, AttributeError):
        return _played_at(item.get("played_at"), answered)
    return None


def _unread(times: Sequence[tuple[datetime | None, bool]], answered: datetime) -> list[Span]:
    """Where the play of each unreadable row may lie, given every row's time and readability.

    A row without a time lies between those beside it, where the page is in order, newest first;
    one at the end, anywhere before.
    """
    known = [at for at, _ in times if at is not None]
    ordered = all(newer >= older for newer, older in pairwise(known))
    least = min(known, default=answered)
    spans: list[Span] = []
    for place, (at, readable) in enumerate(times):
        if readable:
            continue
        if at is not None:
            spans.append((at, at))
        elif ordered:
            older = next((one for one, _ in times[place:] if one), EARLIEST)
            newer = next((one for one, _ in reversed(times[:place]) if one), answered)
            spans.append((older, newer))
        else:
            spans.append((least, answered))
    return spans


def read_tracks(answer: Any) -> list[Track]:
    """The tracks that one answer of recently played shows; rows that cannot be read show none.

    Raises BadAnswerError when the answer is not a page at all.
    """
    tracks = []
    for place, item in enumerate(RecentlyPlayed.read(answer, "recently played").items, 1):
        with suppress(BadAnswerError, TypeError, KeyError):
            tracks.append(Track.read(item["track"], f"row {place}"))
    return tracks


def shown(answer: Any) -> str:
    """What tells pages apart that list other plays: 16 hex digits, of times, URIs and contexts.

    A row that cannot be read counts as it stands. Raises BadAnswerError when the answer is not a
    page at all.
    """
    rows = [_listed(item) for item in RecentlyPlayed.read(answer, "recently played").items]
    return sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]


def _listed(item: Any) -> Any:
    try:
        played = PlayedItem.read(item, "row")
    except BadAnswerError:
        return item
    track, context = played.track, played.context
    return [played.played_at, track.uri, track.id, context.uri if context else None]


def _played_at(text: str, answered: datetime) -> datetime:
    """The time of a play (UTC, without zone); raises TimeError where it cannot be one."""
    at = naive_ms(parse_time(text))
    if not EARLIEST <= at <= answered + AHEAD:
        raise TimeError(f"{text!r} is no time at which this answer can show a play.")
    return at


def _observation(played: PlayedItem, account: str, raw_key: str, answered: datetime) -> Row:
    track = played.track
    artists = [artist for artist in track.artists or () if artist is not None]
    # An episode's show stands where a track's album does; its id is no album's.
    album = track.album or track.show
    uri = track.uri or f"spotify:track:{track.id}"
    return {
        "account": account,
        "source": SOURCE,
        "time": _played_at(played.played_at, answered),
        "time_meaning": "unknown",  # Spotify does not say whether a play's start or its end
        "time_precision": "ms" if "." in played.played_at else "s",
        "uri": uri,
        "track_name": track.name,
        "artist_names": [artist.name for artist in artists],
        "artist_ids": [artist.id for artist in artists],
        "album_name": album.name if album else None,
        "album_id": track.album.id if track.album else None,
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
        "incognito": None,
        "offline_at": None,
        "kind": kind_of(uri),
        "isrc": None,
        "raw_rows": None,
    }


def kind_of(uri: str) -> str | None:
    """What a URI names: `track` (a local file too), `episode`, `chapter`, or nothing of these."""
    part = uri.split(":")[1] if uri.count(":") > 1 else ""
    return _KINDS.get(part)


def identity(observation: Mapping[str, Any]) -> Identity:
    """What makes two observations the same one: account, source, time to the ms, and URI."""
    return (
        observation["account"],
        observation["source"],
        observation["time"],
        observation["uri"],
    )


def merge(known: Iterable[Row], seen: Iterable[Row]) -> list[Row]:
    """The known observations and the newly captured ones, each once, by time and URI.

    An observation names the first page that showed it, in the order of the pages' keys and not
    of their derivation: so an overlap adds nothing, and what order pages are derived in is all one.
    What that page left out, another may say. Other sources' observations stay as they are.
    """
    known = list(known)
    merged = {identity(row): row for row in known if row["source"] == SOURCE}
    for row in seen:
        one = merged.setdefault(identity(row), row)
        first, then = (row, one) if min(row["raw_keys"]) < min(one["raw_keys"]) else (one, row)
        merged[identity(row)] = _filled(first, then)
    others = [row for row in known if row["source"] != SOURCE]
    return sorted([*merged.values(), *others], key=_place)


def _place(row: Row) -> tuple[Any, ...]:
    """An observation's place in its month: by time and URI, those without one last."""
    return row["time"], row["uri"] is None, row["uri"] or "", row["source"]


def _filled(row: Row, other: Row) -> Row:
    """A row with what it does not say, and the other does."""
    missing = [name for name, value in row.items() if value is None or value == []]
    return {**row, **{name: other[name] for name in missing}} if missing else row


def same_play(one: Row, other: Row) -> bool:
    """Whether two captured observations of one URI are the same play: less than 30 s apart.

    Where one of them knows whole seconds only, both are compared in these: the tenths that the
    other has would make two plays, 30 s apart, one.
    """
    times = [one["time"], other["time"]]
    if "s" in {one["time_precision"], other["time_precision"]}:
        times = [at.replace(microsecond=0) for at in times]
    apart: timedelta = abs(times[1] - times[0])
    return apart < SHORTEST


def track_id(uri: str) -> str | None:
    """The id in `spotify:track:<id>`; null for local files, episodes and anything else."""
    prefix = "spotify:track:"
    return (uri.removeprefix(prefix) or None) if uri.startswith(prefix) else None


def capture_row(page: CapturedPage, account: str, observations: Sequence[Row]) -> Row:
    """The row of `captures` for one page, given all observations around it.

    `new` counts the plays that this page showed first, `late` those of them that are older than
    what an earlier page had shown already; `fresh_oldest` is the earliest of the others. A play
    that an earlier page gave another time, a little off, is known. `reached` is the earliest page
    that showed one of this page's plays first: null where it shares none. All is a pure function
    of the page and of what each observation names as its first page, so deriving it again gives
    the same row.
    """
    earlier = _earlier(page, account, observations)
    shown = {identity(row): row for row in page.observations}.values()
    first = [_first_page(row, earlier.get(row["uri"], ())) for row in shown]
    own = [row["time"] for row, key in zip(shown, first, strict=True) if key is None]
    shared = [key for key in first if key is not None]
    newest = max((row["time"] for rows in earlier.values() for row in rows), default=None)
    late = [at for at in own if newest is not None and at < newest]
    fresh = [at for at in own if newest is None or at >= newest]
    times = [row["time"] for row in page.observations]
    unread = _unexplained(page, [row for rows in earlier.values() for row in rows])
    return {
        "account": account,
        "capture_id": page.capture_id,
        "captured_at": naive_ms(page.captured_at),
        "observed_at": naive_ms(page.observed_at),
        "outcome": "captured" if times else UNREADABLE if page.problems else "empty",
        "page": len(page.observations) + len(page.problems),
        "new": len(own),
        "late": len(late),
        "known": len(shared),
        "invalid": len(page.problems),
        "oldest": min(times, default=None),
        "newest": max(times, default=None),
        "error": "; ".join(page.problems) or None,
        "raw_key": page.raw_key,
        "fresh_oldest": min(fresh, default=None),
        "late_oldest": min(late, default=None),
        "late_newest": max(late, default=None),
        "reached": min(shared, default=None),
        "unread_oldest": min((oldest for oldest, _ in unread), default=None),
        "unread_newest": max((newest for _, newest in unread), default=None),
    }


def _earlier(page: CapturedPage, account: str, observations: Iterable[Row]) -> dict[str, list[Row]]:
    """The captured observations that pages before this one showed first, by URI."""
    earlier: dict[str, list[Row]] = {}
    for row in observations:
        own = row["account"] == account and row["source"] == SOURCE
        if own and min(row["raw_keys"]) < page.raw_key:
            earlier.setdefault(row["uri"], []).append(row)
    return earlier


def _unexplained(page: CapturedPage, earlier: Iterable[Row]) -> list[Span]:
    """Where the unreadable rows lie that are not of plays which an earlier page showed.

    One with a time is, where a play of that second is known; those without, where as many are
    known between their neighbours as there are such rows. How long before a page's last readable
    row those after it were played is not told: they are looked for there.
    """
    seconds = {row["time"].replace(microsecond=0) for row in page.observations}
    hidden = {row["time"].replace(microsecond=0) for row in earlier} - seconds
    left: list[Span] = []
    for (oldest, newest), rows in Counter(page.unread).items():
        first, last = oldest.replace(microsecond=0), newest.replace(microsecond=0)
        if sum(first <= at <= last for at in hidden) < rows:
            left.append((newest if oldest == EARLIEST else oldest, newest))
    return left


def _first_page(row: Row, earlier: Iterable[Row]) -> str | None:
    """The earliest page that showed a play first; None where no page before had."""
    return min((min(one["raw_keys"]) for one in earlier if same_play(one, row)), default=None)


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
        "unread_oldest": None,
        "unread_newest": None,
    }
