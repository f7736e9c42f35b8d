"""Audio features where Spotify refuses them, as it does nearly every app, on the whole stack."""

from datetime import UTC, datetime
from math import ceil
from typing import Any

import pytest

from local.reccobeats.app import COVERAGE
from local.spotify import ids
from tests.stack import trials
from tests.stack.conftest import FEATURES, Stack
from tests.stack.gate import Gate, Kill
from tests.stack.trials import Trial

REFUSED = {"path": "^/v1/audio-features", "kind": "403"}
ZONES = ("lake/", "raw/")


def refuse(trial: Trial) -> None:
    trial.stack.spotify("POST", "faults", json=REFUSED)


@pytest.fixture(scope="module")
def undisturbed(stack: Stack, gate: Gate) -> dict[str, bytes]:
    """What a run leaves that nobody disturbs."""
    trial = trials.trial(stack, gate)
    refuse(trial)
    assert trial.run("daily")["status"] == "SUCCEEDED"
    return trial.objects(*ZONES)


def known_to_reccobeats(track_ids: set[str]) -> set[str]:
    return {each for each in track_ids if ids.number(100, "reccobeats", each) < COVERAGE}


def by_track(trial: Trial) -> dict[str, dict[str, Any]]:
    return {row["track_id"]: row for row in trial.rows("audio_features")}


def test_tables_fill_from_reccobeats_and_say_so(stack: Stack, trial: Trial) -> None:
    refuse(trial)

    run = trial.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    (note,) = run["output"]["enrich"]["notes"]
    assert note.startswith("Spotify refused /v1/audio-features with 403: Forbidden.")
    rows = by_track(trial)
    charted = {row["track_id"] for row in trial.rows("chart_entries")}
    known = known_to_reccobeats(charted)
    assert set(rows) == charted
    assert 0 < len(known) < len(charted)
    assert {each for each, row in rows.items() if row["source"] == "reccobeats"} == known
    assert {row["source"] for row in rows.values()} == {"reccobeats", None}
    assert {each for each, row in rows.items() if row["ask_again"] is None} == known
    told = {row["spotify_id"]: row for row in stack.rows}
    for each in known:
        has = [name for name in FEATURES if name != "time_signature"]
        assert [rows[each][name] for name in has] == [float(told[each][name]) for name in has]
        assert (rows[each]["time_signature"], rows[each]["duration_ms"]) == (None, None)
    for profile in trial.rows("country_profiles"):
        assert 0 < profile["tracks_with_features"] < profile["tracks"]
        assert profile["tempo_mean"] > 0
        assert profile["duration_ms_mean"] is None
    asked = trial.requests()
    assert asked["audio-features"] == 1
    assert asked["reccobeats/audio-features"] == ceil(len(charted) / 40)
    trial.check_raw()


def test_what_was_told_is_not_asked_again_and_spotify_fills_the_gaps_when_it_answers(
    trial: Trial,
) -> None:
    refuse(trial)
    assert trial.run("daily")["status"] == "SUCCEEDED"
    before = by_track(trial)
    trial.stack.spotify("DELETE", "faults")
    trials.knows_all(trial.stack, datetime.now(UTC))  # as a probe finds it
    trials.begin_anew(trial.stack)
    trial.stack.spotify("DELETE", "requests")

    again = trial.run("daily")

    assert (again["status"], again["output"]["enrich"]["notes"]) == ("SUCCEEDED", [])
    after = by_track(trial)
    unknown = {each for each, row in before.items() if row["source"] is None}
    assert trial.requests() == {"audio-features": ceil(len(unknown) / 100)}
    assert {each for each, row in after.items() if row["source"] == "spotify"} == unknown
    assert {each: after[each] for each in after.keys() - unknown} == {
        each: before[each] for each in before.keys() - unknown
    }
    assert {row["coverage"] for row in trial.rows("country_profiles")} == {1.0}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "503"},
        {"kind": "html"},
        {"kind": "renamed_fields", "fields": ["tempo"]},
        {"kind": "other_hrefs", "count": 40},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_whatever_reccobeats_does_the_charts_are_there_and_the_next_run_asks(
    fault: dict[str, Any], trial: Trial
) -> None:
    refuse(trial)
    trial.stack.spotify("POST", "faults", json={"path": "^/reccobeats/", **fault})

    run = trial.run("daily")

    output = run["output"]
    told = run.get("cause") or " ".join(output["enrich"]["notes"])
    assert "ReccoBeats" in told
    assert len(trial.rows("chart_days")) == len(trial.charts)
    assert {row["status"] for row in trial.rows("chart_days")} == {"loaded"}
    assert trial.keys("lake/audio_features/") == []

    trial.stack.spotify("DELETE", "faults")
    refuse(trial)
    again = trial.run("daily")
    assert again["status"] == "SUCCEEDED", again["cause"]
    rows = by_track(trial)
    assert {each for each, row in rows.items() if row["source"]} == known_to_reccobeats(set(rows))


def test_a_wait_that_reccobeats_asks_for_is_waited_for(trial: Trial) -> None:
    refuse(trial)
    limit = {"path": "^/reccobeats/", "kind": "429", "retry_after": 20, "times": 1}
    trial.stack.spotify("POST", "faults", json=limit)

    run = trial.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    rows = by_track(trial)
    assert {row["source"] for row in rows.values()} == {"reccobeats", None}
    assert trial.requests()["reccobeats/audio-features"] == ceil(len(rows) / 40) + 1


def test_killed_in_mid_write_it_is_as_if_nothing_had_been(
    trial: Trial, undisturbed: dict[str, bytes]
) -> None:
    refuse(trial)
    kills = [
        Kill("enrich", "amid", r"raw/audio-features/reccobeats/.*\.gz$"),
        Kill("enrich", "after", r"raw/audio-features/reccobeats/.*\.gz$", nth=2),
        Kill("publish", "amid", "lake/audio_features/"),
    ]
    trial.kill(*kills)

    run = trial.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    assert [kill.killed for kill in kills] == [1] * len(kills)
    assert trial.objects(*ZONES) == undisturbed
    trial.check_raw()
