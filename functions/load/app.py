"""Load: a chart day's rows into the chart's own object of its month, or out of it again."""

from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.observability import function
from soundlake.providers import shows_the_same, why_kept
from soundlake.store.lake import Lake, Replaced, Row, SchemaError
from soundlake.store.staging import staging_key
from soundlake.times import month_of, parse_date

UNCHANGED = "it shows what is there"
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
        loaded, kept = _replace(chart, parse_date(staged["date"]), rows)
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
    day, raw_key = parse_date(chart["date"]), chart["raw_key"]

    def without(before: list[Row]) -> list[Row]:
        return [row for row in before if (row["chart_date"], row["raw_key"]) != (day, raw_key)]

    try:
        Lake(access.bucket()).replace("chart_entries", month_of(day), chart["chart"], without)
    except (*access.FORESEEN, SchemaError) as error:
        return told | {"status": "failed", "error": f"not withdrawn: {error}"[:WHY]}
    return told | {"status": "withdrawn"}


def _replace(chart: str, day: date, rows: list[Row]) -> tuple[Replaced, str | None]:
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

    replaced = Lake(access.bucket()).replace("chart_entries", month_of(day), chart, with_day)
    return replaced, kept
