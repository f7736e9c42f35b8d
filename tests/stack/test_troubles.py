"""What may go wrong in a run, on the whole stack: one sentence, and the other data unharmed."""

import json
from typing import Any

import pytest
from soundlake.chart_days import EVENTS_A_CHART, EVENTS_A_WAIT

from cli.accounts import erase, listed
from tests.stack.conftest import FirstRun, Stack, history


@pytest.fixture(autouse=True)
def no_faults_left(stack: Stack, first: FirstRun) -> Any:
    """Each test sets its own faults, on charts that no answer is kept of yet."""
    assert first.daily["status"] == "SUCCEEDED"
    yield
    stack.spotify("DELETE", "faults")


def _fault(stack: Stack, **fault: Any) -> None:
    stack.spotify("POST", "faults", json=fault)


def _of(run: dict[str, Any], chart: str) -> dict[str, Any]:
    return next(one for one in run["output"]["charts"] if one["chart"] == chart)


def test_a_chart_that_spotify_withholds_is_named_and_the_others_are_loaded(stack: Stack) -> None:
    stack.charts("QA", "QB")
    _fault(stack, path="/v1/playlists/", kind="404", times=1)

    run = stack.run("daily", {"date": stack.date, "charts": ["weekly-QA", "weekly-QB"]})

    assert run["status"] == "FAILED"
    assert run["error"] == "Incomplete"
    assert "Extract: Spotify answers 404" in run["cause"]
    loaded = {key for key in stack.objects() if "weekly-Q" in key}
    assert len(loaded) == 1


def test_a_rate_limit_is_waited_for_as_long_as_spotify_asks(stack: Stack) -> None:
    stack.charts("QC")
    _fault(stack, path="/v1/playlists/", kind="429", times=2, retry_after=20)

    run = stack.run("daily", {"date": stack.date, "charts": ["weekly-QC"]})

    assert run["status"] == "SUCCEEDED"
    assert _of(run, "weekly-QC")["requests"]["playlists/{id}"] == 3
    again = stack.run("daily", {"date": stack.date, "charts": ["weekly-QC"]})
    waited, straight = (history(stack.lake.target, each["executionArn"]) for each in (run, again))
    assert len(waited) - len(straight) == 2 * EVENTS_A_WAIT
    (entered,) = [event["id"] for event in straight if event["type"] == "MapIterationStarted"]
    (left,) = [event["id"] for event in straight if event["type"] == "MapIterationSucceeded"]
    assert left - entered + 1 == EVENTS_A_CHART


def test_server_errors_are_tried_again_and_counted(stack: Stack) -> None:
    stack.charts("QD")
    _fault(stack, path="/v1/playlists/", kind="503", times=2)

    run = stack.run("daily", {"date": stack.date, "charts": ["weekly-QD"]})

    assert run["status"] == "SUCCEEDED"
    assert _of(run, "weekly-QD")["requests"]["playlists/{id}"] == 3


def test_a_track_with_missing_fields_is_a_named_hole(stack: Stack) -> None:
    stack.charts("QE")
    _fault(stack, path="/v1/playlists/", kind="missing_fields", fields=["name"], times=1)

    run = stack.run("daily", {"date": stack.date, "charts": ["weekly-QE"]})

    chart = _of(run, "weekly-QE")
    assert run["status"] == "SUCCEEDED"
    assert chart["holes"] >= 1
    assert chart["breaches"] >= 1
    evidence = stack.ask(
        "SELECT evidence FROM data_quality WHERE chart = 'weekly-QE' "
        "AND expectation = 'holes_declared'"
    )
    assert any("name" in row["evidence"] for row in evidence)


def test_an_answer_that_is_no_json_fails_its_chart_alone(stack: Stack) -> None:
    stack.charts("QF")
    _fault(stack, path="/v1/playlists/", kind="broken_json", times=1)

    run = stack.run("daily", {"date": stack.date, "charts": ["weekly-QF"]})

    assert run["status"] == "FAILED"
    assert "the answer is not JSON" in run["cause"]
    again = stack.run("daily", {"date": stack.date, "charts": ["weekly-QF"]})
    assert again["status"] == "SUCCEEDED"


def test_a_corrupt_raw_object_is_superseded_and_not_overwritten(stack: Stack) -> None:
    stack.charts("QG")
    assert (
        stack.run("daily", {"date": stack.date, "charts": ["weekly-QG"]})["status"] == "SUCCEEDED"
    )
    (key,) = stack.objects("raw/charts/spotify/weekly-QG/")
    before = stack.objects("lake/chart_entries/")
    stack.lake.target.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"damaged")

    run = stack.run("daily", {"date": stack.date, "charts": ["weekly-QG"]})

    assert run["status"] == "SUCCEEDED"
    assert stack.body(key) == b"damaged"
    assert len(stack.objects("raw/charts/spotify/weekly-QG/")) == 2
    assert set(stack.objects("lake/chart_entries/")) == set(before)


def test_a_corrupt_lake_object_is_named_and_left_alone(stack: Stack) -> None:
    stack.charts("QH", "QI")
    month = stack.date[:7]
    key = f"lake/chart_entries/month={month}/weekly-QH.parquet"
    stack.lake.target.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"not parquet")
    try:
        run = stack.run("daily", {"date": stack.date, "charts": ["weekly-QH", "weekly-QI"]})

        assert run["status"] == "FAILED"
        assert f"Load: {key} is not a whole Parquet file" in run["cause"]
        assert stack.body(key) == b"not parquet"
        assert f"lake/chart_entries/month={month}/weekly-QI.parquet" in stack.objects()
    finally:
        stack.lake.target.s3.delete_object(Bucket=stack.bucket, Key=key)


def test_a_day_that_spotify_does_not_show_is_unavailable_and_costs_no_request(
    stack: Stack,
) -> None:
    stack.spotify("DELETE", "requests")

    run = stack.run(
        "daily", {"date": "2025-02-17", "charts": [stack.lake.facts.charts[0]["country"]]}
    )

    assert run["status"] == "FAILED"
    assert "that day is unavailable" in run["cause"]
    asked = stack.spotify("GET", "requests")["by_endpoint"]
    assert set(asked) <= {"api/token"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"date": "2999-01-01"}, "lies in the future"),
        ({"date": "18.2.2025"}, "is not a date"),
        ({"charts": ["Atlantis"]}, "No chart for 'Atlantis'"),
        ({"chart": "NO"}, "The input's 'chart' is wrong"),
    ],
)
def test_a_wrong_input_ends_the_run_with_one_sentence(
    stack: Stack, given: dict[str, Any], sentence: str
) -> None:
    run = stack.run("daily", given)

    assert (run["status"], run["error"]) == ("FAILED", "NotPlanned")
    assert sentence in run["cause"]


def test_a_malformed_chart_list_is_named_by_row_and_field(stack: Stack) -> None:
    body = (
        b"chart,country,country_name,cadence,playlist_id,enabled\ndaily-NO,NO,Norway,daily,x,true\n"
    )
    stack.lake.target.s3.put_object(Bucket=stack.bucket, Key="config/charts.csv", Body=body)
    try:
        run = stack.run("daily", {"date": stack.date})

        assert "row 2 has playlist_id 'x'" in run["cause"]
    finally:
        stack.charts()


def test_a_damaged_account_is_named_and_the_others_are_captured(stack: Stack) -> None:
    target = stack.lake.target
    (mine,) = listed(target)
    item = {"account": {"S": "broken"}, "state": {"S": "asleep"}}
    target.dynamodb.put_item(TableName=target.output("AccountsTable"), Item=item)

    run = stack.run("capture", {"scheduled_time": f"{stack.date}T18:30:00Z"})
    erase(target, "broken")
    again = stack.run("capture", {"scheduled_time": f"{stack.date}T18:31:00Z"})

    assert (run["status"], run["error"]) == ("FAILED", "NotCaptured")
    assert "The item of the account broken cannot be read (it has no text" in run["cause"]
    assert run["cause"].endswith("correct or delete it in the table of accounts.)")
    assert again["status"] == "SUCCEEDED"
    rows = stack.ask("SELECT account, captured_at, outcome FROM captures")
    captured = {
        str(row["captured_at"])[11:16]
        for row in rows
        if (row["account"], row["outcome"]) == (mine.account, "captured")
    }
    assert {"18:30", "18:31"} <= captured


def test_the_schedules_input_starts_the_machines_even_unreplaced(stack: Stack) -> None:
    scheduler = stack.lake.target.session.client(
        "scheduler", endpoint_url=stack.lake.state.endpoint
    )
    given = [
        json.loads(scheduler.get_schedule(Name=one["Name"])["Target"]["Input"])
        for one in scheduler.list_schedules()["Schedules"]
        if one["Name"].startswith("soundlake-local")
    ]
    placeholder = {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert placeholder in given
    assert placeholder | {"interval_minutes": 20} in given

    run = stack.run("capture", placeholder | {"interval_minutes": 60})

    assert run["status"] == "SUCCEEDED"


def test_wrong_credentials_are_one_sentence_and_right_ones_help_at_once(stack: Stack) -> None:
    ssm = stack.lake.target.ssm
    (account,) = listed(stack.lake.target)
    name = f"{stack.lake.target.output('ParameterPrefix')}/accounts/{account.account}/token"
    right = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    before = stack.objects("lake/plays/")
    ssm.put_parameter(
        Name=name, Type="SecureString", Overwrite=True, Value=json.dumps({"refresh_token": "old"})
    )
    try:
        failed = stack.run("capture", {})
    finally:
        ssm.put_parameter(Name=name, Type="SecureString", Overwrite=True, Value=right)
    again = stack.run("capture", {})

    assert (failed["status"], failed["error"]) == ("FAILED", "NotCaptured")
    assert "refused this account's consent" in failed["cause"]
    assert set(stack.objects("lake/plays/")) == set(before)
    assert again["status"] == "SUCCEEDED"
    outcomes = stack.ask("SELECT outcome, error FROM captures WHERE outcome = 'failed'")
    assert len(outcomes) == 1


PLAYED = "recently-played"


def test_what_can_be_read_of_an_odd_page_is_merged_and_the_rest_is_named(stack: Stack) -> None:
    for kind, count in (
        ("episode", 1),
        ("local_file", 1),
        ("null_tracks", 1),
        ("whole_seconds", 9),
    ):
        _fault(stack, path=PLAYED, kind=kind, count=count, times=1)
    _fault(stack, path=PLAYED, kind="missing_fields", fields=["album", "explicit"], times=1)
    before = stack.ask("SELECT count(*) AS n FROM plays")[0]["n"]

    run = stack.run("capture", {})

    (account,) = run["output"]["accounts"]
    assert run["status"] == "SUCCEEDED"
    assert (account["status"], account["page"], account["invalid"]) == ("captured", 50, 1)
    assert account["problems"].startswith("row 3: track: ")
    (attempt,) = stack.ask("SELECT error, reached FROM captures WHERE invalid = 1")
    assert attempt["error"] == account["problems"]
    assert attempt["reached"]
    kinds = stack.ask(
        "SELECT track_name, artist_names FROM plays WHERE uri LIKE 'spotify:episode%'"
    )
    assert len(kinds) == 1
    local = stack.ask("SELECT track_name FROM plays WHERE uri LIKE 'spotify:local%'")
    assert [row["track_name"] for row in local] == ["A local file"]
    # Whole seconds are the same plays again; an episode and a file in their tracks' place are not.
    assert stack.ask("SELECT count(*) AS n FROM plays")[0]["n"] == before + 2


@pytest.mark.parametrize("kind", ["html", "empty_body", "error_inside", "broken_json"])
def test_an_answer_that_is_no_page_is_kept_and_named_and_the_next_run_goes_on(
    stack: Stack, kind: str
) -> None:
    before = stack.objects("raw/recently-played/")
    _fault(stack, path=PLAYED, kind=kind, times=1)

    run = stack.run("capture", {})
    again = stack.run("capture", {})

    assert (run["status"], run["error"]) == ("FAILED", "NotCaptured")
    key, _ = sorted(set(stack.objects("raw/recently-played/")) - set(before))
    assert key in run["cause"]
    assert again["status"] == "SUCCEEDED"
    (attempt,) = stack.ask(f"SELECT outcome, raw_key FROM captures WHERE raw_key = '{key}'")
    assert attempt["outcome"] == "unreadable"
    gaps = stack.ask("SELECT reason FROM gaps WHERE closed_by IS NULL")
    assert gaps == []


def test_no_secret_reaches_logs_histories_tables_or_objects(stack: Stack) -> None:
    seen = stack.said()

    assert len(seen) > 100
    for secret in stack.secrets():
        assert not [text[:200] for text in seen if secret in text]


def test_logs_and_histories_name_no_listener_and_nothing_that_one_played(stack: Stack) -> None:
    listeners = stack.lake.facts.listeners
    personal = {
        text
        for one in listeners
        for text in (one["id"], one["display_name"], f"{one['id']}@example.invalid")
    }
    rows = stack.ask("SELECT DISTINCT uri, track_name FROM plays WHERE uri IS NOT NULL")
    # Shorter titles may stand in any sentence. What charts name is public, so not all logs count.
    played = {text for row in rows for text in row.values() if text and len(text) > 12}
    accounts = {one.account for one in listed(stack.lake.target)}

    everything = stack.logged("")
    of_plays = stack.logged("select", "capture", "derive", "connect", "import", "read")

    assert len(personal) >= 3
    assert len(played) > 20
    assert [account for account in accounts if not any(account in one for one in of_plays)] == []
    named = {text for text in personal if any(text in one for one in everything)}
    named |= {text for text in played if any(text in one for one in of_plays)}
    assert named == set()
