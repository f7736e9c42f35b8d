"""No way through the machines is left out by the scenarios."""

from collections import Counter

import pytest

from tests.statemachines.asl import MACHINES, Edge, definition, edges, states, tasks
from tests.statemachines.engine import taken
from tests.statemachines.scenarios import SCENARIOS, story

# The first test plays every scenario.
pytestmark = pytest.mark.timeout(300)


def _seen(machine: str) -> set[Edge]:
    runs = [run for name in SCENARIOS for run in story(name).runs if run.machine == machine]
    return {edge for run in runs for edge in run.edges}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_is_entered(machine: str) -> None:
    entered = {edge.source for edge in _seen(machine)}
    assert entered == {name for name, _ in states(definition(machine))}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_edge_is_taken(machine: str) -> None:
    """Every Next, every branch and Default of a Choice, every Catch, every end."""
    declared = edges(definition(machine))
    assert [str(edge) for edge in sorted(declared - taken(declared, _seen(machine)))] == []


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_undeclared_is_seen(machine: str) -> None:
    declared = edges(definition(machine))
    assert {(edge.source, edge.target) for edge in _seen(machine) if edge.target} <= {
        (edge.source, edge.target) for edge in declared
    }


@pytest.mark.parametrize("machine", MACHINES)
def test_edges_can_be_told_apart(machine: str) -> None:
    """A history does not number a Choice's branches, so no two may lead to one state."""
    declared = edges(definition(machine))
    known = Counter((e.source, e.target, e.why.startswith("Catch")) for e in declared)
    assert [each for each, count in known.items() if count > 1] == []


def test_every_task_was_retried() -> None:
    retried = set()
    for name in SCENARIOS:
        for run in story(name).runs:
            retried |= {call.verb for call in run.invocations if call.error}
    assert retried == set(tasks())


def test_an_edge_left_out_would_be_noticed() -> None:
    declared = edges(definition("capture"))
    one = Edge("CaptureAccounts.Derive", "Catch 0", "CaptureAccounts.RecordFailure")
    assert one in declared
    seen = _seen("capture") - {
        Edge("CaptureAccounts.Derive", "Catch", "CaptureAccounts.RecordFailure")
    }
    assert declared - taken(declared, seen) == {one}
