"""The two services of the local lake: the embedded AWS and the local Spotify.

`running.json` notes what runs, and is written as soon as a process is started. Nothing in it is
believed unchecked: a process counts only with the start time it had, a service only if it
answers.
"""

import contextlib
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cli.errors import Trouble
from cli.home import ROOT, World, home, read_json, write_json
from local.aws import process, service
from local.spotify.settings import Mode

STACK: Final = "soundlake-local"
AWS_PORT: Final = 4566
SPOTIFY_PORT: Final = 4580
_SPOTIFY_SECONDS: Final = 30.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Running:
    """What runs on this machine: the world, where it answers, and its processes."""

    world: str
    csv: str | None
    region: str
    aws_port: int
    spotify_port: int
    stack: str = STACK
    processes: Mapping[str, process.Process] = field(default_factory=dict)
    owner: process.Process | None = None
    enforced: bool = False  # roles and TLS, as in AWS

    def mine(self) -> bool:
        """Tell whether these services are to end with this command."""
        return self.owner == process.identify(os.getpid())

    @property
    def endpoint(self) -> str:
        """The URL of every AWS API."""
        return service.endpoint(self.aws_port, enforced=self.enforced)

    @property
    def certificate(self) -> Path | None:
        """The certificate to trust there; None where it is reached without TLS."""
        return service.certificate(self.folder) if self.enforced else None

    @property
    def spotify(self) -> str:
        """The URL of the local Spotify."""
        return f"http://127.0.0.1:{self.spotify_port}"

    @property
    def folder(self) -> Path:
        """The folder of this world's state."""
        return home() / "worlds" / self.world

    def alive(self, name: str) -> bool:
        """Tell whether the process noted under `name` still runs."""
        return name in self.processes and self.processes[name].alive()

    def healthy(self) -> bool:
        """Tell whether both services run and answer."""
        return (
            self.alive("aws")
            and self.alive("spotify")
            and service.healthy(self.endpoint, certificate=self.certificate)
            and spotify_answers(self.spotify)
        )


def _note() -> Path:
    return home() / "running.json"


def noted() -> Running | None:
    """Return what `running.json` says, unchecked; None when it says nothing usable."""
    content = read_json(_note())
    try:
        processes = {
            name: process.Process(int(one["pid"]), str(one["started"]))
            for name, one in content.pop("processes").items()
        }
        owner = content.pop("owner", None)
        return Running(
            **content,
            processes=processes,
            owner=process.Process(int(owner["pid"]), str(owner["started"])) if owner else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def running() -> Running | None:
    """Return what runs and answers on this machine; None when that is not both services."""
    found = noted()
    return found if found and found.healthy() else None


def _write(state: Running) -> None:
    write_json(_note(), asdict(state))


@dataclass(frozen=True)
class Plan:
    """Which services are wanted; with `own`, they are to end with this command."""

    world: World
    region: str
    aws_port: int = AWS_PORT
    spotify_port: int = SPOTIFY_PORT
    wait_scale: float = 1.0
    own: bool = False
    listeners: int | None = None  # as many as the world has by itself
    access: Mode | None = None  # what runs keeps its own, and begins as extended
    chosen: Mapping[str, str] = field(default_factory=dict)  # parameters; a lake keeps its own
    enforced: bool = False  # everybody is held to their policies, by TLS

    @property
    def aws(self) -> service.Options:
        """How the embedded AWS is to run."""
        return service.Options(
            folder=self.world.folder,
            port=self.aws_port,
            region=self.region,
            wait_scale=self.wait_scale,
            enforced=self.enforced,
        )

    @property
    def spotify_command(self) -> list[str]:
        """The local Spotify's command line."""
        command = [sys.executable, "-P", "-m", "local.spotify", "--port", str(self.spotify_port)]
        command += ["--charts", str(self.world.csv)] if self.world.csv else []
        command += ["--access", self.access] if self.access else []
        return command + (["--listeners", str(self.listeners)] if self.listeners else [])

    def fits(self, state: Running) -> bool:
        """Tell whether what runs is what is wanted."""
        return (
            state.world,
            state.aws_port,
            state.spotify_port,
            state.region,
            state.enforced,
        ) == (self.world.name, self.aws_port, self.spotify_port, self.region, self.enforced)


def up(plan: Plan, say: Say) -> tuple[Running, bool]:
    """Make the wanted services run; return them and whether this call started them.

    Healthy ones are used as they are; others that stand in the way and are ours are stopped.
    Raises Trouble when a port is another program's or a service does not come up.
    """
    found = noted()
    if found and plan.fits(found) and found.healthy():
        if plan.own and found.owner and not found.owner.alive():
            # A command that was killed left them: this one ends them in its place.
            found = replace(found, owner=process.identify(os.getpid()))
            _write(found)
        _switch(plan, found, say)
        return found, False
    if found:
        if found.world != plan.world.name and found.healthy():
            say(f"Stopping the services of the world {found.world}; its lake is kept.")
        down(found)
    _stop_strays(plan)
    for port, option in ((plan.aws_port, "port"), (plan.spotify_port, "spotify-port")):
        if not process.wait_for_port(port):
            variable = "SOUNDLAKE_" + option.upper().replace("-", "_")
            raise Trouble(
                f"Port {port} is in use by another program; stop that one, or choose another "
                f"port with --{option} or {variable}."
            )
    return _start(plan, say), True


def _switch(plan: Plan, state: Running, say: Say) -> None:
    """Give a running local Spotify the wanted access mode; only it knows which it has."""
    if plan.access is None or access(state) == plan.access:
        return
    try:
        _json(f"{state.spotify}/_control/access", put={"mode": plan.access})
    except (OSError, ValueError) as error:
        raise Trouble(
            f"The local Spotify did not change its access mode to {plan.access}; run "
            "./soundlake down and start again."
        ) from error
    say(
        f"The local Spotify's access mode is now {plan.access}; ./soundlake doctor has the lake "
        "find that out."
    )


def access(state: Running) -> str:
    """Return the access mode that the local Spotify answers to; raise Trouble without one."""
    try:
        return str(get_json(f"{state.spotify}/_control/access")["mode"])
    except (OSError, ValueError, KeyError) as error:
        raise Trouble(
            f"The local Spotify at {state.spotify} does not say its access mode; run "
            "./soundlake down and start again."
        ) from error


def _start(plan: Plan, say: Say) -> Running:
    plan.world.note()
    _mend_state(plan, say)
    state = Running(
        world=plan.world.name,
        csv=str(plan.world.csv) if plan.world.csv else None,
        region=plan.region,
        aws_port=plan.aws_port,
        spotify_port=plan.spotify_port,
        owner=process.identify(os.getpid()) if plan.own else None,
        enforced=plan.enforced,
    )
    try:
        state = _with(state, "spotify", _launch_spotify(plan))
        # Both start at once; the file of a bad world is named before the longer wait.
        state = _with(state, "aws", _launch_aws(plan))
        _wait_for_spotify(plan, state.processes["spotify"])
        try:
            service.wait_until_ready(plan.aws, state.processes["aws"])
        except service.StartError:
            state = _start_without_state(plan, state, say)
    except BaseException:
        # Ctrl-C too: nothing half-started stays behind.
        down(state)
        raise
    return state


def _mend_state(plan: Plan, say: Say) -> None:
    bad = service.unreadable_state(plan.world.folder)
    if bad:
        aside = service.set_state_aside(plan.world.folder)
        say(
            f"The embedded AWS's saved state is damaged ({', '.join(bad)}); it was moved to "
            f"{aside}, and everything is deployed again over the objects, which are kept."
        )


def _start_without_state(plan: Plan, state: Running, say: Say) -> Running:
    process.stop(state.processes["aws"])
    aside = service.set_state_aside(plan.world.folder)
    say(f"The embedded AWS did not start from its saved state; it was moved to {aside}.")
    state = _with(state, "aws", _launch_aws(plan))
    try:
        service.wait_until_ready(plan.aws, state.processes["aws"])
    except service.StartError as error:
        raise Trouble(str(error)) from error
    return state


def restart_without_state(plan: Plan, state: Running) -> Running:
    """Restart the embedded AWS without its saved state, objects kept."""
    service.stop(state.folder, state.processes["aws"])
    service.set_state_aside(state.folder)
    state = _with(state, "aws", _launch_aws(plan))
    try:
        service.wait_until_ready(plan.aws, state.processes["aws"])
    except service.StartError as error:
        raise Trouble(str(error)) from error
    return state


def _with(state: Running, name: str, one: process.Process) -> Running:
    grown = replace(state, processes={**state.processes, name: one})
    _write(grown)
    return grown


def _launch_aws(plan: Plan) -> process.Process:
    try:
        return service.launch(plan.aws)
    except service.StartError as error:
        raise Trouble(str(error)) from error


def _launch_spotify(plan: Plan) -> process.Process:
    log = plan.world.folder / "spotify.log"
    log.unlink(missing_ok=True)
    env = service.environment()
    child = process.spawn(plan.spotify_command, env=env, cwd=ROOT, log=log)
    return process.identify(child.pid)


def _wait_for_spotify(plan: Plan, one: process.Process) -> None:
    log = plan.world.folder / "spotify.log"
    deadline = time.monotonic() + _SPOTIFY_SECONDS
    while not spotify_answers(f"http://127.0.0.1:{plan.spotify_port}"):
        process.reap(one)
        if not one.alive():
            lines = log.read_text(errors="replace").strip().splitlines()
            why = lines[-1].strip().rstrip(".") if lines else f"see {log}"
            raise Trouble(f"The local Spotify did not start: {why}.")
        if time.monotonic() > deadline:
            raise Trouble(f"The local Spotify does not answer; its log is {log}.")
        time.sleep(0.05)


def get_json(url: str, *, seconds: float = 5.0) -> dict[str, Any]:
    """Ask a service on this machine for JSON; raises OSError or ValueError."""
    return _json(url, seconds=seconds)


def _json(
    url: str, *, put: Mapping[str, Any] | None = None, seconds: float = 5.0
) -> dict[str, Any]:
    """Get JSON from a service on this machine, or put some there and get its answer."""
    request = urllib.request.Request(url)  # noqa: S310 - addresses of our own services
    if put is not None:
        request.method, request.data = "PUT", json.dumps(put).encode()
        request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=seconds) as answer:
        content = json.load(answer)
    if not isinstance(content, dict):
        raise ValueError(f"{url} answered no object")  # noqa: TRY004 - not a caller's type error
    return content


def spotify_answers(url: str) -> bool:
    """Tell whether a local Spotify answers at `url`."""
    try:
        return bool(get_json(f"{url}/_control/world", seconds=2.0))
    except (OSError, ValueError):
        return False


def down(state: Running | None = None) -> bool:
    """Stop the noted services, the embedded AWS saving its state; True when any ran."""
    state = state or noted()
    if state is None:
        _note().unlink(missing_ok=True)
        return False
    ran = False
    # The embedded AWS first: its functions may be asking the local Spotify.
    if state.alive("aws"):
        ran = True
        service.stop(state.folder, state.processes["aws"])
    if state.alive("spotify"):
        ran = True
        process.stop(state.processes["spotify"])
    _note().unlink(missing_ok=True)
    return ran


def _stop_strays(plan: Plan) -> None:
    """Stop processes of ours that a killed command left without a note."""
    marks = (
        ["local.aws", "--port", str(plan.aws_port)],
        ["local.spotify", "--port", str(plan.spotify_port)],
    )
    for stray in [*process.find(marks[0]), *process.find(marks[1]), *_on_folder(plan.world)]:
        process.stop(stray)


def _on_folder(world: World) -> list[process.Process]:
    # Two embedded AWSes over one folder would overwrite each other's state.
    return process.find(["--folder", str(world.folder)])


@contextlib.contextmanager
def stopped_at_the_end(state: Running) -> Iterator[None]:
    """Stop `state`'s services when the block is left, whatever ends it."""
    try:
        yield
    finally:
        down(state)
