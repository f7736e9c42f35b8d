"""What a month costs: the use that was measured, reckoned up to a month, times a table of prices.

Money is in US dollars without tax, a month has 30 days, a GB has 10^9 bytes.
"""

import csv
import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

from tests.figures.cost_runs import CHARTS, LOOKS, Use
from tests.template.translated import Stack

FOLDER = Path(__file__).parent
MEASURED = FOLDER / "cost.json"
PRICES = FOLDER / "prices.csv"
PRICED_ON = "2026-11-26"
REGION = "us-east-1"

DAYS = 30
GB = 1e9
FULL_PROCESSOR_MB = 1769  # of memory, with which Lambda gives a whole processor
AWS_S = 0.02  # that an answer of AWS takes beyond the embedded one's
PROVIDER_S = 0.3  # that an answer of Spotify takes beyond the local one's
QUESTIONS = 100  # a month, in Athena, where somebody asks
QUESTION_BYTES = 10e6  # the least that a query is billed for
ANSWER_PUTS = 2  # its rows, and what their columns are
OBJECT_GETS = 2  # where its columns are, and those that are asked for
NONCURRENT_DAYS = 30  # replaced objects are kept
STAGED_DAYS = 7
PLAYS_A_MONTH = 3000  # of a listener, in their month's tables: six hours a day of 3.5 minutes each
LISTENING = 8  # hours a day in which each look finds plays
LOOKS_AN_HOUR = LOOKS // 24
AUDITED = 3  # months, a week: this one, the last and an older one
AUDITED_DAYS = 2.5 * DAYS  # in them: this one is over by half, as a rule
PARTS = 2  # of an audit's month that are one listener's, with three transitions each
YEARS = (1, 5, 10)

# What each type of the template's resources costs: lines of the table of prices, or why none.
RESOURCES: dict[str, tuple[str, ...] | str] = {
    "AWS::S3::Bucket": ("s3_write", "s3_read", "s3_gb"),
    "AWS::DynamoDB::Table": (
        "dynamodb_write",
        "dynamodb_read",
        "dynamodb_gb",
        "dynamodb_recovery_gb",
    ),
    "AWS::Lambda::Function": ("invocation", "gb_s", "trace"),
    "AWS::StepFunctions::StateMachine": ("transition", "trace"),
    "AWS::Scheduler::Schedule": ("schedule",),
    "AWS::Logs::LogGroup": ("log_gb",),
    "AWS::CloudWatch::Alarm": ("alarm",),
    "AWS::CloudWatch::Dashboard": ("dashboard",),
    "AWS::SNS::Topic": ("sns",),
    "AWS::SQS::Queue": ("sqs",),
    "AWS::Athena::WorkGroup": ("athena_tb",),
    "AWS::Glue::Database": ("catalog",),
    "AWS::Glue::Table": ("catalog",),
    "AWS::Athena::NamedQuery": "a text that is kept; only running it is paid, by the workgroup",
    "AWS::Events::Rule": (
        "the rules are free, and so are events of AWS's own services; but for S3's, which a bucket "
        "has to be told to send: $1.00 a million, and one is sent for each upload"
    ),
    "AWS::Budgets::Budget": "a budget that only tells is free",
    "AWS::SNS::Subscription": "1,000 e-mails a month are free, and an alarm is rare",
    "AWS::Lambda::LayerVersion": "Lambda keeps 75 GB of code and layers for nothing",
    "AWS::Lambda::Permission": "IAM costs nothing",
    "AWS::IAM::Role": "IAM costs nothing",
    "AWS::IAM::ManagedPolicy": "IAM costs nothing",
    "AWS::S3::BucketPolicy": "a policy costs nothing",
    "AWS::SQS::QueuePolicy": "a policy costs nothing",
    "AWS::SNS::TopicPolicy": "a policy costs nothing",
}
# What is paid and is no resource of the template.
BESIDE = {
    "kms": "the tokens' and the app's SecureStrings, under the key alias/aws/ssm",
    "metric": "what functions say in the embedded metric format",
}


@dataclass(frozen=True)
class Price:
    """`dollars` for each `per` of an item; so many a month are `free`, for good."""

    item: str
    what: str
    per: float
    dollars: float
    free: float
    checked: str
    source: str

    def of(self, amount: float, *, free: bool) -> float:
        """Dollars for an amount, less what is free."""
        return max(amount - (self.free if free else 0), 0) * self.dollars / self.per


def prices() -> dict[str, Price]:
    """The table of prices, by item."""
    with PRICES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = ("per", "dollars", "free")
    return {
        row["item"]: Price(**row | {name: float(row[name]) for name in numbers})  # type: ignore[arg-type]
        for row in rows
    }


Amounts = dict[str, float]


def cost(amounts: Mapping[str, float], *, free: bool) -> dict[str, float]:
    """Dollars by item."""
    known = prices()
    return {item: known[item].of(amount, free=free) for item, amount in amounts.items()}


def total(amounts: Mapping[str, float], *, free: bool) -> float:
    """Dollars in all."""
    return sum(cost(amounts, free=free).values())


@dataclass(frozen=True)
class Reckoning:
    """What follows from what was measured, and from the template as it is now."""

    measured: dict[str, Any]

    @classmethod
    def read(cls) -> "Reckoning":
        """Of the figures that were kept."""
        return cls(json.loads(MEASURED.read_text(encoding="utf-8")))

    def use(self, name: str) -> Use:
        """What was used in some measured runs."""
        return Use(**deepcopy(self.measured[name]))

    @cached_property
    def memory(self) -> dict[str, int]:
        """Each function's memory in MB, by verb in small letters, as its log group has it."""
        found = self.stack.of_type("AWS::Lambda::Function")
        return {
            name.removesuffix("Function").lower(): each.get("MemorySize", 128)
            for name, each in found.items()
        }

    @cached_property
    def stack(self) -> Stack:
        return Stack({"Stage": "prod", "Architecture": "arm64"})

    # ---- use ------------------------------------------------------------------------------------

    def captures(self, listeners: int) -> Use:
        """A month of capture runs; each of their invocations on a cold function.

        Each look of the hours of listening finds plays, and none of the others. Three runs of one
        look have as many states as one run of three: a Wait stands where the others end. An access
        token ends after an hour.
        """
        cold = self.use(f"capture, {listeners}: cold")
        look = self.playing(listeners)
        quiet = self.use(f"capture, {listeners}: a quiet hour's run")
        day = look.times(LISTENING * LOOKS_AN_HOUR) + quiet.times(24 - LISTENING)
        month = day.times(DAYS)
        month.runs = 24 * DAYS
        derived = LISTENING * LOOKS_AN_HOUR + 24 - LISTENING
        each = self.use("capture, 1: cold").gb_s
        month.gb_s = {
            "select": each["select"] * LOOKS * DAYS,  # it looks at all accounts at once
            "capture": each["capture"] * LOOKS * DAYS * listeners,
            "derive": each["derive"] * derived * DAYS * listeners,
        }
        tokens = listeners * 24 * DAYS
        month.requests["ssm GetParameter"] = cold.requests["ssm GetParameter"] * LOOKS * DAYS
        month.requests["ssm PutParameter"] = month.requests.get("ssm PutParameter", 0) + tokens
        month.asked += tokens
        return month

    def playing(self, listeners: int) -> Use:
        """A look that finds plays: of one listener as those of a day did, of more as the first."""
        if listeners > 1:
            return self.use(f"capture, {listeners}: cold")
        found = self.use("capture, 1: looks that find plays")
        return found.times(1 / found.runs)

    def dailies(self) -> Use:
        """A month of daily runs, each day with three, each of which meets cold functions."""
        day = Use()
        for name in ("first", "second", "third"):
            run = self.use(f"a day: {name} run")
            for verb in run.gb_s:
                run.gb_s[verb] += (
                    self.measured["longest ms"][verb] / 1000 * self.memory[verb] / 1024
                )
            day += run
        return day.times(DAYS)

    def audits(self, listeners: int) -> Use:
        """A month of audits, each of three months with all their answers.

        What was measured is a month that has one day's answers; of each further listener there are
        two more parts and their pages.
        """
        weeks = DAYS / 7
        month = self.use("audit of a day")
        others = listeners - 1
        month.transitions += others * PARTS * 3
        month.invocations["audit"] += others * PARTS
        read = month.raw_reads * (AUDITED_DAYS - AUDITED) + others * LOOKS * AUDITED_DAYS
        each = month.times(AUDITED)
        each.requests["s3 GET"] += read
        return replace(each.times(weeks), runs=weeks)

    def month(self, listeners: int) -> Use:
        """All runs of a month."""
        return self.captures(listeners) + self.dailies() + self.audits(listeners)

    # ---- amounts --------------------------------------------------------------------------------

    def gb_s(self, use: Use) -> float:
        """GB-seconds as Lambda might bill them.

        Below 1,769 MB Lambda gives a share of a processor only, so seconds grow by what is missing
        of it; and answers of AWS and of providers take longer than on one machine, which is added
        at the memory of the largest function that was there.
        """
        computing = sum(
            gb_s * max(1.0, FULL_PROCESSOR_MB / self.memory[verb])
            for verb, gb_s in use.gb_s.items()
        )
        waiting = sum(use.requests.values()) * AWS_S + use.asked * PROVIDER_S
        largest = max((self.memory[verb] for verb in use.gb_s), default=0)
        return float(computing + waiting * largest / 1024)

    def amounts(self, use: Use, listeners: int = 1) -> Amounts:
        """What runs used in the units of the table of prices."""
        sent = use.requests
        items = self.measured[f"largest items, {listeners}"]
        units = ceil(max(items.values()) / 1000)
        pages = ceil(units / 4)
        writes = sum(sent.get(f"dynamodb {name}Item", 0) for name in ("Put", "Update", "Delete"))
        writes += 4 * sent.get("dynamodb TransactWriteItems", 0)  # two items, at twice the price
        reads = sent.get("dynamodb GetItem", 0) + 4 * sent.get("dynamodb BatchGetItem", 0)
        reads += listeners * sent.get("dynamodb Scan", 0)
        return {
            "transition": use.transitions,
            "invocation": sum(use.invocations.values()),
            "gb_s": self.gb_s(use),
            "s3_write": sum(sent.get(f"s3 {name}", 0) for name in ("PUT", "POST", "LIST")),
            "s3_read": sum(sent.get(f"s3 {name}", 0) for name in ("GET", "HEAD")),
            "dynamodb_write": writes * units,
            "dynamodb_read": reads * pages,
            "kms": sum(each for name, each in sent.items() if name.startswith("ssm ")),
            "log_gb": (use.logs + use.history_logs) / GB,
            "trace": use.runs,
        }

    def monthly(self, listeners: int, years: float = 0.0) -> Amounts:
        """A month's amounts after so many years, of what runs by itself: nobody asks anything."""
        found = self.amounts(self.month(listeners), listeners)
        tables = len(self.stack.of_type("AWS::Glue::Table"))
        return found | {
            "s3_gb": self.stored(listeners, years) / GB,
            "dynamodb_gb": 0.001,
            "dynamodb_recovery_gb": 0.001,
            "metric": len(self.measured["metrics"]),
            "alarm": len(self.stack.of_type("AWS::CloudWatch::Alarm")),
            "dashboard": len(self.stack.of_type("AWS::CloudWatch::Dashboard")),
            "schedule": 24 * DAYS + 3 * DAYS + DAYS / 7,
            "sns": 10,
            "sqs": 0,
            "athena_tb": 0,
            "catalog": tables + 1,
        }

    # ---- questions ------------------------------------------------------------------------------

    @cached_property
    def projected(self) -> int:
        """Months that each table is projected to have, and that a question lists unless it names
        its own."""
        ranges = {
            each["TableInput"]["Parameters"]["projection.month.range"]
            for each in self.stack.of_type("AWS::Glue::Table").values()
        }
        ((first, last),) = (each.split(",") for each in ranges)
        assert last == "NOW"
        (year, month), (from_year, from_month) = (
            map(int, each.split("-")[:2]) for each in (PRICED_ON, first)
        )
        return 12 * (year - from_year) + month - from_month + 1

    @cached_property
    def read_by_questions(self) -> list[str]:
        """The tables that the saved queries read, each as often as they name it."""
        tables = {
            each["TableInput"]["Name"] for each in self.stack.of_type("AWS::Glue::Table").values()
        }
        return [
            name
            for each in self.stack.of_type("AWS::Athena::NamedQuery").values()
            for name in re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", each["QueryString"])
            if name in tables
        ]

    def question(self, years: float = 0.0) -> Amounts:
        """What one of the saved queries uses, as a mean of them all, after so many years.

        Athena has S3 list every projected month of a table, and reads each object there: of
        chart_entries one for each chart and month, of the others one for each month.
        """
        questions = len(self.stack.of_type("AWS::Athena::NamedQuery"))
        read = self.read_by_questions
        objects = sum(CHARTS if name == "chart_entries" else 1 for name in read)
        return {
            "s3_write": len(read) * self.projected / questions + ANSWER_PUTS,
            "s3_read": OBJECT_GETS * max(12 * years, 1) * objects / questions,
            "athena_tb": QUESTION_BYTES / 1e12,
        }

    def asking(self, amounts: Amounts) -> Amounts:
        """The amounts of a month, and of a first month's questions."""
        asked = self.question()
        return {item: amount + QUESTIONS * asked.get(item, 0) for item, amount in amounts.items()}

    # ---- kept -----------------------------------------------------------------------------------

    def per_play(self) -> float:
        """Bytes of a play in the tables of a listener, as a lifetime's import leaves them."""
        return float(self.measured["import: bytes"]["lake"]) / float(self.measured["rows"])

    def raw_a_month(self, listeners: int) -> float:
        """Bytes of answers that a month adds, which nothing replaces."""
        return self.month(listeners).put.get("raw", 0)

    def tables_a_month(self, listeners: int) -> float:
        """Bytes that a month adds to the tables."""
        tables = self.measured["tables, 1"]
        own = ("observations", "plays", "captures", "gaps", "days", "music_activity")
        charts = sum(size for name, size in tables.items() if name not in own)
        return charts + listeners * PLAYS_A_MONTH * self.per_play()

    def replaced(self, listeners: int) -> float:
        """Bytes of replaced objects that are kept, at any time: what 30 days' runs wrote anew.

        What a look writes was measured on a month's first day, and grows until its last one.
        """
        looks, runs = self.captures(listeners).put, self.dailies().put
        written = looks.get("lake", 0) * DAYS / 2 + runs.get("lake", 0) + runs.get("queue", 0)
        return written * NONCURRENT_DAYS / DAYS

    def staged(self) -> float:
        """Bytes that wait to be loaded, or were; their versions go 30 days later."""
        return self.dailies().put.get("staging", 0) / DAYS * (STAGED_DAYS + NONCURRENT_DAYS)

    def stored(self, listeners: int, years: float) -> float:
        """Bytes that a bucket keeps after so many years, a month at least."""
        months = max(12 * years, 1)
        grown = self.raw_a_month(listeners) + self.tables_a_month(listeners)
        return months * grown + self.replaced(listeners) + self.staged()
