"""Figures of many days: `python -m tests.figures requests|budget|cost [--json] [--write]`.

`requests` counts what is asked of every provider, beside the least possible. `budget` lives through
a month in development mode under a daily quota. Both begin with the real day of charts where its
file is at hand (`--charts`), else with a made-up one. `--write` puts the figures into
docs/requests.md, or docs/budget.md and budget.svg. Fails where more is asked than need be, where
anything is asked while blocked, or where a capture is missed without a lock-out.

`cost` measures what runs use of AWS on the embedded one, and computes what a month costs; `--write`
puts it into docs/cost.md and cost.svg, and what was measured into tests/figures/cost.json.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from cli.home import ROOT
from tests.figures import budget, cost_page, cost_runs, report, work
from tests.figures.budget import Plan
from tests.figures.cost import MEASURED, Reckoning
from tests.figures.counted import MODES, MONTHS, Case
from tests.figures.days import days_world, made_up_file
from tests.stack.conftest import REAL_DAY

PLANS = (
    Plan("800 requests a day, believed to be 500", told=500),
    Plan("800 requests a day"),
    Plan("800 requests a day, 400 from day 10 on", falls_on=10, falls_to=400),
)


def main() -> int:
    """Measure, print, and say whether everything is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.figures", description=__doc__)
    parser.add_argument("what", choices=("requests", "budget", "cost"))
    parser.add_argument("--charts", type=Path, default=REAL_DAY, help="a day's charts")
    parser.add_argument("--days", type=int, default=budget.DAYS, help="of a month (30)")
    parser.add_argument("--only", default="", help="the cases whose name has this")
    parser.add_argument("--kept", action="store_true", help="what was measured before")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--write", action="store_true", help="write the page in docs")
    given = parser.parse_args()
    if given.write and given.what != "requests" and importlib.util.find_spec("matplotlib") is None:
        parser.error("matplotlib is missing; make the environment anew with make env.")
    if given.what == "cost":
        return _cost(given, Console(width=200))
    with tempfile.TemporaryDirectory(prefix="soundlake-figures-") as folder:
        path = given.charts
        if not path.exists():
            print(f"{path} is not there: the first day is made up too.", file=sys.stderr)
            path = made_up_file(Path(folder) / "made-up-day.csv")
        facts = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "first day": days_world(path, 1).label}
        show = Console(stderr=given.json, width=250 if given.what == "budget" else 120)
        if given.what == "requests":
            return _requests(path, given, facts, show)
        return _budget(path, given, facts, show)


def _requests(path: Path, given: argparse.Namespace, facts: dict[str, str], show: Console) -> int:
    todo: dict[str, Callable[[], list[Case]]] = {}
    for mode, charts in MODES:
        todo[f"{mode}, charts from {charts}: two days"] = partial(work.days, path, mode, charts)
    for mode in MONTHS:
        todo[f"{mode}: a month"] = partial(work.month, path, mode, given.days)
    chosen = {name: each for name, each in todo.items() if given.only in name}
    if given.kept:
        found = {name: work.kept_cases(name) for name in chosen}
    else:
        found = work.done(chosen, given.processes, show)
    cases = [case for several in found.values() for case in several]
    if given.json:
        print(json.dumps([case.as_dict() for case in cases], indent=1))
    else:
        report.show_requests(cases, show)
    if given.write:
        page = report.requests_page(cases, facts)
        (ROOT / "docs" / "requests.md").write_text(page, encoding="utf-8")
    return _say(sentence for case in cases for sentence in case.wrong())


def _budget(path: Path, given: argparse.Namespace, facts: dict[str, str], show: Console) -> int:
    plans = [plan for plan in PLANS if given.only in plan.name]
    if given.kept:
        lived = {plan.name: work.kept(plan) for plan in plans}
    else:
        todo = {plan.name: partial(work.lived, path, plan, given.days) for plan in plans}
        lived = work.done(todo, given.processes, show)
    if given.json:
        as_dicts = {name: [day.as_dict() for day in days] for name, days in lived.items()}
        print(json.dumps(as_dicts, indent=1))
    else:
        report.show_budget(lived, show)
    if given.write:
        report.picture(lived, ROOT / "docs" / "budget.svg")
        page = report.budget_page(lived, plans, facts)
        (ROOT / "docs" / "budget.md").write_text(page, encoding="utf-8")
    return _say(
        f"{plan.name}: {sentence}" for plan in plans for sentence in plan.broken(lived[plan.name])
    )


def _cost(given: argparse.Namespace, show: Console) -> int:
    if given.kept:
        reckoning = Reckoning.read()
    else:
        reckoning = Reckoning(cost_runs.measure())
        if given.write:
            MEASURED.write_text(json.dumps(reckoning.measured, indent=1) + "\n", encoding="utf-8")
    if given.json:
        months = {number: reckoning.monthly(number) for number in cost_runs.LISTENERS}
        print(json.dumps({"measured": reckoning.measured, "months": months}, indent=1))
    else:
        cost_page.show(reckoning, show)
    if given.write:
        cost_page.picture(reckoning, ROOT / "docs" / "cost.svg")
        page = cost_page.page(reckoning)
        (ROOT / "docs" / "cost.md").write_text(page, encoding="utf-8")
    return 0


def _say(sentences: Iterable[str]) -> int:
    """Print what is wrong; 1 where anything is."""
    wrong = list(sentences)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
