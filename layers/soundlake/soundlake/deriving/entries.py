"""A chart day's rows in the chart's own object of its month. Load alone writes this table."""

from datetime import date

from soundlake.providers import shows_the_same, why_kept
from soundlake.store.lake import Lake, Replaced, Row
from soundlake.times import month_of

TABLE = "chart_entries"
UNCHANGED = "it shows what is there"


def put_in(lake: Lake, chart: str, day: date, rows: list[Row]) -> tuple[Replaced, str | None]:
    """Put a day's rows in the place of those that are there; or why those are kept."""
    entries = [row | {"chart_date": day} for row in rows]
    kept: str | None = None

    def with_day(before: list[Row]) -> list[Row]:
        nonlocal kept
        there = [row for row in before if row["chart_date"] == day]
        kept = UNCHANGED if shows_the_same(there, entries) else why_kept(there, entries)
        if kept:
            return before
        others = [row for row in before if row["chart_date"] != day]
        return sorted(others + entries, key=lambda row: (row["chart_date"], row["position"]))

    replaced = lake.replace(TABLE, month_of(day), chart, with_day)
    return replaced, kept


def take_out(lake: Lake, chart: str, day: date, raw_key: str) -> Replaced:
    """Take a day's rows of an answer out again; what has taken their place stays."""

    def without(before: list[Row]) -> list[Row]:
        return [row for row in before if (row["chart_date"], row["raw_key"]) != (day, raw_key)]

    return lake.replace(TABLE, month_of(day), chart, without)
