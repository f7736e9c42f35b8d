"""What AWS itself may do to a run: answers that are slow, undecided, lost, throttled or damaged.

The errors are AWS's own, in the place of an answer (`gate.py`) or, of Lambda, by a function's
reserved concurrency. What a trial leaves is compared with what undisturbed runs leave, byte by
byte: nothing is lost and nothing is there twice.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cli import accounts, imports
from cli.accounts import listed
from tests.disks import fill, small_disk, written_to
from tests.exports import packages
from tests.exports.lives import Play, life
from tests.stack.conftest import Stack
from tests.stack.gate import Kill, Refusal
from tests.stack.trials import Trial
from tests.stack.undisturbed import Undisturbed, shared, without_batches

DIED = "Worker process died"
ZONES = ("lake/", "raw/", "staging/")
ALWAYS = 10**6


def same(trial: Trial, undisturbed: Undisturbed) -> None:
    """Nothing is lost, nothing is doubled, no source was asked once more, no object is half."""
    assert trial.objects(*ZONES) == undisturbed.objects
    assert trial.versions("lake/") == undisturbed.written
    assert trial.requests() == undisturbed.requests
    trial.check_raw()


def all_given(refusals: list[Refusal]) -> None:
    assert [each.given for each in refusals] == [each.times for each in refusals]


# S3.


def test_s3_that_is_slow_undecided_or_loses_its_answers_changes_nothing_of_a_day(
    trial: Trial, day: Undisturbed
) -> None:
    charts = [f"daily-{country}" for country in trial.charts]
    refusals = [
        Refusal(f"PUT raw/charts/spotify/{charts[0]}/", 503, "SlowDown", times=2),
        Refusal(f"PUT raw/charts/spotify/{charts[1]}/", 409, "ConditionalRequestConflict", times=2),
        # It was written, and the answer was lost: the next try meets what it wrote itself, 412.
        Refusal(f"PUT raw/charts/spotify/{charts[2]}/", 500, "InternalError", done=True),
        Refusal(f"PUT lake/chart_entries/.*/{charts[0]}", 503, "ServiceUnavailable", done=True),
        Refusal(f"PUT lake/chart_entries/.*/{charts[1]}", 412, "PreconditionFailed"),
        Refusal("PUT staging/", 503, "SlowDown"),
        Refusal("GET staging/", 503, "SlowDown"),
        Refusal(r"PUT raw/audio-features/.*\.asked", 503, "SlowDown", done=True),
        Refusal("PUT raw/albums/", 409, "ConditionalRequestConflict"),
        Refusal("PUT raw/artists/", 503, "SlowDown", done=True),
        Refusal("PUT raw/audio-analysis/", 500, "InternalError"),
        Refusal("PUT queue/", 409, "ConditionalRequestConflict"),
        Refusal("GET raw/", 503, "SlowDown", times=2),
        Refusal("PUT lake/tracks/", 409, "ConditionalRequestConflict"),
        Refusal("PUT lake/artists/", 412, "PreconditionFailed"),
        Refusal("PUT lake/audio_features/", 503, "SlowDown", done=True),
        Refusal("PUT lake/chart_days/", 503, "SlowDown", times=2),
        Refusal("GET lake/", 503, "SlowDown", times=2),
        Refusal("PUT lake/data_quality/", 403, "RequestTimeTooSkewed"),
    ]
    trial.refuse(*refusals)

    run = trial.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    all_given(refusals)
    same(trial, day)


def test_s3_that_is_slow_undecided_or_loses_its_answers_changes_nothing_of_captures(
    trial: Trial, captures: Undisturbed
) -> None:
    refusals = [
        Refusal("PUT raw/recently-played/", 409, "ConditionalRequestConflict", times=2),
        Refusal("PUT raw/recently-played/", 503, "SlowDown", done=True),
        Refusal("GET raw/recently-played/", 503, "SlowDown"),
        Refusal("PUT lake/observations/", 500, "InternalError", done=True),
        Refusal("PUT lake/plays/", 409, "ConditionalRequestConflict"),
        Refusal("PUT lake/captures/", 412, "PreconditionFailed", times=2),
        Refusal("PUT lake/plays/", 503, "SlowDown", done=True),
    ]
    trial.refuse(*refusals)

    runs = [trial.run("capture") for _ in range(2)]

    assert [run.get("cause") for run in runs] == [None] * 2
    all_given(refusals)
    assert {table: trial.rows(table) for table in captures.rows} == captures.rows
    assert trial.requests() == captures.requests
    assert trial.versions("lake/") == captures.written
    trial.check_raw()


@pytest.mark.slow
def test_what_s3_refuses_for_a_whole_run_is_named_and_the_next_run_has_it(
    trial: Trial, day: Undisturbed
) -> None:
    chart = f"daily-{trial.charts[0]}"
    trial.refuse(Refusal(f"PUT lake/chart_entries/.*/{chart}", 503, "SlowDown", times=ALWAYS))

    failed = trial.run("daily")
    trial.gate.refusals.clear()
    again = trial.run("daily")

    assert (failed["status"], failed["error"]) == ("FAILED", "Incomplete")
    assert f"{chart} (Load: Runtime.HandlerError" in failed["cause"]
    assert again["status"] == "SUCCEEDED", again["cause"]
    assert [each["chart"] for each in again["output"]["charts"]] == [chart]
    assert shared(trial) == without_batches(day.rows)
    assert trial.requests()["playlists/{id}"] == day.requests["playlists/{id}"]
    trial.check_raw()


# A disk that is full.


@pytest.mark.slow
def test_a_disk_that_fills_up_in_a_run_loses_nothing_and_once_there_is_room_all_is_made_up_for(
    trial: Trial, day: Undisturbed, captures: Undisturbed, tmp_path: Path
) -> None:
    data = trial.stack.lake.state.folder / "s3"
    with small_disk(tmp_path / "disk", 64) as disk, written_to(disk, data):
        others, kept = list[Path](), dict[str, bytes]()

        def fill_up() -> None:
            kept.update(trial.objects(*ZONES))
            others.append(fill(disk))

        # Answers are kept and no table is written yet.
        trial.meanwhile("PUT lake/chart_entries/", fill_up)
        failed = [trial.run("daily"), trial.run("capture")]
        full = trial.objects(*ZONES)
        others.pop().unlink()
        again = [trial.run("capture"), trial.run("capture"), trial.run("daily")]

        assert [run["status"] for run in failed] == ["FAILED"] * 2
        assert all("InsufficientStorage" in run["cause"] for run in failed)
        assert any(key.startswith("raw/charts/") for key in kept)
        assert kept.items() <= full.items()
        assert [run.get("cause") for run in again] == [None] * 3
        for table in ("observations", "plays"):
            assert len(trial.rows(table)) == len(captures.rows[table])
        for table in ("chart_entries", "country_profiles", "chart_days", "data_quality"):
            assert shared(trial)[table] == without_batches(day.rows)[table]
        # What could not be kept was asked for again, and nothing else.
        assert len(trial.keys("raw/charts/")) == len(trial.charts)
        assert set(kept) <= set(trial.keys())
        trial.check_raw()


# Throttling.

THROTTLED = ("ThrottlingException", "ProvisionedThroughputExceededException")


def test_throttled_tables_and_parameters_change_nothing(
    trial: Trial, day: Undisturbed, captures: Undisturbed
) -> None:
    forget_access_token(trial.stack)
    refusals = [
        Refusal("DynamoDB GetItem", 400, THROTTLED[1], times=2),
        Refusal("DynamoDB UpdateItem", 400, THROTTLED[0], times=2),
        Refusal("DynamoDB (Scan|BatchGetItem)", 400, THROTTLED[1]),
        Refusal("SSM GetParameter", 400, THROTTLED[0]),
        Refusal("SSM PutParameter", 400, THROTTLED[0]),
    ]
    trial.refuse(*refusals)
    runs = [trial.run("capture") for _ in range(2)]
    all_given(refusals)
    for each in refusals[:2]:
        each.given = 0
    runs.append(trial.run("daily"))

    assert [run.get("cause") for run in runs] == [None] * 3
    assert [trial.failures(run) for run in runs] == [[]] * 3  # the clients tried again
    all_given(refusals)
    for table in ("observations", "plays", "captures"):
        assert trial.rows(table) == captures.rows[table]
    for table in ("chart_entries", "country_profiles", "chart_days", "data_quality"):
        assert shared(trial)[table] == without_batches(day.rows)[table]
    asked = trial.requests()
    assert asked["me/player/recently-played"] == 2
    assert asked["playlists/{id}"] == day.requests["playlists/{id}"]
    trial.check_raw()


@pytest.mark.slow
def test_tables_that_stay_throttled_end_the_run_and_the_next_one_has_all(
    trial: Trial, captures: Undisturbed
) -> None:
    trial.refuse(Refusal("DynamoDB", 400, THROTTLED[1], times=ALWAYS))
    failed = trial.run("capture")
    trial.gate.refusals.clear()
    runs = [trial.run("capture") for _ in range(2)]

    assert failed["status"] == "FAILED"
    assert THROTTLED[1] in failed["cause"]
    assert [run.get("cause") for run in runs] == [None] * 2
    assert len(trial.rows("plays")) == len(captures.rows["plays"])
    assert len(trial.rows("observations")) == len(captures.rows["observations"])
    trial.check_raw()


@contextmanager
def at_most(trial: Trial, verb: str, executions: int) -> Iterator[None]:
    """Let a function run so often at once and no more, as where an account's limit is reached."""
    functions = trial.stack.lake.target.functions
    name = f"{trial.stack.lake.target.stack}-{verb}"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)
    try:
        yield
    finally:
        functions.delete_function_concurrency(FunctionName=name)


def test_a_function_that_lambda_throttles_is_named_and_the_next_run_has_all(
    trial: Trial, day: Undisturbed
) -> None:
    with at_most(trial, "load", 0):
        failed = trial.run("daily")
    again = trial.run("daily")

    assert (failed["status"], failed["error"]) == ("FAILED", "Incomplete")
    assert failed["cause"].count("Rate Exceeded") >= 1
    assert {row["status"] for row in trial.rows("chart_days")} == {"loaded"}
    assert again["status"] == "SUCCEEDED", again["cause"]
    assert shared(trial) == without_batches(day.rows)
    assert trial.requests()["playlists/{id}"] == day.requests["playlists/{id}"]
    trial.check_raw()


def test_a_derive_that_lambda_throttles_is_made_up_for_by_the_next_capture(
    trial: Trial, captures: Undisturbed
) -> None:
    with at_most(trial, "derive", 0):
        failed = trial.run("capture")
    again = trial.run("capture")

    assert (failed["status"], failed["error"]) == ("FAILED", "NotCaptured")
    assert "Rate Exceeded" in failed["cause"]
    assert again["status"] == "SUCCEEDED", again["cause"]
    assert {table: trial.rows(table) for table in captures.rows} == captures.rows
    assert trial.requests() == captures.requests
    trial.check_raw()


# Kills in writes that are no object of the lake: tokens, items, and an import's.


def forget_access_token(stack: Stack) -> None:
    """Leave the refresh token alone, so that the next capture has to store another token.

    And whoever died at that has the right to refresh it no more, as after a minute and a half.
    """
    target = stack.lake.target
    (one,) = listed(target)
    name = f"{target.output('ParameterPrefix')}/accounts/{one.account}/token"
    value = json.loads(
        target.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    )
    kept = json.dumps({"refresh_token": value["refresh_token"]})
    target.ssm.put_parameter(Name=name, Value=kept, Type="SecureString", Overwrite=True)
    target.dynamodb.update_item(
        TableName=target.output("AccountsTable"),
        Key={"account": {"S": one.account}},
        UpdateExpression="REMOVE lease_by, lease_until",
    )


def test_captures_killed_as_they_store_a_token_are_as_if_nothing_had_been(
    trial: Trial, captures: Undisturbed
) -> None:
    kills = [
        # The right to refresh is taken, renewed, and the token stored.
        [Kill("capture", "after", "DynamoDB UpdateItem"), Kill("capture", "amid", "SSM Put")],
        [Kill("capture", "after", "DynamoDB UpdateItem", nth=2), Kill("capture", "after", "SSM P")],
    ]
    runs = []
    for each in kills:
        forget_access_token(trial.stack)
        trial.gate.kills[:] = each
        runs.append(trial.run("capture"))

    assert [run.get("cause") for run in runs] == [None] * 2
    assert [kill.killed for each in kills for kill in each] == [1] * 4
    assert {table: trial.rows(table) for table in captures.rows} == captures.rows
    assert [one.state.value for one in listed(trial.stack.lake.target)] == ["active"]
    trial.check_raw()


@pytest.fixture(scope="module")
def plays() -> list[Play]:
    """A month or so of a made-up life, without oddities."""
    return [play for play in islice(life(20_000, 6, quirks=False), 150) if not play.video][:100]


def imported(trial: Trial, account: str, path: Path) -> dict[str, Any]:
    """Upload a file of history and run its import."""
    target = trial.stack.lake.target
    bucket, key = target.output("UploadsBucket"), f"{imports.PREFIX}{path.stem}/{path.name}"
    target.s3.upload_file(str(path), bucket, key)
    detail = {"bucket": {"name": bucket}, "object": {"key": key}}
    return trial.run("import", {"detail": detail, "account": account})


def test_an_import_killed_in_every_sort_of_write_is_as_if_nothing_had_been(
    trial: Trial, plays: list[Play], tmp_path: Path
) -> None:
    target = trial.stack.lake.target
    account = accounts.table(target).new_imported(trial.stack.lake.facts.clock).account
    files = [(name, body) for name, body, _ in packages.files("spotify_extended", plays, "2025")]
    path = tmp_path / "my_spotify_data.zip"
    packages.zipped(files, path)
    kills = [
        Kill("import", "after", "raw/imports/.*begun"),
        Kill("read", "amid", r"raw/imports/.*\.parquet"),
        Kill("derive", "after", "lake/observations/"),
        Kill("derive", "amid", "lake/plays/"),
        Kill("derive", "after", "lake/import_rows/"),
        Kill("derive", "after", "lake/imports/"),
        Kill("import", "after", "raw/imports/.*concluded"),
    ]
    trial.kill(*kills)
    try:
        run = imported(trial, account, path)

        assert run["status"] == "SUCCEEDED", run["cause"]
        assert [kill.killed for kill in kills] == [1] * len(kills)
        assert (run["output"]["rows"], run["output"]["imported"]) == (100, 100)
        assert [row["outcome"] for row in trial.rows("import_rows")] == ["imported"] * 100
        assert len(trial.rows("imports")) == 1
        played = [(row["played_at"], row["uri"]) for row in trial.rows("plays")]
        assert len(played) == len(set(played)) == 100
        assert len(trial.rows("observations")) == 100
        again = imported(trial, account, path)
        assert again["status"] == "SUCCEEDED", again["cause"]
        assert len(trial.rows("observations")) == 100
    finally:
        accounts.erase(target, account)


# Poison.


def test_a_poisoned_page_is_named_once_stops_nobody_and_is_read_once_it_is_restored(
    trial: Trial, captures: Undisturbed
) -> None:
    s3, found = trial.stack.lake.target.s3, dict[str, bytes]()

    def poison() -> None:
        (key,) = trial.keys("raw/recently-played/")
        answer = s3.get_object(Bucket=trial.bucket, Key=key)
        found[key] = answer["Body"].read()
        s3.put_object(
            Bucket=trial.bucket, Key=key, Body=found[key][:50], Metadata=answer["Metadata"]
        )

    trial.meanwhile("GET lake/captures/", poison)
    failed = trial.run("capture")
    again = trial.run("capture")
    ((key, body),) = found.items()
    outcomes = {row["capture_id"]: row["outcome"] for row in trial.rows("captures")}
    between = len(trial.rows("plays"))
    version = s3.list_object_versions(Bucket=trial.bucket, Prefix=key)["Versions"][-1]
    s3.delete_object(
        Bucket=trial.bucket,
        Key=key,
        VersionId=s3.head_object(Bucket=trial.bucket, Key=key)["VersionId"],
    )
    third = trial.run("capture")

    assert (failed["status"], failed["error"]) == ("FAILED", "NotCaptured")
    assert f"{key} is not a whole gzip object" in failed["cause"]
    assert again["status"] == third["status"] == "SUCCEEDED"
    assert outcomes == {"run 0": "damaged", "run 1": "captured"}
    assert between == len(captures.rows["plays"])
    assert version["Key"] == key
    assert trial.objects(key) == {key: body}
    assert {row["outcome"] for row in trial.rows("captures")} == {"captured"}
    assert len(trial.rows("plays")) == len(captures.rows["plays"])
    trial.check_raw()


def test_poisoned_answers_of_look_ups_are_asked_for_anew_and_left_as_they_are(
    trial: Trial, day: Undisturbed
) -> None:
    s3, poisoned = trial.stack.lake.target.s3, dict[str, bytes]()

    def poison() -> None:
        for kind in ("audio-features", "albums"):
            key = next(each for each in trial.keys(f"raw/{kind}/") if each.endswith(".gz"))
            answer = s3.get_object(Bucket=trial.bucket, Key=key)
            poisoned[key] = b"poison"
            s3.put_object(
                Bucket=trial.bucket, Key=key, Body=poisoned[key], Metadata=answer["Metadata"]
            )

    trial.meanwhile("PUT lake/data_quality/", poison)
    failed, again = trial.run("daily"), trial.run("daily")

    assert (failed["status"], failed["error"]) == ("FAILED", "Incomplete")
    assert len(poisoned) == 2
    for key in poisoned:
        assert f"{key} is not a whole gzip object" in failed["cause"]
    assert again["status"] == "SUCCEEDED", again["cause"]
    kept = trial.objects("raw/")
    assert {key: kept[key] for key in poisoned} == poisoned
    tables, expected = shared(trial), without_batches(day.rows)
    for table in ("tracks", "albums", "audio_features", "chart_entries", "country_profiles"):
        assert len(tables[table]) == len(expected[table])
    assert [row["danceability"] for row in tables["audio_features"]] == [
        row["danceability"] for row in expected["audio_features"]
    ]
