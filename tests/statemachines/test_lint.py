"""The machines' files: sound by statelint and by rules of our own, and these rules can fail."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from jsonata.jsonata import Jsonata
from statelint.linter import Linter

from tests.statemachines.asl import (
    MACHINES,
    State,
    definition,
    expressions,
    invoked,
    states,
    tasks,
)
from tests.statemachines.lint import UNCAUGHT, problems

# What statelint 3.1 reports although it is right, and why it is.
EXEMPT = {
    r"State Machine\.\S+\.Retry\[\d\]\.BackoffRate is 2 but should be a Float": (
        "JSON has one kind of number, and the language asks for a number of at least 1.0"
    ),
    r'State Machine\.\S+\.Seconds is "{% \S+ %}" but should be an Integer': (
        "in JSONata machines a Wait's Seconds may be an expression"
    ),
}


def _statelint(machine: State) -> list[str]:
    """What statelint finds, without what is exempt."""
    found = Linter.validate(machine)
    return [each for each in found if not any(re.fullmatch(known, each) for known in EXEMPT)]


@pytest.mark.parametrize("machine", MACHINES)
def test_statelint_finds_nothing(machine: str) -> None:
    assert _statelint(definition(machine)) == []


@pytest.mark.parametrize("known", EXEMPT)
def test_every_exemption_is_needed(known: str) -> None:
    found = [each for machine in MACHINES for each in Linter.validate(definition(machine))]
    assert any(re.fullmatch(known, each) for each in found)


@pytest.mark.parametrize("machine", MACHINES)
def test_our_own_rules_find_nothing(machine: str) -> None:
    assert problems(definition(machine)) == []


def test_only_a_task_that_begins_nothing_is_uncaught() -> None:
    uncaught = {
        name
        for machine in MACHINES
        for name, state in states(definition(machine))
        if invoked(state) and not state.get("Catch")
    }
    assert uncaught == set(UNCAUGHT)


def test_every_task_is_retried_alike() -> None:
    """So what the runs show of one task's retries holds for all of them."""
    first, *others = [state["Retry"] for state in tasks().values()]
    assert all(other == first for other in others)
    lambdas, everything = first
    assert everything["ErrorEquals"] == ["States.ALL"]
    assert all(error.startswith("Lambda.") for error in lambdas["ErrorEquals"])


@pytest.mark.parametrize("machine", MACHINES)
def test_an_errors_text_is_cut(machine: str) -> None:
    """A stack trace may be long, and what a state carries is limited."""
    causes = [each for each in expressions(definition(machine)) if "errorOutput.Cause" in each]
    assert causes
    for expression in causes:
        assert re.search(
            r"\$substring\((\$states\.errorOutput\.Error & ': ' & )?"
            r"\$states\.errorOutput\.Cause, 0, [0-9]{3}\)",
            expression,
        )


@pytest.mark.parametrize("machine", MACHINES)
def test_a_catch_can_do_without_a_cause(machine: str) -> None:
    """A task that timed out has an error's name and may have no text."""
    caught = [
        expression
        for _, state in states(definition(machine))
        for expression in expressions(state.get("Catch", []))
        if "errorOutput" in expression
    ]
    assert caught
    given = {
        "errorOutput": {"Error": "States.Timeout"},
        "input": {"charts": [{"chart": "daily-NO"}]},
    }
    for expression in caught:
        frame = f"($states := {json.dumps(given)}; {expression})"
        assert "States.Timeout: " in json.dumps(Jsonata(frame).evaluate(None))


#### THE RULES CAN FAIL ############################################################################

Break = Callable[[State], Any]


def _without(state: str, field: str) -> Break:
    return lambda machine: _find(machine, state).pop(field)


def _with(state: str, **fields: Any) -> Break:
    return lambda machine: _find(machine, state).update(fields)


def _retrier(**fields: Any) -> Break:
    return lambda machine: _find(machine, "Plan")["Retry"][0].update(fields)


def _find(machine: State, name: str) -> State:
    return machine if not name else dict(states(machine))[name]


def _renamed(machine: State) -> None:
    top = machine["States"]
    top["check_plan"] = top.pop("CheckPlan")
    top["Plan"]["Next"] = "check_plan"


def _lonely(machine: State) -> None:
    machine["States"]["Lonely"] = {"Type": "Succeed"}


LOAD = "ProcessCharts.Load"
CHECK_LOAD = "ProcessCharts.CheckLoad"
BROKEN: dict[str, tuple[Break, str]] = {
    "machine without time limit": (_without("", "TimeoutSeconds"), "no TimeoutSeconds"),
    "machine without comment": (_without("", "Comment"), "no Comment"),
    "machine in JSONPath": (_without("", "QueryLanguage"), "QueryLanguage"),
    "start nowhere": (_with("", StartAt="Gone"), "StartAt leads to Gone"),
    "task without time limit": (_without(LOAD, "TimeoutSeconds"), "Load: no TimeoutSeconds"),
    "task without retry": (_without(LOAD, "Retry"), "Load: no Retry"),
    "task without catch": (_without(LOAD, "Catch"), "Load: no Catch"),
    "catch of one error only": (
        _with(LOAD, Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "RecordFailure"}]),
        "Load: no Catch",
    ),
    "endless retries": (_retrier(MaxAttempts=50), "without MaxDelaySeconds"),
    "uncounted retries": (
        lambda machine: _find(machine, "Plan")["Retry"][0].pop("MaxAttempts"),
        "without MaxAttempts",
    ),
    "retries without jitter": (_retrier(JitterStrategy="NONE"), "without full jitter"),
    "retries without backoff": (
        lambda machine: _find(machine, "Plan")["Retry"][0].pop("BackoffRate"),
        "without BackoffRate",
    ),
    "choice without default": (_without(CHECK_LOAD, "Default"), "CheckLoad: no Default"),
    "failure without cause": (_without("Incomplete", "Cause"), "no Error and Cause"),
    "tolerance on an inline map": (
        _with("ProcessCharts", ToleratedFailurePercentage=50),
        "means nothing",
    ),
    "map without limit": (_without("ProcessCharts", "MaxConcurrency"), "no MaxConcurrency"),
    "map as wide as it likes": (_with("ProcessCharts", MaxConcurrency=0), "a MaxConcurrency of 0"),
    "map with a limit of its input": (
        _with("ProcessCharts", MaxConcurrency="{% $states.input.many %}"),
        "a MaxConcurrency of",
    ),
    "next nowhere": (_with("Plan", Next="Gone"), "no such state"),
    "next out of a map": (_with("ProcessCharts.Extract", Next="Publish"), "no such state"),
    "default nowhere": (_with("CheckPlan", Default="Gone"), "no such state"),
    "state that nothing leads to": (_lonely, "Lonely: nothing leads to it"),
    "name of another kind": (_renamed, "PascalCase"),
    "broken expression": (_with("NotPlanned", Cause="{% $states.input. %}"), "not JSONata"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_our_own_rules_notice(name: str) -> None:
    break_it, expected = BROKEN[name]
    machine = deepcopy(definition("daily"))
    break_it(machine)
    assert any(expected in problem for problem in problems(machine)), problems(machine)


@pytest.mark.parametrize(
    "break_it",
    [
        _with("Plan", Next="Gone"),
        _with("Plan", Timeout=60),
        _with("Plan", ResultPath="$.plan"),
        _without("CheckPlan", "Choices"),
        _lonely,
    ],
)
def test_statelint_notices(break_it: Break) -> None:
    machine = deepcopy(definition("daily"))
    break_it(machine)
    assert _statelint(machine)
