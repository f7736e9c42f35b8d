"""Why a play is what it is: the observations that are it, by the rule that made it of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from soundlake.best_of import givers
from soundlake.deriving.plays import observations_around
from soundlake.importing.columns import where
from soundlake.listening import Derived, derive_plays
from soundlake.observed import Rows
from soundlake.store.lake import Lake, Row
from soundlake.times import format_time, month_of

# The columns of a play that no row gives, and what each follows from.
FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "track_id": ("uri",),
    "sources": ("all rows",),
    "evidence": ("all rows",),
    "time_zone": ("country", "the account's own zone"),
    "local_time": ("played_at", "time_zone"),
    "counts_30s": ("ms_played", "that Spotify listed it"),
    "counts_to_end": ("reason_end",),
    "counts_half": ("ms_played", "duration_ms"),
    "flags": ("the plays around it",),
    "name_key": ("artist_names", "track_name"),
}


def explain(lake: Lake, account: str, asked: Mapping[str, Any], zone: str | None) -> Row | None:
    """The play that is asked for, derived again, and its observations; None where there is none.

    `asked` names a play by `played_at` (UTC, without zone), `uri` and `name_key`, or the play of a
    row by its `time`, `raw_key` and `raw_row` (None for a page's, which has its `uri`). Each of
    the `observations` has all that it says, and as `gives` the play's columns that are from it;
    `follows` has what the others follow from. Times are texts.
    """
    at: datetime = asked["played_at"] if "played_at" in asked else asked["time"]
    rows = observations_around(lake, account, [month_of(at)])
    derived = derive_plays(rows, zone)
    place = _named(derived, asked) if "played_at" in asked else _of_row(rows, derived, asked)
    if place is None:
        return None
    own: pa.Table = where(rows, derived.play_of == place)
    given = givers(Rows(own.combine_chunks()))
    observations = [
        told(row) | {"gives": [name for name, giver in given.items() if giver == number]}
        for number, row in enumerate(own.to_pylist())
    ]
    return {
        "play": told(derived.plays.slice(place, 1).to_pylist()[0]),
        "observations": observations,
        "follows": {name: list(parts) for name, parts in FOLLOWS.items()},
    }


def _named(derived: Derived, asked: Mapping[str, Any]) -> int | None:
    names = ("played_at", "uri", "name_key")
    wanted = tuple(asked.get(name) for name in names)
    times = np.asarray(derived.plays.column("played_at"), "datetime64[ms]")
    for place in np.flatnonzero(times == np.datetime64(asked["played_at"], "ms")).tolist():
        (play,) = derived.plays.select(list(names)).slice(place, 1).to_pylist()
        if tuple(play[name] for name in names) == wanted:
            return int(place)
    return None


def _of_row(rows: pa.Table, derived: Derived, asked: Mapping[str, Any]) -> int | None:
    times = np.asarray(rows.column("time"), "datetime64[ms]")
    for place in np.flatnonzero(times == np.datetime64(asked["time"], "ms")).tolist():
        (row,) = rows.slice(place, 1).to_pylist()
        numbers = row["raw_rows"] or [None] * len(row["raw_keys"])
        same = row["uri"] == asked["uri"] if "uri" in asked else True
        if same and (asked["raw_key"], asked["raw_row"]) in zip(
            row["raw_keys"], numbers, strict=True
        ):
            return int(derived.play_of[place])
    return None


def told(row: Mapping[str, Any]) -> Row:
    """What a row says, as JSON has it: without what it does not, times as texts."""
    return {
        name: _text(name, value) if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    }


def _text(name: str, value: datetime) -> str:
    if name == "local_time":
        return value.isoformat(timespec="milliseconds")  # on clocks of another zone
    return format_time(value.replace(tzinfo=UTC))
