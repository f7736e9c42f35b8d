"""How the workflow's deployment is put together from samconfig.toml and the account's own ARNs."""

import pytest

from cli import samconfig
from cli.errors import Misuse, Trouble
from cli.sam_deploy import BOUNDARY, ROLE, commands, main

SHELL = {
    ROLE: "arn:aws:iam::123456789012:role/execute-soundlake-dev",
    BOUNDARY: "arn:aws:iam::123456789012:policy/boundary-soundlake-dev",
}


def given(command: list[str]) -> dict[str, str]:
    at = command.index("--parameter-overrides")
    return dict(each.partition("=")[::2] for each in command[at + 1 :])


def test_a_stage_is_built_and_deployed_with_the_accounts_role_and_boundary() -> None:
    build, deploy = commands("dev", [], SHELL)
    assert build[0] == "build"
    assert deploy[0] == "deploy"
    assert deploy[deploy.index("--role-arn") + 1] == SHELL[ROLE]
    for command in (build, deploy):
        assert command[command.index("--config-env") + 1] == "dev"
        listed = samconfig.deployed("dev")["parameter_overrides"]
        expected = dict(each.partition("=")[::2] for each in listed)
        assert given(command) == expected | {"PermissionsBoundary": SHELL[BOUNDARY]}


def test_what_is_given_with_it_counts_before_samconfig() -> None:
    for command in commands("dev", ["Schedules=CAPTURE", "Contact=a=b"], SHELL):
        assert given(command)["Schedules"] == "CAPTURE"
        assert given(command)["Contact"] == "a=b"
        assert given(command)["Stage"] == "dev"


@pytest.mark.parametrize("name", [ROLE, BOUNDARY])
def test_nothing_is_deployed_without_the_accounts_own(name: str) -> None:
    """GitHub gives an empty text for a variable that is not set."""
    with pytest.raises(Trouble, match=rf"^{name} must be set.*deploy-role\.yaml"):
        commands("dev", [], SHELL | {name: ""})


@pytest.mark.parametrize("stage", ["", "local", "test"])
def test_there_are_two_stages_to_deploy_to(stage: str) -> None:
    with pytest.raises(Misuse, match="dev, prod"):
        commands(stage, [], SHELL)


def test_what_is_missing_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ROLE, raising=False)
    monkeypatch.delenv(BOUNDARY, raising=False)
    assert main(["dev"]) == 1
    assert capsys.readouterr().err.startswith(f"make deploy: {ROLE} and {BOUNDARY} must be set")
    assert main([]) == 2
