"""What is kept of a file of history, and what its rows say."""

from datetime import datetime
from types import ModuleType
from typing import BinaryIO

import pyarrow as pa

from soundlake.importing.formats import spotify_account, spotify_extended
from soundlake.importing.packages import Member, open_member

_FORMATS: dict[str, ModuleType] = {
    "spotify_extended": spotify_extended,
    "spotify_account": spotify_account,
}


def keep(file: BinaryIO, member: Member) -> pa.Table:
    """The raw form of one file of a package: one row for each of its rows, in their order.

    It is redacted and else complete. `file` is the whole upload, seekable. Raises HistoryError.
    """
    kept: pa.Table = _FORMATS[member.kind].keep(open_member(file, member), member.name)
    return kept


def entries(raw: pa.Table, kind: str, name: str, *, now: datetime) -> pa.Table:
    """What the rows of a raw form say, in the columns of ENTRIES, one for each.

    `now` (aware) is the import's own time: what lies over a day after it was not played. A row
    that is no play has a `problem`, a sentence that names the field and its value.
    """
    made: pa.Table = _FORMATS[kind].entries(raw, name, now=now)
    return made
