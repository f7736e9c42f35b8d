"""The import machine's steps for a history, one after the other, as the machine invokes them."""

from collections.abc import Generator, Iterator
from typing import Any

from tests.unit.helpers import REGION, Row, Zones, invoke

UPLOADS = "soundlake-test-uploads"
AT = "2026-11-21T09:18:00.000Z"

Step = tuple[str, str, Row]
Steps = Generator[Step, Row]


class Dropped:
    """The uploads bucket."""

    def __init__(self, zones: Zones) -> None:
        self.s3 = zones.s3
        self.s3.create_bucket(
            Bucket=UPLOADS, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def put(self, key: str, body: bytes) -> str:
        etag: str = self.s3.put_object(Bucket=UPLOADS, Key=key, Body=body)["ETag"]
        return etag

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=UPLOADS, Key=key)

    def keys(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=UPLOADS)
        return [each["Key"] for each in listed.get("Contents", ())]


def asked(key: str, at: str = AT, **said: str) -> Row:
    """Import's event of an upload."""
    detail = {"bucket": {"name": UPLOADS}, "object": {"key": key}}
    return {"input": {"detail": detail, **said}, "start_time": at}


def undone(ident: str, at: str = AT, **said: str) -> Row:
    """Import's event of an import that is to be taken back."""
    return {"input": {"undo": {"import_id": ident, **said}}, "start_time": at}


def steps(event: Row) -> Steps:
    """Each step's name, function and event; what the function answers is sent in.

    It ends where the machine would fail.
    """
    begun = yield "Import", "import", event
    if begun["status"] == "history":
        found = yield from _read(begun)
        if found is None:
            return
        groups, read = found
    elif begun["status"] == "withdrawn":
        groups, read = begun["groups"], {}
    else:
        if begun["status"] in {"refused", "known"}:
            yield "Forget", "import", forgotten(begun, None)
        return
    yield from _derive(begun, groups, read, event["start_time"])


def _read(begun: Row) -> Generator[Step, Row, tuple[list[Row], Row] | None]:
    reads = []
    for part in begun["parts"]:
        told = {"upload": begun["upload"], "import": begun["import"], "files": part}
        reads.append((yield "Read", "read", told))
    if any(each["status"] == "failed" for each in reads):
        return None
    grouped = yield "Group", "derive", {"import": begun["import"], "group": reads}
    if grouped["status"] == "refused":
        return None
    return grouped["groups"], grouped["read"]


def _derive(begun: Row, groups: list[Row], read: Row, at: str) -> Steps:
    withdrawn = begun["status"] == "withdrawn"
    common = {"import": begun["import"], "withdrawn": withdrawn}
    done: dict[str, list[Row]] = {"Merge": [], "Play": []}
    for name, answers in done.items():
        for group in groups:
            answers.append((yield name, "derive", common | {name.lower(): group}))
        if any(each["status"] == "failed" for each in answers):
            return
    outcomes = [each["outcomes"] for each in done["Play"]]
    concluded = common | {"conclude": read | {"outcomes": outcomes, "at": at}}
    if (yield "Conclude", "derive", concluded)["status"] == "failed" or withdrawn:
        return
    yield "Forget", "import", forgotten(begun, begun["import"]["raw_prefix"])


def forgotten(begun: Row, concluded: str | None) -> Row:
    upload = {name: begun[name] for name in ("bucket", "key", "etag")}
    return {"forget": upload, "concluded": concluded}


def run(event: Row) -> dict[str, Any]:
    """Do all steps; what each answered last, by its name."""
    found: dict[str, Any] = {}
    for name, _, answer in ran(event):
        found[name] = answer
    return found


def ran(event: Row) -> Iterator[tuple[str, Row, Row]]:
    """Do the steps one by one: each one's name, its event, and what it answered."""
    each = steps(event)
    try:
        name, verb, given = next(each)
        while True:
            answer = invoke(verb, given)
            yield name, given, answer
            name, verb, given = each.send(answer)
    except StopIteration:
        return
