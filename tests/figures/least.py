"""The least that must be asked, from the world alone: what the product knows is not looked at.

Each line has its formula with the numbers in it. What somebody was asked once is never needed again
here, so this is the least of a lake that forgets nothing and asks nothing twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil

from local.spotify.settings import Mode
from local.spotify.world import Track, World

PLAYLIST_PAGE = 100  # entries that come with a playlist
SEVERAL = {"audio-features": 100, "albums": 20, "artists": 50, "tracks": 50}  # ids a request
RECCOBEATS = 40
# What tells what an app may do, by mode. Who is shown no playlist is asked about a second one, and
# who may not look up several is asked about one.
PROBES: dict[Mode, dict[str, int]] = {
    "extended": {"playlists/{id}": 1, "audio-features": 1, "audio-analysis/{id}": 1, "albums": 1},
    "development_2025": {
        "playlists/{id}": 2,
        "audio-features": 1,
        "audio-analysis/{id}": 1,
        "albums": 1,
    },
    "development": {
        "playlists/{id}": 2,
        "audio-features": 1,
        "audio-analysis/{id}": 1,
        "albums": 1,
        "albums/{id}": 1,
    },
}


@dataclass(frozen=True)
class Least:
    """So many requests to an endpoint: a formula with its numbers, and in general as a `rule`."""

    endpoint: str
    count: int
    formula: str
    rule: str


class Truth:
    """What is to be known of a world, and what of it has been asked; `analyses` a day at most."""

    def __init__(self, world: World, mode: Mode, *, analyses: int) -> None:
        self._world = world
        self._mode = mode
        self._analyses = self._left = analyses
        self._asked: dict[str, set[str]] = {}
        self._shown: dict[str, None] = {}

    def begin_day(self) -> None:
        """A day's analyses are asked in whichever runs of it."""
        self._left = self._analyses

    def run(self, shown: Iterable[Track], named: Iterable[Track] = ()) -> list[Least]:
        """One run's look-ups, of all tracks that answers have shown so far.

        Or only `named`, by a chart file or a page: what those are is to be asked.
        """
        carried, others = {one.id: one for one in shown}, {one.id: one for one in named}
        self._asked.setdefault("tracks", set()).update(carried)
        tracks = others | carried
        return [
            each
            for each in [
                self._several("tracks", others),
                *self._features(tracks),
                self._several("albums", {one.album_id for one in tracks.values()}),
                self._several("artists", {a for one in tracks.values() for a in one.artist_ids}),
                self._analysed(tracks),
            ]
            if each.count
        ]

    def _new(self, kind: str, wanted: Iterable[str]) -> list[str]:
        """Those that were not asked about yet; they are from now on."""
        asked = self._asked.setdefault(kind, set())
        new = [each for each in dict.fromkeys(wanted) if each not in asked]
        asked.update(new)
        return new

    def _several(self, kind: str, wanted: Iterable[str]) -> Least:
        new = len(self._new(kind, wanted))
        if self._mode == "development":
            return Least(f"{kind}/{{id}}", new, f"{new:,} {kind}", f"new {kind}")
        return _batched(kind, kind, new, SEVERAL[kind])

    def _features(self, tracks: dict[str, Track]) -> list[Least]:
        new = self._new("audio-features", tracks)
        if self._mode != "extended":
            return [_batched("reccobeats/audio-features", "tracks", len(new), RECCOBEATS)]
        unknown = sum(tracks[each].features is None for each in new)
        return [
            _batched("audio-features", "tracks", len(new), SEVERAL["audio-features"]),
            _batched("reccobeats/audio-features", "tracks", unknown, RECCOBEATS),
        ]

    def _analysed(self, tracks: Iterable[str]) -> Least:
        asked = self._asked.setdefault("audio-analysis", set())
        # A track that leaves the chart before its turn is wanted all the same.
        self._shown |= dict.fromkeys(tracks)
        new = [each for each in self._shown if each not in asked]
        new = new if self._mode == "extended" else []
        formula = f"min({len(new):,}, {self._left})"
        asked.update(new[: self._left])
        count = min(len(new), self._left)
        self._left -= count
        return Least("audio-analysis/{id}", count, formula, f"min(tracks, {self._analyses} a day)")


def probe(mode: Mode) -> list[Least]:
    """The first run's probe: one request for each thing that an app may be let do."""
    return [
        Least(endpoint, count, f"{count} of the probe", "the probe")
        for endpoint, count in PROBES[mode].items()
    ]


def playlists(world: World) -> list[Least]:
    """A look at every chart's playlist."""
    count, each = len(world.charts), f"ceil(50 / {PLAYLIST_PAGE})"
    return [Least("playlists/{id}", count, f"{count} charts x {each}", f"charts x {each}")]


def kworb(world: World) -> list[Least]:
    """A page of every chart a day, and what robots may do."""
    count = len(world.charts)
    return [
        Least("kworb.net/country", count, f"{count} charts", "charts"),
        Least("kworb.net/robots.txt", 1, "1 a day", "1 a day"),
    ]


def tokens(processes: Mapping[str, int]) -> list[Least]:
    """A token of the app's own for every process that asks Spotify; none lasts longer than one.

    `processes` by function.
    """
    names = ", ".join(f"{verb} {count}" for verb, count in processes.items())
    return [Least("api/token", sum(processes.values()), names, f"processes: {names}")]


def together(parts: Iterable[Least]) -> list[Least]:
    """The least of several runs, by endpoint."""
    found: dict[str, list[Least]] = {}
    for each in parts:
        found.setdefault(each.endpoint, []).append(each)
    return [_sum(all_of) if len(all_of) > 1 else all_of[0] for all_of in found.values()]


def _sum(parts: list[Least]) -> Least:
    """The same rule again and again; where several rules count for one endpoint, each by itself."""
    by_rule: dict[str, list[Least]] = {}
    for each in parts:
        by_rule.setdefault(each.rule, []).append(each)
    formula = " + ".join(
        f"{sum(each.count for each in same):,} ({rule}, {len(same)} times)"
        if len(same) > 1
        else same[0].formula
        for rule, same in by_rule.items()
    )
    return Least(parts[0].endpoint, sum(each.count for each in parts), formula, "")


def _batched(endpoint: str, what: str, new: int, most: int) -> Least:
    formula = f"ceil({new:,} / {most})"
    return Least(endpoint, ceil(new / most), formula, f"ceil(new {what} / {most})")
