"""Times: UTC, passed in, refused where they would be a guess."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.times import (
    SCHEDULED_TIME_PLACEHOLDER,
    TimeError,
    format_time,
    logical_time,
    month_of,
    naive_ms,
    parse_date,
    parse_time,
    shift_month,
)

AT = datetime(2026, 11, 21, 9, 18, 0, 123000, tzinfo=UTC)
YEARS = {"min_value": datetime(2000, 1, 1), "max_value": datetime(2100, 1, 1)}  # noqa: DTZ001
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda by: timezone(timedelta(minutes=by)))
INSTANTS = st.datetimes(**YEARS, timezones=OFFSETS)
MONTHS = st.dates(date(1, 1, 1), date(9000, 1, 1)).map(month_of)


@pytest.mark.parametrize(
    "text",
    ["2026-11-21T09:18:00.123Z", "2026-11-21T09:18:00.123+00:00", "2026-11-21T10:18:00.123+01:00"],
)
def test_a_time_is_read_as_the_same_instant_in_utc(text: str) -> None:
    read = parse_time(text)

    assert read == AT
    assert read.tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(TimeError) as refused:
        parse_time("2026-11-21T09:18:00")

    assert str(refused.value) == (
        "'2026-11-21T09:18:00' has no time zone; write it like 2026-11-21T09:18:00Z (UTC)."
    )


def test_a_date_alone_is_not_a_time() -> None:
    with pytest.raises(TimeError, match="has no time zone"):
        parse_time("2026-11-21")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "1763716680"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(TimeError) as refused:
        parse_time(text)

    assert str(refused.value) == (
        f"{text!r} is not a time; write it like 2026-11-21T09:18:00Z (ISO 8601, UTC)."
    )


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(TimeError, match="is not a time"):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["", "2026-11-31", "2026-1-1", "21.11.2026", "2026-11-21T00:00:00Z", " 2026-11-21"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(TimeError) as refused:
        parse_date(text)

    assert str(refused.value) == f"{text!r} is not a date; write it like 2026-11-21."


@given(st.dates())
def test_every_date_reads_back(value: date) -> None:
    assert parse_date(value.isoformat()) == value


@given(INSTANTS)
def test_writing_keeps_the_instant_to_the_millisecond(value: datetime) -> None:
    lost = value - parse_time(format_time(value))

    assert timedelta(0) <= lost < timedelta(milliseconds=1)


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    oslo = timezone(timedelta(hours=1))

    assert format_time(AT.astimezone(oslo)) == "2026-11-21T09:18:00.123Z"
    assert format_time(AT.replace(microsecond=0)) == "2026-11-21T09:18:00.000Z"


@pytest.mark.usefixtures("far_from_utc")
def test_the_machines_own_zone_changes_nothing() -> None:
    assert format_time(AT) == "2026-11-21T09:18:00.123Z"
    assert naive_ms(AT) == AT.replace(tzinfo=None)
    assert parse_time("2026-11-21T09:18:00.123Z") == AT


@given(INSTANTS)
def test_tables_keep_what_is_written(value: datetime) -> None:
    kept = naive_ms(value)

    assert kept.tzinfo is None
    assert kept.replace(tzinfo=UTC) == parse_time(format_time(value))


def test_the_logical_time_is_the_schedules() -> None:
    at = logical_time("2026-11-21T07:00:00Z", "2026-11-21T07:00:31.5Z")

    assert at == datetime(2026, 11, 21, 7, tzinfo=UTC)


@pytest.mark.parametrize("given_time", [None, "", SCHEDULED_TIME_PLACEHOLDER])
def test_the_logical_time_is_the_start_where_no_schedule_said_one(given_time: str | None) -> None:
    assert logical_time(given_time, "2026-11-21T09:18:00.123Z") == AT


def test_the_placeholder_is_the_one_that_the_scheduler_replaces() -> None:
    assert SCHEDULED_TIME_PLACEHOLDER == "<aws.scheduler.scheduled-time>"


@pytest.mark.parametrize("given_time", ["2026-11-21T07:00:00", "<aws.scheduler.attempt-number>"])
def test_a_wrong_logical_time_is_refused_and_not_replaced(given_time: str) -> None:
    with pytest.raises(TimeError):
        logical_time(given_time, "2026-11-21T09:18:00Z")


def test_a_month_is_a_partition() -> None:
    assert month_of(date(2026, 1, 31)) == "2026-01"
    assert month_of(AT) == "2026-11"


@pytest.mark.parametrize(
    ("month", "by", "expected"),
    [
        ("2026-11", 0, "2026-11"),
        ("2026-12", 1, "2027-01"),
        ("2026-01", -1, "2025-12"),
        ("2026-11", 14, "2028-01"),
        ("2026-11", -23, "2024-12"),
    ],
)
def test_months_move_over_years(month: str, by: int, expected: str) -> None:
    assert shift_month(month, by) == expected


@given(MONTHS, st.integers(0, 600))
def test_moving_a_month_forth_and_back_changes_nothing(month: str, by: int) -> None:
    moved = shift_month(month, by)

    assert shift_month(moved, -by) == month
    assert (moved > month) == (by > 0)
