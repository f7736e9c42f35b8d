"""What each access mode answers, endpoint by endpoint, and switching between them."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.spotify.access import REMOVED_FIELDS, without_removed
from local.spotify.settings import MODES
from local.spotify.world import World
from tests.local.conftest import Serve
from tests.local.helpers import UNKNOWN_ID, Api

ME, OTHER = "madeup-solveig", "madeup-mateo"
DEVELOPMENT = ["development_2025", "development"]
FORBIDDEN = {"error": {"status": 403, "message": "Forbidden"}}
WITHHELD = {"error": {"status": 403}}
NOT_FOUND = {"error": {"status": 404, "message": "Resource not found"}}
NO_USER = {"error": {"status": 401, "message": "Valid user authentication required"}}


@pytest.fixture(params=DEVELOPMENT)
def either(request: pytest.FixtureRequest, serve: Serve, made_world: World) -> Api:
    """A service in one of the development modes."""
    return serve(made_world, mode=request.param)


@pytest.fixture
def api(serve: Serve, made_world: World) -> Api:
    """A service in the development mode of 2026."""
    return serve(made_world, mode="development")


def _known(api: Api) -> dict[str, str]:
    track = next(t for t in api.control.world.catalogue.tracks.values() if t.features)
    own, others = (api.control.listener(one).playlist_id for one in (ME, OTHER))
    return {
        "track": track.id,
        "album": track.album_id,
        "artist": track.artist_ids[0],
        "chart": api.control.world.charts[0].playlist_id,
        "own": own,
        "other": others,
    }


def _asked(api: Api, path: str, listener: str | None = None) -> tuple[int, Any]:
    answer = api.get(path.format_map(_known(api)), listener=listener)
    return answer.status_code, answer.json()


# Status and, of an error, its body, by mode.
TABLE: list[tuple[str, str | None, dict[str, tuple[int, Any]]]] = [
    *(
        (path, None, {"development_2025": (403, WITHHELD), "development": (403, WITHHELD)})
        for path in (
            "audio-features?ids={track}",
            "audio-features/{track}",
            "audio-features/" + UNKNOWN_ID,
            "audio-analysis/{track}",
        )
    ),
    *(
        (path, None, {"development": (403, FORBIDDEN)})
        for path in (
            "tracks?ids={track}",
            "tracks/?ids={track}",
            "tracks?ids=nonsense",
            "albums?ids={album}",
            "artists?ids={artist}",
            "playlists/{own}/tracks",
        )
    ),
    *(
        (path, None, {})
        for path in (
            "tracks/{track}",
            "albums/{album}",
            "albums/{album}/tracks",
            "artists/{artist}",
            "playlists/{own}",
            "search?q=a&type=track",
        )
    ),
    ("me", ME, {}),
    ("me/player/recently-played", ME, {}),
    # Playlists of Spotify's own: the charts.
    *(
        (path, ME, {"development_2025": (404, NOT_FOUND), "development": (404, NOT_FOUND)})
        for path in ("playlists/{chart}", "playlists/{chart}/items")
    ),
    (
        "playlists/{chart}/tracks",
        ME,
        {"development_2025": (404, NOT_FOUND), "development": (403, FORBIDDEN)},
    ),
    ("playlists/{own}", ME, {}),
    ("playlists/{own}/items", ME, {}),
    ("playlists/{own}/tracks", ME, {"development": (403, FORBIDDEN)}),
    ("playlists/{other}", ME, {}),
    ("playlists/{other}/items", ME, {"development": (403, FORBIDDEN)}),
    ("playlists/{own}/items", None, {"development": (401, NO_USER)}),
    ("playlists/{chart}/items?limit=0", None, {"development": (401, NO_USER)}),
]


@pytest.mark.parametrize("mode", MODES)
def test_every_endpoint_answers_as_its_mode_does(
    serve: Serve, made_world: World, mode: str
) -> None:
    api = serve(made_world, mode=mode)
    unasked = "playlists/{chart}/items?limit=0"  # a bad request, where it may be asked at all
    for path, listener, refusals in TABLE:
        status, body = _asked(api, path, listener)
        if mode in refusals:
            assert (status, body) == refusals[mode], (mode, path)
        elif "nonsense" in path or path == unasked:
            assert status == 400, (mode, path)
        elif UNKNOWN_ID in path:
            assert status == 404, (mode, path)
        else:
            assert status == 200, (mode, path, body)


def test_every_route_is_in_the_table(made: Api) -> None:
    from local.spotify.app import create_app

    rules = create_app(made.control.world).url_map.iter_rules()
    routes = {one.rule.removeprefix("/v1/") for one in rules if one.rule.startswith("/v1/")}
    asked = set()
    for path, _, _ in TABLE:
        kind, *rest = path.partition("?")[0].rstrip("/").split("/")
        name = "<playlist_id>" if kind == "playlists" else "<spotify_id>"
        asked.add("/".join([kind, *([name, *rest[1:]] if rest and kind != "me" else rest)]))

    assert asked == routes


def test_a_token_is_looked_at_before_the_mode(either: Api) -> None:
    assert either.get("audio-features?ids=x", bearer="garbage").status_code == 401
    assert either.get("browse/categories").status_code == 404
    headers = {"Authorization": f"Bearer {either.token()}"}
    posted = requests.post(f"{either.url}/v1/tracks", headers=headers, timeout=5)
    assert posted.status_code == 405


#### FIELDS ########################################################################################


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _objects(one)


GONE_FROM = [
    ("tracks/{track}", {"track", "album", "artist"}),
    ("albums/{album}", {"track", "album", "artist"}),
    ("albums/{album}/tracks", {"track", "artist"}),
    ("artists/{artist}", {"artist"}),
    ("me", {"user"}),
    ("me/player/recently-played", {"track", "album", "artist"}),
    ("playlists/{own}", {"playlist", "user", "track", "album", "artist"}),
    ("playlists/{own}/items", {"user", "track", "album", "artist"}),
]


@pytest.mark.parametrize(("path", "types"), GONE_FROM)
def test_fields_of_2026_are_gone_wherever_an_object_is(
    api: Api, path: str, types: set[str]
) -> None:
    _, body = _asked(api, path, ME)
    objects = [one for one in _objects(body) if "type" in one]

    assert {one["type"] for one in objects} >= types
    for one in objects:
        assert not set(one) & REMOVED_FIELDS.get(one["type"], set()), one["type"]


def test_nothing_else_is_gone(made: Api, api: Api) -> None:
    for path in ("tracks/{track}", "albums/{album}", "artists/{artist}", "me"):
        whole, less = (_asked(one, path, ME)[1] for one in (made, api))
        lost = set(whole) - set(less)
        assert lost == REMOVED_FIELDS[whole["type"]] & set(whole), path
        assert lost, path
        assert set(less) <= set(whole)

    # The reversal of March 2026, and what a playlist keeps.
    assert "isrc" in _asked(api, "tracks/{track}")[1]["external_ids"]
    assert "upc" in _asked(api, "albums/{album}")[1]["external_ids"]
    assert "followers" in _asked(api, "playlists/{own}", ME)[1]


def test_of_2025_an_app_is_told_every_field(serve: Serve, made_world: World, made: Api) -> None:
    old = serve(made_world, mode="development_2025")
    for path in ("tracks/{track}", "albums/{album}", "artists/{artist}", "playlists/{own}", "me"):
        ours, extended = (_asked(one, path, ME)[1] for one in (old, made))
        assert [set(one) for one in _objects(ours)] == [set(one) for one in _objects(extended)]


def test_an_unknown_kind_of_object_is_left_alone() -> None:
    body = [{"popularity": 1}, {"type": "playlist", "followers": {"total": 1}}, None, 7, "text"]
    assert without_removed(body) == body
    assert without_removed({"type": ["track"], "popularity": 1}) == {
        "type": ["track"],
        "popularity": 1,
    }


@pytest.mark.parametrize("kind", ["local_file", "episode"])
def test_what_faults_put_in_loses_fields_too(api: Api, kind: str) -> None:
    api.control.fault(path="/items", kind=kind)
    _, body = _asked(api, "playlists/{own}/items", ME)

    assert api.control.faults.listing()[0]["fired"] == 1
    item = body["items"][0]["item"]
    assert item.get("is_local") or item["type"] == "episode"
    for one in _objects(body):
        assert not set(one) & REMOVED_FIELDS.get(one.get("type", ""), set())


#### PLAYLISTS #####################################################################################


def test_ones_own_playlist_has_items(api: Api) -> None:
    _, whole = _asked(api, "playlists/{own}", ME)
    _, page = _asked(api, "playlists/{own}/items?limit=50", ME)

    assert "tracks" not in whole
    tracks = [entry["item"]["id"] for entry in whole["items"]["items"]]
    assert len(tracks) == 30
    assert [entry["item"]["id"] for entry in page["items"]] == tracks
    assert "track" not in page["items"][0]
    assert whole["items"]["href"].startswith(f"{api.url}/v1/playlists/{whole['id']}/items?")


@pytest.mark.parametrize("shape", ["tracks", "items"])
def test_of_2025_either_shape_is_there(serve: Serve, made_world: World, shape: str) -> None:
    api = serve(made_world, mode="development_2025", playlist_shape=shape)
    _, whole = _asked(api, "playlists/{own}", ME)
    assert {"tracks", "items"} & set(whole) == {shape}


def test_anothers_playlist_is_told_without_contents(made: Api, api: Api) -> None:
    extended = _asked(made, "playlists/{other}", ME)[1]
    for path, listener in (("playlists/{other}", ME), ("playlists/{own}", None)):
        _, body = _asked(api, path, listener)
        assert set(body) == set(extended) - {"tracks"}
        assert body["name"]


#### CLIENT CREDENTIALS ############################################################################


def test_an_apps_own_token_may_be_refused(serve: Serve, made_world: World) -> None:
    for mode in DEVELOPMENT:
        api = serve(made_world, mode=mode, client_credentials=False)
        for path in ("tracks/{track}", "albums/{album}", "artists/{artist}", "playlists/{own}"):
            assert _asked(api, path) == (403, FORBIDDEN)
            assert _asked(api, path, ME)[0] == 200
        assert _asked(api, "me/player/recently-played") == (401, NO_USER)
    extended = serve(made_world, client_credentials=False)
    assert _asked(extended, "tracks/{track}")[0] == 200


#### SWITCHING #####################################################################################


def test_the_mode_is_switched_while_it_runs(made: Api) -> None:
    before = made.call("GET", "access").json()
    assert (before["mode"], before["client_credentials"]) == ("extended", True)
    assert made.call("GET", "world").json()["access"] == "extended"
    assert _asked(made, "tracks?ids={track}")[0] == 200
    assert _asked(made, "playlists/{chart}")[0] == 200

    switched = made.call("PUT", "access", json={"mode": "development"})
    assert switched.json() == {**before, "mode": "development", "counted": 2}
    assert made.call("GET", "world").json()["access"] == "development"
    # With the same token: the mode is the app's, not the token's.
    assert _asked(made, "tracks?ids={track}") == (403, FORBIDDEN)
    assert _asked(made, "playlists/{chart}") == (404, NOT_FOUND)
    assert "popularity" not in _asked(made, "tracks/{track}")[1]

    made.call("PUT", "access", json={"client_credentials": False})
    assert _asked(made, "tracks/{track}") == (403, FORBIDDEN)

    back = {name: before[name] for name in ("mode", "client_credentials", "daily_quota")}
    made.call("PUT", "access", json=back)
    assert _asked(made, "tracks?ids={track}")[0] == 200
    assert "popularity" in _asked(made, "tracks/{track}")[1]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"mode": "mixed"}, "mode must be one of extended, development_2025, development"),
        ({"mode": ["extended"]}, "mode must be one of"),
        ({"client_credentials": 1}, "client_credentials must be true or false, not 1"),
        ({"mode": "development", "quota": 1}, "Access has no 'quota'"),
        ({"counted": 0}, "Access has no 'counted' to set"),
        ({"self": "x"}, "Access has no 'self' to set"),
        ({"daily_quota": -1}, "daily_quota must be a whole number from 0 to 1000000, not -1"),
        ({"daily_quota": True}, "not True"),
        ({"daily_quota": "10"}, "not '10'"),
        (["development"], "JSON object"),
    ],
)
def test_a_switch_that_makes_no_sense_changes_nothing(made: Api, body: Any, says: str) -> None:
    answer = made.call("PUT", "access", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert made.control.settings.mode == "extended"
    assert made.control.settings.client_credentials is True
