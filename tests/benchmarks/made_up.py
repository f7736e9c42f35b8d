"""A made-up chart day of as many charts as wanted, in the form of the real one.

Countries are two letters from AA on. Of a chart's 50 tracks 26 come from 300 that all charts share
and 24 are its own, as on a real day, where 72 charts show 1,759 tracks.
"""

import csv
import itertools
import random
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from tests.stack.conftest import FEATURES

SHARED, OWN, PLACES = 300, 24, 50
_SYLLABLES = ("ba", "lo", "mi", "ren", "sto", "va", "ki", "dun", "ela", "ory", "tes", "nu")


def countries(count: int) -> list[str]:
    """The first of AA to ZZ; there are 676."""
    pairs = itertools.product(ascii_uppercase, repeat=2)
    return ["".join(pair) for pair in itertools.islice(pairs, count)]


def chart_day(path: Path, charts: int, day: str) -> Path:
    """Write the day of `charts` charts as CSV."""
    chance = random.Random(charts)
    numbers = itertools.count(1)
    shared = [_track(next(numbers), chance) for _ in range(SHARED)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer: Any = None
        for country in countries(charts):
            own = [_track(next(numbers), chance) for _ in range(OWN)]
            shown = chance.sample(shared, PLACES - OWN) + own
            chance.shuffle(shown)
            for rank, track in enumerate(shown, 1):
                row = {"country": country, "daily_rank": rank, "snapshot_date": day} | track
                if writer is None:
                    writer = csv.DictWriter(file, list(row))
                    writer.writeheader()
                writer.writerow(row)
    return path


def base62(chance: random.Random) -> str:
    """An id in the form of Spotify's."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(chance.choices(letters, k=22))


def _track(number: int, chance: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {feature: round(chance.random(), 4) for feature in FEATURES}
    values |= {"key": chance.randrange(12), "mode": chance.randrange(2), "time_signature": 4}
    values |= {"loudness": round(-chance.random() * 20, 3)}
    values |= {"tempo": round(60 + 120 * chance.random(), 3)}
    artists = [_words(chance, 2) for _ in range(chance.choice((1, 1, 2, 3)))]
    return {
        "spotify_id": base62(chance),
        "name": f"Made-up {_words(chance, 3)} {number}",
        "artists": ", ".join(artists),
        "daily_movement": 0,
        "weekly_movement": 0,
        "popularity": chance.randrange(100),
        "is_explicit": chance.random() < 0.3,
        "duration_ms": chance.randrange(120_000, 260_000),
        "album_name": f"{_words(chance, 2)} {number}",
        "album_release_date": f"2024-{chance.randrange(1, 13):02d}-01",
    } | values


def _words(chance: random.Random, most: int) -> str:
    count = chance.randrange(1, most + 1)
    return " ".join("".join(chance.choices(_SYLLABLES, k=3)).title() for _ in range(count))
