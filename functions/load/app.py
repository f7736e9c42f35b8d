"""Load: a chart day's rows into the chart's own object of its month, or out of it again."""

from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.observability import function
from soundlake.store.lake import Lake, Row, SchemaError
from soundlake.store.staging import staging_key
from soundlake.times import month_of, parse_date


@function("Load")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, withdraw}` to `{status: loaded or withdrawn, rows, written}`.

    The day's staged rows take the place of that day's rows, or, to `withdraw` them, nothing does;
    other days stay as they are.
    """
    chart, day = event["chart"], parse_date(event["date"])

    def with_day(rows: list[Row]) -> list[Row]:
        others = [row for row in rows if row["chart_date"] != day]
        return sorted(others + entries, key=lambda row: (row["chart_date"], row["position"]))

    try:
        staged = [] if event["withdraw"] else _staged(chart, day)
        entries = [entry | {"chart_date": day} for entry in staged]
        loaded = Lake(access.bucket()).replace("chart_entries", month_of(day), chart, with_day)
    except (*access.FORESEEN, SchemaError) as error:
        return access.failure(error)
    return {
        "status": "withdrawn" if event["withdraw"] else "loaded",
        "rows": len(entries),
        "written": loaded.written,
        "counts": {"rows": len(entries)},
    }


def _staged(chart: str, day: date) -> list[Row]:
    rows: list[Row] = access.staging().read(staging_key(chart, day))["entries"]
    return rows
