"""The import machine as the command line sees it: executions that end as they are told to."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

MACHINE = "arn:aws:states:eu-north-1:123456789012:stateMachine:import"
BUCKET = "the-uploads"
T0 = datetime(2026, 11, 21, 9, tzinfo=UTC)


class FakeStates:
    """Step Functions whose executions end as they are told to, one look later.

    An output succeeds, a text is the cause of a failure, and an exception is raised. `events` are
    seen at the second look. `others` are the inputs of executions that run already.
    """

    def __init__(self) -> None:
        self.ends: list[Any] = []
        self.given: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.others: dict[str, dict[str, Any]] = {}
        self.followed: list[str] = []
        self._looks = 0

    def start_execution(self, stateMachineArn: str, input: str) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == MACHINE
        self.given.append(json.loads(input))
        if self.ends and isinstance(self.ends[0], Exception):
            raise self.ends.pop(0)
        return {"executionArn": f"{MACHINE}:run-{len(self.given)}"}

    def list_executions(self, stateMachineArn: str, statusFilter: str) -> dict[str, Any]:  # noqa: N803
        assert (stateMachineArn, statusFilter) == (MACHINE, "RUNNING")
        return {"executions": [{"executionArn": arn} for arn in self.others]}

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if executionArn in self.others and executionArn not in self.followed:
            self.followed.append(executionArn)
            return {"input": json.dumps(self.others[executionArn]), "status": "RUNNING"}
        assert executionArn in self.others or executionArn == f"{MACHINE}:run-{len(self.given)}"
        self._looks += 1
        if self._looks % 2:
            return {"status": "RUNNING", "startDate": T0}
        end = self.ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        dates = {"startDate": T0, "stopDate": T0 + timedelta(seconds=4)}
        if isinstance(end, str):
            return {"status": "FAILED", "error": "NotImported", "cause": end, **dates}
        return {"status": "SUCCEEDED", "output": json.dumps(end), **dates}

    def get_execution_history(self, **request: Any) -> dict[str, Any]:
        assert request["includeExecutionData"]
        return {"events": self.events[::-1] if self._looks % 2 == 0 else []}


def events(*steps: tuple[str, Any]) -> list[dict[str, Any]]:
    """Events of states that were entered (`(name, None)`) or exited (`(name, output)`)."""
    return list(_events(steps))


def _events(steps: Iterable[tuple[str, Any]]) -> Iterable[dict[str, Any]]:
    for number, (name, output) in enumerate(steps, 1):
        about = {"id": number, "timestamp": T0 + timedelta(seconds=number / 10)}
        if output is None:
            yield about | {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": name}}
        else:
            details = {"name": name, "output": json.dumps(output)}
            yield about | {"type": "TaskStateExited", "stateExitedEventDetails": details}
