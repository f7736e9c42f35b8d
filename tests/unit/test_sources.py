"""The sources by name, and the client of those that need no key: gentle, counted, bounded."""

import re
from collections.abc import Iterator
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
        mock.add_callback("GET", re.compile(re.escape(RECCOBEATS)), made, content_type=None)
        yield made


def api_of(provider: Provider, **options: Any) -> KeylessApi:
    return KeylessApi(
        "ReccoBeats",
        RECCOBEATS,
        spacing_s=SPACING_S,
        told=provider.waits.append,
        clock=provider.clock,
        sleep=provider.sleep,
        backoff_s=0.0,
        **options,
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


def test_another_status_may_be_the_limit_and_is_not_tried_again(provider: Provider) -> None:
    api = api_of(provider, limited_by=503)
    provider.will(503, b"", **{"Retry-After": "7"})
    provider.will(503, b"", **{"Retry-After": str(LONG_WAIT_S + 1)})

    with pytest.raises(RateLimitedError, match=r"wait 7 s\.$"):
        ask(api)
    with pytest.raises(RateLimitedError, match=rf"wait {LONG_WAIT_S + 1} s\.$"):
        ask(api)

    assert len(provider.requests) == 2
    assert provider.waits == [provider.now + timedelta(seconds=LONG_WAIT_S + 1)]


def test_a_429_is_a_limit_whatever_else_is(provider: Provider) -> None:
    provider.will(429, b"slower")

    with pytest.raises(RateLimitedError):
        ask(api_of(provider, limited_by=503))


def test_a_path_is_asked_and_its_endpoint_counted(api: KeylessApi, provider: Provider) -> None:
    answer = api.get("track/{id}", {"a": "b"}, "track/7")

    assert answer.request == "/v1/track/7?a=b"
    assert api.requests == {"reccobeats/track/{id}": 1}


def test_somebody_elses_wait_is_kept(api: KeylessApi, provider: Provider) -> None:
    api.hold_until(NOW + timedelta(seconds=20))
    api.hold_until(NOW + timedelta(seconds=10))

    with pytest.raises(RateLimitedError, match=r"wait 20 s\.$"):
        ask(api)

    assert provider.requests == []


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
