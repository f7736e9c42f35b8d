"""Plays: observations merged once in any order, plays derived from them, attempts counted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.plays import (
    CapturedPage,
    capture_row,
    derive_plays,
    failed_capture_row,
    identity,
    merge,
    read_page,
    read_tracks,
    track_id,
)
from soundlake.spotify.errors import BadAnswerError

from tests.unit import helpers
from tests.unit.helpers import NOW, played, recently_played, without

Row = dict[str, Any]
KEYS = ("raw/a", "raw/b", "raw/c", "raw/d")


def read(rows: Sequence[Any], raw_key: str = "raw/a", at: datetime = NOW) -> CapturedPage:
    return read_page(
        recently_played(rows),
        account="main",
        raw_key=raw_key,
        capture_id=f"capture of {raw_key}",
        captured_at=at,
        observed_at=at + timedelta(seconds=1),
    )


def minutes(number: int) -> datetime:
    return NOW - timedelta(hours=5) + timedelta(minutes=number)


# A page is a set of distinct plays: few tracks and minutes, so that pages overlap.
SOME_PLAYS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), max_size=12, unique=True)
INVALID = st.integers(0, 3)


def page_of(plays: Sequence[tuple[int, int]], raw_key: str, invalid: int = 0) -> CapturedPage:
    rows: list[Any] = [played(number, minutes(minute)) for number, minute in plays]
    return read([*rows, *([{"played_at": "2026-11-21T09:00:00Z"}] * invalid)], raw_key)


def merged(pages: Sequence[CapturedPage]) -> list[Row]:
    known: list[Row] = []
    for page in pages:
        known = merge(known, page.observations)
    return known


def content(rows: Sequence[Row]) -> list[Row]:
    """Observations or plays without the name of the page that gave them first."""
    return [without(row, "raw_keys", "evidence") for row in rows]


# Reading a page.


def test_a_row_becomes_an_observation() -> None:
    at = datetime(2026, 11, 21, 8, 59, 30, 123000, tzinfo=UTC)

    page = read([played(1, at)])

    assert page.problems == []
    assert page.observations == [
        {
            "account": "main",
            "source": "spotify_recently_played",
            "time": datetime(2026, 11, 21, 8, 59, 30, 123000),  # noqa: DTZ001
            "time_meaning": "unknown",
            "time_precision": "ms",
            "uri": f"spotify:track:{helpers.track_id(1)}",
            "track_name": "Track 1",
            "artist_names": ["Artist 1"],
            "artist_ids": ["artist0000000000000001"],
            "album_name": "Album 1",
            "album_id": "album00000000000000001",
            "duration_ms": 180_001,
            "explicit": False,
            "ms_played": None,
            "reason_start": None,
            "reason_end": None,
            "shuffle": None,
            "skipped": None,
            "offline": None,
            "platform": None,
            "country": None,
            "context_type": "album",
            "context_uri": "spotify:album:album00000000000000001",
            "raw_keys": ["raw/a"],
        }
    ]


@pytest.mark.parametrize("context", [None, {}])
def test_an_unknown_context_is_null(context: Any) -> None:
    (row,) = read([played(1, NOW, context=context)]).observations

    assert (row["context_type"], row["context_uri"]) == (None, None)


def test_a_time_in_another_zone_is_kept_in_utc() -> None:
    (row,) = read([played(1, "2026-11-21T10:00:00.5+01:00")]).observations

    assert row["time"] == datetime(2026, 11, 21, 9, 0, 0, 500000)  # noqa: DTZ001


def test_a_row_that_cannot_be_read_is_named_and_the_others_stay() -> None:
    rows = [
        played(1, NOW),
        without(played(2, NOW), "played_at"),
        played(3, NOW, track=without(helpers.track(3), "uri")),
        None,
        played(5, NOW),
    ]

    page = read(rows)

    assert [row["track_name"] for row in page.observations] == ["Track 1", "Track 5"]
    assert len(page.problems) == 3
    assert page.problems[0] == "row 2: played_at: field required"
    assert page.problems[1] == "row 3: track.uri: field required"
    assert page.problems[2].startswith("row 4: the answer: input should be a valid dictionary")


@pytest.mark.parametrize("time", ["2026-11-21T09:00:00", "this morning", ""])
def test_a_row_whose_time_cannot_be_read_does_not_disturb_the_others(time: str) -> None:
    page = read([played(1, NOW), played(2, time), played(3, NOW)])

    assert [row["track_name"] for row in page.observations] == ["Track 1", "Track 3"]
    assert len(page.problems) == 1
    assert repr(time) in page.problems[0]


def test_a_row_whose_time_cannot_be_read_is_named() -> None:
    page = read([played(1, NOW), played(2, "this morning")])

    assert page.problems[0].startswith("row 2: ")


@pytest.mark.parametrize("answer", [None, [], {}, {"items": None}])
def test_what_is_no_page_is_refused(answer: Any) -> None:
    with pytest.raises(BadAnswerError, match=r"^recently played: "):
        read_page(
            answer, account="main", raw_key="k", capture_id="c", captured_at=NOW, observed_at=NOW
        )


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("spotify:track:abc", "abc"),
        ("spotify:episode:abc", None),
        ("spotify:local:Artist:Album:Title:180", None),
        ("", None),
    ],
)
def test_only_a_tracks_uri_has_a_track_id(uri: str, expected: str | None) -> None:
    assert track_id(uri) == expected


# Merging.


@given(plays=SOME_PLAYS)
def test_merging_a_page_again_changes_nothing(plays: list[tuple[int, int]]) -> None:
    page = page_of(plays, "raw/a")
    once = merge([], page.observations)

    again = merge(once, page_of(plays, "raw/b").observations)

    assert again == once


@given(pages=st.lists(SOME_PLAYS, min_size=2, max_size=4), order=st.randoms())
def test_the_order_of_pages_does_not_matter(pages: list[list[tuple[int, int]]], order: Any) -> None:
    read_pages = [page_of(plays, key) for plays, key in zip(pages, KEYS, strict=False)]
    shuffled = list(read_pages)
    order.shuffle(shuffled)

    assert content(merged(shuffled)) == content(merged(read_pages))
    assert content(derive_plays(merged(shuffled))) == content(derive_plays(merged(read_pages)))


@given(one=SOME_PLAYS, two=SOME_PLAYS)
def test_an_overlap_adds_nothing_and_names_the_first_page(
    one: list[tuple[int, int]], two: list[tuple[int, int]]
) -> None:
    known = merged([page_of(one, "raw/a"), page_of(two, "raw/b")])

    assert len(known) == len({*one, *two})
    assert sum(row["raw_keys"] == ["raw/a"] for row in known) == len(one)
    assert sum(row["raw_keys"] == ["raw/b"] for row in known) == len({*two} - {*one})


@given(one=SOME_PLAYS, two=SOME_PLAYS)
def test_observations_are_sorted_and_distinct(
    one: list[tuple[int, int]], two: list[tuple[int, int]]
) -> None:
    known = merged([page_of(one, "raw/a"), page_of(two, "raw/b")])

    places = [(row["time"], row["uri"]) for row in known]
    assert places == sorted(set(places))


def test_two_tracks_at_the_same_time_and_one_track_twice_are_all_kept() -> None:
    page = read([played(1, minutes(1)), played(2, minutes(1)), played(1, minutes(2))])

    assert len(merge([], page.observations)) == 3


def test_a_millisecond_makes_another_play() -> None:
    page = read([played(1, NOW), played(1, NOW + timedelta(milliseconds=1))])

    assert len(merge([], page.observations)) == 2


@pytest.mark.parametrize("field", ["account", "source", "time", "uri"])
def test_an_identity_has_four_parts(field: str) -> None:
    (row,) = read([played(1, NOW)]).observations

    assert identity(row | {field: "other"}) != identity(row)
    assert identity(row | {"track_name": "other", "raw_keys": ["other"]}) == identity(row)


def test_merging_leaves_its_inputs_as_they_were() -> None:
    known = list(read([played(2, minutes(2))]).observations)
    seen = list(read([played(1, minutes(1))]).observations)

    merge(known, seen)

    assert [row["track_name"] for row in known] == ["Track 2"]
    assert [row["track_name"] for row in seen] == ["Track 1"]


# Plays.


def test_a_play_is_what_its_observation_says() -> None:
    observations = read([played(1, NOW)]).observations

    assert derive_plays(observations) == [
        {
            "account": "main",
            "played_at": NOW.replace(tzinfo=None),
            "uri": f"spotify:track:{helpers.track_id(1)}",
            "track_id": helpers.track_id(1),
            "track_name": "Track 1",
            "artist_names": ["Artist 1"],
            "artist_ids": ["artist0000000000000001"],
            "album_name": "Album 1",
            "album_id": "album00000000000000001",
            "duration_ms": 180_001,
            "explicit": False,
            "ms_played": None,
            "context_type": "album",
            "context_uri": "spotify:album:album00000000000000001",
            "sources": ["spotify_recently_played"],
            "evidence": ["raw/a"],
        }
    ]


@given(plays=SOME_PLAYS, order=st.randoms())
def test_plays_follow_from_the_set_of_observations(
    plays: list[tuple[int, int]], order: Any
) -> None:
    observations = page_of(plays, "raw/a").observations
    shuffled = list(observations)
    order.shuffle(shuffled)

    derived = derive_plays(shuffled)

    assert derived == derive_plays(observations)
    assert len(derived) == len(plays)
    times = [play["played_at"] for play in derived]
    assert times == sorted(times)


# Attempts.


@given(pages=st.lists(st.tuples(SOME_PLAYS, INVALID), min_size=1, max_size=4))
def test_each_row_of_a_page_is_new_or_known_or_invalid(
    pages: list[tuple[list[tuple[int, int]], int]],
) -> None:
    read_pages = [
        page_of(plays, key, invalid) for (plays, invalid), key in zip(pages, KEYS, strict=False)
    ]
    known = merged(read_pages)

    rows = [capture_row(page, "main", known) for page in read_pages]

    for row, (plays, invalid) in zip(rows, pages, strict=True):
        assert row["new"] + row["known"] + row["invalid"] == row["page"] == len(plays) + invalid
        assert 0 <= row["late"] <= row["new"]
    assert sum(row["new"] for row in rows) == len(known)


@given(one=SOME_PLAYS, two=SOME_PLAYS, three=SOME_PLAYS)
def test_a_later_page_does_not_change_an_earlier_row(
    one: list[tuple[int, int]], two: list[tuple[int, int]], three: list[tuple[int, int]]
) -> None:
    first, second = page_of(one, "raw/a"), page_of(two, "raw/b")
    before = [capture_row(page, "main", merged([first, second])) for page in (first, second)]

    every = merged([first, second, page_of(three, "raw/c")])

    assert [capture_row(page, "main", every) for page in (first, second)] == before


def test_a_page_is_counted() -> None:
    first = read([played(1, minutes(1)), played(2, minutes(2))], "raw/a")
    second = read([played(4, minutes(4)), played(2, minutes(2)), {"track": None}], "raw/b", NOW)

    row = capture_row(second, "main", merged([first, second]))

    assert row == {
        "account": "main",
        "capture_id": "capture of raw/b",
        "captured_at": NOW.replace(tzinfo=None),
        "observed_at": (NOW + timedelta(seconds=1)).replace(tzinfo=None),
        "outcome": "captured",
        "page": 3,
        "new": 1,
        "late": 0,
        "known": 1,
        "invalid": 1,
        "oldest": minutes(2).replace(tzinfo=None),
        "newest": minutes(4).replace(tzinfo=None),
        "error": "row 3: track: input should be a valid dictionary or instance of track",
        "raw_key": "raw/b",
        "fresh_oldest": minutes(4).replace(tzinfo=None),
        "late_oldest": None,
        "late_newest": None,
        "reached": "raw/a",
    }


def test_a_play_older_than_an_earlier_page_is_late() -> None:
    first = read([played(1, minutes(1)), played(5, minutes(5))], "raw/a")
    second = read([played(n, minutes(n)) for n in (6, 5, 3, 2)], "raw/b")

    row = capture_row(second, "main", merged([first, second]))

    assert (row["new"], row["late"], row["known"]) == (3, 2, 1)


def test_a_play_at_the_newest_time_that_was_shown_is_not_late() -> None:
    first = read([played(1, minutes(1)), played(5, minutes(5))], "raw/a")
    second = read([played(6, minutes(5)), played(4, minutes(4))], "raw/b")

    row = capture_row(second, "main", merged([first, second]))

    assert (row["new"], row["late"]) == (2, 1)


def test_nothing_of_the_first_page_is_late() -> None:
    first = read([played(1, minutes(1)), played(5, minutes(5))], "raw/a")
    second = read([played(9, minutes(9))], "raw/b")

    assert capture_row(first, "main", merged([first, second]))["late"] == 0


def test_a_play_that_a_page_repeats_is_known_once() -> None:
    first = read([played(1, minutes(1))], "raw/a")
    second = read([played(1, minutes(1)), played(1, minutes(1))], "raw/b")

    row = capture_row(second, "main", merged([first, second]))

    assert (row["page"], row["new"], row["known"]) == (2, 0, 1)


def test_an_empty_page_is_recorded_as_empty() -> None:
    row = capture_row(read([]), "main", [])

    assert row["outcome"] == "empty"
    assert [row[name] for name in ("page", "new", "late", "known", "invalid")] == [0] * 5
    assert [row[name] for name in ("oldest", "newest", "error")] == [None] * 3


def test_a_page_of_invalid_rows_only_is_not_empty() -> None:
    row = capture_row(read([None, None]), "main", [])

    assert (row["outcome"], row["page"], row["invalid"]) == ("captured", 2, 2)
    assert str(row["error"]).count(";") == 1


def test_every_row_that_cannot_be_read_is_named_in_one_text() -> None:
    page = read([without(played(1, NOW), "played_at"), without(played(2, NOW), "track")])

    assert capture_row(page, "main", [])["error"] == (
        "row 1: played_at: field required; row 2: track: field required"
    )


def test_an_attempt_without_a_page_is_a_row() -> None:
    row = failed_capture_row(
        "main", capture_id="run-1", captured_at=NOW, outcome="rate_limited", error="Wait."
    )

    assert row == {
        "account": "main",
        "capture_id": "run-1",
        "captured_at": NOW.replace(tzinfo=None),
        "observed_at": None,
        "outcome": "rate_limited",
        "page": None,
        "new": 0,
        "late": 0,
        "known": 0,
        "invalid": 0,
        "oldest": None,
        "newest": None,
        "error": "Wait.",
        "raw_key": None,
        "fresh_oldest": None,
        "late_oldest": None,
        "late_newest": None,
        "reached": None,
    }
    assert row.keys() == capture_row(read([]), "main", []).keys()


# The tracks of a page.


def test_the_tracks_of_a_page_are_those_of_the_rows_that_can_be_read() -> None:
    rows = [
        played(1, NOW),
        {"played_at": "2026-11-21T09:00:00Z"},
        None,
        played(2, NOW, track=without(helpers.track(2), "album")),
        played(3, minutes(1)),
        played(1, minutes(2)),
    ]

    tracks = read_tracks(recently_played(rows))

    assert [track.id for track in tracks] == [helpers.track_id(number) for number in (1, 3, 1)]
    assert tracks[1].album.name == "Album 3"


def test_a_page_without_rows_shows_no_tracks() -> None:
    assert read_tracks(recently_played([])) == []


@pytest.mark.parametrize("answer", [None, [], {}, {"items": None}])
def test_what_is_no_page_shows_no_tracks_and_is_refused(answer: Any) -> None:
    with pytest.raises(BadAnswerError, match=r"^recently played"):
        read_tracks(answer)
