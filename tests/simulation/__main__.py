"""Prove what capture promises: `python -m tests.simulation [--weeks N] [--years N] [--json]`.

Lives are made up from seeds, with faults of every kind in half of their weeks; the product is
driven through them and its tables are compared with the truth. Finished lives are kept in a
folder and not lived again while the sources stay the same. Fails where the promise is broken,
naming the seed.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console

from cli.home import ROOT
from tests.simulation import report
from tests.simulation.runs import DOMAIN, HANDLERS, chunks, run_all


def main() -> int:
    """Run, print, and say whether the promise holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of all lives (1)")
    parser.add_argument("--weeks", type=int, default=50, help="through the handlers (50)")
    parser.add_argument("--years", type=int, default=100, help="through the domain alone (100)")
    parser.add_argument("--processes", type=int, default=os.process_cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=ROOT / ".soundlake" / "simulation")
    parser.add_argument("--json", action="store_true", help="write JSON")
    given = parser.parse_args()
    console = Console(stderr=given.json, width=100)
    totals = {name: report.Total() for name in (HANDLERS, DOMAIN)}
    todo = chunks(given.seed, given.weeks, given.years)
    started, said = time.monotonic(), 0.0
    for number, (chunk, found, _) in enumerate(run_all(todo, given.folder, given.processes), 1):
        totals[chunk.driver].add(chunk, found)
        if time.monotonic() - said > 30:
            said = time.monotonic()
            console.print(f"{number} of {len(todo)} lives after {said - started:.0f} s")
    if given.json:
        print(json.dumps({name: total.as_dict() for name, total in totals.items()}, indent=1))
    else:
        report.show(totals, console)
    broken = [sentence for total in totals.values() if (sentence := total.broken())]
    for sentence in broken:
        print(f"The promise is broken: {sentence}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
