"""The best pairing of a lot: what is paired, and what is left open."""

import pytest
from soundlake.alignment import ALONE, END, OTHERWISE, START, SURE, Decided, Pairs, align


def lot(costs: dict[tuple[int, int], float], *, odd: bool = False, **other: object) -> Pairs:
    """Pairs (places) with what they cost; left rows are 10 and on, right ones 20 and on."""
    pairs = sorted(costs)
    prices = [costs[pair] for pair in pairs]
    said = {"ends": prices, "starts": [2 * ALONE + SURE] * len(pairs), "meanings": {END}}
    return Pairs(
        lefts=list(range(10, 11 + max(one for one, _ in pairs))),
        rights=list(range(20, 21 + max(other for _, other in pairs))),
        left=[one for one, _ in pairs],
        right=[other for _, other in pairs],
        odd=[odd] * len(pairs),
        **(said | other),  # type: ignore[arg-type]
    )


def test_pairs_are_in_order_and_cost_least_together() -> None:
    """Though the cheapest pair of all is another one."""
    costs = {(0, 0): 5.0, (0, 1): 1.0, (1, 0): 1.0, (1, 1): 5.0}

    assert align(lot(costs)) == Decided([(10, 20), (11, 21)], [], [])


@pytest.mark.parametrize(("dearer", "open_rows"), [(SURE, []), (SURE - 1, [20, 21])])
def test_a_choice_that_is_about_as_good_is_left_open(dearer: float, open_rows: list[int]) -> None:
    decided = align(lot({(0, 0): 0.0, (0, 1): dearer}))

    assert decided.unsure_right == open_rows
    assert decided.pairs == ([] if open_rows else [(10, 20)])


@pytest.mark.parametrize("odd", [False, True])
def test_what_a_wrong_time_alone_keeps_apart_is_left_open(odd: bool) -> None:
    decided = align(lot({(0, 0): 2 * ALONE + SURE}, odd=odd))

    assert decided == Decided([], [10] * odd, [20] * odd)


@pytest.mark.parametrize(
    ("starts", "pairs"), [(0.0, [(10, 20), (11, 21)]), (SURE, []), (3 * SURE, [])]
)
def test_times_may_mean_what_they_do_not_mean_around(
    starts: float, pairs: list[tuple[int, int]]
) -> None:
    """Where that is dearer by less than a doubt, the rows are left open."""
    costs = {(0, 0): ALONE * 2 + SURE, (1, 1): ALONE * 2 + SURE}
    alone = 4 * ALONE - OTHERWISE  # what other meanings may cost to be as good as no pair

    decided = align(lot(costs, starts=[alone / 2 - SURE + starts] * 2))

    assert sorted(decided.pairs) == pairs
    assert bool(decided.unsure_left) == (starts == SURE)


def test_both_meanings_are_tried_where_nothing_tells_them() -> None:
    costs = {(0, 0): 2 * ALONE + SURE}

    for meanings in ({END, START}, {-1}, {START}):
        assert align(lot(costs, starts=[0.0], meanings=meanings)).pairs == [(10, 20)]
