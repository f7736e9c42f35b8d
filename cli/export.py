"""Write what a stack holds into a folder, as open files, to be kept or brought into another stack.

The objects are a snapshot: when all are there, the bucket is listed again, and what was written
meanwhile is fetched once more, until nothing was. An export that was cut off goes on from there,
and one that is made again fetches only what is new.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError
from soundlake.accounts import to_item
from soundlake.store.objects import NOT_THERE
from soundlake.times import format_time

from cli import accounts
from cli.copies import (
    ACCOUNTS,
    MANIFEST,
    OBJECTS,
    VERSION,
    ZONES,
    Copied,
    Show,
    columns,
    in_turn,
    listed,
    of_zones,
    write,
)
from cli.errors import Misuse, Trouble
from cli.machines import now
from cli.target import Target

# A line for each object that is there, added as it comes: what a cut export goes on from.
UNFINISHED: Final = "unfinished.jsonl"
ROUNDS: Final = 10

LEFT_OUT: Final = (
    "Spotify's tokens and the app's id and secret: ./soundlake app and ./soundlake connect ask for "
    "them again.",
    "What is known of Spotify's quota, of waits and of what the app may do: the next runs find it "
    "out.",
    "Staged rows and answers to queries, which end by themselves, and uploads: what was imported "
    "of them is here.",
)
_SHARED: Final = (
    "What is nobody's own (charts, tracks, albums, artists, features): an export without --account "
    "has it."
)


def export(target: Target, folder: Path, account: str | None, show: Show) -> dict[str, Any]:
    """Write everything, or an account's, into a folder; return the manifest.

    Raises Misuse where the folder holds something else, or nobody has that name; Trouble where it
    cannot be written, or where something writes the lake all the time.
    """
    of = {"bucket": target.output("DataBucket"), "account": account}
    if account is not None:
        accounts.find(target, account)
    known = _begin(folder, of)
    there = {key: one for key, one in known.items() if not one.wrong(folder)}
    for _ in range(ROUNDS):
        before = listed(target, account)
        there = {key: there[key] for key in there.keys() & before.keys()}
        wanted = [
            key for key, one in before.items() if key not in there or there[key].etag != one["ETag"]
        ]
        if not wanted:
            break
        done, size = len(before) - len(wanted), 0
        with (folder / UNFINISHED).open("a", encoding="utf-8") as log:
            for one in in_turn(lambda key: _fetch(target, folder, key), wanted):
                done += 1
                if one is not None:
                    there[one.key] = one
                    size += one.bytes
                    log.write(one.line)
                    log.flush()
                show(done, len(before), size)
    else:
        raise Trouble(
            "Something writes the lake all the time; wait until no run is going (./soundlake "
            "status) and run this again: it goes on from there."
        )
    return _end(target, folder, of, sorted(there.values(), key=lambda one: one.key))


def _begin(folder: Path, of: Mapping[str, Any]) -> dict[str, Copied]:
    """Make the folder an unfinished export; return the objects that an earlier one has brought."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise Misuse(f"{folder} is no folder that can be used ({error.strerror}).") from error
    if there and not there & {MANIFEST, UNFINISHED}:
        raise Misuse(f"{folder} is not empty and no export; name a folder of its own.")
    lines: list[str] = []
    for name in (MANIFEST, UNFINISHED):
        if name in there:
            _check_same(folder / name, of)
    if UNFINISHED in there:
        lines = (folder / UNFINISHED).read_text(encoding="utf-8").splitlines()[1:]
    elif (folder / OBJECTS).is_file():
        lines = (folder / OBJECTS).read_text(encoding="utf-8").splitlines()
    known = {one.key: one for line in lines for one in _readable(line)}
    first = json.dumps({"soundlake_export": VERSION, **of}) + "\n"
    write(folder / UNFINISHED, (first + "".join(one.line for one in known.values())).encode())
    (folder / MANIFEST).unlink(missing_ok=True)
    return known


def _check_same(path: Path, of: Mapping[str, Any]) -> None:
    """Raise Misuse where an export in the folder is of another stack or account."""
    try:
        text = path.read_text(encoding="utf-8")
        said = json.loads(text if path.name == MANIFEST else text.partition("\n")[0])
        same = {name: said[name] for name in of} == of and said["soundlake_export"] == VERSION
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise Misuse(
            f"{path.parent} holds the export of another stack or account; name another folder."
        )


def _readable(line: str) -> Iterator[Copied]:
    """Give the object of a line; a line that was cut off has none, and it is fetched again."""
    try:
        yield Copied.of_line(line)
    except ValueError:
        return


def _fetch(target: Target, folder: Path, key: str) -> Copied | None:
    """Fetch an object; None where it was deleted meanwhile."""
    try:
        found = target.s3.get_object(Bucket=target.output("DataBucket"), Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_THERE:
            return None
        raise
    body = found["Body"].read()
    write(folder / key, body)
    return Copied(
        key,
        len(body),
        sha256(body).hexdigest(),
        found["ETag"],
        found["ContentType"],
        found["Metadata"],
    )


def _end(
    target: Target, folder: Path, of: Mapping[str, Any], copied: list[Copied]
) -> dict[str, Any]:
    """Write what stands beside the objects, and the manifest when all else is there."""
    account = of["account"]
    everybody, damaged = accounts.table(target).all()
    mine = [one for one in everybody if account in {None, one.account}]
    bodies = {
        OBJECTS: "".join(one.line for one in copied),
        ACCOUNTS: "".join(json.dumps(to_item(one), sort_keys=True) + "\n" for one in mine),
    }
    _delete_others(folder, {one.key for one in copied})
    for name, text in bodies.items():
        write(folder / name, text.encode())
    manifest = {
        "soundlake_export": VERSION,
        "made_at": format_time(now()),
        "stage": target.output("Stage"),
        **of,
        "accounts": [one.account for one in mine],
        "zones": of_zones(copied),
        "tables": columns(target),
        "files": [
            {
                "file": name,
                "bytes": len(text.encode()),
                "sha256": sha256(text.encode()).hexdigest(),
            }
            for name, text in bodies.items()
        ],
        "left_out": [*LEFT_OUT, *([_SHARED] if account else [])],
        "problems": [one.error for one in damaged if account in {None, one.account}],
    }
    write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    (folder / UNFINISHED).unlink(missing_ok=True)
    return manifest


def _delete_others(folder: Path, keys: set[str]) -> None:
    """Delete what an earlier export had and the lake has no more: so it was wanted."""
    for zone in ZONES:
        for path in sorted((folder / zone).rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(folder).as_posix() not in keys:
                path.unlink()
