"""A local lake to measure, and a run of one of its machines with all that it moved."""

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from cli import local_lake, machines, services
from cli.follow import History, Outcome
from cli.home import World
from cli.local_lake import Lake
from cli.samconfig import local_region
from cli.target import MACHINES
from tests.benchmarks import histories, invocations, processes
from tests.stack.conftest import free_port

ZONES = ("raw", "staging", "lake")
_QUIET = Console(quiet=True)


@dataclass
class Run:
    """One run of a machine.

    `stages` are seconds by state of the machine, `requests` those that Spotify counted, `payloads`
    bytes by state; CPU is of all processes, and memory as it is after the run.
    """

    status: str
    why: str
    seconds: float
    charts: int
    failed: int
    stages: dict[str, float]
    cpu_s: float
    processes: int
    pss_mb: float
    rss_mb: float
    requests: dict[str, int]
    transitions: int
    events: int
    payloads: dict[str, int]
    gb_s: float
    functions: dict[str, invocations.Invocations]
    objects: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)

    @property
    def largest(self) -> tuple[str, int]:
        """The largest payload's state and bytes."""
        return next(iter(self.payloads.items()), ("", 0))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass
class Stack:
    """The deployed stack."""

    lake: Lake

    @property
    def bucket(self) -> str:
        return self.lake.target.output("DataBucket")

    @property
    def date(self) -> str:
        return self.lake.facts.today.isoformat()

    def run(self, **given: Any) -> Run:
        """Run the daily machine to its end."""
        return self._run("daily", {"date": self.date} | given)

    def capture(self, **given: Any) -> Run:
        """Run the capture machine to its end."""
        return self._run("capture", given)

    def _run(self, machine: str, given: dict[str, Any]) -> Run:
        state, target = self.lake.state, self.lake.target
        roots = [one.pid for one in state.processes.values()]
        requests.delete(f"{state.spotify}/_control/requests", timeout=10).raise_for_status()
        before, start = processes.used(roots), datetime.now(UTC)
        outcome = machines.run(target, machine, given, _QUIET)
        after = processes.used(roots)
        events = History(target.states, outcome.arn).new()
        asked = requests.get(f"{state.spotify}/_control/requests", timeout=10).json()
        functions = invocations.since(target, start)
        run = Run(
            status=outcome.status,
            why=outcome.why,
            seconds=outcome.seconds,
            charts=len(outcome.charts),
            failed=len(outcome.failed_charts),
            stages=_stages(outcome, events),
            cpu_s=after.cpu_s - before.cpu_s,
            processes=after.processes,
            pss_mb=after.pss_mb,
            rss_mb=after.rss_mb,
            requests=asked["by_endpoint"],
            transitions=histories.transitions(events),
            events=len(events),
            payloads=histories.payloads(events, self._definition(machine)),
            gb_s=sum(one.gb_s for one in functions.values()),
            functions=functions,
        )
        for zone in ZONES:
            sizes = self.objects(f"{zone}/")
            run.objects[zone], run.bytes[zone] = len(sizes), sum(sizes.values())
        return run

    def _definition(self, machine: str) -> dict[str, Any]:
        target = self.lake.target
        arn = target.output(MACHINES[machine])
        found = target.states.describe_state_machine(stateMachineArn=arn)
        definition: dict[str, Any] = json.loads(found["definition"])
        return definition

    def objects(self, prefix: str) -> dict[str, int]:
        """The bytes of every object under a prefix."""
        pages = self.lake.target.s3.get_paginator("list_objects_v2")
        return {
            one["Key"]: one["Size"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for one in page.get("Contents", ())
        }

    def empty(self, *prefixes: str) -> None:
        """Delete every object under these, or in all zones."""
        for prefix in prefixes or [f"{zone}/" for zone in ZONES]:
            for key in self.objects(prefix):
                self.lake.target.s3.delete_object(Bucket=self.bucket, Key=key)

    def put(self, key: str, body: bytes) -> None:
        self.lake.target.s3.put_object(Bucket=self.bucket, Key=key, Body=body)


def _stages(outcome: Outcome, events: list[Any]) -> dict[str, float]:
    """Seconds by state of the machine itself: those entered while no other is."""
    found: dict[str, float] = {}
    inside: tuple[str, datetime] | None = None
    for one in events:
        if inside is None and one["type"].endswith("StateEntered"):
            inside = one["stateEnteredEventDetails"]["name"], one["timestamp"]
        elif inside and one["type"].endswith("StateExited"):
            name = one["stateExitedEventDetails"]["name"]
            if name == inside[0]:
                seconds = (one["timestamp"] - inside[1]).total_seconds()
                found[name] = found.get(name, 0.0) + seconds
                inside = None
    return found


@contextmanager
def deployed(day: Path | None, folder: Path | None = None, **options: Any) -> Iterator[Stack]:
    """A lake over a world of this CSV, or a made-up one, in a folder that is gone at the end.

    One that is given stays. `options` are the plan's.
    """
    before = os.environ.get("SOUNDLAKE_HOME")
    made = tempfile.TemporaryDirectory(prefix="soundlake-bench-") if folder is None else None
    with made or nullcontext(str(folder)) as home:
        os.environ["SOUNDLAKE_HOME"] = home
        try:
            plan = services.Plan(World.of(day), local_region(), free_port(), free_port(), **options)
            yield Stack(local_lake.up(plan, _QUIET))
        finally:
            services.down(services.noted())
            os.environ.pop("SOUNDLAKE_HOME")
            if before is not None:
                os.environ["SOUNDLAKE_HOME"] = before


def machine() -> dict[str, str]:
    """What this runs on, and how busy it is."""
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": f"{cpu}, {os.cpu_count()} cores",
        "memory": f"{memory / 1e9:.0f} GB",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load before (1, 5, 15 min)": load,
    }
