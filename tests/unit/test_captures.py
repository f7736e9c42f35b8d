"""The keys of captured pages: they read back, and sort by time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.store.captures import CaptureKey, prefix
from soundlake.times import month_of

from tests.unit.helpers import NOW

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.", min_size=1, max_size=80)
ACCOUNTS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
ZONES = st.integers(-14, 14).map(lambda by: timezone(timedelta(hours=by)))
INSTANTS = st.datetimes(datetime(2008, 1, 1), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001


def to_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@given(account=ACCOUNTS, at=INSTANTS, name=NAMES)
def test_a_key_reads_back(account: str, at: datetime, name: str) -> None:
    read = CaptureKey.parse(CaptureKey(account, at, name).text)

    assert read == CaptureKey(account, to_ms(at), name)


@given(one=INSTANTS, two=INSTANTS, first=NAMES, second=NAMES)
def test_keys_of_an_account_sort_by_time(
    one: datetime, two: datetime, first: str, second: str
) -> None:
    keys = (CaptureKey("main", one, first).text, CaptureKey("main", two, second).text)

    if to_ms(one) != to_ms(two):
        assert (keys[0] < keys[1]) == (one < two)
    else:
        assert (keys[0] == keys[1]) == (first == second)


def test_a_key_lies_under_its_account_and_month_in_utc() -> None:
    oslo = timezone(timedelta(hours=1))
    at = datetime(2026, 12, 1, 0, 30, 15, 123456, tzinfo=oslo)

    key = CaptureKey("main", at, "run_1").text

    assert key == "raw/recently-played/main/month=2026-11/20261130T233015123Z_run_1.json.gz"
    assert key.startswith(prefix("main", month_of(at.astimezone(UTC))))


@pytest.mark.parametrize(
    "key",
    [
        "raw/charts/main/month=2026-11/20261121T091800000Z_run.json.gz",
        "raw/recently-played/main/month=2026-11/20261121T091800000Z.json.gz",
        "raw/recently-played/main/month=2026-11/20261121T091800000_run.json.gz",
        "raw/recently-played/main/month=2026-11/yesterdayZ_run.json.gz",
        "raw/recently-played/main/run.json.gz",
        "",
    ],
)
def test_a_key_of_another_kind_is_refused(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is for a log only
        CaptureKey.parse(key)


def test_captures_of_two_executions_at_the_same_time_stay_apart() -> None:
    assert CaptureKey("main", NOW, "one").text != CaptureKey("main", NOW, "two").text
