"""Which rows of two sources are the same listening: pairs, one to one and in order.

What fits to the second is paired at once. What is left over on both sides near each other is
weighed together with what was paired around it (`alignment`). Whether a source that tells one time
means a play's start or its end shows in the pairs around that fit in only one way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from soundlake.alignment import ALONE, END, START, SURE, Pairs, align
from soundlake.observed import stably

Array = Any  # of numpy

NEAR = 10_000  # ms: times this close are the same: clocks drift, and seconds are cut off
MINUTE = 30_000  # ms: how far off the middle of a minute can be
BEYOND = 60_000  # ms: further than a play's length and this apart, times name different plays
BESIDE = 8_000  # ms: a play that begins this soon after another one follows it
SHORTEST = 30_000  # ms: Spotify lists no shorter play
CROSSFADE = 15_000  # ms: of two plays that overlap longer one has a wrong time
HARDLY = 15_000  # ms: who heard less scrobbles nothing: half a track, of 30 s at least
UNTIL = 1 << 42  # ms, of a track's part in a sorted key: 139 years
SINCE = -(1 << 40)  # ms: 1935
HOUR, DAY = 3_600_000, 86_400_000
WITNESSES = 3  # pairs that tell what a time means, before they are believed
AGREED = 0.8  # of them
UNKNOWN = -1
DOUBTED = 2 * ALONE  # what a pair costs that is no better than two rows alone


@dataclass(frozen=True, slots=True)
class Found:
    """Places in two sides: the pairs, and the rows that may be of one but were not paired."""

    left: Array
    right: Array
    unsure_left: Array
    unsure_right: Array
    meaning: Array  # END, START or UNKNOWN, for each row of the right side


@dataclass(frozen=True, slots=True)
class Costs:
    """How badly pairs fit by each meaning; `repeated` where the track was heard again nearby."""

    alone: dict[int, Array]
    repeated: dict[int, Array]


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of some plays, as arrays; `rows` says which these are. Times are in ms.

    `start` and `end` are the same where only one time is known, whichever it is; `guessed`, where
    the other one was made of the track's length. `length` is that, or how long it was heard;
    `exact` is how far off the times may be, `least` how long the source's plays were heard at
    least. `odd` plays overlap others, `twin` plays end with
    another of the same track: one of the two times is wrong.
    """

    rows: Array
    start: Array
    end: Array
    length: Array
    ms: Array
    exact: Array
    track: Array
    uri: Array
    name: Array
    other_uri: Array
    other_name: Array
    least: Array
    guessed: Array
    odd: Array
    twin: Array

    @classmethod
    def of(
        cls,
        rows: Array,
        *,
        time: Array,
        track: Array,
        uri: Array,
        name: Array,
        ms: Array,
        duration: Array,
        coarse: Array,
        least: Array,
        spans: bool,
    ) -> "Side":
        """The rows of one source, by time; `spans` where it tells ends and how long was heard."""
        end = time + np.where(coarse, MINUTE, 0)
        start = end - np.maximum(ms, 0) if spans else end
        allowed = CROSSFADE + np.where(coarse, 2 * MINUTE, 0)
        return cls(
            rows=rows,
            start=start,
            end=end,
            length=np.maximum(np.maximum(ms, duration), 0),
            ms=ms,
            exact=np.where(coarse, MINUTE, 0),
            track=track,
            uri=uri,
            name=name,
            other_uri=uri,
            other_name=name,
            least=least,
            guessed=np.zeros(len(rows), bool),
            odd=overlapping(start, end, allowed) if spans else np.zeros(len(rows), bool),
            twin=_twins(track, end, ms, coarse) if spans else np.zeros(len(rows), bool),
        )

    def joined(self, other: "Side", found: Found) -> "Side":
        """Both sides' plays, each once: what a pair's left row tells of its times is kept."""
        length, ms = self.length.copy(), self.ms.copy()
        uri, name = self.other_uri.copy(), self.other_name.copy()
        left, right = found.left, found.right
        length[left] = np.maximum(length[left], other.length[right])
        ms[left] = np.where(ms[left] < 0, other.ms[right], ms[left])
        uri[left] = np.where(other.uri[right] >= 0, other.uri[right], uri[left])
        name[left] = np.where(other.name[right] >= 0, other.name[right], name[left])
        start, end = self._corrected(other, found)
        mine = replace(
            self,
            start=start,
            end=end,
            length=length,
            ms=ms,
            other_uri=uri,
            other_name=name,
        )
        alone = np.ones(len(other.rows), bool)
        alone[right] = False
        rest = other.spread(found.meaning).taken(np.flatnonzero(alone))
        return Side(
            **{each: np.concatenate([getattr(mine, each), getattr(rest, each)]) for each in _EACH}
        )

    def _corrected(self, other: "Side", found: Found) -> tuple[Array, Array]:
        """Starts and ends, moved to where another source's one time says that they were."""
        left, right = found.left, found.right
        start, end = self.start.copy(), self.end.copy()
        one = (other.start == other.end)[right] & (other.exact[right] == 0)
        late_end = other.end[right] - end[left]
        late_start = other.start[right] - start[left]
        nearer = np.where(np.abs(late_start) < np.abs(late_end), START, END)
        starts = np.where(found.meaning[right] == UNKNOWN, nearer, found.meaning[right]) == START
        move = np.where(starts, late_start, late_end)
        move = np.where(one & (np.abs(move) > NEAR), move, 0)
        # A play that was paused began earlier, and did not end earlier.
        paused = starts & (move < 0)
        start[left] += move
        end[left] += np.where(paused, 0, move)
        return start, end

    def spread(self, meaning: Array) -> "Side":
        """With a start and an end by what one time means: an end where nothing tells it."""
        one = self.start == self.end
        heard = np.where(self.ms >= 0, self.ms, self.length)
        starts = one & (meaning == START)
        ends = one & ~starts
        return replace(
            self,
            start=np.where(ends, self.end - heard, self.start),
            end=np.where(starts, self.start + heard, self.end),
            guessed=one,
        )

    def taken(self, places: Array) -> "Side":
        """Some of the plays, in their order."""
        if len(places) == len(self.rows):
            return self
        return Side(**{each: getattr(self, each)[places] for each in _EACH})


_EACH = tuple(Side.__dataclass_fields__)


def overlapping(start: Array, end: Array, allowed: Array) -> Array:
    """Which plays overlap the one before or after for more ms than is allowed. By their ends."""
    odd = np.zeros(len(start), bool)
    shared = np.minimum(end[1:], end[:-1]) - np.maximum(start[1:], start[:-1])
    overlap = shared > allowed[1:]
    odd[1:] |= overlap
    odd[:-1] |= overlap
    return odd


def _twins(track: Array, end: Array, ms: Array, coarse: Array) -> Array:
    """Which plays of 30 s or more end just when another one of the track does. By their ends."""
    twin = np.zeros(len(end), bool)
    heard = np.flatnonzero((ms >= SHORTEST) & ~coarse)
    order = heard[stably(track[heard])]
    same = (track[order][1:] == track[order][:-1]) & (np.diff(end[order]) <= 2 * NEAR)
    twin[order[1:][same]] = True
    twin[order[:-1][same]] = True
    return twin


def match(left: Side, right: Side, usual: int = UNKNOWN, asked: Array | None = None) -> Found:
    """Pair the plays of two sides; `right` is of one source.

    Its times `usual`ly mean an END or a START: so where too few pairs show what they mean. With
    `asked`, a mask of what `rows` name, lots without any of these are not weighed.
    """
    heard_left = _can(left, right)
    heard_right = _can(right, left)
    some, other = left.taken(heard_left), right.taken(heard_right)
    if not len(heard_left) or not len(heard_right):
        none = np.empty(0, np.int64)
        return Found(none, none, none, none, np.full(len(right.rows), UNKNOWN))
    by_end, far_end = _nearest(some, other, some.end, other.end)
    by_start, far_start = _nearest(some, other, some.start, other.start)
    meaning = _meanings(other.end, by_end, by_start, len(some.rows), usual)
    pair = np.where(meaning == END, by_end, np.where(meaning == START, by_start, -1))
    far = np.where(meaning == START, far_start, far_end)
    both = (by_end >= 0) & (by_end == by_start)
    pair = _one_to_one(np.where(both, by_end, pair), np.where(both, far_end, far), len(some.rows))
    lots = _clusters(some, other, pair, asked)
    pair, unsure_left, unsure_right = _weighed(
        some, other, pair, meaning, lots=lots, every=(left, right)
    )
    right_places = np.flatnonzero(pair >= 0)
    every = np.full(len(right.rows), UNKNOWN)
    every[heard_right] = meaning
    return Found(
        left=heard_left[pair[right_places]],
        right=heard_right[right_places],
        unsure_left=heard_left[unsure_left],
        unsure_right=heard_right[unsure_right],
        meaning=every,
    )


def _can(side: Side, other: Side) -> Array:
    """The plays that the other side can know: who tells one time tells it of what was heard."""
    return np.flatnonzero((side.ms < 0) | (side.ms >= other.least.min(initial=SHORTEST)))


def _keys(track: Array, time: Array) -> Array:
    return track * UNTIL + np.clip(time - SINCE, 0, UNTIL - 1)


def same_track(left: Side, right: Side, one: Array, other: Array) -> Array:
    """Whether pairs of rows are of one track: by URI, or else by artist and title."""
    uri = right.uri[other]
    same = (uri >= 0) & (left.uri[one] == uri)
    if left.other_uri is not left.uri:
        same |= (uri >= 0) & (left.other_uri[one] == uri)
    rest = np.flatnonzero(~same)
    one, name = one[rest], right.name[other[rest]]
    same[rest] = (name >= 0) & ((left.name[one] == name) | (left.other_name[one] == name))
    return same


def _nearest(left: Side, right: Side, at: Array, sought: Array) -> tuple[Array, Array]:
    """For each right row the one left row of its track whose time is near; how far off it is."""
    best = np.full(len(sought), -1)
    least = np.full(len(sought), np.iinfo(np.int64).max)
    if not len(at):
        return best, least
    keys, wanted = _keys(left.track, at), _keys(right.track, sought)
    order, asked = np.argsort(keys), np.argsort(wanted)
    keys, wanted = keys[order], wanted[asked]
    places: Array = np.searchsorted(keys, wanted)
    widest = NEAR + int(left.exact.max(initial=0)) + int(right.exact.max(initial=0))
    rivals = np.zeros(len(sought), bool)
    close: Array = np.arange(len(wanted))
    for step in (-1, -2, 0, 1):
        # Where the next one is not near, none beyond it is.
        some = close if step in {-2, 1} else np.arange(len(wanted))
        place = places[some] + step
        some = some[(place >= 0) & (place < len(keys))]
        close = some[np.abs(keys[places[some] + step] - wanted[some]) <= widest]
        there = keys[places[close] + step]
        near, one = asked[close], order[places[close] + step]
        apart = np.abs(there - wanted[close])
        good = there // UNTIL == wanted[close] // UNTIL
        if widest > NEAR:
            good &= apart <= NEAR + left.exact[one] + right.exact[near]
        good &= same_track(left, right, one, near) & ~_heard_otherwise(left, right, one, near)
        near, one = near[good], one[good]
        rivals[near[best[near] >= 0]] = True
        best[near], least[near] = one, apart[good]
    # Of two that both fit, neither is taken at once.
    best[rivals] = -1
    return best, least


def _heard_otherwise(left: Side, right: Side, one: Array, other: Array) -> Array:
    """Whether both sides say how long was heard, and not the same; or it was hardly heard."""
    mine, theirs = left.ms[one], right.ms[other]
    differ = (mine >= 0) & (theirs >= 0) & (np.abs(mine - theirs) > 1000)
    # Who tells nothing but a time tells it of what was really heard.
    alone = right.start[other] == right.end[other]
    return differ | (alone & (theirs < 0) & (mine >= 0) & (mine < SHORTEST))


def _meanings(time: Array, by_end: Array, by_start: Array, count: int, usual: int) -> Array:
    """What each time means, by the pairs around it that fit in only one way. By time."""
    ends, starts = (by_end >= 0) & (by_start < 0), (by_start >= 0) & (by_end < 0)
    # Where a play ends another one may begin: what two rows claim is no witness.
    claims = np.bincount(by_end[by_end >= 0], minlength=count)
    claims += np.bincount(by_start[by_start >= 0], minlength=count)
    claims -= np.bincount(by_end[(by_end >= 0) & (by_end == by_start)], minlength=count)
    witness = np.flatnonzero((ends | starts) & (claims[np.maximum(by_end, by_start)] == 1))
    at = time[witness]
    told = np.concatenate(([0], np.cumsum(ends[witness])))
    meaning = np.full(len(time), UNKNOWN)
    for span in (HOUR, DAY):
        asked: Array = np.flatnonzero(meaning == UNKNOWN)
        first = np.searchsorted(at, time[asked] - span, "left")
        last = np.searchsorted(at, time[asked] + span, "right")
        seen, as_end = last - first, told[last] - told[first]
        enough = seen >= WITNESSES
        meaning[asked[enough & (as_end >= AGREED * seen)]] = END
        meaning[asked[enough & (seen - as_end >= AGREED * seen)]] = START
    meaning[meaning == UNKNOWN] = usual
    return meaning


def _one_to_one(pair: Array, far: Array, count: int) -> Array:
    """Each left row with the nearest right row that named it."""
    named = np.flatnonzero(pair >= 0)
    if len(named) and np.bincount(pair[named], minlength=count).max() > 1:
        order = named[np.lexsort((named, far[named], pair[named]))]
        again = order[1:][pair[order][1:] == pair[order][:-1]]
        pair = pair.copy()
        pair[again] = -1
    return pair


def _weighed(
    left: Side,
    right: Side,
    pair: Array,
    meaning: Array,
    *,
    lots: tuple[Array, Array, Array],
    every: tuple[Side, Side],
) -> tuple[Array, Array, Array]:
    """The pairs, where what is left over on both sides has been weighed with them."""
    mine, theirs, cluster = lots
    if not len(cluster):
        return pair, np.empty(0, np.int64), np.empty(0, np.int64)
    pairs = _pairs(left, right, mine, theirs, cluster)
    return _decided(left, right, pair.copy(), meaning, pairs, lots=lots, every=every)


def _clusters(
    left: Side, right: Side, pair: Array, asked: Array | None
) -> tuple[Array, Array, Array]:
    """The rows near which there are rows left over of both sides: of either side, and which lot."""
    free_right = pair < 0
    free_left = np.ones(len(left.rows), bool)
    free_left[pair[~free_right]] = False
    most = int(max(left.track.max(initial=0), right.track.max(initial=0))) + 1
    both = np.zeros(most, bool)
    both[left.track[free_left]] = True
    other = np.zeros(most, bool)
    other[right.track[free_right]] = True
    both &= other
    mine, theirs = np.flatnonzero(both[left.track]), np.flatnonzero(both[right.track])
    track = np.concatenate([left.track[mine], right.track[theirs]])
    first, last = (
        np.concatenate(each) for each in zip(_reach(left, mine), _reach(right, theirs), strict=True)
    )
    keys = _keys(track, first)
    order = np.argsort(keys, kind="stable")
    until = np.maximum.accumulate(_keys(track, last)[order])
    begins = np.ones(len(order), bool)
    begins[1:] = keys[order][1:] > until[:-1]
    cluster = np.empty(len(order), np.int64)
    cluster[order] = np.cumsum(begins) - 1
    lots = int(cluster.max(initial=-1)) + 1
    mine_of, theirs_of = cluster[: len(mine)], cluster[len(mine) :]
    wanted = (np.bincount(mine_of[free_left[mine]], minlength=lots) > 0) & (
        np.bincount(theirs_of[free_right[theirs]], minlength=lots) > 0
    )
    if asked is not None:
        rows = np.concatenate([left.rows[mine], right.rows[theirs]])
        wanted &= np.bincount(cluster[asked[rows]], minlength=lots) > 0
    keep_mine, keep_theirs = wanted[mine_of], wanted[theirs_of]
    return (
        mine[keep_mine],
        theirs[keep_theirs],
        np.concatenate([mine_of[keep_mine], theirs_of[keep_theirs]]),
    )


def _reach(side: Side, rows: Array) -> tuple[Array, Array]:
    beyond = side.length[rows] + BEYOND + side.exact[rows]
    return side.start[rows] - beyond, side.end[rows] + beyond


def _pairs(
    left: Side, right: Side, mine: Array, theirs: Array, cluster: Array
) -> tuple[Array, Array, Costs]:
    """All pairs in the lots that may be one play, and what each costs by either meaning."""
    mine_of, theirs_of = cluster[: len(mine)], cluster[len(mine) :]
    mine = mine[np.lexsort((left.end[mine], mine_of))]
    theirs = theirs[np.lexsort((right.end[theirs], theirs_of))]
    a, b = _within(left, right, mine, theirs)
    b2, a2 = _within(right, left, theirs, mine)
    many = len(right.rows)
    found: Array = np.sort(np.concatenate([a * many + b, a2 * many + b2]))
    once = np.ones(len(found), bool)
    once[1:] = found[1:] != found[:-1]
    a, b = np.divmod(found[once], many)
    length = np.maximum(left.length[a], right.length[b])
    apart = np.minimum(np.abs(left.end[a] - right.end[b]), np.abs(left.start[a] - right.start[b]))
    exact = left.exact[a] + right.exact[b]
    good = (apart <= length + BEYOND + exact) & same_track(left, right, a, b)
    a, b = a[good], b[good]
    return a, b, _costs(left, right, a, b)


def _within(one: Side, other: Side, mine: Array, theirs: Array) -> tuple[Array, Array]:
    """Pairs of which the other's end or start lies in what the one can reach."""
    first, last = _reach(one, mine)
    found = []
    for at in (other.end, other.start):
        keys = _keys(other.track[theirs], at[theirs])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        begin = np.searchsorted(keys, _keys(one.track[mine], first), "left")
        end = np.searchsorted(keys, _keys(one.track[mine], last), "right")
        counts = np.maximum(end - begin, 0)
        which: Array = np.repeat(np.arange(len(mine)), counts)
        turn = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        found.append((mine[which], theirs[order[begin[which] + turn]]))
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))  # type: ignore[return-value]


def _costs(left: Side, right: Side, a: Array, b: Array) -> Costs:
    alone, repeated = {}, {}
    for way in (END, START):
        alone[way], repeated[way] = _cost(left, right, a, b, way)
    return Costs(alone, repeated)


def _cost(left: Side, right: Side, a: Array, b: Array, way: int) -> tuple[Array, Array]:
    """How badly pairs fit if the right side's times agree with the left one's ends, or starts.

    0 to 10 where they agree to the second, 10 to 40 where a pause explains what is between, 40 to
    80 where only a wrong time does. `DOUBTED` where each row may as well be a listening of its
    own: if it would just follow the other one, or no play could have had both times; among
    repeats, where there is room for another one. The first costs are for pairs alone, the second
    among repeats.
    """
    length = np.maximum(left.length[a], right.length[b])
    blur = left.exact[a] + right.exact[b]
    exact, beside = NEAR + blur, BESIDE + blur
    late = right.end[b] - left.end[a] if way == END else right.start[b] - left.start[a]
    apart = np.abs(late)
    share = np.minimum(apart / (length + BEYOND + blur), 1.0)
    one = right.start[b] == right.end[b]
    if way == END:
        begin, end = np.where(one, right.end[b] - length, right.start[b]), right.end[b]
        explained = np.zeros(len(a), bool)
        # No play ends before it begins, nor once more long after it has ended.
        apart_from = (end - left.start[a] <= beside) | (late >= SHORTEST - beside)
        room = apart_from
    else:
        begin, end = right.start[b], np.where(one, right.start[b] + length, right.end[b])
        # Whoever pauses has begun earlier than the end and what was heard tell; or later, where
        # the start is a guess that all was heard.
        explained = (late < 0) | left.guessed[a]
        apart_from = begin - left.end[a] >= -beside
        # What seems a pause may be another play.
        room = apart_from | (late <= beside - SHORTEST)
    follows = (np.abs(begin - left.end[a]) <= beside) | (np.abs(end - left.start[a]) <= beside)
    fits, odd, twin = apart <= exact, left.odd[a], left.twin[a]
    more = np.where(_heard_otherwise(left, right, a, b), 20, 0)

    def cost(doubt: Array, wrong: Array) -> Array:
        found = np.where(explained, 10 + 30 * share, wrong)
        found = np.where(doubt & ~odd, DOUBTED, found)
        return np.where(twin, DOUBTED, np.where(fits, 10 * apart / exact, found)) + more

    wrong = 40 + 40 * share
    # Among repeats, a wrong time is believed of a play that overlaps others.
    return (
        cost(follows | apart_from, wrong),
        cost(follows | room, np.where(odd, wrong, 65 + 30 * share)),
    )


def _heard_again(
    left: Side, right: Side, one: Array, other: Array, every: tuple[Side, Side]
) -> Array:
    """Whether either side has another row of the track near these, be it ever so short."""
    reach = _reach(left, one), _reach(right, other)
    first = _keys(left.track[one], np.minimum(reach[0][0], reach[1][0]))
    last = _keys(left.track[one], np.maximum(reach[0][1], reach[1][1]))
    again = np.zeros(len(one), bool)
    for side in every:
        keys = np.sort(_keys(side.track, side.end))
        again |= np.searchsorted(keys, last, "right") - np.searchsorted(keys, first) > 1
    return again


def _decided(
    left: Side,
    right: Side,
    pair: Array,
    meaning: Array,
    pairs: tuple[Array, Array, Costs],
    *,
    lots: tuple[Array, Array, Array],
    every: tuple[Side, Side],
) -> tuple[Array, Array, Array]:
    a, b, costs = pairs
    mine, theirs, cluster = lots
    # What was paired here is decided anew.
    pair[theirs] = -1
    of = np.empty(len(right.rows), np.int64)
    of[theirs] = cluster[len(mine) :]
    lot = of[b]
    single = np.bincount(lot, minlength=int(cluster.max()) + 1)[lot] == 1
    one, other, way = a[single], b[single], meaning[b[single]]
    again = _heard_again(left, right, one, other, every)
    by_end, by_start = (
        np.where(again, costs.repeated[way][single], costs.alone[way][single])
        for way in (END, START)
    )
    cost = np.where(way == END, by_end, np.where(way == START, by_start, np.inf))
    cost = np.where(way == UNKNOWN, np.minimum(by_end, by_start), cost)
    sure = cost <= DOUBTED - SURE
    pair[other[sure]] = one[sure]
    unsure_left, unsure_right = one[~sure].tolist(), other[~sure].tolist()
    for part in _lots(
        left, right, (a, b, costs), lot=lot, meaning=meaning, some=np.flatnonzero(~single)
    ):
        decided = align(part)
        for one, other in decided.pairs:
            pair[other] = one
        unsure_left += decided.unsure_left
        unsure_right += decided.unsure_right
    return pair, np.array(unsure_left, np.int64), np.array(unsure_right, np.int64)


def _lots(
    left: Side,
    right: Side,
    pairs: tuple[Array, Array, Costs],
    *,
    lot: Array,
    meaning: Array,
    some: Array,
) -> Iterator[Pairs]:
    """Some of the pairs, a lot at a time."""
    if not len(some):
        return
    a, b, costs = pairs
    lefts, left_at = _in_time(left, a[some], lot[some])
    rights, right_at = _in_time(right, b[some], lot[some])
    order = np.lexsort((right_at, left_at))
    some, left_at, right_at = some[order], left_at[order], right_at[order]
    # Pairs and rows are in the order of their lots: a lot is a part of each list.
    begins = np.flatnonzero(np.diff(lot[some], prepend=-1))
    sizes = np.diff(begins, append=len(some))
    first_left, first_right = left_at[begins], np.minimum.reduceat(right_at, begins)
    by_pair = [
        (left_at - np.repeat(first_left, sizes)).tolist(),
        (right_at - np.repeat(first_right, sizes)).tolist(),
        costs.repeated[END][some].tolist(),
        costs.repeated[START][some].tolist(),
        meaning[b[some]].tolist(),
        left.odd[a[some]].tolist(),
    ]
    parts = [
        [slice(*ends) for ends in pairwise([*at.tolist(), total])]
        for at, total in (
            (begins, len(some)),
            (first_left, len(lefts)),
            (first_right, len(rights)),
        )
    ]
    for its_pairs, its_lefts, its_rights in zip(*parts, strict=True):
        one, other, ends, starts, meanings, odd = (each[its_pairs] for each in by_pair)
        yield Pairs(
            lefts=lefts[its_lefts].tolist(),
            rights=rights[its_rights].tolist(),
            left=one,
            right=other,
            ends=ends,
            starts=starts,
            meanings=set(meanings),
            odd=odd,
        )


def _in_time(side: Side, rows: Array, lot: Array) -> tuple[Array, Array]:
    """The distinct ones of these rows, in the order of their lots, then by time; and where each is.

    A row is of one lot only.
    """
    distinct, first, at = np.unique(rows, return_index=True, return_inverse=True)
    order = np.lexsort((distinct, side.start[distinct], side.end[distinct], lot[first]))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return distinct[order], place[at]
