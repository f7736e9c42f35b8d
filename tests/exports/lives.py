"""A made-up listening life: what was heard, when, and how."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

# What no kept row may show: none of it is anybody's.
USER = "made.up.listener.31"
ADDRESSES = ("203.0.113.77", "2001:db8:77::31", "198.51.100.xxx")
AGENT = "MadeUpPlayer/7.7 (Nowhere)"
PLACE = {
    "city": "Nowhereville",
    "region": "Nowhere County",
    "metro_code": "metro-of-nowhere-31",
    "longitude": 77.310031,
    "latitude": 31.770077,
}
PRIVATE = (USER, *ADDRESSES, AGENT, *(str(value) for value in PLACE.values()))

FIRST = datetime(2011, 3, 1, tzinfo=UTC)
LAST = datetime(2026, 10, 31, tzinfo=UTC)
_PLATFORMS_THEN = (
    "Android OS 9 API 28 (Made, Up)",
    "iOS 15.1 (iPhone12,8)",
    "Windows 10 (10.0.19041; x64)",
)
_PLATFORMS_NOW = ("android", "ios", "windows", "not_applicable")
_PLATFORM_CHANGE = int(datetime(2023, 10, 19, tzinfo=UTC).timestamp()) * 1000
_ENDS = ("trackdone", "fwdbtn", "backbtn", "endplay", "logout", "unexpected-exit", "")
_STARTS = ("trackdone", "clickrow", "fwdbtn", "appload", "playbtn", "")
_COUNTRIES = ("NO", "NO", "NO", "NO", "SE", "US", "JP", "ZZ")
_SYLLABLES = ("ka", "lo", "mi", "ro", "ta", "ve", "sø", "né", "雨", "жу", "💿", "O'", "-", "ing")
_PLAIN = 6  # of these; most names have no others
_ODD = 0.3  # of the names have others too, as on a day of the world's charts
_LETTERS = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))


@dataclass(frozen=True, slots=True)
class Item:
    """Something to hear: a track, an episode, or a chapter."""

    kind: str
    uri: str
    other_uri: str  # another id of the same recording
    name: str
    artists: tuple[str, ...]
    artist_ids: tuple[str, ...]
    album: str
    album_id: str
    duration_ms: int
    isrc: str


@dataclass(frozen=True, slots=True)
class Play:
    """One listening; times in ms since 1970. `offline_form`: how an export writes `offline_at`."""

    item: Item
    uri: str
    start: int
    end: int
    ms_played: int
    platform: str
    country: str
    reason_start: str
    reason_end: str
    shuffle: bool | None
    skipped: bool | None
    offline: bool | None
    incognito: bool | None
    offline_at: int | None
    offline_form: str
    hidden: bool  # exports have no metadata of it
    video: bool  # exports have it in a file of its own


def life(
    rows: int,
    seed: int = 1,
    *,
    quirks: bool = True,
    repeated: float = 0.0,
    wrong_times: float = 0.0,
    first: datetime = FIRST,
    last: datetime = LAST,
) -> Iterator[Play]:
    """That many plays, in order of their end; without `quirks` only plain tracks.

    Of the rows `repeated` is the share that stands twice, and `wrong_times` the share whose time
    is off by up to two days, in either direction.
    """
    rng = np.random.default_rng(seed)
    items = _items(max(20, rows // 25), rng, quirks)
    chosen = (len(items) * rng.random(rows) ** 2.5).astype(int)
    length = np.array([item.duration_ms for item in items])[chosen]
    kept = rng.random(rows)
    played = np.where(kept < 0.12, rng.integers(0, 30_000, rows), length)
    played = np.where((kept > 0.12) & (kept < 0.3), (length * rng.random(rows)).astype(int), played)
    played = np.where(kept < 0.01, 0, played)
    begin, span = int(first.timestamp() * 1000), int((last - first).total_seconds() * 1000)
    if played.sum() > 0.7 * span:  # more than a life has room for: all is heard in shorter bits
        played = (played * (0.7 * span / played.sum())).astype(int)
    pauses = np.where(rng.random(rows) < 0.1, rng.exponential(1, rows), 0.0)
    free = span - int(played.sum()) - 700 * rows
    gaps = 1 + (pauses / max(pauses.sum(), 1e-9) * max(free, 0)).astype(np.int64)
    gaps += rng.integers(0, 700, rows)
    ends = begin + np.cumsum(played + gaps)
    drawn = {name: rng.random(rows) for name in ("alt", "hidden", "video", "null", "offline")}
    picks = rng.integers(0, 2**31, (rows, 4))
    ends += np.where(
        rng.random(rows) < wrong_times, rng.integers(-172_800_000, 172_800_000, rows), 0
    )
    twice = rng.random(rows) < repeated
    before: Play | None = None
    trips = (ends // 864_000_000) % 97  # ten days each
    for at in range(rows):
        if before is not None and twice[at]:
            yield before
            continue
        item = items[chosen[at]]
        end, ms = int(ends[at]), int(played[at])
        pick = picks[at]
        names = _PLATFORMS_THEN if end < _PLATFORM_CHANGE else _PLATFORMS_NOW
        null, offline = drawn["null"][at], drawn["offline"][at]
        done = ms >= item.duration_ms
        plain = not quirks
        before = Play(
            item=item,
            uri=item.other_uri if quirks and drawn["alt"][at] < 0.11 else item.uri,
            start=end - ms,
            end=end,
            ms_played=ms,
            platform=names[pick[0] % len(names)],
            country=_COUNTRIES[0 if plain else max(0, int(trips[at]) - 89)],
            reason_start=_STARTS[pick[1] % (5 if plain else 6)],
            reason_end="trackdone" if done else _ENDS[1 + pick[2] % (5 if plain else 6)],
            shuffle=bool(pick[3] & 1) if plain or null > 0.03 else None,
            skipped=(not done and bool(pick[3] & 2)) if plain or null > 0.2 else None,
            offline=bool(offline < 0.05) if plain or null > 0.01 else None,
            incognito=bool(pick[3] % 50 == 0) if plain or null > 0.02 else None,
            offline_at=(end - ms) // 1000 * 1000 if offline < 0.3 else None,
            offline_form=_form(offline, plain),
            hidden=quirks and drawn["hidden"][at] < 0.02,
            video=quirks and item.kind == "track" and drawn["video"][at] < 0.01,
        )
        yield before


def _form(offline: float, plain: bool) -> str:
    """How an export writes when a play was made offline, or that it was not."""
    if offline < 0.3:
        return "s" if plain or offline < 0.15 else "ms"
    return "null" if plain or offline < 0.6 else "0"


def _items(count: int, rng: np.random.Generator, quirks: bool) -> list[Item]:
    ids = iter(_ids(count * 4, rng))
    syllables = rng.integers(0, len(_SYLLABLES), (count, 8))
    syllables = np.where(rng.random((count, 1)) < _ODD, syllables, syllables % _PLAIN)
    kinds = rng.random(count)
    length = rng.integers(90_000, 420_000, count)
    items = []
    for at in range(count):
        name = "".join(_SYLLABLES[one] for one in syllables[at])
        artist = f"Artist {_SYLLABLES[syllables[at][0]]} {at % max(1, count // 9)}"
        kind = "track"
        if quirks and kinds[at] < 0.04:
            kind = "episode" if kinds[at] < 0.03 else "chapter"
        of_uri = "track" if kind == "track" else "episode"
        second = at % 7 == 0 and kind == "track"
        items.append(
            Item(
                kind=kind,
                uri=f"spotify:{of_uri}:{next(ids)}",
                other_uri=f"spotify:{of_uri}:{next(ids)}",
                name=f"{name} {at}",
                artists=(artist, f"Guest, {at} & Co") if second else (artist,),
                artist_ids=(next(ids), f"{at:022d}") if second else (next(ids),),
                album=f"Album {name[:4]} {at % max(1, count // 3)}",
                album_id=next(ids),
                duration_ms=int(length[at]) * (1 if kind == "track" else 8),
                isrc=f"XX{'A' if at % 2 else '1'}Z{at % 10}{at % 10_000_000:07d}",
            )
        )
    return items


def _ids(count: int, rng: np.random.Generator) -> list[str]:
    return ["".join(row) for row in _LETTERS[rng.integers(0, 62, (count, 22))]]
