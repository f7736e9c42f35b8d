"""Transform: one chart's answer or file into typed rows, and what they breach.

It makes no request.
"""

from datetime import date, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, quality
from soundlake.chart_files import ChartFileError, ChartName, chart_entries, read_chart_file
from soundlake.charts import Chart, ChartDay, Listed, chart_day, read_playlist
from soundlake.observability import function
from soundlake.providers import CHART_FILE
from soundlake.quality import Breach, Earlier, Origin, ShownChart
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.chart_files import ChartFileKey
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import RawAnswer
from soundlake.store.staging import staging_key
from soundlake.times import format_time, parse_date


@function("Transform")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{chart, date, raw_keys, earlier_keys}` to `{status: transformed, rows, holes, breaches}`.

    Of a chart file `{chart, date, file_key, neighbour_keys}`, the files of the chart's nearest
    days. Otherwise `{status: refused, error}` where an expectation errs, `{status: unchanged}`
    where a weekly chart shows what its earlier answer showed, or `{status: failed, error}`. Rows
    and breaches are staged, those of a refused chart too.
    """
    chart, day = event["chart"], parse_date(event["date"])
    file: str | None = None
    try:
        if "file_key" in event:
            file = ChartFileKey.parse(event["file_key"]).name
            shown = _shown_file(event, chart, day)
        else:
            shown = _shown_answer(event, Chart(**chart, enabled=True), day)
    except (*access.FORESEEN, ChartFileError) as error:
        return access.failure(error)
    breaches = quality.check_chart(shown)
    errors = [breach for breach in breaches if breach.severity == "error"]
    if not errors and shown.cadence == "weekly" and quality.is_as_before(shown):
        return {"status": "unchanged", "rows": 0, "counts": {"unchanged": 1}}
    at, raw_key = shown.origin.observed_at, shown.origin.raw_key
    staged = {
        "chart": chart["chart"],
        "country": chart["country"],
        "country_name": chart["country_name"],
        "cadence": chart["cadence"],
        "date": day.isoformat(),
        "observed_at": format_time(at) if at else None,
        "raw_key": raw_key,
        "entries": quality.set_to_null(shown.entries, breaches),
        "holes": [hole.position for hole in shown.holes],
        "breaches": [breach.row() for breach in breaches],
    }
    access.staging().write(staging_key(chart["chart"], day, file), staged)
    if errors:
        return {"status": "refused", "error": _sentence(errors), "counts": {"refused": 1}}
    numbers = {"rows": len(shown.entries), "holes": len(shown.holes), "breaches": len(breaches)}
    return {"status": "transformed", **numbers, "counts": numbers}


def _shown_answer(event: dict[str, Any], chart: Chart, day: date) -> ShownChart:
    """What a playlist's kept answer shows."""
    answer, listed, found = _read(event["raw_keys"], chart, day)
    return ShownChart(
        origin=Origin(chart.chart, chart.country, day, answer.at, answer.key),
        cadence=chart.cadence,
        entries=found.entries,
        holes=found.holes,
        places=len(listed.entries),
        totals=listed.totals,
        earlier=_earlier(event["earlier_keys"], chart),
    )


def _shown_file(event: dict[str, Any], chart: dict[str, str], day: date) -> ShownChart:
    """What a kept chart file shows."""
    name, key = ChartName(chart["cadence"], chart["country"], day), event["file_key"]
    at, rows = _read_file(key, name)
    return ShownChart(
        origin=Origin(name.chart, name.country, day, at, key),
        cadence=name.cadence,
        entries=rows,
        holes=[],
        places=len(rows),
        totals=frozenset(),
        provider=CHART_FILE,
        others=_others(event["neighbour_keys"]),
    )


def _read_file(key: str, name: ChartName) -> tuple[datetime, list[dict[str, Any]]]:
    """When a kept file came, and its rows."""
    at = ChartFileKey.parse(key).at
    file = read_chart_file(access.chart_files().need(ChartFileKey.parse(key)))
    return at, chart_entries(file, name, observed_at=at, raw_key=key)


def _others(keys: list[str]) -> list[Earlier]:
    """What the files of other days show; one that cannot be read is none to compare with."""
    found = []
    for key in keys:
        of = ChartFileKey.parse(key)
        cadence, _, country = of.chart.partition("-")
        try:
            _, rows = _read_file(key, ChartName(cadence, country, of.chart_date))
        except (CorruptObjectError, ChartFileError):
            continue
        found.append(Earlier(of.chart_date, quality.positions(rows)))
    return found


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
