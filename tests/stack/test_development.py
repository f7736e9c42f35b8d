"""The access modes, on the whole stack: found out, recorded, noticed when they change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soundlake.abilities import PROBE_AGAIN, Ability

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


def test_the_first_run_probes_an_extended_app_and_the_next_does_not(unknown: Trial) -> None:
    switch(unknown.stack, "extended")

    first = unknown.run("daily")

    assert first["status"] == "SUCCEEDED", first["cause"]
    assert (first["output"]["access"]["mode"], first["output"]["access"]["status"]) == (
        "extended",
        "probed",
    )
    asked = first["output"]["access"]["requests"]
    assert {name: times for name, times in asked.items() if name != "api/token"} == EXTENDED_PROBE
    unknown.stack.spotify("DELETE", "requests")

    second = unknown.run("daily")

    assert (second["status"], second["output"]["access"]["status"]) == ("SUCCEEDED", "known")
    assert unknown.requests() == {}


def test_a_wider_access_is_noticed_by_the_probe_of_the_thirtieth_day(unknown: Trial) -> None:
    stack = unknown.stack
    switch(stack, "development")
    doctor.facts(stack.lake.target, stack.lake.facts.clock)
    assert known(stack).mode == "development"
    switch(stack, "extended")
    ident, findings = stack.lake.facts.client["id"], list(known(stack).findings.values())
    trials.abilities(stack).probed(ident, findings, now() - PROBE_AGAIN + timedelta(hours=1))

    before = unknown.run("daily")
    assert before["output"].get("access", {}).get("status") == "known"
    trials.abilities(stack).probed(ident, findings, now() - PROBE_AGAIN)
    trials.begin_anew(stack)
    stack.spotify("DELETE", "requests")
    after = unknown.run("daily")

    assert after["status"] == "SUCCEEDED", after["cause"]
    assert after["output"]["access"]["mode"] == known(stack).mode == "extended"
    assert {row["status"] for row in unknown.rows("chart_days")} == {"loaded"}
