"""Observations as they are compared: how rows are put in order."""

import numpy as np
import pytest
from soundlake.observed import stably


@pytest.mark.parametrize("most", [3, 1 << 40, 1 << 61])
@pytest.mark.parametrize("least", [0, -1])
def test_equal_numbers_stay_as_they_stand(least: int, most: int) -> None:
    keys = np.random.default_rng(1).choice([least, 0, 1, 2, most - 1, most], 999)

    assert stably(keys).tolist() == np.argsort(keys, kind="stable").tolist()


def test_nothing_has_no_order() -> None:
    assert stably(np.empty(0, np.int64)).tolist() == []
