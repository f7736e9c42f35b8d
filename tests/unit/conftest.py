"""A world for each unit test: no network, AWS and Spotify in this process, caches empty."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import boto3
import hypothesis
import pytest
import responses
from moto import mock_aws
from soundlake import access, asking, observability
from soundlake.accounts import connected
from soundlake.settings import settings
from soundlake.sources.keyless import KeylessApi
from soundlake.spotify.client import Spotify
from soundlake.store import items, objects, secrets

from tests.unit.helpers import (
    ACCOUNT,
    ACCOUNTS,
    ACCOUNTS_TABLE,
    ANALYSES_PER_DAY,
    API,
    BUCKET,
    BUDGET_TABLE,
    CLIENT_ID,
    CLIENT_SECRET,
    CONSENTED_AT,
    DAILY_REQUESTS,
    KWORB,
    MUSICBRAINZ,
    OWNER,
    PREFIX,
    RECCOBEATS,
    REFRESH_TOKEN,
    REGION,
    SECRETS,
    FakeMusicBrainz,
    FakeReccoBeats,
    FakeSpotify,
    Zones,
)
from tests.unit.kworb_pages import CONTACT, FakeKworb

HERE = Path(__file__).parent

# No test may fail because the machine is busy.
hypothesis.settings.register_profile(
    "unit", max_examples=60, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unit")

ENVIRONMENT = {
    "DATA_BUCKET": BUCKET,
    "PARAMETER_PREFIX": PREFIX,
    "ACCOUNTS_TABLE": ACCOUNTS_TABLE,
    "BUDGET_TABLE": BUDGET_TABLE,
    "QUOTA_OWNER": OWNER,
    "ANALYSES_PER_DAY": str(ANALYSES_PER_DAY),
    "FEATURE_SOURCES": "spotify",
    "RECCOBEATS_API_URL": RECCOBEATS,
    "CHART_SOURCES": "spotify",
    "KWORB_URL": KWORB,
    "GENRE_SOURCES": "spotify",
    "MUSICBRAINZ_API_URL": MUSICBRAINZ,
    "CONTACT": "none",
    "DAILY_REQUESTS": str(DAILY_REQUESTS),
    "REQUEST_SPACING_MS": "0",
    "SOURCE_SPACING": "100",
    "SPOTIFY_API_URL": API,
    "SPOTIFY_ACCOUNTS_URL": ACCOUNTS,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
NOT_SET = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Close sockets in this folder's tests, but for those that allow the loopback by a mark."""
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("allow_hosts") is None:
            item.add_marker("disable_socket")


def forget_clients() -> None:
    objects.s3_client.cache_clear()
    items.dynamodb_client.cache_clear()
    secrets._ssm.cache_clear()
    secrets._parameters.cache_clear()
    boto3.DEFAULT_SESSION = None


def forget_values() -> None:
    for cached in (
        settings,
        access.bucket,
        access.accounts_table,
        asking.budgets,
        access.abilities_table,
        asking._client,
        asking._keyless,
        secrets._parameters,
    ):
        cached.cache_clear()


@pytest.fixture(scope="package", autouse=True)
def clients() -> Iterator[None]:
    """AWS clients of this folder alone. They keep no state, so its tests share them."""
    before = boto3.DEFAULT_SESSION
    forget_clients()
    yield
    forget_clients()
    boto3.DEFAULT_SESSION = before


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A function's environment with made-up credentials; nothing kept from the test before."""
    for name in NOT_SET:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    forget_values()
    yield
    forget_values()


@pytest.fixture
def no_analyses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks for analyses."""
    monkeypatch.setenv("ANALYSES_PER_DAY", "0")
    settings.cache_clear()


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is 14 hours ahead of UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "FAR-14")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the functions log, a JSON object a line."""
    out = StringIO()
    monkeypatch.setattr(observability.logger.registered_handler, "stream", out)
    return out


@pytest.fixture
def zones() -> Iterator[Zones]:
    """S3 with the versioned data bucket and a look into it, and no account."""
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        s3 = objects.s3_client()
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        make_table(ACCOUNTS_TABLE, "account")
        yield Zones(s3)


def make_table(name: str, key: str) -> None:
    items.dynamodb_client().create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def make_tables() -> object:
    client = items.dynamodb_client()
    make_table(BUDGET_TABLE, "holder")
    access.accounts_table().create(connected(ACCOUNT, "solveig", "Solveig", CONSENTED_AT))
    return client


@pytest.fixture
def tables(zones: Zones) -> object:
    """DynamoDB with the account and no budget that is spent; its client."""
    return make_tables()


@pytest.fixture
def ssm(tables: object) -> object:
    """Parameter Store with the app's credentials and the account's refresh token."""
    client = secrets._ssm()
    values = {
        f"{PREFIX}/spotify/app": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
        f"{PREFIX}/accounts/{ACCOUNT}/token": {"refresh_token": REFRESH_TOKEN},
    }
    for name, value in values.items():
        client.put_parameter(Name=name, Value=json.dumps(value), Type="SecureString")
    return client


@contextmanager
def fake_spotify(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSpotify]:
    fake = FakeSpotify()
    defaults = Spotify.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "clock", fake.clock)
    monkeypatch.setitem(defaults, "backoff_s", 0.0)
    keyless = KeylessApi.__init__.__kwdefaults__
    monkeypatch.setitem(keyless, "clock", fake.clock)

    def slept(seconds: float) -> None:
        fake.reccobeats.sleep(seconds)
        fake.musicbrainz.slept.append(seconds)

    monkeypatch.setitem(keyless, "sleep", slept)
    monkeypatch.setitem(keyless, "backoff_s", 0.0)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST"):
            mock.add_callback(
                method, re.compile(r"https://[a-z]+\.spotify\.test/"), fake, content_type=None
            )
        mock.add_callback(
            "GET", re.compile(f"{RECCOBEATS}/audio-features"), fake.reccobeats, content_type=None
        )
        mock.add_callback("GET", re.compile(r"https://kworb\.test/"), fake.kworb, content_type=None)
        mock.add_callback("GET", re.compile(f"{MUSICBRAINZ}/"), fake.musicbrainz, content_type=None)
        yield fake


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSpotify]:
    """Spotify alone; clients share its clock and retry at once."""
    with fake_spotify(monkeypatch) as fake:
        yield fake


@pytest.fixture
def spotify(ssm: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSpotify]:
    """Spotify beside AWS, as the functions meet it."""
    with fake_spotify(monkeypatch) as fake:
        yield fake


@pytest.fixture
def reccobeats(spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch) -> FakeReccoBeats:
    """ReccoBeats beside Spotify, to be asked where that knows no features."""
    monkeypatch.setenv("FEATURE_SOURCES", "spotify,reccobeats")
    settings.cache_clear()
    return spotify.reccobeats


@pytest.fixture
def kworb(spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch) -> FakeKworb:
    """kworb.net beside Spotify, to be asked for charts where that shows none."""
    monkeypatch.setenv("CHART_SOURCES", "spotify,kworb")
    monkeypatch.setenv("CONTACT", CONTACT)
    settings.cache_clear()
    return spotify.kworb


@pytest.fixture
def musicbrainz(spotify: FakeSpotify, monkeypatch: pytest.MonkeyPatch) -> FakeMusicBrainz:
    """MusicBrainz beside Spotify, to be asked where that names no genres."""
    monkeypatch.setenv("GENRE_SOURCES", "spotify,musicbrainz")
    monkeypatch.setenv("CONTACT", "me@example.org")
    settings.cache_clear()
    return spotify.musicbrainz


@pytest.fixture
def tell_tales(
    logs: StringIO, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[object], list[str]]:
    """The secrets and tokens that a result, the logs or the output give away."""

    def found(result: object) -> list[str]:
        printed = capsys.readouterr()
        text = "\n".join(
            [json.dumps(result), logs.getvalue(), printed.out, printed.err, caplog.text]
        )
        assert logs.getvalue(), "nothing was logged, so nothing could be found"
        return [secret for secret in SECRETS if secret in text]

    return found
