"""How far the tables that Publish derives are behind what they are made of."""

from datetime import date

from soundlake.chart_days import days_behind
from soundlake.publishing import days, profiles
from soundlake.publishing.newer import newer_plays
from soundlake.store.lake import Lake, month_of_key
from soundlake.times import month_of, shift_month


def stale_days(lake: Lake, day: date) -> int | None:
    """The most days that a table is behind on a day, after a run; None where none is waited for.

    The tables are those of daily charts, and `music_activity`, which is behind where plays were
    written that it does not have: an import's for a run or two. Of captures others tell sooner.
    """
    months = (shift_month(month_of(day), -1), month_of(day))
    records = [
        row
        for month in months
        for row in lake.read(days.TABLE, lake.keys(days.TABLE, month)).to_pylist()
    ]
    profiled = [
        row["chart_date"]
        for month in months
        for row in lake.read(
            profiles.TABLE, lake.keys(profiles.TABLE, month), ["chart", "chart_date"]
        ).to_pylist()
        if row["chart"].startswith("daily-")
    ]
    behind = [
        days_behind(records, day, profiled=max(profiled, default=None)),
        *(_activity_behind(lake, account, day) for account in lake.owners("plays")),
    ]
    return max((each for each in behind if each is not None), default=None)


def _activity_behind(lake: Lake, account: str, day: date) -> int:
    """For how many days an account's plays have waited for their activity."""
    newer = {*newer_plays(lake, account)}
    waiting = [
        at.date()
        for key, at in lake.written("plays", account).items()
        if month_of_key(key) in newer
    ]
    return max((day - min(waiting, default=day)).days, 0)
