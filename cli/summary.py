"""What one run did, for a person to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli import athena, queue, render
from cli.errors import Trouble
from cli.follow import STAGES, Outcome
from cli.lake import Size, sizes
from cli.machines import chart_line, unserved_lines
from cli.target import Target
from cli.world import Facts

QUERIES = ("top-tracks", "happiest-and-saddest", "play-with-features")


@dataclass
class Report:
    """Everything the summary shows; `seconds` is wall time by stage, in order."""

    world: Facts | None
    capture: Outcome | None = None
    daily: Outcome | None = None
    tables: Mapping[str, Size] = field(default_factory=dict)
    answers: list[tuple[athena.Saved, athena.Result]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether everything did what it should."""
        ended = all(one is not None and one.succeeded for one in (self.capture, self.daily))
        return ended and not (self.daily and self.daily.failed_charts) and not self.problems

    def requests(self) -> dict[str, int]:
        """Count the requests made to Spotify, and to others under their names, by endpoint."""
        counts: dict[str, int] = {}
        for outcome in (self.capture, self.daily):
            for endpoint, count in (outcome.requests() if outcome else {}).items():
                counts[endpoint] = counts.get(endpoint, 0) + count
        return dict(sorted(counts.items()))


def ask(target: Target, report: Report) -> None:
    """Fill in what only the lake knows: the sizes of its tables, the three answers."""
    try:
        report.tables = sizes(target)
        known = athena.saved(target)
    except Trouble as error:
        report.problems.append(str(error))
        return
    for name in QUERIES:
        if name not in known:
            report.problems.append(f"The stack has no saved query {name}.")
            continue
        query = known[name]
        try:
            report.answers.append((query, athena.run(target, query.sql, query.database)))
        except Trouble as error:
            report.problems.append(f"{name}: {error}")


def show(report: Report, console: Console) -> None:
    """Print the summary."""
    console.print()
    console.rule("Soundlake", style="dim")
    _show_world(report, console)
    _show_capture(report, console)
    _show_charts(report, console)
    _show_quality(report, console)
    _show_tables(report, console)
    _show_counts("Requests", report.requests(), console)
    _show_seconds(report, console)
    for query, result in report.answers:
        console.print()
        console.print(Text(query.description or query.name, style="bold"))
        console.print(render.as_table(result))
    for problem in report.problems:
        console.print(f"[red]✗[/] {escape(problem)}", soft_wrap=True)


def _show_world(report: Report, console: Console) -> None:
    if report.world is None:
        return
    if report.world.made_up:
        text = (
            "Everything below is made up: listeners, tracks and charts come from a seed, "
            "not from Spotify."
        )
    else:
        text = f"World of {report.world.today}: {report.world.label}."
    console.print(Text(text, style="yellow" if report.world.made_up else ""))


def _show_capture(report: Report, console: Console) -> None:
    outcome = report.capture
    if outcome is None:
        return
    console.print()
    if not outcome.succeeded:
        console.print(f"[bold]Plays[/]   [red]failed[/]: {escape(outcome.why)}", soft_wrap=True)
        return
    counts = {name: outcome.plays(name) for name in ("page", "new", "late", "known", "invalid")}
    parts = [f"{count} {name}" for name, count in counts.items() if count is not None]
    if counts["page"] is not None:
        parts[0] = f"{counts['page']} in the page"
    console.print(f"[bold]Plays[/]   {', '.join(parts) or 'none played yet'}", highlight=False)
    for one in outcome.accounts:
        if one.get("problems"):
            text = f"{one['account']}: {one['problems']}"
            console.print(f"  [yellow]![/] {escape(text)}", soft_wrap=True, highlight=False)


def _show_charts(report: Report, console: Console) -> None:
    outcome = report.daily
    if outcome is None:
        return
    failed, lost = outcome.failed_charts, outcome.lost_charts
    unserved = outcome.unserved_charts
    done = len(outcome.charts) - len(failed) - len(lost) - len(unserved)
    rows = sum(int(one.get("rows") or 0) for one in outcome.charts)
    parts = [f"{done} done with {rows:,} rows", f"{len(failed)} failed"]
    parts += [f"{len(unserved)} unavailable"] if unserved else []
    parts += [f"{outcome.done_before} done before"] if outcome.done_before else []
    console.print(f"[bold]Charts[/]  {', '.join(parts)}", highlight=False)
    for one in failed + lost:
        console.print(f"  {chart_line(one)}", soft_wrap=True, highlight=False)
    for line in unserved_lines(outcome):
        console.print(f"  {line}", soft_wrap=True, highlight=False)
    if failed:
        names = ",".join(dict.fromkeys(str(one.get("chart")) for one in failed))
        console.print(
            f"  Run again what failed: ./soundlake run daily --charts {names}",
            soft_wrap=True,
            highlight=False,
        )
    for line in queue.left(outcome.enrich):
        console.print(f"[bold]Queue[/]   {line}", soft_wrap=True, highlight=False)
    if not outcome.succeeded:
        console.print(f"  [red]✗[/] The daily run failed: {escape(outcome.why)}", soft_wrap=True)


def _show_quality(report: Report, console: Console) -> None:
    """What the run's data did not hold to; every breach is a row of data_quality."""
    found = report.daily.verify if report.daily else {}
    if "errors" not in found:
        return
    text = f"[bold]Quality[/] {found['errors']} errors, {found['warnings']} warnings"
    console.print(text, highlight=False)
    for problem in found.get("problems") or ():
        console.print(f"  [yellow]![/] {escape(str(problem))}", soft_wrap=True, highlight=False)


def _show_tables(report: Report, console: Console) -> None:
    if not report.tables:
        return
    table = _plain("Table", "Rows", "Objects", "KiB")
    for name, size in report.tables.items():
        table.add_row(name, f"{size.rows:,}", f"{size.objects:,}", f"{size.bytes / 1024:,.0f}")
    console.print()
    console.print(table)


def _show_counts(title: str, counts: Mapping[str, int], console: Console) -> None:
    table = _plain(title, "Count")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    table.add_row("all", f"{sum(counts.values()):,}", style="bold")
    console.print(table)


def _show_seconds(report: Report, console: Console) -> None:
    table = _plain("Stage", "Seconds")
    for name, seconds in report.seconds.items():
        table.add_row(name, f"{seconds:.1f}")
        for stage in STAGES.get(name, ()):
            outcome = report.capture if name == "capture" else report.daily
            if outcome and stage in outcome.stages:
                table.add_row(f"  {stage}", f"{outcome.stages[stage]:.1f}", style="dim")
    table.add_row("all", f"{sum(report.seconds.values()):.1f}", style="bold")
    console.print(table)


def _plain(first: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, min_width=min(60, 24 + 12 * len(numbers)))
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def things_to_try(endpoint: str, region: str, query_names: Sequence[str]) -> list[str]:
    """Return the lines that say what a person can do with a lake that runs."""
    return [
        './soundlake query "SELECT chart, position, track_name FROM chart_entries '
        "WHERE country = 'NO' ORDER BY position LIMIT 10\"",
        *(f"./soundlake query --saved {name}" for name in query_names[:1]),
        "./soundlake status",
        "./soundlake logs daily",
        f"AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test aws --region {region} "
        f"--endpoint-url {endpoint} stepfunctions list-state-machines",
    ]
