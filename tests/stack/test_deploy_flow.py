"""Deployments into an account that has nothing yet, an embedded AWS of its own: the steps of
GitHub's workflow as they stand there, up to where GitHub's own part begins, and README's lines.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from cli.connect import visit
from cli.deploy import architecture
from cli.home import ROOT
from local.aws import process, service
from local.spotify.settings import CLIENT_ID, CLIENT_SECRET
from tests.stack.conftest import free_port

pytestmark = pytest.mark.slow

SUBJECT = "repo:someone@123/soundlake@456"
JOBS: dict[str, Any] = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8")
)["jobs"]
REGION = "eu-north-1"
ACCOUNT_ID = "000000000000"
# GitHub's own steps, and what was done before the tests.
NOT_HERE = {"make env"}


class Account:
    """An account with the deploy roles of both stages, and a shell in it."""

    def __init__(self, options: service.Options, folder: Path) -> None:
        unwanted = ("AWS_", "SAM_CLI_", "SOUNDLAKE_")
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(unwanted)},
            "AWS_ENDPOINT_URL": options.endpoint,
            **({"AWS_CA_BUNDLE": str(options.certificate)} if options.certificate else {}),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,  # configure-aws-credentials sets it
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(folder / "sam"),
            "SOUNDLAKE_HOME": str(folder / "home"),
            # The embedded AWS runs functions on this machine's own processor.
            "PARAMETERS": f"Architecture={architecture()}",
        }
        self.options = options

    def client(self, name: str) -> Any:
        return boto3.client(
            name,  # type: ignore[call-overload]
            endpoint_url=self.options.endpoint,
            verify=str(self.options.certificate or True),
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def run(self, line: str, **variables: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=ROOT,
            env=self.variables | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def start(self, line: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=ROOT,
            env=self.variables | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def outputs(self, stack: str) -> dict[str, str]:
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        assert found["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}

    def prepare(self, stage: str) -> dict[str, str]:
        """Make a stage's roles as docs/deploy.md says; the variables that GitHub is told."""
        page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
        (command,) = re.findall(r"^sam deploy --template-file (?:.*\\\n)*.*", page, re.MULTILINE)
        command = command.replace("sam ", f"{sys.executable} -m samcli ", 1)
        command = command.replace("STAGE", stage).replace("SUBJECT", SUBJECT)
        # The emulator has no identity provider of its own; it is named as one that is there.
        provider = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
        self.run(command.replace("Subject=", f"OidcProviderArn={provider} Subject="))
        outputs = self.outputs(f"deploy-soundlake-{stage}")
        prefix = "DEV_" if stage == "dev" else ""
        names = {"DeployRoleArn", "ExecutionRoleArn", "PermissionsBoundaryArn"}
        assert set(outputs) == names
        return {
            prefix + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper(): value
            for name, value in outputs.items()
        }

    def credentials(self, stage: str) -> dict[str, str]:
        """Credentials under the workflow's role, of which GitHub's token is left out.

        The embedded AWS does not know which role a change set is for, so that condition of the
        role's is left out, too.
        """
        iam = self.client("iam")
        name, stack = f"deploy-soundlake-{stage}", f"stack/soundlake-{stage}/*"
        trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT_ID}}
        planned = {
            "Effect": "Allow",
            "Action": "cloudformation:CreateChangeSet",
            "Resource": f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:{stack}",
        }
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=_document(trusted))
        iam.put_role_policy(
            RoleName=name, PolicyName="CreateChangeSet", PolicyDocument=_document(planned)
        )
        given = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/{name}", RoleSessionName="GitHubActions"
        )["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    def job(self, stage: str, told: dict[str, str]) -> list[str]:
        """Run the steps of a job under its role; what they said."""
        said = []
        own = self.credentials(stage)
        for step in JOBS[stage]["steps"]:
            line = step.get("run", "").partition(" #")[0]
            if not line or line in NOT_HERE:
                continue
            given = {
                name: told[re.fullmatch(r"\$\{\{ vars\.(\w+) }}", value)[1]]  # type: ignore[index]
                for name, value in step.get("env", {}).items()
            }
            said.append(self.run(line, **given, **own))
        return said


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@contextlib.contextmanager
def new_account(folder: Path, *, enforced: bool) -> Iterator[Account]:
    options = service.Options(
        folder=folder / "aws", port=free_port(), region=REGION, enforced=enforced
    )
    running = service.start(options)
    try:
        yield Account(options, folder)
    finally:
        process.stop(running)


@pytest.fixture
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with new_account(tmp_path_factory.mktemp("deploy"), enforced=False) as made:
        yield made


@pytest.fixture
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """One that holds everybody but its owner to their policies."""
    with new_account(tmp_path_factory.mktemp("deploy"), enforced=True) as made:
        yield made


@pytest.mark.timeout(900)
def test_main_goes_to_dev_is_tried_there_and_goes_to_prod(guarded: Account) -> None:
    account = guarded
    told = account.prepare("dev") | account.prepare("prod")
    with pytest.raises(AssertionError, match="may not do DescribeStacks"):
        account.run("./soundlake runs --stage prod", **account.credentials("dev"))
    deployed, tried = account.job("dev", told)
    assert "Successfully created/updated stack - soundlake-dev" in deployed
    assert re.findall(r"^(.) (\w+): ", tried, re.MULTILINE) == [
        ("✓", "capture"),
        ("✓", "daily"),
        ("✓", "import"),
        ("✓", "audit"),
    ]
    (deployed,) = account.job("prod", told)
    assert "Successfully created/updated stack - soundlake-prod" in deployed

    cloudformation = account.client("cloudformation")
    for stage, prefix in (("dev", "DEV_"), ("prod", "")):
        (stack,) = cloudformation.describe_stacks(StackName=f"soundlake-{stage}")["Stacks"]
        given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
        assert given["PermissionsBoundary"] == told[f"{prefix}PERMISSIONS_BOUNDARY_ARN"]
        assert given["Stage"] == stage
        states = {
            schedule["State"]
            for schedule in account.client("scheduler").list_schedules()["Schedules"]
            if f"soundlake-{stage}-" in schedule["Name"]
        }
        assert states == {"DISABLED" if stage == "dev" else "ENABLED"}
    # The next push finds nothing to do, and that is no failure.
    deployed, _ = account.job("dev", told)
    assert "No changes to deploy" in deployed


#### BY HAND #######################################################################################


@pytest.fixture
def spotify() -> Iterator[str]:
    """A local Spotify, in the place of the real one."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "local.spotify", "--port", str(port)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("local Spotify at")
        yield f"http://127.0.0.1:{port}"
        running.terminate()


def lines_of_readme() -> list[str]:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    section = page.partition("\n## Deploy to AWS\n")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    return [line.partition("  #")[0].strip() for line in block.splitlines()]


@pytest.mark.timeout(600)
def test_a_new_user_has_first_plays_after_readmes_lines(
    account: Account, spotify: str, tmp_path: Path
) -> None:
    """With the local Spotify's address, and answers in the place of a person's."""
    parameters = (
        f"--parameter-overrides Stage=prod Architecture={architecture()} Schedules=DISABLED "
        f"SpotifyApiUrl={spotify}/v1 SpotifyAccountsUrl={spotify}"
    )
    (tmp_path / "app.json").write_text(
        json.dumps({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    )
    environment, deployment, stage, app, consent, capture, query = lines_of_readme()
    assert environment == "./soundlake --env && . .venv/bin/activate"
    name, _, value = stage.removeprefix("export ").partition("=")
    account.variables[name] = value
    activate = ". .venv/bin/activate"
    build, deploy = deployment.split(" && ")
    deployed = account.run(f"{activate} && {build} {parameters} && {deploy} {parameters}")
    assert "Successfully created/updated stack - soundlake-prod" in deployed
    account.run(f"{app} --yes --file {tmp_path / 'app.json'}")
    with account.start(f"{consent} --no-browser --port {free_port()}") as asking:
        assert asking.stdout is not None
        address = next(line.strip() for line in asking.stdout if "/authorize?" in line)
        visit(address)
        said = asking.stdout.read()
    assert "Connected " in said
    captured = account.run(capture)
    assert re.search(r"^✓ capture: [1-9]\d* new plays", captured, re.MULTILINE), captured
    found = account.run(f"{query} --csv").splitlines()
    assert found[0] == "played_at,track_name"
    assert len(found) == 6
