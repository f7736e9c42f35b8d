"""What the app may do, asked now, and all else that somebody may have to see to."""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from soundlake.abilities import Ability
from soundlake.accounts import WITHOUT_CONSENT, consent_days_left, consent_ends
from soundlake.refusals import REFUSALS
from soundlake.times import format_time

from cli import access, accounts, machines, quota, sources
from cli.connect import stored_app
from cli.errors import tried
from cli.render import labelled
from cli.target import Target

Facts = dict[str, Any]

_SHOWN: Final = 4  # characters of a client id at either end
# A probe that ended so needs nobody: the next daily run asks again.
_PASSES: Final = ("probed", "incomplete", "rate_limited")


def facts(target: Target, now: datetime) -> Facts:
    """Probe, and return all that is shown, as JSON has it; times in UTC.

    `now` is the time that accounts live in. `to_do` has what waits for a person.
    """
    app = tried(lambda: _app(target))
    probed = access.probe(target, machines.now())
    found = accounts.summary(target, now)
    to_do = [] if probed["status"] in _PASSES else [probed["error"]]
    if probed["status"] == "unreachable":
        to_do = [f"{probed['error']} Run this again later."]
    return {
        "app": app,
        "access": _access(probed),
        "accounts": found | {"consents": _consents(target, now)},
        "requests": tried(lambda: quota.facts(target, found["captured"], machines.now())),
        "contact": sources.contact(target),
        "sources": sources.facts(target, probed["refused"]),
        "to_do": to_do + [f"{one['account']}: {one['what_to_do']}" for one in found["waiting"]],
    }


def _app(target: Target) -> Facts:
    app = stored_app(target)
    ident = app.client_id
    short = ident if len(ident) <= 2 * _SHOWN else f"{ident[:_SHOWN]}...{ident[-_SHOWN:]}"
    return {"client_id": short, "has_secret": app.has_secret}


def _access(probed: Mapping[str, Any]) -> Facts:
    """Return Probe's answer, with what there is to say of each ability."""
    found = {one["ability"]: one for one in probed["findings"]}
    names = ("status", "mode", "in_words", "probed_at", "sentences", "requests")
    return {
        **{name: probed[name] for name in names},
        "error": probed.get("error"),
        "abilities": [_ability(each, found.get(each)) for each in Ability],
    }


def _ability(ability: Ability, found: Mapping[str, Any] | None) -> Facts:
    about, refused = REFUSALS[ability], found is not None and not found["allowed"]
    return {
        "ability": ability.value,
        "name": about.name,
        "allowed": found and found["allowed"],
        "found_at": found and found["at"],
        "evidence": found and found["evidence"],
        "since": about.since if refused else None,
        "instead": about.instead if refused else None,
        "tables": about.tables if refused else None,
    }


def _consents(target: Target, now: datetime) -> list[Facts]:
    return [
        {
            "account": one.account,
            "ends": format_time(end),
            "days_left": consent_days_left(one, now),
        }
        for one in accounts.listed(target)
        if one.state not in WITHOUT_CONSENT and (end := consent_ends(one)) is not None
    ]


def show(target: Target, now: datetime, console: Console, *, as_json: bool = False) -> bool:
    """Print `facts`; return whether nothing waits for a person."""
    found = facts(target, now)
    if as_json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return not found["to_do"]
    labelled("App", _app_lines(found["app"]), console)
    labelled("Access", _access_lines(found["access"]), console)
    console.print(_table(found["access"]["abilities"]))
    for one in found["access"]["sentences"]:
        console.print(f"- {one}", soft_wrap=True, markup=False, highlight=False)
    if found["access"]["sentences"]:
        console.print()
    labelled("Accounts", _account_lines(found["accounts"]), console)
    asked = found["requests"]
    labelled("Requests", [asked["problem"]] if "problem" in asked else quota.lines(asked), console)
    labelled("Contact", [_contact_line(found["contact"])], console)
    labelled("Sources", sources.lines(found["sources"]), console)
    console.print()
    for one in found["to_do"]:
        console.print(f"To do: {one}", soft_wrap=True, markup=False, highlight=False)
    if not found["to_do"]:
        console.print("Nothing is to be done.", highlight=False)
    return not found["to_do"]


def _app_lines(found: Mapping[str, Any]) -> Iterator[str]:
    if "problem" in found:
        yield found["problem"]
        return
    secret = "with its secret" if found["has_secret"] else "without a secret: plays only"
    yield f"{found['client_id']}, {secret}."


def _access_lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{access.sentence(found['in_words'])}."
    asked = sum(count for name, count in found["requests"].items() if name != "api/token")
    requests = f"{asked} request{'' if asked == 1 else 's'}"
    if found["status"] == "probed":
        yield f"Probed now, by {requests}."
    else:
        yield f"It could not be found out now ({requests}): {found['error']}"
        if found["probed_at"]:
            yield f"What is shown is of {found['probed_at'][:10]}."


def _table(found: list[Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Asked for", "Allowed", "Refused since", "Evidence"):
        table.add_column(name, no_wrap=name != "Evidence", overflow="fold")
    for one in found:
        allowed = {True: "yes", False: "no", None: "not known"}[one["allowed"]]
        since = (one["since"] or "").partition(",")[0]
        table.add_row(one["name"], allowed, since, one["evidence"] or "")
    return table


def _account_lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield from accounts.lines(found)
    warned = {one["account"] for one in found["consents_ending"]}
    for one in found["consents"]:
        if one["account"] not in warned:
            days = one["days_left"]
            yield f"{one['account']}: its consent ends on {one['ends'][:10]}, in {days} days."


def _contact_line(contact: str | None) -> str:
    if contact:
        return f"{contact}, told to open sources."
    return "None, so sources that want one are not asked; set Contact (docs/sources.md)."
