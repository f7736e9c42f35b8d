"""The kept rows of imported files: Parquet in the raw zone, each written once."""

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from soundlake.store import without_pandas
from soundlake.store.imports import kept_key
from soundlake.store.objects import Bucket, ConflictError, CorruptObjectError, brought_by

FOOTER = 65_536  # bytes at a file's end: a footer has 5,000 or so, more with each million rows

without_pandas.make_first_array()


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file's kept rows, and what it was called and is; `person` tells whose it is from others'.

    It is null where nobody is named.
    """

    key: str
    name: str
    kind: str
    rows: pa.Table
    person: str | None = None


class Kept:
    """The kept rows of one import."""

    def __init__(self, bucket: Bucket, raw_prefix: str, execution: str | None = None) -> None:
        """What is kept names the `execution` that brought it."""
        self._bucket = bucket
        self._by = brought_by(execution)
        self.prefix = raw_prefix

    def write(
        self, number: int, name: str, kind: str, rows: pa.Table, person: str | None = None
    ) -> str:
        """Keep a file's rows, and give their key; where they are kept already they stay."""
        said: dict[Any, Any] = {"file": name, "kind": kind}
        if person is not None:
            said["person"] = person
        out = BytesIO()
        described = rows.replace_schema_metadata(said)
        # Whoever reads them reads all of them: no bounds are needed.
        pq.write_table(described, out, compression="snappy", write_statistics=False)
        key = kept_key(self.prefix, number)
        with suppress(ConflictError):  # written once: by an earlier try of the same work
            self._bucket.put(
                key,
                out.getvalue(),
                content_type="application/vnd.apache.parquet",
                metadata=self._by,
            )
        return key

    def read(self, number: int) -> KeptFile | None:
        """A file's kept rows; None where there are none. Raises CorruptObjectError."""
        key = kept_key(self.prefix, number)
        stored = self._bucket.get(key)
        if stored is None:
            return None
        try:
            rows = pq.ParquetFile(BytesIO(stored.body)).read()
        except (pa.ArrowInvalid, OSError) as error:
            raise CorruptObjectError(
                f"{key} is not a whole Parquet file; restore its previous version."
            ) from error
        said = rows.schema.metadata or {}
        person = said[b"person"].decode() if b"person" in said else None
        return KeptFile(key, said[b"file"].decode(), said[b"kind"].decode(), rows, person)

    def numbers(self) -> list[int]:
        """The numbers of the files that are kept, in order."""
        keys = (key for key in self._bucket.keys(self.prefix) if key.endswith(".parquet"))
        return sorted(int(key[len(self.prefix) :].removesuffix(".parquet")) for key in keys)

    def name(self, number: int) -> str:
        """What a file was called; raises as `need` does."""
        end = self._bucket.end(kept_key(self.prefix, number), FOOTER)
        if end is not None:
            with suppress(pa.ArrowInvalid, OSError):  # longer than that, or damaged: `need` tells
                said = pq.read_metadata(BytesIO(end)).metadata or {}
                return said[b"file"].decode()
        return self.need(number).name

    def need(self, number: int) -> KeptFile:
        """A file's kept rows; raises CorruptObjectError where they are missing or damaged."""
        found = self.read(number)
        if found is None:
            raise CorruptObjectError(f"{kept_key(self.prefix, number)} is missing.")
        return found
