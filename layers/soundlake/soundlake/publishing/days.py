"""Chart days: what became of every chart on every day, as the latest run found it."""

from collections.abc import Mapping, Sequence
from typing import Any

from soundlake.chart_days import merge, records
from soundlake.store.lake import Lake, Replaced, Row
from soundlake.times import month_of

TABLE = "chart_days"


def publish_days(
    lake: Lake, results: Sequence[Mapping[str, Any]], withdrawals: Sequence[Mapping[str, Any]]
) -> dict[str, Replaced]:
    """Record what a run's branches ended with, in the months of their days.

    A result that is `imported` is of a file.
    """
    rows = records(results, withdrawals)
    imported = any(each.get("imported") for each in results)
    replaced = {}
    for month in sorted({month_of(row["chart_date"]) for row in rows}):
        own = [row for row in rows if month_of(row["chart_date"]) == month]

        def change(before: list[Row], own: list[Row] = own) -> list[Row]:
            return merge(before, own, imported=imported)

        replaced[month] = lake.replace(TABLE, month, TABLE, change)
    return replaced
