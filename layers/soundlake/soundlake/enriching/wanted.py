"""What one run finds wanted: the queue, brought up to date with the lake, and put back."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date

import pyarrow as pa

from soundlake import access
from soundlake.abilities import Ability
from soundlake.enriching import queue
from soundlake.enriching.allowed import Allowed
from soundlake.enriching.lookups import CATALOGUE
from soundlake.enriching.names import WantedNames
from soundlake.enriching.progress import Day, recorded
from soundlake.sources.base import FeatureSource
from soundlake.store import answers as kinds
from soundlake.store.answers import Answers
from soundlake.store.feature_answers import FeatureAnswers
from soundlake.store.lake import Lake
from soundlake.store.queue import Parts, Queue, QueueStore
from soundlake.store.raw import Raw
from soundlake.times import month_of

KINDS = {
    queue.TRACKS: kinds.TRACKS,
    queue.ARTISTS: kinds.ARTISTS,
    queue.ALBUMS: kinds.ALBUMS,
    queue.ANALYSES: kinds.ANALYSES,
    queue.NAMES: kinds.NAMES,
}


class Wanted:
    """What waits to be asked for: `order` is it, as of the run's beginning.

    `answers` are those of each kind but features, `answered` the ids that kept answers are about,
    `features` and `told` what sources told of features. `problems` are sentences on objects of the
    lake that cannot be read, `notes` are worth telling. Raises CorruptObjectError or SchemaError
    where a table that says what is known cannot be read, and MissingSecretError.
    """

    def __init__(self, day: date, lake: Lake, raw: Raw, allowed: Allowed) -> None:
        self._day, self._allowed = day, allowed
        self._store = QueueStore(access.bucket())
        self._parts = Parts(lake)
        month = month_of(day)
        self.answers = {name: Answers(kind, raw, lake) for name, kind in KINDS.items()}
        self.answered: dict[str, set[str]] = {}
        known: dict[str, dict[str, set[str]]] = {}
        for name, answers in self.answers.items():
            pending, _ = answers.readable(answers.pending(month))
            column = answers.kind.id
            self.answered[name] = {row[column] for rows in pending.values() for row in rows}
            tracks = name == queue.TRACKS
            known[name] = answers.ids_by_month() if tracks else answers.known_by_month()
        self.names = WantedNames(lake, day)
        known[queue.NAMES] = self.names.known_by_month()
        self.features = FeatureAnswers(raw, lake)
        known[queue.FEATURES] = self.features.known_by_month()
        self._known = {kind: set[str]().union(*ids.values()) for kind, ids in known.items()}
        self._counts = {
            kind: {month: len(ids) for month, ids in months.items()}
            for kind, months in known.items()
        }
        self.told = self.features.told(month)
        self._before = self._store.read()
        self._sightings = self._up_to_date(self._before)
        self._began = self._waiting(self._sightings)
        self.order = queue.bad_last(queue.in_order(self._began), self._before.bad)
        self.problems = [
            each for part in self._parts.present for each in self._parts.problems(part)
        ]
        self.notes = [self._store.problem] if self._store.problem else []

    def _up_to_date(self, before: Queue) -> pa.Table:
        """What is not known: by the queue of before, and the parts that changed since."""
        lost = any(
            counts.get(month, 0) < count
            for kind, counts in self._counts.items()
            for month, count in before.known.get(kind, {}).items()
        )
        # What a table no longer knows was left out when it did: all parts are looked at again.
        seen = {} if lost else before.parts
        sightings = before.sightings
        # Parts that are gone, whole or damaged; and what was `ASKED`, which is found anew.
        named = {str(each) for each in sightings.column("part").unique().to_pylist()}
        found: dict[str, pa.Table | None] = dict.fromkeys(named - self._parts.present.keys())
        for part, state in self._parts.present.items():
            if seen.get(part) != state:
                here = self._parts.seen(part)
                damaged = self._parts.problems(part)
                found[part] = queue.beside(sightings, part, here) if damaged else here
        sightings = queue.meant(queue.merged(sightings, found), self.names.track_of)
        sightings = queue.unknown(sightings, self._known)
        named = set(queue.by_kind(sightings).get(queue.FEATURES, ()))
        due = self._due([each for each in self.told.unknown if each not in named])
        return pa.concat_tables([sightings, queue.once_more(due, self._day)])

    def _waiting(self, sightings: pa.Table) -> pa.Table:
        """What may be asked for now, in order."""
        if not sightings.num_rows:
            return queue.waiting(sightings, (), {}, self._day)
        features = queue.by_kind(sightings).get(queue.FEATURES, ())
        settled: dict[str, Collection[str]] = {**self.answered}
        settled[queue.FEATURES] = set(features) - self._due(features)
        kinds = self._kinds()
        if queue.NAMES in kinds:
            names = set(queue.by_kind(sightings).get(queue.NAMES, ()))
            answered = self.answered[queue.NAMES]
            settled[queue.NAMES] = answered | self.names.settled(names - answered)
        return queue.waiting(sightings, kinds, settled, self._day)

    def _kinds(self) -> list[str]:
        """The kinds that somebody may be asked about."""
        found = [*CATALOGUE, queue.NAMES] if self._allowed.may(Ability.CATALOGUE) else []
        found += [queue.FEATURES] if self._allowed.sources() else []
        return found + ([queue.ANALYSES] if self._allowed.analyses() else [])

    def _due(self, track_ids: Sequence[str]) -> set[str]:
        """Those of some tracks whose features any source is to be asked for."""
        if not track_ids:
            return set()
        sources = self._allowed.sources()
        return {
            each
            for each in track_ids
            if not self.told.knows(each)
            and any(self.told.due(source.name, each, self._day) for source in sources)
        }

    def due_of(self, source: FeatureSource, held: Collection[str]) -> set[str]:
        """The tracks whose features a source is to be asked for, but for those held back."""
        features = {each for kind, each in self.order if kind == queue.FEATURES}
        return {
            each
            for each in self.still_due(source, features)
            if each not in held and not self.told.knows(each)
        }

    def still_due(self, source: FeatureSource, track_ids: Iterable[str]) -> set[str]:
        """Those of some tracks that a source has not answered for."""
        return {each for each in track_ids if self.told.due(source.name, each, self._day)}

    @property
    def anything(self) -> bool:
        """Whether anything is unknown, be it that nobody may be asked about it."""
        return self._sightings.num_rows > 0

    def put_back(self, badly: Sequence[queue.Wanted]) -> dict[str, int]:
        """Put the queue back, with what this run did on record; what is left, by kind.

        Those who were answered `badly` are asked about after the others next time.
        """
        after = self._store.replace(lambda before: self._change(before, badly))
        return {kind: left for kind, left in after.days[-1].left.items() if left}

    def _change(self, before: Queue, badly: Sequence[queue.Wanted]) -> Queue:
        same = before.parts == self._before.parts and before.rows.equals(self._before.rows)
        sightings = self._sightings if same else self._up_to_date(before)
        left = self._waiting(sightings)
        waited = before.rows.filter(before.rows.column("waiting"))
        kinds: Sequence[str] = self._kinds() if sightings.num_rows else queue.KINDS
        told = before.days[-1].left if before.days else {}
        if queue.NAMES not in told and queue.NAMES not in queue.by_kind(sightings):
            kinds = [each for each in kinds if each != queue.NAMES]  # most lakes have none
        whole = {
            part: state
            for part, state in self._parts.present.items()
            if not self._parts.problems(part)
        }
        waits = {*queue.in_order(left)}
        bad = queue.bad_now(before.bad, badly)
        return Queue(
            queue.as_rows(sightings, left),
            whole,
            self._counts,
            recorded(before.days, _day(self._day, kinds, (waited, self._began, left))),
            [each for each in bad if each in waits or each[0] not in queue.KINDS],
        )


def _day(day: date, kinds: Iterable[str], rows: tuple[pa.Table, pa.Table, pa.Table]) -> Day:
    """What a run did, by what waited before it, at its beginning and at its end."""
    came, done, left = {}, {}, {}
    before, began, end = (
        {kind: set(ids) for kind, ids in queue.by_kind(each).items()} for each in rows
    )
    nothing: set[str] = set()
    for kind in kinds:
        waited, now, still = (each.get(kind, nothing) for each in (before, began, end))
        came[kind] = len(now - waited)
        done[kind] = len((waited | now) - still)
        left[kind] = len(still)
    return Day(day, came, done, left)
