"""What Derive makes of an import: observations, then plays with the ledger, then its own row.

Each step is of a group of months, or of the whole, and gives the same when it is done again.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake.coverage import Span, days_within, united
from soundlake.deriving.coverage import exported, months, months_between, publish_coverage
from soundlake.deriving.plays import months_of, observations_around, plays_of, whole_months
from soundlake.importing import groups, ledger, merging
from soundlake.importing.columns import ordered, where
from soundlake.importing.covering import FileSpan, covered, span_of
from soundlake.importing.errors import HistoryError
from soundlake.importing.packages import Member, of_two
from soundlake.importing.reading import entries, keep
from soundlake.listening import derive_plays
from soundlake.store.imports import kept_key
from soundlake.store.kept import Kept, KeptFile
from soundlake.store.lake import Lake, Opened, Row, month_of_key
from soundlake.store.objects import ConflictError
from soundlake.times import format_time, month_of, naive_ms, parse_time, shift_month

OBSERVATIONS, PLAYS, IMPORTS, ROWS = "observations", "plays", "imports", "import_rows"
BOUNDS = ("since", "until")
AT_ONCE = 4  # months read or written at once: more cost more than they wait for
OTHERS = "others"  # the part of the ledger that tells of what is no play, or was not asked for


class LedgerError(Exception):
    """A ledger that does not add up to the rows of its files."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import as its steps see it: whose, which, when begun, and the span that was asked for.

    `since` and `until`, the first moment after the span, are UTC without zone.
    """

    account: str
    import_id: str
    raw_prefix: str
    at: datetime
    since: datetime | None = None
    until: datetime | None = None
    withdrawn: bool = False

    @classmethod
    def told(cls, given: Mapping[str, Any], *, withdrawn: bool = False) -> "Import":
        """An import as the state machine carries it."""
        since, until = (given[name] and naive_ms(parse_time(given[name])) for name in BOUNDS)
        return cls(
            given["account"],
            given["import_id"],
            given["raw_prefix"],
            parse_time(given["at"]),
            since,
            until,
            withdrawn,
        )

    @property
    def month(self) -> str:
        """The month of the import's own rows."""
        return month_of(self.at)

    @property
    def span(self) -> str:
        """The span that was asked for, as the ledger says it of what lies outside."""
        first = f"{self.since:%Y-%m-%d}" if self.since else "the beginning"
        last = f"before {self.until:%Y-%m-%d}" if self.until else "the end"
        return f"It is not of the span that was asked for: from {first} to {last}."


def outside(rows: pa.Table, import_: Import) -> Any:
    """Which entries lie outside the span that was asked for, as a mask."""
    time = rows.column("time")
    found = np.zeros(rows.num_rows, bool)
    for bound, compare in ((import_.since, pc.less), (import_.until, pc.greater_equal)):
        if bound is not None:
            beyond: Any = compare(time, pa.scalar(bound, time.type))
            found |= np.asarray(pc.coalesce(beyond, pa.scalar(False)))
    return found


def read_entries(kept: KeptFile, import_: Import) -> tuple[pa.Table, Any]:
    """A kept file's entries, and which of them are outside the span."""
    found = entries(kept.rows, kept.kind, kept.name, now=import_.at)
    return found, outside(found, import_)


def keep_file(
    kept: Kept, import_: Import, source: BinaryIO, member: Member, numbers: Container[int]
) -> dict[str, Any]:
    """Keep the rows of a file of an upload, unless they are; what there is to tell of them.

    `numbers` are those of the files that were kept before. Raises HistoryError where the file
    cannot be read, CorruptObjectError where what is kept is not whole.
    """
    file = kept.read(member.number) if member.number in numbers else None
    if file is None:
        people: set[str] = set()
        kept_rows = keep(source, member, people)
        person = next((_mark(each, import_) for each in people), None)
        key = kept.write(member.number, member.name, member.kind, kept_rows, person)
        file = KeptFile(key, member.name, member.kind, kept_rows, person)
    return tell(file, import_, member.number)


def tell(file: KeptFile, import_: Import, number: int) -> dict[str, Any]:
    """What there is to tell of a kept file, as Read does."""
    rows, left_out = read_entries(file, import_)
    is_play = np.asarray(pc.is_null(rows.column("problem")))
    times = np.asarray(rows.column("time"), "datetime64[ms]")
    months, counts = np.unique(months_of(times[is_play & ~left_out]), return_counts=True)
    span = span_of(rows, file.kind, file.name)
    return {
        "number": number,
        "name": file.name,
        "kind": file.kind,
        "rows": rows.num_rows,
        "invalid": int(np.sum(~is_play)),
        "outside": int(np.sum(is_play & left_out)),
        "months": dict(zip(months.astype(str).tolist(), counts.tolist(), strict=True)),
        "first": told(times[is_play].min().item()) if is_play.any() else None,
        "last": told(times[is_play].max().item()) if is_play.any() else None,
        "ordered": span.ordered if span else None,
        "person": file.person,
    }


def _mark(person: str, import_: Import) -> str:
    """What tells a person from another within an import, and nobody who it is.

    It is so short that one name of 65,536 has it: nobody can be found by trying names.
    """
    return hashlib.sha256(f"{import_.import_id} {person}".encode()).hexdigest()[:4]


def grouped(import_: Import, reads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A history's months in `groups`, and of what Read told the `files`, `covered`, `problems`.

    Raises HistoryError where the files name two people.
    """
    files = sorted((file for read in reads for file in read["files"]), key=itemgetter("number"))
    _check_person(files)
    spans = _asked(import_, covered(_span(file) for file in files if file["ordered"] is not None))
    short = ("number", "rows", "invalid", "outside", "first", "last")
    return {
        "groups": groups.groups({file["number"]: file["months"] for file in files}),
        "read": {
            "files": [{name: file[name] for name in short} for file in files],
            "covered": [{"from_time": told(first), "to_time": told(last)} for first, last in spans],
            "problems": [problem for read in reads for problem in read["problems"]],
        },
    }


def _check_person(files: Sequence[Mapping[str, Any]]) -> None:
    named = [file for file in files if file.get("person") is not None]
    for file in named:
        if file["person"] != named[0]["person"]:
            raise HistoryError(of_two(repr(named[0]["name"]), repr(file["name"])))


def _asked(import_: Import, spans: Iterable[Span]) -> list[Span]:
    """What spans have of the one that was asked for: of the rest nothing is imported."""
    clipped = [
        (max(first, import_.since or first), min(last, import_.until or last))
        for first, last in spans
    ]
    return [(first, last) for first, last in clipped if first <= last]


def _span(file: Mapping[str, Any]) -> FileSpan:
    first, last = _naive(file["first"]), _naive(file["last"])
    return FileSpan(file["kind"], file["name"], first, last, file["ordered"])


def _naive(text: str) -> datetime:
    return naive_ms(parse_time(text))


def told(time: datetime) -> str:
    """A time of the tables (UTC, without zone) as the state machine carries it."""
    return format_time(time.replace(tzinfo=UTC))


def merge_months(lake: Lake, kept: Kept, import_: Import, group: Mapping[str, Any]) -> int:
    """Put a group's observations into the months' objects, or take them out; how many changed.

    `group` has `months` and the numbers of the `files` with rows of them.
    """
    months = {np.datetime64(month, "M"): month for month in group["months"]}
    seen = [] if import_.withdrawn else _observations(kept, import_, group["files"])
    rows = pa.concat_tables([merging.SCHEMA.empty_table(), *seen])
    by_month = _by_month(rows, rows.column("time"))
    there = _there(lake, OBSERVATIONS, import_.account, group["months"])

    def merge(month: Any) -> bool:
        own = by_month.get(month, merging.SCHEMA.empty_table())

        def change(known: pa.Table) -> pa.Table:
            return merging.added(merging.without(known, import_.raw_prefix), own)

        done = lake.replace_table(OBSERVATIONS, months[month], import_.account, change, there=there)
        return done.written

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(merge, months))


def _there(lake: Lake, table: str, account: str, months: Collection[str]) -> Container[str] | None:
    """Which of an account's objects of a table there are; None where few months are asked for.

    A life's first import finds none of its months: one request says so for all.
    """
    return lake.written(table, account) if len(months) > AT_ONCE else None


def _observations(kept: Kept, import_: Import, files: Iterable[int]) -> list[pa.Table]:
    found = []
    for number in files:
        file = kept.need(number)
        rows, left_out = read_entries(file, import_)
        inside = where(rows, ~left_out)
        found.append(merging.observations_of(inside, import_.account, file.key))
    return found


def _by_month(rows: pa.Table, times: Any) -> dict[Any, pa.Table]:
    """Rows in their months, in the order that they have."""
    months = months_of(times)
    order = np.argsort(months, kind="stable")
    in_order = ordered(rows, order)
    distinct, starts = np.unique(months[order], return_index=True)
    ends = np.append(starts[1:], len(order))[: len(starts)]
    return {
        month: in_order.slice(start, end - start)
        for month, start, end in zip(distinct, starts, ends, strict=True)
    }


def play_months(
    lake: Lake, kept: Kept, import_: Import, group: Mapping[str, Any], zone: str | None
) -> dict[str, Any]:
    """Derive a group's plays anew, and write the ledger of the import's rows in its months.

    `group` has `months`, those months with the neighbours that it derives too in `plays`, the
    numbers of its `files` and its own `number`. Gives the counts of the ledger's outcomes, and how
    many plays there are more than before.
    """
    account = import_.account
    # First the plays, then what they are made of: whoever writes these in between is met with a
    # conflict, and then the month is derived once more.
    there = _there(lake, PLAYS, account, group["plays"])
    opened: list[Opened] = _each(
        lambda month: lake.open(PLAYS, month, account, there=there), group["plays"]
    )
    rows = observations_around(lake, account, group["plays"])
    derived = derive_plays(rows, zone, within=whole_months(group["plays"]))
    months = _by_month(derived.plays, derived.plays.column("played_at"))

    def close(one: Opened, month: str) -> int:
        after = months.get(np.datetime64(month, "M"), one.rows.schema.empty_table())
        try:
            lake.close(one, after)
        except ConflictError:
            lake.replace_table(
                PLAYS, month, account, lambda _: plays_of(lake, account, month, zone)
            )
        return int(after.num_rows - one.rows.num_rows)

    more: list[int] = _each(close, opened, group["plays"])
    if import_.withdrawn:
        return {"outcomes": {}, "plays": sum(more)}
    asked = derived.play_of >= 0
    own = np.isin(
        months_of(rows.column("time")), [np.datetime64(each, "M") for each in group["months"]]
    )
    files = {kept_key(kept.prefix, number): kept.name(number) for number in group["files"]}
    found = ledger.rows_of_plays(
        where(rows.select(["source", "raw_keys", "raw_rows"]), asked).combine_chunks(),
        derived.plays,
        derived.play_of[asked],
        own=own[asked],
        raw_prefix=import_.raw_prefix,
        files=files,
    )
    _write_ledger(lake, import_, f"{group['number']:04d}", found)
    return {"outcomes": ledger.counted(found), "plays": sum(more)}


def _each[T](function: Any, *given: Iterable[Any]) -> list[T]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(function, *given))


def write_others(lake: Lake, kept: Kept, import_: Import, files: Iterable[int]) -> Counter[str]:
    """Write the ledger of those rows of some files that are no plays, or outside the span."""
    total: Counter[str] = Counter()
    tables = [ledger.SCHEMA.empty_table()]
    for number in files:
        file = kept.need(number)
        rows, left_out = read_entries(file, import_)
        tables.append(ledger.rows_of_others(rows, left_out, file.name, file.key, import_.span))
    found = pa.concat_tables(tables)
    total.update(ledger.counted(found))
    _write_ledger(lake, import_, OTHERS, found)
    return total


def conclude(
    lake: Lake, kept: Kept, import_: Import, given: Mapping[str, Any], read: Mapping[str, Any]
) -> tuple[Row, int]:
    """Write the import's own row and what it tells of gaps and days.

    Gives the row, and how many days it confirms that no other import does.

    `given` is the import as the machine carries it; `read` has its `files` as Read tells of them,
    the `outcomes` of the ledger so far, and the `problems`. Raises LedgerError where the ledger
    does not add up to the rows.
    """
    files = read["files"]
    refused = [file["number"] for file in files if file["invalid"] or file["outside"]]
    outcomes = write_others(lake, kept, import_, refused)
    for counts in read["outcomes"]:
        outcomes.update(counts)
    rows = sum(file["rows"] for file in files)
    if outcomes.total() != rows:
        raise LedgerError(
            f"The ledger of {import_.import_id} has {outcomes.total():,} rows, its files {rows:,}: "
            "import the file again, and if it stays so, keep it and report this."
        )
    spans = [(_naive(span["from_time"]), _naive(span["to_time"])) for span in read["covered"]]
    times = [file[name] for file in files for name in ("first", "last") if file[name]]
    row = {
        "account": import_.account,
        "import_id": import_.import_id,
        "imported_at": naive_ms(import_.at),
        "status": "imported",
        **{name: given[name] for name in ("kind", "name", "sha256", "bytes", "raw_prefix")},
        "files": len(files),
        "rows": rows,
        **{outcome: outcomes[outcome] for outcome in ledger.OUTCOMES},
        "from_time": min(times, default=None),
        "to_time": max(times, default=None),
        "covered": [{"from_time": first, "to_time": last} for first, last in spans],
        "problems": read["problems"],
        "withdrawn_at": None,
    }
    _forget_ledger(lake, import_, len(read["outcomes"]))
    _write_row(lake, import_, row)
    _cover(lake, import_, row, spans)
    others = [span for prefix, span in exported(lake, import_.account) if prefix != kept.prefix]
    return row, len(days_within(united([*others, *spans])) - days_within(united(others)))


def take_back(lake: Lake, import_: Import, at: datetime) -> Row | None:
    """Write that an import was withdrawn, and what that makes of gaps and days; its row."""
    found = imported(lake, import_)
    if found is None:
        return None
    row = found | {"status": "withdrawn", "withdrawn_at": naive_ms(at)}
    _write_row(lake, import_, row)
    spans = [(span["from_time"], span["to_time"]) for span in found["covered"] or ()]
    _cover(lake, import_, row, spans)
    return row


def imported(lake: Lake, import_: Import) -> Row | None:
    """An import's own row, if it has one yet."""
    rows = lake.owned(IMPORTS, import_.month, import_.account)
    return next((row for row in rows if row["import_id"] == import_.import_id), None)


def _write_row(lake: Lake, import_: Import, row: Row) -> None:
    def change(before: list[Row]) -> list[Row]:
        rows = {one["import_id"]: one for one in before} | {row["import_id"]: row}
        return sorted(rows.values(), key=lambda one: (str(one["imported_at"]), one["import_id"]))

    lake.replace(IMPORTS, import_.month, import_.account, change)


def _cover(lake: Lake, import_: Import, row: Row, spans: Iterable[Span]) -> None:
    """Derive the gaps and days of an account that has captures or spans which are covered."""
    account, now = import_.account, naive_ms(import_.at)
    also = _months_of(spans)
    if row["from_time"] is not None:
        # Its plays may be on days that another import confirms, and say how many they have.
        first, last = (str(row[name])[:7] for name in ("from_time", "to_time"))
        heard = months(shift_month(first, -1), shift_month(last, 1))
        also |= _months_of(span for _, span in exported(lake, account)) & {*heard}
    captured = sorted(map(month_of_key, lake.written("captures", account)))
    captures = [row for month in captured for row in lake.owned("captures", month, account)]
    if also or captures:
        start = min([*captured, import_.month])
        publish_coverage(lake, account, captures, start, at=now, also=also)


def _months_of(spans: Iterable[Span]) -> set[str]:
    return {month for first, last in spans for month in months_between(first, last)}


def _write_ledger(lake: Lake, import_: Import, part: str, rows: pa.Table) -> None:
    finished = ledger.finished(rows, import_.account, import_.import_id)
    lake.replace_table(ROWS, import_.month, _part(import_, part), lambda _: finished)


def _forget_ledger(lake: Lake, import_: Import, groups: int) -> None:
    """Empty the ledger of groups that there are no more: it was withdrawn, and had another span."""
    here = {_part(import_, f"{number:04d}") for number in range(1, groups + 1)}
    here.add(_part(import_, OTHERS))
    for key in lake.keys(ROWS, import_.month):
        name = key.rpartition("/")[2].removesuffix(".parquet")
        if name.startswith(_part(import_, "")) and name not in here:
            lake.replace_table(ROWS, import_.month, name, lambda rows: rows.schema.empty_table())


def _part(import_: Import, part: str) -> str:
    """The name of the owner of a part of an import's ledger."""
    return f"{import_.account}.{import_.import_id}-{part}"
