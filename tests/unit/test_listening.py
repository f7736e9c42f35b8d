"""Listening: rows of several sources that are the same become one play, and no others do."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundlake.importing.formats import spotify_account as account
from soundlake.importing.formats import spotify_extended
from soundlake.importing.merging import added, observations_of, without
from soundlake.listening import derive_plays
from soundlake.store.lake import encode_rows
from soundlake.store.schemas import SCHEMAS
from soundlake.times import month_of, shift_month

from tests.accuracy.lives import CLASSES, life
from tests.exports import packages
from tests.exports.lives import life as life_of_exports
from tests.listened import plays_of

Row = dict[str, Any]
AT = datetime(2024, 5, 10, 20)  # noqa: DTZ001 - as tables keep times
LENGTH = 200  # s, of every track here
PRECISION = {"spotify_recently_played": "ms", "spotify_account": "min"}


def seen(source: str, second: float, track: int = 1, **other: Any) -> Row:
    """A row of a source about a play of a track, so many seconds after `AT`."""
    row: Row = {
        "account": "main",
        "source": source,
        "time": AT + timedelta(seconds=second),
        "time_meaning": "unknown",
        "time_precision": PRECISION.get(source, "s"),
        "uri": f"spotify:track:{track}",
        "track_name": f"Title {track}",
        "artist_names": [f"Artist {track}", "Guest"],
        "raw_keys": [f"raw/{source}"],
        "raw_rows": [1],
    }
    return row | other


def captured(second: float, track: int = 1, **other: Any) -> Row:
    """A captured row: the play's end, if nothing else is said."""
    said = {"duration_ms": LENGTH * 1000, "raw_rows": None, "context_type": "album"}
    return seen("spotify_recently_played", second, track, **(said | other))


def exported(second: float, track: int = 1, heard: float = LENGTH, **other: Any) -> Row:
    """A row of the extended export, that ends so many seconds after `AT`."""
    said = {"ms_played": int(heard * 1000), "reason_end": "trackdone", "country": "NO"}
    return seen("spotify_extended", second, track, **(said | other))


def told(second: float, track: int = 1, heard: float = LENGTH, **other: Any) -> Row:
    """A row of account data."""
    minute = second // 60 * 60
    said = {"ms_played": int(heard * 1000), "uri": None, "artist_names": [f"Artist {track}"]}
    return seen("spotify_account", minute, track, **(said | other))


def scrobbled(second: float, track: int = 1, **other: Any) -> Row:
    """A row of a scrobbler: the play's start."""
    return seen("lastfm", second, track, **({"uri": None} | other))


def listened(second: float, track: int = 1, **other: Any) -> Row:
    """A listen of ListenBrainz's own: the play's start."""
    said = {"time_meaning": "start", "duration_ms": LENGTH * 1000}
    return seen("listenbrainz", second, track, **(said | other))


def taken(second: float, track: int = 1, heard: float = LENGTH, **other: Any) -> Row:
    """A listen that ListenBrainz took from Spotify's files."""
    said = {"time_meaning": "unknown", "ms_played": int(heard * 1000)}
    return listened(second, track, **(said | other))


def around(ends: bool = True, count: int = 6) -> list[Row]:
    """Plays of other tracks some hours before, by which it shows what captured times mean."""
    rows = []
    for number in range(count):
        end = -30_000 + 1000 * number
        rows += [captured(end if ends else end - LENGTH, 100 + number), exported(end, 100 + number)]
    return rows


def heard(rows: Sequence[Row], track: int = 1) -> list[Row]:
    """The plays of a track, by time."""
    return [play for play in plays_of(rows) if play["track_name"] == f"Title {track}"]


def joined(play: Row) -> list[str]:
    """Which sources a play has, in short."""
    return sorted(source.rpartition("_")[2] for source in play["sources"])


# A play of several rows.


def test_a_play_has_the_best_of_its_rows() -> None:
    capture = captured(
        0.4,
        artist_ids=["a", "b"],
        album_id="album",
        album_name="Album",
        explicit=True,
        context_uri="spotify:album:album",
        raw_keys=["raw/z"],
        kind="track",
    )
    export = exported(
        0,
        uri="spotify:track:other",
        heard=190.5,
        album_name="Another album",
        reason_start="clickrow",
        shuffle=True,
        skipped=False,
        offline=False,
        incognito=True,
        platform="ios",
        raw_keys=["raw/b", "raw/a"],
        raw_rows=[3, 4],
        kind="track",
    )

    (play,) = plays_of([export, capture])

    assert play == {
        "account": "main",
        "played_at": AT + timedelta(milliseconds=400),
        "uri": "spotify:track:1",
        "track_id": "1",
        "track_name": "Title 1",
        "artist_names": ["Artist 1", "Guest"],
        "artist_ids": ["a", "b"],
        "album_name": "Album",
        "album_id": "album",
        "duration_ms": 200_000,
        "explicit": True,
        "ms_played": 190_500,
        "context_type": "album",
        "context_uri": "spotify:album:album",
        "sources": ["spotify_extended", "spotify_recently_played"],
        "evidence": ["raw/a", "raw/b", "raw/z"],
        "kind": "track",
        "ended_at": AT,
        "reason_start": "clickrow",
        "reason_end": "trackdone",
        "shuffle": True,
        "skipped": False,
        "offline": False,
        "incognito": True,
        "platform": "ios",
        "country": "NO",
        "time_zone": "Europe/Oslo",
        "local_time": AT + timedelta(hours=2, milliseconds=400),
        "counts_30s": True,
        "counts_to_end": True,
        "counts_half": True,
        "flags": [],
        "name_key": None,
    }


@pytest.mark.parametrize(
    ("rows", "at", "sources"),
    [
        ([exported(10), told(10), scrobbled(-190)], 10, ["account", "extended", "lastfm"]),
        ([told(10), scrobbled(-190)], 0, ["account", "lastfm"]),
        ([scrobbled(-190), seen("maloja", -190, uri=None)], -190, ["lastfm", "maloja"]),
        ([captured(10.5), scrobbled(-190)], 10.5, ["lastfm", "played"]),
        ([captured(10.5), told(10), exported(10)], 10.5, ["account", "extended", "played"]),
    ],
)
def test_the_source_that_knows_a_time_best_gives_it(
    rows: list[Row], at: float, sources: list[str]
) -> None:
    (play,) = heard(rows)

    assert play["played_at"] == AT + timedelta(seconds=at)
    assert joined(play) == sources


@pytest.mark.parametrize("nobody", [None, []])
def test_artists_that_a_capture_does_not_name_the_export_does(nobody: Any) -> None:
    (play,) = plays_of([captured(0, artist_names=nobody), exported(0)])

    assert play["artist_names"] == ["Artist 1", "Guest"]


def test_for_every_row_its_play_is_told() -> None:
    rows = [exported(0), captured(700, 2), captured(0.3), exported(700, 2), exported(900, 3)]
    derived = derive_plays(encode_rows(rows, SCHEMAS["observations"], "observations"))

    titles = derived.plays["track_name"].to_pylist()
    assert [titles[play] for play in derived.play_of] == [row["track_name"] for row in rows]
    assert derived.plays.schema == SCHEMAS["plays"]


def test_plays_of_one_time_are_in_the_order_of_their_uris() -> None:
    rows = [exported(0, track) for track in (2, 3, 1)]

    uris = [play["uri"] for play in plays_of(rows)]

    assert uris == ["spotify:track:1", "spotify:track:2", "spotify:track:3"]


def test_a_play_is_asked_for_by_any_of_its_rows() -> None:
    """Though the two that are weighed for it lie outside, and are of another source."""
    export, capture = exported(350), captured(370)
    rows = encode_rows([export, capture, told(350)], SCHEMAS["observations"], "observations")
    assert rows["time"][2].as_py() == AT + timedelta(seconds=300)  # a minute's

    derived = derive_plays(rows, within=(AT, AT + timedelta(seconds=330)))

    assert derived.play_of.tolist() == [0, 0, 0]


def test_where_nothing_was_heard_no_play_is_asked_for() -> None:
    rows = encode_rows([captured(0)], SCHEMAS["observations"], "observations")

    derived = derive_plays(rows, within=(AT + timedelta(seconds=1), AT + timedelta(days=1)))

    assert (derived.plays.num_rows, derived.play_of.tolist()) == (0, [-1])
    assert derived.plays.schema.equals(SCHEMAS["plays"])


def test_where_nothing_was_observed_there_is_no_play() -> None:
    derived = derive_plays(SCHEMAS["observations"].empty_table())

    assert (derived.plays.num_rows, len(derived.play_of)) == (0, 0)
    assert derived.plays.schema == SCHEMAS["plays"]


def test_a_play_that_only_names_its_track_has_a_key_to_look_it_up_by() -> None:
    (play,) = plays_of([told(0)])

    assert (play["uri"], play["track_id"]) == (None, None)
    assert play["name_key"] == "artist 1 / title 1"
    assert play["ended_at"] == AT


def test_a_play_without_a_country_is_in_the_accounts_zone() -> None:
    (play,) = plays_of([captured(0)], zone="Asia/Tokyo")

    assert (play["time_zone"], play["local_time"]) == ("Asia/Tokyo", AT + timedelta(hours=9))


# What counts.


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        (exported(0, heard=29.999), (False, True, None)),
        (exported(0, heard=30, reason_end="fwdbtn"), (True, False, None)),
        (exported(0, heard=99.999, duration_ms=200_000), (True, True, False)),
        (exported(0, heard=100, duration_ms=200_000), (True, True, True)),
        (exported(0, heard=240), (True, True, True)),
        (exported(0, heard=240, duration_ms=1_000_000), (True, True, True)),
        (exported(0, reason_end=None), (True, None, None)),
        (exported(0, reason_end="unknown"), (True, None, None)),
        (exported(0, reason_end="endplay"), (True, False, None)),
        (captured(0), (True, None, None)),
        (scrobbled(0), (None, None, None)),
    ],
)
def test_whether_a_play_counts(row: Row, counts: tuple[Any, Any, Any]) -> None:
    (play,) = plays_of([row])

    assert (play["counts_30s"], play["counts_to_end"], play["counts_half"]) == counts


# One source.


def test_what_two_exports_say_alike_is_one_play() -> None:
    rows = [
        exported(0, platform="Android OS 9 API 28", raw_keys=["raw/old"]),
        exported(0, platform="android", shuffle=True, raw_keys=["raw/new"]),
    ]

    (play,) = plays_of(rows)

    assert (play["platform"], play["shuffle"]) == ("android", True)
    assert play["evidence"] == ["raw/new", "raw/old"]


@pytest.mark.parametrize(
    "other",
    [
        exported(0, heard=LENGTH - 1),
        exported(1),
        exported(0, 2),
        exported(0, account="another"),
    ],
)
def test_true_repeats_of_an_export_stay_two(other: Row) -> None:
    assert len(plays_of([exported(0), other])) == 2


def test_rows_of_one_export_that_only_name_their_track_are_told_apart_by_it() -> None:
    assert len(plays_of([told(0), told(0)])) == 1
    assert len(plays_of([told(0), told(0, 2)])) == 2


def test_rows_that_name_nothing_are_not_taken_for_each_other() -> None:
    nothing = {"uri": None, "track_name": None, "artist_names": None}

    assert len(plays_of([exported(0, **nothing), exported(0, **nothing)])) == 2
    assert len(plays_of([exported(0, **nothing), captured(0, **nothing)])) == 2


# Two sources.


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("off", [-5, 0, 5])
def test_a_capture_is_of_the_play_whose_end_or_start_it_tells(ends: bool, off: float) -> None:
    second = (0 if ends else -LENGTH) + off

    (play,) = heard([captured(second), exported(0)])

    assert joined(play) == ["extended", "played"]


def test_another_id_of_the_same_recording_is_the_same_track() -> None:
    (play,) = heard([captured(0), exported(0, uri="spotify:track:other")])

    assert play["uri"] == "spotify:track:1"


def test_the_first_artist_and_the_title_name_a_track() -> None:
    export = exported(0, uri="spotify:track:other", artist_names=["ARTIST 1"])

    assert len(heard([captured(0), export])) == 1
    assert len(plays_of([captured(0), export | {"artist_names": ["Guest", "Artist 1"]}])) == 2


def test_names_are_told_apart_however_many_there_are() -> None:
    """More pairs of artists and titles than 32 bits can number."""
    count = 50_000
    rows = encode_rows([scrobbled(0, uri=None)], SCHEMAS["observations"], "observations")
    rows = pa.concat_tables([rows] * count).combine_chunks()
    numbers = range(count)
    named = {
        "artist_names": pa.array([[f"Artist {number}"] for number in numbers]),
        "track_name": pa.array([f"Title {number}" for number in numbers]),
    }
    for name, values in named.items():
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)

    keys = derive_plays(rows).plays["name_key"].to_pylist()

    assert set(keys) == {f"artist {number} / title {number}" for number in numbers}


def test_a_row_with_a_uri_and_no_names_is_known_by_its_uri() -> None:
    nameless = {"track_name": None, "artist_names": None}

    (play,) = plays_of([captured(0), exported(0, **nameless)])

    assert play["track_name"] == "Title 1"


SPOKEN = {"kind": "episode", "artist_names": None, "album_name": "Show"}


@pytest.mark.parametrize(
    "other",
    [
        SPOKEN,
        {"kind": "chapter", "artist_names": ["Author"], "album_name": "Show"},
        # As account data had podcasts once.
        {"kind": "track", "artist_names": ["Show"]},
    ],
)
def test_an_episode_or_a_chapter_is_known_by_its_show_or_book(other: Row) -> None:
    """The extended export names no artist of them."""
    (play,) = plays_of([exported(10, **SPOKEN), told(10, **other)])

    assert joined(play) == ["account", "extended"]
    assert len(plays_of([exported(10, **SPOKEN), told(10, **(other | ANOTHER))])) == 2


ANOTHER = {"track_name": "Another"}
NAMELESS = {"track_name": None, "artist_names": None}


def test_a_row_without_names_has_those_of_account_data_in_its_minute() -> None:
    """A scrobble and another id of the recording are known by them too."""
    export = exported(10, heard=198.765, **NAMELESS)
    rows = [export, captured(10, uri="spotify:track:other"), scrobbled(-188)]

    (play,) = plays_of([*rows, told(10, heard=198.765)])

    assert joined(play) == ["account", "extended", "lastfm", "played"]
    assert len(plays_of([*rows, told(10, heard=198.764)])) == 2
    assert len(plays_of([*rows, told(70, heard=198.765)])) == 2
    assert len(plays_of([*rows, told(10, heard=198.765, account="another")])) == 3


def test_of_two_names_in_a_minute_a_row_without_any_has_the_one_that_is_left() -> None:
    rows = [exported(10, heard=1, **NAMELESS), exported(12, 2, heard=1)]
    rows += [told(10, heard=1), told(12, 2, heard=1)]

    assert [joined(play) for play in plays_of(rows)] == [["account", "extended"]] * 2


def test_names_that_may_be_of_two_rows_are_given_to_neither() -> None:
    rows = [exported(10, heard=1, **NAMELESS), exported(12, 2, heard=1, **NAMELESS)]

    for some in ([*rows, told(10, heard=1)], [rows[0], told(10, heard=1), told(10, 2, heard=1)]):
        assert [play["flags"] for play in plays_of(some)] == [[]] * 3


def test_what_a_third_row_would_link_is_no_link_of_two() -> None:
    """Else a pair would depend on what was heard in another year."""
    one = captured(0, track_name="One name", uri="spotify:track:a")
    other = exported(0, track_name="Another name", uri="spotify:track:b")
    link = exported(9_000_000, track_name="Another name", uri="spotify:track:a")

    assert len(plays_of([one, other, link])) == 3


def test_a_play_that_spotify_would_not_list_was_not_captured() -> None:
    assert len(heard([captured(0), exported(0, heard=29.9)])) == 2
    assert len(heard([captured(0), exported(0, heard=30)])) == 1


@pytest.mark.parametrize(("second", "plays"), [(15, 1), (14.9, 2)])
def test_who_hardly_heard_a_play_scrobbled_none(second: float, plays: int) -> None:
    assert len(heard([scrobbled(-second), exported(0, heard=second)])) == plays


def test_of_two_plays_that_end_together_neither_is_believed() -> None:
    plays = heard([*around(), captured(0), exported(0), exported(5, heard=90)])

    assert sorted(joined(play) for play in plays) == [["extended"], ["extended"], ["played"]]
    assert all("ambiguous" in play["flags"] for play in plays)


@pytest.mark.parametrize(("apart", "plays"), [(LENGTH + 59, 1), (LENGTH + 61, 2)])
def test_times_further_apart_than_the_track_and_a_minute_are_of_two_plays(
    apart: float, plays: int
) -> None:
    """A capture may be so much earlier: who pauses began before what was heard tells."""
    start = -LENGTH - apart

    assert len(heard([*around(ends=False), captured(start), exported(0, heard=LENGTH)])) == plays


def test_a_pause_makes_no_second_play() -> None:
    (play,) = heard([*around(ends=False), captured(-LENGTH - 90), exported(0)])

    assert (joined(play), play["flags"]) == (["extended", "played"], [])


@pytest.mark.parametrize("ends", [True, False])
def test_what_listenbrainz_has_of_spotify_itself_is_an_end_or_a_start_as_it_fits(
    ends: bool,
) -> None:
    second = 0 if ends else -LENGTH
    unknown = {"time_meaning": "unknown"}

    (play,) = heard([exported(0), taken(second)])
    assert joined(play) == ["extended", "listenbrainz"]
    (play,) = heard([exported(0), listened(second, **unknown)])
    assert joined(play) == ["extended", "listenbrainz"]
    (play,) = heard([*around(ends=ends), captured(second), taken(0)])
    assert joined(play) == ["listenbrainz", "played"]


def test_what_listenbrainz_took_from_spotifys_files_is_one_play_with_what_it_had() -> None:
    """Its own listen tells the start, what it took the end; the play was left before its end."""
    (play,) = heard([listened(-100), taken(0, heard=100), scrobbled(-100)])

    assert joined(play) == ["lastfm", "listenbrainz"]
    assert len(heard([listened(-100), listened(0)])) == 2


def test_two_trackers_alone_tell_starts() -> None:
    (play,) = heard([listened(0), scrobbled(0)])

    assert (joined(play), play["flags"]) == (["lastfm", "listenbrainz"], [])


def test_what_listenbrainz_took_began_by_so_much_earlier_as_was_heard() -> None:
    """The track was left in the middle, and begun again."""
    rows = [taken(0, heard=100), taken(100, heard=100)]

    plays = heard([*rows, scrobbled(-100), scrobbled(0)])

    assert [joined(play) for play in plays] == [["lastfm", "listenbrainz"]] * 2
    assert [play["played_at"] for play in plays] == [
        AT,
        AT + timedelta(seconds=100),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (taken, listened),
        (taken, lambda second, track: listened(second, track, time_meaning="unknown")),
        (lambda second, track: listened(second, track, time_meaning="unknown"), listened),
    ],
)
def test_the_sorts_of_listens_in_listenbrainz_are_told_apart(one: Any, other: Any) -> None:
    """The one tells ends, the other starts: of a track heard twice in a row at the same time."""
    tracks = [*range(1, 7), 7, 7]
    rows = []
    for turn, track in enumerate(tracks):
        end = turn * LENGTH
        rows += [exported(end, track), other(end - LENGTH, track)]
        if turn < len(tracks) - 1:  # of the last play it knows nothing
            rows.append(one(end, track))

    plays = plays_of(rows)

    assert [len(play["evidence"]) for play in plays] == [2] * len(tracks)
    assert [play["flags"] for play in plays] == [[]] * len(tracks)


def test_what_a_file_of_spotifys_tells_was_heard_ever_so_short() -> None:
    assert len(heard([exported(0, heard=14), taken(0, heard=14)])) == 1
    assert len(heard([exported(0, heard=14), scrobbled(-14)])) == 2


@pytest.mark.parametrize("ends", [True, False])
def test_three_times_in_a_row_are_three_plays(ends: bool) -> None:
    rows = [exported(LENGTH * turn) for turn in (1, 2, 3)]
    rows += [captured(LENGTH * (turn if ends else turn - 1) + 0.5) for turn in (1, 2, 3)]

    plays = heard(rows)

    assert [joined(play) for play in plays] == [["extended", "played"]] * 3
    assert [play["ended_at"] for play in plays] == [
        AT + timedelta(seconds=LENGTH * turn) for turn in (1, 2, 3)
    ]


@pytest.mark.parametrize("ends", [True, False])
def test_of_repeats_the_one_that_was_not_captured_is_told_by_what_times_mean(ends: bool) -> None:
    """A time where one play ends and the next begins."""
    rows = [*around(ends=ends), captured(LENGTH), exported(LENGTH), exported(2 * LENGTH)]

    plays = heard(rows)

    alone, both = sorted(plays, key=joined)
    assert (joined(both), joined(alone)) == (["extended", "played"], ["extended"])
    assert both["ended_at"] == AT + timedelta(seconds=LENGTH * (1 if ends else 2))
    assert [play["flags"] for play in plays] == [[], []]


def test_two_assignments_that_are_about_as_good_are_left_open() -> None:
    plays = heard([captured(LENGTH), exported(LENGTH), exported(2 * LENGTH)])

    assert sorted(joined(play) for play in plays) == [["extended"], ["extended"], ["played"]]
    assert [play["flags"] for play in plays] == [["ambiguous"]] * 3


def test_a_repeat_that_each_side_lacks_another_of_is_left_open() -> None:
    """The first was captured, the second exported."""
    plays = heard([*around(), captured(0), exported(LENGTH)])

    assert [joined(play) for play in plays] == [["played"], ["extended"]]
    assert [play["flags"] for play in plays] == [["ambiguous"]] * 2


def test_a_row_with_a_wrong_time_takes_nobody_elses_partner() -> None:
    """Of two plays of a track the one's exported time is wrong, and lies near the other."""
    rows = [*around(), captured(0), exported(0), captured(9000), exported(150)]

    plays = heard(rows)

    assert [joined(play) for play in plays] == [["extended", "played"], ["extended"], ["played"]]
    assert plays[0]["ended_at"] == AT


def test_plays_of_an_export_that_overlap_for_more_than_a_minute_have_odd_times() -> None:
    rows = [exported(0), exported(LENGTH - 61, 2), exported(2 * LENGTH - 120, 3)]

    assert [play["flags"] for play in plays_of(rows)] == [["odd_time"], ["odd_time"], []]


def test_minutes_are_no_less_exact_than_they_are() -> None:
    """Account data floors a time; the play ended at 59 seconds past."""
    assert len(heard([*around(), captured(59), told(59)])) == 1
    assert len(heard([*around(), captured(0), told(0)])) == 1


def test_two_plays_that_ended_in_the_same_minute_are_told_apart_by_how_long_they_were() -> None:
    short = {"heard": 32}
    rows = [exported(10), exported(43, **short), told(10), told(43, **short)]

    assert [joined(play) for play in heard(rows)] == [["account", "extended"]] * 2


def test_an_account_has_plays_of_its_own() -> None:
    assert len(plays_of([captured(0), exported(0, account="another")])) == 2


def test_a_source_that_the_rule_does_not_know_is_joined_with_none() -> None:
    assert len(plays_of([captured(0), exported(0) | {"source": "another"}])) == 2


def test_of_what_both_of_spotifys_exports_tell_there_is_one_play() -> None:
    """Of podcasts, audiobooks, rows without names and what was hardly heard too."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    lived = list(life_of_exports(2_000, 4))
    tables = []
    for kind, reader in (("spotify_extended", spotify_extended), ("spotify_account", account)):
        for path, body, _ in packages.files(kind, lived):
            entries = reader.entries(reader.keep(BytesIO(body), path, set()), path, now=now)
            tables.append(observations_of(entries, "main", f"raw/{path}"))

    plays = derive_plays(pa.concat_tables(tables)).plays

    assert plays.num_rows == len(lived)
    assert {len(sources) for sources in plays["sources"].to_pylist()} == {2}
    assert set(plays["kind"].to_pylist()) == {"track", "episode", "chapter"}


# Rules that hold for whatever was heard.

SOME = st.builds(
    life,
    st.integers(0, 10_000),
    st.integers(3, 60),
    st.sampled_from(list(CLASSES.values())),
)


def same(one: pa.Table, other: pa.Table) -> bool:
    return bool(one.equals(other))


@settings(max_examples=60, deadline=None)
@given(lived=SOME, order=st.integers(0, 1 << 30))
def test_the_order_of_rows_means_nothing(lived: Any, order: int) -> None:
    rows = lived.observations
    shuffled = np.random.default_rng(order).permutation(rows.num_rows)

    one, other = derive_plays(rows), derive_plays(rows.take(pa.array(shuffled)))

    assert same(one.plays, other.plays)
    assert other.play_of.tolist() == one.play_of[shuffled].tolist()


@settings(max_examples=60, deadline=None)
@given(lived=SOME, order=st.randoms())
def test_an_import_that_is_taken_back_leaves_what_there_was(lived: Any, order: Any) -> None:
    rows = lived.observations
    source = lived.told_by
    sources = sorted(set(source.tolist()))
    parts = [rows.filter(pa.array(source == each)) for each in sources]
    taken = order.randrange(len(parts))
    before = SCHEMAS["observations"].empty_table()
    for place, part in enumerate(parts):
        before = before if place == taken else added(before, part)
    order.shuffle(parts)
    every = SCHEMAS["observations"].empty_table()
    for part in parts:
        every = added(every, part)

    after = without(every, f"raw/{sources[taken]}/")

    assert same(derive_plays(after).plays, derive_plays(before).plays)


@settings(max_examples=60, deadline=None)
@given(lived=SOME, span=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_plays_that_are_asked_for_are_what_they_are_among_all(lived: Any, span: Any) -> None:
    rows = lived.observations
    times = np.sort(np.asarray(rows["time"], "datetime64[ms]"))
    since, until = (times[int(share * (len(times) - 1))].item() for share in span)
    time = np.asarray(rows["time"], "datetime64[ms]")
    every = derive_plays(rows)
    wanted = np.zeros(every.plays.num_rows, bool)
    wanted[every.play_of[(time >= np.datetime64(since)) & (time < np.datetime64(until))]] = True

    derived = derive_plays(rows, within=(since, until))

    assert same(derived.plays, every.plays.filter(pa.array(wanted)).combine_chunks())
    place = np.where(wanted, np.cumsum(wanted) - 1, -1)
    assert derived.play_of.tolist() == place[every.play_of].tolist()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(10, 60),
    noise=st.sampled_from(list(CLASSES.values())),
    inside=st.floats(0, 1),
)
def test_a_month_and_the_next_agree_on_what_was_heard_between(
    seed: int, count: int, noise: Any, inside: float
) -> None:
    """Each derives from its own rows and those of the months beside it, not from all."""
    rows = _around_an_edge(life(seed, count, noise).observations, inside)
    whole = derive_plays(rows).plays
    months = np.array([month_of(at) for at in rows["time"].to_pylist()])
    found = [SCHEMAS["plays"].empty_table()]
    for month in sorted({shift_month(each, by) for each in months for by in (-1, 0, 1)}):
        near = np.isin(months, [shift_month(month, by) for by in (-1, 0, 1)])
        plays = derive_plays(rows.filter(pa.array(near))).plays
        own = [month_of(at) == month for at in plays["played_at"].to_pylist()]
        found.append(plays.filter(pa.array(own, pa.bool_())))

    assert same(pa.concat_tables(found).combine_chunks(), whole)


def _around_an_edge(rows: pa.Table, inside: float) -> pa.Table:
    """Rows moved so that a month ends at one of them."""
    times = rows["time"].cast(pa.int64()).to_numpy()
    edge = int(np.datetime64("2024-03-01", "ms").astype(np.int64))
    moved = times - np.sort(times)[int(inside * (len(times) - 1))] + edge
    place = rows.schema.get_field_index("time")
    return rows.set_column(place, "time", pa.array(moved).cast(pa.timestamp("ms")))
