"""Rows in groups, by what pyarrow has without its query engine.

`Table.group_by` loads that, and with it pandas: half a second and 40 MB for a function that starts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Groups:
    """A table's rows in the order of some columns (texts without nulls), equal ones a group."""

    def __init__(self, table: pa.Table, by: Sequence[str], within: Sequence[str] = ()) -> None:
        """Within a group rows are in the order of further columns."""
        order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in (*by, *within)])
        self._rows = table.take(order).combine_chunks()
        size = self._rows.num_rows
        begins = np.ones(min(size, 1), bool)
        if size > 1:
            differs = np.zeros(size - 1, bool)
            for name in by:
                column = self._rows.column(name)
                differs |= _numbers(pc.not_equal(column.slice(1), column.slice(0, size - 1)))
            begins = np.concatenate([begins, differs])
        self._starts = np.flatnonzero(begins)
        self._ends = np.append(self._starts[1:], size) if size else self._starts

    def first(self, name: str) -> Any:
        """Each group's first value of a column."""
        return self._rows.column(name).take(pa.array(self._starts, pa.int64()))

    def sizes(self) -> Any:
        """How many rows each group has."""
        return pa.array(self._ends - self._starts)

    def sum(self, name: str) -> Any:
        """Each group's sum of a column of whole numbers."""
        return self._each(np.add, _numbers(self._rows.column(name)).astype(np.int64))

    def most(self, name: str) -> Any:
        """Each group's greatest value of a column of whole numbers."""
        return self._each(np.maximum, _numbers(self._rows.column(name)))

    def any(self, name: str) -> Any:
        """Whether a column holds in one of each group's rows."""
        return self._each(np.logical_or, _numbers(self._rows.column(name)))

    def earliest(self, name: str) -> Any:
        """Each group's first day in a column of days."""
        days = _numbers(self._rows.column(name).cast(pa.int32()))
        return self._each(np.minimum, days).cast(pa.int32()).cast(pa.date32())

    def lists(self, name: str) -> Any:
        """Each group's values of a column."""
        values = self._rows.column(name).combine_chunks()
        offsets: Any = pa.array(np.append(self._starts, self._rows.num_rows), pa.int32())
        return pa.ListArray.from_arrays(offsets, values)

    def _each(self, reduce: np.ufunc, values: "np.ndarray[Any, Any]") -> Any:
        return pa.array(reduce.reduceat(values, self._starts) if len(values) else values)


def _numbers(column: Any) -> "np.ndarray[Any, Any]":
    found: np.ndarray[Any, Any] = column.to_numpy()
    return found
