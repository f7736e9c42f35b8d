"""The sources by name, and the client of those that need no key: gentle, counted, bounded."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests
import responses
from soundlake.sources.features import SOURCES, ordered
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.web import LONG_WAIT_S, TRIES
from soundlake.spotify.errors import (
    BadAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    SpotifyError,
    UnavailableError,
)

from tests.unit.helpers import NOW, RECCOBEATS

SPACING_S = 1.5


class Provider:
    """Answers what a test prepared, at a time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.takes = timedelta(0)
        self.slept: list[float] = []
        self.waits: list[datetime] = []
        self.requests: list[requests.PreparedRequest] = []
        self.replies: list[tuple[int, dict[str, str], bytes] | Exception] = []

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def __call__(self, request: requests.PreparedRequest) -> Any:
        self.requests.append(request)
        self.now += self.takes
        reply = self.replies.pop(0) if self.replies else (200, {}, b"{}")
        if isinstance(reply, Exception):
            raise reply
        status, headers, body = reply
        return status, {"Date": format_datetime(self.now, usegmt=True)} | headers, body

    def will(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.replies.append((status, headers, body))


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        host = re.compile(r"https://api\.reccobeats\.test/")
        mock.add_callback("GET", host, made, content_type=None)
        yield made


class Turns:
    """What everybody keeps to, and nobody else takes; `back` is from when turns were given back."""

    def __init__(self) -> None:
        self.end = NOW
        self.back: list[datetime] = []

    def blocked_until(self, now: datetime) -> datetime | None:
        return None

    def take(self, turns: int, now: datetime) -> datetime:
        first = max(self.end, now)
        self.end = first + turns * timedelta(seconds=SPACING_S)
        return first

    def give_back(self, end: datetime, free_at: datetime) -> None:
        assert end == self.end
        self.back.append(free_at)


def api_of(
    provider: Provider, contact: str | None = None, limits: Turns | None = None
) -> KeylessApi:
    return KeylessApi(
        "ReccoBeats",
        RECCOBEATS,
        spacing_s=SPACING_S,
        contact=contact,
        told=provider.waits.append,
        clock=provider.clock,
        sleep=provider.sleep,
        backoff_s=0.0,
        limits=limits,
    )


@pytest.fixture
def api(provider: Provider) -> KeylessApi:
    return api_of(provider)


def ask(api: KeylessApi) -> Any:
    return api.get("audio-features", {"ids": "a,b"}).json


def test_the_order_is_that_of_the_names() -> None:
    assert [each.name for each in ordered("reccobeats,spotify")] == ["reccobeats", "spotify"]
    assert [each.name for each in ordered("reccobeats")] == ["reccobeats"]
    assert {name: each.ids_per_request for name, each in SOURCES.items()} == {
        "spotify": 100,
        "reccobeats": 40,
    }


@pytest.mark.parametrize(
    ("names", "wrong"),
    [("", "''"), ("spotify,lastfm", "'lastfm'"), ("spotify,spotify", "'spotify'")],
)
def test_a_name_that_is_none_or_stands_twice_is_refused(names: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{wrong} in .* is not one of spotify, reccobeats"):
        ordered(names)


def test_an_answer_is_given_as_it_came(api: KeylessApi, provider: Provider) -> None:
    provider.will(200, b'{"content": [] }')

    answer = api.get("audio-features", {"ids": "a,b"})

    assert (answer.body, answer.json, answer.at) == (b'{"content": [] }', {"content": []}, NOW)
    assert answer.request == "/v1/audio-features?ids=a%2Cb"
    (request,) = provider.requests
    assert request.headers["User-Agent"] == "Soundlake/1"
    assert "Authorization" not in request.headers
    assert api.requests == {"reccobeats/audio-features": 1}


def test_a_page_is_given_as_it_came_whatever_it_holds(api: KeylessApi, provider: Provider) -> None:
    provider.will(200, "<title>Ñandú</title>".encode())

    page = api.page("country/no_daily.html", "country")
    robots = api.page("/robots.txt", "robots.txt")

    assert (page.body.decode(), page.json, page.at) == ("<title>Ñandú</title>", None, NOW)
    assert (page.request, robots.request) == ("/v1/country/no_daily.html", "/robots.txt")
    assert api.requests == {"reccobeats/country": 1, "reccobeats/robots.txt": 1}
    assert provider.slept == [SPACING_S]


def test_operators_can_reach_whoever_gave_a_contact(provider: Provider) -> None:
    ask(api_of(provider, "me@example.org"))

    assert provider.requests[0].headers["User-Agent"] == "Soundlake/1 (+me@example.org)"


def test_that_there_is_nothing_is_an_answer(api: KeylessApi, provider: Provider) -> None:
    provider.will(404, b"gone")

    with pytest.raises(NotFoundError) as missing:
        api.page("country/xx_daily.html", "country")

    assert str(missing.value) == "ReccoBeats has nothing at /v1/country/xx_daily.html (404)."
    assert missing.value.answer is not None
    assert missing.value.answer.body == b"gone"


def test_requests_are_spaced_and_none_sleeps_longer(api: KeylessApi, provider: Provider) -> None:
    ask(api)
    ask(api)
    provider.now += timedelta(seconds=1)
    ask(api)
    provider.now += timedelta(hours=1)
    ask(api)
    provider.now -= timedelta(hours=2)  # a clock that was put right
    ask(api)

    assert provider.slept == [1.5, 0.5, 1.5]


@pytest.mark.parametrize("fails", [False, True])
def test_turns_are_given_back_from_when_the_next_request_may_come_after_the_last(
    fails: bool, provider: Provider
) -> None:
    turns = Turns()
    api = api_of(provider, limits=turns)
    for _ in range(3):  # with one turn, and two
        ask(api)
    provider.takes = timedelta(seconds=2)  # more than until its own next turn
    if fails:
        provider.replies = [requests.exceptions.ConnectionError("refused")]

    with suppress(UnavailableError):
        ask(api)
    api.give_back()
    api.give_back()

    assert turns.back == [provider.now + timedelta(seconds=SPACING_S)]


def test_turns_that_are_yet_to_come_are_given_back_from_the_first_of_them(
    provider: Provider,
) -> None:
    turns = Turns()
    api = api_of(provider, limits=turns)
    for _ in range(4):
        ask(api)
    provider.now -= timedelta(hours=1)  # a clock that was put right

    api.give_back()

    assert turns.back == [NOW + 4 * timedelta(seconds=SPACING_S)]


def test_a_rate_limit_is_handed_back_and_not_slept(api: KeylessApi, provider: Provider) -> None:
    provider.will(429, b'{"status":4291}', **{"Retry-After": str(LONG_WAIT_S)})

    with pytest.raises(RateLimitedError) as limited:
        ask(api)

    assert str(limited.value) == "ReccoBeats's rate limit: wait 300 s."
    assert limited.value.retry_after == LONG_WAIT_S
    assert (provider.slept, provider.waits, len(provider.requests)) == ([], [], 1)
    assert ask(api) == {}


def test_a_long_wait_is_told_and_kept(api: KeylessApi, provider: Provider) -> None:
    provider.will(429, **{"Retry-After": "3600"})
    with pytest.raises(RateLimitedError):
        ask(api)
    provider.now += timedelta(seconds=600)

    with pytest.raises(RateLimitedError, match=r"wait 3000 s\.$"):
        ask(api)

    assert provider.waits == [NOW + timedelta(hours=1)]
    assert len(provider.requests) == 1
    provider.now += timedelta(seconds=3000)
    assert ask(api) == {}


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (403, "error code: 1010", RefusedError, "ReccoBeats refused audio-features with 403."),
        (401, "", RefusedError, "ReccoBeats refused audio-features with 401."),
        (501, "", UnavailableError, "ReccoBeats answered 501 for audio-features."),
        (
            400,
            '{"status":4004,"errors":[]}',
            SpotifyError,
            'ReccoBeats answered 400 for audio-features: {"status":4004,"errors":[]}',
        ),
        (302, "", SpotifyError, "ReccoBeats answered 302 for audio-features: "),
        (200, "<html>", BadAnswerError, "ReccoBeats's audio-features: the answer is not JSON"),
        (200, "", BadAnswerError, "ReccoBeats's audio-features: the answer is not JSON"),
    ],
)
def test_what_else_it_may_answer_is_told_in_a_sentence(
    status: int, body: str, error: type[Exception], text: str, provider: Provider
) -> None:
    provider.will(status, body.encode())

    with pytest.raises(error) as refused:
        ask(api_of(provider))

    assert (type(refused.value), str(refused.value)) == (error, text)


def test_what_cannot_be_reached_is_tried_a_few_times(api: KeylessApi, provider: Provider) -> None:
    provider.replies = [requests.exceptions.ChunkedEncodingError("cut off")] * TRIES

    with pytest.raises(UnavailableError) as unreachable:
        ask(api)

    assert str(unreachable.value) == (
        "ReccoBeats could not be reached at api.reccobeats.test for reccobeats/audio-features "
        "(ChunkedEncodingError)."
    )
    assert api.requests == {"reccobeats/audio-features": TRIES}
