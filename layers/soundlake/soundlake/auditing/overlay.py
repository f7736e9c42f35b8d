"""A bucket seen through what an audit derives: nothing that is written reaches the bucket."""

import heapq
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

from soundlake.store.objects import Bucket, ConflictError, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef


class Overlay(Bucket):
    """A bucket without the `hidden` objects, which are derived anew: writes stay in memory.

    What is not hidden is read from the bucket until it is written here.
    """

    def __init__(self, bucket: Bucket, hidden: Collection[str]) -> None:
        self.name = bucket.name
        self._bucket = bucket
        self._hidden = frozenset(hidden)
        self._made: dict[str, StoredObject] = {}
        self._lock = Lock()

    def get(self, key: str) -> StoredObject | None:
        """The object as it was made here, or else as the bucket has it."""
        made = self._made.get(key)
        if made is not None or key in self._hidden:
            return made
        return self._bucket.get(key)

    def end(self, key: str, size: int) -> bytes | None:
        """The last bytes of what `get` gives."""
        if key not in self._made and key not in self._hidden:
            return self._bucket.end(key, size)
        made = self.get(key)
        return made.body[-size:] if made else None

    def put(
        self,
        key: str,
        body: bytes,
        *,
        etag: str | None = None,
        overwrite: bool = False,
        content_type: str = "application/octet-stream",
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Keep an object here, on the condition that a bucket would look at."""
        del content_type
        with self._lock:
            made = self._made.get(key)
            if made is not None and not overwrite and etag != made.etag:
                raise ConflictError(key)
            self._made[key] = StoredObject(body, f'"{sha256(body).hexdigest()}"', metadata or {})

    def _listed(self, prefix: str, after: str = "") -> "Iterator[ObjectTypeDef]":
        made = sorted(
            key for key in list(self._made) if key.startswith(prefix) and (key > after or not after)
        )
        here: list[ObjectTypeDef] = [
            {"Key": key, "ETag": self._made[key].etag, "LastModified": datetime.now(UTC)}
            for key in made
        ]
        there = (
            entry
            for entry in self._bucket._listed(prefix, after)
            if entry["Key"] not in self._made and entry["Key"] not in self._hidden
        )
        return heapq.merge(here, there, key=lambda entry: entry["Key"])
