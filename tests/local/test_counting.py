"""What the control routes tell about requests and the world."""

from collections.abc import Callable

from local.spotify.counting import RequestLog
from local.spotify.world import World
from tests.local.helpers import UNKNOWN_ID, Api

ME = "madeup-solveig"


def test_requests_are_counted(made: Api) -> None:
    playlist = made.control.world.charts[0].playlist_id
    made.token()
    made.get(f"playlists/{playlist}")
    made.get(f"playlists/{UNKNOWN_ID}")
    made.get(f"playlists/{playlist}/tracks?limit=1")
    made.get("audio-features/", ids=UNKNOWN_ID)
    made.get(f"audio-features/{UNKNOWN_ID}")
    made.get("me/player/recently-played", listener=ME)
    made.get("nothing")
    made.call("GET", "world")

    summary = made.call("GET", "requests").json()
    assert summary["by_endpoint"] == {
        "api/token": 2,
        "audio-features": 1,
        "audio-features/{id}": 1,
        "me/player/recently-played": 1,
        "playlists/{id}": 2,
        "playlists/{id}/tracks": 1,
        "unknown": 1,
    }
    assert summary["total"] == 9
    assert summary["by_status"] == {"200": 6, "404": 3}
    assert summary["log"][3] == {"path": f"/v1/playlists/{playlist}/tracks?limit=1", "status": 200}

    assert made.call("DELETE", "requests").status_code == 204
    assert made.call("GET", "requests").json() == {
        "total": 0,
        "by_endpoint": {},
        "by_status": {},
        "log": [],
    }


def test_the_log_is_bounded_and_the_counts_are_not() -> None:
    log = RequestLog(3)
    for n in range(5):
        log.add("tracks", f"/{n}", 200)
    summary = log.summary()
    assert summary["total"] == 5
    assert [one["path"] for one in summary["log"]] == ["/2", "/3", "/4"]


def test_the_world_of_a_csv(small: Api) -> None:
    world = small.call("GET", "world").json()

    plays = world["counts"].pop("plays")
    assert plays == sum(len(small.control.plays(one["id"])) for one in world["listeners"])
    assert plays > 100
    assert world["counts"] == {"tracks": 5, "albums": 6, "artists": 7}
    assert world["made_up"] is False
    assert world["clock"] == "2024-05-06T18:00:00.000Z"
    assert world["client"] == {"id": "soundlake-local-client", "secret": "soundlake-local-secret"}
    assert [
        (c["country"], c["country_name"], c["cadence"], c["name"]) for c in world["charts"]
    ] == [
        ("NO", "Norway", "daily", "Top 50 - Norway"),
        ("GLOBAL", "Global", "daily", "Top 50 - Global"),
        ("SE", "Sweden", "daily", "Top 50 - Sweden"),
    ]
    for chart in world["charts"]:
        assert small.json(f"playlists/{chart['playlist_id']}")["name"] == chart["name"]
    for listener in world["listeners"]:
        form = {"grant_type": "refresh_token", "refresh_token": listener["refresh_token"]}
        token = small.post_token(**form).json()["access_token"]
        me = small.get("me", bearer=token).json()
        assert [me["id"], me["display_name"]] == [listener["id"], listener["display_name"]]


def test_the_made_up_world_says_so(serve: Callable[..., Api], made_world: World) -> None:
    api = serve(made_world)
    world = api.call("GET", "world").json()
    assert world["made_up"] is True
    assert "made up by Soundlake's local Spotify" in world["label"]
    for chart in (world["charts"][0], world["charts"][-1]):
        playlist = api.json(f"playlists/{chart['playlist_id']}")
        assert "made up by Soundlake's local Spotify" in playlist["description"]
