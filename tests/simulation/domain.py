"""The domain alone: pages to observations, plays, gaps and days, with everything in memory.

What Derive reads of months is cut here to the plays that can matter, which changes no result:
a row of `captures` asks only for plays as new as its page's oldest one.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from soundlake import plays as product
from soundlake.deriving import coverage
from soundlake.plays import CapturedPage, failed_capture_row
from soundlake.spotify.errors import BadAnswerError
from soundlake.spotify.models import PlayedItem
from soundlake.store.captures import CaptureKey
from soundlake.store.lake import Opened, encode_rows, month_of_key
from soundlake.store.schemas import SCHEMAS
from soundlake.times import month_of, naive_ms, shift_month

from tests.listened import plays_of
from tests.simulation.checks import Lived
from tests.simulation.model import DAY, Life, Run, moment
from tests.simulation.oddities import as_shown, garbled, odd_uri, readable
from tests.unit.helpers import ACCOUNT, played, recently_played, track

FOLDED = 14 * DAY  # gaps, plays and days are derived from the months' rows this often
# What is answered in the place of a page, with the status of one; None is no JSON.
NO_PAGE: dict[str | None, Any] = {
    "empty_body": None,
    "html": None,
    "error_inside": {"error": {"status": 500, "message": "Server error"}},
}
MENDED = {"error_500_once", "error_401"}  # by asking again, the latter with another token
AROUND = timedelta(days=30)  # before a page, as Derive looks at the month before it
REMEMBERED = 400  # pages that an overtaken run may come before

Row = dict[str, Any]


class MemoryLake:
    """The lake's tables as far as coverage asks for them."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, list[Row]]] = {}

    def owned(self, table: str, month: str, name: str) -> list[Row]:
        """A copy of the rows, as reading gives it."""
        return list(self.tables.get(table, {}).get(month, ()))

    def open(self, table: str, month: str, name: str, columns: list[str] | None = None) -> Opened:
        """The rows of a month; some columns or all."""
        found = encode_rows(self.owned(table, month, name), SCHEMAS[table], table)
        return Opened(month, found if columns is None else found.select(columns), None)

    def read(self, table: str, keys: Iterable[str], columns: list[str] | None = None) -> pa.Table:
        """The rows of a table's objects, of those that there are; some columns or all."""
        tables = self.tables.get(table, {})
        rows = [row for key in keys for row in tables.get(month_of_key(key), ())]
        found = encode_rows(rows, SCHEMAS[table], table)
        return found if columns is None else found.select(columns)

    def replace(
        self,
        table: str,
        month: str,
        name: str,
        change: Callable[[list[Row]], Iterable[Row]],
        *,
        there: object = None,
    ) -> None:
        """Rows by a pure function of the rows before; which objects are `there` is known anyway."""
        rows = list(change(self.owned(table, month, name)))
        if rows or month in self.tables.get(table, {}):
            self.tables.setdefault(table, {})[month] = rows

    def written(self, table: str, name: str) -> dict[str, None]:
        """The keys of the months that there are."""
        return {
            f"lake/{table}/month={month}/{name}.parquet": None
            for month in sorted(self.tables.get(table, {}))
        }

    def rows(self, table: str) -> list[Row]:
        """All rows, by month."""
        return [row for _, rows in sorted(self.tables.get(table, {}).items()) for row in rows]


class _Items:
    """PlayedItem, each row of a life read once: the same row is read the same every time."""

    def __init__(self) -> None:
        self._read: dict[int, PlayedItem] = {}

    def read(self, item: Any, where: str) -> PlayedItem:
        found = self._read.get(id(item))
        if found is None:
            found = self._read[id(item)] = PlayedItem.read(item, where)
        return found


class Account:
    """One account's observations, in order, and the pages that brought them."""

    def __init__(self, items: _Items) -> None:
        self.lake = MemoryLake()
        self._items = items
        self._observations: list[Row] = []
        self._pages: list[tuple[str, CapturedPage]] = []
        self._changed: set[str] = set()
        self._tried: set[str] = set()

    def page(self, run: Run, answer: Any) -> CapturedPage | None:
        """A captured answer; None where it is no page, which is then recorded."""
        at = moment(run.scheduled)
        key = CaptureKey(ACCOUNT, at, run.name).text
        kept, product.PlayedItem = product.PlayedItem, self._items
        try:
            return product.read_page(
                answer,
                account=ACCOUNT,
                raw_key=key,
                capture_id=run.name,
                captured_at=at,
                observed_at=moment(run.at),
            )
        except BadAnswerError as error:
            self.failed(run.name, at, product.UNREADABLE, str(error), key)
            return None
        finally:
            product.PlayedItem = kept

    def failed(
        self, name: str, at: datetime, outcome: str, error: str, key: str | None = None
    ) -> None:
        """An attempt that brought nothing."""
        row = failed_capture_row(
            ACCOUNT, capture_id=name, captured_at=at, outcome=outcome, error=error
        )
        self._record([row | {"raw_key": key}])

    def derive(self, pages: list[CapturedPage]) -> None:
        """Derive pages, and count anew those after them that were derived before."""
        if not pages:
            return
        for page in pages:
            self._merge(page)
        first = min(page.raw_key for page in pages)
        later = [page for key, page in self._pages if key > first]
        for page in pages:
            insort(self._pages, (page.raw_key, page), key=_key)
        del self._pages[:-REMEMBERED]
        self._record([self._row(page) for page in [*pages, *later]])

    def _merge(self, page: CapturedPage) -> None:
        times = [row["time"] for row in page.observations]
        if not times:
            return
        first = bisect_left(self._observations, min(times), key=_time)
        around = self._observations[first:]
        merged = product.merge(around, page.observations)
        if merged != around:
            self._changed |= {month_of(time) for time in times}
            self._observations[first:] = merged

    def _row(self, page: CapturedPage) -> Row:
        known = self._observations
        times = [row["time"] for row in page.observations] + [last for _, last in page.unread]
        oldest = min([*times, naive_ms(page.observed_at)])
        # What could not be read may be known from before; else nothing is looked for there.
        since = oldest - (AROUND if page.problems else product.SHORTEST)
        around = known[bisect_left(known, since, key=_time) :]
        return product.capture_row(page, ACCOUNT, around)

    def _record(self, rows: list[Row]) -> None:
        captures = self.lake.tables.setdefault("captures", {})
        for row in rows:
            month = month_of(row["captured_at"])
            own = captures.setdefault(month, [])
            place = (row["captured_at"], row["capture_id"])
            at = bisect_left(own, place, key=_place)
            own[at : at + (at < len(own) and _place(own[at]) == place)] = [row]
            self._tried.add(month)

    def fold(self) -> None:
        """Derive plays, gaps and days, as Derive does after every page."""
        for each in sorted(
            {shift_month(month, by) for month in self._changed for by in (-1, 0, 1)}
        ):
            around = [row for by in (-1, 0, 1) for row in self._of_month(shift_month(each, by))]
            own = [row for row in plays_of(around) if month_of(row["played_at"]) == each]
            self.lake.replace("plays", each, ACCOUNT, lambda _, own=own: own)
        if self._tried:
            start, captures = coverage.captures_from(
                self.lake,
                ACCOUNT,
                min(self._tried),
                max(self._tried),
            )
            coverage.publish_coverage(self.lake, ACCOUNT, captures, start)
        self._changed.clear()
        self._tried.clear()

    def _of_month(self, month: str) -> list[Row]:
        first, last = (
            datetime.fromisoformat(f"{each}-01") for each in (month, shift_month(month, 1))
        )
        known = self._observations
        return known[bisect_left(known, first, key=_time) : bisect_left(known, last, key=_time)]


def _key(pair: tuple[str, CapturedPage]) -> str:
    return pair[0]


def _time(row: Row) -> datetime:
    at: datetime = row["time"]
    return at


def _place(row: Row) -> tuple[datetime, str]:
    return row["captured_at"], row["capture_id"]


def uri(number: int) -> str:
    """The URI of a track of this driver."""
    return odd_uri(str(track(number)["uri"]), number)


def live(life: Life) -> Lived:
    """Drive the domain through a life."""
    lived = Lived(life, uri)
    account = Account(_Items())
    pages = _pages()
    waiting: list[CapturedPage] = []  # captured, and killed before anything was derived
    held: list[CapturedPage] = []  # captured, and overtaken
    folded = life.start
    for run in life.runs:
        if run.refused:
            continue
        if run.at - folded >= FOLDED:
            account.fold()
            folded = run.at
        page = _captured(account, lived, run, pages)
        if page is not None:
            (held if run.held else waiting).append(page)
        if run.killed or (run.held and page is not None):
            continue
        account.derive(waiting)
        account.derive(held)
        waiting, held = [], []
    account.derive(waiting + held)
    account.fold()
    lake = account.lake
    lived.plays, lived.captures, lived.gaps = map(lake.rows, ("plays", "captures", "gaps"))
    lived.days = {each["day"]: each for each in lake.rows("account_days")}
    return lived


def _pages() -> Callable[[Life, Run], Row]:
    """A run's page of recently played; the same row is the same object every time."""
    rows: dict[tuple[int, int, bool, str | None], Any] = {}

    def page(life: Life, run: Run) -> Row:
        wrong, shown = garbled(life, run), []
        for place, (play, reading) in enumerate(life.page(run)):
            key = play.number, reading, run.seconds, wrong.get(place)
            if key not in rows:
                plain = played(play.track, moment(reading))
                rows[key] = as_shown(plain, play.track, seconds=run.seconds, how=wrong.get(place))
            shown.append(rows[key])
        return recently_played(shown)

    return page


def _captured(
    account: Account, lived: Lived, run: Run, pages: Callable[[Life, Run], Row]
) -> CapturedPage | None:
    lived.requests += 1
    if run.error in NO_PAGE:
        return account.page(run, NO_PAGE[run.error])
    if run.error is not None and run.error not in MENDED:
        outcome = "unreachable" if run.error in {"unreachable", "error_500"} else "failed"
        account.failed(run.name, moment(run.scheduled), outcome, run.error)
        return None
    good, hidden = readable(lived.life, run)
    lived.see(run.state, good, hidden)
    return account.page(run, pages(lived.life, run))
