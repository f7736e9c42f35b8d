"""Rounds: when a run looks at Spotify, and when again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.rounds import Round, round_of

BEGIN = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def times(interval: int, late: int = 0) -> list[tuple[int, int]]:
    """The rounds of a run that begins so many minutes late: number and minute after its time."""
    found, number = [], 0
    now = BEGIN + late * MINUTE
    while True:
        this = round_of(BEGIN, interval * MINUTE, number, now)
        found.append((this.number, (this.at - BEGIN) // MINUTE))
        if this.next_at is None or this.next_number is None:
            return found
        number, now = this.next_number, this.next_at


@pytest.mark.parametrize(
    ("interval", "rounds"),
    [
        (20, [(0, 0), (1, 20), (2, 40)]),
        (25, [(0, 0), (1, 25), (2, 50)]),
        (30, [(0, 0), (1, 30)]),
        (60, [(0, 0)]),
    ],
)
def test_a_run_looks_again_within_its_hour(interval: int, rounds: list[tuple[int, int]]) -> None:
    assert times(interval) == rounds


@pytest.mark.parametrize(
    ("late", "rounds"),
    [
        (5, [(0, 0), (1, 20), (2, 40)]),
        (20, [(0, 0), (2, 40)]),
        (39, [(0, 0), (2, 40)]),
        (40, [(0, 0)]),
        (65, [(0, 0)]),
        (600, [(0, 0)]),
    ],
)
def test_a_late_run_leaves_out_the_rounds_whose_time_is_over(
    late: int, rounds: list[tuple[int, int]]
) -> None:
    assert times(20, late) == rounds


def test_a_round_says_when_the_next_one_is_due() -> None:
    assert round_of(BEGIN, 20 * MINUTE, 1, BEGIN + 20 * MINUTE) == Round(
        1, BEGIN + 20 * MINUTE, 2, BEGIN + 40 * MINUTE
    )


def test_without_an_interval_there_is_one_round() -> None:
    assert round_of(BEGIN, None, 0, BEGIN) == Round(0, BEGIN)


@given(interval=st.integers(5, 60), late=st.integers(-5, 200))
def test_rounds_are_distinct_in_order_and_within_the_hour(interval: int, late: int) -> None:
    minutes = [minute for _, minute in times(interval, late)]

    assert minutes == sorted(set(minutes))
    assert minutes[0] == 0
    assert all(minute % interval == 0 and minute < 60 for minute in minutes)
    assert all(minute > late for minute in minutes[1:])
