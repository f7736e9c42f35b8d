"""Every way through the machines on both engines: `python -m tests.statemachines [--json]`.

Runs the scenarios on moto's engine and on the embedded AWS and shows, of every run, the way it
took, how it ended on each, and whether they agree; then the differences that are known. Exits
with 1 when any run disagrees.
"""

import argparse
import contextlib
import inspect
import json
import os
import sys
import warnings
from collections import Counter
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_CAUSE = 90  # characters of a cause that the table shows


def main() -> int:
    """Run, compare and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.statemachines", description=__doc__)
    parser.add_argument("--json", action="store_true", help="write JSON")
    given = parser.parse_args()
    # The functions write a line for each invocation to the standard output that they find when
    # they are imported, and say that there is no metric to write when there is none.
    warnings.filterwarnings("ignore", "No application metrics")
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        from tests.statemachines import embedded

        with Console(stderr=True).status("Running every scenario on both engines"):
            found = [each for runs in embedded.replays().values() for each in runs]
    rows = [_row(each) for each in found]
    if given.json:
        json.dump(rows, sys.stdout, indent=1)
        print()
    else:
        _show(rows)
    return 0 if all(row["agree"] for row in rows) else 1


def _row(run: Any) -> dict[str, Any]:
    """One run of a scenario, for programs."""
    return {
        "machine": run.moto.machine,
        "scenario": _words(run.scenario),
        "run": run.moto.name,
        "path": run.moto.path,
        "branches": run.moto.branches,
        "moto": _end(run.moto),
        "ministack": _end(run.embedded),
        "agree": not run.disagreements,
        "disagreements": run.disagreements,
        "known_differences": sorted(run.differences),
    }


def _words(scenario: str) -> str:
    """A scenario's name in words, and what its docstring adds."""
    from tests.statemachines.scenarios import SCENARIOS

    more = inspect.getdoc(SCENARIOS[scenario])
    return scenario.replace("_", " ") + (f": {more}" if more else "")


def _end(execution: Any) -> dict[str, Any]:
    return {name: getattr(execution, name) for name in ("status", "error", "cause", "waits")}


def _show(rows: list[dict[str, Any]]) -> None:
    from tests.statemachines.differences import DIFFERENCES

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, show_lines=True)
    for name in ("machine", "scenario", "way", "moto's end", "MiniStack's end", "agree"):
        table.add_column(name, overflow="fold")
    for row in rows:
        way = " → ".join(row["path"])
        branches = Counter(" → ".join(branch) for branch in row["branches"])
        way += "".join(f"\n{count} of: {branch}" for branch, count in branches.items())
        ends = [_end_text(row[engine]) for engine in ("moto", "ministack")]
        agree = "[green]yes[/]" if row["agree"] else "[red]no[/]"
        scenario = f"{row['scenario']} ({row['run']})"
        table.add_row(row["machine"], *map(escape, (scenario, way, *ends)), agree)
    console.print(table)
    for row in rows:
        for subject, text in row["disagreements"].items():
            console.print(f"[red]✗[/] {escape(row['scenario'])} ({row['run']}), {subject}:")
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    known = Table(box=box.SIMPLE_HEAD, title="Known differences, allowed for")
    known.add_column("MiniStack")
    known.add_column("why")
    known.add_column("runs", justify="right")
    for each in DIFFERENCES:
        count = sum(each.what in row["known_differences"] for row in rows)
        known.add_row(escape(each.what), escape(each.why), str(count))
    console.print(known)
    agreed = sum(row["agree"] for row in rows)
    console.print(f"{agreed} of {len(rows)} runs agree.")


def _end_text(end: dict[str, Any]) -> str:
    cause = end["cause"] or ""
    cut = cause[:_CAUSE] + ("…" if len(cause) > _CAUSE else "")
    said = ": ".join(part for part in (end["error"], cut) if part)
    waits = "".join(f"\nwaited {seconds} s in {state}" for state, seconds in end["waits"])
    return " ".join(part for part in (end["status"], said) if part) + waits


if __name__ == "__main__":
    sys.exit(main())
