"""Coverage: what no capture could see, and how sure a day is."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from soundlake.coverage import (
    CONFIRMED,
    GAP,
    OBSERVED,
    PROVISIONAL,
    certainty,
    days_within,
    gaps,
    settling,
    uncertain_spans,
    united,
)
from soundlake.plays import capture_row, failed_capture_row, merge, read_page

from tests.unit.helpers import played, recently_played

Row = dict[str, Any]
NOON = datetime(2026, 11, 21, 12)  # noqa: DTZ001 - as tables keep times
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Account:
    """An account's attempts: pages of plays at minutes after noon, and failures."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._known: list[Row] = []
        self._number = count(1)

    def page(self, at: float, *plays: float, late: float = 0) -> Row:
        """A page at a minute; `plays` are minutes too, each of a track of its own.

        A run that is `late` asks so many minutes after the time that it stands for.
        """
        number = next(self._number)
        when = (NOON + at * MINUTE).replace(tzinfo=UTC)
        items = [
            played(round(minute * 100), (NOON + minute * MINUTE).replace(tzinfo=UTC))
            for minute in sorted(plays, reverse=True)
        ]
        page = read_page(
            recently_played(items),
            account="main",
            raw_key=f"raw/{number:04}",
            capture_id=f"{number:04}",
            captured_at=when,
            observed_at=when + late * MINUTE,
        )
        self._known = merge(self._known, page.observations)
        self.rows.append(capture_row(page, "main", self._known))
        return self.rows[-1]

    def failure(self, at: float, outcome: str = "unreachable") -> None:
        when = (NOON + at * MINUTE).replace(tzinfo=UTC)
        self.rows.append(
            failed_capture_row(
                "main",
                capture_id=f"{next(self._number):04}",
                captured_at=when,
                outcome=outcome,
                error="a sentence",
            )
        )

    def gaps(self, newest: datetime | None = None) -> list[tuple[float, float | None, str, Any]]:
        """Each gap's beginning and end in minutes after noon, its reason, and what closed it."""
        return [
            (
                (gap["from_time"] - NOON) / MINUTE,
                gap["to_time"] and (gap["to_time"] - NOON) / MINUTE,
                gap["reason"],
                gap["closed_by"],
            )
            for gap in gaps(self.rows, newest)
        ]


@pytest.fixture
def account() -> Account:
    return Account()


FULL = [minute / 2 for minute in range(100, 200, 2)]  # 50 plays: minutes 50 to 99


# Gaps.


def test_pages_that_share_a_play_leave_no_gap(account: Account) -> None:
    account.page(0, -9, -5, -1)
    account.page(20, -1, 3, 7)
    account.page(600, 7, 590)

    assert account.gaps() == []


def test_the_first_page_is_no_gap_and_nor_is_an_empty_account(account: Account) -> None:
    account.page(0)
    account.page(20)
    account.page(40, 25, 30)

    assert account.gaps() == []


def test_a_full_page_that_shares_nothing_is_a_gap_from_the_last_play_known_to_it(
    account: Account,
) -> None:
    account.page(0, -9, -5, -1)
    account.page(100, *FULL)

    assert account.gaps() == [(-1, 100, "overflow", None)]


def test_a_short_page_that_shares_nothing_is_a_gap_too(account: Account) -> None:
    account.page(0, -9, -5, -1)
    account.page(20, 15, 18)

    assert account.gaps() == [(-1, 20, "short_page", None)]


def test_a_gap_after_no_attempt_for_hours_was_missed(account: Account) -> None:
    account.page(0, -1)
    account.page(121, 115, 118)

    assert account.gaps() == [(-1, 121, "missed", None)]


def test_a_gap_after_failures_has_their_reason(account: Account) -> None:
    account.page(0, -1)
    account.failure(20, "failed")
    account.failure(40, "rate_limited")
    account.page(100, *FULL)

    assert account.gaps() == [(-1, 100, "rate_limited", None)]


def test_a_page_that_reaches_back_closes_a_gap(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(20, 15, 18)
    account.page(40, -1, 5, 15, 18, 30)

    assert account.gaps() == [(-1, 20, "short_page", "raw/0003")]


def test_a_page_that_reaches_only_what_the_gap_ended_with_closes_nothing(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(20, 15, 18)
    account.page(40, 15, 18, 30)

    assert account.gaps() == [(-1, 20, "short_page", None)]


def test_a_page_of_before_a_gap_shown_again_closes_nothing(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(100, *FULL)
    account.page(105, -9, -1)
    account.page(110, -1, 60)

    assert account.gaps() == [(-1, 100, "overflow", None)]

    account.page(120, -1, *FULL, 119)

    assert account.gaps() == [(-1, 100, "overflow", "raw/0005")]


def test_a_page_with_the_newest_play_of_the_one_that_ends_a_gap_is_of_no_time_before(
    account: Account,
) -> None:
    account.page(0, -9, -1)
    account.page(20, 15, 18)
    account.page(30, -1, 15)
    account.page(40, -1, 15, 18)

    assert account.gaps() == [(-1, 20, "short_page", "raw/0004")]


def test_plays_that_surface_together_may_have_pushed_out_newer_ones(account: Account) -> None:
    """The 50 that arrived last are a phone's from before what was heard on another one."""
    account.page(0, -9, -1)
    account.failure(20)
    account.page(300, *FULL)

    assert account.gaps() == [(-1, 300, "unreachable", None)]


def test_a_late_run_spans_what_those_saw_that_overtook_it(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(20, *FULL, late=80)
    account.page(40, 10, 39)
    account.page(120, 99, 119)

    assert account.gaps() == [(-1, 100, "overflow", None)]


def test_two_pages_of_one_time_are_in_the_order_of_their_keys(account: Account) -> None:
    """As `-` comes before `.`, `run-1-again.json.gz` does before `run-1.json.gz`."""
    account.page(0, -9, -1)
    first = account.page(100, *FULL)
    second = account.page(100, *FULL)
    first["capture_id"], second["capture_id"] = "run-1-again", "run-1"

    assert account.gaps() == [(-1, 100, "overflow", None)]


def test_a_late_play_older_than_a_gap_closes_nothing(account: Account) -> None:
    """It was not known before the gap: that it is shown says nothing of what surfaced since."""
    account.page(0, -9, -1)
    account.page(20, -500, 15)
    account.page(40, -500, 15, 30)

    assert account.gaps() == [(-1, 20, "short_page", None)]


def test_late_plays_alone_hide_all_that_surfaced_beside_them(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(20, -700, -650, -600)
    account.page(40, 35)

    assert account.gaps() == [(-1, 40, "short_page", None)]


def test_a_late_play_beside_a_known_one_is_no_gap(account: Account) -> None:
    account.page(0, -9, -1)
    row = account.page(20, -700, -1, 5)

    assert account.gaps() == []
    assert (row["late"], row["late_oldest"]) == (1, NOON - 700 * MINUTE)


def test_failures_for_longer_than_the_window_are_a_gap_that_lasts(account: Account) -> None:
    account.page(0, -1)
    account.failure(20)
    account.failure(25)
    assert account.gaps() == []

    account.failure(26, "failed")

    assert account.gaps() == [(-1, None, "failed", None)]
    assert gaps(account.rows)[0]["found_by"] is None


def test_an_outage_that_hid_nothing_is_a_closed_gap(account: Account) -> None:
    account.page(0, -1)
    account.failure(20)
    account.page(26, -1, 20)

    assert account.gaps() == [(-1, 26, "unreachable", "raw/0003")]


def test_a_short_outage_that_hid_nothing_is_no_gap(account: Account) -> None:
    account.page(0, -1)
    account.failure(20)
    account.page(25, -1, 20)

    assert account.gaps() == []


def test_an_empty_page_tells_nothing_of_an_account_that_has_plays(account: Account) -> None:
    account.page(0, -1)
    account.page(20)
    account.page(40, -1, 30)
    account.page(60)
    account.page(100, *FULL)

    assert [(start, end, why) for start, end, why, _ in account.gaps()] == [
        (-1, 40, "empty"),
        (30, 100, "empty"),
    ]


def test_what_was_known_before_the_first_attempt_given_counts(account: Account) -> None:
    account.page(0, -1)

    assert account.gaps(NOON - HOUR) == [(-60, 0, "short_page", None)]


def test_attempts_are_taken_in_the_order_of_time(account: Account) -> None:
    account.page(0, -1)
    account.page(100, *FULL)
    account.rows.reverse()

    assert account.gaps() == [(-1, 100, "overflow", None)]


# Late plays.


def spans(account: Account) -> list[tuple[str, float, float]]:
    """Each uncertain span: the page, and its ends in minutes after noon."""
    return [
        (key, (first - NOON) / MINUTE, (last - NOON) / MINUTE)
        for key, (first, last) in uncertain_spans(account.rows)
    ]


def test_only_a_full_page_of_late_plays_may_hide_others(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(20, -1, -900)
    account.page(200, *FULL[:-2], -5000, -4000)

    assert spans(account) == [("raw/0003", -5000, -4000)]


def test_late_plays_at_a_full_pages_end_may_hide_older_ones(account: Account) -> None:
    """What surfaced is shown from the oldest of the page on; before it, older ones may have."""
    account.page(0, -9, -1)
    account.page(200, -1, *FULL[:-3], -5000, -4000)

    assert spans(account) == [("raw/0002", -5000, -5000)]


def test_late_plays_after_known_ones_on_a_full_page_hide_nothing(account: Account) -> None:
    account.page(0, -5001, -1)
    account.page(200, -5001, -1, *FULL[:-4], -5000, -4000)

    assert spans(account) == []


def unread(account: Account, at: float, *plays: float) -> None:
    """A page with a row that cannot be read, of the time from -8 to 2."""
    row = account.page(at, *plays)
    row["unread_oldest"], row["unread_newest"] = NOON - 8 * MINUTE, NOON + 2 * MINUTE


def test_rows_that_cannot_be_read_leave_their_time_uncertain(account: Account) -> None:
    account.page(0, -9, -1)
    unread(account, 20, -1, 5)

    assert spans(account) == [("raw/0002", -8, 2)]


def test_a_later_page_that_shows_all_since_shows_what_could_not_be_read(account: Account) -> None:
    account.page(0, -9, -1)
    unread(account, 20, -9, -1, 5)
    account.page(40, -9, -1, 1, 5, 20)

    assert spans(account) == []


@pytest.mark.parametrize(
    "plays",
    [
        pytest.param((-9, -1, 5, 19), id="it may be of an earlier state"),
        pytest.param((-8, -1, 5, 20), id="it ends where the row may be"),
        pytest.param((-10, 5, 20), id="all it shares surfaced with the row or after it"),
        pytest.param((-10, 20), id="it shares nothing"),
    ],
)
def test_a_later_page_that_shows_less_leaves_it_uncertain(
    plays: tuple[float, ...], account: Account
) -> None:
    account.page(0, -9, -8, -1)
    unread(account, 20, -9, -8, -1, 5)
    account.page(40, *plays)

    assert ("raw/0002", -8, 2) in spans(account)


def test_a_later_page_with_unread_rows_of_its_own_settles_nothing(account: Account) -> None:
    account.page(0, -9, -1)
    unread(account, 20, -9, -1, 5)
    unread(account, 40, -9, -1, 5, 20)

    assert spans(account) == [("raw/0002", -8, 2), ("raw/0003", -8, 2)]


def test_a_page_without_plays_settles_nothing(account: Account) -> None:
    account.page(0, -9, -1)
    unread(account, 20, -9, -1, 5)
    account.page(40)

    assert spans(account) == [("raw/0002", -8, 2)]


def test_days_settle_as_late_as_plays_were_seen_to_come(account: Account) -> None:
    account.page(0, -9, -1)
    assert settling(account.rows) == 2 * DAY

    account.page(20, -1, -60)
    assert settling(account.rows) == 2 * DAY

    account.page(40, -1, 20 - 5 * 24 * 60)
    assert settling(account.rows) == 5 * DAY + 20 * MINUTE

    account.page(60, -1, -60 * 24 * 60)
    assert settling(account.rows) == 30 * DAY


# Certainty.

DATE = date(2026, 11, 21)
START = NOON - 12 * HOUR
LATER = START + 3 * DAY


def gap(first: datetime, last: datetime | None, closed_by: str | None = None) -> Row:
    return {"from_time": first, "to_time": last, "closed_by": closed_by}


def sure(*found: Row, now: datetime = LATER, reached: bool = False, **more: Any) -> str:
    return certainty(DATE, now=now, settles=2 * DAY, gaps=found, reached=reached, **more)


def test_a_day_is_observed_once_late_plays_are_no_longer_expected() -> None:
    assert sure(now=LATER) == OBSERVED
    assert sure(now=LATER - MINUTE) == PROVISIONAL


def test_a_day_that_late_plays_on_a_full_page_reach_is_provisional() -> None:
    assert sure(now=LATER + 300 * DAY, reached=True) == PROVISIONAL


@pytest.mark.parametrize(
    ("first", "last", "touched"),
    [
        (START - HOUR, START + MINUTE, True),
        (START + HOUR, START + 2 * HOUR, True),
        (START + DAY - MINUTE, START + 2 * DAY, True),
        (START - DAY, START + 3 * DAY, True),
        (START + HOUR, None, True),
        (START - HOUR, None, True),
        (START - HOUR, START, False),
        (START + DAY, START + 2 * DAY, False),
        (START + DAY, None, False),
    ],
)
def test_an_open_gap_makes_every_day_that_it_touches_one(
    first: datetime, last: datetime | None, touched: bool
) -> None:
    assert sure(gap(first, last)) == (GAP if touched else OBSERVED)
    assert sure(gap(first, last, "raw/a")) == OBSERVED


def test_a_gap_counts_before_late_plays() -> None:
    assert sure(gap(START, None), now=START + HOUR, reached=True) == GAP


def test_what_an_export_covers_whole_is_confirmed_whatever_else_there_is() -> None:
    whole = [(START, START + DAY)]

    assert sure(gap(START, None), reached=True, exports=whole) == CONFIRMED
    assert sure(exports=[(START + MINUTE, START + DAY)]) == OBSERVED
    assert sure(exports=[(START, START + DAY - MINUTE)]) == OBSERVED


# What stands in a gap's row.


def test_a_gap_says_whose_it_is_and_which_attempt_told_of_it(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(200, *FULL)

    assert gaps(account.rows) == [
        {
            "account": "main",
            "from_time": NOON - MINUTE,
            "to_time": NOON + 200 * MINUTE,
            "reason": "missed",
            "found_at": NOON + 200 * MINUTE,
            "found_by": "raw/0002",
            "closed_by": None,
        }
    ]


def test_a_gap_that_lasts_is_told_of_by_the_first_attempt_that_failed(account: Account) -> None:
    account.page(0, -9, -1)
    for at in (20, 40, 60):
        account.failure(at)

    (gap,) = gaps(account.rows)
    assert (gap["found_at"], gap["found_by"]) == (NOON + 20 * MINUTE, None)


def test_two_hours_between_two_pages_are_not_missed_yet(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(120, *FULL)

    assert [gap["reason"] for gap in gaps(account.rows)] == ["overflow"]


def test_gaps_that_begin_together_are_one(account: Account) -> None:
    """A page of late plays alone moves no beginning."""
    account.page(0, -9, -1)
    account.page(200, -300, -200)
    account.page(400, 390, 399)

    assert account.gaps() == [(-1, 400, "missed", None)]
    assert gaps(account.rows)[0]["found_by"] == "raw/0002"


def test_a_page_may_close_an_earlier_gap_and_not_a_later_one(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(200, 190, 199)
    account.page(400, 390, 399)
    account.page(420, 190, 199, 390, 399, 410)

    assert account.gaps() == [
        (-1, 200, "missed", None),
        (199, 400, "missed", "raw/0004"),
    ]


def test_a_gap_of_failures_alone_stays_beside_one_that_closes(account: Account) -> None:
    account.page(0, -9, -1)
    account.page(200, 190, 199)
    account.page(220, -1, 190, 199, 210)
    account.failure(240)
    account.failure(300)

    assert account.gaps() == [
        (-1, 200, "missed", "raw/0003"),
        (210, None, "unreachable", None),
    ]


def test_days_within_spans_are_whole_ones() -> None:
    noon, day = NOON, timedelta(days=1)
    midnight = NOON - timedelta(hours=12)

    assert days_within([(noon, noon + day)]) == set()
    assert days_within([(midnight, midnight + day)]) == {NOON.date()}
    assert days_within([(noon, midnight + 3 * day - MINUTE)]) == {(NOON + day).date()}
    assert days_within([(midnight, midnight + day), (noon, noon + 2 * day)]) == {
        NOON.date(),
        (NOON + day).date(),
    }


def test_spans_that_meet_are_one() -> None:
    hour = timedelta(hours=1)
    first, second = (NOON, NOON + hour), (NOON + hour, NOON + 2 * hour)
    within, apart = (NOON, NOON + hour / 2), (NOON + 3 * hour, NOON + 4 * hour)

    assert united([second, apart, within, first]) == [(NOON, NOON + 2 * hour), apart]
    assert united([]) == []
