"""The quota: what refusals teach, and what captures leave of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.abilities import Abilities, Ability, Finding
from soundlake.quota import (
    CAPTURES,
    GROUPS,
    RISE_DAYS,
    Estimate,
    Learned,
    Room,
    assumed,
    captures_need,
    estimate,
    group_of,
    is_drawn,
    is_full_day,
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
        ("tracks/{id}", "enrichment"),
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


#### WHAT IS BELIEVED ##############################################################################


def may(**abilities: bool) -> Abilities:
    return Abilities(
        Finding(Ability(name), allowed, NOW, "") for name, allowed in abilities.items()
    )


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (may(), None),
        (may(several=True, catalogue=True, audio_features=False, charts=False), None),
        (may(several=False), 500),
        (may(several=False, catalogue=True), 500),
        (may(several=True, catalogue=False), 500),
    ],
)
def test_a_quota_is_assumed_where_lookups_are_refused(
    known: Abilities, expected: int | None
) -> None:
    assert assumed(known, 500) == expected
    assert assumed(known, 0) is None


def test_where_nothing_was_assumed_or_learned_nothing_is_believed() -> None:
    assert estimate(None, None, 70, {at(0): {ALBUMS: 5000}}) is None


def test_what_is_assumed_holds_whatever_has_passed() -> None:
    """Before the app's access was known, more may have passed than it is allowed now."""
    assert estimate(None, 500, 0, {at(0): {ALBUMS: 5000}}) == Estimate(500, None)


def test_after_a_refusal_a_little_less_is_asked_for() -> None:
    learned = Learned(900, NOW - 40 * HOUR)

    assert estimate(learned, None, 0, {}) == Estimate(855, learned)
    assert estimate(learned, 5000, 0, {}) == Estimate(855, learned)
    assert estimate(Learned(0, NOW), 500, 0, {}) == Estimate(0, Learned(0, NOW))


def test_more_that_has_passed_since_is_believed() -> None:
    learned = Learned(900, NOW - 40 * HOUR)

    def believed(calls: dict[datetime, dict[str, int]]) -> tuple[int, bool]:
        found = estimate(learned, None, 0, calls)
        assert found is not None
        return found.calls, found.passed

    assert believed({at(40): {ALBUMS: 5000}}) == (855, False)  # the refusal's own hour
    assert believed({at(39): {ALBUMS: 600}, at(16): {PAGES: 500}}) == (1100, True)
    assert believed({at(39): {ALBUMS: 600}, at(15): {PAGES: 500}}) == (855, False)
    assert believed({at(39): {ALBUMS: 855}, at(0): {PAGES: 5}}) == (855, False)
    assert believed({at(39): {ALBUMS: 856}}) == (856, True)


@pytest.mark.parametrize(
    ("full_days", "expected", "to_rise"),
    [(0, 500, 7), (6, 500, 1), (7, 525, 7), (13, 525, 1), (14, 551, 7), (70, 809, 7)],
)
def test_seven_full_days_raise_it_by_a_twentieth(
    full_days: int, expected: int, to_rise: int
) -> None:
    found = estimate(None, 500, full_days, {})
    assert found is not None
    assert (found.calls, found.days_to_rise) == (expected, to_rise)


def test_the_smallest_number_rises_too() -> None:
    found = estimate(Learned(0, NOW - timedelta(days=1200)), None, 7, {})
    assert found == Estimate(1, Learned(0, NOW - timedelta(days=1200)), 7)


def test_a_day_is_full_only_where_about_all_was_really_asked_for() -> None:
    found = Estimate(500, None)
    assert is_full_day(found, {at(0): {ALBUMS: 400}, at(20): {PAGES: 50}}, NOW)
    # Captures did not ask for what was kept for them: nobody knows that it would have passed.
    assert not is_full_day(found, {at(0): {ALBUMS: 400}, at(20): {PAGES: 49}}, NOW)
    assert not is_full_day(found, {at(25): {ALBUMS: 500}}, NOW)


def test_after_a_refusal_no_day_counts_for_a_month() -> None:
    calls = {at(0): {ALBUMS: 500}}
    refused = NOW - timedelta(days=30)
    still = Estimate(500, Learned(500, refused + timedelta(milliseconds=1)))

    assert is_full_day(Estimate(500, Learned(500, refused)), calls, NOW)
    assert not is_full_day(still, calls, NOW)
    assert still.quiet_until(NOW) == NOW + timedelta(milliseconds=1)
    assert Estimate(500, Learned(500, refused)).quiet_until(NOW) is None
    assert Estimate(500, None).quiet_until(NOW) is None


@given(st.integers(0, 5000), st.integers(0, 400), st.integers(0, 400))
def test_an_estimate_never_rises_by_more_than_a_twentieth_a_week_of_full_days(
    calls: int, days: int, more: int
) -> None:
    before, after = (estimate(None, calls, each, {}) for each in (days, days + more))
    assert before is not None
    assert after is not None
    weeks = -(-more // RISE_DAYS)
    assert before.calls <= after.calls <= max(before.calls, 20) * 1.05**weeks + weeks


@given(st.integers(0, 5000), st.integers(0, 29), st.integers(1, 5000))
def test_in_the_month_after_a_refusal_no_more_is_tried_than_a_twentieth_below_it(
    calls: int, days: int, made: int
) -> None:
    """Whatever is asked for in that month."""
    learned = Learned(calls, NOW - timedelta(days=days))
    found = estimate(learned, None, 0, {})
    assert found is not None
    assert found.calls * 100 <= calls * 95
    assert not is_full_day(found, {at(0): {ALBUMS: made}}, NOW)


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
    found = room(Estimate(900, None), calls, NOW)

    assert found == Room(believed=900, captures=480, others=300)
    assert found.left == 120


def test_after_a_wait_captures_still_come_first() -> None:
    """Nothing was asked for a day: the quota is whole again, and captures' part of it is theirs."""
    found = room(Estimate(900, None), steady(range(25, 50)), NOW)

    assert found == Room(believed=900, captures=480, others=0)


def test_what_is_planned_is_left_to_captures_before_it_was_seen() -> None:
    assert room(Estimate(900, None), {}, NOW, plan=96).left == 804
    assert room(Estimate(900, None), steady(range(48)), NOW, plan=96).captures == 480


def test_what_is_drawn_is_spent() -> None:
    assert room(Estimate(900, None), {at(3): {ALBUMS: 300}}, NOW, drawn=50).left == 550


def test_where_captures_need_all_nothing_is_left() -> None:
    found = room(Estimate(400, None), {at(50): {PAGES: 401}}, NOW)

    assert found.left == 0
    assert room(Estimate(10, None), {at(0): {ALBUMS: 11}}, NOW) == Room(10, 0, 11)


def test_a_draw_that_was_never_settled_is_spent_until_a_day_after_its_last_request() -> None:
    drawn = NOW - 25 * HOUR
    assert is_drawn(drawn + timedelta(milliseconds=1), NOW)
    assert not is_drawn(drawn, NOW)


def test_the_sentence_says_why_and_what_to_do_in_what_machines_carry() -> None:
    assert Room(900, 480, 420).why == (
        "Spotify seems to allow about 900 requests a day; captures need 480 and others made 420. "
        "The next run asks again; fewer charts or analyses need fewer (./soundlake status)."
    )
    assert "captures need 480, 50 are taken and others made 420." in Room(900, 480, 420, 50).why
    assert len(Room(99_999, 99_999, 99_999, 99_999).why) <= 240


@given(
    st.dictionaries(
        st.integers(0, 95),
        st.dictionaries(st.sampled_from([PAGES, TOKENS, ALBUMS]), st.integers(1, 300)),
    ),
    st.integers(0, 2000),
    st.integers(0, 500),
    st.integers(0, 500),
)
def test_using_what_is_left_never_takes_what_captures_need(
    hours: dict[int, dict[str, int]], number: int, plan: int, drawn: int
) -> None:
    calls = {at(each): counts for each, counts in hours.items()}
    left = room(Estimate(number, None), calls, NOW, plan=plan, drawn=drawn).left

    others = sum(count for name, count in last_day(calls, NOW).items() if name not in CAPTURES)
    need = max(captures_need(calls), plan)
    assert left == 0 or left + others + drawn + need == number


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
