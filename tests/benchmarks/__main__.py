"""Measure on this machine: `python -m tests.benchmarks [--growth] [--accounts] [--json] [--write]`.

Deploys to the embedded AWS in a folder of its own, runs the daily machine once on cold functions
and then warm, and prints times with what they moved. `--growth` also measures days of up to 500
charts, and days after others. `--accounts` measures the capture machine with up to 25 accounts, and
no day without `--growth`. `--write` puts what was measured into docs/bench.md, and of growth
docs/bench.svg.
"""

import argparse
import importlib.util
import json

from rich.console import Console

from cli.home import ROOT
from tests.benchmarks import accounts, day, growth, report
from tests.benchmarks.stack import machine


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--growth", action="store_true", help="also by charts and by months")
    parser.add_argument("--accounts", action="store_true", help="captures, by accounts")
    parser.add_argument("--write", action="store_true", help="write docs/bench.md and bench.svg")
    given = parser.parse_args()
    if given.write and not (given.growth or given.accounts):
        parser.error("--write needs --growth or --accounts: the page has no day alone.")
    if given.write and given.growth and importlib.util.find_spec("matplotlib") is None:
        parser.error("matplotlib is missing; make the environment anew with make env.")
    figures = report.Figures(
        machine=machine(),
        day=day.measure() if given.growth or not given.accounts else None,
        charts=growth.by_charts() if given.growth else {},
        months=growth.by_months() if given.growth else {},
        accounts=accounts.measure() if given.accounts else {},
    )
    if given.json:
        print(json.dumps(figures.as_dict(), indent=1))
    else:
        report.show(figures, Console(width=200) if given.growth or given.accounts else Console())
    if given.write:
        _write(figures)


def _write(figures: report.Figures) -> None:
    """Write the page; what was not measured now stays as it stands there."""
    path = ROOT / "docs" / "bench.md"
    before = path.read_text(encoding="utf-8")
    if figures.charts:
        report.picture(figures, ROOT / "docs" / "bench.svg")
        kept = "" if figures.accounts else report.accounts_of(before)
        path.write_text(report.page(figures) + kept, encoding="utf-8")
    else:
        path.write_text(report.with_accounts(before, figures), encoding="utf-8")


if __name__ == "__main__":
    main()
