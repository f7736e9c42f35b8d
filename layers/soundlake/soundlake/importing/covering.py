"""The spans of which an export of Spotify's own holds everything."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import PurePosixPath

import pyarrow as pa

from soundlake.importing.entries import Column, one, pc
from soundlake.importing.packages import file_number

_COVERING = ("spotify_extended", "spotify_account")
_NOT_ALL = ("video", "podcast", "audiobook")  # in the name of a file that has no music
_ORDERED = 0.1  # of the rows at most are earlier than the one before them, in a file in order

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class FileSpan:
    """From when to when a file's plays are (UTC, without zone), and whether in order of time."""

    kind: str
    name: str
    first: datetime
    last: datetime
    ordered: bool


def span_of(entries: pa.Table, kind: str, name: str) -> FileSpan | None:
    """From when to when a file's plays are; None where it has none, or does not hold everything.

    Of Spotify's own exports the files of music do. Videos come in files of their own, and other
    services know only what they were told.
    """
    low = name.lower()
    if kind not in _COVERING or any(part in low for part in _NOT_ALL):
        return None
    times: Column = one(entries["time"].filter(pc.is_null(entries["problem"])))
    if not len(times):
        return None
    ends = pc.min_max(times)
    back = pc.sum(pc.less(times[1:], times[:-1])).as_py() or 0
    share = back / max(len(times) - 1, 1)
    ordered = share <= _ORDERED or share >= 1 - _ORDERED
    return FileSpan(kind, name, ends["min"].as_py(), ends["max"].as_py(), ordered)


def covered(files: Iterable[FileSpan]) -> list[Span]:
    """The spans that a package covers, in order, apart from each other.

    A file covers from its first play to its last, and up to the next file's where their numbers
    follow each other. Where a file is not in order of time (as `endsong_N.json` may be), a play of
    the same day may be in any other: then the files cover together what they span, if none is
    missing, and else nothing.
    """
    series: dict[tuple[str, str], list[FileSpan]] = {}
    for file in files:
        series.setdefault((file.kind, _series(file.name)), []).append(file)
    spans: list[Span] = []
    for each in series.values():
        spans.extend(_of_series(each))
    return _joined(spans)


def _series(name: str) -> str:
    """What the names of files have in common whose numbers count on."""
    stem = PurePosixPath(name).stem.lower()
    return "".join(letter for letter in stem.partition("(")[0] if letter.isalpha())


def _of_series(files: list[FileSpan]) -> list[Span]:
    numbered = sorted(files, key=lambda file: (file_number(file.name) or 0, file.first))
    numbers = [file_number(file.name) or 0 for file in numbered]
    if not all(file.ordered for file in numbered):
        whole = numbers == list(range(len(numbers)))
        first, last = min(file.first for file in files), max(file.last for file in files)
        return [(first, last)] if whole else []
    spans = [(file.first, file.last) for file in numbered]
    for place, (before, number) in enumerate(pairwise(numbers)):
        if number == before + 1:
            (_, end), (start, _) = spans[place], spans[place + 1]
            spans.append((min(end, start), max(end, start)))
    return spans


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
