"""Import files that a person has downloaded: checked here, uploaded, and followed to their end."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from rich.console import Console
from rich.markup import escape
from soundlake.chart_files import ChartFileError, check, name_of, read_chart_file

from cli.machines import StillRunningError
from cli.target import MACHINES, Target

PREFIX: Final = "command-line/"  # whose uploads start no machine by themselves
_PROBLEMS: Final = 20  # fields of a file that are named here; the rest are counted
_LOCAL_SECONDS: Final = 0.2
_AWS_SECONDS: Final = 1.0

Result = dict[str, Any]


@dataclass(frozen=True)
class Ready:
    """A file that can be imported, and what a person said of it."""

    path: Path
    body: bytes
    said: Mapping[str, str]


def read(path: Path, chart: str | None, day: str | None, today: date) -> Ready | Result:
    """Return a file that can be imported, or a result that says why it cannot."""
    said = {name: value for name, value in (("chart", chart), ("date", day)) if value is not None}
    try:
        body = path.read_bytes()
        # What it is comes first: to ask for the name of what is no chart would mislead.
        file = read_chart_file(body)
        check(file, name_of(path.name, chart, day), today)
    except OSError as error:
        return refused(path, f"It cannot be read: {error.strerror}.")
    except ChartFileError as error:
        return refused(path, str(error), error.problems)
    return Ready(path, body, said)


def refused(path: Path, error: str, problems: Iterable[str] = ()) -> Result:
    """Return the result of a file that is not imported, with each field that cannot be read."""
    return {"file": str(path), "status": "refused", "error": error, "problems": list(problems)}


def run(target: Target, ready: Ready) -> Result:
    """Upload a file and follow its import to the end.

    Raises StillRunningError on Ctrl-C: the import goes on.
    """
    bucket, key = target.output("UploadsBucket"), f"{PREFIX}{uuid4().hex}/{ready.path.name}"
    machine = target.output(MACHINES["import"])
    target.s3.put_object(Bucket=bucket, Key=key, Body=ready.body)
    given = {"detail": {"bucket": {"name": bucket}, "object": {"key": key}}, **ready.said}
    try:
        started = target.states.start_execution(stateMachineArn=machine, input=json.dumps(given))
    except BaseException:
        # Nobody else would: its upload starts nothing.
        target.s3.delete_object(Bucket=bucket, Key=key)
        raise
    arn = started["executionArn"]
    try:
        while True:
            found = target.states.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                break
            time.sleep(_LOCAL_SECONDS if target.local else _AWS_SECONDS)
    except KeyboardInterrupt:
        raise StillRunningError("import") from None
    return {"file": str(ready.path), **_result(found, ready.path.name), "execution": arn}


def _result(found: Mapping[str, Any], name: str) -> Result:
    """What an execution came to."""
    if found["status"] == "SUCCEEDED":
        output = json.loads(found["output"])
        wanted = ("status", "chart", "date", "rows", "raw_key")
        result = {key: output[key] for key in wanted if key in output}
        return result | {"warnings": output.get("breaches", 0), "error": output["error"] or None}
    cause = found.get("cause") or found.get("error") or f"The run is {found['status']}."
    return {"status": "failed", "error": cause.removeprefix(f"{name}: ")}


def line(result: Mapping[str, Any]) -> str:
    """Return what became of a file, in rich's markup: a line, and one for each field of it."""
    name = escape(Path(result["file"]).name)
    chart = f"{result.get('chart')} of {result.get('date')}"
    if result["status"] == "loaded":
        rows, warnings = result["rows"], result["warnings"]
        odd = f", {warnings} warning{'' if warnings == 1 else 's'}" if warnings else ""
        return f"[green]✓[/] {name}: {chart}, {rows} row{'' if rows == 1 else 's'}{odd}"
    if result["status"] == "superseded":
        return f"[yellow]![/] {name}: {chart}. {escape(result['error'])}"
    problems = result.get("problems") or []
    lines = [f"    {escape(each)}" for each in problems[:_PROBLEMS]]
    if len(problems) > _PROBLEMS:
        lines.append(f"    and {len(problems) - _PROBLEMS} more")
    why = "The chart cannot be read:" if problems else escape(result["error"])
    return "\n".join([f"[red]✗[/] {name}: {why}", *lines])


def summary(results: Iterable[Mapping[str, Any]]) -> str:
    """Return how many of the files were loaded, and what to do next."""
    results = list(results)
    loaded = sum(result["status"] == "loaded" for result in results)
    text = f"{loaded} of {len(results)} file{'' if len(results) == 1 else 's'} loaded."
    if any(result.get("warnings") for result in results):
        text += " Warnings: ./soundlake query --saved data-quality."
    return text


def succeeded(results: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether every file was imported, or was there already in a preferred form."""
    return all(result["status"] in {"loaded", "superseded"} for result in results)


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what became of a file."""
    console.print(line(result), highlight=False, soft_wrap=True)
