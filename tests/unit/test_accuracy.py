"""Accuracy: what the rule joins wrongly, misses and leaves open, on lives whose truth is known.

`make accuracy` counts 100,000 pairs a class; here are some thousands, whose bounds are the same
and some more by chance.
"""

import numpy as np
import pytest
from soundlake.listening import Derived

from tests.accuracy import counting
from tests.accuracy.counting import Counted, broken, run
from tests.accuracy.lives import CLASSES

PAIRS = {"month edges": 1_500}


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_found_of_each_class_keeps_the_bounds(name: str) -> None:
    pairs = PAIRS.get(name, 10_000)

    counted = run(name, pairs, seed=1)

    assert counted.pairs >= pairs
    assert broken(name, counted, chance=3) == []


def test_a_rule_that_joins_nothing_breaks_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    real = counting.derive_plays
    monkeypatch.setattr(counting, "derive_plays", lambda rows: _each_alone(real(rows)))

    (sentence,) = broken("pauses", run("pauses", 100, seed=1))

    assert "are missed" in sentence


def _each_alone(derived: Derived) -> Derived:
    count = len(derived.play_of)
    plays = derived.plays.take([0] * count)
    return Derived(plays, np.arange(count))


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (Counted(pairs=10_000, false=1, missed=1), []),
        (Counted(pairs=10_000, false=2), ["wrongly"]),
        (Counted(pairs=10_000, missed=2), ["missed"]),
        (Counted(pairs=20_000, false=2, flagged=10_001), ["wrongly", "flagged"]),
        (Counted(pairs=10_000, flagged=100), []),
    ],
)
def test_bounds_are_of_the_unflagged_pairs(counted: Counted, words: list[str]) -> None:
    sentences = broken("pauses", counted)

    assert len(sentences) == len(words)
    assert all(word in sentence for word, sentence in zip(words, sentences, strict=True))


def test_repeats_that_have_lost_a_side_may_be_flagged() -> None:
    name = "three times in a row, one side missing"

    assert broken(name, Counted(pairs=100, flagged=50)) == []
