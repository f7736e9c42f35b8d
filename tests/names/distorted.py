"""A chart day's tracks, and their names as each source of imported history has them.

The distortions are written without the product's own patterns, so that these are not measured by
themselves.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

CHARTS = Path(__file__).parents[2].parent / "shared" / "data" / "charts-2025-02-18.csv"

_GUESTS = re.compile(r"\s*[(\[](?:feat\.?|ft\.?|with)\s[^)\]]*[)\]]", re.IGNORECASE)
_TYPESET = str.maketrans({"'": "\u2019", "-": "\u2010", '"': "\u201d"})


@dataclass(frozen=True, slots=True)
class Track:
    """A track of the day; `recording` is the same where title, first artist and length are."""

    id: str
    title: str
    artists: tuple[str, ...]
    album: str
    recording: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a source says of a play of a track."""

    artists: tuple[str, ...]
    title: str
    album: str | None = None


Distortion = Callable[[Track], Said | None]  # None where it leaves the track as it is


def tracks_of(path: Path) -> list[Track]:
    """Each track of a day's charts once."""
    found: dict[str, Track] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            artists = tuple(row["artists"].split(", "))
            title = re.sub(r"\W", "", row["name"].casefold())
            alike = (title, artists[0], round(int(row["duration_ms"]) / 1000))
            found.setdefault(
                row["spotify_id"],
                Track(row["spotify_id"], row["name"], artists, row["album_name"], repr(alike)),
            )
    return list(found.values())


def _without_guests(title: str) -> str:
    return _GUESTS.sub("", title)


def _bare(text: str) -> str:
    """A text without the accents of Latin letters."""
    found = []
    for sign in unicodedata.normalize("NFC", text):
        base = unicodedata.normalize("NFD", sign)[0]
        found.append(base if base.isascii() else sign)
    return "".join(found)


def _changed(change: Callable[[str], str], *, album: bool = True) -> Distortion:
    """What a change of all names makes of a track."""

    def said(track: Track) -> Said | None:
        artists, title = tuple(map(change, track.artists)), change(track.title)
        if artists == track.artists and title == track.title:
            return None
        return Said(artists, title, track.album if album else None)

    return said


def _joined(between: str, last: str = "", *, bare: bool = False) -> Distortion:
    """All artists in one text."""

    def said(track: Track) -> Said | None:
        if len(track.artists) < 2:
            return None
        *others, final = track.artists
        credit = f"{between.join(others)}{last or between}{final}"
        return Said((credit,), _without_guests(track.title) if bare else track.title, track.album)

    return said


def ending_in(ending: str) -> Distortion:
    """What a title is with something after it."""
    return lambda track: Said(track.artists[:1], f"{track.title}{ending}", track.album)


def _guests_left_out(track: Track) -> Said | None:
    title = _without_guests(track.title)
    return None if title == track.title else Said(track.artists[:1], title)


def _guests_in_title(track: Track) -> Said | None:
    if len(track.artists) < 2 or _without_guests(track.title) != track.title:
        return None
    guests = " & ".join(track.artists[1:])
    return Said(track.artists[:1], f"{track.title} (feat. {guests})", track.album)


def _another_order(track: Track) -> Said | None:
    if len(track.artists) < 2:
        return None
    return Said(track.artists[::-1], _without_guests(track.title), track.album)


def _cut(track: Track) -> Said | None:
    return Said(track.artists[:1], track.title[:20]) if len(track.title) > 20 else None


SOURCES: Mapping[str, Mapping[str, Distortion]] = {
    "Spotify account data": {
        "the first artist, no album": lambda track: Said(track.artists[:1], track.title),
    },
    "Last.fm": {
        "the first artist, the album": lambda track: Said(
            track.artists[:1], track.title, track.album
        ),
        "corrected to lower case": _changed(str.lower),
        "corrected to upper case": _changed(str.upper),
        "guests with the artist: A feat. B & C": _joined(" & ", " feat. ", bare=True),
        "guests left out": _guests_left_out,
        "a remaster's name: - 2011 Remaster": ending_in(" - 2011 Remaster"),
        "a remaster's name: (Remastered)": ending_in(" (Remastered)"),
        "and for &": _changed(lambda name: name.replace(" & ", " and ")),
    },
    "ListenBrainz": {
        "artists joined: A, B & C": _joined(", ", " & "),
        "artists joined: A / B": _joined(" / "),
        "typeset signs": _changed(lambda name: name.translate(_TYPESET).replace("...", "\u2026")),
        "accents as marks of their own": _changed(lambda name: unicodedata.normalize("NFD", name)),
        "guests in the title": _guests_in_title,
        "(Album Version)": ending_in(" (Album Version)"),
    },
    "Maloja": {
        "a list of artists, guests out of the title": lambda track: Said(
            track.artists, _without_guests(track.title), track.album
        ),
        "artists joined: A; B": _joined("; "),
        "artists in another order": _another_order,
    },
    "any, of files on a disk": {
        "accents left out": _changed(_bare),
        "signs left out": _changed(lambda name: re.sub(r"[.,:'!?*\"]", "", name)),
        "[Official Video]": ending_in(" [Official Video]"),
        "cut after 20 characters": _cut,
    },
}
# What names another recording than the track: whatever is found for it is wrong.
OTHERS: Iterable[str] = (
    " - Live",
    " (Live at Wembley / Remastered 2015)",
    " - Acoustic",
    " (Remix)",
    " - Instrumental",
    " (Karaoke Version)",
    " - Sped Up",
    " (Demo)",
    " - Radio Edit",
)
