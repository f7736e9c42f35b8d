"""Providers: whose rows of a chart's day are kept, in whichever order they come."""

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from soundlake.providers import CHART_FILE, KWORB, PLAYLIST, shows_the_same, why_kept


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


def test_a_page_of_kworb_gives_way_to_both() -> None:
    playlist, file, page = rows(PLAYLIST, 7), rows(CHART_FILE, 7), rows(KWORB, 9)

    assert why_kept(stored(playlist), page) == (
        "Spotify's own playlist has that day already, and is preferred to kworb.net"
    )
    assert why_kept(stored(file), page) == (
        "a file has that day already, and is preferred to kworb.net"
    )
    assert why_kept(stored(page), playlist) is None
    assert why_kept(stored(page), file) is None


def test_a_later_page_is_preferred_to_an_earlier_one() -> None:
    earlier, later = rows(KWORB, 7), rows(KWORB, 9)

    assert why_kept(stored(earlier), later) is None
    assert why_kept(stored(later), earlier) == (
        "a page that came later (2026-11-21 09:18:00 UTC) has that day"
    )


def test_a_page_may_show_what_is_there() -> None:
    there, again = stored(rows(KWORB, 7, 3)), rows(KWORB, 9, 3)
    with_nulls = [row | {"album_id": None} for row in there]

    assert shows_the_same(there, again)
    assert shows_the_same(with_nulls[::-1], again)
    assert not shows_the_same(there, again[:2])
    assert not shows_the_same(there, [row | {"streams": 1} for row in again])
    assert not shows_the_same(there, [])
    assert not shows_the_same([], again)


def test_the_page_that_is_there_shows_nothing_that_was_there_before_it() -> None:
    page = rows(KWORB, 7, 3)

    assert not shows_the_same(stored(page), page)
    assert why_kept(stored(page), page) is None


@pytest.mark.parametrize("provider", [PLAYLIST, CHART_FILE])
def test_only_pages_are_known_by_what_they_show(provider: str) -> None:
    """A playlist's answer is of another day each time; of files the later one counts."""
    assert not shows_the_same(stored(rows(provider, 7)), rows(provider, 9))
    assert not shows_the_same(stored(rows(provider, 7)), rows(KWORB, 9))


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
    best_first = [
        *(rows(PLAYLIST, 6), rows(CHART_FILE, 8), rows(CHART_FILE, 7)),
        *(rows(KWORB, 10), rows(KWORB, 9)),
    ]
    for best in range(len(best_first)):
        for order in permutations(best_first[best:]):
            there: list[dict[str, Any]] = []
            for found in order:
                if why_kept(there, found) is None:
                    there = stored(found)
            assert there == stored(best_first[best])
