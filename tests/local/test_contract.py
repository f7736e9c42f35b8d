"""Every answer against Spotify's OpenAPI description.

The description requires almost nothing, so it is tightened first: every documented property must
be there, but for those in `LEFT_OUT`. Then it is loosened where real Spotify differs from it,
each time with the reason in `DEVIATIONS`; each of these must be needed by the answer it names.
The fields of `LEFT_OUT_2026` are missing for development mode's apps alone, and must be.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from local.spotify.app import create_app
from local.spotify.search import TYPES
from local.spotify.server import running
from local.spotify.settings import Settings
from local.spotify.world import World
from tests.local.helpers import CONTRACT, UNKNOWN_ID, Api

pytestmark = pytest.mark.skipif(
    not CONTRACT.is_file(), reason=f"the contract is not there: {CONTRACT.name} in ../shared"
)

Json = dict[str, Any]
Serve = Callable[..., Api]

# Properties the service leaves out on purpose, by schema.
LEFT_OUT: dict[str, set[str]] = {
    # Only answered when a market is asked for.
    "TrackObject": {"is_playable", "linked_from", "restrictions"},
    "SimplifiedTrackObject": {"is_playable", "linked_from", "restrictions"},
    "AlbumBase": {"restrictions"},
    "EpisodeBase": {"restrictions", "resume_point"},
    # One pair or the other, by the playlist shape; a test of its own checks which.
    "PlaylistObject": {"items", "tracks"},
    "PlaylistTrackObject": {"item", "track"},
    # Seen in no real answer.
    "CursorPagingObject": {"total"},
    # Whichever codes there are.
    "ExternalIdObject": {"isrc", "ean", "upc"},
    # A local file has no address.
    "ExternalUrlObject": {"spotify"},
}
# What development mode leaves out besides; the description calls all of it deprecated, and yet
# requires `available_markets`, `label` and `popularity` of albums.
LEFT_OUT_2026: dict[str, set[str]] = {
    "TrackObject": {"available_markets", "popularity"},
    "SimplifiedTrackObject": {"available_markets"},
    "AlbumBase": {"available_markets"},
    "AlbumObject": {"label", "popularity"},
    "ArtistObject": {"followers", "popularity"},
    "PrivateUserObject": {"country", "email", "explicit_content", "followers", "product"},
    "ShowBase": {"available_markets", "publisher"},
}


@dataclass(frozen=True)
class Deviation:
    """A place where real Spotify answers what the description forbids."""

    reason: str
    place: str  # under components
    shown_by: str
    change: str = "nullable"
    answers: str = "tracks"  # a playlist shape or a mode of `small_answers`


DEVIATIONS = [
    *(
        Deviation(
            "the discriminator means schemas called track and episode, which do not exist",
            f"PlaylistTrackObject/properties/{name}",
            shown_by,
            "mapping",
            answers=shown_by,
        )
        for name, shown_by in (("track", "tracks"), ("item", "items"))
    ),
    Deviation(
        "a withdrawn track leaves a null behind", "PlaylistTrackObject/properties/track", "tracks"
    ),
    Deviation(
        "a withdrawn track leaves a null behind",
        "PlaylistTrackObject/properties/item",
        "items",
        answers="items",
    ),
    Deviation("the last page has no next", "CursorPagingObject/properties/next", "no plays"),
    Deviation("no plays, no cursors", "CursorPagingObject/properties/cursors", "no plays"),
    Deviation("a play may have no context", "PlayHistoryObject/properties/context", "plays"),
    Deviation("an unknown id is null in its place", "@ManyTracks/tracks", "several tracks"),
    Deviation("an unknown id is null in its place", "@ManyAlbums/albums", "several albums"),
    Deviation("an unknown id is null in its place", "@ManyArtists/artists", "several artists"),
    Deviation(
        "an unknown id is null in its place", "@ManyAudioFeatures/audio_features", "features"
    ),
    Deviation("real tracks have 0 and 1, too", "TimeSignature", "one features", "minimum 0"),
    Deviation("a local file has no id", "TrackObject/properties/id", "local file"),
    Deviation("a local file has no address", "TrackObject/properties/href", "local file"),
    Deviation(
        "a local file's artist has no id", "SimplifiedArtistObject/properties/id", "local file"
    ),
    Deviation(
        "a local file's artist has no address",
        "SimplifiedArtistObject/properties/href",
        "local file",
    ),
    Deviation(
        "a local file's artist has no URI", "SimplifiedArtistObject/properties/uri", "local file"
    ),
    *(
        Deviation(
            f"a local file's album has no {name}", f"AlbumBase/properties/{name}", "local file"
        )
        for name in ("album_type", "href", "id", "release_date", "release_date_precision", "uri")
    ),
    Deviation("a local file's album counts nothing", "AlbumBase", "local file", "no total_tracks"),
]
# Of the development modes' 403 for audio features and analysis alone.
WORDLESS = Deviation(
    "what was withheld in 2024 is refused without a word",
    "ErrorObject",
    "one features",
    "no message",
    answers="development_2025",
)


@pytest.fixture(scope="module")
def contract() -> Json:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: Json = yaml.load(CONTRACT.read_text(encoding="utf-8"), Loader=loader)
    return document


def _tightened(contract: Json, *left_out: dict[str, set[str]]) -> Json:
    document = copy.deepcopy(contract)
    for name, schema in document["components"]["schemas"].items():
        spared = {field for one in left_out for field in one.get(name, ())}
        for part in (schema, *schema.get("allOf", ())):
            if "properties" in part:
                part["required"] = sorted(set(part["properties"]) - spared)
            elif "required" in part:  # of properties in another part
                part["required"] = sorted(set(part["required"]) - spared)
    return document


@pytest.fixture(scope="module")
def description(contract: Json) -> Json:
    return _tightened(contract, LEFT_OUT)


@pytest.fixture(scope="module")
def description_2026(contract: Json) -> Json:
    return _tightened(contract, LEFT_OUT, LEFT_OUT_2026)


def _spot(document: Json, place: str) -> tuple[Json, str]:
    """The parent and key of a schema."""
    if place.startswith("@"):
        response, name = place[1:].split("/")
        schema = document["components"]["responses"][response]["content"]["application/json"]
        return schema["schema"]["properties"][name], "items"
    *steps, last = place.split("/")
    parent = document["components"]["schemas"]
    for step in steps:
        parent = parent[step]
    if last not in parent:  # CursorPagingObject and the like keep theirs in an allOf
        parent = next(part for part in parent["allOf"] if last in part)
    return parent, last


def _loosened(document: Json, deviations: list[Deviation]) -> Json:
    document = copy.deepcopy(document)
    for one in deviations:
        parent, key = _spot(document, one.place)
        if one.change == "nullable":
            parent[key] = {"anyOf": [parent[key], {"nullable": True, "enum": [None]}]}
        elif one.change == "minimum 0":
            parent[key]["minimum"] = 0
        elif one.change == "mapping":
            parent[key]["discriminator"]["mapping"] = {
                "track": "#/components/schemas/TrackObject",
                "episode": "#/components/schemas/EpisodeObject",
            }
        elif one.change == "no total_tracks":
            parent[key]["required"].remove("total_tracks")
        elif one.change == "no message":
            parent[key]["required"] = ["status"]
    return document


def _problems(document: Json, schema: Json, answer: Any) -> list[str]:
    resource = Resource(contents=document, specification=DRAFT4)
    registry: Registry[Any] = Registry().with_resource("urn:contract", resource)
    # References inside the description are relative to it.
    absolute = _absolute(schema)
    validator = OAS30Validator(absolute, registry=registry, format_checker=oas30_format_checker)
    return [f"{error.json_path}: {error.message}"[:300] for error in validator.iter_errors(answer)]


def _absolute(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: f"urn:contract{inner}" if key == "$ref" else _absolute(inner)
            for key, inner in value.items()
        }
    return [_absolute(inner) for inner in value] if isinstance(value, list) else value


def _schema(document: Json, path: str, status: int) -> Json:
    """The schema of an answer; 400 and 404 have one although no operation lists them."""
    if status in (400, 404):
        response = {
            "$ref": f"#/components/responses/{'BadRequest' if status == 400 else 'NotFound'}"
        }
    else:
        response = document["paths"][path]["get"]["responses"][str(status)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema: Json = response["content"]["application/json"]["schema"]
    return schema


@dataclass(frozen=True)
class Asked:
    """An answer, and the operation it answers."""

    path: str
    status: int
    body: Any


def _ask(api: Api, path: str, listener: str | None = None, **params: Any) -> Asked:
    """Ask with {…} in `path` already filled in; the operation is found by its form."""
    answer = api.get(path, listener=listener, **params)
    return Asked(_operation(path), answer.status_code, answer.json())


def _operation(path: str) -> str:
    kind, _, rest = path.partition("/")
    if not rest or kind == "me":
        return f"/{path}"
    name = "playlist_id" if kind == "playlists" else "id"
    return f"/{kind}/" + re.sub(r"^[^/]+", f"{{{name}}}", rest)


def _answers(api: Api) -> dict[str, Asked]:
    """One answer of every kind, by name."""
    world = api.control.world
    listener = world.listeners[0].id
    # A chart, which the app may ask for itself, or a playlist of the listener's own.
    playlist, owner = world.charts[0].playlist_id, None
    if api.control.settings.mode != "extended":
        playlist, owner = world.listeners[0].playlist_id, listener
    track = next(t for t in world.catalogue.tracks.values() if t.features is not None)
    odd = next(
        (
            t
            for t in world.catalogue.tracks.values()
            if t.features is not None and t.features.time_signature < 3
        ),
        track,
    )
    album, artist = track.album_id, track.artist_ids[0]
    answers = {
        "me": _ask(api, "me", listener),
        "plays": _ask(api, "me/player/recently-played", listener, limit=50),
        "no plays": _ask(api, "me/player/recently-played", listener, before=1),
        "both cursors": _ask(api, "me/player/recently-played", listener, before=1, after=1),
        "playlist": _ask(api, f"playlists/{playlist}", owner),
        "tracks": _ask(api, f"playlists/{playlist}/tracks", owner, limit=10),
        "items": _ask(api, f"playlists/{playlist}/items", owner, limit=10),
        "chart": _ask(api, f"playlists/{world.charts[-1].playlist_id}", owner),
        "own playlist": _ask(api, f"playlists/{world.listeners[1].playlist_id}"),
        "another's items": _ask(api, f"playlists/{world.listeners[1].playlist_id}/items", listener),
        "no playlist": _ask(api, f"playlists/{UNKNOWN_ID}"),
        "several tracks": _ask(api, "tracks", ids=f"{track.id},{UNKNOWN_ID}"),
        "one track": _ask(api, f"tracks/{track.id}"),
        "bad id": _ask(api, "tracks/nonsense"),
        "several albums": _ask(api, "albums", ids=f"{album},{UNKNOWN_ID}"),
        "one album": _ask(api, f"albums/{album}"),
        "album tracks": _ask(api, f"albums/{album}/tracks"),
        "several artists": _ask(api, "artists", ids=f"{artist},{UNKNOWN_ID}"),
        "one artist": _ask(api, f"artists/{artist}"),
        "search": _ask(api, "search", q=f"isrc:{track.isrc}", type="track"),
        "search for all": _ask(
            api, "search", q=track.name.split()[0], type=",".join(TYPES), limit=2, offset=1
        ),
        "no query": _ask(api, "search", type="track"),
        "features": _ask(api, "audio-features", ids=f"{odd.id},{UNKNOWN_ID}"),
        "one features": _ask(api, f"audio-features/{odd.id}"),
        "analysis": _ask(api, f"audio-analysis/{odd.id}"),
        "no analysis": _ask(api, f"audio-analysis/{UNKNOWN_ID}"),
    }
    for kind in ("401", "403", "429"):
        api.control.fault(path="^/v1/artists", kind=kind, times=1)
        answers[kind] = _ask(api, f"artists/{artist}")
    api.control.set_access(daily_quota=1)
    answers["quota"] = _ask(api, f"artists/{artist}")
    api.control.set_access(daily_quota=0)
    for name, kind in (("local file", "local_file"), ("episode", "episode")):
        api.control.fault(path="^/v1/playlists", kind=kind, times=1)
        answers[name] = _ask(api, f"playlists/{playlist}/items", owner, limit=2)
    return answers


@pytest.fixture(params=["made_world", "small_world", "real_world"])
def any_world(request: pytest.FixtureRequest) -> World:
    world: World = request.getfixturevalue(request.param)
    return world


@pytest.fixture(scope="module")
def small_answers(small_world: World) -> dict[str, dict[str, Asked]]:
    """The small world's answers by playlist shape, then by mode; it has every oddity."""
    settings = {
        "tracks": Settings(playlist_shape="tracks"),
        "items": Settings(playlist_shape="items"),
        "development_2025": Settings(mode="development_2025"),
        "development": Settings(mode="development"),
    }
    answers = {}
    for name, one in settings.items():
        with running(small_world, one) as service:
            answers[name] = _answers(Api(service))
    return answers


@pytest.mark.parametrize("shape", ["tracks", "items"])
def test_every_answer_keeps_the_contract(
    serve: Serve, any_world: World, shape: str, description: Json
) -> None:
    api = serve(any_world, playlist_shape=shape)
    document = _loosened(description, DEVIATIONS)

    for name, asked in _answers(api).items():
        schema = _schema(document, asked.path, asked.status)
        assert _problems(document, schema, asked.body) == [], (name, asked.path, asked.status)


@pytest.mark.parametrize("mode", ["development_2025", "development"])
def test_every_answer_of_a_development_mode_keeps_it_too(
    serve: Serve, any_world: World, mode: str, description: Json, description_2026: Json
) -> None:
    api = serve(any_world, mode=mode)
    told = description_2026 if mode == "development" else description
    ordinary, wordless = _loosened(told, DEVIATIONS), _loosened(told, [WORDLESS])

    for name, asked in _answers(api).items():
        withheld = asked.path.startswith("/audio-") and asked.status == 403
        document = wordless if withheld else ordinary
        schema = _schema(document, asked.path, asked.status)
        assert _problems(document, schema, asked.body) == [], (name, asked.path, asked.status)


@pytest.mark.parametrize(
    ("name", "field"), [(name, one) for name, some in LEFT_OUT_2026.items() for one in sorted(some)]
)
def test_every_field_left_out_in_2026_is_missed(
    small_answers: dict[str, dict[str, Asked]], contract: Json, name: str, field: str
) -> None:
    others = {**LEFT_OUT_2026, name: LEFT_OUT_2026[name] - {field}}
    document = _loosened(_tightened(contract, LEFT_OUT, others), DEVIATIONS)

    missed = [
        problem
        for asked in small_answers["development"].values()
        if asked.status == 200
        for problem in _problems(document, _schema(document, asked.path, asked.status), asked.body)
    ]
    assert missed


def test_every_route_is_held_against_the_contract(
    small_world: World, small_answers: dict[str, dict[str, Asked]]
) -> None:
    rules = create_app(small_world).url_map.iter_rules()
    ours = {rule.rule for rule in rules if rule.rule.startswith("/v1/")}
    asked = {
        asked.path.replace("{id}", "<spotify_id>").replace("{playlist_id}", "<playlist_id>")
        for asked in small_answers["tracks"].values()
    }

    assert {f"/v1{path}" for path in asked} == ours


@pytest.mark.parametrize(
    "one", [*DEVIATIONS, WORDLESS], ids=lambda one: f"{one.place} {one.change} {one.answers}"
)
def test_a_deviation_is_needed(
    small_answers: dict[str, dict[str, Asked]], description: Json, one: Deviation
) -> None:
    strict = _loosened(description, [other for other in DEVIATIONS if other is not one])
    asked = small_answers[one.answers][one.shown_by]

    assert _problems(strict, _schema(strict, asked.path, asked.status), asked.body)


def test_the_contract_check_can_fail(small: Api, description: Json) -> None:
    document = _loosened(description, DEVIATIONS)
    schema = _schema(document, "/tracks/{id}", 200)
    track = small.json(f"tracks/{1:022d}")
    wrong = {**track, "duration_ms": "201234"}
    short = {name: value for name, value in track.items() if name != "popularity"}

    assert _problems(document, schema, track) == []
    assert "duration_ms" in _problems(document, schema, wrong)[0]
    assert "popularity" in _problems(document, schema, short)[0]
