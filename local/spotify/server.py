"""The service on a port of the loopback, in this process."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from local.spotify.app import EXTENSION, create_app
from local.spotify.control import Control
from local.spotify.settings import Settings
from local.spotify.world import World

_POLL_S = 0.02  # how soon serving notices that it shall stop


class ServerError(Exception):
    """The port cannot be used; the message is one sentence for the operator."""


class _QuietHandler(WSGIRequestHandler):
    """Writes no line per request (errors are still logged), and no Date but the app's."""

    def send_response(self, code: int, message: str | None = None) -> None:
        """The status line and Server; http.server would add the machine's Date beside ours."""
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())


class Server:
    """A threaded HTTP server that is listening, and from `start` to `stop` serving.

    Raises:
        ServerError: if the host is not the loopback or the port cannot be bound.
    """

    def __init__(self, app: Flask, *, host: str = "127.0.0.1", port: int = 0) -> None:
        if host not in ("127.0.0.1", "localhost"):
            raise ServerError(f"The local Spotify serves the loopback only, not {host}.")
        # Bound here, because werkzeug would end the process where the port is in use.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind((host, port))
                listening.listen(128)
            except (OSError, OverflowError) as error:
                raise ServerError(_why(host, port, error)) from None
            self._server: BaseWSGIServer = make_server(
                host,
                port,
                app,
                threaded=True,
                request_handler=_QuietHandler,
                fd=listening.fileno(),
            )
        self.url = f"http://{host}:{self._server.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="local-spotify", daemon=True
        )

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._thread.join()


def _why(host: str, port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use by another program; choose another with --port."
    return f"Port {port} of {host} cannot be used: {error}."


@dataclass(frozen=True)
class Running:
    """A service that is serving: its address without a trailing slash, and its state."""

    url: str
    control: Control


@contextmanager
def running(
    world: World, settings: Settings | None = None, port: int = 0, **inject: Any
) -> Iterator[Running]:
    """Serve `world` on the loopback while the context lasts; port 0 picks a free one.

    Args:
        inject: `clock`, `monotonic` and `sleep`, as `Control` takes them.

    Raises:
        ServerError: if the port cannot be bound.
        WorldError: if the clock is on a date the world's charts are not true for.
    """
    app = create_app(world, settings, **inject)
    server = Server(app, port=port)
    server.start()
    try:
        yield Running(server.url, app.extensions[EXTENSION])
    finally:
        server.stop()
