"""Invoke every function with its file from events/: `python -m tests.invocations [Verb ...]`.

Deploys the stack with both layer ARNs `none` to the embedded AWS, with the local Spotify beside it,
installs what AWS's layers would bring as local ones, and runs `sam local invoke` for each function
in Docker, in the order in which a run's events follow each other. Each is to answer without an
error and with the status that `world.EXPECTED` has. `--deployed` asks the deployed functions in the
place of Docker's; the rest is the same.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from samcli.yamlhelper import yaml_dump, yaml_parse

from cli import deploy, local_lake, services
from cli.home import ROOT, home
from cli.local_lake import Lake
from cli.target import resources
from tests.invocations import forward, layers, world

# A loopback address of its own stands for Docker's bridge where there is none.
WITHOUT_DOCKER: Final = "127.0.0.2"

type Variables = dict[str, dict[str, str]]
type Invoke = Callable[[str], Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Invoke, and return how many functions did not answer as they are to."""
    parser = argparse.ArgumentParser(prog="python -m tests.invocations", description=__doc__)
    parser.add_argument("verbs", nargs="*", metavar="Verb", help="all, unless some are named")
    parser.add_argument("--deployed", action="store_true", help="the deployed ones, without Docker")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.verbs) - set(world.EXPECTED))
    if unknown:
        parser.error(f"there is no function {', '.join(unknown)}")
    verbs = [verb for verb in world.EXPECTED if not given.verbs or verb in given.verbs]
    try:
        address = WITHOUT_DOCKER if given.deployed else forward.gateway()
    except RuntimeError as error:
        parser.exit(2, f"make invoke: {error}\n")
    with tempfile.TemporaryDirectory(prefix="soundlake-invoke-") as folder:
        os.environ["SOUNDLAKE_HOME"] = folder
        try:
            return _invoke_all(Path(folder), verbs, address, deployed=given.deployed)
        finally:
            services.down(services.noted())


def _invoke_all(folder: Path, verbs: Sequence[str], address: str, *, deployed: bool) -> int:
    console = Console()
    lake = local_lake.up(world.plan(folder), console)
    world.furnish(lake)
    variables = environment(lake, address)
    (folder / "variables.json").write_text(json.dumps(variables, indent=1), encoding="utf-8")
    invoke = _deployed(lake, variables) if deployed else _in_docker(lake, folder)
    failed = 0
    with forward.forwarding(address, [lake.state.aws_port, lake.state.spotify_port]):
        for verb in verbs:
            why = world.wrong(verb, invoke(verb))
            failed += why is not None
            said = f"✗ {verb}: {why}" if why else f"✓ {verb}: {world.EXPECTED[verb]}"
            console.print(said, highlight=False, markup=False, soft_wrap=True)
    return failed


def environment(lake: Lake, address: str) -> Variables:
    """The variables of every function as it is deployed, by logical id, for `--env-vars`.

    What is on this machine's loopback is at `address`.
    """
    found = {}
    for name, physical in resources(lake.target, "AWS::Lambda::Function").items():
        configuration = lake.target.functions.get_function_configuration(FunctionName=physical)
        own = configuration["Environment"]["Variables"] | {layers.ENDPOINT: lake.state.endpoint}
        found[name] = {key: value.replace("127.0.0.1", address) for key, value in own.items()}
    return found


def template(lake: Lake, folder: Path) -> Path:
    """Write the built template with local layers beside itself, whose paths it has."""
    built = home() / "build" / deploy.architecture() / "out"
    folders = layers.install_all(folder / "layers", deploy.architecture())
    content = yaml_parse((built / "template.yaml").read_text(encoding="utf-8"))
    path = built / "invoke.yaml"
    path.write_text(yaml_dump(layers.with_layers(content, folders)), encoding="utf-8")
    return path


def arguments_for(verb: str, lake: Lake, folder: Path, path: Path) -> list[str]:
    """SAM's arguments to invoke a function."""
    given = deploy.parameters(lake.state.spotify, lake.state.folder)
    return [
        *("local", "invoke", f"{verb}Function", "--template-file", str(path)),
        *("--event", str(ROOT / "events" / f"{verb.lower()}.json")),
        *("--env-vars", str(folder / "variables.json")),
        *("--layer-cache-basedir", str(folder / "layer-cache")),
        *("--region", lake.state.region, "--parameter-overrides", *given),
    ]


def _in_docker(lake: Lake, folder: Path) -> Invoke:
    path = template(lake, folder)
    shell: Mapping[str, str] = deploy.environment(lake.state)

    def invoke(verb: str) -> Any:
        command = [sys.executable, "-m", "samcli", *arguments_for(verb, lake, folder, path)]
        done = subprocess.run(
            command, env=dict(shell), stdout=subprocess.PIPE, text=True, check=False, timeout=900
        )
        return answer(done.stdout)

    return invoke


def answer(said: str) -> Any:
    """A function's result, the last line of what SAM prints; the text where it is none."""
    lines = [line for line in said.splitlines() if line.strip()] or [""]
    try:
        return json.loads(lines[-1])
    except ValueError:
        return said


def _deployed(lake: Lake, variables: Variables) -> Invoke:
    names = resources(lake.target, "AWS::Lambda::Function")
    for name, own in variables.items():
        lake.target.functions.update_function_configuration(
            FunctionName=names[name], Environment={"Variables": own}
        )

    def invoke(verb: str) -> Any:
        payload = json.dumps(world.event(verb)).encode()
        done = lake.target.functions.invoke(FunctionName=names[f"{verb}Function"], Payload=payload)
        return json.loads(done["Payload"].read())

    return invoke


if __name__ == "__main__":
    sys.exit(main())
