"""Uploads: what a person puts into the uploads bucket, until it is imported.

The bucket has no versions: what is deleted is gone. What it holds may be personal.
"""

from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from soundlake.store.objects import s3_client

LARGEST = 10_000_000  # bytes; the largest charts have 30,000

_NOT_THERE = {"NoSuchKey", "404"}


class TooLargeError(Exception):
    """An upload that is larger than anything that is imported; the text says how large."""

    def __init__(self, size: int, etag: str) -> None:
        super().__init__(f"It has {size:,} bytes; the most are {LARGEST:,}.")
        self.etag = etag


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload's bytes, its ETag, and when it came (S3's clock, UTC)."""

    body: bytes
    etag: str
    at: datetime


class Uploads:
    """The uploads in one bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3 = s3_client()

    def get(self, key: str) -> Upload | None:
        """An upload, or None where there is none (any more). Raises TooLargeError unread."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_THERE:
                return None
            raise
        with answer["Body"] as body:
            if answer["ContentLength"] > LARGEST:
                raise TooLargeError(answer["ContentLength"], answer["ETag"])
            return Upload(body.read(), answer["ETag"], answer["LastModified"])

    def etag(self, key: str) -> str | None:
        """An upload's ETag, or None where there is none."""
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_THERE:
                return None
            raise

    def delete(self, key: str, etag: str) -> bool:
        """Delete an upload if it is still the one with this ETag; whether it was."""
        if self.etag(key) != etag:
            return False
        # S3 compares once more: another file of the name may come right now.
        try:
            self._s3.delete_object(Bucket=self._bucket, Key=key, IfMatch=etag)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_THERE | {"PreconditionFailed", "412"}:
                return False
            raise
        return True
