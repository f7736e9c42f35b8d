"""What a simulation found: figures by driver, the promise, and the first counterexample."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.simulation.checks import ENOUGH, UNREADABLE, Finding, Report
from tests.simulation.model import FAULTS
from tests.simulation.runs import Chunk

INSIDE, OTHERWISE = "lost inside a gap", "lost otherwise"
UNREADABLE_ROWS = f"lost {UNREADABLE}"
TRACELESS = ("lost private", "lost late, pushed through", "lost late, too old")


@dataclass
class Total:
    """The figures of one driver's lives, and what broke the promise in which."""

    figures: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[Chunk, Finding]] = field(default_factory=list)
    lives: int = 0

    def add(self, chunk: Chunk, report: Report) -> None:
        """Add one life's."""
        self.lives += 1
        self.figures.update(report.figures)
        self.findings += [(chunk, finding) for finding in report.findings]

    @property
    def observed(self) -> float | None:
        """The share of the settled days of quiet weeks that became observed."""
        settled = self.figures["days settled"]
        return self.figures["days settled, observed"] / settled if settled else None

    @property
    def tightness(self) -> float | None:
        """Hours reported for each hour really hidden."""
        hidden = self.figures["hours hidden"]
        return self.figures["hours reported"] / hidden if hidden else None

    def broken(self) -> str | None:
        """The first counterexample in a sentence; None where the promise holds."""
        if self.findings:
            chunk, first = min(self.findings, key=lambda each: (each[0].weeks, each[0].seed))
            return (
                f"seed {chunk.seed!r} ({chunk.weeks} weeks, {chunk.driver}), {first.check}: "
                f"{first.sentence}"
            )
        if self.observed is not None and self.observed < ENOUGH:
            return f"only {self.observed:.1%} of the settled days of quiet weeks became observed."
        return None

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "lives": self.lives,
            "figures": {name: round(value, 1) for name, value in sorted(self.figures.items())},
            "observed": self.observed,
            "tightness": self.tightness,
            "broken": self.broken(),
            "findings": Counter(finding.check for _, finding in self.findings),
        }


def show(totals: dict[str, Total], console: Console) -> None:
    """Print the table of all drivers."""
    table = Table(box=None, header_style="bold")
    table.add_column("")
    for driver in totals:
        table.add_column(driver, justify="right")

    def line(name: str, *keys: str) -> None:
        values = [sum(total.figures[key] for key in keys) for total in totals.values()]
        table.add_row(name, *[f"{value:,.0f}" for value in values])

    line("weeks", "weeks")
    line("of these without faults", "weeks without faults")
    line("and without overflow", "quiet weeks")
    for name in ("runs", "captures", "requests", "plays", "plays shown"):
        line(name, name)
    for kind in FAULTS:
        line(f"fault: {kind.replace('_', ' ')}", f"fault {kind}")
    line("lost inside a reported gap", INSIDE)
    for kind in (UNREADABLE_ROWS, *TRACELESS):
        line(f"{kind}", kind)
        line("  of these in days called observed", f"{kind}, day observed")
    line("lost otherwise (must be 0)", OTHERWISE)
    line("gaps closed again", "gaps closed")
    line("gaps left open", "gaps open")
    line("of these false, nothing was lost", "gaps false")
    line("hours reported in open gaps", "hours reported")
    line("hours really hidden in them", "hours hidden")
    _ratio(table, "hours reported to hidden", [one.tightness for one in totals.values()], "{:.2f}")
    line("settled days of quiet weeks", "days settled")
    _ratio(table, "of these observed", [one.observed for one in totals.values()], "{:.2%}")
    console.print(table)


def _ratio(table: Table, name: str, values: list[float | None], form: str) -> None:
    table.add_row(name, *["-" if value is None else form.format(value) for value in values])
