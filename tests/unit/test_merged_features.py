"""One row of what several sources told: who wins, what is filled in, when to ask again."""

from datetime import date, timedelta
from itertools import permutations

import pytest
from soundlake.features import FEATURES, Told, ask_again, day_of, merged, source_of

from tests.unit.helpers import Row

ORDER = ["spotify", "reccobeats"]
TRACK = "track"


def key(source: str, day: str, attempt: int = 1) -> str:
    return f"raw/audio-features/{source}/month={day[:7]}/{day}/0-{attempt:03d}.json.gz"


def row(source: str, day: str = "2026-11-21", *, known: bool = True, **values: float | None) -> Row:
    """A row of one source's answer; its features are 1, or those given."""
    return {
        "track_id": TRACK,
        **(dict.fromkeys(FEATURES, 1.0 if known else None) | values),
        "source": source if known else None,
        "fetched_at": f"{day}T09:00:00.000Z",
        "raw_key": key(source, day),
    }


def test_a_key_says_who_answered_and_when() -> None:
    assert source_of(key("reccobeats", "2026-11-21")) == "reccobeats"
    assert day_of(key("reccobeats", "2026-11-21")) == date(2026, 11, 21)


def test_one_known_row_stays_as_it_is() -> None:
    only = row("reccobeats")

    assert merged([only], ORDER) == only | {"asked": [only["raw_key"]], "ask_again": None}


def test_the_preferred_source_wins_in_whatever_order_they_come() -> None:
    spotify, reccobeats = row("spotify", tempo=120.0), row("reccobeats", tempo=119.5)

    for rows in permutations([spotify, reccobeats]):
        assert merged(rows, ORDER) | {"asked": []} == spotify | {"asked": [], "ask_again": None}
        assert merged(rows, ORDER[::-1])["source"] == "reccobeats"


def test_a_known_value_is_never_overwritten_by_null() -> None:
    spotify, reccobeats = row("spotify", tempo=None), row("reccobeats", time_signature=None)

    for rows in permutations([spotify, reccobeats]):
        found = merged(rows, ORDER)
        assert None not in [found[name] for name in FEATURES]
        assert (found["source"], found["raw_key"]) == ("spotify+reccobeats", spotify["raw_key"])
        again = merged([found, reccobeats], ORDER)
        assert again == found
    other = merged([row("reccobeats", tempo=119.5), row("spotify", known=False)], ORDER)
    assert (other["source"], other["tempo"]) == ("reccobeats", 119.5)


def test_of_one_source_the_earlier_answer_stays() -> None:
    first, second = row("spotify", tempo=120.0), row("spotify", "2026-11-22", tempo=121.0)

    assert merged([first, second], ORDER)["tempo"] == 120.0


def test_a_source_that_is_not_asked_any_more_ranks_last() -> None:
    rows = [row("reccobeats", tempo=119.5), row("spotify", tempo=120.0)]

    assert merged(rows, ["spotify"])["tempo"] == 120.0
    assert merged(rows, ["reccobeats"])["tempo"] == 119.5


def test_every_answer_is_on_record_once() -> None:
    rows = [row("spotify", known=False), row("reccobeats", known=False)]

    found = merged([merged(rows, ORDER), *rows], ORDER)

    assert found["asked"] == [each["raw_key"] for each in rows]
    assert found == merged(rows, ORDER)


def test_a_row_of_before_there_were_several_sources_is_merged_too() -> None:
    before = row("spotify", "2026-10-01", known=False) | {"asked": None, "ask_again": None}

    found = merged([before, row("reccobeats")], ORDER)

    assert found["asked"] == [key("spotify", "2026-10-01"), key("reccobeats", "2026-11-21")]
    assert found["source"] == "reccobeats"


def test_what_nobody_knows_has_a_day_to_ask_again() -> None:
    rows = [row("spotify", "2026-11-20", known=False), row("reccobeats", known=False)]

    found = merged(rows, ORDER)

    assert (found["source"], found["ask_again"]) == (None, date(2026, 12, 20))


@pytest.mark.parametrize(
    ("times", "days"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 365), (6, 365), (100, 365)]
)
def test_waits_double_up_to_a_year(times: int, days: int) -> None:
    last = date(2026, 11, 21)
    asked = {last - ago * timedelta(days=1) for ago in range(times)}

    assert ask_again(asked) == last + timedelta(days=days)


def test_two_answers_of_a_day_are_one_asking() -> None:
    first = row("spotify", known=False)
    second = first | {"raw_key": key("spotify", "2026-11-21", 2)}

    assert merged([first, second], ORDER)["ask_again"] == date(2026, 12, 21)


# Whom to ask.


def test_an_unknown_track_is_due_until_asked_and_again_after_its_wait() -> None:
    told = Told()
    assert told.due("spotify", TRACK, date(2026, 11, 21))

    told.add(row("spotify", known=False))

    assert not told.knows(TRACK)
    assert not told.due("spotify", TRACK, date(2026, 12, 20))
    assert told.due("spotify", TRACK, date(2026, 12, 21))
    assert told.due("reccobeats", TRACK, date(2026, 11, 21))


def test_each_source_has_its_own_wait() -> None:
    told = Told()
    told.add(
        merged([row("spotify", "2026-09-01", known=False), row("reccobeats", known=False)], ORDER)
    )

    assert told.due("spotify", TRACK, date(2026, 11, 21))
    assert not told.due("reccobeats", TRACK, date(2026, 11, 21))


def test_what_anybody_knows_is_known() -> None:
    told = Told()
    for each in (row("spotify", known=False), row("reccobeats"), row("spotify", known=False)):
        told.add(each)

    assert told.knows(TRACK)


def test_tracks_are_told_apart_by_the_month_of_their_rows() -> None:
    told = Told()
    told.add(row("spotify", "2026-10-31", known=False) | {"track_id": "a"}, "2026-09")
    told.add(row("spotify", "2026-10-31", known=False) | {"track_id": "b"})
    told.add(row("reccobeats", "2026-11-02", known=False) | {"track_id": "b"})

    assert told.by_month("dbca", "2026-11") == [["a"], ["b"], ["d", "c"]]
    assert told.by_month("", "2026-11") == []
