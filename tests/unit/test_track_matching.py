"""Which track a name means: one recording, or none where that is not certain."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soundlake.names import name_key
from soundlake.track_matching import (
    BY_ALBUM,
    BY_ISRC,
    BY_NAME,
    ISRC,
    LAKE,
    SEARCH,
    WITHOUT_GUESTS,
    Candidate,
    Match,
    Name,
    Spelling,
    match,
    query,
)

from tests.names.distorted import CHARTS, tracks_of
from tests.names.measured import measured, wrong, wrong_pairs

NONE = None, None, None


def name(
    *spellings: tuple[str, str], album: str | None = None, isrcs: tuple[str, ...] = ()
) -> Name:
    """A name of these spellings: the artists, as one text or between bars, and the title."""
    several = tuple(Spelling(tuple(who.split("|")), title) for who, title in spellings)
    key = name_key(several[0].artists[0], several[0].title)
    assert key is not None
    assert all(name_key(each.artists[0], each.title) == key for each in several)
    return Name(key, several, frozenset({album} if album else ()), frozenset(isrcs))


def track(
    ident: str, who: str, title: str, album: str | None = None, isrc: str | None = None
) -> Candidate:
    return Candidate(ident, Spelling(tuple(who.split("|")), title), album, isrc)


def found(match: Match) -> tuple[str | None, str | None, float | None]:
    return match.track_id, match.matched_by, match.certainty


def test_the_only_recording_of_a_name_is_meant() -> None:
    known = [track("1", "A|B", "Song (feat. B)", isrc="X"), track("2", "A", "Another")]

    assert match(name(("a", "SONG ft. b")), known, LAKE) == Match("1", LAKE, BY_NAME, 1)
    assert found(match(name(("a", "Son")), known, LAKE)) == NONE
    assert match(name(("A", "Song")), [], LAKE) == Match(None, None, None, 0)


def test_of_two_recordings_none_is_meant_unless_the_album_tells() -> None:
    known = [track("1", "A", "Song", "First", "X"), track("2", "A", "Song", "Second", "Y")]

    assert match(name(("A", "Song")), known, LAKE) == Match(None, None, None, 2)
    said = name(("A", "Song"), album="SECOND")
    assert match(said, known, SEARCH) == Match("2", SEARCH, BY_ALBUM, 2)
    assert found(match(name(("A", "Song"), album="Third"), known, LAKE)) == NONE


def test_tracks_of_one_isrc_are_one_recording() -> None:
    known = [track("1", "A", "Song", "First", "X"), track("2", "A", "Song", "Second", "X")]

    assert match(name(("A", "Song")), known, LAKE) == Match("1", LAKE, BY_NAME, 1)
    said = name(("A", "Song"), album="Second")
    assert match(said, known, LAKE) == Match("2", LAKE, BY_ALBUM, 1)
    unknown = [*known, track("3", "A", "Song")]
    assert match(name(("A", "Song")), unknown, LAKE) == Match(None, None, None, 2)


def test_what_is_written_the_same_is_meant_before_what_says_the_same() -> None:
    known = [track("1", "A|B", "Song (feat. B)"), track("2", "A", "Song")]

    assert match(name(("A", "Song")), known, LAKE).track_id == "2"
    assert match(name(("A", "Song (feat. B)")), known, LAKE).track_id == "1"
    masters = [track("3", "A", "Song - Remastered 2011", isrc="X"), track("4", "A", "Song")]
    assert match(name(("A", "Song")), masters, LAKE).track_id == "4"
    assert match(name(("A", "Song (Remastered 2011)")), masters, LAKE).track_id == "3"
    assert match(name(("A", "Song - 2009 Remaster")), masters, LAKE).track_id is None


@pytest.mark.parametrize(
    ("who", "title"),
    [("A & B", "Song"), ("A|B", "Song"), ("A feat. B", "Song"), ("A", "Song (with B)")],
)
def test_guests_are_the_same_wherever_they_are_named(who: str, title: str) -> None:
    known = [track("1", "A|B|C", "Song")]

    assert found(match(name((who, title)), known, LAKE)) == ("1", LAKE, BY_NAME)


def test_guests_who_are_not_there_are_another_recordings() -> None:
    known = [track("1", "A|B", "Song")]

    assert found(match(name(("A", "Song (feat. C)")), known, SEARCH)) == NONE
    assert found(match(name(("A & C", "Song")), known, SEARCH)) == NONE


def test_guests_that_a_source_left_out_may_be_meant_where_spotify_has_nothing_else() -> None:
    known = [track("1", "A|B", "Song (feat. B)")]

    assert found(match(name(("A", "Song")), known, LAKE)) == NONE
    assert found(match(name(("A", "Song")), known, SEARCH)) == ("1", SEARCH, WITHOUT_GUESTS)


def test_a_first_artist_is_no_part_of_another_ones_name() -> None:
    known = [track("1", "Simon & Garfunkel", "Song"), track("2", "Simon", "Other")]

    assert found(match(name(("Simon", "Song")), known, SEARCH)) == NONE
    assert found(match(name(("Simon & Garfunkel", "Other")), known, SEARCH)) == NONE
    assert match(name(("Simon and Garfunkel", "Song")), known, LAKE).track_id == "1"


def test_all_spellings_of_a_name_mean_the_same_or_it_means_none() -> None:
    known = [track("1", "A|B", "Song (feat. B)", isrc="X"), track("2", "A", "Song", isrc="Y")]
    both = name(("A", "Song"), ("A", "Song (feat. B)"))

    assert match(both, known, SEARCH) == Match(None, None, None, 2)
    assert found(match(both, known[:1], LAKE)) == NONE
    assert found(match(both, known[:1], SEARCH)) == ("1", SEARCH, WITHOUT_GUESTS)


def test_the_isrc_decides_whatever_the_names_are() -> None:
    known = [track("1", "A", "Song", isrc="X"), track("2", "B", "Different", isrc="Y")]

    assert match(name(("A", "Song"), isrcs=("Y",)), known, LAKE) == Match("2", ISRC, BY_ISRC, 1)
    assert match(name(("A", "Song"), isrcs=("X", "Y")), known, LAKE).matched_by == LAKE
    assert match(name(("A", "Song"), isrcs=("Z",)), known, LAKE).matched_by == LAKE


@given(st.permutations(range(4)), st.sampled_from([LAKE, SEARCH]))
def test_what_is_certain_does_not_depend_on_the_order(order: list[int], by: str) -> None:
    known = [
        track("1", "A|B", "Song (feat. B)", "First", "X"),
        track("2", "A|B", "Song", "Second", "X"),
        track("3", "A", "Song - Remastered 2011", "Third", "Y"),
        track("4", "A", "Song - Live", "Fourth", "Z"),
    ]
    for said in (name(("A", "Song"), album="Third"), name(("A", "Song (feat. B)"))):
        one, other = match(said, known, by), match(said, [known[each] for each in order], by)
        assert (one.certainty, one.candidates) == (other.certainty, other.candidates)
        recordings = {each.track_id: each.recording for each in known}
        assert recordings.get(str(one.track_id)) == recordings.get(str(other.track_id))


def test_spellings_are_no_different_in_another_order() -> None:
    known = [track("1", "A|B", "Song (feat. B)"), track("2", "A", "Other")]
    several = [("A", "Song (feat. B)"), ("A", "SONG ft. B"), ("A & B", "Song")]

    assert {match(name(*each), known, LAKE).track_id for each in permutations(several)} == {"1"}


# What Spotify is asked.


@pytest.mark.parametrize(
    ("who", "title", "asked_for"),
    [
        ("A, B", "Song (feat. B) - Remastered 2011", 'track:"song" artist:"a"'),
        (
            "Mother's Finest",
            "What\u2019s Going On",
            'track:"whats going on" artist:"mothers finest"',
        ),
        ("A", 'The "Song" + One*: Two', 'track:"the song one two" artist:"a"'),
        ("Sigur Rós", "FRI(END)S", 'track:"fri(end)s" artist:"sigur rós"'),
        ("A" * 70, "word " * 30, f'track:"{"word " * 9}word" artist:"{"a" * 30}"'),
        ("?", "?", 'track:"?" artist:"?"'),
    ],
)
def test_a_query_is_what_spotifys_filters_take(who: str, title: str, asked_for: str) -> None:
    assert query(name((who, title)), asked=False) == asked_for


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_query_is_longer_than_spotify_takes(who: str, title: str) -> None:
    key = name_key(who, title)
    if key is not None:
        asked_for = query(Name(key, (Spelling((who,), title),)), asked=True)
        assert len(asked_for) <= 100
        assert asked_for.count('"') == 4
        assert not set("'+*") & set(asked_for)


def test_the_isrc_is_asked_for_first_then_the_names() -> None:
    said = name(("A", "Song"), isrcs=("NOABC2600001",))

    assert query(said, asked=False) == "isrc:NOABC2600001"
    assert query(said, asked=True) == 'track:"song" artist:"a"'
    two = name(("A", "Song"), isrcs=("NOABC2600001", "NOABC2600002"))
    assert query(two, asked=False) == 'track:"song" artist:"a"'


# On a real day's names, as docs/names.md has it in full.


def test_joins_on_a_real_day_are_hardly_ever_wrong() -> None:
    if not CHARTS.is_file():
        pytest.skip(f"the real charts are not there: {CHARTS.name} in ../shared/data")
    tracks = tracks_of(CHARTS)

    assert len(tracks) > 1_700
    assert wrong(measured(tracks), wrong_pairs(tracks)) == []
