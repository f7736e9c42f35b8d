"""The budget, lived with: captures, processes that draw, send, settle and die, and a quota that
nobody tells them.
"""

from collections import deque
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from soundlake.quota import QUOTA_EXCEEDED
from soundlake.store.budget import Budget, BudgetTable, Draw

from tests.unit.helpers import BUDGET_TABLE, NOW

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PAGES, TOKENS, TRACKS = "me/player/recently-played", "api/token", "tracks/{id}"
PROCESSES = 3
_lives = count()


class RefusedError(Exception):
    """Spotify answered 429, or would have: nobody asks while a wait lasts."""


class Spotify:
    """Allows `quota` requests in any 24 hours, refused ones counted; it is asked by one clock."""

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self.now = NOW
        self.sent: deque[datetime] = deque()  # in the last 24 hours
        self.total = 0
        self.refusals: list[datetime] = []
        self.blocked_until = NOW

    def last_day(self) -> int:
        while self.sent and self.sent[0] <= self.now - DAY:
            self.sent.popleft()
        return len(self.sent)

    def ask(self) -> datetime | None:
        """Until when to wait, None where it answers."""
        assert self.now >= self.blocked_until, "it was asked during a wait"
        full = self.last_day() >= self.quota
        self.sent.append(self.now)
        self.total += 1
        if not full:
            return None
        self.refusals.append(self.now)
        self.blocked_until = self.sent[-self.quota] + DAY
        return self.blocked_until


class Process:
    """Draws, sends and settles like a function's client; killed, it forgets all of that."""

    def __init__(self, life: "Life") -> None:
        self.life = life
        self.table = BudgetTable(BUDGET_TABLE, life.dynamodb)
        self.draw: Draw | None = None
        self.estimate = 0
        self.left = 0
        self.uncounted = 0

    def draw_page(self, wanted: int) -> None:
        self.count()
        before, now = self.draw, self.life.spotify.now
        found = self.table.known(self.life.budget, now).estimate(self.life.assumed)
        self.draw = self.table.draw(
            self.life.budget,
            wanted,
            now,
            assumed=self.life.assumed,
            instead_of=before,
        )
        if not self.draw.granted and before:
            self.table.drop(self.life.budget, before, now)
        self.left = self.draw.granted or 0
        self.estimate = found.calls if found else 0

    def send(self, wanted: int) -> None:
        """Nobody else does anything meanwhile, so a wait is looked up once."""
        if self.table.blocked_until(self.life.budget, self.life.spotify.now) is not None:
            return
        for _ in range(min(wanted, self.left)):
            self.left -= 1
            self.uncounted += 1
            answered = self.life.ask(self.table, self.uncounted, self.draw)
            assert self.life.spotify.last_day() <= self.estimate
            if not answered:
                return

    def count(self) -> None:
        sent = {TRACKS: self.uncounted} if self.uncounted else {}
        self.table.count(self.life.budget.owner, self.life.spotify.now, sent)
        self.uncounted = 0

    def settle(self) -> None:
        self.count()
        if self.draw is not None:
            self.table.drop(self.life.budget, self.draw, self.life.spotify.now)
        self.draw, self.left = None, 0

    def die(self) -> None:
        self.draw, self.left, self.uncounted = None, 0, 0


class Life:
    """Some days of an app: its listeners are captured in rounds, as planned beforehand."""

    def __init__(
        self, dynamodb: Any, quota: int, assumed: int, accounts: int, every: timedelta = HOUR
    ) -> None:
        self.dynamodb = dynamodb
        self.spotify = Spotify(quota)
        self.assumed = assumed
        self.accounts = accounts
        self.budget = Budget("app", f"life-{next(_lives)}")
        self.table = BudgetTable(BUDGET_TABLE, dynamodb)
        self.need = 2 * accounts * (DAY // every)
        self.held = 0
        self.every = every
        self.captured_at = NOW - every
        self.processes = [Process(self) for _ in range(PROCESSES)]
        self.pass_time(timedelta(0))

    def ask(self, table: BudgetTable, uncounted: int, drawn: Draw | None = None) -> bool:
        """One request; its refusal is noted before anybody else does anything."""
        until = self.spotify.ask()
        if until is not None:
            now = self.spotify.now
            table.block(
                self.budget, until, QUOTA_EXCEEDED, now=now, uncounted=uncounted, drawn=drawn
            )
        return until is None

    def pass_time(self, by: timedelta) -> None:
        end = self.spotify.now + by
        while self.captured_at + self.every <= end:
            self.captured_at += self.every
            self.spotify.now = self.captured_at
            self.capture()
        self.spotify.now = end

    def capture(self) -> None:
        """A round: a token and a page of each listener; nobody draws for it."""
        self.table.plan(self.budget.owner, self.need, self.spotify.now)
        sent: dict[str, int] = {}
        for name in (TOKENS, PAGES) * self.accounts:
            if self.table.blocked_until(self.budget, self.spotify.now) is not None:
                self.held += 1
                break
            sent[name] = sent.get(name, 0) + 1
            if not self.ask(self.table, sum(sent.values())):
                break
        self.table.count(self.budget.owner, self.spotify.now, sent)


ACTIONS = st.one_of(
    st.tuples(st.just("pass_time"), st.sampled_from([0.01, 0.4, 1.0, 5.0, 24.0])),
    st.tuples(st.just("draw_page"), st.integers(0, 2), st.integers(1, 60)),
    st.tuples(st.just("send"), st.integers(0, 2), st.integers(1, 60)),
    st.tuples(st.just("count"), st.integers(0, 2)),
    st.tuples(st.just("settle"), st.integers(0, 2)),
    st.tuples(st.just("die"), st.integers(0, 2)),
)


def live(life: Life, actions: list[tuple[Any, ...]]) -> list[int]:
    """Do it all; the estimates that were drawn on."""
    estimates = []
    for name, *given_ in actions:
        if name == "pass_time":
            life.pass_time(given_[0] * HOUR)
            continue
        process = life.processes[given_[0]]
        getattr(process, name)(*given_[1:])
        if name == "draw_page":
            estimates.append(process.estimate)
    return estimates


@pytest.mark.usefixtures("tables")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    quota=st.integers(20, 300),
    assumed=st.integers(20, 200),
    accounts=st.integers(0, 2),
    actions=st.lists(ACTIONS, min_size=5, max_size=60),
)
def test_whoever_draws_never_takes_more_than_is_believed_and_never_asks_during_a_wait(
    tables: Any, quota: int, assumed: int, accounts: int, actions: list[tuple[Any, ...]]
) -> None:
    """Both are checked with every request; and where as much as is believed is really allowed,
    nothing is refused, so no capture is ever held."""
    life = Life(tables, quota, assumed, accounts)

    estimates = live(life, actions)

    if quota >= max(estimates, default=0) and quota >= life.need:
        assert (life.spotify.refusals, life.held) == ([], 0)


def one_days_queue(life: Life) -> int:
    """Two processes in turn ask for all that they can of a queue that never ends; how much."""
    before = life.spotify.total
    busy = life.processes[:2]
    while busy:
        for process in list(busy):
            process.draw_page(100)
            if not process.left:
                busy.remove(process)
            process.send(process.left)
    for process in life.processes:
        process.settle()
    return life.spotify.total - before


def weeks(life: Life, days: int) -> tuple[list[int], list[int]]:
    """What was asked of the queue on each day, and on which days Spotify began to refuse."""
    asked = []
    for _ in range(days):
        life.pass_time(26 * HOUR)  # more than a day counts
        asked.append(one_days_queue(life))
    # Until what was spent has left its 24 hours, captures may be refused for it again.
    at = life.spotify.refusals
    first = [at[place] for place in range(len(at)) if not place or at[place] - at[place - 1] > DAY]
    return asked, [(each - NOW).days for each in first]


@pytest.mark.usefixtures("tables")
def test_with_too_little_it_is_refused_again_only_after_six_weeks(tables: Any) -> None:
    """200 requests a day are assumed, 120 allowed, of which captures ask 4."""
    asked, refused = weeks(Life(tables, 120, 200, 1, every=12 * HOUR), 46)

    assert asked[0] == 120 - 4 + 1
    assert set(asked[1:35]) == {120 * 95 // 100 - 4}
    assert len(refused) == 2
    assert refused[1] - refused[0] >= 44


@pytest.mark.usefixtures("tables")
def test_with_plenty_it_rises_by_a_twentieth_a_week_and_is_never_refused(tables: Any) -> None:
    asked, refused = weeks(Life(tables, 1000, 200, 1, every=12 * HOUR), 16)

    assert asked == 7 * [196] + 6 * [206] + 3 * [216]
    assert refused == []
