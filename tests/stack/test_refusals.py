"""Every role of the deployed stack tries what it may and what it may not, by TLS and without.

The roles are the stack's own, taken one after the other: for that moment the account's owner may
take each, which nobody may otherwise.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from cli.accounts import listed
from cli.target import resources
from tests.permissions.refusals import DEEDS, Deed, Try, word
from tests.stack.conftest import Stack

_REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


@dataclass
class Roles:
    """The stack's roles by their words, and somebody who can be any of them."""

    credentials: dict[str, Credentials]
    places: Mapping[str, str]
    _session: boto3.Session
    _now: Credentials
    _endpoint: str
    _clients: dict[str, Any]

    def refused(self, role: str, one: Try) -> bool:
        """Try it under a role; whether it is refused for want of permission."""
        self._become(role)
        given = _filled(one.arguments, {**self.places, "role": self._other(role)})
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

    def _other(self, role: str) -> str:
        return self.places["role_of_publish" if role != "Publish" else "role_of_capture"]


def _is_refusal(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in _REFUSED


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(places)
    if isinstance(value, Mapping):
        return {_filled(name, places): _filled(each, places) for name, each in value.items()}
    return [_filled(each, places) for each in value] if isinstance(value, list) else value


@contextlib.contextmanager
def _taken(iam: Any, sts: Any, name: str) -> Iterator[Credentials]:
    """A role's credentials for a while, given to the account's owner; its trust stays as it was."""
    found = iam.get_role(RoleName=name)["Role"]
    trust = found["AssumeRolePolicyDocument"]
    owner = {
        "Effect": "Allow",
        "Principal": {"AWS": found["Arn"].replace(f"role/{name}", "root")},
        "Action": "sts:AssumeRole",
    }
    wider = {**trust, "Statement": [*trust["Statement"], owner]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(wider))
    try:
        given = sts.assume_role(RoleArn=found["Arn"], RoleSessionName="tries")["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    yield Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


@pytest.fixture(scope="module")
def roles(stack: Stack) -> Iterator[Roles]:
    target, state = stack.lake.target, stack.lake.state
    iam, sts = (
        target.session.client(name, endpoint_url=state.endpoint)  # type: ignore[call-overload]
        for name in ("iam", "sts")
    )
    names = resources(target, "AWS::IAM::Role")
    (queue,) = resources(target, "AWS::SQS::Queue").values()
    account = listed(target)[0].account
    places = {
        "stack": target.stack,
        "data": stack.bucket,
        "uploads": target.output("UploadsBucket"),
        "prefix": target.output("ParameterPrefix"),
        "account": account,
        "accounts": target.output("AccountsTable"),
        "budget": target.output("BudgetTable"),
        "dead_letters": queue,
        "topic": target.output("AlarmTopic"),
        **{
            machine: target.output(f"{machine.title()}StateMachineArn")
            for machine in ("capture", "daily", "import")
        },
        **{
            f"role_of_{verb.lower()}": iam.get_role(RoleName=names[f"{verb}FunctionRole"])["Role"][
                "Arn"
            ]
            for verb in ("Capture", "Publish")
        },
    }
    core = botocore.session.get_session()
    core.set_config_variable("ca_bundle", str(state.certificate))
    now = core._credentials = Credentials("nobody", "nobody")
    session = boto3.Session(botocore_session=core, region_name=target.region)
    with contextlib.ExitStack() as all_of_them:
        credentials = {
            word(logical): all_of_them.enter_context(_taken(iam, sts, physical))
            for logical, physical in names.items()
        }
        yield Roles(credentials, places, session, now, state.endpoint, {})


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.what)
def test_who_may_do_it_may_and_everybody_else_is_refused(roles: Roles, deed: Deed) -> None:
    assert set(deed.may) <= set(roles.credentials)
    refused = {
        (role, one.operation, str(one.arguments))
        for role in roles.credentials
        for one in deed.tries
        if roles.refused(role, one)
    }
    assert refused == {
        (role, one.operation, str(one.arguments))
        for role in roles.credentials
        if role not in deed.may
        for one in deed.tries
    }


def test_nobody_takes_a_role_but_the_service_that_it_is_for(stack: Stack, roles: Roles) -> None:
    target = stack.lake.target
    sts = target.session.client("sts", endpoint_url=stack.lake.state.endpoint)  # type: ignore[call-overload]
    for name in ("role_of_capture", "role_of_publish"):
        with pytest.raises(ClientError) as refused:
            sts.assume_role(RoleArn=roles.places[name], RoleSessionName="nobody")
        assert _is_refusal(refused.value)


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
