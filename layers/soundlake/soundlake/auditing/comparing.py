"""Whether a table's rows are those that follow from the raw zone, and which are not."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa

Row = dict[str, Any]

# What tells the rows of an object from each other, for people: where several rows share it, they
# are compared as they stand.
KEYS: dict[str, tuple[str, ...]] = {
    "observations": ("source", "time", "uri", "track_name", "ms_played"),
    "plays": ("played_at", "uri", "name_key"),
    "captures": ("capture_id",),
    "gaps": ("from_time", "found_at"),
    "account_days": ("day",),
    "imports": ("import_id",),
    "import_rows": ("raw_key", "row"),
    "music_activity": ("played_at", "track_id", "track_name"),
    "chart_entries": ("chart", "chart_date", "position"),
    "chart_days": ("chart", "chart_date"),
    "country_profiles": ("chart", "chart_date"),
    "audio_features": ("track_id",),
    "track_sections": ("track_id",),
    "track_segments": ("track_id",),
}
DIGITS = 9  # of a number that is no whole one: another version of a library may round otherwise


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what follows from the raw zone.

    `what` is `missing` (from the table), `extra` (nothing in the raw zone says so) or `changed`,
    then with the `columns` that differ. `there` is the table's row, `derived` the one that follows.
    An object that cannot be read, and of which no row would be missing, is itself `unreadable`.
    """

    what: str
    key: Row
    columns: list[str] = field(default_factory=list)
    there: Row | None = None
    derived: Row | None = None

    def told(self) -> Row:
        """What differs, as JSON."""
        return {
            "what": self.what,
            "key": self.key,
            "columns": self.columns,
            "there": self.there,
            "derived": self.derived,
        }


def differences(table: str, derived: pa.Table, there: pa.Table) -> list[Difference]:
    """The rows in which an object differs from what was derived; the order of rows is nothing.

    Values are compared in the columns of `derived`.
    """
    there = there.select(derived.schema.names)
    if derived.equals(there):
        return []
    derived, there = _from_first_to_last(derived, there)
    left, more = _only(derived.to_pylist(), there.to_pylist())
    by_key: dict[str, list[Row]] = {}
    for row in more:
        by_key.setdefault(_text(_key(table, row)), []).append(row)
    found = []
    for row in left:
        key = _key(table, row)
        same = by_key.get(_text(key))
        if not same:
            found.append(Difference("missing", key, derived=row))
            continue
        other = same.pop(0)
        columns = [name for name in row if row[name] != other[name]]
        found.append(Difference("changed", key, columns, there=other, derived=row))
    found += [
        Difference("extra", _key(table, row), there=row) for rows in by_key.values() for row in rows
    ]
    return sorted(found, key=lambda each: (_text(each.key), each.what))


def _from_first_to_last(ours: pa.Table, theirs: pa.Table) -> tuple[pa.Table, pa.Table]:
    """What lies between the first and the last rows that both have alike.

    A million rows take a gigabyte as Python's, and those that differ are few and near each other.
    """
    ours, theirs = ours.combine_chunks(), theirs.combine_chunks()
    most = min(ours.num_rows, theirs.num_rows)
    first = _alike(most, lambda rows: bool(ours.slice(0, rows).equals(theirs.slice(0, rows))))
    last = _alike(
        most - first,
        lambda rows: bool(
            ours.slice(ours.num_rows - rows).equals(theirs.slice(theirs.num_rows - rows))
        ),
    )
    return (
        ours.slice(first, ours.num_rows - first - last),
        theirs.slice(first, theirs.num_rows - first - last),
    )


def _alike(most: int, equal: Callable[[int], bool]) -> int:
    """The largest number up to `most` that is `equal`, as all smaller ones are."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if equal(middle):
            low = middle
        else:
            high = middle - 1
    return low


def counted(found: Iterable[Difference]) -> dict[str, int]:
    """How many rows differ, by what."""
    return dict(sorted(Counter(each.what for each in found).items()))


def _only(derived: Sequence[Any], there: Sequence[Any]) -> tuple[list[Row], list[Row]]:
    """The rows that only one side has, each as often as it has it more often."""
    ours, theirs = ([plain(row) for row in rows] for rows in (derived, there))
    texts = [_text(row) for row in ours], [_text(row) for row in theirs]
    left = Counter(texts[0]) - Counter(texts[1])
    more = Counter(texts[1]) - Counter(texts[0])
    return _taken(ours, texts[0], left), _taken(theirs, texts[1], more)


def _taken(rows: Iterable[Row], texts: Iterable[str], wanted: Counter[str]) -> list[Row]:
    found = []
    for row, text in zip(rows, texts, strict=True):
        if wanted[text] > 0:
            wanted[text] -= 1
            found.append(row)
    return found


def _key(table: str, row: Row) -> Row:
    return {name: row[name] for name in KEYS[table] if name in row}


def plain(value: Any) -> Any:
    """A value of a table as JSON has it: times in ISO 8601 (UTC), numbers to nine digits."""
    match value:
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case float():
            return float(f"{value:.{DIGITS}g}")
        case datetime():
            return f"{value.isoformat(timespec='milliseconds')}Z"
        case date():
            return value.isoformat()
        case _:
            return value


def _text(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
