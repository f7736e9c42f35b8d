"""What runs use of AWS, counted on the embedded one: what `cost.md` is computed from.

Requests are counted as they come to the embedded AWS, state transitions in the executions'
histories, seconds in the functions' REPORT lines, bytes in requests, logs and the bucket. Charts
and listeners are made up. Of a capture's day each look is a run of its own, on one clock; the run
of an hour in which nobody listens tells what its other looks take.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
from aws_lambda_powertools.shared import user_agent
from soundlake.store.lake import Lake
from soundlake.store.objects import Bucket

from cli import connect
from cli.follow import History
from cli.target import MACHINES
from local.aws import service
from tests.benchmarks import growth, histories, invocations, made_up
from tests.benchmarks.imports import command
from tests.benchmarks.stack import Run, Stack, deployed, machine
from tests.exports import packages
from tests.exports.lives import life
from tests.figures import counting_aws

CHARTS = 73
LISTENERS = (1, 5)
INTERVAL = 20  # minutes
LOOKS = 72  # a day's
IDLE = 2  # daily runs on one another that ask nobody for anything: then all is answered
MOST_RUNS = 20  # until then
TIMES = ("12:30:00", "16:30:00", "20:30:00")  # of the daily runs
ROWS = 235_000  # of a lifetime's history
EVENT_BYTES = 26  # that CloudWatch Logs adds to each event
# What a line of a machine's log has beside what the history's event says, in bytes: its id, the
# one before, the execution's ARN and the names of these fields.
LOG_FIELDS = 320
_WAITS = 1 / 1200  # of their time
_DATA = ("input", "output", "inputDetails", "outputDetails", "parameters", "cause")


@dataclass
class Use:
    """What some runs used: `requests` by service and operation, `put` bytes by zone.

    `gb_s` by function is memory times the wall time on this machine. `logs` are bytes that the
    functions wrote, `history_logs` those of the machines' log. `asked` are requests to providers,
    `raw_reads` the GETs among the requests that read kept answers.
    """

    runs: float = 0
    transitions: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    put: dict[str, int] = field(default_factory=dict)
    invocations: dict[str, int] = field(default_factory=dict)
    gb_s: dict[str, float] = field(default_factory=dict)
    logs: int = 0
    history_logs: int = 0
    asked: int = 0
    raw_reads: int = 0

    def __add__(self, other: "Use") -> "Use":
        mine, others = asdict(self), asdict(other)
        return Use(**{name: _sum(each, others[name]) for name, each in mine.items()})

    def times(self, number: float) -> "Use":
        """As much again and again."""
        return Use(**{name: _times(each, number) for name, each in asdict(self).items()})


def _sum(one: Any, other: Any) -> Any:
    if not isinstance(one, dict):
        return one + other
    return {name: one.get(name, 0) + other.get(name, 0) for name in one | other}


def _times(one: Any, number: float) -> Any:
    if isinstance(one, dict):
        return {name: each * number for name, each in one.items()}
    return one * number


class Meter:
    """Reads what was used since it last did."""

    def __init__(self, stack: Stack) -> None:
        self._target, self._state = stack.lake.target, stack.lake.state
        self._file = self._state.folder / counting_aws.FILE
        self._lines = 0
        self._since = datetime.now(UTC)
        self._known: set[str] = set()
        self.metrics: set[str] = set()
        self.longest_ms: dict[str, int] = {}  # invocation of each function
        self._asked = 0
        self.read()

    def ran(self, run: Run) -> None:
        """Note what a run of the stack's asked of providers, whose count begins with each."""
        if run.status != "SUCCEEDED":
            raise RuntimeError(f"A run ended {run.status}: {run.why}")
        self._asked += sum(run.requests.values())

    def read(self) -> Use:
        """What all executions since the last time used."""
        found = Use(asked=self._asked)
        self._asked = 0
        lines = self._file.read_text(encoding="utf-8").splitlines()
        sent, put = Counter[str](), Counter[str]()
        for each in map(json.loads, lines[self._lines :]):
            sent[f"{each['service']} {each['operation']}"] += 1
            if each["operation"] == "PUT":
                put[each["zone"]] += each["bytes"]
            found.raw_reads += (each["operation"], each["zone"]) == ("GET", "raw")
        self._lines = len(lines)
        found.requests, found.put = dict(sorted(sent.items())), dict(sorted(put.items()))
        for events in self._histories():
            found.runs += 1
            found.transitions += histories.transitions(events)
            found.history_logs += sum(_logged(each) for each in events)
        for verb, one in invocations.since(self._target, self._since).items():
            found.invocations[verb], found.gb_s[verb] = one.count, round(one.gb_s, 3)
            self.longest_ms[verb] = max(self.longest_ms.get(verb, 0), one.longest_ms)
        found.logs = self._log_bytes()
        self._since = datetime.now(UTC)
        return found

    def _histories(self) -> Iterator[list[Any]]:
        for name in MACHINES.values():
            pages = self._target.states.get_paginator("list_executions").paginate(
                stateMachineArn=self._target.output(name)
            )
            for arn in [one["executionArn"] for page in pages for one in page["executions"]]:
                if arn not in self._known:
                    self._known.add(arn)
                    yield History(self._target.states, arn).new()

    def _log_bytes(self) -> int:
        logs = self._target.logs
        groups = logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix="/aws/lambda/"
        )
        total = 0
        for name in [one["logGroupName"] for page in groups for one in page["logGroups"]]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=name, startTime=int(self._since.timestamp() * 1000)
            )
            for message in (each["message"] for page in pages for each in page["events"]):
                total += len(message.encode()) + EVENT_BYTES
                self.metrics |= set(_metrics(message))
        return total


def _logged(event: dict[str, Any]) -> int:
    """The bytes of an event in a machine's log that has no data of executions."""

    def without(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: without(each) for name, each in value.items() if name not in _DATA}

    return len(json.dumps(without(event), default=str)) + LOG_FIELDS + EVENT_BYTES


def _metrics(line: str) -> Iterator[str]:
    """The metrics of a line in the embedded metric format, each with its dimensions' values."""
    try:
        said = json.loads(line)
        directives = said["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for one in directives:
        for dimensions in one["Dimensions"]:
            about = ", ".join(f"{name}={said[name]}" for name in dimensions)
            for metric in one["Metrics"]:
                yield f"{metric['Name']} ({about})"


# ---- what is measured ---------------------------------------------------------------------------


def measure() -> dict[str, Any]:
    """Everything that the page is computed from, for JSON."""
    found: dict[str, Any] = {"machine": machine(), "charts": CHARTS, "rows": ROWS}
    metrics: set[str] = set()
    with _counting():
        for listeners in LISTENERS:
            with _lake(listeners) as stack:
                meter = Meter(stack)
                found |= _captures(stack, meter, listeners)
                if listeners == 1:
                    found |= _days(stack, meter)
                metrics |= meter.metrics
                found |= _tables(stack, listeners)
            found |= _quiet_hour(listeners)
        found |= _import()
    return found | {"metrics": sorted(metrics)}


@contextmanager
def _counting() -> Iterator[None]:
    """The embedded AWS that is started meanwhile writes down what it is asked.

    What this process asks to measure does not count, so its clients name themselves otherwise.
    """
    command = service.Options.command.fget  # type: ignore[attr-defined]

    def counting(options: service.Options) -> list[str]:
        module = counting_aws.__name__
        return [module if word == "local.aws" else word for word in command(options)]

    with (
        patch.object(service.Options, "command", property(counting)),
        patch.object(user_agent, "FEATURE_PREFIX", "measuring"),
    ):
        yield


@contextmanager
def _lake(listeners: int) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="soundlake-cost-") as folder:
        day = made_up.chart_day(Path(folder) / "made-up.csv", CHARTS, growth.DAY)
        with deployed(day, listeners=listeners, wait_scale=_WAITS) as stack:
            _connect_others(stack)
            yield stack


def _connect_others(stack: Stack) -> None:
    for one in stack.lake.facts.listeners[1:]:  # the first is connected already
        extra = {"listener": one["id"]}
        connect.connect(stack.lake.target, connect.visit, port=0, extra=extra)


def _captures(stack: Stack, meter: Meter, listeners: int) -> dict[str, Any]:
    """The first look, on cold functions; of one listener those of a day that find plays, too."""
    begin = datetime.fromisoformat(f"{growth.DAY}T00:07:00Z")
    _look(stack, meter, begin)
    first = meter.read()
    found = {f"capture, {listeners}: cold": asdict(first)}
    if listeners > 1:
        return found
    uses = []
    for number in range(1, LOOKS):
        _look(stack, meter, begin + number * timedelta(minutes=INTERVAL))
        uses.append(meter.read())
    lake = Lake(Bucket(stack.bucket, stack.lake.target.s3))
    rows = lake.read("captures", lake.keys("captures"), ["captured_at", "new"]).to_pylist()
    _, *new = [row["new"] for row in sorted(rows, key=lambda row: row["captured_at"])]
    finding = [use for use, each in zip(uses, new, strict=True) if each]
    found["capture, 1: looks that find plays"] = asdict(sum(finding, Use()))
    return found


def _quiet_hour(listeners: int) -> dict[str, Any]:
    """An hour's run, on warm functions, while Spotify's clock stands still.

    It is the present hour: a run leaves out the looks whose time is over.
    """
    with deployed(None, listeners=listeners, wait_scale=_WAITS) as stack:
        _connect_others(stack)
        url = f"{stack.lake.state.spotify}/_control/clock"
        clock = {"now": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "stopped": True}
        requests.put(url, json=clock, timeout=10).raise_for_status()
        meter = Meter(stack)
        meter.ran(stack.capture())
        meter.read()
        meter.ran(stack.capture(interval_minutes=INTERVAL))
        return {f"capture, {listeners}: a quiet hour's run": asdict(meter.read())}


def _look(stack: Stack, meter: Meter, at: datetime) -> None:
    now = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    url = f"{stack.lake.state.spotify}/_control/clock"
    requests.put(url, json={"now": now}, timeout=10).raise_for_status()
    meter.ran(stack.capture(scheduled_time=now, once=True))


def _days(stack: Stack, meter: Meter) -> dict[str, Any]:
    """The first day's runs on an empty lake, and those of the last day of a full month.

    Before that day, runs ask for all that the first day left over; an audit looks at the first.
    """
    growth._list_charts(stack, CHARTS)
    found: dict[str, Any] = {}
    for name, at in zip(("first", "second", "third"), TIMES, strict=True):
        meter.ran(_daily(stack, at))
        found[f"first day: {name} run"] = asdict(meter.read())
        found.setdefault("longest ms", dict(meter.longest_ms))  # on cold functions
    found["runs until all was asked"] = 3 + _until_idle(stack, meter)
    meter.read()
    command("audit", "--month", growth.DAY[:7])
    found["audit of a day"] = asdict(meter.read())
    growth._Past(stack).month()
    stack.empty("lake/chart_days/")  # of this day too, whose charts the runs before have read
    meter.read()
    for name, at in zip(("first", "second", "third"), TIMES, strict=True):
        meter.ran(_daily(stack, at))
        found[f"a day: {name} run"] = asdict(meter.read())
    return found


def _until_idle(stack: Stack, meter: Meter) -> int:
    """Run until several runs on one another ask nobody for anything; how many there were."""
    idle = number = 0
    while idle < IDLE:
        if number == MOST_RUNS:
            raise RuntimeError(f"After {number} runs there is still something to ask for.")
        run = _daily(stack, TIMES[-1])
        meter.ran(run)
        idle = 0 if sum(run.requests.values()) else idle + 1
        number += 1
    return number


def _daily(stack: Stack, at: str) -> Run:
    """A run as the schedule starts it; one with a date would do again what is done."""
    return stack._run("daily", {"scheduled_time": f"{growth.DAY}T{at}Z"})


def _tables(stack: Stack, listeners: int) -> dict[str, Any]:
    """Bytes of tables that the charts' month has, and of DynamoDB's largest items."""
    month = f"/month={growth.DAY[:7]}/"
    tables = Counter[str]()
    for key, size in stack.objects("lake/").items():
        if month in key:
            tables[key.split("/")[1]] += size
    items = {}
    for name in ("AccountsTable", "BudgetTable"):
        table = stack.lake.target.output(name)
        client = stack.lake.target.session.client(
            "dynamodb", endpoint_url=stack.lake.target.endpoint
        )
        scanned = client.scan(TableName=table)["Items"]
        items[name] = max(len(json.dumps(one)) for one in scanned)
    return {
        f"tables, {listeners}": dict(sorted(tables.items())),
        f"largest items, {listeners}": items,
    }


def _import() -> dict[str, Any]:
    """A lifetime's history by the command, on cold functions; what it leaves in the bucket."""
    with tempfile.TemporaryDirectory(prefix="soundlake-cost-") as folder, deployed(None) as stack:
        archive = Path(folder, "my_spotify_data.zip")
        lived = packages.files("spotify_extended", life(ROWS, 1, quirks=False), "2025")
        packages.zipped(iter([(path, body) for path, body, _ in lived]), archive)
        meter = Meter(stack)
        command("import", str(archive))
        used = meter.read()
        zones = {zone: sum(stack.objects(f"{zone}/").values()) for zone in ("raw", "lake")}
        return {"import": asdict(used), "import: bytes": zones}
