"""S3 objects as the lake uses them: read, list, and write on a condition."""

import json
import random
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from gzip import BadGzipFile, compress, decompress
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

# What S3 calls an object that is not there, and a condition that does not hold.
NOT_THERE = {"NoSuchKey", "404"}
UNMET = {"PreconditionFailed", "412"}
# Another request for the object was under way: it says nothing of what is there.
_UNDECIDED = {"ConditionalRequestConflict", "409"}
_TRIES = 5  # where a write was undecided


class ConflictError(Exception):
    """The object was written by somebody else since it was read."""


class CorruptObjectError(Exception):
    """An object that cannot be decoded; the text names its key."""


class NotJsonError(CorruptObjectError):
    """An object that is whole and does not hold JSON: so it was written."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes, its ETag, and its user metadata."""

    body: bytes
    etag: str
    metadata: dict[str, str]


@cache
def s3_client() -> "S3Client":
    """The S3 client of this process; conditional writes need no more than its standard retries."""
    return boto3.client("s3", config=Config(retries={"mode": "standard", "max_attempts": 5}))


class Bucket:
    """One bucket's objects."""

    def __init__(
        self,
        name: str,
        client: "S3Client | None" = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._s3 = client or s3_client()
        self._sleep = sleep

    def get(self, key: str) -> StoredObject | None:
        """The object, or None where there is none."""
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_THERE:
                return None
            raise
        return StoredObject(answer["Body"].read(), answer["ETag"], answer["Metadata"])

    def end(self, key: str, size: int) -> bytes | None:
        """The last bytes of an object that has any, `size` at most, or None where there is none."""
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=key, Range=f"bytes=-{size}")
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_THERE:
                return None
            if error.response["Error"]["Code"] in {"InvalidRange", "416"}:
                return b""
            raise
        return answer["Body"].read()

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
        """Write an object whole: only where `etag` still stands, or where there is none yet.

        `overwrite` writes in any case. Raises ConflictError when the condition does not hold.
        """
        condition: dict[str, Any] = {}
        if not overwrite:
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        request: dict[str, Any] = {
            "Bucket": self.name,
            "Key": key,
            "Body": body,
            "ContentType": content_type,
            "Metadata": metadata or {},
            **condition,
        }
        for number in range(1, _TRIES + 1):
            try:
                self._s3.put_object(**request)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                # A 404 to IfMatch: the object read a moment ago was deleted.
                changed = etag is not None and code in _UNDECIDED | NOT_THERE
                if code in UNMET or changed:
                    raise ConflictError(key) from error
                # Whoever took this for a written object would lose what it was to hold.
                if code not in _UNDECIDED or number == _TRIES:
                    raise
                self._sleep(random.uniform(0, 0.1 * 2**number))  # noqa: S311 - only spreads retries
            else:
                return

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """All keys under a prefix that ends with a slash, in order, those after the key `after`."""
        return (entry["Key"] for entry in self._listed(prefix, after))

    def written(self, prefix: str) -> dict[str, datetime]:
        """All keys under a prefix, in order, with the time of their last writing (UTC, s)."""
        return {entry["Key"]: entry["LastModified"] for entry in self._listed(prefix)}

    def etags(self, prefix: str) -> dict[str, str]:
        """All keys under a prefix, in order, with the ETag of what each holds."""
        return {entry["Key"]: entry["ETag"] for entry in self._listed(prefix)}

    def _listed(self, prefix: str, after: str = "") -> "Iterator[ObjectTypeDef]":
        if not prefix.endswith("/"):
            raise ValueError(
                f"a prefix ends with a slash, or it also finds its longer namesakes: {prefix}"
            )
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, StartAfter=after
        )
        for page in pages:
            yield from page.get("Contents", ())


def delete_if(s3: "S3Client", bucket: str, key: str, etag: str) -> bool:
    """Delete an object if it is still the one with this ETag; whether it was."""
    try:
        if s3.head_object(Bucket=bucket, Key=key)["ETag"] != etag:
            return False
        # S3 compares once more: another object of the key may come right now.
        s3.delete_object(Bucket=bucket, Key=key, IfMatch=etag)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_THERE | UNMET:
            return False
        raise
    return True


def brought_by(execution: str | None) -> dict[str, str]:
    """The metadata that name the execution which brings a raw object.

    Where it has none (whoever invoked the function was no state machine), or one that is not ASCII
    as metadata must be, there are none: the time of the object tells of it then.
    """
    return {"execution": execution} if execution and execution.isascii() else {}


def pack(body: bytes) -> bytes:
    """Compress; the same bytes always give the same result."""
    return compress(body, compresslevel=6, mtime=0)


def unpack(body: bytes, key: str) -> bytes:
    """Decompress; raises CorruptObjectError naming the key."""
    try:
        return decompress(body)
    except (BadGzipFile, EOFError, zlib.error) as error:
        raise CorruptObjectError(f"{key} is not a whole gzip object.") from error


def decode(body: bytes, key: str) -> Any:
    """Read JSON; raises NotJsonError naming the key.

    Half a surrogate pair (`"\\ud800"`) is good JSON and no text: it becomes U+FFFD.
    """
    try:
        value = json.loads(body)
        return _as_text(value) if _SURROGATE.search(body) else value
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"{key} does not hold JSON.") from error


# A surrogate as an escape, or as the bytes that some write for one.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")


def _as_text(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case list():
            return [_as_text(each) for each in value]
        case dict():
            return {_as_text(name): _as_text(each) for name, each in value.items()}
        case _:
            return value
