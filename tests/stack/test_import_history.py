"""Listening history on the whole stack: by the command line and dropped, told, and taken back."""

import gzip
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli import __main__ as cli
from cli import accounts
from tests.exports import packages
from tests.exports.lives import PRIVATE, USER, Play, life
from tests.exports.spotify import extended_file
from tests.stack.conftest import Stack

Command = Callable[..., tuple[int, list[str]]]

OUTCOMES = ("imported", "merged", "duplicate", "outside", "invalid")
NAME = "my_spotify_data.zip"


@pytest.fixture(scope="module")
def plays() -> list[Play]:
    """Three months or so of a made-up life, without oddities."""
    return [play for play in islice(life(20_000, 6, quirks=False), 400) if not play.video][:300]


@pytest.fixture
def account(stack: Stack) -> Iterator[str]:
    """An account of no listener; the other tests find the lake as it was."""
    target = stack.lake.target
    ident = accounts.table(target).new_imported(datetime.now(UTC)).account
    yield ident
    accounts.erase(target, ident)
    assert accounts.left(target, ident).nothing
    assert uploads(stack) == []


@pytest.fixture
def command(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `./soundlake ARGUMENTS` on the stack in this process; exit code and lines."""

    def run(*arguments: str) -> tuple[int, list[str]]:
        monkeypatch.setattr("sys.argv", ["soundlake", *arguments])
        monkeypatch.setattr(cli, "choose", lambda *_: stack.lake.target)
        with pytest.raises(SystemExit) as ended:
            cli.entry()
        said = capsys.readouterr()
        return int(ended.value.code or 0), (said.out + said.err).splitlines()

    return run


def exported(path: Path, plays: list[Play], generation: str = "2025", **more: bytes) -> Path:
    """A zip as Spotify hands it out; `more` are further files of it."""
    found = [
        (name, body) for name, body, _ in packages.files("spotify_extended", plays, generation)
    ]
    folder = found[0][0].rpartition("/")[0]
    found += [(f"{folder}/{name}.json", body) for name, body in more.items()]
    packages.zipped(found, path)
    return path


def uploads(stack: Stack) -> list[str]:
    listed = stack.lake.target.s3.list_objects_v2(Bucket=stack.lake.target.output("UploadsBucket"))
    return [each["Key"] for each in listed.get("Contents", ())]


def ledger(stack: Stack, ident: str) -> dict[str, int]:
    sql = f"SELECT outcome, count(*) AS n FROM import_rows WHERE import_id = '{ident}' GROUP BY 1"
    return {row["outcome"]: row["n"] for row in stack.ask(sql)}


def listened(stack: Stack, account: str) -> list[dict[str, Any]]:
    """An account's plays, without where they are evidenced."""
    return stack.ask(
        "SELECT played_at, uri, ms_played, sources, cardinality(evidence) AS n FROM plays "
        f"WHERE account = '{account}' ORDER BY played_at, uri"
    )


def ident_of(lines: list[str]) -> str:
    (found,) = re.findall(r"--undo ([0-9a-f]{16})$", "\n".join(lines), re.MULTILINE)
    return str(found)


def test_a_history_is_imported_known_overlapped_and_taken_back(
    stack: Stack, account: str, command: Command, plays: list[Play], tmp_path: Path
) -> None:
    old = exported(tmp_path / NAME, plays[:200])
    new = exported(tmp_path / "newer.zip", plays[100:])

    code, lines = command("import", str(old), "--account", account)

    first, last = (datetime.fromtimestamp(plays[at].end / 1000, UTC).date() for at in (0, 199))
    ident = ident_of(lines)
    assert code == 0
    assert lines[-4] == (
        f"✓ {NAME}: Spotify's extended history, 1 file, 200 rows, {first} to {last}, "
        f"account {account}"
    )
    assert lines[-3] == (
        "  Rows: 200 = 200 imported + 0 merged + 0 duplicate + 0 outside + 0 invalid"
    )
    assert re.fullmatch(
        r"  Plays: 200 more than before; [1-9]\d* days newly confirmed; [\d.,]+ s, [\d,]+ rows/s",
        lines[-2],
    )
    assert ledger(stack, ident) == {"imported": 200}
    before = listened(stack, account)
    assert len(before) == 200

    day = f"{datetime.now(UTC):%Y-%m-%d}"
    again = command("import", str(old), "--account", account)
    assert again[0] == 0
    assert again[1][-1] == f"= {NAME}: imported on {day} as {ident}; nothing added."
    assert listened(stack, account) == before

    code, lines = command("import", str(new), "--account", account, "--json")
    (found,) = json.loads("\n".join(lines))
    assert code == 0
    assert {name: found[name] for name in ("rows", *OUTCOMES, "plays")} == {
        "rows": 200,
        "imported": 100,
        "merged": 0,
        "duplicate": 100,
        "outside": 0,
        "invalid": 0,
        "plays": 100,
    }
    assert ledger(stack, found["import_id"]) == {"imported": 100, "duplicate": 100}
    assert len(listened(stack, account)) == 300

    code, lines = command("import", "--undo", found["import_id"])
    assert code == 0
    assert lines[-2] == (
        "✓ spotify_extended.zip: taken back, all 200 rows of it. Plays: 100 fewer than before."
    )
    assert listened(stack, account) == before
    listed = json.loads("\n".join(command("imports", "--json")[1]))
    own = {row["import_id"]: row["status"] for row in listed if row["account"] == account}
    assert own == {ident: "imported", found["import_id"]: "withdrawn"}


def test_of_a_span_that_is_asked_for_the_rest_is_outside(
    stack: Stack, account: str, command: Command, plays: list[Play], tmp_path: Path
) -> None:
    day = datetime.fromtimestamp(plays[150].end / 1000, UTC).date()
    later = sum(datetime.fromtimestamp(one.end / 1000, UTC).date() > day for one in plays)

    path = exported(tmp_path / NAME, plays)
    _, lines = command("import", str(path), "--account", account, "--to", day.isoformat())

    kept = 300 - later
    assert lines[-3] == (
        f"  Rows: 300 = {kept} imported + 0 merged + 0 duplicate + {later} outside + 0 invalid"
    )
    assert len(listened(stack, account)) == kept


def test_a_history_that_is_dropped_into_an_accounts_folder_is_its_own(
    stack: Stack, account: str, plays: list[Play], tmp_path: Path
) -> None:
    target = stack.lake.target
    key = f"{account}/{NAME}"
    path = exported(tmp_path / NAME, plays)
    target.s3.upload_file(str(path), target.output("UploadsBucket"), key)
    machine = target.output("ImportStateMachineArn")

    while not (run := _run_of(stack, machine, key)) or run["status"] == "RUNNING":
        time.sleep(0.1)

    assert run["status"] == "SUCCEEDED", run.get("cause")
    output = json.loads(run["output"])
    assert (output["account"], output["rows"], output["imported"]) == (account, 300, 300)
    assert len(listened(stack, account)) == 300


def _run_of(stack: Stack, machine: str, key: str) -> dict[str, Any] | None:
    states = stack.lake.target.states
    for one in states.list_executions(stateMachineArn=machine)["executions"]:
        found = states.describe_execution(executionArn=one["executionArn"])
        if json.loads(found["input"]).get("detail", {}).get("object", {}).get("key") == key:
            return dict(found)
    return None


def test_where_there_is_no_account_the_import_makes_one(
    stack: Stack, command: Command, plays: list[Play], tmp_path: Path
) -> None:
    target, name = stack.lake.target, stack.lake.target.output("AccountsTable")
    items = target.dynamodb.scan(TableName=name)["Items"]
    for item in items:
        target.dynamodb.delete_item(TableName=name, Key={"account": item["account"]})
    try:
        code, lines = command("import", str(exported(tmp_path / NAME, plays)))
        assert code == 0
        (made,) = accounts.listed(target)
        assert made.state.value == "imported"
        assert lines[-4].endswith(f"account {made.account}")
        assert len(listened(stack, made.account)) == 300
        accounts.erase(target, made.account)
        assert accounts.left(target, made.account).nothing
    finally:
        for item in items:
            target.dynamodb.put_item(TableName=name, Item=item)


def test_a_damaged_file_among_good_ones_is_named_and_the_others_count(
    stack: Stack, account: str, command: Command, plays: list[Play], tmp_path: Path
) -> None:
    cut = extended_file(plays[200:])[:-500]
    path = exported(tmp_path / NAME, plays[:200], Streaming_History_Audio_2026_7=cut)

    code, lines = command("import", str(path), "--account", account)

    assert code == 1
    assert lines[-5].startswith(f"! {NAME}: Spotify's extended history, 1 file, 200 rows, ")
    assert lines[-4] == (
        "  Rows: 200 = 200 imported + 0 merged + 0 duplicate + 0 outside + 0 invalid"
    )
    assert lines[-1].startswith("  ✗ 'Streaming_History_Audio_2026_7.json'")
    assert len(listened(stack, account)) == 200


def test_rows_that_say_nothing_are_told_with_file_row_and_reason(
    stack: Stack, account: str, command: Command, plays: list[Play], tmp_path: Path
) -> None:
    rows = json.loads(extended_file(plays[:9]))
    rows[3]["ts"] = "2003-01-01T00:00:00Z"
    rows[5]["ms_played"] = -4
    path = tmp_path / "endsong_0.json"
    path.write_text(json.dumps(rows))

    code, lines = command("import", str(path), "--account", account)

    assert code == 0
    at = lines.index("  Rows: 9 = 7 imported + 0 merged + 0 duplicate + 0 outside + 2 invalid")
    assert [line.partition(":")[0] for line in lines[at + 3 :]] == [
        "  ! endsong_0.json row 4",
        "  ! endsong_0.json row 6",
    ]
    assert "2003-01-01" in lines[at + 3]
    assert "-4" in lines[at + 4]


def test_addresses_user_names_and_places_go_no_further_than_the_upload(
    stack: Stack, account: str, command: Command, plays: list[Play], tmp_path: Path
) -> None:
    cut = extended_file(plays[250:], "oldest")[:-500]
    folder = tmp_path / f"{USER}_data"
    folder.mkdir()
    for name, body, _ in packages.files("spotify_extended", plays[:250], "oldest"):
        (folder / Path(name).name).write_bytes(body)
    (folder / f"{USER}_endsong_7.json").write_bytes(cut)
    (folder / f"{USER}.json").write_bytes(extended_file(plays[240:260], "oldest"))
    assert any(secret.encode() in cut for secret in PRIVATE)

    code, lines = command("import", str(folder), "--account", account)

    assert code == 1
    # What is said to the person has their own names of files.
    assert lines[-1].startswith(f"  ✗ '{USER}_endsong_7.json' is cut off in row 50.")
    assert any(f"! {USER}_data.zip: Spotify's extended history, " in line for line in lines)
    said = [*stack.said(), *_decoded(stack, account), *_histories(stack)]
    assert any("spotify_extended.zip" in text for text in said)
    assert any("file 3.json" in text for text in said)
    assert [secret for secret in PRIVATE for text in said if secret in text] == []


def _histories(stack: Stack) -> Iterator[str]:
    """All that the import machine's executions were given, did and answered."""
    target = stack.lake.target
    machine = target.output("ImportStateMachineArn")
    for one in target.states.list_executions(stateMachineArn=machine)["executions"]:
        pages = target.states.get_paginator("get_execution_history")
        for page in pages.paginate(executionArn=one["executionArn"], includeExecutionData=True):
            yield json.dumps(page["events"], default=str)


def _decoded(stack: Stack, account: str) -> Iterator[str]:
    """The contents of an account's objects, unpacked."""
    for key in stack.objects(""):
        if accounts.is_of(key, account):
            body = stack.body(key)
            if key.endswith(".parquet"):
                table = pq.read_table(io.BytesIO(body))
                yield f"{table.schema.metadata} {table.to_pylist()}"
            else:
                yield (gzip.decompress(body) if key.endswith(".gz") else body).decode()
