"""What was kept, asked and run: raw objects, the requests that brought them, and executions."""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from botocore.exceptions import ClientError
from soundlake.store.captures import CaptureKey
from soundlake.store.chart_files import PREFIX as CHART_FILES
from soundlake.store.chart_files import ChartFileKey, ChartFiles
from soundlake.store.imports import ROOT as IMPORTS
from soundlake.store.objects import (
    NOT_THERE,
    Bucket,
    CorruptObjectError,
    NotJsonError,
    decode,
    unpack,
)
from soundlake.store.raw import Raw
from soundlake.times import format_time

from cli import runs
from cli.runs import Run
from cli.target import MACHINES, Target
from cli.why.tree import Node

_CAPTURED: Final = "raw/recently-played/"
# S3 says a whole second; the last object of a run may be written in the second of its end.
_SECOND: Final = timedelta(seconds=1)
# Answers that may be about several ids, of which raw keeps a list.
_IN_BATCHES: Final = re.compile(r"raw/(?!recently-played/|charts/|robots/|imports/)")
_ASKED: Final = 5  # ids of a batch that are shown
_PARQUET: Final = b"PAR1"
_GONE: Final = (
    "Step Functions does not know it (any more): it keeps a run for 90 days, and no other lake's"
)


class Kept:
    """The raw zone of a stack, and its machines' executions; what was looked at is kept."""

    def __init__(self, target: Target) -> None:
        """Look at the stack of `target`."""
        self._target = target
        self._bucket = Bucket(target.output("DataBucket"), target.s3)
        self._raw = Raw(self._bucket)
        self._nodes: dict[str, Node] = {}
        self._runs: dict[str, list[Run]] = {}
        self._histories: dict[str, str] = {}

    def raw(self, key: str, **facts: Any) -> Node:
        """A raw object: whether it is whole, the request that it answers, and who brought it."""
        if key not in self._nodes:
            self._nodes[key] = self._look(key)
        found = self._nodes[key]
        return Node(found.what, found.name, {**facts, **found.facts}, found.because, found.more)

    def all(self, keys: Iterable[str]) -> list[Node]:
        """Raw objects, in their order."""
        return [self.raw(key) for key in keys]

    def under(self, prefix: str) -> list[str]:
        """The keys under a prefix."""
        return list(self._bucket.keys(prefix))

    def text(self, key: str) -> Any:
        """What a raw answer of JSON says; None where it cannot be read."""
        try:
            answer = self._raw.read(key)
        except CorruptObjectError:
            return None
        return answer.json if answer else None

    def object(self, key: str, machines: Iterable[str]) -> Node:
        """An object that is no raw one, and the runs in whose time it was last written."""
        head = self._head(key)
        if head is None:
            return Node("object", key, {"there": False})
        written: datetime = head["LastModified"].astimezone(UTC)
        by = [each for machine in machines for each in self.during(machine, written)]
        return Node("object", key, _stored(head), by)

    def _head(self, key: str) -> Mapping[str, Any] | None:
        try:
            return self._target.s3.head_object(Bucket=self._bucket.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_THERE:
                return None
            raise

    def _look(self, key: str) -> Node:
        try:
            head = self._target.s3.get_object(Bucket=self._bucket.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_THERE:
                raise
            missing = "no, it is missing: bring back its version, which S3 keeps for NoncurrentDays"
            return Node("raw object", key, {"whole": missing})
        body = head["Body"].read()
        facts = {"whole": self._whole(key, body), **_stored(head)}
        facts["sha256"] = sha256(body).hexdigest()
        if link := self._link(key):
            facts["link"] = link
        request, asked = self._request(key, head["Metadata"])
        brought = self._brought(key, head["Metadata"], head["LastModified"].astimezone(UTC))
        return Node("raw object", key, facts, [*request, *brought], asked)

    def _whole(self, key: str, body: bytes) -> str:
        try:
            if key.startswith(CHART_FILES):
                ChartFiles(self._bucket).need(ChartFileKey.parse(key))
                return "yes, the bytes of the SHA-256 in its key"
            if key.endswith(".parquet"):
                ends = body[:4] == body[-4:] == _PARQUET
                return "it begins and ends as Parquet does" if ends else "no, it is cut off"
            if key.endswith(".json"):
                decode(body, key)
                return "yes, JSON"
            unpacked = unpack(body, key)
            if key.endswith(".json.gz"):
                decode(unpacked, key)
        except NotJsonError as error:
            return f"its bytes are; {error}"
        except (CorruptObjectError, ValueError) as error:
            return f"no: {error}"
        return "yes, unpacked and read" + (" as JSON" if key.endswith(".json.gz") else "")

    def _request(self, key: str, metadata: Mapping[str, str]) -> tuple[list[Node], dict[str, Any]]:
        """The request that raw keeps with an answer, and all ids that it asked about."""
        if "request" not in metadata:
            if key.startswith(CHART_FILES):
                name = metadata.get("name", "a file")
                return [Node("upload", name, {"came": format_time(ChartFileKey.parse(key).at)})], {}
            return [], {}
        facts: dict[str, Any] = {"answered": f"{metadata.get('at')} by the source's clock"}
        more: dict[str, Any] = {}
        ids: list[str] = []
        with suppress(CorruptObjectError, ValueError):
            if "asked" in metadata:
                ids = json.loads(metadata["asked"])
            elif _IN_BATCHES.match(key):  # too many for that: they are beside it
                ids = self._raw.asked(key)
        if ids:
            shown = ", ".join(ids[:_ASKED]) + (", ..." if len(ids) > _ASKED else "")
            facts["asked about"] = f"{len(ids)} ({shown})"
            more["asked"] = ids
        return [Node("request", f"GET {metadata['request']}", facts)], more

    def _brought(self, key: str, metadata: Mapping[str, str], written: datetime) -> list[Node]:
        """The execution that kept a raw object; of an object that names none, those that may."""
        if key.startswith(_CAPTURED):
            return [self.captured(CaptureKey.parse(key).capture_id)]
        imported = key.startswith((IMPORTS, CHART_FILES))
        machine = "import" if imported else "daily"
        if "execution" in metadata:
            return [self._execution(machine, metadata["execution"])]
        found = self._during(machine, written)
        if len(found) > 1:
            # An import's states carry the place of its files alone.
            name = key.rpartition("/")[0] if key.startswith(IMPORTS) else key
            found = [one for one in found if name in self._told(one)] or found
        if not found:
            when = format_time(written)
            return [Node("execution", f"of {machine} about {when}", {"unknown": _GONE})]
        if len(found) > 1:
            several = f"{len(found)} runs of {machine} were going when it was written; one of them"
            return [Node("note", several, {}, [self.run(one) for one in found])]
        return [self.run(found[0])]

    def captured(self, capture_id: str) -> Node:
        """The execution of a capture, which its id names: from the second look on with a number."""
        return self._execution("capture", capture_id, capture_id.rpartition("-")[0])

    def _execution(self, machine: str, *names: str) -> Node:
        """The execution of a machine that has the first of these names that one has."""
        arn = self._target.output(MACHINES[machine])
        start = arn.replace(":stateMachine:", ":execution:")
        for name in dict.fromkeys(filter(None, names)):
            try:
                found = self._target.states.describe_execution(executionArn=f"{start}:{name}")
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"ExecutionDoesNotExist", "InvalidArn"}:
                    raise
                continue
            stopped = found.get("stopDate")
            return self.run(
                Run(
                    0,
                    machine,
                    found["executionArn"],
                    found["status"],
                    found["startDate"].astimezone(UTC),
                    stopped.astimezone(UTC) if stopped else None,
                )
            )
        return Node("execution", f"{machine} {names[0]}", {"unknown": _GONE})

    def during(self, machine: str, at: datetime) -> list[Node]:
        """The runs of a machine that were going at a time."""
        return [self.run(one) for one in self._during(machine, at)]

    def run(self, one: Run) -> Node:
        """An execution."""
        facts = {
            "status": one.status,
            "began": format_time(one.started),
            "ended": format_time(one.stopped) if one.stopped else None,
            "arn": one.arn,
            "console": runs.console_link(self._target, one.arn),
            "more": f"./soundlake runs {one.name}",
        }
        return Node("execution", f"{one.machine} {one.name}", facts)

    def between(self, first: datetime, last: datetime) -> list[Node]:
        """The runs of all machines that were going in a span of time."""
        return [
            self.run(one)
            for machine in MACHINES
            for one in self._all(machine)
            if one.started < last and (one.stopped is None or one.stopped >= first)
        ]

    def _all(self, machine: str) -> list[Run]:
        if machine not in self._runs:
            self._runs[machine] = runs.all_of(self._target, machine)
        return self._runs[machine]

    def _during(self, machine: str, at: datetime) -> list[Run]:
        return [
            one
            for one in self._all(machine)
            if one.started.replace(microsecond=0) <= at
            and (one.stopped is None or at <= one.stopped + _SECOND)
        ]

    def _told(self, one: Run) -> str:
        if one.arn not in self._histories:
            self._histories[one.arn] = runs.told(self._target, one)
        return self._histories[one.arn]

    def _link(self, key: str) -> str | None:
        if self._target.local:
            return None
        host = runs.host(self._target)
        return f"https://{host}/s3/object/{self._bucket.name}?prefix={key}"


def _stored(head: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "bytes": head["ContentLength"],
        "written": format_time(head["LastModified"]),
        "etag": str(head["ETag"]).strip('"'),
        "version": head.get("VersionId"),
    }
