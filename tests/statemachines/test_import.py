"""The import machine, run: which way, what is kept and loaded, what is left, what the run says."""

from gzip import decompress

import pytest

from tests.statemachines.scenarios import CHART, FILE, story
from tests.statemachines.world import DAY, UPLOADS, Story

TO_TRANSFORM = ["Import", "CheckImport", "Transform"]
TO_LOAD = [*TO_TRANSFORM, "CheckTransform", "Load"]
TO_PUBLISH = [*TO_LOAD, "CheckLoad", "Verify", "Publish"]
END, DONE = ["Forget", "CheckOutcome", "NotImported"], ["Forget", "CheckOutcome", "RecordOutcome"]
QUOTED = r'RuntimeError: {"errorMessage":"it broke: \"{a} $b\"","errorType":"RuntimeError"'


def kept(told: Story) -> list[bytes]:
    """The files that the raw zone holds."""
    keys = told.keys("raw/charts/files/")
    assert all(len(told.versions[key]) == 1 for key in keys)
    return [decompress(told.versions[key][-1]) for key in keys]


def providers(told: Story) -> set[str]:
    return {row["provider"] for row in told.rows("chart_entries")}


@pytest.mark.parametrize("scenario", ["file_imported", "file_imported_of_an_event"])
def test_a_file(scenario: str) -> None:
    told = story(scenario)
    assert (told.run.status, told.run.path) == ("SUCCEEDED", [*TO_PUBLISH, *DONE])
    (key,) = told.keys("raw/charts/files/")
    assert told.run.output == {
        "name": FILE,
        "chart": "daily-NO",
        "date": DAY,
        "status": "loaded",
        "error": "",
        "rows": 200,
        "breaches": 0,
        "raw_key": key,
    }
    assert kept(told) == [CHART]
    assert told.uploads == []
    entries = told.rows("chart_entries")
    assert [row["position"] for row in entries] == list(range(1, 201))
    assert {row["raw_key"] for row in entries} == {key}
    (day,) = told.rows("chart_days")
    assert (day["chart"], str(day["chart_date"]), day["status"], day["rows"]) == (
        "daily-NO",
        DAY,
        "loaded",
        200,
    )
    (profile,) = told.rows("country_profiles")
    assert (profile["chart"], profile["tracks"]) == ("daily-NO", 200)
    assert told.rows("data_quality") == []
    assert told.run.requests == []


def test_the_same_file_twice_changes_nothing() -> None:
    told = story("file_imported_twice")
    first, second = told.runs
    assert first.output == second.output
    changed = {key for key, versions in told.versions.items() if len(versions) > 1}
    # Staged rows are written again, of the same bytes.
    assert {key.split("/")[0] for key in changed} <= {"staging"}
    assert all(len(set(told.versions[key])) == 1 for key in changed)
    assert told.uploads == []


def test_a_person_says_what_the_name_does_not() -> None:
    told = story("file_imported_as_a_person_says")
    assert told.run.output["name"] == "chart.csv"
    assert (told.run.output["chart"], told.run.output["date"]) == ("weekly-GLOBAL", "2025-03-06")
    assert told.run.output["breaches"] == 1
    (row,) = told.rows("data_quality")
    assert (row["chart"], row["expectation"]) == ("weekly-GLOBAL", "two_hundred_places")


def test_an_upload_that_is_told_of_twice_is_imported_once() -> None:
    told = story("upload_told_of_twice")
    first, second = told.runs
    assert first.status == second.status == "SUCCEEDED"
    assert second.path == ["Import", "CheckImport", "RecordGone"]
    assert second.output == {
        "name": FILE,
        "status": "gone",
        "error": "There is no such upload (any more).",
    }
    assert len(told.rows("chart_entries")) == 200


@pytest.mark.parametrize(
    ("scenario", "path", "cause"),
    [
        (
            "file_that_is_no_chart",
            ["Import", "CheckImport", *END],
            "upload.json: Import refused: 'upload.json' is an empty list: there is no play in",
        ),
        (
            "file_with_a_row_that_cannot_be_read",
            ["Import", "CheckImport", *END],
            f"{FILE}: Import refused: The chart cannot be read: row 3: streams is 'many', expected "
            "a whole number.",
        ),
    ],
)
def test_what_is_refused_is_neither_kept_nor_left(
    scenario: str, path: list[str], cause: str
) -> None:
    told = story(scenario)
    assert (told.run.status, told.run.error, told.run.path) == ("FAILED", "NotImported", path)
    assert str(told.run.cause).startswith(cause)
    assert told.keys("raw/") == told.keys("lake/") == told.uploads == []


def test_a_chart_that_errs_is_kept_and_not_loaded() -> None:
    told = story("file_that_errs")
    assert (told.run.status, told.run.path) == ("FAILED", [*TO_TRANSFORM, "CheckTransform", *END])
    assert told.run.cause == (
        f"{FILE}: Transform refused: positions_contiguous: daily-NO of {DAY} has nothing at "
        "position 2, not even a hole."
    )
    assert len(kept(told)) == 1
    assert told.keys("lake/") == told.uploads == []


def test_a_file_does_not_take_a_playlists_place() -> None:
    told = story("file_of_a_day_that_the_playlist_has")
    assert (told.run.status, told.run.path) == ("SUCCEEDED", [*TO_LOAD, "CheckLoad", *DONE])
    assert told.run.output["status"] == "superseded"
    assert told.run.output["error"] == (
        "Not loaded: Spotify's own playlist has that day already, and is preferred to a file."
    )
    assert providers(told) == {"spotify"}
    assert kept(told) == [CHART]
    assert told.uploads == []
    (day,) = told.rows("chart_days")
    assert (day["status"], day["rows"]) == ("loaded", 3)


def test_a_playlist_takes_a_files_place() -> None:
    told = story("playlist_of_a_day_that_a_file_has")
    assert [run.status for run in told.runs] == ["SUCCEEDED", "SUCCEEDED"]
    assert providers(told) == {"spotify"}
    assert len(told.rows("chart_entries")) == 3
    assert kept(told) == [CHART]


def test_a_file_does_not_keep_a_failed_day_from_being_made_up_for() -> None:
    told = story("file_of_a_day_that_failed")
    assert [run.status for run in told.runs][:2] == ["FAILED", "SUCCEEDED"]
    assert providers(told) == {"spotify"}
    day = next(row for row in told.rows("chart_days") if row["chart"] == "daily-NO")
    assert (day["status"], day["rows"]) == ("loaded", 3)


def test_an_input_without_an_upload_says_so() -> None:
    run = story("nothing_to_import_in_the_input").run
    assert (run.status, run.path) == ("FAILED", ["Import", "CheckImport", "NotImported"])
    assert run.cause == (
        "Import failed: The input has neither an upload ('detail'), nor an import to 'undo', nor "
        "an account to 'derive'."
    )


#### BADLY #########################################################################################


def test_an_upload_that_could_not_be_read_stays() -> None:
    told = story("import_throws")
    assert (told.run.status, told.run.path) == ("FAILED", ["Import", "NotImported"])
    assert str(told.run.cause).startswith(f"Import failed: {QUOTED}")
    assert told.run.sleeps == [2, 4]
    assert told.uploads == [FILE]


def test_import_is_tried_again() -> None:
    told = story("import_throws_twice")
    assert (told.run.status, told.run.sleeps) == ("SUCCEEDED", [2, 4])
    assert told.uploads == []


def test_an_upload_stays_where_the_raw_zone_has_it_damaged() -> None:
    told = story("import_finds_a_damaged_file")
    (key,) = told.keys("raw/charts/files/")
    assert told.run.path == ["Import", "CheckImport", "NotImported"]
    assert told.run.cause == f"{FILE}: Import failed: {key} is not a whole gzip object."
    assert told.uploads == [FILE]


@pytest.mark.parametrize(
    ("scenario", "stage", "path"),
    [
        ("transform_of_a_file_throws", "Transform", [*TO_TRANSFORM, *END]),
        ("load_of_a_file_throws", "Load", [*TO_LOAD, *END]),
    ],
)
def test_a_step_that_fails_is_named_and_the_file_is_kept(
    scenario: str, stage: str, path: list[str]
) -> None:
    told = story(scenario)
    assert (told.run.status, told.run.path) == ("FAILED", path)
    assert str(told.run.cause).startswith(f"{FILE}: {stage} failed: {QUOTED}")
    assert kept(told) == [CHART]
    assert told.keys("lake/") == told.uploads == []


def test_a_load_that_dies_after_it_wrote_is_done_again_without_harm() -> None:
    told = story("load_of_a_file_dies_after_it_wrote")
    assert told.run.status == "SUCCEEDED"
    assert len(told.rows("chart_entries")) == 200
    (key,) = told.keys("lake/chart_entries/")
    assert len(told.versions[key]) == 1


@pytest.mark.parametrize("stage", ["Verify", "Publish"])
def test_what_could_not_follow_a_load_is_named(stage: str) -> None:
    told = story(f"{stage.lower()}_of_a_file_throws")
    assert (told.run.status, told.run.path) == ("FAILED", [*TO_PUBLISH, *END])
    assert str(told.run.cause).startswith(f"{FILE}: loaded, but {stage}: {QUOTED}")
    assert len(told.rows("chart_entries")) == 200
    assert told.uploads == []


def test_an_upload_that_could_not_be_deleted_is_named() -> None:
    told = story("forget_throws")
    assert (told.run.status, told.run.path) == ("FAILED", [*TO_PUBLISH, *END])
    assert str(told.run.cause).startswith(f"{FILE}: loaded, but Forget: {QUOTED}")
    assert str(told.run.cause).endswith("(what is left in the uploads bucket ends by itself)")
    assert told.uploads == [FILE]


def test_a_file_that_comes_meanwhile_is_not_deleted_unread() -> None:
    told = story("another_file_comes_while_one_is_imported")
    first, second = told.runs
    assert first.invoked("Import")[-1].result == {"status": "replaced"}
    assert second.output["status"] == "loaded"
    assert {row["raw_key"] for row in told.rows("chart_entries")} == {second.output["raw_key"]}
    assert len(kept(told)) == 2


def test_nobody_reads_uploads_but_import() -> None:
    told = story("file_imported")
    asked = {call.verb for call in told.calls if UPLOADS in call.resource}
    assert asked == {"Import"}
