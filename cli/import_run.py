"""One execution of the import machine: started, or found running, and followed to its end."""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cli.follow import History
from cli.machines import StillRunningError
from cli.target import MACHINES, Target

LOOKING, READING, MERGING, DERIVING, ADDING = (
    "looking at it",
    "reading",
    "merging",
    "deriving plays",
    "adding up",
)
# A stage begins where the machine enters a state, and is this share of the whole, as measured.
_STAGES: Final[Mapping[str, tuple[str, float]]] = {
    "Import": (LOOKING, 0.02),
    "ReadFiles": (READING, 0.22),
    "MergeMonths": (MERGING, 0.23),
    "PlayMonths": (DERIVING, 0.29),
    "Conclude": (ADDING, 0.24),
}
_TOO_SOON: Final = 0.03  # of the whole, before which nobody can tell how long it takes
# What the machine's steps do, for people.
_DOING: Final = {
    "Import": "looking at the file",
    "Read": "reading the files",
    "Merge": "merging their rows with what is known",
    "Play": "deriving plays",
    "Conclude": "adding up the ledger",
    "Transform": "reading the chart",
    "Load": "loading the chart",
}
_LOCAL_SECONDS: Final = 0.2
_AWS_SECONDS: Final = 1.0


@dataclass
class Seen:
    """What is known of an execution of an import so far; it grows with its events.

    `read` has what the machine tells of each file that was read, `told` what it carries of the
    import, `counts` its ledger once that is added up. `moved` is when `share` grew last. Times are
    UTC.
    """

    arn: str = ""
    state: str = ""
    status: str = "RUNNING"
    began: datetime | None = None
    moved: datetime | None = None
    ended: datetime | None = None
    sizes: dict[int, int] = field(default_factory=dict)
    read: list[dict[str, Any]] = field(default_factory=list)
    unread: int = 0
    groups: int = 0
    done: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    output: dict[str, Any] = field(default_factory=dict)
    cause: str = ""

    @property
    def stage(self) -> str:
        """What it does now, in a word or two."""
        return _STAGES.get(self.state, (LOOKING, 0.0))[0]

    @property
    def rows(self) -> int:
        """The rows that were read so far."""
        return sum(file["rows"] for file in self.read)

    @property
    def files_done(self) -> int:
        """The files that were read so far, or could not be."""
        return len(self.read) + self.unread

    @property
    def share(self) -> float:
        """How much of the work is done, 0 to 1, as well as it can be told."""
        if self.status != "RUNNING":
            return 1.0
        before = 0.0
        for state, (_, share) in _STAGES.items():
            if state == self.state:
                return before + share * self._share_of_stage(state)
            before += share
        return 0.0

    def _share_of_stage(self, state: str) -> float:
        if state == "ReadFiles":
            read = sum(self.sizes.get(file["number"], 0) for file in self.read)
            return read / max(sum(self.sizes.values()), 1)
        if state in {"MergeMonths", "PlayMonths"}:
            return self.done / max(self.groups, 1)
        return 0.0

    def seconds(self, now: datetime) -> float:
        """How long it has been going, or went."""
        until = self.ended or now
        return max((until - self.began).total_seconds(), 0.0) if self.began else 0.0

    def left(self, now: datetime) -> float | None:
        """How many seconds it will still take; None where that cannot be told (any more).

        Estimated whenever a step is done, and counted down from there.
        """
        share = self.share
        if share < _TOO_SOON or self.began is None or self.moved is None:
            return None
        took = (self.moved - self.began).total_seconds()
        left = took / share - (now - self.began).total_seconds()
        return left if left >= 1 else None


def take(seen: Seen, events: Iterable[Mapping[str, Any]]) -> None:
    """Add what `events` tell to `seen`."""
    for event in events:
        before = seen.share
        if event["type"].endswith("StateEntered"):
            name = event.get("stateEnteredEventDetails", {}).get("name")
            if name in _STAGES:
                seen.state, seen.done = name, 0
        elif event["type"].endswith("StateExited"):
            details = event.get("stateExitedEventDetails", {})
            _exited(seen, details.get("name"), _object(details.get("output")))
        if seen.share != before:
            seen.moved = event["timestamp"]


def _exited(seen: Seen, name: str | None, output: Mapping[str, Any]) -> None:
    if name == "Import":
        import_ = output.get("import") or {}
        seen.told = import_.get("import") or {}
        parts = import_.get("parts") or ()
        seen.sizes = {file["number"]: file["bytes"] for part in parts for file in part}
        seen.groups = len(import_.get("groups") or ())
    elif name == "Read":
        seen.read += output.get("files") or ()
        seen.unread += len(output.get("problems") or ())
    elif name == "Group":
        seen.groups = len((output.get("import") or {}).get("groups") or ())
    elif name in {"Merge", "Play"}:
        seen.done += 1
    elif name == "Conclude":
        seen.counts = dict(output.get("counts") or {})
        seen.problems = list(output.get("problems") or ())


def begin(target: Target, given: Mapping[str, Any]) -> str:
    """Start the import machine; the execution's ARN."""
    machine = target.output(MACHINES["import"])
    started = target.states.start_execution(stateMachineArn=machine, input=json.dumps(given))
    return str(started["executionArn"])


def running(target: Target) -> dict[str, dict[str, Any]]:
    """The inputs of the executions that still run, by ARN."""
    machine = target.output(MACHINES["import"])
    listed = target.states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
    found = {}
    for one in listed["executions"]:
        described = target.states.describe_execution(executionArn=one["executionArn"])
        found[one["executionArn"]] = _object(described.get("input"))
    return found


def follow(
    target: Target, arn: str, show: Callable[[Seen], None], *, again: str | None = None
) -> Seen:
    """Follow an execution to its end, showing what is seen with every look.

    Raises StillRunningError on Ctrl-C: the import goes on; `again` says how to look again.
    """
    seen, history = Seen(arn), History(target.states, arn)
    try:
        while True:
            # Described before the history is read, so that the last events are never missed.
            found = target.states.describe_execution(executionArn=arn)
            seen.began = found.get("startDate", seen.began)
            take(seen, history.new())
            seen.status, seen.ended = found["status"], found.get("stopDate")
            show(seen)
            if found["status"] not in {"RUNNING", "PENDING_REDRIVE"}:
                break
            time.sleep(_LOCAL_SECONDS if target.local else _AWS_SECONDS)
    except KeyboardInterrupt:
        said = ("import", again) if again else ("import",)
        raise StillRunningError(*said) from None
    seen.output = _object(found.get("output"))
    seen.cause = found.get("cause") or found.get("error") or ""
    return seen


_CAUSE: Final = re.compile(r"(\w+) (failed|refused): (.*)", re.DOTALL)
_MESSAGE: Final = re.compile(r'"errorMessage": ?"((?:[^"\\]|\\.)*)')


def why(seen: Seen, name: str) -> str:
    """Say in a person's words why an execution did not succeed; `name` is the file's."""
    cause = (seen.cause or f"The run is {seen.status}.").removeprefix(f"{name}: ")
    found = _CAUSE.match(cause)
    if found is None:
        return cause
    step, how, said = found.groups()
    message = _MESSAGE.search(said)
    if message:
        said = message[1].replace('\\"', '"').replace("\\n", " ")
    if how == "refused" or step == "Import":
        return said
    return (
        f"It failed while {_DOING.get(step, step)}: {said.rstrip('.')}. What was done is kept: the "
        "same command goes on from there, and ./soundlake logs import says more."
    )


def _object(text: Any) -> dict[str, Any]:
    """The object in a JSON text; an empty one for anything else."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def spans(files: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    """The first and the last time among files that were read."""
    times = [file[name] for file in files for name in ("first", "last") if file.get(name)]
    return min(times, default=None), max(times, default=None)
