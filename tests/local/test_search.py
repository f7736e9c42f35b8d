"""Search: what a query finds, its pages and limits, and what it takes amiss."""

from typing import Any

import pytest

from local.spotify.search import LONGEST, TYPES
from local.spotify.world import Track
from tests.local.conftest import Serve
from tests.local.helpers import Api


def _found(api: Api, query: str, **params: Any) -> list[str]:
    """The ids of the tracks that a query finds."""
    given = {"type": "track", "limit": 10} | params
    return [one["id"] for one in api.json("search", q=query, **given)["tracks"]["items"]]


def _track(api: Api) -> Track:
    return next(iter(api.control.world.catalogue.tracks.values()))


def test_by_isrc(made: Api) -> None:
    one = _track(made)

    assert _found(made, f"isrc:{one.isrc}") == [one.id]
    assert _found(made, f"isrc:{one.isrc.lower()}") == [one.id]
    assert _found(made, "isrc:NOXXX2600001") == []


def test_by_the_words_of_fields(made: Api) -> None:
    known = made.control.world.catalogue
    one = _track(made)
    artist = known.artists[one.artist_ids[0]].name

    found = _found(made, f'track:"{one.name}" artist:"{artist}"')

    assert one.id in found
    for each in found:
        names = {known.artists[ident].name for ident in known.tracks[each].artist_ids}
        assert any(set(artist.casefold().split()) <= set(name.casefold().split()) for name in names)
    assert _found(made, f'track:"{one.name}" artist:"Nobody At All"') == []
    assert one.id in _found(made, f"{one.name} {artist}".upper())


def test_the_most_popular_come_first(made: Api) -> None:
    known = made.control.world.catalogue
    word = _track(made).name.split()[0]

    popularity = [known.tracks[each].popularity for each in _found(made, word)]

    assert popularity == sorted(popularity, reverse=True)


def test_a_filter_with_an_apostrophe_finds_nothing(small: Api) -> None:
    one = _track(small)

    assert one.id in _found(small, f'track:"{one.name}"')
    assert _found(small, f'track:"{one.name}\'"') == []


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        ({"type": "track"}, 400, "No search query"),
        ({"q": " ", "type": "track"}, 400, "No search query"),
        ({"q": "a"}, 400, "Missing parameter type"),
        ({"q": "a", "type": "track,song"}, 400, "Bad search type field song"),
        ({"q": "a", "type": "track", "limit": 0}, 400, "Invalid limit"),
        ({"q": "a", "type": "track", "limit": 51}, 400, "Invalid limit"),
        ({"q": "a", "type": "track", "offset": 1001}, 400, "Invalid offset"),
        ({"q": "a" * (LONGEST + 1), "type": "track"}, 404, "Not found."),
    ],
)
def test_what_it_takes_amiss(small: Api, params: dict[str, Any], status: int, message: str) -> None:
    answer = small.get("search", **params)

    assert answer.status_code == status
    assert answer.json()["error"] == {"status": status, "message": message}


@pytest.mark.parametrize(
    ("mode", "usual", "most"),
    [("extended", 20, 50), ("development_2025", 20, 50), ("development", 5, 10)],
)
def test_a_page_is_as_long_as_the_mode_allows(
    serve: Serve, made_world: Any, mode: str, usual: int, most: int
) -> None:
    api = serve(made_world, mode=mode)
    artist = made_world.catalogue.artists[_track(api).artist_ids[0]].name

    page = api.json("search", q=f'artist:"{artist}"', type="track")["tracks"]

    assert page["limit"] == usual
    assert len(page["items"]) == min(usual, page["total"])
    assert api.get("search", q="a", type="track", limit=most).status_code == 200
    assert api.get("search", q="a", type="track", limit=most + 1).status_code == 400


def test_pages_follow_each_other(made: Api) -> None:
    first = made.json("search", q="a", type=",".join(TYPES), limit=1)
    assert set(first) == {f"{kind}s" for kind in TYPES}
    names = [album.name for album in made.control.world.catalogue.albums.values()]
    word = names[0].split()[0]

    page = made.json("search", q=word, type="album", limit=1)["albums"]
    while page["next"]:
        _, _, query = page["next"].partition("/v1/")
        following = made.json(query)["albums"]
        assert following["offset"] == page["offset"] + 1
        assert following["previous"] == page["href"]
        page = following
    assert page["offset"] + 1 == page["total"]
