"""The figures as tables, as a page and as a picture."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from textwrap import fill
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.benchmarks.accounts import INTERVALS, PAGE, TOKEN, Captured, computed_a_day
from tests.benchmarks.day import Day
from tests.benchmarks.functions import LIMIT, PANDAS, TIMES, Cold, Size
from tests.benchmarks.growth import DAY, MONTH_CHARTS, NEW_A_DAY, YEARS, Grown
from tests.benchmarks.histories import EVENTS, PAYLOAD
from tests.benchmarks.imports import Imported
from tests.benchmarks.stack import Run

KIB = 1024
# How the sections begin that are written on their own too.
ACCOUNTS = ("Accounts in one run", "Requests to Spotify a day")
IMPORTS = ("Imports beside DuckDB's bare reading",)
FUNCTIONS = ("Functions by themselves",)


@dataclass(frozen=True)
class Sheet:
    """One table of texts: the first column names the row; `note` stands above it on the page."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(frozen=True)
class Figures:
    """All that was measured."""

    machine: Mapping[str, str]
    day: Day | None
    charts: Mapping[str, Run]
    months: Mapping[str, Grown]
    accounts: Mapping[int, Captured]
    imports: Mapping[int, Imported] = field(default_factory=dict)
    cold: Mapping[str, Cold] = field(default_factory=dict)
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "machine": dict(self.machine),
            "day": self.day.as_dict() if self.day else None,
            "growth by charts": {name: run.as_dict() for name, run in self.charts.items()},
            "growth by months": {name: each.as_dict() for name, each in self.months.items()},
            "accounts": {count: each.as_dict() for count, each in self.accounts.items()},
            "imports": {rows: each.as_dict() for rows, each in self.imports.items()},
            "cold": {verb: each.as_dict() for verb, each in self.cold.items()},
            "sizes": {verb: each.as_dict() for verb, each in self.sizes.items()},
        }

    def sheets(self) -> list[Sheet]:
        """The tables that there are figures for."""
        found = [_day(self.day)] if self.day else []
        if self.charts:
            found.append(_charts(self.charts))
        if self.months:
            found.append(_months(self.months))
        if self.accounts:
            found += [_accounts(self.accounts, self.machine), _requests(self.accounts)]
        if self.imports:
            found.append(_imports(self.imports, self.machine))
        if self.cold:
            found.append(_functions(self.cold, self.sizes, self.machine))
        return found


def _functions(
    cold: Mapping[str, Cold], sizes: Mapping[str, Size], machine: Mapping[str, str]
) -> Sheet:
    header = ["function", "import s", "CPU s", "modules", "peak MB"]
    if sizes:
        header += ["own KiB", "layer MB", "Powertools MB", "pandas MB", "all MB", "of the limit"]
    rows = []
    for verb, one in cold.items():
        row = [verb, f"{one.median_s:.2f}", f"{one.median_cpu_s:.2f}", f"{one.modules:,}"]
        row.append(f"{one.bytes / 1e6:,.0f}")
        if verb in sizes:
            size = sizes[verb]
            parts = (size.layer, size.powertools, size.pandas, size.total)
            row += [f"{size.own / KIB:,.0f}", *(f"{part / 1e6:,.1f}" for part in parts)]
            row.append(f"{size.total / LIMIT:.0%}")
        rows.append(row)
    note = _FUNCTIONS.format(
        date=machine["date"],
        load=machine["load before (1, 5, 15 min)"],
        times=TIMES,
        pandas=round(PANDAS / 1e6),
    )
    return Sheet(f"{FUNCTIONS[0]}: cold imports, and unzipped sizes", header, rows, note)


def _day(day: Day) -> Sheet:
    warm = sorted(day.warm, key=lambda run: run.seconds)[len(day.warm) // 2]
    runs = (day.cold, warm)
    stages = [name for name, seconds in day.cold.stages.items() if seconds >= 0.005]
    rows = [
        ["wall s", f"{day.cold.seconds:.2f}", f"{day.warm_s:.2f}"],
        *([f"… {name} s", *(f"{run.stages.get(name, 0):.2f}" for run in runs)] for name in stages),
        ["all warm runs, wall s", "", ", ".join(f"{run.seconds:.2f}" for run in day.warm)],
        ["CPU s, of all processes", f"{day.cold.cpu_s:.1f}", f"{day.warm_cpu_s:.1f}"],
        ["processes", *(str(run.processes) for run in (day.cold, day.warm[-1]))],
        ["memory MB, shared pages once (PSS)", *_ends(day, "pss_mb")],
        ["memory MB, added up (RSS)", *_ends(day, "rss_mb")],
        ["charts loaded", *(f"{run.charts - run.failed} of {run.charts}" for run in runs)],
        ["requests to Spotify", *(f"{sum(run.requests.values()):,}" for run in runs)],
        *(
            [f"… {name}", *(f"{run.requests.get(name, 0):,}" for run in runs)]
            for name in sorted({name for run in runs for name in run.requests})
        ),
        *(
            [f"{zone}: objects, KiB", *(_stored(run, zone) for run in runs)]
            for zone in day.cold.objects
        ),
        ["state transitions", *(f"{run.transitions:,}" for run in runs)],
        ["history events", *(f"{run.events:,}" for run in runs)],
        ["largest payload", *(_payload(run) for run in runs)],
        ["Lambda GB-seconds", *(f"{run.gb_s:.1f}" for run in runs)],
        *(
            [
                f"… {verb}: invocations, median ms",
                *(_invocations(run, verb) for run in runs),
            ]
            for verb in day.cold.functions
        ),
    ]
    up = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in day.seconds.items())
    title = f"One day: {day.world} (before it: {up})"
    return Sheet(title, ["figure", "cold", "warm, median"], rows)


def _ends(day: Day, name: str) -> list[str]:
    return [f"{getattr(run, name):,.0f}" for run in (day.cold, day.warm[-1])]


def _stored(run: Run, zone: str) -> str:
    return f"{run.objects[zone]:,}, {run.bytes[zone] / KIB:,.0f}"


def _payload(run: Run) -> str:
    name, size = run.largest
    return f"{size / KIB:,.1f} KiB, {name}"


def _invocations(run: Run, verb: str) -> str:
    one = run.functions.get(verb)
    return f"{one.count:,}, {one.median_ms:,.0f}" if one else "none"


def _charts(runs: Mapping[str, Run]) -> Sheet:
    header = [
        "charts",
        "ended",
        "wall s",
        "CPU s",
        "PSS MB",
        "transitions",
        "events",
        "largest payload",
    ]
    rows = [
        [
            name,
            run.status.lower(),
            f"{run.seconds:.1f}",
            f"{run.cpu_s:.1f}",
            f"{run.pss_mb:,.0f}",
            f"{run.transitions:,}",
            f"{run.events:,}",
            _payload(run) + (" **over the limit**" if run.largest[1] > PAYLOAD else ""),
            f"{run.objects['raw']:,}, {run.bytes['raw'] / KIB:,.0f}",
            f"{run.objects['lake']:,}, {run.bytes['lake'] / KIB:,.0f}",
            f"{sum(run.requests.values()):,}",
            f"{run.gb_s:.1f}",
        ]
        for name, run in runs.items()
    ]
    header += ["raw: objects, KiB", "lake: objects, KiB", "requests", "GB-s"]
    return Sheet("Charts in one run, on an empty lake and warm functions (made up)", header, rows)


def _months(grown: Mapping[str, Grown]) -> Sheet:
    names = list(grown)
    each = list(grown.values())
    tables = sorted({table for one in each for table in one.table_bytes})
    rows = [
        ["ended", *(one.run.status.lower() for one in each)],
        ["wall s", *(f"{one.run.seconds:.1f}" for one in each)],
        *(
            [f"… {stage} s", *(f"{one.run.stages.get(stage, 0):.2f}" for one in each)]
            for stage, seconds in each[-1].run.stages.items()
            if seconds >= 0.05
        ),
        *(
            [f"{verb}, median ms", *(f"{one.run.functions[verb].median_ms:,.0f}" for one in each)]
            for verb in each[-1].run.functions
        ),
        ["CPU s", *(f"{one.run.cpu_s:.1f}" for one in each)],
        ["memory MB (PSS)", *(f"{one.run.pss_mb:,.0f}" for one in each)],
        ["requests", *(f"{sum(one.run.requests.values()):,}" for one in each)],
        [
            "chart_entries: a chart's object of the month, KiB",
            *(f"{one.chart_bytes / KIB:,.1f}" for one in each),
        ],
        *(
            [f"{table}: this month's, KiB", *(_kib(one.month_bytes.get(table, 0)) for one in each)]
            for table in tables
            if table != "chart_entries"
        ),
        *(
            [
                f"{table}: objects, KiB in all",
                *(
                    f"{one.table_objects.get(table, 0):,}, {_kib(one.table_bytes.get(table, 0))}"
                    for one in each
                ),
            ]
            for table in tables
        ),
    ]
    title = f"The day {DAY} after others: {MONTH_CHARTS} charts, {NEW_A_DAY} new tracks a day"
    return Sheet(title, ["figure", *names], rows)


def _accounts(found: Mapping[int, Captured], machine: Mapping[str, str]) -> Sheet:
    header = ["accounts", "run", "wall s", "pages", "tokens", "events", "transitions"]
    rows = []
    for count, each in found.items():
        walls = ", ".join(f"{run.seconds:.1f}" for run in each.again)
        again = sorted(each.again, key=lambda run: run.seconds)[len(each.again) // 2]
        hourly = {f"an hour, every {minutes} min": ("", run) for minutes, run in each.hours.items()}
        runs = {
            "first": (f"{each.first.seconds:.1f}", each.first),
            "again": (f"{each.again_s:.1f} ({walls})", again),
            **hourly,
        }
        rows += [
            [
                f"{count}",
                name,
                wall,
                *(f"{run.requests.get(endpoint, 0):,}" for endpoint in (PAGE, TOKEN)),
                f"{run.events:,}",
                f"{run.transitions:,}",
                _payload(run),
            ]
            for name, (wall, run) in runs.items()
        ]
    return Sheet(
        f"{ACCOUNTS[0]} of the capture machine, all connected just before (made up)",
        [*header, "largest payload"],
        rows,
        _ACCOUNTS.format(date=machine["date"], load=machine["load before (1, 5, 15 min)"]),
    )


def _requests(found: Mapping[int, Captured]) -> Sheet:
    rows = [
        [
            f"{count}",
            f"{minutes} min",
            f"{count} x 24 x ({60 // minutes} + 1) = {computed_a_day(count, minutes):,}",
            f"{each.a_day(minutes):,}",
        ]
        for count, each in found.items()
        for minutes in INTERVALS
    ]
    header = ["accounts", "looking every", "computed", "24 times a measured hour"]
    return Sheet(ACCOUNTS[1], header, rows, _REQUESTS)


def _imports(found: Mapping[int, Imported], machine: Mapping[str, str]) -> Sheet:
    header = ["figure", *(f"{rows:,} rows" for rows in found)]
    each = list(found.values())
    rows = [
        ["JSON, zip MB", *(f"{one.json_mb:,.0f}, {one.zip_mb:,.1f}" for one in each)],
        ["floor s: all, median", *(_with_median(one.floor) for one in each)],
        ["floor, memory MB", *(f"{one.floor_mb:,.0f}" for one in each)],
    ]
    for captured, name in (
        (False, "on an empty lake"),
        (True, "on a lake with the same, captured"),
    ):
        runs = [one.captured if captured else one.empty for one in each]
        medians = [one.code_s(captured=captured) for one in each]
        ratios = [median / one.floor_s for one, median in zip(each, medians, strict=True)]
        rows += [
            [
                f"code {name}, s: all, median",
                *(_with_median([run["seconds"] for run in some]) for some in runs),
            ],
            ["… times the floor", *(f"{ratio:.2f}" for ratio in ratios)],
            [
                "… a process's memory MB, at most",
                *(f"{max(run['memory MB'] for run in some):,}" for some in runs),
            ],
            [
                "… imported, merged",
                *(
                    f"{some[0]['outcomes']['imported']:,}, {some[0]['outcomes']['merged']:,}"
                    for some in runs
                ),
            ],
        ]
        rows += [
            [f"… {step} s, of the median", *(_step(some, step) for some in runs)]
            for step in runs[0][0]["steps"]
        ]
    rows += [
        ["whole: ./soundlake import s: all, median", *(_with_median(one.whole) for one in each)],
        ["… rows a second", *(f"{one.rows / one.whole_s:,.0f}" for one in each)],
        ["… plays by a query then", *(f"{one.plays:,}" for one in each)],
    ]
    note = _IMPORTS.format(date=machine["date"], load=machine["load before (1, 5, 15 min)"])
    return Sheet(f"{IMPORTS[0]}", header, rows, note)


def _with_median(seconds: Sequence[float]) -> str:
    every = ", ".join(f"{one:.1f}" for one in seconds)
    return f"{every}; {statistics.median(seconds):.1f}"


def _step(runs: Sequence[Mapping[str, Any]], step: str) -> str:
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    return f"{middle['steps'][step]:.1f}"


def _kib(size: int) -> str:
    return f"{size / KIB:,.0f}"


def show(figures: Figures, console: Console) -> None:
    """Print every table."""
    for sheet in figures.sheets():
        table = Table(box=box.SIMPLE_HEAD, title=sheet.title, title_justify="left")
        for number, name in enumerate(sheet.header):
            table.add_column(name, justify="right" if number else "left")
        for row in sheet.rows:
            table.add_row(*(cell.replace("**", "") for cell in row))
        console.print(table)


def page(figures: Figures) -> str:
    """The page with everything, in Markdown."""
    out = StringIO()
    print("# Measured\n\n![The figures below as a picture](bench.svg)\n", file=out)
    print(_ABOUT.format(years=YEARS, months=12 * YEARS), file=out)
    print("\n| machine | |\n|---|---|", file=out)
    for name, value in figures.machine.items():
        print(f"| {name} | {value} |", file=out)
    return out.getvalue() + "".join(_section(sheet) for sheet in figures.sheets())


def with_sections(text: str, figures: Figures, names: tuple[str, ...]) -> str:
    """A page with the sections of some names written anew, and all else as it was."""
    about, *sections = text.split("\n## ")
    kept = [f"\n## {one}" for one in sections if not one.startswith(names)]
    new = [_section(sheet) for sheet in figures.sheets() if sheet.title.startswith(names)]
    return "".join([about, *kept, *new])


def sections_of(text: str, names: tuple[str, ...]) -> str:
    """A page's sections of some names."""
    sections = text.split("\n## ")[1:]
    return "".join(f"\n## {one}" for one in sections if names and one.startswith(names))


def _section(sheet: Sheet) -> str:
    lines = [f"\n## {sheet.title}\n", *([f"{fill(sheet.note, 100)}\n"] if sheet.note else [])]
    lines += [f"| {' | '.join(row)} |" for row in (sheet.header, *sheet.rows)]
    lines.insert(-len(sheet.rows), f"|---|{'--:|' * (len(sheet.header) - 1)}")
    return "\n".join(lines) + "\n"


_ABOUT = """\
`make bench ARGS="--growth --accounts --write"` measures all of this anew and writes this page;
`make bench` alone measures one day and cold imports, and prints both. `make bench ARGS="--accounts
--write"` writes the two sections on accounts anew, and `--functions` the one on functions. The lake
runs on the embedded AWS; other machines, and AWS itself, give other times. Nothing in the tests
asserts a time.

- *cold*: the first run after deployment, no function's process there yet; *warm*: runs after it.
- CPU is of the embedded AWS, its functions' processes, and the local Spotify. Memory is theirs
  after the run; PSS counts a page that several processes share once, RSS in each.
- State transitions and history events are counted in the execution's history, which the embedded
  AWS writes as AWS does. AWS ends an execution at 25,000 events. Payloads are states' inputs and
  outputs, tasks' results and a Map's result, as compact JSON in UTF-8; AWS's limit is 256 KiB.
- GB-seconds: each invocation's billed duration from its REPORT line (wall time here, a process's
  start included) times the MemorySize of the template. They compare versions, and are no bill.
- Growth by charts uses a made-up world with countries AA, AB, …; by months, the days before the
  measured one are written directly with the package's own `Lake`: each chart's rows with other
  dates, ranks and popularity, new tracks, albums and artists in the proportion of the first day.
  Of `chart_entries` only the month before is written beside the measured one, because a run reads
  no other; {years} years are {months} such months."""


_ACCOUNTS = """\
Measured on {date}; load before it (1, 5, 15 min): {load}. The first run is on cold functions. An
access token comes with the consent and lasts an hour; an hour's run begins when all have ended, and
its waits between the looks pass in a second, so its wall time says nothing."""

_IMPORTS = """\
Measured on {date}; load before it (1, 5, 15 min): {load}. Made-up extended history of a heavy
listener, in files as Spotify cuts them. The floor is DuckDB reading the JSON files and writing one
Parquet file sorted by time, with two threads. The code is what the machine's functions run, two at
once as its Maps do, against a folder in the place of S3: reading, redacted rows kept, ledger,
observations, plays, gaps and days; its processes are up before, in the functions' environment.
Floor and code take turns, three times. The whole is the command, to its end, three times:
each on a new embedded AWS whose functions are cold."""

_FUNCTIONS = """\
Measured on {date}; load before it (1, 5, 15 min): {load}. The median of {times} imports of each
function's code in a new process of the Python that runs it here, its bytecode compiled and its
files in memory; other work on the machine adds to the wall time. Sizes are unzipped, for arm64,
against Lambda's 250 MB for a function and its layers (262.1 million bytes). The layer with
Powertools is made as its builders make it; the one with pandas is taken at {pandas} MB, the largest
ever released."""

_REQUESTS = """\
An account's page each time, and its token once an hour: accounts x 24 x (60 / minutes + 1). What
waits, failures and new consents ask beside that is not in it."""


def picture(figures: Figures, path: Path) -> None:
    """Draw the growth as SVG."""
    import matplotlib as mpl  # only the picture needs it

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "soundlake", "svg.fonttype": "none", "font.size": 9}
    mpl.rcParams |= {"axes.grid": True, "axes.axisbelow": True}
    mpl.rcParams |= {"grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False}
    from matplotlib import pyplot

    plain = {int(name): run for name, run in figures.charts.items() if name.isdecimal()}
    others = {name: run for name, run in figures.charts.items() if not name.isdecimal()}
    most = max(plain)
    figure, ((seconds, events), (payload, months)) = pyplot.subplots(2, 2, figsize=(10, 7))
    stages = [name for name, each in plain[most].stages.items() if each >= 0.05]
    seconds.plot(list(plain), [run.seconds for run in plain.values()], marker="o", label="all")
    for stage in stages:
        taken = [run.stages.get(stage, 0) for run in plain.values()]
        seconds.plot(list(plain), taken, marker=".", label=stage)
    seconds.set(title="Seconds by charts in a run", xlabel="charts", ylabel="s")
    seconds.legend()
    events.plot(list(plain), [run.events for run in plain.values()], marker="o", label="events")
    transitions = [run.transitions for run in plain.values()]
    events.plot(list(plain), transitions, marker=".", label="state transitions")
    events.axhline(EVENTS, color="firebrick", linestyle="--", label="AWS ends the execution")
    events.set(title="History by charts in a run", xlabel="charts")
    events.legend()
    sizes = [run.largest[1] / KIB for run in plain.values()]
    payload.plot(list(plain), sizes, marker="o", label="all well")
    for name, run in others.items():
        label = name.partition(", ")[2]
        payload.plot([most], [run.largest[1] / KIB], marker="D", linestyle="", label=label)
    payload.axhline(PAYLOAD / KIB, color="firebrick", linestyle="--", label="AWS's limit")
    payload.set(title="Largest payload by charts in a run", xlabel="charts", ylabel="KiB")
    payload.legend()
    names = list(figures.months)
    left = [0.0] * len(names)
    for stage in stages:
        taken = [one.run.stages.get(stage, 0) for one in figures.months.values()]
        months.barh(names, taken, left=left, label=stage)
        left = [a + b for a, b in zip(left, taken, strict=True)]
    months.invert_yaxis()
    months.set(title=f"Seconds of {MONTH_CHARTS} charts after other days", xlabel="s")
    months.set_xlim(0, 1.45 * max(left))
    months.legend(loc="center right")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
