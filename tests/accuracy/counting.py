"""What a rule made of made-up lives: pairs joined rightly, wrongly, not at all, and left open."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from soundlake.listening import AMBIGUOUS, derive_plays
from soundlake.times import shift_month

from tests.accuracy.lives import CLASSES, Noise, life

BOUND = 1e-4  # of the unflagged pairs, joined wrongly, and missed
FLAGGED = 0.01  # of the pairs; where repeats have lost a side more may be
UNTOLD = "three times in a row, one side missing"


@dataclass(slots=True)
class Counted:
    """Sums over lives. A pair is a captured row and another source's of the same listening; where
    nothing is captured, a row of the first source and another's.

    Of those whose times agree: `flagged` were left open, of the rest some were `missed`. `false`
    are rows of two listenings in one play, `false_flagged` in one with a flag. `plays` are all
    listenings, `open` those with a flag, `open_repeats` the repeats among these.
    """

    pairs: int = 0
    flagged: int = 0
    missed: int = 0
    false: int = 0
    false_flagged: int = 0
    plays: int = 0
    open: int = 0
    open_repeats: int = 0

    def add(self, other: "Counted") -> None:
        """Sum up."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def share(self, name: str) -> float:
        """`false` or `missed`, of the unflagged pairs."""
        return float(getattr(self, name)) / max(self.pairs - self.flagged, 1)


def broken(name: str, counted: Counted, chance: float = 0) -> list[str]:
    """A sentence for each bound that a class's counts break.

    Of few pairs some more may be wrong by chance: so many times the root of what is allowed.
    """
    pairs = counted.pairs - counted.flagged
    allowed = BOUND * pairs
    allowed += chance * allowed**0.5
    sentences = [
        f"{name}: {getattr(counted, what)} of {pairs} pairs {said}."
        for what, said in (("false", "are joined wrongly"), ("missed", "are missed"))
        if getattr(counted, what) > allowed
    ]
    if counted.flagged > FLAGGED * counted.pairs and not name.startswith(UNTOLD):
        sentences.append(f"{name}: {counted.flagged} of {counted.pairs} pairs are flagged.")
    return sentences


def count(seed: int, plays: int, noise: Noise) -> Counted:
    """Derive a life's plays and compare them with the truth."""
    lived = life(seed, plays, noise)
    play_of, flags = _derived(lived.observations, by_month=noise.edges)
    source = lived.told_by
    truth = lived.listening
    # Rows of more than one listening in a play, each beyond the first.
    both = np.unique(np.stack([play_of, truth]), axis=1)
    mixed = (np.bincount(both[0]) - 1).clip(0)
    size = len(lived.repeated)
    mine = _play(play_of, truth, source == lived.first, size)
    open_play = np.zeros(len(mixed), bool)
    open_play[flags] = True
    flagged = np.zeros(size, bool)
    flagged[truth[open_play[play_of]]] = True
    known = np.zeros(size, bool)
    known[truth] = True
    counted = Counted(
        false=int(mixed[~open_play].sum()),
        false_flagged=int(mixed[open_play].sum()),
        plays=int(known.sum()),
        open=int(flagged.sum()),
        open_repeats=int((flagged & lived.repeated).sum()),
    )
    for other, agree in lived.agree.items():
        theirs = _play(play_of, truth, source == other, size)
        counted.pairs += int(agree.sum())
        counted.flagged += int((agree & flagged & (mine != theirs)).sum())
        counted.missed += int((agree & ~flagged & (mine != theirs)).sum())
    return counted


def _play(play_of: Any, truth: Any, own: Any, size: int) -> Any:
    found = np.full(size, -1)
    found[truth[own]] = play_of[own]
    return found


def _derived(observations: pa.Table, *, by_month: bool) -> tuple[Any, Any]:
    """The play of every row, and the plays that are flagged."""
    if not by_month:
        derived = derive_plays(observations)
        return derived.play_of, np.flatnonzero(_flagged(derived.plays))
    months = _months(observations["time"])
    every = np.unique(months)
    play_of = np.full(observations.num_rows, -1)
    flags: list[int] = []
    plays = 0
    for month in _around(every):
        near = np.isin(months, [shift_month(month, by) for by in (-1, 0, 1)])
        derived = derive_plays(observations.filter(pa.array(near)))
        own = _months(derived.plays["played_at"]) == month
        number = np.where(own, np.cumsum(own) - 1 + plays, -1)
        of = number[derived.play_of]
        rows = np.flatnonzero(near)[of >= 0]
        if (play_of[rows] >= 0).any():
            raise AssertionError(f"A row is in the plays of two months; one is {month}.")
        play_of[rows] = of[of >= 0]
        flags += number[own & _flagged(derived.plays)].tolist()
        plays += int(own.sum())
    if (play_of < 0).any():
        raise AssertionError("A row is in no month's plays.")
    return play_of, np.array(flags, np.int64)


def _around(months: Any) -> list[str]:
    texts = {shift_month(str(month), by) for month in months for by in (-1, 0, 1)}
    return sorted(texts)


def _months(times: Any) -> Any:
    return np.array(pc.strftime(times, "%Y-%m").to_pylist())


def _flagged(plays: pa.Table) -> Any:
    return np.array([AMBIGUOUS in flags for flags in plays["flags"].to_pylist()], bool)


def run(name: str, pairs: int, seed: int) -> Counted:
    """A class's lives, until so many pairs have been counted."""
    noise = CLASSES[name]
    total = Counted()
    while total.pairs < pairs:
        # A session a month: more would be beyond what times can be.
        most = 10_000 if noise.edges else 140_000
        total.add(count(seed, min(pairs + pairs // 4, most), noise))
        seed += 1
    return total
