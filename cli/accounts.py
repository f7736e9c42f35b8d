"""The connected accounts: how each is doing, and its end."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from soundlake.accounts import (
    WITHOUT_CONSENT,
    Account,
    AccountError,
    Damaged,
    State,
    consent_days_left,
    consent_ends,
    consent_warning,
    disconnected,
    hopeful,
    waits_for_user,
)
from soundlake.store.accounts import AccountsTable
from soundlake.times import format_time
from soundlake.zones import ZoneError, parse_zone

from cli import athena
from cli.errors import Misuse, Trouble
from cli.target import Target
from cli.world import has_parameter

# Where an account's data may be: whole zones are looked through, for whatever is of the account.
# Reports of audits have whole rows.
ZONES: Final = ("raw/", "lake/", "marts/", "scratch/")
QUERY_RESULTS: Final = "athena/"
DAMAGED: Final = "damaged"  # shown as the state of an account whose item cannot be read
LOST: Final = "lost"  # and of one whose item is gone, and whose plays are here
_BATCH: Final = 1000  # objects that S3 deletes at once
_ROUNDS: Final = 5
_BY: Final = "disconnect"  # whose a lease is that ends an account

Version = dict[str, str]


def table(target: Target) -> AccountsTable:
    """Return the stack's table of accounts."""
    return AccountsTable(target.output("AccountsTable"), target.dynamodb)


def listed(target: Target) -> list[Account]:
    """Return every account that can be read."""
    return table(target).all()[0]


def try_again(target: Target) -> None:
    """Let the next run capture what waits for something that a person has just mended."""
    for one in listed(target):
        table(target).replace(one, hopeful(one))


def _plays(target: Target) -> dict[str, int]:
    """Count the plays kept of every account."""
    prefix = "lake/plays/"
    bucket = target.output("DataBucket")
    found = target.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    if not found.get("KeyCount"):
        return {}
    result = athena.run(target, "SELECT account, count(*) AS plays FROM plays GROUP BY account")
    return {str(account): int(plays or 0) for account, plays in result.rows}


def show(target: Target, now: datetime, console: Console, *, as_json: bool) -> None:
    """Print every account with its state, what to do about it, and how long its consent lasts.

    One whose item cannot be read is among them, in a state of that name, and one whose plays are
    here without it, as in a stack over a bucket that came without its tables.
    """
    found, broken = table(target).all()
    plays = _plays(target)
    known = {*(one.account for one in found), *(one.account for one in broken)}
    broken = [*broken, *(Damaged(name, _lost(name)) for name in sorted(plays.keys() - known))]
    if as_json:
        told = [described(one, plays, now) for one in found]
        told += [_described_damaged(one, plays, _state(one, known)) for one in broken]
        json.dump(told, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    if not found and not broken:
        console.print("No account is connected yet; connect one with ./soundlake connect.")
        return
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Account", "Name", "State", "Last capture (UTC)", "Plays", "Consent", "Time zone"):
        shown.add_column(
            name,
            justify="right" if name == "Plays" else "left",
            overflow="fold",
            no_wrap=name in ("Account", "State", "Plays"),
        )
    for one in found:
        last = f"{one.last_capture_at:%Y-%m-%d %H:%M}" if one.last_capture_at else "never"
        kept = f"{plays.get(one.account, 0):,}"
        row = (one.account, one.name or "-", one.state.value, last, kept, _consent(one, now))
        shown.add_row(*row, one.time_zone or "-")
    for each in broken:
        kept = f"{plays.get(each.account, 0):,}"
        shown.add_row(each.account, "?", _state(each, known), "?", kept, "?", "?")
    console.print(shown)
    for one in found:
        for sentence in _sentences(one, now):
            console.print(f"{one.account}: {sentence}", highlight=False, soft_wrap=True)
    for each in broken:
        console.print(each.error, highlight=False, markup=False, soft_wrap=True)


def _lost(name: str) -> str:
    return (
        f"{name}: its data is here and its account is gone; ./soundlake connect --account {name} "
        "--time-zone ZONE makes it anew when its listener agrees."
    )


def _state(one: Damaged, known: Set[str]) -> str:
    return DAMAGED if one.account in known else LOST


def _consent(account: Account, now: datetime) -> str:
    if account.state is State.CONNECTING:
        return "not stored yet"
    if account.consented_at is None:
        return "none"
    if account.state in WITHOUT_CONSENT:
        return "ended"
    days = consent_days_left(account, now)
    return f"{days} day{'' if days == 1 else 's'} left"


def _sentences(account: Account, now: datetime) -> Iterator[str]:
    yield account.what_to_do
    if account.rejected_by and account.state is State.ACTIVE:
        yield "Spotify refused its consent once, which may be in passing; the next run will tell."
    if warning := consent_warning(account, now):
        yield warning


def described(account: Account, plays: dict[str, int], now: datetime) -> dict[str, Any]:
    """Return an account as JSON has it; times in ISO 8601 (UTC)."""
    last, end = account.last_capture_at, consent_ends(account)
    return {
        "account": account.account,
        "name": account.name,
        "state": account.state.value,
        "what_to_do": account.what_to_do,
        "since": format_time(account.since),
        "last_capture_at": format_time(last) if last else None,
        "plays": plays.get(account.account, 0),
        "consent_ends": format_time(end) if end else None,
        "consent_days_left": consent_days_left(account, now) if end else None,
        "warning": consent_warning(account, now),
        "time_zone": account.time_zone,
    }


def summary(target: Target, now: datetime) -> dict[str, Any]:
    """Return how many accounts are captured, and those that somebody must see to, as JSON has it.

    One whose item cannot be read is among the latter. Those that an import made are counted apart.
    """
    found, broken = table(target).all()
    imported = sum(one.state is State.IMPORTED for one in found)
    return {
        "connected": len(found) - imported + len(broken),
        "captured": sum(one.state is State.ACTIVE for one in found),
        "ended": sum(one.state is State.DISCONNECTED for one in found),
        "imported": imported,
        "time_zones": {one.account: one.time_zone for one in found},
        "waiting": [
            {"account": one.account, "state": one.state.value, "what_to_do": one.what_to_do}
            for one in found
            if waits_for_user(one)
        ]
        + [{"account": one.account, "state": DAMAGED, "what_to_do": one.error} for one in broken],
        "consents_ending": [
            {"account": one.account, "days_left": consent_days_left(one, now), "warning": warning}
            for one in found
            if (warning := consent_warning(one, now))
        ],
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Say a `summary` in a line, and one more for each account that somebody must see to."""
    more = f"; {found['imported']} imported, without a consent" if found["imported"] else ""
    if not found["connected"]:
        yield f"None is connected yet; connect one with ./soundlake connect{more}."
        return
    first = f"{found['captured']} of {found['connected']} captured"
    ended = f"; {found['ended']} ended here" if found["ended"] else ""
    yield f"{first}{ended}{more}."
    for one in found["waiting"]:
        yield f"{one['account']}: {one['what_to_do']}"
    for one in found["consents_ending"]:
        yield f"{one['account']}: {one['warning']}"


def _described_damaged(one: Damaged, plays: dict[str, int], state: str) -> dict[str, Any]:
    known = {"account": one.account, "state": state, "what_to_do": one.error}
    names = ("name", "since", "last_capture_at", "consent_ends", "consent_days_left", "warning")
    unknown = dict.fromkeys((*names, "time_zone"))
    return known | unknown | {"plays": plays.get(one.account, 0)}


#### ONE OF THEM ###################################################################################


def known_zone(text: str) -> str:
    """Return a time zone as tzdata spells it; raise Misuse where it is none."""
    try:
        return parse_zone(text)
    except ZoneError as error:
        raise Misuse(str(error)) from error


def names(target: Target) -> list[str]:
    """Return the name of every account, in their order."""
    found, broken = table(target).all()
    return sorted([*(one.account for one in found), *(one.account for one in broken)])


def only(target: Target) -> str:
    """Return the name of the only account; raise Misuse where there are none or several."""
    known = names(target)
    if len(known) == 1:
        return known[0]
    if known:
        raise Misuse(f"Say which account is meant: {', '.join(known)}.")
    raise Misuse("There is no account yet; connect one with ./soundlake connect.")


def move(target: Target, name: str, zone: str) -> None:
    """Write that an account's own time zone is `zone`. Raises Misuse, and Trouble for damage."""
    kept = table(target)
    try:
        while (before := kept.get(name)) is not None:
            if kept.replace(before, replace(before, time_zone=zone)):
                return
            # A capture changed it meanwhile; its zone is this one all the same.
    except AccountError as error:
        raise Trouble(str(error)) from error
    raise Misuse(f"There is no account {name!r}; ./soundlake accounts lists those there are.")


#### THE END #######################################################################################


@dataclass(frozen=True)
class Left:
    """What is left of an account: versions of objects (delete markers too), items, its token.

    Its items are its own, damaged or not, and its listener's claim. Its uploads are what somebody
    dropped into its folder, and no run has taken away yet.
    """

    versions: Sequence[Version]
    items: bool
    token: bool
    uploads: Sequence[str] = ()

    @property
    def nothing(self) -> bool:
        """Whether nothing is left."""
        return not (self.versions or self.items or self.token or self.uploads)


def find(target: Target, name: str) -> Account | Damaged | None:
    """Return an account; None where only data of that name is left. Raises Misuse for neither."""
    accounts, broken = table(target).all()
    everybody: list[Account | Damaged] = [*accounts, *broken]
    found = next((one for one in everybody if one.account == name), None)
    if found is None and left(target, name).nothing:
        raise Misuse(f"There is no account {name!r}; ./soundlake accounts lists those there are.")
    return found


def stop(target: Target, name: str, now: datetime) -> None:
    """End an account's capture and delete its tokens; what was captured stays.

    Raises Trouble where its item cannot be read, and so cannot be ended: the tokens are deleted.
    """
    accounts, unread = table(target), ""
    # A run that refreshes the token now, or a consent just given, must not write it again: what
    # lost the lease writes none, and where the lease was lost here, all is done once more.
    while accounts.seize(name, _BY, datetime.now(UTC)):
        unread = _end(accounts, name, now)
        _delete_token(target, name)
        if accounts.renew(name, _BY, datetime.now(UTC)):
            break
    else:
        _delete_token(target, name)
    if unread:
        raise Trouble(f"The tokens of {name} are deleted, but its state is as it was. {unread}")


def _end(accounts: AccountsTable, name: str, now: datetime) -> str:
    """Write that an account has ended; why not, where its item cannot be read."""
    try:
        while (before := accounts.get(name)) is not None:
            if accounts.replace(before, disconnected(before, now)):
                break
            # A capture changed it meanwhile; it is ended all the same.
    except AccountError as error:
        return str(error)
    return ""


def _token(target: Target, name: str) -> str:
    return f"{target.output('ParameterPrefix')}/accounts/{name}/token"


def has_token(target: Target, name: str) -> bool:
    """Tell whether an account's tokens are there, without reading them."""
    return has_parameter(target, _token(target, name))


def _delete_token(target: Target, name: str) -> None:
    if has_token(target, name):
        target.ssm.delete_parameter(Name=_token(target, name))


def is_of(key: str, name: str) -> bool:
    """Tell whether an object is an account's: a folder or a file of its name, or with it in it.

    Names are random, so a part of a key that is the same is no coincidence.
    """
    *folders, file = key.split("/")
    return name in re.split("[.-]", file) or any(
        part == name or part.endswith(f"={name}") for part in folders
    )


def _versions(target: Target, prefix: str) -> Iterator[Version]:
    pages = target.s3.get_paginator("list_object_versions").paginate(
        Bucket=target.output("DataBucket"), Prefix=prefix
    )
    for page in pages:
        for version in page.get("Versions", []):
            yield {"Key": version["Key"], "VersionId": version["VersionId"]}
        for marker in page.get("DeleteMarkers", []):
            yield {"Key": marker["Key"], "VersionId": marker["VersionId"]}


def left(target: Target, name: str) -> Left:
    """Look for everything that is left of an account, old versions and delete markers too."""
    versions = [one for zone in ZONES for one in _versions(target, zone) if is_of(one["Key"], name)]
    return Left(
        versions,
        table(target).has(name),
        has_token(target, name),
        list(_uploads(target, name)),
    )


def _uploads(target: Target, name: str) -> Iterator[str]:
    pages = target.s3.get_paginator("list_objects_v2").paginate(
        Bucket=target.output("UploadsBucket"), Prefix=f"{name}/"
    )
    for page in pages:
        for one in page.get("Contents", []):
            yield one["Key"]


def _delete(target: Target, versions: Sequence[Version]) -> None:
    bucket = target.output("DataBucket")
    for start in range(0, len(versions), _BATCH):
        batch: Any = {"Objects": list(versions[start : start + _BATCH]), "Quiet": True}
        refused = target.s3.delete_objects(Bucket=bucket, Delete=batch).get("Errors", [])
        if refused:
            first = refused[0]
            raise Trouble(
                f"S3 did not delete {len(refused)} objects, like {first.get('Key')} "
                f"({first.get('Code')}); run this again."
            )


def erase(target: Target, name: str) -> int:
    """Delete everything of an account, and what queries have answered; the number of versions.

    A run that had begun before may write once more: so it is looked again until nothing is left.
    Raises Trouble when something still is.
    """
    deleted = 0
    results = list(_versions(target, QUERY_RESULTS))
    _delete(target, results)
    deleted += len(results)
    for _ in range(_ROUNDS):
        found = left(target, name)
        if found.nothing:
            return deleted
        _delete(target, found.versions)
        deleted += len(found.versions)
        for key in found.uploads:
            target.s3.delete_object(Bucket=target.output("UploadsBucket"), Key=key)
        _delete_token(target, name)
        if found.items:
            table(target).delete(name)
    remains = left(target, name)
    if not remains.nothing:
        raise Trouble(
            f"Something still writes data of {name}; wait until no run is going "
            "(./soundlake status) and run this again."
        )
    return deleted
