"""Leaving and coming back, on a stack of its own that is deleted and deployed anew.

Over the bucket and tables that it left, and, emptied, by an export. Both bring the same rows, and
what was asked once is not asked again.
"""

import io
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from cli import accounts, connect, deploy, export, imports, local_lake, restore, rewind, services
from cli.home import World
from cli.local_lake import Lake
from cli.samconfig import local_region
from cli.target import Target, stack_state
from tests.exports import packages
from tests.exports.lives import life
from tests.stack.conftest import Stack, free_port, made_up_day

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Rows = dict[str, list[str]]
ZONE = "America/New_York"


@dataclass
class Person:
    """Somebody with a stack, a second listener and an imported history."""

    plan: services.Plan
    lake: Lake
    export: Path
    rows: Rows = field(default_factory=dict)
    other: str = ""

    @property
    def target(self) -> Target:
        return self.lake.target

    @property
    def stack(self) -> Stack:
        return Stack(self.lake, [], real=False)

    def run(self, minutes: int = 0) -> dict[str, int]:
        """Run both machines for the world's day; what Spotify was asked, but for tokens."""
        self.stack.spotify("DELETE", "requests")
        at = datetime(2025, 2, 18, 18, tzinfo=UTC) + timedelta(minutes=minutes)
        said = at.isoformat().replace("+00:00", "Z")
        for machine in ("capture", "daily"):
            run = self.stack.run(machine, {"scheduled_time": said})
            assert run["status"] == "SUCCEEDED", run.get("cause")
        asked = self.stack.spotify("GET", "requests")["by_endpoint"]
        return {name: times for name, times in asked.items() if name != "api/token"}

    def again(self) -> None:
        """Deploy anew, with what was chosen since."""
        self.lake = local_lake.up(self.plan, Console(quiet=True))

    def delete(self) -> None:
        """Delete the stack, and what the documentation says of what it leaves: the uploads."""
        target, uploads = self.target, self.target.output("UploadsBucket")
        target.cloudformation.delete_stack(StackName=target.stack)
        until = time.monotonic() + 120
        while stack_state(target)[0] not in {None, "DELETE_COMPLETE"}:
            assert time.monotonic() < until, stack_state(target)
            time.sleep(0.2)
        target.s3.delete_bucket(Bucket=uploads)


def rows(target: Target) -> Rows:
    """Every table's rows, in order, but for the attempts to capture: each run adds its own."""
    found: Rows = {}
    bucket = target.output("DataBucket")
    pages = target.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="lake/")
    for page in pages:
        for one in page.get("Contents", ()):
            table = one["Key"].split("/")[1]
            body = target.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
            content = pq.read_table(io.BytesIO(body)).to_pylist()
            found.setdefault(table, []).extend(f"{one['Key']} {row}" for row in content)
    return {table: sorted(each) for table, each in found.items()}


def without_attempts(found: Rows) -> Rows:
    return {table: each for table, each in found.items() if table != "captures"}


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A stack that has run, with two listeners, a history and a queue; and its export."""
    home = tmp_path_factory.mktemp("leaving")
    day = made_up_day(home / "made-up-day.csv")
    before = os.environ.get("SOUNDLAKE_HOME")
    os.environ["SOUNDLAKE_HOME"] = str(home)
    plan = services.Plan(World.of(day), local_region(), free_port(), free_port(), wait_scale=0.02)
    try:
        lake = local_lake.up(plan, Console(quiet=True))
        person = Person(plan, lake, home / "export")
        extra = {"listener": lake.facts.listeners[1]["id"]}
        told = connect.connect(lake.target, connect.visit, port=0, extra=extra)
        person.other = str(told["account"])
        accounts.move(lake.target, person.other, ZONE)
        person.run()
        history(person, home / "history.zip")
        # What the history has brought is looked up, and genres by whoever is asked next.
        for number in range(1, 4):
            person.run(number)
        person.rows = rows(lake.target)
        export.export(lake.target, person.export, None, lambda *_: None)
        yield person
    finally:
        services.down(services.noted())
        os.environ.pop("SOUNDLAKE_HOME")
        if before is not None:
            os.environ["SOUNDLAKE_HOME"] = before


def history(person: Person, path: Path) -> None:
    """Import two hundred plays for the second listener."""
    plays = [play for play in islice(life(20_000, 6, quirks=False), 300) if not play.video][:200]
    files = [(name, body) for name, body, _ in packages.files("spotify_extended", plays, "2025")]
    packages.zipped(files, path)
    (ready,) = imports.sort_out([path], None, None, datetime.now(UTC).date(), path.parent)
    result = imports.import_history(
        person.target,
        ready,  # type: ignore[arg-type]
        {"account": person.other},
        _Nothing(),
    )
    assert imports.succeeded([result]), result


class _Nothing:
    def uploaded(self, done: int, size: int) -> None:
        pass

    def seen(self, seen: Any) -> None:
        pass


def test_a_stack_over_what_the_last_one_left_goes_on_and_asks_nothing_twice(
    person: Person,
) -> None:
    bucket = person.target.output("DataBucket")
    tables = [person.target.output(f"{name}Table") for name in ("Accounts", "Budget")]
    listeners = accounts.listed(person.target)

    person.delete()
    person.target.s3.head_bucket(Bucket=bucket)
    for table in tables:
        person.target.dynamodb.describe_table(TableName=table)
    chosen = {"ExistingDataBucket": bucket, "ExistingTables": "KEPT"}
    deploy.choose(person.lake.state.folder, chosen)
    person.again()

    assert person.target.output("DataBucket") == bucket
    assert owned(person.target) == {person.target.output("UploadsBucket")}
    assert accounts.listed(person.target) == listeners
    assert rows(person.target) == person.rows
    assert set(person.run(10)) <= {"me/player/recently-played"}
    assert without_attempts(rows(person.target)) == without_attempts(person.rows)
    captures = rows(person.target)["captures"]
    assert len(captures) == len(person.rows["captures"]) + len(listeners)
    assert all(each.state.value == "active" for each in accounts.listed(person.target))


def owned(target: Target) -> set[str]:
    """The buckets and tables that are the stack's own."""
    pages = target.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=target.stack
    )
    return {
        one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] in {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
    }


def test_an_export_brings_an_empty_stack_the_same_rows_which_no_run_changes(
    person: Person,
) -> None:
    bucket = person.target.output("DataBucket")
    tables = [person.target.output(f"{name}Table") for name in ("Accounts", "Budget")]
    person.delete()
    purge(person.target, bucket, tables)
    chosen = {"ExistingDataBucket": "none", "ExistingTables": "NONE"}
    deploy.choose(person.lake.state.folder, chosen)
    person.again()
    target = person.target
    assert owned(target) == {bucket, *tables, target.output("UploadsBucket")}
    assert rows(target) == {}

    done = restore.restore(target, restore.opened(person.export), datetime.now(UTC), no_show)

    assert done["there_already"] <= 1  # the world's chart list
    assert rows(target) == person.rows
    # The first listener agreed to the new stack already; the second one's zone came along.
    states = {one.account: (one.state.value, one.time_zone) for one in accounts.listed(target)}
    assert states[person.other] == ("needs_consent", ZONE)
    assert sorted(state for state, _ in states.values()) == ["active", "needs_consent"]
    asked = person.run(20)
    # What the app may do is found out anew, which raw does not have; answers are not asked again.
    assert "audio-features" not in without_probe(asked)
    assert without_attempts(rows(target)) == without_attempts(person.rows)
    extra = {"listener": person.lake.facts.listeners[1]["id"]}
    assert connect.connect(target, connect.visit, port=0, extra=extra)["account"] == person.other
    person.run(30)
    # And the day is made again, from the kept answers to its charts on.
    again = person.stack.run("daily", {"date": person.stack.date})
    assert again["status"] == "SUCCEEDED", again.get("cause")
    assert without_attempts(rows(target)) == without_attempts(person.rows)
    assert (
        export.export(target, person.export.with_name("again"), None, no_show)["zones"][
            "lake/plays"
        ]
        == zones(person)["lake/plays"]
    )


def zones(person: Person) -> dict[str, Any]:
    return dict(restore.opened(person.export).says["zones"])


def no_show(*_: int) -> None:
    pass


def without_probe(asked: dict[str, int]) -> dict[str, int]:
    """What was asked more than once: a probe asks once for each ability."""
    return {name: times for name, times in asked.items() if times > 1}


def purge(target: Target, bucket: str, tables: list[str]) -> None:
    """Delete what the stack left, so that nothing is there."""
    pages = target.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    for page in pages:
        for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
            target.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    target.s3.delete_bucket(Bucket=bucket)
    for table in tables:
        target.dynamodb.delete_table(TableName=table)
    path = "/soundlake/local"
    for page in target.ssm.get_paginator("get_parameters_by_path").paginate(
        Path=path, Recursive=True
    ):
        for one in page["Parameters"]:
            target.ssm.delete_parameter(Name=one["Name"])


def test_a_lake_that_went_back_a_run_is_where_it_was_after_the_next(person: Person) -> None:
    """And one object: what was lost with a run is derived again from what raw has."""
    target = person.target
    then = datetime.now(UTC)
    time.sleep(1.1)  # S3 tells versions apart by the second
    before = rows(target)
    plays = next(key for key in person.stack.objects("lake/plays/"))
    target.s3.put_object(Bucket=person.stack.bucket, Key=plays, Body=b"damaged")
    person.stack.spotify("DELETE", "requests")

    steps = rewind.plan(target, then, plays, datetime.now(UTC))
    rewind.rewind(target, steps)

    assert [one.key for one in steps] == [plays]
    assert rows(target) == before
    for key in list(person.stack.objects("lake/")):
        target.s3.delete_object(Bucket=person.stack.bucket, Key=key)
    assert rows(target) == {}
    rewind.rewind(target, rewind.plan(target, then, "lake/", datetime.now(UTC)))
    assert rows(target) == before
    assert set(person.run(40)) <= {"me/player/recently-played"}
    assert without_attempts(rows(target)) == without_attempts(before)
