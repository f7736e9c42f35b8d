"""Arrow's columns, as numpy and Arrow hand them to each other here."""

from typing import Any

import pyarrow as pa

Column = Any  # an Arrow array, in chunks or in one


def array(values: Any, kind: Any = None) -> Column:
    """Values, or numpy's array of them, as an Arrow array."""
    return pa.array(values, kind)


def whole(column: Column) -> Column:
    """A column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def repeated(value: str, times: int) -> Column:
    """A text so many times."""
    return pa.repeat(pa.scalar(value, pa.string()), times)
