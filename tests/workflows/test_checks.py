"""What the workflow looks at beside tests: secrets, vulnerabilities, and what lint lets pass."""

import os
import random
import re
import string
import subprocess
from pathlib import Path

import pytest

from tests.template.translated import REPO


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The environment is there, and is not to be made in the middle of the tests; what ran these is
    # no make of this one's.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "-o", "env", *arguments],
        cwd=REPO,
        env=alone,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_there_is_no_secret_in_the_tree_and_its_history() -> None:
    done = make("secrets")
    assert done.returncode == 0, done.stdout


def made_up(letters: str, length: int) -> str:
    """A secret that stands in no file."""
    chance = random.Random(3)
    return "".join(chance.choice(letters) for _ in range(length))


UPPER, BOTH = string.ascii_uppercase + "234567", string.ascii_letters + string.digits
SECRETS = {
    "AWS": [("aws_access_key_id", f"AKIA{made_up(UPPER, 16)}"), ("secret", made_up(BOTH, 40))],
    "GitHub": [("token", f"ghp_{made_up(BOTH, 36)}")],
}


@pytest.mark.parametrize("whose", SECRETS)
def test_a_secret_would_be_found(tmp_path: Path, whose: str) -> None:
    lines = "".join(f"{name} = {value}\n" for name, value in SECRETS[whose])
    (tmp_path / "settings.txt").write_text(lines)
    command = make("-n", "secrets").stdout.replace("\\\n", " ")
    command = re.sub(r"scan \.(?= )", f"scan {tmp_path}", command)
    done = subprocess.run(
        ["bash", "-c", command], cwd=REPO, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 200, done.stdout
    assert not any(value in done.stdout for _, value in SECRETS[whose])


@pytest.mark.slow
def test_every_lock_can_be_looked_up() -> None:
    """Only read here: who knows vulnerabilities is asked in the workflow."""
    done = make("vulnerabilities", "DRY_RUN=1")
    assert done.returncode == 0, done.stderr
    locks = {*(REPO / "requirements").glob("*.txt"), REPO / "layers/soundlake/requirements.txt"}
    read = set(re.findall(r"^\S+\.txt$", done.stdout, re.MULTILINE))
    assert read == {str(path.relative_to(REPO)) for path in locks}
    counted = [int(n) for n in re.findall(r"would have audited (\d+) packages", done.stderr)]
    assert len(counted) == len(locks)
    assert all(counted)


def exemptions(text: str) -> list[tuple[str, str]]:
    """Every rule of cfn-lint that a text exempts from, with the comment at its side."""
    found = []
    for block in re.findall(r"ignore_checks:\n((?:\s+- .*\n)+)", text):
        for line in block.splitlines():
            rule, _, reason = line.strip().removeprefix("- ").partition("#")
            found.append((rule.strip(), reason.strip()))
    assert len(re.findall(r"ignore_checks", text)) == len(
        re.findall(r"ignore_checks:\n(?:\s+- .*\n)+", text)
    ), "write exemptions as a list, a rule to a line"
    return found


@pytest.mark.parametrize("name", ["template.yaml", ".github/deploy-role.yaml"])
def test_lint_passes_over_nothing_without_a_reason(name: str) -> None:
    text = (REPO / name).read_text(encoding="utf-8")
    assert [rule for rule, reason in exemptions(text) if len(reason) < 20] == []
    assert list(REPO.glob(".cfnlintrc*")) == []
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"cfn-lint.*(?:-i|--ignore)", makefile) == []


def test_an_exemption_without_a_reason_would_be_noticed() -> None:
    text = "config:\n  ignore_checks:\n    - W1 # because of this and that\n    - W2\n"
    assert exemptions(text) == [("W1", "because of this and that"), ("W2", "")]
    with pytest.raises(AssertionError, match="a list"):
        exemptions("ignore_checks: [W1]\n")
