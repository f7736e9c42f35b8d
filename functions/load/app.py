"""Load: a chart day's rows into the chart's own object of its month."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.observability import function
from soundlake.store.lake import Lake, Row, SchemaError
from soundlake.times import month_of, parse_date


@function("Load")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, staging_key}` to `{status: loaded, rows, written}`.

    The day's rows take the place of that day's rows; other days stay as they are.
    """
    chart, date = event["chart"], parse_date(event["date"])

    def with_day(rows: list[Row]) -> list[Row]:
        others = [row for row in rows if row["chart_date"] != date]
        entries = [entry | {"chart_date": date} for entry in staged["entries"]]
        return sorted(others + entries, key=lambda row: (row["chart_date"], row["position"]))

    try:
        staged = access.staging().read(event["staging_key"])
        loaded = Lake(access.bucket()).replace("chart_entries", month_of(date), chart, with_day)
    except (*access.FORESEEN, SchemaError) as error:
        return access.failure(error)
    rows = len(staged["entries"])
    return {
        "status": "loaded",
        "rows": rows,
        "written": loaded.written,
        "counts": {"rows": rows},
    }
