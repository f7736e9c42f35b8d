"""Transform: one chart's answer or file into typed rows, and what they breach.

It makes no request.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.chart_files import ChartFileError, ChartName
from soundlake.charts import Chart
from soundlake.deriving.charts import judged, shown_answer, shown_file
from soundlake.observability import function
from soundlake.quality import Breach
from soundlake.store.chart_files import ChartFileKey
from soundlake.store.staging import staging_key
from soundlake.times import format_time, parse_date


@function("Transform")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, raw_keys, earlier_keys}` to `{status: transformed, rows, holes, breaches}`.

    Of a chart file `{chart, date, file_key, neighbour_keys}`, the files of the chart's nearest
    days. Otherwise `{status: refused, error}` where an expectation errs, `{status: unchanged}`
    where a weekly chart shows what its earlier answer showed, or `{status: failed, error}`. Rows
    and breaches are staged, those of a refused chart too. `shown_date` is the day that an answer
    says it is of, which may be an earlier one than `date`; null where it says none.
    """
    chart, day = event["chart"], parse_date(event["date"])
    file: str | None = None
    about: dict[str, Any] = {}
    try:
        if "file_key" in event:
            file = ChartFileKey.parse(event["file_key"]).name
            name = ChartName(chart["cadence"], chart["country"], day)
            shown = shown_file(
                access.chart_files(), event["file_key"], event["neighbour_keys"], name
            )
        else:
            shown, stated = shown_answer(
                access.raw(),
                event["raw_keys"],
                event["earlier_keys"],
                Chart(**chart, enabled=True),
                day,
            )
            about["shown_date"] = stated.isoformat() if stated else None
    except (*access.FORESEEN, ChartFileError) as error:
        return access.failure(error)
    entries, breaches, status = judged(shown)
    if status == "unchanged":
        return about | {"status": status, "rows": 0, "counts": {"unchanged": 1}}
    at, raw_key = shown.origin.observed_at, shown.origin.raw_key
    staged = {
        "chart": chart["chart"],
        "country": chart["country"],
        "country_name": chart["country_name"],
        "cadence": chart["cadence"],
        "date": shown.origin.chart_date.isoformat(),
        "observed_at": format_time(at) if at else None,
        "raw_key": raw_key,
        "entries": entries,
        "holes": [hole.position for hole in shown.holes],
        "breaches": [breach.row() for breach in breaches],
    }
    access.staging().write(staging_key(chart["chart"], day, file), staged)
    if status == "refused":
        errors = [breach for breach in breaches if breach.severity == "error"]
        return about | {"status": status, "error": _sentence(errors), "counts": {"refused": 1}}
    numbers = {"rows": len(shown.entries), "holes": len(shown.holes), "breaches": len(breaches)}
    return about | {"status": status, **numbers, "counts": numbers}


def _sentence(errors: list[Breach]) -> str:
    first, more = errors[0], len(errors) - 1
    evidence = access.small(first.finding.evidence).removesuffix(".")
    others = f", and {more} more error{'s' * (more > 1)}" if more else ""
    return f"{first.expectation.name}: {evidence}{others}."
