"""Imports in the raw zone: what each was, how far it came, and whether it was taken back.

`raw/imports/<account>/<import id>/` has the kept rows of its files (`<number>.parquet`) and records
(`<number>-<what>.json`), each written once, and its metadata name the execution that brought it.
The last record says how the import stands, so that whatever is derived again from the raw zone
knows what was withdrawn.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soundlake.store.objects import (
    Bucket,
    ConflictError,
    CorruptObjectError,
    brought_by,
    decode,
)

ROOT = "raw/imports/"
BEGUN, CONCLUDED, WITHDRAWN = "begun", "concluded", "withdrawn"
_RECORD = ".json"
_ID_DIGITS = 16  # of the upload's SHA-256: enough that two files never share them


def import_id(sha256: str) -> str:
    """The name of the import of a file."""
    return sha256[:_ID_DIGITS]


def prefix(account: str, ident: str) -> str:
    """Where an import is in the raw zone."""
    return f"{ROOT}{account}/{ident}/"


def kept_key(raw_prefix: str, number: int) -> str:
    """The key of the kept rows of an import's file."""
    return f"{raw_prefix}{number:04d}.parquet"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an import stands: its last record's `what`, and what the last `begun` one says."""

    what: str
    begun: Mapping[str, Any]
    records: int


class Imports:
    """The imports in one bucket's raw zone."""

    def __init__(self, bucket: Bucket, execution: str | None = None) -> None:
        """What is recorded names the `execution` that does it."""
        self._bucket = bucket
        self._by = brought_by(execution)

    def standing(self, raw_prefix: str) -> Standing | None:
        """How an import stands; None where there is none. Raises CorruptObjectError."""
        keys = [key for key in self._bucket.keys(raw_prefix) if key.endswith(_RECORD)]
        if not keys:
            return None
        begun = [key for key in keys if _what(key) == BEGUN]
        if not begun:
            raise CorruptObjectError(f"{raw_prefix} has no record of its beginning.")
        stored = self._bucket.get(begun[-1])
        if stored is None:
            raise CorruptObjectError(f"{begun[-1]} is missing.")
        return Standing(_what(keys[-1]), decode(stored.body, begun[-1]), len(keys))

    def record(self, raw_prefix: str, before: Standing | None, what: str, says: Any) -> bool:
        """Write what becomes of an import, unless another run did since it was looked at."""
        number = (before.records if before else 0) + 1
        body = json.dumps(says, ensure_ascii=False, indent=1).encode()
        try:
            self._bucket.put(
                f"{raw_prefix}{number:03d}-{what}{_RECORD}",
                body,
                content_type="application/json",
                metadata=self._by,
            )
        except ConflictError:
            return False
        return True

    def prefixes(self, account: str | None = None) -> list[str]:
        """Where the imports of an account, or all of them, are in the raw zone, in order."""
        keys = self._bucket.keys(f"{ROOT}{account}/" if account else ROOT)
        return list(dict.fromkeys("/".join(key.split("/")[:4]) + "/" for key in keys))

    def standings(self, account: str | None = None) -> dict[str, Standing]:
        """How they stand, by where they are. Raises CorruptObjectError."""
        found = {each: self.standing(each) for each in self.prefixes(account)}
        return {each: standing for each, standing in found.items() if standing is not None}

    def named(self, ident: str) -> list[str]:
        """The prefixes of all accounts' imports of a name."""
        return [each for each in self.prefixes() if each.split("/")[3] == ident]


def _what(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(_RECORD).partition("-")[2]
