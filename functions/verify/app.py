"""Verify: what the charts of a day show together, and all that was breached, into data_quality."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from soundlake import access, quality
from soundlake.chart_days import UNCHANGED, rows_date
from soundlake.features import source_of
from soundlake.observability import function
from soundlake.providers import KWORB
from soundlake.quality import ChartsDay, ChartTable, Earlier, Origin
from soundlake.sources.features import SOURCES
from soundlake.store.feature_answers import FeatureAnswers
from soundlake.store.lake import READERS, Lake, Row, SchemaError, object_key
from soundlake.store.staging import staging_key
from soundlake.texts import shortened
from soundlake.times import month_of, parse_date, parse_time, shift_month

TABLE = "data_quality"
PROBLEMS = 10  # named in the result; the rest are counted
WHY = 120  # characters of why a chart is withdrawn; data_quality has the whole evidence
LATEST = 7  # days that a day is compared with
RUN = "run"  # what a breach is about that no chart has alone

Pair = tuple[str, date]


@function("Verify")
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """`{date, charts}` to `{status: verified, errors, warnings, problems, withdraw}`.

    `charts` are the outcomes of the run's charts, also of earlier days; those loaded or refused
    are looked at, each day's together. `withdraw` names the loaded ones that err, and the answer
    that their rows are of; `problems` are sentences, errors first. `{status: failed, error}` where
    something of it cannot be read: then nothing is written.

    A source may show a chart of an earlier day than the one that was asked for: `shown_date` is the
    day that its rows are of, and everything is said of that one. A daily chart that is `unchanged`
    was not renewed yet, and does not count as one that is missing.

    A chart of a file has the file's name in `raw/` as `file`, and `run` is false where it is
    imported: then nothing is said of a day's run, nor of features that nobody has asked for yet.
    """
    result: dict[str, Any] = {"errors": 0, "warnings": 0, "problems": [], "withdraw": []}
    try:
        rows, withdraw = _verify(
            parse_date(event["date"]), event["charts"], run=event.get("run", True)
        )
    except (*access.FORESEEN, SchemaError) as error:
        return result | access.failure(error)
    errors = [row["evidence"] for row in rows if row["severity"] == "error"]
    warnings = [row["evidence"] for row in rows if row["severity"] == "warning"]
    problems = errors + warnings
    hidden = len(problems) - PROBLEMS
    counts = {"errors": len(errors), "warnings": len(warnings)}
    return {
        "status": "verified",
        **counts,
        "problems": problems[:PROBLEMS] + ([f"and {hidden} more"] if hidden > 0 else []),
        "withdraw": withdraw,
        "counts": counts,
    }


def _verify(day: date, outcomes: list[Row], *, run: bool) -> tuple[list[Row], list[Row]]:
    """Write the rows of `data_quality`; those found now, and the charts to withdraw."""
    lake = Lake(access.bucket())
    rows, known = _features(lake, month_of(day))
    withdraw: list[Row] = []
    verified: set[Pair] = set()
    days = {rows_date(each) for each in outcomes}
    for one in sorted(days | {day}):
        of_day = [each for each in outcomes if rows_date(each) == one]
        staged, loaded = _staged(of_day)
        found, wrong = _verify_day(lake, one, of_day, staged, known if run else None)
        rows += found
        withdraw += [
            {
                "chart": chart,
                "date": one.isoformat(),
                "raw_key": loaded[chart],
                "error": shortened(evidence, WHY),
            }
            for chart, evidence in wrong.items()
            if chart in loaded
        ]
        verified |= {(chart["chart"], one) for chart in staged}
    _write(lake, days | {day}, rows, verified, run=run)
    return rows, withdraw


def _verify_day(
    lake: Lake, day: date, outcomes: list[Row], staged: list[Row], known: set[str] | None
) -> tuple[list[Row], dict[str, str]]:
    """What the charts of one day breach, and the evidence against each chart that errs."""
    loaded = _loaded(outcomes)
    # Nobody asked for the features of what was refused: its coverage says nothing.
    tables = [_table(lake, chart, known if chart["chart"] in loaded else None) for chart in staged]
    found = quality.check_charts(_charts_day(lake, day, outcomes, tables))
    wrong = {
        str(breach.origin.chart): breach.finding.evidence
        for breach in found
        if breach.severity == "error"
    }
    rows = [breach for chart in staged for breach in chart["breaches"]]
    rows += [breach.row() for breach in found]
    for row in rows:
        if row["chart"] and row["chart"] not in loaded:
            row["consequence"] = quality.NOT_LOADED
        elif row["chart"] in wrong:
            row["consequence"] = quality.WITHDRAWN
    return rows, wrong


def _staged(outcomes: Iterable[Row]) -> tuple[list[Row], dict[str, str]]:
    """What Transform staged of the charts that were loaded or refused.

    And the answer that the rows of each loaded one are of: the later one, where there were two.
    """
    wanted = [each for each in outcomes if each["status"] in {"loaded", "refused"}]
    keys = [
        staging_key(each["chart"], parse_date(each["date"]), each.get("file")) for each in wanted
    ]
    with ThreadPoolExecutor(READERS) as pool:
        staged = list(pool.map(access.staging().read, keys))
    loaded = [
        chart for chart, each in zip(staged, wanted, strict=True) if each["status"] == "loaded"
    ]
    loaded.sort(key=lambda chart: parse_time(chart["observed_at"]))
    return staged, {chart["chart"]: chart["raw_key"] for chart in loaded}


def _loaded(outcomes: Iterable[Row]) -> set[str]:
    return {each["chart"] for each in outcomes if each["status"] == "loaded"}


def _features(lake: Lake, month: str) -> tuple[list[Row], set[str]]:
    """What the answers breach that Publish is about to add, and every track with features.

    An answer that cannot be read has nothing to judge; Publish names it.
    """
    pending, _ = FeatureAnswers(access.raw(), lake).pending(month)
    rows: list[Row] = []
    for key in dict.fromkeys(row["raw_key"] for row in pending):
        answer, asked = access.raw().batch(key)
        source = SOURCES[source_of(key)]
        found = source.breaches(answer.json, asked, fetched_at=answer.at, raw_key=key)
        rows += [breach.row() for breach in found]
    # As country profiles count: a track has features where its danceability is known.
    table = lake.read("audio_features", lake.keys("audio_features"), ["track_id", "danceability"])
    known = {str(track_id) for track_id in table.drop_null().column("track_id").to_pylist()}
    known |= {row["track_id"] for row in pending if row["danceability"] is not None}
    return rows, known


def _charts_day(lake: Lake, day: date, outcomes: list[Row], tables: list[ChartTable]) -> ChartsDay:
    daily = [
        each
        for each in outcomes
        if each["chart"].startswith("daily-") and each["status"] != UNCHANGED
    ]
    coverages, usual = _latest_days(lake, day, {each["chart"] for each in daily})
    times = [table.origin.observed_at for table in tables if table.origin.observed_at]
    return ChartsDay(
        Origin(None, None, day, max(times, default=None), None),
        tables,
        earlier=_earlier(lake, day, quality.suspects(tables)),
        coverages=coverages,
        asked=len(daily),
        loaded=sum(each["status"] == "loaded" for each in daily),
        usual=usual,
    )


def _table(lake: Lake, chart: Row, known: set[str] | None) -> ChartTable:
    entries = chart["entries"]
    coverage = None
    if known is not None:
        coverage = sum(entry["track_id"] in known for entry in entries) / len(entries)
    return ChartTable(
        Origin(
            chart["chart"],
            chart["country"],
            parse_date(chart["date"]),
            parse_time(chart["observed_at"]),
            chart["raw_key"],
        ),
        chart["cadence"],
        quality.positions(entries),
        coverage=coverage,
        before=_before(lake, chart),
    )


def _before(lake: Lake, chart: Row) -> date | None:
    """The latest earlier day that the lake has of a chart of kworb.net, in this month or the last.

    None of others: a playlist states no day, and a person chooses which files to bring.
    """
    if chart["cadence"] != "daily" or KWORB not in {row["provider"] for row in chart["entries"]}:
        return None
    day = parse_date(chart["date"])
    keys = [object_key("chart_entries", month, chart["chart"]) for month in _months(day)]
    dates = lake.read("chart_entries", keys, ["chart_date"]).column("chart_date").to_pylist()
    return max((each for each in dates if each < day), default=None)


def _earlier(lake: Lake, day: date, charts: Sequence[str]) -> dict[str, Earlier]:
    """The latest table that each chart had before, in this month's rows and the last's."""
    found = {}
    for chart in charts:
        keys = [object_key("chart_entries", month, chart) for month in _months(day)]
        rows = lake.read("chart_entries", keys, ["chart_date", "position", "track_id"]).to_pylist()
        before = [row for row in rows if row["chart_date"] < day]
        if before:
            latest = max(row["chart_date"] for row in before)
            entries = [row for row in before if row["chart_date"] == latest]
            found[chart] = Earlier(latest, quality.positions(entries))
    return found


def _latest_days(
    lake: Lake, day: date, daily: set[str]
) -> tuple[dict[str, list[float]], list[int]]:
    """Each chart's latest coverages, and how many of these daily charts the latest days had."""
    keys = [key for month in _months(day) for key in lake.keys("country_profiles", month)]
    columns = ["chart", "chart_date", "tracks", "tracks_with_features"]
    rows = lake.read("country_profiles", keys, columns).to_pylist()
    coverages: dict[str, list[float]] = defaultdict(list)
    loaded: dict[date, int] = defaultdict(int)
    for row in sorted(rows, key=lambda row: row["chart_date"]):
        if row["chart_date"] < day:
            coverages[row["chart"]].append(row["tracks_with_features"] / row["tracks"])
            loaded[row["chart_date"]] += row["chart"] in daily
    latest = {chart: shares[-LATEST:] for chart, shares in coverages.items()}
    return latest, list(loaded.values())[-LATEST:]


def _write(lake: Lake, days: set[date], rows: list[Row], verified: set[Pair], *, run: bool) -> None:
    """Put the rows in the place of the earlier ones of the charts and days verified now.

    Rows of features, which no chart has alone, join those that are there. What was said of a day's
    run stays until a `run` says it anew.
    """
    dated = [row | {"chart_date": parse_date(row["chart_date"])} for row in rows]
    months = {month_of(each) for each in (*days, *(row["chart_date"] for row in dated))}

    def changing(month: str) -> Callable[[list[Row]], list[Row]]:
        def change(before: list[Row]) -> list[Row]:
            merged = {_key(row): row for row in before if not superseded(row)}
            merged |= {_key(row): row for row in dated if month_of(row["chart_date"]) == month}
            return [merged[key] for key in sorted(merged)]

        return change

    def superseded(row: Row) -> bool:
        of_run = row["chart"] is None and row["about"] == RUN and row["chart_date"] in days
        return (run and of_run) or (row["chart"], row["chart_date"]) in verified

    for month in sorted(months):
        lake.replace(TABLE, month, TABLE, changing(month))


def _key(row: Row) -> tuple[date, str, str, str]:
    return row["chart_date"], row["chart"] or "", row["expectation"], row["about"]


def _months(day: date) -> tuple[str, str]:
    return shift_month(month_of(day), -1), month_of(day)
