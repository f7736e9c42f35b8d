"""How sure every day of every account is, as a calendar: a line a month, a mark a day."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from rich.console import Console
from rich.text import Text
from soundlake.coverage import CERTAINTIES, CONFIRMED, GAP, OBSERVED, PROVISIONAL
from soundlake.times import month_of, shift_month

from cli import athena
from cli.target import Target

MONTHS: Final = 12  # of which the latest are shown
SQL: Final = "SELECT account, day, certainty, plays FROM account_days ORDER BY account, day"
MARKS: Final[Mapping[str, tuple[str, str]]] = {
    CONFIRMED: ("■", "green"),
    OBSERVED: ("●", "green"),
    PROVISIONAL: ("○", "yellow"),
    GAP: ("✗", "red"),
}
_MEANS: Final[Mapping[str, str]] = {
    CONFIRMED: "an export covers it",
    OBSERVED: "all that Spotify showed is kept",
    PROVISIONAL: "late plays may still come",
    GAP: "plays may be missing",
}
_NOTHING: Final = "·"

Row = Mapping[str, Any]


def latest(target: Target) -> list[Row]:
    """Return the rows of every account's latest months, by account and day."""
    rows = list(athena.run(target, SQL).records())
    last = max((month_of(_date(row["day"])) for row in rows), default=None)
    first = shift_month(last, 1 - MONTHS) if last else ""
    return [row for row in rows if month_of(_date(row["day"])) >= first]


def calendar(rows: Iterable[Row], console: Console) -> None:
    """Print rows of `account_days`: their days by account and month, and what the marks mean."""
    accounts: dict[str, dict[date, Row]] = {}
    for row in rows:
        accounts.setdefault(row["account"], {})[_date(row["day"])] = row
    for account, days in accounts.items():
        console.print(Text.assemble("\nDays     ", (account, "bold")))
        month = month_of(min(days))
        while month <= month_of(max(days)):
            console.print(_line(month, days))
            month = shift_month(month, 1)
        console.print(Text(_sentence(days.values())))
    if accounts:
        console.print(_legend())


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def _line(month: str, days: Mapping[date, Row]) -> Text:
    line = Text(f"{month}  ")
    day = date.fromisoformat(f"{month}-01")
    while month_of(day) == month:
        row = days.get(day)
        mark, style = MARKS[row["certainty"]] if row else (_NOTHING, "dim")
        line.append(mark, style)
        day += timedelta(days=1)
    return line


def _sentence(days: Iterable[Row]) -> str:
    rows = list(days)
    plays = sum(row["plays"] for row in rows)
    unsure = sum(row["certainty"] in {PROVISIONAL, GAP} for row in rows)
    kept = f"{plays:,} play{'' if plays == 1 else 's'} in {len(rows)} day{'s' * (len(rows) != 1)}"
    if not unsure:
        return f"{kept}."
    gaps = sum(row["certainty"] == GAP for row in rows)
    touched = f", {gaps} of them touched by a gap" if gaps else ""
    return f"At least {kept}: {unsure} not settled{touched}."


def _legend() -> Text:
    parts = [(f"{MARKS[name][0]} {name} ({_MEANS[name]})  ", "dim") for name in CERTAINTIES]
    return Text.assemble(*parts)
