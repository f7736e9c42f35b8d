"""An update of the stack while a run is under way."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stack import trials
from tests.stack.conftest import Stack

CHART = "weekly-QX"


def update(stack: Stack, **changes: str) -> None:
    """Update the stack with other parameters, which configures functions anew."""
    cloudformation = stack.lake.target.cloudformation
    name = stack.lake.target.stack
    (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    cloudformation.update_stack(
        StackName=name,
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {
                "ParameterKey": one["ParameterKey"],
                "ParameterValue": changes.get(one["ParameterKey"], one["ParameterValue"]),
            }
            for one in found["Parameters"]
        ],
    )
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )


def limits(stack: Stack) -> set[str]:
    """How many analyses a day the deployed functions are told to ask for."""
    found: list[dict[str, str]] = [
        one["Environment"]["Variables"]
        for page in stack.lake.target.functions.get_paginator("list_functions").paginate()
        for one in page["Functions"]
    ]
    return {one["ANALYSES_PER_DAY"] for one in found if "ANALYSES_PER_DAY" in one}


@pytest.fixture
def as_before(stack: Stack) -> Iterator[None]:
    before = limits(stack)
    yield
    stack.spotify("DELETE", "faults")
    update(stack, AnalysesPerDay=before.pop())
    # What the session's stack is told beside its template.
    trials._configure(
        stack.lake.target.functions,
        trials._functions(stack.lake.target),
        {"GENRE_SOURCES": "spotify"},
    )


@pytest.mark.slow
@pytest.mark.usefixtures("as_before")
def test_a_run_goes_on_through_an_update_of_the_stack(stack: Stack) -> None:
    stack.charts("QX")
    stack.spotify("DELETE", "requests")
    slow = {"path": "/v1/playlists/", "kind": "slow", "delay_ms": 3000, "times": 1}
    stack.spotify("POST", "faults", json=slow)
    states = stack.lake.target.states
    execution = states.start_execution(
        stateMachineArn=stack.lake.target.output("DailyStateMachineArn"),
        input=json.dumps({"date": stack.date, "charts": [CHART]}),
    )["executionArn"]
    while stack.spotify("GET", "requests")["by_endpoint"].get("playlists/{id}", 0) < 1:
        time.sleep(0.02)

    update(stack, AnalysesPerDay="49")
    while (run := describe(states, execution))["status"] == "RUNNING":
        time.sleep(0.1)

    assert limits(stack) == {"49"}
    assert run["status"] == "SUCCEEDED", run.get("cause")
    (entries,) = stack.ask(
        "SELECT count(*) AS n, count(DISTINCT position) AS places FROM chart_entries "
        f"WHERE chart = '{CHART}'"
    )
    assert entries["n"] == entries["places"] > 0
    assert stack.spotify("GET", "requests")["by_endpoint"]["playlists/{id}"] <= 2


def describe(states: Any, execution: str) -> dict[str, Any]:
    return dict(states.describe_execution(executionArn=execution))
