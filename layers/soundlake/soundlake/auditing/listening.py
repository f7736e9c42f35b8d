"""An account's month, derived again: observations, plays, captures, gaps and days."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import batched

from soundlake.auditing.overlay import Overlay
from soundlake.auditing.subject import Subject, UnsettledError, readable_rows, subject
from soundlake.deriving import captures
from soundlake.deriving.coverage import captures_from, exported, months, publish_coverage
from soundlake.deriving.importing import Import, merge_months
from soundlake.deriving.plays import plays_of
from soundlake.plays import CapturedPage
from soundlake.store.captures import CaptureKey, prefix
from soundlake.store.imports import BEGUN, CONCLUDED, Imports
from soundlake.store.kept import Kept
from soundlake.store.lake import Lake, Row, month_of_key, object_key
from soundlake.store.objects import Bucket
from soundlake.store.raw import Raw
from soundlake.times import month_of, shift_month

OBSERVATIONS, PLAYS, CAPTURES, GAPS, DAYS = TABLES = (
    "observations",
    "plays",
    "captures",
    "gaps",
    "account_days",
)
YOUNG = timedelta(hours=6)  # a page that no row names for longer is one that was left out
GOING = timedelta(days=1)  # an upload is deleted by then: nobody imports it any more
READERS, PAGES = 8, 64  # pages read at once, and in one go


def derived(
    bucket: Bucket, account: str, month: str, now: datetime, zone: str | None
) -> list[Subject]:
    """The account's objects of a month, each beside what was derived; `zone` is the account's own.

    A page that the next capture is to derive is left out, as the tables have it. Raises
    UnsettledError where a page, or an import, is being derived right now.
    """
    keys = {table: object_key(table, month, account) for table in TABLES}
    overlay = Overlay(bucket, keys.values())
    real, lake, raw = Lake(bucket), Lake(overlay), Raw(bucket)
    given = _givers(real, keys[OBSERVATIONS])
    imports = _imports(bucket, account, now, given)
    named, whole = _named(real, account)
    found = _keys(raw, account, month, named, given)
    young = {key for key in found if whole and key not in named and _at(key) > now - YOUNG}
    if begun := sorted(young & given):
        raise UnsettledError(f"{begun[0]} is only partly in the tables; the next capture ends it.")
    pages, damaged = _pages(raw, account, [key for key in found if key not in young])
    pages = _without_unchanged(pages, named)
    captures.observe(lake, account, pages)
    for import_, kept in imports:
        narrow = _within(import_, month)
        merge_months(lake, kept, narrow, {"months": [month], "files": kept.numbers()})
    lake.replace_table(PLAYS, month, account, lambda _: plays_of(lake, account, month, zone))
    own = [page for page in pages if CaptureKey.month(page.raw_key) == month]
    failed = [
        row
        for row in readable_rows(real, CAPTURES, keys[CAPTURES]).to_pylist()
        if row["raw_key"] is None  # of an attempt without a page nothing is in the raw zone
    ]
    seen = {month_of(row["time"]) for page in own for row in page.observations}
    around = {shift_month(each, by) for each in seen | {month} for by in (-1, 0, 1)}
    rows = captures.capture_rows(lake, account, own, around)
    rows += [row for row in damaged if CaptureKey.month(row["raw_key"]) == month]
    lake.replace(CAPTURES, month, account, lambda before: captures.with_rows(before, rows + failed))
    _cover(lake, account, month)
    return [subject(bucket, table, key, lake.read(table, [key])) for table, key in keys.items()]


def _named(lake: Lake, account: str) -> tuple[dict[str, Row], bool]:
    """The rows of `captures` of pages, by key, and whether all of them can be read.

    Where they cannot, no capture ends anything: then no page is waited for.
    """
    rows, problems = lake.readable(
        CAPTURES, lake.written(CAPTURES, account), ["raw_key", "oldest", "newest"]
    )
    return {row["raw_key"]: row for row in rows.to_pylist() if row["raw_key"]}, not problems


def _givers(lake: Lake, key: str) -> set[str]:
    """The raw objects that an object's observations name."""
    rows = readable_rows(lake, OBSERVATIONS, key).column("raw_keys").to_pylist()
    return {raw_key for keys in rows for raw_key in keys or ()}


def _keys(
    raw: Raw, account: str, month: str, named: Mapping[str, Row], given: set[str]
) -> list[str]:
    """The pages of a month, and the others that show plays of it.

    Of those of other months `captures` says what they show; one that it does not name, or that the
    month's observations are `given` by, is read.
    """
    begin = datetime.fromisoformat(f"{month}-01")
    end = datetime.fromisoformat(f"{shift_month(month, 1)}-01")
    start, own = prefix(account, shift_month(month, -1)), f"raw/recently-played/{account}/"
    found = {key for key in given if key.startswith(own)}
    for key in raw.keys(own, start):
        row = named.get(key)
        elsewhere = row is not None and (
            row["newest"] is None or row["oldest"] >= end or row["newest"] < begin
        )
        if CaptureKey.month(key) == month or not elsewhere:
            found.add(key)
    return sorted(found)


def _at(key: str) -> datetime:
    try:
        return CaptureKey.parse(key).captured_at
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)  # it is no page; Derive leaves it alone


def _pages(raw: Raw, account: str, keys: Iterable[str]) -> tuple[list[CapturedPage], list[Row]]:
    with ThreadPoolExecutor(READERS) as pool:
        read = list(
            pool.map(
                lambda some: captures.read_pages(raw, account, some),
                batched(keys, PAGES, strict=False),
            )
        )
    pages = [page for found, _ in read for page in found]
    return pages, [row for _, found in read for row in found]


def _without_unchanged(pages: list[CapturedPage], named: Mapping[str, Row]) -> list[CapturedPage]:
    """The pages without the last ones that no row names and that list what those before them do.

    They wait for the next run's first look, and none need have come: its account may have left.
    """
    last = len(pages)
    while (
        last > 1
        and pages[last - 1].raw_key not in named
        and _listed(pages[last - 1]) == _listed(pages[last - 2])
    ):
        last -= 1
    return pages[:last]


def _listed(page: CapturedPage) -> tuple[list[tuple[datetime, str]], list[str]]:
    return [(row["time"], row["uri"]) for row in page.observations], page.problems


def _imports(
    bucket: Bucket, account: str, now: datetime, given: set[str]
) -> list[tuple[Import, Kept]]:
    """The account's imports that stand, in the order of their beginning.

    One that was never ended counts for nothing where the month has none of its rows.
    """
    found = []
    for raw_prefix, standing in Imports(bucket).standings(account).items():
        import_ = Import.told(standing.begun)
        if standing.what == BEGUN:
            if now - import_.at < GOING:
                raise UnsettledError(f"The import {import_.import_id} is not over.")
            if any(key.startswith(raw_prefix) for key in given):
                raise UnsettledError(
                    f"The import {import_.import_id} broke off: import the same file again, or "
                    f"take it back: ./soundlake import --undo {import_.import_id}."
                )
        if standing.what == CONCLUDED:
            found.append((import_, Kept(bucket, raw_prefix)))
    return sorted(found, key=lambda each: (each[0].at, each[0].import_id))


def _within(import_: Import, month: str) -> Import:
    """An import as if a month alone had been asked for: its other rows need not be held."""
    begin = datetime.fromisoformat(f"{month}-01")
    end = datetime.fromisoformat(f"{shift_month(month, 1)}-01")
    return replace(
        import_, since=max(begin, import_.since or begin), until=min(end, import_.until or end)
    )


def _cover(lake: Lake, account: str, month: str) -> None:
    """Derive gaps and days as the last run of each month did, from this one on.

    Days are looked at again for a while, since late plays may surface; later on only where a page
    of later reaches back to them, or an import covers them.
    """
    imported = [
        row["imported_at"]
        for row in lake.read("imports", list(lake.written("imports", account))).to_pylist()
    ]
    covers = any(
        month_of(first) <= month <= month_of(last) for _, (first, last) in exported(lake, account)
    )
    captured = sorted({month, *map(month_of_key, lake.written(CAPTURES, account))})
    at = max(imported, default=None)
    latest = max(captured[-1], month_of(at) if at else month)
    soon = shift_month(month, 2)
    for each in months(month, latest):
        last = each == latest
        if each > soon and not last and not _reaches_back(lake, account, each, month):
            continue
        start, known = captures_from(lake, account, each, each)
        if known or (last and at):
            also = [month] if each <= soon or (last and covers) else []
            publish_coverage(lake, account, known, start, at=at if last else None, also=also)


def _reaches_back(lake: Lake, account: str, each: str, month: str) -> bool:
    """Whether pages of a month tell of late or unread plays of another one, or before it."""
    end = datetime.fromisoformat(f"{shift_month(month, 1)}-01")
    columns = ["late_oldest", "unread_oldest"]
    rows = lake.open(CAPTURES, each, account, columns).rows.to_pylist()
    return any(row[name] is not None and row[name] < end for row in rows for name in columns)
