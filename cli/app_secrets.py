"""The app's id and secret, and the listener's consent: asked for, stored, never shown."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.errors import Trouble
from cli.target import Target
from cli.world import has_parameter, put_secret

_ID = re.compile(r"[0-9A-Za-z_-]{8,128}")


def from_file(path: Path) -> dict[str, str]:
    """Read client_id, client_secret and perhaps refresh_token from a JSON file.

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
    """Return the known fields of `content`; raise Trouble naming the first wrong one."""
    found: dict[str, str] = {}
    for name in ("client_id", "client_secret"):
        value = content.get(name)
        if not isinstance(value, str) or not _ID.fullmatch(value.strip()):
            raise Trouble(f"{where}: {name} is missing or does not look like Spotify's.")
        found[name] = value.strip()
    token = content.get("refresh_token")
    if token:
        if not isinstance(token, str) or re.search(r"\s", token.strip()):
            raise Trouble(f"{where}: refresh_token must be text without blanks.")
        found["refresh_token"] = token.strip()
    return found


def prompted() -> dict[str, str]:
    """Ask for the fields at the terminal; the secret ones are not echoed."""
    client_id = click.prompt("Client ID", err=True)
    secret = click.prompt("Client secret", hide_input=True, err=True)
    token = click.prompt(
        "Refresh token (empty for none)", hide_input=True, default="", show_default=False, err=True
    )
    given = {"client_id": client_id, "client_secret": secret, "refresh_token": token}
    return checked(given, "The answers")


def store(target: Target, given: Mapping[str, str], *, yes: bool) -> list[str]:
    """Write the SecureStrings and return their names; asks before replacing one unless `yes`."""
    prefix = target.output("ParameterPrefix")
    app = {name: given[name] for name in ("client_id", "client_secret")}
    wanted: dict[str, dict[str, Any]] = {f"{prefix}/spotify/app": app}
    if "refresh_token" in given:
        stored = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        name = f"{prefix}/accounts/{target.output('Account')}/token"
        wanted[name] = {"refresh_token": given["refresh_token"], "stored_at": stored}
    existing = [] if yes else [name for name in wanted if has_parameter(target, name)]
    if existing and not click.confirm(f"Replace {' and '.join(existing)}?", err=True):
        raise Trouble("Nothing was changed.")
    for name, content in wanted.items():
        put_secret(target, name, content)
    return list(wanted)
