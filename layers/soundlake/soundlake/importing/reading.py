"""What is kept of a file of history, and what its rows say."""

from collections.abc import Iterator
from datetime import datetime
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from soundlake.importing.entries import ENTRIES
from soundlake.importing.errors import HistoryError
from soundlake.importing.formats import (
    koito,
    lastfm,
    listenbrainz,
    maloja,
    own,
    spotify_account,
    spotify_extended,
)
from soundlake.importing.packages import Member, of_two, open_member

_FORMATS: dict[str, ModuleType] = {
    each.SOURCE: each
    for each in (koito, lastfm, listenbrainz, maloja, own, spotify_account, spotify_extended)
}


TOGETHER = 65_536  # rows that are looked at together: what is made of them stays small


def keep(file: BinaryIO, member: Member, people: set[str] | None = None) -> pa.Table:
    """The raw form of one file of a package: one row for each of its rows, in their order.

    It is redacted and else complete; whom its rows name is added to `people`. `file` is the whole
    upload, seekable. Raises HistoryError, also where they name two people.
    """
    found: set[str] = set()
    kept: pa.Table = _FORMATS[member.kind].keep(open_member(file, member), member.name, found)
    if len(found) > 1:
        shown = repr(member.name)
        raise HistoryError(of_two(shown, shown))
    if people is not None:
        people |= found
    return kept


def entries(raw: pa.Table, kind: str, name: str, *, now: datetime) -> pa.Table:
    """What the rows of a raw form say, in the columns of ENTRIES, one for each.

    `now` (aware) is the import's own time: what lies over a day after it was not played. A row
    that is no play has a `problem`, a sentence that names the field and its value.
    """
    parts = [
        _FORMATS[kind].entries(raw.slice(start, TOGETHER), name, now=now)
        for start in range(0, max(raw.num_rows, 1), TOGETHER)
    ]
    numbers = pa.array(np.arange(1, raw.num_rows + 1, dtype=np.int32))
    return pa.concat_tables(parts).set_column(0, ENTRIES.field("row"), numbers)


def rows(raw: pa.Table, kind: str) -> Iterator[Any]:
    """The rows of a raw form as they stood in the file, but for what is redacted."""
    found: Iterator[Any] = _FORMATS[kind].rows(raw)
    return found
