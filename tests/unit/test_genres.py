"""Genres: whose stand, when a source is asked again, and which names are the same."""

from datetime import date
from itertools import permutations

import pytest
from soundlake.genres import asked_keys, detailed, due, normal, source_of, told

from tests.unit.helpers import Row

ORDER = ["spotify", "musicbrainz"]
TODAY = date(2026, 11, 21)
DETAIL = "raw/artists/spotify/month=2026-11/2026-11-20/0-001.json.gz"


def key(day: str = "2026-11-21", source: str = "musicbrainz", number: int = 1) -> str:
    return f"raw/genres/{source}/month={day[:7]}/{day}/0-{number:03d}.json.gz"


def row(**changes: object) -> Row:
    """An artist whom nobody was asked about."""
    columns = ["genres", "detail_raw_key", "genres_source", "genres_asked", "genres_ask_again"]
    return {"artist_id": "a", "name": "A", **dict.fromkeys(columns)} | changes


def detail(*genres: str) -> Row:
    return {"artist_id": "a", "genres": list(genres), "popularity": 7, "detail_raw_key": DETAIL}


def answer(genres: list[str] | None, raw_key: str) -> Row:
    return {"artist_id": "a", "genres": genres, "genres_asked": [raw_key]}


def asked(*days: str) -> Row:
    """An artist whom Spotify names no genres of, and MusicBrainz did not know on these days."""
    found = detailed(row(), detail(), ORDER)
    for day in days:
        found = told(found, answer(None, key(day)), ORDER)
    return found


# Whose stand.


def test_spotifys_genres_stand_with_their_source() -> None:
    found = detailed(row(), detail("pop", "joik"), ORDER)

    assert found == row(
        genres=["pop", "joik"],
        popularity=7,
        detail_raw_key=DETAIL,
        genres_source="spotify",
        genres_asked=[DETAIL],
    )


def test_an_empty_list_of_spotify_counts_as_nothing_and_goes_on() -> None:
    before = detailed(row(), detail(), ORDER)
    after = told(before, answer(["joik", "pop"], key()), ORDER)

    assert (before["genres"], before["genres_source"], before["genres_ask_again"]) == (
        [],
        None,
        None,
    )
    assert (after["genres"], after["genres_source"]) == (["joik", "pop"], "musicbrainz")
    assert after["genres_asked"] == [DETAIL, key()]
    assert after["genres_ask_again"] is None


def test_an_artist_whom_spotify_does_not_know_has_no_list() -> None:
    found = detailed(row(), {"artist_id": "a", "detail_raw_key": DETAIL}, ORDER)

    assert (found["genres"], found["genres_source"], found["genres_asked"]) == (
        None,
        None,
        [DETAIL],
    )


def test_the_preferred_source_wins_whichever_answered_first() -> None:
    for order, genres in ((ORDER, ["pop"]), (ORDER[::-1], ["joik"])):
        one = told(detailed(row(), detail("pop"), order), answer(["joik"], key()), order)
        other = detailed(told(row(), answer(["joik"], key()), order), detail("pop"), order)

        assert one["genres"] == other["genres"] == genres
        assert one["genres_source"] == other["genres_source"] == order[0]
        assert set(one["genres_asked"]) == set(other["genres_asked"]) == {DETAIL, key()}


def test_known_genres_are_lost_to_no_answer() -> None:
    known = told(row(), answer(["joik"], key()), ORDER)

    for genres in (None, [], ["pop"]):
        after = told(known, answer(genres, key("2026-11-22")), ORDER)
        assert (after["genres"], after["genres_source"]) == (["joik"], "musicbrainz")
        assert after["genres_ask_again"] is None
    after = detailed(known, detail(), ORDER)
    assert (after["genres"], after["genres_source"], after["popularity"]) == (
        ["joik"],
        "musicbrainz",
        7,
    )


def test_a_source_that_is_not_named_any_more_stands_behind_all_others() -> None:
    known = told(row(), answer(["joik"], key()), ["spotify"])

    assert (known["genres"], known["genres_source"]) == (["joik"], "musicbrainz")
    assert detailed(known, detail("pop"), ["spotify"])["genres"] == ["pop"]


def test_the_same_answer_twice_is_once() -> None:
    once = told(asked(), answer(None, key()), ORDER)

    assert told(once, answer(None, key()), ORDER) == once


@pytest.mark.parametrize("answers", list(permutations([None, ["joik"], []])))
def test_answers_of_one_day_say_the_same_in_any_order(answers: list[list[str] | None]) -> None:
    found = row()
    for number, genres in enumerate(answers):
        found = told(found, answer(genres, key(number=number)), ORDER)

    assert (found["genres"], found["genres_source"]) == (["joik"], "musicbrainz")


# Rows of before there were several sources.


def test_older_rows_name_spotifys_answer_alone() -> None:
    known = row(genres=["pop"], detail_raw_key=DETAIL)
    empty = row(genres=[], detail_raw_key=DETAIL)

    assert [source_of(each) for each in (known, empty, row())] == ["spotify", None, None]
    assert [asked_keys(each) for each in (known, empty, row())] == [[DETAIL], [DETAIL], []]
    assert [due(each, "musicbrainz", ORDER, TODAY) for each in (known, empty, row())] == [
        False,
        True,
        False,
    ]
    after = told(empty, answer(["joik"], key()), ORDER)
    assert after["genres_asked"] == [DETAIL, key()]
    assert told(known, answer(["joik"], key()), ORDER)["genres_source"] == "spotify"


# When who is asked.


def test_musicbrainz_is_asked_once_spotify_has_answered_without_genres() -> None:
    assert not due(row(), "musicbrainz", ORDER, TODAY)
    assert due(asked(), "musicbrainz", ORDER, TODAY)
    assert not due(detailed(row(), detail("pop"), ORDER), "musicbrainz", ORDER, TODAY)


def test_musicbrainz_is_asked_at_once_where_spotify_refuses_or_comes_later_or_not_at_all() -> None:
    assert due(row(), "musicbrainz", ORDER, TODAY, refusing={"spotify"})
    assert due(row(), "musicbrainz", ORDER[::-1], TODAY)
    assert due(row(), "musicbrainz", ["musicbrainz"], TODAY)


def test_musicbrainz_is_asked_too_where_its_genres_are_preferred_to_known_ones() -> None:
    known = detailed(row(), detail("pop"), ORDER[::-1])

    assert due(known, "musicbrainz", ORDER[::-1], TODAY)
    without = told(known, answer(None, key("2025-01-01")), ORDER[::-1])
    assert not due(without, "musicbrainz", ORDER[::-1], TODAY)


@pytest.mark.parametrize(
    ("days", "again"),
    [
        (["2026-11-01"], "2026-12-01"),
        (["2026-11-01", "2026-12-01"], "2027-01-30"),
        (["2026-11-01", "2026-12-01", "2027-01-30"], "2027-05-30"),
    ],
)
def test_whom_nobody_knows_is_asked_about_less_and_less_often(days: list[str], again: str) -> None:
    found = asked(*days)
    first = date.fromisoformat(again)

    assert found["genres_ask_again"] == first
    assert due(found, "musicbrainz", ORDER, first)
    assert not due(found, "musicbrainz", ORDER, date.fromordinal(first.toordinal() - 1))


# Names.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Destiny's Child", "Destiny\u2019s Child"),
        ("JAY-Z", "Jay\u2010Z"),
        ("Stra\u00dfe", "STRASSE"),
        ("Beyonc\u00e9", "Beyonce\u0301"),
        ("\uff21\uff22\uff23", "abc"),
        ("The  Double \u00a0 Space ", "the double space"),
        ("\u201cWeird\u201d Al", '"weird" al'),
        ("\u0130zel", "i\u0307zel"),
    ],
)
def test_names_are_the_same_but_for_signs_and_case(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Beyonc\u00e9", "Beyonce"),
        ("The Band", "Band"),
        ("A & B", "A and B"),
        ("Nova", "N\u00f3va"),
    ],
)
def test_other_names_are_others(one: str, other: str) -> None:
    assert normal(one) != normal(other)
