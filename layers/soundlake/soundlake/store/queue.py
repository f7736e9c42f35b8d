"""The enrichment queue in the bucket: one object, Enrich's alone, derived from the lake.

Its rows are Parquet; which objects of the lake they were made of, and the record of the last days,
stand in the file's metadata, so that all of it is written at once or not at all.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from soundlake.enriching.progress import Day
from soundlake.enriching.queue import COLUMNS, ROWS, SIGHTINGS, Wanted, as_sightings, seen
from soundlake.store.lake import Lake, to_parquet, until_unchanged
from soundlake.store.objects import Bucket, CorruptObjectError
from soundlake.store.places import QUEUE as KEY

VERSION = 2  # another one's rows are made anew
_METADATA = b"soundlake"


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue: its rows, and what they were made of.

    `parts` are the lake's parts (`plays/2026-11`) that have been looked at, each with what names
    its objects' contents; `known` how many ids of each kind the tables knew, by month; `days` the
    record. `bad` are those who were answered badly, as sources of genres may also do.
    """

    rows: pa.Table = field(default_factory=ROWS.empty_table)
    parts: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    days: Sequence[Day] = ()
    bad: Sequence[Wanted] = ()

    @property
    def sightings(self) -> pa.Table:
        """What the rows were made of."""
        return as_sightings(self.rows) if self.rows.num_rows else SIGHTINGS.empty_table()


def encode(queue: Queue) -> bytes:
    """The object's bytes."""
    facts = {
        "version": VERSION,
        "parts": dict(queue.parts),
        "known": {kind: dict(months) for kind, months in queue.known.items()},
        "days": [each.as_json() for each in queue.days],
        "bad": list(queue.bad),
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return to_parquet(queue.rows.replace_schema_metadata({_METADATA: text.encode()}))


def decode(body: bytes) -> Queue:
    """The queue in an object's bytes. Raises CorruptObjectError where there is none."""
    try:
        table = pq.ParquetFile(BytesIO(body)).read()
        facts: Any = json.loads((table.schema.metadata or {})[_METADATA])
        days = [Day.read(each) for each in facts["days"]]
        if facts["version"] != VERSION:
            return Queue(days=days)
        return Queue(
            table.replace_schema_metadata().select(ROWS.names).cast(ROWS),
            facts["parts"],
            # An older queue has one total for each kind, which tells too little.
            {kind: each for kind, each in facts["known"].items() if isinstance(each, dict)},
            days,
            [(str(kind), str(each)) for kind, each in facts.get("bad", ())],
        )
    except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptObjectError(
            f"{KEY} is not the enrichment queue: it is made anew from the lake, and how fast it "
            "gets less is measured anew."
        ) from error


class QueueStore:
    """The queue's object in one bucket. `problem` says why it had to be made anew, if it had."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.problem = ""

    def read(self) -> Queue:
        """The queue; an empty one where there is none that can be read."""
        stored = self._bucket.get(KEY)
        return self._decoded(stored.body) if stored else Queue()

    def _decoded(self, body: bytes) -> Queue:
        try:
            return decode(body)
        except CorruptObjectError as error:
            self.problem = str(error)
            return Queue()

    def replace(self, change: Callable[[Queue], Queue]) -> Queue:
        """Replace the queue by what `change`, which is pure, makes of it; it is left as it was
        where nothing changes. Raises ConflictError where others write it again and again.
        """

        def attempt() -> Queue:
            stored = self._bucket.get(KEY)
            after = change(self._decoded(stored.body) if stored else Queue())
            body = encode(after)
            if stored is None or body != stored.body:
                self._bucket.put(
                    KEY,
                    body,
                    etag=stored.etag if stored else None,
                    content_type="application/vnd.apache.parquet",
                )
            return after

        return until_unchanged(KEY, attempt)


class Parts:
    """The parts of the lake that name ids, each read once at most.

    `present` are all of them, each with what names its objects' contents.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._keys: dict[str, list[str]] = {}
        self._read: dict[str, tuple[pa.Table, list[str]]] = {}
        self.present: dict[str, str] = {}
        for table in COLUMNS:
            for month, objects in lake.parts(table).items():
                part = f"{table}/{month}"
                self._keys[part] = sorted(objects)
                named = "\n".join(f"{key} {etag}" for key, etag in sorted(objects.items()))
                self.present[part] = sha256(named.encode()).hexdigest()[:16]

    def seen(self, part: str) -> pa.Table:
        """The sightings in a part's objects, as far as these can be read."""
        if part not in self._read:
            table, _, _ = part.partition("/")
            rows, problems = self._lake.readable(table, self._keys[part], COLUMNS[table])
            self._read[part] = (seen(table, part, rows), problems)
        return self._read[part][0]

    def problems(self, part: str) -> list[str]:
        """A sentence for each of a part's objects that was found to be damaged."""
        return self._read[part][1] if part in self._read else []
