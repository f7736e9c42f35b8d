"""`./soundlake why`: what a person asks for, found, traced and shown."""

import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from rich.console import Console

from cli.errors import Misuse
from cli.target import Target
from cli.why import figures, finding
from cli.why.rows import Rows
from cli.why.tree import Node, lines

HELP: Final = """Trace a row or a figure to what was kept, asked and run.

    ./soundlake why plays 2026-11-25T07:30  a play, by its time or part of it
    ./soundlake why plays 2026-11-25T07:30 --column ms_played
    ./soundlake why chart_entries sweden 2026-11-25 7
    ./soundlake why artists "Some Name" --column genres
    ./soundlake why account_days 2026-11-25
    ./soundlake why plays                   how many rows a table has
    ./soundlake why warnings                a figure of the last summary
"""


def trace(target: Target, what: str, words: Sequence[str], column: str | None) -> Node:
    """Return what is asked for with all that it comes from; raise Misuse or Trouble."""
    rows = Rows(target)
    if what in finding.KEYS:
        if words:
            return rows.trace(what, finding.find(rows.tables, what, words), column)
        if column is None:
            return figures.size(rows, target, what)
        raise Misuse(f"--column is of one row; name it by {', '.join(finding.KEYS[what])}.")
    if not figures.is_figure(what):
        near = get_close_matches(what, [*finding.KEYS, *figures.NAMES], 1)
        meant = f" Is {near[0]} meant?" if near else ""
        raise Misuse(
            f"There is no table and no figure {what!r}.{meant} The tables are "
            f"{', '.join(finding.KEYS)}; the figures are {', '.join(figures.NAMES)}."
        )
    if column is not None:
        raise Misuse("--column is of a table's row; a figure has none.")
    return figures.figure(rows, target, what, words)


def show(node: Node, console: Console, *, as_json: bool, whole: bool) -> None:
    """Print a tree."""
    if as_json:
        json.dump(node.as_json(), sys.stdout, indent=2, ensure_ascii=False, default=str)
        sys.stdout.write("\n")
        return
    for line in lines(node, whole=whole, width=console.width if console.is_terminal else None):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
