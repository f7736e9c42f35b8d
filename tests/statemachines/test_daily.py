"""The daily machine, run: which way, what is written, what the run says at its end."""

import pytest
from soundlake.store.lake import object_key

from tests.statemachines.asl import definition, expressions
from tests.statemachines.engine import declare, evaluate
from tests.statemachines.fake_spotify import FEATURES, TOKEN, spotify_id
from tests.statemachines.scenarios import chart_key, playlist, story
from tests.statemachines.world import DAY, MONTH, Story

TO_CHARTS = ["Plan", "CheckPlan", "ProcessCharts"]
TO_PUBLISH = [*TO_CHARTS, "Enrich", "CheckEnrich", "Publish", "CheckOutcome"]
DONE = [*TO_PUBLISH, "Done"]
INCOMPLETE = [*TO_PUBLISH, "Incomplete"]
NOT_PLANNED = ["Plan", "CheckPlan", "NotPlanned"]

TO_EXTRACT = ["Extract", "CheckExtract"]
TO_TRANSFORM = [*TO_EXTRACT, "Transform", "CheckTransform"]
LOADED = [*TO_TRANSFORM, "Load", "CheckLoad", "RecordSuccess"]
LIMITED = [*TO_EXTRACT, "WaitForSpotify"]
QUOTED = r'RuntimeError: {"errorMessage":"it broke: \"{a} $b\"","errorType":"RuntimeError"'

NO, SE, FI = "daily-NO", "daily-SE", "daily-FI"
PUBLISHED = ("tracks", "albums", "artists", "audio_features", "country_profiles")


def _tracks(*numbers: int) -> set[str]:
    return {spotify_id("track", number) for number in numbers}


def _charted(told: Story) -> set[str]:
    return {row["chart"] for row in told.rows("chart_entries")}


def _ids(told: Story, table: str) -> set[str]:
    return {row["track_id"] for row in told.rows(table)}


#### WELL ##########################################################################################


def test_a_day() -> None:
    told = story("day")
    run = told.run
    assert (run.status, run.path) == ("SUCCEEDED", DONE)
    assert run.branches == [LOADED, LOADED, LOADED]
    assert (run.waits, run.sleeps) == ([], [])
    # Extract and Enrich are two processes, and each has a token of its own.
    assert sorted(run.requests) == sorted(
        [TOKEN, TOKEN, playlist(NO), playlist(SE), playlist(FI), FEATURES]
    )
    assert [(c["chart"], c["status"], c["rows"]) for c in run.output["charts"]] == [
        (NO, "loaded", 3),
        (SE, "loaded", 3),
        (FI, "loaded", 1),
    ]
    # Which of the charts asked first, and so for the token, is chance.
    requests = [chart["requests"] for chart in run.output["charts"]]
    assert [each["playlists/{id}"] for each in requests] == [1, 1, 1]
    assert sum(each.get(TOKEN, 0) for each in requests) == 1
    assert run.output["charts"][0] == {
        "chart": NO,
        "country": "NO",
        "status": "loaded",
        "rows": 3,
        "holes": 0,
        "problems": [],
        "staging_key": f"staging/daily/{DAY}/{NO}.json.gz",
        "requests": requests[0],
    }
    assert run.output["date"] == DAY
    assert run.output["enrich"]["status"] == "enriched"
    assert run.output["publish"]["status"] == "published"
    entries = [(r["chart"], r["position"], r["track_name"]) for r in told.rows("chart_entries")]
    assert sorted(entries)[1:4] == [(NO, 1, "Track 1"), (NO, 2, "Track 2"), (NO, 3, "Track 3")]
    assert _ids(told, "tracks") == _ids(told, "audio_features") == _tracks(1, 2, 3, 4, 5)
    profiles = {row["chart"]: row for row in told.rows("country_profiles")}
    assert profiles.keys() == {NO, SE, FI}
    assert profiles[NO]["tracks_with_features"] == 3
    assert profiles[NO]["valence_mean"] == pytest.approx(0.5)


def test_the_same_day_twice_changes_nothing_and_asks_nothing() -> None:
    told = story("day_twice")
    first, second = told.runs
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert second.requests == []
    lake = told.keys("lake/")
    assert len(lake) == len([NO, SE, FI]) + len(PUBLISHED)
    assert all(len(told.versions[key]) == 1 for key in lake)
    assert all(len(told.versions[key]) == 1 for key in told.keys("raw/"))
    assert {c["rows"] for c in second.output["charts"]} == {3, 1}


def test_an_unreplaced_schedule_means_the_runs_own_day() -> None:
    run = story("day_by_an_unreplaced_schedule").run
    assert (run.status, run.path) == ("SUCCEEDED", DONE)
    (plan,) = run.invoked("Plan")
    assert run.output["date"] == plan.event["start_time"][:10]


def test_an_operator_chooses_charts() -> None:
    """A country's switched-on charts, and one by its name although it is switched off."""
    told = story("day_of_an_operator")
    assert (told.run.status, told.run.path) == ("SUCCEEDED", DONE)
    assert _charted(told) == {NO, "weekly-SE"}
    assert told.run.output["date"] == DAY


def test_played_tracks_are_asked_about_too() -> None:
    """Charts know tracks 1 to 5; so do the plays, and they are asked about once."""
    told = story("day_after_a_capture")
    assert [run.status for run in told.runs] == ["SUCCEEDED", "SUCCEEDED"]
    (enrich,) = told.run.invoked("Enrich")
    assert (enrich.result["tracks"], enrich.result["asked"]) == (6, 6)
    assert _ids(told, "audio_features") == _tracks(1, 2, 3, 4, 5, 9)
    assert _ids(told, "tracks") == _tracks(1, 2, 3, 4, 5)


#### ONE CHART #####################################################################################


def test_a_withheld_chart_disturbs_no_other() -> None:
    told = story("two_charts_one_withheld")
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "Incomplete", INCOMPLETE)
    assert run.branches == [LOADED, [*TO_EXTRACT, "RecordFailure"]]
    assert str(run.cause).startswith(f"Not done: {SE} (Extract: Spotify answers 404 for ")
    (publish,) = run.invoked("Publish")
    assert publish.event["staging_keys"] == [f"staging/daily/{DAY}/{NO}.json.gz"]
    assert NO not in str(run.cause)
    assert _charted(told) == {NO}
    assert _ids(told, "tracks") == _ids(told, "audio_features") == _tracks(1, 2, 3)
    assert [row["chart"] for row in told.rows("country_profiles")] == [NO]


def test_a_chart_waits_as_long_as_spotify_asks() -> None:
    told = story("chart_limited_twice")
    run = told.run
    assert (run.status, run.path) == ("SUCCEEDED", DONE)
    assert run.branches == [LOADED, LIMITED * 2 + LOADED]
    assert run.waits == [("WaitForSpotify", 4), ("WaitForSpotify", 5)]
    assert run.sleeps == []
    assert _charted(told) == {NO, SE}


def test_an_outage_is_waited_for_a_minute_at_a_time() -> None:
    told = story("chart_unavailable_for_a_while")
    run = told.run
    assert (run.status, run.path) == ("SUCCEEDED", DONE)
    assert run.branches == [LOADED, LIMITED * 2 + LOADED]
    assert run.waits == [("WaitForSpotify", 60), ("WaitForSpotify", 60)]
    assert _charted(told) == {NO, SE}


def test_requests_add_up_over_waits() -> None:
    for name in ("chart_limited_twice", "chart_limited_always"):
        run = story(name).run
        asked = run.requests.count(playlist("daily-SE"))
        assert asked == len(run.waits) + 1
        told = [call.result["requests"]["playlists/{id}"] for call in run.invoked("Extract")]
        assert max(told) == asked, name


def test_a_chart_waits_three_times() -> None:
    told = story("chart_limited_always")
    run = told.run
    assert (run.status, run.path) == ("FAILED", INCOMPLETE)
    assert run.branches == [LOADED, [*LIMITED * 3, *TO_EXTRACT, "RecordFailure"]]
    assert [seconds for _, seconds in run.waits] == [4, 5, 6]
    assert run.cause == f"Not done: {SE} (Extract: Spotify's rate limit: wait 7 s.)"
    assert _charted(told) == {NO}


def test_a_chart_does_not_wait_more_than_five_minutes() -> None:
    run = story("chart_limited_for_longer").run
    assert (run.status, run.path, run.waits) == ("FAILED", INCOMPLETE, [])
    assert run.branches[1] == [*TO_EXTRACT, "RecordFailure"]
    assert run.cause == f"Not done: {SE} (Extract: Spotify's rate limit: wait 301 s.)"


@pytest.mark.parametrize(
    ("scenario", "verb", "way"),
    [
        ("extract_throws", "Extract", ["Extract", "RecordFailure"]),
        ("transform_throws", "Transform", [*TO_EXTRACT, "Transform", "RecordFailure"]),
        ("load_throws", "Load", [*TO_TRANSFORM, "Load", "RecordFailure"]),
    ],
)
def test_a_chart_whose_function_throws_is_recorded(
    scenario: str, verb: str, way: list[str]
) -> None:
    told = story(scenario)
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "Incomplete", INCOMPLETE)
    assert run.branches == [LOADED, way]
    assert run.sleeps == [2, 4]
    assert len([call for call in run.invoked(verb) if call.error]) == 3
    assert str(run.cause).startswith(f"Not done: {SE} ({verb}: {QUOTED}")
    assert _charted(told) == {NO}
    assert _ids(told, "tracks") == _tracks(1, 2, 3)


def test_a_retried_extract_finds_the_answer_that_was_kept() -> None:
    told = story("extract_throws_after_it_kept_the_answer")
    assert told.run.status == "SUCCEEDED"
    assert told.run.sleeps == [2]
    assert told.run.requests.count(playlist(SE)) == 1
    assert all(len(told.versions[key]) == 1 for key in told.keys("raw/"))


def test_another_charts_answer_is_not_transformed() -> None:
    told = story("transform_finds_another_charts_answer")
    run = told.run
    assert (run.status, run.path) == ("FAILED", INCOMPLETE)
    assert run.branches == [LOADED, [*TO_TRANSFORM, "RecordFailure"]]
    assert f"Not done: {SE} (Transform: the playlist: id: " in str(run.cause)
    assert run.sleeps == []
    assert _charted(told) == {NO}


def test_an_answer_without_tracks_is_not_loaded() -> None:
    told = story("transform_finds_no_track")
    assert told.run.branches == [LOADED, [*TO_TRANSFORM, "RecordFailure"]]
    assert told.run.cause == f"Not done: {SE} (Transform: {SE}: the answer holds no track)"
    assert _charted(told) == {NO}


def test_a_corrupt_object_of_one_chart_stays_as_it_is() -> None:
    told = story("load_finds_a_corrupt_object")
    run = told.run
    key = chart_key(SE)
    assert (run.status, run.path) == ("FAILED", INCOMPLETE)
    assert run.branches == [LOADED, [*TO_TRANSFORM, "Load", "CheckLoad", "RecordFailure"]]
    assert f"Not done: {SE} (Load: {key} is not a whole Parquet file" in str(run.cause)
    assert told.versions[key] == [b"not Parquet"]
    assert chart_key(NO) in told.versions


def test_every_chart_failing_is_all_named() -> None:
    told = story("every_chart_withheld")
    run = told.run
    assert (run.status, run.path) == ("FAILED", INCOMPLETE)
    assert run.branches == [[*TO_EXTRACT, "RecordFailure"]] * 3
    for chart in (NO, SE, FI):
        assert f"{chart} (Extract: " in str(run.cause)
    (enrich,) = run.invoked("Enrich")
    assert enrich.event["staging_keys"] == []
    assert enrich.result["asked"] == 0
    assert FEATURES not in run.requests
    assert told.keys("lake/") == []


def test_a_day_that_spotify_no_longer_shows_is_not_filed_under_it() -> None:
    told = story("day_that_is_past")
    assert (told.run.status, told.run.path) == ("FAILED", INCOMPLETE)
    assert "no answer of 2025-03-04 was kept" in str(told.run.cause)
    assert told.run.requests == [TOKEN]
    assert told.keys("raw/") == []


#### THE PLAN ######################################################################################


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        ("unknown_country", "No chart for 'ZZ': the chart list has none."),
        ("all_switched_off", "Every chart is switched off;"),
        ("day_of_the_future", "2999-01-01 lies in the future"),
        ("day_with_a_wrong_field", "The input's 'country' is wrong"),
    ],
)
def test_what_cannot_be_planned_is_not_begun(scenario: str, sentence: str) -> None:
    told = story(scenario)
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "NotPlanned", NOT_PLANNED)
    assert str(run.cause).startswith(sentence)
    assert run.requests == []
    assert told.keys("raw/") + told.keys("lake/") == []


def test_plan_throwing_fails_the_run_with_its_own_error() -> None:
    run = story("plan_throws").run
    assert (run.status, run.error, run.path) == ("FAILED", "RuntimeError", ["Plan"])
    assert run.sleeps == [2, 4]


#### ENRICH AND PUBLISH ############################################################################


def test_enrich_waits_as_long_as_spotify_asks() -> None:
    told = story("enrich_limited_twice")
    run = told.run
    waited = ["Enrich", "CheckEnrich", "WaitToEnrich"]
    assert run.status == "SUCCEEDED"
    assert run.path == [*TO_CHARTS, *waited * 2, *DONE[3:]]
    assert run.waits == [("WaitToEnrich", 6), ("WaitToEnrich", 8)]
    assert _ids(told, "audio_features") == _tracks(1, 2, 3)


def test_enrich_waits_three_times_and_the_rest_is_published() -> None:
    told = story("enrich_limited_always")
    run = told.run
    waited = ["Enrich", "CheckEnrich", "WaitToEnrich"]
    assert (run.status, run.error) == ("FAILED", "Incomplete")
    assert run.path == [*TO_CHARTS, *waited * 3, *INCOMPLETE[3:]]
    assert [seconds for _, seconds in run.waits] == [6, 7, 8]
    assert run.cause == "Not done: Enrich: Spotify's rate limit: wait 9 s."
    assert _ids(told, "tracks") == _tracks(1, 2, 3)


@pytest.mark.parametrize(
    ("scenario", "path", "sentence"),
    [
        (
            "enrich_refused",
            INCOMPLETE,
            "Not done: Enrich: Spotify refused /v1/audio-features with 403: Forbidden.",
        ),
        (
            "enrich_throws",
            [step for step in INCOMPLETE if step != "CheckEnrich"],
            f"Not done: Enrich: {QUOTED}",
        ),
    ],
)
def test_without_features_the_rest_is_published(
    scenario: str, path: list[str], sentence: str
) -> None:
    told = story(scenario)
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "Incomplete", path)
    assert str(run.cause).startswith(sentence)
    assert run.branches == [LOADED]
    assert _ids(told, "tracks") == _tracks(1, 2, 3)
    assert told.keys("lake/audio_features/") == []
    profiles = told.rows("country_profiles")
    assert [(row["chart"], row["valence_mean"]) for row in profiles] == [(NO, None)]


def test_publish_leaves_a_corrupt_object_as_it_is() -> None:
    told = story("publish_finds_a_corrupt_object")
    run = told.run
    key = object_key("tracks", MONTH, "tracks")
    assert (run.status, run.error, run.path) == ("FAILED", "Incomplete", INCOMPLETE)
    assert str(run.cause).startswith(f"Not done: Publish: {key} is not a whole Parquet file")
    assert told.versions[key] == [b"not Parquet"]
    assert _charted(told) == {NO}


def test_publish_throwing_is_made_good_by_the_next_run() -> None:
    told = story("publish_throws")
    first, second = told.runs
    assert (first.status, first.error, first.path) == ("FAILED", "Incomplete", INCOMPLETE)
    assert str(first.cause).startswith(f"Not done: Publish: {QUOTED}")
    assert first.sleeps == [2, 4]
    assert (second.status, second.path, second.requests) == ("SUCCEEDED", DONE, [])
    assert _ids(told, "audio_features") == _tracks(1, 2, 3)


def test_everything_that_failed_is_named() -> None:
    run = story("everything_fails").run
    assert (run.status, run.error, run.path) == ("FAILED", "Incomplete", INCOMPLETE)
    parts = str(run.cause).removeprefix("Not done: ").split("; ")
    named = [part.split(":")[0] for part in parts]
    assert named == [f"{NO} (Extract", f"{SE} (Load", "Enrich", "Publish"]
    assert run.branches == [
        [*TO_EXTRACT, "RecordFailure"],
        [*TO_TRANSFORM, "Load", "RecordFailure"],
        LOADED,
    ]


#### THE SENTENCE AT THE END #######################################################################


def _cause(charts: list[dict[str, str]], enrich: dict[str, str], publish: dict[str, str]) -> str:
    """What the machine's own expression says; runs show only some of the mixtures."""
    (expression,) = expressions(definition("daily")["States"]["Incomplete"]["Cause"])
    given = {"input": {"charts": charts, "enrich": enrich, "publish": publish}}
    return str(evaluate(f"({declare({'$states': given})}{expression})"))


CHART = {"chart": NO, "status": "failed", "stage": "Load", "error": 'it "broke"'}
GOOD = {"chart": SE, "status": "loaded"}


@pytest.mark.parametrize("charts", [[GOOD], [CHART, GOOD], [CHART, CHART]])
@pytest.mark.parametrize("enriched", [True, False])
@pytest.mark.parametrize("published", [True, False])
def test_the_cause_names_exactly_what_failed(
    charts: list[dict[str, str]], enriched: bool, published: bool
) -> None:
    parts = [f'{NO} (Load: it "broke")'] * charts.count(CHART)
    parts += [] if enriched else ["Enrich: e"]
    parts += [] if published else ["Publish: p"]
    if not parts:
        return  # then CheckOutcome leads to Done
    cause = _cause(
        charts,
        {"status": "enriched" if enriched else "rate_limited", "error": "e"},
        {"status": "published" if published else "failed", "error": "p"},
    )
    assert cause == f"Not done: {'; '.join(parts)}"


def test_the_cause_is_never_longer_than_step_functions_takes() -> None:
    """32,768 characters; a longer one would fail the Fail state itself."""
    many = [CHART | {"error": "x" * 500}] * 200
    well = {"status": "enriched"}
    assert 1000 < len(_cause(many, well, {"status": "published"})) <= 32_768
