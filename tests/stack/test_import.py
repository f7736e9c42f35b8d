"""Chart files on the whole stack: dropped into the bucket, and imported by the command line."""

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli import imports
from tests.stack.conftest import Stack
from tests.unit.chart_csv import chart_csv, top

# A month and a country that no other test looks at.
MONTH, DAY, CHART = "2017-01", "2017-01-05", "daily-AQ"
NAME = f"regional-aq-daily-{DAY}.csv"
TODAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def nothing_left(stack: Stack) -> Iterator[None]:
    """The other tests find the lake as it was."""
    yield
    s3 = stack.lake.target.s3
    for key in stack.objects(""):
        if f"month={MONTH}/" in key or CHART in key:
            s3.delete_object(Bucket=stack.bucket, Key=key)


def uploads(stack: Stack) -> list[str]:
    listed = stack.lake.target.s3.list_objects_v2(Bucket=stack.lake.target.output("UploadsBucket"))
    return [each["Key"] for each in listed.get("Contents", ())]


def drop(stack: Stack, name: str, body: bytes) -> dict[str, Any]:
    """Put a file into the uploads bucket and wait for the run that this starts."""
    target = stack.lake.target
    arn = target.output("ImportStateMachineArn")
    before = _executions(stack, arn)
    target.s3.put_object(Bucket=target.output("UploadsBucket"), Key=name, Body=body)
    while not (new := _executions(stack, arn) - before):
        time.sleep(0.1)
    (execution,) = new
    while True:
        found = target.states.describe_execution(executionArn=execution)
        if found["status"] != "RUNNING":
            assert json.loads(found["input"])["detail"]["object"]["key"] == name
            return dict(found)
        time.sleep(0.1)


def _executions(stack: Stack, arn: str) -> set[str]:
    listed = stack.lake.target.states.list_executions(stateMachineArn=arn)
    return {each["executionArn"] for each in listed["executions"]}


def entries(stack: Stack) -> list[dict[str, Any]]:
    return stack.ask(
        "SELECT position, track_name, streams, previous_position, days_on_chart, provider "
        f"FROM chart_entries WHERE month = '{MONTH}' ORDER BY position"
    )


def test_a_file_that_is_dropped_is_imported_and_deleted(stack: Stack) -> None:
    run = drop(stack, NAME, chart_csv(top(200)))

    assert run["status"] == "SUCCEEDED"
    output = json.loads(run["output"])
    assert (output["chart"], output["date"], output["rows"]) == (CHART, DAY, 200)
    found = entries(stack)
    assert [row["position"] for row in found] == list(range(1, 201))
    assert found[6]["track_name"] == "Track 7"
    numbers = [found[6][name] for name in ("streams", "previous_position", "days_on_chart")]
    assert numbers == [999_993, 8, 17]
    assert {row["provider"] for row in found} == {"spotify_chart_file"}
    days = stack.ask(f"SELECT chart, status, rows FROM chart_days WHERE month = '{MONTH}'")
    assert days == [{"chart": CHART, "status": "loaded", "rows": 200}]
    profiles = stack.ask(f"SELECT chart, tracks FROM country_profiles WHERE month = '{MONTH}'")
    assert profiles == [{"chart": CHART, "tracks": 200}]
    assert uploads(stack) == []
    assert output["raw_key"] in stack.objects("raw/charts/files/")


def test_a_file_that_is_nothing_to_import_is_refused_and_deleted(stack: Stack) -> None:
    run = drop(stack, "history.json", b"[]")

    assert (run["status"], run["error"]) == ("FAILED", "NotImported")
    assert run["cause"].startswith(
        "upload.json: Import refused: 'upload.json' is an empty list: there is no play in it. "
    )
    assert uploads(stack) == []


def test_the_command_line_imports_once_and_again(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    path.write_bytes(chart_csv(top(199)))
    arn = stack.lake.target.output("ImportStateMachineArn")
    before = _executions(stack, arn)
    ready = imports.read(path, CHART, DAY, TODAY)
    assert isinstance(ready, imports.Ready)

    first, second = (imports.run(stack.lake.target, ready) for _ in range(2))

    assert imports.line(first) == (f"[green]✓[/] chart.csv: {CHART} of {DAY}, 199 rows, 1 warning")
    assert {**first, "execution": None} == {**second, "execution": None}
    # Each upload started one run: the bucket's rule leaves them out.
    assert _executions(stack, arn) - before == {first["execution"], second["execution"]}
    assert len(entries(stack)) == 199
    breaches = stack.ask(f"SELECT expectation FROM data_quality WHERE month = '{MONTH}'")
    assert breaches == [{"expectation": "two_hundred_places"}]
    assert uploads(stack) == []
