"""The benchmarks' own counting: what they make of histories, and the world they make up."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import accounts, histories, made_up, report
from tests.benchmarks.stack import Run
from tests.template.translated import REPO

DEFINITION = {
    "States": {
        "Each": {
            "Type": "Map",
            "ItemProcessor": {
                "States": {
                    "Work": {"Type": "Task", "Next": "Good"},
                    "Good": {"Type": "Pass", "End": True},
                    "Bad": {"Type": "Pass", "End": True},
                }
            },
        }
    }
}


def entered(name: str, value: Any, kind: str = "Pass") -> dict[str, Any]:
    details = {"name": name, "input": json.dumps(value)}
    return {"type": f"{kind}StateEntered", "stateEnteredEventDetails": details}


def exited(name: str, value: Any, kind: str = "Pass") -> dict[str, Any]:
    details = {"name": name, "output": json.dumps(value)}
    return {"type": f"{kind}StateExited", "stateExitedEventDetails": details}


HISTORY = [
    {"type": "ExecutionStarted"},
    entered("Each", [1, 2], "Map"),
    {"type": "MapIterationStarted"},
    entered("Work", 1, "Task"),
    {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": '{"Payload": "é"}'}},
    exited("Work", "one", "Task"),
    entered("Good", "one"),
    exited("Good", {"a": 1}),
    {"type": "MapIterationSucceeded"},
    entered("Bad", "two"),
    exited("Bad", {"b": 22}),
    exited("Each", "all", "Map"),
]


def test_transitions_are_the_states_entered() -> None:
    assert histories.transitions(HISTORY) == 4


def test_payloads_are_weighed_as_aws_keeps_them_and_named() -> None:
    assert histories.payloads(HISTORY, DEFINITION) == {
        "Each result": len('[{"a":1},{"b":22}]'),
        "a task result": len('{"Payload":"é"}'.encode()),
        "Bad output": 8,
        "Good output": 7,
        "Each input": 5,
        "Work output": 5,
        "Good input": 5,
        "Bad input": 5,
        "Each output": 5,
        "Work input": 1,
    }


def test_the_largest_payload_comes_first() -> None:
    found = list(histories.payloads(HISTORY, DEFINITION).values())

    assert found == sorted(found, reverse=True)


def test_a_map_that_a_machine_comes_by_again_is_weighed_each_time() -> None:
    again = [entered("Each", [3], "Map"), exited("Good", {"c": 3})]

    found = histories.payloads([*HISTORY, *again], DEFINITION)

    assert found["Each result"] == len('[{"a":1},{"b":22}]')


def test_a_machine_of_ours_ends_its_iterations_where_they_are_weighed() -> None:
    definition = json.loads((REPO / "statemachines" / "daily.asl.json").read_text())
    maps = [one for one in definition["States"].values() if one["Type"] == "Map"]
    ends = [
        name
        for one in maps
        for name, state in one["ItemProcessor"]["States"].items()
        if state.get("End")
    ]
    assert ends

    results = histories.payloads([exited(name, "x") for name in ends], definition)

    assert any(name.endswith(" result") for name in results)


def captured(count: int) -> accounts.Captured:
    def run(pages: int, tokens: int, seconds: float = 1.0) -> Run:
        asked = {accounts.PAGE: pages, accounts.TOKEN: tokens}
        nothing: Any = {"stages": {}, "payloads": {"Select output": 512}, "functions": {}}
        return Run(
            "SUCCEEDED", "", seconds, 0, 0, cpu_s=0, processes=0, pss_mb=0, rss_mb=0,
            requests=asked, transitions=11, events=37, gb_s=0, **nothing,
        )  # fmt: skip

    hours = {20: run(3 * count, count), 60: run(count, count)}
    return accounts.Captured(run(count, 0, 4.0), [run(count, 0, n) for n in (3, 1, 2)], hours)


def test_the_sections_on_accounts_are_written_alone_and_kept_by_the_others() -> None:
    machine = {"date": "2026-11-26", "load before (1, 5, 15 min)": "0.1, 0.2, 0.3"}
    first = report.Figures(machine, None, {}, {}, {1: captured(1)})
    second = report.Figures(machine, None, {}, {}, {25: captured(25)})
    page = "# Measured\n\nBy hand.\n\n## One day\n\n| a |\n|---|\n"

    written = report.with_sections(page, first, report.ACCOUNTS)
    again = report.with_sections(written, second, report.ACCOUNTS)

    assert written == page + report.sections_of(written, report.ACCOUNTS)
    assert again.startswith(page)
    assert again == report.with_sections(page, second, report.ACCOUNTS)
    assert "| 1 | first | 4.0 | 1 | 0 | 37 | 11 | 0.5 KiB, Select output |" in written
    assert "| 25 | again | 2.0 (3.0, 1.0, 2.0) |" in again
    assert "| 25 | 20 min | 25 x 24 x (3 + 1) = 2,400 | 2,400 |" in again
    assert "| 25 | 60 min | 25 x 24 x (1 + 1) = 1,200 | 1,200 |" in again
    assert "load before it (1, 5, 15 min): 0.1, 0.2, 0.3." in again


@pytest.mark.parametrize("charts", [1, 30])
def test_a_made_up_day_has_its_charts_whole_and_is_the_same_each_time(
    charts: int, tmp_path: Path
) -> None:
    one = made_up.chart_day(tmp_path / "one.csv", charts, "2025-01-31")
    again = made_up.chart_day(tmp_path / "again.csv", charts, "2025-01-31")
    with one.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert one.read_bytes() == again.read_bytes()
    assert len(rows) == charts * made_up.PLACES
    assert sorted({row["country"] for row in rows}) == made_up.countries(charts)
    for country in made_up.countries(charts):
        ranks = [int(row["daily_rank"]) for row in rows if row["country"] == country]
        tracks = {row["spotify_id"] for row in rows if row["country"] == country}
        assert ranks == list(range(1, made_up.PLACES + 1))
        assert len(tracks) == made_up.PLACES


def test_countries_go_from_aa_to_zz() -> None:
    assert made_up.countries(28)[-2:] == ["BA", "BB"]
    assert made_up.countries(676)[-1] == "ZZ"
