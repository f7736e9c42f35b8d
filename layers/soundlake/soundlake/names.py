"""Names as they are compared: one recording's meet, however two sources spell them.

Case, width, accents, punctuation, second artists and what a remaster says of itself are left out.
Whatever may name another recording stays: live, acoustic, remix, instrumental, karaoke, sped up,
demo, radio edit, another's version. A name that cannot be told is better not joined than wrongly.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

BETWEEN = " / "  # no first artist holds it, so a key is of one artist and one title alone

_REMEMBERED = 1 << 16  # names: a lifetime's, month after month

_SIGNS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bc\u2032\u00b4\u02b9", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d", "-")
    | {"\u3010": "[", "\u3011": "]", "\u3001": ",", "\u200b": None, "\ufeff": None, "\u00ad": None}
)
# Letters that no decomposition takes apart.
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ħ": "h",
        "ŧ": "t",
        "\u0640": None,  # an Arabic letter drawn long
    }
)
# Marks on Latin and Greek letters are left out; in other scripts they tell letters apart.
_ACCENTS = re.compile("(?<=[a-z\u00df-\u024f\u0370-\u03ff])[\u0300-\u036f]+")
_POINTS = re.compile("[\u0591-\u05bd\u05bf-\u05c7\u064b-\u0652]|(?<=\u0435)\u0308")
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u0652]")  # of either
_ANY_SIGN, _ANY_LETTER = (
    re.compile(f"[{re.escape(''.join(map(chr, table)))}]") for table in (_SIGNS, _LETTERS)
)
_KEPT = frozenset("+=\u00d7\u00f7\u00b1\u221e")
_PLAIN = re.compile("[A-Za-z0-9 ]+")
_NO_LETTER = re.compile("[^a-z0-9+=]+")  # of ASCII's

_FEATURED = r"(?:feat(?:uring|\.)?|ft\.?|f\.|w/)"
# "Stuck (with you)" names nobody.
_WITH = (
    r"with\s+(?!(?:you|u|me|us|him|her|them|it|a|an|the|my|your|our|no|out|out\s|love|all|every"
    r"|every\w+|some\w+|no\w+|this|that|these|those|myself|yourself)\b)"
)
_GUESTS = re.compile(rf"[(\[{{]\s*(?:{_FEATURED}\s+|{_WITH})[^()\[\]{{}}]*[)\]}}]")
_OPEN_GUESTS = re.compile(
    rf"(?<=[^\s(\[{{])(?:\s+(?:feat(?:uring|\.)?|ft\.|(?<!\d\s)ft)\s+|\s+-\s+(?:{_FEATURED}\s+|{_WITH}))"
    r"(?:(?!\s-\s)[^(\[{])+"
)
# What a title says of its edition where the recording is the same.
_YEAR = r"(?:19|20)\d\d"
_MASTER = r"re-?master(?:ed|ing|izad[oa]|isé|isiert|izzato)?"
_EDITION = re.compile(
    rf"(?:(?:the|{_YEAR}|digital(?:ly)?|newly|stereo|hd|\d+[- ]?bit"
    rf"|\d+(?:st|nd|rd|th)\s+anniversary)\s+)*{_MASTER}(?:\s+(?:in|en|version|edition|recording|track|album|audio|{_YEAR}))*"
    r"|(?:original\s+)?(?:album|lp)\s+version|bonus\s+track|explicit(?:\s+(?:ver\.?|version))?"
    r"|official(?:\s+(?:hd|4k|music|lyrics?))*\s+(?:video|audio|visuali[sz]er)|lyrics?\s+video"
)
_PARTS = re.compile(r"[(\[{]|\sf(?:ea)?t|\s-\s")  # what has none of these is bare
_GROUP = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_DASH = re.compile(r"\s+-\s+")
_PIECES = re.compile(r"\s*[/;,|]\s*")

_NEXT_ARTIST = re.compile(
    rf"\s*[;,]\s+|;|\s+(?:&|\+|/|x|\u00d7|vs\.?|and|y|with|con|{_FEATURED})\s+"
    rf"|\s*[(\[]{_FEATURED}\s+"
)
_TOPIC = " - topic"  # so a video service names its artists' channels
_AND = re.compile(r"\s*&\s*|\s\+\s")
_ACRONYM = re.compile(r"\b([^\W\d])\.(?=[^\W\d]\b)")
_INSIDE = re.compile(r"(?<=[^\W\d])!(?=[^\W\d])")
# In small letters of a plain name, what may part it: for Arrow's own patterns.
_MAYBE_PARTS = r" f(ea)?t"
_MAYBE_NEXT = r" (x|vs|and|y|with|con|feat|featuring|ft) "
_OTHER = re.compile(r"[^\w ]|_")  # what is neither a letter nor a digit
# What stands between artists' names, and says nothing of who they are.
GLUE = frozenset(
    {"feat", "featuring", "ft", "f", "w", "with", "con", "and", "x", "vs", "y", "e", "et", "und"}
)


def name_keys(
    artists: "pa.Array[Any] | pa.ChunkedArray[Any]", titles: "pa.Array[Any] | pa.ChunkedArray[Any]"
) -> "pa.Array[Any]":
    """The keys of many plays, as strings: null where either name is null or empty.

    `artists` are strings, or lists of strings of which the first counts.
    """
    first = _each(_first(_whole(artists)), first_artist, _MAYBE_NEXT, "the ")
    bare = _each(_whole(titles), bare_title, _MAYBE_PARTS)
    keys: pa.Array[Any] = pc.binary_join_element_wise(first, bare, BETWEEN)
    return keys


def name_key(artist: str | None, title: str | None) -> str | None:
    """An artist and a title as they are compared; null where either is null or empty."""
    one, other = first_artist(artist or ""), bare_title(title or "")
    return None if one is None or other is None else f"{one}{BETWEEN}{other}"


@lru_cache(maxsize=_REMEMBERED)
def first_artist(name: str) -> str | None:
    """The first of the artists that a credit names, without a leading "The"; null where none."""
    plain = _plain(name)
    if plain and not _NEXT_ARTIST.search(plain):
        return plain.removeprefix("the ")
    folded = _folded(name)
    return _words(_alone(folded)).removeprefix("the ") or _words(folded) or _signs(folded)


@lru_cache(maxsize=_REMEMBERED)
def bare_title(title: str) -> str | None:
    """A title without guests and editions; null where it is empty."""
    plain = _plain(title)
    if plain and not _PARTS.search(plain):
        return plain
    folded = _folded(title)
    return _words(_bare(folded)) or _words(folded) or _signs(folded)


def spoken_artist(name: str) -> str:
    """The first of the artists that a credit names, with the signs that it is written with."""
    return _alone(_folded(name)).strip()


def spoken_title(title: str) -> str:
    """A title without guests and editions, with the signs that it is written with."""
    folded = _folded(title)
    bare = " ".join(_bare(folded).split())
    return bare if _words(bare) else folded


@lru_cache(maxsize=_REMEMBERED)
def words(text: str) -> str:
    """All the words of a name, of guests and editions too, as they are compared."""
    folded = _folded(text)
    return _words(folded) or _signs(folded) or ""


@lru_cache(maxsize=_REMEMBERED)
def guests(title: str) -> frozenset[str]:
    """The words by which a title names its guests; none where it names nobody."""
    folded = _folded(title)
    found = [*_GUESTS.findall(folded), *_OPEN_GUESTS.findall(_GUESTS.sub(" ", folded))]
    return frozenset(_words(" ".join(found)).split()) - GLUE


def _plain(text: str) -> str:
    """The small letters of a text that has nothing else to it, as most have; else nothing."""
    return " ".join(text.lower().split()) if _PLAIN.fullmatch(text) else ""


def _alone(folded: str) -> str:
    alone = folded.removesuffix(_TOPIC)
    return next((each for each in _NEXT_ARTIST.split(alone) if each and each.strip()), alone)


def _bare(folded: str) -> str:
    if not _PARTS.search(folded):
        return folded
    bare = _GROUP.sub(_recording_of, _OPEN_GUESTS.sub(" ", _GUESTS.sub(" ", folded)))
    head, *tails = _DASH.split(bare.strip())
    return " - ".join([head, *filter(None, map(_recording, tails))])


def _recording_of(group: re.Match[str]) -> str:
    said = _recording(group[1])
    return group[0] if said == group[1] else f" ({said}) " if said else " "


def _recording(part: str) -> str:
    """What a part of a title says of the recording, and not of its edition."""
    pieces = _PIECES.split(part.strip())
    kept = [each for each in pieces if not _EDITION.fullmatch(each)]
    return part if len(kept) == len(pieces) else " ".join(kept)


def _folded(text: str) -> str:
    """Case and width left out; in signs and spaces as the patterns here expect them."""
    if not text.isascii():
        text = _translated(
            unicodedata.normalize("NFKC", _translated(text, _ANY_SIGN, _SIGNS)), _ANY_SIGN, _SIGNS
        )
    text = text.casefold().replace("`", "'").replace("i\u0307", "i")  # a Turkish capital's
    return " ".join(text.split())


def _words(text: str) -> str:
    """The letters and digits of a folded text, with one space between its words."""
    if text.isalpha() and text.isascii():
        return text
    # Most names have nothing of what these patterns look for, and to look costs most here.
    if "!" in text:
        text = _INSIDE.sub("i", text)
    if "&" in text or "+" in text:
        text = _AND.sub(" and ", text)
    text = text.replace("'", "").replace("$", "s")
    if "." in text:
        text = _ACRONYM.sub(r"\1", text)
    if text.isascii():
        return _NO_LETTER.sub(" ", text).strip()
    text = unicodedata.normalize("NFD", _translated(text, _ANY_LETTER, _LETTERS))
    if _MARKS.search(text):
        text = _POINTS.sub("", _ACCENTS.sub("", text))
    text = unicodedata.normalize("NFC", text)
    return " ".join(_OTHER.sub(_letter, text).split())


def _translated(text: str, signs: re.Pattern[str], table: Mapping[int, str | int | None]) -> str:
    """A text with what a table says of its signs; these are seldom there, and soon looked for."""
    return text.translate(table) if signs.search(text) else text


def _signs(text: str) -> str | None:
    """What is left of a name that has no letter."""
    return text.replace(" ", "") or None


def _letter(found: re.Match[str]) -> str:
    """A sign that is no letter or digit, where it is part of one or tells names apart."""
    sign = found[0]
    return sign if sign in _KEPT or unicodedata.category(sign)[0] == "M" else " "


def _whole(array: Any) -> Any:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _first(artists: Any) -> Any:
    """The first of each list, null where there is none; strings as they are."""
    if not (pa.types.is_list(artists.type) or pa.types.is_large_list(artists.type)):
        return artists
    starts = artists.offsets[:-1].cast(pa.int64())
    some = pc.fill_null(pc.greater(pc.list_value_length(artists), pa.scalar(0)), False)
    return artists.values.take(pc.if_else(some, starts, pa.scalar(None, pa.int64())))


def _each(
    names: Any, normal: Callable[[str], str | None], more: str, without: str | None = None
) -> Any:
    """What is made of each name, each made once.

    Of a plain name that has nothing of `more`, that are its small letters, without what it may
    begin with: most names are such ones, and made at once.
    """
    if not pa.types.is_dictionary(names.type):
        names = names.cast(pa.string()).dictionary_encode()
    given: Any = names.dictionary
    small: Any = pc.ascii_trim_whitespace(pc.ascii_lower(given))
    if pc.any(pc.match_substring(given, "  ")).as_py():
        small = pc.replace_substring_regex(small, " +", " ")
    plain: Any = pc.and_not(
        pc.match_substring_regex(given, "^[A-Za-z0-9 ]*[A-Za-z0-9][A-Za-z0-9 ]*$"),
        pc.match_substring_regex(small, more),
    )
    if without is not None:
        small = pc.replace_substring_regex(small, f"^{without}", "")
    others: Any = pc.if_else(plain, pa.scalar(None, pa.string()), given)
    made = [normal(each) if each else None for each in others.to_pylist()]
    told: Any = pc.if_else(plain, small, pa.array(made, pa.string()))
    return told.take(names.indices)
