"""An account's plays of a month, from its observations. Derive alone writes these tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from soundlake.coverage import Span
from soundlake.importing.columns import array
from soundlake.listening import derive_plays
from soundlake.store.lake import Lake, object_key
from soundlake.times import shift_month


def observations_around(lake: Lake, account: str, months: Sequence[str]) -> pa.Table:
    """The observations of months, and of those beside them."""
    wanted = sorted({shift_month(month, by) for month in months for by in (-1, 0, 1)})
    keys = [object_key("observations", month, account) for month in wanted]
    rows: pa.Table = lake.read("observations", keys).combine_chunks()
    return rows


def whole_months(months: Sequence[str]) -> Span:
    """The time from the first of these months to the end of the last, that excluded."""
    first, after = (
        np.datetime64(month, "ms") for month in (min(months), shift_month(max(months), 1))
    )
    return first.item(), after.item()


def plays_of(lake: Lake, account: str, month: str, zone: str | None) -> pa.Table:
    """A month's plays; `zone` is the account's own.

    Where the observations are read after the plays that these replace, the last writer of plays
    has seen every observation written before it.
    """
    rows = observations_around(lake, account, [month])
    plays = derive_plays(rows, zone, within=whole_months([month])).plays
    own = months_of(plays.column("played_at")) == np.datetime64(month, "M")
    found: pa.Table = plays.filter(array(own)).combine_chunks()
    return found


def months_of(times: Any) -> Any:
    """The month of each time (UTC), as numpy's whole months."""
    return np.asarray(times, "datetime64[ms]").astype("datetime64[M]")
