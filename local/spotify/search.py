"""The search of the local Spotify: tracks, albums and artists by words and field filters.

Like the real one it knows no sentence from another: a filter's words must all be in the field, in
any order, whatever their case and accents. As listeners of the real one report, a filter with an
apostrophe finds nothing, and a query of more than 100 characters is not found.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from local.spotify.errors import ApiError
from local.spotify.world import Album, Artist, Catalogue, Track

TYPES = ("album", "artist", "playlist", "track", "show", "episode", "audiobook")
LONGEST = 100  # characters of a query
_FILTER = re.compile(r'\b(track|artist|album|isrc|year|genre|upc|tag):(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True)
class Query:
    """A query: its filters by field, and the words outside of these."""

    filters: Sequence[tuple[str, str]]
    words: frozenset[str] = field(default_factory=frozenset)


def parse(text: str) -> Query:
    """Read a query. Raises ApiError where there is none, or where it is too long."""
    if not text.strip():
        raise ApiError(400, "No search query")
    if len(text) > LONGEST:
        raise ApiError(404, "Not found.")
    filters = [(name, quoted or bare) for name, quoted, bare in _FILTER.findall(text)]
    return Query(filters, frozenset(_words(_FILTER.sub(" ", text))))


def types(text: str | None) -> list[str]:
    """The types that are asked for. Raises ApiError where there are none, or other ones."""
    if not text:
        raise ApiError(400, "Missing parameter type")
    asked = text.split(",")
    for one in asked:
        if one not in TYPES:
            raise ApiError(400, f"Bad search type field {one}")
    return asked


class Index:
    """What can be found in a catalogue, the most popular first."""

    def __init__(self, known: Catalogue) -> None:
        self._known = known
        self._tracks = _popular(known.tracks.values())
        self._albums = _popular(known.albums.values())
        self._artists = _popular(known.artists.values())

    def tracks(self, query: Query) -> list[Track]:
        """The tracks that a query finds."""
        return [one for one in self._tracks if _fits(query, self._of_track(one))]

    def albums(self, query: Query) -> list[Album]:
        """The albums that a query finds."""
        return [one for one in self._albums if _fits(query, self._of_album(one))]

    def artists(self, query: Query) -> list[Artist]:
        """The artists that a query finds."""
        return [one for one in self._artists if _fits(query, {"artist": one.name}.get)]

    def _of_track(self, one: Track) -> Callable[[str], str | None]:
        album = self._known.albums[one.album_id]
        return {
            "track": one.name,
            "artist": self._names(one.artist_ids),
            "album": album.name,
            "isrc": one.isrc,
            "year": album.release_date[:4],
        }.get

    def _of_album(self, one: Album) -> Callable[[str], str | None]:
        artist = self._names(one.artist_ids)
        return {"album": one.name, "artist": artist, "year": one.release_date[:4]}.get

    def _names(self, artist_ids: Iterable[str]) -> str:
        return " ".join(self._known.artists[each].name for each in artist_ids)


def _fits(query: Query, value: Callable[[str], str | None]) -> bool:
    for name, wanted in query.filters:
        there = value(name)
        if there is None or "'" in wanted or "\u2019" in wanted:
            return False
        if not set(_words(wanted)) <= set(_words(there)):
            return False
    said = (value(name) for name in ("track", "artist", "album"))
    return query.words <= set(_words(" ".join(filter(None, said))))


def _words(text: str) -> list[str]:
    """Words without case, accents and apostrophes; signs alone are a word."""
    plain = unicodedata.normalize("NFKD", text.casefold()).replace("'", "").replace("\u2019", "")
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    return re.findall(r"\w+", plain) or plain.split()


def _popular[E: (Track, Album, Artist)](entities: Iterable[E]) -> list[E]:
    return sorted(entities, key=lambda one: (-one.popularity, one.id))
