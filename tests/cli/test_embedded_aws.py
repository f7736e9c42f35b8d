"""The embedded AWS itself: what is added to it, what it listens on, and what survives it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError, WaiterError

from cli.athena import run
from cli.target import Target, local_target, stack_state
from local.aws import process, service
from tests.disks import fill, small_disk

from .conftest import free_port

REGION = "eu-north-1"
MACHINE = {
    "QueryLanguage": "JSONata",
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "Items": "{% $states.input.charts %}",
            "MaxConcurrency": 4,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Begin",
                "States": {
                    "Begin": {"Type": "Pass", "Next": "RecordSuccess"},
                    "RecordSuccess": {
                        "Type": "Pass",
                        "Output": {"chart": "{% $states.input %}", "status": "loaded"},
                        "End": True,
                    },
                },
            },
            "End": True,
        }
    },
}


def template(description: str) -> str:
    resources: dict[str, Any] = {
        # Named, because only a named bucket is found again by a stack made anew.
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "Properties": {"BucketName": "small-data"},
        },
        "Database": {
            "Type": "AWS::Glue::Database",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseInput": {"Name": "lake"},
            },
        },
        "Table": {
            "Type": "AWS::Glue::Table",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseName": {"Ref": "Database"},
                "TableInput": {
                    "Name": "plays",
                    "Description": description,
                    "Parameters": {"classification": "parquet"},
                    "PartitionKeys": [{"Name": "month", "Type": "string"}],
                    "StorageDescriptor": {
                        "Location": {"Fn::Sub": "s3://${Bucket}/lake/plays/"},
                        "Columns": [
                            {"Name": "n", "Type": "bigint"},
                            {"Name": "label", "Type": "string"},
                            {"Name": "genres", "Type": "array<string>"},
                            {"Name": "added_at", "Type": "timestamp"},
                        ],
                    },
                },
            },
        },
        "Group": {
            "Type": "AWS::Athena::WorkGroup",
            "Properties": {
                "Name": "group",
                "WorkGroupConfiguration": {
                    "EnforceWorkGroupConfiguration": True,
                    "ResultConfiguration": {"OutputLocation": {"Fn::Sub": "s3://${Bucket}/out/"}},
                },
            },
        },
        "Query": {
            "Type": "AWS::Athena::NamedQuery",
            "Properties": {
                "Name": "count",
                "Description": description,
                "Database": {"Ref": "Database"},
                "WorkGroup": {"Ref": "Group"},
                "QueryString": "SELECT month, sum(n) AS n FROM plays GROUP BY month",
            },
        },
    }
    outputs = {
        name: {"Value": {"Ref": ref}}
        for name, ref in (
            ("DataBucket", "Bucket"),
            ("Database", "Database"),
            ("WorkGroup", "Group"),
        )
    }
    return json.dumps({"Resources": resources, "Outputs": outputs})


class Embedded:
    """One embedded AWS over a folder of the tests'."""

    def __init__(self, folder: Path) -> None:
        self.options = service.Options(folder, free_port(), REGION, wait_scale=0.01)
        self.running = service.start(self.options)

    def target(self) -> Target:
        return local_target(self.options.endpoint, REGION, "small")

    def client(self, name: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            name,
            endpoint_url=self.options.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def deploy(self, action: str, description: str, name: str = "small") -> None:
        cloudformation = self.client("cloudformation")
        getattr(cloudformation, f"{action}_stack")(
            StackName=name, TemplateBody=template(description)
        )
        cloudformation.get_waiter(f"stack_{action}_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
        )

    def restart(self) -> None:
        self.stop()
        self.running = service.start(self.options)

    def stop(self) -> None:
        assert service.stop(self.options.folder, self.running), "it did not end by itself"

    def kill(self) -> None:
        os.kill(self.running.pid, signal.SIGKILL)
        while self.running.alive():
            process.reap(self.running)
            time.sleep(0.01)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    one = Embedded(tmp_path_factory.mktemp("embedded"))
    one.deploy("create", "first")
    body = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2, 3]}), body)
    one.client("s3").put_object(
        Bucket=one.target().output("DataBucket"),
        Key="lake/plays/month=2026-11/main.parquet",
        Body=body.getvalue(),
    )
    yield one
    service.stop(one.options.folder, one.running)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_listens_off_the_loopback(aws: Embedded) -> None:
    listening = process.listening_addresses(aws.running.pid)
    port = f"{aws.options.port:04X}"
    assert listening == {f"0100007F:{port}"}


def test_the_declared_catalog_is_what_queries_read(aws: Embedded) -> None:
    result = run(aws.target(), "SELECT month, sum(n) AS n FROM plays GROUP BY month")
    assert [list(row) for row in result.rows] == [["2026-11", "6"]]


def test_columns_that_the_files_are_too_old_for_are_null(aws: Embedded) -> None:
    result = run(
        aws.target(),
        "SELECT count(*) AS n, count(label) AS labels, count(genres[1]) AS genres,"
        " max(year(added_at)) AS year, max(month) AS month FROM plays WHERE label IS NULL",
    )
    assert [list(row) for row in result.rows] == [["3", "0", "0", None, "2026-11"]]


def saved(aws: Embedded) -> list[dict[str, Any]]:
    athena = aws.client("athena")
    ids = athena.list_named_queries(WorkGroup="group")["NamedQueryIds"]
    return [athena.get_named_query(NamedQueryId=one)["NamedQuery"] for one in ids]


def test_an_update_changes_what_is_there_and_adds_nothing(aws: Embedded) -> None:
    before = saved(aws)
    aws.deploy("update", "second")
    after = saved(aws)
    assert [one["Description"] for one in after] == ["second"]
    assert after[0]["NamedQueryId"] == before[0]["NamedQueryId"]
    table = aws.client("glue").get_table(DatabaseName="lake", Name="plays")["Table"]
    assert table["Description"] == "second"


def test_a_map_tells_of_every_item_in_events_of_their_own(aws: Embedded) -> None:
    states = aws.client("stepfunctions")
    arn = states.create_state_machine(
        name="each",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::000000000000:role/any",
    )["stateMachineArn"]
    names = [f"daily-{number}" for number in range(40)]
    execution = states.start_execution(stateMachineArn=arn, input=json.dumps({"charts": names}))
    while (
        states.describe_execution(**{"executionArn": execution["executionArn"]})["status"]
        == "RUNNING"
    ):
        time.sleep(0.05)
    events = states.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)[
        "events"
    ]
    details = [one.get("stateExitedEventDetails", {}) for one in events]
    outputs = [json.loads(one["output"]) for one in details if one.get("name") == "RecordSuccess"]
    assert sorted(one["chart"] for one in outputs) == sorted(names)
    assert [one["id"] for one in events] == list(range(1, len(events) + 1))
    by_id = {one["id"]: one for one in events}
    ends = [one for one in events if one["type"] == "MapIterationSucceeded"]
    assert len(ends) == len(names)
    for end in ends:
        event, exited = by_id[end["previousEventId"]], {}
        kinds = [event["type"]]
        while event["type"] != "MapIterationStarted":
            if "stateExitedEventDetails" in event:
                details = event["stateExitedEventDetails"]
                exited[details["name"]] = json.loads(details["output"])
            event = by_id[event["previousEventId"]]
            kinds.append(event["type"])
        iteration = event["mapIterationStartedEventDetails"]
        assert iteration == end["mapIterationSucceededEventDetails"]
        assert iteration["name"] == "Each"
        name = names[iteration["index"]]
        assert exited == {"Begin": name, "RecordSuccess": {"chart": name, "status": "loaded"}}
        assert kinds[::-1] == ["MapIterationStarted", *["PassStateEntered", "PassStateExited"] * 2]


FUNCTION = """
import importlib.util, os
def handler(event, context):
    found = {name: importlib.util.find_spec(name) is not None for name in ("cli", "soundlake")}
    return found | {name: os.environ.get(name) for name in ("PYTHONPATH", "AWS_ENDPOINT_URL")}
"""


def test_functions_see_the_embedded_aws_and_nothing_of_this_tree(aws: Embedded) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", FUNCTION)
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="looks-around",
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
    )
    answer = functions.invoke(FunctionName="looks-around")
    assert json.load(answer["Payload"]) == {
        "cli": False,
        "soundlake": False,
        "PYTHONPATH": None,
        "AWS_ENDPOINT_URL": aws.options.endpoint,
    }


def test_a_clean_restart_keeps_everything_whatever_was_asked(aws: Embedded) -> None:
    # An answer with a date and a decimal once made it lose the workgroup at its stop.
    run(aws.target(), "SELECT DATE '2026-11-21' AS d, CAST(1.5 AS DECIMAL(4,2)) AS x")
    aws.restart()
    assert stack_state(aws.target())[0] == "UPDATE_COMPLETE"
    assert [one["Name"] for one in saved(aws)] == ["count"]
    assert aws.client("athena").get_work_group(WorkGroup="group")
    test_the_declared_catalog_is_what_queries_read(aws)


def test_after_a_kill_objects_are_there_and_the_stack_can_be_made_again(aws: Embedded) -> None:
    bucket = aws.target().output("DataBucket")
    aws.client("s3").put_object(Bucket=bucket, Key="late", Body=b"kept")
    aws.kill()
    service.set_state_aside(aws.options.folder)
    aws.running = service.start(aws.options)
    assert stack_state(aws.target())[0] is None
    aws.deploy("create", "again")
    assert aws.target().output("DataBucket") == bucket
    assert aws.client("s3").get_object(Bucket=bucket, Key="late")["Body"].read() == b"kept"
    test_the_declared_catalog_is_what_queries_read(aws)
    assert [one["Description"] for one in saved(aws)] == ["again"]


def test_what_finds_no_room_on_the_disk_is_refused_and_never_said_to_be_kept(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 96) as disk:
        _fill_and_make_room(disk)


def _fill_and_make_room(disk: Path) -> None:
    one = Embedded(disk / "embedded")
    s3 = one.client("s3")
    s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="data", Key="old", Body=b"old")
    other = fill(disk)

    for key in ("old", "new"):
        with pytest.raises(ClientError, match=r"\(InsufficientStorage\).* is full; make room"):
            s3.put_object(Bucket="data", Key=key, Body=b"new")
    one.restart()
    found = s3.list_objects_v2(Bucket="data")["Contents"]
    other.unlink()
    s3.put_object(Bucket="data", Key="new", Body=b"new")
    one.restart()
    bodies = {key: s3.get_object(Bucket="data", Key=key)["Body"].read() for key in ("old", "new")}
    one.stop()

    assert [each["Key"] for each in found] == ["old"]
    assert bodies == {"old": b"old", "new": b"new"}


def test_its_temporary_folder_goes_with_it(aws: Embedded) -> None:
    assert aws.options.folder.joinpath("tmp").exists()
    aws.stop()
    assert not aws.options.folder.joinpath("tmp").exists()
    aws.running = service.start(aws.options)


def test_a_stop_in_the_middle_of_a_run_is_quick_and_says_so_later(aws: Embedded) -> None:
    states = aws.client("stepfunctions")
    inside = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 6000, "End": True}}}
    each = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inside, "End": True}
    waiting = {"StartAt": "Each", "States": {"Each": each}}
    arn = states.create_state_machine(
        name="waiting",
        definition=json.dumps(waiting),
        roleArn="arn:aws:iam::000000000000:role/any",
    )["stateMachineArn"]
    started = states.start_execution(stateMachineArn=arn, input='{"items": [1, 2]}')
    execution = started["executionArn"]
    time.sleep(0.2)
    began = time.monotonic()
    aws.stop()
    assert time.monotonic() - began < 10
    aws.running = service.start(aws.options)
    described = aws.client("stepfunctions").describe_execution(executionArn=execution)
    assert described["status"] == "FAILED"


def test_a_start_that_fails_says_where_to_look_and_leaves_nothing(tmp_path: Path) -> None:
    options = service.Options(tmp_path, free_port(), REGION)
    with pytest.raises(service.StartError, match=r"its log is .*aws\.log"):
        service.start(options, ready_seconds=0)
    assert process.find(["--folder", str(tmp_path)]) == []


def test_another_aws_on_the_port_is_not_taken_for_ours(tmp_path: Path, aws: Embedded) -> None:
    options = service.Options(tmp_path, aws.options.port, REGION)
    with pytest.raises(service.StartError, match="is in use"):
        service.start(options)


def test_a_bucket_that_a_stack_has_is_not_taken_over(aws: Embedded) -> None:
    with pytest.raises((ClientError, WaiterError)):
        aws.deploy("create", "another", name="thief")
    assert aws.client("s3").list_objects_v2(Bucket="small-data")["KeyCount"] > 0


CANARY = """
import json
from local.aws import histories as h
from ministack import app
from ministack.core import persistence
from ministack.services import athena, s3, stepfunctions
from ministack.services.cloudformation import provisioners as p
print(json.dumps({
    "known": sorted(p._RESOURCE_HANDLERS),
    "athena": all(
        callable(getattr(athena, n))
        for n in (
            *("_create_named_query", "_delete_named_query"),
            *("_table_relation", "_data_format", "_duckdb_type"),
        )
    ),
    "named": hasattr(athena, "_named_queries"),
    "machine": all(
        callable(getattr(stepfunctions, n)) for n in (*h.INSIDE, *h.STATES, "_call_lambda")
    ),
    "scale": stepfunctions._SFN_WAIT_SCALE == 1,
    "saving": callable(app.save_all),
    "buckets": callable(p.s3_bucket_name_conflict),
    "encoder": callable(persistence._json_default),
    "s3": callable(s3._dispatch) and callable(s3._error),
}))
"""


def test_ministacks_insides_are_where_they_were(tmp_path: Path) -> None:
    """Fails when a new MiniStack moves them, or has learned what is added to it here."""
    env = service.environment() | {"STATE_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    answer = subprocess.run(
        [str(service.PYTHON), "-P", "-c", CANARY],
        capture_output=True,
        text=True,
        check=True,
        env=env,
    )
    found = json.loads(answer.stdout.splitlines()[-1])
    known = found.pop("known")
    assert [name for name, there in found.items() if not there] == []
    assert "AWS::Athena::NamedQuery" not in known, "MiniStack learned it: remove ours"
    needed = {"AWS::Glue::Database", "AWS::Glue::Table", "AWS::Athena::WorkGroup"}
    assert needed <= set(known)
