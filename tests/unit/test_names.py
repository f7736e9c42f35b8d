"""Names as they are compared: what meets, what stays apart, and that columns do as single names."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from soundlake.names import BETWEEN, name_key, name_keys

MEET = [
    # (the key, then spellings of it)
    ("queen / help", ["Queen", "Help!"], ["QUEEN", "help"], ["queen", "  Help \u2026"]),
    ("beyonce / deja vu", ["Beyoncé", "Déjà Vu"], ["Beyonce", "Deja vu"]),
    ("beyonce / deja vu", ["Beyonce\u0301", "déjà VU"]),
    ("sigur ros / saeglopur", ["Sigur Rós", "Sæglópur"], ["sigur ros", "Saeglopur"]),
    ("beatles / help", ["The Beatles", "Help!"], ["Beatles, The", "Help! - Remastered 2009"]),
    ("ac dc / tnt", ["AC/DC", "T.N.T."], ["AC DC", "TNT"]),
    ("tyler / like him", ["Tyler, The Creator", "Like Him (feat. L)"], ["Tyler", "Like him"]),
    ("a / b", ["A feat. C", "B"], ["A", "B (feat. C & D)"], ["A", "B [ft. C]"], ["A", "B feat. C"]),
    ("a / b", ["A & C", "B"], ["A, C", "B"], ["A and C", "B"], ["A; C", "B"], ["A x C", "B"]),
    ("a / b", ["A vs. C", "B"], ["A / C", "B"], ["A ft. C", "B"], ["A featuring C", "B"]),
    ("a / b", ["A", "B (with C)"], ["A", "B - with C"], ["A", "B - feat. C"], ["A - Topic", "B"]),
    ("a / b", ["A", "B - 2011 Remaster"], ["A", "B (Remastered)"], ["A", "B - Remastered 2011"]),
    ("a / b", ["A", "B [2011 Digital Remaster]"], ["A", "B - 20th Anniversary Remaster"]),
    ("a / b", ["A", "B \u2013 Remastered Version"], ["A", "B (2018 Remasterizado)"], ["A", "B"]),
    ("a / b", ["A", "B (Album Version)"], ["A", "B - Bonus Track"], ["A", "B (Explicit)"]),
    ("a / b", ["A", "B (Official Video)"], ["A", "B [Official Music Video]"], ["A", "B"]),
    ("a / b live", ["A", "B - Live / Remastered 2015"], ["A", "B (Live)"], ["A", "B - Live"]),
    ("a / b remix", ["A", "B (feat. C) - Remix"], ["A", "B [Remix]"], ["A", "B - Remix feat. C"]),
    ("a / b and c", ["A", "B & C"], ["A", "B and C"], ["A", "B + C"]),
    ("pnau / fein", ["Pnau", "FE!N"], ["PNAU", "Fein"]),
    ("asap rocky / save", ["A$AP Rocky", "$ave"], ["ASAP Rocky", "Save"]),
    ("дядя / елка", ["ДЯДЯ", "Ёлка"], ["дядя", "елка"]),
    ("\u30a2 / \u30ac", ["\uff71", "\uff76\uff9e"], ["\u30a2", "\u30ac"]),
    ("xxxtentacion / ?", ["XXXTENTACION", "?"], ["xxxtentacion", "\uff1f"]),
    ("the the / the end", ["The The The", "The End"]),
]  # fmt: skip
OTHER_RECORDINGS = [
    "Live",
    "Live at Wembley",
    "Ao Vivo",
    "En Vivo",
    "Acoustic",
    "Acoustic Version",
    "Remix",
    "C Remix",
    "2011 Remix",
    "2011 Mix",
    "Instrumental",
    "Karaoke Version",
    "Sped Up",
    "Slowed + Reverb",
    "Demo",
    "Demo / Remastered 2015",
    "Radio Edit",
    "Single Version",
    "Extended Version",
    "Clean",
    "Mono",
    "Cover",
    "A Cappella",
    "Orchestral Version",
    "Re-recorded",
    "C's Version",
    "Reprise",
    "Pt. 2",
    "Part II",
    'From "C"',
    "Without You",
    "With You",
    "with the band",
]
APART = [
    (["Simple", "One"], ["Simple", "Two"]),
    (["One", "Song"], ["Two", "Song"]),
    (["A", "か"], ["A", "が"]),
    (["A", "цей"], ["A", "цеи"]),
    (["A", "ก่"], ["A", "ก้"]),
    (["Ed Sheeran", "\u00f7"], ["Ed Sheeran", "+"]),
    (["A", "1.5"], ["A", "15"]),
    (["A", "50 Ft Queenie"], ["A", "50"]),
    (["A", "Featherweight"], ["A", "F"]),
    (["A", "Remaster"], ["A", "A"]),
    (["A B", "C"], ["A", "B C"]),
]


@pytest.mark.parametrize(
    ("key", "spelled"), [(key, each) for key, *spellings in MEET for each in spellings]
)
def test_one_recordings_spellings_meet(key: str, spelled: list[str]) -> None:
    assert name_key(*spelled) == key


@pytest.mark.parametrize("version", OTHER_RECORDINGS)
@pytest.mark.parametrize("form", ["B - {}", "B ({})", "B [{}]"])
def test_another_recording_keeps_its_name(version: str, form: str) -> None:
    assert name_key("A", form.format(version)) != name_key("A", "B")


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_only_looks_alike_stays_apart(one: list[str], other: list[str]) -> None:
    assert name_key(*one) != name_key(*other)


@pytest.mark.parametrize("names", [(None, "B"), ("A", None), ("", "B"), ("A", ""), (" ", "B")])
def test_without_both_names_there_is_no_key(names: tuple[str | None, str | None]) -> None:
    assert name_key(*names) is None


PARTS = (
    "A b ( ) [ ] - feat. ft with & and , ; / x Remaster 2011 Live the The ! ? é \u0130 \u0e01\u0e48"
)
NAMES = st.text(max_size=30) | st.lists(st.sampled_from(PARTS.split()), max_size=8).map(" ".join)


def shown(text: str) -> str:
    """What is to be seen of a text."""
    return re.sub("[\u00ad\u200b\ufeff]", "", text).strip()


@given(NAMES, NAMES)
@example("/ /", "/ /")
@example("A", "\u00ad")
def test_a_key_is_of_one_artist_and_one_title(artist: str, title: str) -> None:
    key = name_key(artist, title)

    assert (key is None) == (not shown(artist) or not shown(title))
    if key is not None:
        first, between, bare = key.partition(BETWEEN)
        assert all((first, between, bare))
        assert name_key(artist, "x") == f"{first}{BETWEEN}x"
        assert name_key("x", title) == f"x{BETWEEN}{bare}"


PLAIN = "A b9 The the and ft feat x y with Remaster 2011"


@given(st.lists(st.sampled_from(PLAIN.split()), min_size=1))
def test_plain_names_are_read_as_others_are(names: list[str]) -> None:
    text = " ".join(names)

    assert name_key(text, "x") == name_key(text + "!", "x")
    assert name_key("x", text) == name_key("x", text + "!")
    keys = [name_key(text, "x"), name_key("x", text)]
    assert name_keys(pa.array([text, "x"]), pa.array(["x", text])).to_pylist() == keys


@given(NAMES, NAMES)
def test_forms_of_the_same_signs_are_no_difference(artist: str, title: str) -> None:
    key = name_key(artist, title)

    assert (
        name_key(unicodedata.normalize("NFD", artist), unicodedata.normalize("NFC", title)) == key
    )
    assert name_key(f" {artist}\t", f"\u00a0{title} ") == key


@given(
    st.lists(st.tuples(st.none() | st.lists(st.none() | NAMES, max_size=3), st.none() | NAMES)),
    st.integers(0, 3),
)
def test_columns_do_as_single_names(
    rows: list[tuple[list[str | None] | None, str | None]], start: int
) -> None:
    lists = pa.array([artists for artists, _ in rows], pa.list_(pa.string()))[start:]
    titles = pa.array([title for _, title in rows], pa.string())[start:]
    first = [artists[0] if artists else None for artists, _ in rows][start:]
    expected = [name_key(one, title) for one, (_, title) in zip(first, rows[start:], strict=True)]

    assert name_keys(lists, titles).to_pylist() == expected
    assert name_keys(pa.array(first, pa.string()), titles).to_pylist() == expected
    assert name_keys(pa.chunked_array([lists]), pa.chunked_array([titles])).to_pylist() == expected
