"""What a command talks to: the lake on this machine, or a stack deployed in AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, NoRegionError

from cli import samconfig, services
from cli.errors import Misuse, Trouble

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

CHART_LIST: Final = "config/charts.csv"
MACHINES: Final[Mapping[str, str]] = {
    "capture": "CaptureStateMachineArn",
    "daily": "DailyStateMachineArn",
    "import": "ImportStateMachineArn",
    "audit": "AuditStateMachineArn",
}
# Those that bring something, by themselves or on demand; imports wait for a file.
RUN: Final = ("capture", "daily")
# What CloudFormation updates no more.
_NEVER_MADE: Final = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
_FINISHED: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


@dataclass(frozen=True)
class Target:
    """A stack and the session to reach it with; `endpoint` is None in AWS itself."""

    session: boto3.Session
    stack: str
    endpoint: str | None = None

    @property
    def region(self) -> str:
        """The region of the stack."""
        return str(self.session.region_name)

    @property
    def local(self) -> bool:
        """Whether this is the lake on this machine."""
        return self.endpoint is not None

    def _client(self, service: str) -> Any:
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 2 if self.local else 5},
            # The loopback is never behind the shell's proxy.
            proxies={} if self.local else None,
            s3={"addressing_style": "path"} if self.local else {},
        )
        return self.session.client(service, endpoint_url=self.endpoint, config=config)  # type: ignore[call-overload]

    @cached_property
    def athena(self) -> "AthenaClient":
        """Athena."""
        return self._client("athena")  # type: ignore[no-any-return]

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self._client("cloudformation")  # type: ignore[no-any-return]

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB."""
        return self._client("dynamodb")  # type: ignore[no-any-return]

    @cached_property
    def glue(self) -> "GlueClient":
        """Glue's catalog."""
        return self._client("glue")  # type: ignore[no-any-return]

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self._client("lambda")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs."""
        return self._client("logs")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self._client("s3")  # type: ignore[no-any-return]

    @cached_property
    def ssm(self) -> "SSMClient":
        """Systems Manager's parameters."""
        return self._client("ssm")  # type: ignore[no-any-return]

    @cached_property
    def states(self) -> "SFNClient":
        """Step Functions."""
        return self._client("stepfunctions")  # type: ignore[no-any-return]

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs; raises Trouble when there is no finished stack of that name."""
        status, outputs = stack_state(self)
        if status is None:
            raise Trouble(self.missing)
        if not status.endswith("_COMPLETE") or not outputs:
            raise Trouble(f"The stack {self.stack} is {status}; {self._mending(status)}.")
        return outputs

    def _mending(self, status: str) -> str:
        if self.local:
            return "run ./soundlake up to mend it"
        if status in _NEVER_MADE:
            return (
                "its first deployment failed, as its events say; remove what is left of it with "
                f"`sam delete --stack-name {self.stack} --region {self.region}` and deploy it again"
            )
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            return "wait until that is done"
        return "deploy it again"

    @property
    def missing(self) -> str:
        """What to tell a person where there is no such stack."""
        if self.local:
            return "The local lake is not deployed; run ./soundlake up."
        stage = self.stack.removeprefix("soundlake-")
        return (
            f"There is no stack {self.stack} in {self.region}; deploy it with `sam build && sam "
            f"deploy --config-env {stage}`, or name another with --stage and --region."
        )

    def output(self, name: str) -> str:
        """Return one output of the stack; raise Trouble when it has none of that name."""
        if name not in self.outputs:
            raise Trouble(f"The stack {self.stack} has no output {name}; deploy it again.")
        return self.outputs[name]


def stack_state(target: Target) -> tuple[str | None, dict[str, str]]:
    """Return the stack's status and outputs; status None when there is no such stack."""
    try:
        stacks = target.cloudformation.describe_stacks(StackName=target.stack)["Stacks"]
    except ClientError as error:
        if _absent(error):
            return None, {}
        raise
    if not stacks:
        return None, {}
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0].get("Outputs", [])}
    return stacks[0]["StackStatus"], outputs


def _absent(error: ClientError) -> bool:
    return "does not exist" in str(error) or "not found" in str(error).lower()


def stack_parameters(target: Target) -> dict[str, str]:
    """Return the values that the stack's parameters have; empty when there is no such stack."""
    try:
        stacks = target.cloudformation.describe_stacks(StackName=target.stack)["Stacks"]
    except ClientError as error:
        if _absent(error):
            return {}
        raise
    given = stacks[0].get("Parameters", []) if stacks else []
    return {one["ParameterKey"]: one["ParameterValue"] for one in given}


def resources(target: Target, kind: str) -> dict[str, str]:
    """Return the physical name of every resource of a type in the stack by its logical one.

    Raises Trouble when there is no stack of that name.
    """
    pages = target.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=target.stack
    )
    try:
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == kind
        }
    except ClientError as error:
        if _absent(error):
            raise Trouble(target.missing) from error
        raise


def finished(status: str | None) -> bool:
    """Tell whether a stack of this status is whole and may be used and updated."""
    return status in _FINISHED


def local_target(endpoint: str, region: str, stack: str, certificate: Path | None = None) -> Target:
    """Return the lake on this machine; its credentials are as made up as its account.

    `certificate` is the file to trust where it is reached by TLS.
    """
    core = botocore.session.get_session()
    core.set_config_variable("ca_bundle", str(certificate) if certificate else None)
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
        region_name=region,
        botocore_session=core,
    )
    return Target(session, stack, endpoint)


def choose(profile: str | None, region: str | None, stage: str | None) -> Target:
    """Return what the options name; without any, the lake that runs on this machine.

    Raises Trouble when nothing runs here, or the profile or region is missing.
    """
    if profile is None and region is None and stage in (None, "local"):
        running = services.running()
        if running is None:
            raise Trouble(
                "Nothing is running on this machine; start it with ./soundlake up, "
                "or name a deployed stack with --stage."
            )
        return local_target(running.endpoint, running.region, running.stack, running.certificate)
    stage = stage or "dev"
    # `sam deploy --config-env <stage>` put the stack where samconfig.toml says.
    where = region or samconfig.region(stage)
    session = boto3.Session(profile_name=profile, region_name=where)
    if session.region_name is None:
        if not samconfig.deployed(stage):
            raise Misuse(
                f"samconfig.toml has no stage {stage!r}; name one that it has, or a --region."
            )
        raise NoRegionError
    return Target(session, f"soundlake-{stage}")
