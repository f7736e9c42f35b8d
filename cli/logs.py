"""The functions' log lines, readable."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from cli.errors import Misuse, Trouble
from cli.target import MACHINES, Target, resources

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_STYLES: Final = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow", "DEBUG": "dim"}
_POLL_SECONDS: Final = 1.0
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


def show(
    target: Target, which: str | None, start: datetime, console: Console, *, follow: bool
) -> int:
    """Print the lines since `start` in the order of time; return how many. Runs on if `follow`."""
    where = groups(target, chosen(target, which))
    first = int(start.timestamp() * 1000)
    printed: set[str] = set()
    while True:
        events = sorted(_events(target, where, first), key=lambda one: one[1]["timestamp"])
        for name, event in events:
            key = f"{name} {event.get('eventId') or event['timestamp']} {event['message']}"
            if key not in printed and (line := readable(name, event)):
                printed.add(key)
                console.print(line, soft_wrap=True)
        if not follow:
            return len(printed)
        time.sleep(_POLL_SECONDS)


def groups(target: Target, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each function's name and log group: its own in the stack, and Lambda's default.

    Which of the two a function writes to is the template's choice, and not every AWS heeds it.
    """
    own = resources(target, "AWS::Logs::LogGroup")
    found = [(name, own[f"{name}LogGroup"]) for name in names if f"{name}LogGroup" in own]
    found += [(name, f"/aws/lambda/{physical}") for name, physical in names.items()]
    return list(dict.fromkeys(found))


def _events(
    target: Target, where: list[tuple[str, str]], first: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, group in where:
        pages = target.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=first
        )
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
    when = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).strftime("%H:%M:%S")
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


def none_found(which: str | None, span: str) -> Trouble:
    """Return the sentence for an empty answer."""
    what = f" of {which}" if which else ""
    return Trouble(f"There are no log lines{what} in the last {span}; try a longer --since.")
