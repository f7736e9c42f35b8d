"""Run a state machine and show how it goes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, Final

from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from soundlake.charts import ChartListError, UnknownChartError, parse_chart_list, select
from soundlake.store.objects import NOT_THERE

from cli import access, queue
from cli.errors import Misuse, Trouble
from cli.follow import Outcome, follow
from cli.target import CHART_LIST, MACHINES, Target

_LOCAL_SECONDS: Final = 0.2
_AWS_SECONDS: Final = 1.0


class StillRunningError(Exception):
    """The person stopped following; the execution goes on, and `again` says how to look again."""

    def __init__(self, machine: str, again: str = "see ./soundlake status") -> None:
        """Stop following an execution of a machine."""
        super().__init__(machine)
        self.again = again


def check_date(text: str | None, today: date) -> str | None:
    """Return a date as given; raise Misuse when it is none or lies after `today`."""
    if text is None:
        return None
    try:
        wanted = date.fromisoformat(text)
    except ValueError as error:
        raise Misuse(f"{text!r} is not a date; write it like 2026-11-21.") from error
    if wanted > today:
        raise Misuse(f"{wanted} lies in the future (today is {today}, UTC); no chart has it yet.")
    return wanted.isoformat()


def check_charts(text: str | None, target: Target) -> list[str] | None:
    """Return the charts or countries of a comma-separated list, checked against the chart list."""
    if text is None:
        return None
    wanted = [one.strip() for one in text.split(",") if one.strip()]
    if not wanted:
        raise Misuse("--charts names no chart; write it like NO,SE.")
    listed = chart_list_text(target)
    if listed is not None:
        try:
            select(parse_chart_list(listed), wanted)
        except (ChartListError, UnknownChartError) as error:
            raise Misuse(str(error)) from error
    return wanted


def chart_list_text(target: Target) -> str | None:
    """Return the stack's chart list; None when there is none yet."""
    try:
        answer = target.s3.get_object(Bucket=target.output("DataBucket"), Key=CHART_LIST)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_THERE:
            return None
        raise
    return answer["Body"].read().decode("utf-8", errors="replace")


def start(target: Target, machine: str, given: Mapping[str, Any]) -> Outcome:
    """Start a machine; raise Trouble when an earlier execution of it still runs."""
    arn = target.output(MACHINES[machine])
    for _, when in _still_running(target, machine)[:1]:
        raise Trouble(
            f"The {machine} machine is already running since {when:%H:%M:%S} UTC; wait until it "
            "is done (./soundlake status shows it) and run this again."
        )
    answer = target.states.start_execution(stateMachineArn=arn, input=json.dumps(dict(given)))
    return Outcome(machine, answer["executionArn"], started=answer["startDate"])


def run(target: Target, machine: str, given: Mapping[str, Any], console: Console) -> Outcome:
    """Start a machine and follow it to its end, showing each chart as it finishes.

    Raises StillRunningError on Ctrl-C.
    """
    return _shown(target, start(target, machine, given), console)


def finish_earlier(target: Target, machine: str, console: Console) -> None:
    """Follow an execution of the machine that still runs to its end, whatever it comes to."""
    for arn, began in _still_running(target, machine):
        console.print(f"The {machine} run of {began:%H:%M:%S} UTC is still going; finishing it.")
        _shown(target, Outcome(machine, arn, started=began), console)


def _shown(target: Target, outcome: Outcome, console: Console) -> Outcome:
    with _display(outcome, console) as seen:
        try:
            interval = _LOCAL_SECONDS if target.local else _AWS_SECONDS
            follow(target.states, outcome, seen=seen, interval=interval)
        except KeyboardInterrupt:
            raise StillRunningError(outcome.machine) from None
    console.print(verdict(outcome), highlight=False, soft_wrap=True)
    for line in unserved_lines(outcome):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    for note in [*access.of_run(outcome.access), *(outcome.enrich.get("notes") or ())]:
        console.print(f"  [yellow]![/] {escape(str(note))}", highlight=False, soft_wrap=True)
    for line in queue.left(outcome.enrich):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    return outcome


def _still_running(target: Target, machine: str) -> list[tuple[str, datetime]]:
    arn = target.output(MACHINES[machine])
    listed = target.states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")
    return [(one["executionArn"], one["startDate"].astimezone(UTC)) for one in listed["executions"]]


def verdict(outcome: Outcome) -> str:
    """Return one line about how an execution ended, in rich's markup."""
    if outcome.succeeded:
        said = {"capture": _captured, "daily": _charted, "import": _imported}
        what = said[outcome.machine](outcome)
        return f"[green]✓[/] {outcome.machine}: {what}, {outcome.seconds:.1f} s"
    others = any(one.get("status") == "captured" for one in outcome.accounts)
    more = f"; captured all the same: {_captured(outcome)}" if others else ""
    return f"[red]✗[/] {outcome.machine} {outcome.status.lower()}: {escape(outcome.why)}{more}"


def _captured(outcome: Outcome) -> str:
    waiting = sum(one.get("status") == "waiting" for one in outcome.accounts)
    waits = f", {waiting} account{'' if waiting == 1 else 's'} waiting for consent or the like"
    new, page = outcome.plays("new"), outcome.plays("page")
    if not outcome.accounts:
        return "there is no account to capture; ./soundlake connect makes one"
    if not page:
        return "nothing has been played yet" + waits * bool(waiting)
    return f"{new} new play{'' if new == 1 else 's'} among the last {page}" + waits * bool(waiting)


def _charted(outcome: Outcome) -> str:
    unserved = len(outcome.unserved_charts)
    missed = len(outcome.failed_charts) + len(outcome.lost_charts) + unserved
    text = f"{len(outcome.charts) - missed} of {len(outcome.charts)} charts loaded"
    text += f", {unserved} unavailable" if unserved else ""
    if not outcome.charts and not outcome.done_before:
        text = "no chart is listed and on (./soundlake charts); all else is done"
    elif not outcome.charts:
        text = f"all {outcome.done_before} charts were done already"
    elif outcome.done_before:
        text += f", {outcome.done_before} were done already"
    return text


def _imported(outcome: Outcome) -> str:
    name, status = outcome.output.get("name", "a file"), outcome.output.get("status", "done")
    return escape(f"{name} {status}")


def bar(console: Console) -> Progress:
    """Return a line that says how many of a run's branches are done; it goes when they are."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True)


@contextmanager
def _display(outcome: Outcome, console: Console) -> Iterator[Any]:
    if not console.is_terminal:
        yield lambda state, fresh: _lines(state, fresh, console)
        return
    with bar(console) as progress:
        task = progress.add_task(outcome.machine, total=None)

        def seen(state: Outcome, fresh: Sequence[Mapping[str, Any]]) -> None:
            _lines(state, fresh, progress.console)
            doing = next(iter(state.entered), "")
            progress.update(
                task,
                description=f"{state.machine} {doing}".strip(),
                completed=len(state.charts),
                total=state.planned or None,
            )

        yield seen


def _lines(outcome: Outcome, fresh: Sequence[Mapping[str, Any]], console: Console) -> None:
    width = len(str(outcome.planned))
    for number, one in enumerate(fresh, start=len(outcome.charts) - len(fresh) + 1):
        if one.get("unserved"):
            continue  # told together at the end: it may be all of them
        place = f"{number:>{width}}/{outcome.planned}"
        line = f"  {place} {chart_line(one)}"
        console.print(line, highlight=False, soft_wrap=True)


def chart_line(one: Mapping[str, Any]) -> str:
    """Return one finished chart as a line in rich's markup."""
    name = f"{escape(str(one.get('chart', '?'))):<14}"
    if one.get("repair"):
        name += f" of {one.get('date')}"
    shown = one.get("shown_date")
    if one.get("status") == "unchanged":
        there = (
            f"still that of {shown}, which is there"
            if shown
            else "not changed since it was last read"
        )
        return f"[green]✓[/] {name} {there}"
    if one.get("status") != "loaded":
        why = escape(str(one.get("error") or "no reason given"))
        how = _HOW.get(str(one.get("status")), "failed in {stage}")
        return f"[red]✗[/] {name} {how.format(stage=escape(str(one.get('stage') or '?')))}: {why}"
    notes = [f"{one.get('rows', '?')} rows" + (f" of {shown}" if shown else "")]
    if holes := int(one.get("holes") or 0):
        notes.append(f"{holes} rank{'' if holes == 1 else 's'} missing")
    return f"[green]✓[/] {name} {', '.join(notes)}"


def unserved_lines(outcome: Outcome) -> Iterator[str]:
    """Return a line for each reason why charts could not be asked for, in rich's markup."""
    by_reason: dict[str, list[str]] = {}
    for one in outcome.unserved_charts:
        by_reason.setdefault(str(one.get("error")), []).append(str(one.get("chart")))
    for why, names in by_reason.items():
        which = ", ".join(names) if len(names) <= _NAMED else f"{len(names)} charts"
        yield f"[yellow]![/] {escape(which)} unavailable: {escape(why)}"


_NAMED: Final = 3  # charts that a reason names; more are counted


# How a chart that was not loaded ended, in a word; all else failed.
_HOW: Final = {
    "refused": "refused",
    "deferred": "left to the next run",
    "unavailable": "unavailable",
}


def now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)
