"""A way from containers to services that listen on this machine's loopback alone.

SAM gives its containers Docker's bridge, whose host side is an address of this machine that nobody
else reaches. What arrives there at a service's port goes on to the same port of 127.0.0.1.
"""

import contextlib
import json
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import Final

_LOOPBACK: Final = "127.0.0.1"
_PIECE: Final = 1 << 16


def gateway() -> str:
    """The host's address on Docker's bridge; raises RuntimeError where there is no Docker."""
    docker = shutil.which("docker")
    if docker is None:
        raise RuntimeError("There is no Docker here, which sam local invoke runs functions in.")
    done = subprocess.run(
        [docker, "network", "inspect", "bridge"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"Docker does not answer: {done.stderr.strip()}")
    (network,) = json.loads(done.stdout)
    return str(network["IPAM"]["Config"][0]["Gateway"])


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        port = self.server.server_address[1]
        with socket.create_connection((_LOOPBACK, int(port))) as service:
            back = threading.Thread(target=_pour, args=(service, self.request), daemon=True)
            back.start()
            _pour(self.request, service)
            back.join()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def forwarding(address: str, ports: Sequence[int]) -> Iterator[None]:
    """Forward these ports of `address` to the loopback's while the block runs."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            server = stack.enter_context(_Server((address, port), _Handler))
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
        yield
