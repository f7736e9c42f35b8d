"""Uploads: what a person puts into the uploads bucket, until it is imported.

The bucket has no versions: what is deleted is gone. What it holds may be personal.
"""

import io
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from soundlake.store.objects import NOT_THERE, UNMET, delete_if, s3_client

LARGEST = 10_000_000  # bytes of a chart; the largest charts have 30,000
LARGEST_HISTORY = 2_000_000_000  # bytes; 10 million rows of Spotify's are a zip of 600 million
_PIECE = 8 * 1024 * 1024  # bytes fetched at once
_PIECES = 3  # kept: a zip's directory at its end, and where two files of it meet

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class TooLargeError(Exception):
    """An upload that is larger than anything that is imported; the text says how large."""

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(f"It has {size:,} bytes; the most are {largest:,}.")


@dataclass(frozen=True, slots=True)
class UploadHead:
    """What there is of an upload without reading it: bytes, ETag, and when it came (UTC)."""

    key: str
    size: int
    etag: str
    at: datetime


class UploadGoneError(Exception):
    """An upload that was deleted, or replaced, while it was read."""


class _Ranges(io.RawIOBase):
    """An upload's bytes, fetched piece by piece as they are read.

    A zip is read here and there, and each of its files begins at its end: so the last few pieces
    are kept.
    """

    def __init__(self, s3: "S3Client", bucket: str, head: UploadHead) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._head = head
        self._at = 0
        self._piece = lru_cache(_PIECES)(self._fetch)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._head.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._head.size:
            return 0
        number, start = divmod(self._at, _PIECE)
        body = memoryview(self._piece(number))[start : start + len(buffer)]
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)

    def close(self) -> None:
        self._piece.cache_clear()
        super().close()

    def _fetch(self, number: int) -> bytes:
        first = number * _PIECE
        last = min(first + _PIECE, self._head.size) - 1
        try:
            answer = self._s3.get_object(
                Bucket=self._bucket,
                Key=self._head.key,
                Range=f"bytes={first}-{last}",
                IfMatch=self._head.etag,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_THERE | UNMET:
                raise UploadGoneError("The upload is gone.") from error
            raise
        return answer["Body"].read()


class Uploads:
    """The uploads in one bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3 = s3_client()

    def head(self, key: str) -> UploadHead | None:
        """An upload's size, ETag and time, or None where there is none (any more)."""
        try:
            answer = self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_THERE:
                return None
            raise
        return UploadHead(key, answer["ContentLength"], answer["ETag"], answer["LastModified"])

    def open(self, head: UploadHead) -> io.BufferedReader:
        """An upload as a file that is fetched as it is read; one that changes meanwhile raises.

        UploadGoneError is what it raises then.
        """
        return io.BufferedReader(_Ranges(self._s3, self._bucket, head))

    def delete(self, key: str, etag: str) -> bool:
        """Delete an upload if it is still the one with this ETag; whether it was."""
        return delete_if(self._s3, self._bucket, key, etag)
