"""Local times: what the clocks showed where plays were heard."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundlake.zones import offset, zone_of

_DAY = 86_400  # seconds


def local(played_at: Any, country: Any, zone: str | None) -> "tuple[pa.Array[Any], pa.Array[Any]]":
    """The time zones and local times of plays: strings, and timestamps in ms; null if unknown.

    `played_at` (UTC, timestamps in ms) and `country` (ISO 3166-1 alpha-2) are arrays of one
    length, `zone` is the account's own. In the hour that clocks are put back, two moments have
    one local time.
    """
    millis = _numbers(played_at.cast(pa.int64()), 0)
    codes = _whole(country.cast(pa.string())).dictionary_encode()
    named = [zone_of(code, zone) for code in codes.dictionary.to_pylist()]
    named.append(zone_of(None, zone))
    names = sorted({one for one in named if one is not None})
    place = np.array([names.index(one) if one is not None else -1 for one in named])
    zones = place[_numbers(codes.indices, len(named) - 1)]
    missing = (zones < 0) | _whole(played_at).is_null().to_numpy(zero_copy_only=False)
    heard = np.flatnonzero(~missing)
    shifted = millis.copy()
    shifted[heard] += _offsets(millis[heard], zones[heard], names)
    zone_names = pa.DictionaryArray.from_arrays(
        pa.array(zones, pa.int32(), mask=missing), pa.array(names, pa.string())
    )
    times = pa.array(shifted, pa.int64(), mask=missing).cast(pa.timestamp("ms"))
    return zone_names.cast(pa.string()), times


def _offsets(millis: Any, zones: Any, names: list[str]) -> Any:
    """What is to be added to times (UTC, ms) on the clocks of `names[zones]`, in ms.

    A zone's clocks are asked once for each day. Only where they change that day does the moment
    count: that need not be at a full hour.
    """
    days = millis // (_DAY * 1000)
    first = int(days.min()) if len(days) else 0
    encoded = pa.array(zones * (1 << 32) + (days - first)).dictionary_encode()
    found = []
    for key in encoded.dictionary.to_pylist():
        name, day = names[key >> 32], first + (key & 0xFFFFFFFF)
        begin, end = offset(name, day * _DAY), offset(name, (day + 1) * _DAY)
        found.append((begin, begin == end))
    table = np.array(found, dtype=np.int64).reshape(-1, 2)[encoded.indices.to_numpy()]
    offsets = table[:, 0]
    for row in np.flatnonzero(table[:, 1] == 0).tolist():
        offsets[row] = offset(names[zones[row]], int(millis[row]) // 1000)
    return offsets * 1000


def _whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _numbers(values: Any, null: int) -> Any:
    """An array of whole numbers for numpy, with a number for null."""
    return pc.fill_null(_whole(values), null).to_numpy(zero_copy_only=False)
