"""The routes of the local ReccoBeats, as https://reccobeats.com/docs and its users tell of it.

* ``GET /reccobeats/v1/audio-features?ids=``: 1 to 40 ids, separated by commas or repeated: of
  Spotify, ISRC, or its own UUIDs. What it does not know is left out, and the answer is in an order
  of its own. There is no ``time_signature`` and no duration.
* Errors are ``{"status": code, "errors": [{"path", "message"}]}``, or text from what stands before
  it: 403 for a client that gives its library's name.
"""

import re
import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, request

from local.spotify import ids
from local.spotify.errors import ApiError
from local.spotify.world import Features, Track, World

PREFIX = "/reccobeats/v1"
COVERAGE = 60  # of 100 tracks
_MOST = 40
_TOO_MANY = 4004
_LIMITED = 4291
# Python's urllib is known to be refused; that requests is, is not, and its name is no better.
_LIBRARIES = re.compile(r"python-(urllib|requests)/", re.IGNORECASE)

Json = dict[str, Any]


def knows(track: Track) -> bool:
    """Whether it has features of a track: of about `COVERAGE` in 100, by the track's id alone."""
    return ids.number(100, "reccobeats", track.id) < COVERAGE


def routes(world: World) -> Blueprint:
    """The routes, for the tracks of a world."""
    blueprint = Blueprint("reccobeats", __name__, url_prefix=PREFIX)
    by_name: dict[str, Track] = {}
    for track in filter(knows, world.catalogue.tracks.values()):
        for name in (track.id, track.isrc, _uuid(track)):
            by_name.setdefault(name, track)

    @blueprint.before_request
    def admit() -> Response | None:
        if _LIBRARIES.match(request.headers.get("User-Agent", "")):
            return Response("error code: 1010", status=403, content_type="text/plain")
        return None

    @blueprint.get("/audio-features")
    def audio_features() -> Response:
        wanted = [one for text in request.args.getlist("ids") for one in text.split(",") if one]
        if not 1 <= len(wanted) <= _MOST:
            message = f"size must be between 1 and {_MOST}"
            return _error(400, _TOO_MANY, "getAudioFeatures.ids", message)
        found = {by_name[one].id: by_name[one] for one in wanted if one in by_name}
        return jsonify({"content": [_shape(one) for one in sorted(found.values(), key=_uuid)]})

    return blueprint


def answers(path: str) -> bool:
    """Whether a path is one of ReccoBeats'."""
    return path.startswith(f"{PREFIX}/")


def answer_of(error: ApiError) -> Response:
    """An error that was made for Spotify, as ReccoBeats says it."""
    code = _LIMITED if error.status == 429 else error.status * 10 + 1
    response = _error(error.status, code, request.path.rpartition("/")[2], str(error))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _error(status: int, code: int, path: str, message: str) -> Response:
    response = jsonify({"status": code, "errors": [{"path": path, "message": message}]})
    response.status_code = status
    return response


def _uuid(track: Track) -> str:
    return str(uuid.UUID(hex=ids.hex_id(32, "reccobeats", track.id)))


def _shape(track: Track) -> Json:
    known = track.features or _made_up(track)
    return {
        "id": _uuid(track),
        "href": f"https://open.spotify.com/track/{track.id}",
        "isrc": track.isrc,
        "acousticness": known.acousticness,
        "danceability": known.danceability,
        "energy": known.energy,
        "instrumentalness": known.instrumentalness,
        "key": known.key,
        "liveness": known.liveness,
        "loudness": known.loudness,
        "mode": known.mode,
        "speechiness": known.speechiness,
        "tempo": known.tempo,
        "valence": known.valence,
    }


def _made_up(track: Track) -> Features:
    """What it measures of a track that Spotify knows no features of."""

    def share(name: str) -> float:
        return ids.number(1001, "reccobeats", track.id, name) / 1000

    return Features(
        danceability=share("danceability"),
        energy=share("energy"),
        key=ids.number(13, "reccobeats", track.id, "key") - 1,
        loudness=-20 * share("loudness"),
        mode=ids.number(2, "reccobeats", track.id, "mode"),
        speechiness=share("speechiness"),
        acousticness=share("acousticness"),
        instrumentalness=share("instrumentalness"),
        liveness=share("liveness"),
        valence=share("valence"),
        tempo=60 + 120 * share("tempo"),
        time_signature=4,
    )
