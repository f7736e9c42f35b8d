"""One made-up world: an empty AWS with the lake's bucket and secrets, a fake Spotify, the machines.

A scenario plays in a world of its own and leaves a `Story`, which tests read.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq
from aws_lambda_powertools.utilities.parameters import SSMProvider
from botocore.client import BaseClient
from soundlake import access, asking
from soundlake.abilities import Ability, Finding
from soundlake.accounts import connected, disconnected, to_item
from soundlake.settings import settings
from soundlake.sources.keyless import KeylessApi
from soundlake.spotify.client import Spotify
from soundlake.spotify.credentials import AppCredentials
from soundlake.store import abilities as store_abilities
from soundlake.store import accounts as store_accounts
from soundlake.store import budget as store_budget
from soundlake.store import objects, secrets
from soundlake.store.lake import Lake
from soundlake.store.objects import Bucket

from tests.statemachines import asl
from tests.statemachines.engine import Engine, Execution, Handler, client, load_handler
from tests.statemachines.fake_spotify import (
    CLIENT_ID,
    CLIENT_SECRET,
    NOW,
    REFRESH_TOKEN,
    FakeSpotify,
    spotify_id,
    track,
)
from tests.template.translated import DEFAULT, REGION, REPO, functions

BUCKET = DEFAULT.properties("DataBucket")["BucketName"]
UPLOADS = DEFAULT.properties("UploadsBucket")["BucketName"]
ACCOUNT = "main"
VERBS = tuple(functions())
BY_HAND = {"Connect"}  # invoked by the command line, and by no machine
# The order in which one run's events follow each other, and the status of a good result.
PIPELINE = {
    "Select": "selected",
    "Capture": "captured",
    "Derive": "captured",
    "Plan": "planned",
    "Probe": "probed",
    "Extract": "extracted",
    "Transform": "transformed",
    "Load": "loaded",
    "Enrich": "enriched",
    "Verify": "verified",
    "Publish": "published",
    "Import": "kept",
    "Read": "read",
    "Audit": "surveyed",
    "Connect": "connected",  # last: the token that it gets would be Capture's
}
_ENGINE = {"stepfunctions", "lambda"}  # asked by the engine and the tests, not by functions
DAY = "2025-03-05"
NEXT_DAY = "2025-03-06"
MONTH = "2025-03"
CHARTS = {"daily-NO": (1, 2, 3), "daily-SE": (2, 3, 4), "daily-FI": (5,), "weekly-SE": (4, 6)}
SWITCHED_OFF = {"weekly-SE"}
_ELSEWHERE = ("AWS_ENDPOINT_URL", "AWS_PROFILE")
_NAMES = {"NO": "Norway", "SE": "Sweden", "FI": "Finland"}

_MAKE = asking._client.__wrapped__  # the function without its memory

Hook = Callable[[dict[str, Any]], None]


def playlist_id(chart: str) -> str:
    return spotify_id("chart", list(CHARTS).index(chart))


def chart_list(off: set[str] = SWITCHED_OFF) -> str:
    lines = ["chart,country,country_name,cadence,playlist_id,enabled"]
    for chart in CHARTS:
        cadence, country = chart.split("-")
        enabled = "false" if chart in off else "true"
        fields = (chart, country, _NAMES[country], cadence, playlist_id(chart), enabled)
        lines.append(",".join(fields))
    return "\n".join(lines) + "\n"


def event(name: str) -> Any:
    """One of the sample events, as an operator has it."""
    return json.loads((REPO / "events" / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Call:
    """One request that a function made of AWS."""

    verb: str
    action: str
    resource: str


@dataclass
class Story:
    """What a scenario left: its runs, every version of every object, uploads, the requests made."""

    runs: list[Execution] = field(default_factory=list)
    versions: dict[str, list[bytes]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    secrets: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    @property
    def run(self) -> Execution:
        return self.runs[-1]

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.versions if key.startswith(prefix))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table's rows now."""
        found = []
        for key in self.keys(f"lake/{table}/"):
            found += pq.ParquetFile(BytesIO(self.versions[key][-1])).read().to_pylist()
        return found


HANDLERS: dict[str, Handler] = {verb: load_handler(verb).handler for verb in VERBS}


class _Clients:
    """`asking._client`, remembered for each function by itself."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._kept: dict[str | None, dict[AppCredentials, Spotify]] = {}

    def __call__(self, credentials: AppCredentials) -> Spotify:
        kept = self._kept.setdefault(self._world._inside, {})
        return kept.setdefault(credentials, _MAKE(credentials))

    def cache_clear(self) -> None:
        self._kept.pop(self._world._inside, None)

    def forget(self) -> None:
        self._kept.clear()


class World:
    """`before` and `after` hooks run around a handler, and may raise what Lambda then reports."""

    def __init__(self) -> None:
        self.spotify = FakeSpotify()
        self.spotify.playlists = {
            playlist_id(chart): [track(number) for number in numbers]
            for chart, numbers in CHARTS.items()
        }
        self.story = Story()
        self._hooks: dict[tuple[str, str], list[Hook]] = {}
        self.engine = Engine({verb: self._handler(verb) for verb in VERBS})
        self._machines: set[str] = set()
        self._inside: str | None = None  # the verb whose handler runs now
        self._providers: dict[str | None, SSMProvider] = {}
        self._clients = _Clients(self)
        self._slept = timedelta(0)

    @contextmanager
    def opened(self) -> Iterator["World"]:
        with ExitStack() as stack:
            environment = _environment()
            stack.enter_context(patch.dict(os.environ, environment))
            for name in [name for name in os.environ if name.startswith(_ELSEWHERE)]:
                del os.environ[name]  # put back with the rest of the environment
            stack.enter_context(self.engine.started())
            stack.enter_context(self.spotify.installed())
            stack.enter_context(self._watched())
            stack.callback(_forget)
            _forget()
            # A wait lasts until the machine's clock says so: it goes with Spotify's here.
            clock = {"clock": lambda: self.spotify.now}
            stack.enter_context(patch.dict(Spotify.__init__.__kwdefaults__, clock))
            gentle = {"clock": lambda: self.spotify.now + self._slept, "sleep": self.pass_seconds}
            stack.enter_context(patch.dict(KeylessApi.__init__.__kwdefaults__, gentle))
            # Clients cost more time than what they do here; they keep nothing of a world.
            stack.enter_context(patch.object(objects, "s3_client", lambda: client("s3")))
            for module in (store_abilities, store_accounts, store_budget):
                stack.enter_context(
                    patch.object(module, "dynamodb_client", lambda: client("dynamodb"))
                )
            stack.enter_context(patch.object(secrets, "_ssm", lambda: client("ssm")))
            stack.enter_context(patch.object(secrets, "_parameters", self._parameters))
            stack.enter_context(patch.object(asking, "_client", self._clients))
            self._furnish(environment)
            yield self
            self._finish()

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass for gentle clients, as they do while they wait for their turn."""
        self._slept += timedelta(seconds=seconds)

    def put(self, key: str, body: bytes | str) -> None:
        client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)

    def upload(self, key: str, body: bytes) -> dict[str, Any]:
        """Put a file into the uploads bucket; what counts of the event that S3 sends then."""
        client("s3").put_object(Bucket=UPLOADS, Key=key, Body=body)
        return {"detail": {"bucket": {"name": UPLOADS}, "object": {"key": key}}}

    def put_copy(self, source: str, key: str) -> None:
        client("s3").copy_object(
            Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source}
        )

    def delete(self, key: str) -> None:
        client("s3").delete_object(Bucket=BUCKET, Key=key)

    def change(self, table: str, name: str, change: Callable[[list[Any]], list[Any]]) -> None:
        """Write other rows into an object of the month, past everybody who may."""
        Lake(Bucket(BUCKET, client("s3"))).replace(table, MONTH, name, change)

    def charts(self, off: set[str]) -> None:
        """Replace the chart list by one with these charts switched off."""
        self.put("config/charts.csv", chart_list(off))

    def chart_sources(self, names: str) -> None:
        """Have charts asked of these sources, by somebody who can be reached."""
        os.environ |= {"CHART_SOURCES": names, "CONTACT": "me@example.org"}
        settings.cache_clear()

    def secret(self, name: str, value: dict[str, str]) -> None:
        client("ssm").put_parameter(
            Name=name, Value=json.dumps(value), Type="SecureString", Overwrite=True
        )

    def connect(self, account: str, refresh_token: str) -> None:
        """Another account, with this refresh token."""
        access.accounts_table().create(connected(account, f"{account}-listener", "Other", NOW))
        name = secrets.token_parameter(settings().parameter_prefix, account)
        self.secret(name, {"refresh_token": refresh_token})

    def nobody(self) -> None:
        """There is no account yet."""
        client("dynamodb").delete_item(
            TableName=access.accounts_table().name, Key={"account": {"S": ACCOUNT}}
        )

    def damage(self, account: str, **texts: str) -> None:
        """Another account, or this one, whose item cannot be read unless these texts mend it."""
        item = to_item(connected(account, f"{account}-listener", "Other", NOW)) | {"state": "?"}
        client("dynamodb").put_item(
            TableName=access.accounts_table().name,
            Item={name: {"S": text} for name, text in (item | texts).items()},
        )

    def knows(self, *refused: Ability) -> None:
        """The app was probed just now, and may do all but this."""
        found = [Finding(each, each not in refused, NOW, "made up") for each in Ability]
        access.abilities_table().probed(CLIENT_ID, found, datetime.now(UTC))

    def unprobed(self) -> None:
        """Nothing is known of what the app may do."""
        key = {"holder": {"S": f"access#{CLIENT_ID}"}}
        client("dynamodb").delete_item(TableName=access.abilities_table().name, Key=key)

    def told(self, **variables: str) -> None:
        """The functions are told something else than the template's defaults."""
        os.environ.update(variables)  # put back with the rest of the environment
        settings.cache_clear()

    def disconnect(self, account: str) -> None:
        before = access.accounts_table().get(account)
        assert before is not None
        assert access.accounts_table().replace(before, disconnected(before, NOW))

    def tomorrow(self) -> None:
        """Spotify's next day; its charts stay as they are."""
        self.spotify.now += timedelta(days=1)
        self.begin_anew()

    def next_day_of_other_tracks(self) -> None:
        """Spotify's next day, with every chart the other way round."""
        self.tomorrow()
        for tracks in self.spotify.playlists.values():
            tracks.reverse()
        self.spotify.playlists[playlist_id("daily-FI")] = [track(7)]

    def begin_anew(self) -> None:
        """Functions start anew, as they do hours later; what they remembered is gone."""
        self._clients.forget()
        asking._keyless.cache_clear()

    def before(self, verb: str, hook: Hook) -> None:
        self._hooks.setdefault(("before", verb), []).append(hook)

    def after(self, verb: str, hook: Hook) -> None:
        self._hooks.setdefault(("after", verb), []).append(hook)

    def run(self, machine: str, given: Any = None, name: str = "") -> Execution:
        if machine not in self._machines:
            self.engine.create(machine, asl.substituted(machine))
            self._machines.add(machine)
        sent = len(self.spotify.requests)
        name = name or f"run-{len(self.story.runs) + 1}"
        execution = self.engine.run(machine, {} if given is None else given, name)
        execution.requests = self.spotify.requests[sent:]
        self.story.runs.append(execution)
        return execution

    def versions(self) -> dict[str, list[bytes]]:
        """Every version of every object, oldest first."""
        s3 = client("s3")
        found: dict[str, list[bytes]] = {}
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
            for version in reversed(page.get("Versions", [])):
                key = version["Key"]
                body = s3.get_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])
                found.setdefault(key, []).append(body["Body"].read())
        return found

    def _handler(self, verb: str) -> Handler:
        def call(given: dict[str, Any], context: Any) -> Any:
            for hook in self._hooks.get(("before", verb), []):
                hook(given)
            with self._process(verb):
                result = HANDLERS[verb](given, context)
            for hook in self._hooks.get(("after", verb), []):
                hook(given)
            return result

        return call

    @contextmanager
    def _process(self, verb: str) -> Iterator[None]:
        """Each function has a process of its own, and in it the secrets that it remembers."""
        self._inside = verb
        asking.budgets.cache_clear()
        access.abilities_table.cache_clear()
        try:
            yield
        finally:
            self._inside = None

    def _parameters(self) -> SSMProvider:
        """The memory of parameters that the function has whose handler runs now."""
        new = SSMProvider(boto3_client=client("ssm"))
        return self._providers.setdefault(self._inside, new)

    def _furnish(self, environment: dict[str, str]) -> None:
        s3 = client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket=UPLOADS, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.charts(SWITCHED_OFF)
        prefix = environment["PARAMETER_PREFIX"]
        self.app_parameter = secrets.app_parameter(prefix)
        self.token_parameter = secrets.token_parameter(prefix, ACCOUNT)
        self.secret(self.app_parameter, {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
        self.secret(self.token_parameter, {"refresh_token": REFRESH_TOKEN})
        for properties in DEFAULT.of_type("AWS::DynamoDB::Table").values():
            names = ("TableName", "KeySchema", "AttributeDefinitions", "BillingMode")
            client("dynamodb").create_table(**{name: properties[name] for name in names})
        access.accounts_table().create(connected(ACCOUNT, "made-up-listener", "Made-up", NOW))
        self.knows()

    def _finish(self) -> None:
        self.story.versions = self.versions()
        listed = client("s3").list_objects_v2(Bucket=UPLOADS)
        self.story.uploads = [each["Key"] for each in listed.get("Contents", ())]
        for name in (self.app_parameter, self.token_parameter):
            found = client("ssm").get_parameters(Names=[name], WithDecryption=True)
            for each in found["Parameters"]:
                self.story.secrets[each["Name"]] = json.loads(each["Value"])

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Write down what functions ask of AWS."""
        original = BaseClient._make_api_call

        def noted(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
            service = client.meta.service_model.service_name
            if self._inside is not None and service not in _ENGINE:
                self.story.calls += [
                    Call(self._inside, *_permission(service, each, part))
                    for each, part in _single(operation, given)
                ]
            return original(client, operation, given)

        with patch.object(BaseClient, "_make_api_call", noted):
            yield


def _single(operation: str, given: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The operations that AWS asks a role about: of a transaction, each of its parts."""
    if operation != "TransactWriteItems":
        return [(operation, given)]
    parts = [part for item in given["TransactItems"] for part in item.items()]
    return [(f"{name}Item", part) for name, part in parts]


def _permission(service: str, operation: str, given: dict[str, Any]) -> tuple[str, str]:
    """The action and resource that AWS would ask a role's policies about."""
    partition, region, account = "aws", REGION, DEFAULT.resolve({"Ref": "AWS::AccountId"})
    if service == "s3":
        bucket = f"arn:{partition}:s3:::{given['Bucket']}"
        if operation == "ListObjectsV2":
            return "s3:ListBucket", bucket
        action = {"HeadObject": "GetObject"}.get(operation, operation)
        return f"s3:{action}", f"{bucket}/{given['Key']}"
    if service == "dynamodb":
        (table,) = given.get("RequestItems") or (given["TableName"],)
        return (
            f"dynamodb:{operation}",
            f"arn:{partition}:dynamodb:{region}:{account}:table/{table}",
        )
    name = given.get("Name", "")
    return f"{service}:{operation}", f"arn:{partition}:{service}:{region}:{account}:parameter{name}"


def _environment() -> dict[str, str]:
    """What the template gives every function, and what Lambda itself sets."""
    variables = functions()["Capture"]["Environment"]["Variables"]
    return {
        **{name: str(value) for name, value in variables.items()},
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "POWERTOOLS_METRICS_DISABLED": "true",
    }


def _forget() -> None:
    """A new world meets functions that remember nothing."""
    settings.cache_clear()
    access.bucket.cache_clear()
    access.accounts_table.cache_clear()
    access.abilities_table.cache_clear()
    asking.budgets.cache_clear()
    asking._keyless.cache_clear()
