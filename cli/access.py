"""What Spotify lets the app do: as it was found out last, or found out now."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from soundlake.refusals import mode_in_words
from soundlake.store.abilities import AbilitiesTable
from soundlake.times import format_time

from cli.connect import stored_app
from cli.errors import Trouble
from cli.target import Target

Facts = dict[str, Any]


def _table(target: Target) -> AbilitiesTable:
    return AbilitiesTable(target.output("BudgetTable"), target.dynamodb)


def facts(target: Target, now: datetime) -> Facts:
    """Return what is on record of the stored app, as JSON has it; raise Trouble without one.

    `now` is this machine's time, which probes are dated by.
    """
    known = _table(target).abilities(stored_app(target).client_id, now)
    return {
        "mode": known.mode,
        "in_words": mode_in_words(known),
        "refused": known.refused,
        "probed_at": known.probed_at and format_time(known.probed_at),
        "probe_due": known.probe_due(now),
    }


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Say `facts` in a line, and one more where they are to be looked at again."""
    at = f" (probed on {found['probed_at'][:10]})" if found["probed_at"] else ""
    yield f"{sentence(found['in_words'])}{at}."
    if found["probed_at"] and found["probe_due"]:
        yield f"The next daily run probes again: {found['probe_due']}."


def sentence(words: str) -> str:
    """Return words as the beginning of a sentence."""
    return words[0].upper() + words[1:]


def probe(target: Target, now: datetime) -> Facts:
    """Have the stack look now; return Probe's answer. Raises Trouble where it fails."""
    event = json.dumps({"start_time": format_time(now)}).encode()
    answer = target.functions.invoke(FunctionName=target.output("ProbeFunction"), Payload=event)
    result = json.loads(answer["Payload"].read())
    if answer.get("FunctionError") or not isinstance(result, dict):
        raise Trouble("The Probe function failed; ./soundlake logs probe says why.")
    return result


def again(target: Target, client_id: str, now: datetime) -> None:
    """Have the next daily run probe: what was found of the app may hold no longer."""
    _table(target).want_probe(client_id, now)


def of_run(result: Mapping[str, Any]) -> Iterator[str]:
    """Say what a daily run found, or knew, of the app: nothing where it may do all.

    Where the run has probed, every refusal is told; else the mode alone.
    """
    if result.get("error"):
        yield f"What the app may do could not be found out: {result['error']}"
    silent = ("extended", "unknown") if result.get("error") else ("extended",)
    if result.get("mode", "extended") not in silent:
        yield f"Access: {result['in_words']}."
        yield from result.get("sentences", ())
