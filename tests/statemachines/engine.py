"""The state machines in this process: moto's engine runs them, and the functions' own handlers.

moto brings an engine for the Amazon States Language, but no JSONata, which is put in here
(`jsonata-python`), and no real Lambda: a task calls the handler of `functions/*/app.py`. Retries
and Wait states do not wait, they are written down. All of this leans on moto's inside, so moto is
pinned exactly and `test_canary.py` says clearly when an update has moved something.

A second engine runs the same scenarios: MiniStack's, in the embedded AWS (`embedded.py`), and
`test_engines.py` asks that they agree. What moto does otherwise than AWS, and whether MiniStack
would show it, so that nobody trusts a green test too far:

- `Assign` is visible to the same state's `Output`; on AWS it is not, nor on MiniStack.
- A `Next` to a state that does not exist, and a state that nothing leads to, are accepted when a
  machine is created, by MiniStack too: `test_lint.py` looks for them.
- An expression that cannot be evaluated (a text plus a number) is `States.Runtime` here and
  `States.QueryEvaluationError` on AWS and MiniStack. One that gives nothing is the latter in all.
- A task's own `TimeoutSeconds` would be waited for; here a handler raises TimeoutError instead.
  MiniStack waits, with `TimeoutSeconds` cut to one in those runs.
- The machine's `TimeoutSeconds`, permissions, quotas and the length of the history are modelled by
  neither. Permissions are compared with what the handlers did in `test_permissions.py`.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from jsonata.jsonata import Jsonata
from moto import mock_aws

from tests.statemachines.asl import Edge
from tests.template.translated import ACCOUNT_ID, PARTITION, REGION, REPO

MOTO_VERSION = "5.2.5"
TIMEOUT = {"errorType": "States.Timeout"}
MAX_PAYLOAD = 256 * 1024  # bytes that AWS carries from state to state

_ASL = "moto.stepfunctions.parser.asl"
# Where moto's inside is touched: module, name, and what must be there (a class's attribute as
# `Class.attribute`). The canary reads this table.
INTERNALS = (
    (f"{_ASL}.jsonata.jsonata", "_eval_jsonata"),
    (f"{_ASL}.jsonata.jsonata", "encode_jsonata_variable_declarations"),
    (f"{_ASL}.eval.states", "encode_jsonata_variable_declarations"),
    (f"{_ASL}.eval.variable_store", "encode_jsonata_variable_declarations"),
    (f"{_ASL}.component.common.retry.retrier_decl", "time"),
    (f"{_ASL}.component.common.retry.jitter_strategy_decl", "random"),
    (f"{_ASL}.component.state.wait.wait_function.wait_function", "WaitFunction._wait_interval"),
    ("moto.awslambda_simple.models", "LambdaSimpleBackend.invoke"),
    ("moto.s3.models", "S3Backend._url_module"),
    (f"{_ASL}.component.state.exec.state_task.lambda_eval_utils", "boto_client_for"),
)
CONFIG = {
    "core": {"reset_boto3_session": False},  # its models are read once
    "stepfunctions": {"execute_state_machine": True},
    "lambda": {"use_docker": False},
}

_MOTO_LOG = logging.getLogger("moto")

Handler = Callable[[dict[str, Any], Any], Any]


@cache
def client(service: str) -> Any:
    """A client of the mocked AWS, kept: to make one costs more than what it does here."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def load_handler(verb: str) -> ModuleType:
    """The module of one function, under a name of its own (each file is called app.py)."""
    path = REPO / "functions" / verb.lower() / "app.py"
    spec = spec_from_file_location(f"functions_{verb.lower()}_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluate(expression: str) -> Any:
    """Evaluate JSONata; of None, moto asks `$exists` whether it is null or nothing."""
    return json.loads(json.dumps(Jsonata(expression).evaluate(None)))


def declare(bindings: dict[str, Any]) -> str:
    """JSONata assignments; moto's own do not escape quotes. The parameter's name is moto's."""
    return "".join(
        f"{name}:={json.dumps(value, default=_time_text)};" for name, value in bindings.items()
    )


def _time_text(value: datetime) -> str:
    """As Step Functions writes the times of its context; moto has them undecoded."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Invocation:
    """One call of a function: what it got, and what it gave or raised.

    `failure` is what the machine was told of an error, as Lambda tells it: `errorType`,
    `errorMessage`. Of a task that took too long it is TIMEOUT.
    """

    verb: str
    event: dict[str, Any]
    result: Any = None
    error: str | None = None
    failure: dict[str, Any] | None = None


@dataclass
class Execution:
    """What became of one run."""

    machine: str
    name: str
    given: Any
    started: str  # as the machine sees it
    status: str
    output: Any
    error: str | None
    cause: str | None
    path: list[str]
    branches: list[list[str]]
    edges: set[Edge]
    waits: list[tuple[str, int]]
    sleeps: list[float]
    invocations: list[Invocation]
    requests: list[str] = field(default_factory=list)

    def invoked(self, verb: str) -> list[Invocation]:
        return [each for each in self.invocations if each.verb == verb]


@dataclass
class Recorder:
    """What moto's engine was seen to do since the last run began."""

    sleeps: list[float] = field(default_factory=list)
    waits: list[tuple[str, int]] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)


class Engine:
    """Runs machines. `handlers` are called by verb, one at a time, as Lambda isolates calls."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self.handlers = handlers
        self._lock = threading.Lock()
        self._recorder = Recorder()
        self._arns: dict[str, str] = {}

    @contextmanager
    def started(self) -> Iterator[None]:
        """An empty AWS; moto's inside is changed until the end."""
        replaced = {
            "_eval_jsonata": evaluate,
            "encode_jsonata_variable_declarations": declare,
            "time": SimpleNamespace(sleep=self._sleep),
            # Full jitter draws between nothing and the interval: its upper end can be asserted.
            "random": SimpleNamespace(uniform=lambda _low, high: high),
            "WaitFunction._wait_interval": lambda _wait, env, wait_seconds: self._wait(
                env, wait_seconds
            ),
            "boto_client_for": lambda service, **_: client(service),  # for speed alone
            # For speed alone: moto imports it anew at every request.
            "S3Backend._url_module": import_module("moto.s3.urls"),
            "LambdaSimpleBackend.invoke": lambda _backend, *given: self._invoke(*given),
        }
        with ExitStack() as stack:
            for module, name in INTERNALS:
                target = import_module(module)
                owner, _, attribute = name.rpartition(".")
                stack.enter_context(
                    patch.object(
                        getattr(target, owner) if owner else target, attribute, replaced[name]
                    )
                )
            stack.enter_context(mock_aws(config=CONFIG))  # type: ignore[arg-type]
            self._arns.clear()
            # moto reports every failed task at length, and failed tasks are the point here.
            stack.callback(_MOTO_LOG.setLevel, _MOTO_LOG.level)
            _MOTO_LOG.setLevel(logging.CRITICAL)
            yield

    def _sleep(self, seconds: float) -> None:
        """In the place of `time.sleep` before a retry."""
        self._recorder.sleeps.append(seconds)

    def _wait(self, env: Any, wait_seconds: int) -> None:
        """In the place of a method of moto's Wait state."""
        name = env.states.context_object.context_object_data["State"]["Name"]
        self._recorder.waits.append((name, wait_seconds))

    def _invoke(
        self, function_name: str, _qualifier: Any, body: Any, _headers: Any, answered: Any
    ) -> bytes:
        """In the place of a method of moto's Lambda: the handler answers, or what it raised."""
        verb = function_name.rpartition("-")[2].title()
        event = json.loads(body)
        note = self._recorder.invocations.append
        with self._lock:
            try:
                result = self.call(verb, event)
            except TimeoutError as error:
                note(Invocation(verb, event, error=repr(error), failure=TIMEOUT))
                raise
            except ClientError as error:
                said = error.response["Error"]
                failure = {"errorMessage": said["Message"], "errorType": f"Lambda.{said['Code']}"}
                note(Invocation(verb, event, error=repr(error), failure=failure))
                raise  # by Lambda, not by the function
            except Exception as error:  # noqa: BLE001 - Lambda reports whatever was raised
                failure = {"errorMessage": str(error), "errorType": type(error).__name__}
                failure |= {"stackTrace": []}
                note(Invocation(verb, event, error=repr(error), failure=failure))
                answered["x-amz-function-error"] = "Unhandled"
                return json.dumps(failure).encode()
            note(Invocation(verb, event, result=result))
            return json.dumps(result).encode()

    def call(self, verb: str, event: dict[str, Any]) -> Any:
        """Call a handler as Lambda does; its result must be JSON of a size that AWS carries."""
        context = SimpleNamespace(
            function_name=f"soundlake-dev-{verb.lower()}",
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{verb}",
            aws_request_id="00000000-0000-0000-0000-000000000000",
            get_remaining_time_in_millis=lambda: 60_000,
        )
        text = json.dumps(self.handlers[verb](event, context))
        assert len(text.encode()) <= MAX_PAYLOAD, f"{verb} returned more than a state may carry"
        return json.loads(text)

    def create(self, machine: str, definition: str) -> str:
        """Create a machine; returns its ARN."""
        stepfunctions = client("stepfunctions")
        made = stepfunctions.create_state_machine(
            name=f"soundlake-dev-{machine}",
            definition=definition,
            roleArn=f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/machine",
        )
        self._arns[machine] = made["stateMachineArn"]
        return made["stateMachineArn"]

    def run(self, machine: str, given: Any, name: str, limit_s: float = 120) -> Execution:
        """Run a created machine to its end."""
        stepfunctions = client("stepfunctions")
        self._recorder = recorder = Recorder()
        started = stepfunctions.start_execution(
            stateMachineArn=self._arns[machine], name=name, input=json.dumps(given)
        )
        until = time.monotonic() + limit_s
        while True:
            found = stepfunctions.describe_execution(executionArn=started["executionArn"])
            if found["status"] != "RUNNING":
                break
            assert time.monotonic() < until, f"{machine} did not end within {limit_s} s"
            time.sleep(0.03)
        events = []
        pages = stepfunctions.get_paginator("get_execution_history")
        for page in pages.paginate(executionArn=started["executionArn"]):
            events += page["events"]
        history = History(events)
        return Execution(
            machine=machine,
            name=name,
            given=given,
            started=_time_text(found["startDate"]),
            status=found["status"],
            output=json.loads(found["output"]) if "output" in found else None,
            error=found.get("error"),
            cause=found.get("cause"),
            path=history.path,
            branches=history.branches,
            edges=history.edges,
            waits=recorder.waits,
            sleeps=recorder.sleeps,
            invocations=recorder.invocations,
        )


class History:
    """The ways that an execution took, read from its event history alone.

    The events of a Map's branches are mixed; each names the event before it in its own branch.
    """

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._by_id = {event["id"]: event for event in events}
        self._map: dict[int, str] = {}  # the first event of each branch, and its Map's name
        self.path: list[str] = []
        self.branches: list[list[str]] = []
        self.entered: list[tuple[int, str]] = []
        branches: dict[int, list[str]] = {}
        for event in events:
            name = event.get("stateEnteredEventDetails", {}).get("name")
            if name is None:
                continue
            branch, full = self._place(event, name)
            self.entered.append((event["id"], full))
            if branch is None:
                self.path.append(name)
            else:
                branches.setdefault(branch, []).append(name)
        # One Map's after another's, as they ran, and each by its items' order.
        ordered = sorted(branches, key=lambda branch: (self.path.index(branch[0]), branch[1]))
        self.branches = [branches[branch] for branch in ordered]
        self.edges = self._raw_edges()

    def _before(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The events before one, in its own branch, newest first."""
        while (previous := self._by_id.get(event["previousEventId"])) is not None:
            yield previous
            event = previous

    def _place(self, event: dict[str, Any], name: str) -> tuple[tuple[str, int] | None, str]:
        """The Map and item of the branch that an event is in, and its state's name within it."""
        inside = None
        for earlier in self._before(event):
            match earlier["type"]:
                case "MapIterationStarted":
                    inside = earlier["mapIterationStartedEventDetails"]
                    return (inside["name"], inside["index"]), f"{inside['name']}.{name}"
                case "MapStateExited" | "MapStateSucceeded":
                    break
        return None, name

    def _raw_edges(self) -> set[Edge]:
        """Edges with `why` only as far as a history tells: Catch, End, or nothing."""
        names = dict(self.entered)
        followed: set[int] = set()
        found: set[Edge] = set()
        for event_id, target in self.entered:
            why: str | None = None
            for earlier in self._before(self._by_id[event_id]):
                if why is None and earlier["type"] in _TASK_ENDS:
                    why = _TASK_ENDS[earlier["type"]]
                if earlier["id"] not in names:
                    if earlier["type"] == "MapIterationStarted" and "." in target:
                        break  # the first state of a branch
                    continue
                why = why or ""
                if _level(names[earlier["id"]]) == _level(target):
                    followed.add(earlier["id"])
                    found.add(Edge(names[earlier["id"]], why, target))
                    break
        return found | {Edge(name, "End", "") for at, name in self.entered if at not in followed}


# How a task's last try ended; a failed one that another state follows was caught.
_TASK_ENDS = {"TaskSucceeded": "", "TaskFailed": "Catch", "TaskTimedOut": "Catch"}


def _level(state: str) -> str:
    return state.rpartition(".")[0]


def taken(declared: set[Edge], seen: set[Edge]) -> set[Edge]:
    """The declared edges that were seen; a history does not number a Choice's branches.

    Two edges of one state that lead to the same state can only be told apart as Catch or not, so
    a definition must not have two Choice branches to one target (`test_coverage.py` looks).
    """
    pairs = {(edge.source, edge.target, edge.why == "Catch") for edge in seen}
    return {
        edge
        for edge in declared
        if (edge.source, edge.target, edge.why.startswith("Catch")) in pairs
    }
