"""Names that plays have in the place of a track, and the tracks that they mean."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from soundlake.enriching.queue import MUSIC
from soundlake.entities import entity_rows
from soundlake.publishing.entities import IDS, adding
from soundlake.publishing.newer import newer_plays
from soundlake.spotify.errors import BadAnswerError
from soundlake.store.answers import NAMES, Answers
from soundlake.store.lake import Lake, Replaced, Row, month_of_key, object_key
from soundlake.store.names import TABLE, LakeNames
from soundlake.store.objects import CorruptObjectError
from soundlake.store.raw import Raw
from soundlake.track_matching import LAKE, SEARCH, Candidate, Match, Name, match
from soundlake.track_names import candidate, decided, spelled


class PendingNames:
    """What is decided of names now: by the lake's own tracks first, then by what searches found.

    `changed` are the names of which the table will say another track than before. `problems` are
    sentences on answers that cannot be read.
    """

    def __init__(self, lake: Lake, raw: Raw, month: str) -> None:
        self._lake, self._month = lake, month
        self._names = LakeNames(lake)
        self._before = {key: row for key, (_, row) in self._names.rows.items()}
        self._answers = Answers(NAMES, raw, lake)
        good, bad = self._answers.readable(self._answers.pending(month))
        self._found: dict[str, list[Row]] = {}
        for row in (row for rows in good.values() for row in rows):
            self._found.setdefault(row["name_key"], []).append(row)
        known = {*self._found, *self._answers.known()}
        again = {key for key in bad if self._answers.superseded(key, known)}
        self.problems = [why for key, why in bad.items() if key not in again]
        rows = {row["name_key"]: row for row in self._decided()}
        self._rows = {key: row for key, row in rows.items() if row != self._before.get(key)}
        self.changed = {key for key, row in self._rows.items() if row["track_id"] != self._was(key)}

    def _was(self, key: str) -> str | None:
        track_id: str | None = self._before[key]["track_id"] if key in self._before else None
        return track_id

    def _anything(self) -> bool:
        """Whether there may be anything to decide: then all plays are looked at.

        Something was answered, some name's track is not known, or plays that are newer than what
        was derived from them have names, or spellings, that no row has.
        """
        if self._found or any(row["track_id"] is None for row in self._before.values()):
            return True
        for account in self._lake.owners("plays"):
            for month in newer_plays(self._lake, account):
                keys = [object_key("plays", month, account)]
                for key, name in self._names.names(parts=keys).items():
                    row = self._before.get(key)
                    if row is None or not {*spelled(name)} <= {*row["spellings"]}:
                        return True
        return False

    def _decided(self) -> Iterable[Row]:
        names = self._names.names() if self._anything() else {}
        open_ = {
            key: name
            for key, name in names.items()
            if key in self._found
            or self._was(key) is None
            or self._before[key]["spellings"] != spelled(name)
        }
        candidates = self._names.candidates(open_.values()) if open_ else {}
        for key in sorted(open_.keys() | self._found.keys()):
            before, new, name = self._before.get(key), self._found.get(key, []), open_.get(key)
            asked: list[str] = list(before["asked"] or ()) if before else []
            found = _matched(name, candidates.get(key, ()), [], LAKE)
            respelled = before is not None and before["spellings"] != spelled(name)
            if found.track_id is None:
                if asked and not new and not respelled:
                    continue
                answers = [*self._earlier(asked), *new]
                if answers:
                    found = _matched(name, candidates.get(key, ()), answers, SEARCH)
            asked_at = (new[-1] if new else before or {"asked_at": None})["asked_at"]
            asked += [each["raw_key"] for each in new]
            yield decided(key, name, found, asked=asked, asked_at=asked_at)

    def _earlier(self, asked: Iterable[str]) -> list[Row]:
        """What earlier searches for a name found, as far as it can be read."""
        found = []
        for raw_key in asked:
            with suppress(CorruptObjectError, BadAnswerError):
                found += self._answers.rows(raw_key)
        return found

    def over(self, plays: Iterable[Row]) -> list[Row]:
        """Plays with the tracks that their names mean, where these are known."""
        return with_tracks(plays, self._track_of)

    @cached_property
    def _track_of(self) -> dict[str | None, str]:
        rows = self._before | self._rows
        return {key: row["track_id"] for key, row in rows.items() if row["track_id"] is not None}

    def months(self, account: str) -> Iterable[str]:
        """The months in which an account has plays of names whose track has changed."""
        if self.changed:
            changed = pa.array(sorted(self.changed), pa.string())
            for key in self._lake.written("plays", account):
                names = self._lake.read("plays", [key], ["name_key"]).column("name_key")
                if pc.any(pc.is_in(names, value_set=changed)).as_py():
                    yield month_of_key(key)

    def publish_tracks(self) -> list[tuple[str, Replaced]]:
        """Add the tracks that searches have shown whole, and their albums and artists.

        This is before anything is derived from them: no row says yet that it was.
        """
        wanted = {row["track_id"] for row in self._rows.values()}
        shown = [
            (track, answer)
            for answers in self._found.values()
            for answer in answers
            for track in answer["tracks"]
            if track.id in wanted
        ]
        made: dict[str, list[Row]] = {table: [] for table in IDS}
        for track, answer in shown:
            at = answer["fetched_at"]
            for table, rows in entity_rows([track], at).items():
                made[table] += rows
            made["tracks"][-1] |= {
                "detailed_at": answer["asked_at"],
                "detail_raw_key": answer["raw_key"],
            }
        replaced = []
        for table, column in IDS.items() if shown else ():
            tables = self._lake.by_month(table, [column]).values()
            there = {each for rows in tables for each in rows.column(column).to_pylist()}
            new = [row for row in made[table] if row[column] not in there]
            change = adding(new, column)
            replaced.append((table, self._lake.replace(table, self._month, table, change)))
        return replaced

    def publish(self) -> list[tuple[str, Replaced]]:
        """Put the rows into the table, each into the month in which its name was first there."""
        by_month: dict[str, dict[str, Row]] = {}
        for key, row in self._rows.items():
            month = self._names.rows[key][0] if key in self._before else self._month
            by_month.setdefault(month, {})[key] = row
        replaced = []
        for month, rows in sorted(by_month.items()):

            def change(before: list[Row], new: dict[str, Row] = rows) -> list[Row]:
                merged = {row["name_key"]: row for row in before} | new
                return [merged[key] for key in sorted(merged)]

            replaced.append((TABLE, self._lake.replace(TABLE, month, TABLE, change)))
        return replaced


def with_tracks(plays: Iterable[Row], track_of: Mapping[str | None, str]) -> list[Row]:
    """Plays with the tracks that their names mean, where these are known."""
    return [
        play | {"track_id": track_of[play["name_key"]]}
        if play["name_key"] in track_of and play["kind"] in {None, MUSIC}
        else play
        for play in plays
    ]


def _matched(
    name: Name | None, known: Sequence[Candidate], answers: Iterable[Row], by: str
) -> Match:
    """The track that a name means of what searches have shown, and of what the lake has."""
    shown = {each.track_id: each for row in answers for each in map(candidate, row["tracks"])}
    if name is None:  # no play has it any more
        return Match(None, None, None, len({each.recording for each in shown.values()}))
    others = [each for each in known if each.track_id not in shown]
    return match(name, [*shown.values(), *others], by)
