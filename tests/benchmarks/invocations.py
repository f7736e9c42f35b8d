"""What the functions' REPORT lines say: how long each invocation took, and what it would cost.

The embedded AWS writes wall time on this machine, a process's start included, as Duration; Memory
Size is the template's. Multiplied and added up that is GB-seconds, which tell one version of the
code from another. They are not AWS's bill: there the processor is a share by memory, of another
kind.
"""

import re
import statistics
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from cli.target import Target

_REPORT = re.compile(r"^REPORT .*\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB")


@dataclass(frozen=True)
class Invocations:
    """One function's invocations."""

    count: int
    median_ms: float
    longest_ms: int
    gb_s: float


def since(target: Target, start: datetime) -> dict[str, Invocations]:
    """Each function's invocations whose end was noted since `start`."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    groups = target.logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="/aws/lambda/"
    )
    names = [one["logGroupName"] for page in groups for one in page["logGroups"]]
    for name in names:
        pages = target.logs.get_paginator("filter_log_events").paginate(
            logGroupName=name, startTime=int(start.timestamp() * 1000)
        )
        for page in pages:
            for event in page["events"]:
                if line := _REPORT.match(event["message"]):
                    found[name.rpartition("-")[2]].append((int(line[1]), int(line[2])))
    return {verb: _summed(reports) for verb, reports in sorted(found.items())}


def _summed(reports: list[tuple[int, int]]) -> Invocations:
    durations = [ms for ms, _ in reports]
    return Invocations(
        count=len(reports),
        median_ms=statistics.median(durations),
        longest_ms=max(durations),
        gb_s=sum(ms * mb for ms, mb in reports) / 1000 / 1024,
    )
