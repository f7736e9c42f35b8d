"""Plan: which charts to read, for which date."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, ValidationError
from soundlake import access
from soundlake.charts import ChartListError, UnknownChartError, parse_chart_list, select
from soundlake.observability import function
from soundlake.times import TimeError, logical_time, parse_date, parse_time

CHART_LIST = "config/charts.csv"


class RunInput(BaseModel):
    """The daily machine's input; `{}` reads every enabled chart of the run's own day."""

    model_config = ConfigDict(extra="forbid")

    scheduled_time: str | None = None
    date: str | None = None
    charts: list[str] | None = None


class PlanError(Exception):
    """A run that cannot be planned; the text says why and what to do."""


@function("Plan")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{input, start_time}` to `{status: planned, date, charts}` or `{status: invalid, error}`."""
    try:
        return _plan(event["input"], event["start_time"])
    except (PlanError, TimeError, ChartListError, UnknownChartError) as error:
        return {"status": "invalid", "error": str(error)}


def _plan(given: Any, start_time: str) -> dict[str, Any]:
    try:
        run = RunInput.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "input"
        raise PlanError(
            f"The input's {field!r} is wrong ({first['msg']}); it may hold scheduled_time, date "
            'and charts, like {"date": "2026-11-21", "charts": ["NO"]}.'
        ) from error
    started = parse_time(start_time)
    date = parse_date(run.date) if run.date else logical_time(run.scheduled_time, start_time).date()
    if date > started.date():
        raise PlanError(
            f"{date} lies in the future (today is {started.date()}, UTC): no chart has it yet."
        )
    stored = access.bucket().get(CHART_LIST)
    if stored is None:
        raise PlanError("There is no chart list yet; upload one with ./soundlake charts FILE.")
    try:
        text = stored.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PlanError("The chart list is not UTF-8 text; save it as CSV in UTF-8.") from error
    charts = select(parse_chart_list(text), run.charts)
    if run.charts == []:
        raise PlanError("The input's 'charts' is empty; name some, like NO, or leave it out.")
    if not charts:
        raise PlanError("Every chart is switched off; set enabled to true for one in the list.")
    return {
        "status": "planned",
        "date": date.isoformat(),
        "charts": [
            {
                "chart": chart.chart,
                "country": chart.country,
                "country_name": chart.country_name,
                "cadence": chart.cadence,
                "playlist_id": chart.playlist_id,
            }
            for chart in charts
        ],
        "counts": {"charts": len(charts)},
    }
