"""Batches: the fewest requests, and what answered each id."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.batches import batches, matched
from soundlake.spotify.errors import BadAnswerError

from tests.unit.helpers import track_id

IDS = st.lists(st.integers(0, 400).map(track_id), max_size=120, unique=True)
ASKED = [track_id(number) for number in range(20)]


@dataclass(frozen=True)
class Thing:
    id: str | None


def answered(**changes: str | None) -> list[Thing | None]:
    """An answer to `ASKED`, with other ids in some places (`p3` is the third)."""
    by_place = {int(name[1:]): ident for name, ident in changes.items()}
    return [Thing(by_place.get(place, ident)) for place, ident in enumerate(ASKED)]


@given(wanted=IDS, size=st.integers(1, 50))
def test_the_fewest_batches_ask_for_each_id_once_and_in_order(wanted: list[str], size: int) -> None:
    made = batches(wanted, size)

    assert [ident for batch in made for ident in batch] == wanted
    assert len(made) == -(-len(wanted) // size)
    assert all(1 <= len(batch) <= size for batch in made)


def test_nothing_wanted_is_no_batch() -> None:
    assert batches([], 100) == []


def test_each_id_stands_beside_what_answered_it() -> None:
    things = [Thing("a"), None, Thing("c")]

    assert matched("things", ["a", "b", "c"], things) == list(
        zip(["a", "b", "c"], things, strict=True)
    )


def test_of_an_id_that_is_answered_under_another_nothing_is_known() -> None:
    """As an artist that was merged into another one; the others of the batch are good."""
    found = dict(matched("artists", ASKED, answered(p3="merged", p7="merged too")))

    assert (found[ASKED[3]], found[ASKED[7]]) == (None, None)
    assert [ident for ident, one in found.items() if one] == [
        ident for place, ident in enumerate(ASKED) if place not in {3, 7}
    ]
    assert matched("artists", ["a"], [Thing("b")]) == [("a", None)]


@pytest.mark.parametrize(
    ("given_back", "why"),
    [
        (answered(p3=ASKED[4], p4=ASKED[3]), f"{ASKED[4]} in the place of {ASKED[3]}"),
        (answered(p3=ASKED[4]), f"{ASKED[4]} in the place of {ASKED[3]}"),
        (answered(p3=None), f"None in the place of {ASKED[3]}"),
        (answered(p1="x", p2="y", p3="z"), f"x in the place of {ASKED[1]}"),
        (answered()[:-1], "19 answers to 20 ids"),
        ([*answered(), None], "21 answers to 20 ids"),
    ],
    ids=["two swapped", "one twice", "without an id", "many others", "one short", "one more"],
)
def test_what_cannot_be_an_answer_to_the_batch_is_refused(
    given_back: list[Thing | None], why: str
) -> None:
    with pytest.raises(BadAnswerError) as refused:
        matched("things", ASKED, given_back)

    assert str(refused.value) == f"things: {why}"


def test_of_a_small_batch_one_may_be_answered_under_another_id_and_not_two() -> None:
    assert matched("things", ["a", "b"], [Thing("x"), Thing("b")])[0] == ("a", None)
    with pytest.raises(BadAnswerError, match=r"^things: x in the place of a$"):
        matched("things", ["a", "b"], [Thing("x"), Thing("y")])
