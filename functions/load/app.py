"""Load: a chart day's rows into the chart's own object of its month, or out of it again."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.deriving.entries import UNCHANGED, put_in, take_out
from soundlake.observability import function
from soundlake.store.lake import Lake, Row, SchemaError
from soundlake.store.staging import staging_key
from soundlake.times import parse_date

WHY = 120  # characters of why a chart could not be withdrawn


@function("Load")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date}` to `{status: loaded, rows, written}`, or `{status: failed, error}`.

    The day's staged rows take the place of the rows of the day that they are of; other days stay as
    they are. With `file` (its name in `raw/`) they are a chart file's. `{status: superseded,
    error}` where the rows there come from who is preferred, and stay; `{status: unchanged}` where a
    page shows what another page of that day showed.
    `{withdraw: [{chart, date, raw_key, error}]}` takes the rows of these answers out again, to
    `{status: withdrawn, charts: [{chart, date, status, error}]}`: one that could not be is `failed`
    and says why. What has taken their place meanwhile stays.
    """
    if "withdraw" in event:
        charts = [_withdraw(each) for each in event["withdraw"]]
        done = sum(each["status"] == "withdrawn" for each in charts)
        return {"status": "withdrawn", "charts": charts, "counts": {"withdrawn": done}}
    chart, day = event["chart"], parse_date(event["date"])
    try:
        staged = access.staging().read(staging_key(chart, day, event.get("file")))
        rows: list[Row] = staged["entries"]
        loaded, kept = put_in(Lake(access.bucket()), chart, parse_date(staged["date"]), rows)
    except (*access.FORESEEN, SchemaError) as error:
        return access.failure(error)
    if kept == UNCHANGED:
        return {"status": "unchanged", "counts": {"rows": 0}}
    if kept:
        return {"status": "superseded", "error": f"Not loaded: {kept}.", "counts": {"rows": 0}}
    return {
        "status": "loaded",
        "rows": len(rows),
        "written": loaded.written,
        "counts": {"rows": len(rows)},
    }


def _withdraw(chart: Row) -> Row:
    told = {name: chart[name] for name in ("chart", "date", "error")}
    day = parse_date(chart["date"])
    try:
        take_out(Lake(access.bucket()), chart["chart"], day, chart["raw_key"])
    except (*access.FORESEEN, SchemaError) as error:
        return told | {"status": "failed", "error": f"not withdrawn: {error}"[:WHY]}
    return told | {"status": "withdrawn"}
