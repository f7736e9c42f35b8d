"""Made-up listening, heard once and told twice or more: captured, exported, scrobbled, with noise.

Every row is known to be of one listening, so what a rule makes of the rows can be counted. A
listener has some hundred tracks that are heard often and many that are not, hears in sessions,
skips, and now and then hears a track again at once. All comes from a seed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from soundlake.store.schemas import SCHEMAS

Array = Any
TRACKS, ARTISTS = 4000, 900
BEGIN = 1_388_534_400_000  # 2014-01-01, in ms
MONTH = 2_629_800_000  # ms, about
LISTED = 30_000  # ms heard, before Spotify lists a play
CAPTURED, EXTENDED, ACCOUNT = "spotify_recently_played", "spotify_extended", "spotify_account"
# What ListenBrainz has of the extended export, and what it reads as captures do.
TAKEN, READ = "listenbrainz_of_files", "listenbrainz_of_spotify"


@dataclass(frozen=True, slots=True)
class Noise:
    """How sources tell the same listening otherwise; shares are of 1."""

    meaning: str = "end"  # of captured times: end, start, or session: now this, now that
    pauses: float = 0.0  # plays that were paused, a minute on average
    drift: int = 0  # ms that captured times are off, either way
    alternates: float = 0.0  # rows of exports with another id of the same recording
    wrong: float = 0.0  # rows of exports with a plainly wrong time
    missing: float = 0.0  # plays that one side lacks, as many the other
    repeats: float = 0.01  # plays after which the same track is heard again
    thrice: float = 0.0  # plays that are heard three times in a row
    edges: bool = False  # all is heard around the ends of months
    others: tuple[str, ...] = ()  # sources beside the capture and the extended export
    captured: bool = True
    extended: bool = True
    nameless: float = 0.0  # rows of the extended export that have no names
    spoken: float = 0.0  # of what is heard, episodes


CLASSES: dict[str, Noise] = {
    "seconds against milliseconds": Noise(),
    "starts against ends": Noise(meaning="start"),
    "starts and ends by turns": Noise(meaning="session"),
    "pauses": Noise(pauses=0.2),
    "pauses, and starts": Noise(pauses=0.2, meaning="start"),
    "drift of 5 s": Noise(drift=5000),
    "alternate ids": Noise(alternates=0.11),
    "wrong times": Noise(wrong=0.08),
    "wrong times, and starts": Noise(wrong=0.08, meaning="start"),
    "one side missing": Noise(missing=0.1),
    "one side missing, and starts": Noise(missing=0.1, meaning="start"),
    "month edges": Noise(edges=True, meaning="session", drift=5000, pauses=0.05),
    "three times in a row": Noise(thrice=0.2),
    "three times in a row, and starts": Noise(thrice=0.2, meaning="start"),
    "three times in a row, by turns": Noise(thrice=0.2, meaning="session"),
    "three times in a row, one side missing": Noise(thrice=0.2, missing=0.1),
    "three times in a row, one side missing, and starts": Noise(
        thrice=0.2, missing=0.1, meaning="start"
    ),
    "account data": Noise(extended=False, others=("spotify_account",), alternates=0.11),
    "scrobbles": Noise(extended=False, others=("lastfm",)),
    "all sources": Noise(others=("spotify_account", "listenbrainz", "lastfm"), alternates=0.11),
    "Spotify's two exports": Noise(
        captured=False,
        others=(ACCOUNT,),
        alternates=0.11,
        wrong=0.08,
        missing=0.05,
        thrice=0.01,
        nameless=0.02,
        spoken=0.04,
    ),
    "ListenBrainz, of Spotify's files": Noise(
        others=(TAKEN, "listenbrainz"), meaning="session", pauses=0.1, drift=5000, alternates=0.11
    ),
    "ListenBrainz, of what Spotify lists": Noise(
        captured=False,
        others=(READ, TAKEN, "listenbrainz"),
        meaning="session",
        pauses=0.1,
        drift=5000,
        alternates=0.11,
    ),
    "ListenBrainz alone, of Spotify's files": Noise(
        extended=False, others=(TAKEN,), pauses=0.1, drift=5000, alternates=0.11
    ),
    "ListenBrainz alone, of Spotify's files, and starts": Noise(
        extended=False, others=(TAKEN,), pauses=0.1, drift=5000, alternates=0.11, meaning="start"
    ),
    "everything": Noise(
        meaning="session",
        pauses=0.1,
        drift=5000,
        alternates=0.11,
        wrong=0.08,
        missing=0.05,
        repeats=0.01,
        thrice=0.01,
        others=("spotify_account", "lastfm"),
    ),
}


@dataclass(slots=True)
class Life:
    """Observations, and for each of them its listening; what is known of the listenings."""

    observations: pa.Table
    listening: Array
    told_by: Array  # of each observation
    first: str  # who tells of it, beside whom the others' rows are looked at
    repeated: Array  # of each listening: whether the one before or after is of the same track
    agree: dict[str, Array]  # by source: of each listening, whether its time and the first's do


def life(seed: int, count: int, noise: Noise) -> Life:
    """The observations of about so many listenings."""
    some = np.random.default_rng(seed)
    track, repeated = _tracks(some, count, noise)
    count = len(track)
    tracks = np.random.default_rng(seed + 1)
    duration = np.clip(tracks.normal(215_000, 55_000, TRACKS), 45_000, 900_000).astype(np.int64)
    length = duration[track]
    kind = some.random(count)
    heard = np.where(
        kind < 0.7,
        length,
        np.where(kind < 0.84, some.integers(500, LISTED, count), some.integers(LISTED, length)),
    )
    pause = np.where(some.random(count) < noise.pauses, some.exponential(60_000, count), 0).astype(
        np.int64
    )
    begin = _begins(some, heard + pause, noise)
    end = begin + heard + pause
    captured = (heard >= LISTED) & (some.random(count) >= noise.missing)
    exported = some.random(count) >= noise.missing
    means_start = _means_start(some, begin, noise)
    rows: list[tuple[str, Array, Array]] = []
    drift = some.integers(-noise.drift, noise.drift + 1, count) if noise.drift else 0
    listed = np.where(means_start, begin, end) + drift
    if noise.captured:
        rows.append((CAPTURED, captured, listed))
    ts = end + _shifts(some, count, noise)
    sources = ([EXTENDED] if noise.extended else []) + list(noise.others)
    for source in sources:
        if source == EXTENDED:
            rows.append((source, exported, ts // 1000 * 1000))
        elif source == ACCOUNT:
            # Of two exports alone either may lack a play; beside a capture both lack the same.
            known = exported if noise.captured else some.random(count) >= noise.missing
            rows.append((source, known, ts // 60_000 * 60_000))
        elif source == TAKEN:
            # What is shorter it takes where it was heard to its end.
            taken = exported & ((heard >= LISTED) | (heard >= length))
            rows.append((source, taken, ts // 1000 * 1000))
        elif source == READ:
            rows.append((source, captured, listed // 1000 * 1000))
        else:
            told = (heard >= np.minimum(length // 2, 240_000)) & (some.random(count) >= 0.02)
            rows.append((source, told, begin // 1000 * 1000))
    # Whether an item is spoken is its own, as its name is.
    spoken = tracks.random(TRACKS) < noise.spoken
    tables = []
    listening = []
    for source, known, time in rows:
        which = np.flatnonzero(known)
        other = some.random(len(which)) < noise.alternates
        table = _table(
            source,
            which,
            time=time,
            track=track,
            length=length,
            heard=heard,
            other=other,
            hidden=some.random(len(which)) < noise.nameless if noise.nameless else other & False,
            spoken=spoken,
        )
        tables.append(table)
        listening.append(which)
    agree = {row[0]: _agree(rows[0], row, ts, heard, length) for row in rows[1:]}
    told_by = np.repeat([row[0] for row in rows], [len(each) for each in listening])
    return Life(
        pa.concat_tables(tables), np.concatenate(listening), told_by, rows[0][0], repeated, agree
    )


def _agree(first: Any, other: Any, ts: Array, heard: Array, length: Array) -> Array:
    """Whether both know a listening, at times within its length and a minute."""
    source, known, time = other
    # Account data cuts off the seconds of a time that is no worse.
    time = ts if source == ACCOUNT else time
    start = time - heard if source in {EXTENDED, ACCOUNT, TAKEN} else time
    apart = np.minimum(np.abs(first[2] - time), np.abs(first[2] - start))
    return first[1] & known & (apart <= length + 60_000)


def _tracks(some: Any, count: int, noise: Noise) -> tuple[Array, Array]:
    """What is heard one after the other, and what of it twice in a row or nearly."""
    weight = 1 / (np.arange(TRACKS) + 20)
    track = some.choice(TRACKS, count, p=weight / weight.sum())
    times = np.where(some.random(count) < noise.thrice, 3, 1)
    times = times + (some.random(count) < noise.repeats)
    track = np.repeat(track, times)[:count]
    near = np.zeros(len(track), bool)
    for apart in (1, 2, 3):
        same = track[apart:] == track[:-apart]
        near[apart:] |= same
        near[:-apart] |= same
    return track, near


def _begins(some: Any, lasts: Array, noise: Noise) -> Array:
    count = len(lasts)
    rest = np.where(some.random(count) < 0.1, some.exponential(20_000, count), 300)
    fresh = some.random(count) < 0.06
    fresh[0] = True
    away = np.where(fresh, some.lognormal(16.5, 1.0, count), rest).astype(np.int64)
    begin = BEGIN + np.cumsum(away + np.concatenate(([0], lasts[:-1])))
    if not noise.edges:
        return begin
    # Each session begins in the last hour of another month.
    session = np.cumsum(fresh) - 1
    first = begin[fresh][session]
    months = np.datetime64("2014-02", "M").astype(np.int64) + np.arange(session[-1] + 1)
    edge = months.astype("M8[M]").astype("M8[ms]").astype(np.int64)[session]
    return edge - some.integers(0, 3_600_000, session[-1] + 1)[session] + begin - first


def _means_start(some: Any, begin: Array, noise: Noise) -> Array:
    if noise.meaning != "session":
        return np.full(len(begin), noise.meaning == "start")
    fresh = np.concatenate(([True], np.diff(begin) > 1_800_000))
    session = np.cumsum(fresh) - 1
    return (some.random(session[-1] + 1) < 0.3)[session]


def _shifts(some: Any, count: int, noise: Noise) -> Array:
    """By how much exports are wrong: mostly by seconds or minutes, at most by two days."""
    size = np.exp(some.uniform(np.log(2_000), np.log(172_800_000), count))
    sign = np.where(some.random(count) < 0.5, 1, -1)
    return np.where(some.random(count) < noise.wrong, sign * size, 0).astype(np.int64)


def _table(
    source: str,
    which: Array,
    *,
    time: Array,
    track: Array,
    length: Array,
    heard: Array,
    other: Array,
    hidden: Array,
    spoken: Array,
) -> pa.Table:
    count = len(which)
    number = track[which]
    captured, extended, taken = (source == each for each in (CAPTURED, EXTENDED, TAKEN))
    listed = captured or source == READ
    exported = source in {EXTENDED, ACCOUNT}
    schema = SCHEMAS["observations"]
    names = pa.array([f"Title {each}" for each in range(TRACKS)])
    artists = pa.array(
        [None if spoken[each] else [f"Artist {each % ARTISTS}"] for each in range(TRACKS)]
    )
    shows = pa.array(
        [f"Show {each % ARTISTS}" if spoken[each] else None for each in range(TRACKS)], pa.string()
    )
    texts = pa.array(
        [f"spotify:track:{each:022d}" for each in range(TRACKS)]
        + [f"spotify:track:x{each:021d}" for each in range(TRACKS)]
    )
    said: dict[str, Any] = {
        "account": pa.repeat(pa.scalar("listener"), count),
        "source": pa.repeat(pa.scalar(source.partition("_of_")[0]), count),
        "time": pa.array(time[which]).cast(pa.timestamp("ms")),
        "time_meaning": pa.repeat(
            pa.scalar("unknown" if listed or taken else "end" if exported else "start"), count
        ),
        "time_precision": pa.repeat(
            pa.scalar("ms" if captured else "min" if source == ACCOUNT else "s"), count
        ),
        "track_name": names.take(pa.array(number, mask=hidden & extended)),
        "artist_names": artists.take(pa.array(number, mask=hidden & extended)),
        "album_name": shows.take(pa.array(number, mask=hidden & extended)),
        "kind": pa.array(np.where(spoken[number], "episode", "track")),
        "raw_keys": pa.array([f"raw/{source}/{turn // 50:08d}" for turn in range(count)]).cast(
            pa.string()
        ),
    }
    offsets = pa.array(np.arange(count + 1, dtype=np.int32))
    said["raw_keys"] = pa.ListArray.from_arrays(offsets, said["raw_keys"])
    if listed or taken:
        said["duration_ms"] = pa.array(length[which])
    if captured:
        said["context_type"] = pa.repeat(pa.scalar("playlist"), count)
        said["context_uri"] = pa.repeat(pa.scalar("spotify:playlist:one"), count)
        said["explicit"] = pa.array(number % 3 == 0)
    if listed or extended or taken:
        said["uri"] = texts.take(pa.array(number + TRACKS * other))
    if exported or taken:
        said["ms_played"] = pa.array(heard[which])
    if extended:
        done = heard[which] >= length[which]
        said["reason_end"] = pa.array(np.where(done, "trackdone", "fwdbtn"))
        said["reason_start"] = pa.repeat(pa.scalar("trackdone"), count)
        said["platform"] = pa.repeat(pa.scalar("android"), count)
        said["country"] = pa.array(np.where(number % 50 == 0, "SE", "NO"))
        said["shuffle"] = pa.array(number % 2 == 0)
    if not captured:
        rows = pa.array(np.arange(1, count + 1, dtype=np.int32))
        said["raw_rows"] = pa.ListArray.from_arrays(offsets, rows)
    arrays = [
        said[name].cast(schema.field(name).type) if name in said else pa.nulls(count, kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
