"""What an import of listening history came to, and a table of all of them."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import athena
from cli.errors import Trouble
from cli.import_run import Seen, spans, why
from cli.target import Target

KINDS: Final[Mapping[str, str]] = {
    "spotify_extended": "Spotify's extended history",
    "spotify_account": "Spotify's account data",
    "listenbrainz": "ListenBrainz",
    "lastfm": "Last.fm",
    "maloja": "Maloja",
    "koito": "Koito",
    "soundlake": "Soundlake",
}
OUTCOMES: Final = ("imported", "merged", "duplicate", "outside", "invalid")
IMPORTED, INCOMPLETE, KNOWN, WITHDRAWN = "imported", "incomplete", "known", "withdrawn"
SUCCEEDED: Final = (IMPORTED, KNOWN, WITHDRAWN)
_OF_SPOTIFY: Final = ("spotify_extended", "spotify_account")
_REASONS: Final = 5  # invalid rows that are shown
_QUERY: Final = "my-top-artists"

Result = dict[str, Any]


def result(seen: Seen, name: str) -> Result:
    """Return what an execution came to, as JSON has it; `name` is the upload's."""
    found: Result = {**seen.told, **seen.counts, **seen.output}
    found["from"], found["to"] = spans(seen.read)
    found["problems"] = seen.problems
    found["execution"] = seen.arn
    if seen.status == "SUCCEEDED":
        return found | {"error": found["error"] or None}
    if seen.counts:  # all of it is in the lake, but for what the machine tells of
        about = f"{name}: imported, but "
        return found | {"status": INCOMPLETE, "error": seen.cause.removeprefix(about)}
    return found | {"status": "failed", "error": why(seen, name)}


def furnish(target: Target, found: Result) -> None:
    """Add to a result what the tables know: gaps closed, why rows are invalid.

    What they cannot tell now is left out: the import is done all the same.
    """
    if found["status"] not in {IMPORTED, INCOMPLETE}:
        return
    asked = {}
    if found.get("kind") in _OF_SPOTIFY:
        closed = f"closed_by = '{found['raw_prefix']}'"
        asked["closed_gaps"] = _start(target, "gaps", f"SELECT count(*) FROM gaps WHERE {closed}")  # noqa: S608
    if found.get("invalid"):
        own = (
            f"account = '{found['account']}' AND import_id = '{found['import_id']}' "
            f"AND month = '{found['at'][:7]}' AND outcome = 'invalid'"
        )
        asked["reasons"] = _start(
            target,
            "import_rows",
            f"SELECT file, row, reason FROM import_rows WHERE {own} "  # noqa: S608
            f"ORDER BY file, row LIMIT {_REASONS}",
        )
    for name, query in asked.items():
        with suppress(Trouble):
            answer = query.result() if query else None
            if name == "reasons":
                found[name] = list(answer.records()) if answer else []
            else:
                found[name] = int(answer.rows[0][0] or 0) if answer else 0


def in_own_names(found: Result, called: str, names: Mapping[str, str]) -> None:
    """Call an import and its files as this person does: what is recorded has no names of theirs.

    `called` is the import's name for them; `names` are its files', by those that are recorded.
    """
    found["name"] = called

    def own(sentence: str) -> str:
        for name, mine in names.items():
            sentence = sentence.replace(repr(name), repr(mine))
        return sentence

    found["problems"] = [own(problem) for problem in found["problems"]]
    if found.get("error"):
        found["error"] = own(found["error"])
    for one in found.get("reasons") or ():
        one["file"] = names.get(one["file"], one["file"])


def _start(target: Target, table: str, sql: str) -> athena.Query | None:
    return athena.Query.start(target, sql) if has_rows(target, table) else None


def has_rows(target: Target, table: str) -> bool:
    """Tell whether a table has any object: one that has none cannot be asked everywhere."""
    found = target.s3.list_objects_v2(
        Bucket=target.output("DataBucket"), Prefix=f"lake/{table}/", MaxKeys=1
    )
    return bool(found.get("KeyCount"))


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Return what became of a history, in rich's markup."""
    name = escape(str(found.get("name") or found.get("import_id") or ""))
    status = found["status"]
    if status == KNOWN:
        yield (
            f"[green]=[/] {name}: imported on {str(found['at'])[:10]} as {found['import_id']}; "
            "nothing added."
        )
    elif status == WITHDRAWN:
        yield from _withdrawn(found, name)
    elif status in {IMPORTED, INCOMPLETE}:
        yield from _imported(found, name)
    else:
        yield f"[red]✗[/] {name}: {escape(str(found['error']))}"


def _imported(found: Mapping[str, Any], name: str) -> Iterator[str]:
    mark = "[green]✓[/]" if found["status"] == IMPORTED else "[yellow]![/]"
    kind = KINDS.get(found["kind"], found["kind"])
    span = f"{found['from'][:10]} to {found['to'][:10]}" if found["from"] else "no play"
    yield (
        f"{mark} {name}: {kind}, {_counted(found['files'], 'file')}, "
        f"{_counted(found['rows'], 'row')}, {span}, account {found['account']}"
    )
    parts = " + ".join(f"{found[outcome]:,} {outcome}" for outcome in OUTCOMES)
    yield f"  Rows: {found['rows']:,} = {parts}"
    yield f"  Plays: {_more(found['plays'])}{_covered(found)}{_took(found)}"
    ident = found["import_id"]
    yield f"  Next: ./soundlake query --saved {_QUERY}; undo: ./soundlake import --undo {ident}"
    if found.get("left_out"):
        several = found["left_out"] != 1
        yield (
            f"  {_counted(found['left_out'], 'other file')} {'are' if several else 'is'} no "
            f"listening history, and {'were' if several else 'was'} left out."
        )
    if found["status"] == INCOMPLETE:
        for problem in found["problems"] or [found["error"]]:
            yield f"  [red]✗[/] {escape(str(problem))}"
    yield from _invalid(found)


def _invalid(found: Mapping[str, Any]) -> Iterator[str]:
    reasons: Sequence[Mapping[str, Any]] = found.get("reasons") or ()
    for one in reasons:
        where = f"{one['file']} row {one['row']}: {one['reason']}"
        yield f"  [yellow]![/] {escape(where)}"
    if found["invalid"] > len(reasons):
        sql = (
            "SELECT file, row, reason FROM import_rows WHERE outcome = 'invalid' "  # noqa: S608
            f"AND import_id = '{found['import_id']}'"
        )
        yield f'    All {found["invalid"]:,}: ./soundlake query "{sql}"'


def _withdrawn(found: Mapping[str, Any], name: str) -> Iterator[str]:
    plays = found.get("plays") or 0
    ident = found["import_id"]
    yield (
        f"[green]✓[/] {name}: taken back, all {_counted(found.get('rows', 0), 'row')} of it. "
        f"Plays: {_more(plays)}."
    )
    yield f"  Import it again to have it back; ./soundlake imports goes on listing {ident}."


def _more(plays: int) -> str:
    if not plays:
        return "as many as before"
    return f"{abs(plays):,} {'more' if plays > 0 else 'fewer'} than before"


def _covered(found: Mapping[str, Any]) -> str:
    said = []
    if found.get("confirmed_days"):
        said.append(f"{_counted(found['confirmed_days'], 'day')} newly confirmed")
    if found.get("closed_gaps"):
        said.append(f"{_counted(found['closed_gaps'], 'gap')} closed")
    return f"; {', '.join(said)}" if said else ""


def _took(found: Mapping[str, Any]) -> str:
    if not found.get("seconds"):
        return ""
    return f"; {found['seconds']:,.1f} s, {found['rows_per_second']:,} rows/s"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


_COLUMNS: Final = (
    *("account", "import_id", "imported_at", "kind", "name", "status", "rows"),
    *("imported", "merged", "duplicate", "outside", "invalid", "withdrawn_at"),
)


def show_all(target: Target, console: Console, *, as_json: bool) -> None:
    """Print every import, the oldest first."""
    rows: list[dict[str, Any]] = []
    if has_rows(target, "imports"):
        sql = f"SELECT {', '.join(_COLUMNS)} FROM imports ORDER BY imported_at, import_id"  # noqa: S608
        rows = list(athena.run(target, sql).records())
    if as_json:
        json.dump(rows, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    if not rows:
        console.print("Nothing is imported yet; docs/import.md leads there.", highlight=False)
        return
    console.print(_table(rows))


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table of imports: the texts of each below each other, so that it fits a terminal."""
    several = len({row["account"] for row in rows}) > 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Import", overflow="fold", min_width=16)
    for title in ("Rows", "Imported", "Merged", "Duplicate", "Outside", "Invalid"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        name, kind = str(row["name"]), str(row["kind"])
        texts = [
            row["import_id"],
            *([name] if not name.startswith(kind) else []),  # most are called by their kind
            kind,
            *([f"of {row['account']}"] if several else []),
            str(row["imported_at"])[:16],
            *([row["status"]] if row["status"] != IMPORTED else []),
        ]
        counts = [f"{row[name] or 0:,}" for name in ("rows", *OUTCOMES)]
        table.add_row(escape("\n".join(texts)), *counts)
    return table
