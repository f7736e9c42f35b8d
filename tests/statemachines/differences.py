"""What is known to differ between moto's engine and MiniStack's, and whether two runs agree.

Everything that is not in DIFFERENCES must be the same. Each is as narrow as can be and says which
of the two does as AWS; `test_engines.py` fails when one of them is no longer met.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.statemachines.engine import Execution, Invocation

_TIMED_OUT = re.compile(r"Task timed out after \d+ seconds")


@dataclass(frozen=True)
class Difference:
    """`text` makes of a text that MiniStack has what moto has."""

    what: str
    why: str
    text: Callable[[str], str] = str


OUTPUT = Difference(
    "A FAILED run has an output, {Error, Cause}.",
    "MiniStack repeats error and cause there; AWS and moto give a failed run no output.",
)
TIMEOUT = Difference(
    "A task that took too long has a cause, 'Task timed out after … seconds'.",
    "MiniStack writes one; on AWS it is empty, and moto gives none.",
    text=lambda text: _TIMED_OUT.sub("", text),
)
DIFFERENCES = (OUTPUT, TIMEOUT)


def as_moto(text: str, met: set[str]) -> str:
    """A text of MiniStack's as moto has it; adds what differed to `met`."""
    for each in DIFFERENCES:
        changed = each.text(text)
        if changed != text:
            met.add(each.what)
            text = changed
    return text


def disagreements(moto: Execution, other: Execution) -> list[str]:
    """What two runs of one machine do not agree in, in sentences; known differences taken out."""
    found = []
    for name in ("status", "error", "cause", "output", "path", "branches"):
        here, there = getattr(moto, name), getattr(other, name)
        if here != there:
            found.append(f"{name}:\n{_diff(here, there)}")
    for name in ("edges", "waits", "sleeps"):
        here, there = (sorted(getattr(each, name)) for each in (moto, other))
        if here != there:
            found.append(f"{name}:\n{_diff([*map(str, here)], [*map(str, there)])}")
    return found + list(_calls(moto.invocations, other.invocations))


def _calls(moto: list[Invocation], other: list[Invocation]) -> Iterator[str]:
    """Where the functions were given something else, or it another number of times."""
    here, there = (Counter(map(_told, calls)) for calls in (moto, other))
    missing, extra = list((here - there).elements()), list((there - here).elements())
    for verb, event, error in extra:
        nearest = [each for each in missing if each[0] == verb]
        if not nearest:
            yield f"{verb} got an event that it did not get on moto:\n{event}"
            continue
        missing.remove(nearest[0])
        _, expected, why = nearest[0]
        yield f"{verb} got another event:\n{_diff([why, expected], [error, event])}"
    for verb, event, _ in missing:
        yield f"{verb} did not get an event that it got on moto:\n{event}"


def _told(call: Invocation) -> tuple[str, str, str | None]:
    return call.verb, _text(call.event), call.error


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, default=str)


def _diff(moto: Any, other: Any) -> str:
    lines = [_text(each).splitlines() for each in (moto, other)]
    return "\n".join(difflib.unified_diff(*lines, "moto", "MiniStack", lineterm=""))
