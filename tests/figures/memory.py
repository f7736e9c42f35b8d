"""A bucket in memory: what `Bucket` promises, without the hundred requests of a capture to moto."""

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import md5

from soundlake.store.objects import Bucket, ConflictError, StoredObject


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

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """All keys under a prefix, in order, those after the key `after`."""
        if not prefix.endswith("/"):
            raise ValueError(f"a prefix ends with a slash: {prefix}")
        with self._lock:
            begin = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after))
            end = bisect_left(self._keys, f"{prefix[:-1]}0")  # the sign after the slash
            return iter(self._keys[begin:end])

    def written(self, prefix: str) -> dict[str, datetime]:
        """All keys under a prefix, in order, with the time of their last writing."""
        return {key: self._objects[key][1].replace(microsecond=0) for key in self.keys(prefix)}
