"""An execution's history, counted and weighed as AWS does."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

EVENTS = 25_000  # AWS fails an execution that reaches them
PAYLOAD = 256 * 1024  # bytes of a state's input or output, and of a task's result

_DETAILS = ("stateEnteredEventDetails", "stateExitedEventDetails", "taskSucceededEventDetails")


def transitions(events: Iterable[Mapping[str, Any]]) -> int:
    """The state transitions that AWS would bill: states entered."""
    return sum(one["type"].endswith("StateEntered") for one in events)


def kinds(events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many events of each type there are, most first."""
    return dict(Counter(one["type"] for one in events).most_common())


def payloads(events: Sequence[Mapping[str, Any]], definition: Mapping[str, Any]) -> dict[str, int]:
    """The largest payload (bytes) by state and side, like `Publish output`, largest first.

    A Map's result stands in no event: it is the list of what its iterations ended with.
    """
    largest = _map_results(events, definition["States"])
    for one in events:
        for kind in _DETAILS:
            details = one.get(kind, {})
            for side in ("input", "output"):
                if side in details:
                    name = f"{details.get('name', 'a task')} {_side(kind, side)}"
                    largest[name] = max(largest.get(name, 0), size(details[side]))
    return dict(sorted(largest.items(), key=lambda each: -each[1]))


def _map_results(events: Sequence[Mapping[str, Any]], states: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, state in states.items():
        inner = state.get("ItemProcessor", {}).get("States", {})
        ends = {each for each, one in inner.items() if one.get("End")}
        sizes: list[list[int]] = [[]]  # of each time that the machine came by
        for one in events:
            if one.get("stateEnteredEventDetails", {}).get("name") == name:
                sizes.append([])
            details = one.get("stateExitedEventDetails", {})
            if details.get("name") in ends:
                sizes[-1].append(size(details["output"]))
        if any(sizes):
            # Commas and brackets are part of a list.
            found[f"{name} result"] = max(sum(each) + len(each) + 1 for each in sizes)
            found |= _map_results(events, inner)
    return found


def _side(kind: str, side: str) -> str:
    return "result" if kind == "taskSucceededEventDetails" else side


def size(text: str) -> int:
    """The bytes of a JSON text as AWS keeps it: compact, in UTF-8."""
    value = json.loads(text)
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
