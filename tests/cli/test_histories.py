"""`./soundlake import` of listening history: looked at, packed, sent, followed, and told."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from rich.console import Console

from cli import __main__ as cli
from cli import accounts, athena, import_display, import_report, import_run, machines
from cli.athena import Column, Result
from cli.home import ROOT
from cli.import_run import Seen, take
from cli.target import Target
from tests.cli.conftest import stack_of_tables
from tests.cli.machine import BUCKET, MACHINE, T0, FakeStates, events
from tests.unit.chart_csv import NAME, chart_csv, top

Command = Callable[..., tuple[int, str, str]]

DATA = "the-data"
ID, ACCOUNT = "0123456789abcdef", "i123456789ab"
FIRST, SECOND = "Streaming_History_Audio_2013-2015_0.json", "Streaming_History_Audio_2016_1.json"
TOLD = {
    "account": ACCOUNT,
    "import_id": ID,
    "raw_prefix": f"raw/imports/{ACCOUNT}/{ID}/",
    "at": "2026-11-21T09:00:00.000Z",
    "kind": "spotify_extended",
    "name": "my_spotify_data.zip",
    "sha256": ID * 4,
    "bytes": 1_234_567,
    "since": None,
    "until": None,
}
COUNTS = {
    "files": 2,
    "rows": 30_000,
    "imported": 20_000,
    "merged": 1_200,
    "duplicate": 8_000,
    "outside": 793,
    "invalid": 7,
    "plays": 20_010,
}
DONE = {**TOLD, **COUNTS, "status": "imported", "error": ""}
FILES = [
    {"number": 1, "path": "a/" + FIRST, "name": FIRST, "bytes": 8_000, "kind": "spotify_extended"},
    {"number": 2, "path": "a/" + SECOND, "name": SECOND, "bytes": 2_000, "kind": "x"},
]
READ = [
    {"number": 1, "rows": 25_000, "first": "2013-02-11T10:00:00.000Z", "last": "2015-12-31T23:0Z"},
    {"number": 2, "rows": 5_000, "first": "2016-01-01T00:00:00.000Z", "last": "2026-08-30T01:0Z"},
]
STEPS: list[tuple[str, Any]] = [
    ("Import", None),
    ("Import", {"import": {"import": TOLD, "parts": [[file] for file in FILES]}}),
    ("ReadFiles", None),
    ("Read", {"status": "read", "files": READ[:1], "problems": []}),
    ("Read", {"status": "read", "files": READ[1:], "problems": []}),
    ("Group", {"import": {"groups": [{"number": 1}, {"number": 2}]}}),
    ("MergeMonths", None),
    ("Merge", {"status": "merged"}),
    ("Merge", {"status": "merged"}),
    ("PlayMonths", None),
    ("Play", {"status": "played"}),
    ("Play", {"status": "played"}),
    ("Conclude", None),
    ("Conclude", {"counts": COUNTS, "problems": []}),
]


def row(second: int, **more: Any) -> dict[str, Any]:
    return {
        "ts": f"2015-06-01T10:00:{second:02d}Z",
        "ms_played": 31_000,
        "spotify_track_uri": f"spotify:track:{second:022d}",
        "master_metadata_track_name": f"Track {second}",
        **more,
    }


def history(*seconds: int, **more: Any) -> bytes:
    return json.dumps([row(second, **more) for second in seconds]).encode()


def long(shift: int) -> bytes:
    """A file that is longer than its head, which may end within a character."""
    rows = [row(1), row(2, master_metadata_track_name=" " * shift + "é" * 70_000)]
    return json.dumps(rows, ensure_ascii=False).encode()


def as_zip(path: Path, **files: bytes) -> Path:
    with ZipFile(path, "w") as archive:
        for name, body in files.items():
            archive.writestr(f"MyData/{name}.json", body)
    return path


@pytest.fixture
def states() -> FakeStates:
    return FakeStates()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Result]:
    """What Athena answers, by the table that is asked."""
    answers: dict[str, Result] = {}

    def start(_: Target, sql: str, *__: Any) -> Any:
        table = sql.partition(" FROM ")[2].split()[0]
        return SimpleNamespace(result=lambda: answers[table])

    monkeypatch.setattr(athena.Query, "start", start)
    return answers


@pytest.fixture
def target(states: FakeStates, monkeypatch: pytest.MonkeyPatch, asked: Any) -> Any:
    """A deployed stack with an uploads bucket, and a lake in which nothing is."""
    with mock_aws():
        outputs = {"UploadsBucket": BUCKET, "DataBucket": DATA, "ImportStateMachineArn": MACHINE}
        stack = stack_of_tables(outputs)
        stack.__dict__["states"] = states
        where: Any = {"LocationConstraint": "eu-north-1"}
        for bucket in (BUCKET, DATA):
            stack.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        monkeypatch.setattr(cli, "choose", lambda *_: stack)
        monkeypatch.setattr(import_run, "_AWS_SECONDS", 0.0)
        monkeypatch.setattr(machines, "now", lambda: machines.datetime(2026, 11, 21, 9, 18))
        yield stack


def uploaded(target: Target) -> list[str]:
    listed = target.s3.list_objects_v2(Bucket=BUCKET)
    return [each["Key"] for each in listed.get("Contents", ())]


def packed(target: Target) -> dict[str, bytes]:
    """The files of the only upload, which is a zip that does not tell when it was made."""
    (key,) = uploaded(target)
    body = target.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with ZipFile(io.BytesIO(body)) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def account(target: Target) -> str:
    """An account of no listener."""
    accounts.table(target).new_imported(T0, ACCOUNT)
    return ACCOUNT


#### WHAT IS SENT ##################################################################################


def test_a_zip_is_sent_as_it_is_to_a_place_of_its_own(
    command: Command, target: Target, states: FakeStates, account: str, tmp_path: Path
) -> None:
    states.ends = [DONE]
    path = as_zip(tmp_path / "my_spotify_data.zip", endsong_0=history(1, 2))

    code, _, err = command("import", str(path), "--account", ACCOUNT, "--from", "2015-01-01")

    assert (code, err) == (0, "")
    (key,) = uploaded(target)
    folder, sha256, name = key.split("/")
    assert (folder, len(sha256), name) == ("command-line", 64, "my_spotify_data.zip")
    assert target.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == path.read_bytes()
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    assert states.given == [{"detail": detail, "account": ACCOUNT, "since": "2015-01-01"}]


def test_a_single_file_is_sent_as_it_is(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [DONE]
    path = tmp_path / "anything"
    path.write_bytes(history(1))

    assert command("import", str(path), "--to", "2020-01-01")[0] == 0
    (key,) = uploaded(target)
    assert key.endswith("/spotify_extended")
    assert states.given[0]["until"] == "2020-01-01"


def test_of_a_folder_only_history_is_sent_always_the_same(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    folder = tmp_path / "Spotify data"
    for at, (name, body) in enumerate(
        {
            f"b/{SECOND}": history(2),
            "d/9.json": long(0),
            "d/8.json": long(1),
            f"b/{FIRST}": history(1),
            "StreamingHistory_music_0.json": b"[{",  # called like one: said when it is read
            "Userdata.json": b'{"email": "a@b.c"}',
            "ReadMe.pdf": b"%PDF-1",
            "more.zip": as_zip(tmp_path / "x.zip", endsong_0=history(3)).read_bytes(),
        }.items()
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
        os.utime(folder / name, (at, at))
    states.ends = [DONE, DONE]

    code, out, _ = command("import", str(folder))

    assert code == 0
    assert "3 other files are no listening history, and were left out." in out
    assert list(packed(target)) == [
        *("StreamingHistory_music_0.json", f"b/{FIRST}", f"b/{SECOND}", "d/8.json", "d/9.json"),
    ]
    assert packed(target)["d/9.json"] == (folder / "d/9.json").read_bytes()
    before = uploaded(target)
    assert before[0].endswith("/Spotify data.zip")
    os.utime(folder / f"b/{FIRST}", (99, 99))
    assert command("import", str(folder))[0] == 0
    assert uploaded(target) == before


def test_files_of_one_kind_are_one_package_and_charts_go_their_way(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    bodies = {FIRST: history(1), NAME: chart_csv(top(200)), SECOND: history(2)}
    for name, body in bodies.items():
        (tmp_path / name).write_bytes(body)
    tracker = tmp_path / "recenttracks-somebody-1700000000.csv"
    tracker.write_text("Artist,Album,Title,01 Jan 2020 12:34\n")
    chart = {"name": NAME, "chart": "daily-NO", "date": "2026-11-20", "rows": 200, "breaches": 0}
    states.ends = [DONE, {**chart, "status": "loaded", "error": ""}, DONE]

    code, out, _ = command("import", *(str(tmp_path / name) for name in bodies), str(tracker))

    assert code == 0
    keys = [given["detail"]["object"]["key"] for given in states.given]
    names = [key.rpartition("/")[2] for key in keys]
    assert names == [f"{FIRST.removesuffix('.json')} and 1 more.zip", NAME, "lastfm.csv"]
    body = target.s3.get_object(Bucket=BUCKET, Key=keys[0])["Body"].read()
    with ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == [FIRST, SECOND]
    assert out.splitlines()[-1] == "3 of 3 files imported."


def test_what_is_sent_is_called_by_nobodys_name_and_what_is_said_by_the_persons(
    command: Command, target: Target, states: FakeStates, asked: dict[str, Result], tmp_path: Path
) -> None:
    path = as_zip(tmp_path / "anna31.zip", anna31=history(1), anna32=history(2))
    target.s3.put_object(Bucket=DATA, Key=f"lake/import_rows/month=2026-11/{ACCOUNT}.x.parquet")
    columns = [Column("file", "varchar"), Column("row", "integer"), Column("reason", "varchar")]
    asked["import_rows"] = Result(columns, [["file 1.json", "1", "ms_played is -1."]])
    told = TOLD | {"name": "spotify_extended.zip"}
    problem = "'file 2.json' is cut off."
    states.ends = [f"spotify_extended.zip: imported, but {problem}"]
    states.events = events(
        ("Import", {"import": {"import": told, "parts": [FILES]}}),
        ("Conclude", {"counts": COUNTS | {"invalid": 1}, "problems": [problem]}),
    )

    code, out, _ = command("import", str(path))

    (key,) = uploaded(target)
    assert (code, key.rpartition("/")[2]) == (1, "spotify_extended.zip")
    lines = out.splitlines()
    assert any(line.startswith("! anna31.zip: Spotify's") for line in lines)
    assert "  ✗ 'anna32.json' is cut off." in lines
    assert "  ! anna31.json row 1: ms_played is -1." in lines


def test_an_upload_that_is_there_is_not_sent_again_unless_it_was_cut_off(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    path = as_zip(tmp_path / "a.zip", endsong_0=history(1))
    states.ends = ["a.zip: Read failed: Sandbox.Timedout: too long"] * 2 + [DONE]
    assert command("import", str(path))[0] == 1
    (key,) = uploaded(target)
    first = target.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
    same = b"x" * path.stat().st_size
    target.s3.put_object(Bucket=BUCKET, Key=key, Body=same)
    command("import", str(path))
    assert target.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == same
    target.s3.put_object(Bucket=BUCKET, Key=key, Body=b"cut")
    command("import", str(path))
    assert target.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == path.read_bytes()
    assert first


def test_an_import_that_still_runs_is_followed(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    path = as_zip(tmp_path / "a.zip", endsong_0=history(1))
    states.ends = [KeyboardInterrupt()]
    code, _, err = command("import", str(path))
    assert code == 130
    assert err == (
        "\nStopped following; the import run goes on: the same command follows it again.\n"
    )

    other = f"{MACHINE}:another"
    states.others = {other: states.given[0]}
    states.ends, states.events = [DONE], events(*STEPS)
    code, out, _ = command("import", str(path), "--json")

    (found,) = json.loads(out)
    assert (code, found["execution"]) == (0, other)
    assert found["seconds"] == 4  # the execution's
    assert len(states.given) == 1


def test_the_same_file_with_other_options_waits(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    path = as_zip(tmp_path / "a.zip", endsong_0=history(1))
    states.ends = [DONE]
    command("import", str(path))
    states.others = {f"{MACHINE}:another": states.given[0]}

    code, _, err = command("import", str(path), "--from", "2015-01-01")

    assert code == 1
    assert err.startswith("This very file is being imported right now, with other options; wait")
    assert len(states.given) == 1


def test_nothing_is_left_where_the_machine_does_not_start(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [ClientError({"Error": {"Code": "StateMachineDoesNotExist"}}, "StartExecution")]

    code, _, err = command("import", str(as_zip(tmp_path / "a.zip", endsong_0=history(1))))

    assert (code, err) == (1, "The state machine is gone; deploy the stack again.\n")
    assert uploaded(target) == []


def test_ctrl_c_while_it_is_uploaded_says_that_nothing_is_imported(
    command: Command, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(target.s3, "upload_file", stopped)

    code, _, err = command("import", str(as_zip(tmp_path / "a.zip", endsong_0=history(1))))

    assert code == 130
    assert err == "\nStopped before all of it was uploaded; nothing of it is imported.\n"


def test_a_time_zone_has_all_plays_derived_anew(
    command: Command, target: Target, states: FakeStates, account: str
) -> None:
    zone = ("accounts", "--time-zone", "Europe/Oslo", account)
    assert (
        command(*zone)[1] == f"The time zone of {account} is Europe/Oslo: its plays will have it.\n"
    )
    assert states.given == []

    target.s3.put_object(Bucket=DATA, Key=f"lake/observations/month=2015-06/{account}.parquet")
    states.ends = [
        {"account": account, "status": "derived", "error": "", "months": 120, "plays": 0},
        f"{account}: Play failed: Sandbox.Timedout: too long",
    ]
    code, out, _ = command(*zone)
    assert (code, states.given) == (0, [{"derive": {"account": account}}])
    assert out == f"The time zone of {account} is Europe/Oslo: its plays of 120 months have it.\n"
    code, _, err = command(*zone)
    assert code == 1
    assert err.startswith("The time zone is set, and plays that are derived from now on have it; ")
    assert "It failed while deriving plays: Sandbox.Timedout" in err


#### WHAT IS REFUSED HERE ##########################################################################


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.zip": b"PK\x03\x04 cut off"}, "'a.zip' is a zip that is cut off or damaged"),
        ({"a.json": b"[]"}, "'a.json' is an empty list: there is no play in it"),
        ({"a.html": b"<!doctype html>"}, "'a.html' is a page of HTML, as a browser saves it"),
        ({"d/a.txt": b"x"}, "'d' is a folder without a file of listening history"),
        (
            {"a/endsong_0.json": history(1), "b/endsong_0.json": history(2)},
            "endsong_0.json: Two of the files are called 'endsong_0.json': import each one's",
        ),
        (
            {
                "endsong_0.json": history(1, username="ann"),
                "endsong_1.json": history(2, username="bo"),
            },
            "'endsong_0.json' and 'endsong_1.json' are the history of two people",
        ),
    ],
)
def test_what_is_refused_is_not_sent(
    files: dict[str, bytes], sentence: str, command: Command, target: Target, tmp_path: Path
) -> None:
    paths = []
    for name, body in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        paths.append(str(path.parent if name.startswith("d/") else path))

    code, out, _ = command("import", *paths)

    assert code == 1
    assert out.startswith(f"✗ {sentence}")
    assert "ann" not in out
    assert uploaded(target) == []


def test_a_file_that_is_too_large_is_not_sent(
    command: Command, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.histories.LARGEST_HISTORY", 100)
    path = as_zip(tmp_path / "a.zip", endsong_0=history(1))

    code, out, _ = command("import", str(path))

    size = path.stat().st_size
    assert (code, out) == (
        1,
        f"✗ a.zip: It has {size:,} bytes; the most are 100. Import some of its files at a time.\n",
    )
    assert uploaded(target) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--from", "June"), "'June' is not a date; write it like 2026-11-21."),
        (("--from", "2020-01-02", "--to", "2020-01-01"), "--from 2020-01-02 is after --to 2020"),
        (("--undo", ID), "--undo ID takes one import back; only --account goes with it."),
    ],
)
def test_options_that_say_nothing_are_refused(
    given: tuple[str, ...], sentence: str, command: Command, target: Target, tmp_path: Path
) -> None:
    path = as_zip(tmp_path / "a.zip", endsong_0=history(1))

    code, _, err = command("import", str(path), *given)

    assert code == 2
    assert err.startswith(sentence)
    assert uploaded(target) == []


@pytest.mark.parametrize(
    ("known", "given", "sentence"),
    [
        ([ACCOUNT], ["nobody"], "There is no account 'nobody'; ./soundlake accounts lists those"),
        (["b", "a"], [], "There are 2 accounts: say whose history it is, with --account or by a "),
        ([], ["nobody"], "There is no account 'nobody', nor any other yet: without --account the"),
    ],
)
def test_an_owner_that_cannot_be_told_is_refused_before_anything_is_sent(
    *,
    known: list[str],
    given: list[str],
    sentence: str,
    command: Command,
    target: Target,
    states: FakeStates,
    tmp_path: Path,
) -> None:
    for name in known:
        accounts.table(target).new_imported(T0, name)
    path = as_zip(tmp_path / "a.zip", endsong_0=history(1))

    code, _, err = command("import", str(path), *(["--account", *given] if given else []))

    assert code == 2
    assert err.startswith(sentence)
    assert (uploaded(target), states.given) == ([], [])


def test_a_chart_is_nobodys(command: Command, target: Target, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(chart_csv(top(200)))

    code, _, err = command("import", str(tmp_path / NAME), "--account", ACCOUNT)

    assert (code, err) == (
        2,
        "--account, --from and --to are said of listening history, not of a chart.\n",
    )


def test_the_command_line_needs_no_arrow(tmp_path: Path) -> None:
    """Its environment has none, and none of what reads rows."""
    script = """
import sys
class Without:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {"pyarrow", "numpy", "pandas", "msgspec"}:
            raise ImportError(name)
sys.meta_path.insert(0, Without())
from cli.__main__ import entry
sys.argv = ["soundlake", "import", sys.argv[1]]
entry()
"""
    path = tmp_path / "no.json"
    path.write_bytes(b"{}")
    paths = os.pathsep.join((str(ROOT), str(ROOT / "layers" / "soundlake")))
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("✗ 'no.json' is no listening history")


#### WHAT IS TOLD ##################################################################################


@pytest.fixture
def imported(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> Callable[[], list[str]]:
    """Import a zip, and give the lines that are printed."""

    def run() -> list[str]:
        states.events = states.events or events(*STEPS)
        path = as_zip(tmp_path / "my_spotify_data.zip", endsong_0=history(1))
        return command("import", str(path))[1].splitlines()

    return run


def test_the_end_is_told_in_four_lines(
    imported: Callable[[], list[str]],
    target: Target,
    states: FakeStates,
    asked: dict[str, Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = COUNTS | {"invalid": 0, "imported": 20_007, "confirmed_days": 4_210}
    states.ends = [DONE | counts]
    states.events = events(*STEPS[:-1], ("Conclude", {"counts": counts, "problems": []}))
    target.s3.put_object(Bucket=DATA, Key=f"lake/gaps/month=2015-06/{ACCOUNT}.parquet")
    asked["gaps"] = Result([Column("n", "bigint")], [["3"]])
    ticks = iter([100.0, 112.34])
    monkeypatch.setattr("cli.imports.time.monotonic", lambda: next(ticks))

    lines = imported()

    assert lines[-4:] == [
        "✓ my_spotify_data.zip: Spotify's extended history, 2 files, 30,000 rows, "
        f"2013-02-11 to 2026-08-30, account {ACCOUNT}",
        "  Rows: 30,000 = 20,007 imported + 1,200 merged + 8,000 duplicate + "
        "793 outside + 0 invalid",
        "  Plays: 20,010 more than before; 4,210 days newly confirmed, 3 gaps closed; "
        "12.3 s, 2,439 rows/s",
        f"  Next: ./soundlake query --saved my-top-artists; undo: ./soundlake import --undo {ID}",
    ]


def test_a_log_sees_each_stage_begin(
    imported: Callable[[], list[str]], target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [DONE]
    size = as_zip(tmp_path / "my_spotify_data.zip", endsong_0=history(1)).stat().st_size

    lines = imported()

    assert lines[0] == f"  uploading: {size / 1000:.1f} kB"
    assert lines[1].startswith("✓ my_spotify_data.zip")  # it had ended at the first look


def test_invalid_rows_are_told_with_their_reasons(
    imported: Callable[[], list[str]], target: Target, states: FakeStates, asked: dict[str, Result]
) -> None:
    states.ends = [DONE]
    columns = [Column("file", "varchar"), Column("row", "integer"), Column("reason", "varchar")]
    reasons = [[FIRST, str(number), f"ms_played is -{number}."] for number in range(1, 6)]
    target.s3.put_object(Bucket=DATA, Key=f"lake/import_rows/month=2026-11/{ACCOUNT}.x.parquet")
    asked["import_rows"] = Result(columns, reasons)

    lines = imported()

    assert lines[-6:] == [
        *(f"  ! {FIRST} row {number}: ms_played is -{number}." for number in range(1, 6)),
        '    All 7: ./soundlake query "SELECT file, row, reason FROM import_rows WHERE '
        f"outcome = 'invalid' AND import_id = '{ID}'\"",
    ]


def test_json_says_all_of_it(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    states.ends = [DONE]
    path = as_zip(tmp_path / "my_spotify_data.zip", endsong_0=history(1))
    states.events = events(*STEPS)

    code, out, _ = command("import", str(path), "--json")

    (found,) = json.loads(out)
    assert code == 0
    assert found.pop("seconds") >= 0
    assert found.pop("rows_per_second") > 0
    assert found == {
        **TOLD,
        **COUNTS,
        "file": str(path),
        "status": "imported",
        "error": None,
        "from": READ[0]["first"],
        "to": READ[1]["last"],
        "problems": [],
        "left_out": 0,
        "closed_gaps": 0,
        "reasons": [],
        "execution": f"{MACHINE}:run-1",
    }


def test_what_was_imported_before_adds_nothing(
    imported: Callable[[], list[str]], target: Target, states: FakeStates
) -> None:
    states.ends = [TOLD | {"status": "known", "error": ""}]
    states.events = events(("Import", {"import": {"status": "known", "import": TOLD}}))

    lines = imported()

    assert lines[-1] == f"= my_spotify_data.zip: imported on 2026-11-21 as {ID}; nothing added."


def test_a_file_that_could_not_be_read_is_named_after_what_was_imported(
    command: Command, target: Target, states: FakeStates, tmp_path: Path
) -> None:
    problems = [f"{SECOND!r} is cut off.", "'x.json' is damaged."]
    states.ends = [f"my_spotify_data.zip: imported, but {'; '.join(problems)}"]
    states.events = events(
        *STEPS[:4],
        ("Read", {"status": "read", "files": [], "problems": problems}),
        *STEPS[5:-1],
        ("Conclude", {"counts": COUNTS | {"invalid": 0}, "problems": problems}),
    )
    path = as_zip(tmp_path / "my_spotify_data.zip", endsong_0=history(1))

    code, out, _ = command("import", str(path))

    assert code == 1
    assert out.splitlines()[-6].startswith("! my_spotify_data.zip: Spotify's extended history, 2")
    assert out.splitlines()[-2:] == [f"  ✗ {problem}" for problem in problems]


def test_what_is_left_to_do_after_an_import_is_told(
    imported: Callable[[], list[str]], target: Target, states: FakeStates
) -> None:
    states.ends = ["my_spotify_data.zip: imported, but Forget: RuntimeError: x"]

    lines = imported()

    assert any(line == "  ✗ Forget: RuntimeError: x" for line in lines)


AGAIN = "What was done is kept: the same command goes on from there, and ./soundlake logs import"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("Import refused: There are 2 accounts: say whose.", "There are 2 accounts: say whose."),
        (
            'Read failed: RuntimeError: {"errorMessage":"no \\"room\\" left","errorType":"Run',
            f'It failed while reading the files: no "room" left. {AGAIN} says more.',
        ),
        (
            "Play failed: States.Timeout: ",
            f"It failed while deriving plays: States.Timeout: . {AGAIN} says more.",
        ),
        ("States.Runtime", "States.Runtime"),
    ],
)
def test_a_failure_is_told_in_a_persons_words(cause: str, sentence: str) -> None:
    seen = Seen(status="FAILED", cause=f"a.zip: {cause}")

    assert import_run.why(seen, "a.zip") == sentence


def test_an_execution_that_was_ended_says_so() -> None:
    assert import_run.why(Seen(status="ABORTED"), "a.zip") == "The run is ABORTED."


#### UNDO, AND ALL OF THEM #########################################################################


def test_an_import_is_taken_back(command: Command, target: Target, states: FakeStates) -> None:
    counts = COUNTS | {"plays": -20_010}
    states.ends = [{**TOLD, **counts, "status": "withdrawn", "error": ""}]
    states.events = events(
        ("Import", {"import": {"import": TOLD, "groups": [{"number": 1}]}}),
        ("MergeMonths", None),
        ("Conclude", {"counts": counts, "problems": []}),
    )

    code, out, _ = command("import", "--undo", ID, "--account", ACCOUNT)

    assert code == 0
    assert states.given == [{"undo": {"import_id": ID, "account": ACCOUNT}}]
    assert out.splitlines()[-2:] == [
        "✓ my_spotify_data.zip: taken back, all 30,000 rows of it. "
        "Plays: 20,010 fewer than before.",
        f"  Import it again to have it back; ./soundlake imports goes on listing {ID}.",
    ]


def test_an_import_that_is_none_is_not_taken_back(
    command: Command, target: Target, states: FakeStates
) -> None:
    said = "There is no import 'x'; ./soundlake imports lists those there are."
    states.ends = [f"x: Import failed: {said}"]

    code, out, _ = command("import", "--undo", "x")

    assert (code, out) == (1, f"✗ x: {said}\n")


def test_all_imports_are_listed(command: Command, target: Target, asked: dict[str, Result]) -> None:
    assert command("imports")[1] == "Nothing is imported yet; docs/import.md leads there.\n"
    assert command("imports", "--json")[1] == "[]\n"
    target.s3.put_object(Bucket=DATA, Key=f"lake/imports/month=2026-11/{ACCOUNT}.parquet")
    texts = ("account", "import_id", "imported_at", "kind", "name", "status")
    columns = [Column(name, "varchar" if name in texts else "bigint") for name in COLUMNS]
    values = [
        *(ACCOUNT, ID, "2026-11-21 09:00:00.000", "lastfm", "[a].csv", "withdrawn"),
        *("30000", "20000", "1200", "8000", "793", "7", None),
    ]
    kind = "spotify_extended"
    named = [*values[:1], "5d86928367688a2b", values[2], kind, f"{kind}.zip", "imported"]
    asked["imports"] = Result(columns, [values, [*named, *["1"] * 6, None]])

    code, out, _ = command("imports")

    assert code == 0
    assert [line.split() for line in out.splitlines()[3:] if line.strip()] == [
        [ID, "30,000", "20,000", "1,200", "8,000", "793", "7"],
        ["[a].csv"],
        ["lastfm"],
        ["2026-11-21", "09:00"],
        ["withdrawn"],
        ["5d86928367688a2b", *["1"] * 6],
        [kind],
        ["2026-11-21", "09:00"],
    ]
    found, _ = json.loads(command("imports", "--json")[1])
    assert (found["import_id"], found["rows"], found["withdrawn_at"]) == (ID, 30_000, None)


COLUMNS = import_report._COLUMNS


#### WHILE IT RUNS #################################################################################


def seen_after(number: int) -> Seen:
    seen = Seen(began=T0)
    take(seen, events(*STEPS[:number]))
    return seen


def test_the_share_of_the_work_only_grows() -> None:
    shares = [seen_after(number).share for number in range(len(STEPS) + 1)]

    assert shares == sorted(shares)
    assert shares[0] == 0
    assert len(set(shares)) >= 8
    assert shares[-1] < 1
    assert Seen(status="FAILED").share == 1


def test_while_it_is_read_files_rows_rate_and_time_left_are_told() -> None:
    seen = seen_after(4)
    seen.moved = T0 + timedelta(seconds=2)
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    bar = import_display.Bar(console)

    bar.seen(seen, T0 + timedelta(seconds=2))

    (task,) = bar.progress.tasks
    assert task.description == "reading"
    # 8 of 10 kB are read, and so a fifth of the work is done, in two seconds.
    assert seen.share == pytest.approx(0.02 + 0.22 * 0.8)
    assert task.fields["said"] == "1 of 2 files, 25,000 rows, 12,500 rows/s, 8 s left"


def test_the_time_that_is_left_counts_down_until_more_is_known() -> None:
    seen = seen_after(4)
    assert seen.moved == T0 + timedelta(seconds=0.4)
    seen.moved = T0 + timedelta(seconds=2)

    left = [seen.left(T0 + timedelta(seconds=at)) for at in (2, 5, 9.5, 12)]

    whole = 2 / seen.share
    assert left == [pytest.approx(whole - 2), pytest.approx(whole - 5), None, None]


def test_nothing_is_foretold_before_a_file_is_read() -> None:
    assert seen_after(3).left(T0 + timedelta(seconds=2)) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(1.4, "1 s left"), (90, "90 s left"), (600, "10 min left"), (None, "")]
)
def test_a_time_that_is_left(seconds: float | None, said: str) -> None:
    assert import_display._left(seconds) == said


def test_each_stage_is_a_line_where_nobody_watches() -> None:
    console = Console(file=io.StringIO(), width=100)
    with import_display.display(console) as shown:
        shown.uploaded(5_000_000, 12_300_000)
        shown.uploaded(12_300_000, 12_300_000)
        for number in range(len(STEPS) + 1):
            shown.seen(seen_after(number))
    said: Any = console.file
    assert said.getvalue().splitlines() == [
        "  uploading: 12.3 MB",
        "  reading: 2 files",
        "  merging: 30,000 rows",
        "  deriving plays: 30,000 rows",
        "  adding up: 30,000 rows",
    ]


def test_a_terminal_shows_a_bar_that_is_gone_in_the_end() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with import_display.display(console) as shown:
        shown.uploaded(5_000_000, 12_300_000)
        shown.seen(seen_after(5))
    said: Any = console.file
    assert "reading" in said.getvalue()
    assert "30,000 rows" in said.getvalue()
    assert said.getvalue().endswith("\x1b[2K")
