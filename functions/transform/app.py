"""Transform: one chart's answer into typed rows, and what they breach. It makes no request."""

from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, quality
from soundlake.charts import Chart, ChartDay, Listed, chart_day, read_playlist
from soundlake.observability import function
from soundlake.quality import Breach, Earlier, Origin, ShownChart
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import RawAnswer
from soundlake.store.staging import staging_key
from soundlake.times import format_time, parse_date


@function("Transform")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, raw_keys, earlier_keys}` to `{status: transformed, rows, holes, breaches}`.

    Otherwise `{status: refused, error}` where an expectation errs, `{status: unchanged}` where a
    weekly chart shows what its earlier answer showed, or `{status: failed, error}`. Rows and
    breaches are staged, those of a refused chart too.
    """
    chart = Chart(**event["chart"], enabled=True)
    day = parse_date(event["date"])
    try:
        answer, listed, found = _read(event["raw_keys"], chart, day)
    except access.FORESEEN as error:
        return access.failure(error)
    shown = ShownChart(
        origin=Origin(chart.chart, chart.country, day, answer.at, answer.key),
        cadence=chart.cadence,
        entries=found.entries,
        holes=found.holes,
        places=len(listed.entries),
        totals=listed.totals,
        earlier=_earlier(event["earlier_keys"], chart),
    )
    breaches = quality.check_chart(shown)
    errors = [breach for breach in breaches if breach.severity == "error"]
    if not errors and chart.cadence == "weekly" and quality.is_as_before(shown):
        return {"status": "unchanged", "rows": 0, "counts": {"unchanged": 1}}
    staged = {
        "chart": chart.chart,
        "country": chart.country,
        "country_name": chart.country_name,
        "cadence": chart.cadence,
        "date": day.isoformat(),
        "observed_at": format_time(answer.at),
        "raw_key": answer.key,
        "entries": quality.set_to_null(found.entries, breaches),
        "holes": [hole.position for hole in found.holes],
        "breaches": [breach.row() for breach in breaches],
    }
    access.staging().write(staging_key(chart.chart, day), staged)
    if errors:
        return {"status": "refused", "error": _sentence(errors), "counts": {"refused": 1}}
    numbers = {"rows": len(found.entries), "holes": len(found.holes), "breaches": len(breaches)}
    return {"status": "transformed", **numbers, "counts": numbers}


def _read(
    keys: list[str], chart: Chart, day: date | None = None
) -> tuple[RawAnswer, Listed, ChartDay]:
    """A kept answer, its entries, and its rows, for the day it was given on if for no other."""
    answers = [access.raw().need(key) for key in keys]
    listed = read_playlist([answer.json for answer in answers], chart.playlist_id)
    first = answers[0]
    rows = chart_day(
        listed.entries,
        chart=chart,
        chart_date=day or first.at.date(),
        observed_at=first.at,
        raw_key=first.key,
    )
    return first, listed, rows


def _earlier(keys: list[str], chart: Chart) -> Earlier | None:
    """What the chart showed before; an answer that cannot be read is none to compare with."""
    if not keys:
        return None
    try:
        answer, _, rows = _read(keys, chart)
    except (CorruptObjectError, BadAnswerError):
        return None
    return Earlier(answer.at.date(), quality.positions(rows.entries))


def _sentence(errors: list[Breach]) -> str:
    first, more = errors[0], len(errors) - 1
    evidence = access.small(first.finding.evidence).removesuffix(".")
    others = f", and {more} more error{'s' * (more > 1)}" if more else ""
    return f"{first.expectation.name}: {evidence}{others}."
