"""The daily machine, run: which way, what is written, what the run says at its end."""

import json
from collections import Counter
from io import BytesIO
from typing import Any

import pyarrow.parquet as pq
import pytest
from soundlake.probing import ALBUMS as EXAMPLES
from soundlake.probing import TRACK
from soundlake.store.lake import object_key

from tests.statemachines.asl import definition, expressions
from tests.statemachines.engine import Execution, declare, evaluate
from tests.statemachines.fake_spotify import (
    ALBUMS,
    ARTISTS,
    FEATURES,
    MUSICBRAINZ,
    PLAYED,
    RECCOBEATS,
    TOKEN,
    spotify_id,
)
from tests.statemachines.scenarios import chart_key, playlist, story
from tests.statemachines.world import DAY, MONTH, NEXT_DAY, Story

TO_CHARTS = ["Plan", "CheckPlan", "ProcessCharts"]
TO_VERIFY = [*TO_CHARTS, "Enrich", "CheckEnrich", "Verify", "CheckVerify"]
TO_PUBLISH = [*TO_VERIFY, "NothingToWithdraw", "Publish", "CheckOutcome"]
DONE = [*TO_PUBLISH, "Done"]
INCOMPLETE = [*TO_PUBLISH, "Incomplete"]
NOT_PLANNED = ["Plan", "CheckPlan", "NotPlanned"]

TO_EXTRACT = ["Extract", "CheckExtract"]
TO_TRANSFORM = [*TO_EXTRACT, "Transform", "CheckTransform"]
LOADED = [*TO_TRANSFORM, "Load", "CheckLoad", "RecordSuccess"]
LIMITED = [*TO_EXTRACT, "WaitForSpotify"]
QUOTED = r'RuntimeError: {"errorMessage":"it broke: \"{a} $b\"","errorType":"RuntimeError"'

NO, SE, FI = "daily-NO", "daily-SE", "daily-FI"
ENTRIES = "chart_entries"
PUBLISHED = (
    *("tracks", "albums", "artists", "audio_features", "track_sections", "track_segments"),
    *("country_profiles", "chart_days", "data_quality"),
)


def _tracks(*numbers: int) -> set[str]:
    return {spotify_id("track", number) for number in numbers}


def _charted(told: Story) -> set[str]:
    return {row["chart"] for row in told.rows("chart_entries")}


def _ids(told: Story, table: str) -> set[str]:
    return {row["track_id"] for row in told.rows(table)}


def _sources(told: Story) -> list[str | None]:
    """Who knows each track's features, by track."""
    return [row["source"] for row in sorted(told.rows("audio_features"), key=_track_id)]


def _track_id(row: dict[str, Any]) -> str:
    return str(row["track_id"])


#### WELL ##########################################################################################


def test_a_day() -> None:
    told = story("day")
    run = told.run
    assert (run.status, run.path) == ("SUCCEEDED", DONE)
    assert run.branches == [LOADED, LOADED, LOADED]
    assert (run.waits, run.sleeps) == ([], [])
    # Extract and Enrich are two processes, and each has a token of its own.
    assert sorted(run.requests) == sorted(
        [
            *(TOKEN, TOKEN, playlist(NO), playlist(SE), playlist(FI), FEATURES, ALBUMS, ARTISTS),
            *(f"audio-analysis/{each}" for each in _tracks(1, 2, 3, 4, 5)),
        ]
    )
    assert [(c["chart"], c["status"], c["rows"]) for c in run.output["charts"]] == [
        (NO, "loaded", 3),
        (SE, "loaded", 3),
        (FI, "loaded", 1),
    ]
    # Which of the charts asked first, and so for the token, is chance.
    charts = [dict(chart) for chart in run.output["charts"]]
    requests = [chart.pop("requests") for chart in charts]
    assert [each["playlists/{id}"] for each in requests] == [1, 1, 1]
    assert sum(each.get(TOKEN, 0) for each in requests) == 1
    assert charts[0] == {
        "chart": NO,
        "date": DAY,
        "repair": False,
        "status": "loaded",
        "shown_date": None,
        "rows": 3,
        "holes": 0,
        "breaches": 1,
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


def _budget_writes(told: Story) -> Counter[str]:
    """How often each function wrote to the table of budgets."""
    return Counter(
        call.verb
        for call in told.calls
        if (call.action, call.resource[-7:]) == ("dynamodb:UpdateItem", "-budget")
    )


def test_with_extended_access_a_run_writes_no_more_to_the_budget_than_its_counts() -> None:
    """One for each invocation that asked, as before there were draws."""
    assert _budget_writes(story("day")) == {"Extract": 3, "Enrich": 1}


def test_the_same_day_twice_changes_nothing_and_asks_nothing() -> None:
    told = story("day_twice")
    first, second = told.runs
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert second.requests == []
    lake = told.keys("lake/")
    assert len(lake) == len([NO, SE, FI]) + len(PUBLISHED)
    # Albums and artists get their details after their rows, in the same run.
    twice = {chart_key("albums", "albums"), chart_key("artists", "artists")}
    assert {key for key in lake if len(told.versions[key]) > 1} == twice
    assert {len(told.versions[key]) for key in twice} == {2}
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
    asked = {"audio-features": 6, "albums": 6, "artists": 3, "audio-analysis": 6}
    assert enrich.result["asked"] == asked
    assert _ids(told, "audio_features") == _tracks(1, 2, 3, 4, 5, 9)
    assert _ids(told, "tracks") == _tracks(1, 2, 3, 4, 5, 9)
    assert len(told.rows("music_activity")) == 6


@pytest.mark.parametrize("name", ["all_switched_off", "day_without_a_chart_list"])
def test_without_charts_all_else_is_done(name: str) -> None:
    told = story(name)
    assert (told.run.status, told.run.path) == ("SUCCEEDED", DONE)
    assert told.run.output["charts"] == []
    assert told.rows("chart_entries") == []
    assert _ids(told, "audio_features") == {row["track_id"] for row in told.rows("plays")} != set()
    assert len(told.rows("music_activity")) == 5


def test_a_chart_list_that_is_gone_fails_the_run_and_leaves_what_is_there() -> None:
    told = story("chart_list_that_is_gone")
    first, second = told.runs
    assert first.status == "SUCCEEDED"
    assert (second.status, second.error, second.path) == ("FAILED", "NotPlanned", NOT_PLANNED)
    assert str(second.cause).startswith("The chart list is gone, and charts were read lately:")
    assert len(told.rows("chart_entries")) > 0


#### ONE CHART #####################################################################################


def test_a_withheld_chart_disturbs_no_other() -> None:
    told = story("two_charts_one_withheld")
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "Incomplete", INCOMPLETE)
    assert run.branches == [LOADED, [*TO_EXTRACT, "RecordFailure"]]
    assert str(run.cause).startswith(f"Not done: {SE} (Extract: Spotify answers 404 for ")
    (publish,) = run.invoked("Publish")
    assert [each["status"] for each in publish.event["charts"]] == ["loaded", "failed"]
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
    assert run.branches == [[*TO_EXTRACT, "RecordFailure"]]
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
    assert (
        told.run.cause
        == f"Not done: {SE} (Transform: has_rows: {SE} of {DAY} shows no track in 2 places.)"
    )
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
    assert enrich.result["asked"] == {}
    assert FEATURES not in run.requests
    assert told.keys("lake/") == [chart_key("chart_days", "chart_days")]
    assert {row["status"] for row in told.rows("chart_days")} == {"failed"}


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


#### WHAT THE APP MAY DO ##########################################################################


TO_PROBED = ["Plan", "CheckPlan", "Probe", "ProcessCharts"]
PROBED_DONE = [*TO_PROBED, *DONE[len(TO_CHARTS) :]]
PROBED_INCOMPLETE = [*TO_PROBED, *INCOMPLETE[len(TO_CHARTS) :]]
ANALYSIS = f"audio-analysis/{TRACK}"


def test_the_first_run_looks_what_the_app_may_do_and_the_next_knows_it() -> None:
    first, second = story("day_of_an_app_nobody_knows").runs

    assert (first.status, first.path) == ("SUCCEEDED", PROBED_DONE)
    assert first.requests[:5] == [TOKEN, playlist(NO), FEATURES, ANALYSIS, ALBUMS]
    access = first.output["access"]
    assert access["status"] == "probed"
    assert (access["mode"], access["refused"]) == ("extended", [])
    assert access["requests"] == {
        TOKEN: 1,
        "playlists/{id}": 1,
        FEATURES: 1,
        "audio-analysis/{id}": 1,
        ALBUMS: 1,
    }
    assert [each["evidence"] for each in access["findings"]] == [
        f"/v1/{playlist(NO)}: 200",
        f"/v1/{FEATURES}?ids={TRACK}: 200",
        f"/v1/{ANALYSIS}: 200",
        f"/v1/{ALBUMS}?ids={'%2C'.join(EXAMPLES)}: 200",
        f"/v1/{ALBUMS}?ids={'%2C'.join(EXAMPLES)}: 200",
    ]
    assert (second.status, second.path) == ("SUCCEEDED", DONE)
    assert second.requests == []
    known = ("mode", "in_words", "refused", "probed_at")
    assert second.output["access"] == {name: access[name] for name in known} | {"status": "known"}


def test_a_development_app_is_known_for_one_after_six_requests() -> None:
    told = story("day_of_a_development_app")
    (probe,) = told.run.invoked("Probe")

    assert told.run.path[: len(TO_PROBED)] == TO_PROBED
    assert (probe.result["status"], probe.result["mode"]) == ("probed", "development")
    assert probe.result["counts"] == {"requests": 7}  # a token among them
    assert probe.result["refused"] == ["charts", "audio_features", "audio_analysis", "several"]


#### WHO SHOWS CHARTS ##############################################################################

UNSERVED = ["Extract", "CheckExtract", "RecordUnserved"]
THERE = [*LOADED[:-1], "RecordUnchanged"]


def _became(run: Execution) -> dict[str, tuple[str, str | None]]:
    """What became of each chart, and which day it showed."""
    return {
        each["chart"]: (each["status"], each.get("shown_date")) for each in run.output["charts"]
    }


def test_charts_that_nobody_may_be_asked_for_are_unavailable_and_fail_no_run() -> None:
    told = story("day_of_charts_that_nobody_may_be_asked_for")
    first, second = told.runs

    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert second.branches == [UNSERVED, UNSERVED]
    assert _became(second) == {SE: ("unavailable", None), FI: ("unavailable", None)}
    assert {each["error"] for each in second.output["charts"]} == {
        "Spotify does not show its charts to this app. Download it at charts.spotify.com and "
        "./soundlake import it, or choose kworb (docs/sources.md)."
    }
    assert [each for each in second.requests if each.startswith("playlists")] == []
    assert second.output["verify"]["warnings"] == 0
    assert _days(told) == {(NO, DAY): "loaded", (SE, DAY): "unavailable", (FI, DAY): "unavailable"}


def test_a_days_pages_are_filed_under_their_own_day() -> None:
    told = story("days_of_kworb")
    first, second, third, fourth = told.runs

    assert [run.status for run in told.runs] == ["SUCCEEDED"] * 4
    assert _became(first) == {
        NO: ("loaded", "2025-03-03"),
        SE: ("loaded", "2025-03-03"),
        FI: ("unavailable", None),  # it has no page of Finland
    }
    assert _became(second) == {
        NO: ("unchanged", "2025-03-03"),
        SE: ("loaded", "2025-03-04"),
        FI: ("unavailable", None),
    }
    assert THERE in second.branches
    assert _became(third) == {NO: ("loaded", "2025-03-04"), FI: ("unavailable", None)}
    assert _became(fourth) == {FI: ("unavailable", None)}
    days = Counter((r["chart"], str(r["chart_date"]), r["provider"]) for r in told.rows(ENTRIES))
    assert days == {
        (chart, day, "kworb"): 60 for chart in (NO, SE) for day in ("2025-03-03", "2025-03-04")
    }
    assert {row["chart_date"].isoformat() for row in told.rows("country_profiles")} == {
        "2025-03-03",
        "2025-03-04",
    }
    assert _days(told)[NO, NEXT_DAY] == _days(told)[SE, DAY] == "loaded"


def test_what_it_is_asked_for_is_a_page_a_chart_and_robots_txt_a_day() -> None:
    told = story("days_of_kworb")

    asked = [[each for each in run.requests if each.startswith("kworb")] for run in told.runs]
    pages = {c: f"kworb.net/spotify/country/{c}_daily.html" for c in ("no", "se", "fi")}
    assert sorted(asked[0])[1:] == sorted(pages.values())
    # Two charts are read at once: both may ask for the day's robots.txt, kept once.
    assert set(asked[0]) - set(pages.values()) == {"kworb.net/robots.txt"}
    assert [each for each in asked[2] if "robots" in each] == []
    assert sorted(asked[2]) == [pages["fi"], pages["no"]]
    assert asked[3] == [pages["fi"]]
    assert len(told.keys("raw/robots/kworb.net/")) == 2


def test_a_turn_is_waited_for_as_often_as_it_takes() -> None:
    """More often than a chart may wait for what a source asks of it."""
    told = story("kworb_in_turn")

    assert told.run.status == "SUCCEEDED"
    assert [seconds for _, seconds in told.run.waits] == [7, 6, 5, 4, 3]
    assert _became(told.run) == {NO: ("loaded", "2025-03-03")}


def test_for_a_lost_playlist_spotify_is_asked_once_however_long_the_turn_takes() -> None:
    run = story("kworb_in_turn_for_a_lost_playlist").run

    assert run.status == "SUCCEEDED"
    assert len(run.waits) > 1
    assert _became(run) == {NO: ("loaded", "2025-03-03")}
    assert [each for each in run.requests if each.startswith("playlists")] == [playlist(NO)]


def test_spotifys_own_playlist_stays_where_kworb_has_the_day_too() -> None:
    told = story("day_of_kworb_that_spotify_has_shown")

    assert told.run.status == "SUCCEEDED"
    assert (told.run.branches, _became(told.run)) == ([THERE], {NO: ("unchanged", DAY)})
    assert {row["provider"] for row in told.rows(ENTRIES)} == {"spotify"}


def test_kworb_is_waited_for_and_a_page_of_another_country_refused() -> None:
    told = story("kworb_in_trouble")
    run = told.run

    assert (run.status, run.waits) == ("FAILED", [("WaitForSpotify", 60)] * 2)
    assert _days(told) == {(NO, DAY): "loaded", (SE, DAY): "failed"}
    assert "daily-SE (Extract: kworb.net's page of daily-SE is headed 'Norway'" in str(run.cause)
    assert {row["chart"] for row in told.rows(ENTRIES)} == {NO}


def test_days_of_kworb_that_err_beside_each_other_are_taken_out_again() -> None:
    told = story("charts_of_kworb_with_one_table")

    assert told.run.status == "FAILED"
    assert f"{NO} of 2025-03-03 (Verify: " in str(told.run.cause)
    assert told.rows(ENTRIES) == []
    assert _days(told) == {(NO, DAY): "withdrawn", (SE, DAY): "withdrawn"}


def test_tracks_that_a_page_names_alone_are_looked_up_once_and_published_later() -> None:
    told = story("tracks_of_kworb_looked_up")
    first, second = told.runs

    assert [run.status for run in told.runs] == ["FAILED", "SUCCEEDED"]
    (enriched,) = first.invoked("Enrich")
    assert enriched.result["asked"]["tracks"] == 60
    assert second.output["enrich"]["asked"].get("tracks") is None
    assert len(told.rows("tracks")) == 60
    assert all(row["detail_raw_key"] for row in told.rows("tracks"))


def test_a_contradiction_is_looked_at_by_the_next_run() -> None:
    run = story("day_after_an_answer_contradicted_what_was_known").run
    (plan,) = run.invoked("Plan")

    assert (run.status, run.path) == ("SUCCEEDED", PROBED_DONE)
    assert plan.result["access"]["status"] == "due"
    assert plan.result["access"]["why"] == "an answer contradicted what was known"
    assert run.output["access"]["mode"] == "extended"


def test_a_probe_without_an_app_says_so_and_so_does_the_chart() -> None:
    run = story("day_without_an_app").run
    (probe,) = run.invoked("Probe")

    assert (run.status, run.path) == ("FAILED", PROBED_INCOMPLETE)
    assert probe.result["status"] == "failed"
    assert "write it with ./soundlake app" in probe.result["error"]
    assert f"{NO} (Extract: There is no SecureString" in str(run.cause)


def test_a_probe_is_not_waited_for_and_stops_no_chart() -> None:
    first, second = story("probe_limited").runs

    assert (first.status, first.path, first.waits) == ("SUCCEEDED", PROBED_DONE, [])
    assert first.output["access"]["status"] == "rate_limited"
    assert first.output["access"]["error"] == "Spotify's rate limit: wait 4 s."
    assert first.output["access"]["mode"] == "charts"
    assert first.output["access"]["probed_at"] is None
    assert (second.status, second.path) == ("SUCCEEDED", PROBED_DONE)
    assert second.output["access"]["mode"] == "extended"


def test_a_probe_that_throws_is_recorded_and_stops_no_chart() -> None:
    run = story("probe_throws").run

    assert (run.status, run.path) == ("SUCCEEDED", PROBED_DONE)
    assert run.sleeps == [2, 4]
    access = run.output["access"]
    assert (access["status"], access["mode"]) == ("failed", "unknown")
    assert access["error"].startswith(QUOTED)


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
            "reccobeats_lies",
            INCOMPLETE,
            "Not done: Enrich: ReccoBeats's audio-features: the answer is not JSON",
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


def test_what_spotify_refuses_comes_from_reccobeats_and_nothing_has_failed() -> None:
    told = story("features_from_reccobeats")
    first, second, third = told.runs
    assert (first.status, first.path) == ("SUCCEEDED", DONE)
    assert (first.requests.count(FEATURES), first.requests.count(RECCOBEATS)) == (1, 1)
    (note,) = first.output["enrich"]["notes"]
    assert note.startswith("Spotify refused /v1/audio-features with 403: Forbidden.")
    # What is refused is asked for by nobody, until it is found to be allowed.
    assert (second.status, second.requests) == ("SUCCEEDED", [])
    assert (third.status, third.output["enrich"]["notes"]) == ("SUCCEEDED", [])
    assert (third.requests.count(FEATURES), third.requests.count(RECCOBEATS)) == (1, 0)
    assert _ids(told, "audio_features") == _tracks(1, 2, 3)
    assert _sources(told) == ["reccobeats", "spotify", "reccobeats"]
    (profile,) = told.rows("country_profiles")
    assert (profile["tracks_with_features"], profile["coverage"]) == (3, 1.0)


def _genres(told: Story) -> set[tuple[str | None, str]]:
    """Who knows the artists' genres, and which."""
    rows = told.rows("artists")
    assert len(rows) == 3
    return {(row["genres_source"], ", ".join(row["genres"])) for row in rows}


def test_genres_that_spotify_does_not_name_come_from_musicbrainz_and_are_asked_for_once() -> None:
    told = story("genres_from_musicbrainz")
    first, second, third = told.runs
    assert [run.status for run in told.runs] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert first.requests.count(MUSICBRAINZ) == 0
    assert second.requests == [MUSICBRAINZ] * 6
    assert (third.requests, third.output["enrich"]["notes"]) == ([], [])
    assert _genres(told) == {("musicbrainz", "pop, joik")}


def test_whatever_musicbrainz_does_is_a_note_and_the_next_run_asks() -> None:
    told = story("musicbrainz_busy_and_lying")
    _, busy, lying, well = told.runs
    assert [run.status for run in told.runs] == ["SUCCEEDED"] * 4
    assert [run.path for run in told.runs] == [DONE] * 4
    assert busy.output["enrich"]["notes"] == [
        "MusicBrainz's rate limit: wait 30 s. The next run asks again."
    ]
    assert (busy.requests, busy.waits) == ([MUSICBRAINZ], [])
    (note,) = lying.output["enrich"]["notes"]
    assert note.startswith("MusicBrainz' ISRC: isrc: field required. ")
    assert lying.requests == [MUSICBRAINZ] * 3
    assert well.output["enrich"]["notes"] == []
    assert _genres(told) == {("musicbrainz", "pop, joik")}


def test_without_a_contact_nobody_is_asked_for_genres_and_the_run_says_so() -> None:
    told = story("genres_without_a_contact")
    (note,) = told.run.output["enrich"]["notes"]
    assert note.startswith("musicbrainz was not asked for the genres of 3 artists: ")
    assert (told.run.status, told.run.requests) == ("SUCCEEDED", [])
    assert _genres(told) == {(None, "")}


def test_enrich_waits_as_long_as_reccobeats_asks() -> None:
    told = story("reccobeats_limited")
    run = told.run
    waited = ["Enrich", "CheckEnrich", "WaitToEnrich"]
    assert (run.status, run.path) == ("SUCCEEDED", [*TO_CHARTS, *waited, *DONE[3:]])
    assert run.waits == [("WaitToEnrich", 6)]
    assert run.requests.count(RECCOBEATS) == 2
    assert run.requests.count(ALBUMS) == 1
    assert _sources(told) == ["reccobeats", None, "reccobeats"]


def test_a_long_wait_of_reccobeats_is_kept_to_by_the_next_runs() -> None:
    told = story("reccobeats_limited_for_long")
    assert [run.status for run in told.runs] == ["SUCCEEDED"] * 3
    assert [run.path for run in told.runs] == [DONE] * 3
    assert [run.requests.count(RECCOBEATS) for run in told.runs] == [1, 0, 1]
    assert [len(run.output["enrich"]["notes"]) for run in told.runs] == [1, 1, 0]
    assert _sources(told).count("reccobeats") == 4


def test_without_reccobeats_the_run_goes_well_and_says_so() -> None:
    told = story("reccobeats_down")
    run = told.run
    assert (run.status, run.path) == ("SUCCEEDED", DONE)
    assert run.output["enrich"]["notes"][0] == (
        "ReccoBeats answered 503 for audio-features. The next run asks again."
    )
    assert run.requests.count(RECCOBEATS) == 3
    assert told.keys("lake/audio_features/") == []


def test_publish_leaves_a_corrupt_object_as_it_is() -> None:
    told = story("publish_finds_a_corrupt_object")
    run = told.run
    key = object_key("chart_days", MONTH, "chart_days")
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


def _cause(
    charts: list[dict[str, Any]],
    enrich: dict[str, str],
    verify: dict[str, str],
    publish: dict[str, str],
    withdrawals: list[dict[str, Any]],
) -> str:
    """What the machine's own expression says; runs show only some of the mixtures."""
    (expression,) = expressions(definition("daily")["States"]["Incomplete"]["Cause"])
    given = {"date": DAY, "charts": charts, "withdrawals": withdrawals}
    given |= {"enrich": enrich, "verify": verify, "publish": publish}
    return str(evaluate(f"({declare({'$states': {'input': given}})}{expression})"))


CHART = {
    "chart": NO,
    "date": DAY,
    "repair": False,
    "status": "failed",
    "stage": "Load",
    "error": 'it "broke"',
}
GOOD = {"chart": SE, "date": DAY, "repair": False, "status": "loaded"}
SAME = GOOD | {"status": "unchanged"}
EARLIER = CHART | {"date": "2025-03-01", "repair": True, "status": "deferred"}
LOST = EARLIER | {"status": "unavailable"}
TAKEN = {"chart": SE, "date": DAY, "status": "withdrawn", "error": "as in Norway"}
WELL = {"enrich": "enriched", "verify": "verified", "publish": "published"}


@pytest.mark.parametrize("charts", [[GOOD], [CHART, GOOD], [CHART, CHART], [EARLIER, LOST, SAME]])
@pytest.mark.parametrize("taken", [[], [TAKEN], [TAKEN, TAKEN]])
@pytest.mark.parametrize("ill", [(), ("enrich",), ("verify",), ("publish",), tuple(WELL)])
def test_the_cause_names_exactly_what_failed(
    charts: list[dict[str, Any]], taken: list[dict[str, Any]], ill: tuple[str, ...]
) -> None:
    parts = [f'{NO} (Load: it "broke")'] * charts.count(CHART)
    parts += [f'{NO} of 2025-03-01 (Load: it "broke")'] * charts.count(EARLIER)
    parts += [f"{SE} (Verify: as in Norway)"] * len(taken)
    parts += [f"{step.title()}: it is ill" for step in ill]
    if not parts:
        return  # then CheckOutcome leads to Done
    steps = {
        step: {"status": "failed", "error": "it is ill"} if step in ill else {"status": well}
        for step, well in WELL.items()
    }
    cause = _cause(charts, **steps, withdrawals=taken)
    assert cause == f"Not done: {'; '.join(parts)}"


@pytest.mark.parametrize("lost", [LOST, CHART | {"status": "unavailable"}])
def test_only_a_lost_day_of_the_past_fails_no_run(lost: dict[str, Any]) -> None:
    (condition,) = [
        choice["Condition"] for choice in definition("daily")["States"]["CheckOutcome"]["Choices"]
    ]
    steps = {step: {"status": well} for step, well in WELL.items()}
    given = {"charts": [GOOD, SAME, lost], "withdrawals": [], **steps}
    (expression,) = expressions(condition)
    done = evaluate(f"({declare({'$states': {'input': given}})}{expression})")
    assert done is (lost is LOST)


def test_the_cause_is_never_longer_than_step_functions_takes() -> None:
    """32,768 characters; a longer one would fail the Fail state itself. All names are in it."""
    many = [CHART | {"chart": f"daily-{n:03}", "error": "x" * 300} for n in range(550)]
    steps = {step: {"status": well} for step, well in WELL.items()}
    cause = _cause(many, **steps, withdrawals=[])
    assert 1000 < len(cause) <= 32_768
    assert [each["chart"] for each in many if each["chart"] not in cause] == []


ALL = 500  # charts
LONG = ('it "broke" ' * 40)[:240]
LIMIT = 256 * 1024  # bytes of a payload


def _record(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """What a branch ends with, made by the machine's own expressions."""
    branch = definition("daily")["States"]["ProcessCharts"]["ItemProcessor"]["States"]
    return {
        field: evaluate(f"({declare({'$states': {'input': given}})}{next(expressions(value))})")
        if str(value).startswith("{%")
        else value
        for field, value in branch[name]["Output"].items()
    }


def _published(charts: list[dict[str, Any]], withdrawals: list[dict[str, Any]]) -> int:
    """The bytes of the largest payload: what Publish hands on, its own sentences included."""
    problems = [LONG] * 10
    verify = {"status": "verified", "problems": problems, "withdraw": []}
    given = {"date": DAY, "charts": charts, "withdrawals": withdrawals, "verify": verify}
    given |= {"enrich": {"error": LONG * 5}, "publish": {"error": LONG * 5}}
    return len(json.dumps(given, separators=(",", ":"), ensure_ascii=False).encode())


def test_five_hundred_charts_fit_into_a_payload_when_all_fail_at_length() -> None:
    item = {"chart": {"chart": "weekly-GLOBAL"}, "date": DAY, "repair": False}
    given = {
        "item": item,
        "status": "rate_limited",
        "stage": "Transform",
        "error": LONG,
        "not_before": "2025-03-05T12:07:00.000Z",
        "requests": {"playlists/{id}": 4, "api/token": 4},
    }
    record = _record("RecordFailure", given)
    assert (record["status"], record["error"]) == ("deferred", LONG)
    assert _published([record] * ALL, []) < LIMIT


def test_five_hundred_charts_fit_into_a_payload_when_all_are_withdrawn() -> None:
    given = {
        "item": {"chart": {"chart": "weekly-GLOBAL"}, "date": DAY, "repair": False},
        "load": {"rows": 50},
        "transform": {"holes": 0, "breaches": 6},
        "requests": {"playlists/{id}": 1, "api/token": 1},
    }
    taken = {"chart": "weekly-GLOBAL", "date": DAY, "status": "withdrawn", "error": LONG[:120]}
    record = _record("RecordSuccess", given)
    assert record["status"] == "loaded"
    assert _published([record] * ALL, [taken] * ALL) < LIMIT


#### DAY AFTER DAY #################################################################################


def _days(told: Story) -> dict[tuple[str, str], str]:
    return {(r["chart"], r["chart_date"].isoformat()): r["status"] for r in told.rows("chart_days")}


def _dates(told: Story, chart: str) -> set[str]:
    rows = told.rows("chart_entries")
    return {row["chart_date"].isoformat() for row in rows if row["chart"] == chart}


UNCHANGED = [*TO_TRANSFORM, "RecordUnchanged"]
REFUSED = [*TO_TRANSFORM, "RecordFailure"]
MISSED = [*TO_EXTRACT, "RecordFailure"]


def test_a_second_run_of_the_schedule_has_nothing_left_to_do() -> None:
    first, second = story("nothing_left_to_do").runs
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
    assert (second.path, second.branches, second.requests) == (DONE, [], [])
    (plan,) = second.invoked("Plan")
    assert (plan.result["charts"], plan.result["done"]) == ([], 3)


def test_a_weekly_chart_is_read_when_it_changes() -> None:
    told = story("weekly_chart_unchanged")
    assert [run.status for run in told.runs] == ["SUCCEEDED"] * 3
    assert [run.branches for run in told.runs] == [[LOADED], [UNCHANGED], [LOADED]]
    assert _dates(told, "weekly-SE") == {DAY, "2025-03-07"}
    assert _days(told) == {
        ("weekly-SE", DAY): "loaded",
        ("weekly-SE", NEXT_DAY): "unchanged",
        ("weekly-SE", "2025-03-07"): "loaded",
    }


def test_a_chart_that_was_not_renewed_is_asked_for_again_that_day() -> None:
    told = story("chart_not_renewed_yet")
    first, stale, renewed = told.runs
    assert [run.status for run in told.runs] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert (first.branches, stale.branches) == ([LOADED], [REFUSED])
    assert "not_yesterdays_answer: daily-NO of 2025-03-06 shows the very positions" in str(
        stale.cause
    )
    assert renewed.branches == [LOADED]
    assert renewed.requests.count(playlist(NO)) == 1
    assert len(told.keys(f"raw/charts/spotify/{NO}/{NEXT_DAY}/")) == 2
    assert _dates(told, NO) == {DAY, NEXT_DAY}
    assert _days(told)[NO, NEXT_DAY] == "loaded"
    breaches = {row["expectation"] for row in told.rows("data_quality")}
    assert "not_yesterdays_answer" not in breaches  # the day's rows took the place of its own


def test_what_has_to_wait_longer_is_deferred_to_a_later_run_and_done_there() -> None:
    told = story("chart_deferred")
    first, early, later = told.runs
    assert [run.status for run in told.runs] == ["FAILED", "FAILED", "SUCCEEDED"]
    assert first.output is None
    assert first.cause == f"Not done: {NO} (Extract: Spotify's rate limit: wait 3600 s.)"
    assert playlist(NO) not in early.requests
    assert [run.waits for run in told.runs] == [[], [], []]
    assert later.requests.count(playlist(NO)) == 1
    assert _days(told) == {(NO, DAY): "loaded"}


def test_a_chart_is_left_undone_where_captures_need_the_rest_of_the_quota() -> None:
    told = story("chart_left_to_captures")
    first, captured, later = told.runs
    assert [run.status for run in told.runs] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert first.branches == [[*TO_EXTRACT, "RecordFailure"]]
    assert (first.requests, first.waits) == ([], [])
    assert first.cause == (
        f"Not done: {NO} (Extract: Spotify seems to allow about 100 requests a day; "
        "captures need 0 and others made 100. The next run asks again; fewer charts or analyses "
        "need fewer (./soundlake status).)"
    )
    assert PLAYED in captured.requests
    assert later.requests.count(playlist(NO)) == 1
    assert _days(told) == {(NO, DAY): "loaded"}


def test_a_run_ends_well_without_what_is_left_to_captures() -> None:
    told = story("enrichment_left_to_captures")
    first, later = told.runs
    assert [run.status for run in told.runs] == ["SUCCEEDED", "SUCCEEDED"]
    assert first.path == DONE
    assert first.requests == [TOKEN, playlist(NO)]
    (note,) = first.output["enrich"]["notes"]
    assert "captures need 1 and others made 99" in note
    assert (later.path, later.output["enrich"]["notes"]) == (DONE, [])
    assert {FEATURES, ALBUMS, ARTISTS} <= set(later.requests)
    assert _ids(told, "audio_features") == _tracks(1, 2, 3)


def test_a_run_makes_up_for_what_the_one_before_missed() -> None:
    told = story("yesterdays_chart_is_made_up_for")
    first, second = told.runs
    assert (first.status, second.status) == ("FAILED", "SUCCEEDED")
    assert len(second.branches) == 4
    (made_up_for,) = [each for each in second.output["charts"] if each["repair"]]
    assert (made_up_for["chart"], made_up_for["date"]) == (NO, DAY)
    assert playlist(NO) in first.requests
    assert second.requests.count(playlist(NO)) == 1  # the new day's alone
    assert _dates(told, NO) == {DAY, NEXT_DAY}
    profiles = {(row["chart"], row["chart_date"].isoformat()) for row in told.rows(PUBLISHED[6])}
    assert {(NO, DAY), (NO, NEXT_DAY)} <= profiles
    assert set(_days(told).values()) == {"loaded"}


def test_a_day_that_is_lost_is_on_record_and_looked_for_once() -> None:
    told = story("yesterdays_chart_is_lost")
    _, second, third = told.runs
    assert [run.status for run in told.runs] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    (gone,) = [each for each in second.output["charts"] if each["status"] == "unavailable"]
    assert (gone["chart"], gone["date"], gone["repair"]) == (NO, DAY, True)
    assert third.branches == []
    assert _days(told)[NO, DAY] == "unavailable"
    assert _dates(told, NO) == {NEXT_DAY}


#### VERIFY ########################################################################################

WITHDRAWN = [*TO_VERIFY, "WithdrawCharts", "Publish", "CheckOutcome", "Incomplete"]


def test_a_table_under_anothers_name_is_taken_out_again() -> None:
    told = story("charts_withdrawn")
    run = told.run
    assert (run.status, run.error, run.path) == ("FAILED", "Incomplete", WITHDRAWN)
    assert run.branches == [LOADED, LOADED, LOADED, ["Withdraw"]]
    assert f"{NO} (Verify: {NO} of {DAY} shows the very table of {SE}" in str(run.cause)
    assert _charted(told) == {FI}
    assert {row["chart"] for row in told.rows("country_profiles")} == {FI}
    assert _days(told) == {(NO, DAY): "withdrawn", (SE, DAY): "withdrawn", (FI, DAY): "loaded"}
    rows = told.rows("data_quality")
    assert {r["chart"] for r in rows if r["consequence"] == "withdrawn"} == {NO, SE}
    (publish,) = run.invoked("Publish")
    assert [each["chart"] for each in publish.event["withdrawals"]] == [NO, SE]


@pytest.mark.parametrize(
    ("scenario", "way", "norway"),
    [
        ("withdraw_throws", ["Withdraw", "RecordNotWithdrawn"], "failed"),
        ("withdraw_finds_a_corrupt_object", ["Withdraw"], "withdrawn"),
    ],
)
def test_what_cannot_be_taken_out_is_named(scenario: str, way: list[str], norway: str) -> None:
    told = story(scenario)
    run = told.run
    assert (run.status, run.path) == ("FAILED", WITHDRAWN)
    assert run.branches[2:] == [way]
    assert f"{SE} (Verify: not withdrawn: " in str(run.cause)
    assert _days(told) == {(NO, DAY): norway, (SE, DAY): "failed"}


@pytest.mark.parametrize(
    ("charts", "groups"), [(1, [1]), (20, [20]), (21, [20, 1]), (45, [20, 20, 5])]
)
def test_charts_are_taken_out_twenty_at_once(charts: int, groups: list[int]) -> None:
    """So that a day of 500 charts that all err adds few events to the history."""
    given = [{"chart": f"daily-{n}", "date": DAY, "error": "as in Norway"} for n in range(charts)]
    (expression,) = expressions(definition("daily")["States"]["WithdrawCharts"]["Items"])

    items = evaluate(
        f"({declare({'$states': {'input': {'verify': {'withdraw': given}}}})}{expression})"
    )

    assert [len(item["charts"]) for item in items] == groups
    assert [chart for item in items for chart in item["charts"]] == given


@pytest.mark.parametrize(
    ("scenario", "sentence"),
    [
        ("verify_throws", f"Not done: Verify: {QUOTED}"),
        (
            "verify_finds_a_corrupt_object",
            f"Not done: Verify: {chart_key('data_quality', 'data_quality')} is not a whole",
        ),
    ],
)
def test_unverified_charts_are_published_and_the_run_fails(scenario: str, sentence: str) -> None:
    told = story(scenario)
    assert (told.run.status, told.run.path) == ("FAILED", INCOMPLETE)
    assert str(told.run.cause).startswith(sentence)
    assert [row["chart"] for row in told.rows("country_profiles")] == [NO]


#### AT ONCE, AND KILLED ###########################################################################


@pytest.mark.parametrize("scenario", ["two_runs_of_a_day_at_once", "load_dies_after_it_wrote"])
def test_twice_or_again_is_as_once(scenario: str) -> None:
    told, once = story(scenario), story("chart_limited_twice")
    assert told.run.status == "SUCCEEDED"
    for key in once.keys("lake/"):
        assert _without_times(told.versions[key][-1]) == _without_times(once.versions[key][-1]), key
    assert told.keys("lake/") == once.keys("lake/")


def _without_times(body: bytes) -> list[dict[str, Any]]:
    """A table's rows without what says which answer they come from."""
    rows = pq.ParquetFile(BytesIO(body)).read().to_pylist()
    return [
        {name: each for name, each in row.items() if not name.endswith(("raw_key", "_at"))}
        for row in rows
    ]
