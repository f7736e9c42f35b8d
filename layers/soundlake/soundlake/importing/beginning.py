"""Beginning an import of listening history: what was uploaded, whose it is, and what is to be done.

Nothing of the upload is kept yet: Read keeps its rows, redacted.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from soundlake.importing import groups
from soundlake.importing.errors import HistoryError
from soundlake.importing.packages import Member, Package
from soundlake.store.accounts import AccountsTable
from soundlake.store.imports import (
    BEGUN,
    CONCLUDED,
    WITHDRAWN,
    Imports,
    import_id,
    prefix,
)
from soundlake.store.uploads import LARGEST_HISTORY, TooLargeError, UploadHead, Uploads
from soundlake.times import TimeError, format_time, parse_date, parse_time

COMMAND_LINE = "command-line"  # whose uploads are in a folder of this name, which is no account
MOST_FILES = 800  # a state carries what is told of each; 10 million rows are some 600
_PIECE = 8 * 1024 * 1024


# What the machine carries of an import.
TOLD = (
    "account",
    "import_id",
    "raw_prefix",
    "at",
    "kind",
    "name",
    "sha256",
    "bytes",
    "since",
    "until",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says of a history: whose it is, and of which span (days, UTC, both in it)."""

    account: str | None = None
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, account: str | None, since: str | None, until: str | None) -> "Asked":
        """Read it from the machine's input; raises HistoryError."""
        try:
            first = parse_date(since) if since else None
            last = parse_date(until) if until else None
        except TimeError as error:
            raise HistoryError(f"The span cannot be read: {error}") from error
        if first and last and first > last:
            raise HistoryError(f"The span ends before it begins: {first} to {last}.")
        return cls(account, first, last)

    def bounds(self) -> dict[str, str | None]:
        """The span as the first moment in it and the first after it."""
        after = self.until + timedelta(days=1) if self.until else None
        return {"since": _midnight(self.since), "until": _midnight(after)}


def _midnight(day: date | None) -> str | None:
    return format_time(datetime.combine(day, time(), UTC)) if day else None


@contextmanager
def fetched(uploads: Uploads, head: UploadHead) -> Iterator[tuple[BinaryIO, str]]:
    """An upload as a file here, with its SHA-256; raises TooLargeError unread."""
    if head.size > LARGEST_HISTORY:
        raise TooLargeError(head.size, LARGEST_HISTORY)
    digest = hashlib.sha256()
    with TemporaryFile() as file, uploads.open(head) as source:
        while piece := source.read(_PIECE):
            digest.update(piece)
            file.write(piece)
        file.seek(0)
        yield file, digest.hexdigest()


def owner(accounts: AccountsTable, asked: Asked, key: str, sha256: str, now: datetime) -> str:
    """Whose history an upload is.

    That is the account which a person names, or the first folder of its key, or the only one. Where
    there is none it makes one without consent, of the same name however often it is tried. Raises
    HistoryError where it cannot be told.
    """
    folder = key.partition("/")[0] if "/" in key else None
    found, damaged = accounts.all()
    known = [*(one.account for one in found), *(one.account for one in damaged)]
    of_folder = folder if asked.account is None and folder != COMMAND_LINE else None
    if of_folder is not None and of_folder not in known:
        raise HistoryError(
            "There is no account of the name that the first folder of its key has, which says "
            "whose it is; ./soundlake accounts lists those there are."
        )
    named = known_owner(known, asked.account or of_folder)
    return named or accounts.new_imported(now, _name(sha256)).account


def known_owner(known: Sequence[str], named: str | None) -> str | None:
    """Whose history an import is, of the accounts there are; None where there is none yet.

    `named` is the account that a person names. Raises HistoryError where it cannot be told.
    """
    if named is not None and named not in known:
        raise HistoryError(
            f"There is no account {named!r}; ./soundlake accounts lists those there are."
            if known
            else f"There is no account {named!r}, nor any other yet: without --account the import "
            "makes one."
        )
    if named is None and len(known) > 1:
        raise HistoryError(
            f"There are {len(known)} accounts: say whose history it is, with --account or by a "
            f"folder of that name in the uploads bucket: {', '.join(sorted(known))}."
        )
    return named or next(iter(known), None)


def _name(sha256: str) -> str:
    """The name of an account that a file makes, the same however often it is tried."""
    return f"i{sha256[-11:]}"


def begin(
    imports: Imports,
    package: Package,
    *,
    account: str,
    asked: Asked,
    about: Mapping[str, Any],
    start_time: str,
) -> dict[str, Any]:
    """Record an import's beginning: what is to be done, or that it was done before.

    `about` has the upload's sha256, bytes and name. Gives `status` `history` with the `import` and
    the `parts` of files to read; or `known`, where the very file was imported. Raises HistoryError
    where it was imported of another span, or has too many files.
    """
    if len(package.files) > MOST_FILES:
        raise HistoryError(
            f"It has {len(package.files):,} files of history; at most {MOST_FILES:,} are imported "
            "at once. Import some of them at a time."
        )
    raw_prefix = prefix(account, import_id(about["sha256"]))
    standing = imports.standing(raw_prefix)
    while standing is None or standing.what == WITHDRAWN:
        says = {
            "account": account,
            "import_id": import_id(about["sha256"]),
            "raw_prefix": raw_prefix,
            # Of one that was withdrawn the time stays: its rows in the tables are found by it.
            "at": standing.begun["at"] if standing else format_time(parse_time(start_time)),
            "kind": package.kind,
            **about,
            **asked.bounds(),
            "files": [member.name for member in package.files],
            "others": len(package.others),
        }
        imports.record(raw_prefix, standing, BEGUN, says)
        # What stands there may be what another run of the same file has begun meanwhile.
        standing = imports.standing(raw_prefix)
    begun = standing.begun
    if {name: begun[name] for name in ("since", "until")} != asked.bounds():
        raise HistoryError(
            f"It was imported before, as {begun['import_id']}, of another span (from "
            f"{begun['since'] or 'the beginning'} until {begun['until'] or 'the end'}); take that "
            f"back first: ./soundlake import --undo {begun['import_id']}."
        )
    told = {name: begun[name] for name in TOLD}
    if standing.what == CONCLUDED:
        return {"status": "known", "import": told}
    sizes = [(member.number, member.bytes) for member in package.files]
    members = {member.number: _told(member) for member in package.files}
    return {
        "status": "history",
        "import": told,
        "parts": [[members[number] for number in part] for part in groups.parts(sizes)],
    }


def _told(member: Member) -> dict[str, Any]:
    return {
        "number": member.number,
        "place": member.place,
        "name": member.name,
        "bytes": member.bytes,
        "kind": member.kind,
    }


def conclude(imports: Imports, raw_prefix: str) -> bool:
    """Record that all of an import's rows are in the lake; False if it was taken back meanwhile."""
    standing = imports.standing(raw_prefix)
    if standing is not None and standing.what == BEGUN:
        imports.record(raw_prefix, standing, CONCLUDED, {})
        standing = imports.standing(raw_prefix)
    return standing is not None and standing.what == CONCLUDED


def withdraw(imports: Imports, account: str | None, ident: str, start_time: str) -> dict[str, Any]:
    """Record that an import is taken back; its `import`, for the steps that do it.

    Doing it again does it again. Raises HistoryError where there is no such import.
    """
    found = [raw_prefix for raw_prefix in imports.named(ident) if _is_of(raw_prefix, account)]
    if not found:
        raise HistoryError(
            f"There is no import {ident!r}; ./soundlake imports lists those there are."
        )
    if len(found) > 1:
        raise HistoryError(f"Several accounts have an import {ident!r}; say whose, with --account.")
    standing = imports.standing(found[0])
    while standing is not None and standing.what != WITHDRAWN:
        imports.record(found[0], standing, WITHDRAWN, {"at": format_time(parse_time(start_time))})
        standing = imports.standing(found[0])
    if standing is None:
        raise HistoryError(f"There is no import {ident!r} (any more).")
    return {name: standing.begun[name] for name in TOLD}


def _is_of(raw_prefix: str, account: str | None) -> bool:
    return account is None or raw_prefix.split("/")[2] == account
