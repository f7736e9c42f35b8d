"""MusicBrainz: an artist is found by an ISRC or by the name, and never mistaken for another."""

from typing import Any

import pytest
from soundlake.settings import settings
from soundlake.sources.base import Artist
from soundlake.sources.genres import SOURCES, order
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.musicbrainz import SPACING_S, MusicBrainz
from soundlake.spotify.errors import (
    BadAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
)

from tests.unit.helpers import (
    MUSICBRAINZ,
    NOW,
    FakeMusicBrainz,
    FakeSpotify,
    mbid,
    musicbrainz_artist,
    musicbrainz_isrc,
    without,
)

ISRC, OTHER = "NOABC2600001", "NOABC2600002"
KEY = "raw/genres/musicbrainz/month=2026-11/2026-11-21/0-001.json.gz"


class Clients:
    """Gives one client to whoever asks, and knows what it was asked for."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self._api: KeylessApi | None = None

    def spotify(self) -> Any:
        raise AssertionError("Spotify is not asked here")

    def keyless(
        self,
        source: str,
        base: str,
        spacing_s: float,
        contact: str | None = None,
        limited_by: int = 429,
    ) -> KeylessApi:
        self.given = {"spacing_s": spacing_s, "contact": contact, "limited_by": limited_by}
        self._api = self._api or KeylessApi(
            source,
            base,
            spacing_s=spacing_s,
            told=lambda _: None,
            contact=contact,
            limited_by=limited_by,
        )
        return self._api


@pytest.fixture
def musicbrainz(web: FakeSpotify, monkeypatch: pytest.MonkeyPatch) -> FakeMusicBrainz:
    monkeypatch.setenv("CONTACT", "me@example.org")
    settings.cache_clear()
    return web.musicbrainz


@pytest.fixture
def clients() -> Clients:
    return Clients()


def ask(clients: Clients, *artists: Artist) -> list[list[str] | None]:
    """What the last answer about each of the artists tells."""
    source, seen = MusicBrainz(), dict[str, Any]()
    return [
        source.read(answers[-1].json)
        for answers in (source.ask(clients, each, seen) for each in artists)
    ]


def nova(*isrcs: str, **changes: Any) -> Artist:
    return Artist("a", "Nova", isrcs, **changes)


def test_the_order_is_that_of_the_names() -> None:
    assert order("musicbrainz,spotify") == ["musicbrainz", "spotify"]
    assert order("spotify") == ["spotify"]
    assert list(SOURCES) == ["musicbrainz"]


@pytest.mark.parametrize("names", ["", "lastfm", "spotify,spotify", "spotify,"])
def test_a_name_that_is_none_or_stands_twice_is_refused(names: str) -> None:
    with pytest.raises(ValueError, match=r"is not one of spotify, musicbrainz, each at most once"):
        order(names)


# Who is found.


def test_an_isrc_tells_who_it_is_and_the_artist_what_genres(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", ISRC, joik=2, pop=5, ambient=5)

    assert ask(clients, nova(ISRC, OTHER)) == [["ambient", "pop", "joik"]]
    assert musicbrainz.asked == [ISRC, mbid("Nova")]
    assert musicbrainz.requests == [
        f"{MUSICBRAINZ}/isrc/{ISRC}?inc=artist-credits&fmt=json",
        f"{MUSICBRAINZ}/artist/{mbid('Nova')}?inc=genres&fmt=json",
    ]
    assert clients.given == {
        "spacing_s": SPACING_S,
        "contact": "me@example.org",
        "limited_by": 503,
    }
    assert set(musicbrainz.agents) == {"Soundlake/1 (+me@example.org)"}
    assert clients.keyless("", "", 0).requests == {
        "musicbrainz/isrc/{id}": 1,
        "musicbrainz/artist/{id}": 1,
    }
    assert musicbrainz.slept == [SPACING_S]


def test_one_isrc_tells_of_all_whom_it_credits(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", ISRC, pop=1)
    musicbrainz.knows("Luna", ISRC, joik=1)

    told = ask(clients, nova(ISRC), Artist("b", "LUNA", (OTHER, ISRC)))

    assert told == [["pop"], ["joik"]]
    assert musicbrainz.asked == [ISRC, mbid("Nova"), mbid("Luna")]


def test_a_name_as_the_recording_credits_it_counts_too(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova Lux", pop=1)
    answer = musicbrainz_isrc(ISRC, "Nova Lux")
    answer["recordings"][0]["artist-credit"][0]["name"] = "Nova"
    musicbrainz.reply(200, answer)

    assert ask(clients, nova(ISRC)) == [["pop"]]


def test_an_isrc_in_another_writing_is_the_same(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", ISRC, pop=1)

    assert ask(clients, nova("no-abc-26-00001")) == [["pop"]]
    assert musicbrainz.asked[0] == ISRC


@pytest.mark.parametrize("isrcs", [(), ("no isrc",), (OTHER,), (ISRC,)])
def test_without_a_match_by_isrc_the_name_tells(
    isrcs: tuple[str, ...], musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", pop=1)
    musicbrainz.knows("Somebody Else", ISRC, joik=1)

    assert ask(clients, nova(*isrcs)) == [["pop"]]
    known = [each for each in isrcs if len(each) == 12]
    assert musicbrainz.asked == [*known, 'artist:"Nova"', mbid("Nova")]


def test_two_of_one_name_in_an_isrc_are_no_match(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", pop=1)
    answer = musicbrainz_isrc(ISRC, "Nova", "NOVA")
    answer["recordings"][0]["artist-credit"][1]["artist"]["id"] = mbid("Nova", 1)
    musicbrainz.reply(200, answer)
    musicbrainz.knows("Nova", joik=1)

    assert ask(clients, nova(ISRC)) == [None]
    assert musicbrainz.asked == [ISRC, 'artist:"Nova"']


def test_one_artist_of_several_recordings_is_one(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", pop=1)
    answer = musicbrainz_isrc(ISRC, "Nova", "Luna")
    answer["recordings"] += musicbrainz_isrc(ISRC, "Nova")["recordings"]
    musicbrainz.reply(200, answer)

    assert ask(clients, nova(ISRC)) == [["pop"]]


@pytest.mark.parametrize(
    "hits",
    [
        [],
        [("Nova", 99)],
        [("Nova Lux", 100), ("Nova", 98)],
        [("Nova", 100), ("nova", 60)],
        [("Nova Lux", 100)],
    ],
)
def test_a_search_that_does_not_tell_one_apart_is_no_match(
    hits: list[tuple[str, int]], musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    artists = [
        {"id": f"mbid-{place}", "name": name, "score": score}
        for place, (name, score) in enumerate(hits)
    ]
    musicbrainz.reply(200, {"created": "now", "count": len(hits), "offset": 0, "artists": artists})

    assert ask(clients, nova()) == [None]
    assert len(musicbrainz.asked) == 1


def test_others_beside_the_one_of_that_name_do_not_matter(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", pop=1)
    artists = [
        {"id": mbid("Nova"), "name": "Nova", "score": 100},
        {"id": "mbid-other", "name": "Nova Lux", "score": 99},
    ]
    musicbrainz.reply(200, {"created": "now", "count": 2, "offset": 0, "artists": artists})

    assert ask(clients, nova()) == [["pop"]]


def test_whose_name_the_lake_has_twice_is_not_searched_by_it(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", pop=1)

    assert ask(clients, nova(OTHER, namesakes=True)) == [None]
    assert MusicBrainz().ask(clients, nova(namesakes=True), {}) == []
    assert musicbrainz.asked == [OTHER]


def test_nobody_is_searched_by_no_name(musicbrainz: FakeMusicBrainz, clients: Clients) -> None:
    assert MusicBrainz().ask(clients, Artist("a", " ", ()), {}) == []


def test_signs_of_the_search_language_are_escaped(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    ask(clients, Artist("a", 'A"B\\C +(D) OR E:*', ()))

    assert musicbrainz.asked == ['artist:"A\\"B\\\\C +(D) OR E:*"']


def test_genres_without_a_vote_are_none(musicbrainz: FakeMusicBrainz, clients: Clients) -> None:
    musicbrainz.knows("Nova", ISRC, pop=1, joik=0, rock=-2)
    musicbrainz.knows("Luna", OTHER)

    assert ask(clients, nova(ISRC), Artist("b", "Luna", (OTHER,))) == [["pop"], []]


def test_an_artist_who_was_deleted_meanwhile_has_none(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.reply(200, musicbrainz_isrc(ISRC, "Nova"))

    assert ask(clients, nova(ISRC)) == [None]


def test_an_artist_who_was_merged_into_one_of_the_name_is_that_one(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", ISRC, pop=1)
    musicbrainz.reply(200, musicbrainz_artist("NOVA", "mbid-new", joik=1), after=1)

    assert ask(clients, nova(ISRC)) == [["joik"]]


# What may go wrong.


def credits_of(answer: dict[str, Any]) -> dict[str, Any]:
    recordings = [without(each, "artist-credit") for each in answer["recordings"]]
    return answer | {"recordings": recordings}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"error": "Something is wrong"}, "MusicBrainz' ISRC: isrc: field required"),
        ({"error": "Not Found "}, "MusicBrainz' ISRC: isrc: field required"),
        ([], "MusicBrainz' ISRC: the answer: "),
        (None, "MusicBrainz' ISRC: the answer: "),
        (musicbrainz_isrc(OTHER, "Nova"), f"MusicBrainz' ISRC: {OTHER} in the place of {ISRC}"),
        (
            credits_of(musicbrainz_isrc(ISRC, "Nova")),
            "MusicBrainz' ISRC: recordings.0.artist-credit: field required",
        ),
    ],
)
def test_what_is_no_answer_to_an_isrc_is_refused(
    answer: Any, text: str, musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", ISRC, pop=1)
    musicbrainz.reply(200, answer)
    seen: dict[str, Any] = {}

    with pytest.raises(BadAnswerError) as refused:
        MusicBrainz().ask(clients, nova(ISRC), seen)

    assert str(refused.value).startswith(text)
    assert seen == {}
    assert ask(clients, nova(ISRC)) == [["pop"]]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"error": "Something is wrong"}, "MusicBrainz' search: artists: field required"),
        ({"artists": [{"id": "x", "name": "Nova"}]}, "artists.0.score: field required"),
        ({"artists": [{"name": "Nova", "score": 100}]}, "artists.0.id: field required"),
    ],
)
def test_what_is_no_answer_to_a_search_is_refused(
    answer: Any, text: str, musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.reply(200, answer)

    with pytest.raises(BadAnswerError, match=text):
        ask(clients, nova())


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (without(musicbrainz_artist("Nova"), "genres"), "artist: genres: field required"),
        (musicbrainz_artist("Luna", "x"), "artist: Luna in the place of Nova"),
        ({"error": "Something is wrong"}, "artist: id: field required"),
        (musicbrainz_artist("Nova") | {"genres": [{"name": "pop"}]}, "genres.0.count: field"),
        (
            musicbrainz_artist("Nova") | {"genres": [{"name": "", "count": 1}]},
            "genres.0.name: string should have at least 1",
        ),
        (
            musicbrainz_artist("Nova") | {"genres": [{"name": "\ud800", "count": 1}]},
            "genres.0.name: ",
        ),
    ],
)
def test_what_is_no_answer_about_an_artist_is_refused(
    answer: Any, text: str, musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.knows("Nova", ISRC, pop=1)
    musicbrainz.reply(200, answer, after=1)

    with pytest.raises(BadAnswerError, match=text):
        ask(clients, nova(ISRC))


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        ((503, {"error": "busy"}, {"Retry-After": "7"}), RateLimitedError, "wait 7 s"),
        ((503, b""), RateLimitedError, "MusicBrainz's rate limit: wait 30 s."),
        ((403, {"error": "no"}), RefusedError, "MusicBrainz refused isrc/.id. with 403"),
        ((404, b"<html>"), NotFoundError, f"MusicBrainz has nothing at /ws/2/isrc/{ISRC} .404"),
        ((404, {"error": "Gone"}), NotFoundError, "MusicBrainz has nothing at"),
    ],
)
def test_a_refusal_is_told_and_nobody_tries_again_at_once(
    reply: tuple[Any, ...],
    error: type[Exception],
    text: str,
    musicbrainz: FakeMusicBrainz,
    clients: Clients,
) -> None:
    musicbrainz.reply(*reply)

    with pytest.raises(error, match=text):
        ask(clients, nova(ISRC))

    assert musicbrainz.asked == [ISRC]


def test_a_search_that_is_gone_is_no_artist_unknown(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    musicbrainz.reply(404, {"error": "Not Found"})

    with pytest.raises(BadAnswerError, match="search: there is none at its address"):
        ask(clients, nova())


def test_a_server_error_is_tried_a_few_times(
    musicbrainz: FakeMusicBrainz, clients: Clients
) -> None:
    for status in (500, 502, 504):
        musicbrainz.reply(status)

    with pytest.raises(UnavailableError, match="MusicBrainz answered 504"):
        ask(clients, nova(ISRC))

    assert musicbrainz.asked == [ISRC] * 3


# What is kept is read again.


def test_rows_are_made_of_kept_answers() -> None:
    source = MusicBrainz()

    def rows(answer: Any) -> list[dict[str, Any]]:
        return source.rows(answer, ["a"], fetched_at=NOW, raw_key=KEY)

    told = {"artist_id": "a", "genres_asked": [KEY], "genres_source": None, "genres": None}
    known = {"genres_source": "musicbrainz", "genres": ["joik", "pop"]}
    assert rows(musicbrainz_artist("Nova", pop=2, joik=3)) == [told | known]
    assert rows(musicbrainz_artist("Nova")) == [told | {"genres": []}]
    for answer in (musicbrainz_isrc(ISRC, "Nova"), {"artists": []}, {"error": "Not Found"}):
        assert rows(answer) == [told]
    for wrong in ({"error": "busy"}, {}, [], None, {"genres": None}):
        with pytest.raises(BadAnswerError, match=r"^MusicBrainz' "):
            rows(wrong)
