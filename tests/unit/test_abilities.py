"""Abilities: the mode that findings make, and how they are kept for each app."""

from datetime import timedelta
from typing import Any

import pytest
from soundlake import access, asking
from soundlake.abilities import DOUBT_AGAIN, PROBE_AGAIN, Abilities, Ability, Finding
from soundlake.store.abilities import AbilitiesTable

from tests.unit.helpers import BUDGET_TABLE, CLIENT_ID, NOW, FakeSpotify

REFUSED_BEFORE = [each for each in Ability if each is not Ability.CATALOGUE]


def finding(ability: Ability, allowed: bool, evidence: str = "GET /v1/me: 200") -> Finding:
    return Finding(ability, allowed, NOW, evidence)


def known(*refused: Ability) -> Abilities:
    return Abilities([finding(each, each not in refused) for each in Ability])


@pytest.fixture
def table(tables: Any) -> AbilitiesTable:
    return AbilitiesTable(BUDGET_TABLE, tables)


@pytest.mark.parametrize(
    ("abilities", "mode"),
    [
        (Abilities(), "unknown"),
        (known(), "extended"),
        (known(*REFUSED_BEFORE), "development"),
        (
            known(Ability.CHARTS, Ability.AUDIO_FEATURES, Ability.AUDIO_ANALYSIS),
            "no charts, no audio_features, no audio_analysis, several, catalogue",
        ),
        (Abilities([finding(Ability.SEVERAL, allowed=True)]), "several"),
        (
            Abilities([finding(each, allowed=False) for each in REFUSED_BEFORE]),
            "no charts, no audio_features, no audio_analysis, no several",
        ),
        (
            known(*Ability),
            "no charts, no audio_features, no audio_analysis, no several, no catalogue",
        ),
    ],
)
def test_the_mode(abilities: Abilities, mode: str) -> None:
    assert abilities.mode == mode


def test_what_nobody_has_seen_is_neither_allowed_nor_refused() -> None:
    abilities = Abilities([finding(Ability.CHARTS, allowed=False)])

    assert abilities.may(Ability.CHARTS) is False
    assert abilities.may(Ability.SEVERAL) is None
    assert abilities.refused == [Ability.CHARTS]


@pytest.mark.parametrize(
    ("abilities", "why"),
    [
        (Abilities(), "nobody has looked yet at all that this app may do"),
        (Abilities(probed_at=NOW), None),
        (Abilities(probed_at=NOW, probe_wanted=True), "an answer contradicted what was known"),
        (Abilities(probed_at=NOW - PROBE_AGAIN + timedelta(milliseconds=1)), None),
        (Abilities(probed_at=NOW - PROBE_AGAIN), "the last probe is of 2026-10-22"),
        (Abilities(probed_at=NOW + timedelta(days=1)), None),
    ],
)
def test_a_probe_is_due(abilities: Abilities, why: str | None) -> None:
    assert abilities.probe_due(NOW) == why


def test_nothing_is_known_of_an_app_at_first(table: AbilitiesTable) -> None:
    abilities = table.abilities(CLIENT_ID, NOW)

    assert abilities.findings == {}
    assert abilities.probed_at is None
    assert not abilities.probe_wanted


def test_a_finding_is_kept_as_it_came(table: AbilitiesTable) -> None:
    one = finding(Ability.AUDIO_FEATURES, allowed=False, evidence='GET /v1/x: 403 "Forbidden"')

    table.found(CLIENT_ID, one)

    abilities = table.abilities(CLIENT_ID, NOW)
    assert abilities.findings == {Ability.AUDIO_FEATURES: one}
    assert not abilities.probe_wanted
    assert table.abilities("another app", NOW).findings == {}


def test_what_is_known_already_keeps_its_date(table: AbilitiesTable) -> None:
    one = finding(Ability.CHARTS, allowed=True)
    table.found(CLIENT_ID, one)

    table.found(CLIENT_ID, Finding(Ability.CHARTS, True, NOW + timedelta(days=1), "later"))

    assert table.abilities(CLIENT_ID, NOW).findings[Ability.CHARTS] == one


@pytest.mark.parametrize("allowed", [True, False])
def test_a_contradiction_replaces_and_wants_a_probe(allowed: bool, table: AbilitiesTable) -> None:
    table.found(CLIENT_ID, finding(Ability.SEVERAL, allowed))
    table.abilities(CLIENT_ID, NOW)  # what was read is not believed after a change

    table.found(CLIENT_ID, finding(Ability.SEVERAL, not allowed))

    abilities = table.abilities(CLIENT_ID, NOW)
    assert abilities.may(Ability.SEVERAL) is not allowed
    assert abilities.probe_wanted


def test_a_probe_ends_the_want_and_leaves_what_it_could_not_tell(table: AbilitiesTable) -> None:
    table.found(CLIENT_ID, finding(Ability.CHARTS, allowed=True))
    table.want_probe(CLIENT_ID, NOW)
    assert table.abilities(CLIENT_ID, NOW).probe_wanted

    table.probed(CLIENT_ID, [finding(Ability.SEVERAL, allowed=False)], NOW)

    abilities = table.abilities(CLIENT_ID, NOW)
    assert not abilities.probe_wanted
    assert abilities.probed_at == NOW
    assert abilities.may(Ability.CHARTS) is True
    assert abilities.may(Ability.SEVERAL) is False


def test_a_process_reads_again_after_half_a_minute(table: AbilitiesTable, tables: Any) -> None:
    table.abilities(CLIENT_ID, NOW)
    AbilitiesTable(BUDGET_TABLE, tables).found(CLIENT_ID, finding(Ability.CHARTS, allowed=False))

    soon = table.abilities(CLIENT_ID, NOW + timedelta(seconds=29))
    later = table.abilities(CLIENT_ID, NOW + timedelta(seconds=30))

    assert soon.may(Ability.CHARTS) is None
    assert later.may(Ability.CHARTS) is False


@pytest.mark.parametrize(
    ("abilities", "wants"),
    [
        (Abilities(), True),
        (Abilities(probed_at=NOW - DOUBT_AGAIN), True),
        (Abilities(probed_at=NOW - DOUBT_AGAIN + timedelta(milliseconds=1)), False),
        (Abilities(probed_at=NOW), False),
        (Abilities(probed_at=NOW + timedelta(milliseconds=1)), True),
        (Abilities(probed_at=NOW - PROBE_AGAIN, probe_wanted=True), False),
    ],
)
def test_a_doubt_wants_one_probe_a_day(abilities: Abilities, wants: bool) -> None:
    assert abilities.doubtful(NOW) is wants


def test_a_playlist_that_is_gone_for_good_costs_a_probe_a_day(spotify: FakeSpotify) -> None:
    table, all_found = access.abilities_table(), [finding(each, allowed=True) for each in Ability]
    asking.doubted()
    assert asking.abilities().probe_wanted

    table.probed(CLIENT_ID, all_found, NOW)
    asking.doubted()
    assert not asking.abilities().probe_wanted

    spotify.pass_time(hours=20)
    asking.doubted()
    assert asking.abilities().probe_wanted


def test_asking_notes_for_its_own_app(spotify: FakeSpotify) -> None:
    assert asking.abilities().mode == "unknown"

    asking.found(Ability.CATALOGUE, allowed=True, evidence="x" * 1000)

    (one,) = asking.abilities().findings.values()
    assert one.ability is Ability.CATALOGUE
    assert one.allowed
    assert len(one.evidence) <= 240
