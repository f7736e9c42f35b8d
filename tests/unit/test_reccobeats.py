"""ReccoBeats: joined by the id in the address, and whatever is odd named and left out."""

from typing import Any

import pytest
from soundlake.features import FEATURES
from soundlake.quality import Breach
from soundlake.sources.reccobeats import COLUMNS, ReccoBeats
from soundlake.spotify.errors import BadAnswerError

from tests.unit.helpers import NOW, Row, features_of, reccobeats_of, track_id, without

ONE, TWO, THREE = (track_id(number) for number in (1, 2, 3))
KEY = "raw/audio-features/reccobeats/month=2026-11/2026-11-21/0-001.json.gz"


def rows_of(content: list[Any], *asked: str) -> dict[str, Row]:
    rows = ReccoBeats().rows({"content": content}, asked, fetched_at=NOW, raw_key=KEY)
    assert [row["track_id"] for row in rows] == list(asked)
    return {row["track_id"]: row for row in rows}


def breaches_of(content: list[Any], *asked: str) -> list[Breach]:
    return ReccoBeats().breaches({"content": content}, asked, fetched_at=NOW, raw_key=KEY)


def said(content: list[Any], *asked: str) -> list[tuple[str, str, str]]:
    """What an answer's breaches say: which, of what, and what follows."""
    return [
        (each.expectation.name, each.finding.about, each.consequence)
        for each in breaches_of(content, *asked)
    ]


def test_what_it_knows_becomes_a_row_without_signature_and_duration() -> None:
    row = rows_of([reccobeats_of(ONE)], ONE)[ONE]

    known = features_of(ONE, tempo=119.5) | {"duration_ms": None, "time_signature": None}
    assert row == {
        "track_id": ONE,
        **{name: known[name] for name in FEATURES},
        "source": "reccobeats",
        "fetched_at": "2026-11-21T09:18:00.000Z",
        "raw_key": KEY,
    }
    assert said([reccobeats_of(ONE)], ONE) == []


def test_tracks_are_joined_by_the_id_in_their_address_in_whatever_order() -> None:
    rows = rows_of([reccobeats_of(THREE), reccobeats_of(ONE)], ONE, TWO, THREE)

    assert [rows[each]["key"] for each in (ONE, TWO, THREE)] == [1, None, 3]
    assert [rows[each]["source"] for each in (ONE, TWO, THREE)] == [
        "reccobeats",
        None,
        "reccobeats",
    ]


def test_what_it_leaves_out_is_a_row_of_nulls() -> None:
    row = rows_of([], ONE)[ONE]

    assert {row[name] for name in FEATURES} == {None}
    assert (row["source"], row["raw_key"]) == (None, KEY)
    assert said([], ONE) == []


def test_another_tracks_features_are_named_and_left_out() -> None:
    content = [reccobeats_of(ONE), reccobeats_of(THREE)]

    rows = rows_of(content, ONE, TWO)

    assert [rows[each]["source"] for each in (ONE, TWO)] == ["reccobeats", None]
    assert said(content, ONE, TWO) == [("features_asked_for", THREE, "left out")]


@pytest.mark.parametrize("href", [None, 7, "", "https://open.spotify.com/track/"])
def test_an_item_without_an_address_is_named_and_left_out(href: Any) -> None:
    content = [reccobeats_of(ONE), reccobeats_of(TWO, href=href)]

    assert rows_of(content, ONE, TWO)[TWO]["source"] is None
    assert [name for name, _, _ in said(content, ONE, TWO)] == ["features_asked_for"]


def test_an_answer_about_other_tracks_is_none() -> None:
    asked = [track_id(number) for number in range(1, 41)]
    right = [reccobeats_of(each) for each in asked]
    others = [reccobeats_of(track_id(number)) for number in range(50, 55)]

    assert len(said([*right[:36], *others[:4]], *asked)) == 4
    for content in ([*right[:36], *others], others[:1]):
        with pytest.raises(BadAnswerError, match=f"^ReccoBeats's .*: {track_id(50)} was not asked"):
            rows_of(content, *asked)


def test_of_two_records_of_a_track_the_first_counts_and_the_other_is_named() -> None:
    content = [reccobeats_of(ONE, tempo=90.0), reccobeats_of(ONE, tempo=180.0)]

    assert rows_of(content, ONE)[ONE]["tempo"] == 90.0
    assert said(content, ONE) == [("features_told_once", ONE, "left out")]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_that_was_renamed_makes_no_answer(column: str) -> None:
    """As an answer, it would make a null that nobody asks about again."""
    content = [without(reccobeats_of(each), column) | {"renamed": 1} for each in (ONE, TWO)]

    with pytest.raises(BadAnswerError, match=rf"^ReccoBeats's .*: no track has {column}$"):
        rows_of(content, ONE, TWO)
    assert rows_of([*content[:1], reccobeats_of(TWO)], ONE, TWO)[ONE][column] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tempo", float("nan")),
        ("tempo", 0),
        ("valence", 1.5),
        ("key", 12),
        ("mode", float("inf")),
        ("loudness", -(10**400)),
    ],
)
def test_an_absurd_value_is_named_and_null(name: str, value: Any) -> None:
    content = [reccobeats_of(ONE, **{name: value})]

    row = rows_of(content, ONE)[ONE]

    assert row[name] is None
    assert [each for each in COLUMNS if row[each] is None] == [name]
    assert said(content, ONE) == [(f"{name}_in_range", ONE, "set to null")]


def test_no_key_found_is_a_value() -> None:
    assert rows_of([reccobeats_of(ONE, key=-1)], ONE)[ONE]["key"] == -1


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"content": None},
        {"content": {}},
        {"content": [None]},
        {"status": 5001, "errors": [{"path": "x", "message": "y"}]},
    ],
)
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    for read in (ReccoBeats().rows, ReccoBeats().breaches):
        with pytest.raises(BadAnswerError, match=r"no list of objects under content$"):
            read(answer, [ONE], fetched_at=NOW, raw_key=KEY)


def test_a_value_that_is_no_number_makes_no_answer() -> None:
    with pytest.raises(BadAnswerError, match=f"of {ONE}: tempo"):
        rows_of([reccobeats_of(ONE, tempo="fast")], ONE)
