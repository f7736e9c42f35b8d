"""Which months a run of the audit looks at, and in what parts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import batched
from typing import Any

from soundlake.auditing.comparing import KEYS
from soundlake.deriving.coverage import months_between
from soundlake.store.captures import CaptureKey
from soundlake.store.chart_files import PREFIX as FILES
from soundlake.store.chart_files import ChartFileKey
from soundlake.store.imports import Imports
from soundlake.store.lake import Lake, month_of_key
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.times import TimeError, month_of, parse_month, parse_time, shift_month

CHARTS_AT_ONCE = 25  # charts of a month that one invocation derives
MOST_PARTS = 400  # of a run: its states carry what became of each
OF_ACCOUNTS = ("observations", "plays", "captures", "gaps", "account_days", "music_activity")
OF_ALL = ("audio_features", "track_sections", "country_profiles")

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Survey:
    """The months and parts of a run; `left` is the month before which the next one goes on."""

    months: list[str]
    parts: list[Part]
    left: str | None


def usual(known: Collection[str], now: datetime) -> list[str]:
    """This month, the last one, and of the older ones another each week (`YYYY-MM`).

    Months that are still to come should have nothing: they are looked at where they have.
    """
    this = month_of(now)
    last = shift_month(this, -1)
    older = sorted(month for month in known if month < last)
    week = (now.date() - date(1970, 1, 1)).days // 7
    later = sorted(month for month in known if month > this)
    return [*later, this, last, *([older[week % len(older)]] if older else [])]


def survey(
    bucket: Bucket,
    now: datetime,
    charts: Iterable[str],
    *,
    month: str | None = None,
    before: str | None = None,
    everything: bool = False,
) -> Survey:
    """What a run looks at: the usual months, one, or all of them before one, the latest first.

    `charts` are those of the chart list. What cannot be read stops nothing here: the part that it
    belongs to says so; of an import whose beginning cannot be told that is one of the first month.
    """
    lake = Lake(bucket)
    objects = {table: lake.keys(table) for table in KEYS}
    pages = list(bucket.keys("raw/recently-played/"))
    files = [ChartFileKey.parse(key) for key in bucket.keys(FILES)]
    known = {month_of_key(key) for keys in objects.values() for key in keys}
    known |= {CaptureKey.month(key) for key in pages}
    known |= {month_of(each.chart_date) for each in files}
    imported, _ = lake.readable("imports", objects["imports"], ["from_time", "to_time"])
    for row in imported.to_pylist():
        if row["from_time"] is not None:
            known |= {*months_between(row["from_time"], row["to_time"])}
    known = {each for each in known if _is_month(each)}  # nobody reads what lies elsewhere
    if month is not None:
        wanted = [month]
    elif everything:
        wanted = sorted((one for one in known if before is None or one < before), reverse=True)
    else:
        wanted = usual(known, now)
    begun = _begun(Imports(bucket), wanted)
    accounts = {key.split("/")[2] for key in (*pages, *begun)}
    accounts |= {_owner(key) for table in OF_ACCOUNTS for key in objects[table]}
    every_chart = {*charts, *(each.chart for each in files), *map(_owner, objects["chart_entries"])}
    found: list[Part] = []
    done: list[str] = []
    ledgers = {
        (month_of_key(key), _owner(key).partition(".")[0])
        for table in ("imports", "import_rows")
        for key in objects[table]
    }
    for one in wanted:
        parts = _parts(one, sorted(accounts), sorted(every_chart), begun)
        parts += [
            {"month": one, "kind": "imports", "of": [account]}
            for each, account in sorted(ledgers)
            if each == one
        ]
        if done and len(found) + len(parts) > MOST_PARTS:
            return Survey(done, found, done[-1])
        found += parts
        done.append(one)
    return Survey(done, found, None)


def _is_month(text: str) -> bool:
    try:
        parse_month(text)
    except TimeError:
        return False
    return True


def _begun(imports: Imports, wanted: Sequence[str]) -> dict[str, str]:
    """The month in which each import began, by where it is."""
    found: dict[str, str] = {}
    for each in imports.prefixes():
        try:
            standing = imports.standing(each)
        except CorruptObjectError:
            if wanted:
                found[each] = wanted[0]
        else:
            if standing is not None:
                found[each] = month_of(parse_time(standing.begun["at"]))
    return found


def _parts(
    month: str, accounts: Sequence[str], charts: Sequence[str], imports: Mapping[str, str]
) -> list[Part]:
    found: list[Part] = []
    for account in accounts:
        found += [{"month": month, "kind": kind, "of": [account]} for kind in ("plays", "activity")]
    found += [
        {"month": month, "kind": "import", "of": [raw_prefix]}
        for raw_prefix, begun in imports.items()
        if begun == month
    ]
    found += [
        {"month": month, "kind": "charts", "of": list(some)}
        for some in batched(charts, CHARTS_AT_ONCE, strict=False)
    ]
    return found + [{"month": month, "kind": table, "of": []} for table in OF_ALL]


def _owner(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".parquet")
