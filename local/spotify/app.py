"""The routes of the local Spotify: accounts, Web API and control on one port.

Every answer's ``Date`` header is the service's clock, not the machine's, because clients read
the provider's time from it. Parameters that only narrow an answer (``market``, ``fields``,
``additional_types``) are accepted and ignored.
"""

import json
import re
import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, g, jsonify, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date

from local.kworb import app as kworb
from local.musicbrainz import app as musicbrainz
from local.reccobeats import app as reccobeats
from local.spotify import access, ids, search, shapes
from local.spotify import control as control_module
from local.spotify.analysis import audio_analysis
from local.spotify.auth import Bearer
from local.spotify.clock import to_ms
from local.spotify.control import Control
from local.spotify.errors import ApiError, ConsentError, TokenError
from local.spotify.faults import Fault, spoil
from local.spotify.settings import Settings
from local.spotify.world import Features, Listener, Playlist, Track, World

EXTENSION = "soundlake-local-spotify"
_HISTORY_WINDOW = 50
_LATEST_MS = 253_402_300_799_999  # the end of the year 9999
_WHOLE = re.compile(r"[0-9]{1,18}")
_CONTROL = "/_control"


def create_app(world: World, settings: Settings | None = None, **inject: Any) -> Flask:
    """The service as a Flask app.

    Args:
        world: what to serve.
        settings: how to behave.
        inject: `clock`, `monotonic` and `sleep`, passed on to `Control`.

    The app's `Control` is ``app.extensions[EXTENSION]``.

    Raises:
        WorldError: if the clock is on a date the world's charts are not true for.
    """
    app = Flask(__name__, static_folder=None)
    provider = DefaultJSONProvider(app)
    provider.sort_keys, provider.ensure_ascii, provider.compact = False, False, True
    app.json = provider
    app.url_map.strict_slashes = False  # spotipy asks for "tracks/?ids="
    control = Control(world, settings or Settings(), **inject)
    app.extensions[EXTENSION] = control
    _install_borders(app, control)
    app.register_blueprint(control_module.routes(control))
    app.register_blueprint(_accounts(control))
    for blueprint in (_history(control), _playlists(control), _catalogue(control)):
        app.register_blueprint(blueprint, url_prefix="/v1")
    for blueprint in (_search(control), _features(control)):
        app.register_blueprint(blueprint, url_prefix="/v1")
    app.register_blueprint(reccobeats.routes(world))
    app.register_blueprint(kworb.routes(control))
    app.register_blueprint(musicbrainz.routes(world))
    return app


def _install_borders(app: Flask, control: Control) -> None:
    """What happens around every request: faults, tokens, limits, access, errors, counting."""
    app.before_request(lambda: None if _is_control() else _admit(control))
    app.after_request(lambda response: _finish(control, response))

    @app.errorhandler(ApiError)
    @app.errorhandler(TokenError)
    @app.errorhandler(ConsentError)
    def refused(error: ApiError | TokenError | ConsentError) -> Response:
        if isinstance(error, ApiError) and reccobeats.answers(request.path):
            return reccobeats.answer_of(error)
        if isinstance(error, ApiError) and kworb.answers(request.path):
            return kworb.answer_of(error)
        if isinstance(error, ApiError) and musicbrainz.answers(request.path):
            return musicbrainz.answer_of(error)
        return error.response()

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Response:
        message = "Service not found" if error.code == 404 else error.name
        return ApiError(error.code or 500, message).response()


def _admit(control: Control) -> Response | None:
    """Faults, the token, both limits, the access mode; an answer only if it is dropped."""
    g.settings = control.settings  # one request meets one mode
    g.fault = fault = control.faults.replacing(_full_path())
    if fault is not None:
        if fault.kind == "drop":
            return _drop()
        control.faults.before(fault, accounts=request.path.startswith("/api/"))
    if request.path.startswith("/v1/"):
        g.bearer = control.tokens.bearer_of(request.headers.get("Authorization"))
        wait = control.quota.count(g.settings.daily_quota)
        if wait is not None:
            raise ApiError(429, "Too many requests", reason="QUOTA_EXCEEDED", retry_after=wait)
        wait = control.limit.retry_after()
        if wait is not None:
            raise ApiError(429, "API rate limit exceeded", retry_after=wait)
        access.check_endpoint(g.settings, _endpoint(), g.bearer)
    return None


def _finish(control: Control, response: Response) -> Response:
    """The clock's Date; for all but control requests also what faults do to bodies, and counts."""
    response.headers["Date"] = http_date(control.clock.now())
    if _is_control():
        return response
    fault: Fault | None = g.get("fault")
    control.faults.change_contents(_full_path(), response)
    _narrow(g.settings, response)
    if fault is not None:
        spoil(fault, response)
    dropped = fault is not None and fault.kind == "drop"
    control.requests.add(_endpoint(), _full_path(), None if dropped else response.status_code)
    return response


def _narrow(settings: Settings, response: Response) -> None:
    """Leave out what the mode leaves out, also of what faults have put in."""
    if settings.mode == "development" and response.status_code == 200 and response.is_json:
        body = access.without_removed(json.loads(response.get_data()))
        response.set_data(json.dumps(body, ensure_ascii=False))


def _is_control() -> bool:
    return request.path == _CONTROL or request.path.startswith(f"{_CONTROL}/")


def _full_path() -> str:
    return request.full_path.removesuffix("?")


def _endpoint() -> str:
    """The endpoint as counted: "playlists/{id}", "api/token"; "unknown" for no route of ours."""
    if request.url_rule is None:
        return "unknown"
    if kworb.answers(request.path):
        return f"kworb.net/{request.path.removeprefix(kworb.PREFIX).split('/')[1]}"
    rule = request.url_rule.rule.replace(reccobeats.PREFIX, "/reccobeats")
    rule = rule.replace(musicbrainz.PREFIX, "/musicbrainz")
    return re.sub(r"<[^>]*>", "{id}", rule).removeprefix("/v1").lstrip("/")


def _drop() -> Response:
    """Close the connection; whatever is written after this goes nowhere."""
    connection = request.environ.get("werkzeug.socket")
    if not isinstance(connection, socket.socket):
        raise ConnectionAbortedError("dropped on demand")  # a test client without a connection
    connection.shutdown(socket.SHUT_RDWR)
    return Response(status=503)


def _base() -> str:
    return f"{request.host_url}v1"


def _accounts(control: Control) -> Blueprint:
    blueprint = Blueprint("accounts", __name__)

    @blueprint.get("/authorize")
    def authorize() -> Response:
        return Response(status=302, headers={"Location": control.tokens.authorize(request.args)})

    @blueprint.post("/api/token")
    def token() -> Response:
        body = control.tokens.answer(request.form, request.headers.get("Authorization"))
        response = jsonify(body)
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def _history(control: Control) -> Blueprint:
    blueprint = Blueprint("history", __name__)

    @blueprint.get("/me")
    def me() -> Response:
        return jsonify(shapes.me(_base(), _user("user-read-private")))

    @blueprint.get("/me/player/recently-played")
    def recently_played() -> Response:
        listener = _user("user-read-recently-played")
        limit = _number("limit", 20, 1, 50)
        after, before = _number("after", -1, 0, _LATEST_MS), _number("before", -1, 0, _LATEST_MS)
        if after >= 0 and before >= 0:
            raise ApiError(400, "Only one of after and before can be given")
        window = control.history.newest(listener, control.clock.now(), _HISTORY_WINDOW)
        plays = [
            one
            for one in window
            if (after < 0 or to_ms(one.played_at) > after)
            and (before < 0 or to_ms(one.played_at) < before)
        ][:limit]
        return jsonify(
            shapes.recently_played(
                _base(), control.world.catalogue, plays, limit=limit, href=request.url
            )
        )

    return blueprint


def _user(scope: str) -> Listener:
    bearer: Bearer = g.bearer
    return bearer.need(scope)


def _number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise ApiError(400, f"Invalid {name}")
    return int(text)


def _playlists(control: Control) -> Blueprint:
    blueprint = Blueprint("playlists", __name__)
    known = control.world.catalogue

    def find(playlist_id: str) -> Playlist:
        found = control.world.playlist(playlist_id, control.clock.today())
        return access.check_found(g.settings, found)

    def entries_page(playlist_id: str, most: int) -> Response:
        access.check_user(g.settings, g.bearer)
        limit, offset = _number("limit", 20, 1, most), _number("offset", 0, 0, 10**9)
        found = find(playlist_id)
        if not access.shows_contents(g.settings, found, g.bearer):
            raise ApiError(403, "Forbidden")
        shape = access.playlist_shape(g.settings)
        entries = shapes.playlist_entries(_base(), known, found, shape)
        return jsonify(shapes.page(request.base_url, entries, limit=limit, offset=offset))

    @blueprint.get("/playlists/<playlist_id>")
    def playlist(playlist_id: str) -> Response:
        found = find(playlist_id)
        body = shapes.playlist(_base(), found)
        if access.shows_contents(g.settings, found, g.bearer):
            shape = access.playlist_shape(g.settings)
            body |= shapes.playlist_contents(_base(), known, found, shape)
        return jsonify(body)

    @blueprint.get("/playlists/<playlist_id>/tracks")
    def tracks(playlist_id: str) -> Response:
        return entries_page(playlist_id, 100)

    @blueprint.get("/playlists/<playlist_id>/items")
    def items(playlist_id: str) -> Response:
        return entries_page(playlist_id, 50)

    return blueprint


def _ids(most: int) -> list[str]:
    wanted = request.args.get("ids", "").split(",")
    if wanted == [""]:
        raise ApiError(400, "Missing required field: ids")
    if len(wanted) > most:
        raise ApiError(400, f"Too many ids requested: at most {most}")
    for one in wanted:
        _check_id(one)
    return wanted


def _check_id(spotify_id: str) -> None:
    if not ids.is_id(spotify_id):
        raise ApiError(400, "Invalid base62 id")


def _one[T](entities: Mapping[str, T], spotify_id: str) -> T:
    _check_id(spotify_id)
    if spotify_id not in entities:
        raise ApiError(404, "Resource not found")
    return entities[spotify_id]


def _several[T](
    entities: Mapping[str, T], most: int, shape: Callable[[T], shapes.Json]
) -> list[shapes.Json | None]:
    return [shape(entities[one]) if one in entities else None for one in _ids(most)]


def _catalogue(control: Control) -> Blueprint:
    """Tracks, albums and artists; an unknown id among several is a null in its place."""
    blueprint = Blueprint("catalogue", __name__)
    known = control.world.catalogue

    @blueprint.get("/tracks")
    def tracks() -> Response:
        shape = lambda one: shapes.track(_base(), known, one)  # noqa: E731
        return jsonify({"tracks": _several(known.tracks, 50, shape)})

    @blueprint.get("/tracks/<spotify_id>")
    def track(spotify_id: str) -> Response:
        return jsonify(shapes.track(_base(), known, _one(known.tracks, spotify_id)))

    @blueprint.get("/albums")
    def albums() -> Response:
        shape = lambda one: shapes.album(_base(), known, one)  # noqa: E731
        return jsonify({"albums": _several(known.albums, 20, shape)})

    @blueprint.get("/albums/<spotify_id>")
    def album(spotify_id: str) -> Response:
        return jsonify(shapes.album(_base(), known, _one(known.albums, spotify_id)))

    @blueprint.get("/albums/<spotify_id>/tracks")
    def album_tracks(spotify_id: str) -> Response:
        limit, offset = _number("limit", 20, 1, 50), _number("offset", 0, 0, 10**9)
        entries = shapes.album_tracks(_base(), known, _one(known.albums, spotify_id))
        return jsonify(shapes.page(request.base_url, entries, limit=limit, offset=offset))

    @blueprint.get("/artists")
    def artists() -> Response:
        return jsonify(
            {"artists": _several(known.artists, 50, lambda one: shapes.artist(_base(), one))}
        )

    @blueprint.get("/artists/<spotify_id>")
    def artist(spotify_id: str) -> Response:
        return jsonify(shapes.artist(_base(), _one(known.artists, spotify_id)))

    return blueprint


def _search(control: Control) -> Blueprint:
    """Search; of playlists, shows, episodes and audiobooks it finds none."""
    blueprint = Blueprint("search", __name__)
    known = control.world.catalogue
    index = search.Index(known)

    @blueprint.get("/search")
    def found() -> Response:
        text = request.args.get("q", request.args.get("query", ""))  # as its own pages say it
        query = search.parse(text)
        asked = search.types(request.args.get("type"))
        usual, most = access.found_per_search(g.settings)
        limit, offset = _number("limit", usual, 1, most), _number("offset", 0, 0, 1000)
        body = {}
        for kind in asked:
            entries: list[shapes.Json] = []
            if kind == "track":
                entries = [shapes.track(_base(), known, one) for one in index.tracks(query)]
            elif kind == "album":
                entries = [shapes.simple_album(_base(), known, one) for one in index.albums(query)]
            elif kind == "artist":
                entries = [shapes.artist(_base(), one) for one in index.artists(query)]
            own = urlencode({"query": text, "type": kind})
            page = shapes.page(f"{request.base_url}?{own}", entries, limit=limit, offset=offset)
            body[f"{kind}s"] = page
        return jsonify(body)

    return blueprint


def _features(control: Control) -> Blueprint:
    """Audio features and analysis; a track without features is answered like an unknown one."""
    blueprint = Blueprint("features", __name__)
    known = {
        one.id: (one, one.features)
        for one in control.world.catalogue.tracks.values()
        if one.features is not None
    }

    def find(spotify_id: str) -> tuple[Track, Features]:
        _check_id(spotify_id)
        if spotify_id not in known:
            raise ApiError(404, "analysis not found")
        return known[spotify_id]

    @blueprint.get("/audio-features")
    def several() -> Response:
        shaped = _several(known, 100, lambda both: shapes.audio_features(_base(), *both))
        return jsonify({"audio_features": shaped})

    @blueprint.get("/audio-features/<spotify_id>")
    def one(spotify_id: str) -> Response:
        return jsonify(shapes.audio_features(_base(), *find(spotify_id)))

    @blueprint.get("/audio-analysis/<spotify_id>")
    def analysis(spotify_id: str) -> Response:
        return jsonify(audio_analysis(*find(spotify_id)))

    return blueprint
