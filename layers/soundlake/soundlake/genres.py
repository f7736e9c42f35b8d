"""Genres of artists: whoever knows them, kept in the artist's row with who that is.

Spotify names an artist's genres with the artist, if at all, and is asked about an artist once. Of
the other sources each is asked by itself, and again after a while where nobody knows any.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from soundlake.features import ask_again, by_source
from soundlake.features import source_of as source_named

SPOTIFY = "spotify"
# Two catalogues may write one name with other signs, MusicBrainz with those of a typesetter.
_SIGNS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bc\u2032\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u2033", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
_SPACES = re.compile(r"\s+")

Row = dict[str, Any]


def normal(name: str) -> str:
    """A name as it is compared: case, width, kinds of quotes and dashes, and spaces left out.

    Accents stay: they tell artists apart.
    """
    folded = unicodedata.normalize("NFKC", name.translate(_SIGNS)).casefold()
    return unicodedata.normalize("NFKC", _SPACES.sub(" ", folded).strip())


def asked_keys(row: Row) -> list[str]:
    """The answers that told of an artist's genres, or that there are none.

    Rows of before there were several sources name Spotify's alone.
    """
    told: list[str] | None = row["genres_asked"]
    return told or ([] if row["detail_raw_key"] is None else [row["detail_raw_key"]])


def source_of(row: Row) -> str | None:
    """Who knows the genres of a row; None where nobody does."""
    source: str | None = row["genres_source"]
    return source or (SPOTIFY if row["genres"] else None)


def detailed(row: Row, detail: Row, order: Sequence[str]) -> Row:
    """An artist's row with what Spotify answered about the artist, and with it of the genres."""
    others = {name: value for name, value in detail.items() if name != "genres"}
    answer = {"genres": detail.get("genres"), "genres_asked": [detail["detail_raw_key"]]}
    return told(row | others, answer, order)


def told(row: Row, answer: Row, order: Sequence[str]) -> Row:
    """An artist's row with what one more answer tells: `genres`, and itself in `genres_asked`.

    The source that comes first in `order` wins, of one source the earlier answer; an answer
    without genres takes none away. Where nobody knows any, `genres_ask_again` is the first day to
    ask one of them once more, Spotify aside.
    """
    (raw_key,), genres = answer["genres_asked"], answer["genres"]
    source, known = source_named(raw_key), source_of(row)
    keys = list(dict.fromkeys([*asked_keys(row), raw_key]))
    if genres and (known is None or _rank(source, order) < _rank(known, order)):
        row, known = row | {"genres": list(genres)}, source
    elif genres is not None and row["genres"] is None:
        row = row | {"genres": []}
    days = [days for name, days in by_source(keys).items() if name != SPOTIFY]
    again = min(map(ask_again, days)) if days and known is None else None
    return row | {"genres_source": known, "genres_asked": keys, "genres_ask_again": again}


def _rank(source: str, order: Sequence[str]) -> int:
    return order.index(source) if source in order else len(order)


def due(
    row: Row, source: str, order: Sequence[str], day: date, *, refusing: Collection[str] = ()
) -> bool:
    """Whether a source is to be asked about an artist on a day.

    It is where those before it in `order` know nothing, or are `refusing`, and it was never asked,
    or so long ago that it may know by now.
    """
    known = source_of(row)
    if known is not None and _rank(known, order) <= _rank(source, order):
        return False
    asked = by_source(asked_keys(row))
    before = order[: order.index(source)]
    if any(name not in asked and name not in refusing for name in before):
        return False
    days = asked.get(source)
    return not days or (known is None and ask_again(days) <= day)
