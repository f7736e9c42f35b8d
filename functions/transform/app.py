"""Transform: one chart's answer into typed rows. It makes no request."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access
from soundlake.charts import Chart, chart_day, read_playlist
from soundlake.entities import entity_rows
from soundlake.observability import function
from soundlake.spotify.errors import BadAnswerError
from soundlake.times import parse_date

PROBLEMS = 5  # named in the result; the rest are counted


@function("Transform")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, raw_keys}` to `{status: transformed, staging_key, rows, holes, problems}`."""
    chart = Chart(**event["chart"], enabled=True)
    date = parse_date(event["date"])
    try:
        answers = [access.raw().need(key) for key in event["raw_keys"]]
        entries = read_playlist([answer.json for answer in answers], chart.playlist_id)
        day = chart_day(
            entries,
            chart=chart,
            chart_date=date,
            observed_at=answers[0].at,
            raw_key=answers[0].key,
        )
        if not day.entries:
            raise BadAnswerError(f"{chart.chart}: the answer holds no track")
    except access.FORESEEN as error:
        return access.failure(error)
    key = f"staging/daily/{date.isoformat()}/{chart.chart}.json.gz"
    access.staging().write(
        key,
        {
            "chart": chart.chart,
            "country": chart.country,
            "country_name": chart.country_name,
            "date": date.isoformat(),
            "entries": day.entries,
            **entity_rows(day.tracks, answers[0].at),
        },
    )
    hidden = len(day.problems) - PROBLEMS
    return {
        "status": "transformed",
        "staging_key": key,
        "rows": len(day.entries),
        "holes": len(day.holes),
        "problems": day.problems[:PROBLEMS] + ([f"and {hidden} more"] if hidden > 0 else []),
        "counts": {"rows": len(day.entries), "holes": len(day.holes)},
    }
