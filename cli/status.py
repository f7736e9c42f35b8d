"""How the lake is doing, at a glance."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from soundlake.times import format_time

from cli import access, accounts, days, machines, queue, quota, services
from cli.errors import tried
from cli.lake import sizes
from cli.render import labelled
from cli.target import MACHINES, RUN, Target, stack_state

_LAST = 3

Facts = dict[str, Any]


def show(target: Target, now: datetime, console: Console, *, as_json: bool = False) -> None:
    """Print the stack, its runs, requests, accounts and tables, and what to do next.

    `now` is the time that accounts live in.
    """
    if as_json:
        json.dump(facts(target, now), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    _show_stack(_stack(target), console)
    _ = target.outputs  # raises where there is no whole stack: all the rest would say so again
    _show_lines("Access", _access(target), access.lines, console)
    runs = _runs(target)
    _show_runs(runs, console)
    found = tried(lambda: accounts.summary(target, now))
    _show_lines("Accounts", found, accounts.lines, console)
    _show_lines("Requests", _quota(target, found), quota.lines, console)
    _show_lines("Queue", tried(lambda: queue.facts(target)), queue.lines, console)
    console.print()
    held = tried(lambda: _held(target))
    if "problem" in held:
        sentence = f"The tables cannot be counted now: {held['problem']}"
        console.print(sentence, soft_wrap=True, markup=False)
    else:
        _show_tables(held["tables"], console)
        days.calendar(held["days"], console)
    console.print(_next(runs), highlight=False)


def facts(target: Target, now: datetime) -> Facts:
    """Return all that is shown, as JSON has it; a part that cannot be told says its `problem`."""
    found = tried(lambda: accounts.summary(target, now))
    runs = _runs(target)
    return {
        "stack": _stack(target),
        "access": _access(target),
        "runs": runs,
        "accounts": found,
        "requests": _quota(target, found),
        "queue": tried(lambda: queue.facts(target)),
        "lake": tried(lambda: _held(target)),
        "next": _next(runs),
    }


def _access(target: Target) -> Facts:
    return tried(lambda: access.facts(target, machines.now()))


def _quota(target: Target, found: Facts) -> Facts:
    return tried(lambda: quota.facts(target, found.get("captured"), machines.now()))


def _show_lines(
    title: str, found: Facts, said: Callable[[Facts], Iterable[str]], console: Console
) -> None:
    """Print a part's lines beside its title."""
    labelled(title, [found["problem"]] if "problem" in found else said(found), console)


def _stack(target: Target) -> Facts:
    status, _ = stack_state(target)
    found: Facts = {"name": target.stack, "region": target.region, "status": status or "missing"}
    state = services.running() if target.local else None
    if state:
        found |= {
            "world": state.world,
            "answers_as": services.access(state),
            "aws": state.endpoint,
            "spotify": state.spotify,
        }
    return found


def _show_stack(found: Facts, console: Console) -> None:
    console.print(f"Stack    {found['name']} in {found['region']}: {found['status']}")
    titles = {"World": "world", "AWS": "aws", "Spotify": "spotify"}
    for title, name in titles.items():
        if name in found:
            mode = f", in access mode {found['answers_as']}" if name == "spotify" else ""
            console.print(f"{title:9}{found[name]}{mode}", highlight=False)


def _runs(target: Target) -> list[Facts]:
    """Return the last runs of each machine, the latest first."""
    found: list[Facts] = []
    for machine, output in MACHINES.items():
        arn = target.output(output)
        listed = target.states.list_executions(stateMachineArn=arn, maxResults=_LAST)
        for one in listed["executions"][:_LAST]:
            ended = one.get("stopDate") or datetime.now(UTC)
            found.append(
                {
                    "machine": machine,
                    "started": format_time(one["startDate"]),
                    "seconds": round((ended - one["startDate"]).total_seconds(), 1),
                    "result": one["status"],
                }
            )
    return found


def _show_runs(runs: Iterable[Facts], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Machine", "Started (UTC)", "Seconds", "Result"):
        table.add_column(name, justify="right" if name == "Seconds" else "left")
    for one in runs:
        began = one["started"][:19].replace("T", " ")
        table.add_row(one["machine"], began, f"{one['seconds']:.1f}", one["result"])
    if table.row_count:
        console.print(table)


def _held(target: Target) -> Facts:
    """Return the tables' sizes, and how sure the latest months' days are."""
    return {
        "tables": {
            name: {"rows": size.rows, "objects": size.objects}
            for name, size in sizes(target).items()
        },
        "days": [{**row, "day": str(row["day"])[:10]} for row in days.latest(target)],
    }


def _show_tables(found: Mapping[str, Any], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Table", "Rows", "Objects"):
        table.add_column(name, justify="left" if name == "Table" else "right")
    for name, size in found.items():
        table.add_row(name, f"{size['rows']:,}", f"{size['objects']:,}")
    console.print(table)


def _next(runs: Iterable[Facts]) -> str:
    results: dict[str, str] = {}
    for one in runs:
        results.setdefault(one["machine"], one["result"])
    for machine in RUN:
        if machine not in results:
            return f"Next: ./soundlake run {machine}."
    if "RUNNING" in results.values():
        return "Next: wait for what is running; ./soundlake logs --follow shows it."
    failed = [machine for machine, status in results.items() if status != "SUCCEEDED"]
    if failed:
        again = {"import": "import FILE", "audit": "audit"}.get(failed[0], f"run {failed[0]}")
        return f"Next: ./soundlake logs {failed[0]} says why; then ./soundlake {again}."
    return 'Next: ./soundlake query "SELECT count(*) FROM plays".'
