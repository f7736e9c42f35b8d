"""The capture machine, run: which way, what is kept, what the run says at its end."""

import pytest
from soundlake.store.lake import object_key

from tests.statemachines.fake_spotify import PLAYED, REFRESH_TOKEN, TOKEN
from tests.statemachines.scenarios import story
from tests.statemachines.world import BUCKET, MONTH, Story

WELL = ["Capture", "CheckCapture", "Derive", "CheckOutcome", "Captured"]
NOT_WELL = ["Capture", "CheckCapture", "Derive", "CheckOutcome", "NotCaptured"]
LIMITED = ["Capture", "CheckCapture", "WaitForSpotify"]
CAUGHT = ["Capture", "Derive", "CheckOutcome", "NotCaptured"]
RAW = f"raw/recently-played/main/month={MONTH}/20250305T120700000Z_run-1.json.gz"
QUOTED = r'RuntimeError: {"errorMessage":"it broke: \"{a} $b\"","errorType":"RuntimeError"'


def _only_capture(told: Story) -> dict[str, object]:
    (row,) = told.rows("captures")
    return row


def test_captured() -> None:
    told = story("captured")
    run = told.run
    assert (run.status, run.path) == ("SUCCEEDED", WELL)
    assert (run.waits, run.sleeps) == ([], [])
    assert run.requests == [TOKEN, PLAYED]
    assert run.output["status"] == "captured"
    assert (run.output["new"], run.output["late"], run.output["known"]) == (5, 0, 0)
    assert told.keys("raw/") == [RAW]
    assert len(told.rows("plays")) == len(told.rows("observations")) == 5
    row = _only_capture(told)
    assert (row["outcome"], row["capture_id"], row["raw_key"]) == ("captured", "run-1", RAW)


@pytest.mark.parametrize(
    "scenario", ["captured_by_an_unreplaced_schedule", "captured_without_input"]
)
def test_without_a_time_the_runs_own_start_counts(scenario: str) -> None:
    told = story(scenario)
    run = told.run
    (capture,) = run.invoked("Capture")
    assert (run.status, run.path) == ("SUCCEEDED", WELL)
    start = capture.event["start_time"]
    assert run.output["captured_at"] == start
    month = start[:7]
    (key,) = told.keys("raw/")
    assert key.startswith(f"raw/recently-played/main/month={month}/")
    assert told.keys("lake/captures/") == [object_key("captures", month, "main")]


def test_a_second_run_adds_nothing_twice() -> None:
    told = story("captured_twice")
    first, second = told.runs
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert (second.output["new"], second.output["known"]) == (0, 5)
    assert len(told.rows("plays")) == 5
    for table in ("plays", "observations"):
        assert len(told.versions[object_key(table, MONTH, "main")]) == 1
    assert [row["new"] for row in told.rows("captures")] == [5, 0]


def test_an_empty_page_is_no_failure() -> None:
    told = story("empty")
    assert (told.run.status, told.run.path) == ("SUCCEEDED", WELL)
    assert told.run.output["status"] == "empty"
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
    assert (run.status, run.path) == ("SUCCEEDED", LIMITED + WELL)
    assert run.waits == [("WaitForSpotify", seconds)]
    assert run.sleeps == []
    assert _only_capture(told)["outcome"] == "captured"


def test_after_three_waits_the_attempt_is_recorded_as_failed() -> None:
    told = story("capture_limited_always")
    run = told.run
    assert (run.status, run.path) == ("FAILED", LIMITED * 3 + NOT_WELL)
    assert run.waits == [("WaitForSpotify", seconds) for seconds in (7, 8, 9)]
    assert run.requests.count(PLAYED) == 4
    assert (run.error, run.cause) == ("NotCaptured", "Spotify's rate limit: wait 10 s.")
    row = _only_capture(told)
    assert (row["outcome"], row["error"]) == ("rate_limited", run.cause)
    assert told.keys("raw/") == []


def test_more_than_five_minutes_are_not_waited_for() -> None:
    told = story("capture_limited_for_longer")
    run = told.run
    assert (run.status, run.path, run.waits) == ("FAILED", NOT_WELL, [])
    assert run.cause == "Spotify's rate limit: wait 301 s."
    assert _only_capture(told)["outcome"] == "rate_limited"


#### FAILURES THAT WERE FORESEEN ###################################################################


@pytest.mark.parametrize(
    ("scenario", "sentence", "requests"),
    [
        ("capture_refused", "Spotify refused /v1/me/player/recently-played with 403", 2),
        ("capture_with_wrong_app", "does not know this client id and secret", 1),
        ("capture_with_ended_consent", "no longer accepts this account's refresh token", 1),
        ("capture_with_a_wrong_field", "The input's 'when' is wrong", 0),
        ("capture_with_a_wrong_time", "'12:07' is not a time", 0),
    ],
)
def test_a_foreseen_failure_is_recorded_and_said(
    scenario: str, sentence: str, requests: int
) -> None:
    told = story(scenario)
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "NotCaptured", NOT_WELL)
    assert sentence in str(run.cause)
    assert (run.waits, run.sleeps) == ([], [])
    assert len(run.requests) == requests
    row = _only_capture(told)
    assert (row["outcome"], row["error"]) == ("failed", run.cause)
    assert told.keys("raw/") == []


def test_an_answer_of_something_else_is_kept_and_named() -> None:
    told = story("capture_of_something_else")
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "NotCaptured", NOT_WELL)
    assert RAW in str(run.cause)
    assert "recently played: items" in str(run.cause)
    assert told.keys("raw/") == [RAW]
    assert told.keys("lake/plays/") == []


def test_corrected_credentials_work_at_once() -> None:
    told = story("capture_put_right")
    assert [run.status for run in told.runs] == ["FAILED", "SUCCEEDED"]


def test_a_rotated_token_is_kept_and_used() -> None:
    told = story("capture_with_a_rotated_token")
    assert [run.status for run in told.runs] == ["SUCCEEDED", "SUCCEEDED"]
    assert REFRESH_TOKEN not in str(told.secrets)
    assert {"refresh_token": "made-up-second-token"} in told.secrets.values()


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
    assert (told.run.status, told.run.path) == ("FAILED", NOT_WELL)
    assert f"{key} is not a whole Parquet file" in str(told.run.cause)
    assert told.versions[key] == [b"not Parquet"]
    assert told.keys("raw/") == [RAW]


#### FAILURES THAT WERE NOT FORESEEN ###############################################################


def test_two_throws_are_tried_again() -> None:
    run = story("capture_throws_twice").run
    assert (run.status, run.path) == ("SUCCEEDED", WELL)
    assert run.sleeps == [2, 4]
    assert len(run.invoked("Capture")) == 3


def test_throwing_always_is_recorded_as_failed() -> None:
    told = story("capture_throws")
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "NotCaptured", CAUGHT)
    assert run.sleeps == [2, 4]
    assert str(run.cause).startswith(f"Capture: {QUOTED}")
    row = _only_capture(told)
    assert (row["outcome"], row["error"]) == ("failed", run.cause)


def test_a_long_text_is_cut() -> None:
    told = story("capture_throws_with_a_long_text")
    assert len(str(told.run.cause)) == len("Capture: RuntimeError: ") + 500
    assert _only_capture(told)["error"] == told.run.cause


def test_a_timeout_is_recorded_as_failed() -> None:
    """moto would wait the task's whole time, so the handler raises what a timeout is."""
    told = story("capture_times_out")
    assert (told.run.status, told.run.path) == ("FAILED", CAUGHT)
    assert told.run.cause == "Capture: States.Timeout: "
    assert _only_capture(told)["outcome"] == "failed"


def test_lambdas_own_errors_have_a_longer_retry() -> None:
    run = story("capture_is_throttled").run
    assert (run.status, run.path) == ("SUCCEEDED", WELL)
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
    assert (first.status, first.path) == ("FAILED", CAUGHT)
    assert first.requests == [TOKEN, PLAYED]
    (derive,) = first.invoked("Derive")
    assert (derive.result["derived"], derive.result["counts"]) == (1, {"new": 5})
    assert (second.status, second.output["new"]) == ("SUCCEEDED", 0)
    assert len(told.rows("plays")) == 5
    assert {row["capture_id"] for row in told.rows("captures")} == {"run-1", "run-2"}
    assert {row["outcome"] for row in told.rows("captures")} == {"captured"}


def test_derive_throwing_loses_nothing() -> None:
    told = story("derive_throws")
    first, second = told.runs
    assert (first.status, first.error, first.path) == ("FAILED", "NotCaptured", NOT_WELL)
    assert first.sleeps == [2, 4]
    assert str(first.cause).startswith(f"Derive: {QUOTED}")
    assert str(first.cause).endswith("the next run derives what this one captured.")
    assert (second.status, second.path) == ("SUCCEEDED", WELL)
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
