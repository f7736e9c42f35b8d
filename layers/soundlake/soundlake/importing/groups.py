"""How an import's work is divided: files into parts, months into groups. Nothing here asks AWS."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

from soundlake.times import shift_month

PART_BYTES = 80_000_000  # of files that are read together: 100,000 rows of Spotify's or so
GROUP_ROWS = 150_000  # of months that are merged and derived together
GROUP_MONTHS = 8  # where their rows were not counted

Group = dict[str, Any]


def parts(files: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The numbers of files (number, bytes) in parts of about `PART_BYTES`, in their order."""
    return _divided(files, PART_BYTES)


def _divided[T](things: Sequence[tuple[T, int]], most: int) -> list[list[T]]:
    """Things in their order, in groups of about as much each, `most` or so.

    The groups are an even number, where they are more than one: two are worked on at once.
    """
    total = sum(size for _, size in things)
    count = 1 if total <= most else 2 * ceil(total / most / 2)
    found: list[list[T]] = []
    done = 0
    for thing, size in things:
        if not found or done >= len(found) * total / count:
            found.append([])
        found[-1].append(thing)
        done += size
    return found


def groups(rows_by_file: Mapping[int, Mapping[str, int]]) -> list[Group]:
    """Months (`YYYY-MM`) in groups of about `GROUP_ROWS` rows: `{number, months, plays, files}`.

    `rows_by_file` are each file's rows by month; a group's `files` are those that have rows of it,
    and its `plays` the months whose plays it derives: its own and those beside them, each in one
    group.
    """
    months: dict[str, int] = {}
    for rows in rows_by_file.values():
        for month, count in rows.items():
            months[month] = months.get(month, 0) + count
    found = _divided(sorted(months.items()), GROUP_ROWS)
    return _numbered(
        found,
        lambda wanted: [number for number, rows in rows_by_file.items() if wanted & rows.keys()],
    )


def every(months: Sequence[str]) -> list[Group]:
    """Months in groups, for when nobody knows how many rows they have."""
    starts = range(0, len(months), GROUP_MONTHS)
    return _numbered([list(months[at : at + GROUP_MONTHS]) for at in starts], lambda _: [])


def _numbered(months: list[list[str]], files: Callable[[set[str]], list[int]]) -> list[Group]:
    taken = {month for each in months for month in each}
    found = []
    for number, own in enumerate(months, 1):
        beside = {shift_month(month, by) for month in own for by in (-1, 1)} - taken
        taken |= beside
        found.append(
            {
                "number": number,
                "months": own,
                "plays": sorted({*own, *beside}),
                "files": files(set(own)),
            }
        )
    return found
