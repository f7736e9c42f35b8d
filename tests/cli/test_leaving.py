"""Exporting a lake, restoring it elsewhere, and going back in time, against AWS in this process."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from moto import mock_aws
from soundlake.accounts import Account, State, connected, imported
from soundlake.store.accounts import AccountsTable

from cli import __main__ as cli
from cli import copies, export, machines, restore, rewind
from cli.errors import Misuse, Trouble
from cli.target import Target
from tests.cli.conftest import stack_of_tables

NOW = datetime(2026, 11, 21, 9, 18, tzinfo=UTC)
MINE, OTHER = "a12345678901", "b12345678901"
BUCKET, ELSEWHERE = "the-bucket", "another-bucket"
PAGE = f"raw/recently-played/{MINE}/month=2026-11/20261121T091800000Z_run-1.json.gz"
PLAYS = f"lake/plays/month=2026-11/{MINE}.parquet"
OTHERS = f"lake/plays/month=2026-11/{OTHER}.parquet"
CHART = "lake/chart_entries/month=2026-11/daily-NO.parquet"
BODIES = {
    PAGE: b"a page",
    PLAYS: b"my plays",
    OTHERS: b"other plays",
    CHART: b"a chart",
    "config/charts.csv": b"chart list",
    "queue/enrichment.parquet": b"queue",
}
PASSING = {"staging/daily/rows.json": b"rows", "athena/answer.csv": b"answer"}
TABLES = {"plays": ["account", "uri"], "chart_entries": ["chart"]}


class Catalog:
    """The tables that Glue would tell of."""

    def __init__(self, tables: dict[str, list[str]]) -> None:
        self.tables = tables

    def get_paginator(self, _: str) -> "Catalog":
        return self

    def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
        for name, columns in self.tables.items():
            kept = {"Columns": [{"Name": each} for each in columns]}
            yield {"TableList": [{"Name": name, "StorageDescriptor": kept}]}


def stack(bucket: str, tables: dict[str, list[str]] | None = None) -> Target:
    outputs = {"DataBucket": bucket, "UploadsBucket": bucket, "Database": "d", "Stage": "test"}
    target = stack_of_tables(outputs)
    target.__dict__["glue"] = Catalog(TABLES if tables is None else tables)
    where: Any = {"LocationConstraint": "eu-north-1"}
    target.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return target


def put(target: Target, key: str, body: bytes, **options: Any) -> None:
    target.s3.put_object(Bucket=target.output("DataBucket"), Key=key, Body=body, **options)


def objects(target: Target) -> dict[str, bytes]:
    bucket = target.output("DataBucket")
    found = target.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        one["Key"]: target.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
        for one in found
    }


def table(target: Target) -> AccountsTable:
    return AccountsTable("the-accounts", target.dynamodb)


SOLVEIG = replace(
    connected(MINE, "solveig", "Solveig", NOW), time_zone="Europe/Oslo", last_capture_at=NOW
)
IMPORTED = imported(OTHER, NOW)


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def target() -> Target:
    """A stack with two accounts, one of them imported."""
    target = stack(BUCKET)
    for key, body in {**BODIES, **PASSING}.items():
        put(target, key, body, ContentType="x/y", Metadata={"at": "then"} if key == PAGE else {})
    table(target).create(SOLVEIG)
    table(target).bring_back(IMPORTED)
    return target


def empty(target: Target, tables: dict[str, list[str]] | None = None) -> Target:
    """Another stack; the first one's tables are gone, since moto has one account of AWS."""
    for name in ("the-accounts", "the-budget"):
        target.dynamodb.delete_table(TableName=name)
    return stack(ELSEWHERE, tables)


def nothing(*_: int) -> None:
    pass


def exported(target: Target, folder: Path, account: str | None = None) -> dict[str, Any]:
    return export.export(target, folder, account, nothing)


def restored(target: Target, folder: Path) -> dict[str, Any]:
    return restore.restore(target, restore.opened(folder), NOW, nothing)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


#### EXPORT ########################################################################################


def test_everything_is_exported_but_what_passes_and_the_manifest_says_what(
    target: Target, tmp_path: Path
) -> None:
    says = exported(target, tmp_path / "out")

    found = files(tmp_path / "out")
    beside = {"manifest.json", "objects.jsonl", "accounts.jsonl"}
    assert {name: body for name, body in found.items() if name not in beside} == BODIES
    assert found.keys() >= beside
    assert json.loads(found["manifest.json"]) == says
    assert says["accounts"] == [MINE, OTHER]
    assert says["zones"]["lake/plays"] == {"objects": 2, "bytes": 19}
    assert any("./soundlake connect" in why for why in says["left_out"])
    lines = [json.loads(line) for line in found["objects.jsonl"].splitlines()]
    assert [one["key"] for one in lines] == sorted(BODIES)
    accounts = [json.loads(line) for line in found["accounts.jsonl"].splitlines()]
    assert accounts[0]["time_zone"] == "Europe/Oslo"


def test_an_account_is_exported_alone(target: Target, tmp_path: Path) -> None:
    says = exported(target, tmp_path, MINE)

    assert {name for name in files(tmp_path) if name.startswith(copies.ZONES)} == {PAGE, PLAYS}
    assert says["accounts"] == [MINE]
    assert OTHER.encode() not in b"".join(files(tmp_path).values())
    assert any("without --account" in why for why in says["left_out"])
    with pytest.raises(Misuse, match="no account 'nobody'"):
        exported(target, tmp_path / "nobody", "nobody")
    assert not (tmp_path / "nobody").exists()  # the folder stays free for the right name


class DiedError(Exception):
    pass


def dying(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: int) -> None:
    """Let a function die when it is called once more than so often."""
    real: Callable[..., Any] = getattr(module, name)
    calls = 0

    def die(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise DiedError
        return real(*given, **named)

    monkeypatch.setattr(module, name, die)


@pytest.mark.parametrize("writes", range(1, 11))
def test_an_export_that_dies_at_any_write_is_none_and_goes_on(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """The writes: where it begins, six objects, what stands beside them, the manifest."""
    with monkeypatch.context() as patched:
        dying(patched, export, "write", writes - 1)
        with pytest.raises(DiedError):
            exported(target, tmp_path)
    if writes > 1:
        with pytest.raises(Misuse, match=r"run \./soundlake export"):
            restore.opened(tmp_path)

    asked: list[int] = []
    export.export(target, tmp_path, None, lambda done, of, size: asked.append(done))

    # Those that were in flight when it died are all there, or are fetched again.
    assert len(asked) <= 6
    if writes > 8:
        assert asked == []
    assert len(restore.opened(tmp_path).objects) == 6
    assert not (tmp_path / export.UNFINISHED).exists()


def test_an_earlier_export_is_made_whole_again_and_forgets_what_was_deleted(
    target: Target, tmp_path: Path
) -> None:
    exported(target, tmp_path)
    put(target, PLAYS, b"more plays")
    target.s3.delete_object(Bucket=BUCKET, Key=OTHERS)
    (tmp_path / CHART).write_bytes(b"damaged")
    (tmp_path / "notes.txt").write_text("mine")
    asked: list[int] = []

    export.export(target, tmp_path, None, lambda done, of, size: asked.append(done))

    assert len(asked) == 2
    found = files(tmp_path)
    assert (found[PLAYS], found[CHART]) == (b"more plays", b"a chart")
    assert OTHERS not in found
    assert found["notes.txt"] == b"mine"
    assert len(restore.opened(tmp_path).objects) == 5


def test_an_earlier_export_that_is_being_made_whole_is_none(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(target, tmp_path)
    put(target, PLAYS, b"more plays")
    dying(monkeypatch, export, "write", 1)
    with pytest.raises(DiedError):
        exported(target, tmp_path)

    with pytest.raises(Misuse, match=r"run \./soundlake export"):
        restore.opened(tmp_path)


def test_what_is_written_meanwhile_is_fetched_once_more(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is captured and derived after the plays were copied."""
    real, late = export._fetch, PAGE.replace("run-1", "run-2")

    def fetch(target: Target, folder: Path, key: str) -> Any:
        found = real(target, folder, key)
        if key == PLAYS and late not in objects(target):
            put(target, late, b"another page")
            put(target, PLAYS, b"my plays and one more")
        return found

    monkeypatch.setattr(export, "_fetch", fetch)
    exported(target, tmp_path)

    assert {name: body for name, body in files(tmp_path).items() if name in objects(target)} == {
        key: body for key, body in objects(target).items() if key not in PASSING
    }


def test_a_lake_that_never_rests_is_said(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, number = export._fetch, iter(range(1000))

    def fetch(target: Target, folder: Path, key: str) -> Any:
        found = real(target, folder, key)
        put(target, PLAYS, f"version {next(number)}".encode())
        return found

    monkeypatch.setattr(export, "_fetch", fetch)
    with pytest.raises(Trouble, match="wait until no run is going"):
        exported(target, tmp_path)


def test_a_folder_with_something_else_in_it_is_left_alone(target: Target, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(Misuse, match="not empty and no export"):
        exported(target, tmp_path)
    with pytest.raises(Misuse, match="no folder"):
        exported(target, tmp_path / "holiday.jpg")

    exported(target, tmp_path / "out")
    with pytest.raises(Misuse, match="another stack or account"):
        exported(target, tmp_path / "out", MINE)


#### RESTORE #######################################################################################


def test_an_export_comes_back_with_the_same_objects_and_accounts_without_their_tokens(
    target: Target, tmp_path: Path
) -> None:
    exported(target, tmp_path)
    other = empty(target)

    done = restored(other, tmp_path)

    assert objects(other) == BODIES
    kept = other.s3.head_object(Bucket=ELSEWHERE, Key=PAGE)
    assert (kept["Metadata"], kept["ContentType"]) == ({"at": "then"}, "x/y")
    assert (done["objects"], done["there_already"]) == (6, 0)
    mine = table(other).get(MINE)
    assert mine == replace(SOLVEIG, state=State.NEEDS_CONSENT, since=NOW)
    assert table(other).get(OTHER) == IMPORTED
    assert table(other).claimed_by("solveig") == MINE


def test_an_account_whose_tokens_are_there_stays_as_it_was(target: Target, tmp_path: Path) -> None:
    exported(target, tmp_path)
    other = empty(target)
    other.ssm.put_parameter(
        Name=f"/soundlake/test/accounts/{MINE}/token", Value="{}", Type="SecureString"
    )

    restored(other, tmp_path)

    assert table(other).get(MINE) == SOLVEIG


@pytest.mark.parametrize("after", range(7))
def test_a_restore_that_dies_goes_on_and_no_run_had_anything_to_do_before_its_end(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    exported(target, tmp_path)
    other = empty(target)
    with monkeypatch.context() as patched:
        dying(patched, restore, "_bring" if after < 6 else "_account", after % 6)
        with pytest.raises(DiedError):
            restored(other, tmp_path)
    assert table(other).all() == ([], [])

    restored(other, tmp_path)

    assert objects(other) == BODIES
    assert [one.account for one in table(other).all()[0]] == [MINE, OTHER]
    assert set(versions(other).values()) == {1}
    again = restored(other, tmp_path)
    assert (again["objects"], again["there_already"]) == (0, 6)


def versions(target: Target) -> dict[str, int]:
    found: dict[str, int] = {}
    listed = target.s3.list_object_versions(Bucket=target.output("DataBucket"))
    for one in listed.get("Versions", []):
        found[one["Key"]] = found.get(one["Key"], 0) + 1
    return found


@pytest.mark.parametrize("key", [CHART, PAGE.replace("run-1", "run-9")])
def test_a_stack_with_something_of_its_own_is_left_alone(
    target: Target, tmp_path: Path, key: str
) -> None:
    exported(target, tmp_path)
    other = empty(target)
    put(other, key, b"its own")

    with pytest.raises(Trouble, match="nothing was written") as error:
        restored(other, tmp_path)

    assert key in str(error.value)
    assert objects(other) == {key: b"its own"}
    assert table(other).all() == ([], [])


def test_a_chart_list_and_a_queue_of_the_stacks_own_stay(target: Target, tmp_path: Path) -> None:
    exported(target, tmp_path)
    other = empty(target)
    own = {"config/charts.csv": b"its own", "queue/enrichment.parquet": b"its own queue"}
    for key, body in own.items():
        put(other, key, body)

    restored(other, tmp_path)

    assert objects(other) == BODIES | own


def test_an_account_comes_into_a_stack_that_others_have_already(
    target: Target, tmp_path: Path
) -> None:
    exported(target, tmp_path, MINE)
    other = empty(target)
    put(other, OTHERS, b"other plays")
    put(other, CHART, b"another chart")

    restored(other, tmp_path)

    assert objects(other) == {
        OTHERS: b"other plays",
        CHART: b"another chart",
        PAGE: b"a page",
        PLAYS: b"my plays",
    }


def test_a_listener_gets_no_second_account(target: Target, tmp_path: Path) -> None:
    exported(target, tmp_path)
    other = empty(target)
    table(other).create(connected("c12345678901", "solveig", "Solveig", NOW))

    with pytest.raises(Trouble, match="disconnect c12345678901 --delete-data"):
        restored(other, tmp_path)

    assert objects(other) == {}


def test_what_is_written_while_it_is_restored_is_not_replaced(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(target, tmp_path)
    other = empty(target)
    real = restore._check_accounts

    def check(*given: Any) -> None:
        real(*given)
        put(other, CHART, b"loaded now")

    monkeypatch.setattr(restore, "_check_accounts", check)
    with pytest.raises(Trouble, match=f"{CHART} was written by somebody else"):
        restored(other, tmp_path)

    assert objects(other)[CHART] == b"loaded now"
    assert table(other).all() == ([], [])


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def change(path: Path) -> None:
    path.write_bytes(b"x" + path.read_bytes()[1:])


@pytest.mark.parametrize("name", [CHART, "objects.jsonl", "accounts.jsonl"])
@pytest.mark.parametrize(
    ("damage", "why"),
    [(shorten, "bytes, not"), (change, "has other bytes"), (Path.unlink, "is missing")],
)
def test_a_damaged_file_is_named_and_nothing_is_written(
    target: Target, tmp_path: Path, name: str, damage: Callable[[Path], None], why: str
) -> None:
    exported(target, tmp_path)
    other = empty(target)
    damage(tmp_path / name)

    with pytest.raises(Trouble, match=why) as error:
        restored(other, tmp_path)

    assert name in str(error.value)
    assert objects(other) == {}


def test_a_manifest_that_is_none_is_named(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"soundlake_export": 1}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(Trouble, match=r"manifest\.json"):
            restore.opened(tmp_path)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(Misuse, match="no export"):
        restore.opened(tmp_path)


@pytest.mark.parametrize("changed", [{"files": []}, {"files": [{}]}, {"tables": []}])
def test_a_manifest_that_was_edited_is_refused(
    target: Target, tmp_path: Path, changed: dict[str, Any]
) -> None:
    exported(target, tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    with pytest.raises(Trouble, match="not as it was written"):
        restore.opened(tmp_path)


@pytest.mark.parametrize("verb", ["export", "restore"])
def test_copying_that_is_stopped_says_that_it_can_go_on(
    verb: str, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    exported(target, tmp_path)
    monkeypatch.setattr(cli, "choose", lambda *_: target)
    monkeypatch.setattr(cli.export, "export", stop)
    monkeypatch.setattr(cli.restore, "restore", stop)

    done = CliRunner().invoke(cli.main, [verb, str(tmp_path)])
    assert isinstance(done.exception, cli.Stopped)


def test_a_key_that_leads_out_of_the_folder_is_refused() -> None:
    for key in ("../secret", "lake/../../secret", "/etc/passwd", "athena/answer.csv"):
        line = json.dumps(
            {
                "key": key,
                "bytes": 1,
                "sha256": "",
                "etag": "",
                "content_type": "",
                "metadata": {},
            }
        )
        with pytest.raises(ValueError, match="no key of a lake"):
            copies.Copied.of_line(line)


def test_an_export_of_a_newer_version_is_refused(target: Target, tmp_path: Path) -> None:
    exported(target, tmp_path)
    other = empty(target, {"plays": ["account"], "chart_entries": ["chart"]})

    with pytest.raises(Trouble, match=r"newer Soundlake .*plays has no column uri"):
        restored(other, tmp_path)
    other.__dict__["glue"].tables = {"plays": ["account", "uri"]}
    with pytest.raises(Trouble, match=r"newer Soundlake .*no table chart_entries"):
        restored(other, tmp_path)
    assert objects(other) == {}

    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"soundlake_export": 2}))
    with pytest.raises(Trouble, match=r"newer Soundlake .*version 2"):
        restore.opened(tmp_path)


def test_an_export_of_an_older_version_comes_in(target: Target, tmp_path: Path) -> None:
    exported(target, tmp_path)
    newer = {name: [*columns, "new"] for name, columns in TABLES.items()} | {"new_table": ["x"]}

    restored(empty(target, newer), tmp_path)


#### THE COMMANDS ##################################################################################


def test_the_commands_say_what_they_did(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "choose", lambda *_: target)
    done = CliRunner().invoke(cli.main, ["export", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert f"Exported 6 objects, 0.0 kB, to {tmp_path / 'out'}." in done.output
    assert "exporting: 6 of 6 objects" in done.output
    assert "./soundlake connect" in done.output
    told = CliRunner().invoke(cli.main, ["export", str(tmp_path / "out"), "--json"])
    assert json.loads(told.output)["accounts"] == [MINE, OTHER]

    other = empty(target)
    monkeypatch.setattr(cli, "choose", lambda *_: other)
    done = CliRunner().invoke(cli.main, ["restore", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "Restored 6 objects, 0.0 kB." in done.output
    assert f"{MINE}: Spotify no longer takes" in done.output
    told = CliRunner().invoke(cli.main, ["restore", str(tmp_path / "out"), "--json"])
    assert json.loads(told.output)["there_already"] == 6


#### REWIND ########################################################################################


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], datetime]:
    """Set the time of S3, in minutes since the start; what it was set to."""

    def at(minutes: int) -> datetime:
        now = NOW + timedelta(minutes=minutes)
        monkeypatch.setattr("moto.s3.models.utcnow", lambda: now.replace(tzinfo=None))
        return now

    at(0)
    return at


def test_a_lake_is_brought_back_as_it_was_and_forth_again(
    clock: Callable[[int], datetime],
) -> None:
    target = stack(BUCKET)
    new, gone = CHART.replace("NO", "SE"), CHART.replace("NO", "DK")
    for key in (PLAYS, CHART, gone):
        put(target, key, b"first")
    put(target, PAGE, b"page", Metadata={"at": "then"})
    clock(1)
    put(target, PLAYS, b"second")
    then = clock(2)
    clock(3)
    put(target, PLAYS, b"third")
    put(target, new, b"new")
    put(target, PAGE.replace("run-1", "run-2"), b"new page")
    target.s3.delete_object(Bucket=BUCKET, Key=gone)
    target.s3.delete_object(Bucket=BUCKET, Key=PAGE)
    before, later = objects(target), clock(4)
    clock(5)

    lake = rewind.plan(target, then, "lake/", later)
    assert {one.key: one.version is None for one in lake} == {PLAYS: False, new: True, gone: False}
    rewind.rewind(target, lake)

    assert {key: body for key, body in objects(target).items() if key.startswith("lake/")} == {
        PLAYS: b"second",
        CHART: b"first",
        gone: b"first",
    }
    assert rewind.plan(target, then, "lake/", later) == []
    # Of the raw zone only what is gone comes back.
    raw = rewind.plan(target, then, "raw/", later)
    assert [one.key for one in raw] == [PAGE]
    rewind.rewind(target, raw)
    assert target.s3.head_object(Bucket=BUCKET, Key=PAGE)["Metadata"] == {"at": "then"}
    # And forth.
    rewind.rewind(target, rewind.plan(target, later, "lake/", NOW + timedelta(minutes=6)))
    assert objects(target) == before | {PAGE: b"page"}


def test_one_object_is_brought_back(clock: Callable[[int], datetime]) -> None:
    target = stack(BUCKET)
    for key in (PLAYS, OTHERS):
        put(target, key, b"whole")
    then = clock(1)
    clock(2)
    for key in (PLAYS, OTHERS):
        put(target, key, b"damaged")

    rewind.rewind(target, rewind.plan(target, then, PLAYS, then))

    assert objects(target) == {PLAYS: b"whole", OTHERS: b"damaged"}


@pytest.fixture
def replaced(clock: Callable[[int], datetime]) -> tuple[Target, datetime]:
    """A lake in which one object was replaced, and a time before that."""
    target = stack(BUCKET)
    put(target, PLAYS, b"first")
    then = clock(1)
    clock(2)
    put(target, PLAYS, b"second")
    return target, then


def test_an_object_that_was_written_meanwhile_is_not_replaced(
    replaced: tuple[Target, datetime],
) -> None:
    target, then = replaced
    steps = rewind.plan(target, then, "lake/", then)
    put(target, PLAYS, b"third")

    with pytest.raises(Trouble, match="written by somebody else"):
        rewind.rewind(target, steps)

    assert objects(target) == {PLAYS: b"third"}


def test_an_object_that_was_written_meanwhile_is_not_taken_away(
    clock: Callable[[int], datetime],
) -> None:
    target = stack(BUCKET)
    then = clock(1)
    clock(2)
    put(target, PLAYS, b"new")
    steps = rewind.plan(target, then, "lake/", then)
    assert [one.version for one in steps] == [None]
    put(target, PLAYS, b"newer")

    with pytest.raises(Trouble, match="written by somebody else"):
        rewind.rewind(target, steps)

    assert objects(target) == {PLAYS: b"newer"}


def test_what_s3_has_forgotten_is_not_taken_for_what_never_was() -> None:
    target = stack(BUCKET)
    put(target, PLAYS, b"first")
    rules: Any = {
        "Rules": [
            {
                "ID": "ForgetReplacedObjects",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            }
        ]
    }
    target.s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=rules)

    with pytest.raises(Trouble, match="more than 30 days ago"):
        rewind.plan(target, NOW - timedelta(days=31), "lake/", NOW)

    assert rewind.plan(target, NOW - timedelta(days=29), "lake/", NOW) != []


def test_a_zone_may_be_named_without_its_slash_and_nothing_is_not_as_it_was(
    replaced: tuple[Target, datetime],
) -> None:
    target, then = replaced
    assert [one.key for one in rewind.plan(target, then, "lake", then)] == [PLAYS]
    with pytest.raises(Misuse, match="Nothing is under 'lake/play/'"):
        rewind.plan(target, then, "lake/play/", then)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["yesterday"], "'yesterday' is no time"),
        (["2999-01-01T00:00:00Z"], "still to come"),
        (["2026-11-20T00:00:00Z", "athena/"], "'athena/' is not in"),
    ],
)
def test_a_rewind_to_nowhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    monkeypatch.setattr(cli, "choose", lambda *_: stack(BUCKET))
    done = CliRunner().invoke(cli.main, ["rewind", *arguments])
    assert done.exit_code == 2
    assert expected in done.output


def test_a_rewind_asks_first(
    clock: Callable[[int], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock(-60)
    target = stack(BUCKET)
    put(target, PLAYS, b"first")
    monkeypatch.setattr(cli, "choose", lambda *_: target)
    monkeypatch.setattr(machines, "now", lambda: NOW)
    when = (NOW - timedelta(minutes=90)).isoformat().replace("+00:00", "Z")

    no = CliRunner().invoke(cli.main, ["rewind", when], input="n\n")
    assert no.exit_code == 1
    assert "0 objects are brought back, and 1 newer ones taken away" in no.output
    assert objects(target) == {PLAYS: b"first"}
    clock(-30)
    yes = CliRunner().invoke(cli.main, ["rewind", when, "--yes"])
    assert yes.exit_code == 0, yes.output
    assert objects(target) == {}
    again = CliRunner().invoke(cli.main, ["rewind", when, "--yes"])
    assert "is as it was" in again.output


def test_an_account_that_was_never_captured_comes_back_as_it_was() -> None:
    from soundlake.accounts import disconnected
    from soundlake.accounts import restored as after

    ended = disconnected(SOLVEIG, NOW)
    assert [after(one, NOW) for one in (IMPORTED, ended)] == [IMPORTED, ended]
    for state in (State.CONNECTING, State.NOT_ALLOWED, State.WRONG_APP):
        one: Account = replace(SOLVEIG, state=state, retry_at=NOW, rejected_by="run")
        assert after(one, NOW) == replace(SOLVEIG, state=State.NEEDS_CONSENT)
