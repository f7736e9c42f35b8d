"""Providers: whose rows of a chart's day are kept, in whichever order they come."""

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from soundlake.providers import CHART_FILE, PLAYLIST, why_kept


def rows(provider: str, hour: int = 9, number: int = 1) -> list[dict[str, Any]]:
    at = f"2026-11-21T{hour:02d}:18:00.123Z"
    row = {"provider": provider, "observed_at": at, "raw_key": f"raw/{hour}"}
    return [row | {"position": place} for place in range(1, number + 1)]


def stored(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows as a table gives them."""
    return [
        row | {"observed_at": datetime.fromisoformat(row["observed_at"]).replace(tzinfo=None)}
        for row in found
    ]


def test_a_playlist_is_preferred_to_a_file() -> None:
    playlist, file = rows(PLAYLIST, 7), rows(CHART_FILE, 9)

    assert why_kept(stored(playlist), file) == (
        "Spotify's own playlist has that day already, and is preferred to a file"
    )
    assert why_kept(stored(file), playlist) is None


def test_a_later_file_is_preferred_to_an_earlier_one() -> None:
    earlier, later = rows(CHART_FILE, 7), rows(CHART_FILE, 9)

    assert why_kept(stored(earlier), later) is None
    assert why_kept(stored(later), earlier) == (
        "a file that came later (2026-11-21 09:18:00 UTC) has that day"
    )
    assert why_kept(stored(later), later) is None


def test_of_two_files_of_one_second_it_is_always_the_same_one() -> None:
    one, other = ([row | {"raw_key": key} for row in rows(CHART_FILE)] for key in ("a", "b"))

    assert why_kept(stored(one), other) is None
    assert why_kept(stored(other), one) is not None


@pytest.mark.parametrize("hours", [(7, 9), (9, 7), (9, 9)])
def test_an_answer_replaces_an_answer_whenever_it_came(hours: tuple[int, int]) -> None:
    before, found = (rows(PLAYLIST, hour) for hour in hours)

    assert why_kept(stored(before), found) is None


def test_no_rows_give_way_and_can_be_put_in_the_place_of_others() -> None:
    assert why_kept([], rows(CHART_FILE)) is None
    assert why_kept(stored(rows(PLAYLIST)), []) is None


def test_the_order_of_coming_does_not_matter() -> None:
    candidates = [rows(PLAYLIST, 7), rows(CHART_FILE, 8), rows(CHART_FILE, 9)]
    for order in permutations(candidates):
        there: list[dict[str, Any]] = []
        for found in order:
            if why_kept(there, found) is None:
                there = stored(found)
        assert there == stored(candidates[0])
