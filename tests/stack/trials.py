"""Trials: the deployed machines on an empty lake of a test's own, behind the gate.

The local Spotify's clock stands still, so what two runs leave differs in no time: an object that
an undisturbed run leaves is compared byte for byte.
"""

import contextlib
import gzip
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from soundlake.abilities import Ability, Finding
from soundlake.store.abilities import AbilitiesTable
from soundlake.store.answers import KINDS, NAMES
from soundlake.store.objects import Bucket
from soundlake.store.raw import Raw

from cli.target import Target
from tests.stack.gate import Gate, Kill, Meanwhile, Meeting, Refusal

if TYPE_CHECKING:
    from tests.stack.conftest import Stack

CHARTS = 3
ANALYSES = 4  # a day, so that runs stay short
LIMIT_S = 60

_number = count(1)


@dataclass
class Trial:
    """An empty lake and the machines that run on it."""

    stack: "Stack"
    gate: Gate
    bucket: str
    charts: list[str]
    runs: list[str] = field(default_factory=list)

    def start(self, machine: str, given: dict[str, Any] | None = None) -> str:
        """Start a machine on the trial's day; its execution."""
        states = self.stack.lake.target.states
        given = {"scheduled_time": f"{self.stack.date}T18:00:00Z"} if given is None else given
        execution = states.start_execution(
            stateMachineArn=self.stack.lake.target.output(f"{machine.title()}StateMachineArn"),
            name=f"{self.bucket}-{len(self.runs)}",
            input=json.dumps(given),
        )["executionArn"]
        self.runs.append(execution.rpartition(":")[2])
        return execution

    def end(self, execution: str) -> dict[str, Any]:
        """Wait for the end of an execution; its description, with `output` decoded."""
        until = time.monotonic() + LIMIT_S
        while True:
            found = self.stack.lake.target.states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return dict(found) | {"output": json.loads(found.get("output") or "{}")}
            assert time.monotonic() < until, f"{execution} did not end within {LIMIT_S} s"
            time.sleep(0.02)

    def run(self, machine: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.end(self.start(machine, given))

    def failures(self, run: dict[str, Any]) -> list[tuple[str, str]]:
        """Each failed try of a function, with what was said of it."""
        found = []
        pages = self.stack.lake.target.states.get_paginator("get_execution_history").paginate(
            executionArn=run["executionArn"]
        )
        events = {event["id"]: event for page in pages for event in page["events"]}
        for event in events.values():
            if event["type"] == "TaskFailed":
                entered = event
                while not entered["type"].endswith("StateEntered"):
                    entered = events[entered["previousEventId"]]
                verb = entered["stateEnteredEventDetails"]["name"].lower()
                cause = json.loads(event["taskFailedEventDetails"]["cause"])
                found.append((verb, cause["errorMessage"]))
        return found

    def stop_clock(self, now: str) -> None:
        """Let Spotify's clock stand still at an instant."""
        self.stack.spotify("PUT", "clock", json={"now": now, "stopped": True})

    def kill(self, *kills: Kill) -> None:
        self.gate.kills += kills

    def meet(self, key: str) -> Meeting:
        meeting = Meeting(key)
        self.gate.meetings.append(meeting)
        return meeting

    def refuse(self, *refusals: Refusal) -> None:
        self.gate.refusals += refusals

    def meanwhile(self, name: str, do: Callable[[], object]) -> Meanwhile:
        one = Meanwhile(name, do)
        self.gate.meanwhile.append(one)
        return one

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.stack.lake.target.s3.get_paginator("list_objects_v2")
        return [
            one["Key"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for one in page.get("Contents", ())
        ]

    def objects(self, *prefixes: str) -> dict[str, bytes]:
        """Every object's bytes."""
        s3 = self.stack.lake.target.s3
        return {
            key: s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            for prefix in prefixes
            for key in self.keys(prefix)
        }

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table's rows; a run's name in them is its number, as no two trials share names."""
        found = []
        for body in self.objects(f"lake/{table}/").values():
            found += pq.read_table(io.BytesIO(body)).to_pylist()
        return [{name: self._numbered(value) for name, value in row.items()} for row in found]

    def _numbered(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._numbered(each) for each in value]
        if isinstance(value, str):
            for number, name in enumerate(self.runs):
                value = value.replace(name, f"run {number}")
        return value

    def versions(self, prefix: str) -> dict[str, int]:
        """How often each object was written."""
        pages = self.stack.lake.target.s3.get_paginator("list_object_versions")
        found: dict[str, int] = {}
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            for one in page.get("Versions", ()):
                found[one["Key"]] = found.get(one["Key"], 0) + 1
        return found

    def requests(self) -> dict[str, int]:
        """What Spotify was asked since the trial began, but for tokens: a new process has none."""
        asked = self.stack.spotify("GET", "requests")["by_endpoint"]
        return {name: times for name, times in asked.items() if name != "api/token"}

    def check_raw(self) -> None:
        """Every kept answer is whole, was written once, and a batch's says what was asked."""
        raw = self.objects("raw/")
        for key, body in raw.items():
            whole = gzip.decompress(body) if key.endswith(".gz") else body
            if not key.endswith((".html.gz", ".txt.gz")):
                json.loads(whole)
        batches = tuple(f"raw/{kind.name}/" for kind in (*KINDS, NAMES))
        answers = [key for key in raw if key.startswith(batches) and key.endswith(".gz")]
        kept = Raw(Bucket(self.bucket, self.stack.lake.target.s3))
        assert all(kept.asked(key) for key in answers)
        assert set(self.versions("raw/").values()) == {1}


@contextlib.contextmanager
def through_the_gate(stack: "Stack") -> Iterator[Gate]:
    """Let the functions ask AWS through a gate; at the end they are as they were."""
    target = stack.lake.target
    gate = Gate(stack.lake.state, stack.bucket)
    changes = {"AWS_ENDPOINT_URL": gate.url, "ANALYSES_PER_DAY": str(ANALYSES)}
    clock = stack.spotify("GET", "world")["clock"]
    known = _known(stack)
    with gate.standing():
        try:
            stack.spotify("PUT", "clock", json={"now": clock, "stopped": True})
            with told(target, **changes):
                yield gate
        finally:
            _know(stack, known)
            stack.spotify("PUT", "clock", json={"now": clock})
            stack.spotify("DELETE", "faults")


@contextlib.contextmanager
def told(target: Target, **changes: str) -> Iterator[None]:
    """Tell the functions something else than the template does; at the end they are as before."""
    functions = _functions(target)
    try:
        _configure(target.functions, functions, changes)
        yield
    finally:
        _configure(target.functions, functions, {})


def _known(stack: "Stack") -> dict[str, Any]:
    """What is on record of what the app may do, as it stands there."""
    table, key = abilities(stack).name, _app(stack)
    return dict(stack.lake.target.dynamodb.get_item(TableName=table, Key=key).get("Item", {}))


def _know(stack: "Stack", item: dict[str, Any]) -> None:
    """Put that on record again."""
    table, dynamodb = abilities(stack).name, stack.lake.target.dynamodb
    dynamodb.delete_item(TableName=table, Key=_app(stack))
    if item:
        dynamodb.put_item(TableName=table, Item=item)


def _app(stack: "Stack") -> dict[str, Any]:
    return {"holder": {"S": f"access#{stack.lake.facts.client['id']}"}}


def _functions(target: Target) -> dict[str, dict[str, str]]:
    """The stack's functions with their environments."""
    return {
        one["FunctionName"]: one["Environment"]["Variables"]
        for page in target.functions.get_paginator("list_functions").paginate()
        for one in page["Functions"]
        if one["FunctionName"].startswith(f"{target.stack}-")
    }


def _configure(client: Any, functions: dict[str, dict[str, str]], changes: dict[str, str]) -> None:
    for name, variables in functions.items():
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables | changes}
        )
    for name in functions:
        while client.get_function_configuration(FunctionName=name)["State"] == "Pending":
            time.sleep(0.02)


@contextlib.contextmanager
def choosing(stack: "Stack", **variables: str) -> Iterator[None]:
    """Let functions have these variables, as a deployment with other parameters gives them."""
    target = stack.lake.target
    functions = _functions(target)
    _configure(target.functions, functions, variables)
    try:
        yield
    finally:
        _configure(target.functions, functions, {})


def begin_anew(stack: "Stack") -> None:
    """Let the functions that remember what the app may do run in new processes."""
    target, verbs = stack.lake.target, ("extract", "enrich", "probe")
    functions = _functions(target)
    wanted = {name: each for name, each in functions.items() if name.endswith(verbs)}
    _configure(target.functions, wanted, {})


@contextlib.contextmanager
def unspent(stack: "Stack") -> Iterator[None]:
    """Nothing counts against a quota yet; at the end all that was counted before is back."""
    dynamodb, name = stack.lake.target.dynamodb, stack.lake.target.output("BudgetTable")
    before = forget_budgets(stack)
    try:
        yield
    finally:
        forget_budgets(stack)
        for item in before:
            dynamodb.put_item(TableName=name, Item=item)


def forget_budgets(stack: "Stack") -> list[dict[str, Any]]:
    """Nobody was told to wait, nothing is counted or known of a quota; what was there."""
    dynamodb, name = stack.lake.target.dynamodb, stack.lake.target.output("BudgetTable")
    found: list[dict[str, Any]] = [
        item
        for item in dynamodb.scan(TableName=name)["Items"]
        if not item["holder"]["S"].startswith("access#")
    ]
    for item in found:
        dynamodb.delete_item(TableName=name, Key={"holder": item["holder"]})
    return found


def abilities(stack: "Stack") -> AbilitiesTable:
    """What is known of what the app may do."""
    target = stack.lake.target
    return AbilitiesTable(target.output("BudgetTable"), target.dynamodb)


def knows_all(stack: "Stack", at: datetime) -> None:
    """The app was probed then, and may do everything."""
    found = [Finding(each, True, at, "made up") for each in Ability]
    abilities(stack).probed(stack.lake.facts.client["id"], found, at)


def trial(stack: "Stack", gate: Gate) -> Trial:
    """Begin a trial: nothing is kept, nothing was asked, nothing is to happen at the gate.

    The app is known to be allowed everything, so no run probes.
    """
    knows_all(stack, datetime.now(UTC))
    s3, bucket = stack.lake.target.s3, f"trial-{next(_number)}"
    where: Any = {"LocationConstraint": stack.lake.target.region}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    lines = ["chart,country,country_name,cadence,playlist_id,enabled"]
    charts = stack.lake.facts.charts[:CHARTS]
    lines += [
        f"daily-{one['country']},{one['country']},{one['country_name']},daily,"
        f"{one['playlist_id']},true"
        for one in charts
    ]
    s3.put_object(Bucket=bucket, Key="config/charts.csv", Body="\n".join(lines).encode())
    gate.bucket, gate.kills, gate.meetings = bucket, [], []
    gate.refusals, gate.meanwhile = [], []
    stack.spotify("DELETE", "faults")
    hole = {"path": "/v1/playlists/", "kind": "missing_fields", "fields": ["name"]}
    stack.spotify("POST", "faults", json=hole)  # so that there is something for Verify to write
    stack.spotify("DELETE", "requests")
    return Trial(stack, gate, bucket, [one["country"] for one in charts])
