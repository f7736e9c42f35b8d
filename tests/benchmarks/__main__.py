"""Measure the daily machine on this machine: `python -m tests.benchmarks [--growth] [--json]`.

Deploys to the embedded AWS in a folder of its own, runs the daily machine once on cold functions
and then warm, and prints times with what they moved. `--growth` also measures days of up to 500
charts, and days after others; `--write` puts everything into docs/bench.md and docs/bench.svg.
"""

import argparse
import importlib.util
import json

from rich.console import Console

from cli.home import ROOT
from tests.benchmarks import day, growth, report
from tests.benchmarks.stack import machine


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--growth", action="store_true", help="also by charts and by months")
    parser.add_argument("--write", action="store_true", help="write docs/bench.md and bench.svg")
    given = parser.parse_args()
    if given.write and not given.growth:
        parser.error("--write needs --growth: the page has everything.")
    if given.write and importlib.util.find_spec("matplotlib") is None:
        parser.error("matplotlib is missing; make the environment anew with make env.")
    figures = report.Figures(
        machine=machine(),
        day=day.measure(),
        charts=growth.by_charts() if given.growth else {},
        months=growth.by_months() if given.growth else {},
    )
    if given.json:
        print(json.dumps(figures.as_dict(), indent=1))
    else:
        report.show(figures, Console(width=200) if given.growth else Console())
    if given.write:
        report.picture(figures, ROOT / "docs" / "bench.svg")
        text = report.page(figures)
        (ROOT / "docs" / "bench.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
