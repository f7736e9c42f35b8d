"""The quota: what refusals teach, and what captures leave of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.quota import (
    CAPTURES,
    GROUPS,
    Learned,
    Room,
    believed,
    captures_need,
    group_of,
    last_day,
    learn,
    planned,
    room,
)

NOW = datetime(2026, 11, 21, 9, 18, 7, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAGES, TOKENS, ALBUMS = "me/player/recently-played", "api/token", "albums"


def at(ago: int) -> datetime:
    """The clock hour so many hours before the present one."""
    return datetime(2026, 11, 21, 9, tzinfo=UTC) - ago * HOUR


#### COUNTING ######################################################################################


def test_the_last_day_counts_the_hour_that_it_begins_in() -> None:
    calls = {at(25): {ALBUMS: 100}, at(24): {ALBUMS: 10, PAGES: 3}, at(0): {ALBUMS: 1}}

    assert last_day(calls, NOW) == {ALBUMS: 11, PAGES: 3}
    assert last_day({}, NOW) == {}


def test_another_machines_clock_may_be_ahead() -> None:
    assert last_day({at(-1): {ALBUMS: 1}}, NOW) == {ALBUMS: 1}


@pytest.mark.parametrize(
    ("endpoint", "group"),
    [
        ("me/player/recently-played", "captures"),
        ("playlists/{id}", "charts"),
        ("playlists/{id}/items", "charts"),
        ("audio-features", "enrichment"),
        ("audio-analysis/{id}", "enrichment"),
        ("albums", "enrichment"),
        ("artists", "enrichment"),
        ("api/token", "tokens"),
        ("me", "others"),
        ("unheard-of", "others"),
    ],
)
def test_endpoints_are_told_by_what_they_are_for(endpoint: str, group: str) -> None:
    assert group_of(endpoint) == group
    assert group in GROUPS


#### LEARNING ######################################################################################


def test_a_refusal_teaches_what_was_made_in_no_more_than_a_day() -> None:
    calls = {at(24): {ALBUMS: 1000}, at(23): {ALBUMS: 400, PAGES: 50}, at(0): {TOKENS: 30}}

    assert learn(None, calls, 20, NOW) == Learned(500, NOW)
    assert learn(None, {}, 0, NOW) == Learned(0, NOW)


@pytest.mark.parametrize(
    ("made", "ago", "expected"),
    [
        (500, 47, 500),
        (499, 47, 1000),  # of the same spending
        (499, 48, 499),
        (2000, 1, 2000),
    ],
)
def test_much_less_so_soon_after_is_not_believed(made: int, ago: int, expected: int) -> None:
    before = Learned(1000, NOW - ago * HOUR)

    assert learn(before, {at(0): {ALBUMS: made}}, 0, NOW) == Learned(expected, NOW)


def test_where_nothing_was_learned_nothing_is_believed() -> None:
    assert believed(None, {at(0): {ALBUMS: 5000}}) is None


def test_more_that_has_passed_since_is_believed() -> None:
    learned = Learned(900, NOW - 40 * HOUR)

    assert believed(learned, {}) == 900
    assert believed(learned, {at(40): {ALBUMS: 5000}}) == 900  # the refusal's own hour
    assert believed(learned, {at(39): {ALBUMS: 600}, at(16): {PAGES: 500}}) == 1100
    assert believed(learned, {at(39): {ALBUMS: 600}, at(15): {PAGES: 500}}) == 900
    assert believed(learned, {at(39): {ALBUMS: 950}, at(0): {PAGES: 5}}) == 950


#### WHAT CAPTURES LEAVE ###########################################################################


def steady(hours: range) -> dict[datetime, dict[str, int]]:
    """Five accounts that are looked at every 20 minutes."""
    return {at(ago): {PAGES: 15, TOKENS: 5} for ago in hours}


def test_captures_need_what_they_asked_in_their_fullest_day() -> None:
    assert captures_need({}) == 0
    assert captures_need({at(0): {ALBUMS: 7}}) == 0
    assert captures_need(steady(range(72))) == 480
    # Held for a day by a wait, they need no less afterwards.
    assert captures_need(steady(range(24, 48))) == 480
    assert captures_need(steady(range(12))) == 240


def test_what_captures_asked_is_not_taken_off_twice() -> None:
    calls = steady(range(48))
    calls[at(3)] = calls[at(3)] | {ALBUMS: 300}
    learned = Learned(900, NOW - 60 * HOUR)

    found = room(learned, calls, NOW)

    assert found == Room(believed=900, captures=480, others=300)
    assert found.left == 120
    assert room(None, calls, NOW) is None


def test_after_a_wait_captures_still_come_first() -> None:
    """Nothing was asked for a day: the quota is whole again, and captures' part of it is theirs."""
    found = room(Learned(900, NOW - 25 * HOUR), steady(range(25, 50)), NOW)

    assert found == Room(believed=900, captures=480, others=0)


def test_where_captures_need_all_nothing_is_left() -> None:
    found = room(Learned(400, NOW - 90 * HOUR), {at(50): {PAGES: 401}}, NOW)

    assert found is not None
    assert found.left == 0
    assert room(Learned(10, NOW), {at(0): {ALBUMS: 11}}, NOW) == Room(10, 0, 11)


def test_the_sentence_says_why_and_what_to_do_in_what_machines_carry() -> None:
    assert Room(900, 480, 420).why == (
        "Spotify seems to allow about 900 requests a day; captures need 480 and others made 420. "
        "The next run asks again; fewer charts or analyses need fewer (./soundlake status)."
    )
    assert len(Room(99_999, 99_999, 99_999).why) <= 240


@given(
    st.dictionaries(
        st.integers(0, 95),
        st.dictionaries(st.sampled_from([PAGES, TOKENS, ALBUMS]), st.integers(1, 300)),
    ),
    st.integers(0, 2000),
    st.integers(0, 95),
)
def test_using_what_is_left_never_takes_what_captures_need(
    hours: dict[int, dict[str, int]], number: int, ago: int
) -> None:
    calls = {at(each): counts for each, counts in hours.items()}
    found = room(Learned(number, NOW - ago * HOUR), calls, NOW)

    assert found is not None
    assert found.believed >= number
    others = sum(count for name, count in last_day(calls, NOW).items() if name not in CAPTURES)
    assert found.left == 0 or found.left + others + captures_need(calls) == found.believed


#### WHAT IS PLANNED ###############################################################################


@pytest.mark.parametrize(
    ("accounts", "minutes", "expected"),
    [(5, 20, (360, 120)), (1, 60, (24, 24)), (0, 20, (0, 0)), (2, 15, (192, 48))],
)
def test_what_captures_will_ask_a_day(
    accounts: int, minutes: int, expected: tuple[int, int]
) -> None:
    found = planned(accounts, timedelta(minutes=minutes))

    assert found == expected
    assert [type(each) for each in found] == [int, int]
