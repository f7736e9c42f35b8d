"""How far the tables that Publish derives are behind what they are made of."""

from datetime import UTC, date, datetime, timedelta

import pytest
from soundlake import access
from soundlake.publishing import newer
from soundlake.publishing.freshness import stale_days
from soundlake.store.lake import Lake
from soundlake.store.schemas import SCHEMAS
from soundlake.times import month_of

from tests.unit.helpers import ACCOUNT, Row, Zones

DAY = date(2026, 12, 1)


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def day_record(chart_date: date, status: str = "loaded") -> Row:
    return {
        "chart": "daily-NO",
        "country": "NO",
        "cadence": "daily",
        "chart_date": chart_date,
        "status": status,
    }


def profile(chart_date: date, chart: str = "daily-NO") -> Row:
    return {"chart": chart, "country": "NO", "country_name": "Norway", "chart_date": chart_date}


def put(table: str, *rows: Row) -> None:
    """Rows of whatever months, each in its month's object; what they do not name is null."""
    for month in {month_of(row["chart_date"]) for row in rows}:
        own = [
            dict.fromkeys(SCHEMAS[table].names) | row
            for row in rows
            if month_of(row["chart_date"]) == month
        ]
        Lake(access.bucket()).replace(table, month, table, lambda _, own=own: own)


def test_an_empty_lake_waits_for_nothing(zones: Zones) -> None:
    assert stale_days(Lake(access.bucket()), DAY) is None


def test_charts_are_read_of_this_month_and_the_one_before(zones: Zones) -> None:
    put("chart_days", day_record(ago(2)), day_record(DAY, "failed"))
    put("country_profiles", profile(ago(2)))
    assert stale_days(Lake(access.bucket()), DAY) == 2


def test_a_weekly_charts_profile_does_not_stand_for_a_daily_ones(zones: Zones) -> None:
    put("chart_days", day_record(DAY))
    put("country_profiles", profile(ago(3)), profile(DAY, "weekly-NO"))
    assert stale_days(Lake(access.bucket()), DAY) == 3


@pytest.mark.parametrize(("activity", "behind"), [(None, 5), (6, 5), (4, 0)])
def test_plays_wait_for_their_activity_from_the_day_on_which_they_were_written(
    zones: Zones, monkeypatch: pytest.MonkeyPatch, activity: int | None, behind: int
) -> None:
    def at(number: int) -> datetime:
        return datetime(2026, 12, 1, 9, tzinfo=UTC) - timedelta(days=number)

    def written(self: Lake, table: str, name: str) -> dict[str, datetime]:
        assert name == ACCOUNT
        days = {"plays": 5, newer.ACTIVITY: activity}[table]
        keys = [f"lake/{table}/month=2019-0{month}/{name}.parquet" for month in (5, 6)]
        # The later month was written today, and has waited for no day yet.
        return {} if days is None else dict(zip(keys, (at(days), at(0)), strict=True))

    monkeypatch.setattr(Lake, "owners", lambda *_: [ACCOUNT])
    monkeypatch.setattr(Lake, "written", written)
    assert stale_days(Lake(access.bucket()), DAY) == behind
