"""Which track a name is: what Spotify's search answered, and the row of what was decided."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from soundlake.entities import not_found
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import Search, Track
from soundlake.times import naive_ms
from soundlake.track_matching import Candidate, Match, Name, Spelling

# What Spotify does not have is spelled in a way of its own, or withdrawn: neither changes soon.
ASK_AGAIN = timedelta(days=180)

Row = dict[str, Any]


def search_rows(
    answer: Any, asked: Sequence[str], *, fetched_at: datetime, raw_key: str
) -> list[Row]:
    """What one search for one name found: `name_key`, `raw_key`, its time and `tracks`.

    Raises BadAnswerError when the answer is none to a search.
    """
    if len(asked) != 1:
        raise BadAnswerError(f"search: 1 answer to {len(asked)} names")
    found = () if not_found(answer) else Search.read(answer, "search").tracks.items
    tracks = [track for track in found if track is not None and not track.is_local]
    return [
        {
            "name_key": asked[0],
            "raw_key": raw_key,
            "asked_at": naive_ms(fetched_at),
            "fetched_at": fetched_at,
            "tracks": tracks,
        }
    ]


def candidate(track: Track) -> Candidate:
    """A track that was found, as one that a name might mean."""
    artists = tuple(artist.name for artist in track.artists if artist.name)
    isrc = track.external_ids.isrc
    return Candidate(
        track.id, Spelling(artists, track.name), track.album.name, isrc.upper() if isrc else None
    )


def decided(
    key: str, name: Name | None, match: Match, *, asked: Sequence[str], asked_at: datetime | None
) -> Row:
    """The row of `track_names` for a match; `asked` are the answers of all searches for the name.

    Where no track is known, `ask_again` is the first day to search once more: the same day by its
    names where only its ISRC was searched for.
    """
    again: date | None = None
    if match.track_id is None and asked:
        by_isrc = name is not None and len(name.isrcs) == 1 and len(asked) == 1
        again = day_of(asked[-1]) + (timedelta(0) if by_isrc else ASK_AGAIN)
    return {
        "name_key": key,
        "track_id": match.track_id,
        "matched_by": match.matched_by,
        "certainty": match.certainty,
        "candidates": match.candidates,
        "asked_at": asked_at,
        "ask_again": again,
        "raw_key": asked[-1] if asked else None,
        "asked": list(asked),
        "spellings": spelled(name),
    }


def day_of(raw_key: str) -> date:
    """The day that a search was made on."""
    return date.fromisoformat(raw_key.split("/")[4])


def spelled(name: Name | None) -> list[str]:
    """A name's spellings as a row keeps them: what it was decided for."""
    several = () if name is None else name.spellings
    return sorted(f"{', '.join(each.artists)} \u2013 {each.title}" for each in several)


def due(row: Mapping[str, Any] | None, day: date) -> bool:
    """Whether a name may be searched for on a day."""
    if row is None or (row["track_id"] is None and row["ask_again"] is None):
        return True
    return row["track_id"] is None and row["ask_again"] <= day
