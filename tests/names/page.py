"""docs/names.md: the rule, and what was measured of it."""

from collections.abc import Iterable, Mapping, Sequence

from soundlake.track_matching import LAKE, SEARCH

from tests.names.distorted import Track
from tests.names.measured import (
    ANOTHER,
    KEY_WRONG,
    MATCH_WRONG,
    OTHERS_WRONG,
    WITHOUT_WRONG,
    Line,
    total,
)

CHARTS_LABEL = (
    "real charts of 2025-02-18 (charts-2025-02-18.csv; Kaggle, Top Spotify Songs in 73 Countries, "
    "ODC-By 1.0)"
)
COLUMNS = [
    "source",
    "its names",
    "names",
    "key: another's too",
    "lake: right",
    "wrong",
    "none",
    "search: right",
    "wrong",
    "none",
    "track not there: lake",
    "search",
]


def rows(lines: Sequence[Line]) -> list[list[str]]:
    """A row for each line, and one for all of the sources."""
    said = total(line for line in lines if line.source != ANOTHER)
    said.source = "all sources"
    other = total(line for line in lines if line.source == ANOTHER)
    other.source = "all of these"
    first = [line for line in lines if line.source != ANOTHER]
    then = [line for line in lines if line.source == ANOTHER]
    return [_row(line) for line in (*first, said, *then, other)]


def _row(line: Line) -> list[str]:
    found = [
        f"{line.found[way][what]:,}"
        for way in (LAKE, SEARCH)
        for what in ("right", "wrong", "none")
    ]
    return [
        line.source,
        line.distortion,
        f"{line.names:,}",
        f"{line.key['wrong'] + line.key['both']:,}",
        *found,
        *(f"{line.without[way]:,}" for way in (LAKE, SEARCH)),
    ]


def page(
    lines: Sequence[Line], pairs: Sequence[tuple[Track, Track]], facts: Mapping[str, str]
) -> str:
    """The page, in Markdown."""
    said = total(line for line in lines if line.source != ANOTHER)
    right, wrong = said.found[SEARCH]["right"], said.found[SEARCH]["wrong"]
    return _PAGE.format(
        facts="\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        table=_table(COLUMNS, rows(lines)),
        names=f"{said.names:,}",
        right=f"{100 * right / said.names:.1f}",
        wrong=wrong,
        pairs="\n".join(
            f"- {one.artists[0]}: *{one.title}* and *{other.title}*" for one, other in pairs
        ),
        key_wrong=f"{100 * KEY_WRONG:g}",
        match_wrong=f"{100 * MATCH_WRONG:g}",
        others_wrong=f"{100 * OTHERS_WRONG:g}",
        without_wrong=f"{100 * WITHOUT_WRONG:g}",
    )


def _table(names: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head = f"| {' | '.join(names)} |\n|{'---|' * 2}{'--:|' * (len(names) - 2)}"
    return "\n".join([head, *(f"| {' | '.join(line)} |" for line in lines)])


_PAGE = """\
# Names in the place of tracks

Spotify's account data, and many an export of Last.fm, ListenBrainz, Maloja or Koito, names
artist and title of a play and no id. Such a play has a `name_key`, and
[`track_names`](tables.md#track_names) says which track that is, and how certain it is. A wrong
track is worse than none.

`make names ARGS=--write` measures anew and writes this page.

## How names are compared

A key is the first artist and the title, `queen / bohemian rhapsody`: without case, width,
accents (of Latin and Greek letters; in other scripts marks tell letters apart), punctuation,
guests (*feat.*, *ft.*, *with* in brackets), a leading *The* of the artist, and what a title says
of its edition: a remaster, the album version, a bonus track, explicit, an official video. `&` is
*and*.

What may name another recording stays: live, acoustic, remix, instrumental, karaoke, sped up,
demo, radio edit, single version, another's version, *From "…"*, mono, clean. Names in another
script, cut names, and artists in another order find nothing.

## Who tells the track

1. **The lake**, which costs no request: tracks, plays with an id, and chart entries of this
   name, or the ISRC that the source names.
2. **Spotify's search**, one request for a name: by ISRC where the source names one, later by
   title and artist. Names wait in [the queue](operations.md#the-queue) with all else that is
   looked up, the most-played first, under the same quota. The answer is kept in `raw/names/`
   before anything is made of it; the tracks that it shows are not looked up again.

Of all that has the key, a name means

- the recording with the ISRC that the plays name (certainty 1); else
- those whose artists and guests do not contradict: whom the name credits must be there, and the
  whole first artist (*Simon* is not *Simon & Garfunkel*); of these first what is written the
  same word for word, so that *Guess* is not *Guess featuring …*;
- if that is one recording (one ISRC, or one id): this (0.95; 0.98 where the album agrees too);
  if it is several, the one on the album that the plays name (0.98), or none;
- where only a title with guests is there and the name has none, it is this if Spotify's search
  has nothing else (0.7), and none in the lake, which does not have all there is.

Plays may spell one key in several ways. All of them must mean the same recording, or it is none;
a new spelling decides anew, of what was answered before.

What was not found is searched for again after 180 days; of an ISRC that was not found the names
are searched for next. What the lake learns meanwhile is noticed with the next run.

## What cannot be known

Two recordings that one artist has released under one title, without a word to tell them apart,
are one to every rule that knows names alone: where only the wrong one is there, it is taken,
with 0.95. How well Spotify's own search ranks is not measured here; *search* below is a search
that finds every track of the day with this key. The day's charts have few other recordings of
its own songs. Names that were transliterated are not tried.

## Measured

The names of every track of a real chart day, as each source would have them, matched with that
day's tracks. *Right* is the same recording: title, first artist and length to the second agree,
and it has one ISRC here, made up, for the file has none. *Key: another's too* counts names whose
key another recording shares, which the match then has to tell apart. *Track not there* takes the
name's own recording away first, so that every join is wrong. *{another}* are names of recordings
that are not there at all.

| measured |  |
|---|--:|
{facts}

Of {names} names {right} % find their track by search, and {wrong} a wrong one: a name whose
guests the source left out, where the artist has a track of that very name. What finds none is
cut or in another order, or has lost signs that divide words.

{table}

Pairs of recordings with one key, among all of the day's:

{pairs}

`make test` fails where the key is another's too for more than {key_wrong} % of names, where more
than {match_wrong} % of the matches, {others_wrong} % of *{another}* or {without_wrong} % without
the track are wrong.
"""
_PAGE = _PAGE.replace("{another}", ANOTHER)
