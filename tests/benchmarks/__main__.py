"""How long one chart day takes on this machine: `python -m tests.benchmarks [--json]`.

Deploys to the embedded AWS in a folder of its own, runs the daily machine once on cold functions
and then warm, and prints wall times (s) with what they moved. Memory is the resident sets of the
embedded AWS and its functions, added up after the last run; shared pages count more than once.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from cli import local_lake, machines, services
from cli.home import World
from cli.local_lake import Lake
from cli.samconfig import local_region
from tests.stack.conftest import REAL_DAY, free_port, made_up_day

WARM_RUNS = 5
_PAGE = os.sysconf("SC_PAGE_SIZE")


def measure(folder: Path) -> dict[str, Any]:
    """Run the day cold and warm; the figures by name."""
    os.environ["SOUNDLAKE_HOME"] = str(folder)
    day = REAL_DAY if REAL_DAY.exists() else made_up_day(folder / "made-up-day.csv")
    plan = services.Plan(World.of(day), local_region(), free_port(), free_port())
    quiet = Console(quiet=True)
    lake = local_lake.up(plan, quiet)
    try:
        given = {"date": lake.facts.today.isoformat()}
        cold = machines.run(lake.target, "daily", given, quiet)
        warm = [machines.run(lake.target, "daily", given, quiet) for _ in range(WARM_RUNS)]
        return {
            "world": lake.facts.label,
            **{f"{stage} s": round(seconds, 1) for stage, seconds in lake.seconds.items()},
            "daily cold s": round(cold.seconds, 2),
            "daily warm s, median": round(statistics.median(one.seconds for one in warm), 2),
            "daily warm s, all": [round(one.seconds, 2) for one in warm],
            "charts": len(cold.charts),
            "requests, cold": sum(cold.requests().values()),
            "requests, warm": sum(sum(one.requests().values()) for one in warm),
            **_stored(lake),
            "resident MB": round(_resident(lake.state.processes["aws"].pid) / 1e6),
        }
    finally:
        services.down(services.noted())


def _stored(lake: Lake) -> dict[str, int]:
    pages = lake.target.s3.get_paginator("list_objects_v2")
    bucket = lake.target.output("DataBucket")
    found = {}
    for zone in ("raw", "lake"):
        sizes = [
            one["Size"]
            for page in pages.paginate(Bucket=bucket, Prefix=f"{zone}/")
            for one in page.get("Contents", ())
        ]
        found |= {f"{zone} objects": len(sizes), f"{zone} bytes": sum(sizes)}
    return found


def _resident(root: int) -> int:
    """The resident bytes of a process and everything below it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents[int(path.parent.name)] = (int(fields[1]), int(fields[21]) * _PAGE)
    family = {root}
    while grown := {pid for pid, (above, _) in parents.items() if above in family} - family:
        family |= grown
    return sum(size for pid, (_, size) in parents.items() if pid in family)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="write JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soundlake-bench-") as folder:
        figures = measure(Path(folder))
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
