"""Background processes: started in a session of their own, recognised later, stopped surely.

A process id alone says nothing after a reboot or a crash, because ids are used again. A process
is therefore known by its id and its start time together.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_GRACE_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Process:
    """One process: its id and when it started (in the system's own words, only compared)."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        return self.started != "" and started(self.pid) == self.started


def started(pid: int) -> str:
    """Return what identifies the start of process `pid`; empty when there is none."""
    if _PROC.joinpath("self").exists():
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold blanks; the state is the first field after it, the
            # start time the 20th. A zombie has ended.
            fields = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
            return "" if fields[0] == "Z" else fields[19]
        return ""
    answer = subprocess.run(  # noqa: S603 - a fixed command
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()


def spawn(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session, so that Ctrl-C at the terminal does not reach it.

    Its output is appended to `log`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            list(command),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def identify(pid: int) -> Process:
    """Describe a running process so that it can be recognised later."""
    return Process(pid, started(pid))


def stop(process: Process, *, grace: float = _GRACE_SECONDS) -> bool:
    """Ask `process` to end, wait `grace` seconds, then end what is left of its session.

    Returns True when it ended by itself (or had ended before). Never signals another process
    that was given the same id.
    """
    if not process.alive():
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    by_itself = _gone(process, grace)
    # Its children are in its session and may outlive it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if not by_itself:
        _gone(process, 5)
    return by_itself


def _gone(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.alive():
        reap(process)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def reap(process: Process) -> None:
    """Let an ended child of ours leave the process table."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def find(arguments: Sequence[str]) -> list[Process]:
    """Return this user's processes whose command line holds `arguments` in this order.

    It finds what a killed command left running without a note of it.
    """
    wanted = list(arguments)
    found = []
    for pid, line in _command_lines():
        spans = (line[i : i + len(wanted)] for i in range(len(line) - len(wanted) + 1))
        if pid != os.getpid() and any(span == wanted for span in spans):
            found.append(identify(pid))
    return [process for process in found if process.started]


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    if not _PROC.joinpath("self").exists():
        answer = subprocess.run(
            ["ps", "-xo", "pid=,command="],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        for line in answer.stdout.splitlines():
            pid, *words = line.split()
            yield int(pid), words
        return
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if folder.stat().st_uid == os.getuid():
                    text = folder.joinpath("cmdline").read_bytes().decode(errors="replace")
                    yield int(folder.name), text.split("\0")[:-1]


def port_is_free(port: int) -> bool:
    """Tell whether a service could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for_port(port: int, *, seconds: float = 1.0) -> bool:
    """Wait until `port` is free: a killed process keeps its own a moment longer than its id."""
    deadline = time.monotonic() + seconds
    while not port_is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def listening_addresses(pid: int) -> set[str]:
    """Return `address:port` of every TCP socket that process `pid` listens on (Linux).

    Addresses stand as the kernel writes them: hexadecimal, in the host's byte order.
    """
    inodes = set()
    for descriptor in _PROC.joinpath(str(pid), "fd").iterdir():
        with contextlib.suppress(OSError):
            match = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            inodes |= {match[1]} if match else set()
    listening = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = _PROC.joinpath(str(pid), "net", table).read_text().splitlines()[1:]
            rows = [line.split() for line in lines]
            listening |= {row[1] for row in rows if row[3] == "0A" and row[9] in inodes}
    return listening
