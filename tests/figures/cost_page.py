"""What a month costs, as a page and as a picture."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from tests.figures.cost import (
    AUDITED,
    AWS_S,
    BESIDE,
    DAYS,
    FULL_PROCESSOR_MB,
    GB,
    LISTENING,
    PLAYS_A_MONTH,
    PRICED_ON,
    PROVIDER_S,
    QUESTIONS,
    REGION,
    RESOURCES,
    YEARS,
    Amounts,
    Reckoning,
    cost,
    prices,
    total,
)
from tests.figures.cost_runs import CHARTS, INTERVAL, LISTENERS, LOOKS
from tests.figures.report import markdown, table

_CHECKED = {
    "page": "a stored copy of that page",
    "others": "other pages that quote it",
    "no": "not checked",
}
TARGET = 1.0  # dollars beyond the free tier, of one listener


def page(reckoning: Reckoning) -> str:
    """The page, in Markdown."""
    one, five = (reckoning.monthly(number) for number in LISTENERS)
    parts = [
        _HEAD.format(charts=CHARTS, interval=INTERVAL, region=REGION, priced=PRICED_ON),
        markdown(_HEADLINE, _headline(reckoning, one, five)),
        _aim(reckoning, one),
        _dominating(reckoning, one, five),
        "## A month, line by line\n",
        markdown(_MONTH, _month(one, five)),
        "## What single runs cost\n",
        markdown(_RUN, _runs(reckoning)),
        _ONCE.format(rows=reckoning.measured["rows"]),
        "## What keeping costs\n",
        markdown(_KEPT, _kept(reckoning)),
        _REPLACED.format(
            replaced=_bytes(reckoning.replaced(1)), share=_dollars(_storing(reckoning.replaced(1)))
        ),
        _asked(reckoning),
        _how(reckoning),
        _others(reckoning, one),
        "## What each resource of the template costs\n",
        _resources(reckoning),
        f"## Prices, {REGION}, {PRICED_ON}\n",
        _CHECKS,
        _prices(),
    ]
    return "\n".join(parts)


_HEADLINE = ["a month, in US dollars", "beyond the free tier", "without any free tier"]


def show(reckoning: Reckoning, console: Console) -> None:
    """Print the months and the runs."""
    one, five = (reckoning.monthly(number) for number in LISTENERS)
    console.print(table(_HEADLINE, _headline(reckoning, one, five), "In all"))
    console.print(table(_MONTH, _month(one, five), "A month"))
    console.print(table(_RUN, _runs(reckoning), "Runs"))
    console.print(table(_KEPT, _kept(reckoning), "What keeping costs"))


def _headline(reckoning: Reckoning, one: Amounts, five: Amounts) -> list[list[str]]:
    months = {
        "one listener": one,
        f"one listener who asks {QUESTIONS} questions in Athena": reckoning.asking(one),
        "five listeners": five,
    }
    return [
        [name, *(f"**{_dollars(total(each, free=free))}**" for free in (True, False))]
        for name, each in months.items()
    ]


def _aim(reckoning: Reckoning, one: Amounts) -> str:
    dollars = total(one, free=True)
    if dollars < TARGET:
        spare = int((TARGET - dollars) / total(reckoning.question(), free=False))
        return (
            f"The aim, less than ${TARGET:.2f} for one listener beyond the free tier, is met.\n"
            f"[Questions](#what-questions-cost) come on top: {spare} a month are within it.\n"
        )
    return (
        f"The aim, less than ${TARGET:.2f} for one listener beyond the free tier, is missed by "
        f"${dollars - TARGET:.2f}.\n"
    )


def _dominating(reckoning: Reckoning, one: Amounts, five: Amounts) -> str:
    known = prices()
    sentences = []
    for name, amounts in (("one listener", one), ("five listeners", five)):
        for free, where in ((True, "Beyond the free tier"), (False, "Without it")):
            spent = {item: each for item, each in cost(amounts, free=free).items() if each}
            whole = sum(spent.values())
            first = sorted(spent.items(), key=lambda each: -each[1])[:3]
            shares = ", ".join(
                f"{known[item].what} {100 * each / whole:.0f} %" for item, each in first
            )
            sentences.append(f"- {where}, {name}: {shares}.")
    capture, daily, audit = (
        each.transitions
        for each in (reckoning.captures(1), reckoning.dailies(), reckoning.audits(1))
    )
    sentences.append(
        f"- Of one listener's {capture + daily + audit:,.0f} state transitions the capture machine "
        f"makes {capture:,.0f}, the daily machine {daily:,.0f} and the audit {audit:,.0f}."
    )
    return (
        "## What dominates\n\n"
        + "\n".join(sentences)
        + "\n"
        + _CHEAPER.format(**_cheaper(reckoning))
    )


def _cheaper(reckoning: Reckoning) -> dict[str, str]:
    """What other settings would save of transitions, of one listener."""
    known = prices()
    price = known["transition"]
    captures = reckoning.captures(1).transitions
    look = reckoning.playing(1).transitions
    rarely = captures - look * 24 * DAYS
    quiet = reckoning.use("capture, 1: a quiet hour's run")
    looks = reckoning.playing(1).times(LOOKS / 24)
    without = (24 - LISTENING) * DAYS
    derived = sum(
        (reckoning.amounts(looks)[item] - reckoning.amounts(quiet)[item])
        * known[item].of(1, free=False)
        for item in ("s3_write", "s3_read", "transition")
    )
    sent = reckoning.month(1).requests
    lists, puts = (sent.get(f"s3 {name}", 0) for name in ("LIST", "PUT"))
    records = CHARTS * DAYS
    return {
        "rarely": _dollars(price.of(rarely, free=False)),
        "records": _dollars(price.of(records, free=False)),
        "derived": _dollars(without * derived),
        "quiet": f"{quiet.transitions:.0f}",
        "once": f"{look:.0f}",
        "lists": f"{lists:,.0f}",
        "puts": f"{puts:,.0f}",
        "listed": _dollars(prices()["s3_write"].of(lists, free=False)),
    }


_MONTH = ["", "one: amount", "beyond free", "without", "five: amount", "beyond free", "without"]


def _month(one: Amounts, five: Amounts) -> list[list[str]]:
    rows = []
    for item, known in prices().items():
        row = [known.what]
        for each in (one, five):
            amount = each[item]
            row += [_amount(amount), *(_dollars(known.of(amount, free=f)) for f in (True, False))]
        rows.append(row)
    rows.append(["**in all**", *_totals(one), *_totals(five)])
    return rows


def _totals(amounts: Amounts) -> list[str]:
    return ["", *(f"**{_dollars(total(amounts, free=free))}**" for free in (True, False))]


_RUN = [
    *("run", "transitions", "GB-s", "S3 writes", "S3 reads"),
    *("DynamoDB units", "logs", "dollars"),
]


def _runs(reckoning: Reckoning) -> list[list[str]]:
    names = {
        "capture, 1: cold": "the first look, one listener, cold functions",
        "capture, 1: a quiet hour's run": "an hour's three looks, without a play",
        "first day: first run": "the first day's first run, empty lake, cold",
        "first day: second run": "the first day's second run",
        "first day: third run": "the first day's third run",
        "a day: first run": "a later day's first run",
        "a day: second run": "a later day's second run",
        "a day: third run": "a later day's third run",
        "audit of a day": "an audit of the first day alone",
        "import": "an import of a lifetime",
    }
    rows = []
    for name, title in names.items():
        each = reckoning.amounts(reckoning.use(name))
        rows.append(
            [
                title,
                _amount(each["transition"]),
                _amount(each["gb_s"]),
                _amount(each["s3_write"]),
                _amount(each["s3_read"]),
                _amount(each["dynamodb_write"] + each["dynamodb_read"]),
                _bytes(each["log_gb"] * GB),
                _dollars(total(each, free=False), 4),
            ]
        )
    return rows


_KEPT = ["after", "one: GB", "a month", "five: GB", "a month"]


def _kept(reckoning: Reckoning) -> list[list[str]]:
    rows = []
    for years in YEARS:
        row = [f"{years} year{'s' if years > 1 else ''}"]
        for listeners in LISTENERS:
            size = reckoning.stored(listeners, years)
            row += [f"{size / GB:,.2f}", _dollars(_storing(size))]
        rows.append(row)
    size = sum(reckoning.measured["import: bytes"].values())
    rows.append(["an import of a lifetime adds", f"{size / GB:,.2f}", _dollars(_storing(size))])
    rows[-1] += ["", ""]
    return rows


def _asked(reckoning: Reckoning) -> str:
    after = {years: total(reckoning.question(years), free=False) for years in (0, *YEARS)}
    first, *later = after.values()
    return _ASKED.format(
        months=reckoning.projected,
        read=f"{len(reckoning.read_by_questions) / _saved(reckoning):.1f}",
        lists=f"{len(reckoning.read_by_questions) * reckoning.projected / _saved(reckoning):,.0f}",
        first=_dollars(first, 4),
        later=" and ".join(_dollars(each, 4) for each in later[1:]),
        years=" and ".join(map(str, YEARS[1:])),
        questions=QUESTIONS,
        all=_dollars(QUESTIONS * first),
        month=_dollars(first - prices()["s3_write"].of(_listed_in_vain(reckoning), free=False), 4),
    )


def _saved(reckoning: Reckoning) -> int:
    return len(reckoning.stack.of_type("AWS::Athena::NamedQuery"))


def _listed_in_vain(reckoning: Reckoning) -> float:
    """LIST requests of a question that is about one month, and does not say so."""
    return len(reckoning.read_by_questions) * (reckoning.projected - 1) / _saved(reckoning)


def _storing(size: float) -> float:
    return prices()["s3_gb"].of(size / GB, free=False)


def _how(reckoning: Reckoning) -> str:
    machine: Mapping[str, str] = reckoning.measured["machine"]
    return _HOW.format(
        machine=machine["processor"],
        date=machine["date"],
        load=machine["load before (1, 5, 15 min)"],
        ended=f"{reckoning.month(1).runs:,.0f}",
        ends=_dollars(prices()["transition"].of(reckoning.month(1).runs, free=False)),
        looks=LOOKS,
        finding=reckoning.use("capture, 1: looks that find plays").runs,
        listening=LISTENING,
        runs=reckoning.measured["runs until all was asked"],
        audited=AUDITED,
        raw_reads=f"{reckoning.use('audit of a day').raw_reads:,}",
        full=FULL_PROCESSOR_MB,
        aws=f"{1000 * AWS_S:.0f}",
        provider=f"{1000 * PROVIDER_S:.0f}",
        plays=f"{PLAYS_A_MONTH:,}",
        asked=f"{reckoning.captures(1).asked / DAYS:,.0f}",
        metrics=len(reckoning.measured["metrics"]),
    )


def _others(reckoning: Reckoning, one: Amounts) -> str:
    known = prices()
    enrich = reckoning.stack.properties("EnrichFunction")
    bound = 3 * DAYS * enrich["Timeout"] * enrich["MemorySize"] / 1024
    used = one["gb_s"]
    return _OTHERS.format(
        kms=f"{one['kms']:,.0f}",
        kms_five=f"{reckoning.monthly(5)['kms']:,.0f}",
        bound=f"{bound:,.0f}",
        bound_dollars=_dollars(known["gb_s"].of(bound, free=False)),
        both=f"{used + bound:,.0f}",
        free_gb_s=f"{known['gb_s'].free:,.0f}",
    )


def _resources(reckoning: Reckoning) -> str:
    counts: dict[str, int] = {}
    for each in reckoning.stack.template["Resources"].values():
        counts[each["Type"]] = counts.get(each["Type"], 0) + 1
    known = prices()
    rows = []
    for kind, number in sorted(counts.items()):
        lines = RESOURCES[kind]
        paid = lines if isinstance(lines, str) else "; ".join(known[each].what for each in lines)
        rows.append([f"`{kind}`", f"{number}", paid])
    rows += [["beside them", "", f"{known[item].what}: {why}"] for item, why in BESIDE.items()]
    return _left(["type", "how many", "what is paid, or why nothing is"], rows)


def _prices() -> str:
    rows = [
        [
            each.what,
            f"{each.dollars:.10f}".rstrip("0").rstrip("."),
            _amount(each.per),
            _amount(each.free) if each.free else "",
            _CHECKED[each.checked],
            each.source,
        ]
        for each in prices().values()
    ]
    return _left(["what", "dollars", "for each", "free a month, for good", "read in", "page"], rows)


def _left(header: list[str], rows: list[list[str]]) -> str:
    return markdown(header, rows).replace("--:|", "---|")


def _dollars(amount: float, places: int = 2) -> str:
    if 0 < amount < 0.5 * 10**-places:
        return "0." + "0" * places + "+"
    return f"{amount:,.{places}f}"


def _amount(number: float) -> str:
    if number and number < 10 and number != int(number):
        return f"{number:.3g}"
    return f"{number:,.0f}"


def _bytes(size: float) -> str:
    for unit, each in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= each:
            return f"{size / each:,.1f} {unit}"
    return f"{size:.0f} B"


_HEAD = """\
# What it costs

![The months below as a picture](cost.svg)

`make cost ARGS=--write` measures everything anew and writes this page, the picture, and what was
measured (`tests/figures/cost.json`); `make cost ARGS="--kept --write"` computes the page from what
was measured before, with the prices (`tests/figures/prices.csv`) and the template as they are now.
Nothing on it is written by hand. A listener is captured every {interval} minutes, and {charts}
charts are read every day, by a Spotify app that shows them; prices are those of {region} of
{priced}, without tax; other regions have others. *The free tier* is what AWS gives every account
for good; what it gives new accounts for a year, or as credits, is left out, like S3's first 5 GB.
"""

_CHEAPER = """
State transitions are the price of seeing every chart and every look in the console, each retried
and caught by itself. What would save some of them, of one listener a month:

- `CaptureInterval` 60: a run then makes {once} transitions, and not {quiet}: {rarely} less. Who
  hears more than 50 plays in an hour loses the others.
- Leaving out the `Record…` states, with which the console shows how a chart's branch ended:
  {records} less. They stay.
- S3 bills a LIST as a PUT: {lists} of the one, most of them the daily runs', that find out what is
  there, and {puts} of the other. Without any LIST it were {listed} less.
- A look at which an account shows what its run has derived already is not derived again: that
  saves {derived} already.
- `Schedules` CAPTURE leaves out the charts, and all that the daily machine costs.

Waiting is no cost by itself: a Wait is one transition, however long. The machines are Standard and
not Express ([why](adr/0029-standard-machines-not-express.md)).
"""

_ONCE = """\
Dollars are without any free tier. An import of a lifetime has {rows:,} rows of Spotify's extended
history, and is paid once. The first day asks for all that is to be known of every track on every
chart, at MusicBrainz too, which a stack with a `Contact` does. *Later days* have a full month of
charts behind them and some 60 new tracks; all that was to be asked before them was answered.
"""

_REPLACED = """\
Of this {replaced} ({share} a month) are replaced objects of one listener's lake, which can be
brought back for 30 days: a month's tables are written anew with every look and every run. They do
not grow with the years. Answers in `raw/` and the tables do.
"""

_ASKED = """\
## What questions cost

Athena bills 10 MB at least for a query, and S3 bills what Athena asks of it. Of a table Athena
lists every month that is projected, {months} by now, full or empty, unless the question names its
own. A saved query reads {read} tables, as a mean, so it is taken to send {lists} LIST requests and
to cost ${first} in a stack's first month, {questions} of them ${all}; after {years} years, with
more objects to read, {later}. One that says `month = '2026-11'` of each table lists that month
alone, and costs {month}. This is computed of the template and not measured: the embedded AWS knows
no projection.
"""

_HOW = """\
## How this was counted

Measured on the embedded AWS on {date} ({machine}; load before, over 1, 5 and 15 minutes: {load}).

- *Requests* are those that the functions sent, as they came to the embedded AWS. Of {looks} looks
  that make a day on one clock, {finding} found plays: so is each look of {listening} hours a day
  taken to be (of five listeners as their first one, when all of it was new), since {plays} plays a
  month are six hours of music a day. The other hours are as one was in which Spotify's clock stood
  still: its first look is derived, the two after it find nothing new. A day's looks, and a token an
  hour, ask Spotify {asked} times.
- *State transitions* are states entered: AWS counts one for each step that is executed, and one for
  each time that it is tried again, which is not in it. Should it count the end of a run too,
  {ended} more would cost {ends}.
- *A later day* is a typical one: all that the first day asks for was answered before it, in {runs}
  daily runs, of which the last ones asked nobody for anything; and what the made-up days between
  brought is known. Its own three runs follow on one another, and ask for what is new on it.
- *The audit* of a week looks at {audited} months, of which this one is over by half, as a rule. It
  was measured on the first day's month, where it read {raw_reads} kept answers; so many it is taken
  to read of every day.
- *GB-seconds* are not Lambda's bill. Wall time on this machine, a process's start with all its
  imports included where a function is cold, times the memory in the template, times
  max(1, {full} MB / memory), because Lambda gives a smaller function a share of a processor only.
  To that {aws} ms are added for each request to AWS and {provider} ms for each one to Spotify, at
  the memory of the run's largest function. Every invocation of a capture is taken
  to meet a cold function, whose start AWS bills since August 2025, and in every daily run each
  function takes as much more as its slowest invocation in the first day's first run did. Each of
  five listeners is taken to need the time of one. Loading code and
  layers onto a new machine is not in it: where that takes 5 s more for every function, double it.
- *DynamoDB units* are requests times the size of the largest item there was; a look-up of several
  items counts as four.
- *Logs* are what the functions wrote, with the 26 bytes that CloudWatch adds to each event, and a
  line for each event of a machine, without data, as a machine's log has it.
- *Metrics* of our own are told apart by name and dimensions in what the runs wrote: {metrics}.
- *Kept* bytes: answers are counted as they are written. Tables are those of a month's last day;
  a listener's have {plays} plays a month, each as large as in the tables of a lifetime's import.
  What looks replace was written on a month's first day, and is taken 15 times as large.
- Not in it: what leaves AWS (100 GB a month are free; a month's requests are some megabytes),
  what kept logs cost ($0.03 a GB and month, of which there are 0.1), and S3's own expiry, which is
  free.
"""

_OTHERS = """\
## Keys, modes, and the first month

- Encryption with S3's, SQS's and DynamoDB's own keys costs nothing. The SecureStrings are under
  `alias/aws/ssm`, a key of AWS's: keeping it costs nothing, but each string read or written is a
  request to KMS, {kms} a month of one listener, {kms_five} of five. A key of one's own would be
  $1 a month more.
- However long Enrich waits between its requests, in development mode or for MusicBrainz, it ends
  after nine minutes, three times a day: {bound} GB-seconds a month at most ({bound_dollars} without
  the free tier). With them all runs use {both} of the {free_gb_s} that are free.
- `dev` beside `prod` shares the same free tier; its schedules cost as much again.
"""

_CHECKS = """\
AWS's pages show their prices by script, so stored copies seldom have the numbers. *A stored copy of
that page*: the price, or at least what is free, was read there. *Other pages that quote it*: the
price was read in more recent articles that name the page. *Not checked*: as known. The price
list in your own account says what holds today.
"""


def picture(reckoning: Reckoning, path: Path) -> None:
    """Draw both months, with and without what is free."""
    import matplotlib as mpl  # only the picture needs it

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "soundlake", "svg.fonttype": "none", "font.size": 9}
    mpl.rcParams |= {"axes.grid": True, "axes.axisbelow": True, "grid.alpha": 0.3}
    mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
    from matplotlib import pyplot

    known = prices()
    bars = [
        (f"{number} listener{'s' if number > 1 else ''}\n{where}", number, free)
        for number in LISTENERS
        for free, where in ((True, "beyond the free tier"), (False, "without it"))
    ]
    costs = [cost(reckoning.monthly(number), free=free) for _, number, free in bars]
    shown = [item for item in known if max(each[item] for each in costs) >= 0.01]
    figure, axes = pyplot.subplots(figsize=(9, 4.2))
    colours = pyplot.get_cmap("tab20").colors  # type: ignore[attr-defined]
    left = [0.0] * len(bars)
    for number, item in enumerate(shown):
        widths = [each[item] for each in costs]
        axes.barh(
            range(len(bars)),
            widths,
            left=left,
            label=known[item].what,
            color=colours[number % len(colours)],
        )
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for number, whole in enumerate(sum(each.values()) for each in costs):
        axes.text(whole, number, f" ${whole:.2f}", va="center")
    axes.axvline(TARGET, color="grey", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.invert_yaxis()
    axes.set(xlabel="US dollars a month", xlim=(0, 1.15 * max(left)))
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.4, -0.15), ncols=2)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
