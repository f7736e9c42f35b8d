"""The access modes, on the whole stack: found out, recorded, noticed when they change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest
from soundlake.abilities import DOUBT_AGAIN, PROBE_AGAIN, Ability

from cli import doctor
from local.spotify.settings import Mode
from tests.stack import trials
from tests.stack.conftest import Stack
from tests.stack.trials import Trial

EXTENDED_PROBE = {"playlists/{id}": 1, "audio-features": 1, "audio-analysis/{id}": 1, "albums": 1}
PROBE = EXTENDED_PROBE | {"playlists/{id}": 2, "albums/{id}": 1}
REFUSED = [each for each in Ability if each is not Ability.CATALOGUE]


def now() -> datetime:
    return datetime.now(UTC)


def switch(stack: Stack, mode: Mode, **changes: Any) -> None:
    """Let Spotify answer as to an app of this mode; counting begins anew."""
    stack.spotify("PUT", "access", json={"mode": mode, "client_credentials": True} | changes)
    stack.spotify("DELETE", "requests")


@pytest.fixture
def unknown(trial: Trial) -> Iterator[Trial]:
    """An empty lake, whose app nobody has probed; Spotify's mode is put back at the end."""
    stack = trial.stack
    forget(stack)
    trials.begin_anew(stack)
    stack.spotify("DELETE", "faults")
    with trials.unspent(stack):
        yield trial
    switch(stack, "extended")
    trials.begin_anew(stack)


def forget(stack: Stack) -> None:
    """Nobody has probed the app."""
    key = {"holder": {"S": f"access#{stack.lake.facts.client['id']}"}}
    stack.lake.target.dynamodb.delete_item(TableName=trials.abilities(stack).name, Key=key)


def known(stack: Stack) -> Any:
    """What is on record."""
    return trials.abilities(stack).abilities(stack.lake.facts.client["id"], now())


@pytest.mark.parametrize(
    ("mode", "requests", "found"),
    [
        ("extended", EXTENDED_PROBE, "extended"),
        ("development", PROBE, "development"),
        (
            "development_2025",
            EXTENDED_PROBE | {"playlists/{id}": 2},
            "no charts, no audio_features, no audio_analysis, several, catalogue",
        ),
    ],
)
def test_the_doctor_finds_every_mode_with_the_fewest_requests(
    mode: Mode, requests: dict[str, int], found: str, unknown: Trial
) -> None:
    switch(unknown.stack, mode)

    told = doctor.facts(unknown.stack.lake.target, unknown.stack.lake.facts.clock)

    assert (told["access"]["status"], told["access"]["mode"]) == ("probed", found)
    assert unknown.requests() == requests
    assert told["to_do"] == []
    assert {one["source"] for one in told["sources"] if one["on"]} >= {"spotify", "reccobeats"}
    assert known(unknown.stack).mode == found


def test_an_app_whose_own_token_may_ask_nothing_is_found_out_too(unknown: Trial) -> None:
    switch(unknown.stack, "development", client_credentials=False)

    told = doctor.facts(unknown.stack.lake.target, unknown.stack.lake.facts.clock)

    assert told["access"]["status"] == "probed"
    assert [one["allowed"] for one in told["access"]["abilities"]] == [False] * len(Ability)
    assert unknown.requests() == PROBE | {"playlists/{id}": 1}


def test_the_first_run_probes_an_extended_app(unknown: Trial) -> None:
    switch(unknown.stack, "extended")

    run = unknown.run("daily")

    assert run["status"] == "SUCCEEDED", run["cause"]
    told = run["output"]["access"]
    assert (told["mode"], told["status"]) == ("extended", "probed")
    asked = {name: times for name, times in told["requests"].items() if name != "api/token"}
    assert asked == EXTENDED_PROBE
    assert known(unknown.stack).mode == "extended"
    assert {row["status"] for row in unknown.rows("chart_days")} == {"loaded"}


def charts_of(run: dict[str, Any]) -> set[tuple[str, str]]:
    """How the run's charts ended, with the first words of why."""
    told = run["output"]["charts"]
    return {(one["status"], " ".join(one.get("error", "").split()[:5])) for one in told}


UNSERVED = {("unavailable", "Spotify does not show its")}


def test_in_development_mode_all_is_asked_for_once_and_nothing_that_is_refused(
    unknown: Trial,
) -> None:
    stack = unknown.stack
    switch(stack, "development")
    assert unknown.run("capture")["status"] == "SUCCEEDED"
    assert unknown.requests() == {"me/player/recently-played": 1}
    stack.spotify("DELETE", "requests")

    first = unknown.run("daily")

    assert first["status"] == "SUCCEEDED", first["cause"]
    assert first["output"]["access"]["mode"] == "development"
    assert len(first["output"]["access"]["sentences"]) == len(REFUSED)
    assert charts_of(first) == UNSERVED
    plays = unknown.rows("plays")
    tracks, albums = {row["track_id"] for row in plays}, {row["album_id"] for row in plays}
    artists = {each for row in plays for each in row["artist_ids"]}
    assert tracks
    assert unknown.requests() == PROBE | {
        "albums/{id}": 1 + len(albums),
        "artists/{id}": len(artists),
        "reccobeats/audio-features": ceil(len(tracks) / 40),
    }
    for table, wanted in (("tracks", tracks), ("albums", albums), ("artists", artists)):
        assert {row[f"{table[:-1]}_id"] for row in unknown.rows(table)} >= wanted
    assert {row["source"] for row in unknown.rows("audio_features")} <= {"reccobeats", None}
    assert unknown.rows("track_sections") == []
    stack.spotify("DELETE", "requests")

    second = unknown.run("daily")

    assert (second["status"], second["output"]["access"]["status"]) == ("SUCCEEDED", "known")
    assert charts_of(second) == UNSERVED
    assert unknown.requests() == {}


def test_access_that_is_lost_and_given_back_is_noticed(unknown: Trial) -> None:
    """Lost, by the answers; given back, by the probe of the thirtieth day."""
    stack = unknown.stack
    ident = stack.lake.facts.client["id"]
    trials.knows_all(stack, now() - DOUBT_AGAIN)
    switch(stack, "development")

    surprised = unknown.run("daily")

    assert surprised["status"] == "FAILED"
    assert "Spotify answers 404 for /v1/playlists/" in surprised["cause"]
    assert unknown.requests() == {"playlists/{id}": len(unknown.charts)}
    assert (known(stack).mode, known(stack).probe_wanted) == ("extended", True)
    trials.begin_anew(stack)
    stack.spotify("DELETE", "requests")

    adapted = unknown.run("daily")

    assert adapted["status"] == "SUCCEEDED", adapted["cause"]
    assert adapted["output"]["access"]["mode"] == "development"
    assert charts_of(adapted) == UNSERVED
    assert unknown.requests() == PROBE
    findings = list(known(stack).findings.values())
    trials.abilities(stack).probed(ident, findings, now() - PROBE_AGAIN + timedelta(hours=1))
    switch(stack, "extended")

    unaware = unknown.run("daily")

    assert (unaware["status"], unaware["output"]["access"]["mode"]) == ("SUCCEEDED", "development")
    assert unknown.requests() == {}
    trials.abilities(stack).probed(ident, findings, now() - PROBE_AGAIN)
    trials.begin_anew(stack)

    whole = unknown.run("daily")

    assert whole["status"] == "SUCCEEDED", whole["cause"]
    assert known(stack).mode == "extended"
    assert unknown.requests()["playlists/{id}"] == 1 + len(unknown.charts)
    assert {row["status"] for row in unknown.rows("chart_days")} == {"loaded"}
    assert {row["chart"] for row in unknown.rows("chart_entries")} == {
        f"daily-{each}" for each in unknown.charts
    }
