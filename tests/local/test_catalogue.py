"""Look-ups by id, paging, and the errors of both."""

import itertools

import pytest

from tests.local.conftest import Serve
from tests.local.helpers import UNKNOWN_ID, Api


def _some(made: Api, kind: str, count: int) -> list[str]:
    return list(getattr(made.control.world.catalogue, kind))[:count]


@pytest.mark.parametrize(
    ("path", "kind", "most"),
    [
        ("tracks", "tracks", 50),
        ("albums", "albums", 20),
        ("artists", "artists", 50),
        ("audio-features", "tracks", 100),
    ],
)
def test_several(made: Api, path: str, kind: str, most: int) -> None:
    wanted = _some(made, kind, most + 1)
    body = path.replace("-", "_")

    answer = made.json(path, ids=",".join(wanted[:most]))[body]
    features = {t.id: t.features for t in made.control.world.catalogue.tracks.values()}
    assert [one and one["id"] for one in answer] == [
        None if path == "audio-features" and features[i] is None else i for i in wanted[:most]
    ]
    mixed = made.json(path, ids=f"{wanted[0]},{UNKNOWN_ID},{wanted[0]}")[body]
    assert [one and one["id"] for one in mixed] == [wanted[0], None, wanted[0]]

    for wrong in (",".join(wanted), "", "nonsense", f"{wanted[0]},", "ä" * 22):
        answer = made.get(path, ids=wrong)
        assert answer.status_code == 400, wrong
        assert answer.json()["error"]["status"] == 400
    assert made.get(path).status_code == 400
    assert made.get(f"{path}/?ids={wanted[0]}").status_code == 200


@pytest.mark.parametrize(
    "path", ["tracks", "albums", "artists", "audio-features", "audio-analysis"]
)
def test_one(made: Api, path: str) -> None:
    kind = path if path in ("tracks", "albums", "artists") else "tracks"
    one = _some(made, kind, 1)[0]
    body = made.json(f"{path}/{one}")
    assert body.get("id", one) == one
    assert made.get(f"{path}/{UNKNOWN_ID}").status_code == 404
    assert made.get(f"{path}/nonsense").status_code == 400


def test_a_track_without_features(made: Api) -> None:
    tracks = made.control.world.catalogue.tracks.values()
    unknown = next(t.id for t in tracks if t.features is None)
    assert made.json("audio-features", ids=unknown) == {"audio_features": [None]}
    for path in ("audio-features", "audio-analysis"):
        answer = made.get(f"{path}/{unknown}")
        assert answer.status_code == 404
        assert answer.json() == {"error": {"status": 404, "message": "analysis not found"}}


def test_an_album_and_its_tracks(made: Api) -> None:
    album = max(made.control.world.catalogue.albums.values(), key=lambda one: len(one.track_ids))
    body = made.json(f"albums/{album.id}")
    total = len(album.track_ids)
    assert total > 3
    assert body["total_tracks"] == body["tracks"]["total"] == total
    assert [t["id"] for t in body["tracks"]["items"]] == list(album.track_ids)
    assert [t["track_number"] for t in body["tracks"]["items"]] == list(range(1, total + 1))

    page = made.json(f"albums/{album.id}/tracks", limit=2, offset=1)
    assert [t["id"] for t in page["items"]] == list(album.track_ids[1:3])
    assert page["previous"].endswith("?offset=0&limit=2")
    assert page["next"].endswith("?offset=3&limit=2")
    assert made.get(f"albums/{UNKNOWN_ID}/tracks").status_code == 404


def test_analysis_is_deterministic_and_covers_the_track(made: Api) -> None:
    track = next(t for t in made.control.world.catalogue.tracks.values() if t.features)
    first = made.json(f"audio-analysis/{track.id}")
    assert first == made.json(f"audio-analysis/{track.id}")

    sections = first["sections"]
    assert sections[0]["start"] == 0
    for earlier, later in itertools.pairwise(sections):
        assert earlier["start"] + earlier["duration"] == pytest.approx(later["start"], abs=1e-4)
    end = sections[-1]["start"] + sections[-1]["duration"]
    assert end == pytest.approx(track.duration_ms / 1000, abs=1e-4)
    assert first["track"]["tempo"] == track.features.tempo if track.features else False


def test_segments_cover_the_track_one_after_the_other(made: Api) -> None:
    track = next(t for t in made.control.world.catalogue.tracks.values() if t.features)
    segments = made.json(f"audio-analysis/{track.id}")["segments"]

    assert segments[0]["start"] == 0
    for earlier, later in itertools.pairwise(segments):
        assert earlier["start"] + earlier["duration"] == pytest.approx(later["start"], abs=1e-4)
        assert earlier["loudness_end"] == 0
    end = segments[-1]["start"] + segments[-1]["duration"]
    assert end == pytest.approx(track.duration_ms / 1000, abs=1e-4)
    assert segments[-1]["loudness_end"] < 0
    for one in segments:
        assert (len(one["pitches"]), len(one["timbre"])) == (12, 12)
        assert min(one["pitches"]) >= 0
        assert max(one["pitches"]) == 1
        assert 0 <= one["loudness_max_time"] <= one["duration"]
    assert len({tuple(one["timbre"]) for one in segments}) == len(segments)


@pytest.mark.parametrize("world", ["made_world", "small_world"])
def test_albums_and_artists_say_more_than_inside_a_track(
    serve: Serve, request: pytest.FixtureRequest, world: str
) -> None:
    api = serve(request.getfixturevalue(world))
    catalogue = api.control.world.catalogue
    albums = api.json("albums", ids=",".join(list(catalogue.albums)[:20]))["albums"]
    artists = api.json("artists", ids=",".join(list(catalogue.artists)[:50]))["artists"]

    # Nobody may take a label for a real one.
    assert all(one["label"].startswith(("Made-up Records ", "Invented Records ")) for one in albums)
    upcs = {one["external_ids"]["upc"] for one in albums}
    assert len(upcs) == len(albums)
    assert all(len(upc) == 12 and upc.isdecimal() for upc in upcs)
    assert {genre for one in artists for genre in one["genres"]} != set()
    assert all([image["height"] for image in one["images"]] == [640, 300, 64] for one in artists)
    for one in (*albums, *artists):
        assert 0 <= one["popularity"] <= 100
    assert all(one["followers"]["total"] >= 500 for one in artists)


@pytest.mark.parametrize(("ending", "most"), [("tracks", 100), ("items", 50)])
def test_playlist_pages(made: Api, ending: str, most: int) -> None:
    playlist = made.control.world.charts[0].playlist_id
    whole = [e["track"]["id"] for e in made.json(f"playlists/{playlist}")["tracks"]["items"]]

    path = f"playlists/{playlist}/{ending}"
    assert len(made.json(path)["items"]) == 20
    assert [e["track"]["id"] for e in made.json(path, limit=most)["items"]] == whole
    page = made.json(path, limit=7, offset=45, market="NO", fields="items", additional_types="x")
    assert [e["track"]["id"] for e in page["items"]] == whole[45:]
    assert [page["next"], page["total"], page["offset"], page["limit"]] == [None, 50, 45, 7]
    assert made.json(path, offset=50)["items"] == []
    for query in (f"limit={most + 1}", "limit=0", "limit=x", "offset=-1", "offset=x"):
        assert made.get(f"{path}?{query}").status_code == 400, query
    assert made.get(f"playlists/{UNKNOWN_ID}/{ending}").json() == {
        "error": {"status": 404, "message": "Resource not found"}
    }


@pytest.mark.parametrize(("world", "size"), [("made_world", 30), ("small_world", 5)])
def test_every_listener_has_a_playlist_of_their_own(
    serve: Serve, request: pytest.FixtureRequest, world: str, size: int
) -> None:
    api = serve(request.getfixturevalue(world))
    listed = api.call("GET", "world").json()["listeners"]
    contents = []
    for one in listed:
        playlist = api.json(f"playlists/{one['playlist_id']}")
        assert playlist["owner"]["id"] == one["id"]
        assert playlist["name"] == f"Songs of {one['display_name']}"
        entries = playlist["tracks"]["items"]
        assert {entry["added_by"]["id"] for entry in entries} == {one["id"]}
        contents.append([entry["track"]["id"] for entry in entries])
        page = api.json(f"playlists/{one['playlist_id']}/items", limit=3, offset=1)
        assert [entry["track"]["id"] for entry in page["items"]] == contents[-1][1:4]

    assert len(listed) == 3
    assert all(len(set(one)) == len(one) == size for one in contents)
    assert contents[0] != contents[1] != contents[2]


def test_paths_and_methods_that_are_not_there(made: Api) -> None:
    answer = made.get("browse/categories")
    assert answer.status_code == 404
    assert answer.json() == {"error": {"status": 404, "message": "Service not found"}}

    import requests

    headers = {"Authorization": f"Bearer {made.token()}"}
    posted = requests.post(f"{made.url}/v1/tracks", headers=headers, timeout=5)
    assert posted.status_code == 405
    assert posted.json()["error"]["status"] == 405
    assert requests.get(f"{made.url}/api/token", timeout=5).status_code == 405
