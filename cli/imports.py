"""Import files that a person has downloaded: looked at here, uploaded, and followed to their end.

Charts are imported file by file; listening history as packages, of which a folder is one.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape
from soundlake.chart_files import (
    ChartFileError,
    check,
    is_chart_file,
    is_named_as_chart,
    name_of,
    read_chart_file,
)
from soundlake.importing.beginning import known_owner
from soundlake.importing.errors import HistoryError
from soundlake.importing.heads import HEAD
from soundlake.importing.packages import Package, recognise
from soundlake.times import TimeError, parse_date

from cli import accounts, import_report, import_run, machines
from cli.errors import Misuse, Trouble
from cli.histories import History, of_file, of_files, of_folder
from cli.import_display import Display
from cli.import_run import Seen
from cli.target import Target

PREFIX: Final = "command-line/"  # whose uploads start no machine by themselves
_PROBLEMS: Final = 20  # fields of a file that are named here; the rest are counted

Result = dict[str, Any]


@dataclass(frozen=True)
class Ready:
    """A chart that can be imported, and what a person said of it."""

    path: Path
    body: bytes
    said: Mapping[str, str]


def read(path: Path, chart: str | None, day: str | None, today: date) -> Ready | Result:
    """Return a chart that can be imported, or a result that says why it cannot."""
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


def check_options(
    paths: Sequence[Path],
    since: str | None,
    until: str | None,
    chart: str | None,
    day: str | None,
) -> None:
    """Raise Misuse for options that say nothing of any file, or contradict each other."""
    if not paths:
        raise Misuse("Which file? Name a zip, files or a folder to import, or --undo ID.")
    if len(paths) > 1 and (chart is not None or day is not None):
        raise Misuse("--chart and --date are said of one file; import the others by themselves.")
    try:
        first, last = (parse_date(text) if text else None for text in (since, until))
    except TimeError as error:
        raise Misuse(str(error)) from error
    if first and last and first > last:
        raise Misuse(f"--from {first} is after --to {last}.")


def check_said(found: Iterable[object], said: Mapping[str, str]) -> None:
    """Raise Misuse where what is said of histories would be said of a chart."""
    if said and any(isinstance(one, Ready) for one in found):
        raise Misuse("--account, --from and --to are said of listening history, not of a chart.")


def check_owner(target: Target, found: Iterable[object], account: str | None) -> None:
    """Raise Misuse, as the machine would, where it cannot be told whose the histories are."""
    if any(isinstance(one, History) for one in found):
        try:
            known_owner(accounts.names(target), account)
        except HistoryError as error:
            raise Misuse(str(error)) from error


def sort_out(
    paths: Sequence[Path], chart: str | None, day: str | None, today: date, made: Path
) -> list[Ready | History | Result]:
    """Return what can be imported of some paths, and for each other one why it cannot.

    Single files of history of one kind become one package. What is packed is put into `made`, a
    folder that lives as long as it is needed.
    """
    found: dict[int, Ready | History | Result] = {}
    loose: dict[str, list[tuple[int, Path, Package]]] = {}
    for at, path in enumerate(paths):
        try:
            one = _look(path, chart, day, today, made / f"{at}.zip")
        except OSError as error:
            one = refused(path, f"It cannot be read: {error.strerror}.")
        except HistoryError as error:
            one = refused(path, str(error))
        if isinstance(one, Package):
            loose.setdefault(one.kind, []).append((at, path, one))
        else:
            found[at] = one
    for files in loose.values():
        at, path, package = files[0]
        try:
            several = [each for _, each, _ in files]
            packed = made / f"{at}.zip"
            found[at] = of_files(several, packed) if files[1:] else of_file(path, package)
        except HistoryError as error:
            found[at] = refused(path, str(error))
    return [found[at] for at in sorted(found)]


def _look(
    path: Path, chart: str | None, day: str | None, today: date, made: Path
) -> Ready | History | Package | Result:
    """Return what a path is; a package where it is one file of history, of maybe several.

    Raises OSError and HistoryError.
    """
    if path.is_dir():
        return of_folder(path, made)
    with path.open("rb") as file:
        said = chart is not None or day is not None or is_named_as_chart(path.name)
        if said or is_chart_file(file.read(HEAD)):
            return read(path, chart, day, today)
        package = recognise(file, path.name)
    alone = package.files[0].place is None
    return package if alone else of_file(path, package)


def run(target: Target, ready: Ready) -> Result:
    """Upload a chart and follow its import to the end.

    Raises StillRunningError on Ctrl-C: the import goes on.
    """
    bucket, key = target.output("UploadsBucket"), f"{PREFIX}{uuid4().hex}/{ready.path.name}"
    target.s3.put_object(Bucket=bucket, Key=key, Body=ready.body)
    given = {"detail": _detail(bucket, key), **ready.said}
    seen = import_run.follow(target, _begun(target, bucket, key, given), lambda _: None)
    return {"file": str(ready.path), **_result(seen, ready.path.name), "execution": seen.arn}


def import_history(
    target: Target, history: History, said: Mapping[str, str], shown: Display
) -> Result:
    """Upload a history, unless it is there, and follow its import to the end.

    Where the same import still runs, that one is followed. `said` has account, since and until.
    Raises StillRunningError on Ctrl-C: the import goes on; and UploadStoppedError where it has not
    begun.
    """
    bucket = target.output("UploadsBucket")
    key = f"{PREFIX}{history.sha256}/{history.name}"
    given = {"detail": _detail(bucket, key), **said}
    began = time.monotonic()
    arn = _going(target, given)
    if arn is None:
        _upload(target, history, bucket, key, shown)
        arn = _begun(target, bucket, key, given)
    seen = import_run.follow(target, arn, shown.seen, again=_AGAIN)
    result = import_report.result(seen, history.name)
    # Of an import that was going already, this command saw the end alone.
    took = max(time.monotonic() - began, seen.seconds(machines.now()))
    result["seconds"] = round(took, 1)
    result["rows_per_second"] = round(result.get("rows", 0) / max(result["seconds"], 0.1))
    result["left_out"] = history.left_out
    import_report.furnish(target, result)
    import_report.in_own_names(result, history.called, history.own_names)
    first, *others = map(str, history.given)
    return {"file": first, **({"with": others} if others else {}), **result}


_AGAIN: Final = "the same command follows it again"


class UploadStoppedError(Exception):
    """The person stopped an upload; nothing is imported."""


def _upload(target: Target, history: History, bucket: str, key: str, shown: Display) -> None:
    """Upload a history, unless an earlier try did."""
    with suppress(ClientError):
        if target.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == history.size:
            return
    done = 0

    def more(sent: int) -> None:
        nonlocal done
        done += sent
        shown.uploaded(done, history.size)

    try:
        target.s3.upload_file(str(history.path), bucket, key, Callback=more)
    except KeyboardInterrupt:
        raise UploadStoppedError from None


def _going(target: Target, given: Mapping[str, Any]) -> str | None:
    """Return the execution that imports the very same now; None where none does.

    Raises Trouble where one imports the same file otherwise: it would take the upload away.
    """
    for arn, other in import_run.running(target).items():
        if other == given:
            return arn
        if other.get("detail") == given["detail"]:
            raise Trouble(
                "This very file is being imported right now, with other options; "
                "wait until that is done (./soundlake status shows it), and run this again."
            )
    return None


def _begun(target: Target, bucket: str, key: str, given: Mapping[str, Any]) -> str:
    try:
        return import_run.begin(target, given)
    except BaseException:
        # Nobody else would: its upload starts nothing.
        target.s3.delete_object(Bucket=bucket, Key=key)
        raise


def _detail(bucket: str, key: str) -> dict[str, Any]:
    return {"bucket": {"name": bucket}, "object": {"key": key}}


def undo(target: Target, ident: str, account: str | None, shown: Display) -> Result:
    """Take an import back whole; what became of it."""
    given = {"undo": {"import_id": ident, **({"account": account} if account else {})}}
    seen = import_run.follow(target, import_run.begin(target, given), shown.seen, again=_AGAIN)
    return {"import_id": ident, **import_report.result(seen, ident)}


def derive_again(target: Target, account: str, shown: Display) -> str:
    """Let the machine derive all plays of an account anew; what became of it, as a sentence ends.

    Raises Trouble where it failed.
    """
    if not import_report.has_rows(target, "observations"):
        return "its plays will have it."
    given = {"derive": {"account": account}}
    arn = import_run.begin(target, given)
    seen = import_run.follow(target, arn, shown.seen, again="the same command does it again")
    if seen.status != "SUCCEEDED":
        raise Trouble(
            "The time zone is set, and plays that are derived from now on have it; the others "
            f"could not be derived anew. {import_run.why(seen, account)}"
        )
    months = seen.output["months"]
    return f"its plays of {months:,} month{'' if months == 1 else 's'} have it."


def _result(seen: Seen, name: str) -> Result:
    """What the execution of a chart came to."""
    if seen.status == "SUCCEEDED":
        output = seen.output
        wanted = ("status", "chart", "date", "rows", "raw_key")
        result = {key: output[key] for key in wanted if key in output}
        return result | {"warnings": output.get("breaches", 0), "error": output["error"] or None}
    cause = seen.cause or f"The run is {seen.status}."
    return {"status": "failed", "error": cause.removeprefix(f"{name}: ")}


def line(result: Mapping[str, Any]) -> str:
    """Return what became of a file, in rich's markup: a line, and one for each field of it."""
    name = escape(Path(result["file"]).name or result["file"])
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
    # A sentence about a history names the file itself.
    what = why if why.startswith(f"'{name}'") else f"{name}: {why}"
    return "\n".join([f"[red]✗[/] {what}", *lines])


def summary(results: Iterable[Mapping[str, Any]]) -> str:
    """Return how many of the files were loaded, and what to do next."""
    results = list(results)
    loaded = sum(result["status"] in _DONE for result in results)
    what = "imported" if any("import_id" in result for result in results) else "loaded"
    text = f"{loaded} of {len(results)} file{'' if len(results) == 1 else 's'} {what}."
    if any(result.get("warnings") for result in results):
        text += " Warnings: ./soundlake query --saved data-quality."
    return text


_DONE: Final = ("loaded", *import_report.SUCCEEDED)


def succeeded(results: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether all of every file is there: imported now or before, or in a preferred form."""
    return all(result["status"] in {*_DONE, "superseded"} for result in results)


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what became of a file."""
    lines = import_report.lines(result) if "import_id" in result else [line(result)]
    for each in lines:
        console.print(each, highlight=False, soft_wrap=True)
