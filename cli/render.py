"""Answers on the terminal: tables, CSV and JSON."""

import csv
import json
import sys
from collections.abc import Iterable
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.athena import Result

_WIDE = 5
_INDENT = " " * 9
_NUMERIC = {"tinyint", "smallint", "integer", "int", "bigint", "float", "real", "double", "decimal"}


def labelled(title: str, lines: Iterable[str], console: Console) -> None:
    """Print lines beside a title."""
    for number, line in enumerate(lines):
        head = _INDENT if number else f"{title:{len(_INDENT)}}"
        console.print(head + line, soft_wrap=True, markup=False, highlight=False)


def as_table(result: Result, title: str | None = None) -> Table:
    """Return a query's answer as a table; NULL is shown as a dash.

    A single row of many columns stands upright, one line a column, to stay readable.
    """
    if len(result.rows) == 1 and len(result.columns) > _WIDE:
        upright = Table(title=title, box=None, show_header=False, pad_edge=False)
        for column, cell in zip(result.columns, result.rows[0], strict=True):
            upright.add_row(Text(column.name, style="dim"), Text("-" if cell is None else cell))
        return upright
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in result.columns:
        numeric = column.type.partition("(")[0] in _NUMERIC
        table.add_column(column.name, justify="right" if numeric else "left", overflow="fold")
    for row in result.rows:
        # As Text, or a title with brackets would be read as markup.
        table.add_row(*(Text("-" if cell is None else cell) for cell in row))
    return table


def write_table(result: Result, console: Console) -> None:
    """Print a query's answer as a table with its number of rows."""
    console.print(as_table(result))
    count = len(result.rows)
    console.print(f"{count:,} row{'' if count == 1 else 's'}", style="dim")


def write_csv(result: Result, out: TextIO = sys.stdout) -> None:
    """Write a query's answer as CSV with a header; NULL is an empty field."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in result.columns])
    writer.writerows(["" if cell is None else cell for cell in row] for row in result.rows)


def write_json(result: Result, out: TextIO = sys.stdout) -> None:
    """Write a query's answer as a JSON list of objects."""
    json.dump(list(result.records()), out, ensure_ascii=False, indent=1)
    out.write("\n")
