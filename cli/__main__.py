"""`./soundlake`: the verbs."""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from rich.console import Console
from rich.table import Table
from soundlake import counting
from soundlake.accounts import Account
from soundlake.charts import COLUMNS, ChartListError, parse_chart_list

from cli import (
    access,
    accounts,
    app_secrets,
    athena,
    audit,
    chart_lists,
    copy_display,
    doctor,
    export,
    import_report,
    imports,
    listeners,
    local_lake,
    logs,
    machines,
    render,
    restore,
    rewind,
    runs,
    samconfig,
    services,
    smoke,
    sources,
    status,
    summary,
)
from cli import connect as connecting
from cli import world as worlds
from cli.errors import Misuse, Trouble, sentence
from cli.follow import Outcome
from cli.home import World, starting
from cli.import_display import display, megabytes
from cli.target import CHART_LIST, MACHINES, Target, choose
from cli.why import show as why
from local.spotify.settings import MODES, Mode

_FILE = click.Path(path_type=Path)


STAGE: Final = "SOUNDLAKE_STAGE"


def stack_options[Verb: Callable[..., Any]](verb: Verb) -> Verb:
    """Add the options that name a deployed stack."""
    for option in (
        click.option(
            "--stage",
            help=f"The deployed stack's stage: dev (default) or prod; or set {STAGE}.",
        ),
        click.option("--region", help="The AWS region."),
        click.option("--profile", help="The AWS profile whose credentials to use."),
    ):
        verb = option(verb)
    return verb


def service_options[Verb: Callable[..., Any]](verb: Verb) -> Verb:
    """Add the options of the services on this machine."""
    for option in (
        click.option(
            "--spotify-port",
            type=click.IntRange(1, 65535),
            default=services.SPOTIFY_PORT,
            envvar="SOUNDLAKE_SPOTIFY_PORT",
            show_default=True,
            help="Where the local Spotify listens.",
        ),
        click.option(
            "--port",
            type=click.IntRange(1, 65535),
            default=services.AWS_PORT,
            envvar="SOUNDLAKE_PORT",
            show_default=True,
            help="Where the embedded AWS listens.",
        ),
        click.option(
            "--access",
            type=click.Choice(MODES),
            help="The app's access mode at the local Spotify; without it, what it has, at first "
            "extended.",
        ),
        click.option(
            "--contact",
            help="An e-mail address or web page at which the operators of open sources can reach "
            "you, or none; without it, what it has, at first none.",
        ),
        click.option(
            "--chart-sources",
            help="Who is asked for charts, the preferred one first, like spotify,kworb; without "
            "it, what it has, at first spotify.",
        ),
        click.option(
            "--world",
            "csv",
            type=_FILE,
            help="A CSV file of one real day's charts; without it, a made-up world.",
        ),
    ):
        verb = option(verb)
    return verb


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@stack_options
@click.pass_context
def main(
    context: click.Context, profile: str | None, region: str | None, stage: str | None
) -> None:
    """Keep your Spotify history and the world's charts in a data lake of your own.

    Commands speak to the lake on this machine (`up` starts it), or with --profile, --region or
    --stage, before or after the command, to a stack deployed in AWS.
    """
    # Not click's own envvar: a command's would count before what is said ahead of it.
    stage = stage or os.environ.get(STAGE) or None
    context.obj = {"profile": profile, "region": region, "stage": stage}


def _target(profile: str | None, region: str | None, stage: str | None) -> Target:
    """Return what the options name, a command's own before those given before it."""
    before = click.get_current_context().find_root().obj
    return choose(
        profile or before["profile"], region or before["region"], stage or before["stage"]
    )


@main.command()
@service_options
def up(**options: Any) -> None:
    """Start the local services and deploy the lake to them."""
    console = Console()
    with starting():
        lake = local_lake.up(_plan(**options), console)
    took = sum(lake.seconds.values())
    console.print(f"[green]✓[/] The lake is up at {lake.state.endpoint} ({took:.1f} s).")
    console.print(_about(lake.facts), soft_wrap=True, highlight=False)
    console.print("Next: ./soundlake run all, or ./soundlake status.", highlight=False)


@main.command()
def down() -> None:
    """Stop the local services; the lake is kept."""
    with starting():
        stopped = services.down()
    click.echo("Stopped; the lake is kept." if stopped else "Nothing was running.")


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The person stopped a run whose services end with it."""


def _plan(
    *,
    csv: Path | None,
    access: Mode | None,
    chart_sources: str | None,
    contact: str | None,
    port: int,
    spotify_port: int,
) -> services.Plan:
    if port == spotify_port:
        raise Misuse(f"Both services cannot listen on port {port}; choose another for one.")
    if csv is not None and not csv.is_file():
        raise Misuse(f"There is no file {csv}.")
    region = samconfig.local_region()
    chosen = sources.choices(chart_sources, contact)
    return services.Plan(World.of(csv), region, port, spotify_port, access=access, chosen=chosen)


_WITHHELD: Final[Mapping[str, str]] = {
    "development_2025": "Spotify answers as to a development app of 2025: no charts, no audio "
    "features.",
    "development": "Spotify answers as to a new development app: no charts, no audio features, "
    "one look-up at a time.",
}


def _world(facts: worlds.Facts) -> str:
    if facts.made_up:
        return "Its world is made up: listeners, tracks and charts come from a seed."
    return f"Its world: {facts.label}."


def _about(facts: worlds.Facts) -> str:
    return "\n".join(
        [_world(facts), *([_WITHHELD[facts.access]] if facts.access in _WITHHELD else [])]
    )


@main.group()
def run() -> None:
    """Run the machines: capture, daily, or all."""


@run.command()
@stack_options
def capture(profile: str | None, region: str | None, stage: str | None) -> None:
    """Capture the latest plays."""
    target = _target(profile, region, stage)
    _finish(machines.run(target, "capture", _own_time(_facts(target)), Console()))


@run.command()
@click.option(
    "--date",
    "day",
    help="Make all of this day again from its kept answers, like 2026-11-21; without it, the run "
    "does what is left of today (UTC) and of the last days.",
)
@click.option("--charts", help="Only these, by country or chart: NO,SE,weekly-NO.")
@stack_options
def daily(
    *,
    day: str | None,
    charts: str | None,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Read the day's charts."""
    target = _target(profile, region, stage)
    given = _daily_input(_facts(target), target, day, charts)
    _finish(machines.run(target, "daily", given, Console()))


def _facts(target: Target) -> worlds.Facts | None:
    state = services.running() if target.local else None
    return worlds.facts(state.spotify) if state else None


def _own_time(facts: worlds.Facts | None) -> dict[str, Any]:
    """A real day's world has a time of its own; elsewhere the run's own start counts."""
    if facts is None or facts.made_up:
        return {}
    return {"scheduled_time": facts.clock.isoformat(timespec="seconds").replace("+00:00", "Z")}


def _daily_input(
    facts: worlds.Facts | None, target: Target, day: str | None, charts: str | None
) -> dict[str, Any]:
    today = facts.today if facts else machines.now().date()
    date = machines.check_date(day, today)
    chosen = machines.check_charts(charts, target)
    given: dict[str, Any] = {"date": date} if date else _own_time(facts)
    return given | ({"charts": chosen} if chosen else {})


def _finish(outcome: Outcome) -> None:
    if not outcome.succeeded:
        raise SystemExit(1)


@run.command(name="all")
@service_options
def run_all(**options: Any) -> None:
    """Start the local lake, run both machines, and sum up what happened.

    At a terminal it then serves until Ctrl-C.
    """
    console = Console()
    plan = replace(_plan(**options), own=True)
    with starting():
        lake = local_lake.up(plan, console)
    try:
        try:
            report = _run_both(lake, console)
        except machines.StillRunningError:
            if not lake.state.mine():
                raise
            raise Stopped from None
        summary.show(report, console)
        if sys.stdin.isatty() and console.is_terminal:
            _serve(lake, console)
    finally:
        if lake.state.mine():
            with starting():
                services.down(services.noted())
    if not report.succeeded:
        raise SystemExit(1)


def _run_both(lake: local_lake.Lake, console: Console) -> summary.Report:
    console.print(_world(lake.facts), soft_wrap=True, highlight=False)
    report = summary.Report(lake.facts, seconds=dict(lake.seconds))
    # A run that was killed may have left its executions going.
    for machine in MACHINES:
        machines.finish_earlier(lake.target, machine, console)
    report.capture = machines.run(lake.target, "capture", _own_time(lake.facts), console)
    report.seconds["capture"] = report.capture.seconds
    given = _daily_input(lake.facts, lake.target, None, None)
    report.daily = machines.run(lake.target, "daily", given, console)
    report.seconds["daily"] = report.daily.seconds
    began = time.monotonic()
    with local_lake.progress(console, "asking the lake"):
        summary.ask(lake.target, report)
    report.seconds["questions"] = time.monotonic() - began
    return report


def _serve(lake: local_lake.Lake, console: Console) -> None:
    where = (lake.state.endpoint, lake.state.region)
    console.print(f"\nServing AWS at {lake.state.endpoint} until Ctrl-C. In another terminal try:")
    for line in summary.things_to_try(*where, summary.QUERIES):
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    try:
        while lake.state.alive("aws") and lake.state.alive("spotify"):
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("\nStopped; the lake is kept, and ./soundlake up serves it again.")
        return
    raise Trouble("A service ended by itself; ./soundlake up starts it again.")


@main.command(name="smoke")
@click.option("--charts", help="Have daily read these too, by country or chart; it asks Spotify.")
@stack_options
def check_machines(
    charts: str | None, profile: str | None, region: str | None, stage: str | None
) -> None:
    """Run every machine of a deployed stack once, and check what comes of it; not of prod's."""
    target, console = _target(profile, region, stage), Console()
    named = target.stack.removeprefix("soundlake-")
    seen = []
    for one in smoke.check(target, named, machines.check_charts(charts, target)):
        smoke.show(one, console)
        seen.append(one)
    if not all(one.well for one in seen):
        raise SystemExit(1)


@main.command()
@click.argument("sql", required=False)
@click.option("--csv", "form", flag_value="csv", help="Write CSV.")
@click.option("--json", "form", flag_value="json", help="Write JSON.")
@click.option("--saved", help="Ask one of the stack's saved queries, by name.")
@click.option(
    "--counts",
    type=click.Choice(list(counting.RULES)),
    help=f"Of a saved query about plays: which of them count.  [default: {counting.USUAL}]",
)
@click.option("--year", type=click.IntRange(2006, 9999), help="Of such a ranking: of which year.")
@stack_options
def query(
    *,
    sql: str | None,
    form: str | None,
    saved: str | None,
    counts: str | None,
    year: int | None,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Ask the lake in SQL (`-` reads it from standard input).

    A play counts that was heard for 30 seconds (30s), was heard to the end (to-end) or for half its
    length or four minutes (half), or each (any).
    """
    if (sql is None) == (saved is None):
        raise Misuse('Give either one query, like "SELECT 1", or --saved NAME.')
    if sql is not None and (counts or year):
        raise Misuse("--counts and --year are for saved queries; say it in the SQL of your own.")
    target = _target(profile, region, stage)
    if saved is not None:
        result = _ask_saved(target, saved, counts, year)
    else:
        result = athena.run(target, _sql(sql or ""))
    if form == "csv":
        render.write_csv(result, sys.stdout)
    elif form == "json":
        render.write_json(result, sys.stdout)
    else:
        render.write_table(result, Console())


def _sql(given: str) -> str:
    text = (sys.stdin.read() if given == "-" else given).strip().removesuffix(";")
    if not text:
        raise Misuse("The query is empty.")
    return text


def _ask_saved(target: Target, name: str, counts: str | None, year: int | None) -> athena.Result:
    known = athena.saved(target)
    if name not in known:
        raise Misuse(f"There is no saved query {name!r}; there are {', '.join(sorted(known))}.")
    sql = known[name].sql
    try:
        sql = counting.counted(sql, counts) if counts is not None else sql
        sql = counting.of_year(sql, year) if year is not None else sql
    except counting.CountingError as error:
        raise Misuse(f"The saved query {name} cannot be asked so: {error}") from error
    return athena.run(target, sql, known[name].database)


@main.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def show_status(
    *, as_json: bool, profile: str | None, region: str | None, stage: str | None
) -> None:
    """Show what runs, what is asked of Spotify, the accounts, and what the lake holds."""
    target = _target(profile, region, stage)
    status.show(target, _now(target), Console(), as_json=as_json)


@main.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def show_doctor(
    *, as_json: bool, profile: str | None, region: str | None, stage: str | None
) -> None:
    """Find out what Spotify lets your app do, and say what is to be done.

    It asks Spotify four to six times. The exit code is 1 where something waits for you.
    """
    target = _target(profile, region, stage)
    if not doctor.show(target, _now(target), Console(), as_json=as_json):
        raise SystemExit(1)


@main.command(name="runs")
@click.argument("which", required=False)
@click.option("--machine", type=click.Choice(list(MACHINES)), help="Only this machine's.")
@click.option(
    "-n", "most", type=click.IntRange(1, runs.MOST), default=10, show_default=True, help="How many."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def show_runs(
    *,
    which: str | None,
    machine: str | None,
    most: int,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Show the last runs of the machines, or all of one, with what failed in it.

    WHICH is a run's number in the list (1 is the last), its id or the beginning of it, or a
    machine, for its last run.
    """
    target = _target(profile, region, stage)
    if which is None:
        runs.show_all(target, machine, most, Console(), as_json=as_json)
    else:
        runs.show(target, runs.chosen(target, which), Console(), as_json=as_json)


@main.command(name="why", help=why.HELP.replace("\n\n", "\n\n\b\n", 1))
@click.argument("what")
@click.argument("key", nargs=-1)
@click.option("--column", help="Only what this column of the row comes from.")
@click.option("--all", "whole", is_flag=True, help="Show all of many.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def show_why(
    *,
    what: str,
    key: tuple[str, ...],
    column: str | None,
    whole: bool,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Trace a row or a figure; its words are `show.HELP`."""
    target = _target(profile, region, stage)
    node = why.trace(target, what, key, column)
    why.show(node, Console(), as_json=as_json, whole=whole)


@main.command(name="logs")
@click.argument("which", required=False)
@click.option("--since", "span", help="Like 90s, 15m, 1h, 2d.  [default: 1h]")
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--run", "run_", help="Only a run's: its number in ./soundlake runs, or its id.")
@click.option("--about", help="Only lines with this word: a chart, an account, a date.")
@click.option("--json", "as_json", is_flag=True, help="Write each line as JSON.")
@stack_options
def show_logs(
    *,
    which: str | None,
    span: str | None,
    follow: bool,
    run_: str | None,
    about: str | None,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Show the functions' log lines: of a machine (capture, daily, import, audit), a function, or
    all.
    """
    if run_ is not None and (span is not None or follow):
        raise Misuse("--run has a beginning and an end; give it without --since and --follow.")
    span = span or "1h"
    start = logs.since(span)
    target = _target(profile, region, stage)
    wanted = logs.Wanted(which, start, about=about, as_json=as_json)
    if run_ is not None:
        wanted = logs.of_run(target, runs.chosen(target, run_), wanted)
    if not logs.show(target, wanted, Console(), follow=follow):
        raise logs.none_found(which, None if run_ else span, about)


@main.command()
@click.option("--file", "path", type=_FILE, help="A JSON file with client_id, client_secret.")
@click.option("--yes", is_flag=True, help="Replace what is stored without asking.")
@stack_options
def app(
    *, path: Path | None, yes: bool, profile: str | None, region: str | None, stage: str | None
) -> None:
    """Store your Spotify app's id and secret as a SecureString."""
    target = _target(profile, region, stage)
    given = app_secrets.from_file(path) if path else app_secrets.prompted()
    click.echo(f"Stored {app_secrets.store(target, given, yes=yes)}.")
    accounts.try_again(target)
    access.again(target, given["client_id"], machines.now())
    address = connecting.redirect_uri(connecting.PORT)
    click.echo(f"Next: list {address} among the app's redirect URIs at Spotify, and run")
    click.echo("./soundlake connect; ./soundlake doctor finds out what Spotify lets the app do.")


@main.command()
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=connecting.PORT,
    show_default=True,
    help="Where this command waits for the browser; part of the app's redirect URI.",
)
@click.option(
    "--account",
    help="Which account is to be the listener's: an imported one, or the old name of data that was "
    "kept without its account.",
)
@click.option("--time-zone", help="The listener's own, like Europe/Oslo.")
@click.option("--listener", help="On this machine: which made-up listener agrees.")
@stack_options
def connect(
    *,
    no_browser: bool,
    port: int,
    account: str | None,
    time_zone: str | None,
    listener: str | None,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Ask a listener to share their plays, and capture them from then on.

    Spotify asks in the browser. Run it again to renew a consent, which lasts six months, and once
    for every further listener.
    """
    zone = accounts.known_zone(time_zone) if time_zone is not None else None
    target = _target(profile, region, stage)
    if listener and not target.local:
        raise Misuse("--listener is for the made-up ones of this machine.")
    if listener and (facts := _facts(target)):
        listeners.check(facts, listener)
    open_page = listeners.asked_by(target, no_browser=no_browser)
    extra = {"listener": listener} if listener else None
    account = account or listeners.chosen(target)
    result = connecting.connect(target, open_page, port=port, account=account, extra=extra)
    click.echo(f"Connected {result['name']} as account {result['account']}.")
    if zone is not None:
        _move(target, str(result["account"]), zone)
    click.echo("Next: ./soundlake run capture, or ./soundlake accounts.")


def _move(target: Target, name: str, zone: str) -> None:
    accounts.move(target, name, zone)
    with display(Console(stderr=True)) as shown:
        said = imports.derive_again(target, name, shown)
    click.echo(f"The time zone of {name} is {zone}: {said}")


@main.command(name="accounts")
@click.argument("account", required=False)
@click.option("--time-zone", help="Where its listener lives, like Europe/Oslo; without, all.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def show_accounts(
    *,
    account: str | None,
    time_zone: str | None,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Show every account: its state, what to do, its plays, its consent.

    With --time-zone, say where the listener of ACCOUNT lives; it may be left out where it is the
    only one. Plays that name no country are then shown on the clocks there, and those in a country
    of several time zones, where it is one of them. All plays are derived anew for that.
    """
    if account is not None and time_zone is None:
        raise Misuse("An account is named to set its --time-zone; without, all are shown.")
    zone = accounts.known_zone(time_zone) if time_zone is not None else None
    target = _target(profile, region, stage)
    if zone is not None:
        name = account or accounts.only(target)
        _move(target, name, zone)
        return
    accounts.show(target, _now(target), Console(), as_json=as_json)


@main.command()
@click.argument("account")
@click.option("--delete-data", is_flag=True, help="Also delete all that was captured of it.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@stack_options
def disconnect(
    *,
    account: str,
    delete_data: bool,
    yes: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """End an account's capture and delete its tokens; its data stays unless told otherwise."""
    target = _target(profile, region, stage)
    found = accounts.find(target, account)
    if delete_data and not yes:
        named = isinstance(found, Account) and found.name
        name = f"{account} ({named})" if named else account
        question = f"Delete all data of {name} for good, old versions too?"
        if not click.confirm(question, err=True):
            raise Trouble("Nothing was changed.")
    if isinstance(found, Account) or not delete_data:
        accounts.stop(target, account, _now(target))
        click.echo(f"{account} is no longer captured, and its tokens are deleted.")
    if delete_data:
        deleted = accounts.erase(target, account)
        click.echo(
            f"Deleted {deleted} versions of objects (query results among them), and the account."
        )
        click.echo(
            f"Looked again: no version of an object, no item and no token of {account} is left."
        )
    click.echo("To withdraw the consent itself: https://www.spotify.com/account/apps/.")


def _now(target: Target) -> datetime:
    """The time that accounts live in: the local world has its own."""
    facts = _facts(target)
    return facts.clock if facts else machines.now()


@main.command()
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--cadence", type=click.Choice(["daily", "weekly"]), help="Of lists of playlists.")
@click.option("--csv", "as_csv", is_flag=True, help="Write the list as CSV.")
@stack_options
def charts(
    *,
    files: tuple[Path, ...],
    cadence: str | None,
    as_csv: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Check chart lists and upload them as one; without FILES, show the list in use."""
    listed = chart_lists.read(files, cadence)
    target = _target(profile, region, stage)
    if listed:
        text = chart_lists.as_csv(listed)
        bucket = target.output("DataBucket")
        target.s3.put_object(Bucket=bucket, Key=CHART_LIST, Body=text.encode())
        enabled = sum(one.enabled for one in listed)
        click.echo(f"Uploaded {len(listed)} charts, {enabled} of them enabled.")
        if why := chart_lists.off_by_default(listed):
            click.echo(why)
        return
    stored = machines.chart_list_text(target)
    if stored is None:
        raise Trouble("There is no chart list yet; upload one with ./soundlake charts FILE.")
    if as_csv:
        click.echo(stored, nl=False)
        return
    _show_charts(stored)


@main.command(name="import")
@click.argument("paths", nargs=-1, type=_FILE)
@click.option("--account", help="Whose history it is; by default the only account's.")
@click.option("--from", "since", help="Only what was heard from this day (UTC) on: 2015-06-01.")
@click.option("--to", "until", help="Only what was heard up to this day (UTC), and on it.")
@click.option("--undo", help="Take an import back, by its id: ./soundlake imports lists them.")
@click.option("--chart", help="Whose chart it is, where the name does not say: daily-NO.")
@click.option("--date", "day", help="And of which day, like 2026-11-20.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def import_files(
    *,
    paths: tuple[Path, ...],
    account: str | None,
    since: str | None,
    until: str | None,
    undo: str | None,
    chart: str | None,
    day: str | None,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Import listening history, or charts that you downloaded from charts.spotify.com as CSV.

    History is a zip as you received it, its files, or a folder with them: of Spotify's Extended
    streaming history or Account data, ListenBrainz, Last.fm, Maloja or Koito. What is imported
    already adds nothing, and --undo takes an import back whole.

    A chart's name says whose it is and of which day; --chart and --date say it of one that was
    renamed.
    """
    console, results = Console(), list[imports.Result]()
    if undo is not None:
        if paths or since or until or chart or day:
            raise Misuse("--undo ID takes one import back; only --account goes with it.")
        target = _target(profile, region, stage)
        with display(None if as_json else console) as shown:
            results = [imports.undo(target, undo, account, shown)]
        _say_imports(results, console, as_json=as_json)
        return
    imports.check_options(paths, since, until, chart, day)
    said = {name: value for name, value in _said(account, since, until) if value is not None}
    with tempfile.TemporaryDirectory(prefix="soundlake-import-") as made:
        found = imports.sort_out(paths, chart, day, machines.now().date(), Path(made))
        imports.check_said(found, said)
        if any(not isinstance(one, dict) for one in found):
            imports.check_owner(_target(profile, region, stage), found, account)
        for one in found:
            if isinstance(one, dict):
                result = one
            elif isinstance(one, imports.Ready):
                result = imports.run(_target(profile, region, stage), one)
            else:
                with display(None if as_json else console) as shown:
                    target = _target(profile, region, stage)
                    result = imports.import_history(target, one, said, shown)
            results.append(result)
            if not as_json:
                imports.show(result, console)
    _say_imports(results, console, as_json=as_json, shown=True)


def _said(account: str | None, since: str | None, until: str | None) -> list[tuple[str, Any]]:
    return [("account", account), ("since", since), ("until", until)]


def _say_imports(
    results: list[imports.Result], console: Console, *, as_json: bool, shown: bool = False
) -> None:
    if as_json:
        json.dump(results, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif not shown:
        for result in results:
            imports.show(result, console)
    elif len(results) > 1 or any(result.get("warnings") for result in results):
        console.print(imports.summary(results), highlight=False, soft_wrap=True)
    if not imports.succeeded(results):
        raise SystemExit(1)


@main.command(name="imports")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def show_imports(
    *, as_json: bool, profile: str | None, region: str | None, stage: str | None
) -> None:
    """Show every import of listening history, and what became of its rows."""
    import_report.show_all(_target(profile, region, stage), Console(), as_json=as_json)


@main.command(name="export")
@click.argument("folder", type=_FILE)
@click.option("--account", help="Only what is of this account; without it, everything.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def export_lake(
    *,
    folder: Path,
    account: str | None,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Write everything into FOLDER, as open files: tables, and the answers they are made of.

    One that was cut off goes on when it is run again. Into an earlier export it brings what is new,
    and takes away what the lake no longer has. No token is in it.
    """
    target, console = _target(profile, region, stage), Console()
    with _going_on(), copy_display.display(None if as_json else console, "exporting") as shown:
        says = export.export(target, folder, account, shown)
    if as_json:
        json.dump(says | {"folder": str(folder)}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    count = sum(one["objects"] for one in says["zones"].values())
    size = sum(one["bytes"] for one in says["zones"].values())
    click.echo(f"Exported {count:,} objects, {megabytes(size)}, to {folder}. Not in it:")
    for one in [*says["left_out"], *says["problems"]]:
        click.echo(f"  {one}")


@contextmanager
def _going_on() -> Iterator[None]:
    """On Ctrl-C say that what was copied is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped from None


@main.command(name="restore")
@click.argument("folder", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def restore_lake(
    *,
    folder: Path,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Bring the export in FOLDER into a stack that has nothing of it yet.

    Every file is checked before anything is written, and nothing is replaced. One that was cut off
    goes on when it is run again.
    """
    target, console = _target(profile, region, stage), Console()
    found = restore.opened(folder)
    with _going_on(), copy_display.display(None if as_json else console, "restoring") as shown:
        done = restore.restore(target, found, _now(target), shown)
    if as_json:
        json.dump(done, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    already = f"; {done['there_already']:,} were there" if done["there_already"] else ""
    click.echo(f"Restored {done['objects']:,} objects, {megabytes(done['bytes'])}{already}.")
    for one in done["accounts"]:
        click.echo(f"{one['account']}: {one['what_to_do']}")


@main.command(name="rewind")
@click.argument("when")
@click.argument("prefix", default=rewind.LAKE)
@click.option("--yes", is_flag=True, help="Do it without asking.")
@stack_options
def rewind_lake(
    *,
    when: str,
    prefix: str,
    yes: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Have the lake as it was at WHEN, like 2026-11-20T18:00:00Z, from the versions that S3 keeps.

    PREFIX is what of it: lake/plays/, or the key of one object; without it, all tables. It says
    what is going to change and asks first; what it replaces can be brought back in the same way.
    """
    now = machines.now()
    at = rewind.parse_when(when, now)
    target = _target(profile, region, stage)
    steps = rewind.plan(target, at, prefix, now)
    if not steps:
        click.echo(f"Everything under {prefix} is as it was.")
        return
    gone = sum(one.version is None for one in steps)
    said = f"{len(steps) - gone:,} objects are brought back, and {gone:,} newer ones taken away"
    if not yes and not click.confirm(f"{said}. Go on?", err=True):
        raise Trouble("Nothing was changed.")
    rewind.rewind(target, steps)
    click.echo(f"{said}. What was there before is a version now, and can be brought back, too.")


@main.command(name="audit")
@click.option("--month", help="Only this month, like 2026-11.")
@click.option("--all", "everything", is_flag=True, help="Every month, the latest first.")
@click.option("--before", help="With --all, only months before this one: where another one ended.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@stack_options
def run_audit(
    *,
    month: str | None,
    everything: bool,
    before: str | None,
    as_json: bool,
    profile: str | None,
    region: str | None,
    stage: str | None,
) -> None:
    """Derive the tables again from the raw zone, and show what differs.

    Without an option this month, the last one and, each week, another older one. Nothing is
    changed: what differs is told, and docs/operations.md says what to do.
    """
    asked = audit.given(month, everything=everything, before=before)
    target, console = _target(profile, region, stage), Console()
    done = []
    for found in audit.run(target, asked, console if not as_json else Console(quiet=True)):
        done.append(found)
        if not as_json:
            for line in audit.lines(found, target.output("DataBucket")):
                console.print(line, highlight=False, soft_wrap=True)
    if as_json:
        json.dump([each.told() for each in done], sys.stdout, indent=2)
        sys.stdout.write("\n")
    if not all(each.same for each in done):
        raise SystemExit(1)


def _show_charts(stored: str) -> None:
    try:
        rows = chart_lists.rows(parse_chart_list(stored))
    except ChartListError as error:
        raise Trouble(f"{CHART_LIST}: {error}") from error
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name in ("chart", "playlist_id"))
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def entry() -> NoReturn:
    """Run the command line; every foreseeable problem ends as one sentence."""
    try:
        # Blocked by ./soundlake while modules were imported; one that came meanwhile comes now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        code = main.main(prog_name="soundlake", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except machines.StillRunningError as error:
        _end(f"\nStopped following; the {error} run goes on: {error.again}.", 130)
    except imports.UploadStoppedError:
        _end("\nStopped before all of it was uploaded; nothing of it is imported.", 130)
    except Stopped:
        _end("\nStopped; what this run has done is kept, and the next run does the rest.", 130)
    except (KeyboardInterrupt, click.Abort):
        _end("\nStopped.", 130)
    except Trouble as error:
        _debug()
        _end(error.format_message(), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output left; Python would complain once more while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last resort, shown as a sentence
        _debug()
        known = sentence(error)
        _end(known or f"Unexpected: {error!r}; SOUNDLAKE_DEBUG=1 shows where.", 1)


def _debug() -> None:
    if os.environ.get("SOUNDLAKE_DEBUG"):
        traceback.print_exc()


def _end(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    entry()
