"""Build and deploy a stage as the workflow does: `python -m cli.sam_deploy dev [Name=value ...]`.

The flags are samconfig.toml's. What only the account knows comes from the environment:
EXECUTION_ROLE_ARN, the role that CloudFormation works under, and PERMISSIONS_BOUNDARY_ARN, the
policy that no role of the stack may exceed; .github/deploy-role.yaml makes both. By hand neither is
needed: `sam build && sam deploy --config-env dev`.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cli.errors import Misuse, Trouble
from cli.home import ROOT
from cli.samconfig import CONFIG, deployed

STAGES: Final = ("dev", "prod")
ROLE: Final = "EXECUTION_ROLE_ARN"
BOUNDARY: Final = "PERMISSIONS_BOUNDARY_ARN"


def commands(stage: str, more: Sequence[str], shell: Mapping[str, str]) -> list[list[str]]:
    """Return SAM's arguments to build and to deploy a stage.

    SAM's command line replaces samconfig's list of parameters as a whole, so the whole list is
    given: samconfig's, the boundary, and `more`, which count before them. Raises Misuse for another
    stage, and Trouble where the environment lacks something.
    """
    if stage not in STAGES:
        raise Misuse(f"{stage!r} is no stage to deploy to; STAGE is one of {', '.join(STAGES)}.")
    missing = [name for name in (ROLE, BOUNDARY) if not shell.get(name)]
    if missing:
        raise Trouble(
            f"{' and '.join(missing)} must be set, to what .github/deploy-role.yaml put out "
            f"(docs/deploy.md); by hand: sam build && sam deploy --config-env {stage}."
        )
    listed = deployed(stage).get("parameter_overrides")
    if not isinstance(listed, list):
        raise Trouble(f"{CONFIG.name}: {stage}.deploy's parameter_overrides must be a list.")
    values = dict(str(one).partition("=")[::2] for one in listed)
    values["PermissionsBoundary"] = shell[BOUNDARY]
    values |= dict(one.partition("=")[::2] for one in more)
    given = ["--parameter-overrides", *(f"{name}={value}" for name, value in values.items())]
    common = ["--config-file", str(CONFIG), "--config-env", stage]
    return [
        ["build", *common, *given],
        ["deploy", *common, "--role-arn", shell[ROLE], *given],
    ]


def main(arguments: Sequence[str]) -> int:
    """Build and deploy; the exit code is SAM's, or 1 with a sentence of what is missing."""
    try:
        stage, *more = arguments or [""]
        wanted = commands(stage, more, os.environ)
    except Trouble as error:
        print(f"make deploy: {error.format_message()}", file=sys.stderr)
        return error.exit_code
    # SAM builds with the python3.13 and pip that it finds first.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    for each in wanted:
        command = [sys.executable, "-m", "samcli", *each]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=False)  # noqa: S603
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
