"""The capture machine, run: which way, what is kept, what the run says at its end."""

import re
from datetime import timedelta
from typing import Any

import pytest
from soundlake.store.lake import object_key
from soundlake.times import parse_time

from tests.statemachines.engine import Execution
from tests.statemachines.fake_spotify import PLAYED, REFRESH_TOKEN, TOKEN
from tests.statemachines.scenarios import story
from tests.statemachines.world import BUCKET, MONTH, Story

TO_ACCOUNTS = ["Select", "CaptureAccounts", "CheckRound"]
ENDS = {
    "SUCCEEDED": [*TO_ACCOUNTS, "Captured"],
    "FAILED": [*TO_ACCOUNTS, "NotCaptured"],
}
AGAIN = ["WaitForRound", *TO_ACCOUNTS]
WELL = ["Capture", "CheckCapture", "Derive"]
UNCHANGED = ["Capture", "CheckCapture", "RecordUnchanged"]
LIMITED = ["Capture", "CheckCapture", "WaitForSpotify"]
CAUGHT = ["Capture", "Derive"]
RAW = f"raw/recently-played/main/month={MONTH}/20250305T120700000Z_run-1.json.gz"
QUOTED = r'RuntimeError: {"errorMessage":"it broke: \"{a} $b\"","errorType":"RuntimeError"'


def _only_capture(told: Story) -> dict[str, Any]:
    (row,) = told.rows("captures")
    return row


def _went(run: Execution) -> tuple[str, list[str]]:
    """How a run of one round ended, and the way of its one account."""
    assert run.path == ENDS[run.status]
    (branch,) = run.branches
    return run.status, branch


def _account(run: Execution) -> dict[str, Any]:
    """What the run's one account ended with."""
    (account,) = run.output["accounts"]
    return dict(account)


def _why(run: Execution) -> str:
    """Why the run's one account could not be captured."""
    assert run.error == "NotCaptured"
    match = re.fullmatch(r"Not captured: main \((.*)\)", str(run.cause), re.S)
    assert match is not None
    return match[1]


def test_captured() -> None:
    told = story("captured")
    run = told.run
    assert _went(run) == ("SUCCEEDED", WELL)
    assert (run.waits, run.sleeps) == ([], [])
    assert run.requests == [TOKEN, PLAYED]
    assert _account(run)["status"] == "captured"
    assert [_account(run)[each] for each in ("new", "late", "known")] == [5, 0, 0]
    assert told.keys("raw/") == [RAW]
    assert len(told.rows("plays")) == len(told.rows("observations")) == 5
    row = _only_capture(told)
    assert (row["outcome"], row["capture_id"], row["raw_key"]) == ("captured", "run-1", RAW)


def test_without_a_time_the_runs_own_start_counts() -> None:
    told = story("captured_without_input")
    run = told.run
    (select,) = run.invoked("Select")
    assert _went(run) == ("SUCCEEDED", WELL)
    start = select.event["start_time"]
    assert _account(run)["captured_at"] == start
    month = start[:7]
    (key,) = told.keys("raw/")
    assert key.startswith(f"raw/recently-played/main/month={month}/")
    assert told.keys("lake/captures/") == [object_key("captures", month, "main")]


def test_the_schedule_captures_three_times_within_its_hour() -> None:
    told = story("captured_by_an_unreplaced_schedule")
    run = told.runs[0]
    assert run.path == [*TO_ACCOUNTS, *AGAIN, *AGAIN, "Captured"]
    assert run.branches == [[*WELL, *UNCHANGED, *UNCHANGED]]
    assert [state for state, _ in run.waits] == ["WaitForRound"] * 2
    assert all(1100 < seconds <= 2400 for _, seconds in run.waits)
    start, *_ = (parse_time(call.event["start_time"]) for call in run.invoked("Select"))
    times = [parse_time(call.event["captured_at"]) for call in run.invoked("Capture")]
    assert times == [start + timedelta(minutes=minutes) for minutes in (0, 20, 40)]
    assert len(told.keys("raw/")) == 4


def test_a_look_that_finds_what_was_derived_is_left_to_the_next_runs_first_one() -> None:
    told = story("captured_by_an_unreplaced_schedule")
    first, second = told.runs
    assert first.output["accounts"] == [
        {
            "account": "main",
            "captured_at": first.invoked("Capture")[2].result["captured_at"],
            "status": "captured",
            "shown": first.invoked("Capture")[0].result["shown"],
            "derived": 0,
            "new": 0,
            "requests": {PLAYED: 1},
        }
    ]
    assert second.branches == [WELL]
    # The two that were left, and its own, whose time is the earliest of the three.
    assert (_account(second)["derived"], _account(second)["new"]) == (3, 0)
    ids = {row["capture_id"]: row["new"] for row in told.rows("captures")}
    assert ids == {"run-1": 5, "run-1-1": 0, "run-1-2": 0, "run-2": 0}


def test_a_look_that_finds_something_new_is_derived() -> None:
    run = story("captured_while_somebody_listens").run
    assert run.branches == [[*WELL, *WELL, *LIMITED, *UNCHANGED]]
    assert [call.result["new"] for call in run.invoked("Derive")] == [5, 1]
    first, second, limited, third = (call.result for call in run.invoked("Capture"))
    assert first["shown"] != second["shown"] == third["shown"]
    assert limited["status"] == "rate_limited"
    assert (run.status, run.requests.count(PLAYED)) == ("SUCCEEDED", 4)


def test_after_a_derive_that_failed_the_next_look_derives_whatever_is_shown() -> None:
    told = story("captured_by_a_schedule_with_derive_throwing")
    run = told.run
    failed = ["Capture", "CheckCapture", "Derive", "RecordFailure"]
    assert run.branches == [[*failed, *WELL, *UNCHANGED]]
    done = [call.result["counts"]["new"] for call in run.invoked("Derive") if call.result]
    assert done == [5]
    assert {row["capture_id"] for row in told.rows("captures")} == {"run-1", "run-1-1"}
    assert run.error == "NotCaptured"


def test_an_empty_page_that_is_empty_again_is_nothing_new() -> None:
    run = story("captured_by_a_schedule_with_nothing_played").run
    assert (run.status, run.branches) == ("SUCCEEDED", [[*WELL, *UNCHANGED, *UNCHANGED]])


def test_an_account_that_waits_for_its_user_fails_no_run_and_delays_no_other() -> None:
    told = story("two_accounts_one_without_consent")
    first, second, third = told.runs
    assert [run.status for run in told.runs] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert first.branches == [WELL, WELL]
    assert second.branches == [WELL, WELL]
    assert third.branches == [WELL]
    (waiting,) = third.output["select"]["waiting"]
    assert waiting["state"] == "needs_consent"
    assert "./soundlake connect" in waiting["error"]
    outcomes = {(row["account"], row["outcome"]) for row in told.rows("captures")}
    assert outcomes == {("main", "captured"), ("other", "failed"), ("other", "needs_consent")}


def _damaged(account: str) -> str:
    return (
        f"{account} (The item of the account {account} cannot be read (its 'state' is wrong: '?' "
        "is not a valid State); correct or delete it in the table of accounts.)"
    )


def test_a_damaged_account_is_named_at_the_end_and_no_other_nor_round_is_lost() -> None:
    told = story("two_accounts_one_damaged")
    run, after = told.runs
    assert run.path == [*TO_ACCOUNTS, *AGAIN, *AGAIN, "NotCaptured"]
    assert run.branches == [[*WELL, *UNCHANGED, *UNCHANGED]]
    assert (run.status, run.error) == ("FAILED", "NotCaptured")
    assert run.cause == f"Not captured: {_damaged('other')}"  # once, not once a round
    assert [len(call.result["damaged"]) for call in run.invoked("Select")] == [1, 1, 1]
    assert len(told.keys("raw/")) == 4
    assert after.status == "SUCCEEDED"
    assert after.output["failures"] == []


def test_what_fails_and_what_is_damaged_are_both_named() -> None:
    run = story("two_accounts_one_damaged_and_one_failing").run
    no_token = "other (There is no SecureString /soundlake/dev/accounts/other/token; write it"
    assert run.branches == [[*WELL, *UNCHANGED, *UNCHANGED], WELL * 2]
    assert run.status == "FAILED"
    assert str(run.cause).count(no_token) == 2
    assert str(run.cause).count(_damaged("other")) == 1


def test_a_run_of_damaged_accounts_alone_names_them_all() -> None:
    run = story("all_accounts_damaged").run
    assert (run.path, run.branches) == (ENDS["FAILED"], [])
    assert run.cause == f"Not captured: {_damaged('main')}; {_damaged('other')}"


def test_a_run_without_accounts_has_nothing_to_do() -> None:
    run = story("captured_without_accounts").run
    assert (run.status, run.path, run.branches) == ("SUCCEEDED", ENDS["SUCCEEDED"], [])


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        ("capture_with_a_wrong_field", "The input's 'when' is wrong"),
        ("capture_with_a_wrong_time", "'12:07' is not a time"),
    ],
)
def test_a_wrong_input_ends_the_run_with_one_sentence(scenario: str, sentence: str) -> None:
    run = story(scenario).run
    assert (run.status, run.error) == ("FAILED", "NotSelected")
    assert (run.path, run.branches) == ([*TO_ACCOUNTS, "NotSelected"], [])
    assert sentence in str(run.cause)
    assert run.requests == []


def test_a_second_run_adds_nothing_twice() -> None:
    told = story("captured_twice")
    first, second = told.runs
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert (_account(second)["new"], _account(second)["known"]) == (0, 5)
    assert len(told.rows("plays")) == 5
    for table in ("plays", "observations"):
        assert len(told.versions[object_key(table, MONTH, "main")]) == 1
    assert [row["new"] for row in told.rows("captures")] == [5, 0]


def test_an_empty_page_is_no_failure() -> None:
    told = story("empty")
    assert _went(told.run) == ("SUCCEEDED", WELL)
    assert _account(told.run)["status"] == "empty"
    assert _only_capture(told)["outcome"] == "empty"
    assert told.keys("lake/plays/") == []


#### SPOTIFY ASKS TO WAIT ##########################################################################


@pytest.mark.parametrize(
    ("scenario", "seconds"),
    [
        ("capture_limited_once", 7),
        ("capture_limited_at_the_token", 11),
        ("capture_limited_for_five_minutes", 300),
        ("capture_unavailable_for_a_while", 60),
    ],
)
def test_the_wait_is_exactly_as_long_as_spotify_asks(scenario: str, seconds: int) -> None:
    told = story(scenario)
    run = told.run
    assert _went(run) == ("SUCCEEDED", LIMITED + WELL)
    assert run.waits == [("WaitForSpotify", seconds)]
    assert run.sleeps == []
    assert _only_capture(told)["outcome"] == "captured"


def test_after_three_waits_the_attempt_is_recorded_as_failed() -> None:
    told = story("capture_limited_always")
    run = told.run
    assert _went(run) == ("FAILED", LIMITED * 3 + WELL)
    assert run.waits == [("WaitForSpotify", seconds) for seconds in (7, 8, 9)]
    assert run.requests.count(PLAYED) == 4
    assert _why(run) == "Spotify's rate limit: wait 10 s."
    row = _only_capture(told)
    assert (row["outcome"], row["error"]) == ("rate_limited", _why(run))
    assert told.keys("raw/") == []


def test_more_than_five_minutes_are_not_waited_for() -> None:
    told = story("capture_limited_for_longer")
    run = told.run
    assert (*_went(run), run.waits) == ("FAILED", WELL, [])
    assert _why(run) == "Spotify's rate limit: wait 301 s."
    assert _only_capture(told)["outcome"] == "rate_limited"


#### FAILURES THAT WERE FORESEEN ###################################################################


@pytest.mark.parametrize(
    ("scenario", "sentence", "requests"),
    [
        ("capture_refused", "Spotify refused /v1/me/player/recently-played with 403", 2),
        ("capture_with_ended_consent", "the next run will tell", 1),
    ],
)
def test_a_foreseen_failure_is_recorded_and_said(
    scenario: str, sentence: str, requests: int
) -> None:
    told = story(scenario)
    run = told.run
    assert _went(run) == ("FAILED", WELL)
    assert sentence in str(run.cause)
    assert (run.waits, run.sleeps) == ([], [])
    assert len(run.requests) == requests
    row = _only_capture(told)
    assert (row["outcome"], row["error"]) == ("failed", _why(run))
    assert told.keys("raw/") == []


def test_an_answer_of_something_else_is_kept_and_named() -> None:
    told = story("capture_of_something_else")
    run = told.run
    assert _went(run) == ("FAILED", WELL)
    assert RAW in str(run.cause)
    assert "recently played: items" in str(run.cause)
    assert told.keys("raw/") == [RAW]
    assert told.keys("lake/plays/") == []


def test_a_wrong_app_is_said_and_fails_no_run() -> None:
    told = story("capture_with_wrong_app")
    assert _went(told.run) == ("SUCCEEDED", WELL)
    assert "./soundlake app" in _account(told.run)["error"]
    assert _only_capture(told)["outcome"] == "wrong_app"


def test_a_rotated_token_is_kept_and_used() -> None:
    told = story("capture_with_a_rotated_token")
    assert [run.status for run in told.runs] == ["SUCCEEDED", "SUCCEEDED"]
    kept = [each for each in told.secrets.values() if "refresh_token" in each]
    assert [each["refresh_token"] for each in kept] == ["made-up-second-token"]
    assert [each["previous"] for each in kept] == [REFRESH_TOKEN]  # until the new one has worked


@pytest.mark.parametrize("scenario", ["captured", "capture_with_a_rotated_token"])
def test_no_secret_passes_through_the_machine(scenario: str) -> None:
    for run in story(scenario).runs:
        seen = repr((run.output, run.cause, run.invocations))
        assert "made-up-client-secret" not in seen
        assert "token'" not in seen.replace("api/token'", "")
        assert "made-up-refresh-token" not in seen
        assert "made-up-second-token" not in seen
        assert "made-up-access-token" not in seen


def test_a_corrupt_object_of_the_lake_stays_as_it_is() -> None:
    told = story("derive_finds_a_corrupt_object")
    key = object_key("observations", MONTH, "main")
    assert _went(told.run) == ("FAILED", WELL)
    assert f"{key} is not a whole Parquet file" in str(told.run.cause)
    assert told.versions[key] == [b"not Parquet"]
    assert told.keys("raw/") == [RAW]


#### FAILURES THAT WERE NOT FORESEEN ###############################################################


def test_two_throws_are_tried_again() -> None:
    run = story("capture_throws_twice").run
    assert _went(run) == ("SUCCEEDED", WELL)
    assert run.sleeps == [2, 4]
    assert len(run.invoked("Capture")) == 3


def test_a_select_that_throws_is_tried_again() -> None:
    run = story("select_throws_twice").run
    assert _went(run) == ("SUCCEEDED", WELL)
    assert run.sleeps == [2, 4]


def test_throwing_always_is_recorded_as_failed() -> None:
    told = story("capture_throws")
    run = told.run
    assert _went(run) == ("FAILED", CAUGHT)
    assert run.sleeps == [2, 4]
    assert _why(run).startswith(QUOTED)
    row = _only_capture(told)
    assert (row["outcome"], row["error"]) == ("failed", _why(run))


def test_a_long_text_is_cut() -> None:
    told = story("capture_throws_with_a_long_text")
    assert len(_why(told.run)) == 240
    assert _only_capture(told)["error"] == _why(told.run)


def test_a_timeout_is_recorded_as_failed() -> None:
    """moto would wait the task's whole time, so the handler raises what a timeout is."""
    told = story("capture_times_out")
    assert _went(told.run) == ("FAILED", CAUGHT)
    assert _why(told.run) == "States.Timeout: "
    assert _only_capture(told)["outcome"] == "failed"


@pytest.mark.parametrize("told", ["capture_is_throttled", "capture_is_being_updated"])
def test_lambdas_own_errors_have_a_longer_retry(told: str) -> None:
    run = story(told).run
    assert _went(run) == ("SUCCEEDED", WELL)
    assert run.sleeps == [1, 2, 4, 8]


def test_a_retry_finds_the_page_that_was_kept() -> None:
    told = story("capture_throws_after_it_kept_the_page")
    assert told.run.status == "SUCCEEDED"
    assert told.run.requests == [TOKEN, PLAYED]
    assert len(told.versions[RAW]) == 1
    assert len(told.rows("plays")) == 5


def test_a_kept_page_is_derived_whatever_became_of_its_run() -> None:
    told = story("capture_throws_always_after_it_kept_the_page")
    first, second = told.runs
    assert _went(first) == ("FAILED", CAUGHT)
    assert first.requests == [TOKEN, PLAYED]
    (derive,) = first.invoked("Derive")
    assert (derive.result["derived"], derive.result["counts"]["new"]) == (1, 5)
    assert (second.status, _account(second)["new"]) == ("SUCCEEDED", 0)
    assert len(told.rows("plays")) == 5
    assert {row["capture_id"] for row in told.rows("captures")} == {"run-1", "run-2"}
    assert {row["outcome"] for row in told.rows("captures")} == {"captured"}


def test_derive_throwing_loses_nothing() -> None:
    told = story("derive_throws")
    first, second = told.runs
    assert _went(first) == ("FAILED", ["Capture", "CheckCapture", "Derive", "RecordFailure"])
    assert first.sleeps == [2, 4]
    assert _why(first).startswith(f"Derive: {QUOTED}")
    assert _why(first).endswith("the next look derives what this one captured.")
    assert _went(second) == ("SUCCEEDED", WELL)
    assert [row["capture_id"] for row in told.rows("captures")] == ["run-1", "run-2"]
    assert len(told.rows("plays")) == 5


def test_it_all_happens_in_the_templates_bucket() -> None:
    resources = {call.resource for call in story("captured").calls if call.action[:2] == "s3"}
    assert resources
    assert all(each.startswith(f"arn:aws:s3:::{BUCKET}") for each in resources)


def test_what_could_not_be_seen_is_a_gap_and_touches_its_days() -> None:
    told = story("captured_after_days_without")
    assert [run.status for run in told.runs] == ["SUCCEEDED", "SUCCEEDED"]
    (gap,) = told.rows("gaps")
    assert gap["from_time"] == max(row["time"] for row in told.rows("observations")[:-1])
    assert (gap["reason"], gap["closed_by"]) == ("missed", None)
    days = {str(row["day"]): row["certainty"] for row in told.rows("account_days")}
    assert days["2025-03-07"] == "gap"
