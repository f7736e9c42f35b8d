"""What a state machine of ours must be, beyond what statelint and AWS ask."""

import re
from collections.abc import Iterator
from typing import Any

from jsonata.jsonata import Jsonata

from tests.statemachines.asl import State, edges, expressions, levels, states

MANY_AT_ONCE = 4  # of a new account's ten invocations; 0 would mean as many as there are items
MANY_ATTEMPTS = 5  # more of them need a MaxDelaySeconds
# Tasks that need no Catch, and why.
UNCAUGHT = {
    "Plan": "nothing has begun, so there is nothing to record: the run fails with its error",
    "Select": "as for Plan; what earlier rounds captured is kept and derived",
    "Survey": "as for Plan",
}
_PASCAL = re.compile(r"([A-Z][a-z]+)+")


def problems(machine: State) -> list[str]:
    """One line for each thing that is wrong with a machine; none for a good one."""
    found = list(_machine(machine))
    for name, state in states(machine):
        found += [f"{name}: {problem}" for problem in _state(name, state)]
    return found + list(_ways(machine)) + list(_expressions(machine))


def _machine(machine: State) -> Iterator[str]:
    for name in ("Comment", "TimeoutSeconds"):
        if not machine.get(name):
            yield f"the machine has no {name}"
    if machine.get("QueryLanguage") != "JSONata":
        yield "the machine's QueryLanguage is not JSONata"


def _state(name: str, state: State) -> Iterator[str]:
    if not _PASCAL.fullmatch(name.rpartition(".")[2]):
        yield "not a name in PascalCase"
    match state["Type"]:
        case "Task":
            yield from _task(name, state)
        case "Choice" if "Default" not in state:
            yield "no Default"
        case "Fail" if not {"Error", "Cause"} <= state.keys():
            yield "no Error and Cause"
        case "Map":
            yield from _map(state)


def _task(name: str, state: State) -> Iterator[str]:
    if not isinstance(state.get("TimeoutSeconds"), int):
        yield "no TimeoutSeconds"
    if not state.get("Retry"):
        yield "no Retry"
    for retrier in state.get("Retry", []):
        yield from _retrier(retrier)
    caught = {error for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]}
    if name not in UNCAUGHT and "States.ALL" not in caught:
        yield "no Catch of States.ALL"


def _retrier(retrier: dict[str, Any]) -> Iterator[str]:
    attempts = retrier.get("MaxAttempts")
    if attempts is None:
        yield "a Retry without MaxAttempts"
    elif attempts > MANY_ATTEMPTS and "MaxDelaySeconds" not in retrier:
        yield f"a Retry of {attempts} attempts without MaxDelaySeconds"
    if retrier.get("JitterStrategy") != "FULL":
        yield "a Retry without full jitter"
    if retrier.get("BackoffRate", 0) < 1:
        yield "a Retry without BackoffRate"


def _map(state: State) -> Iterator[str]:
    mode = state["ItemProcessor"].get("ProcessorConfig", {}).get("Mode")
    if mode is None:
        yield "no Mode"
    tolerated = [name for name in state if name.startswith("ToleratedFailure")]
    if mode == "INLINE" and tolerated:
        yield f"{tolerated[0]} means nothing on an INLINE Map"
    limit = state.get("MaxConcurrency")
    if limit is None:
        yield "no MaxConcurrency"
    elif not isinstance(limit, int) or not 1 <= limit <= MANY_AT_ONCE:
        yield f"a MaxConcurrency of {limit}"


def _ways(machine: State) -> Iterator[str]:
    """Ways that lead nowhere, and states that no way leads to."""
    named = {name for name, _ in states(machine)}
    reached = {f"{where}{level.get('StartAt')}" for where, level in levels(machine)}
    for start in sorted(reached - named):
        yield f"StartAt leads to {start}, which does not exist"
    for edge in sorted(edges(machine)):
        if edge.target and edge.target not in named:
            yield f"{edge}: no such state"
    while more := {e.target for e in edges(machine) if e.source in reached} - reached - {""}:
        reached |= more
    for name in sorted(named - reached):
        yield f"{name}: nothing leads to it"


def _expressions(machine: State) -> Iterator[str]:
    for expression in expressions(machine):
        try:
            Jsonata(expression)
        except Exception as error:  # noqa: BLE001 - the parser raises several kinds
            yield f"not JSONata ({error}): {expression}"
