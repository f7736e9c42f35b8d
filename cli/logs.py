"""The functions' log lines, readable."""

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text
from soundlake.times import format_time

from cli.errors import Misuse, Trouble
from cli.runs import Run
from cli.target import MACHINES, Target, resources

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_STYLES: Final = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow", "DEBUG": "dim"}
_POLL_SECONDS: Final = 1.0
_AFTERWARDS: Final = timedelta(seconds=5)  # within which a run's last lines arrive
_TRACE: Final = re.compile(r'"xray_trace_id": ?"([^"]+)"')
# What every line of the logger carries and nobody reads line by line.
_NOISE: Final = {
    *("level", "message", "timestamp", "service", "location", "cold_start", "function_arn"),
    *("function_memory_size", "function_name", "function_request_id", "xray_trace_id"),
}


def since(text: str) -> datetime:
    """Return the instant that `text` (like 90s, 15m, 1h, 2d) ago was; raise Misuse otherwise."""
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match:
        raise Misuse(f"{text!r} is no span of time; write it like 15m, 1h or 2d.")
    return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})


def functions(target: Target) -> dict[str, str]:
    """Return the physical name of every function of the stack by its logical one."""
    return resources(target, "AWS::Lambda::Function")


def chosen(target: Target, which: str | None) -> dict[str, str]:
    """Return the functions that `which` means: a machine's, one by name, or all."""
    known = functions(target)
    if which is None:
        return known
    if which in MACHINES and (found := _of_machine(target, which, known)):
        return found
    names = {name: physical for name, physical in known.items() if which in (name, physical)}
    # `plan` for PlanFunction: nobody types the suffix.
    names = names or {
        name: physical
        for name, physical in known.items()
        if name.lower().removesuffix("function") == which.lower().removesuffix("function")
    }
    if not names:
        raise Misuse(
            f"There is no function {which!r}; there are {', '.join(MACHINES)} (the machines) and "
            f"{', '.join(sorted(known)) or 'none'}."
        )
    return names


def _of_machine(target: Target, machine: str, known: Mapping[str, str]) -> dict[str, str]:
    arn = target.output(MACHINES[machine])
    definition = target.states.describe_state_machine(stateMachineArn=arn)["definition"]
    return {
        name: physical
        for name, physical in known.items()
        if re.search(rf"\b{re.escape(physical)}(?![\w-])", definition)
    }


@dataclass(frozen=True)
class Wanted:
    """Which lines: of a machine or function (None for all), since when, and until when (UTC).

    `about` is a word that a line must have; `trace`, where X-Ray gave a run one, is what a line
    must not contradict.
    """

    which: str | None
    start: datetime
    end: datetime | None = None
    about: str | None = None
    trace: str | None = None
    as_json: bool = False


def of_run(target: Target, run: Run, wanted: Wanted) -> Wanted:
    """Narrow down what is wanted to one run: its machine's functions, while it ran.

    In AWS the lines of other runs at the same time are told apart by X-Ray's trace; without one,
    what ran meanwhile is among them.
    """
    described = target.states.describe_execution(executionArn=run.arn)
    root = re.search(r"Root=([^;]+)", str(described.get("traceHeader") or ""))
    end = run.stopped + _AFTERWARDS if run.stopped else None
    return replace(
        wanted,
        which=wanted.which or run.machine,
        start=run.started,
        end=end,
        trace=root[1] if root else None,
    )


def show(target: Target, wanted: Wanted, console: Console, *, follow: bool) -> int:
    """Print the lines that are wanted in order; return how many. Runs on if `follow`."""
    where = groups(target, chosen(target, wanted.which))
    printed: set[str] = set()
    while True:
        events = sorted(_events(target, where, wanted), key=lambda one: one[1]["timestamp"])
        for name, event in of_trace(events, wanted.trace):
            key = f"{name} {event.get('eventId') or event['timestamp']} {event['message']}"
            line = None if key in printed else readable(name, event)
            if line is None or (wanted.about and wanted.about not in line.plain):
                continue
            printed.add(key)
            if wanted.as_json:
                sys.stdout.write(json.dumps(said(name, event), ensure_ascii=False) + "\n")
            else:
                console.print(line, soft_wrap=True)
        if not follow:
            return len(printed)
        time.sleep(_POLL_SECONDS)


def of_trace(
    events: Iterable[tuple[str, Mapping[str, Any]]], trace: str | None
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the lines of a trace, and those that name none; all, where no line names it."""
    events = list(events)
    named = [(one, _TRACE.search(one[1]["message"])) for one in events]
    if trace is None or not any(found and found[1] == trace for _, found in named):
        return events
    return [one for one, found in named if found is None or found[1] == trace]


def groups(target: Target, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each function's name and log group: its own in the stack, and Lambda's default.

    Which of the two a function writes to is the template's choice, and not every AWS heeds it.
    """
    own = resources(target, "AWS::Logs::LogGroup")
    found = [(name, own[f"{name}LogGroup"]) for name in names if f"{name}LogGroup" in own]
    found += [(name, f"/aws/lambda/{physical}") for name, physical in names.items()]
    return list(dict.fromkeys(found))


def _events(
    target: Target, where: list[tuple[str, str]], wanted: Wanted
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    span: dict[str, Any] = {"startTime": int(wanted.start.timestamp() * 1000)}
    if wanted.end is not None:
        span["endTime"] = int(wanted.end.timestamp() * 1000)
    for name, group in where:
        pages = target.logs.get_paginator("filter_log_events").paginate(logGroupName=group, **span)
        try:
            for page in pages:
                for event in page["events"]:
                    yield name.removesuffix("Function"), dict(event)
        except ClientError as error:
            # A function that has not run yet may have no group.
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise


def readable(name: str, event: Mapping[str, Any]) -> Text | None:
    """Return one line for a person: time (UTC), function, message, and what else it says."""
    text = event["message"].strip()
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    # The day where it is not this one.
    when = f"{at:%H:%M:%S}" if at.date() == datetime.now(UTC).date() else f"{at:%Y-%m-%d %H:%M:%S}"
    line = Text(f"{when} {name:<10} ", style="dim")
    if not text or text.startswith(("START ", "END ", "REPORT ", "INIT_START")):
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return line.append(text, style="default")
    if not isinstance(said, dict):
        return line.append(text, style="default")
    if "_aws" in said:
        return None
    level = str(said.get("level", "INFO"))
    message = said.get("message")
    shown = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    line.append(f"{shown}", style=_STYLES.get(level, "default"))
    for key, value in said.items():
        if key not in _NOISE and value not in (None, "", {}, []):
            flat = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            line.append(f" {key}={flat}", style="dim")
    return line


def said(name: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line as JSON has it: its function, its time (UTC), and what it says."""
    text = event["message"].strip()
    try:
        what = json.loads(text)
    except ValueError:
        what = text
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return {"function": name, "at": format_time(at), "said": what}


def none_found(which: str | None, span: str | None, about: str | None = None) -> Trouble:
    """Return the sentence for an empty answer; without a span it was a run's."""
    what = f" of {which}" if which else ""
    if about is not None:
        where = f"in the last {span}" if span else "of that run"
        return Trouble(f"No log line{what} {where} has {about!r}; without --about all are shown.")
    if span is None:
        return Trouble(
            f"There are no log lines{what} of that run; they are kept for the stack's "
            "LogRetentionDays."
        )
    return Trouble(f"There are no log lines{what} in the last {span}; try a longer --since.")
