"""A bucket in memory: what `Bucket` promises, without the hundred requests of a capture to moto."""

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import md5
from typing import TYPE_CHECKING

from soundlake.store.objects import Bucket, ConflictError, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef


class MemoryBucket(Bucket):
    """Objects by key; `clock` tells when one was written (UTC).

    Those under `wrangled` are in moto's bucket of that name too: awswrangler reads them there.
    """

    def __init__(self, name: str, clock: Callable[[], datetime], wrangled: str) -> None:
        self.name = name
        self._wrangled = wrangled
        self._clock = clock
        self._lock = threading.RLock()
        self._objects: dict[str, tuple[StoredObject, datetime]] = {}
        self._keys: list[str] = []  # in order

    def get(self, key: str) -> StoredObject | None:
        """The object, or None where there is none."""
        found = self._objects.get(key)
        return found[0] if found else None

    def end(self, key: str, size: int) -> bytes | None:
        """The last bytes of an object."""
        found = self.get(key)
        return found.body[-size:] if found else None

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
        """Write an object whole, on the conditions that `Bucket` has."""
        with self._lock:
            before = self.get(key)
            if not overwrite and etag != (before.etag if before else None):
                raise ConflictError(key)
            if before is None:
                insort(self._keys, key)
            new = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
            self._objects[key] = (StoredObject(body, new, metadata or {}), self._clock())
            if key.startswith(self._wrangled):
                Bucket(self.name).put(key, body, overwrite=True)

    def _listed(self, prefix: str, after: str = "") -> "Iterator[ObjectTypeDef]":
        if not prefix.endswith("/"):
            raise ValueError(f"a prefix ends with a slash: {prefix}")
        with self._lock:
            begin = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after))
            end = bisect_left(self._keys, f"{prefix[:-1]}0")  # the sign after the slash
            entries = [(key, *self._objects[key]) for key in self._keys[begin:end]]
        for key, stored, at in entries:
            yield {"Key": key, "ETag": stored.etag, "LastModified": at.replace(microsecond=0)}
