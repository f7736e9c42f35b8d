"""Derive tables again from the raw zone and show what differs: the audit machine, followed."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from soundlake.times import TimeError, parse_month

from cli import machines
from cli.errors import Misuse
from cli.follow import History
from cli.target import Target

MACHINE: Final = "audit"
_RECORDS: Final = ("RecordSame", "RecordDifference", "RecordWaiting", "RecordFailure")
_LOCAL_SECONDS: Final = 0.2
_AWS_SECONDS: Final = 1.0


@dataclass
class Audit:
    """What an execution of the audit has found so far.

    `parts` are what became of each part, `planned` how many there are, and `left` the month before
    which another one would go on.
    """

    arn: str
    status: str = "RUNNING"
    months: list[str] = field(default_factory=list)
    planned: int = 0
    left: str | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    cause: str = ""

    @property
    def same(self) -> bool:
        """Whether nothing differs of all that could be derived, and all of it could."""
        return self.status == "SUCCEEDED"

    def told(self) -> dict[str, Any]:
        """What it found, for scripts."""
        return {
            "execution": self.arn,
            "status": self.status,
            "months": self.months,
            "parts": self.planned,
            "rows": sum(int(one.get("rows") or 0) for one in self.parts),
            **{name: self.of(name) for name in ("differs", "waiting", "failed")},
            "error": self.cause or None,
        }

    def of(self, status: str) -> list[dict[str, Any]]:
        """The parts that came to this."""
        return [one for one in self.parts if one["status"] == status]


def given(month: str | None, *, everything: bool, before: str | None = None) -> dict[str, Any]:
    """Return the machine's input; raise Misuse where the options contradict each other."""
    if month is not None and everything:
        raise Misuse("--month looks at one month and --all at every one; choose one of them.")
    if before is not None and not everything:
        raise Misuse("--before says where --all goes on; give both.")
    try:
        if month is not None:
            return {"month": parse_month(month)}
        if before is not None:
            return {"all": True, "before": parse_month(before)}
    except TimeError as error:
        raise Misuse(str(error)) from error
    return {"all": True} if everything else {}


def run(target: Target, asked: Mapping[str, Any], console: Console) -> Iterator[Audit]:
    """Audit, and where everything is asked for again, until no month is left.

    Raises StillRunningError on Ctrl-C: the audit goes on.
    """
    found = _followed(target, asked, console)
    yield found
    while found.left is not None:
        found = _followed(target, {"all": True, "before": found.left}, console)
        yield found


def _followed(target: Target, asked: Mapping[str, Any], console: Console) -> Audit:
    found = Audit(machines.start(target, MACHINE, asked).arn)
    history = History(target.states, found.arn)
    with _display(console) as shown:
        try:
            while found.status == "RUNNING":
                described = target.states.describe_execution(executionArn=found.arn)
                take(found, history.new())
                shown(found)
                found.status = described["status"]
                found.error = described.get("error") or found.error
                found.cause = described.get("cause") or found.cause
                if found.status == "RUNNING":
                    time.sleep(_LOCAL_SECONDS if target.local else _AWS_SECONDS)
        except KeyboardInterrupt:
            raise machines.StillRunningError(MACHINE, again(found)) from None
    return found


def again(found: Audit) -> str:
    """How to see what it came to, and to go on where it does not by itself."""
    see = f"see ./soundlake runs {found.arn.rpartition(':')[2]}"
    if found.left is None:
        return see
    return f"{see}, and then go on with ./soundlake audit --all --before {found.left}"


def take(found: Audit, events: list[Mapping[str, Any]]) -> None:
    """Add what events tell."""
    for event in events:
        if not event["type"].endswith("StateExited"):
            continue
        details = event.get("stateExitedEventDetails", {})
        output = json.loads(details.get("output") or "{}")
        if details.get("name") == "Survey":
            survey = output["survey"]
            found.months = survey.get("months") or []
            found.planned, found.left = len(survey.get("parts") or ()), survey.get("left")
        elif details.get("name") in _RECORDS:
            found.parts.append(output)


def lines(found: Audit, bucket: str) -> Iterator[str]:
    """Return what an audit found, in rich's markup."""
    for one in found.of("differs"):
        counts = ", ".join(
            f"{table}: {', '.join(f'{n} {what}' for what, n in each.items())}"
            for table, each in one["tables"].items()
        )
        yield f"[red]✗[/] {escape(one['part'])} differs: {escape(counts)}"
        for first in one["first"]:
            yield f"    {escape(first)}"
        yield f"    all of it: s3://{escape(bucket)}/{escape(one['report'])}"
    for one in found.of("failed"):
        yield f"[red]✗[/] {escape(one['part'])} could not be derived: {escape(one['error'])}"
    for (what, why), months in _waiting(found).items():
        yield f"[yellow]![/] {escape(what)} in {_months(months)} waits: {escape(why)}"
    told = found.told()
    if found.same:
        what = f"{told['rows']:,} rows of {_months(found.months)} are what the raw zone gives"
        yield f"[green]✓[/] audit: {what}"
    elif not found.of("differs") and not found.of("failed"):
        yield f"[red]✗[/] audit {found.status.lower()}: {escape(found.cause or found.error)}"
    else:
        yield "docs/operations.md#audit says what to do."


def _waiting(found: Audit) -> dict[tuple[str, str], list[str]]:
    """The months of what waits for the same: after an import all of an account's do."""
    months: dict[tuple[str, str], list[str]] = {}
    for one in found.of("waiting"):
        what, _, month = one["part"].rpartition(" in ")
        months.setdefault((what, one["error"]), []).append(month)
    return months


def _months(months: list[str]) -> str:
    if len(months) <= 3:
        return ", ".join(months) or "no month"
    return f"{len(months)} months from {min(months)} to {max(months)}"


@contextmanager
def _display(console: Console) -> Iterator[Any]:
    if not console.is_terminal:
        yield lambda _: None
        return
    with machines.bar(console) as progress:
        task = progress.add_task(MACHINE, total=None)

        def shown(found: Audit) -> None:
            progress.update(task, completed=len(found.parts), total=found.planned or None)

        yield shown
