"""The rate limit: a rolling window of 30 seconds."""

from collections.abc import Callable

from local.spotify.limits import RateLimit
from local.spotify.world import World
from tests.local.helpers import Api, Seconds


def test_the_window_rolls() -> None:
    now = Seconds(0.0)
    limit = RateLimit(2, now)
    assert limit.retry_after() is None
    now.at = 10.5
    assert limit.retry_after() is None
    assert limit.retry_after() == 20  # 19.5 rounded up: asking sooner is refused again

    now.at = 29.999
    assert limit.retry_after() == 1
    now.at = 30.0
    assert limit.retry_after() is None  # the first has left
    assert limit.retry_after() == 11  # the second leaves at 40.5


def test_waiting_as_told_is_enough() -> None:
    now = Seconds(0.3)
    limit = RateLimit(1, now)
    assert limit.retry_after() is None
    now.at = 7.7
    wait = limit.retry_after()
    assert wait is not None
    now.at += wait
    assert limit.retry_after() is None


def test_no_limit() -> None:
    limit = RateLimit(0, Seconds())
    assert [limit.retry_after() for _ in range(1000)] == [None] * 1000


def test_over_http(serve: Callable[..., Api], made_world: World, seconds: Seconds) -> None:
    api = serve(made_world, rate_limit=3)
    path = f"artists/{next(iter(made_world.catalogue.artists))}"
    # Tokens, control and refused tokens are outside the limit.
    for _ in range(5):
        api.post_token(grant_type="client_credentials")
        api.call("GET", "requests")
        assert api.get(path, bearer="garbage").status_code == 401

    assert [api.get(path).status_code for _ in range(3)] == [200] * 3
    answer = api.get(path)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert answer.json() == {"error": {"status": 429, "message": "API rate limit exceeded"}}

    seconds.at += 30
    assert api.get(path).status_code == 200
