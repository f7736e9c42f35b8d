"""What Transform reads of a chart's kept answers and files. It needs no table."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from soundlake import quality
from soundlake.chart_files import ChartFileError, ChartName, chart_entries, read_chart_file
from soundlake.charts import Chart
from soundlake.providers import CHART_FILE
from soundlake.quality import Breach, Earlier, Origin, ShownChart
from soundlake.sources.chart_source import ChartSource, Shown
from soundlake.sources.charts import source_of
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.chart_files import ChartFileKey, ChartFiles
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw

Row = dict[str, Any]


def judged(shown: ShownChart) -> tuple[list[Row], list[Breach], str]:
    """The entries of what was shown, what they breach, and what becomes of them.

    That is `refused` where an expectation errs, `unchanged` where a weekly chart shows what its
    earlier answer showed, or `transformed`.
    """
    breaches = quality.check_chart(shown)
    entries = quality.set_to_null(shown.entries, breaches)
    if any(breach.severity == "error" for breach in breaches):
        return entries, breaches, "refused"
    if shown.cadence == "weekly" and quality.is_as_before(shown):
        return entries, breaches, "unchanged"
    return entries, breaches, "transformed"


def shown_answer(
    raw: Raw, raw_keys: Sequence[str], earlier_keys: Sequence[str], chart: Chart, day: date
) -> tuple[ShownChart, date | None]:
    """What a source's kept answer shows, and the day that it states."""
    source = source_of(raw_keys[0])
    found = _read(raw, source, raw_keys, chart, day)
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
        earlier=_earlier(raw, source, earlier_keys, chart, found),
    )
    return shown, found.chart_date if found.stated else None


def shown_file(
    files: ChartFiles, key: str, neighbour_keys: Iterable[str], name: ChartName
) -> ShownChart:
    """What a kept chart file shows."""
    at, rows = _read_file(files, key, name)
    return ShownChart(
        origin=Origin(name.chart, name.country, name.chart_date, at, key),
        cadence=name.cadence,
        entries=rows,
        holes=[],
        places=len(rows),
        totals=frozenset(),
        provider=CHART_FILE,
        others=_others(files, neighbour_keys),
    )


def _read_file(
    files: ChartFiles, key: str, name: ChartName
) -> tuple[datetime, list[dict[str, Any]]]:
    """When a kept file came, and its rows."""
    at = ChartFileKey.parse(key).at
    file = read_chart_file(files.need(ChartFileKey.parse(key)))
    return at, chart_entries(file, name, observed_at=at, raw_key=key)


def _others(files: ChartFiles, keys: Iterable[str]) -> list[Earlier]:
    """What the files of other days show; one that cannot be read is none to compare with."""
    found = []
    for key in keys:
        of = ChartFileKey.parse(key)
        cadence, _, country = of.chart.partition("-")
        try:
            _, rows = _read_file(files, key, ChartName(cadence, country, of.chart_date))
        except (CorruptObjectError, ChartFileError):
            continue
        found.append(Earlier(of.chart_date, quality.positions(rows)))
    return found


def _read(
    raw: Raw, source: ChartSource, keys: Sequence[str], chart: Chart, day: date | None = None
) -> Shown:
    """What a kept answer shows, of the day it was given on if of no other."""
    return source.read([raw.need(key) for key in keys], chart, day)


def _earlier(
    raw: Raw, source: ChartSource, keys: Sequence[str], chart: Chart, now: Shown
) -> Earlier | None:
    """What the chart showed before.

    An answer that cannot be read is none to compare with, nor is one that states the same day.
    """
    if not keys:
        return None
    try:
        found = _read(raw, source, keys, chart)
    except (CorruptObjectError, BadAnswerError):
        return None
    if found.stated and found.chart_date == now.chart_date:
        return None
    return Earlier(found.chart_date, quality.positions(found.entries))
