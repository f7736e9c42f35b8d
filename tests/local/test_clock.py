"""The service's clock and the Date header that shows it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests

from local.spotify.clock import Clock, from_ms, iso_ms, parse_instant, to_ms, utc_now
from local.spotify.world import World
from tests.local.helpers import Api, Seconds

START = datetime(2025, 2, 18, 18, tzinfo=UTC)


def test_it_ticks_and_stops_at_the_end_of_its_date(seconds: Seconds) -> None:
    clock = Clock(START, monotonic=seconds)
    assert clock.now() == START
    seconds.at += 90.25
    assert iso_ms(clock.now()) == "2025-02-18T18:01:30.250Z"
    seconds.at += 6 * 3600 - 90.25 - 0.001
    assert iso_ms(clock.now()) == "2025-02-18T23:59:59.999Z"
    seconds.at += 0.001
    assert iso_ms(clock.now()) == "2025-02-18T23:59:59.999Z"
    seconds.at += 10**6
    assert iso_ms(clock.now()) == "2025-02-18T23:59:59.999Z"

    clock.set(START + timedelta(days=1))
    assert clock.now() == START + timedelta(days=1)


def test_it_may_stand_still_until_it_is_set_again(seconds: Seconds) -> None:
    clock = Clock(START, monotonic=seconds)
    clock.set(START, stopped=True)
    seconds.at += 10**6
    assert clock.now() == START

    clock.set(START)
    seconds.at += 1
    assert clock.now() == START + timedelta(seconds=1)


def test_its_date_is_utcs(seconds: Seconds) -> None:
    clock = Clock(parse_instant("2025-02-18T23:30:00-02:00"), monotonic=seconds)
    seconds.at += 10**6
    assert iso_ms(clock.now()) == "2025-02-19T23:59:59.999Z"


def test_without_a_start_it_is_real_time() -> None:
    moment = datetime(2026, 7, 8, 9, 10, 11, 123456, tzinfo=UTC)
    assert iso_ms(Clock(wall=lambda: moment).now()) == "2026-07-08T09:10:11.123Z"
    assert abs(Clock().now() - utc_now()) < timedelta(seconds=5)


def test_milliseconds_are_exact() -> None:
    assert to_ms(from_ms(1_739_901_600_001)) == 1_739_901_600_001
    assert iso_ms(from_ms(1_739_901_600_001)) == "2025-02-18T18:00:00.001Z"
    assert to_ms(START + timedelta(microseconds=1999)) == to_ms(START) + 1


@pytest.mark.parametrize("text", ["2025-02-18T18:00:00", "yesterday", "", "2025-02-30T00:00:00Z"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="2025-02-18T18:00:00Z"):
        parse_instant(text)


def test_every_answer_has_the_clocks_date_alone(made: Api, seconds: Seconds) -> None:
    seconds.at += 61.9
    answers = [
        made.get("me"),
        made.get("nothing"),
        made.post_token(grant_type="client_credentials"),
        made.post_token(),
        made.call("GET", "world"),
        requests.get(made.url, timeout=5),
    ]
    made.control.fault(path="tracks", kind="503")
    answers.append(made.get("tracks"))

    for answer in answers:
        # urllib3 keeps repeated headers apart; requests would join them.
        dates = answer.raw.headers.getlist("Date")
        assert dates == ["Wed, 05 Mar 2025 18:01:01 GMT"]
        assert parsedate_to_datetime(dates[0]).tzinfo is not None


def test_moving_the_clock(made: Api, small: Api, seconds: Seconds) -> None:
    moved = made.call("PUT", "clock", json={"now": "2025-03-09T01:02:03.456+01:00"})
    assert moved.json() == {"clock": "2025-03-09T00:02:03.456Z"}
    assert made.get("me").headers["Date"] == "Sun, 09 Mar 2025 00:02:03 GMT"

    made.call("PUT", "clock", json={"now": "2025-03-09T01:00:00Z", "stopped": True})
    seconds.at += 60
    assert made.get("me").headers["Date"] == "Sun, 09 Mar 2025 01:00:00 GMT"
    wrong = made.call("PUT", "clock", json={"now": "2025-03-09T01:00:00Z", "stopped": 1})
    assert wrong.status_code == 400

    within = small.call("PUT", "clock", json={"now": "2024-05-06T23:00:00Z"})
    assert within.status_code == 200
    for api, now in (
        (small, "2024-05-07T00:00:00Z"),
        (made, "1999-12-31T00:00:00Z"),
        (made, "noon"),
        (made, 5),
    ):
        before = api.control.clock.now()
        answer = api.call("PUT", "clock", json={"now": now})
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert api.control.clock.now() == before


def test_the_worlds_own_clock(serve: Callable[..., Api], small_world: World) -> None:
    from local.spotify.server import running

    with running(small_world) as service:
        now = service.control.clock.now()
    assert timedelta() <= now - datetime(2024, 5, 6, 18, tzinfo=UTC) < timedelta(seconds=30)
