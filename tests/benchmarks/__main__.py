"""Measure on this machine: `python -m tests.benchmarks [--growth] [--accounts] [--imports]
[--functions] [--json] [--write]`.

Deploys to the embedded AWS in a folder of its own, runs the daily machine once on cold functions
and then warm, and prints times with what they moved, and how long each function's code takes to
import. `--functions` measures these imports alone, and the functions' sizes for AWS. `--growth`
also measures days of up to 500 charts, and days after others. `--accounts` measures the capture
machine with up to 25 accounts, and no day without `--growth`. `--imports` measures imports of up to
a million rows beside DuckDB's bare reading of the same files. `--write` puts what was measured into
docs/bench.md, and of growth docs/bench.svg.
"""

import argparse
import importlib.util
import json
from dataclasses import replace

from rich.console import Console

from cli.home import ROOT
from tests.benchmarks import accounts, day, functions, growth, imports, report
from tests.benchmarks.stack import machine


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--growth", action="store_true", help="also by charts and by months")
    parser.add_argument("--accounts", action="store_true", help="captures, by accounts")
    parser.add_argument("--imports", action="store_true", help="histories, by rows")
    parser.add_argument("--functions", action="store_true", help="cold imports, and sizes")
    parser.add_argument("--rows", type=int, action="append", help="of --imports; may be repeated")
    parser.add_argument("--write", action="store_true", help="write docs/bench.md and bench.svg")
    given = parser.parse_args()
    apart = given.accounts or given.imports or given.functions
    if given.write and not (given.growth or apart):
        parser.error("--write needs --growth or what is apart of it: the page has no day alone.")
    if given.write and given.growth and importlib.util.find_spec("matplotlib") is None:
        parser.error("matplotlib is missing; make the environment anew with make env.")
    figures = report.Figures(
        machine=machine(),
        day=day.measure() if given.growth or not apart else None,
        charts=growth.by_charts() if given.growth else {},
        months=growth.by_months() if given.growth else {},
        accounts=accounts.measure() if given.accounts else {},
        imports=imports.measure(given.rows or imports.ROWS) if given.imports else {},
        cold=functions.cold() if given.functions or not apart else {},
        sizes=functions.sizes() if given.functions else {},
    )
    if given.json:
        print(json.dumps(figures.as_dict(), indent=1))
    else:
        report.show(figures, Console(width=200) if given.growth or apart else Console())
    if given.write:
        _write(figures)


def _write(figures: report.Figures) -> None:
    """Write the page; what was not measured now stays as it stands there."""
    path = ROOT / "docs" / "bench.md"
    before = path.read_text(encoding="utf-8")
    sections = {
        report.ACCOUNTS: figures.accounts,
        report.IMPORTS: figures.imports,
        report.FUNCTIONS: figures.sizes,
    }
    apart = tuple(name for names, found in sections.items() if found for name in names)
    others = tuple(name for names, found in sections.items() if not found for name in names)
    if not figures.sizes:
        figures = replace(figures, cold={})  # the page's section has both
    if figures.charts:
        report.picture(figures, ROOT / "docs" / "bench.svg")
        text = report.page(figures) + report.sections_of(before, others)
        path.write_text(text, encoding="utf-8")
    else:
        path.write_text(report.with_sections(before, figures, apart), encoding="utf-8")


if __name__ == "__main__":
    main()
