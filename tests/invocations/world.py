"""The world that events/ speaks of, in the local lake: its chart, its account, its uploads.

The events name things; here they are. A local Spotify serves a made-up chart of their day under
their playlist's id, and the account `main` has a consent of its first listener.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from soundlake.accounts import connected

from cli import accounts, services
from cli.home import ROOT, World
from cli.local_lake import Lake
from cli.samconfig import local_region
from cli.world import put_secret
from tests.stack.conftest import free_port, made_up_day
from tests.statemachines.scenarios import CHART, SUMMER
from tests.statemachines.world import PIPELINE
from tests.unit.exported_rows import file_of

# Connect's code is made up, so Spotify refuses it, and Connect says so.
EXPECTED: Final[Mapping[str, str]] = PIPELINE | {"Connect": "failed"}
REFUSED: Final = "Spotify does not take this consent's code"
ACCOUNT: Final = "main"


def event(verb: str) -> dict[str, Any]:
    """A function's event."""
    path = ROOT / "events" / f"{verb.lower()}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def plan(folder: Path) -> services.Plan:
    """A world of the events' chart and day, on free ports."""
    chart, day = event("Extract")["chart"], event("Extract")["date"]
    names = ("country", "country_name", "playlist_id")
    listed = ",".join(chart[name] for name in names)
    (folder / "top50_playlists.csv").write_text(f"country_code,{','.join(names[1:])}\n{listed}\n")
    csv = made_up_day(folder / "made-up-day.csv", day, (chart["country"], ""))
    return services.Plan(World.of(csv), local_region(), free_port(), free_port())


def furnish(lake: Lake) -> None:
    """Put there what the events speak of, beside what every local lake has."""
    target = lake.target
    listener = accounts.table(target).of_listener(lake.facts.listeners[0]["id"])
    assert listener is not None
    prefix = target.output("ParameterPrefix")
    token = target.ssm.get_parameter(
        Name=f"{prefix}/accounts/{listener.account}/token", WithDecryption=True
    )
    put_secret(
        target, f"{prefix}/accounts/{ACCOUNT}/token", json.loads(token["Parameter"]["Value"])
    )
    own = connected(ACCOUNT, "made-up-listener", "Made up", lake.facts.clock)
    accounts.table(target).create(replace(own, time_zone=listener.time_zone))
    uploads = {
        event("Import")["input"]["detail"]["object"]["key"]: CHART,
        event("Read")["upload"]["key"]: file_of(SUMMER),
    }
    bucket = event("Read")["upload"]["bucket"]
    target.s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": target.region}
    )
    for key, body in uploads.items():
        target.s3.put_object(Bucket=bucket, Key=key, Body=body)


def wrong(verb: str, result: Any) -> str | None:
    """Why a function's result is not as it is to be; None where it is."""
    if not isinstance(result, dict):
        return f"it answered {result!r}"
    if "errorType" in result or "errorMessage" in result:
        return f"it failed: {result.get('errorType')}: {result.get('errorMessage')}"
    if result.get("status") != EXPECTED[verb]:
        return (
            f"it was to be {EXPECTED[verb]}, but is {result.get('status')}: {result.get('error')}"
        )
    if verb == "Connect" and not str(result.get("error")).startswith(REFUSED):
        return f"it was to be refused by Spotify, but: {result.get('error')}"
    return None
