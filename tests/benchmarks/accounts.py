"""How a capture run grows with the number of accounts, and what it asks of Spotify in an hour.

Each number of accounts has a made-up world and a lake of its own, so its first run is on cold
functions. Nobody waits: the 20 minutes between the rounds of a run pass in a second.
"""

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cli import connect
from tests.benchmarks.stack import Run, Stack, deployed

COUNTS = (1, 5, 25)
AGAIN = 5
INTERVALS = (20, 60)  # minutes; of the template's CaptureInterval
PAGE, TOKEN = "me/player/recently-played", "api/token"
_WAITS = 1 / 1200  # of their time


@dataclass
class Captured:
    """The runs of so many accounts: the first, more of them, and an hour's by its interval.

    An hour's begins when every access token has ended, as the hourly runs do.
    """

    first: Run
    again: list[Run]
    hours: dict[int, Run]

    @property
    def again_s(self) -> float:
        """The median of the runs after the first."""
        return statistics.median(run.seconds for run in self.again)

    def a_day(self, minutes: int) -> int:
        """The requests of a day, from those that Spotify counted in an hour."""
        return 24 * sum(self.hours[minutes].requests.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "first": self.first.as_dict(),
            "again s": self.again_s,
            "again": [run.as_dict() for run in self.again],
            "hours": {minutes: run.as_dict() for minutes, run in self.hours.items()},
        }


def computed_a_day(accounts: int, minutes: int) -> int:
    """A page each time, and a token each hour, which an access token lasts."""
    return accounts * 24 * (60 // minutes + 1)


def measure(counts: Iterable[int] = COUNTS) -> dict[int, Captured]:
    """Runs by number of accounts."""
    return {count: _measured(count) for count in counts}


def _measured(count: int) -> Captured:
    with deployed(None, listeners=count, wait_scale=_WAITS) as stack:
        for one in stack.lake.facts.listeners[1:]:  # the first is connected already
            extra = {"listener": one["id"]}
            connect.connect(stack.lake.target, connect.visit, port=0, extra=extra)
        first = stack.capture()
        again = [stack.capture() for _ in range(AGAIN)]
        hours = {}
        for minutes in INTERVALS:
            _end_tokens(stack)
            hours[minutes] = stack.capture(interval_minutes=minutes)
        found = Captured(first, again, hours)
        failed = [run.why for run in (first, *again, *hours.values()) if run.why]
        if failed:
            raise RuntimeError(f"A run of {count} accounts failed: {failed[0]}")
        return found


def _end_tokens(stack: Stack) -> None:
    """Leave each account its refresh token alone, as if its access token had ended."""
    ssm, prefix = stack.lake.target.ssm, stack.lake.target.output("ParameterPrefix")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=f"{prefix}/accounts", Recursive=True, WithDecryption=True
    )
    for one in [each for page in pages for each in page["Parameters"]]:
        kept = json.dumps({"refresh_token": json.loads(one["Value"])["refresh_token"]})
        ssm.put_parameter(Name=one["Name"], Value=kept, Type="SecureString", Overwrite=True)
