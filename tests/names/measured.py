"""What becomes of a day's names: joined rightly, wrongly, or not at all."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soundlake.names import name_key, words
from soundlake.track_matching import LAKE, SEARCH, Candidate, Name, Spelling, match

from tests.names.distorted import OTHERS, SOURCES, Distortion, Said, Track, ending_in

Index = Mapping[str | None, Sequence[Track]]  # tracks by key
WAYS = (LAKE, SEARCH)
ANOTHER = "another recording"


@dataclass(slots=True)
class Line:
    """One distortion: how many names it makes, and what was found for them.

    `key` says it of the key alone, where "both" is a right recording and a wrong one at once;
    `found` of the match among what the lake, or Spotify's search, has; `without` counts matches
    where the track itself was not there, all of them wrong.
    """

    source: str
    distortion: str
    names: int = 0
    key: Counter[str] = field(default_factory=Counter)
    found: dict[str, Counter[str]] = field(default_factory=lambda: {way: Counter() for way in WAYS})
    without: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """The line as JSON has it."""
        return {
            "source": self.source,
            "distortion": self.distortion,
            "names": self.names,
            "key": dict(self.key),
            "found": {way: dict(counts) for way, counts in self.found.items()},
            "without": dict(self.without),
        }

    def add(self, other: "Line") -> None:
        """Count another line's names with these."""
        self.names += other.names
        self.key += other.key
        self.without += other.without
        for way in WAYS:
            self.found[way] += other.found[way]


def measured(tracks: Sequence[Track]) -> list[Line]:
    """A line for every distortion, then those of names of other recordings."""
    index = _indexed(tracks)
    lines = [
        _line(Line(source, name), distortion, tracks, index)
        for source, distortions in SOURCES.items()
        for name, distortion in distortions.items()
    ]
    return lines + [
        _line(Line(ANOTHER, ending.strip(" -")), _other(ending, tracks), tracks, index, other=True)
        for ending in OTHERS
    ]


def total(lines: Iterable[Line]) -> Line:
    """All lines in one."""
    found = Line("all", "")
    for line in lines:
        found.add(line)
    return found


def _other(ending: str, tracks: Iterable[Track]) -> Distortion:
    """Names of recordings that are none of the day's."""
    there = {(track.artists[0], words(track.title)) for track in tracks}

    def said(track: Track) -> Said | None:
        found = ending_in(ending)(track)
        known = found is None or (track.artists[0], words(found.title)) in there
        return None if known else found

    return said


def _indexed(tracks: Iterable[Track]) -> Index:
    found: dict[str | None, list[Track]] = defaultdict(list)
    for track in tracks:
        found[name_key(track.artists[0], track.title)].append(track)
    return found


def _line(
    line: Line,
    distortion: Distortion,
    tracks: Iterable[Track],
    index: Index,
    *,
    other: bool = False,
) -> Line:
    for track in tracks:
        said = distortion(track)
        if said is None:
            continue
        line.names += 1
        name = _name(said)
        there = index.get(name.key, ())
        meant = "" if other else track.recording
        line.key[_rated(meant, {each.recording for each in there})] += 1
        for way in WAYS:
            line.found[way][_rated(meant, _recordings(name, there, way))] += 1
            others = [each for each in there if each.recording != track.recording]
            line.without[way] += bool(_recordings(name, others, way))
    return line


def _rated(meant: str, found: set[str]) -> str:
    if not found:
        return "none"
    return "right" if found == {meant} else "both" if meant in found else "wrong"


def _recordings(name: Name, tracks: Sequence[Track], way: str) -> set[str]:
    """The recording of the track that a name is matched with."""
    found = match(name, [_candidate(each) for each in tracks], way).track_id
    return {each.recording for each in tracks if each.id == found}


def _name(said: Said) -> Name:
    key = name_key(said.artists[0], said.title) or ""
    albums = frozenset({said.album} if said.album else ())
    return Name(key, (Spelling(said.artists, said.title),), albums)


def _candidate(track: Track) -> Candidate:
    return Candidate(track.id, Spelling(track.artists, track.title), track.album, track.recording)


def wrong_pairs(tracks: Iterable[Track]) -> list[tuple[Track, Track]]:
    """Pairs of tracks of different recordings that have one key."""
    return [
        (one, each)
        for several in _indexed(tracks).values()
        for place, one in enumerate(several)
        for each in several[place + 1 :]
        if each.recording != one.recording
    ]


# What may be wrong at most, as shares of the names.
KEY_WRONG = 0.002  # a key that another recording has too
MATCH_WRONG = 0.0001
OTHERS_WRONG = 0.0002  # of names of recordings that are not there
WITHOUT_WRONG = 0.001  # of names whose track is not there
RIGHT = 0.94
PAIRS = 1


def wrong(lines: Sequence[Line], pairs: Sequence[tuple[Track, Track]]) -> list[str]:
    """What is wrong more often than it may be, a sentence each."""
    said = total(line for line in lines if line.source != ANOTHER)
    other = total(line for line in lines if line.source == ANOTHER)
    found = []
    if len(pairs) > PAIRS:
        found.append(f"{len(pairs)} pairs of recordings have one key.")
    if said.key["wrong"] + said.key["both"] > said.names * KEY_WRONG:
        found.append(f"The key of {said.key['wrong'] + said.key['both']} names is another's too.")
    for way in WAYS:
        if said.found[way]["wrong"] > said.names * MATCH_WRONG:
            found.append(f"{way}: {said.found[way]['wrong']} wrong joins.")
        if said.found[way]["right"] < said.names * RIGHT:
            found.append(f"{way}: only {said.found[way]['right']} right joins.")
        if other.found[way]["wrong"] > other.names * OTHERS_WRONG:
            found.append(f"{way}: {other.found[way]['wrong']} joins of other recordings.")
        if said.without[way] > said.names * WITHOUT_WRONG:
            found.append(f"{way}: {said.without[way]} joins without the track.")
    return found
