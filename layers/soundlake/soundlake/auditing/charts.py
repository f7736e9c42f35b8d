"""Charts' days of a month, derived again of their kept answers and files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from soundlake.auditing.overlay import Overlay
from soundlake.auditing.subject import Subject, of_these, readable_rows, subject
from soundlake.chart_days import LOOK_BACK_DAYS, OPEN
from soundlake.chart_files import ChartFileError, ChartName
from soundlake.charts import Chart
from soundlake.countries import COUNTRIES
from soundlake.deriving.charts import judged, shown_answer, shown_file
from soundlake.deriving.entries import put_in, take_out
from soundlake.sources.charts import SOURCES
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.chart_files import ChartFiles
from soundlake.store.lake import Lake, Row, encode_rows, object_key
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.store.schemas import SCHEMAS
from soundlake.times import month_of, naive_ms, shift_month

ENTRIES, RECORDS = "chart_entries", "chart_days"
EARLIER_DAYS = 14  # as far back as an answer is compared with, and a page may be late
YOUNG = timedelta(hours=6)  # an answer that no run has recorded for longer was left out
LOADED = "transformed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a kept answer or file gives: rows for `chart_date`, asked for on `day`.

    `at` is when it came (UTC, ISO 8601 text or a time), `status` what Transform says of it.
    """

    raw_key: str
    day: date
    chart_date: date
    at: datetime
    entries: list[Row]
    holes: int
    stated: bool
    status: str
    file: bool = False


def derived(
    bucket: Bucket, charts: Iterable[str], month: str, now: datetime, listed: Mapping[str, Chart]
) -> list[Subject]:
    """The charts' objects of a month, and their records of it, each beside what was derived.

    `listed` are the charts of the chart list, by name. Days that a run is still to make up for are
    left out: it tells of them itself.
    """
    charts = sorted(charts)
    keys = {chart: object_key(ENTRIES, month, chart) for chart in charts}
    overlay = Overlay(bucket, keys.values())
    lake, real = Lake(overlay), Lake(bucket)
    records_key = object_key(RECORDS, month, RECORDS)
    records, since = _records(real, bucket, month)
    withdrawn = _withdrawn(real, month)
    found, of_days, open_charts = [], [], set[str]()
    for chart, key in keys.items():
        loaded = {row["raw_key"] for row in readable_rows(real, ENTRIES, key).to_pylist()}
        answers = _answers(bucket, listed.get(chart) or _unlisted(chart), month, loaded)
        known = {row["chart_date"]: row for row in records if row["chart"] == chart}
        open_ = _open(bucket, answers, known, now, since) | _coming(answers, loaded, now)
        for answer in answers:
            if month_of(answer.chart_date) != month:
                continue
            if answer.status == LOADED and answer.entries:
                put_in(lake, chart, answer.chart_date, answer.entries)
            if (chart, answer.raw_key) in withdrawn:
                take_out(lake, chart, answer.chart_date, answer.raw_key)
        left_out = {answer.chart_date for answer in answers if answer.day in open_}
        one = subject(bucket, ENTRIES, key, _without(lake.read(ENTRIES, [key]), left_out))
        if one.there is not None and left_out:
            one = Subject(
                ENTRIES, key, one.etag, _without(one.there, left_out), one.derived, whole=False
            )
        found.append(one)
        of_days += _expected(chart, answers, known, open_, month)
        open_charts.add(chart)
    derived_days = encode_rows(of_days, SCHEMAS[RECORDS], records_key)
    days = subject(bucket, RECORDS, records_key, derived_days, whole=False)
    if days.there is not None:
        there = of_these(days.there, "chart", open_charts)
        days = Subject(RECORDS, records_key, days.etag, there, derived_days, whole=False)
    return [*found, days]


def _unlisted(chart: str) -> Chart:
    cadence, _, country = chart.partition("-")
    known = COUNTRIES.get(country)
    name = known.name if known else "Global"
    return Chart(chart, country, name, cadence, "", enabled=True)  # type: ignore[arg-type]


def _answers(bucket: Bucket, chart: Chart, month: str, loaded: set[str]) -> list[Answer]:
    """All that answers and files give for a chart's days, in the order in which they came.

    `loaded` are the answers that its rows name.
    """
    begin, end = (
        date.fromisoformat(f"{month}-01"),
        date.fromisoformat(f"{shift_month(month, 1)}-01"),
    )
    found = [*_asked(bucket, chart, begin, end, loaded), *_files(bucket, chart, begin, end)]
    return sorted(found, key=lambda answer: (answer.at, answer.raw_key))


def _asked(
    bucket: Bucket, chart: Chart, begin: date, end: date, loaded: set[str]
) -> Iterable[Answer]:
    raw = Raw(bucket)
    for source in SOURCES.values():
        prefix = f"raw/charts/{source.name}/{chart.chart}/"
        first, last = begin - timedelta(days=EARLIER_DAYS), end + timedelta(days=EARLIER_DAYS)
        attempts: dict[date, dict[int, list[str]]] = {}
        for key in raw.keys(prefix, f"{prefix}{first}/", f"{prefix}{last}/"):
            asked, number, _ = key.removeprefix(prefix).split("/")
            of_day = attempts.setdefault(date.fromisoformat(asked), {})
            of_day.setdefault(int(number), []).append(key)
        for day, tried in sorted(attempts.items()):
            if day < begin:
                continue
            earlier = max((one for one in attempts if _recent(one, day)), default=None)
            before = attempts[earlier][max(attempts[earlier])] if earlier else []
            for _, keys in sorted(tried.items()):
                try:
                    pages = [raw.need(key) for key in keys]
                    of = (
                        _as_then(chart, pages[0].json)
                        if (keys[0] in loaded or not chart.playlist_id)
                        else chart
                    )
                    if not source.whole(pages, of):
                        continue
                    shown, stated = shown_answer(raw, keys, before, of, day)
                except (CorruptObjectError, BadAnswerError):
                    continue  # Extract asked once more
                entries, _, status = judged(shown)
                at = shown.origin.observed_at
                yield Answer(
                    raw_key=str(shown.origin.raw_key),
                    day=day,
                    chart_date=shown.origin.chart_date,
                    at=naive_ms(at) if at else datetime.min,  # noqa: DTZ901 - as tables keep times
                    entries=entries,
                    holes=len(shown.holes),
                    stated=stated is not None,
                    status=status,
                )


def _recent(one: date, day: date) -> bool:
    return day - timedelta(days=EARLIER_DAYS) <= one < day


def _as_then(chart: Chart, answer: Any) -> Chart:
    """A chart with the playlist that an answer is of: the list may name another one since.

    Of a chart that is not listed (any more) nobody else knows it.
    """
    if isinstance(answer, dict) and isinstance(answer.get("id"), str):
        return Chart(
            chart.chart, chart.country, chart.country_name, chart.cadence, answer["id"], True
        )
    return chart


def _files(bucket: Bucket, chart: Chart, begin: date, end: date) -> Iterable[Answer]:
    files = ChartFiles(bucket)
    for key in files.of_days(chart.chart, begin, end):
        name = ChartName(chart.cadence, chart.country, key.chart_date)
        beside = files.neighbours(chart.chart, key.chart_date, until=key.at)
        try:
            shown = shown_file(files, key.text, [each.text for each in beside], name)
        except (CorruptObjectError, ChartFileError):
            continue
        entries, _, status = judged(shown)
        yield Answer(
            raw_key=key.text,
            day=key.chart_date,
            chart_date=key.chart_date,
            at=naive_ms(key.at),
            entries=entries,
            holes=0,
            stated=False,
            status=status,
            file=True,
        )


def _records(lake: Lake, bucket: Bucket, month: str) -> tuple[list[Row], datetime | None]:
    """The month's records, as far as they can be read, and when they were last written (UTC)."""
    key = object_key(RECORDS, month, RECORDS)
    written = bucket.written(f"{key.rpartition('/')[0]}/").get(key)
    rows: list[Row] = readable_rows(lake, RECORDS, key).to_pylist()
    return rows, written


def _withdrawn(lake: Lake, month: str) -> set[tuple[str, str]]:
    """The answers whose rows Verify had taken out: it saw a day's charts beside each other."""
    rows = readable_rows(lake, "data_quality", object_key("data_quality", month, "data_quality"))
    return {
        (row["chart"], row["raw_key"])
        for row in rows.to_pylist()
        if row["consequence"] == "withdrawn" and row["chart"]
    }


def _open(
    bucket: Bucket,
    answers: Iterable[Answer],
    known: Mapping[date, Row],
    now: datetime,
    since: datetime | None,
) -> set[date]:
    """The days of which a run is still to make up for something, or is at it."""
    earliest = now.date() - timedelta(days=LOOK_BACK_DAYS)
    found = {day for day, row in known.items() if row["status"] in OPEN and day >= earliest}
    for answer in answers:
        folder = f"{answer.raw_key.rpartition('/')[0]}/"
        if answer.day >= earliest and answer.day not in found:
            came = bucket.written(folder).get(answer.raw_key)
            if came and now - came < YOUNG and (since is None or came > since):
                found.add(answer.day)
    return found


def _coming(answers: Iterable[Answer], loaded: set[str], now: datetime) -> set[date]:
    """The days, however long past, of files that came just now and no row names (yet)."""
    young = naive_ms(now - YOUNG)
    return {
        answer.day
        for answer in answers
        if answer.file and answer.raw_key not in loaded and answer.at > young
    }


def _without(rows: pa.Table, days: set[date]) -> pa.Table:
    if not days:
        return rows
    kept = [day not in days for day in rows.column("chart_date").to_pylist()]
    found: pa.Table = rows.filter(pa.array(kept, pa.bool_()))
    return found


def _expected(
    chart: str,
    answers: Iterable[Answer],
    known: Mapping[date, Row],
    open_: set[date],
    month: str,
) -> list[Row]:
    """The records that a chart should have.

    What a run met with is in no answer, so a record of that stands; one of a day that was done says
    what its last answer shows, and each day with an answer has one.
    """
    last: dict[date, Answer] = {}
    filed = {answer.day for answer in answers if answer.file}
    for answer in answers:
        if not answer.file and month_of(answer.day) == month:
            last[answer.day] = answer
    found = []
    for day in sorted({*known, *last}):
        row, shown = known.get(day), last.get(day)
        if day in open_ or shown is None:
            if row is not None and (day in open_ or day in filed or row["status"] != "loaded"):
                found.append(row)
            continue
        if row is None or row["status"] == "loaded":
            found.append(_record(chart, shown, row, in_file=day in filed))
        else:
            found.append(row)
    return found


def _record(chart: str, answer: Answer, row: Row | None, *, in_file: bool) -> Row:
    cadence, _, country = chart.partition("-")
    says = {"chart": chart, "country": country, "cadence": cadence, "chart_date": answer.day}
    shown = {
        "rows": len(answer.entries),
        "holes": answer.holes,
        "shown_date": answer.chart_date if answer.stated else None,
    }
    if row is None:
        status = "loaded" if answer.status == LOADED else answer.status
        return dict.fromkeys(SCHEMAS[RECORDS].names) | says | {"status": status} | shown
    if in_file or answer.status != LOADED:
        return row | says
    return row | says | shown
