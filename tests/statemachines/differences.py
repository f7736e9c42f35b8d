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


def disagreements(moto: Execution, other: Execution) -> dict[str, str]:
    """What two runs of one machine do not agree in, by subject; known differences taken out.

    Subjects are the fields of an Execution and, of each function, `Verb's events`.
    """
    found = {}
    for name in ("status", "error", "cause", "output", "path", "branches"):
        here, there = getattr(moto, name), getattr(other, name)
        if here != there:
            found[name] = _diff(here, there)
    # A Map's iterations go on beside each other, in no order.
    for name in ("edges", "waits", "sleeps"):
        here, there = (sorted(getattr(each, name)) for each in (moto, other))
        if here != there:
            found[name] = _diff([*map(str, here)], [*map(str, there)])
    for verb in {call.verb for call in (*moto.invocations, *other.invocations)}:
        here, there = ([_told(call) for call in each.invoked(verb)] for each in (moto, other))
        if sorted(here) != sorted(there):
            found[f"{verb}'s events"] = "\n".join(_events(here, there))
    return found


def _events(moto: list[str], other: list[str]) -> Iterator[str]:
    """Where a function was given something else, or it another number of times."""
    here, there = Counter(moto), Counter(other)
    missing, extra = list((here - there).elements()), list((there - here).elements())
    for one in extra:
        if missing:
            yield "\n".join(_lines(missing.pop(0), one))
        else:
            yield f"More often than on moto: {one}"
    for one in missing:
        yield f"Less often than on moto: {one}"


def _told(call: Invocation) -> str:
    return _text({"event": call.event, "error": call.error})


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True)


def _diff(moto: Any, other: Any) -> str:
    return "\n".join(_lines(_text(moto), _text(other)))


def _lines(moto: str, other: str) -> list[str]:
    both = moto.splitlines(), other.splitlines()
    return list(difflib.unified_diff(*both, "moto", "MiniStack", lineterm=""))
