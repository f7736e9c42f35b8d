"""The figures as tables, as pages and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.figures.budget import COVERAGE, DETAILS, KINDS, SPOTIFYS, Day, Plan
from tests.figures.counted import CLOSE, Case
from tests.figures.days import CHARTED, HEAPS, NEW_SHARE, PLAYS_A_DAY

Rows = Sequence[Sequence[str]]

# ---- requests -----------------------------------------------------------------------------------


def requests_rows(cases: Sequence[Case]) -> list[list[str]]:
    """A line for each case."""
    return [
        [
            case.name,
            f"{case.runs}",
            f"{case.least:,}",
            f"{case.counted:,}",
            f"{case.more:,}",
            f"{100 * case.share:.1f} %",
        ]
        for case in cases
    ]


PLAYS = "plays with features"
REQUESTS = ["case", "daily runs", "least", "counted", "more", "more, %"]
LINES = ["endpoint", "least", "formula", "counted by the provider", "counted by Soundlake"]


def case_rows(case: Case) -> list[list[str]]:
    """A line for each endpoint of a case."""
    return [
        [line.endpoint, f"{line.least:,}", line.formula, f"{line.counted:,}", f"{line.ours:,}"]
        for line in case.lines
    ]


def show_requests(cases: Sequence[Case], console: Console) -> None:
    """Print every case, then all of them."""
    for case in cases:
        console.print(table(LINES, case_rows(case), case.name))
        for sentence in case.failed:
            console.print(f"  A run failed: {sentence}")
    console.print(table(REQUESTS, requests_rows(cases), "All"))


def requests_page(cases: Sequence[Case], facts: Mapping[str, str]) -> str:
    """The page of requests, in Markdown."""
    about = _REQUESTS.format(
        share=f"{100 * NEW_SHARE:g}",
        heaps=HEAPS,
        plays=PLAYS_A_DAY,
        charted=f"{100 * CHARTED:g}",
        close=f"{100 * CLOSE:g}",
    )
    parts = [about, _facts(facts), "## All cases\n", markdown(REQUESTS, requests_rows(cases))]
    for case in cases:
        parts += [f"## {case.name}\n", markdown(LINES, case_rows(case))]
        parts += [f"A run failed: {sentence}\n" for sentence in case.failed]
    return "\n".join(parts)


_REQUESTS = """\
# Requests

`make requests ARGS=--write` makes everything anew and writes this page; nothing on it is written by
hand. It runs the real machines and functions against the local providers, which count what they are
asked. The least is computed from the world alone, and nothing of what Soundlake knows is looked at:
what is asked once is never needed again, several ids go into one request where that is allowed, and
what an answer carries already is not looked up. More than {close} % above the least fails.

- *The first day* is the daily run on an empty lake, *the next day* the one after it, with {share} %
  new tracks, made up. In the development modes the charts are imported as files. Where one run has
  not the time for everything, others follow until one asks for nothing.
- *A listener* plays {plays} tracks a day, is captured every 20 minutes, and the daily machine runs
  three times a day for the chart of their country. The distinct tracks among the first n plays are
  n to the power of {heaps} (Heaps' law: 40 of the first day's, some 16 new ones a day after a
  month); {charted} % of the new ones stand on that chart, the others are on albums of three.
- The quota is off: what it does is shown in [budget.md](budget.md).
- `api/token` is one for each process of a function that asks, and one an hour of the listener's. In
  these runs each function is one process; on AWS two of Extract run at a time, so
  [bench.md](bench.md) has one more.
"""

# ---- the budget ---------------------------------------------------------------------------------

DAYS = [
    "day",
    "quota",
    "believed",
    *KINDS,
    "refused",
    "while blocked",
    "most in 24 h",
    "missed captures",
    "waiting",
    *(f"{name}, %" for name in COVERAGE),
]


def day_rows(days: Sequence[Day]) -> list[list[str]]:
    """A line for each day."""
    return [
        [
            f"{day.number}",
            f"{day.quota:,}",
            "" if day.believed is None else f"{day.believed:,}",
            *(f"{day.calls[kind]:,}" for kind in KINDS),
            f"{day.refused}",
            f"{day.while_blocked}",
            f"{day.most:,}",
            f"{day.missed} of {day.captures}",
            f"{sum(day.waiting.values()):,}",
            *(f"{100 * day.share(name):.0f}" for name in COVERAGE),
        ]
        for day in days
    ]


def show_budget(lived: Mapping[str, Sequence[Day]], console: Console) -> None:
    """Print every month."""
    for name, days in lived.items():
        console.print(table(DAYS, day_rows(days), name))


def picture(lived: Mapping[str, Sequence[Day]], path: Path) -> None:
    """Draw the months as SVG: calls, what waits, and what is known, each month in a column."""
    import matplotlib as mpl  # only the picture needs it

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "soundlake", "svg.fonttype": "none", "font.size": 9}
    mpl.rcParams |= {"axes.grid": True, "axes.axisbelow": True}
    mpl.rcParams |= {"grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False}
    from matplotlib import pyplot

    size = (5 * len(lived), 9)
    figure, grid = pyplot.subplots(3, len(lived), figsize=size, squeeze=False, sharey="row")
    for column, (name, days) in enumerate(lived.items()):
        calls, waiting, known = (row[column] for row in grid)
        numbers = [day.number for day in days]
        base = [0] * len(days)
        for kind in (each for each in SPOTIFYS if any(day.calls[each] for day in days)):
            height = [day.calls[kind] for day in days]
            calls.bar(numbers, height, bottom=base, width=0.9, label=kind)
            base = [low + more for low, more in zip(base, height, strict=True)]
        quotas = [day.quota for day in days]
        calls.step(numbers, quotas, where="mid", color="firebrick", label="Spotify's quota")
        believed = [day.believed for day in days]
        if any(believed):
            calls.plot(numbers, believed, color="black", linestyle=":", label="believed")
        title = "Requests to Spotify a day (its quota leaves out tokens)"
        calls.set(title=f"{name}\n\n{title}", xlabel="day", ylim=(0, 1.45 * max(quotas)))
        calls.legend(fontsize=7, loc="upper center", ncol=4)
        for kind in DETAILS:
            waiting.plot(numbers, [day.waiting[kind] for day in days], label=kind)
        waiting.set(title="Waiting to be asked for", xlabel="day")
        waiting.set_ylim(bottom=0)
        waiting.legend(fontsize=7)
        for kind in COVERAGE:
            known.plot(numbers, [100 * day.share(kind) for day in days], label=kind)
        known.set(title="Known of what was shown, %", xlabel="day", ylim=(0, 103))
        known.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def budget_page(
    lived: Mapping[str, Sequence[Day]], plans: Sequence[Plan], facts: Mapping[str, str]
) -> str:
    """The page of the budget, in Markdown."""
    parts = [_BUDGET, _facts(facts)]
    for plan in plans:
        days = lived[plan.name]
        parts += [f"## {plan.name}\n", _summary(days), markdown(DAYS, day_rows(days))]
    return "\n".join(parts)


def _summary(days: Sequence[Day]) -> str:
    captures, missed = sum(day.captures for day in days), sum(day.missed for day in days)
    asked = sum(sum(day.calls[kind] for kind in SPOTIFYS) for day in days)
    last = days[-1]
    known = ", ".join(f"{name} {100 * last.share(name):.0f} %" for name in COVERAGE)
    refused, blocked = sum(day.refused for day in days), sum(day.while_blocked for day in days)
    return (
        f"{len(days)} days, {asked:,} requests to Spotify, {asked / len(days):,.0f} a day, "
        f"{refused} of them refused for the quota; to anybody, {blocked} made while blocked. "
        f"{captures - missed:,} of {captures:,} captures made. {last.wanted[PLAYS]:,} of "
        f"{PLAYS_A_DAY * len(days):,} plays kept. At the end of what was shown {known}.\n"
    )


_BUDGET = """\
# A month under the quota

![The days below as a picture](budget.svg)

`make simulate-budget ARGS=--write` lives through everything anew and writes this page and the
picture. One listener with 100 plays a day is captured every 20 minutes, the daily machine runs
three times a day, and each morning the charts of a day are imported as files: the first is the real
one, and 5 % of the tracks of each later one are new, made up, with their albums and artists
([requests.md](requests.md) says how). The app is in development mode: every album, artist and track
is one request. The local Spotify counts the quota over 24 hours as Spotify does, tokens apart, and
asking while it is spent makes the wait longer.

- *believed*: how many requests a day Soundlake believes to be allowed, at the day's end.
- *while blocked*: requests sent, to anybody, after they had said to wait and before that was over.
- *waiting*: tracks, albums and artists without details, and tracks that no source of features was
  asked about, of all that charts and plays have shown.
- *known*: the share of the tracks, albums and artists shown whose details, features or genres are
  in the tables; ReccoBeats knows 60 % of tracks here. *plays with features* weighs them by plays.

What is believed is never more than was told (`DailyRequests`) until it rises, by 5 % for seven
full days. Where all that is allowed is believed already, the rise meets the quota: a lock-out of
minutes, after which a little less is believed and nothing is tried for 30 days. Where a quota falls
without notice, all that was spent before counts against it: captures are locked out until enough of
it is a day old. A run still sees what yesterday's run at the same time spent, because the clock
hours of the last day are counted whole: of what captures leave, three runs a day use three
quarters.
"""

# ---- both ---------------------------------------------------------------------------------------


def _facts(facts: Mapping[str, str]) -> str:
    return markdown(["made", ""], [[name, value] for name, value in facts.items()])


def markdown(header: Sequence[str], rows: Rows) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    lines.insert(1, f"|---|{'--:|' * (len(header) - 1)}")
    return "\n".join(lines) + "\n"


def table(header: Sequence[str], rows: Rows, title: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number and name != "formula" else "left")
    for row in rows:
        table.add_row(*row)
    return table
