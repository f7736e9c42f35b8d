"""Histories as AWS writes them.

MiniStack notes nothing of the states inside a Map's iteration, so nobody could see an item finish
before all have, or count the events and state transitions that AWS would; and two items that note
something at the same instant may get the same event id, which hides one of them from a reader that
goes by ids.
"""

import importlib
import json
import threading
from collections.abc import Callable
from typing import Any, Final

_HANDLERS: Final = {
    f"_execute_{kind.lower()}": kind
    for kind in ("Pass", "Task", "Choice", "Wait", "Parallel", "Map")
}
_FORKS: Final = ("Map", "Parallel")

Handle = Callable[..., Any]


class _Noter:
    """Wraps the functions of MiniStack that run states."""

    def __init__(self, machine: Any) -> None:
        self._add_event = machine._add_event
        self._run_sub_machine = machine._run_sub_machine
        self._lock = threading.Lock()
        self._inside = threading.local()  # the execution whose iteration or branch a thread runs

    def add(self, execution: Any, kind: str, details: Any = None) -> Any:
        """Note one event, and after a task's scheduling its start; one thread at a time."""
        with self._lock:
            event = self._add_event(execution, kind, details)
            if kind == "TaskScheduled":
                self._add_event(execution, "TaskStarted")
        return event

    def run(self, states: Any, start_at: str, given: Any, execution: Any, ctx: Any) -> Any:
        """Run an iteration or a branch."""
        # A branch inside an iteration has a copy of its item and is no iteration of its own.
        iteration = "Map" in ctx and not ctx["Map"].get("Noted")
        if iteration:
            ctx["Map"]["Noted"] = True
            self.add(execution, "MapIterationStarted")
        before = getattr(self._inside, "execution", None)
        self._inside.execution = execution
        outcome = "Failed"
        try:
            output = self._run_sub_machine(states, start_at, given, execution, ctx)
            outcome = "Succeeded"
        finally:
            self._inside.execution = before
            if iteration:
                self.add(execution, f"MapIteration{outcome}")
        return output

    def state(self, kind: str, handle: Handle) -> Handle:
        """Note a state's entry and exit; those of the machine itself are noted by MiniStack."""

        def handled(state: Any, given: Any, *rest: Any) -> Any:
            execution = getattr(self._inside, "execution", None)
            if execution is None:
                return handle(state, given, *rest)
            name = rest[-1]["State"]["Name"]
            entered = {"name": name, "input": json.dumps(given, default=str)}
            self.add(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": entered})
            output = handle(state, given, *rest)
            exited = {"name": name, "output": json.dumps(output[0], default=str)}
            self.add(execution, f"{kind}StateExited", {"stateExitedEventDetails": exited})
            return output

        return handled

    def fork(self, kind: str, handle: Handle) -> Handle:
        """Note that a Map or a Parallel has started and succeeded."""

        def handled(state: Any, given: Any, execution: Any, ctx: Any) -> Any:
            self.add(execution, f"{kind}StateStarted")
            output = handle(state, given, execution, ctx)
            self.add(execution, f"{kind}StateSucceeded")
            return output

        return handled


def complete() -> None:
    """Let every event be noted, in order.

    Raises RuntimeError when MiniStack's functions are not where they were.
    """
    machine: Any = importlib.import_module("ministack.services.stepfunctions")
    for name in ("_add_event", "_run_sub_machine", *_HANDLERS):
        if getattr(machine, name, None) is None:
            raise RuntimeError(f"MiniStack's stepfunctions.{name} has moved")
    noter = _Noter(machine)
    machine._add_event = noter.add
    machine._run_sub_machine = noter.run
    for name, kind in _HANDLERS.items():
        handle = getattr(machine, name)
        handle = noter.fork(kind, handle) if kind in _FORKS else handle
        setattr(machine, name, noter.state(kind, handle))
