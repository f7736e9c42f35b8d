"""Start and stop the embedded AWS over the state of one folder.

The folder holds `aws/` (everything but objects, written at a clean stop), `s3/` (the objects,
written at once), `tmp/` (unpacked functions, gone after the stop) and `aws.log`.

After a clean stop a start finds everything again. After the process was killed, S3 is complete
and the rest is as of the last clean stop. Two calls can mend that: `unreadable_state` finds state
that cannot be loaded, `set_state_aside` makes the next start begin without it, objects kept.
"""

import json
import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.aws import process

ROOT: Final = Path(__file__).resolve().parents[2]
# Its packages and SAM's exclude each other, so it has an environment of its own.
PYTHON: Final = ROOT / ".venv-aws" / "bin" / "python"
READY_SECONDS: Final = 60.0

# All that the embedded AWS and its functions see of the caller's shell: no credentials, proxies,
# certificate settings or PYTHONPATH, which its functions would inherit.
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME")


class StartError(Exception):
    """The embedded AWS did not come up; the text says why and where to look."""


@dataclass(frozen=True)
class Options:
    """How one embedded AWS runs.

    `folder` is its state's; `wait_scale` multiplies every Wait of a state machine (0.01 turns ten
    minutes into six seconds), 1 is real time. `enforced` holds everybody but the account's owner to
    their policies, as AWS does, and answers by TLS alone.
    """

    folder: Path
    port: int
    region: str
    wait_scale: float = 1.0
    log_level: str = "INFO"
    enforced: bool = False

    @property
    def endpoint(self) -> str:
        """The URL of every AWS API."""
        return endpoint(self.port, enforced=self.enforced)

    @property
    def certificate(self) -> Path | None:
        """The file of the certificate that clients are to trust; None where there is no TLS."""
        return certificate(self.folder) if self.enforced else None

    @property
    def log(self) -> Path:
        """The file its output goes to."""
        return self.folder / "aws.log"

    @property
    def command(self) -> list[str]:
        """The command line, which also says whose process it is."""
        return [
            *(str(PYTHON), "-P", "-m", "local.aws"),
            *("--port", str(self.port), "--folder", str(self.folder), "--region", self.region),
            *("--wait-scale", str(self.wait_scale), "--log-level", self.log_level),
            *(["--enforced"] if self.enforced else []),
        ]


def endpoint(port: int, *, enforced: bool = False) -> str:
    """Return the URL of every AWS API on a port of this machine."""
    return f"{'https' if enforced else 'http'}://127.0.0.1:{port}"


def certificate(folder: Path) -> Path:
    """Return the file of the certificate of an embedded AWS that answers by TLS."""
    return folder / "tls" / "certificate.pem"


def settings(options: Options) -> dict[str, str]:
    """Return MiniStack's environment variables for `options`."""
    folder = options.folder
    enforced = {
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate(folder)),
        "MINISTACK_SSL_KEY": str(folder / "tls" / "key.pem"),
        "AWS_CA_BUNDLE": str(certificate(folder)),  # its functions inherit it
    }
    return {
        "BIND_HOST": "127.0.0.1",
        # These two would listen on every address, whatever BIND_HOST says.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "GATEWAY_PORT": str(options.port),
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(folder / "aws"),
        # Athena reads the same files.
        "S3_DATA_DIR": str(folder / "s3"),
        "ATHENA_ENGINE": "duckdb",
        "TMPDIR": str(folder / "tmp"),
        "MINISTACK_REGION": options.region,
        "AWS_DEFAULT_REGION": options.region,
        "LAMBDA_EXECUTOR": "local",
        "SFN_WAIT_SCALE": str(options.wait_scale),
        "LOG_LEVEL": options.log_level,
        "NO_PROXY": "127.0.0.1,localhost",
        **(enforced if options.enforced else {}),
    }


def environment(shell: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment to start the process in, from the caller's `shell`."""
    kept = {name: shell[name] for name in _KEPT if name in shell}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def start(options: Options, *, ready_seconds: float = READY_SECONDS) -> process.Process:
    """Start the embedded AWS and wait until it answers.

    Raises StartError, with nothing left running, when it ends early or stays silent.
    """
    running = launch(options)
    wait_until_ready(options, running, ready_seconds=ready_seconds)
    return running


def launch(options: Options) -> process.Process:
    """Start the process without waiting for it; raise StartError when it cannot start."""
    if not PYTHON.exists():
        raise StartError("The embedded AWS has no environment; make it with ./soundlake --env.")
    if not process.wait_for_port(options.port):
        # Another AWS on it would answer in place of the one that could not start.
        raise StartError(f"Port {options.port} is in use by another program.")
    for name in ("aws", "s3"):
        options.folder.joinpath(name).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(options.folder / "tmp", ignore_errors=True)
    options.folder.joinpath("tmp").mkdir()
    options.log.unlink(missing_ok=True)
    child = process.spawn(options.command, env=environment(), cwd=ROOT, log=options.log)
    return process.identify(child.pid)


def wait_until_ready(
    options: Options, running: process.Process, *, ready_seconds: float = READY_SECONDS
) -> None:
    """Wait until the started process answers; raise StartError, having ended it, otherwise."""
    deadline = time.monotonic() + ready_seconds
    while not healthy(options.endpoint, certificate=options.certificate):
        process.reap(running)
        if not running.alive():
            raise StartError(f"The embedded AWS ended at once; its log is {options.log}.")
        if time.monotonic() > deadline:
            process.stop(running)
            raise StartError(
                f"The embedded AWS did not answer within {ready_seconds:.0f} seconds; "
                f"its log is {options.log}."
            )
        time.sleep(0.05)


def healthy(endpoint: str, *, certificate: Path | None = None, seconds: float = 2.0) -> bool:
    """Tell whether an embedded AWS answers at `endpoint` within `seconds`."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    try:
        if certificate:
            trusted = ssl.create_default_context(cafile=certificate)
            handlers.append(urllib.request.HTTPSHandler(context=trusted))
        opener = urllib.request.build_opener(*handlers)
        with opener.open(f"{endpoint}/_ministack/health", timeout=seconds) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def stop(options_folder: Path, running: process.Process) -> bool:
    """Stop the embedded AWS, which then writes its state; True when it ended by itself."""
    clean = process.stop(running)
    shutil.rmtree(options_folder / "tmp", ignore_errors=True)
    return clean


def unreadable_state(folder: Path) -> list[str]:
    """Return the names of the state files under `folder` that cannot be loaded.

    MiniStack would log such a file and start without that one service, which leaves a stack
    whose parts are missing.
    """
    bad = []
    for path in sorted(folder.joinpath("aws").glob("*.json")):
        try:
            if not isinstance(json.loads(path.read_bytes()), dict):
                bad.append(path.name)
        except (ValueError, OSError, RecursionError):
            bad.append(path.name)
    return bad


def set_state_aside(folder: Path) -> Path | None:
    """Move all state but the objects to `aws.aside`, replacing an older one; return that path.

    What S3 knows of its objects' versions stays too, where it can be read.
    """
    state, aside = folder / "aws", folder / "aws.aside"
    if not state.exists():
        return None
    of_s3 = [] if "s3.json" in unreadable_state(folder) else ["s3.json"]
    shutil.rmtree(aside, ignore_errors=True)
    state.rename(aside)
    state.mkdir()
    for name in of_s3:
        if aside.joinpath(name).exists():
            shutil.copy2(aside / name, state / name)
    return aside
