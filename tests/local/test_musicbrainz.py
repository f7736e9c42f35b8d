"""The local MusicBrainz against what is known of the real one, and Soundlake's source on it."""

import re
import uuid
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from soundlake.settings import Settings, settings
from soundlake.sources import base
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.musicbrainz import LIMITED_BY, MusicBrainz
from soundlake.spotify.errors import (
    BadAnswerError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
)

from local.musicbrainz.app import (
    ARTISTS,
    NAMESAKES,
    PREFIX,
    VOTED,
    genres,
    has_isrc,
    has_namesake,
    knows,
    mbid,
)
from local.spotify.world import Artist, Track, World
from tests.local.helpers import Api, OneClient

AGENT = {"User-Agent": "Soundlake-Tests/1 (+tests@example.invalid)"}
CONTACT = "tests@example.invalid"
ME = "madeup-solveig"
GONE = str(uuid.UUID(int=0))


def get(api: Api, path: str, agent: dict[str, str] | None = None, **params: str) -> Any:
    params = {"fmt": "json", **params}
    url = f"{api.url}{PREFIX}/{path}"
    return requests.get(url, params=params, headers=AGENT if agent is None else agent, timeout=5)


def told(api: Api, path: str, **params: str) -> Any:
    answer = get(api, path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def artists(world: World) -> list[Artist]:
    return list(world.catalogue.artists.values())


def tracks(world: World, *, known: bool) -> list[Track]:
    return [
        one
        for one in world.catalogue.tracks.values()
        if has_isrc(one, world.catalogue.artists) is known
    ]


def alone(world: World, one: Artist) -> bool:
    """Whether an artist's name is nobody else's, in either catalogue."""
    same = [each for each in artists(world) if each.name.casefold() == one.name.casefold()]
    return len(same) == 1 and not has_namesake(one)


# What it answers.


def test_an_isrc_tells_its_recordings_and_whom_they_credit(made: Api, made_world: World) -> None:
    track = next(one for one in tracks(made_world, known=True) if len(one.artist_ids) > 1)

    answer = told(made, f"isrc/{track.isrc}", inc="artist-credits")

    assert set(answer) == {"isrc", "recordings"}
    assert answer["isrc"] == track.isrc
    recording = next(one for one in answer["recordings"] if one["title"] == track.name)
    assert set(recording) == {"id", "title", "length", "video", "disambiguation", "artist-credit"}
    credited = recording["artist-credit"]
    expected = [made_world.catalogue.artists[each] for each in track.artist_ids]
    assert [each["artist"]["id"] for each in credited] == [mbid(each) for each in expected]
    assert [set(each) for each in credited] == [{"name", "joinphrase", "artist"}] * len(expected)
    assert "genres" not in credited[0]["artist"]


def test_without_being_asked_an_isrc_credits_nobody(made: Api, made_world: World) -> None:
    track = tracks(made_world, known=True)[0]

    (recording, *_) = told(made, f"isrc/{track.isrc}")["recordings"]

    assert "artist-credit" not in recording


def test_an_isrc_does_not_bring_genres_along(made: Api, made_world: World) -> None:
    track = tracks(made_world, known=True)[0]

    answer = get(made, f"isrc/{track.isrc}", inc="artist-credits+genres")

    assert answer.status_code == 400
    assert answer.json()["error"] == "genres is not a valid inc parameter for the isrc resource."
    assert get(made, f"isrc/{track.isrc}", inc="artist-credits+tags").status_code == 200


def test_an_artist_has_genres_with_their_votes_by_name(made: Api, made_world: World) -> None:
    one = next(one for one in artists(made_world) if knows(one) and len(genres(one)) > 1)

    answer = told(made, f"artist/{mbid(one)}", inc="genres")

    assert (answer["id"], answer["name"]) == (mbid(one), answer["sort-name"])
    assert [each["name"] for each in answer["genres"]] == sorted(genres(one))
    assert {each["name"]: each["count"] for each in answer["genres"]} == genres(one)
    assert [set(each) for each in answer["genres"]] == [
        {"id", "name", "count", "disambiguation"}
    ] * len(genres(one))
    assert "genres" not in told(made, f"artist/{mbid(one)}")


def test_an_artist_without_votes_has_an_empty_list(made: Api, made_world: World) -> None:
    one = next(one for one in artists(made_world) if knows(one) and not genres(one))

    assert told(made, f"artist/{mbid(one)}", inc="genres")["genres"] == []


def test_a_search_gives_the_best_hit_a_hundred(made: Api, made_world: World) -> None:
    one = next(one for one in artists(made_world) if knows(one) and alone(made_world, one))

    for name in (one.name, one.name.upper()):
        answer = told(made, "artist", query=f'artist:"{name}"')
        assert set(answer) == {"created", "count", "offset", "artists"}
        first = answer["artists"][0]
        assert (first["id"], first["score"]) == (mbid(one), 100)
    assert told(made, "artist", query='artist:"Nobody has this \\"name\\""')["artists"] == []


def test_two_artists_may_have_one_name(made: Api, made_world: World) -> None:
    one = next(one for one in artists(made_world) if knows(one) and has_namesake(one))

    hits = told(made, "artist", query=f'artist:"{one.name}"')["artists"][:2]

    assert hits[0]["name"] == hits[1]["name"]
    assert hits[0]["id"] != hits[1]["id"]
    assert [hit["score"] for hit in hits] == [100, 99]
    for hit in hits:
        assert told(made, f"artist/{hit['id']}")["id"] == hit["id"]


def test_names_have_a_typesetters_signs(made: Api, made_world: World) -> None:
    one = next(one for one in artists(made_world) if knows(one) and "-" in one.name)

    assert told(made, f"artist/{mbid(one)}")["name"] == one.name.replace("-", "\u2010")


def test_it_knows_about_so_many_and_always_the_same(made_world: World) -> None:
    def percent(count: int, of: int) -> float:
        return 100 * count / of

    everybody = artists(made_world)
    assert abs(percent(sum(map(knows, everybody)), len(everybody)) - ARTISTS) < 5
    assert abs(percent(sum(bool(genres(one)) for one in everybody), len(everybody)) - VOTED) < 5
    assert abs(percent(sum(map(has_namesake, everybody)), len(everybody)) - NAMESAKES) < 5
    assert len(tracks(made_world, known=True)) > len(tracks(made_world, known=False)) > 100


@pytest.mark.parametrize("path", ["isrc/ZZSLK9999999", f"artist/{GONE}"])
def test_what_it_does_not_know_is_not_found(path: str, made: Api) -> None:
    answer = get(made, path)

    assert answer.status_code == 404
    assert answer.json()["error"] == "Not Found"
    assert set(answer.json()) == {"error", "help"}


@pytest.mark.parametrize(
    "agent", ["", "python-requests/2.32", "Soundlake/1", "Soundlake/1 (a laptop)"]
)
def test_who_gives_no_address_is_refused(agent: str, made: Api) -> None:
    answer = get(made, "isrc/ZZSLK9999999", {"User-Agent": agent})

    assert answer.status_code == 403
    assert "address" in answer.json()["error"]


@pytest.mark.parametrize("contact", ["me@example.org", "https://example.org"])
def test_a_mail_address_or_a_page_is_an_address(contact: str, made: Api) -> None:
    agent = {"User-Agent": f"Soundlake/1 (+{contact})"}

    assert get(made, "isrc/ZZSLK9999999", agent).status_code == 404


def test_json_is_for_who_asks_for_it(made: Api) -> None:
    answer = get(made, f"artist/{GONE}", fmt="xml")

    assert answer.headers["Content-Type"].startswith("application/xml")


def test_requests_are_counted_beside_spotifys_and_the_clock_is_the_worlds(made: Api) -> None:
    get(made, "isrc/ZZSLK9999999")
    get(made, f"artist/{GONE}")
    answer = get(made, "artist", query='artist:"x"')

    assert made.control.requests.summary()["by_endpoint"] == {
        "musicbrainz/artist": 1,
        "musicbrainz/artist/{id}": 1,
        "musicbrainz/isrc/{id}": 1,
    }
    now = made.control.clock.now().replace(microsecond=0)
    assert parsedate_to_datetime(answer.headers["Date"]) == now


def test_spotifys_rate_limit_is_not_its(serve: Any, made_world: World) -> None:
    api = serve(made_world, rate_limit=1)

    assert [get(api, "isrc/ZZSLK9999999").status_code for _ in range(3)] == [404] * 3
    assert api.get("me", listener=ME).status_code == 200


# Soundlake's own client and source.


@pytest.fixture
def client(made: Api) -> KeylessApi:
    return client_of(made, CONTACT)


def client_of(api: Api, contact: str | None) -> KeylessApi:
    return KeylessApi(
        "MusicBrainz",
        f"{api.url}{PREFIX}",
        spacing_s=0.0,
        told=lambda _: None,
        contact=contact,
        limited_by=LIMITED_BY,
        backoff_s=0.0,
    )


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function's environment, as far as the source reads it."""
    for name in Settings.__dataclass_fields__:
        monkeypatch.setenv(name.upper(), "unused")
    settings.cache_clear()


def wanted(world: World, one: Artist) -> base.Artist:
    isrcs = [
        track.isrc for track in world.catalogue.tracks.values() if track.artist_ids[:1] == (one.id,)
    ]
    return base.Artist(one.id, one.name, isrcs)


def test_the_source_finds_the_right_artist_or_none(client: KeylessApi, made_world: World) -> None:
    source, seen = MusicBrainz(), dict[str, Any]()
    found = {}
    for one in artists(made_world)[:150]:
        answers = source.ask(OneClient(client), wanted(made_world, one), seen)
        found[one.id] = source.read(answers[-1].json)

    assert len({type(each) for each in found.values()}) == 2
    for one in artists(made_world)[:150]:
        voted = sorted(genres(one).items(), key=lambda each: (-each[1], each[0]))
        if found[one.id] is not None:
            assert found[one.id] == [name for name, _ in voted]
        elif knows(one):
            # Not by the first ISRC, which is unknown there, and not by a name that others have.
            first = wanted(made_world, one).isrcs[:1]
            assert not alone(made_world, one)
            assert not first or get_status(client, first[0]) == 404


def get_status(client: KeylessApi, isrc: str) -> int:
    answer = requests.get(
        f"{client._base}/isrc/{isrc}", params={"fmt": "json"}, headers=AGENT, timeout=5
    )
    return answer.status_code


def known_track(world: World) -> Track:
    return next(one for one in tracks(world, known=True) if len(one.artist_ids) == 1)


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ({"kind": "html"}, BadAnswerError, "not JSON"),
        ({"kind": "broken_json"}, BadAnswerError, "not JSON"),
        ({"kind": "error_inside"}, BadAnswerError, "isrc: field required"),
        (
            {"kind": "renamed_fields", "fields": ["recordings"]},
            BadAnswerError,
            "recordings: field required",
        ),
        (
            {"kind": "renamed_fields", "fields": ["genres"]},
            BadAnswerError,
            "artist: genres: field required",
        ),
        (
            {"kind": "other_artists", "path": f"^{PREFIX}/artist/"},
            BadAnswerError,
            "Somebody else in the place of",
        ),
        ({"kind": "503", "retry_after": 7}, RateLimitedError, "wait 7 s"),
        ({"kind": "503"}, RateLimitedError, "wait 30 s"),
        ({"kind": "500"}, UnavailableError, "answered 500"),
        ({"kind": "403"}, RefusedError, "with 403"),
        ({"kind": "drop"}, UnavailableError, "could not be reached"),
    ],
)
def test_whatever_it_does_wrong_is_told(
    fault: dict[str, Any], error: type[Exception], text: str, made: Api, client: KeylessApi
) -> None:
    track = known_track(made.control.world)
    name = made.control.world.catalogue.artists[track.artist_ids[0]].name
    made.control.fault(**{"path": f"^{PREFIX}/", **fault})
    artist = base.Artist("a", name, [track.isrc])

    with pytest.raises(error, match=re.escape(text)):
        MusicBrainz().ask(OneClient(client), artist, {})


def test_recordings_of_somebody_else_are_no_match(made: Api, client: KeylessApi) -> None:
    track = known_track(made.control.world)
    made.control.fault(path=f"^{PREFIX}/isrc/", kind="other_artists")
    artist = base.Artist("a", "A name that nobody has", [track.isrc])

    answers = MusicBrainz().ask(OneClient(client), artist, {})

    assert [MusicBrainz().read(each.json) for each in answers] == [None, None]


def test_without_a_contact_it_refuses(made: Api) -> None:
    with pytest.raises(RefusedError, match=r"refused isrc/.id. with 403"):
        MusicBrainz().ask(
            OneClient(client_of(made, None)), base.Artist("a", "A", ["ZZSLK0000001"]), {}
        )


def test_one_a_second_is_its_limit(made: Api, client: KeylessApi) -> None:
    track = known_track(made.control.world)
    name = made.control.world.catalogue.artists[track.artist_ids[0]].name
    made.control.fault(path=f"^{PREFIX}/", kind="one_a_second")

    with pytest.raises(RateLimitedError):
        MusicBrainz().ask(OneClient(client), base.Artist("a", name, [track.isrc]), {})

    assert client.requests.total() == 2
