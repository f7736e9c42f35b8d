"""A listener's consent: asked for in the browser, brought back here, handed to the stack.

The browser comes back to an address on this machine that lives as long as this command. The code
that it brings is worth nothing without the app's secret or this command's verifier; it goes to the
stack's Connect function and nowhere else.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from botocore.exceptions import ClientError

from cli.errors import Misuse, Trouble
from cli.target import Target

PORT: Final = 4591
# All that capture needs: the plays, and whose they are.
SCOPE: Final = "user-read-recently-played user-read-private"
PATIENCE_S: Final = 600.0  # as long as Spotify's code lives

Open = Callable[[str], None]

_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Soundlake</title></head>
<body><h1>Soundlake</h1><p>{}</p></body></html>"""
_DENIED: Final = (
    "Spotify was not allowed to share your plays; run ./soundlake connect to try again."
)


@dataclass(frozen=True)
class App:
    """What a consent needs to know of the stored app."""

    client_id: str
    has_secret: bool


def stored_app(target: Target) -> App:
    """Return the stored app; raise Trouble where there is none."""
    name = f"{target.output('ParameterPrefix')}/spotify/app"
    try:
        parameter = target.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        raise Trouble(
            "There is no Spotify app yet; store its id and secret with ./soundlake app."
        ) from error
    try:
        value = json.loads(parameter["Value"])
        return App(str(value["client_id"]), bool(value.get("client_secret")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Trouble(
            f"The SecureString {name} is damaged; write it again with ./soundlake app."
        ) from None


class Callback:
    """What the browser brought back to this machine; `state` says that it is our question's."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._arrived = threading.Event()
        self._code: str | None = None
        self._error = ""

    def take(self, address: str) -> tuple[int, str]:
        """Take what stands in the address; the status and the sentence to show."""
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/callback" or self._arrived.is_set():
            return 404, "There is nothing here."
        # Anybody on this machine can come by: only an answer to our own question counts.
        if not hmac.compare_digest(query.get("state", "").encode(), self._state.encode()):
            return 400, "This does not answer what ./soundlake connect asked; try again there."
        self._code, self._error = query.get("code"), query.get("error", "no code")
        self._arrived.set()
        if self._code is None:
            return 200, "Nothing was shared. You can close this page."
        return 200, "Thank you. You can close this page and go back to the terminal."

    def wait(self, seconds: float) -> str:
        """Return the code; raise Trouble when none comes, or the listener refused."""
        if not self._arrived.wait(seconds):
            raise Trouble("Nobody agreed in time; run ./soundlake connect again.")
        if self._code is None:
            if self._error == "access_denied":
                raise Trouble(_DENIED)
            raise Trouble(f"Spotify answered {self._error!r} instead of a consent; try again.")
        return self._code


@contextmanager
def listening(callback: Callback, port: int) -> Iterator[str]:
    """Serve the address that the browser comes back to, and give it; 0 is any free port.

    Raises Misuse where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, sentence = callback.take(self.path)
            body = _PAGE.format(sentence).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the address has the code in it."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise Misuse(
            f"Port {port} is in use by another program; choose another with --port, and add "
            "its address to the app's redirect URIs."
        ) from error
    server.daemon_threads = True  # browsers open connections that they never use
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield redirect_uri(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def redirect_uri(port: int) -> str:
    """Return the address that the app's settings at Spotify must list."""
    return f"http://127.0.0.1:{port}/callback"


def challenge(verifier: str) -> dict[str, str]:
    """Return what PKCE asks with; the verifier itself goes along with the code."""
    digest = hashlib.sha256(verifier.encode()).digest()
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return {"code_challenge": text, "code_challenge_method": "S256"}


def connect(
    target: Target,
    open_page: Open,
    *,
    port: int = PORT,
    account: str | None = None,
    extra: Mapping[str, str] | None = None,
    seconds: float = PATIENCE_S,
) -> dict[str, Any]:
    """Ask a listener, and make their account; return Connect's answer.

    `account` is the one to make where the listener has none; `extra` goes into Spotify's address.
    Without the app's secret, PKCE proves that the code comes back to who asked. Raises Trouble.
    """
    app = stored_app(target)
    state = secrets.token_urlsafe(24)
    verifier = None if app.has_secret else secrets.token_urlsafe(64)
    callback = Callback(state)
    with listening(callback, port) as address:
        query = {
            "client_id": app.client_id,
            "response_type": "code",
            "redirect_uri": address,
            "scope": SCOPE,
            "state": state,
            **(challenge(verifier) if verifier else {}),
            **(extra or {}),
        }
        open_page(f"{target.output('AuthorizeUrl')}?{urlencode(query)}")
        code = callback.wait(seconds)
    event = {"code": code, "redirect_uri": address, "state": state}
    event |= {"verifier": verifier} if verifier else {}
    return _handed_over(target, event | ({"account": account} if account else {}))


def _handed_over(target: Target, event: Mapping[str, str]) -> dict[str, Any]:
    answer = target.functions.invoke(
        FunctionName=target.output("ConnectFunction"), Payload=json.dumps(event).encode()
    )
    result = json.loads(answer["Payload"].read())
    if answer.get("FunctionError") or not isinstance(result, dict):
        raise Trouble("The Connect function failed; ./soundlake logs connect says why.")
    if result.get("status") != "connected":
        raise Trouble(str(result.get("error") or "The account could not be connected."))
    return result


def visit(address: str) -> None:
    """Go to an address and wherever it leads, as a browser would; raise Trouble with its words.

    For the local Spotify, where nobody has to be asked.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=30) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace").strip()
        raise Trouble(f"The local Spotify does not ask for this consent: {said}") from error
    except OSError as error:
        where = address.partition("?")[0]
        raise Trouble(f"The local Spotify does not answer at {where}.") from error
