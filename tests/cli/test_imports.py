"""`./soundlake import`: what is refused before anything is sent, what is sent, what is printed."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli import __main__ as cli
from cli import import_run, imports, machines
from cli.import_run import Seen
from cli.target import Target
from tests.cli.machine import BUCKET, MACHINE, FakeStates
from tests.unit.chart_csv import NAME, chart_csv, file_row, top

Command = Callable[..., tuple[int, str, str]]

TODAY = date(2026, 11, 21)
LOADED = {
    "name": NAME,
    "chart": "daily-NO",
    "date": "2026-11-20",
    "status": "loaded",
    "error": "",
    "rows": 200,
    "breaches": 0,
    "raw_key": "raw/charts/files/daily-NO/2026-11-20/abc.csv.gz",
}


@pytest.fixture
def states() -> FakeStates:
    return FakeStates()


@pytest.fixture
def target(states: FakeStates, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A deployed stack with an uploads bucket."""
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="eu-north-1")
        stack = Target(session, "soundlake-test")
        stack.__dict__["outputs"] = {"UploadsBucket": BUCKET, "ImportStateMachineArn": MACHINE}
        stack.__dict__["states"] = states
        stack.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
        )
        monkeypatch.setattr(cli, "choose", lambda *_: stack)
        monkeypatch.setattr(import_run, "_AWS_SECONDS", 0.0)
        monkeypatch.setattr(machines, "now", lambda: machines.datetime(2026, 11, 21, 9, 18))
        yield stack


def uploaded(target: Target) -> list[str]:
    listed = target.s3.list_objects_v2(Bucket=BUCKET)
    return [each["Key"] for each in listed.get("Contents", ())]


def written(folder: Path, name: str = NAME, body: bytes | None = None) -> str:
    path = folder / name
    path.write_bytes(chart_csv(top(200)) if body is None else body)
    return str(path)


def test_a_file_is_uploaded_and_its_machine_started(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [LOADED]

    code, out, err = command("import", written(tmp_path))

    assert (code, err) == (0, "")
    assert out == f"✓ {NAME}: daily-NO of 2026-11-20, 200 rows\n"
    (key,) = uploaded(target)
    assert key.startswith("command-line/")
    assert key.endswith(f"/{NAME}")
    body = target.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body == chart_csv(top(200))
    assert states.given == [{"detail": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]


def test_what_a_person_says_goes_along(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [LOADED | {"rows": 1, "breaches": 1}]
    file = written(tmp_path, "mine.csv")

    code, out, _ = command("import", file, "--chart", "daily-NO", "--date", "2026-11-20")

    assert code == 0
    assert out.splitlines() == [
        "✓ mine.csv: daily-NO of 2026-11-20, 1 row, 1 warning",
        "1 of 1 file loaded. Warnings: ./soundlake query --saved data-quality.",
    ]
    assert {name: states.given[0][name] for name in ("chart", "date")} == {
        "chart": "daily-NO",
        "date": "2026-11-20",
    }


def test_each_file_has_a_line_and_all_have_a_sum(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    why = "Not loaded: Spotify's own playlist has that day already, and is preferred to a file."
    states.ends = [
        LOADED,
        LOADED | {"status": "superseded", "error": why, "rows": 0},
        f"{NAME}: Transform refused: positions_unique: daily-NO has [2] entries.",
    ]
    files = []
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        files.append(written(tmp_path / folder))
    bad = written(tmp_path, "regional-se-daily-2026-11-20.csv", b"no chart")

    code, out, _ = command("import", *files, bad)

    assert code == 1
    lines = out.splitlines()
    assert lines[:3] == [
        f"✓ {NAME}: daily-NO of 2026-11-20, 200 rows",
        f"! {NAME}: daily-NO of 2026-11-20. {why}",
        f"✗ {NAME}: Transform refused: positions_unique: daily-NO has [2] entries.",
    ]
    assert lines[3].startswith("✗ regional-se-daily-2026-11-20.csv: This is no chart. Expected is")
    assert lines[4:] == ["1 of 4 files loaded."]
    assert len(uploaded(target)) == 3


def test_json_says_all_of_it(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [LOADED]
    file = written(tmp_path)
    bad = written(tmp_path, "regional-se-daily-2026-11-20.csv", chart_csv([file_row(1, uri="?")]))

    code, out, _ = command("import", file, bad, "--json")

    assert code == 1
    loaded, refused = json.loads(out)
    assert loaded == {
        "file": file,
        "status": "loaded",
        "chart": "daily-NO",
        "date": "2026-11-20",
        "rows": 200,
        "warnings": 0,
        "error": None,
        "raw_key": LOADED["raw_key"],
        "execution": f"{MACHINE}:run-1",
    }
    assert (refused["file"], refused["status"]) == (bad, "refused")
    problem = "row 2: uri is '?', expected spotify:track: and 22 letters and digits"
    assert refused["problems"] == [problem]
    assert refused["error"] == f"The chart cannot be read: {problem}."


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (("a.csv", b"x"), "'a.csv' is no listening history that is known here. Expected is the"),
        (("a.csv",), "a.csv: The name 'a.csv' does not say whose chart it is and of which day, as"),
        (
            ("regional-no-daily-2026-11-22.csv",),
            "regional-no-daily-2026-11-22.csv: It is said to be daily-NO of 2026-11-22, which ",
        ),
        (
            ("regional-no-weekly-2026-11-20.csv",),
            "regional-no-weekly-2026-11-20.csv: It is said to be weekly-NO of 2026-11-20, but ",
        ),
    ],
)
def test_what_is_refused_is_not_sent(
    file: tuple[Any, ...], sentence: str, command: Command, target: Target, tmp_path: Path
) -> None:
    code, out, _ = command("import", written(tmp_path, *file))

    assert code == 1
    assert out.startswith(f"✗ {sentence}")
    assert uploaded(target) == []


def test_a_file_that_cannot_be_read_is_named(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("import", str(tmp_path / "gone.csv"))

    assert (code, out) == (1, "✗ gone.csv: It cannot be read: No such file or directory.\n")


def test_every_field_that_cannot_be_read_is_named_up_to_twenty(
    command: Command, target: Target, tmp_path: Path
) -> None:
    body = chart_csv([file_row(rank, streams="[?]") for rank in range(1, 24)])

    code, out, _ = command("import", written(tmp_path, body=body))

    assert code == 1
    lines = out.splitlines()
    assert lines[0] == f"✗ {NAME}: The chart cannot be read:"
    assert lines[1] == "    row 2: streams is '[?]', expected a whole number"
    assert lines[20:] == ["    row 21: streams is '[?]', expected a whole number", "    and 3 more"]


@pytest.mark.parametrize("option", [("--chart", "daily-NO"), ("--date", "2026-11-20")])
def test_an_option_is_of_one_file(
    option: tuple[str, str], command: Command, tmp_path: Path
) -> None:
    code, _, err = command("import", written(tmp_path), written(tmp_path, "b.csv"), *option)

    assert code == 2
    assert err == "--chart and --date are said of one file; import the others by themselves.\n"


def test_without_files_the_command_says_so(command: Command) -> None:
    code, _, err = command("import")

    assert code == 2
    assert err == "Which file? Name a zip, files or a folder to import, or --undo ID.\n"


def test_nothing_is_left_where_the_machine_does_not_start(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [ClientError({"Error": {"Code": "StateMachineDoesNotExist"}}, "StartExecution")]

    code, _, err = command("import", written(tmp_path))

    assert (code, err) == (1, "The state machine is gone; deploy the stack again.\n")
    assert uploaded(target) == []


def test_ctrl_c_leaves_the_import_running(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [KeyboardInterrupt()]

    code, _, err = command("import", written(tmp_path))

    assert code == 130
    assert "the import run goes on" in err
    assert len(uploaded(target)) == 1


@pytest.mark.parametrize(
    ("status", "cause", "error"),
    [
        ("FAILED", "States.Runtime", "States.Runtime"),
        ("ABORTED", "", "The run is ABORTED."),
        ("FAILED", f"{NAME}: loaded, but Publish: x", "loaded, but Publish: x"),
    ],
)
def test_an_execution_that_ends_otherwise_says_how(status: str, cause: str, error: str) -> None:
    found = imports._result(Seen(status=status, cause=cause), NAME)
    assert found == {"status": "failed", "error": error}


def test_an_upload_that_was_gone_is_no_success() -> None:
    output = {"name": NAME, "status": "gone", "error": "There is no such upload (any more)."}
    result = imports._result(Seen(status="SUCCEEDED", output=output), NAME)

    assert not imports.succeeded([{"file": NAME, **result}])
    assert imports.line({"file": NAME, **result}) == (
        f"[red]✗[/] {NAME}: There is no such upload (any more)."
    )
