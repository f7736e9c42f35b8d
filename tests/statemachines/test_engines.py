"""Both engines run every way through the machines, and agree."""

from collections.abc import Iterator

import pytest

from tests.statemachines.asl import MACHINES, Edge, definition, edges, states
from tests.statemachines.differences import DIFFERENCES
from tests.statemachines.embedded import Replay, Run, definition_for, replay, replays
from tests.statemachines.engine import taken
from tests.statemachines.scenarios import SCENARIOS, story

# The embedded AWS is a process of its own; the first test waits for every run of every scenario.
pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def engines() -> dict[str, list[Replay]]:
    return replays()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_engines_agree(scenario: str, engines: dict[str, list[Replay]]) -> None:
    """In how a run ends, the ways it takes, what its functions get and how long it waits."""
    assert [each.moto for each in engines[scenario]] == story(scenario).runs != []
    found = [
        f"{each.moto.name}, {subject}:\n{text}"
        for each in engines[scenario]
        for subject, text in each.disagreements.items()
    ]
    assert found == [], "\n\n".join(found)


def _seen(machine: str, engines: dict[str, list[Replay]]) -> set[Edge]:
    runs = [each.embedded for found in engines.values() for each in found]
    return {edge for run in runs if run.machine == machine for edge in run.edges}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_is_entered(machine: str, engines: dict[str, list[Replay]]) -> None:
    entered = {edge.source for edge in _seen(machine, engines)}
    assert entered == {name for name, _ in states(definition(machine))}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_edge_is_taken(machine: str, engines: dict[str, list[Replay]]) -> None:
    declared = edges(definition(machine))
    left = declared - taken(declared, _seen(machine, engines))
    assert [str(edge) for edge in sorted(left)] == []


def test_every_known_difference_is_met(engines: dict[str, list[Replay]]) -> None:
    """One that is met no more must leave the list, or it would hide what comes in its place."""
    met = {what for found in engines.values() for each in found for what in each.differences}
    assert met == {each.what for each in DIFFERENCES}


# One thing changed in MiniStack's machine alone, and all that the runs must then not agree in.
_ENDS = {"status", "error", "cause", "output", "path", "edges"}
_EVENTS = {f"{verb}'s events" for verb in ("Extract", "Transform", "Load", "Verify", "Publish")}
CHANGED = {
    "a condition": (
        "capture_limited_for_five_minutes",
        ("retry_after <= 300", "retry_after < 300"),
        _ENDS | {"waits", "sleeps", "branches", "Capture's events", "Derive's events"},
    ),
    "a wait": (
        "capture_limited_once",
        ('"Seconds": "{% $states.input.capture.retry_after', '"Seconds": "{% 1'),
        {"waits"},
    ),
    "a retry": (
        "capture_throws_twice",
        ('"IntervalSeconds": 2', '"IntervalSeconds": 3'),
        {"sleeps"},
    ),
    "the number of tries": (
        "capture_throws_twice",
        ('"MaxAttempts": 2', '"MaxAttempts": 1'),
        _ENDS | {"sleeps", "branches", "Capture's events", "Derive's events"},
    ),
    "what a function gets": (
        "captured",
        ('"account": "{% $states.context.Map.Item.Value %}"', '"account": "another"'),
        _ENDS | {"sleeps", "branches", "Capture's events", "Derive's events"},
    ),
    "a branch": (
        "chart_limited_twice",
        ("waits > 0", "waits > 2"),
        _ENDS | {"waits", "sleeps", "branches", *_EVENTS},
    ),
    "the output": (
        "chart_limited_twice",
        (
            '"publish": "{% $states.result.Payload %}"',
            '"publish": "{% $merge([$states.result.Payload, {\'rows\': 0}]) %}"',
        ),
        {"output"},
    ),
    "the cause": ("two_charts_one_withheld", ("'Not done: '", "'Done: '"), {"cause"}),
}


@pytest.fixture(scope="module")
def changed() -> Iterator[dict[str, Replay]]:
    runs: list[Run] = []
    for scenario, (there, here), _ in CHANGED.values():
        text = definition_for(story(scenario).run)
        assert there in text, f"no machine says {there} any more"
        runs.append((scenario, story(scenario).run, text.replace(there, here)))
    return dict(zip(CHANGED, replay(runs), strict=True))


@pytest.mark.parametrize("what", CHANGED)
def test_a_change_would_be_noticed(what: str, changed: dict[str, Replay]) -> None:
    _, _, expected = CHANGED[what]
    assert set(changed[what].disagreements) == expected
