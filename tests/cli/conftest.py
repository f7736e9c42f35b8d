"""What the command line's tests share: a home folder of their own and free ports."""

import socket
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import boto3
import pytest

from cli.target import Target


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep whatever a test starts or writes away from the person's own lake and account."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SOUNDLAKE_HOME", str(folder))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return folder


@cache
def session() -> boto3.Session:
    """One session for all, which reads AWS's descriptions of its services once."""
    return boto3.Session("testing", "testing", region_name="eu-north-1")


def stack_of_tables(outputs: Mapping[str, str]) -> Target:
    """A stack in moto, which is on: these outputs, and its tables of accounts and budgets."""
    stack = Target(session(), "soundlake-test")
    stack.__dict__["outputs"] = {
        "AccountsTable": "the-accounts",
        "BudgetTable": "the-budget",
        "CaptureInterval": "20",
        "DailyRequests": "500",
        "ParameterPrefix": "/soundlake/test",
        "QuotaOwner": "somebody",
        **outputs,
    }
    for name, key in (("the-accounts", "account"), ("the-budget", "holder")):
        stack.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return stack


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    """One free port."""
    return free_port()


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run `./soundlake ARGUMENTS` in this process; exit code, standard output and error."""
    from cli import __main__ as cli

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["soundlake", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.entry()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run
