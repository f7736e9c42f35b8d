"""Bring an export into a stack that has nothing of it yet: the same objects, under the same keys.

Everything is checked before anything is written, and each object is written only where there is
none, so nobody's work is replaced. One that was cut off goes on when it is run again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import Any, Final

from soundlake.accounts import Account, AccountError, from_item, restored
from soundlake.store.objects import Bucket, ConflictError

from cli import accounts
from cli.copies import (
    ACCOUNTS,
    MANIFEST,
    OBJECTS,
    OF_ACCOUNTS,
    VERSION,
    ZONES,
    Copied,
    Show,
    columns,
    in_turn,
    listed,
    of_zones,
    wrong,
)
from cli.errors import Misuse, Trouble
from cli.target import Target

NAMED: Final = 5  # of what is wrong; the rest is counted


@dataclass(frozen=True)
class Export:
    """An export that is whole: where it is, what its manifest says, and what is in it."""

    folder: Path
    says: Mapping[str, Any]
    objects: list[Copied]
    accounts: list[Account]


def opened(folder: Path) -> Export:
    """Read an export, every byte of it.

    Raises Misuse where there is none, and Trouble where it is of a newer Soundlake or damaged,
    which names the files.
    """
    says = _manifest(folder)
    damaged = [
        f"{one['file']} {why}"
        for one in says["files"]
        if (why := wrong(folder / one["file"], one["bytes"], one["sha256"]))
    ]
    if damaged:
        raise _damaged(folder, damaged)
    try:
        lines = (folder / OBJECTS).read_text(encoding="utf-8").splitlines()
        objects = [Copied.of_line(line) for line in lines]
        items = (folder / ACCOUNTS).read_text(encoding="utf-8").splitlines()
        everybody = [from_item(json.loads(item)) for item in items]
    except (OSError, ValueError, AccountError) as error:
        raise _damaged(folder, [f"{OBJECTS} or {ACCOUNTS} cannot be used: {error}"]) from error
    found = in_turn(lambda one: (one.key, one.wrong(folder)), objects)
    damaged = [f"{key} {why}" for key, why in found if why]
    if damaged:
        raise _damaged(folder, damaged)
    return Export(folder, says, objects, everybody)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise Misuse(
            f"{folder} has no {MANIFEST}, so it is no export, or one that was cut off: run "
            f"./soundlake export {folder} again, and it goes on."
        )
    try:
        says: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(says["soundlake_export"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, [f"{MANIFEST} is no manifest"]) from error
    if version > VERSION:
        raise _newer(f"its form is version {version}, and this one knows {VERSION}")
    if missing := [name for name in ("files", "tables", "account") if name not in says]:
        raise _damaged(folder, [f"{MANIFEST} has no {missing[0]!r}"])
    try:
        listed = {str(one["file"]) for one in says["files"] if one["bytes"] >= 0 and one["sha256"]}
        whole = listed == {OBJECTS, ACCOUNTS} and all(map(list, says["tables"].values()))
    except (AttributeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise _damaged(folder, [f"{MANIFEST} is not as it was written"])
    return says


def _damaged(folder: Path, what: list[str]) -> Trouble:
    named = "\n  ".join(what[:NAMED])
    more = f"\n  and {len(what) - NAMED:,} more" if len(what) > NAMED else ""
    return Trouble(
        f"The export {folder} is damaged, and nothing was written. Take these files from another "
        f"copy of it, or export again:\n  {named}{more}"
    )


def _newer(why: str) -> Trouble:
    return Trouble(
        f"The export is of a newer Soundlake ({why}): update this one, deploy it, and restore "
        "again."
    )


def restore(target: Target, export: Export, at: datetime, show: Show) -> dict[str, Any]:
    """Write an export's objects and accounts into a stack at `at`; return what was done.

    Raises Trouble, before anything is written, where the stack has something else already, or
    tables that are older than the export's.
    """
    _check_tables(target, export)
    there = _there(target, export)
    _check_accounts(target, export)
    bucket = Bucket(target.output("DataBucket"), target.s3)
    # What decides what runs do comes last: the chart list, and then the accounts.
    ordered = sorted(export.objects, key=lambda one: (_zone(one.key), one.key))
    left = [one for one in ordered if one.key not in there]
    done, size = len(ordered) - len(left), 0
    for one in in_turn(lambda one: _bring(bucket, export.folder, one), left):
        done, size = done + 1, size + one.bytes
        show(done, len(ordered), size)
    brought = [_account(target, one, at) for one in export.accounts]
    return {
        "account": export.says["account"],
        "made_at": export.says.get("made_at"),
        "objects": len(left),
        "there_already": len(ordered) - len(left),
        "bytes": size,
        "zones": of_zones(ordered),
        "accounts": [accounts.described(one, {}, at) for one in brought],
    }


def _zone(key: str) -> int:
    return next(number for number, zone in enumerate(ZONES) if key.startswith(zone))


def _check_tables(target: Target, export: Export) -> None:
    """Raise Trouble where a table or column of the export is none of the stack's."""
    known = columns(target)
    for table, names in export.says["tables"].items():
        if table not in known:
            raise _newer(f"this stack has no table {table}")
        if unknown := [name for name in names if name not in known[table]]:
            raise _newer(f"this stack's table {table} has no column {unknown[0]}")


def _there(target: Target, export: Export) -> set[str]:
    """Return the keys that need not be written: what an earlier restore has brought.

    A chart list, or a queue, that the stack has of its own stays, too. Raises Trouble where
    anything else is there.
    """
    known = {one.key: one for one in export.objects}
    found: set[str] = set()
    others: list[str] = []
    for key, one in listed(target, export.says["account"]).items():
        same = key in known and _holds(export.folder, known[key], one["ETag"])
        if same or not key.startswith(OF_ACCOUNTS):
            found.add(key)
        else:
            others.append(key)
    if others:
        of = export.says["account"]
        whose = f"something of the account {of}" if of else "something"
        named = ", ".join(others[:NAMED])
        raise Trouble(
            f"{target.output('DataBucket')} has {whose} already that is not the export's, "
            f"{len(others):,} objects like {named}; nothing was written. Restore into a stack "
            "that is empty: docs/leaving.md."
        )
    return found


def _holds(folder: Path, one: Copied, etag: str) -> bool:
    """Tell whether an object of this ETag is the export's: as it was then, or by its MD5."""
    if one.etag == etag:
        return True
    with (folder / one.key).open("rb") as file:
        body = file.read()
    return md5(body, usedforsecurity=False).hexdigest() == etag.strip('"')


def _check_accounts(target: Target, export: Export) -> None:
    """Raise Trouble where a listener has another account in the stack already."""
    kept = accounts.table(target)
    for one in export.accounts:
        if one.spotify_id is None:
            continue
        try:
            has = kept.of_listener(one.spotify_id)
        except AccountError as error:
            raise Trouble(str(error)) from error
        name = has.account if has else kept.claimed_by(one.spotify_id)
        if name not in {None, one.account}:
            raise Trouble(
                f"The listener of {one.account} has the account {name} in this stack, and nothing "
                f"was written. End that one with ./soundlake disconnect {name} --delete-data, and "
                "restore again."
            )


def _bring(bucket: Bucket, folder: Path, one: Copied) -> Copied:
    body = (folder / one.key).read_bytes()
    try:
        bucket.put(one.key, body, content_type=one.content_type, metadata=dict(one.metadata))
    except ConflictError as error:
        raise Trouble(
            f"{one.key} was written by somebody else meanwhile; end what runs (./soundlake "
            "status), and restore into a stack that is empty: docs/leaving.md."
        ) from error
    return one


def _account(target: Target, one: Account, at: datetime) -> Account:
    """Write an account that the stack does not have; return the one it has then."""
    kept = accounts.table(target)
    has_token = accounts.has_token(target, one.account)
    after = one if has_token else restored(one, at)
    try:
        return after if kept.bring_back(after) else kept.get(one.account) or after
    except AccountError as error:
        raise Trouble(str(error)) from error
