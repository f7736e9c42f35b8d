"""The best order-preserving pairing in one small lot of rows, and which of its pairs are sure.

Plain dynamic programming, forwards and backwards, over the pairs that are possible at all.
"""

from dataclasses import dataclass, field
from math import inf

END, START = 0, 1  # what a time agrees with
ALONE = 50.0  # what a row costs that has no partner
SURE = 15.0  # by so much the best must be better than the next
OTHERWISE = 100.0  # what it costs that times mean here what they do not mean around
EITHER = 25.0  # what it costs that some of them mean the one and some the other


@dataclass(frozen=True, slots=True)
class Pairs:
    """The possible pairs of a lot, as parallel lists, with the places of rows in time."""

    left: list[int]
    right: list[int]
    left_order: list[tuple[int, int]]
    right_order: list[tuple[int, int]]
    ends: list[float]
    starts: list[float]
    meanings: set[int]
    odd: list[bool]


@dataclass(slots=True)
class Decided:
    """What is paired, and which rows may be a pair but are not."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    unsure_left: list[int] = field(default_factory=list)
    unsure_right: list[int] = field(default_factory=list)


Table = list[dict[int, float]]


def align(pairs: Pairs) -> Decided:
    """Pair the rows of a lot so that all together costs least, and in order.

    A row is unsure where some other pairing, in which it has another partner or none, costs
    about as little.
    """
    lefts = _ordered(pairs.left, pairs.left_order)
    rights = _ordered(pairs.right, pairs.right_order)
    place = {row: at for at, row in enumerate(lefts)}
    other = {row: at for at, row in enumerate(rights)}
    found = [(place[a], other[b]) for a, b in zip(pairs.left, pairs.right, strict=True)]
    # For each row what the best whole costs with each partner (-1: none).
    mine: Table = [{} for _ in lefts]
    theirs: Table = [{} for _ in rights]
    for costs, more in _ways(pairs):
        _weigh(dict(zip(found, costs, strict=True)), more, mine, theirs)
    decided = Decided()
    for at, states in enumerate(mine):
        partner, sure = _best(states)
        if not sure:
            decided.unsure_left.append(lefts[at])
        elif partner >= 0:
            decided.pairs.append((lefts[at], rights[partner]))
    decided.unsure_right += [rights[at] for at, states in enumerate(theirs) if not _best(states)[1]]
    unsure = set(decided.unsure_right)
    decided.pairs = [pair for pair in decided.pairs if pair[1] not in unsure]
    _doubt_odd(pairs, decided)
    return decided


def _doubt_odd(pairs: Pairs, decided: Decided) -> None:
    """A wrong time breaks the order: what it alone keeps apart is not sure to be two."""
    paired = {one for one, _ in decided.pairs}, {other for _, other in decided.pairs}
    for one, other, odd in zip(pairs.left, pairs.right, pairs.odd, strict=True):
        if odd and one not in paired[0] and other not in paired[1]:
            decided.unsure_left.append(one)
            decided.unsure_right.append(other)


def _ordered(rows: list[int], order: list[tuple[int, int]]) -> list[int]:
    return [row for _, row in sorted(set(zip(order, rows, strict=True)))]


def _ways(pairs: Pairs) -> list[tuple[list[float], float]]:
    """What the pairs cost by each meaning of the times, and what that meaning itself costs."""
    if pairs.meanings == {END}:
        return [(pairs.ends, 0.0), (pairs.starts, OTHERWISE)]
    if pairs.meanings == {START}:
        return [(pairs.starts, 0.0), (pairs.ends, OTHERWISE)]
    least = [min(costs) for costs in zip(pairs.ends, pairs.starts, strict=True)]
    return [(pairs.ends, 0.0), (pairs.starts, 0.0), (least, EITHER)]


def _weigh(costs: dict[tuple[int, int], float], more: float, mine: Table, theirs: Table) -> None:
    count, others = len(mine), len(theirs)
    bands = _bands(costs, count)
    before = _forward(costs, bands, count)
    # The same from the other end.
    turned = {(count - 1 - i, others - 1 - j): cost for (i, j), cost in costs.items()}
    back = _forward(turned, [(others - last, others - first) for first, last in bands[::-1]], count)
    for (i, j), cost in costs.items():
        whole = more + cost + _at(before[i], j) + _at(back[count - 1 - i], others - 1 - j)
        _lower(mine[i], j, whole)
        _lower(theirs[j], i, whole)
    for i in range(count):
        row, rest = before[i], back[count - 1 - i]
        whole = min((cost + _at(rest, others - j) for j, cost in row.items()), default=inf)
        _lower(mine[i], -1, more + ALONE + whole)
    for i in range(count + 1):
        row, rest = before[i], back[count - i]
        for j, cost in row.items():
            if j < others:
                _lower(theirs[j], -1, more + ALONE + cost + _at(rest, others - 1 - j))


def _bands(costs: dict[tuple[int, int], float], count: int) -> list[tuple[int, int]]:
    """For so many left rows done, how many right ones may be: from the first to the last."""
    low, high = [10**9] * count, [0] * count
    for i, j in costs:
        low[i], high[i] = min(low[i], j), max(high[i], j + 1)
    first, last = [0] * (count + 1), [max(high)] * (count + 1)
    reached = 0
    for i in range(count):
        reached = last[i] = max(reached, high[i])
    needed = max(high)
    for i in range(count, 0, -1):
        needed = first[i] = min(needed, low[i - 1])
    return list(zip(first, last, strict=True))


def _forward(
    costs: dict[tuple[int, int], float], bands: list[tuple[int, int]], count: int
) -> Table:
    """What is least spent with so many rows of either side done."""
    table: Table = []
    for i in range(count + 1):
        first, last = bands[i]
        row: dict[int, float] = {}
        for j in range(first, last + 1):
            best = 0.0 if i == j == 0 else inf
            if i:
                best = _at(table[i - 1], j) + ALONE
                cost = costs.get((i - 1, j - 1))
                if cost is not None:
                    best = min(best, _at(table[i - 1], j - 1) + cost)
            if j - 1 in row:
                best = min(best, row[j - 1] + ALONE)
            row[j] = best
        table.append(row)
    return table


def _at(row: dict[int, float], j: int) -> float:
    return row.get(j, inf)


def _lower(states: dict[int, float], partner: int, whole: float) -> None:
    if whole < states.get(partner, inf):
        states[partner] = whole


def _best(states: dict[int, float]) -> tuple[int, bool]:
    """The best partner (-1: none), and whether the next best is clearly worse."""
    ranked = sorted(states.items(), key=lambda state: (state[1], state[0]))
    sure = len(ranked) < 2 or ranked[1][1] - ranked[0][1] >= SURE
    return ranked[0][0], sure
