"""How the lake is doing, at a glance."""

from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table

from cli import accounts, days, services
from cli.errors import Trouble
from cli.lake import sizes
from cli.target import MACHINES, Target, stack_state

_LAST = 3


def show(target: Target, console: Console) -> None:
    """Print the stack, its last executions, its tables, and what to do next."""
    _show_stack(target, console)
    executions = _show_executions(target, console)
    accounts.show_damaged(target, console)
    console.print()
    try:
        _show_tables(target, console)
        days.show(target, console)
    except Trouble as error:
        console.print(f"The tables cannot be counted now: {error}", soft_wrap=True, markup=False)
    console.print(_next(executions), highlight=False)


def _show_stack(target: Target, console: Console) -> None:
    status, _ = stack_state(target)
    console.print(f"Stack    {target.stack} in {target.region}: {status or 'missing'}")
    state = services.running() if target.local else None
    if state:
        console.print(f"World    {state.world}", highlight=False)
        console.print(f"AWS      {state.endpoint}", highlight=False)
        console.print(f"Spotify  {state.spotify}", highlight=False)


def _show_executions(target: Target, console: Console) -> list[tuple[str, str]]:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Machine", "Started (UTC)", "Seconds", "Result"):
        table.add_column(name, justify="right" if name == "Seconds" else "left")
    seen: list[tuple[str, str]] = []
    for machine, output in MACHINES.items():
        arn = target.output(output)
        listed = target.states.list_executions(stateMachineArn=arn, maxResults=_LAST)
        for one in listed["executions"][:_LAST]:
            ended = one.get("stopDate") or datetime.now(UTC)
            seconds = (ended - one["startDate"]).total_seconds()
            began = one["startDate"].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
            table.add_row(machine, began, f"{seconds:.1f}", one["status"])
            seen.append((machine, one["status"]))
    if seen:
        console.print(table)
    return seen


def _show_tables(target: Target, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Table", "Rows", "Objects"):
        table.add_column(name, justify="left" if name == "Table" else "right")
    for name, size in sizes(target).items():
        table.add_row(name, f"{size.rows:,}", f"{size.objects:,}")
    console.print(table)


def _next(executions: list[tuple[str, str]]) -> str:
    results = dict(reversed(executions))
    for machine in MACHINES:
        if machine not in results:
            return f"Next: ./soundlake run {machine}."
    if "RUNNING" in results.values():
        return "Next: wait for what is running; ./soundlake logs --follow shows it."
    failed = [machine for machine, status in results.items() if status != "SUCCEEDED"]
    if failed:
        return f"Next: ./soundlake logs {failed[0]} says why; then ./soundlake run {failed[0]}."
    return 'Next: ./soundlake query "SELECT count(*) FROM plays".'
