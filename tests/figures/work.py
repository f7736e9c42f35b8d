"""The work of many minutes, in processes of its own."""

import json
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from cli.home import ROOT
from local.spotify.settings import Mode
from tests.figures import budget, counted
from tests.figures.budget import Day, Plan
from tests.figures.counted import Case, Charts

FOLDER = ROOT / ".soundlake" / "figures"


def days(path: Path, mode: Mode, charts: Charts) -> list[Case]:
    """The first day and the next one."""
    return _written(f"{mode}, charts from {charts}: two days", counted.days(path, mode, charts))


def month(path: Path, mode: Mode, days: int) -> list[Case]:
    """A listener's month."""
    return _written(f"{mode}: a month", [counted.month(path, mode, days)])


def _written(name: str, cases: list[Case]) -> list[Case]:
    """Write what was counted down, so that a look can be had, and what was stopped is not lost."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps([case.as_dict() for case in cases])
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    return cases


def kept_cases(name: str) -> list[Case]:
    """What was written down of some cases."""
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    return [Case.read(each) for each in json.loads(text)]


def lived(path: Path, plan: Plan, days: int) -> list[Day]:
    """A month under a quota; each day is written down as it ends, so that a look can be had."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = []
    with (FOLDER / f"{plan.name}.jsonl").open("w", encoding="utf-8") as file:
        for day in budget.simulate(path, plan.of(days)):
            found.append(day)
            print(json.dumps(day.as_dict()), file=file, flush=True)
    return found


def kept(plan: Plan) -> list[Day]:
    """The days of a month that were written down."""
    lines = (FOLDER / f"{plan.name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Day.read(json.loads(line)) for line in lines]


def done[T](todo: Mapping[str, Callable[[], T]], processes: int, show: Console) -> dict[str, T]:
    """Do everything, and say so; by name, in the order given."""
    started = time.monotonic()
    with ProcessPoolExecutor(processes, get_context("spawn"), _quiet) as pool:
        waiting = {pool.submit(each): name for name, each in todo.items()}
        try:
            for number, one in enumerate(as_completed(waiting), 1):
                one.result()
                took = f"{time.monotonic() - started:.0f} s"
                show.print(f"{number} of {len(todo)} after {took}: {waiting[one]}")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return {name: one.result() for one, name in waiting.items()}


def _quiet() -> None:
    """A function without counts has no metrics to write."""
    warnings.filterwarnings("ignore", message="No application metrics")
