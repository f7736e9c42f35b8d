"""Whether a stack that was just deployed works: every machine is run once, and looked at.

Nothing is asked of Spotify but the accounts' last plays: stages share one quota. So the daily
machine gets an input that it is to refuse, unless charts are named, and a chart of three made-up
places goes all the way from an upload into the tables, under a day of long ago; to load it again
changes nothing.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from cli import audit, imports, machines
from cli.errors import Misuse
from cli.follow import Outcome, follow
from cli.target import MACHINES, Target

_NAME: Final = "regional-lu-daily-2017-01-01.csv"
_PLACES: Final = 3
_LOCAL_SECONDS: Final = 0.2
_AWS_SECONDS: Final = 2.0
# What Plan says of an input without a chart.
_REFUSAL: Final = "'charts' is empty"


@dataclass(frozen=True)
class Seen:
    """What one machine came to; `what` is a sentence without its full stop."""

    machine: str
    well: bool
    what: str


def sample() -> bytes:
    """Return a chart of made-up tracks, as charts.spotify.com writes one."""
    lines = [
        "rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams"
    ]
    for rank in range(1, _PLACES + 1):
        # 22 of base62's characters, as an id of Spotify's has.
        ident = hashlib.sha256(f"soundlake smoke {rank}".encode()).hexdigest()[:22]
        lines.append(
            f"{rank},spotify:track:{ident},Nobody,Made up {rank},Made up,{rank},{rank},1,{9 - rank}"
        )
    return "\n".join(lines).encode()


def check(target: Target, stage: str, charts: Sequence[str] | None) -> Iterator[Seen]:
    """Run each machine once and tell what came of it; `charts` is what daily is to read.

    Raises Misuse for prod, whose tables no sample belongs in.
    """
    if stage == "prod":
        raise Misuse("A sample would stay in prod's tables; deploy a dev stack and check that.")
    for machine in MACHINES:
        yield _CHECKS.get(machine, _runs)(target, machine, charts)


def _run(target: Target, machine: str, given: Mapping[str, Any]) -> Outcome:
    outcome = machines.start(target, machine, given)
    interval = _LOCAL_SECONDS if target.local else _AWS_SECONDS
    follow(target.states, outcome, seen=lambda *_: None, interval=interval)
    return outcome


def _runs(target: Target, machine: str, _charts: Sequence[str] | None) -> Seen:
    """A machine that an empty input is good for."""
    outcome = _run(target, machine, {})
    return Seen(machine, outcome.succeeded, outcome.why or _captured(outcome))


def _captured(outcome: Outcome) -> str:
    if outcome.machine != "capture":
        return "it succeeded"
    number = len(outcome.accounts)
    return f"it succeeded, with {number} account{'' if number == 1 else 's'}"


def _daily(target: Target, machine: str, charts: Sequence[str] | None) -> Seen:
    outcome = _run(target, machine, {"charts": list(charts or ())})
    if charts:
        loaded = len(outcome.charts) - len(outcome.failed_charts)
        return Seen(machine, outcome.succeeded, outcome.why or f"charts loaded: {loaded}")
    refused = outcome.status == "FAILED" and _REFUSAL in outcome.cause
    if refused:
        return Seen(machine, True, "it refused a run without charts, as it is to")
    why = outcome.why or "it succeeded"
    return Seen(machine, False, f"it was to refuse a run without charts, but {why}")


def _import(target: Target, machine: str, _charts: Sequence[str] | None) -> Seen:
    result = imports.run(target, imports.Ready(Path(_NAME), sample(), {}))
    if result["status"] == "loaded" and result["rows"] == _PLACES:
        return Seen(machine, True, f"{_PLACES} rows of {_NAME} are loaded")
    why = result.get("error") or f"{result['status']}, {result.get('rows')} rows"
    return Seen(machine, False, f"{_NAME} was to give {_PLACES} rows, but {why}")


def _audit(target: Target, machine: str, _charts: Sequence[str] | None) -> Seen:
    asked = audit.given(None, everything=False)
    found = next(audit.run(target, asked, Console(quiet=True)))
    if found.same:
        return Seen(machine, True, f"it succeeded, {found.told()['rows']:,} rows are the same")
    wrong = [f"{one['part']} differs" for one in found.of("differs")]
    wrong += [f"{one['part']} could not be derived: {one['error']}" for one in found.of("failed")]
    return Seen(machine, False, "; ".join(wrong) or found.cause or found.error)


_CHECKS: Final[Mapping[str, Callable[[Target, str, Sequence[str] | None], Seen]]] = {
    "daily": _daily,
    "import": _import,
    "audit": _audit,
}


def show(one: Seen, console: Console) -> None:
    """Print what one machine came to."""
    mark = "[green]✓[/]" if one.well else "[red]✗[/]"
    what = escape(one.what.rstrip("."))
    console.print(f"{mark} {one.machine}: {what}.", highlight=False, soft_wrap=True)
