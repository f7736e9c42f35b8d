"""What the local lake must know of its world: the app and the charts."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from botocore.exceptions import ClientError
from soundlake.charts import COLUMNS, DISCONTINUED

from cli import services
from cli.errors import Trouble
from cli.target import CHART_LIST, Target

_WEEKLY_ENABLED = "NO"


@dataclass(frozen=True)
class Facts:
    """What the local Spotify says of the world it serves; `clock` is in UTC.

    `access` is the access mode it answers to.
    """

    label: str
    made_up: bool
    clock: datetime
    client: dict[str, str]
    listeners: list[dict[str, str]]
    charts: list[dict[str, str]]
    access: str = "extended"

    @property
    def today(self) -> date:
        """The world's date."""
        return self.clock.date()


def facts(url: str) -> Facts:
    """Ask the local Spotify what it serves; raise Trouble when it answers something else."""
    try:
        said = services.get_json(f"{url}/_control/world")
        clock = datetime.fromisoformat(said["clock"])
        return Facts(
            label=str(said["label"]),
            made_up=bool(said["made_up"]),
            clock=clock.replace(tzinfo=clock.tzinfo or UTC).astimezone(UTC),
            client=dict(said["client"]),
            listeners=list(said["listeners"]),
            charts=list(said["charts"]),
            access=str(said["access"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Trouble(
            f"The local Spotify at {url} does not say what it serves; run ./soundlake down and "
            "start again."
        ) from error


def chart_list(world: Facts) -> str:
    """Return the chart list of a world as CSV.

    A real day's charts are all enabled. Of a made-up world, as of the real one, it is the daily
    ones but Russia's, which is discontinued, and Norway's weekly one.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in world.charts:
        daily = one["cadence"] == "daily"
        usual = one["country"] not in DISCONTINUED if daily else one["country"] == _WEEKLY_ENABLED
        enabled = usual or not world.made_up
        name = f"{one['cadence']}-{one['country']}"
        writer.writerow(
            [
                *(name, one["country"], one["country_name"], one["cadence"], one["playlist_id"]),
                str(enabled).lower(),
            ]
        )
    return text.getvalue()


def furnish(target: Target, world: Facts) -> None:
    """Write the world's app and chart list to the stack, where they differ.

    A chart list that somebody changed since is kept.
    """
    prefix = target.output("ParameterPrefix")
    app = {"client_id": world.client["id"], "client_secret": world.client["secret"]}
    put_secret(target, f"{prefix}/spotify/app", app)
    bucket = target.output("DataBucket")
    if not _exists(target, bucket, CHART_LIST):
        body = chart_list(world).encode()
        target.s3.put_object(Bucket=bucket, Key=CHART_LIST, Body=body, ContentType="text/csv")


def put_secret(target: Target, name: str, content: dict[str, Any]) -> None:
    """Write a SecureString."""
    target.ssm.put_parameter(
        Name=name, Value=json.dumps(content), Type="SecureString", Overwrite=True
    )


def has_parameter(target: Target, name: str) -> bool:
    """Tell whether a parameter exists, without reading its secret."""
    try:
        target.ssm.get_parameter(Name=name, WithDecryption=False)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return False
        raise
    return True


def _exists(target: Target, bucket: str, key: str) -> bool:
    try:
        target.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise
    return True
