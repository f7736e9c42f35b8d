"""Transform: one chart's answer or file into typed rows, and what they breach.

It makes no request.
"""

from datetime import date, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, quality
from soundlake.chart_files import ChartFileError, ChartName, chart_entries, read_chart_file
from soundlake.charts import Chart
from soundlake.observability import function
from soundlake.providers import CHART_FILE
from soundlake.quality import Breach, Earlier, Origin, ShownChart
from soundlake.sources.chart_source import ChartSource, Shown
from soundlake.sources.charts import source_of
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.chart_files import ChartFileKey
from soundlake.store.objects import CorruptObjectError
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
            shown = _shown_file(event, chart, day)
        else:
            shown, stated = _shown_answer(event, Chart(**chart, enabled=True), day)
            about["shown_date"] = stated.isoformat() if stated else None
    except (*access.FORESEEN, ChartFileError) as error:
        return access.failure(error)
    breaches = quality.check_chart(shown)
    errors = [breach for breach in breaches if breach.severity == "error"]
    if not errors and shown.cadence == "weekly" and quality.is_as_before(shown):
        return about | {"status": "unchanged", "rows": 0, "counts": {"unchanged": 1}}
    at, raw_key = shown.origin.observed_at, shown.origin.raw_key
    staged = {
        "chart": chart["chart"],
        "country": chart["country"],
        "country_name": chart["country_name"],
        "cadence": chart["cadence"],
        "date": shown.origin.chart_date.isoformat(),
        "observed_at": format_time(at) if at else None,
        "raw_key": raw_key,
        "entries": quality.set_to_null(shown.entries, breaches),
        "holes": [hole.position for hole in shown.holes],
        "breaches": [breach.row() for breach in breaches],
    }
    access.staging().write(staging_key(chart["chart"], day, file), staged)
    if errors:
        return about | {"status": "refused", "error": _sentence(errors), "counts": {"refused": 1}}
    numbers = {"rows": len(shown.entries), "holes": len(shown.holes), "breaches": len(breaches)}
    return about | {"status": "transformed", **numbers, "counts": numbers}


def _shown_answer(event: dict[str, Any], chart: Chart, day: date) -> tuple[ShownChart, date | None]:
    """What a source's kept answer shows, and the day that it states."""
    source = source_of(event["raw_keys"][0])
    found = _read(source, event["raw_keys"], chart, day)
    shown = ShownChart(
        origin=Origin(
            chart.chart, chart.country, found.chart_date, found.observed_at, found.raw_key
        ),
        cadence=chart.cadence,
        entries=found.entries,
        holes=found.holes,
        places=found.places,
        totals=found.totals,
        provider=source.provider,
        earlier=_earlier(source, event["earlier_keys"], chart, found),
    )
    return shown, found.chart_date if found.stated else None


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


def _read(source: ChartSource, keys: list[str], chart: Chart, day: date | None = None) -> Shown:
    """What a kept answer shows, of the day it was given on if of no other."""
    return source.read([access.raw().need(key) for key in keys], chart, day)


def _earlier(source: ChartSource, keys: list[str], chart: Chart, now: Shown) -> Earlier | None:
    """What the chart showed before.

    An answer that cannot be read is none to compare with, nor is one that states the same day.
    """
    if not keys:
        return None
    try:
        found = _read(source, keys, chart)
    except (CorruptObjectError, BadAnswerError):
        return None
    if found.stated and found.chart_date == now.chart_date:
        return None
    return Earlier(found.chart_date, quality.positions(found.entries))


def _sentence(errors: list[Breach]) -> str:
    first, more = errors[0], len(errors) - 1
    evidence = access.small(first.finding.evidence).removesuffix(".")
    others = f", and {more} more error{'s' * (more > 1)}" if more else ""
    return f"{first.expectation.name}: {evidence}{others}."
