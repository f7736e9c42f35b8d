"""Plays: observations merged once in any order, plays derived from them, attempts counted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.plays import (
    EARLIEST,
    CapturedPage,
    capture_row,
    failed_capture_row,
    identity,
    merge,
    read_page,
    read_tracks,
    same_play,
    shown,
    track_id,
)
from soundlake.spotify.errors import BadAnswerError

from tests.listened import plays_of
from tests.unit import helpers
from tests.unit.helpers import NOW, played, recently_played, without

Row = dict[str, Any]
MS = timedelta(milliseconds=1)
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


def read_answer(answer: Any) -> CapturedPage:
    return read_page(
        answer, account="main", raw_key="k", capture_id="c", captured_at=NOW, observed_at=NOW
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
            "incognito": None,
            "offline_at": None,
            "kind": "track",
            "isrc": None,
            "raw_rows": None,
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
        played(3, NOW, track=without(helpers.track(3), "uri", "id")),
        None,
        played(5, NOW),
    ]

    page = read(rows)

    assert [row["track_name"] for row in page.observations] == ["Track 1", "Track 5"]
    assert len(page.problems) == 3
    assert page.problems[0] == "row 2: played_at: field required"
    assert page.problems[1] == "row 3: track: value error, neither its uri nor its id is there"
    assert page.problems[2].startswith("row 4: the answer: input should be a valid dictionary")


def test_a_local_file_is_a_play_without_ids() -> None:
    local = helpers.local_file()

    page = read([played(1, NOW, track=local)])

    (row,) = page.observations
    assert (row["uri"], row["track_name"]) == (local["uri"], "Track 1")
    assert (row["artist_names"], row["artist_ids"]) == (["Artist 1"], [None])
    assert (row["album_name"], row["album_id"]) == ("Album 1", None)
    assert plays_of([row])[0]["track_id"] is None
    assert page.unread == []


def test_an_episode_is_a_play_of_its_show() -> None:
    (row,) = read([played(1, NOW, track=helpers.episode())]).observations

    assert row["uri"] == helpers.episode()["uri"]
    assert (row["track_name"], row["album_name"]) == ("Episode 1", "Show 1")
    assert (row["artist_names"], row["artist_ids"], row["album_id"]) == ([], [], None)


def test_what_is_said_of_a_play_beside_its_uri_may_be_missing() -> None:
    bare = {"uri": f"spotify:track:{helpers.track_id(1)}"}
    partly = helpers.track(2, name=None, album=None, artists=[None, {"id": "a"}], duration_ms=None)

    page = read([played(1, minutes(1), track=bare), played(2, minutes(2), track=partly)])

    assert page.problems == []
    assert [row["uri"] for row in page.observations] == [bare["uri"], partly["uri"]]
    assert page.observations[0]["track_name"] is None
    assert (page.observations[1]["artist_ids"], page.observations[1]["album_name"]) == (["a"], None)


def test_a_tracks_id_stands_for_its_uri_and_unknown_fields_for_nothing() -> None:
    row = played(1, NOW, track=without(helpers.track(1), "uri") | {"surprise": [1]}, more={})

    (observation,) = read([row]).observations

    assert observation["uri"] == helpers.track(1)["uri"]


def test_an_episode_without_uri_is_not_taken_for_a_track() -> None:
    page = read([played(1, NOW, track=without(helpers.episode(), "uri"))])

    assert page.problems == ["row 1: track: value error, neither its uri nor its id is there"]


@pytest.mark.parametrize(
    ("text", "microsecond", "precision"),
    [
        ("2026-11-21T09:00:00Z", 0, "s"),
        ("2026-11-21T09:00:00+00:00", 0, "s"),
        ("2026-11-21T09:00:00.7Z", 700_000, "ms"),
        ("2026-11-21T09:00:00.123456789Z", 123_000, "ms"),
    ],
)
def test_a_time_of_another_precision_is_kept_in_ms(
    text: str, microsecond: int, precision: str
) -> None:
    (row,) = read([played(1, text)]).observations

    assert row["time"] == datetime(2026, 11, 21, 9, 0, 0, microsecond)  # noqa: DTZ001
    assert row["time_precision"] == precision


@pytest.mark.parametrize(
    ("by", "taken"),
    [
        (timedelta(minutes=5, seconds=1), True),
        (timedelta(minutes=5, seconds=1, milliseconds=1), False),
    ],
)
def test_nothing_was_played_after_the_answer_that_shows_it(by: timedelta, taken: bool) -> None:
    """Such a time would make everything that follows late."""
    page = read([played(1, NOW + by)])

    assert bool(page.observations) is taken
    assert bool(page.problems) is not taken


@pytest.mark.parametrize(
    ("text", "taken"), [("2006-01-01T00:00:00Z", True), ("2005-12-31T23:59:59.999Z", False)]
)
def test_nothing_was_played_before_there_was_spotify(text: str, taken: bool) -> None:
    assert bool(read([played(1, text)]).observations) is taken


def naive(number: int) -> datetime:
    return minutes(number).replace(tzinfo=None)


ANSWERED = (NOW + timedelta(seconds=1)).replace(tzinfo=None)
UNREAD = [None, [], {"track": None}, played(2, "then"), played(2, "", track=None)]


def test_an_unread_row_lies_at_its_time_where_that_is_known() -> None:
    rows = [played(1, minutes(9)), played(2, minutes(5), track=None), played(3, minutes(1))]

    assert read(rows[::2]).unread == []
    assert read(rows).unread == [(naive(5), naive(5))]


@pytest.mark.parametrize("row", [*UNREAD, {"played_at": 1}])
def test_an_unread_row_without_a_time_lies_between_its_neighbours(row: Any) -> None:
    page = read([row, played(1, minutes(9)), row, row, played(3, minutes(1)), row])

    assert page.unread == [
        (naive(9), ANSWERED),
        (naive(1), naive(9)),
        (naive(1), naive(9)),
        (EARLIEST, naive(1)),
    ]
    assert read([row]).unread == [(EARLIEST, ANSWERED)]


def test_a_row_whose_time_alone_can_be_read_is_a_neighbour() -> None:
    page = read([played(1, minutes(9)), None, played(2, minutes(5), track=None), None])

    assert page.unread == [(naive(5), naive(9)), (naive(5), naive(5)), (EARLIEST, naive(5))]


def test_on_a_page_without_order_an_unread_row_may_lie_anywhere() -> None:
    page = read([played(1, minutes(1)), None, played(2, minutes(9))])

    assert page.unread == [(naive(1), ANSWERED)]


def unread_of(rows: Sequence[Any], *before: Sequence[Any]) -> tuple[Any, Any]:
    """Where the row of `captures` of a page says that plays may be hidden, pages being known."""
    pages = [read(each, key) for each, key in zip(before, KEYS, strict=False)]
    page = read(rows, "raw/z")
    row = capture_row(page, "main", merged([*pages, page]))
    return row["unread_oldest"], row["unread_newest"]


def test_an_unread_row_of_a_known_play_hides_nothing() -> None:
    known = [played(n, minutes(n)) for n in (9, 5, 3, 1)]
    timed = [known[0], played(7, minutes(5), track=None), *known[2:]]
    second = [known[0], played(7, f"{minutes(5):%Y-%m-%dT%H:%M:%SZ}", track=None), *known[2:]]
    later = [known[0], played(7, minutes(6), track=None), *known[1:]]

    assert unread_of(timed, known) == (None, None)
    assert unread_of(second, [*known[:1], played(5, minutes(5) + MS), *known[2:]]) == (None, None)
    assert unread_of(later, known) == (naive(6), naive(6))
    assert unread_of(timed) == (naive(5), naive(5))


def test_unread_rows_without_a_time_are_those_known_between_their_neighbours() -> None:
    known = [played(n, minutes(n)) for n in (9, 5, 3, 1)]

    assert unread_of([known[0], None, *known[2:]], known) == (None, None)
    assert unread_of([known[0], None, None, known[3]], known) == (None, None)
    assert unread_of([known[0], None, None, None, known[3]], known) == (naive(1), naive(9))
    assert unread_of([known[0], None, *known[1:]], known) == (naive(5), naive(9))


def test_unread_rows_at_a_pages_end_are_known_ones_of_before() -> None:
    known = [played(n, minutes(n)) for n in (9, 5, 3, 1)]

    assert unread_of([*known[:2], None, None], known) == (None, None)
    assert unread_of([*known[:2], None, None, None], known) == (naive(5), naive(5))


def test_an_unread_row_of_a_later_pages_play_may_hide_one() -> None:
    """What a page says is told from those before it alone; later ones are weighed beside it."""
    page, later = (
        read([None, played(1, minutes(1))], "raw/a"),
        read([played(9, minutes(9))], "raw/b"),
    )

    row = capture_row(page, "main", merged([page, later]))

    assert (row["unread_oldest"], row["unread_newest"]) == (naive(1), ANSWERED)


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
    ("error", "said"),
    [
        ({"status": 502, "message": "Bad gateway."}, "Bad gateway"),
        ({"status": 502}, "{'status': 502}"),
        ("server_error", "server_error"),
        ("x" * 100, "x" * 77 + "..."),
    ],
)
def test_an_error_in_a_pages_place_is_told_in_its_words(error: Any, said: str) -> None:
    with pytest.raises(BadAnswerError) as told:
        read_answer({"error": error})

    assert str(told.value) == (
        f"recently played: Spotify answered an error in the place of a page: {said}"
    )


def test_a_page_is_read_whatever_stands_beside_its_items() -> None:
    answer = recently_played([played(1, NOW)]) | {"error": {"message": "none"}}

    assert len(read_answer(answer).observations) == 1


def test_a_time_that_cannot_be_is_named() -> None:
    assert read([played(1, "2005-01-01T00:00:00Z")]).problems == [
        "row 1: played_at: '2005-01-01T00:00:00Z' is no time at which this answer can show a play."
    ]


def test_plays_of_one_time_are_in_order() -> None:
    page = read([played(1, minutes(5)), played(2, minutes(5)), None, played(3, minutes(1))])

    assert page.unread == [(naive(1), naive(5))]


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
    assert content(plays_of(merged(shuffled))) == content(plays_of(merged(read_pages)))


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


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_one_page_left_out_of_a_play_another_says(order: tuple[int, int]) -> None:
    bare = {"uri": f"spotify:track:{helpers.track_id(1)}"}
    pages = [
        read([played(1, NOW, track=bare, context=None)], "raw/a"),
        read([played(1, NOW)], "raw/b"),
    ]

    (row,) = merged([pages[place] for place in order])

    assert (row["track_name"], row["artist_names"], row["album_name"]) == (
        "Track 1",
        ["Artist 1"],
        "Album 1",
    )
    assert (row["context_type"], row["raw_keys"]) == ("album", ["raw/a"])


def test_the_first_page_that_says_something_is_believed() -> None:
    first = read([played(1, NOW)], "raw/a")
    renamed = read([played(1, NOW, track=helpers.track(1, name="Another name"))], "raw/b")

    assert [row["track_name"] for row in merged([renamed, first])] == ["Track 1"]


# Plays.


def test_a_play_is_what_its_observation_says() -> None:
    observations = read([played(1, NOW)]).observations

    assert plays_of(observations) == [
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
            "kind": "track",
            "ended_at": None,
            "reason_start": None,
            "reason_end": None,
            "shuffle": None,
            "skipped": None,
            "offline": None,
            "incognito": None,
            "platform": None,
            "country": None,
            "time_zone": None,
            "local_time": None,
            "counts_30s": True,
            "counts_to_end": None,
            "counts_half": None,
            "flags": [],
            "name_key": None,
        }
    ]


@given(plays=SOME_PLAYS, order=st.randoms())
def test_plays_follow_from_the_set_of_observations(
    plays: list[tuple[int, int]], order: Any
) -> None:
    observations = page_of(plays, "raw/a").observations
    shuffled = list(observations)
    order.shuffle(shuffled)

    derived = plays_of(shuffled)

    assert derived == plays_of(observations)
    assert len(derived) == len(plays)
    times = [play["played_at"] for play in derived]
    assert times == sorted(times)


def at(text: str) -> Row:
    (row,) = read([played(1, f"2026-11-21T09:{text}Z")]).observations
    return row


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("00:00.000", "00:29.999", True),
        ("00:00.000", "00:30.000", False),
        ("00:00.900", "00:30.899", True),
        # Whole seconds beside milliseconds: the next play of the track is 30 s away, not 29.1.
        ("00:00.900", "00:30", False),
        ("00:00.900", "00:00", True),
        ("00:00", "00:29.999", True),
        ("00:00", "00:30.000", False),
    ],
)
def test_two_readings_of_a_track_are_one_play_within_30_seconds(
    one: str, other: str, same: bool
) -> None:
    assert same_play(at(one), at(other)) is same
    assert same_play(at(other), at(one)) is same
    assert len(plays_of([at(one), at(other)])) == 2 - same


def test_what_another_source_tells_is_a_play_of_its_own() -> None:
    """An export knows skips: two of its rows within 30 s are two plays."""
    captured = at("00:00.000")
    exported = [captured | {"source": "export", "time": captured["time"] + n * MS} for n in (1, 2)]

    assert len(plays_of([captured, *exported])) == 3


def test_what_a_reading_left_out_another_reading_of_the_play_says() -> None:
    bare = without(helpers.track(1), "name", "artists")
    (early,) = read([played(1, "2026-11-21T09:00:00Z", track=bare)], "raw/a").observations
    (later,) = read([played(1, "2026-11-21T09:00:01.5Z")], "raw/b").observations

    (play,) = plays_of([early, later])

    assert (play["played_at"], play["track_name"]) == (early["time"], "Track 1")
    assert (play["artist_names"], play["evidence"]) == (["Artist 1"], ["raw/a", "raw/b"])
    assert early["track_name"] is None


def test_a_page_of_another_precision_shares_what_is_known() -> None:
    """It would seem a gap otherwise, and every play on it late."""
    first = read([played(n, minutes(n) + timedelta(milliseconds=700)) for n in (1, 2)], "raw/a")
    second = read([played(n, f"{minutes(n):%Y-%m-%dT%H:%M:%SZ}") for n in (3, 2, 1)], "raw/b")

    row = capture_row(second, "main", merged([first, second]))

    assert (row["new"], row["late"], row["known"], row["reached"]) == (1, 0, 2, "raw/a")
    assert len(plays_of(merged([first, second]))) == 3


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
        "error": "row 3: track: input should be a valid dictionary or instance of played",
        "raw_key": "raw/b",
        "fresh_oldest": minutes(4).replace(tzinfo=None),
        "late_oldest": None,
        "late_newest": None,
        "reached": "raw/a",
        "unread_oldest": None,
        "unread_newest": None,
    }


def test_a_play_older_than_an_earlier_page_is_late() -> None:
    first = read([played(1, minutes(1)), played(5, minutes(5))], "raw/a")
    second = read([played(n, minutes(n)) for n in (6, 5, 3, 2)], "raw/b")

    row = capture_row(second, "main", merged([first, second]))

    assert (row["new"], row["late"], row["known"]) == (3, 2, 1)


def test_others_observations_are_not_this_accounts() -> None:
    page = read([played(1, minutes(1))], "raw/b")
    (other,) = read([played(1, minutes(1))], "raw/a").observations
    observations = [*page.observations, other | {"account": "another"}]

    row = capture_row(page, "main", [*observations, other | {"source": "export"}])

    assert (row["new"], row["known"], row["reached"]) == (1, 0, None)


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

    assert (row["outcome"], row["page"], row["invalid"]) == ("unreadable", 2, 2)
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
        "unread_oldest": None,
        "unread_newest": None,
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


# What pages show.

ROW = played(1, NOW)


@pytest.mark.parametrize(
    ("rows", "same"),
    [
        ([ROW], True),
        ([ROW | {"track": ROW["track"] | {"popularity": 1, "name": "Renamed"}}], True),
        ([], False),
        ([played(2, NOW)], False),
        ([played(1, NOW + timedelta(milliseconds=1))], False),
        ([ROW | {"context": None}], False),
        ([ROW, played(1, NOW - timedelta(days=9))], False),
        ([ROW, {"track": None}], False),
    ],
)
def test_pages_that_list_other_plays_are_told_apart(rows: list[Row], same: bool) -> None:
    assert (shown(recently_played(rows)) == shown(recently_played([ROW]))) is same


def test_a_row_that_cannot_be_read_counts_as_it_stands() -> None:
    one, other = (shown(recently_played([ROW, {"track": each}])) for each in (None, {}))
    assert one != other


def test_what_is_no_page_shows_nothing() -> None:
    with pytest.raises(BadAnswerError):
        shown({"error": {"status": 500}})
