"""Refusals: one sentence each, and the mode in words."""

import pytest
from soundlake.abilities import Abilities, Ability, Finding
from soundlake.refusals import (
    REFUSALS,
    SECRETLESS,
    mode_in_words,
    refusal,
    sentence,
    sentences,
)

from tests.unit.helpers import NOW, REPO

WITHHELD = (Ability.CHARTS, Ability.AUDIO_FEATURES, Ability.AUDIO_ANALYSIS)
DEVELOPMENT = (*WITHHELD, Ability.SEVERAL)


def known(*refused: Ability, evidence: str = "made up") -> Abilities:
    return Abilities([Finding(each, each not in refused, NOW, evidence) for each in Ability])


@pytest.mark.parametrize("ability", Ability)
def test_every_ability_has_all_that_is_to_be_said(ability: Ability) -> None:
    found = refusal(known(ability), ability)

    assert found is REFUSALS[ability]
    said = sentence(found)
    assert said.startswith("Spotify ")
    for part in (found.since, found.instead, found.tables):
        assert part in said
        assert not part.endswith(".")
    assert said.endswith(".")
    assert "\n" not in said


def test_what_is_allowed_or_not_known_is_no_refusal() -> None:
    one = Abilities([Finding(Ability.CHARTS, True, NOW, "made up")])

    assert refusal(one, Ability.CHARTS) is None
    assert refusal(one, Ability.SEVERAL) is None
    assert sentences(one) == []


def test_refusals_are_told_in_order() -> None:
    assert sentences(known(*DEVELOPMENT)) == [sentence(REFUSALS[each]) for each in DEVELOPMENT]
    assert sentences(known(*DEVELOPMENT))[0] == (
        "Spotify hides its own playlists from this app, the charts among them (since 2024-11-27, "
        "for apps without extended access at that time). Instead: chart files that you download "
        "(./soundlake import), and what else ChartSources names. In the tables: chart_entries has "
        "only the days that these brought, provider says which; chart_days calls the others "
        "unavailable."
    )


def test_an_app_without_a_secret_is_not_said_to_be_refused_by_spotify() -> None:
    *_, last = sentences(known(*Ability, evidence=SECRETLESS))

    assert last.startswith("Without a client secret this app has no token of its own")
    assert "./soundlake app" in last
    assert sentences(known(*Ability))[-1] == sentence(REFUSALS[Ability.CATALOGUE])


@pytest.mark.parametrize("ability", Ability)
def test_the_documents_table_has_every_refusal(ability: Ability) -> None:
    text = (REPO / "docs" / "access.md").read_text(encoding="utf-8")

    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{ability}` | ")]
    since = REFUSALS[ability].since.partition(",")[0]
    assert row.startswith(f"| `{ability}` | {since}")


@pytest.mark.parametrize(
    ("abilities", "words"),
    [
        (known(), "extended: Spotify refuses this app nothing that Soundlake asks for"),
        (
            known(*DEVELOPMENT),
            "development: no charts, no audio features, no audio analyses, no several at once",
        ),
        (known(*WITHHELD), "a mixture: no charts, no audio features, no audio analyses"),
        (Abilities(), "unknown: nobody has looked yet; ./soundlake doctor does"),
        (
            Abilities([Finding(Ability.CHARTS, False, NOW, "made up")]),
            "a mixture: no charts; not known yet: audio features, audio analyses, several at once, "
            "look-ups",
        ),
        (
            Abilities([Finding(each, True, NOW, "made up") for each in WITHHELD]),
            "a mixture: nothing refused so far; not known yet: several at once, look-ups",
        ),
    ],
)
def test_the_mode_in_words(abilities: Abilities, words: str) -> None:
    assert mode_in_words(abilities) == words
