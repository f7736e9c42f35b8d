"""Every fault on demand, over HTTP."""

import uuid
from typing import Any

import pytest
import requests

from local.musicbrainz.app import genres, knows, mbid
from local.spotify.faults import KINDS
from local.spotify.world import World
from tests.local.helpers import Api, Seconds

ME = "madeup-solveig"
TESTED: set[str] = set()


def _fault(api: Api, **fault: Any) -> str:
    answer = api.call("POST", "faults", json=fault)
    assert answer.status_code == 201, answer.text
    TESTED.add(fault["kind"])
    fault_id: str = answer.json()["id"]
    return fault_id


def _fired(api: Api, fault_id: str) -> int:
    listing = api.call("GET", "faults").json()["faults"]
    return next(int(one["fired"]) for one in listing if one["id"] == fault_id)


def _playlist(api: Api) -> str:
    return f"playlists/{api.control.world.charts[0].playlist_id}"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("not_registered", "User not registered in the Developer Dashboard"),
        ("no_premium", "Active premium subscription required for the owner of the app"),
    ],
)
def test_refusals_are_told_by_words(made: Api, kind: str, says: str) -> None:
    _fault(made, path="^/v1/me", kind=kind, times=1)
    listener = made.control.world.listeners[0].id

    answer = made.get("me", listener=listener)

    assert answer.status_code == answer.json()["error"]["status"] == 403
    assert answer.json()["error"]["message"].startswith(says)
    assert made.get("me", listener=listener).ok


@pytest.mark.parametrize("kind", ["invalid_grant", "invalid_client"])
def test_a_consent_or_client_may_be_refused_in_passing(made: Api, kind: str) -> None:
    _fault(made, path="^/api/token$", kind=kind, times=1)
    token = made.control.world.listeners[0].refresh_token
    form = {"grant_type": "refresh_token", "refresh_token": token}

    first, second = made.post_token(**form), made.post_token(**form)

    assert (first.status_code, first.json()["error"]) == (400, kind)
    assert second.status_code == 200


@pytest.mark.parametrize("kind", ["401", "403", "404", "429", "500", "502", "503"])
def test_error_statuses(made: Api, kind: str) -> None:
    fault = _fault(made, path="^/v1/playlists/", kind=kind, times=2)

    for _ in range(2):
        answer = made.get(_playlist(made))
        assert answer.status_code == int(kind)
        assert answer.json()["error"]["status"] == int(kind)
        assert answer.headers.get("Retry-After") == ("1" if kind == "429" else None)
    assert made.get(_playlist(made)).status_code == 200
    assert _fired(made, fault) == 2


def test_retry_after_and_reason(made: Api) -> None:
    _fault(made, path="x", kind="429", times=1, retry_after=3600, reason="QUOTA_EXCEEDED")
    answer = made.get("tracks?x")
    assert answer.headers["Retry-After"] == "3600"
    assert answer.json()["error"]["reason"] == "QUOTA_EXCEEDED"

    _fault(made, path="x", kind="503", times=1, retry_after=4)
    assert made.get("tracks?x").headers["Retry-After"] == "4"

    _fault(made, path="x", kind="429", times=1, retry_after=None)
    assert "Retry-After" not in made.get("tracks?x").headers


def test_the_token_endpoint_fails_in_its_own_form(made: Api) -> None:
    _fault(made, path="^/api/token$", kind="503", times=1)
    answer = made.post_token(grant_type="client_credentials")
    assert answer.status_code == 503
    assert answer.json() == {
        "error": "server_error",
        "error_description": "Service unavailable",
    }


def test_slow(serve: Any, made_world: World) -> None:
    waited: list[float] = []
    api = serve(made_world, sleep=waited.append)
    _fault(api, path="/v1/playlists", kind="slow", delay_ms=2500, times=1)

    assert len(api.json(_playlist(api))["tracks"]["items"]) == 50
    assert waited == [2.5]
    api.json(_playlist(api))
    assert waited == [2.5]


def test_broken_json(made: Api) -> None:
    _fault(made, path="playlists", kind="broken_json", times=1)
    answer = made.get(_playlist(made))
    assert answer.status_code == 200
    assert answer.text.startswith('{"')
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert made.get(_playlist(made)).json()


def test_empty_body(made: Api) -> None:
    _fault(made, path="playlists", kind="empty_body", times=1)
    answer = made.get(_playlist(made))
    assert [answer.status_code, answer.content] == [200, b""]


def test_error_inside(made: Api) -> None:
    _fault(made, path="playlists", kind="error_inside", times=1)
    answer = made.get(_playlist(made))
    assert answer.status_code == 200
    assert answer.json() == {"error": {"status": 500, "message": "Internal server error"}}


def test_html(made: Api) -> None:
    _fault(made, path="playlists", kind="html", times=1)
    answer = made.get(_playlist(made))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_drop(made: Api) -> None:
    made.token()
    _fault(made, path="playlists", kind="drop", times=1)
    with pytest.raises(requests.ConnectionError):
        made.get(_playlist(made))
    assert made.get(_playlist(made)).status_code == 200

    summary = made.call("GET", "requests").json()
    assert summary["by_status"] == {"200": 2, "dropped": 1}
    assert summary["log"][1]["status"] is None


@pytest.mark.parametrize("shape", ["tracks", "items"])
@pytest.mark.parametrize("ending", ["", "/tracks", "/items"])
def test_null_tracks(serve: Any, made_world: World, shape: str, ending: str) -> None:
    api = serve(made_world, playlist_shape=shape)
    _fault(api, path="playlists", kind="null_tracks", count=3, times=1)

    def entries() -> list[Any]:
        body = api.json(_playlist(api) + ending)
        page = body[shape]["items"] if not ending else body["items"]
        return [entry[shape.removesuffix("s")] for entry in page]

    changed, whole = entries(), entries()
    assert changed[:3] == [None] * 3
    assert changed[3:] == whole[3:]
    assert None not in whole


def test_null_tracks_count_what_was_there(small: Api) -> None:
    playlist = next(c for c in small.control.world.charts if c.country == "NO").playlist_id
    _fault(small, path="playlists", kind="null_tracks", count=2)

    entries = small.json(f"playlists/{playlist}")["tracks"]["items"]
    # Ranks 1 and 3 went; 2 was a hole already.
    assert [entry["track"] is None for entry in entries[:4]] == [True, True, True, False]


def test_missing_fields(made: Api) -> None:
    _fault(made, path=".", kind="missing_fields", fields=["popularity", "album", "nonsense"])

    entries = made.json(_playlist(made))["tracks"]["items"]
    assert {"popularity", "album"} & set(entries[0]["track"]) == set()
    assert {"popularity", "album"} <= set(entries[1]["track"])
    plays = made.json("me/player/recently-played", listener=ME)["items"]
    assert "album" not in plays[0]["track"]
    assert "album" in plays[1]["track"]

    made.call("DELETE", "faults")
    _fault(made, path="audio-features", kind="missing_fields", fields=["tempo"])
    known = [t.id for t in made.control.world.catalogue.tracks.values() if t.features][:2]
    features = made.json("audio-features", ids=",".join(known))["audio_features"]
    assert ["tempo" in one for one in features] == [False, True]


def test_what_finds_nothing_to_change_has_not_fired(made: Api) -> None:
    fields = _fault(made, path=".", kind="missing_fields", fields=["nonsense"], times=1)
    nulls = _fault(made, path=".", kind="null_tracks", times=1)
    made.json(f"artists/{next(iter(made.control.world.catalogue.artists))}")
    made.get("playlists/nonsense")
    assert [_fired(made, fields), _fired(made, nulls)] == [0, 0]

    made.json(_playlist(made))
    assert [_fired(made, fields), _fired(made, nulls)] == [0, 1]


def test_episode_and_local_file(made: Api) -> None:
    _fault(made, path="playlists", kind="episode")
    _fault(made, path="playlists", kind="local_file", count=2)
    entries = made.json(_playlist(made))["tracks"]["items"]

    episode, first, second, ordinary = (entry["track"] for entry in entries[:4])
    assert episode["type"] == "episode"
    assert episode["uri"] == f"spotify:episode:{episode['id']}"
    assert "album" not in episode
    for local in (first, second):
        assert local["uri"].startswith("spotify:local:")
        assert [local["id"], local["is_local"], local["type"]] == [None, True, "track"]
    assert [entry["is_local"] for entry in entries[:4]] == [False, True, True, False]
    assert ordinary["id"]


def test_rows_of_recently_played_change_too(made: Api) -> None:
    path = "recently-played"
    _fault(made, path=path, kind="episode")
    _fault(made, path=path, kind="local_file")
    _fault(made, path=path, kind="null_tracks")
    seconds = _fault(made, path=path, kind="whole_seconds", count=2)
    episode, local, gone, *others = made.json("me/player/recently-played", listener=ME)["items"]

    assert episode["track"]["type"] == "episode"
    assert local["track"]["uri"].startswith("spotify:local:")
    assert "is_local" not in local
    assert gone["track"] is None
    assert ["." in row["played_at"] for row in others[:3]] == [False, False, True]
    assert _fired(made, seconds) == 1


def _reccobeats(api: Api) -> list[dict[str, Any]]:
    """What ReccoBeats tells of forty tracks."""
    ids = ",".join(list(api.control.world.catalogue.tracks)[:40])
    url = f"{api.url}/reccobeats/v1/audio-features"
    answer = requests.get(url, params={"ids": ids}, headers={"User-Agent": "Tests/1"}, timeout=5)
    items: list[dict[str, Any]] = answer.json()["content"]
    return items


def test_a_column_of_reccobeats_gets_another_name(made: Api) -> None:
    before = _reccobeats(made)
    fault = _fault(made, path="^/reccobeats/", kind="renamed_fields", fields=["tempo"])

    after = _reccobeats(made)

    assert [item["new_tempo"] for item in after] == [item["tempo"] for item in before]
    assert not any("tempo" in item for item in after)
    assert _fired(made, fault) == 1
    assert made.get(_playlist(made)).ok
    assert _fired(made, fault) == 1


def test_reccobeats_answers_for_other_tracks(made: Api) -> None:
    before = _reccobeats(made)
    fault = _fault(made, path="^/reccobeats/", kind="other_hrefs", count=2, times=1)

    after = _reccobeats(made)

    same = [one["href"] == other["href"] for one, other in zip(before, after, strict=True)]
    assert same == [False, False, *[True] * (len(before) - 2)]
    assert _fired(made, fault) == 1
    assert _reccobeats(made) == before


def test_a_fault_of_reccobeats_that_finds_nothing_has_not_fired(made: Api) -> None:
    for kind, fields in (("renamed_fields", ["loved"]), ("other_hrefs", [])):
        fault = _fault(made, path="audio-features", kind=kind, fields=fields, times=1)
        made.json("audio-features", ids=next(iter(made.control.world.catalogue.tracks)))
        assert _fired(made, fault) == 0
    _reccobeats(made)
    assert [one["fired"] for one in made.call("GET", "faults").json()["faults"]] == [0, 1]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        *(
            (kind, "/kworb/spotify/country/no_daily.html")
            for kind in ("other_chart", "earlier_day")
        ),
        ("fewer_rows", "/kworb/spotify/country/no_daily.html"),
        ("disallow", "/robots.txt"),
    ],
)
def test_what_kworb_shows_is_changed(kind: str, path: str, made: Api) -> None:
    def get() -> bytes:
        agent = {"User-Agent": "Tests/1 (+me@example.org)"}
        return requests.get(f"{made.url}{path}", headers=agent, timeout=5).content

    before = get()
    fault = _fault(made, path=path, kind=kind, times=1)

    assert get() != before
    assert get() == before
    assert _fired(made, fault) == 1


def _musicbrainz(api: Api, path: str, **params: str) -> requests.Response:
    agent = {"User-Agent": "Tests/1 (+tests@example.invalid)"}
    url = f"{api.url}/musicbrainz/ws/2/{path}"
    return requests.get(url, params={"fmt": "json", **params}, headers=agent, timeout=5)


def test_a_field_of_musicbrainz_gets_another_name_wherever_it_stands(made: Api) -> None:
    one = next(one for one in made.control.world.catalogue.artists.values() if knows(one))
    fault = _fault(made, path="^/musicbrainz/", kind="renamed_fields", fields=["genres", "name"])

    told = _musicbrainz(made, f"artist/{mbid(one)}", inc="genres").json()

    assert [genre["new_name"] for genre in told["new_genres"]] == sorted(genres(one))
    assert not {"genres", "name"} & told.keys()
    assert _fired(made, fault) == 1
    _musicbrainz(made, "isrc/NONE00000000")
    assert _fired(made, fault) == 1


def test_musicbrainz_answers_about_somebody_else(made: Api) -> None:
    one = next(one for one in made.control.world.catalogue.artists.values() if knows(one))
    fault = _fault(made, path="^/musicbrainz/", kind="other_artists", times=1)

    told = _musicbrainz(made, f"artist/{mbid(one)}").json()

    assert (told["name"], told["id"]) == ("Somebody else", str(uuid.UUID(int=7)))
    assert _fired(made, fault) == 1
    assert _musicbrainz(made, f"artist/{mbid(one)}").json()["id"] == mbid(one)
    _fault(made, path="^/v1/", kind="other_artists")
    assert made.get(_playlist(made)).ok


def test_more_than_one_request_a_second_is_too_many(made: Api, seconds: Seconds) -> None:
    fault = _fault(made, path="^/musicbrainz/", kind="one_a_second", retry_after=1)

    first = [_musicbrainz(made, "artist", query='artist:"x"').status_code for _ in range(2)]
    seconds.at += 0.9
    early = _musicbrainz(made, "artist", query='artist:"x"')
    seconds.at += 0.1
    later = _musicbrainz(made, "artist", query='artist:"x"')

    assert (first, early.status_code, later.status_code) == ([200, 503], 503, 200)
    assert early.headers["Retry-After"] == "1"
    assert "exceeding the allowable rate limit" in early.json()["error"]
    assert _fired(made, fault) == 2
    assert made.get(_playlist(made)).ok


def test_the_first_matching_fault_answers_and_the_query_is_searched(made: Api) -> None:
    _fault(made, path=r"market=NO$", kind="500", times=1)
    _fault(made, path="playlists", kind="503")

    assert made.get(_playlist(made), market="SE").status_code == 503
    assert made.get(_playlist(made), market="NO").status_code == 500
    assert made.get(_playlist(made), market="NO").status_code == 503


def test_listing_and_clearing(made: Api) -> None:
    first = _fault(made, path="a", kind="500")
    second = _fault(made, path="b", kind="slow", delay_ms=5, times=3)
    assert first != second
    assert made.call("GET", "faults").json()["faults"][1] == {
        "id": second,
        "path": "b",
        "kind": "slow",
        "times": 3,
        "retry_after": None,
        "delay_ms": 5,
        "count": 1,
        "fields": [],
        "reason": None,
        "fired": 0,
    }

    assert made.call("DELETE", "faults").status_code == 204
    assert made.call("GET", "faults").json() == {"faults": []}
    assert made.get(_playlist(made)).status_code == 200


def test_control_is_out_of_reach(made: Api) -> None:
    _fault(made, path=".*", kind="500")
    assert made.call("GET", "world").status_code == 200


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (None, "JSON object"),
        ([], "JSON object"),
        ({"kind": "500"}, "path"),
        ({"path": "", "kind": "500"}, "path"),
        ({"path": "(", "kind": "500"}, "regular expression"),
        ({"path": "x"}, "kind"),
        ({"path": "x", "kind": "418"}, "kind"),
        ({"path": "x", "kind": 500}, "kind"),
        ({"path": "x", "kind": ["500"]}, "kind"),
        ({"path": "x", "kind": "500", "times": 0}, "times"),
        ({"path": "x", "kind": "500", "times": True}, "times"),
        ({"path": "x", "kind": "429", "retry_after": -1}, "retry_after"),
        ({"path": "x", "kind": "429", "retry_after": "1"}, "retry_after"),
        ({"path": "x", "kind": "slow", "delay_ms": 60001}, "delay_ms"),
        ({"path": "x", "kind": "null_tracks", "count": 0}, "count"),
        ({"path": "x", "kind": "missing_fields"}, "fields"),
        ({"path": "x", "kind": "missing_fields", "fields": "album"}, "fields"),
        ({"path": "x", "kind": "renamed_fields"}, "renamed_fields"),
        ({"path": "x", "kind": "429", "reason": 1}, "reason"),
        ({"path": "x", "kind": "500", "often": 1}, "often"),
    ],
)
def test_malformed_faults(made: Api, body: object, word: str) -> None:
    answer = made.call("POST", "faults", json=body)
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert made.call("GET", "faults").json() == {"faults": []}


def test_every_kind_was_tested() -> None:
    if len(TESTED) < 5:
        pytest.skip("only part of this file was run")
    assert set(KINDS) == TESTED
