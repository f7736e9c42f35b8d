"""The whole stack, once: template.yaml deployed to the embedded AWS, in a folder of its own.

The world is the real chart day where its file is at hand, and else one written here, made up.
"""

import csv
import json
import os
import random
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from rich.console import Console

from cli import local_lake, services
from cli.athena import run as ask
from cli.home import ROOT, World
from cli.local_lake import Lake
from cli.samconfig import local_region
from cli.target import MACHINES, resources
from tests.stack import trials
from tests.stack.gate import Gate
from tests.stack.undisturbed import Undisturbed, left

REAL_DAY = ROOT.parent / "shared" / "data" / "charts-2025-02-18.csv"
FEATURES = [
    "danceability",
    "energy",
    "key",
    "loudness",
    "mode",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "time_signature",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.stack)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))


@dataclass(frozen=True)
class Stack:
    """The deployed stack, the file behind its world, and what its first runs brought."""

    lake: Lake
    rows: list[dict[str, str]]
    real: bool

    @property
    def bucket(self) -> str:
        return self.lake.target.output("DataBucket")

    @property
    def date(self) -> str:
        return self.lake.facts.today.isoformat()

    def run(self, machine: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Run a machine to its end; its description, with `output` decoded."""
        states = self.lake.target.states
        arn = self.lake.target.output(f"{machine.title()}StateMachineArn")
        execution = states.start_execution(stateMachineArn=arn, input=json.dumps(given))
        while True:
            found = states.describe_execution(executionArn=execution["executionArn"])
            if found["status"] != "RUNNING":
                return dict(found) | {"output": json.loads(found.get("output") or "{}")}
            time.sleep(0.1)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """A query's rows."""
        return list(ask(self.lake.target, sql).records())

    def objects(self, prefix: str = "lake/") -> dict[str, tuple[str, str]]:
        """Every object under a prefix: its ETag and its time of writing."""
        pages = self.lake.target.s3.get_paginator("list_objects_v2")
        return {
            one["Key"]: (one["ETag"], one["LastModified"].isoformat())
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for one in page.get("Contents", ())
        }

    def body(self, key: str) -> bytes:
        """An object's bytes."""
        return self.lake.target.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def logged(self, *names: str) -> list[str]:
        """What these functions and machines logged and these machines' histories say; "" is all."""
        target, seen = self.lake.target, list[str]()
        for machine, output in MACHINES.items():
            arn = target.output(output)
            if not machine.startswith(names):
                continue
            for one in target.states.list_executions(stateMachineArn=arn)["executions"]:
                seen.append(json.dumps(history(target, one["executionArn"]), default=str))
        for group in target.logs.describe_log_groups()["logGroups"]:
            if not group["logGroupName"].rpartition("-")[2].startswith(names):
                continue
            pages = target.logs.get_paginator("filter_log_events")
            for page in pages.paginate(logGroupName=group["logGroupName"]):
                seen += [event["message"] for event in page["events"]]
        return seen

    def said(self) -> list[str]:
        """Everything the stack wrote down: logs, histories, items of tables, objects."""
        target, seen = self.lake.target, self.logged("")
        for table in resources(target, "AWS::DynamoDB::Table").values():
            seen += [json.dumps(item) for item in target.dynamodb.scan(TableName=table)["Items"]]
        return seen + [self.body(key).decode("latin-1") for key in self.objects("")]

    def secrets(self) -> set[str]:
        """The app's secret, every token that is stored now, and how all that were given begin."""
        prefix = self.lake.target.output("ParameterPrefix")
        pages = self.lake.target.ssm.get_paginator("get_parameters_by_path").paginate(
            Path=prefix, Recursive=True, WithDecryption=True
        )
        stored = [json.loads(one["Value"]) for page in pages for one in page["Parameters"]]
        named = ("client_secret", "refresh_token", "previous", "access_token")
        found = {str(each[name]) for each in stored for name in named if each.get(name)}
        return found | {"local-access-", "local-refresh-", "local-code-", "Bearer "}

    def spotify(self, method: str, path: str, **options: Any) -> Any:
        """Talk to the local Spotify's controls."""
        url = f"{self.lake.state.spotify}/_control/{path}"
        answer = requests.request(method, url, timeout=10, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def charts(self, *countries: str) -> None:
        """Upload a chart list: the world's own charts, and weekly ones of these countries.

        They lead to the playlist of the world's first country, so no answer is kept of them yet.
        """
        lines = ["chart,country,country_name,cadence,playlist_id,enabled"]
        listed = self.lake.facts.charts
        for one in listed:
            lines.append(
                f"daily-{one['country']},{one['country']},{one['country_name']},daily,"
                f"{one['playlist_id']},true"
            )
        first = listed[0]["playlist_id"]
        lines += [f"weekly-{one},{one},Test {one},weekly,{first},false" for one in countries]
        self.lake.target.s3.put_object(
            Bucket=self.bucket, Key="config/charts.csv", Body="\n".join(lines).encode()
        )


def history(target: Any, arn: str) -> list[Any]:
    """All events of an execution."""
    events: list[Any] = []
    request = {"executionArn": arn, "maxResults": 1000}
    while True:
        page = target.states.get_execution_history(**request)
        events += page["events"]
        if not page.get("nextToken"):
            return events
        request["nextToken"] = page["nextToken"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def made_up_day(
    path: Path,
    day: str = "2025-02-18",
    countries: tuple[str, ...] = ("AA", "BB", "CC", "DD", "EE", ""),
) -> Path:
    """Write a made-up chart day in the form of the real one: 6 countries, 20 ranks, one hole."""
    chance = random.Random(7)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    tracks = []
    for number in range(70):
        name = "".join(chance.choice(letters) for _ in range(6)).title()
        values = {feature: round(chance.random(), 3) for feature in FEATURES}
        values |= {"key": chance.randrange(12), "mode": chance.randrange(2), "time_signature": 4}
        values |= {"loudness": round(-chance.random() * 20, 3), "tempo": 60 + number}
        tracks.append(
            {
                "spotify_id": f"madeup{number:016d}",
                "name": f"Made-up {name}",
                "artists": f"Artist {number % 9}, Guest {number % 4}",
                "popularity": chance.randrange(100),
                "is_explicit": chance.random() < 0.3,
                "duration_ms": 120000 + 1000 * number,
                "album_name": f"Album {number % 20}",
                "album_release_date": "2024-05-0" + str(1 + number % 9),
                **values,
            }
        )
    rows = []
    for country in countries:
        for rank, track in enumerate(chance.sample(tracks, 20), 1):
            if (country, rank) == ("CC", 7):
                continue
            rows.append(
                {
                    "country": country,
                    "daily_rank": rank,
                    "daily_movement": 0,
                    "weekly_movement": 0,
                    "snapshot_date": day,
                    **track,
                }
            )
    header = [
        "spotify_id",
        "name",
        "artists",
        "daily_rank",
        "daily_movement",
        "weekly_movement",
        "country",
        "snapshot_date",
        "popularity",
        "is_explicit",
        "duration_ms",
        "album_name",
        "album_release_date",
        "danceability",
        "energy",
        "key",
        "loudness",
        "mode",
        "speechiness",
        "acousticness",
        "instrumentalness",
        "liveness",
        "valence",
        "tempo",
        "time_signature",
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Deploy the template and run both machines once."""
    home = tmp_path_factory.mktemp("soundlake")
    real = REAL_DAY.exists()
    day = REAL_DAY if real else made_up_day(home / "made-up-day.csv")
    before = os.environ.get("SOUNDLAKE_HOME")
    os.environ["SOUNDLAKE_HOME"] = str(home)
    # Waits pass at a fiftieth of their time, so that a test may honour a Retry-After.
    # Roles and the TLS-only rule are enforced, so that what a function may not do fails here too.
    plan = services.Plan(
        World.of(day), local_region(), free_port(), free_port(), wait_scale=0.02, enforced=True
    )
    try:
        lake = local_lake.up(plan, Console(quiet=True))
        with day.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        # MusicBrainz is asked in the run after the one that met an artist: its own tests have it.
        with trials.told(lake.target, GENRE_SOURCES="spotify"):
            yield Stack(lake, rows, real)
    finally:
        services.down(services.noted())
        if before is None:
            os.environ.pop("SOUNDLAKE_HOME")
        else:
            os.environ["SOUNDLAKE_HOME"] = before


@dataclass(frozen=True)
class FirstRun:
    """What the two machines' first runs ended with, and the requests that Spotify counted."""

    capture: dict[str, Any]
    daily: dict[str, Any]
    requests: dict[str, int]


@pytest.fixture(scope="session")
def first(stack: Stack) -> FirstRun:
    """Run capture and daily once, on an empty lake."""
    stack.spotify("DELETE", "requests")
    at = stack.lake.facts.clock.isoformat().replace("+00:00", "Z")
    capture = stack.run("capture", {"scheduled_time": at})
    daily = stack.run("daily", {"date": stack.date})
    return FirstRun(capture, daily, stack.spotify("GET", "requests")["by_endpoint"])


@pytest.fixture(scope="module")
def gate(stack: Stack) -> Iterator[Gate]:
    """Let the functions ask AWS through a gate while a module's tests run."""
    with trials.through_the_gate(stack) as gate:
        yield gate


@pytest.fixture
def trial(stack: Stack, gate: Gate) -> trials.Trial:
    """An empty lake of the test's own."""
    return trials.trial(stack, gate)


@pytest.fixture(scope="module")
def day(stack: Stack, gate: Gate) -> Undisturbed:
    """One run of the daily machine."""
    trial = trials.trial(stack, gate)
    run = trial.run("daily")
    assert run["status"] == "SUCCEEDED", run["cause"]
    return left(trial)


@pytest.fixture(scope="module")
def captures(stack: Stack, gate: Gate) -> Undisturbed:
    """Two runs of the capture machine, one after the other."""
    trial = trials.trial(stack, gate)
    for _ in range(2):
        run = trial.run("capture")
        assert run["status"] == "SUCCEEDED", run["cause"]
    return left(trial)
