"""Derive: gaps and days, from whatever order and number of runs."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.unit.helpers import ACCOUNT, Row, Zones, invoke, keep_page, played

START = datetime.fromisoformat("2026-09-10T12:00:00+00:00")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Captures:
    """Runs of the capture machine, one after the other; plays are named by their time."""

    def __init__(self, zones: Zones) -> None:
        self.zones = zones
        self._runs = 0

    def page(self, at: datetime, *times: datetime) -> Row:
        self._runs += 1
        rows = [played(int(time.timestamp()) % 10**6, time) for time in sorted(times, reverse=True)]
        result = invoke("derive", keep_page(self.zones, f"run-{self._runs:03}", at, rows))
        assert result["status"] in {"captured", "empty"}
        return result

    def failure(self, at: datetime) -> None:
        self._runs += 1
        capture = {
            "status": "unreachable",
            "account": ACCOUNT,
            "captured_at": at.isoformat(),
            "error": "A sentence.",
        }
        invoke("derive", {"execution": f"run-{self._runs:03}", "capture": capture})

    def gaps(self) -> list[Row]:
        return self._rows("gaps")

    def days(self) -> dict[date, str]:
        return {row["day"]: row["certainty"] for row in self._rows("account_days")}

    def _rows(self, table: str) -> list[Row]:
        keys = self.zones.lake.keys(table)
        rows: list[Row] = self.zones.lake.read(table, keys).to_pylist()
        return rows


@pytest.fixture
def captures(zones: Zones) -> Captures:
    return Captures(zones)


def naive(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def overlapping(captures: Captures, first: datetime, days: int) -> None:
    """A capture a day, each of which shows the play that the one before it showed."""
    for number in range(days):
        at = first + number * DAY
        captures.page(at, at - DAY - HOUR, at - HOUR)


def test_days_become_observed_two_days_after_they_are_over(captures: Captures) -> None:
    overlapping(captures, START, 6)

    assert captures.gaps() == []
    assert captures.days() == {
        date(2026, 9, 11): "observed",
        date(2026, 9, 12): "observed",
        date(2026, 9, 13): "provisional",
        date(2026, 9, 14): "provisional",
        date(2026, 9, 15): "provisional",
    }


def test_nothing_is_claimed_of_what_the_first_page_shows(captures: Captures) -> None:
    """Old plays that had arrived late fill it, and pushed out newer ones that nobody saw."""
    captures.page(START, START - 9 * DAY, START - HOUR)
    captures.page(START + DAY, START - HOUR, START + HOUR)

    assert list(captures.days()) == [date(2026, 9, 11)]


def test_a_gap_is_told_and_touches_its_days(captures: Captures) -> None:
    overlapping(captures, START, 3)
    later = START + 7 * DAY
    captures.page(later, later - HOUR)

    (gap,) = captures.gaps()
    assert gap["from_time"] == naive(START + 2 * DAY - HOUR)
    assert gap["to_time"] == naive(later) + timedelta(seconds=2)  # until Spotify answered
    assert (gap["reason"], gap["closed_by"]) == ("missed", None)
    days = captures.days()
    assert [days[date(2026, 9, number)] for number in (11, 12, 17)] == ["observed", "gap", "gap"]


def test_a_later_page_closes_a_gap_and_its_days_with_it(captures: Captures) -> None:
    overlapping(captures, START, 3)
    later = START + 7 * DAY
    captures.page(later, later - HOUR)
    captures.page(later + HOUR, START + 2 * DAY - HOUR, START + 4 * DAY, later - HOUR)

    (gap,) = captures.gaps()
    assert gap["closed_by"].endswith("_run-005.json.gz")
    days = captures.days()
    # A play that came three days late: so long may others take.
    assert days[date(2026, 9, 14)] == "provisional"
    assert "gap" not in days.values()


def test_an_outage_of_a_season_is_one_gap_that_ends(captures: Captures) -> None:
    """Also where its first failure is recorded months before its end."""
    overlapping(captures, START, 2)
    for month in range(4):
        captures.failure(START + 2 * DAY + month * 30 * DAY)
    (lasting,) = captures.gaps()
    assert (lasting["to_time"], lasting["reason"]) == (None, "unreachable")

    back = START + 130 * DAY
    captures.page(back, back - 3 * HOUR)

    (gap,) = captures.gaps()
    assert (gap["from_time"], gap["to_time"]) == (
        naive(START + DAY - HOUR),
        naive(back) + timedelta(seconds=2),
    )
    days = captures.days()
    assert len(days) == (back - START).days
    assert {days[day] for day in days if date(2026, 9, 11) <= day < back.date()} == {"gap"}


def test_late_plays_at_a_full_pages_end_leave_their_day_unsettled_for_good(
    captures: Captures,
) -> None:
    overlapping(captures, START, 40)
    at = START + 40 * DAY
    late = [START + 5 * DAY + number * HOUR for number in range(30)]
    fresh = [at - number * timedelta(minutes=3) for number in range(1, 20)]
    captures.page(at, at - DAY - HOUR, *late, *fresh)
    overlapping(captures, at + DAY, 40)

    unsettled = {day for day, sure in captures.days().items() if sure == "provisional"}
    assert date(2026, 9, 15) in unsettled
    assert date(2026, 9, 14) not in unsettled
    assert date(2026, 9, 16) not in unsettled


def test_a_months_last_day_settles_however_late_plays_come(captures: Captures) -> None:
    """30 days after it neither its month nor the next one is the present one."""
    first = START + 138 * DAY  # 2027-01-26, before a February of 28 days
    overlapping(captures, first, 5)
    at = first + 5 * DAY
    captures.page(at, at - DAY - HOUR, at - 29 * DAY, at - HOUR)
    overlapping(captures, at + DAY, 33)

    assert captures.days()[date(2027, 1, 30)] == "observed"
    assert captures.gaps() == []


def test_deriving_again_changes_no_gap_and_no_day(captures: Captures) -> None:
    overlapping(captures, START, 3)
    later = START + 7 * DAY
    event = keep_page(captures.zones, "run-x", later, [played(1, later - HOUR)])
    invoke("derive", event)
    before = captures.zones.versions("lake/")

    invoke("derive", event)

    assert captures.zones.versions("lake/") == before


def test_a_run_that_was_overtaken_leaves_what_it_would_have_left_in_time(
    captures: Captures, zones: Zones
) -> None:
    """Its time is earlier than that of the run before it, which has derived already."""
    pages: list[tuple[str, datetime, list[Any]]] = [
        ("run-a", START, [played(1, START - HOUR)]),
        ("run-b", START + HOUR, [played(2, START), played(1, START - HOUR)]),
        ("run-c", START + 2 * HOUR, [played(3, START + HOUR), played(2, START)]),
    ]
    results = []
    for order in (pages, [pages[0], pages[2], pages[1]]):
        for key in zones.contents():
            zones.s3.delete_object(Bucket=zones.bucket.name, Key=key)
        for name, at, rows in order:
            invoke("derive", keep_page(zones, name, at, rows))
        tables = {
            key: zones.lake.read(key.split("/")[1], [key]).to_pylist()
            for key in zones.keys("lake/")
        }
        results.append({key: found for key, found in tables.items() if found})

    assert results[0] == results[1]
    assert captures.gaps() == []


def test_what_an_export_confirmed_no_later_page_takes_back(captures: Captures) -> None:
    overlapping(captures, START, 4)
    day = date(2026, 9, 12)
    covered = {"from_time": datetime(2026, 9, 12), "to_time": datetime(2026, 9, 13)}  # noqa: DTZ001
    row = {"account": ACCOUNT, "status": "imported", "raw_prefix": "raw/x/", "covered": [covered]}
    captures.zones.lake.replace("imports", "2026-09", ACCOUNT, lambda _: [row])
    captures.page(START + 4 * DAY, START + 4 * DAY - HOUR)  # shares nothing: a gap

    assert captures.days()[day] == "confirmed"
    assert captures.days()[date(2026, 9, 13)] == "gap"


def test_an_export_that_was_withdrawn_confirms_nothing(captures: Captures) -> None:
    covered = {"from_time": datetime(2026, 9, 12), "to_time": datetime(2026, 9, 13)}  # noqa: DTZ001
    row = {"account": ACCOUNT, "status": "withdrawn", "raw_prefix": "raw/x/", "covered": [covered]}
    captures.zones.lake.replace("imports", "2026-09", ACCOUNT, lambda _: [row])
    overlapping(captures, START, 4)

    assert "confirmed" not in captures.days().values()


def test_months_of_nothing_but_failures_are_looked_past(captures: Captures) -> None:
    """Neither the latest play known nor the first page stands in them."""
    captures.failure(START - 35 * DAY)
    captures.page(START - 30 * DAY, START - 30 * DAY - HOUR)
    for days in (0, 31, 61, 91):
        captures.failure(START + days * DAY)

    (gap,) = captures.gaps()
    assert gap["from_time"] == naive(START - 30 * DAY - HOUR)
    assert min(captures.days()) == date(2026, 8, 12)
