"""An export's form: a folder with the bucket's objects under their keys, and what they are.

`objects.jsonl` has a line for each object, `accounts.jsonl` one for each account, without tokens.
`manifest.json` is written last: a folder without it is no export, and none is half of one.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from cli import accounts
from cli.errors import Trouble
from cli.target import Target

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
OBJECTS: Final = "objects.jsonl"
ACCOUNTS: Final = "accounts.jsonl"
# In the order in which a restore writes them. Staged rows and query results end by themselves.
ZONES: Final = ("raw/", "lake/", "queue/", "config/")
OF_ACCOUNTS: Final = ("raw/", "lake/")
AT_ONCE: Final = 8

Show = Callable[[int, int, int], None]  # objects done, of how many, bytes


@dataclass(frozen=True)
class Copied:
    """An object in an export: where it is (its key, and its path), what it holds, as S3 told."""

    key: str
    bytes: int
    sha256: str
    etag: str
    content_type: str
    metadata: Mapping[str, str]

    @classmethod
    def of_line(cls, line: str) -> "Copied":
        """Return an object as `objects.jsonl` has it; raises ValueError on anything else."""
        try:
            one = cls(**json.loads(line))
        except TypeError as error:
            raise ValueError(str(error)) from error
        if not one.key.startswith(ZONES) or ".." in PurePosixPath(one.key).parts:
            raise ValueError(f"{one.key!r} is no key of a lake")
        return one

    @property
    def line(self) -> str:
        """The object's line in `objects.jsonl`."""
        return json.dumps(asdict(self), sort_keys=True) + "\n"

    def wrong(self, folder: Path) -> str:
        """Say what is wrong with the object's file in a folder; empty where nothing is."""
        return wrong(folder / self.key, self.bytes, self.sha256)


def wrong(path: Path, size: int, sha256: str) -> str:
    """Say what is wrong with a file that was written so; empty where nothing is."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            if found != size:
                return f"has {found:,} bytes, not {size:,}"
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return "has other bytes than were written"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def write(path: Path, body: bytes) -> None:
    """Write a file whole, or not at all. Raises Trouble where the folder takes no more."""
    half = path.with_name(f"{path.name}.half")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        with suppress(OSError):
            half.unlink(missing_ok=True)
        raise Trouble(
            f"{path} cannot be written ({error.strerror}); when that is mended, run this again: it "
            "goes on from there."
        ) from error


def listed(target: Target, account: str | None) -> dict[str, "ObjectTypeDef"]:
    """Return what the bucket holds now, by key: of an account, or of everybody."""
    pages = target.s3.get_paginator("list_objects_v2")
    bucket = target.output("DataBucket")
    return {
        one["Key"]: one
        for zone in (OF_ACCOUNTS if account else ZONES)
        for page in pages.paginate(Bucket=bucket, Prefix=zone)
        for one in page.get("Contents", ())
        if account is None or accounts.is_of(one["Key"], account)
    }


def columns(target: Target) -> dict[str, list[str]]:
    """Return the columns of every table of the stack."""
    pages = target.glue.get_paginator("get_tables").paginate(DatabaseName=target.output("Database"))
    return {
        table["Name"]: [each["Name"] for each in table["StorageDescriptor"]["Columns"]]
        for page in pages
        for table in page["TableList"]
    }


def in_turn[Given, Made](
    work: Callable[[Given], Made], given: Iterable[Given], at_once: int = AT_ONCE
) -> Iterator[Made]:
    """Do some work for each, several at once, in order; the first failure ends it all."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield from pool.map(work, given)
    finally:
        pool.shutdown(cancel_futures=True)


def of_zones(copied: Iterable[Copied]) -> dict[str, Any]:
    """Count the objects and bytes of every zone, and of every table."""
    found: dict[str, dict[str, int]] = {}
    for one in copied:
        parts = one.key.split("/")
        name = "/".join(parts[:2]) if parts[0] in {"raw", "lake"} else parts[0]
        so_far = found.setdefault(name, {"objects": 0, "bytes": 0})
        so_far["objects"] += 1
        so_far["bytes"] += one.bytes
    return dict(sorted(found.items()))
