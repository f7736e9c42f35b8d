"""One part of an audit: derived, compared, and once more where anything differs."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from soundlake.auditing import charts, imported, listening, published
from soundlake.auditing.comparing import Difference, counted
from soundlake.auditing.subject import Subject, UnsettledError
from soundlake.charts import Chart
from soundlake.store.imports import ROOT as IMPORTS
from soundlake.store.lake import Row, to_parquet
from soundlake.store.objects import Bucket

SCRATCH = "scratch/audit"
PASSES = 3  # of which two in a row must say the same, or somebody writes all the time
PAUSE_S = 1
FIRST = 3  # differences that the result names; the report has all
LOOKED_FOR = 100  # raw objects that rows name, which are looked for
# Whose rows are somebody's listening: the result names times alone, and never what was heard.
_TIMES = {
    "observations": ("time",),
    "plays": ("played_at",),
    "music_activity": ("played_at",),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What an audit has to know beside the bucket, and who tells it.

    `zone_of` gives an account's own time zone, `charts` are those of the chart list by name,
    `feature_sources` the preferred one first.
    """

    zone_of: Callable[[str], str | None]
    charts: Mapping[str, Chart]
    feature_sources: Sequence[str]


def audit(
    bucket: Bucket,
    part: Mapping[str, Any],
    known: Known,
    *,
    execution: str,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Derive a part again and compare it: `{status, part, ...}`.

    `status` is `same` with the `objects` and `rows` that were compared; `differs` with `tables`
    (by table how many rows are missing, extra or changed), the `first` of them, after raw objects
    that they name and that are gone, and `report`, where all of them are; or `waiting` with the
    `error` that says for what. An object counts as differing only if it does so twice while nobody
    wrote it.
    """
    about = {"part": name_of(part)}
    try:
        seen = _steady(lambda: _pass(bucket, part, known, now), sleep)
    except UnsettledError as error:
        return about | {"status": "waiting", "error": str(error)}
    differing = {key: one for key, one in seen.items() if one.found}
    if not differing:
        rows = sum(one.subject.derived.num_rows for one in seen.values())
        return about | {"status": "same", "objects": len(seen), "rows": rows}
    report = _report(bucket, part, differing, execution)
    return about | {
        "status": "differs",
        "tables": _tables(differing),
        "first": [
            *_gone(bucket, differing),
            *[
                f"{table}: {told}"
                for one in differing.values()
                for table, told in [_told(one.subject, each) for each in one.found]
            ][:FIRST],
        ],
        "report": report,
    }


def _gone(bucket: Bucket, differing: Mapping[str, "_Seen"]) -> list[str]:
    """The raw objects that rows name and that are not there: to put rows right would lose them."""
    named: dict[str, None] = {}
    for one in differing.values():
        for each in one.found:
            row = each.there or {}
            keys = [row.get("raw_key"), *(row.get("raw_keys") or ()), *(row.get("evidence") or ())]
            named.update(dict.fromkeys(filter(None, keys)))
    gone = [key for key in list(named)[:LOOKED_FOR] if bucket.end(key, 1) is None]
    return [f"{key} is gone: bring it back first" for key in gone[:FIRST]]


def name_of(part: Mapping[str, Any]) -> str:
    """A part in a word or two, like `plays of abc in 2026-11`."""
    of = part["of"]
    whose = f" of {_short(of[0])}" if of else ""
    more = f" to {of[-1]}" if len(of) > 1 else ""
    return f"{part['kind']}{whose}{more} in {part['month']}"


def _short(of: str) -> str:
    return of.removeprefix(IMPORTS).removesuffix("/")


@dataclass(frozen=True, slots=True)
class _Seen:
    """An object as one pass saw it."""

    subject: Subject
    found: list[Difference]

    def same_as(self, other: "_Seen | None") -> bool:
        return (
            other is not None
            and self.subject.etag == other.subject.etag
            and self.found == other.found
        )


def _steady(
    look: Callable[[], dict[str, _Seen]], sleep: Callable[[float], None]
) -> dict[str, _Seen]:
    """What two looks in a row agree in; the first, where nothing differs."""
    before: dict[str, _Seen] = {}
    for number in range(PASSES):
        if number:
            sleep(PAUSE_S)
        seen = look()
        if all(one.same_as(before.get(key)) for key, one in seen.items() if one.found):
            return seen
        before = seen
    raise UnsettledError("It was written while it was looked at; run the audit again.")


def _pass(bucket: Bucket, part: Mapping[str, Any], known: Known, now: datetime) -> dict[str, _Seen]:
    return {one.key: _Seen(one, one.differences()) for one in _subjects(bucket, part, known, now)}


def _subjects(
    bucket: Bucket, part: Mapping[str, Any], known: Known, now: datetime
) -> list[Subject]:
    month, of = part["month"], part["of"]
    names = {chart.country: chart.country_name for chart in known.charts.values()}

    def strays(*tables: str) -> list[Subject]:
        return published.strays(bucket, month, tables)

    looks: dict[str, Callable[[], list[Subject]]] = {
        "plays": lambda: listening.derived(bucket, of[0], month, now, known.zone_of(of[0])),
        "activity": lambda: published.activity(bucket, of[0], month, now),
        "import": lambda: imported.derived(bucket, of[0]),
        "imports": lambda: imported.of_none(bucket, of[0], month),
        "charts": lambda: charts.derived(bucket, of, month, now, known.charts),
        "country_profiles": lambda: [
            *published.profiles(bucket, month, now, names),
            *strays("country_profiles", "chart_days"),
        ],
        "audio_features": lambda: [
            *published.features(bucket, month, now, known.feature_sources),
            *strays("audio_features"),
        ],
        "track_sections": lambda: [
            *published.analyses(bucket, month, now),
            *strays("track_sections"),
        ],
    }
    return looks[part["kind"]]()


def _tables(differing: Mapping[str, _Seen]) -> dict[str, dict[str, int]]:
    found: dict[str, list[Difference]] = {}
    for one in differing.values():
        found.setdefault(one.subject.table, []).extend(one.found)
    return {table: counted(each) for table, each in sorted(found.items())}


def _told(subject: Subject, difference: Difference) -> tuple[str, str]:
    shown = _TIMES.get(subject.table, tuple(difference.key))
    key = ", ".join(str(difference.key[name]) for name in shown if name in difference.key)
    columns = f" ({', '.join(difference.columns)})" if difference.columns else ""
    return subject.table, f"{key} {difference.what}{columns}".strip()


def _report(
    bucket: Bucket, part: Mapping[str, Any], differing: Mapping[str, _Seen], execution: str
) -> str:
    """Write down all that differs, and the objects as they should be; the report's key."""
    place = f"{SCRATCH}/{execution}"
    lines: list[Row] = []
    for key, one in differing.items():
        about: Row = {"object": key, "table": one.subject.table}
        if one.subject.why:
            lines.append(about | {"what": "unreadable", "why": one.subject.why})
        elif one.subject.etag is None:
            lines.append(about | {"what": "no object"})
        lines += [about | each.told() for each in one.found if each.key]
        if one.subject.whole:
            body = to_parquet(one.subject.derived)
            bucket.put(f"{place}/{key}", body, overwrite=True)
    name = "-".join(_short(each).replace("/", "-") for each in (part["kind"], *part["of"][:1]))
    report = f"{place}/{part['month']}/{name}.jsonl"
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    bucket.put(report, text.encode(), overwrite=True, content_type="application/x-ndjson")
    return report
