"""Who asks a listener for consent: the browser, a person, or on this machine nobody."""

import sys
import webbrowser
from pathlib import Path
from typing import Final

import click
from soundlake.accounts import WITHOUT_CONSENT, Account, AccountError, State

from cli import accounts, connect
from cli.errors import Misuse
from cli.home import read_json, write_json
from cli.target import Target
from cli.world import Facts, has_parameter

_NOTE: Final = "accounts.json"


def check(world: Facts, listener: str) -> None:
    """Raise Misuse where the world has no such listener, naming those there are."""
    known = [one["id"] for one in world.listeners]
    if listener not in known:
        raise Misuse(f"There is no listener {listener!r} here; there are {', '.join(known)}.")


def asked_by(target: Target, *, no_browser: bool) -> connect.Open:
    """Return how the listener is asked: the local Spotify's agree at once."""
    if no_browser:
        return lambda address: click.echo(f"Open this address and agree:\n{address}")
    return connect.visit if target.local else _browse


def _browse(address: str) -> None:
    click.echo(f"Agree in the browser; if none opens, go to\n{address}")
    webbrowser.open(address)


def chosen(target: Target) -> str | None:
    """Return the imported account that a consent is for: asked, where there is one; else said.

    None where it is for none of them, and the listener gets an account of their own.
    """
    names = [one.account for one in accounts.listed(target) if one.state is State.IMPORTED]
    if len(names) == 1 and sys.stdin.isatty():
        question = f"The account {names[0]} has an imported history and no consent; is it for that?"
        return names[0] if click.confirm(question, default=True, err=True) else None
    if names:
        click.echo(
            f"This is not for the imported history of {', '.join(names)}; ./soundlake connect "
            "--account NAME is.",
            err=True,
        )
    return None


def connect_first(target: Target, world: Facts, folder: Path) -> None:
    """Connect the world's first listener, unless they are, or somebody ended their capture.

    The folder remembers their account: the embedded AWS may lose its tables, and the objects in
    the lake, which stay, go by that name.
    """
    listener = world.listeners[0]["id"]
    known = read_json(folder / _NOTE)
    try:
        found = accounts.table(target).of_listener(listener)
    except AccountError as error:
        click.echo(str(error), err=True)  # the lake is of use without them
        return
    if found is not None and _stays(target, found):
        name = found.account
    else:
        extra = {"listener": listener}
        given = known.get(listener)
        result = connect.connect(target, connect.visit, port=0, account=given, extra=extra)
        name = str(result["account"])
    if known.get(listener) != name:
        write_json(folder / _NOTE, known | {listener: name})


def _stays(target: Target, account: Account) -> bool:
    """Tell whether an account needs no new consent, or was ended by a person."""
    if account.state in WITHOUT_CONSENT:
        return account.state is State.DISCONNECTED
    prefix = target.output("ParameterPrefix")
    return has_parameter(target, f"{prefix}/accounts/{account.account}/token")
