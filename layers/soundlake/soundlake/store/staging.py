"""The staging zone: a chart day's rows and breaches between Transform and the steps after it.

State machines carry charts and dates, not data. The content follows from raw answers alone, so
writing it again writes the same; a lifecycle rule removes it after some days.
"""

import json
from datetime import date
from typing import Any

from soundlake.store.objects import Bucket, CorruptObjectError, decode, pack, unpack


def staging_key(chart: str, day: date, file: str | None = None) -> str:
    """Where a chart's day is staged: of an answer, or of the `file` with this name in `raw/`.

    Each file has a place of its own: imports and the daily machine do not wait for each other.
    """
    if file is None:
        return f"staging/daily/{day.isoformat()}/{chart}.json.gz"
    return f"staging/files/{day.isoformat()}/{chart}/{file}.json.gz"


class Staging:
    """The staging zone of one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def write(self, key: str, value: Any) -> None:
        """Keep a JSON value under a key, in the place of what was there."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        self._bucket.put(key, pack(body), overwrite=True, content_type="application/gzip")

    def read(self, key: str) -> Any:
        """The value under a key; raises CorruptObjectError when it is gone or damaged."""
        stored = self._bucket.get(key)
        if stored is None:
            raise CorruptObjectError(f"{key} is missing; run the day again to stage it anew.")
        return decode(unpack(stored.body, key), key)
