"""Start an execution and follow it through its history."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "capture": ("Select", "CaptureAccounts"),
    "daily": ("Plan", "Probe", "ProcessCharts", "Enrich", "Verify", "WithdrawCharts", "Publish"),
    "audit": ("Survey", "AuditParts"),
    "import": (
        *("Import", "Transform", "Load", "Verify", "Publish", "Forget"),
        *("ReadFiles", "Group", "MergeMonths", "PlayMonths", "Conclude"),
    ),
}
_RECORDS: Final[Mapping[str, str]] = {
    "RecordSuccess": "loaded",
    "RecordUnchanged": "unchanged",
    "RecordFailure": "failed",
    "RecordUnserved": "unavailable",
}
_WELL: Final = ("loaded", "unchanged")
_PAGE: Final = 1000
# Of an execution of which Step Functions has no cause.
_ENDED: Final[Mapping[str, str]] = {
    "ABORTED": "somebody aborted it and gave no reason",
    "TIMED_OUT": "it took longer than the machine may",
}


@dataclass
class Outcome:
    """What is known of an execution; it grows while the execution is followed.

    `stages` holds seconds per state of the machine, waits and repeats included.
    """

    machine: str
    arn: str
    status: str = "RUNNING"
    started: datetime | None = None
    stopped: datetime | None = None
    output: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    cause: str = ""
    planned: int = 0
    done_before: int = 0
    charts: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    access: dict[str, Any] = field(default_factory=dict)
    enrich: dict[str, Any] = field(default_factory=dict)
    verify: dict[str, Any] = field(default_factory=dict)
    publish: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    entered: dict[str, datetime] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.arn.rpartition(":")[2]

    @property
    def succeeded(self) -> bool:
        """Whether the execution ended well."""
        return self.status == "SUCCEEDED"

    @property
    def seconds(self) -> float:
        """Wall time of the whole execution; 0 while it runs."""
        if self.started is None or self.stopped is None:
            return 0.0
        return (self.stopped - self.started).total_seconds()

    @property
    def failed_charts(self) -> list[dict[str, Any]]:
        """The results of the charts that were not done and could have been."""
        missed = [one for one in self.charts if one.get("status") not in _WELL]
        return [one for one in missed if not _lost(one) and not one.get("unserved")]

    @property
    def lost_charts(self) -> list[dict[str, Any]]:
        """The days before this run's own of which no answer was kept, so that none can be made."""
        return [one for one in self.charts if _lost(one)]

    @property
    def unserved_charts(self) -> list[dict[str, Any]]:
        """The charts that no source may be asked for, or has."""
        return [one for one in self.charts if one.get("unserved")]

    def plays(self, name: str) -> int | None:
        """A count of the captured pages' plays over all accounts; None where no page came."""
        found = [int(one[name]) for one in self.accounts if one.get(name) is not None]
        return sum(found) if found else None

    @property
    def why(self) -> str:
        """Why it did not succeed, as the machine says it; empty when it did."""
        if self.succeeded:
            return ""
        cause = self.cause.strip() or self.error or _ENDED.get(self.status, f"it is {self.status}")
        said = self.error.lower() in cause.lower().replace(" ", "")  # as NotCaptured is
        return cause if said else f"{self.error}: {cause}"

    def requests(self) -> dict[str, int]:
        """Count the requests made to Spotify by endpoint."""
        counts: dict[str, int] = {}
        for part in (self.access, self.enrich, *self.charts, *self.accounts):
            for endpoint, count in (part.get("requests") or {}).items():
                counts[endpoint] = counts.get(endpoint, 0) + int(count)
        return counts


class History:
    """Reads an execution's events, each once and in order.

    The newest come first from the API, so that a poll reads only what is new. AWS gives 1,000 a
    page and a token for more; an API without tokens is asked for as many as there are.
    """

    def __init__(self, states: Any, arn: str) -> None:
        """Read the history of execution `arn`."""
        self._states = states
        self._arn = arn
        self._seen = 0

    def new(self) -> list[Mapping[str, Any]]:
        """Return the events since the last call, oldest first."""
        fresh: list[Mapping[str, Any]] = []
        request: dict[str, Any] = {"maxResults": _PAGE}
        while True:
            answer = self._page(**request)
            events = [one for one in answer["events"] if one["id"] > self._seen]
            fresh += events
            complete = len(events) < len(answer["events"]) or not answer["events"]
            if complete or fresh[-1]["id"] == 1:
                break
            if answer.get("nextToken"):
                request["nextToken"] = answer["nextToken"]
            elif len(answer["events"]) < request["maxResults"]:
                break
            else:
                # Twice as many, or the loop would not end should ids ever be given twice.
                most = max(answer["events"][0]["id"], 2 * request["maxResults"])
                fresh, request = [], {"maxResults": most}
        if fresh:
            self._seen = fresh[0]["id"]
        return fresh[::-1]

    def _page(self, **request: Any) -> Any:
        return self._states.get_execution_history(
            executionArn=self._arn, reverseOrder=True, includeExecutionData=True, **request
        )


def follow(
    states: Any,
    outcome: Outcome,
    *,
    seen: Callable[[Outcome, list[dict[str, Any]]], None],
    interval: float,
) -> Outcome:
    """Follow an execution to its end, calling `seen` with every batch of finished charts.

    `interval` is in seconds. Ctrl-C leaves the execution running.
    """
    history = History(states, outcome.arn)
    while True:
        # Described before the history is read, so that the last events are never missed.
        described = states.describe_execution(executionArn=outcome.arn)
        before = len(outcome.charts)
        take(outcome, history.new())
        seen(outcome, outcome.charts[before:])
        if described["status"] not in {"RUNNING", "PENDING_REDRIVE"}:
            break
        time.sleep(interval)
    return describe(outcome, described)


def describe(outcome: Outcome, described: Mapping[str, Any]) -> Outcome:
    """Take in what Step Functions says of an execution as a whole; `outcome` itself."""
    outcome.status = described["status"]
    outcome.started, outcome.stopped = described["startDate"], described.get("stopDate")
    outcome.error = described.get("error") or outcome.error
    outcome.cause = described.get("cause") or outcome.cause
    outcome.output = _object(described.get("output")) or outcome.output
    _missed(outcome, outcome.output)
    outcome.accounts = outcome.accounts or list(outcome.output.get("accounts") or ())
    return outcome


def take(outcome: Outcome, events: Iterable[Mapping[str, Any]]) -> None:
    """Add what `events` tell to `outcome`."""
    for event in events:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            _entered(outcome, event)
        elif kind.endswith("StateExited"):
            _exited(outcome, event)
        elif kind == "MapStateStarted" and not outcome.planned:
            details = event.get("mapStateStartedEventDetails", {})
            outcome.planned = details.get("length", outcome.planned)
        elif kind in {"ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}:
            details = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
            outcome.error = details.get("error") or outcome.error
            outcome.cause = details.get("cause") or outcome.cause


def _entered(outcome: Outcome, event: Mapping[str, Any]) -> None:
    name = event.get("stateEnteredEventDetails", {}).get("name")
    if name in STAGES[outcome.machine]:
        outcome.entered[name] = event["timestamp"]


def _exited(outcome: Outcome, event: Mapping[str, Any]) -> None:
    details = event.get("stateExitedEventDetails", {})
    name, output = details.get("name"), _object(details.get("output"))
    if name in _RECORDS and outcome.machine == "daily":
        outcome.charts.append(output or {"chart": "a chart", "status": _RECORDS[name]})
    if name not in STAGES[outcome.machine]:
        return
    if name in outcome.entered:
        seconds = (event["timestamp"] - outcome.entered.pop(name)).total_seconds()
        outcome.stages[name] = outcome.stages.get(name, 0.0) + seconds
    _results(outcome, name, output)


def _results(outcome: Outcome, name: str, output: Mapping[str, Any]) -> None:
    """Take in what a stage's output says."""
    if name == "Plan":
        outcome.planned = len(output.get("charts") or ())
        outcome.done_before = int(output.get("done") or 0)
    if name in {"Plan", "Probe"}:
        outcome.access = _object(output.get("access"))
    elif name in {"Enrich", "Verify", "Publish"}:
        # The state may pass its result on among other things, under its own name.
        found = output.get(name.lower(), output)
        kept = {"Enrich": outcome.enrich, "Verify": outcome.verify, "Publish": outcome.publish}
        _take(kept[name], found if isinstance(found, dict) else {})
        _missed(outcome, output)
    elif name == "CaptureAccounts":
        listed = output.get("accounts")
        outcome.accounts += listed if isinstance(listed, list) else []


def _missed(outcome: Outcome, output: Mapping[str, Any]) -> None:
    """Add the charts of a list of results whose own events told nothing (or were cut off)."""
    listed = output.get("charts")
    known = {(one.get("chart"), one.get("date")) for one in outcome.charts}
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict) or "status" not in one:
            continue
        if (one.get("chart"), one.get("date")) not in known:
            outcome.charts.append(one)


def _take(kept: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Take `found` in; a step's requests already add up over its repeats."""
    kept.update(found)


def _lost(one: Mapping[str, Any]) -> bool:
    gone = one.get("status") == "unavailable" and bool(one.get("repair"))
    return gone and not one.get("unserved")


def _object(text: Any) -> dict[str, Any]:
    """Return the object in a JSON text; an empty one for anything else (AWS may cut it off)."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
