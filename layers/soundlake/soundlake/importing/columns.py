"""Arrow's columns, as numpy and Arrow hand them to each other here."""

from typing import Any

import numpy as np
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


def where(table: pa.Table, mask: Any) -> pa.Table:
    """The rows of a table that a mask of numpy's has; the table itself where that is all."""
    return table if mask.all() else table.filter(array(mask))


def ordered(table: pa.Table, order: Any) -> pa.Table:
    """The rows of a table in an order of numpy's; the table itself where they are in it."""
    if len(order) == table.num_rows and np.all(order[1:] == order[:-1] + 1):
        return whole_table(table)
    return whole_table(table.take(array(order)))


def whole_table(table: pa.Table) -> pa.Table:
    """A table with each column in one piece."""
    pieces = (column.num_chunks for column in table.columns)
    return table if all(number == 1 for number in pieces) else table.combine_chunks()
