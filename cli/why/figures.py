"""What the figures of the summaries come from: of `run all`, `status` and each table's size."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from soundlake.quota import DAY, hour_of, last_day
from soundlake.store.abilities import AbilitiesTable
from soundlake.store.budget import Budget, BudgetTable
from soundlake.store.places import QUEUE
from soundlake.times import format_time

from cli import accounts, machines, runs
from cli.connect import stored_app
from cli.errors import Misuse
from cli.follow import Outcome
from cli.lake import locations
from cli.runs import Run
from cli.target import RUN, Target
from cli.why.asking import quoted
from cli.why.rows import Rows
from cli.why.tree import Node

type Trace = Callable[[Rows, Run, Outcome, str], Node]

# Whose runs write a table's objects.
_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "observations": ("capture", "import"),
    "plays": ("capture", "import"),
    "captures": ("capture",),
    "gaps": ("capture", "import"),
    "account_days": ("capture", "import"),
    "imports": ("import",),
    "import_rows": ("import",),
    "chart_entries": ("daily", "import"),
    "country_profiles": ("daily", "import"),
    "data_quality": ("daily", "import"),
}
HOUR: Final = timedelta(hours=1)
_WRITTEN: Final = 20  # of a table's objects, the latest, of which is told who wrote them


def size(rows: Rows, target: Target, table: str) -> Node:
    """How many rows a table has: by month, and in which objects, written by whom."""
    counted = rows.tables.rows(
        table, [], columns="month, count(*) AS n", group="month", order="month"
    )
    where = locations(target).get(table, "")
    prefix = where.partition("://")[2].partition("/")[2].rstrip("/") + "/"
    pages = target.s3.get_paginator("list_objects_v2").paginate(
        Bucket=target.output("DataBucket"), Prefix=prefix
    )
    held = [one for page in pages for one in page.get("Contents", ())]
    held.sort(key=lambda one: one["LastModified"], reverse=True)
    machines = _BY.get(table, ("daily",))
    node = Node(
        "figure",
        f"rows of {table}",
        {
            "rows": sum(each["n"] for each in counted),
            "by month": {each["month"]: each["n"] for each in counted},
            "objects": len(held),
        },
    )
    node.because = [rows.kept.object(one["Key"], machines) for one in held[:_WRITTEN]]
    if len(held) > _WRITTEN:
        node.because.append(Node("note", f"{len(held) - _WRITTEN:,} older objects are not shown."))
    return node


def _captured(rows: Rows, run: Run, found: Outcome, name: str) -> Node:
    """A count of the captured pages: what each account's page had."""
    node = Node("figure", f"{name} of {run.name}", {name: found.plays(name)})
    where = [f"(capture_id = {quoted(run.name)} OR capture_id LIKE {quoted(run.name + '-%')})"]
    for each in rows.tables.rows("captures", where, order="captured_at, account"):
        node.because.append(rows.trace("captures", each, name))
    return node


def _charts(rows: Rows, run: Run, found: Outcome, name: str) -> Node:
    """Which charts a run did or did not, and the answers that they are of."""
    wanted = {"charts": found.charts, "rows": found.charts, "failed": found.failed_charts}[name]
    facts: dict[str, Any] = {"charts": len(wanted)}
    if name != "failed":
        facts["rows"] = sum(int(each.get("rows") or 0) for each in wanted)
    node = Node("figure", f"{name} of {run.name}", {**facts, "done before": found.done_before})
    kept = _answers(rows, {_day(each) for each in wanted if each.get("rows")})
    for each in wanted:
        about = {name: each.get(name) for name in ("status", "rows", "stage", "error")}
        name, day = str(each.get("chart")), _day(each)
        # The rows that the day has now are not of the run that failed at it.
        keys = kept.get((name, day), []) if each.get("rows") else []
        node.because.append(Node("chart", f"{name} {day}", about, rows.kept.all(keys)))
    return node


def _day(result: Mapping[str, Any]) -> str:
    """The day that a chart's rows are of."""
    return str(result.get("shown_date") or result.get("date"))


def _answers(rows: Rows, days: set[str]) -> dict[tuple[str, str], list[str]]:
    """The raw objects that the charts of some days are of, by chart and day."""
    if not days:
        return {}
    months = ", ".join(quoted(each) for each in sorted({day[:7] for day in days}))
    among = ", ".join(f"DATE {quoted(day)}" for day in sorted(days))
    found: dict[tuple[str, str], list[str]] = {}
    for each in rows.tables.rows(
        "chart_entries",
        [f"month IN ({months})", f"chart_date IN ({among})"],
        columns="DISTINCT chart, chart_date, raw_key",
    ):
        found.setdefault((each["chart"], each["chart_date"]), []).append(each["raw_key"])
    return found


def _quality(rows: Rows, run: Run, found: Outcome, name: str) -> Node:
    """What the data of a run's days did not hold to."""
    days = sorted({str(each["date"]) for each in found.charts if each.get("date")})
    node = Node("figure", f"{name} of {run.name}", {name: found.verify.get(name)})
    if days:
        among = ", ".join(f"DATE {quoted(day)}" for day in days)
        where = [f"severity = {quoted(name.removesuffix('s'))}", f"chart_date IN ({among})"]
        node.because = rows.some("data_quality", where, order="chart_date, chart, about")
    return node


def _requests(_: Rows, run: Run, found: Outcome, name: str) -> Node:
    """Which of a run's parts asked what."""
    node = Node("figure", f"{name} of {run.name}", {name: found.requests()})
    parts = [("Probe", found.access), ("Enrich", found.enrich)]
    parts += [(f"chart {each.get('chart')}", each) for each in found.charts]
    parts += [(f"account {each.get('account')}", each) for each in found.accounts]
    for who, part in parts:
        if part.get("requests"):
            node.because.append(Node("asked by", who, dict(part["requests"])))
    return node


def _accounts(rows: Rows, target: Target) -> Node:
    """How every account is, and the last attempt to capture it."""
    found = accounts.listed(target)
    node = Node("figure", "accounts", {"accounts": len(found)})
    for one in found:
        last = one.last_capture_at and format_time(one.last_capture_at)
        facts = {"state": one.state.value, "last captured": last, "to do": one.what_to_do}
        own = [f"account = {quoted(one.account)}"]
        attempt = rows.some("captures", own, order="captured_at DESC", limit=1)
        node.because.append(Node("account", one.account, facts, attempt))
    return node


def _access(rows: Rows, target: Target) -> Node:
    """What Spotify lets the app do: each finding, by which answer, in whose run."""
    table = AbilitiesTable(target.output("BudgetTable"), target.dynamodb)
    known = table.abilities(stored_app(target).client_id, machines.now())
    node = Node("figure", "access", {"mode": known.mode})
    for name, one in known.findings.items():
        facts = {"allowed": one.allowed, "evidence": one.evidence, "found": format_time(one.at)}
        by = [run for machine in RUN for run in rows.kept.during(machine, one.at)]
        node.because.append(Node("ability", name.value, facts, by))
    return node


def _asked(rows: Rows, target: Target) -> Node:
    """What was asked of Spotify in the last 24 hours: by hour, and in whose runs."""
    now, table = machines.now(), BudgetTable(target.output("BudgetTable"), target.dynamodb)
    budget = Budget(stored_app(target).client_id, target.output("QuotaOwner"))
    calls = table.known(budget, now).calls
    node = Node("figure", "asked", {"requests": dict(last_day(calls, now))})
    for hour, counted in sorted(calls.items(), reverse=True):
        if hour >= hour_of(now - DAY):
            by = rows.kept.between(hour, hour + HOUR)
            node.because.append(Node("hour", format_time(hour), dict(counted), by))
    return node


def _queue(rows: Rows, _: Target) -> Node:
    """What waits to be looked up, as the last run left it."""
    return Node("figure", "queue", {}, [rows.kept.object(QUEUE, ("daily",))])


_OF_STATUS: Final[Mapping[str, Callable[[Rows, Target], Node]]] = {
    "access": _access,
    "accounts": _accounts,
    "asked": _asked,
    "queue": _queue,
}
_OF_RUN: Final[Mapping[str, tuple[str, Trace]]] = {
    **dict.fromkeys(("page", "new", "late", "known", "invalid"), ("capture", _captured)),
    **dict.fromkeys(("charts", "rows", "failed"), ("daily", _charts)),
    **dict.fromkeys(("errors", "warnings"), ("daily", _quality)),
    "requests": ("daily", _requests),
}
NAMES: Final = (*_OF_RUN, *_OF_STATUS)


def figure(rows: Rows, target: Target, name: str, words: Sequence[str]) -> Node:
    """A figure of a summary; raises Misuse. `words` may name the run, by default the last one."""
    if name in _OF_STATUS:
        if words:
            raise Misuse(f"The figure {name} is of no run; {words[0]!r} is too much.")
        return _OF_STATUS[name](rows, target)
    machine, trace = _OF_RUN[name]
    if len(words) > 1:
        raise Misuse(f"A figure is named by itself and its run; {words[1]!r} is too much.")
    if name == "requests" and not words:
        both = [_of(rows, target, trace, name, runs.chosen(target, each)) for each in RUN]
        return Node("figure", "requests of the last runs", {}, both)
    run = runs.chosen(target, words[0] if words else machine)
    if run.machine != machine and name != "requests":
        raise Misuse(f"{name!r} is a figure of {machine}; run {run.name} is one of {run.machine}.")
    return _of(rows, target, trace, name, run)


def _of(rows: Rows, target: Target, trace: Trace, name: str, run: Run) -> Node:
    node = trace(rows, run, runs.outcome(target, run), name)
    node.because.append(rows.kept.run(run))
    return node


def is_figure(name: str) -> bool:
    """Tell whether a figure of a summary has this name."""
    return name in NAMES
