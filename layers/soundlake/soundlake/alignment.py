"""The best order-preserving pairing in one small lot of rows, and which of its pairs are sure.

Plain dynamic programming, forwards and backwards, over the pairs that are possible at all.
"""

from dataclasses import dataclass
from itertools import accumulate
from math import inf
from operator import add

END, START = 0, 1  # what a time agrees with
ALONE = 50.0  # what a row costs that has no partner
SURE = 15.0  # by so much the best must be better than the next
OTHERWISE = 100.0  # what it costs that times mean here what they do not mean around
EITHER = 25.0  # what it costs that some of them mean the one and some the other


@dataclass(frozen=True, slots=True)
class Pairs:
    """The possible pairs of a lot: its rows by time, and parallel lists of places among these.

    The pairs are in the order of their places, left ones first; each row is in one at least.
    """

    lefts: list[int]
    rights: list[int]
    left: list[int]
    right: list[int]
    ends: list[float]
    starts: list[float]
    meanings: set[int]
    odd: list[bool]


@dataclass(frozen=True, slots=True)
class Decided:
    """What is paired, and which rows may be a pair but are not."""

    pairs: list[tuple[int, int]]
    unsure_left: list[int]
    unsure_right: list[int]


Priced = list[list[tuple[int, float]]]  # of each left row its partners, with what a pair costs
States = list[dict[int, float]]  # for each row what the best whole costs by partner (-1: none)
Bands = list[tuple[int, int]]


def align(pairs: Pairs) -> Decided:
    """Pair the rows of a lot so that all together costs least, and in order.

    A row is unsure where some other pairing, in which it has another partner or none, costs
    about as little.
    """
    lefts, rights = pairs.lefts, pairs.rights
    mine: States = [{} for _ in lefts]
    theirs: States = [{} for _ in rights]
    least = inf
    for costs, more in _ways(pairs):
        priced: Priced = [[] for _ in lefts]
        for one, other, cost in zip(pairs.left, pairs.right, costs, strict=True):
            priced[one].append((other, cost))
        # What cannot come near the best is no choice, and need not be weighed.
        if least == inf or more + _at_least(priced) < least + 2 * SURE:
            _weigh(priced, more, mine, theirs)
            least = min(mine[0].values())
    partners = [_best(states) for states in mine]
    sure = [_best(states)[1] for states in theirs]
    paired = [
        (one, other)
        for one, (other, is_sure) in enumerate(partners)
        if is_sure and other >= 0 and sure[other]
    ]
    unsure_left = {one for one, (_, is_sure) in enumerate(partners) if not is_sure}
    unsure_right = {other for other, is_sure in enumerate(sure) if not is_sure}
    # A wrong time breaks the order: what it alone keeps apart is not sure to be two.
    taken, given = {one for one, _ in paired}, {other for _, other in paired}
    for one, other, odd in zip(pairs.left, pairs.right, pairs.odd, strict=True):
        if odd and one not in taken and other not in given:
            unsure_left.add(one)
            unsure_right.add(other)
    return Decided(
        [(lefts[one], rights[other]) for one, other in paired],
        [lefts[one] for one in sorted(unsure_left)],
        [rights[other] for other in sorted(unsure_right)],
    )


def _ways(pairs: Pairs) -> list[tuple[list[float], float]]:
    """What the pairs cost by each meaning of the times, and what that meaning itself costs."""
    if pairs.meanings == {END}:
        return [(pairs.ends, 0.0), (pairs.starts, OTHERWISE)]
    if pairs.meanings == {START}:
        return [(pairs.starts, 0.0), (pairs.ends, OTHERWISE)]
    least = [min(costs) for costs in zip(pairs.ends, pairs.starts, strict=True)]
    return [(pairs.ends, 0.0), (pairs.starts, 0.0), (least, EITHER)]


def _at_least(priced: Priced) -> float:
    """Less than this no pairing costs: each left row has its cheapest partner, or none."""
    return sum(min([ALONE, *(cost for _, cost in row)]) for row in priced)


def _weigh(priced: Priced, more: float, mine: States, theirs: States) -> None:
    """Lower what the best whole costs with each partner, where it does by these costs."""
    last = len(theirs) - 1
    bands = _bands(priced)
    before = _spent(priced, bands)
    # The same from the other end.
    turned = [[(last - j, cost) for j, cost in row] for row in priced[::-1]]
    ends = [(last + 1 - end, last + 1 - begin) for begin, end in bands[::-1]]
    after = [row[::-1] for row in _spent(turned, ends)[::-1]]
    for i, row in enumerate(priced):
        begin, following = bands[i][0], bands[i + 1][0]
        done, rest, states = before[i], after[i + 1], mine[i]
        for j, cost in row:
            whole = more + cost + done[j - begin] + rest[j + 1 - following]
            if whole < states.get(j, inf):
                states[j] = theirs[j][i] = whole
        _lower(states, -1, more + ALONE + min(map(add, done[following - begin :], rest)))
    without = more + ALONE
    alone = [inf] * len(theirs)
    for (begin, end), done, rest in zip(bands, before, after, strict=True):
        wholes = [without + cost + other for cost, other in zip(done, rest[1:], strict=False)]
        alone[begin:end] = map(min, alone[begin:end], wholes)
    for states, whole in zip(theirs, alone, strict=True):
        _lower(states, -1, whole)


def _bands(priced: Priced) -> Bands:
    """For so many left rows done, how many right ones may be: from the first to the last."""
    low = [row[0][0] for row in priced]
    high = [row[-1][0] + 1 for row in priced]
    last = [*accumulate(high, max), max(high)]
    first = [0, *[*accumulate(low[::-1], min)][::-1]]
    return list(zip(first, last, strict=True))


def _spent(priced: Priced, bands: Bands) -> list[list[float]]:
    """What is least spent with so many rows of either side done: of the right ones, the band's."""
    begin, end = bands[0]
    spent = [j * ALONE for j in range(begin, end + 1)]
    table = [spent]
    for row, (first, last) in zip(priced, bands[1:], strict=True):
        prices = [inf] * (last - first + 1)
        for j, cost in row:
            prices[j + 1 - first] = cost
        both = spent[first - begin - 1] if first > begin else inf  # with one less of either side
        spent = spent[first - begin :] + [inf] * (last - end)
        best, begin, end = inf, first, last
        found = []
        for one, price in zip(spent, prices, strict=True):
            best += ALONE
            if one + ALONE < best:  # noqa: PLR1730 - a call for each takes twice as long
                best = one + ALONE
            if both + price < best:  # noqa: PLR1730
                best = both + price
            found.append(best)
            both = one
        spent = found
        table.append(spent)
    return table


def _lower(states: dict[int, float], partner: int, whole: float) -> None:
    if whole < states.get(partner, inf):
        states[partner] = whole


def _best(states: dict[int, float]) -> tuple[int, bool]:
    """The best partner (-1: none), and whether the next best is clearly worse."""
    costs = sorted(states.values())
    sure = len(costs) < 2 or costs[1] - costs[0] >= SURE
    return min(states, key=states.__getitem__), sure
