"""What is kept of a file of history, and what its rows say."""

from collections.abc import Iterator
from datetime import datetime
from types import ModuleType
from typing import Any, BinaryIO

import pyarrow as pa

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
from soundlake.importing.packages import Member, open_member

_FORMATS: dict[str, ModuleType] = {
    each.SOURCE: each
    for each in (koito, lastfm, listenbrainz, maloja, own, spotify_account, spotify_extended)
}


def keep(file: BinaryIO, member: Member) -> pa.Table:
    """The raw form of one file of a package: one row for each of its rows, in their order.

    It is redacted and else complete. `file` is the whole upload, seekable. Raises HistoryError.
    """
    try:
        kept: pa.Table = _FORMATS[member.kind].keep(open_member(file, member), member.name)
    except RecursionError as error:
        raise HistoryError(
            f"{member.name!r} is nested deeper than any export is. Download it again."
        ) from error
    return kept


def entries(raw: pa.Table, kind: str, name: str, *, now: datetime) -> pa.Table:
    """What the rows of a raw form say, in the columns of ENTRIES, one for each.

    `now` (aware) is the import's own time: what lies over a day after it was not played. A row
    that is no play has a `problem`, a sentence that names the field and its value.
    """
    made: pa.Table = _FORMATS[kind].entries(raw, name, now=now)
    return made


def rows(raw: pa.Table, kind: str) -> Iterator[Any]:
    """The rows of a raw form as they stood in the file, but for what is redacted."""
    found: Iterator[Any] = _FORMATS[kind].rows(raw)
    return found
