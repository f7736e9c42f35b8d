"""The template's parameters, and what the environments give them."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from soundlake.genres import SPOTIFY
from soundlake.sources import genres
from soundlake.sources.features import SOURCES, ordered

from tests.template.translated import DEFAULT, REPO, source

PARAMETERS: dict[str, dict[str, Any]] = source()["Parameters"]
SECRET = re.compile(r"secret|token|password|passwd|credential|private|api_?key", re.IGNORECASE)
CRON = re.compile(r"cron\(\d+ (\d+(,\d+)*|\*) \* \* \? \*\)")


def _wrong(parameter: dict[str, Any], value: Any) -> str | None:
    """Why a value would be refused."""
    allowed = parameter.get("AllowedValues")
    if allowed is not None and str(value) not in {str(each) for each in allowed}:
        return "not among AllowedValues"
    pattern = parameter.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, str(value)):
        return "not of AllowedPattern"
    if parameter["Type"] == "Number":
        if not re.fullmatch(r"-?\d+", str(value)):
            return "not a number"
        low, high = parameter.get("MinValue"), parameter.get("MaxValue")
        if low is not None and int(value) < int(low):
            return "below MinValue"
        if high is not None and int(value) > int(high):
            return "above MaxValue"
    return None


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_described_and_has_a_good_default(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter["Description"].strip().endswith((".", ")."))
    assert parameter["Type"] in {"String", "Number"}
    assert _wrong(parameter, parameter["Default"]) is None
    if "AllowedPattern" in parameter:
        assert parameter["ConstraintDescription"]


@pytest.mark.parametrize("name", [n for n, p in PARAMETERS.items() if p["Type"] == "Number"])
def test_a_number_is_bounded(name: str) -> None:
    assert {"AllowedValues", "MinValue"} & PARAMETERS[name].keys()


@pytest.mark.parametrize("name", ["CaptureSchedule", "DailySchedule"])
def test_schedules_are_cron_expressions(name: str) -> None:
    assert CRON.fullmatch(PARAMETERS[name]["Default"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stage", "test"),
        ("QuotaOwner", "a#b"),
        ("QuotaOwner", ""),
        ("QuotaOwner", "a" * 65),
        ("SpotifyApiUrl", "http://api.spotify.com/v1"),
        ("SpotifyApiUrl", "https://api.spotify.com/v1/"),
        ("SpotifyAccountsUrl", "http://127.0.0.1"),
        ("ReccoBeatsApiUrl", "https://api.reccobeats.com/v1/"),
        ("FeatureSources", ""),
        ("FeatureSources", "spotify,spotify"),
        ("FeatureSources", "spotify,reccobeats,spotify"),
        ("FeatureSources", "reccobeats,reccobeats"),
        ("FeatureSources", "spotify,"),
        ("FeatureSources", "spotify, reccobeats"),
        ("FeatureSources", "reccobeat"),
        ("ChartSources", ""),
        ("ChartSources", "spotify,spotify"),
        ("ChartSources", "spotify,kworb,spotify"),
        ("ChartSources", "kworb,kworb"),
        ("ChartSources", "spotify, kworb"),
        ("ChartSources", "kworb.net"),
        ("KworbUrl", "http://kworb.net/spotify"),
        ("Contact", ""),
        ("Contact", "somebody"),
        ("Contact", "some body@example.org"),
        ("Contact", "some(body)@example.org"),
        ("Contact", "http://example.org"),
        ("Contact", "https://example.org/(me)"),
        ("Contact", "mé@example.org"),
        ("MusicBrainzApiUrl", "https://musicbrainz.org/ws/2/"),
        ("GenreSources", ""),
        ("GenreSources", "spotify,spotify"),
        ("GenreSources", "spotify,musicbrainz,spotify"),
        ("GenreSources", "musicbrainz,musicbrainz"),
        ("GenreSources", "spotify,"),
        ("GenreSources", "spotify, musicbrainz"),
        ("GenreSources", "lastfm"),
        ("PowertoolsLayerArn", "latest"),
        ("PandasLayerArn", "arn:aws:lambda:eu-north-1:1:layer:x:1"),
        ("NoncurrentDays", 0),
        ("NoncurrentDays", 4000),
        ("AthenaScanLimitBytes", 1000),
        ("LogRetentionDays", 2),
        ("PermissionsBoundary", ""),
        ("PermissionsBoundary", "boundary-soundlake-dev"),
        ("PermissionsBoundary", "arn:aws:iam::123456789012:role/x"),
        ("AlarmEmail", ""),
        ("AlarmEmail", "somebody"),
        ("AlarmEmail", "some body@example.org"),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: Any) -> None:
    assert _wrong(PARAMETERS[name], value) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SpotifyApiUrl", "http://127.0.0.1:4580/v1"),
        ("SpotifyAccountsUrl", "http://127.0.0.1:4580"),
        ("ReccoBeatsApiUrl", "http://127.0.0.1:4580/reccobeats/v1"),
        ("FeatureSources", "reccobeats"),
        ("FeatureSources", "reccobeats,spotify"),
        ("ChartSources", "kworb"),
        ("ChartSources", "spotify,kworb"),
        ("KworbUrl", "http://127.0.0.1:4580/kworb/spotify"),
        ("Contact", "some.body+lake@mail.example.org"),
        ("Contact", "https://example.org/~me?about=lake"),
        ("MusicBrainzApiUrl", "http://127.0.0.1:4580/musicbrainz/ws/2"),
        ("GenreSources", "musicbrainz"),
        ("GenreSources", "musicbrainz,spotify"),
        ("PowertoolsLayerArn", "arn:aws-cn:lambda:cn-north-1:123456789012:layer:own_layer:12"),
        ("QuotaOwner", "a.person_of-theirs"),
        ("PermissionsBoundary", "arn:aws:iam::123456789012:policy/boundary-soundlake-dev"),
        ("AlarmEmail", "some.body+alarms@mail.example.org"),
    ],
)
def test_a_right_value_is_accepted(name: str, value: Any) -> None:
    assert _wrong(PARAMETERS[name], value) is None


def test_every_source_of_features_may_be_named_and_is_by_default() -> None:
    sources = PARAMETERS["FeatureSources"]
    assert [_wrong(sources, name) for name in SOURCES] == [None] * len(SOURCES)
    assert [each.name for each in ordered(sources["Default"])] == list(SOURCES)
    listed = re.findall(r"[a-z]+", sources["AllowedPattern"].partition(")")[0])
    assert listed == list(SOURCES)


def test_every_source_of_genres_may_be_named_and_is_by_default() -> None:
    sources = PARAMETERS["GenreSources"]
    listed = re.findall(r"[a-z]+", sources["AllowedPattern"].partition(")")[0])
    assert listed == [SPOTIFY, *genres.SOURCES]
    assert [_wrong(sources, name) for name in listed] == [None] * len(listed)
    assert genres.order(sources["Default"]) == listed


def test_every_parameter_is_used() -> None:
    text = str({name: source()[name] for name in source() if name != "Parameters"})
    unused = [n for n in PARAMETERS if f"'Ref': '{n}'" not in text and f"${{{n}}}" not in text]
    assert unused == []


def test_every_condition_is_used() -> None:
    text = str({name: source()[name] for name in ("Resources", "Outputs", "Globals")})
    assert [name for name in source()["Conditions"] if f"'{name}'" not in text] == []


def test_no_secret_is_a_parameter_or_a_variable() -> None:
    """Secrets are SecureStrings that functions read for themselves."""
    names = set(PARAMETERS)
    for properties in DEFAULT.of_type("AWS::Lambda::Function").values():
        names |= set(properties["Environment"]["Variables"])
    assert [name for name in names if SECRET.search(name)] == []
    assert SECRET.search("SpotifyClientSecret")


def test_outputs_are_described() -> None:
    outputs = source()["Outputs"]
    assert {"DataBucket", "Database", "WorkGroup"} <= set(outputs)
    assert all(output["Description"] for output in outputs.values())
    resolved = DEFAULT.resolve(outputs)
    assert resolved["DataBucket"]["Value"] == DEFAULT.properties("DataBucket")["BucketName"]
    assert resolved["Database"]["Value"] == "soundlake_dev"


#### ENVIRONMENTS ##################################################################################


def _overrides() -> Iterator[tuple[str, str, str]]:
    """Every (environment, parameter, value) of samconfig.toml."""
    config = tomllib.loads((REPO / "samconfig.toml").read_text(encoding="utf-8"))
    for environment, commands in config.items():
        if not isinstance(commands, dict):
            continue
        given = commands.get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
        for each in given.split() if isinstance(given, str) else given:
            name, _, value = each.partition("=")
            yield environment, name, value


@pytest.mark.parametrize(("environment", "name", "value"), list(_overrides()))
def test_an_environment_gives_a_parameter_a_good_value(
    environment: str, name: str, value: str
) -> None:
    assert name in PARAMETERS
    assert _wrong(PARAMETERS[name], value) is None
    if name == "Stage":
        assert value == environment


def test_every_environment_is_a_stage() -> None:
    assert {environment for environment, _, _ in _overrides()} == set(
        PARAMETERS["Stage"]["AllowedValues"]
    )
