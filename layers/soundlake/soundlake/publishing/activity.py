"""Music activity: an account's months whose plays, or whose tracks' details, have changed."""

from collections.abc import Callable, Iterable, Mapping, Set

import pyarrow as pa
import pyarrow.compute as pc

from soundlake.activity import activity_rows
from soundlake.publishing.answers import PendingAnswers
from soundlake.publishing.entities import NewTracks
from soundlake.publishing.names import PendingNames
from soundlake.publishing.newer import ACTIVITY, newer_plays
from soundlake.store.lake import Lake, Replaced, Row, month_of_key, object_key

MOST = 1_000_000  # plays a run derives of months that nothing new touches: a minute or two


def publish_activity(
    lake: Lake, account: str, new: NewTracks, answers: PendingAnswers, names: PendingNames
) -> dict[str, Replaced]:
    """Derive an account's months: those whose plays are newer, and those that anything new touches.

    `new` are tracks that are about to be added; of others the answers say something new, and of
    names what track they mean. Of months that are only newer, as an import leaves them, a run
    derives the latest ones, of so many plays; the next runs do the others.
    """
    newer = {*newer_plays(lake, account)}
    touched = {*_touched(lake, account, new.ids | answers.track_ids)}
    touched |= {*names.months(account)} - newer  # these know the names whenever they are derived
    later = sorted(newer - touched, reverse=True)
    known = Known(lake)
    done: dict[str, Replaced] = {}
    for month in [*sorted(touched), *later]:
        if month not in touched and sum(one.rows for one in done.values()) >= MOST:
            break
        done[month] = _publish(lake, account, month, new, answers=answers, names=names, known=known)
    return done


def _touched(lake: Lake, account: str, new_ids: set[str]) -> Iterable[str]:
    """The months with a play of a track of which something new is known."""
    if not new_ids:
        return
    values = pa.array(sorted(new_ids), pa.string())
    for key in lake.written(ACTIVITY, account):
        ids = lake.read(ACTIVITY, [key], ["track_id"]).column("track_id")
        if pc.any(pc.is_in(ids, value_set=values)).as_py():
            yield month_of_key(key)


def _publish(
    lake: Lake,
    account: str,
    month: str,
    new: NewTracks,
    *,
    answers: PendingAnswers,
    names: PendingNames,
    known: "Known",
) -> Replaced:
    def change(_: list[Row]) -> list[Row]:
        return activity_of(
            names.over(lake.read("plays", [object_key("plays", month, account)]).to_pylist()),
            known,
            tracks=new.over,
            features=answers.features,
            sections=answers.sections,
        )

    return lake.replace(ACTIVITY, month, account, change)


def activity_of(
    plays: list[Row],
    known: "Known",
    *,
    tracks: Callable[[Mapping[str, Row], Set[str]], Mapping[str, Row]],
    features: Mapping[str, Row],
    sections: Mapping[str, Row],
) -> list[Row]:
    """The activity of plays, by what tables know and what is about to be added to them.

    `tracks` gives the rows of tracks as they will be, `features` and `sections` are new rows.
    """
    track_ids = {row["track_id"] for row in plays if row["track_id"]}
    of = tracks(known.by_id("tracks", "track_id", track_ids), track_ids)
    album_ids = {row["album_id"] for row in (*of.values(), *plays) if row["album_id"]}
    return activity_rows(
        plays,
        of,
        known.by_id("albums", "album_id", album_ids),
        {**known.by_id("audio_features", "track_id", track_ids), **features},
        {**sections, **known.by_id("track_sections", "track_id", track_ids)},
    )


class Known:
    """The tables of tracks, albums and features, each read once for all months.

    Nobody but this run writes them, and it does so after their activity.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._tables: dict[str, pa.Table] = {}

    def by_id(self, table: str, id_column: str, wanted: set[str]) -> dict[str, Row]:
        """Some rows of a table, from whatever months; the earliest where an id is there twice."""
        if table not in self._tables:
            self._tables[table] = self._lake.read(table, self._lake.keys(table)).combine_chunks()
        found = self._tables[table]
        values = pa.array(sorted(wanted), pa.string())
        rows = found.filter(pc.is_in(found.column(id_column), value_set=values)).to_pylist()
        return {row[id_column]: row for row in reversed(rows)}
