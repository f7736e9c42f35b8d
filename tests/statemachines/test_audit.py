"""The audit machine, run: which way, what it compares, and what it says of what differs."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soundlake.auditing import run as auditing
from soundlake.auditing.comparing import KEYS
from soundlake.times import format_time, shift_month

from tests.statemachines.engine import Execution
from tests.statemachines.scenarios import SCENARIOS, chart_key, story
from tests.statemachines.world import (
    ACCOUNT,
    DAY,
    MONTH,
    Story,
    World,
    chart_list,
)

TO_PARTS = ["Survey", "CheckSurvey", "AuditParts", "CheckOutcome"]
SAME = ["Audit", "CheckAudit", "RecordSame"]
REPORTS = "scratch/audit/"
NO = "daily-NO"
YEARS_LATER = "2030-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks."""
    monkeypatch.setattr(auditing, "PAUSE_S", 0)


def _reported(told: Story) -> list[dict[str, Any]]:
    """Every line of the reports of the last run."""
    found = []
    for key in told.keys(f"{REPORTS}{told.run.name}/"):
        if key.endswith(".jsonl"):
            found += [json.loads(line) for line in told.versions[key][-1].splitlines()]
    return found


def _of(run: Execution, kind: str) -> dict[str, Any]:
    """What came of the part of a kind."""
    found = [
        call.result
        for call in run.invoked("Audit")
        if call.event.get("part", {}).get("kind") == kind and call.result is not None
    ]
    return dict(max(found, key=lambda result: result.get("rows", 0)))


def test_what_follows_from_the_raw_zone_is_the_same() -> None:
    told = story("audited")
    run = told.run
    assert (run.status, run.path) == ("SUCCEEDED", [*TO_PARTS, "Audited"])
    assert run.branches == [SAME] * run.output["parts"]
    assert (run.output["differing"], run.output["waiting"]) == ([], [])
    assert run.output["months"] == [MONTH]
    assert run.output["left"] is None
    assert run.output["rows"] > 40
    assert told.keys(REPORTS) == []
    tables = {key.split("/")[1] for key in told.keys("lake/")}
    assert set(KEYS) - tables == {"gaps", "account_days", "imports", "import_rows"}


def test_what_an_import_left_is_the_same() -> None:
    told = story("audited_after_an_import")
    run = told.run
    assert run.status == "SUCCEEDED"
    assert _of(run, "import")["rows"] == 2  # its own row, and the ledger's
    assert _of(run, "activity")["rows"] == 1
    assert {"imports", "import_rows", "track_names"} <= {
        key.split("/")[1] for key in told.keys("lake/")
    }


def test_nothing_is_written_but_reports() -> None:
    told = story("audit_finds_five_faults")
    written = {
        call.resource.partition("/")[2]
        for call in told.calls
        if call.verb == "Audit" and call.action == "s3:PutObject"
    }
    assert written
    assert all(key.startswith(REPORTS) for key in written)


def test_five_faults_are_found_and_told_apart() -> None:
    told = story("audit_finds_five_faults")
    run = told.run
    assert (run.status, run.error) == ("FAILED", "Differs")
    assert run.path == [*TO_PARTS, "Differs"]
    lines = _reported(told)
    found = Counter((line["object"].split("/", 1)[1], line["what"]) for line in lines)
    month = f"month={MONTH}"
    assert found[f"plays/{month}/{ACCOUNT}.parquet", "missing"] == 1
    assert found[f"observations/{month}/{ACCOUNT}.parquet", "extra"] == 1
    assert found[f"chart_entries/{month}/daily-NO.parquet", "changed"] == 1
    assert found[f"chart_entries/{month}/daily-SE.parquet", "missing"] == 3
    assert found[f"chart_entries/{month}/daily-SE.parquet", "no object"] == 1
    assert found[f"captures/{month}/{ACCOUNT}.parquet", "changed"] == 1
    (changed,) = [line for line in lines if line.get("columns") == ["popularity"]]
    assert changed["there"]["popularity"] == 1
    assert changed["derived"]["popularity"] != 1
    assert changed["key"]["chart"] == "daily-NO"


def test_a_run_names_what_differs_and_no_more() -> None:
    run = story("audit_finds_five_faults").run
    assert run.cause is not None
    assert run.cause.startswith("Not what the raw zone gives: ")
    assert f"plays of {ACCOUNT} in {MONTH} (captures 1 changed; " in run.cause
    assert "plays 1 missing" in run.cause
    assert "docs/operations.md" in run.cause
    differs = _of(run, "charts")
    assert differs["status"] == "differs"
    assert differs["tables"]["chart_entries"] == {"changed": 1, "missing": 3}
    assert len(differs["first"]) == 3
    assert differs["counts"] == {"differences": 4}


def test_what_was_heard_stands_in_no_history() -> None:
    run = story("audit_finds_five_faults").run
    for call in run.invoked("Audit"):
        assert "spotify:track:" not in json.dumps(call.result)
        assert "Track" not in json.dumps(call.result)


def test_an_object_as_it_should_be_lies_beside_the_report() -> None:
    told = story("audit_finds_five_faults")
    key = f"lake/plays/month={MONTH}/{ACCOUNT}.parquet"
    whole, damaged = told.versions[key][-2:]
    derived = told.versions[f"{REPORTS}{told.run.name}/{key}"][-1]
    assert damaged != whole
    assert derived == whole


def test_an_audit_of_nothing_is_well() -> None:
    run = story("audit_of_nothing").run
    assert run.status == "SUCCEEDED"
    assert run.output["rows"] == 0
    this, last = run.output["months"]
    assert shift_month(this, -1) == last


def test_a_wrong_month_is_refused() -> None:
    run = story("audit_of_a_month_that_is_none").run
    assert run.path == ["Survey", "CheckSurvey", "NotSurveyed"]
    assert run.cause == "'March' is not a month; write it like 2026-11."


def test_a_function_that_dies_is_tried_again() -> None:
    run = story("audit_throws_twice").run
    assert run.status == "SUCCEEDED"
    assert [call.error is None for call in run.invoked("Audit")][:3] == [False, False, True]


def test_a_part_that_dies_always_is_named_and_disturbs_no_other() -> None:
    run = story("audit_of_a_part_throws_always").run
    assert (run.status, run.error) == ("FAILED", "NotAudited")
    assert run.cause is not None
    assert run.cause.startswith(f"Not audited: activity of {ACCOUNT} in {MONTH} (RuntimeError: ")
    assert run.branches.count(SAME) == len(run.branches) - 1
    assert ["Audit", "RecordFailure"] in run.branches


def test_kept_rows_that_are_damaged_are_named() -> None:
    run = story("audit_of_kept_rows_that_are_damaged").run
    assert run.error == "NotAudited"
    assert run.cause is not None
    assert "0001.parquet is not a whole Parquet file" in run.cause
    assert ["Audit", "CheckAudit", "RecordFailure"] in run.branches


def test_a_chart_file_that_came_just_now_waits_however_long_past_its_day_is() -> None:
    """Its import may be at it, or has ended FAILED; hours later its rows are missing."""
    world = World()
    with world.opened():
        SCENARIOS["load_of_a_file_throws"](world)
        run = world.run("audit", {"month": MONTH})
        assert run.status == "SUCCEEDED"
        (given,) = [
            call.event
            for call in run.invoked("Audit")
            if call.event.get("part", {}).get("kind") == "charts"
        ]
        later = format_time(datetime.now(UTC) + timedelta(hours=7))
        found = world.engine.call("Audit", given | {"start_time": later})
    assert (found["status"], found["tables"]) == ("differs", {"chart_entries": {"missing": 200}})


def test_what_somebody_is_still_deriving_waits_and_fails_no_run() -> None:
    run = story("audit_while_a_page_waits_for_derive").run
    assert run.status == "SUCCEEDED"
    (waiting,) = run.output["waiting"]
    assert waiting["part"].startswith(f"plays of {ACCOUNT} in ")
    assert "is only partly in the tables" in waiting["error"]


@pytest.mark.parametrize("name", ["audited", "audit_finds_five_faults"])
def test_what_a_state_carries_stays_small(name: str) -> None:
    for call in story(name).run.invoked("Audit")[1:]:
        assert len(json.dumps(call.result)) < 1500


#### CHARTS ########################################################################################


@pytest.fixture
def read() -> Iterator[World]:
    """A day whose charts were read."""
    world = World()
    with world.opened():
        SCENARIOS["day"](world)
        yield world


def _part(world: World, at: str, kind: str, *of: str) -> dict[str, Any]:
    """What an audit of this time finds of one part."""
    part = {"month": MONTH, "kind": kind, "of": [*of]}
    event = {"part": part, "execution": "made-up", "start_time": at}
    return dict(world.engine.call("Audit", event))


def _charts(world: World, at: str) -> dict[str, Any]:
    return _part(world, at, "charts", "daily-FI", NO, "daily-SE")


def test_a_chart_that_is_listed_no_more_is_the_same(read: World) -> None:
    only_one = [line for line in chart_list().splitlines() if line.startswith(("chart,", "weekly"))]
    read.put("config/charts.csv", "\n".join(only_one))
    found = _charts(read, YEARS_LATER)
    assert (found["status"], found["rows"]) == ("same", 10)  # seven entries, and a record of each


def test_what_follows_from_a_damaged_answer_is_told(read: World) -> None:
    (answer,) = [key for key in read.versions() if key.startswith(f"raw/charts/spotify/{NO}/")]
    read.put(answer, b"no gzip")
    found = _charts(read, YEARS_LATER)
    assert (found["status"], found["tables"]) == (
        "differs",
        {"chart_days": {"extra": 1}, "chart_entries": {"extra": 3}},
    )


def test_answers_that_no_run_has_loaded_yet_wait_for_one_and_are_missed_later(read: World) -> None:
    for chart in ("daily-FI", "daily-NO", "daily-SE"):
        read.delete(chart_key(chart))
    read.delete(chart_key("chart_days", "chart_days"))
    assert _charts(read, f"{DAY}T13:00:00Z")["status"] == "same"
    assert _charts(read, YEARS_LATER)["tables"] == {
        "chart_days": {"missing": 3},
        "chart_entries": {"missing": 7},
    }


def test_a_record_that_lacks_is_found(read: World) -> None:
    read.change("chart_days", "chart_days", lambda rows: rows[1:])
    assert _charts(read, YEARS_LATER)["tables"] == {"chart_days": {"missing": 1}}


#### FEATURES ######################################################################################


def test_features_that_lack_are_found(read: World) -> None:
    read.change("audio_features", "audio_features", lambda rows: rows[1:])
    found = _part(read, YEARS_LATER, "audio_features")
    assert found["tables"] == {"audio_features": {"missing": 1}}


def test_features_of_a_damaged_answer_follow_from_nothing(read: World) -> None:
    answers = [key for key in read.versions() if key.startswith("raw/audio-features/")]
    for key in answers:
        read.put(key, b"no gzip")
    found = _part(read, YEARS_LATER, "audio_features")
    assert found["tables"] == {"audio_features": {"extra": 5}}


#### THE INPUT #####################################################################################


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"months": "2025-03"}, "The input's 'months' is wrong ("),
        ({"month": "2025-04"}, "2025-04 lies in the future; there is nothing to audit yet."),
        ({"all": True, "before": "soon"}, "'soon' is not a month; write it like 2026-11."),
    ],
)
def test_an_input_that_cannot_be_followed_says_why(
    given: dict[str, Any], sentence: str, read: World
) -> None:
    found = read.engine.call("Audit", {"input": given, "start_time": f"{DAY}T13:00:00Z"})
    assert found["status"] == "invalid"
    assert found["error"].startswith(sentence)


#### AFTER EVERYTHING ELSE #########################################################################

# What a scenario leaves that does not follow from the raw zone, by table: objects that it damages
# or keeps runs from making, of days that no later run looks at any more.
LEFT = {
    # A run for an hour of 20 months ago: what later pages show was new when they came.
    "two_accounts_one_damaged": {"captures"},
    "derive_finds_a_corrupt_object": {"captures", "observations", "plays"},
    "transform_throws": {"chart_entries"},
    "load_throws": {"chart_entries"},
    "load_finds_a_corrupt_object": {"chart_entries"},
    "everything_fails": {"chart_days", "chart_entries"},
    "withdraw_throws": {"chart_entries"},
    "withdraw_finds_a_corrupt_object": {"chart_entries"},
    "publish_finds_a_corrupt_object": {"chart_days"},
    "import_finds_a_damaged_file": {"chart_days", "chart_entries"},
    "conclude_finds_a_corrupt_object": {"imports"},
}


# Those with answers and files of many kinds; all of them take minutes.
QUICK = {
    "charts_withdrawn",
    "import_finds_a_damaged_file",
    "kworb_in_trouble",
    "playlist_of_a_day_that_a_file_has",
    "withdraw_throws",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in SCENARIOS
        if not name.startswith("audit")
    ],
)
def test_an_audit_after_it_finds_what_it_left_and_no_more(
    name: str,
) -> None:
    world = World()
    with world.opened():
        SCENARIOS[name](world)
        run = world.run("audit", {"all": True})
    assert run.error in {None, "Differs"}, run.cause
    told = {
        table
        for call in run.invoked("Audit")
        if call.result is not None
        for table in call.result.get("tables", ())
    }
    assert told == LEFT.get(name, set())
