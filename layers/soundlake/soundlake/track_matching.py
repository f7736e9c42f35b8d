"""Which recording a name means, of those that might be it: one, or none where that is not certain.

A key (`soundlake.names`) brings together what may be the same recording. Here the artists and the
guests that either side names, the ISRCs and the albums say whether it is.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from soundlake.names import (
    GLUE,
    bare_title,
    guests,
    name_key,
    spoken_artist,
    spoken_title,
    words,
)

LAKE, ISRC, SEARCH = "lake", "isrc", "search"
# How certain a match is, by what it rests on.
BY_ISRC = 1.0
BY_ALBUM = 0.98
BY_NAME = 0.95
WITHOUT_GUESTS = 0.7  # guests whom the source left out, and nothing else it can be
# Characters: with a query of more than 100 Spotify has been seen to find nothing at all.
TITLE_QUERIED, ARTIST_QUERIED = 50, 30
_UNQUERIED = re.compile('["+*:]')


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a source spells a name: the artists it credits, in their order, and the title."""

    artists: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name that plays have: each of its spellings, the one of most plays first, all of one key.

    And what else its plays tell: the albums, and the ISRCs.
    """

    key: str
    spellings: tuple[Spelling, ...]
    albums: frozenset[str] = frozenset()
    isrcs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A track that a name might mean, as Spotify spells it."""

    track_id: str
    spelling: Spelling
    album: str | None = None
    isrc: str | None = None

    @property
    def recording(self) -> str:
        """What two tracks of one recording have in common, as far as it is known."""
        return self.isrc or self.track_id


@dataclass(frozen=True, slots=True)
class Match:
    """The track that a name means, or none; of how many recordings it was found, and how surely."""

    track_id: str | None
    matched_by: str | None
    certainty: float | None
    candidates: int


def match(name: Name, candidates: Sequence[Candidate], matched_by: str) -> Match:
    """The track of the one recording that all spellings of a name mean; of its tracks the first.

    `matched_by` says who named the candidates. Spotify's search has whatever Spotify has, so what
    it alone can mean is found there though the name leaves guests out; the lake has not.
    """
    known = [each for each in candidates if each.isrc in name.isrcs] if name.isrcs else []
    if known and len(name.isrcs) == 1:
        found = _first(name, known)
        return Match(found.track_id, ISRC, BY_ISRC, 1)
    same = [each for each in candidates if _key(each.spelling) == name.key]
    found_of = [_meant(one, name, same, lenient=matched_by == SEARCH) for one in name.spellings]
    recordings = {None if one is None else one[0].recording for one in found_of}
    of = len({each.recording for each in same})
    if len(recordings) != 1 or None in recordings:
        return Match(None, None, None, of)
    sure = min(one[1] for one in found_of if one is not None)
    (recording,) = recordings
    track = _first(name, [each for each in same if each.recording == recording])
    return Match(track.track_id, matched_by, sure, of)


def query(name: Name, *, asked: bool) -> str:
    """What to ask Spotify's search for: the ISRC where there is one, once `asked` the names."""
    if len(name.isrcs) == 1 and not asked:
        (isrc,) = name.isrcs
        return f"isrc:{isrc}"
    spelling = name.spellings[0]
    title = _queried(spoken_title(spelling.title), TITLE_QUERIED)
    artist = _queried(spoken_artist(spelling.artists[0]), ARTIST_QUERIED)
    return f'track:"{title}" artist:"{artist}"'


def _queried(text: str, most: int) -> str:
    """A text as a field filter takes it: with an apostrophe it finds nothing, a plus is an error.

    Of a long text the first words, which are enough to find it.
    """
    text = " ".join(_UNQUERIED.sub(" ", text.replace("'", "")).split())
    return text if len(text) <= most else text[: most + 1].rpartition(" ")[0] or text[:most]


def _key(spelling: Spelling) -> str | None:
    return name_key(spelling.artists[0] if spelling.artists else None, spelling.title)


def _meant(
    one: Spelling, name: Name, candidates: Iterable[Candidate], *, lenient: bool
) -> tuple[Candidate, float] | None:
    """The candidate whose recording a spelling means, and how sure that is."""
    fitting = [(each, _fit(one, each.spelling)) for each in candidates]
    fits = [each for each, fit in fitting if fit]
    left_out = [each for each, fit in fitting if fit is None]
    sure = BY_NAME
    if not fits and lenient:
        fits, sure = left_out, WITHOUT_GUESTS
    # What is written the same is meant before what only says the same.
    exact = [each for each in fits if words(each.spelling.title) == words(one.title)]
    fits = exact or fits
    on_album = [each for each in fits if each.album and _album(each.album) in _albums(name)]
    if len({each.recording for each in fits}) > 1:
        fits = on_album
    if len({each.recording for each in fits}) != 1:
        return None
    return fits[0], BY_ALBUM if on_album and sure == BY_NAME else sure


def _fit(one: Spelling, other: Spelling) -> bool | None:
    """Whether a name can mean a track; None where it only leaves out guests of the title."""
    if not one.artists or not other.artists:
        return False
    first, credit = _artist(other.artists[0]), _artist(" ".join(one.artists))
    if not f"{credit} ".startswith(f"{first} "):
        return False
    said = set(credit.removeprefix(first).split()) - GLUE | guests(one.title)
    there = set(words(" ".join(other.artists[1:])).split()) | guests(other.title)
    if not said <= there | set(first.split()):
        return False
    return None if guests(other.title) and not said else True


def _artist(credit: str) -> str:
    return words(credit).removeprefix("the ")


def _albums(name: Name) -> set[str | None]:
    return {_album(each) for each in name.albums}


def _album(title: str) -> str | None:
    return bare_title(title)


def _first(name: Name, tracks: Sequence[Candidate]) -> Candidate:
    """Of a recording's tracks the one on an album that the plays name, else the first."""
    albums = _albums(name)
    return next((each for each in tracks if each.album and _album(each.album) in albums), tracks[0])
