"""The local ReccoBeats against what is known of the real one, and Soundlake's reader against it."""

import re
import urllib.error
import urllib.request
import uuid
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from soundlake.features import FEATURES
from soundlake.settings import Settings, settings
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.reccobeats import COLUMNS, ReccoBeats
from soundlake.spotify.errors import BadAnswerError, RateLimitedError, UnavailableError

from local.reccobeats.app import COVERAGE, PREFIX, knows
from local.spotify.world import Track, World
from tests.local.helpers import UNKNOWN_ID, Api, OneClient

KEY = "raw/audio-features/reccobeats/month=2025-03/2025-03-05/0-001.json.gz"
AGENT = {"User-Agent": "Soundlake-Tests/1"}
ME = "madeup-solveig"


def get(api: Api, ids: Any, **headers: str) -> requests.Response:
    url = f"{api.url}{PREFIX}/audio-features"
    return requests.get(url, params={"ids": ids}, headers=AGENT | headers, timeout=5)


def content(api: Api, *ids: str) -> list[dict[str, Any]]:
    answer = get(api, ",".join(ids))
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["content"]
    found: list[dict[str, Any]] = answer.json()["content"]
    return found


def tracks(world: World, *, known: bool) -> list[Track]:
    return [one for one in world.catalogue.tracks.values() if knows(one) is known]


def ids_in(items: list[dict[str, Any]]) -> list[str]:
    return [item["href"].rpartition("/")[2] for item in items]


# What it answers.


def test_an_item_has_what_is_documented_and_nothing_else(made: Api, made_world: World) -> None:
    track = next(one for one in tracks(made_world, known=True) if one.features is not None)

    (item,) = content(made, track.id)

    assert set(item) == {"id", "href", "isrc", *COLUMNS}
    assert item["href"] == f"https://open.spotify.com/track/{track.id}"
    assert item["isrc"] == track.isrc
    assert str(uuid.UUID(item["id"])) == item["id"]
    assert {name: item[name] for name in COLUMNS} == {
        name: getattr(track.features, name) for name in COLUMNS
    }


def test_unknown_ids_are_left_out_and_the_order_is_its_own(made: Api, made_world: World) -> None:
    known = [one.id for one in tracks(made_world, known=True)[:20]]
    unknown = [one.id for one in tracks(made_world, known=False)[:10]]

    items = content(made, *known, *unknown, UNKNOWN_ID, "no id at all")

    assert sorted(ids_in(items)) == sorted(known)
    assert ids_in(items) != known
    assert content(made, *unknown) == []


def test_it_knows_about_so_many_tracks_and_always_the_same(made_world: World) -> None:
    share = 100 * len(tracks(made_world, known=True)) / len(made_world.catalogue.tracks)

    assert abs(share - COVERAGE) < 5


def test_it_knows_tracks_that_spotify_knows_no_features_of(made: Api, made_world: World) -> None:
    only = [one for one in tracks(made_world, known=True) if one.features is None]
    assert only

    items = content(made, *(one.id for one in only[:40]))

    assert len(items) == len(only[:40])
    rows = ReccoBeats().rows(
        {"content": items},
        [one.id for one in only[:40]],
        fetched_at=made.control.clock.now(),
        raw_key=KEY,
    )
    assert {name for row in rows for name in FEATURES if row[name] is None} == {
        "duration_ms",
        "time_signature",
    }


def test_isrcs_and_its_own_ids_are_understood_and_a_track_comes_once(
    made: Api, made_world: World
) -> None:
    track = tracks(made_world, known=True)[0]
    (item,) = content(made, track.id)

    assert content(made, item["id"]) == content(made, item["isrc"]) == [item]
    assert content(made, track.id, track.id, item["id"]) == [item]
    assert get(made, [track.id, item["id"]]).json() == {"content": [item]}


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (40, 200), (41, 400)])
def test_one_to_forty_ids_are_taken(count: int, status: int, made: Api) -> None:
    answer = get(made, ",".join(f"{number:022d}" for number in range(count)))

    assert answer.status_code == status
    if status == 400:
        message = "size must be between 1 and 40"
        assert answer.json() == {
            "status": 4004,
            "errors": [{"path": "getAudioFeatures.ids", "message": message}],
        }


def test_no_token_is_asked_for_and_the_clock_is_the_worlds(made: Api) -> None:
    answer = get(made, UNKNOWN_ID)

    assert answer.status_code == 200
    now = made.control.clock.now().replace(microsecond=0)
    assert parsedate_to_datetime(answer.headers["Date"]) == now


def test_a_librarys_own_name_is_refused(made: Api) -> None:
    url = f"{made.url}{PREFIX}/audio-features?ids={UNKNOWN_ID}"

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=5)
    unnamed = requests.get(url, timeout=5)

    assert refused.value.code == unnamed.status_code == 403
    assert unnamed.text == "error code: 1010"


def test_requests_are_counted_beside_spotifys(made: Api) -> None:
    get(made, UNKNOWN_ID)
    get(made, "")

    counted = made.control.requests.summary()

    assert counted["by_endpoint"] == {"reccobeats/audio-features": 2}
    assert counted["by_status"] == {"200": 1, "400": 1}


def test_spotifys_rate_limit_is_not_its(serve: Any, made_world: World) -> None:
    api = serve(made_world, rate_limit=1)

    assert [get(api, UNKNOWN_ID).status_code for _ in range(3)] == [200] * 3
    assert api.get("me", listener=ME).status_code == 200


# What it may do wrong.


def test_a_limit_on_demand_is_said_in_its_own_words(made: Api) -> None:
    made.control.fault(path="^/reccobeats/", kind="429", retry_after=7, times=1)

    answer = get(made, UNKNOWN_ID)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["status"] == 4291
    assert [set(each) for each in answer.json()["errors"]] == [{"path", "message"}]
    assert get(made, UNKNOWN_ID).status_code == 200


def test_a_path_that_is_not_there_is_an_error_of_the_host(made: Api) -> None:
    assert requests.get(f"{made.url}{PREFIX}/other", headers=AGENT, timeout=5).status_code == 404


def test_faults_of_one_service_leave_the_other_alone(made: Api) -> None:
    made.control.fault(path="^/reccobeats/", kind="503")

    assert get(made, UNKNOWN_ID).status_code == 503
    assert made.get("me", listener=ME).status_code == 200


# Soundlake's own client and reader.

ASKED_WITH = ("ReccoBeats", "https://a.test/v1", 1.0)


@pytest.fixture
def client(made: Api) -> KeylessApi:
    return KeylessApi(
        "ReccoBeats",
        f"{made.url}{PREFIX}",
        spacing_s=0.0,
        told=lambda _: None,
        backoff_s=0.0,
    )


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function's environment, as far as the source reads it."""
    for name in Settings.__dataclass_fields__:
        monkeypatch.setenv(name.upper(), "unused")
    monkeypatch.setenv("RECCOBEATS_API_URL", "https://a.test/v1")
    settings.cache_clear()


def test_the_source_reads_what_it_asked(made: Api, client: KeylessApi, made_world: World) -> None:
    asked = [one.id for one in list(made_world.catalogue.tracks.values())[:40]]
    source = ReccoBeats()

    answer = source.ask(OneClient(client, ASKED_WITH), asked)
    rows = source.rows(answer.json, asked, fetched_at=answer.at, raw_key=KEY)

    known = [one.id for one in tracks(made_world, known=True)]
    assert [row["track_id"] for row in rows] == asked
    assert {row["track_id"] for row in rows if row["source"]} == set(asked) & set(known)
    assert source.breaches(answer.json, asked, fetched_at=answer.at, raw_key=KEY) == []
    assert answer.at == made.control.clock.now().replace(microsecond=0)
    assert client.requests == {"reccobeats/audio-features": 1}


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ({"kind": "html"}, BadAnswerError, "not JSON"),
        ({"kind": "broken_json"}, BadAnswerError, "not JSON"),
        ({"kind": "error_inside"}, BadAnswerError, "no list of objects under content"),
        (
            {"kind": "renamed_fields", "fields": ["tempo"]},
            BadAnswerError,
            "no track has tempo",
        ),
        ({"kind": "other_hrefs", "count": 40}, BadAnswerError, "was not asked for"),
        ({"kind": "429", "retry_after": 7}, RateLimitedError, "wait 7 s"),
        ({"kind": "503"}, UnavailableError, "answered 503"),
        ({"kind": "drop"}, UnavailableError, "could not be reached"),
    ],
)
def test_whatever_it_does_wrong_is_told(
    fault: dict[str, Any], error: type[Exception], text: str, made: Api, client: KeylessApi
) -> None:
    asked = [one.id for one in tracks(made.control.world, known=True)[:40]]
    made.control.fault(path="^/reccobeats/", **fault)
    source = ReccoBeats()

    def rows() -> None:
        answer = source.ask(OneClient(client, ASKED_WITH), asked)
        source.rows(answer.json, asked, fetched_at=answer.at, raw_key=KEY)

    with pytest.raises(error, match=re.escape(text)):
        rows()


def test_a_slow_answer_is_an_answer(made_world: World, serve: Any) -> None:
    slept: list[float] = []
    api = serve(made_world, sleep=slept.append)
    api.control.fault(path="^/reccobeats/", kind="slow", delay_ms=1500, times=1)

    assert get(api, UNKNOWN_ID).json() == {"content": []}
    assert slept == [1.5]
