"""The raw zone: what a source answered, byte for byte, written once and never changed.

An object's metadata says when the source answered (its own clock, UTC) and what was asked, the ids
of a batch too where they fit, and which execution brought it, where its key does not. Keys are
under `raw/`, end in `.json.gz` (a page's in `.html.gz` or `.txt.gz`), and carry the attempt, so
that a corrupt answer is superseded and not overwritten. Files that a person brings lie beside them.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from soundlake.store.objects import (
    Bucket,
    ConflictError,
    CorruptObjectError,
    StoredObject,
    brought_by,
    decode,
    pack,
    unpack,
)
from soundlake.times import TimeError, format_time, parse_time

if TYPE_CHECKING:
    from soundlake.sources.web import Answer

_ASKED = ".asked.json"
_JSON = ".json.gz"
_ENDINGS = (_JSON, ".html.gz", ".txt.gz")
# S3 keeps 2 KiB of metadata with an object: names and values together.
_REQUEST_CHARACTERS = 512
_ASKED_CHARACTERS = 1400


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A stored answer, decoded, with the source's time (UTC).

    `body` are the bytes of a page, whose `json` is None.
    """

    key: str
    json: Any
    at: datetime
    body: bytes = b""


class Raw:
    """The raw zone of one bucket; what is written to it names the `execution` that brought it."""

    def __init__(self, bucket: Bucket, execution: str | None = None) -> None:
        self._bucket = bucket
        self._by = brought_by(execution)

    def write(self, key: str, answer: "Answer", asked: list[str] | None = None) -> bool:
        """Keep an answer; where the key is taken, what is there stays, and the result is False.

        `asked` are the ids of a batch, which an answer of nulls does not repeat: they are kept
        with the answer, or, where they are too many, beside it and before it, so that no answer is
        ever without them.
        """
        request = answer.request[:_REQUEST_CHARACTERS]
        metadata = {"at": format_time(answer.at), "request": request}
        if asked is not None:
            ids = json.dumps(asked, separators=(",", ":"))  # ASCII, as metadata must be
            if len(ids) <= _ASKED_CHARACTERS:
                metadata["asked"] = ids
            else:
                self._put(key + _ASKED, ids.encode(), "application/json", {})
        return self._put(key, pack(answer.body), "application/gzip", metadata)

    def _put(self, key: str, body: bytes, content_type: str, metadata: dict[str, str]) -> bool:
        try:
            self._bucket.put(key, body, content_type=content_type, metadata=metadata | self._by)
        except ConflictError:
            return False  # written once: by an earlier try of the same work
        return True

    def read(self, key: str) -> RawAnswer | None:
        """A stored answer, or None; raises CorruptObjectError when it cannot be decoded."""
        stored = self._bucket.get(key)
        return None if stored is None else _answer(stored, key)

    def need(self, key: str) -> RawAnswer:
        """A stored answer that must be there; raises CorruptObjectError when it is not."""
        answer = self.read(key)
        if answer is None:
            raise CorruptObjectError(f"{key} is missing.")
        return answer

    def batch(self, key: str) -> tuple[RawAnswer, list[str]]:
        """A batch's answer and the ids that it is about; raises as `need` does."""
        stored = self._bucket.get(key)
        if stored is None:
            raise CorruptObjectError(f"{key} is missing.")
        return _answer(stored, key), self._asked(stored, key)

    def asked(self, key: str) -> list[str]:
        """The ids that a batch's answer is about, also where the answer itself is damaged.

        Raises CorruptObjectError where they are missing.
        """
        return self._asked(self._bucket.get(key), key)

    def _asked(self, stored: StoredObject | None, key: str) -> list[str]:
        beside = key + _ASKED
        if stored is not None and "asked" in stored.metadata:
            return _ids(stored.metadata["asked"].encode(), f"the asked ids of {key}")
        if (ids := self._bucket.get(beside)) is None:
            raise CorruptObjectError(f"{beside} is missing.")
        return _ids(ids.body, beside)

    def keys(self, prefix: str, after: str = "", before: str = "") -> list[str]:
        """The answers under a prefix, in order; of these the ones after and before two keys."""
        keys = self._bucket.keys(prefix, after)
        if before:
            keys = takewhile(lambda key: key < before, keys)
        return [key for key in keys if key.endswith(_ENDINGS)]


def _answer(stored: StoredObject, key: str) -> RawAnswer:
    try:
        at = parse_time(stored.metadata["at"])
    except (KeyError, TimeError) as error:
        raise CorruptObjectError(f"{key} does not say when it was answered.") from error
    body = unpack(stored.body, key)
    if key.endswith(_JSON):
        return RawAnswer(key, decode(body, key), at)
    return RawAnswer(key, None, at, body)


def _ids(body: bytes, name: str) -> list[str]:
    return [str(each) for each in decode(body, name)]
