"""The app's id and secret: asked for, stored, never shown."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cli.errors import Trouble
from cli.target import Target
from cli.world import has_parameter, put_secret

_ID = re.compile(r"[0-9A-Za-z_-]{8,128}")


def from_file(path: Path) -> dict[str, str]:
    """Read client_id and client_secret from a JSON file.

    Raises Trouble naming the field; no message repeats a value.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Trouble(f"{path} is not JSON.") from error
    if not isinstance(content, dict):
        raise Trouble(f"{path} must hold one JSON object.")
    return checked(content, str(path))


def checked(content: Mapping[str, Any], where: str) -> dict[str, str]:
    """Return the known fields of `content`; raise Trouble naming the first wrong one.

    With an empty client_secret the app can capture plays (by PKCE), but read no charts.
    """
    found: dict[str, str] = {}
    for name in ("client_id", "client_secret"):
        value = content.get(name)
        if name == "client_secret" and value == "":
            found[name] = ""
            continue
        if not isinstance(value, str) or not _ID.fullmatch(value.strip()):
            raise Trouble(f"{where}: {name} is missing or does not look like Spotify's.")
        found[name] = value.strip()
    return found


def prompted() -> dict[str, str]:
    """Ask for the fields at the terminal; the secret one is not echoed."""
    client_id = click.prompt("Client ID", err=True)
    secret = click.prompt(
        "Client secret (empty for none: plays only)",
        hide_input=True,
        default="",
        show_default=False,
        err=True,
    )
    return checked({"client_id": client_id, "client_secret": secret}, "The answers")


def store(target: Target, given: Mapping[str, str], *, yes: bool) -> str:
    """Write the SecureString and return its name; asks before replacing one unless `yes`."""
    name = f"{target.output('ParameterPrefix')}/spotify/app"
    exists = not yes and has_parameter(target, name)
    if exists and not click.confirm(f"Replace {name}?", err=True):
        raise Trouble("Nothing was changed.")
    put_secret(target, name, dict(given))
    return name
