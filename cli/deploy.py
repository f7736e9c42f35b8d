"""Build the one template with SAM and deploy it to the embedded AWS."""

import contextlib
import hashlib
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from cli import services
from cli.errors import Trouble
from cli.home import ROOT, home, read_json, write_json
from cli.samconfig import CONFIG, deployed
from cli.target import MACHINES, Target, finished, resources, stack_state
from local.aws import service

SOURCES: Final = ("template.yaml", "samconfig.toml", "functions", "layers", "statemachines")
_CHOSEN: Final = "chosen.json"
_ARCHITECTURES: Final = {"aarch64": "arm64", "arm64": "arm64"}

Progress = Callable[[str], None]


def architecture() -> str:
    """Return this machine's architecture in Lambda's words."""
    return _ARCHITECTURES.get(platform.machine().lower(), "x86_64")


def choose(folder: Path, chosen: Mapping[str, str]) -> dict[str, str]:
    """Keep a person's choices of parameters for a world's lake; return those that are new."""
    kept = read_json(folder / _CHOSEN)
    fresh = {name: value for name, value in chosen.items() if kept.get(name) != value}
    if fresh:
        write_json(folder / _CHOSEN, kept | fresh)
    return fresh


def parameters(spotify: str, folder: Path) -> list[str]:
    """Return the template's local parameters: samconfig's, for this host and these ports.

    And what a person has chosen for the lake in this folder. SAM's command line replaces
    samconfig's list as a whole, so the whole list is given.
    """
    listed = deployed("local").get("parameter_overrides")
    if not isinstance(listed, list):
        raise Trouble(f"{CONFIG.name}: local.deploy's parameter_overrides must be a list.")
    values = dict(str(one).partition("=")[::2] for one in listed)
    values["Architecture"] = architecture()
    values["SpotifyApiUrl"] = f"{spotify}/v1"
    values["SpotifyAccountsUrl"] = spotify
    values["ReccoBeatsApiUrl"] = f"{spotify}/reccobeats/v1"
    values["KworbUrl"] = f"{spotify}/kworb/spotify"
    values["MusicBrainzApiUrl"] = f"{spotify}/musicbrainz/ws/2"
    values |= {name: str(value) for name, value in read_json(folder / _CHOSEN).items()}
    return [f"{name}={value}" for name, value in values.items()]


def fingerprint(given: Iterable[str], root: Path = ROOT) -> str:
    """Return a digest of everything a deployment is made of."""
    digest = hashlib.sha256("\n".join(given).encode())
    digest.update(sys.version.encode())
    for name in SOURCES:
        top = root / name
        files = sorted(top.rglob("*")) if top.is_dir() else [top]
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(root)}\0{content}\n".encode())
    return digest.hexdigest()


def whole(target: Target) -> bool:
    """Tell whether the stack and the parts it cannot do without are all there.

    The embedded AWS may have saved its stack but lost a service's state when it was killed.
    """
    status, outputs = stack_state(target)
    if not finished(status):
        return False
    try:
        for output in MACHINES.values():
            target.states.describe_state_machine(stateMachineArn=outputs[output])
        for output in ("DataBucket", "UploadsBucket"):
            target.s3.head_bucket(Bucket=outputs[output])
        target.athena.get_work_group(WorkGroup=outputs["WorkGroup"])
        target.glue.get_database(Name=outputs["Database"])
        for physical in resources(target, "AWS::Lambda::Function").values():
            target.functions.get_function_configuration(FunctionName=physical)
        for physical in resources(target, "AWS::DynamoDB::Table").values():
            target.dynamodb.describe_table(TableName=physical)
        for physical in resources(target, "AWS::Athena::NamedQuery").values():
            target.athena.get_named_query(NamedQueryId=physical)
    except (ClientError, KeyError):
        return False
    return True


def current(state: services.Running) -> bool:
    """Tell whether what was deployed last is what lies here now."""
    known = read_json(state.folder / "deployed.json").get("fingerprint")
    return known == fingerprint(parameters(state.spotify, state.folder))


def deploy(state: services.Running, progress: Progress) -> dict[str, float]:
    """Build and deploy; return the seconds each took. Raises Trouble with SAM's last words."""
    if not (ROOT / "template.yaml").exists():
        raise Trouble("There is no template.yaml; run this in a complete copy of the project.")
    given = parameters(state.spotify, state.folder)
    # Read first: what changes during the build belongs to the next deployment.
    made_of = fingerprint(given)
    # Apart by architecture: a cached build may take another one's layer for its own.
    build = home() / "build" / architecture()
    build.mkdir(parents=True, exist_ok=True)
    common = ["--config-file", str(CONFIG), "--config-env", "local"]
    log = state.folder / "sam.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    env = environment(state)
    took = {}
    took["build"] = _sam(
        [
            *("build", *common, "--template-file", str(ROOT / "template.yaml")),
            *("--build-dir", str(build / "out"), "--cache-dir", str(build / "cache")),
            *("--parameter-overrides", *given),
        ],
        env=env,
        log=log,
        cwd=build,
        progress=progress,
    )
    took["build"] += compile_bytecode(build / "out")
    took["deploy"] = _sam(
        [
            *("deploy", *common, "--template-file", str(build / "out" / "template.yaml")),
            *("--stack-name", state.stack, "--region", state.region),
            *("--parameter-overrides", *given),
        ],
        env=env,
        log=log,
        cwd=build,
        progress=progress,
    )
    write_json(state.folder / "deployed.json", {"fingerprint": made_of})
    return took


def compile_bytecode(folder: Path) -> float:
    """Compile what was built, for every worker unpacks its own copy; return the seconds it took.

    Unpacking sets new file times, so the bytecode must not be checked against its source's: a
    build is never edited, and each one is compiled anew.
    """
    began = time.monotonic()
    arguments = [
        *(str(service.PYTHON), "-m", "compileall", "-q", "-j", "0"),
        *("--invalidation-mode", "unchecked-hash", str(folder)),
    ]
    with _apart(arguments, stdout=subprocess.DEVNULL) as child:
        child.wait()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, arguments)
    return time.monotonic() - began


@contextlib.contextmanager
def _apart(arguments: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that a terminal's Ctrl-C does not reach, and that ends with us all the same.

    What it started in its turn ends with it, and says nothing of having been interrupted.
    """
    child = subprocess.Popen(arguments, start_new_session=True, **options)  # noqa: S603 - our own
    try:
        yield child
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            child.wait()


def environment(state: services.Running, shell: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return SAM's environment: the embedded AWS's address, and nobody's real account."""
    unwanted = ("AWS_", "SAM_CLI_", "PYTHON")
    kept = {name: value for name, value in shell.items() if not name.startswith(unwanted)}
    binaries = Path(sys.executable).parent
    return {
        **kept,
        "AWS_ENDPOINT_URL": state.endpoint,
        **({"AWS_CA_BUNDLE": str(state.certificate)} if state.certificate else {}),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": state.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        # SAM builds with the python3.13 and pip that it finds first.
        "PATH": f"{binaries}{os.pathsep}{shell.get('PATH', '')}",
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(home() / "sam"),
    }


def _sam(
    arguments: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path, progress: Progress
) -> float:
    """Run one SAM command; return the seconds it took.

    It leaves the functions' dependencies in `.aws-sam` under `cwd`.
    """
    began = time.monotonic()
    with log.open("ab") as output:
        output.write(f"\n== sam {arguments[0]} ==\n".encode())
        output.flush()
        with _apart(
            [sys.executable, "-m", "samcli", *arguments],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as child:
            while child.poll() is None:
                progress(f"sam {arguments[0]}, {time.monotonic() - began:.0f} s")
                time.sleep(0.1)
    if child.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        last = "\n  ".join(lines[-8:])
        raise Trouble(f"sam {arguments[0]} failed; the whole log is {log}. It ends:\n  {last}")
    return time.monotonic() - began
