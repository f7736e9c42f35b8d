"""The workflows: what they may do, and that all they name is there.

What their steps do is tested where it is: tests/workflows/test_checks.py, tests/stack. GitHub's own
part cannot run here; docs/deploy.md lists it.
"""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from cli.__main__ import main
from tests.template.test_deploy_role import TEMPLATE
from tests.template.translated import REPO, Stack

GITHUB = REPO / ".github"
WORKFLOWS = {path.stem: path for path in sorted((GITHUB / "workflows").iterdir())}
SAMCONFIG = tomllib.loads((REPO / "samconfig.toml").read_text(encoding="utf-8"))
STAGES = ("dev", "prod")
READ, DEPLOY = {"contents": "read"}, {"contents": "read", "id-token": "write"}
JOBS = {
    "test": {"test": READ, "build": READ, "invoke": READ, "safety": READ},
    "nightly": {"test-all": READ, "vulnerabilities": READ},
    "deploy": {"test": READ, "dev": DEPLOY, "prod": DEPLOY},
}
ACTIONS = {"actions/checkout", "actions/setup-python", "aws-actions/configure-aws-credentials"}
PINNED = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+")


def parsed(name: str) -> dict[str, Any]:
    content = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))
    content["on"] = content.pop(True)  # YAML 1.1 takes GitHub's word for a boolean
    return dict(content)


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in WORKFLOWS:
        for job, content in parsed(name)["jobs"].items():
            yield name, job, content


def steps(name: str) -> list[dict[str, Any]]:
    return [step for _, each in parsed(name)["jobs"].items() for step in each.get("steps", ())]


def commands() -> Iterator[list[str]]:
    """The words of every command that a step runs."""
    for name in WORKFLOWS:
        for step in steps(name):
            for line in step.get("run", "").splitlines():
                if words := shlex.split(line, comments=True):
                    yield words


#### FORM ##########################################################################################


def _check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / arguments[0]), *arguments[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_workflows_are_of_githubs_schema(tmp_path: Path) -> None:
    schema = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")
    done = _check(*schema, *map(str, WORKFLOWS.values()))
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("on: push\njobs: {one: {runs-on: ubuntu-24.04, step: []}}\n")
    assert _check(*schema, str(wrong)).returncode == 1


def test_updates_are_of_githubs_schema() -> None:
    done = _check(
        *("check-jsonschema", "--builtin-schema", "vendor.dependabot"),
        str(GITHUB / "dependabot.yml"),
    )
    assert done.returncode == 0, done.stdout


def test_an_auditor_of_workflows_finds_nothing(tmp_path: Path) -> None:
    done = _check("zizmor", "--offline", "--no-progress", str(GITHUB))
    assert done.returncode == 0, done.stdout
    (tmp_path / "wrong.yml").write_text(
        "on: pull_request_target\njobs:\n  one:\n    runs-on: ubuntu-24.04\n"
        "    steps:\n      - run: echo ${{ github.event.pull_request.title }}\n"
    )
    assert _check("zizmor", "--offline", str(tmp_path / "wrong.yml")).returncode != 0


def test_these_are_all() -> None:
    assert set(WORKFLOWS) == set(JOBS)
    assert {(name, job) for name, job, _ in jobs()} == {
        (name, job) for name, those in JOBS.items() for job in those
    }


#### WHAT THEY MAY DO ##############################################################################


def test_actions_are_pinned_to_one_commit_with_its_version() -> None:
    found: dict[str, set[str]] = {}
    for path in WORKFLOWS.values():
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line and "uses: ./" not in line:
                match = PINNED.fullmatch(line.strip().removeprefix("- "))
                assert match, line
                found.setdefault(match["action"], set()).add(match["commit"])
    assert set(found) == ACTIONS
    assert all(len(commits) == 1 for commits in found.values()), found


@pytest.mark.parametrize(
    "line",
    [
        "uses: actions/checkout@v6",
        "uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd",
        "uses: actions/checkout@de0fac2e # v6.0.2",
        "uses: actions/checkout@main # v6.0.2",
    ],
)
def test_what_is_not_pinned_would_be_noticed(line: str) -> None:
    assert PINNED.fullmatch(line) is None


@pytest.mark.parametrize(("name", "job", "content"), list(jobs()))
def test_a_job_may_do_this_and_no_more(name: str, job: str, content: dict[str, Any]) -> None:
    assert parsed(name)["permissions"] == {}
    assert content["permissions"] == JOBS[name][job]


def test_there_is_no_long_lived_key() -> None:
    for path in WORKFLOWS.values():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"secrets[.\[]|access.key|inherit", text, re.IGNORECASE), path.name


def test_a_checkout_leaves_no_token_behind() -> None:
    for name in WORKFLOWS:
        for step in steps(name):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_no_text_from_github_is_run_as_a_command() -> None:
    for name in WORKFLOWS:
        assert not any("${{" in step.get("run", "") for step in steps(name))


def test_credentials_come_by_oidc_and_after_the_packages() -> None:
    for stage in STAGES:
        job = parsed("deploy")["jobs"][stage]
        kinds = [step.get("uses", step.get("run", "")).split("@")[0] for step in job["steps"]]
        (at,) = [n for n, kind in enumerate(kinds) if kind.startswith("aws-actions/")]
        assert set(job["steps"][at]["with"]) == {"role-to-assume", "aws-region"}
        assert "make env" in kinds[:at]


def test_every_job_ends_by_itself() -> None:
    for _, job, content in jobs():
        assert "uses" in content or 0 < content["timeout-minutes"] <= 240, job


#### WHEN ##########################################################################################


def test_pull_requests_are_tested_without_credentials() -> None:
    assert set(parsed("test")["on"]) == {"pull_request", "workflow_call"}
    for name in WORKFLOWS:
        assert "pull_request_target" not in parsed(name)["on"]
        if name != "deploy":
            assert all(each["permissions"] != DEPLOY for each in parsed(name)["jobs"].values())


def test_main_alone_is_deployed_to_dev_and_then_to_prod() -> None:
    assert parsed("deploy")["on"] == {"push": {"branches": ["main"]}}
    deploy = parsed("deploy")["jobs"]
    assert [(job, deploy[job].get("needs")) for job in deploy] == [
        ("test", None),
        ("dev", "test"),
        ("prod", "dev"),
    ]
    assert deploy["prod"]["environment"] == "prod"
    assert "environment" not in deploy["dev"]  # its token is to name the branch


def test_a_stack_is_deployed_once_at_a_time_and_never_broken_off() -> None:
    for stage in STAGES:
        assert parsed("deploy")["jobs"][stage]["concurrency"] == {
            "group": SAMCONFIG[stage]["deploy"]["parameters"]["stack_name"],
            "cancel-in-progress": False,
        }


def test_slow_tests_run_every_night() -> None:
    ((schedule,),) = [parsed("nightly")["on"]["schedule"]]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", schedule["cron"])
    assert "make test-all" in [step.get("run") for step in steps("nightly")]


#### WHAT THEY NAME ################################################################################


def targets() -> set[str]:
    text = (REPO / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_what_a_step_runs_is_there(words: list[str]) -> None:
    program, what, *more = words
    if program == "make":
        assert what in targets()
        text = (REPO / "Makefile").read_text(encoding="utf-8")
        for each in more:
            assert f"$({each.partition('=')[0]})" in text
        return
    assert program == "./soundlake"
    command = main.commands[what]
    command.make_parser(click.Context(command)).parse_args(list(more))


def test_a_step_that_names_nothing_would_be_noticed() -> None:
    assert "tests" not in targets()
    assert "smok" not in main.commands


def test_pull_requests_get_all_checks_that_need_no_credentials() -> None:
    run = {step["run"].partition(" #")[0] for step in steps("test") if "run" in step}
    assert run == {"make test", "make build", "make invoke", "make secrets", "make vulnerabilities"}
    lint = (REPO / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")
    assert "validate --lint --template-file template.yaml" in lint[0]
    (arm,) = [job for _, job, content in jobs() if content.get("runs-on") == "ubuntu-24.04-arm"]
    assert arm == "invoke"


def test_files_that_are_named_are_there() -> None:
    for path in [*WORKFLOWS.values(), GITHUB / "dependabot.yml", GITHUB / "deploy-role.yaml"]:
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"docs/[\w-]+\.md|\./\.github/[\w/.-]+|(?<=version-file: )\S+", text)
        assert [each for each in named if not (REPO / each).exists()] == []


def test_variables_are_what_the_deploy_roles_put_out() -> None:
    text = WORKFLOWS["deploy"].read_text(encoding="utf-8")
    put_out = {output["Description"].split()[-1] for output in TEMPLATE["Outputs"].values()}
    told = set(re.findall(r"vars\.(\w+)", text))
    assert told == put_out | {f"DEV_{each}" for each in put_out}


def test_the_region_is_the_stacks() -> None:
    for stage in STAGES:
        (step,) = [
            step
            for step in parsed("deploy")["jobs"][stage]["steps"]
            if "aws-region" in step.get("with", {})
        ]
        deploy = SAMCONFIG[stage]["deploy"]["parameters"]
        assert step["with"]["aws-region"] == deploy["region"]


def test_updates_are_asked_for_of_every_lock_and_of_actions() -> None:
    config = yaml.safe_load((GITHUB / "dependabot.yml").read_text(encoding="utf-8"))
    looked = {each["package-ecosystem"]: each for each in config["updates"]}
    locks = {*(REPO / "requirements").glob("*.txt"), REPO / "layers/soundlake/requirements.txt"}
    folders = {f"/{path.parent.relative_to(REPO)}" for path in locks}
    assert set(looked) == {"github-actions", "uv"}
    assert set(looked["uv"]["directories"]) == folders
    # Dependabot compiles a lock anew for what its head names, and for its own machine without.
    (line,) = re.findall(
        r"^FOR := (.+)$", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    version = (REPO / ".python-version").read_text(encoding="utf-8").strip()
    assert line == f"--universal --python-version {version}"
    for path in locks:
        assert line in "".join(path.read_text(encoding="utf-8").splitlines()[:2]), path


#### WHAT IS DEPLOYED ##############################################################################


@pytest.mark.parametrize("stage", STAGES)
def test_samconfig_has_every_flag(stage: str) -> None:
    """So that `sam deploy --config-env prod` asks nothing."""
    deploy = SAMCONFIG[stage]["deploy"]["parameters"]
    assert {name: deploy[name] for name in deploy if name not in {"parameter_overrides"}} == {
        "template_file": ".aws-sam/build/template.yaml",
        "stack_name": f"soundlake-{stage}",
        "region": "eu-north-1",
        "capabilities": "CAPABILITY_IAM",
        "resolve_s3": True,
        "s3_prefix": f"soundlake-{stage}",
        "confirm_changeset": False,
        "fail_on_empty_changeset": False,
    }
    assert SAMCONFIG["default"]["validate"]["parameters"]["lint"] is True


@pytest.mark.parametrize(("stage", "state"), [("dev", {"DISABLED"}), ("prod", {"ENABLED"})])
def test_dev_does_nothing_by_itself(stage: str, state: set[str]) -> None:
    """Dev and prod share one quota of Spotify's."""
    given = SAMCONFIG[stage]["deploy"]["parameters"]["parameter_overrides"]
    stack = Stack(dict(each.partition("=")[::2] for each in given))
    schedules = stack.of_type("AWS::Scheduler::Schedule")
    assert schedules
    assert {each["State"] for each in schedules.values()} == state
