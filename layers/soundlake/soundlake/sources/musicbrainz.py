"""MusicBrainz' genres of artists: free, without keys, voted for by its users.

It knows none of Spotify's ids. So an artist is found by a recording's ISRC, among those whom it
credits, or by the name where only one has it; then the artist's genres are asked for. An ISRC's
answer cannot bring them along: `inc=genres` is refused there.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from soundlake.genres import normal
from soundlake.settings import settings
from soundlake.sources.base import Artist, GenreSource
from soundlake.spotify.errors import BadAnswerError, NotFoundError
from soundlake.spotify.models import Decoded
from soundlake.texts import shortened

if TYPE_CHECKING:
    from soundlake.sources.clients import Clients
    from soundlake.sources.keyless import KeylessApi
    from soundlake.sources.web import Answer

SPACING_S = 1.0  # its rule: no more than one request a second
LIMITED_BY = 503  # what it answers where that is broken, or it is busy itself
MIN_VOTES = 1
_SCORE = 100  # of a search's best hit
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_WHERE = "MusicBrainz'"


class _Artist(Decoded):
    id: str
    name: str


class _Credit(Decoded):
    name: str  # as the recording has it, which may be another than the artist's own
    artist: _Artist


class _Recording(Decoded):
    credits: tuple[_Credit, ...] = Field(alias="artist-credit")


class _Isrc(Decoded):
    isrc: str
    recordings: tuple[_Recording, ...]


class _Hit(_Artist):
    score: int


class _Hits(Decoded):
    artists: tuple[_Hit, ...]


class _Genre(Decoded):
    name: Annotated[str, Field(min_length=1)]
    count: int


class _ArtistWithGenres(_Artist):
    genres: tuple[_Genre, ...]


class MusicBrainz(GenreSource):
    """`/isrc/{isrc}`, `/artist?query=` and `/artist/{id}` of WS/2.

    See https://musicbrainz.org/doc/MusicBrainz_API.
    """

    name = "musicbrainz"

    def ask(
        self, clients: "Clients", artist: Artist, seen: dict[str, "Answer"]
    ) -> Sequence["Answer"]:
        """The answers as they came: of an ISRC, of a search by name, and of the artist found."""
        api = _api(clients)
        answers: list[Answer] = []
        found = _by_isrc(api, artist, seen, answers)
        if found is None and normal(artist.name) and not artist.namesakes:
            found = _by_name(api, artist.name, answers)
        if found is not None:
            answers.append(_genres_of(api, found, artist.name))
        return answers

    def read(self, answer: Any) -> list[str] | None:
        """The genres of an artist, those with the most votes first; None of any other answer."""
        match answer:
            case {"genres": _}:
                genres = _ArtistWithGenres.read(answer, f"{_WHERE} artist").genres
                voted = sorted((-each.count, each.name) for each in genres)
                return [name for votes, name in voted if -votes >= MIN_VOTES]
            case {"recordings": _} | {"artists": _} | {"error": "Not Found"}:
                return None
            case _:
                raise BadAnswerError(f"{_WHERE} answer: no genres, recordings or artists")


def _api(clients: "Clients") -> "KeylessApi":
    base, contact = settings().musicbrainz_api_url, settings().contact
    return clients.keyless("MusicBrainz", base, SPACING_S, contact, LIMITED_BY)


def _by_isrc(
    api: "KeylessApi", artist: Artist, seen: dict[str, "Answer"], answers: list["Answer"]
) -> _Artist | None:
    """Whom the artist's recordings credit by that name: those seen before, or else one more."""
    isrcs = [each for each in map(_compact, artist.isrcs) if _ISRC.fullmatch(each)]
    known = [each for each in isrcs if each in seen]
    for isrc in known or isrcs[:1]:
        answer = seen.get(isrc)
        if answer is None:
            answer = _get(api, "isrc/{id}", {"inc": "artist-credits"}, f"isrc/{isrc}")
        found = _credited(answer.json, isrc, artist.name)
        if isrc not in seen:
            seen[isrc] = answer
            answers.append(answer)
        if found is not None:
            return found
    return None


def _credited(answer: Any, isrc: str, name: str) -> _Artist | None:
    """The one artist of that name whom an ISRC's recordings credit."""
    if _is_missing(answer):
        return None
    told = _Isrc.read(answer, f"{_WHERE} ISRC")
    if told.isrc != isrc:
        raise BadAnswerError(f"{_WHERE} ISRC: {shortened(told.isrc)} in the place of {isrc}")
    wanted = normal(name)
    found = {
        credit.artist.id: credit.artist
        for recording in told.recordings
        for credit in recording.credits
        if wanted in {normal(credit.name), normal(credit.artist.name)}
    }
    return found.popitem()[1] if len(found) == 1 else None


def _by_name(api: "KeylessApi", name: str, answers: list["Answer"]) -> _Artist | None:
    """The one artist of that name, where it is the search's best hit too."""
    phrase = re.sub(r'([\\"])', r"\\\1", name)  # in a phrase of Lucene no other sign means anything
    answer = _get(api, "artist", {"query": f'artist:"{phrase}"'})
    if _is_missing(answer.json):
        raise BadAnswerError(f"{_WHERE} search: there is none at its address")
    hits = _Hits.read(answer.json, f"{_WHERE} search").artists
    answers.append(answer)
    same = [hit for hit in hits if normal(hit.name) == normal(name)]
    return same[0] if len(same) == 1 and same[0].score == _SCORE else None


def _genres_of(api: "KeylessApi", artist: _Artist, name: str) -> "Answer":
    answer = _get(api, "artist/{id}", {"inc": "genres"}, f"artist/{artist.id}")
    if not _is_missing(answer.json):  # deleted since: then there are none
        told = _ArtistWithGenres.read(answer.json, f"{_WHERE} artist")
        # An artist who was merged into another one is answered with that one.
        if told.id != artist.id and normal(told.name) not in {normal(artist.name), normal(name)}:
            raise BadAnswerError(
                f"{_WHERE} artist: {shortened(told.name)} in the place of {shortened(artist.name)}"
            )
    return answer


def _get(
    api: "KeylessApi", endpoint: str, params: dict[str, str], path: str | None = None
) -> "Answer":
    """One answer; that there is nothing is one too, where MusicBrainz itself says so."""
    try:
        return api.get(endpoint, {**params, "fmt": "json"}, path)
    except NotFoundError as error:
        if error.answer is None or not _is_missing(error.answer.json):
            raise
        return error.answer


def _is_missing(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("error") == "Not Found"


def _compact(isrc: str) -> str:
    return isrc.replace("-", "").upper()
