"""The calendar of days: what is sure is seen at a glance."""

from datetime import date, timedelta
from typing import Any

import pytest
from rich.console import Console

from cli import days
from cli.athena import Column, Result


def printed(*rows: dict[str, Any]) -> list[str]:
    console = Console(width=200, record=True, quiet=False, file=None, force_terminal=False)
    with console.capture() as captured:
        days.calendar(rows, console)
    return captured.get().splitlines()


def day(number: int, certainty: str, plays: int = 3, account: str = "main") -> dict[str, Any]:
    at = date(2026, 10, 1) + timedelta(days=number - 1)
    return {"account": account, "day": at, "certainty": certainty, "plays": plays}


def test_a_day_is_a_mark_in_the_line_of_its_month() -> None:
    lines = printed(day(3, "confirmed"), day(4, "observed"), day(30, "gap"), day(32, "provisional"))

    assert lines[:4] == [
        "",
        "Days     main",
        "2026-10  ··■●·························✗·",
        "2026-11  ○·····························",
    ]


def test_a_count_over_days_that_are_not_settled_is_at_least_so_many() -> None:
    assert printed(day(1, "observed", 5), day(2, "confirmed", 1))[3] == "6 plays in 2 days."
    assert printed(day(1, "observed", 1))[3] == "1 play in 1 day."
    assert printed(day(1, "provisional"))[3] == "At least 3 plays in 1 day: 1 not settled."
    assert printed(day(1, "observed"), day(2, "gap"), day(3, "provisional"))[3] == (
        "At least 9 plays in 3 days: 2 not settled, 1 of them touched by a gap."
    )


def test_accounts_have_calendars_of_their_own_and_one_legend() -> None:
    lines = printed(day(1, "observed"), day(1, "gap", account="other"))

    assert [line.split()[1] for line in lines if line.startswith("Days")] == ["main", "other"]
    (legend,) = [line for line in lines if "confirmed" in line]
    assert all(mark in legend for mark, _ in days.MARKS.values())


def test_without_days_nothing_is_printed() -> None:
    assert printed() == []


def test_days_come_as_texts_from_sql() -> None:
    row = day(1, "observed") | {"day": "2026-10-01"}

    assert printed(row)[2].startswith("2026-10  ●·")


@pytest.mark.parametrize("rows", [[], ["2025-11-30", "2025-12-01", "2026-11-30"]])
def test_the_latest_twelve_months_are_shown(
    rows: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = [Column(name, "varchar") for name in ("account", "day", "certainty", "plays")]
    found = Result(columns, [["main", day, "observed", "1"] for day in rows])
    monkeypatch.setattr(days.athena, "run", lambda *_: found)

    target: Any = None
    assert [row["day"] for row in days.latest(target)] == rows[1:]
