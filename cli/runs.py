"""The last executions of the machines, and what became of each part of one."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from soundlake.texts import shortened
from soundlake.times import format_time

from cli.errors import Misuse
from cli.follow import History, Outcome, describe, take
from cli.import_report import OUTCOMES
from cli.machines import chart_line, unserved_lines
from cli.target import MACHINES, Target

MOST: Final = 100  # executions of a machine that are looked through for a number or a name
_SHORT: Final = 8  # characters of an id that the list shows: enough to name it by
_WHY: Final = 240  # characters of a reason that the list shows: a run may name 73 charts
_FAILED: Final = ("FAILED", "TIMED_OUT", "ABORTED")
# AWS's consoles, by partition.
_CONSOLES: Final[Mapping[str, str]] = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}

Facts = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One execution of a machine; `number` counts from the last one, of all machines. UTC."""

    number: int
    machine: str
    arn: str
    status: str
    started: datetime
    stopped: datetime | None

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.arn.rpartition(":")[2]

    def seconds(self, now: datetime) -> float:
        """How long it took, or takes so far."""
        return ((self.stopped or now) - self.started).total_seconds()


def listed(target: Target, most: int = MOST) -> list[Run]:
    """Return the last executions of all machines, the latest first; so many of each at most."""
    found: list[tuple[datetime, str, Mapping[str, Any]]] = []
    for machine, output in MACHINES.items():
        answer = target.states.list_executions(
            stateMachineArn=target.output(output), maxResults=most
        )
        found += [
            (one["startDate"].astimezone(UTC), machine, one) for one in answer["executions"][:most]
        ]
    found.sort(key=lambda each: each[0], reverse=True)
    return [
        Run(number, machine, one["executionArn"], one["status"], started, _utc(one))
        for number, (started, machine, one) in enumerate(found, 1)
    ]


def _utc(one: Mapping[str, Any]) -> datetime | None:
    stopped: datetime | None = one.get("stopDate")
    return stopped.astimezone(UTC) if stopped else None


def chosen(target: Target, which: str) -> Run:
    """Return the run that a person means; raise Misuse where there is none.

    That is its number in the list, its id or the beginning of it, its ARN, or a machine's name for
    the machine's last run.
    """
    known = listed(target)
    name = which.rpartition(":")[2]
    if which in MACHINES:
        found = [one for one in known if one.machine == which][:1]
    elif which.isdecimal() and len(which) < 4:
        found = [one for one in known if one.number == int(which)]
    else:
        found = _named(known, name) or _named(_every(target), name)
    if len(found) == 1:
        return found[0]
    if found:
        raise Misuse(f"{len(found)} runs begin with {which!r}; write more of it.")
    if not known:
        raise Misuse("Nothing has run yet; ./soundlake run capture does.")
    if which in MACHINES:
        raise Misuse(f"{which} has not run yet, or more than 90 days ago.")
    raise Misuse(
        f"There is no run {which!r}; ./soundlake runs lists those there are, by number and id, the "
        f"last one being 1, {known[0].name}."
    )


def _named(known: Iterable[Run], name: str) -> list[Run]:
    """Those of an id, else those whose id begins so."""
    found = [one for one in known if name and one.name.startswith(name)]
    return [one for one in found if one.name == name] or found


def _every(target: Target) -> list[Run]:
    """Every execution of 90 days: of a run of two days ago 150 captures are younger."""
    return [one for machine in MACHINES for one in all_of(target, machine)]


def console_link(target: Target, arn: str) -> str | None:
    """Return where AWS's console shows an execution; None on this machine, which has no console."""
    if target.local:
        return None
    where = f"https://{host(target)}/states/home?region={target.region}"
    return f"{where}#/v2/executions/details/{arn}"


def host(target: Target) -> str:
    """Return the host of AWS's console in the stack's region."""
    partition = target.session.get_partition_for_region(target.region)
    return f"{target.region}.{_CONSOLES.get(partition, _CONSOLES['aws'])}"


def all_of(target: Target, machine: str) -> list[Run]:
    """Return every execution of a machine that Step Functions still knows, the latest first."""
    arn = target.output(MACHINES[machine])
    pages = target.states.get_paginator("list_executions").paginate(
        stateMachineArn=arn, PaginationConfig={"PageSize": 1000}
    )
    return [
        Run(
            number,
            machine,
            one["executionArn"],
            one["status"],
            one["startDate"].astimezone(UTC),
            _utc(one),
        )
        for number, one in enumerate((one for page in pages for one in page["executions"]), 1)
    ]


def told(target: Target, run: Run) -> str:
    """Return all that went into a run's states and came out of them, as one text."""
    return "\n".join(
        str(details)
        for event in History(target.states, run.arn).new()
        for details in event.values()
        if isinstance(details, Mapping)
    )


def outcome(target: Target, run: Run) -> Outcome:
    """Return what is known of a run, from its history; a run that goes on has come so far."""
    found = Outcome(run.machine, run.arn)
    described = target.states.describe_execution(executionArn=run.arn)
    take(found, History(target.states, run.arn).new())
    return describe(found, described)


def show_all(
    target: Target, machine: str | None, most: int, console: Console, *, as_json: bool
) -> None:
    """Print the last runs, of a machine or of all, the latest first, and why any of them failed."""
    now = datetime.now(UTC)
    known = [one for one in listed(target) if machine in (None, one.machine)][:most]
    shown = [_line(target, one, now) for one in known]
    if as_json:
        _write(shown)
        return
    if not shown:
        console.print("Nothing has run yet; ./soundlake run capture does.", highlight=False)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("No.", justify="right")
    table.add_column("Machine")
    table.add_column("Started (UTC)", no_wrap=True)
    table.add_column("Seconds", justify="right")
    table.add_column("Result", no_wrap=True)
    table.add_column("Run", no_wrap=True)
    for one in shown:
        began = one["started"][:19].replace("T", " ")
        took, short = f"{one['seconds']:.1f}", one["run"][:_SHORT]
        table.add_row(str(one["number"]), one["machine"], began, took, one["status"], escape(short))
    console.print(table)
    for one in shown:
        if one["why"]:
            console.print(
                f"{one['number']:>3}   {escape(shortened(one['why'], _WHY))}",
                highlight=False,
                soft_wrap=True,
            )
    first = next((one["number"] for one in shown if one["why"]), shown[0]["number"])
    console.print(
        f"More of one: ./soundlake runs {first}; its lines: ./soundlake logs --run {first}",
        highlight=False,
        soft_wrap=True,
    )


def _line(target: Target, run: Run, now: datetime) -> Facts:
    why = ""
    if run.status in _FAILED:
        described = target.states.describe_execution(executionArn=run.arn)
        why = describe(Outcome(run.machine, run.arn), described).why
    return {
        "number": run.number,
        "machine": run.machine,
        "run": run.name,
        "arn": run.arn,
        "status": run.status,
        "started": format_time(run.started),
        "seconds": round(run.seconds(now), 1),
        "why": why or None,
        "console": console_link(target, run.arn),
    }


def facts(target: Target, run: Run) -> Facts:
    """Return a run with all its parts, as JSON has it; times in UTC."""
    found = outcome(target, run)
    now = datetime.now(UTC)
    return {
        **_line(target, run, now),
        "why": found.why or None,
        "charts": found.charts,
        "accounts": found.accounts,
        "done_before": found.done_before,
        "import": _imported(found),
        "requests": found.requests(),
        "stages": {name: round(seconds, 3) for name, seconds in found.stages.items()},
        "enrich": found.enrich,
        "verify": found.verify,
        "publish": found.publish,
    }


def _imported(found: Outcome) -> Facts | None:
    """What an import came to, where it ended well; else why says it."""
    return found.output if found.machine == "import" and found.output else None


def show(target: Target, run: Run, console: Console, *, as_json: bool) -> None:
    """Print a run: its charts, accounts or file, of these the failed ones each, and its link."""
    if as_json:
        _write(facts(target, run))
        return
    found = outcome(target, run)
    for line in lines(target, run, found):
        console.print(line, highlight=False, soft_wrap=True)


def lines(target: Target, run: Run, found: Outcome) -> Iterator[str]:
    """Return a run in lines of rich's markup."""
    mark = {"SUCCEEDED": "[green]✓[/]", "RUNNING": "…"}.get(run.status, "[red]✗[/]")
    began = f"{run.started:%Y-%m-%d %H:%M:%S}"
    seconds = run.seconds(datetime.now(UTC))
    yield f"{mark} {run.machine} {run.status.lower()}: {run.name}"
    took = f"took {seconds:.1f} s" if run.stopped else f"{seconds:.0f} s ago, and goes on"
    yield f"  Began {began} UTC, {took}."
    if found.why and run.status in _FAILED:
        yield f"  Why it failed: {escape(found.why)}"
    yield from (f"  {line}" for line in _parts(found))
    if found.stages:
        took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.stages.items())
        yield f"  Stages: {took}"
    if requests := found.requests():
        asked = ", ".join(f"{name} {count:,}" for name, count in sorted(requests.items()))
        yield f"  Requests: {escape(asked)}"
    for problem in found.verify.get("problems") or ():
        yield f"  [yellow]![/] {escape(str(problem))}"
    if link := console_link(target, run.arn):
        yield f"  Console: {link}"
    yield f"  Lines: ./soundlake logs --run {run.name}"


def _parts(found: Outcome) -> Iterator[str]:
    well = len(found.charts) - len(found.failed_charts) - len(found.lost_charts)
    well -= len(found.unserved_charts)
    if found.charts or found.done_before:
        rows = sum(int(one.get("rows") or 0) for one in found.charts)
        before = f", {found.done_before} done before" if found.done_before else ""
        yield f"Charts: {well} of {len(found.charts)} done with {rows:,} rows{before}."
    for one in found.failed_charts + found.lost_charts:
        yield chart_line(one)
    yield from unserved_lines(found)
    for one in found.accounts:
        yield _account(one)
    if output := _imported(found):
        yield from _file(output)


def _account(one: Mapping[str, Any]) -> str:
    name = escape(str(one.get("account", "?")))
    if one.get("status") in {"captured", "empty"}:
        counts = ", ".join(
            f"{one[each]} {each}" for each in ("new", "late", "known", "invalid") if each in one
        )
        problems = f"; {one['problems']}" if one.get("problems") else ""
        return f"[green]✓[/] {name}: {counts or 'nothing played yet'}{escape(problems)}"
    mark = "[yellow]![/]" if one.get("status") == "waiting" else "[red]✗[/]"
    return (
        f"{mark} {name} {one.get('status')}: {escape(str(one.get('error') or 'no reason given'))}"
    )


def _file(output: Mapping[str, Any]) -> Iterator[str]:
    name, status = output.get("name", "a file"), output.get("status", "done")
    ident = f" as {output['import_id']}" if output.get("import_id") else ""
    counts = ", ".join(f"{output[each]:,} {each}" for each in OUTCOMES if output.get(each))
    yield f"[green]✓[/] {escape(str(name))}: {status}{ident}{f', {counts}' if counts else ''}"


def _write(value: Facts | Iterable[Facts]) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
