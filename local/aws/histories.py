"""Let MiniStack's executions be noted as AWS notes them.

It notes nothing of the states inside a Map's iteration, so nobody could see an item finish before
all have, or count the events that AWS would; no event names the one before it, so nobody could
tell the items apart; and two items that note something at the same instant may get the same event
id, which hides one of them from a reader that goes by ids.

What no history holds goes into the log, one line of JSON each: the seconds that a Wait state or a
retry was told to wait, which the times do not tell where waits are scaled.
"""

import functools
import importlib
import json
import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

SLEEP: Final = "sleep "  # begins what is logged of a wait; the JSON follows
INSIDE: Final = ("_add_event", "_run_sub_machine", "_scaled_sleep")
STATES: Final = tuple(
    f"_execute_{kind}" for kind in ("pass", "task", "choice", "wait", "parallel", "map")
)
FORKS: Final = ("Map", "Parallel")

_WRAPPED: Final = "_soundlake_histories"
_LOG: Final = logging.getLogger("soundlake.aws")


@dataclass
class _Line:
    """One line of events: an execution's own, or one of a Map's iterations in it.

    `item` is what MiniStack knows of the iteration; `last` is the id of the line's newest event.
    """

    execution: dict[str, Any]
    last: int = 0
    item: Any = None
    inside: bool = False
    state: str = ""
    kind: str = ""


# MiniStack gives every branch and iteration a context that begins as a copy of its parent's.
_line: ContextVar[_Line | None] = ContextVar("line", default=None)


def complete() -> None:
    """Let histories be complete, in order and linked, and waits be in the log.

    Raises RuntimeError when MiniStack's functions are not where they were.
    """
    machine: Any = importlib.import_module("ministack.services.stepfunctions")
    for name in (*INSIDE, *STATES):
        if getattr(machine, name, None) is None:
            raise RuntimeError(f"MiniStack's stepfunctions.{name} has moved")
    if getattr(machine, _WRAPPED, False):
        return
    machine._add_event = note = _linked(machine._add_event)
    machine._run_sub_machine = _noting_iterations(machine._run_sub_machine, note)
    machine._scaled_sleep = _logging(machine._scaled_sleep, machine._SFN_WAIT_SCALE)
    for name in STATES:
        setattr(machine, name, _noting_states(getattr(machine, name), note))
    setattr(machine, _WRAPPED, True)


def _linked(add_event: Callable[..., Any]) -> Callable[..., Any]:
    lock = threading.Lock()

    def add(execution: dict[str, Any], kind: str, details: Any = None) -> Any:
        line = _line.get()
        if line is None or line.execution is not execution:
            line = _Line(execution)
            _line.set(line)
        with lock:
            event = add_event(execution, kind, details)
        event["previousEventId"], line.last = line.last, event["id"]
        if kind == "TaskScheduled":
            add(execution, "TaskStarted")
        return event

    return add


def _noting_iterations(run: Callable[..., Any], note: Callable[..., Any]) -> Callable[..., Any]:
    def run_and_note(
        states: dict[str, Any], start_at: str, given: Any, execution: Any, ctx: dict[str, Any]
    ) -> Any:
        outer, item = _line.get() or _Line(execution), ctx.get("Map")
        # A Parallel's branch has the item of the iteration around it.
        begins = item is not None and item is not outer.item
        index = item["Item"]["Index"] if item is not None else None
        iteration = {"name": outer.state, "index": index}
        token = _line.set(_Line(execution, outer.last, item, inside=True))

        def note_iteration(how: str) -> None:
            if begins:
                kind = f"MapIteration{how}"
                note(execution, kind, {f"m{kind[1:]}EventDetails": iteration})

        try:
            note_iteration("Started")
            try:
                output = run(states, start_at, given, execution, ctx)
            except Exception:
                _note_end(note, execution, states, ctx)
                note_iteration("Failed")
                raise
            _note_end(note, execution, states, ctx, output)
            note_iteration("Succeeded")
            return output
        finally:
            _line.reset(token)

    return run_and_note


def _note_end(
    note: Callable[..., Any],
    execution: dict[str, Any],
    states: dict[str, Any],
    ctx: dict[str, Any],
    output: Any = None,
) -> None:
    """Note a Succeed or Fail that ended an iteration or branch; no function runs for those."""
    name = ctx.get("State", {}).get("Name", "")
    kind = states.get(name, {}).get("Type")
    if kind in {"Succeed", "Fail"}:
        note(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": {"name": name}})
    if kind == "Succeed":
        _note_exit(note, execution, kind, name, output)


def _note_exit(
    note: Callable[..., Any], execution: dict[str, Any], kind: str, name: str, output: Any
) -> None:
    details = {"name": name, "output": json.dumps(output, default=str)}
    note(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})


def _noting_states(execute: Callable[..., Any], note: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(execute)
    def execute_and_note(state: dict[str, Any], given: Any, *rest: Any) -> Any:
        line = _line.get()
        if line is None:  # a state that is only tried out, in no execution
            return execute(state, given, *rest)
        line.state, line.kind = rest[-1]["State"]["Name"], state["Type"]
        name, kind = line.state, line.kind
        run = _noting_fork(line, kind, execute, note) if kind in FORKS else execute
        if not line.inside:
            return run(state, given, *rest)
        details = {"name": name, "input": json.dumps(given, default=str)}
        note(line.execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})
        output, following = run(state, given, *rest)
        _note_exit(note, line.execution, kind, name, output)
        return output, following

    return execute_and_note


def _noting_fork(
    line: _Line, kind: str, execute: Callable[..., Any], note: Callable[..., Any]
) -> Callable[..., Any]:
    """Note that a Map or a Parallel has started and succeeded."""

    def execute_and_note(state: dict[str, Any], given: Any, *rest: Any) -> Any:
        note(line.execution, f"{kind}StateStarted")
        output = execute(state, given, *rest)
        note(line.execution, f"{kind}StateSucceeded")
        return output

    return execute_and_note


def _logging(sleep: Callable[[float], None], scale: float) -> Callable[[float], None]:
    def sleep_and_log(seconds: float) -> None:
        line = _line.get()
        if line is not None:
            said = {
                "execution": line.execution["executionArn"],
                "state": line.state,
                "why": "wait" if line.kind == "Wait" else "retry",
                "seconds": seconds,
                "scaled": seconds * scale,
            }
            _LOG.info("%s%s", SLEEP, json.dumps(said))
        sleep(seconds)

    return sleep_and_log
