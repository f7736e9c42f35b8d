"""The rate limit, a rolling window of 30 seconds, and the daily quota, one of 24 hours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from local.spotify.limits import DailyQuota, RateLimit
from local.spotify.settings import MODES
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


#### THE DAILY QUOTA ###############################################################################

DAY_S = 24 * 60 * 60


class Calendar:
    """A clock that is set by hand, in seconds after a start."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> datetime:
        return datetime(2026, 7, 23, tzinfo=UTC) + timedelta(seconds=self.at)


def test_the_day_rolls() -> None:
    now = Calendar()
    quota = DailyQuota(now)
    assert quota.count(2) is None
    now.at = 3600
    assert quota.count(2) is None
    assert quota.state(2) == (2, DAY_S - 3600)
    now.at = DAY_S - 0.5
    assert quota.state(2) == (2, 1)
    now.at = DAY_S
    assert quota.state(2) == (1, None)
    assert quota.count(2) is None
    assert quota.state(2) == (2, 3600)


def test_asking_during_a_block_makes_it_longer() -> None:
    now = Calendar()
    quota = DailyQuota(now)
    waits = []
    for _ in range(5):
        waits.append(quota.count(2))
        now.at += 1000
    # Each refused one counts: then the one after the first must go too, and so on.
    assert waits == [None, None, DAY_S - 1000, DAY_S - 1000, DAY_S - 1000]
    assert quota.state(2) == (5, DAY_S - 2000)

    now.at += DAY_S - 2000 - 0.001
    assert quota.state(2)[1] == 1
    now.at += 0.001
    assert quota.count(2) is None


def test_waiting_as_told_is_enough_for_the_quota() -> None:
    now = Calendar()
    quota = DailyQuota(now)
    assert quota.count(1) is None
    now.at = 7.7
    wait = quota.count(1)
    assert wait is not None
    now.at += wait
    assert quota.count(1) is None


def test_without_a_quota_requests_count_for_one_that_is_set_later() -> None:
    now = Calendar()
    quota = DailyQuota(now)
    assert [quota.count(0) for _ in range(100)] == [None] * 100
    assert quota.state(0) == (100, None)
    assert quota.state(100) == (100, DAY_S)
    assert quota.state(101) == (100, None)


def test_a_clock_that_is_moved_back_forgets_what_is_to_come() -> None:
    now = Calendar()
    quota = DailyQuota(now)
    quota.count(3)
    now.at = 500
    quota.count(3)
    now.at = 100
    assert quota.state(3) == (1, None)
    assert quota.count(3) is None
    assert quota.state(2) == (2, DAY_S - 100)


@pytest.mark.parametrize("mode", MODES)
def test_the_quota_over_http(
    serve: Callable[..., Api], made_world: World, seconds: Seconds, mode: str
) -> None:
    api = serve(made_world, mode=mode, daily_quota=3)
    path = f"artists/{next(iter(made_world.catalogue.artists))}"
    # Tokens, control and refused tokens are outside the quota.
    for _ in range(5):
        api.post_token(grant_type="client_credentials")
        assert api.get(path, bearer="garbage").status_code == 401
    assert api.call("GET", "access").json()["counted"] == 0

    # Whatever is answered, and to whoever of the developer's users, counts.
    assert api.get(path).status_code == 200
    assert api.get("tracks/nonsense").status_code == 400
    assert api.get("me", listener="madeup-mateo").status_code == 200
    state = api.call("GET", "access").json()
    assert (state["daily_quota"], state["counted"], state["retry_after"]) == (3, 3, DAY_S)

    seconds.at += 60
    answer = api.get("me", listener="madeup-mateo")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == str(DAY_S - 60)
    assert answer.json() == {
        "error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}
    }
    assert api.call("GET", "access").json()["counted"] == 4


def test_the_quota_is_of_the_local_clock(
    serve: Callable[..., Api], made_world: World, seconds: Seconds
) -> None:
    api = serve(made_world, daily_quota=1, token_lifetime_s=10**6)
    path = f"artists/{next(iter(made_world.catalogue.artists))}"
    assert [api.get(path).status_code for _ in range(2)] == [200, 429]
    # The machine's time alone does not matter: the clock stays on its date.
    seconds.at += 2 * DAY_S
    assert api.get(path).status_code == 429

    api.call("PUT", "clock", json={"now": "2025-03-06T23:59:59.998Z"})
    assert api.get(path).headers["Retry-After"] == "86400"
    api.call("PUT", "clock", json={"now": "2025-03-08T00:00:00Z"})
    assert [api.get(path).status_code for _ in range(2)] == [200, 429]


def test_the_quota_is_set_while_it_runs(made: Api) -> None:
    path = f"artists/{next(iter(made.control.world.catalogue.artists))}"
    assert [made.get(path).status_code for _ in range(3)] == [200] * 3
    assert made.call("PUT", "access", json={"daily_quota": 3}).json()["retry_after"] == DAY_S
    assert made.get(path).status_code == 429
    made.call("PUT", "access", json={"daily_quota": 5})
    assert [made.get(path).status_code for _ in range(2)] == [200, 429]
    made.call("PUT", "access", json={"daily_quota": 0})
    assert made.get(path).status_code == 200


def test_what_a_fault_answers_is_outside_both_limits(
    serve: Callable[..., Api], made_world: World
) -> None:
    api = serve(made_world, daily_quota=1, rate_limit=1)
    path = f"artists/{next(iter(made_world.catalogue.artists))}"
    api.control.fault(path="artists", kind="503", times=2)
    assert [api.get(path).status_code for _ in range(4)] == [503, 503, 200, 429]


def test_a_spent_quota_is_told_before_the_rate_limit(
    serve: Callable[..., Api], made_world: World
) -> None:
    api = serve(made_world, daily_quota=2, rate_limit=1)
    path = f"artists/{next(iter(made_world.catalogue.artists))}"
    assert api.get(path).status_code == 200
    assert "reason" not in api.get(path).json()["error"]  # and yet it counts
    assert api.get(path).json()["error"]["reason"] == "QUOTA_EXCEEDED"
