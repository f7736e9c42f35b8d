"""The benchmarks' own counting: what they make of histories, and the world they make up."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import histories, made_up
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
