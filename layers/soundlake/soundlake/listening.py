"""Which observations are the same listening: plays, made of all that any source said of them.

`pairing` pairs the rows of two sources; here sources are taken one after the other, and a play is
given the best of its rows. Everything is a pure function of the set of observations.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from soundlake.alignment import END, START
from soundlake.best_of import plays_of
from soundlake.coverage import Span
from soundlake.observed import ACCOUNT, CAPTURED, EXTENDED, SOURCES, Array, Rows, Units
from soundlake.pairing import HARDLY, SHORTEST, UNKNOWN, Side, match, overlapping
from soundlake.store.schemas import SCHEMAS

AMBIGUOUS = "ambiguous"  # it may be the same listening as another play of the track
ODD_TIME = "odd_time"  # by its times two things were heard at once, for more than a minute
OVERLAP = 60_000  # ms
# ListenBrainz has listens of its own, others of Spotify's files, and others that it read as a
# capture does. What their times mean differs, so these are three sources here.
_TAKEN, _READ = "listenbrainz, of files", "listenbrainz, of Spotify's list"
# Those that know a start and an end come first: the others' times are measured by them.
_JOINED = (
    EXTENDED,
    ACCOUNT,
    _TAKEN,
    CAPTURED,
    _READ,
    "koito",
    "maloja",
    "listenbrainz",
    "lastfm",
)
# What their times mean; the others' are starts.
_USUAL = {ACCOUNT: END, _TAKEN: UNKNOWN, CAPTURED: UNKNOWN, _READ: UNKNOWN}
_HEARD = {EXTENDED: 0, ACCOUNT: 0, _TAKEN: 0, CAPTURED: SHORTEST, _READ: SHORTEST}  # at least, ms


@dataclass(frozen=True, slots=True)
class Derived:
    """Plays (as `SCHEMAS["plays"]`, by time), and for each observation the row of its play.

    That row is -1 where the play is not among those that were asked for.
    """

    plays: pa.Table
    play_of: Array


def derive_plays(
    observations: pa.Table, zone: str | None = None, *, within: Span | None = None
) -> Derived:
    """The plays that these observations (as `SCHEMAS["observations"]`) are evidence of.

    `zone` is the account's own time zone, an IANA name. A play depends on what was heard around
    it, some days at most: the plays of a month follow from the observations of that month and
    the ones beside it. The order of the rows means nothing.

    With `within` (UTC, without zone, the second time excluded) only the plays are asked for that
    have an observation there: they are what they would be among all, and less has to be done.
    """
    if not observations.num_rows:
        return Derived(SCHEMAS["plays"].empty_table(), np.empty(0, np.int64))
    rows = Rows(observations.combine_chunks())
    units = Units(rows)
    asked = _asked(rows, units, within)
    play_of_unit, unsure = _joined(units, asked)
    play_of_unit[~_with(play_of_unit, asked)] = -1
    if (play_of_unit < 0).all():
        return Derived(SCHEMAS["plays"].empty_table(), np.full(len(rows.time), -1))
    flagged = {AMBIGUOUS: units.rows[unsure], ODD_TIME: units.rows[_odd_times(units)]}
    return Derived(*plays_of(rows, play_of_unit[units.of], flagged, zone))


def _asked(rows: Rows, units: Units, within: Span | None) -> Array:
    """The units with a row in a span."""
    asked = np.ones(len(units.time), bool)
    if within is not None:
        since, until = np.array(within, "datetime64[ms]").astype(np.int64)
        asked[:] = False
        asked[units.of[(rows.time >= since) & (rows.time < until)]] = True
    return asked


def _with(play: Array, asked: Array) -> Array:
    """The units whose play has one that is asked for."""
    some = np.zeros(len(play), bool)
    some[play[asked]] = True
    return some[play]


def _joined(units: Units, asked: Array) -> tuple[Array, Array]:
    """For each unit the number of its play, and whether its play may be another's.

    So of the plays of those units that are asked for.
    """
    play = np.arange(len(units.time))
    flagged = np.zeros(len(units.time), bool)
    known: Side | None = None
    there = [(name, own) for name in _JOINED if len(own := _told_by(units, name))]
    for name, own in there:
        side = Side.of(
            own,
            time=units.time[own],
            track=units.track[own],
            uri=units.uri[own],
            name=units.name[own],
            ms=units.ms[own],
            duration=units.duration[own],
            coarse=units.coarse[own],
            least=np.full(len(own), _HEARD.get(name, HARDLY)),
            spans=name in {EXTENDED, ACCOUNT},
        )
        if known is None:
            known = side.spread(np.full(len(own), _USUAL.get(name, START)))
            continue
        # What else is joined matters to sources that come after, and to nothing after the last.
        last = name == there[-1][0]
        found = match(known, side, _USUAL.get(name, START), _with(play, asked) if last else None)
        play[side.rows[found.right]] = play[known.rows[found.left]]
        flagged[known.rows[found.unsure_left]] = True
        flagged[side.rows[found.unsure_right]] = True
        if not last:
            known = known.joined(side, found)
    return play, flagged


def _told_by(units: Units, name: str) -> Array:
    """The units of a source; of files are those that say how long was heard."""
    source = name.partition(",")[0]
    own = units.source == SOURCES.index(source)
    if source == "listenbrainz":
        own &= units.untold == (name != source)
        if name != source:
            own &= (units.ms >= 0) == (name == _TAKEN)
    return np.flatnonzero(own)


def _odd_times(units: Units) -> Array:
    """The plays of the extended export of which some overlap for more than a minute."""
    own = np.flatnonzero(units.source == SOURCES.index(EXTENDED))
    end = units.time[own]
    start = end - np.maximum(units.ms[own], 0)
    return own[overlapping(start, end, np.full(len(own), OVERLAP))]
