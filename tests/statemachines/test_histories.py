"""The import machine, run on histories: which way, what is kept and derived, what is left."""

import json
from collections import Counter
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq
import pytest
from soundlake.importing.beginning import MOST_FILES

from tests.statemachines.asl import definition, invoked, payload, states
from tests.statemachines.engine import MAX_PAYLOAD
from tests.statemachines.scenarios import NAMES, PACKAGE, story
from tests.statemachines.world import ACCOUNT, UPLOADS, Story
from tests.unit.exported_rows import ADDRESS

TO_READ = ["Import", "CheckImport", "ReadFiles", "CheckRead"]
TO_GROUP = [*TO_READ, "Group", "CheckGroup"]
TO_MERGE = [*TO_GROUP, "MergeMonths", "CheckMerge"]
TO_PLAY = [*TO_MERGE, "PlayMonths", "CheckPlay"]
TO_CONCLUDE = [*TO_PLAY, "Conclude", "CheckConclude"]
DONE = ["Forget", "CheckOutcome", "RecordHistory"]
REFUSED = ["Forget", "CheckOutcome", "NotImported"]
TAKEN_BACK = ["Import", "CheckImport", *TO_CONCLUDE[len(TO_GROUP) :], "RecordHistory"]
QUOTED = r'RuntimeError: {"errorMessage":"it broke: \"{a} $b\"","errorType":"RuntimeError"'
OUTCOMES = {"imported": 9, "duplicate": 1, "merged": 0, "outside": 0, "invalid": 1}


def listening(told: Story) -> dict[str, Any]:
    """What the tables say of what was heard, without the raw keys that name the import."""
    return {table: told.rows(table) for table in ("observations", "plays", "account_days")}


def ledger(told: Story, account: str = ACCOUNT) -> Counter[str]:
    return Counter(r["outcome"] for r in told.rows("import_rows") if r["account"] == account)


def test_a_history() -> None:
    told = story("history_imported")
    assert (told.run.status, told.run.path) == ("SUCCEEDED", [*TO_CONCLUDE, *DONE])
    assert told.run.branches == [["Read"], ["Merge"], ["Play"]]
    (row,) = told.rows("imports")
    ident = row["import_id"]
    assert told.run.output == {
        "account": ACCOUNT,
        "import_id": ident,
        "raw_prefix": f"raw/imports/{ACCOUNT}/{ident}/",
        "at": told.run.started,
        "kind": "spotify_extended",
        "name": PACKAGE,
        "sha256": row["sha256"],
        "bytes": row["bytes"],
        "since": None,
        "until": None,
        "status": "imported",
        "error": "",
        "files": 2,
        "rows": 11,
        "plays": 9,
        "confirmed_days": 185,
        **OUTCOMES,
    }
    assert {name: row[name] for name in OUTCOMES} == OUTCOMES
    assert ledger(told) == +Counter(OUTCOMES)
    assert row["status"] == "imported"
    assert told.keys("raw/imports/") == [
        f"{row['raw_prefix']}{name}"
        for name in ("0001.parquet", "0002.parquet", "001-begun.json", "002-concluded.json")
    ]
    assert all(len(told.versions[key]) == 1 for key in told.keys("raw/"))
    assert told.uploads == []
    assert len(told.rows("observations")) == len(told.rows("plays")) == 9
    assert told.run.requests == []


def test_no_address_goes_further_than_the_upload() -> None:
    for name in ("history_imported", "history_with_a_file_that_cannot_be_read"):
        told = story(name)
        for key, versions in told.versions.items():
            for body in versions:
                rows = pq.ParquetFile(BytesIO(body)).read() if key.endswith(".parquet") else None
                assert ADDRESS not in repr(rows.to_pylist() if rows else body), key
        assert ADDRESS not in repr([(run.output, run.cause) for run in told.runs])


def test_what_was_captured_and_what_is_imported_is_one_play() -> None:
    told = story("history_imported_after_a_capture")
    _, run = told.runs
    assert (run.status, run.output["merged"], run.output["plays"]) == ("SUCCEEDED", 1, 0)
    both = [row for row in told.rows("plays") if len(row["sources"]) == 2]
    assert [row["sources"] for row in both] == [["spotify_extended", "spotify_recently_played"]]


def test_a_name_that_a_history_has_is_looked_up_once() -> None:
    told = story("history_of_names_alone")
    imported, *days = told.runs
    assert (imported.output["kind"], imported.requests) == ("spotify_account", [])
    assert [run.requests.count("search") for run in days] == [1, 0, 0]
    assert [run.status for run in days] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert len(told.rows("track_names")) == 1


def test_the_same_history_twice_is_known() -> None:
    told = story("history_imported_twice")
    first, second = told.runs
    assert (second.status, second.path) == ("SUCCEEDED", ["Import", "CheckImport", *DONE])
    assert second.output["status"] == "known"
    assert second.output["import_id"] == first.output["import_id"]
    assert all(len(versions) == 1 for key, versions in told.versions.items() if key[0] != "c")
    assert told.uploads == []


def test_a_history_is_taken_back() -> None:
    told = story("history_taken_back")
    _, second, third = told.runs
    assert (second.status, second.path) == ("SUCCEEDED", TAKEN_BACK)
    assert (second.output["status"], second.output["plays"]) == ("withdrawn", -9)
    assert (third.status, third.path, third.output["plays"]) == ("SUCCEEDED", TAKEN_BACK, 0)
    assert [told.rows(table) for table in ("observations", "plays", "account_days")] == [[], [], []]
    (row,) = told.rows("imports")
    assert row["status"] == "withdrawn"
    assert row["withdrawn_at"]
    # It stays in the raw zone, and the ledger still says what was found.
    assert told.keys("raw/imports/")[-1].endswith("003-withdrawn.json")
    assert ledger(told) == +Counter(OUTCOMES)


def test_a_history_that_was_taken_back_can_be_imported_again() -> None:
    told = story("history_taken_back_and_imported_again")
    first, _, third = told.runs
    assert third.output == first.output
    (row,) = told.rows("imports")
    assert (row["status"], row["withdrawn_at"]) == ("imported", None)
    assert ledger(told) == +Counter(OUTCOMES)
    # As if it had been imported once; the import's id is of its bytes.
    assert listening(told) == listening(story("history_imported"))


def test_plays_are_derived_anew_where_their_listener_lives_elsewhere() -> None:
    told = story("plays_derived_anew")
    _, anew, nobodys = told.runs
    assert (anew.status, anew.path) == (
        "SUCCEEDED",
        ["Import", "CheckImport", "PlayMonths", "CheckPlay", "RecordDerived"],
    )
    assert anew.output == {
        **{"account": ACCOUNT, "status": "derived", "error": "", "months": 3, "plays": 0}
    }
    assert {row["time_zone"] for row in told.rows("plays")} == {"America/Los_Angeles"}
    assert len(told.rows("plays")) == 9
    (row,) = told.rows("imports")
    assert row["imported"] == 9  # nothing else is changed
    assert nobodys.cause == (
        "nobody: Import failed: There is no account 'nobody'; ./soundlake accounts lists those "
        "there are."
    )


def test_there_is_nothing_to_take_back() -> None:
    told = story("nothing_to_take_back")
    assert (told.run.status, told.run.path) == ("FAILED", ["Import", "CheckImport", "NotImported"])
    assert told.run.cause == (
        "0123456789abcdef: Import failed: There is no import '0123456789abcdef'; "
        "./soundlake imports lists those there are."
    )


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_imported() -> None:
    told = story("history_with_a_file_that_cannot_be_read")
    assert (told.run.status, told.run.path) == ("FAILED", [*TO_CONCLUDE, *REFUSED])
    problem = f"'{NAMES[1]}' is cut off in row 4. Download it again."
    assert told.run.cause == f"{PACKAGE}: imported, but {problem}"
    (row,) = told.rows("imports")
    assert (row["problems"], row["files"], row["rows"]) == ([problem], 1, 5)
    assert len(told.rows("plays")) == 5
    assert told.uploads == []


def test_a_file_that_cannot_be_read_is_named_each_time_and_adds_nothing_twice() -> None:
    told = story("history_with_a_file_that_cannot_be_read_twice")
    first, second = told.runs
    assert (second.status, second.path) == ("FAILED", [*TO_CONCLUDE, *REFUSED])
    assert second.cause == first.cause
    (row,) = told.rows("imports")
    assert (row["rows"], row["imported"], row["duplicate"]) == (5, 5, 0)
    assert len(told.rows("plays")) == 5
    assert told.uploads == []


def test_a_history_of_which_nothing_can_be_read_is_refused() -> None:
    told = story("history_that_cannot_be_read")
    assert (told.run.status, told.run.path) == ("FAILED", [*TO_READ, *REFUSED])
    assert told.run.cause == (
        f"{NAMES[1]}: Read refused: '{NAMES[1]}' is cut off in row 4. Download it again."
    )
    assert told.keys("lake/") == told.uploads == []


def test_a_history_of_two_people_is_refused_before_it_is_merged() -> None:
    told = story("history_of_two_people")
    assert (told.run.status, told.run.path) == ("FAILED", [*TO_GROUP, *REFUSED])
    assert told.run.cause == (
        f"{PACKAGE}: Group refused: '{NAMES[0]}' and '{NAMES[1]}' are the history of two people. "
        "Import each one's files by themselves, with --account."
    )
    assert told.keys("lake/") == told.uploads == []


def test_a_history_without_plays_has_its_ledger() -> None:
    told = story("history_without_plays")
    assert (told.run.status, told.run.path) == ("SUCCEEDED", [*TO_CONCLUDE, *DONE])
    assert told.run.branches == [["Read"]]
    assert ledger(told) == {"invalid": 1}
    assert told.rows("plays") == []


def test_of_a_history_a_span_is_imported() -> None:
    told = story("history_of_a_span")
    first, second = told.runs
    assert (first.status, first.output["outside"], first.output["plays"]) == ("SUCCEEDED", 3, 6)
    assert ledger(told) == {"imported": 6, "duplicate": 1, "outside": 3, "invalid": 1}
    assert min(str(row["played_at"]) for row in told.rows("plays")) >= "2025-01-01"
    (row,) = told.rows("imports")
    assert [str(each["from_time"]) for each in row["covered"]] == ["2025-01-01 00:00:00"]
    assert (second.status, second.path) == ("FAILED", ["Import", "CheckImport", *REFUSED])
    assert "of another span" in str(second.cause)


def test_whose_history_it_is_must_be_said_where_there_are_two() -> None:
    told = story("history_of_one_of_two_accounts")
    first, second, third = told.runs
    assert (first.status, first.path) == ("FAILED", ["Import", "CheckImport", *REFUSED])
    assert str(first.cause).startswith(
        f"{PACKAGE}: Import refused: There are 2 accounts: say whose"
    )
    assert (second.output["account"], third.output["account"]) == ("other", ACCOUNT)
    assert ledger(told, "other") == ledger(told, ACCOUNT) == +Counter(OUTCOMES)
    assert told.uploads == []


def test_where_there_is_no_account_a_history_makes_one() -> None:
    told = story("history_of_nobody_yet")
    assert told.run.status == "SUCCEEDED"
    account = told.run.output["account"]
    assert account == f"i{told.run.output['sha256'][-11:]}"
    assert {row["account"] for row in told.rows("plays")} == {account}


#### BADLY #########################################################################################


@pytest.mark.parametrize(
    ("scenario", "stage", "path", "branches"),
    [
        ("read_throws", "Read", [*TO_READ, "NotImported"], [["Read", "RecordUnread"]]),
        ("group_throws", "Group", [*TO_READ, "Group", "NotImported"], [["Read"]]),
        (
            "merge_throws",
            "Merge",
            [*TO_MERGE, "NotImported"],
            [["Read"], ["Merge", "RecordUnmerged"]],
        ),
        (
            "play_throws",
            "Play",
            [*TO_PLAY, "NotImported"],
            [["Read"], ["Merge"], ["Play", "RecordUnplayed"]],
        ),
        (
            "conclude_throws",
            "Conclude",
            [*TO_PLAY, "Conclude", "NotImported"],
            [["Read"], ["Merge"], ["Play"]],
        ),
    ],
)
def test_a_step_that_fails_is_named_and_the_upload_stays(
    scenario: str, stage: str, path: list[str], branches: list[list[str]]
) -> None:
    told = story(scenario)
    run = told.runs[0]
    assert (run.status, run.path, run.branches) == ("FAILED", path, branches)
    assert str(run.cause).startswith(f"{PACKAGE}: {stage} failed: {QUOTED}")
    assert run.sleeps == [2, 4]
    if len(told.runs) == 1:
        assert told.uploads == [PACKAGE]
        assert told.rows("imports") == []


@pytest.mark.parametrize("scenario", ["read_throws", "play_throws", "read_dies_after_it_kept"])
def test_what_was_cut_off_is_taken_up_by_the_next(scenario: str) -> None:
    told = story(scenario)
    assert (told.run.status, told.run.output["status"]) == ("SUCCEEDED", "imported")
    assert listening(told) == listening(story("history_imported"))
    assert ledger(told) == +Counter(OUTCOMES)
    assert all(len(told.versions[key]) == 1 for key in told.keys("raw/"))
    assert told.uploads == []


def test_an_upload_that_goes_before_it_is_read_is_named() -> None:
    told = story("upload_goes_before_it_is_read")
    assert (told.run.status, told.run.path) == ("FAILED", [*TO_READ, "NotImported"])
    assert told.run.cause == f"{PACKAGE}: Read failed: The upload is gone."
    assert told.keys("lake/") == []


@pytest.mark.parametrize(
    ("scenario", "stage", "path", "broken"),
    [
        ("merge_finds_damaged_rows", "Merge", TO_MERGE, "raw/imports/"),
        ("play_finds_a_corrupt_object", "Play", TO_PLAY, "lake/plays/month=2025-01/"),
        ("conclude_finds_a_corrupt_object", "Conclude", TO_CONCLUDE, "lake/imports/"),
    ],
)
def test_what_is_damaged_is_named_and_left_as_it_is(
    scenario: str, stage: str, path: list[str], broken: str
) -> None:
    told = story(scenario)
    assert (told.run.status, told.run.path) == ("FAILED", [*path, "NotImported"])
    assert str(told.run.cause).startswith(f"{PACKAGE}: {stage} failed: {broken}")
    assert told.run.sleeps == []
    assert told.uploads == [PACKAGE]


def test_taking_back_that_failed_is_done_again() -> None:
    told = story("taking_back_fails")
    _, second, third = told.runs
    assert (second.status, second.path[-2:]) == ("FAILED", ["Conclude", "NotImported"])
    assert str(second.cause).startswith(f"{third.output['import_id']}: Conclude failed: {QUOTED}")
    assert third.output["status"] == "withdrawn"
    assert told.rows("plays") == told.rows("account_days") == []


def test_what_is_taken_back_while_it_is_imported_is_said() -> None:
    told = story("history_taken_back_while_it_is_imported")
    first, second = told.runs
    assert (first.status, first.path) == ("FAILED", [*TO_CONCLUDE, *REFUSED])
    assert str(first.cause).startswith(
        f"{PACKAGE}: imported, but Forget: It was taken back while it was imported"
    )
    assert second.output["status"] == "withdrawn"
    assert told.rows("plays") == told.rows("observations") == []


#### WHO IS ASKED FOR WHAT #########################################################################


def test_nobody_reads_a_historys_upload_but_import_and_read() -> None:
    told = story("history_imported")
    asked = {(call.verb, call.action) for call in told.calls if UPLOADS in call.resource}
    assert asked == {
        ("Import", "s3:GetObject"),
        ("Import", "s3:DeleteObject"),
        ("Read", "s3:GetObject"),
    }


def test_derive_alone_writes_tables() -> None:
    told = story("history_imported")
    wrote = {
        call.verb
        for call in told.calls
        if call.action == "s3:PutObject" and "/lake/" in call.resource
    }
    assert wrote == {"Derive"}


@pytest.mark.parametrize("scenario", ["history_imported", "history_taken_back"])
def test_every_step_gets_the_keys_that_its_state_says(scenario: str) -> None:
    """One function does several steps, so the sample events show one of them alone."""
    given = {
        (call.verb, frozenset(call.event))
        for run in story(scenario).runs
        for call in run.invocations
    }
    declared = {
        (verb, frozenset(payload(state)))
        for _, state in states(definition("import"))
        if (verb := invoked(state))
    }
    assert given <= declared
    derived = {keys for verb, keys in given if verb == "Derive"}
    steps = {"group", "merge", "play", "conclude"} if scenario == "history_imported" else set()
    assert steps <= {key for keys in derived for key in keys}
    (forget,) = {keys for _, keys in declared if "forget" in keys}
    assert forget == {"forget", "concluded", "execution"}


def test_no_state_carries_more_than_it_may() -> None:
    """Of as many files as are imported at once, cut as Spotify cuts them: one after the other."""
    run = story("history_imported").run
    (member, *_) = run.invoked("Import")[0].result["parts"][0]
    (read, *_) = run.invoked("Read")[0].result["files"]
    member |= {"number": MOST_FILES, "bytes": 12_500_000}
    read |= {"number": MOST_FILES, "rows": 16_000, "months": {"2024-01": 9_000, "2024-02": 7_000}}
    for told in (member, read):
        assert len(json.dumps(told)) * MOST_FILES < 0.9 * MAX_PAYLOAD
