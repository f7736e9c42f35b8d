"""Every role of the deployed stack tries what it may and what it may not, by TLS and without.

The roles are the stack's own. The embedded AWS lets the account's owner take a service's role,
which AWS does not; that the roles may not take each other is one of the deeds.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cli.accounts import listed
from cli.target import MACHINES, resources
from local.aws import process
from tests.permissions.refusals import DEEDS, Deed, Try, word
from tests.stack.conftest import Stack

_REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@dataclass
class Roles:
    """The stack's roles by their words, and somebody who can be any of them."""

    credentials: dict[str, Credentials]
    arns: dict[str, str]
    places: Mapping[str, str]
    _session: boto3.Session
    _now: Credentials
    _endpoint: str
    _clients: dict[str, Any]

    def refused(self, role: str, one: Try) -> bool:
        """Try it under a role; whether it is refused for want of permission."""
        self._become(role)
        other = self.arns["Publish" if role != "Publish" else "Capture"]
        given = _filled(one.arguments, {**self.places, "role": other})
        try:
            getattr(self.client(one.service), one.operation)(**given)
        except ClientError as error:
            return _is_refusal(error)
        return False

    def client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(
                retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}
            )
            self._clients[service] = self._session.client(  # type: ignore[call-overload]
                service, endpoint_url=self._endpoint, config=config
            )
        return self._clients[service]

    def _become(self, role: str) -> None:
        taken = self.credentials[role]
        self._now.access_key, self._now.secret_key = taken.access_key, taken.secret_key
        self._now.token = taken.token


def _is_refusal(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in _REFUSED


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(places)
    if isinstance(value, Mapping):
        return {_filled(name, places): _filled(each, places) for name, each in value.items()}
    return [_filled(each, places) for each in value] if isinstance(value, list) else value


def _taken(sts: Any, arn: str) -> Credentials:
    given = sts.assume_role(RoleArn=arn, RoleSessionName="tries")["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


@pytest.fixture(scope="module")
def roles(stack: Stack) -> Roles:
    target, state = stack.lake.target, stack.lake.state
    iam = target.session.client("iam", endpoint_url=state.endpoint)
    sts = target.session.client("sts", endpoint_url=state.endpoint)
    arns = {
        word(logical): iam.get_role(RoleName=physical)["Role"]["Arn"]
        for logical, physical in resources(target, "AWS::IAM::Role").items()
    }
    (queue,) = resources(target, "AWS::SQS::Queue").values()
    places = {
        "stack": target.stack,
        "data": stack.bucket,
        "uploads": target.output("UploadsBucket"),
        "prefix": target.output("ParameterPrefix"),
        "account": listed(target)[0].account,
        "accounts": target.output("AccountsTable"),
        "budget": target.output("BudgetTable"),
        "dead_letters": queue,
        "topic": target.output("AlarmTopic"),
        **{name: target.output(output) for name, output in MACHINES.items()},
    }
    core = botocore.session.get_session()
    core.set_config_variable("ca_bundle", str(state.certificate))
    core.set_credentials("nobody", "nobody")
    now = core.get_credentials()
    assert now is not None
    session = boto3.Session(botocore_session=core, region_name=target.region)
    credentials = {role: _taken(sts, arn) for role, arn in arns.items()}
    return Roles(credentials, arns, places, session, now, state.endpoint, {})


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.what)
def test_who_may_do_it_may_and_everybody_else_is_refused(roles: Roles, deed: Deed) -> None:
    assert set(deed.may) <= set(roles.credentials)
    refused = {
        (role, one.operation, str(one.arguments))
        for role in roles.credentials
        if not (deed.by_others and role in deed.may)
        for one in deed.tries
        if roles.refused(role, one)
    }
    assert refused == {
        (role, one.operation, str(one.arguments))
        for role in roles.credentials
        if role not in deed.may
        for one in deed.tries
    }


def test_a_role_that_may_more_would_be_noticed(stack: Stack, roles: Roles) -> None:
    iam = stack.lake.target.session.client("iam", endpoint_url=stack.lake.state.endpoint)
    name = resources(stack.lake.target, "AWS::IAM::Role")["ExtractFunctionRole"]
    (deed,) = [deed for deed in DEEDS if deed.what == "read a listener's token"]
    (one,) = deed.tries
    wider = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [wider]})

    before = roles.refused("Extract", one)
    iam.put_role_policy(RoleName=name, PolicyName="wider", PolicyDocument=policy)
    try:
        wider_role = roles.refused("Extract", one)
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="wider")

    assert (before, wider_role, roles.refused("Extract", one)) == (True, False, True)


@pytest.mark.parametrize(
    ("role", "one"),
    [
        ("Publish", Try("s3", "get_object", {"Bucket": "{data}", "Key": "raw/tracks/nobody"})),
        ("Import", Try("s3", "get_object", {"Bucket": "{uploads}", "Key": "nobody"})),
        (
            "the schedule of daily",
            Try(
                "sqs",
                "send_message",
                {"QueueUrl": "{dead_letters}", "MessageBody": "x", "DelaySeconds": 9999},
            ),
        ),
    ],
    ids=lambda value: value.service if isinstance(value, Try) else value,
)
def test_what_may_be_done_may_not_be_done_without_tls(roles: Roles, role: str, one: Try) -> None:
    """The embedded AWS takes a request for one without TLS that says so, as behind a proxy."""
    assert not roles.refused(role, one)

    def without_tls(request: Any, **_: Any) -> None:
        request.headers["X-Forwarded-Proto"] = "http"

    events = roles.client(one.service).meta.events
    events.register_first("before-sign.*.*", without_tls)
    try:
        assert roles.refused(role, one)
    finally:
        events.unregister("before-sign.*.*", without_tls)
    assert not roles.refused(role, one)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_listens_but_the_port_that_tls_is_on(stack: Stack) -> None:
    """With TLS, the embedded AWS would take 443 too."""
    state = stack.lake.state
    listening = process.listening_addresses(state.processes["aws"].pid)
    assert {address.rpartition(":")[2] for address in listening} == {f"{state.aws_port:04X}"}
    with pytest.raises((requests.ConnectionError, requests.Timeout)):
        requests.get(f"http://127.0.0.1:{state.aws_port}/_ministack/health", timeout=5)


@pytest.mark.parametrize("bucket", ["data", "uploads"])
def test_the_buckets_show_nothing_to_the_public(stack: Stack, roles: Roles, bucket: str) -> None:
    public = stack.lake.target.session.client(
        "s3",
        endpoint_url=stack.lake.state.endpoint,
        config=Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}),
    )
    name = roles.places[bucket]
    for ask in (
        lambda: public.get_object(Bucket=name, Key="config/charts.csv"),
        lambda: public.list_objects_v2(Bucket=name),
        lambda: public.put_object(Bucket=name, Key="x", Body=b""),
    ):
        with pytest.raises(ClientError) as refused:
            ask()
        assert _is_refusal(refused.value)
