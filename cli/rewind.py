"""Bring objects of the bucket back as they were at an instant, from the versions that S3 keeps.

What is replaced by that becomes a version in its turn, so a rewind can be rewound. Raw answers
only come back: none is taken away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError
from soundlake.store.objects import Bucket, ConflictError, delete_if
from soundlake.times import TimeError, parse_time

from cli.copies import ZONES, in_turn
from cli.errors import Misuse, Trouble
from cli.target import Target

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ObjectVersionTypeDef

LAKE: Final = "lake/"
RAW: Final = "raw/"


@dataclass(frozen=True)
class Step:
    """What is to be done with an object: bring a version back, or with None take it away.

    `etag` is what it holds now; None where it is not there.
    """

    key: str
    version: str | None
    etag: str | None


def parse_when(text: str, now: datetime) -> datetime:
    """Return an instant that is past (UTC); raise Misuse for anything else."""
    try:
        when = parse_time(text)
    except TimeError as error:
        raise Misuse(f"{text!r} is no time; write it in UTC, like 2026-11-20T18:00:00Z.") from error
    if when > now:
        raise Misuse(f"{text} is still to come; name a time that is past.")
    return when


def plan(target: Target, when: datetime, prefix: str, now: datetime) -> list[Step]:
    """Return what it takes to have the objects under a prefix (or the one of a key) as then.

    Raises Misuse for a prefix outside of what a lake keeps, or under which nothing ever was, and
    Trouble where S3 has forgotten since.
    """
    if f"{prefix}/" in ZONES:
        prefix = f"{prefix}/"
    if not prefix.startswith(ZONES):
        raise Misuse(f"{prefix!r} is not in {', '.join(ZONES)}; only what is there is kept.")
    days = _kept_days(target)
    if days is not None and when < now - timedelta(days=days):
        raise Trouble(
            f"What was replaced more than {days} days ago is gone for good (NoncurrentDays); name "
            "a later time, or restore an export."
        )
    known = list(_histories(target, prefix))
    if not known:
        raise Misuse(f"Nothing is under {prefix!r}, and S3 keeps no version of anything there.")
    return [step for each in known if (step := _step(each, when)) is not None]


def _kept_days(target: Target) -> int | None:
    """Return for how many days the bucket keeps what was replaced; None where it always does."""
    try:
        rules = target.s3.get_bucket_lifecycle_configuration(Bucket=target.output("DataBucket"))
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return None
        raise
    days = [
        expiration["NoncurrentDays"]
        for rule in rules.get("Rules", ())
        if (expiration := rule.get("NoncurrentVersionExpiration")) is not None
        and rule.get("Status") == "Enabled"
    ]
    return min(days, default=None)


@dataclass(frozen=True)
class _Version:
    key: str
    ident: str
    at: datetime
    etag: str | None  # None: a delete marker
    latest: bool


def _histories(target: Target, prefix: str) -> Iterator[list[_Version]]:
    """Give the versions of every object, the newest first."""
    pages = target.s3.get_paginator("list_object_versions").paginate(
        Bucket=target.output("DataBucket"), Prefix=prefix
    )
    found: dict[str, list[_Version]] = {}
    for page in pages:
        for each in page.get("Versions", ()):
            found.setdefault(each["Key"], []).append(_version(each, each["ETag"]))
        for marker in page.get("DeleteMarkers", ()):
            found.setdefault(marker["Key"], []).append(_version(marker, None))
    for key in sorted(found):
        # Of one second the latest is the newest; beyond that S3's own order, newest first, stays.
        yield sorted(found[key], key=lambda one: (one.at, one.latest), reverse=True)


def _version(one: "ObjectVersionTypeDef | DeleteMarkerEntryTypeDef", etag: str | None) -> _Version:
    at = one["LastModified"].astimezone(UTC)
    return _Version(one["Key"], one["VersionId"], at, etag, one["IsLatest"])


def _step(versions: Sequence[_Version], when: datetime) -> Step | None:
    """What an object needs; None where it is as it was."""
    now = versions[0]
    then = next((one for one in versions if one.at <= when), None)
    wanted = then.etag if then else None
    if wanted == now.etag:
        return None
    if wanted is None:
        return None if now.key.startswith(RAW) else Step(now.key, None, now.etag)
    return Step(now.key, then.ident if then else None, now.etag)


def rewind(target: Target, steps: Sequence[Step]) -> None:
    """Do the steps, each only where the object is as it was looked at; raises Trouble else."""
    bucket = Bucket(target.output("DataBucket"), target.s3)

    def do(step: Step) -> None:
        try:
            _do(target, bucket, step)
        except ConflictError as error:
            raise Trouble(
                f"{step.key} was written by somebody else meanwhile; wait until no run is going "
                "(./soundlake status) and run this again."
            ) from error

    for _ in in_turn(do, steps):
        pass


def _do(target: Target, bucket: Bucket, step: Step) -> None:
    if step.version is None:
        if step.etag is not None and not delete_if(target.s3, bucket.name, step.key, step.etag):
            raise ConflictError(step.key)
        return
    found = target.s3.get_object(Bucket=bucket.name, Key=step.key, VersionId=step.version)
    bucket.put(
        step.key,
        found["Body"].read(),
        etag=step.etag,
        content_type=found["ContentType"],
        metadata=found["Metadata"],
    )
