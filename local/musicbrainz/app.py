"""The routes of the local MusicBrainz, as https://musicbrainz.org/doc/MusicBrainz_API and its users
tell of them.

* ``GET /musicbrainz/ws/2/isrc/{isrc}``: the recordings of an ISRC, and with ``inc=artist-credits``
  whom they credit. ``inc=genres`` is refused here, though ``tags`` is not.
* ``GET /musicbrainz/ws/2/artist?query=``: a search by ``artist:"name"``, the best hit first with a
  ``score`` of 100.
* ``GET /musicbrainz/ws/2/artist/{id}``: an artist, with ``inc=genres`` and each genre's votes.
* JSON is for who asks for it (``fmt=json``). Errors are ``{"error", "help"}``: 403 without an
  address to write to in the User-Agent, 404 for what it does not know, 503 for more than one
  request a second, which the fault ``one_a_second`` brings about.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request

from local.spotify import ids
from local.spotify.errors import ApiError
from local.spotify.world import Artist, Track, World

PREFIX = "/musicbrainz/ws/2"
ARTISTS = 90  # of 100 artists are known
RECORDINGS = 70  # of 100 tracks have their ISRC there, where their artists are known
VOTED = 75  # of 100 artists have a genre
NAMESAKES = 5  # of 100 artists share their name with somebody of other genres
_HELP = "For usage, please see: https://musicbrainz.org/development/mmd"
_LIMITED = (
    "Your requests are exceeding the allowable rate limit. Please see "
    "http://wiki.musicbrainz.org/XMLWebService for more information."
)
_CONTACT = re.compile(r"\(.*(@|https?://).*\)")
_INCLUDED = {
    "isrc": {"artists", "releases", "isrcs", "artist-credits", "aliases", "tags", "ratings"},
    "artist": {"recordings", "releases", "works", "aliases", "tags", "genres", "ratings"},
}
_QUERY = re.compile(r'artist:"((?:[^"\\]|\\.)*)"')
_LIMIT = 25

Json = dict[str, Any]


def knows(artist: Artist) -> bool:
    """Whether it has an artist: by the artist's id alone."""
    return ids.number(100, "musicbrainz", artist.id) < ARTISTS


def genres(artist: Artist) -> dict[str, int]:
    """Its votes for an artist's genres; none for about a quarter of all artists."""
    if ids.number(100, "musicbrainz genres", artist.id) >= VOTED:
        return {}
    several = 1 + ids.number(4, "musicbrainz genres, how many", artist.id)
    return {
        f"made-up style {1 + ids.number(40, f'musicbrainz genre {n}', artist.id)}": 1
        + ids.number(9, f"musicbrainz votes {n}", artist.id)
        for n in range(several)
    }


def mbid(artist: Artist) -> str:
    """Its own id of an artist."""
    return str(uuid.UUID(hex=ids.hex_id(32, "musicbrainz", artist.id)))


def has_namesake(artist: Artist) -> bool:
    """Whether it has somebody else of that name, whom Spotify does not know."""
    return ids.number(100, "musicbrainz namesake", artist.id) < NAMESAKES


class _Known:
    """What it has of a world: artists, among them namesakes, and the tracks of each ISRC."""

    def __init__(self, world: World) -> None:
        self.credited = world.catalogue.artists
        known = [one for one in self.credited.values() if knows(one)]
        self.artists = [*known, *(_namesake(one) for one in known if has_namesake(one))]
        self.by_mbid = {mbid(one): one for one in self.artists}
        self.by_isrc: dict[str, list[Track]] = defaultdict(list)
        for track in world.catalogue.tracks.values():
            if has_isrc(track, self.credited):
                self.by_isrc[track.isrc].append(track)


def routes(world: World) -> Blueprint:
    """The routes, for the artists and tracks of a world."""
    blueprint = Blueprint("musicbrainz", __name__, url_prefix=PREFIX)
    known = _Known(world)
    blueprint.before_request(_admit)

    @blueprint.get("/isrc/<isrc>")
    def isrc(isrc: str) -> Response:
        if (refused := _refused("isrc")) is not None:
            return refused
        if isrc not in known.by_isrc:
            return _error(404, "Not Found")
        recordings = [_recording(one, known.credited) for one in known.by_isrc[isrc]]
        return jsonify({"isrc": isrc, "recordings": recordings})

    @blueprint.get("/artist")
    def search() -> Response:
        given = _QUERY.fullmatch(request.args.get("query", ""))
        if given is None:
            return _error(400, 'This double only knows queries like artist:"a name".')
        return jsonify(_hits(re.sub(r"\\(.)", r"\1", given[1]), known.artists))

    @blueprint.get("/artist/<wanted>")
    def artist(wanted: str) -> Response:
        if (refused := _refused("artist")) is not None:
            return refused
        if wanted not in known.by_mbid:
            return _error(404, "Not Found")
        return jsonify(_artist(known.by_mbid[wanted]))

    return blueprint


def _admit() -> Response | None:
    if not _CONTACT.search(request.headers.get("User-Agent", "")):
        return _error(403, "Give a User-Agent with an address to write to.")
    if request.args.get("fmt") != "json":
        return Response("<metadata/>", content_type="application/xml; charset=utf-8")
    return None


def has_isrc(track: Track, artists: Mapping[str, Artist]) -> bool:
    """Whether it has a track's ISRC: only where it has all artists."""
    known = all(knows(artists[one]) for one in track.artist_ids)
    return known and ids.number(100, "musicbrainz recording", track.id) < RECORDINGS


def answers(path: str) -> bool:
    """Whether a path is one of MusicBrainz'."""
    return path.startswith(f"{PREFIX}/")


def answer_of(error: ApiError) -> Response:
    """An error that was made for Spotify, as MusicBrainz says it."""
    response = _error(error.status, _LIMITED if error.status == 503 else str(error))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _error(status: int, message: str) -> Response:
    response = jsonify({"error": message, "help": _HELP})
    response.status_code = status
    return response


def _included() -> list[str]:
    return [one for one in request.args.get("inc", "").replace(" ", "+").split("+") if one]


def _refused(resource: str) -> Response | None:
    for one in _included():
        if one not in _INCLUDED[resource]:
            return _error(400, f"{one} is not a valid inc parameter for the {resource} resource.")
    return None


def _namesake(artist: Artist) -> Artist:
    return Artist(
        id=ids.base62_id("musicbrainz namesake", artist.id),
        name=artist.name,
        popularity=0,
        followers=0,
    )


def _written(name: str) -> str:
    """A name with a typesetter's apostrophes and hyphens, as its editors write them."""
    return name.replace("'", "\u2019").replace("-", "\u2010")


def _recording(track: Track, artists: Mapping[str, Artist]) -> Json:
    recording: Json = {
        "disambiguation": "",
        "id": str(uuid.UUID(hex=ids.hex_id(32, "musicbrainz recording", track.id))),
        "length": track.duration_ms,
        "title": track.name,
        "video": False,
    }
    if "artist-credits" in _included():
        credited = [artists[one] for one in track.artist_ids]
        joints = [", "] * (len(credited) - 1) + [""]
        recording["artist-credit"] = [
            {"artist": _simple(one), "joinphrase": joint, "name": _written(one.name)}
            for one, joint in zip(credited, joints, strict=True)
        ]
    return recording


def _simple(artist: Artist) -> Json:
    return {
        "disambiguation": "",
        "id": mbid(artist),
        "name": _written(artist.name),
        "sort-name": _written(artist.name),
        "type": "Person",
        "type-id": "b6e035f4-3ce9-331c-97df-83397230b0df",
    }


def _artist(artist: Artist) -> Json:
    whole = _simple(artist) | {
        "area": None,
        "country": None,
        "ipis": [],
        "isnis": [],
        "life-span": {"begin": None, "end": None, "ended": False},
    }
    if "genres" in _included():
        whole["genres"] = [
            {
                "count": votes,
                "disambiguation": "",
                "id": str(uuid.UUID(hex=ids.hex_id(32, "musicbrainz genre", name))),
                "name": name,
            }
            for name, votes in sorted(genres(artist).items())
        ]
    return whole


def _hits(name: str, known: Iterable[Artist]) -> Json:
    """Those of the name, then those whose names have all its words; without regard to case."""
    words = name.casefold().split()
    found = [one for one in known if words and set(words) <= set(one.name.casefold().split())]
    found.sort(key=lambda one: (one.name.casefold().split() != words, one.name, mbid(one)))
    shown = [
        _simple(one) | {"score": max(100 - place, 1)} for place, one in enumerate(found[:_LIMIT])
    ]
    return {
        "created": "2026-11-26T00:00:00.000Z",
        "count": len(found),
        "offset": 0,
        "artists": shown,
    }
